//! The figures that the page's scripts draw.

use sdrm3_core::Weights;
use serde_json::{Value, json};

use super::Run;
use super::chronicle::{Chronicle, End};
use super::pack::Packed;
use crate::engine::{Cell, Outcome};
use crate::report::matrix::Matrix;

/// Whole microseconds, rounded as the page's tables are.
fn micros(nanos: u64) -> u64 {
    nanos / 1_000 + u64::from(nanos % 1_000 >= 500)
}

/// Of one run.
pub(super) fn of_run(
    run: &Run,
    cell: &Cell<'_>,
    outcome: &Outcome,
    start: Option<Weights>,
    chronicle: &Chronicle<'_>,
    packed: &Packed,
) -> Value {
    let models = run.models.iter().zip(cell.workload.models).enumerate();
    let models: Vec<Value> = models
        .map(|(index, (model, row))| {
            let latencies = |how| {
                let frames = chronicle.frames.iter();
                let frames = frames.filter(|frame| usize::from(frame.model) == index && frame.how == how);
                frames.map(|frame| micros(frame.end - frame.release)).collect::<Vec<u64>>()
            };
            let subnetworks = row.subnetworks.iter().enumerate().map(|(index, subnetwork)| {
                let frames = model.subnetworks.get(index).copied().unwrap_or(0);
                let known = Some(subnetwork.accuracy_milli_percent).filter(|&milli| milli > 0);
                let accuracy = known.map(|milli| f64::from(milli) / 1e3);
                json!({ "name": subnetwork.name, "accuracy": accuracy, "frames": frames })
            });
            let deadline = row.deadline.map(|deadline| micros(deadline.as_nanos()));
            json!({
                "name": model.name,
                "deadline_us": deadline,
                "in_time_us": latencies(End::InTime),
                "late_us": latencies(End::Late),
                "energy_nj": model.energy_nj,
                "worst_energy_nj": model.worst_energy_nj,
                "subnetworks": subnetworks.collect::<Vec<_>>(),
            })
        })
        .collect();
    let path = start.map(|start| {
        let point = |ms: f64, weights: Weights| json!([ms, weights.alpha.as_f64(), weights.beta.as_f64()]);
        let tuned = outcome.stats.tuned.iter();
        let tuned = tuned.map(|tuned| point(tuned.at.as_nanos() as f64 / 1e6, tuned.weights));
        [point(0.0, start)].into_iter().chain(tuned).collect::<Vec<_>>()
    });
    let accelerators: Vec<&str> = cell.workload.accelerators.iter().map(|row| row.name).collect();
    json!({
        "kind": "run",
        "duration_ms": run.duration_ms,
        "accelerators": accelerators,
        "models": models,
        "weights": path,
        "slices": packed.slices,
        "frames": packed.frames,
        "count": packed.count,
        "has_terms": start.is_some(),
    })
}

/// Of a comparison.
pub(super) fn of_comparison(runs: &[Run]) -> Value {
    let matrix = Matrix::new(runs);
    let order = matrix.by_mean();
    let sorted = |costs: &[Option<f64>]| order.iter().map(|&policy| costs[policy]).collect::<Vec<_>>();
    let mut groups: Vec<Value> = Vec::new();
    if matrix.cells.len() > 1 {
        let bound = matrix.bound.as_ref().and_then(|bound| bound.mean);
        let means = sorted(&matrix.means);
        groups.push(json!({ "name": format!("Geometric mean over {} cells", matrix.counting()), "costs": means, "bound": bound }));
    }
    groups.extend(matrix.cells.iter().map(|cell| {
        let name = format!("{} on {}", cell.scenario, cell.platform);
        json!({ "name": name, "costs": sorted(&cell.costs), "bound": cell.bound })
    }));
    let policies: Vec<&str> = order.iter().map(|&policy| matrix.policies[policy]).collect();
    json!({ "kind": "comparison", "policies": policies, "groups": groups })
}
