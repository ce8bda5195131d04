//! One run in detail, for people.

use std::io::{self, Write};

use sdrm3_core::Workload;

use super::{Run, figure, share, table};
use crate::scenario::ACCELERATORS;

/// Writes the table of a run's models and its sums.
pub fn write_detail(
    run: &Run,
    workload: &Workload<'_, ACCELERATORS>,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{} on {} under {}, {} ms of virtual time, seed {}\n",
        run.scenario, run.platform, run.policy, run.duration_ms, run.seed
    )?;
    let rows = run.models.iter().zip(workload.models).map(|(model, table)| {
        let metrics = &model.metrics;
        let mut row = vec![model.name.clone()];
        let counts = [model.frames, model.completed, model.dropped, model.unfinished, model.violated];
        row.extend(counts.map(|n| n.to_string()));
        row.push(share(metrics.deadline_miss_rate));
        let latencies = [metrics.latency_p50_ms, metrics.latency_p95_ms, metrics.latency_p99_ms];
        row.extend(latencies.map(|ms| figure(ms, 3)));
        let deadline = table.deadline.map(|deadline| deadline.as_nanos() as f64 / 1e6);
        row.push(deadline.map_or_else(|| "parent's".into(), |ms| format!("{ms:.3}")));
        row.push(format!("{:.3}", metrics.starvation_ms));
        row.extend([figure(metrics.antt, 2), figure(metrics.progress, 2)]);
        row.push(format!("{:.3}", model.energy_nj as f64 / 1e6));
        row.push(figure(metrics.energy_per_completed_frame_nj.map(|nj| nj / 1e6), 3));
        row.push(figure(model.share_of_worst(), 3));
        row
    });
    let header = [
        "model",
        "frames",
        "completed",
        "dropped",
        "unfinished",
        "violated",
        "share",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "deadline ms",
        "longest wait ms",
        "ANTT",
        "progress",
        "energy mJ",
        "mJ/frame",
        "of worst",
    ];
    writeln!(out, "{}\n", table(&header, rows))?;
    let decisions = run.decisions;
    if run.counted().is_none() {
        return writeln!(
            out,
            "UXCost -: no frame was due and counted; give a longer --duration-ms; {decisions} dispatches"
        );
    }
    writeln!(
        out,
        "UXCost {:.4} = violation rates {:.4} x normalised energies {:.4}; XRBench score {:.2}; {decisions} dispatches",
        run.uxcost, run.violation_rate_sum, run.energy_norm_sum, run.xrbench_score
    )?;
    let metrics = &run.metrics;
    writeln!(
        out,
        "deadlines missed {} %; {} mJ per completed frame; ANTT {}; fairness {}; longest wait {:.3} ms",
        figure(metrics.deadline_miss_rate.map(|rate| 100.0 * rate), 1),
        figure(metrics.energy_per_completed_frame_nj.map(|nj| nj / 1e6), 3),
        figure(metrics.antt, 2),
        figure(metrics.fairness, 2),
        metrics.starvation_ms,
    )
}
