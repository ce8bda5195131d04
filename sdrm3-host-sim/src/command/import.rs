//! `import`: files of other programs become files of ours.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::Failure;
use super::compare::write_new;
use crate::import::{maestro, platform_toml, scenario_toml};
use crate::input::{InputError, Source};
use crate::network::{Network, table};
use crate::scenario::{Platform, Scenario};

/// Options of `import`.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    #[command(subcommand)]
    from: From,
}

#[derive(Clone, Debug, Subcommand)]
enum From {
    /// Usage scenarios, networks, hardware and dataflows of MAESTRO and XRBench
    Maestro(Maestro),
}

#[derive(Args, Clone, Debug)]
struct Maestro {
    /// Scenarios: networks, and for a scenario their frame rates
    #[arg(value_name = "SCENARIO.m", required_unless_present = "hardware")]
    scenarios: Vec<String>,
    /// Hardware, for a platform
    #[arg(long, value_name = "HW.m")]
    hardware: Option<String>,
    /// Dataflows of the hardware's accelerators, in their order
    #[arg(long, value_name = "FLOW.m")]
    dataflow: Option<String>,
    /// Directory to write to; nothing in it is overwritten
    #[arg(long, value_name = "DIR")]
    out: String,
}

/// Imports, and says what was written and what was not mapped.
pub(super) fn import(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let From::Maestro(options) = &options.from;
    let mut files = Files { directory: PathBuf::from(&options.out), files: Vec::new() };
    let mut notes: Vec<String> = Vec::new();
    let mut networks: Vec<Network> = Vec::new();
    let mut places: HashMap<String, (usize, &str)> = HashMap::new();
    let mut command = String::from("sdrm3-sim compare");
    for path in &options.scenarios {
        let imported = maestro::scenario(&Source::read(path)?)?;
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

    for (source, what) in &files.files {
        writeln!(text, "wrote {}: {what}", source.origin)?;
    }
    writeln!(text, "\nnot mapped as it stands:{}", if notes.is_empty() { " nothing" } else { "" })?;
    for note in &notes {
        writeln!(text, "  {note}")?;
    }
    writeln!(text, "\nto run it: {command}")?;
    Ok(())
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

/// Files to be written once all are known to be right, each with what it holds.
struct Files {
    directory: PathBuf,
    files: Vec<(Source, String)>,
}

impl Files {
    fn add(&mut self, name: &str, text: String, what: String) -> Result<Source, InputError> {
        let path = self.directory.join(name);
        let origin = path.display().to_string();
        let taken = self.files.iter().any(|(other, _)| other.origin == origin);
        if taken || path.symlink_metadata().is_ok() {
            let what =
                format!("{origin} {}", if taken { "would be written twice" } else { "exists already" });
            return Err(InputError::new("--out", what, "remove it or name another directory"));
        }
        let source = Source { origin, text };
        self.files.push((source.clone(), what));
        Ok(source)
    }

    fn write(&self) -> Result<(), InputError> {
        let fail = |path: &Path, error: std::io::Error| {
            let what = format!("{}: {error}", path.display());
            InputError::new("--out", what, "name a directory that can be written")
        };
        std::fs::create_dir_all(&self.directory).map_err(|error| fail(&self.directory, error))?;
        for (source, _) in &self.files {
            let path = Path::new(&source.origin);
            write_new(path, source.text.as_bytes()).map_err(|error| fail(path, error))?;
        }
        Ok(())
    }
}

/// The name of a file without folders and extension.
fn stem(path: &str) -> String {
    Path::new(path).file_stem().map_or_else(|| path.into(), |stem| stem.to_string_lossy().into_owned())
}
