//! `run`: one scenario on one platform under one policy.

use std::io::Write;
use std::path::Path;

use bumpalo::Bump;
use clap::Args;
use sdrm3_check::Planted;

use super::Failure;
use super::cells::{Common, DEFAULT_PLATFORM, broken, report_events};
use super::compare::write_new;
use crate::engine::{Cell, Recording};
use crate::input::InputError;
use crate::policy::PolicyName;
use crate::replay;
use crate::report::{EventLog, Format, Run, Timeline, write_detail, write_runs};
use crate::scenario::{Platform, Scenario, build};

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub(super) struct Options {
    /// Scenario, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Platform, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = DEFAULT_PLATFORM)]
    platform: String,
    #[arg(long, value_name = "NAME", default_value = "sdrm3", help = PolicyName::help(""))]
    policy: String,
    #[command(flatten)]
    common: Common,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What frames really did (model,frame,layer,factor,path), instead of drawing it
    #[arg(long, value_name = "FILE.csv")]
    recorded: Option<String>,
    /// Also draw load, sub-networks and deadline misses over time
    #[arg(long, value_name = "FILE.svg")]
    timeline: Option<String>,
    /// Also write every event of the run: releases, dispatches, completions, drops
    #[arg(long, value_name = "FILE.csv")]
    events: Option<String>,
    /// Also record every call to the scheduler and its answer, for `replay`
    #[arg(long, value_name = "FILE.trace")]
    record: Option<String>,
    /// Also hold every event against what the scheduler promises; exit code 1 if a promise is broken
    #[arg(long)]
    check: bool,
}

/// Runs, and writes the result to `text`.
pub(super) fn run(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    let scenario = Scenario::load(&options.scenario)?;
    let platform = Platform::load(&options.platform)?;
    let method = settings.method(PolicyName::find(&options.policy)?);
    let recording = options.recorded.as_deref().map(|path| Recording::load(path, &scenario)).transpose()?;
    let outputs =
        [("--events", &options.events), ("--timeline", &options.timeline), ("--record", &options.record)];
    for (option, path) in outputs {
        if let Some(path) = path.as_deref().filter(|path| Path::new(path).exists()) {
            let what = format!("{path} exists already");
            return Err(InputError::new(option, what, "remove it or name another file").into());
        }
    }
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &settings.networks, settings.costs.as_ref(), &memory)?;
    let (duration, seed) = (settings.duration, settings.seed);
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: recording.as_ref(),
        duration,
        seed,
    };
    let mut recorders = (
        options.events.as_ref().map(|_| EventLog::new(&workload)),
        options.timeline.as_ref().map(|_| Timeline::new(&workload)),
    );
    let mut trace = Vec::new();
    let mut recorder = options.record.as_ref().map(|_| {
        let origin = options.common.origin(&options.scenario, &options.platform, &method);
        let output = |bytes: &[u8]| {
            trace.extend_from_slice(bytes);
            true
        };
        replay::recorder(&workload, &method, &origin, output)
    });
    let (outcome, verdict) = if options.check {
        let (outcome, verdict) = method.run_checked(&cell, &mut recorders, &mut recorder, Planted::None);
        (outcome, Some(verdict))
    } else {
        (method.run_traced(&cell, &mut recorders, &mut recorder), None)
    };
    if let (Some(path), Some(recorder)) = (&options.record, &mut recorder) {
        recorder.finish();
        write_output(path, &trace)?;
    }
    if let Some(verdict) = verdict {
        report_events(verdict.map_err(|promise| broken(&cell, &method, &promise))?);
    }
    let (events, timeline) = recorders;
    if let (Some(path), Some(log)) = (&options.events, events) {
        write_output(path, &log.into_csv())?;
    }
    if let (Some(path), Some(timeline)) = (&options.timeline, timeline) {
        let title = format!("{} on {} under {}", scenario.name, platform.name, method.label());
        let picture = timeline.draw(&title).map_err(|error| {
            InputError::new("--timeline", error, "report it: drawing into memory cannot fail")
        })?;
        write_output(path, picture.as_bytes())?;
    }
    let run = Run::new(&cell, &method, settings.duration_ms, &outcome);
    match options.format {
        Format::Table => write_detail(&run, &workload, text)?,
        other => write_runs(&[run], other, text)?,
    }
    Ok(())
}

fn write_output(path: &str, bytes: &[u8]) -> Result<(), InputError> {
    write_new(Path::new(path), bytes)
        .map_err(|error| InputError::new(path, error.to_string(), "name a file that can be written"))
}
