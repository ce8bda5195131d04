//! The result of a run as it is reported: the contract of the JSON and CSV formats.

use serde::Serialize;

use crate::engine::{Cell, Outcome};
use crate::policy::{Parameters, PolicyName};

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the platform.
    pub platform: String,
    /// Name of the policy.
    pub policy: &'static str,
    /// Seed of the random draws.
    pub seed: u64,
    /// Virtual time, in milliseconds.
    pub duration_ms: u32,
    /// UXCost: the product of the next two, lower is better.
    pub uxcost: f64,
    /// Sum over models of the share of violated frames.
    pub violation_rate_sum: f64,
    /// Sum over models of energy over that on the worst accelerators.
    pub energy_norm_sum: f64,
    /// XRBench's score, 0 to 100, higher is better.
    pub xrbench_score: f64,
    /// Blocks dispatched.
    pub decisions: u64,
    /// Weight of the starvation term, if the policy has one.
    pub alpha: Option<f64>,
    /// Weight of the energy term, if the policy has one.
    pub beta: Option<f64>,
    /// Accuracy given up by lighter sub-networks: mean over frames, in percentage points.
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
    /// Energy spent, in nanojoules.
    pub energy_nj: u64,
    /// Energy of the same layers, each on its worst accelerator, in nanojoules.
    pub worst_energy_nj: u64,
}

impl Run {
    /// The report of an outcome.
    pub fn new(
        cell: &Cell<'_>,
        policy: PolicyName,
        parameters: &Parameters,
        duration_ms: u32,
        outcome: &Outcome,
    ) -> Self {
        let uxcost = outcome.uxcost();
        let weights = policy.weights(parameters);
        let models = (cell.scenario.models.iter()).zip(outcome.tallies.iter().zip(&outcome.stats)).map(
            |(model, (tally, stats))| ModelRun {
                name: model.name.clone(),
                frames: tally.frames,
                completed: tally.completed,
                violated: tally.violated,
                dropped: tally.dropped,
                unfinished: stats.unfinished,
                left_out: stats.left_out,
                energy_nj: tally.energy_nj,
                worst_energy_nj: tally.worst_energy_nj,
            },
        );
        Self {
            scenario: cell.scenario.name.clone(),
            platform: cell.platform.name.clone(),
            policy: policy.name(),
            seed: cell.seed,
            duration_ms,
            uxcost: uxcost.value(),
            violation_rate_sum: uxcost.violation_rate_sum,
            energy_norm_sum: uxcost.energy_norm_sum,
            xrbench_score: outcome.xrbench_score(),
            decisions: outcome.decisions,
            alpha: weights.map(|(alpha, _)| alpha),
            beta: weights.map(|(_, beta)| beta),
            accuracy_loss: 0.0,
            models: models.collect(),
        }
    }
}

/// Geometric mean; zero if there is none, or a value is zero.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0u32), |(sum, n), value| (sum + value.ln(), n + 1));
    if count == 0 { 0.0 } else { (sum / f64::from(count)).exp() }
}
