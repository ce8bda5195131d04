//! The result of a run as it is reported: the contract of the JSON and CSV formats.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Metrics, RunMetrics};
use crate::engine::{Cell, Outcome};
use crate::policy::Method;

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Name of the policy.
    pub policy: String,
    /// Seed of the random draws.
    pub seed: u64,
    /// Virtual time, in milliseconds.
    pub duration_ms: u32,
    /// UXCost: the product of the next two, lower is better; 0 if no frame was counted.
    pub uxcost: f64,
    /// Sum over models of the share of violated frames.
    pub violation_rate_sum: f64,
    /// Sum over models of energy over that on the worst accelerators.
    pub energy_norm_sum: f64,
    /// A lower bound on the UXCost of any policy, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// XRBench's score, 0 to 100, higher is better.
    pub xrbench_score: f64,
    /// Figures beside UXCost.
    #[serde(flatten)]
    pub metrics: RunMetrics,
    /// Blocks dispatched.
    pub decisions: u64,
    /// Weight of the starvation term, if the policy has one.
    pub alpha: Option<f64>,
    /// Weight of the energy term, if the policy has one.
    pub beta: Option<f64>,
    /// Accuracy given up by lighter sub-networks: mean over completed frames of supernets, in percentage
    /// points.
    pub accuracy_loss: f64,
    /// Per model, in the scenario's order.
    pub models: Vec<ModelRun>,
}

/// The result of one model in a run.
#[derive(Clone, Debug, Serialize)]
pub struct ModelRun {
    /// Its name.
    pub name: String,
    /// Frames; completed, dropped and unfinished ones add up to it.
    pub frames: u32,
    /// Frames with a result, late ones included.
    pub completed: u32,
    /// Frames dropped, late or unfinished past their deadline.
    pub violated: u32,
    /// Frames that ended without a result.
    pub dropped: u32,
    /// Frames under way at the end, past their deadline.
    pub unfinished: u32,
    /// Frames under way at the end that had more time; not among the frames.
    pub left_out: u32,
    /// Frames withdrawn because the model was switched off; not among the frames.
    pub withdrawn: u32,
    /// Energy spent, in nanojoules.
    pub energy_nj: u64,
    /// Energy of the same layers, each on its worst accelerator, in nanojoules.
    pub worst_energy_nj: u64,
    /// Figures beside UXCost.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Accuracy given up by lighter sub-networks: mean over completed frames, in percentage points.
    pub accuracy_loss: f64,
    /// Completed frames at each sub-network, from the heaviest; as long as needed.
    pub subnetworks: Vec<u32>,
    /// Dropped frames by reason.
    pub drops: BTreeMap<&'static str, u32>,
}

impl Run {
    /// The report of an outcome.
    pub fn new(cell: &Cell<'_>, method: &Method, duration_ms: u32, outcome: &Outcome) -> Self {
        let models = (cell.scenario.models.iter())
            .zip(outcome.tallies.iter().zip(&outcome.stats.models))
            .map(|(model, (tally, stats))| ModelRun {
                name: model.name.clone(),
                frames: tally.frames,
                completed: tally.completed,
                violated: tally.violated,
                dropped: tally.dropped,
                unfinished: stats.unfinished,
                left_out: stats.left_out,
                withdrawn: stats.withdrawn,
                energy_nj: tally.energy_nj,
                worst_energy_nj: tally.worst_energy_nj,
                metrics: Metrics::of(tally, stats),
                accuracy_loss: tally.accuracy_given_up as f64 / 1e3 / f64::from(tally.completed.max(1)),
                subnetworks: stats.subnetworks.clone(),
                drops: stats.drops.clone(),
            });
        let weights = method.has_weights().then(|| outcome.tuner.centre());
        Self {
            scenario: cell.scenario.name.clone(),
            platform: cell.platform.name.clone(),
            policy: method.label(),
            seed: cell.seed,
            duration_ms,
            uxcost: outcome.uxcost.value(),
            violation_rate_sum: outcome.uxcost.violation_rate_sum,
            energy_norm_sum: outcome.uxcost.energy_norm_sum,
            bound: None,
            xrbench_score: outcome.xrbench_score(),
            metrics: RunMetrics::of(&outcome.tallies, &outcome.stats.models),
            decisions: outcome.stats.decisions,
            alpha: weights.map(|weights| weights.alpha.as_f64()),
            beta: weights.map(|weights| weights.beta.as_f64()),
            accuracy_loss: accuracy_loss(cell, outcome),
            models: models.collect(),
        }
    }

    /// UXCost, if any frame was counted: else it says nothing.
    pub fn counted(&self) -> Option<f64> {
        self.models.iter().any(|model| model.frames > 0).then_some(self.uxcost)
    }
}

impl ModelRun {
    /// Energy over that of the same layers on their worst accelerators; `None` where nothing ran, which UXCost counts
    /// as 1.
    pub fn share_of_worst(&self) -> Option<f64> {
        (self.worst_energy_nj > 0).then(|| self.energy_nj as f64 / self.worst_energy_nj as f64)
    }
}

/// Accuracy given up by lighter sub-networks: mean over the completed frames of the models that have
/// some, in percentage points.
fn accuracy_loss(cell: &Cell<'_>, outcome: &Outcome) -> f64 {
    let supernets =
        cell.workload.models.iter().zip(&outcome.tallies).filter(|(model, _)| model.subnetworks.len() > 1);
    let (given_up, frames) = supernets.fold((0, 0), |(given_up, frames), (_, tally)| {
        (given_up + tally.accuracy_given_up, frames + u64::from(tally.completed))
    });
    given_up as f64 / 1e3 / frames.max(1) as f64
}

/// Geometric mean; zero if there is none, or a value is zero.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0u32), |(sum, n), value| (sum + value.ln(), n + 1));
    if count == 0 { 0.0 } else { (sum / f64::from(count)).exp() }
}
