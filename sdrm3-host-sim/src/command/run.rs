//! `run`: one scenario on one platform under one policy.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use sdrm3_check::Planted;
use sdrm3_core::Instant;

use super::Failure;
use super::cells::{Common, broken, report_events};
use super::command_line;
use super::gates::{EXIT_CODES, Gates};
use super::output::{OutputFile, Writing, undrawn};
use crate::engine::{Cell, Recorder, Recording, Watch};
use crate::input::InputError;
use crate::policy::PolicyName;
use crate::replay;
use crate::report::{
    Chronicle, EventLog, Explain, Format, FrameName, Origin, PerfettoTrace, Run, Timeline, run_page,
    write_detail, write_runs,
};
use crate::scenario::{Platform, build};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim run --scenario vr_gaming --duration-ms 10000 --report report.html
  sdrm3-sim run --scenario vr_gaming --trace trace.json      # open it in https://ui.perfetto.dev
  sdrm3-sim run --scenario vr_gaming --explain gaze#12
  sdrm3-sim run --scenario ar_call --max-uxcost 5 --max-miss-rate keyword=2% --junit ci.xml";

/// Options of `run`.
#[derive(Args, Clone, Debug)]
#[command(after_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(super) struct Options {
    /// Scenario, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml")]
    scenario: String,
    /// Platform, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = Platform::DEFAULT)]
    platform: String,
    #[arg(long, value_name = "NAME", default_value = "sdrm3", help = PolicyName::help(""))]
    policy: String,
    #[command(flatten)]
    common: Common,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print the life of one frame instead: each decision about it, the scores of all candidates, why it was
    /// dropped or late (--format table or json)
    #[arg(long, value_name = "MODEL#NUMBER")]
    explain: Option<String>,
    /// What frames really did (model,frame,layer,factor,path), instead of drawing it
    #[arg(long, value_name = "FILE.csv")]
    recorded: Option<String>,
    /// Also write a report to be read in a browser: one file, which needs no network
    #[arg(long, value_name = "FILE.html")]
    report: Option<String>,
    /// Also write a trace for the Perfetto UI (https://ui.perfetto.dev): every block with its score
    #[arg(long, value_name = "FILE.json")]
    trace: Option<String>,
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
    #[command(flatten)]
    writing: Writing,
    #[command(flatten)]
    gates: Gates,
}

