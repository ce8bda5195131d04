//! `import FILE...`: networks and their costs, whatever program the files are of.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;

use super::files::{Files, stem};
use crate::command::Failure;
use crate::command::output::Writing;
use crate::import::vela::{self, Conversion, ImportedCosts};
use crate::import::{
    ImportedModel, ImportedNetwork, maestro, measured_platform_toml, onnx, starter_scenario_toml, tflite,
};
use crate::input::{InputError, Source, read_bytes};
use crate::network::{self, Network, table as layer_table};
use crate::report::table;
use crate::scenario::{CostTable, Platform, Scenario};

/// Frames per second of an imported network, until its user says otherwise.
const FPS: f64 = 30.0;

pub(super) const EXAMPLES: &str = "\
Examples:
  sdrm3-sim import a.tflite b.onnx --out mine
  sdrm3-sim import model_summary_per-layer.csv --clock-mhz 500 --out mine
  sdrm3-sim import maestro usage.m --hardware hw.m --dataflow os.m --out mine";

/// Options of `import`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
pub(super) struct Options {
    /// Models: TensorFlow Lite (.tflite), ONNX (.onnx), MAESTRO (.m), Vela's estimates (..._per-layer.csv)
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// Directory to write to
    #[arg(long, value_name = "DIR", required = true)]
    out: Option<String>,
    #[command(flatten)]
    writing: Writing,
    /// Clock of the accelerator that Vela estimated for, in MHz; needed for its files
    #[arg(long, allow_negative_numbers = true, value_name = "MHZ", value_parser = clock)]
    clock_mhz: Option<f64>,
    /// Kind of accelerator that Vela's costs are for [default: ethos-u]
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,
    #[arg(long, allow_negative_numbers = true, value_name = "PERCENT", value_parser = percent, help = format!(
        "Percent to add to Vela's cycles: Arm recommends to budget 30 [default: {}]",
        Conversion::MARGIN_PERCENT
    ))]
    margin_percent: Option<f64>,
    /// Energy of a multiply-accumulate in nJ, for Vela's files, which say nothing of energy [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "NJ", value_parser = energy)]
    nj_per_mac: Option<f64>,
}

impl Options {
    /// The kind of accelerator that costs are for.
    fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("ethos-u")
    }

    /// The first of the options that only estimates of Vela need.
    fn of_vela(&self) -> Option<&'static str> {
        let given = [
            ("--clock-mhz", self.clock_mhz.is_some()),
            ("--kind", self.kind.is_some()),
            ("--margin-percent", self.margin_percent.is_some()),
            ("--nj-per-mac", self.nj_per_mac.is_some()),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
}

fn clock(text: &str) -> Result<f64, String> {
    number(text, 0.001, 1e5)
}

fn percent(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1e3)
}

fn energy(text: &str) -> Result<f64, String> {
    number(text, 0.0, 1e3)
}

fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("give a number from {least} to {most}"))
}

/// Imports, and says of each network what it is and what was not mapped.
pub(super) fn import(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let mut imports = Imports::default();
    for path in &options.files {
        imports.add(path, options)?;
    }
    if let Some(option) = options.of_vela().filter(|_| imports.costs.is_empty()) {
        let what = "none of the files is an estimate of Vela, for which it is";
        return Err(InputError::new(option, what, "leave it out, or add a per-layer CSV of Vela").into());
    }
    let directory = options.out.as_deref().unwrap_or_default();
    let mut files = Files::new(directory, options.writing);
    let scenario = starter_scenario_toml("imported", &imports.models);
    let what = format!("a starter scenario of {} models: set its frame rates", imports.models.len());
    let scenario = files.add("imported.toml", scenario, what)?;
    Scenario::parse(&scenario)?;
    let mut command = format!("sdrm3-sim compare --scenario {}", scenario.origin);
    if !imports.networks.is_empty() {
        let csv = String::from_utf8_lossy(&layer_table::write(&imports.networks)).into();
        let layers: usize = imports.networks.iter().map(|network| network.subnetworks[0].layers.len()).sum();
        let what = format!("{} networks, {layers} layers", imports.networks.len());
        let source = files.add("networks.csv", csv, what)?;
        layer_table::parse(&source)?;
        command += &format!(" --networks {}", source.origin);
    }
    if !imports.costs.is_empty() {
        let csv = format!("network,layer,kind,latency_ns,energy_nj\n{}", imports.costs);
        let what = format!("costs on `{}`", options.kind());
        let costs = files.add("costs.csv", csv, what)?;
        CostTable::parse(&costs)?;
        let clock_mhz = options.clock_mhz.unwrap_or(1000.0);
        let platform = measured_platform_toml("imported", options.kind(), clock_mhz);
        let what = format!("a starter platform with one accelerator, a `{}`", options.kind());
        let platform = files.add("platform.toml", platform, what)?;
        Platform::parse(&platform)?;
        command += &format!(" --costs {} --platform {}", costs.origin, platform.origin);
    }
    files.write()?;
    let header = ["network", "layers", "M MACs", "k parameters", "weights KiB", "activations KiB", "file"];
    writeln!(text, "{}\n", table(&header, imports.rows))?;
    files.report(&imports.notes, &command, text)
}

/// What the files hold.
#[derive(Default)]
struct Imports {
    networks: Vec<Network>,
    models: Vec<ImportedModel>,
    /// Rows of a cost table.
    costs: String,
    /// Rows of the report.
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
    /// The file that each network came from.
    places: HashMap<String, String>,
}

