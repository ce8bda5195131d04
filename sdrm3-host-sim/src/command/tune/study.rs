//! `tune --study`: in how many moves the tuner settles, and how far from the best fixed weights, on each
//! scenario and after each of four changes of the workload.

use std::io::Write;

use bumpalo::Bump;
use rayon::prelude::*;
use sdrm3_core::Duration;

use super::super::Failure;
use super::super::cells::Settings;
use super::{axis, fixed, points};
use crate::engine::Cell;
use crate::input::InputError;
use crate::policy::PolicyName;
use crate::report::table;
use crate::scenario::{AcceleratorChange, Change, ModelChange, ModelSpec, Platform, Scenario, What, build};

/// When the workload changes, how long the tuner has in all, and how long fixed weights are measured.
const CHANGE_MS: f64 = 20_000.0;
const TUNED_MS: u64 = 40_000;
const FIXED_MS: u64 = 10_000;

struct Finding {
    moves: u8,
    is_settled: bool,
    weights: (f64, f64),
    settled: f64,
    best: f64,
}

/// Studies, and writes the table to `text`.
pub(super) fn study(
    scenarios: &[Scenario],
    platform: &Platform,
    grid: u8,
    settings: &Settings,
    text: &mut impl Write,
) -> Result<(), Failure> {
    let cases: Vec<(&Scenario, &str, Option<What>)> = scenarios
        .iter()
        .flat_map(|scenario| {
            changes(scenario, platform).into_iter().map(move |(name, what)| (scenario, name, what))
        })
        .collect();
    let findings = cases
        .par_iter()
        .map(|(scenario, _, what)| find(scenario, *what, platform, grid, settings))
        .collect::<Result<Vec<Finding>, InputError>>()?;
    let mut distances: Vec<f64> = findings.iter().map(|f| 100.0 * (f.settled / f.best - 1.0)).collect();
    let rows =
        cases.iter().zip(&findings).zip(&distances).map(|(((scenario, change, _), finding), distance)| {
            vec![
                scenario.name.clone(),
                (*change).to_string(),
                finding.moves.to_string(),
                if finding.is_settled { "yes" } else { "no" }.to_string(),
                format!("{:.3}", finding.weights.0),
                format!("{:.3}", finding.weights.1),
                format!("{:.4}", finding.settled),
                format!("{:.4}", finding.best),
                format!("{distance:+.1} %"),
            ]
        });
    let header = [
        "scenario",
        "change",
        "moves",
        "settled",
        "alpha",
        "beta",
        "UXCost there",
        "best of grid",
        "above it",
    ];
    writeln!(
        text,
        "The online tuner on {}: {} s, the change after {} s; fixed weights over {} s, grid of {grid} x {grid}\n\n{}",
        platform.name,
        TUNED_MS / 1000,
        CHANGE_MS / 1e3,
        FIXED_MS / 1000,
        table(&header, rows.collect::<Vec<_>>())
    )?;
    distances.sort_by(f64::total_cmp);
    writeln!(
        text,
        "\nmost moves: {}; above the best of the grid: median {:+.1} %, worst {:+.1} %",
        findings.iter().map(|finding| finding.moves).max().unwrap_or(0),
        distances[distances.len() / 2],
        distances[distances.len() - 1]
    )?;
    Ok(())
}

/// No change, and four: a model off (if others are left), a frame rate doubled, an accelerator lost, one throttled to
/// half.
fn changes(scenario: &Scenario, platform: &Platform) -> Vec<(&'static str, Option<What>)> {
    let roots = || scenario.models.iter().enumerate().filter(|(_, model)| model.parent.is_none());
    let (Some((first, model)), Some((last, _))) = (roots().next(), roots().next_back()) else {
        return Vec::new();
    };
    let accelerator = |index, change| Some(What::Accelerator(index, change));
    let is_left = |(index, model): (usize, &ModelSpec)| index != last && model.active;
    let mut changes = vec![
        ("none", None),
        ("last model off", Some(What::Model(last, ModelChange::Active(false)))),
        ("first model at twice its rate", Some(What::Model(first, ModelChange::Fps(2.0 * model.fps)))),
        ("last accelerator lost", accelerator(platform.accelerators.len() - 1, AcceleratorChange::Lost)),
        ("first accelerator at half speed", accelerator(0, AcceleratorChange::Speed(0.5))),
    ];
    if !roots().any(is_left) {
        changes.remove(1);
    }
    changes
}

fn find(
    scenario: &Scenario,
    what: Option<What>,
    platform: &Platform,
    grid: u8,
    settings: &Settings,
) -> Result<Finding, InputError> {
    let changed = |at_ms: f64| {
        let mut changed = scenario.clone();
        let origin = scenario.models[0].origin.clone();
        changed.changes.extend(what.map(|what| Change { at_ms, what, origin }));
        changed
    };
    let (later, from_start) = (changed(CHANGE_MS), changed(0.0));
    let memory = Bump::new();
    let workload = build(scenario, platform, &settings.networks, settings.costs.as_ref(), &memory)?;
    let cell = |scenario, ms| Cell {
        scenario,
        platform,
        workload: &workload,
        recording: None,
        duration: Duration::from_millis(ms),
        seed: settings.seed,
    };
    let tuner = settings.method(PolicyName::Sdrm3).run(&cell(&later, TUNED_MS), &mut ()).tuner;
    let cell = cell(&from_start, FIXED_MS);
    let costs = points(&axis(grid)).into_iter().map(|weights| fixed(&cell, weights, settings));
    let costs: Vec<f64> = costs.collect::<Result<_, _>>()?;
    let centre = tuner.centre();
    Ok(Finding {
        moves: tuner.moves(),
        is_settled: tuner.is_settled(),
        weights: (centre.alpha.as_f64(), centre.beta.as_f64()),
        settled: fixed(&cell, centre, settings)?,
        best: costs.into_iter().fold(f64::INFINITY, f64::min),
    })
}
