//! `compare`: every policy over every scenario and platform.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;
use sdrm3_check::Planted;

use super::Failure;
use super::cells::{Common, Settings, add, broken, platforms, report_events};
use super::command_line;
use super::gates::{EXIT_CODES, Gates};
use super::output::{OutputFile, Writing, undrawn};
use super::progress::Progress;
use super::threads::Threads;
use crate::bound::Bound;
use crate::engine::Cell;
use crate::input::InputError;
use crate::policy::{Method, Part, PolicyName};
use crate::report::{Format, Origin, Run, comparison_page, heatmap, write_runs};
use crate::scenario::build;

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim compare --scenario vr_gaming --platform all --report report.html
  sdrm3-sim compare --policy sdrm3 --format json > baseline.json
  sdrm3-sim compare --policy sdrm3 --baseline baseline.json --tolerance 2% --junit limits.xml";

/// Options of `compare`.
#[derive(Args, Clone, Debug, Default)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct Options {
    /// Scenario, built in or a file; repeat for several [default: all, which are the built-in ones]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    scenario: Vec<String>,
    /// Platform, built in or a file; repeat for several; all are the built-in ones [default: 4k-1ws-2os]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    platform: Vec<String>,
    #[arg(long, value_name = "NAME", help = PolicyName::help(", repeat for several [default: all]"))]
    policy: Vec<String>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    threads: Threads,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Also write compare.txt, .json, .csv, .md and a picture, compare.svg, into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// Also write a report to be read in a browser: one file, which needs no network
    #[arg(long, value_name = "FILE.html")]
    report: Option<String>,
    #[command(flatten)]
    writing: Writing,
    /// Also run sdrm3 without each of its parts (by default beside fcfs, mapscore and sdrm3 only)
    #[arg(long)]
    ablation: bool,
    /// Also compute what no policy can beat, and how many times the bound each UXCost is
    #[arg(long)]
    bound: bool,
    /// Print how fast the simulation went, to standard error
    #[arg(long)]
    stats: bool,
    /// Also hold every event against what the scheduler promises; exit code 1 if a promise is broken
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    gates: Gates,
}

/// Compares, and writes the result to `text`.
pub(super) fn compare(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    let scenarios = settings.scenarios(&options.scenario)?;
    let platforms = platforms(&options.platform)?;
    let methods = methods(options, &settings)?;
    settings.check_parts(&methods)?;
    let inputs = options.common.inputs(&settings, &options.scenario, &options.platform, None)?;
    let directory = |path| options.writing.directory("--out", path, &names());
    let out = options.out.as_deref().map(directory).transpose()?;

    let report = options.writing.optional("--report", options.report.as_deref())?;
    let limits = options.gates.validate(&scenarios.iter().collect::<Vec<_>>(), options.writing)?;

    let pool = options.threads.pool()?;
    let pairs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| platforms.iter().map(move |platform| (scenario, platform)))
        .collect();
    let progress = Progress::new(pairs.len() * methods.len());
    let (started, checked) = (Instant::now(), AtomicU64::new(0));
    let runs: Vec<(Run, Speed)> = pool
        .install(|| {
            let of_pair = |&(scenario, platform)| -> Result<Vec<(Run, Speed)>, Failure> {
                let memory = Bump::new();
                let workload =
                    build(scenario, platform, &settings.networks, settings.costs.as_ref(), &memory)?;
                let (duration, seed) = (settings.duration, settings.seed);
                let cell = Cell { scenario, platform, workload: &workload, recording: None, duration, seed };
                let bound = options.bound.then(|| Bound::of(&cell)).transpose()?.map(|bound| bound.value());
                let of_method = |method: &Method| -> Result<(Run, Speed), Failure> {
                    let started = Instant::now();
                    let outcome = if options.check {
                        let (outcome, verdict) =
                            method.run_checked(&cell, &mut (), &mut (), Planted::None, None);
                        let events = verdict.map_err(|promise| broken(&cell, method, &promise))?;
                        checked.fetch_add(events, Relaxed);
                        outcome
                    } else {
                        method.run(&cell, &mut ())
                    };
                    let speed = Speed { blocks: outcome.stats.decisions, busy: started.elapsed() };
                    progress.step();
                    let run = Run::new(&cell, method, settings.duration_ms, &outcome);
                    Ok((Run { bound, ..run }, speed))
                };
                methods.par_iter().map(of_method).collect()
            };
            pairs.par_iter().map(of_pair).collect::<Result<Vec<_>, _>>()
        })?
        .into_iter()
        .flatten()
        .collect();
    progress.finish();
    if options.check {
        report_events(checked.into_inner());
    }
    if options.stats {
        report_speed(&runs, started.elapsed());
    }
    let runs: Vec<Run> = runs.into_iter().map(|(run, _)| run).collect();
    let mut written = Vec::new();
    if let Some(mut files) = out {
        for (file, (_, format)) in files.iter_mut().zip(OUTPUTS) {
            write_runs(&runs, &inputs, format, file).map_err(|error| file.fails(&error))?;
        }
        if let Some(file) = files.last_mut() {
            let picture = heatmap(&runs).map_err(undrawn("--out"))?;
            file.write(picture.as_bytes())?;
        }
        written.extend(files);
    }
    if let Some(mut file) = report {
        let origin = Origin { settings: options.common.settings_of_many(), command: command_line() };
        file.write(comparison_page(&runs, &origin).as_bytes())?;
        written.push(file);
    }
    let verdict = limits.check(&runs, &mut written)?;
    written.into_iter().try_for_each(OutputFile::finish)?;
    write_runs(&runs, &inputs, options.format, text)?;
    verdict.conclude()
}

/// The methods to compare: those named, all, or the ablation of the published one.
fn methods(options: &Options, settings: &Settings) -> Result<Vec<Method>, InputError> {
    let mut methods = settings.methods(&options.policy)?;
    if options.ablation {
        if options.policy.is_empty() {
            let kept = [PolicyName::Fcfs, PolicyName::MapScore, PolicyName::Sdrm3];
            methods.retain(|method| kept.contains(&method.policy));
        }
        for part in
            Part::of(PolicyName::Sdrm3).iter().copied().filter(|part| !settings.without.contains(part))
        {
            let without = [settings.without.as_slice(), &[part]].concat();
            add(&mut methods, Method::new(PolicyName::Sdrm3, &without, settings.parameters));
        }
    }
    Ok(methods)
}

/// What `--out` writes, beside the picture.
const OUTPUTS: [(&str, Format); 4] = [
    ("compare.txt", Format::Table),
    ("compare.json", Format::Json),
    ("compare.csv", Format::Csv),
    ("compare.md", Format::Markdown),
];
const PICTURE: &str = "compare.svg";

/// The names of all of them, the picture last.
fn names() -> Vec<&'static str> {
    OUTPUTS.map(|(name, _)| name).into_iter().chain([PICTURE]).collect()
}

/// What a run took.
struct Speed {
    blocks: u64,
    busy: Duration,
}

fn report_speed(runs: &[(Run, Speed)], wall: Duration) {
    let blocks: u64 = runs.iter().map(|(_, speed)| speed.blocks).sum();
    let busy: f64 = runs.iter().map(|(_, speed)| speed.busy.as_secs_f64()).sum();
    eprintln!(
        "{} runs, {blocks} layer dispatches in {:.3} s of wall time; {:.2} million dispatches per second and core",
        runs.len(),
        wall.as_secs_f64(),
        blocks as f64 / busy.max(1e-9) / 1e6,
    );
}
