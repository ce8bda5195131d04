//! `tune`: the landscape of (alpha, beta), and the path of the online tuner over it.

mod study;

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;
use sdrm3_core::{Weight, Weights};

use super::Failure;
use super::cells::{Common, Settings};
use super::output::Writing;
use crate::engine::{Cell, Outcome, Tuned};
use crate::input::InputError;
use crate::policy::{Method, Parameters, Part, PolicyName};
use crate::report::{Landscape, write_landscape};
use crate::scenario::{Platform, build};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim tune --scenario vr_gaming --grid 17 --picture landscape.svg
  sdrm3-sim tune --scenario drone_indoor --json";

/// Options of `tune`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Scenario, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", required_unless_present = "study")]
    scenario: Option<String>,
    /// Platform, built in or a file
    #[arg(long, value_name = "NAME|FILE.toml", default_value = Platform::DEFAULT)]
    platform: String,
    #[command(flatten)]
    common: Common,
    /// Points of the grid in each direction, from 0 to 2
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u8).range(2..=65))]
    #[arg(allow_negative_numbers = true)]
    grid: u8,
    /// Also draw the landscape and the path
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<String>,
    #[command(flatten)]
    writing: Writing,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Instead: how the tuner does on all scenarios (or the one named) and after changes of the workload
    #[arg(long, conflicts_with_all = ["picture", "json", "duration_ms"])]
    study: bool,
}

/// Tunes, and writes landscape and path to `text`.
pub(super) fn tune(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.common.validate()?;
    settings.check_parts(&[settings.method(PolicyName::Sdrm3)])?;
    let platform = Platform::load(&options.platform)?;
    if options.study {
        let named: Vec<String> = options.scenario.iter().cloned().collect();
        return study::study(&settings.scenarios(&named)?, &platform, options.grid, &settings, text);
    }
    let scenario = settings.scenario(options.scenario.as_deref().unwrap_or_default())?;
    let picture = options.writing.optional("--picture", options.picture.as_deref())?;
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &settings.networks, settings.costs.as_ref(), &memory)?;
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration: settings.duration,
        seed: settings.seed,
    };
    let fixed = |weights| fixed(&cell, weights, &settings);
    let axis = axis(options.grid);
    let costs: Vec<f64> =
        points(&axis).par_iter().map(|&weights| fixed(weights)).collect::<Result<_, InputError>>()?;

    let tuned = settings.method(PolicyName::Sdrm3).run(&cell, &mut ());
    let start = settings.parameters.weights;
    let settled = tuned.tuner.centre();
    let landscape = Landscape {
        scenario: scenario.name.clone(),
        platform: platform.name.clone(),
        duration_ms: settings.duration_ms,
        seed: settings.seed,
        axis: axis.iter().map(|weight| weight.as_f64()).collect(),
        costs: costs.chunks(axis.len()).map(<[f64]>::to_vec).collect(),
        start: (start.alpha.as_f64(), start.beta.as_f64(), fixed(start)?),
        path: tuned.stats.tuned.iter().map(point).collect(),
        settled: (settled.alpha.as_f64(), settled.beta.as_f64(), fixed(settled)?),
        is_settled: tuned.tuner.is_settled(),
        moves: tuned.tuner.moves(),
        online: counted(&cell, &tuned)?,
    };
    if let Some(mut file) = picture {
        file.write(landscape.draw().as_bytes())?;
        file.finish()?;
    }
    Ok(write_landscape(&landscape, options.json, text)?)
}

/// UXCost of the published method with its weights fixed.
fn fixed(cell: &Cell<'_>, weights: Weights, settings: &Settings) -> Result<f64, InputError> {
    let parameters = Parameters { weights, ..settings.parameters };
    let without = [settings.without.as_slice(), &[Part::Tuner]].concat();
    counted(cell, &Method::new(PolicyName::Sdrm3, &without, parameters).run(cell, &mut ()))
}

/// UXCost of a run, without which there is no landscape.
fn counted(cell: &Cell<'_>, outcome: &Outcome) -> Result<f64, InputError> {
    outcome.counted().ok_or_else(|| {
        let Cell { scenario, platform, duration, .. } = cell;
        let ms = duration.as_nanos() / 1_000_000;
        let what =
            format!("no frame of {} on {} was due and counted within {ms} ms", scenario.name, platform.name);
        InputError::new("--duration-ms", what, "give a longer one")
    })
}

/// That many weights from 0 to 2.
fn axis(grid: u8) -> Vec<Weight> {
    (0..grid).map(|step| Weight::from_millis(u32::from(step) * 2_000 / u32::from(grid - 1))).collect()
}

/// All pairs of weights, beta running faster.
fn points(axis: &[Weight]) -> Vec<Weights> {
    axis.iter().flat_map(|&alpha| axis.iter().map(move |&beta| Weights { alpha, beta })).collect()
}

/// Milliseconds, alpha, beta.
fn point(tuned: &Tuned) -> (f64, f64, f64) {
    (tuned.at.as_nanos() as f64 / 1e6, tuned.weights.alpha.as_f64(), tuned.weights.beta.as_f64())
}
