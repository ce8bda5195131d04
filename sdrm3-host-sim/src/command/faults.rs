//! `faults`: every fault alone and with every other one, over scenarios and platforms.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;

use super::Failure;
use super::cells::{Common, platforms};
use super::output::{OutputFile, Writing, undrawn};
use super::progress::Progress;
use super::threads::Threads;
use crate::engine::Cell;
use crate::faults::{CellReport, Kind, cases, of_cell};
use crate::input::{InputError, unknown_name};
use crate::policy::{Method, PolicyName};
use crate::report::{Format, fault_map, write_faults};
use crate::scenario::build;

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim faults --scenario vr_gaming --duration-ms 500
  sdrm3-sim faults --scenario drone_indoor --policy sdrm3 --policy fcfs --out faults --picture faults.svg";

/// Options of `faults`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Scenario, built in or a file; repeat for several [default: all, which are the built-in ones]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    scenario: Vec<String>,
    /// Platform, built in or a file; repeat for several [default: all, which are the built-in ones]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    platform: Vec<String>,
    #[arg(long, value_name = "NAME", help = PolicyName::help(", repeat for several [default: sdrm3]"))]
    policy: Vec<String>,
    /// Fault; repeat for several: these, and all pairs of them [default: all]
    #[arg(long, value_name = "NAME")]
    fault: Vec<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    threads: Threads,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write faults.txt, .json, .csv, .md and a picture, faults.svg, into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// Also draw the pairs as a picture
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<String>,
    #[command(flatten)]
    writing: Writing,
}

/// What `--out` writes, beside the picture.
const OUTPUTS: [(&str, Format); 4] = [
    ("faults.txt", Format::Table),
    ("faults.json", Format::Json),
    ("faults.csv", Format::Csv),
    ("faults.md", Format::Markdown),
];
const PICTURE: &str = "faults.svg";

/// The shortest run in which faults have time to come and go.
const SHORTEST_MS: u32 = 100;

/// Runs the campaign, and writes the result to `text`.
pub(super) fn faults(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    if settings.duration_ms < SHORTEST_MS {
        let what = format!("faults come and go within {} ms", settings.duration_ms);
        let remedy = format!("give at least {SHORTEST_MS}");
        return Err(InputError::new("--duration-ms", what, &remedy).into());
    }
    let scenarios = settings.scenarios(&options.scenario)?;
    let all = ["all".to_string()];
    let platforms = platforms(if options.platform.is_empty() { &all } else { &options.platform })?;
    let methods = match options.policy.as_slice() {
        [] => vec![settings.method(PolicyName::Sdrm3)],
        names => settings.methods(names)?,
    };
    settings.check_parts(&methods)?;
    let cases = cases(&kinds(&options.fault)?);
    if let Some(scenario) = scenarios.iter().find(|scenario| !scenario.changes.is_empty()) {
        let what = format!("scenario {} scripts changes", scenario.name);
        return Err(
            InputError::new("--scenario", what, "remove its [[change]] entries: faults come here").into()
        );
    }
    let names: Vec<&str> = OUTPUTS.map(|(name, _)| name).into_iter().chain([PICTURE]).collect();
    let directory = |path| options.writing.directory("--out", path, &names);
    let out = options.out.as_deref().map(directory).transpose()?;
    let single = options.writing.optional("--picture", options.picture.as_deref())?;

    let pool = options.threads.pool()?;
    let pairs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| platforms.iter().map(move |platform| (scenario, platform)))
        .collect();
    let progress = Progress::new(pairs.len() * methods.len() * cases.len());
    let of_pair = |&(scenario, platform)| -> Result<Vec<CellReport>, InputError> {
        let memory = Bump::new();
        let workload = build(scenario, platform, &settings.networks, settings.costs.as_ref(), &memory)?;
        let (duration, seed) = (settings.duration, settings.seed);
        let cell = Cell { scenario, platform, workload: &workload, recording: None, duration, seed };
        let of_method =
            |method: &Method| of_cell(&cell, method, settings.duration_ms, &cases, || progress.step());
        Ok(methods.iter().map(of_method).collect())
    };
    let cells = pool.install(|| pairs.par_iter().map(of_pair).collect::<Result<Vec<_>, _>>())?;
    let cells: Vec<CellReport> = cells.into_iter().flatten().collect();
    progress.finish();

    let picture = fault_map(&cells).map_err(undrawn("--picture"))?;
    let mut files = out.unwrap_or_default();
    for (file, (_, format)) in files.iter_mut().zip(OUTPUTS) {
        write_faults(&cells, format, file).map_err(|error| file.fails(&error))?;
    }
    for file in files.iter_mut().skip(OUTPUTS.len()) {
        file.write(picture.as_bytes())?;
    }
    if let Some(mut file) = single {
        file.write(picture.as_bytes())?;
        files.push(file);
    }
    files.into_iter().try_for_each(OutputFile::finish)?;
    write_faults(&cells, options.format, text)?;
    let unaccounted: u32 = cells.iter().map(|cell| cell.unaccounted).sum();
    if unaccounted > 0 { Err(Failure::Differs) } else { Ok(()) }
}

/// The faults of these names; all without any.
fn kinds(names: &[String]) -> Result<Vec<Kind>, InputError> {
    if names.is_empty() {
        return Ok(Kind::ALL.to_vec());
    }
    let known = Kind::ALL.map(Kind::name);
    let find = |name: &String| {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| unknown_name("--fault", "fault", name, &known))
    };
    let mut kinds = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    kinds.sort_unstable();
    kinds.dedup();
    Ok(kinds)
}