/// Runs, and writes the result to `text`.
pub(super) fn run(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    let scenario = settings.scenario(&options.scenario)?;
    let platform = Platform::load(&options.platform)?;
    let method = settings.named(&options.policy)?;
    settings.check_parts(std::slice::from_ref(&method))?;
    let recording = options.recorded.as_deref().map(|path| Recording::load(path, &scenario)).transpose()?;
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &settings.networks, settings.costs.as_ref(), &memory)?;
    if let Some(recording) = &recording {
        recording.check_layers(&workload)?;
        if dispatches_blocks(method.policy) {
            recording.check_blocks(&workload)?;
        }
    }
    let explained = options.explain.as_deref().map(|name| FrameName::parse(name, &workload)).transpose()?;
    if explained.is_some() && !matches!(options.format, Format::Table | Format::Json) {
        return Err(InputError::new(
            "--format",
            "a frame is explained in words or JSON",
            "give table or json",
        )
        .into());
    }
    let limits = options.gates.validate(&[&scenario], options.writing)?;
    let named = [&options.scenario, &options.platform].map(std::slice::from_ref);
    let inputs = options.common.inputs(&settings, named[0], named[1], options.recorded.as_ref())?;
    let output = |option, path: &Option<String>| options.writing.optional(option, path.as_deref());
    let report_file = output("--report", &options.report)?;
    let trace_file = output("--trace", &options.trace)?;
    let timeline_file = output("--timeline", &options.timeline)?;
    let events_file = output("--events", &options.events)?;
    let record_file = output("--record", &options.record)?;

    let (duration, seed) = (settings.duration, settings.seed);
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: recording.as_ref(),
        duration,
        seed,
    };
    let title = format!("{} on {} under {}", scenario.name, platform.name, method.label());
    let weights = method.has_weights().then_some(method.parameters.weights);
    let origin = Origin {
        settings: options.common.settings(&scenario.name, &platform.name, &method),
        command: command_line(),
    };
    let watch = Watch::default();
    let watched = report_file.is_some() || trace_file.is_some() || explained.is_some();
    let trace_name = options.trace.as_deref().unwrap_or_default();
    let plain = (
        events_file.as_ref().map(|_| EventLog::new(&workload)),
        timeline_file.as_ref().map(|_| Timeline::new(&workload)),
    );
    let watching = (
        trace_file.map(|file| PerfettoTrace::new(&workload, &watch, &origin.about(), weights, file)),
        (
            explained.map(|frame| Explain::new(&workload, &watch, frame)),
            report_file.as_ref().map(|_| Chronicle::new(&workload, &watch)),
        ),
    );
    let mut recorders = (plain, watching);
    let mut record = Vec::new();
    let mut recorder = record_file.as_ref().map(|_| {
        let origin = options.common.origin(&options.scenario, &options.platform, &method);
        let output = |bytes: &[u8]| {
            record.extend_from_slice(bytes);
            true
        };
        replay::recorder(&workload, &method, &origin, output)
    });
    let all: &mut dyn Recorder = &mut recorders;
    let watch = watched.then_some(&watch);
    let outcome = if options.check {
        let (outcome, verdict) = method.run_checked(&cell, all, &mut recorder, Planted::None, watch);
        report_events(verdict.map_err(|promise| broken(&cell, &method, &promise))?);
        outcome
    } else {
        method.run_traced(&cell, all, &mut recorder, watch)
    };
    let run = Run::new(&cell, &method, settings.duration_ms, &outcome);

    let ((events, timeline), (trace, (explain, chronicle))) = recorders;
    let mut written: Vec<OutputFile> = Vec::new();
    if let (Some(mut file), Some(mut recorder)) = (record_file, recorder) {
        recorder.finish();
        drop(recorder);
        file.write(&record)?;
        written.push(file);
    }
    if let (Some(mut file), Some(log)) = (events_file, events) {
        file.write(&log.into_csv())?;
        written.push(file);
    }
    if let (Some(mut file), Some(timeline)) = (timeline_file, timeline) {
        let picture = timeline.draw(&title).map_err(undrawn("--timeline"))?;
        file.write(picture.as_bytes())?;
        written.push(file);
    }
    if let Some(trace) = trace {
        let file = trace.finish(Instant::ZERO.saturating_add(duration));
        written.push(file.map_err(|error| OutputFile::failure(trace_name, &error))?);
    }
    if let (Some(mut file), Some(chronicle)) = (report_file, chronicle) {
        file.write(run_page(&run, &cell, &outcome, weights, chronicle, &origin).as_bytes())?;
        written.push(file);
    }
    let explanation = explain.map(|explain| explain.finish(&format!("{title}, seed {seed}"))).transpose()?;
    let runs = [run];
    let verdict = limits.check(&runs, &mut written)?;
    written.into_iter().try_for_each(OutputFile::finish)?;
    match (explanation, options.format, &runs) {
        (Some(explanation), Format::Json, _) => explanation.write_json(text)?,
        (Some(explanation), ..) => explanation.write(text)?,
        (None, Format::Table, [run]) => write_detail(run, &workload, text)?,
        (None, format, runs) => write_runs(runs, &inputs, format, text)?,
    }
    verdict.conclude()
}

/// Whether a policy dispatches several layers at once, where the network does not branch.
fn dispatches_blocks(policy: PolicyName) -> bool {
    use PolicyName::{Heft, Lst, Veltair, XrBench};
    matches!(policy, Heft | Lst | Veltair | XrBench)
}