impl Imports {
    /// Adds a file of any known format.
    fn add(&mut self, path: &str, options: &Options) -> Result<(), InputError> {
        let bytes = read_bytes(path)?;
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        if tflite::is_tflite(&bytes) || extension == "tflite" {
            let name = self.name(&stem(path), path)?;
            self.add_model(tflite::network(&name, path, &bytes)?, path);
            return Ok(());
        }
        if extension == "onnx" {
            let name = self.name(&stem(path), path)?;
            self.add_model(onnx::network(&name, path, &bytes)?, path);
            return Ok(());
        }
        let known = "give a .tflite, .onnx or .m file, or a per-layer CSV of Vela";
        let text = String::from_utf8(bytes)
            .map_err(|_| InputError::new(path, "a file of an unknown format", known))?;
        let source = Source { origin: path.into(), text };
        let header = source.text.lines().next().unwrap_or_default();
        match extension.as_str() {
            "m" => self.add_maestro(&source),
            "csv" if vela::is_vela(header) => self.add_costs(&source, options),
            "csv" if header.starts_with("network,layer") => {
                let remedy = "it needs no import: use it with --networks or --costs";
                Err(InputError::new(path, "a table of ours", remedy))
            }
            "csv" => Err(InputError::new(path, "no per-layer table of Vela", known).at_line(1)),
            _ => Err(InputError::new(path, "a file of an unknown format", known)),
        }
    }

    /// A network and a model that runs it.
    fn add_model(&mut self, imported: ImportedNetwork, path: &str) {
        self.models.push(model(&imported.network.name));
        self.add_network(imported, path);
    }

    fn add_network(&mut self, imported: ImportedNetwork, path: &str) {
        let ImportedNetwork { network, weight_bytes, activation_bytes, notes } = imported;
        let sub = &network.subnetworks[0];
        let kib = |bytes: u64| format!("{:.1}", bytes as f64 / 1024.0);
        self.rows.push(vec![
            network.name.to_string(),
            sub.layers.len().to_string(),
            format!("{:.3}", sub.macs() as f64 / 1e6),
            format!("{:.1}", sub.params() as f64 / 1e3),
            kib(weight_bytes),
            kib(activation_bytes),
            path.into(),
        ]);
        self.notes.extend(notes.iter().map(|note| format!("{}: {note}", network.name)));
        self.networks.push(network);
    }

    fn add_costs(&mut self, source: &Source, options: &Options) -> Result<(), InputError> {
        let path = &source.origin;
        let clock_mhz = options.clock_mhz.ok_or_else(|| {
            let what = format!("{path} counts cycles, of an unknown clock");
            InputError::new("--clock-mhz", what, "add `--clock-mhz N`, the clock that Vela assumed")
        })?;
        let conversion = Conversion {
            kind: options.kind().into(),
            clock_mhz,
            margin_percent: options.margin_percent.unwrap_or(Conversion::MARGIN_PERCENT),
            nj_per_mac: options.nj_per_mac.unwrap_or(0.0),
        };
        let stem = stem(path);
        let name = self.name(stem.strip_suffix("_per-layer").unwrap_or(&stem), path)?;
        let costs = vela::costs(source, &conversion)?;
        self.costs += &vela::cost_rows(&name, &costs, &conversion);
        let ImportedCosts { rows, notes } = costs;
        let macs: u64 = rows.iter().map(|row| row.macs).sum();
        let known = [name.clone(), rows.len().to_string(), format!("{:.3}", macs as f64 / 1e6)];
        self.rows.push([&known[..], &[String::new(), String::new(), String::new(), path.clone()]].concat());
        self.notes.extend(notes.iter().map(|note| format!("{name}: {note}")));
        self.models.push(model(&name));
        Ok(())
    }

    /// The networks of a scenario, with the frame rates that it gives them.
    fn add_maestro(&mut self, source: &Source) -> Result<(), InputError> {
        let path = source.origin.clone();
        let mut imported = maestro::scenario(source)?;
        let first = self.networks.len();
        self.notes.extend(imported.notes.drain(..).map(|note| format!("{path}: {note}")));
        for mut network in imported.networks {
            let name = self.name(&network.name, &path)?;
            for model in imported.models.iter_mut().filter(|model| model.network == network.name) {
                model.network.clone_from(&name);
            }
            network.name = name.into();
            let (weight_bytes, activation_bytes) = bytes(&network);
            let notes = Vec::new();
            self.add_network(ImportedNetwork { network, weight_bytes, activation_bytes, notes }, &path);
        }
        if imported.models.is_empty() {
            let new = &self.networks[first..];
            self.models.extend(new.iter().map(|network| model(&network.name)));
        }
        self.models.append(&mut imported.models);
        Ok(())
    }

    /// A name for a network that neither the zoo nor another file has.
    fn name(&mut self, name: &str, path: &str) -> Result<String, InputError> {
        let mut name = name.to_string();
        if network::find(&name).is_some() {
            name += "_imported";
            self.notes.push(format!("{name}: so named because there is a built-in network of its name"));
        }
        match self.places.insert(name.clone(), path.into()) {
            None => Ok(name),
            Some(other) => {
                let what = format!("a second network is named `{name}`, beside that of {other}");
                Err(InputError::new(path, what, "import the two into two directories, or rename a file"))
            }
        }
    }
}

/// A model that runs a network at the default frame rate.
fn model(network: &str) -> ImportedModel {
    ImportedModel {
        name: network.into(),
        network: network.into(),
        fps: Some(FPS),
        depends_on: None,
        probability: None,
    }
}

/// Bytes of weights and of what layers write, where elements are bytes.
fn bytes(network: &Network) -> (u64, u64) {
    let sub = &network.subnetworks[0];
    (sub.params(), sub.layers.iter().map(network::Layer::output_bytes).sum())
}
