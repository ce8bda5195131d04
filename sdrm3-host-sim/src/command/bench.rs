//! `bench`: policies over an experiment, on many seeds.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;

use super::Failure;
use super::cells::{Common, Settings, add};
use super::output::{OutputFile, Writing, undrawn};
use super::progress::Progress;
use super::threads::Threads;
use crate::bound::Bound;
use crate::engine::Cell;
use crate::experiment::{
    CellResult, Disturbance, Experiment, PolicySummary, RandomFiles, Setup, Summary, utilisation,
};
use crate::input::InputError;
use crate::policy::{Method, Part, PolicyName};
use crate::report::{CurvePoint, Curves, Format, Run, draw_curves, write_curves, write_experiment};
use crate::scenario::build;

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim bench sdrm3-host-sim/experiments/test.toml --bound
  sdrm3-sim bench sdrm3-host-sim/experiments/train.toml --policy sdrm3-gated --policy sdrm3 --seeds 5 --ablation
  sdrm3-sim bench sdrm3-host-sim/experiments/train.toml --write cells
  sdrm3-sim run --scenario cells/random_7.toml --platform cells/random_7_platform.toml --costs cells/random_7_costs.csv";

/// Options of `bench`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The cells: named ones, and random ones by their seeds (see the book's chapter on files)
    #[arg(value_name = "EXPERIMENT.toml")]
    experiment: String,
    #[arg(long, value_name = "NAME", help = PolicyName::help(", repeat for several [default: all]"))]
    policy: Vec<String>,
    /// The policy that is held against the best of the others, which are those of another name; its own variants
    /// (--ablation, or sdrm3-gated-no-gate and so on) stand beside it
    #[arg(long, value_name = "NAME", default_value = "sdrm3-gated")]
    subject: String,
    /// How many seeds to run each cell on, from --seed on; of one there are no intervals over the seeds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    #[arg(allow_negative_numbers = true)]
    seeds: u16,
    /// Also run the subject without each of its parts
    #[arg(long)]
    ablation: bool,
    /// Also compute what no policy can beat, for cells whose tables are right
    #[arg(long)]
    bound: bool,
    /// UXCost under wrong estimates, throttling and jitter of growing strength instead, that of the subject over each
    /// other, and its picture
    #[arg(long, value_name = "FILE.svg", conflicts_with_all = ["format", "bound"])]
    robustness: Option<String>,
    /// Only write the files of the random cells into this directory
    #[arg(long, value_name = "DIR")]
    write: Option<String>,
    #[command(flatten)]
    threads: Threads,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    writing: Writing,
}

/// Runs the experiment, and writes the result to `text`.
pub(super) fn bench(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    let mut experiment = Experiment::load(&options.experiment)?;
    if let Some(path) = &options.write {
        return write_files(&experiment, path, options.writing, text);
    }
    // Once: what --robustness changes further is to stay.
    for setup in &mut experiment.cells {
        setup.scenario = settings.disturbed(setup.scenario.clone());
    }
    let without = |setup: &&Setup| setup.costs.is_none();
    settings.check_costs(experiment.cells.iter().filter(without).map(|setup| &setup.scenario))?;
    let subject = settings.named(&options.subject).map_err(|error| error.moved_to("--subject"))?;
    let methods = methods(options, &settings, &subject)?;
    settings.check_parts(&methods)?;
    let pool = options.threads.pool()?;
    let names: Vec<String> = methods.iter().map(Method::label).collect();
    let rivals: Vec<bool> = methods.iter().map(|method| method.policy != subject.policy).collect();
    let place = methods.iter().position(|method| *method == subject).unwrap_or(0);
    let summary = |setups: &[Setup], bound, progress: &Progress| -> Result<Summary, Failure> {
        let bench = Bench { settings: &settings, methods: &methods, seeds: options.seeds, bound, progress };
        let of_setup = |setup: &Setup| bench.cell(setup);
        let cells = pool.install(|| setups.par_iter().map(of_setup).collect::<Result<Vec<_>, _>>())?;
        Ok(Summary::new(&experiment.name, &cells, &names, place, &rivals))
    };
    let runs = experiment.cells.len() * methods.len() * usize::from(options.seeds);
    let Some(path) = &options.robustness else {
        let progress = Progress::new(runs);
        let summary = summary(&experiment.cells, options.bound, &progress)?;
        progress.finish();
        return Ok(write_experiment(&summary, options.format, text)?);
    };
    let mut picture = options.writing.file("--robustness", path)?;
    let progress = Progress::new(runs * Disturbance::ALL.len() * Disturbance::STRENGTHS.len());
    let (mut points, mut compared) = (Vec::new(), String::new());
    for disturbance in Disturbance::ALL {
        let mut of_disturbance = Vec::new();
        for strength in Disturbance::STRENGTHS {
            let apply = |setup| disturbance.applied(setup, strength, settings.duration_ms);
            let setups: Vec<Setup> = experiment.cells.iter().map(apply).collect();
            let summary = summary(&setups, false, &progress)?;
            let of = |name: &String| summary.policies.iter().find(|policy| policy.policy == *name);
            let point = |&PolicySummary { uxcost, ours_over_it, .. }: &_| CurvePoint { uxcost, ours_over_it };
            of_disturbance.push(names.iter().filter_map(of).map(point).collect());
            compared = summary.compared();
        }
        points.push(of_disturbance);
    }
    progress.finish();
    let curves = Curves { policies: names.clone(), subject: subject.label(), compared, points };
    let drawn = draw_curves(&curves).map_err(undrawn("--robustness"))?;
    picture.write(drawn.as_bytes())?;
    picture.finish()?;
    Ok(write_curves(&curves, text)?)
}

