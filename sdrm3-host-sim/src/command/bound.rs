//! `bound`: what no policy can beat.

use std::io::Write;

use bumpalo::Bump;
use clap::Args;
use rayon::prelude::*;

use super::Failure;
use super::cells::{Premises, Settings, platforms};
use crate::bound::Bound;
use crate::engine::Cell;
use crate::input::InputError;
use crate::report::{BoundReport, Format, write_bounds};
use crate::scenario::{Platform, Scenario, build};

const EXAMPLES: &str = "\
Examples:
  sdrm3-sim bound --scenario vr_gaming
  sdrm3-sim bound --scenario all --platform 8k-3ws --format json
  sdrm3-sim compare --scenario vr_gaming --bound                     # beside every policy";

/// Options of `bound`.
#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// Scenario, built in or a file; repeat for several [default: all, which are the built-in ones]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    scenario: Vec<String>,
    /// Platform, built in or a file; repeat for several; all are the built-in ones [default: 4k-1ws-2os]
    #[arg(long, value_name = "NAME|FILE.toml|all")]
    platform: Vec<String>,
    #[command(flatten)]
    premises: Premises,
    /// Format of the result on standard output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Computes the bounds, and writes them to `text`.
pub(super) fn bound(options: &Options, text: &mut impl Write) -> Result<(), Failure> {
    let settings = options.premises.validate()?;
    let scenarios = settings.scenarios(&options.scenario)?;
    let platforms = platforms(&options.platform)?;
    let pairs: Vec<_> = scenarios
        .iter()
        .flat_map(|scenario| platforms.iter().map(move |platform| (scenario, platform)))
        .collect();
    let reports = pairs
        .par_iter()
        .map(|(scenario, platform)| of_pair(scenario, platform, &settings))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(write_bounds(&reports, options.format, text)?)
}

fn of_pair(scenario: &Scenario, platform: &Platform, settings: &Settings) -> Result<BoundReport, InputError> {
    let memory = Bump::new();
    let workload = build(scenario, platform, &settings.networks, settings.costs.as_ref(), &memory)?;
    let (duration, seed) = (settings.duration, settings.seed);
    let cell = Cell { scenario, platform, workload: &workload, recording: None, duration, seed };
    Ok(BoundReport::new(&cell, settings.duration_ms, &Bound::of(&cell)?))
}
