//! `import maestro`: usage scenarios, networks, hardware and dataflows of MAESTRO and XRBench.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;

use super::files::{Files, stem};
use crate::command::Failure;
use crate::command::output::Writing;
use crate::import::{maestro, platform_toml, scenario_toml};
use crate::input::{InputError, Source};
use crate::network::{Network, table};
use crate::scenario::{Platform, Scenario};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim import maestro usage.m --hardware hw.m --dataflow os.m --out mine";

/// Options of `import maestro`.
#[derive(Args, Clone, Debug)]
#[group(skip)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Scenarios: networks, and for a scenario their frame rates
    #[arg(value_name = "SCENARIO.m", required_unless_present = "hardware")]
    scenarios: Vec<String>,
    /// Hardware, for a platform
    #[arg(long, value_name = "HW.m")]
    hardware: Option<String>,
    /// Dataflows of the hardware's accelerators, in their order
    #[arg(long, value_name = "FLOW.m")]
    dataflow: Option<String>,
    /// Round periods down to whole milliseconds, as XRBench's runtime does (60 fps becomes 62.5)
    #[arg(long)]
    whole_ms_periods: bool,
    /// Directory to write to
    #[arg(long, value_name = "DIR")]
    out: String,
    #[command(flatten)]
    writing: Writing,
}

/// Imports, and says what was written and what was not mapped.
pub(super) fn import(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let mut files = Files::new(&options.out, options.writing);
    let mut notes: Vec<String> = Vec::new();
    let mut networks: Vec<Network> = Vec::new();
    let mut places: HashMap<String, (usize, &str)> = HashMap::new();
    let mut command = String::from("sdrm3-sim compare");
    for path in &options.scenarios {
        let mut imported = maestro::scenario(&Source::read(path)?)?;
        if options.whole_ms_periods {
            for model in &mut imported.models {
                model.fps = model.fps.map(|fps| 1e3 / (1e3 / fps).floor().max(1.0));
            }
        }
        notes.extend(imported.notes.iter().map(|note| format!("{path}: {note}")));
        for network in imported.networks {
            match places.get(network.name.as_ref()) {
                None => {
                    places.insert(network.name.to_string(), (networks.len(), path));
                    networks.push(network);
                }
                Some(&(place, _)) if networks[place] == network => {}
                Some((_, elsewhere)) => {
                    let what = format!("network `{}` differs from that of {elsewhere}", network.name);
                    return Err(InputError::new(path, what, "import the two into two directories").into());
                }
            }
        }
        if !imported.models.is_empty() {
            let name = stem(path);
            let what = format!("a scenario of {} models", imported.models.len());
            let source = files.add(&format!("{name}.toml"), scenario_toml(&name, &imported.models), what)?;
            Scenario::parse(&source)?;
            command += &format!(" --scenario {}", source.origin);
        }
    }
    match (&options.hardware, &options.dataflow) {
        (None, None) => {}
        (Some(hardware), Some(dataflow)) => {
            let (source, unmapped) = platform(hardware, dataflow, &mut files)?;
            notes.extend(unmapped.iter().map(|note| format!("{hardware}: {note}")));
            command += &format!(" --platform {}", source.origin);
        }
        (hardware, _) => {
            let option = if hardware.is_some() { "--dataflow" } else { "--hardware" };
            let what = "a platform needs hardware and dataflows";
            return Err(InputError::new(option, what, format!("add `{option} FILE.m`")).into());
        }
    }
    if !networks.is_empty() {
        let layers: usize = networks.iter().map(|network| network.subnetworks[0].layers.len()).sum();
        let csv = String::from_utf8_lossy(&table::write(&networks)).into();
        let what = format!("{} networks, {layers} layers", networks.len());
        let source = files.add("networks.csv", csv, what)?;
        command += &format!(" --networks {}", source.origin);
    }
    files.write()?;
    files.report(&notes, &command, text)
}

/// Adds the platform of these files; what was not mapped.
fn platform(hardware: &str, dataflow: &str, files: &mut Files) -> Result<(Source, Vec<String>), InputError> {
    let read = maestro::hardware(&Source::read(hardware)?)?;
    let flows = maestro::dataflows(&Source::read(dataflow)?)?;
    let Some(accelerators) = read.with_dataflows(&flows) else {
        let what = format!("{} dataflows for the {} accelerators of {hardware}", flows.len(), read.count());
        return Err(InputError::new(dataflow, what, "give one for each, in the same order"));
    };
    let name = format!("{}-{}", stem(hardware), stem(dataflow));
    let what = format!("a platform of {} accelerators at 1 GHz", accelerators.len());
    let source = files.add(&format!("{name}.toml"), platform_toml(&name, &accelerators), what)?;
    Platform::parse(&source)?;
    Ok((source, read.notes))
}