/// Those named, or all; the subject always, and without its parts if asked for.
fn methods(options: &Options, settings: &Settings, subject: &Method) -> Result<Vec<Method>, InputError> {
    let mut methods = settings.methods(&options.policy)?;
    if !methods.contains(subject) {
        methods.insert(0, subject.clone());
    }
    if options.ablation {
        for part in Part::of(subject.policy).iter().filter(|part| !subject.without.contains(part)) {
            add(&mut methods, subject.but_without(*part));
        }
    }
    Ok(methods)
}

/// What to run in each cell.
struct Bench<'a> {
    settings: &'a Settings,
    methods: &'a [Method],
    seeds: u16,
    bound: bool,
    progress: &'a Progress,
}

impl Bench<'_> {
    fn cell(&self, setup: &Setup) -> Result<CellResult, Failure> {
        let Settings { networks, duration, duration_ms, seed, .. } = self.settings;
        let scenario = &setup.scenario;
        let costs = setup.costs.as_deref().or(self.settings.costs.as_ref());
        let memory = Bump::new();
        let workload = &build(scenario, &setup.platform, networks, costs, &memory)?;
        let mut runs = vec![Vec::new(); self.methods.len()];
        for seed in (0..self.seeds).map(|index| seed.wrapping_add(u64::from(index))) {
            let platform = &setup.platform;
            let cell = Cell { scenario, platform, workload, recording: None, duration: *duration, seed };
            // Cells with changes or wrong estimates have none.
            let bound = if self.bound { Bound::of(&cell).ok().map(|bound| bound.value()) } else { None };
            let of_method = |method: &Method| {
                let run = Run::new(&cell, method, *duration_ms, &method.run(&cell, &mut ()));
                self.progress.step();
                Run { bound, ..run }
            };
            let of_seed: Vec<Run> = self.methods.par_iter().map(of_method).collect();
            for (runs, run) in runs.iter_mut().zip(of_seed) {
                runs.push(run);
            }
        }
        Ok(CellResult {
            scenario: scenario.name.clone(),
            platform: setup.platform.name.clone(),
            design: setup.design,
            utilisation: utilisation(scenario, workload),
            has_supernet: workload.models.iter().any(|model| model.subnetworks.len() > 1),
            runs,
        })
    }
}

/// Writes the random cells as files, so that one can be looked at, run and changed.
fn write_files(
    experiment: &Experiment,
    path: &str,
    writing: Writing,
    text: &mut impl Write,
) -> Result<(), Failure> {
    let files: Vec<(String, &str)> = experiment.random.iter().flat_map(RandomFiles::files).collect();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let mut outputs = writing.directory("--write", path, &names)?;
    for (output, (_, content)) in outputs.iter_mut().zip(&files) {
        output.write(content.as_bytes())?;
    }
    outputs.into_iter().try_for_each(OutputFile::finish)?;
    Ok(writeln!(text, "{} files in {path}", files.len())?)
}
