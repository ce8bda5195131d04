//! One run in detail, for people.

use std::io::{self, Write};

use sdrm3_core::Workload;

use super::{Run, table};
use crate::engine::Outcome;
use crate::scenario::ACCELERATORS;

/// Writes the table of a run's models and its sums.
pub fn write_detail(
    run: &Run,
    workload: &Workload<'_, ACCELERATORS>,
    outcome: &Outcome,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "{} on {} under {}, {} ms of virtual time, seed {}\n",
        run.scenario, run.platform, run.policy, run.duration_ms, run.seed
    )?;
    let rows =
        run.models.iter().zip(workload.models).zip(&outcome.stats.models).map(|((model, table), stats)| {
            let mut latencies = stats.latencies_ns.clone();
            latencies.sort_unstable();
            let ms = |share: f64| {
                percentile(&latencies, share)
                    .map_or_else(|| "-".into(), |ns| format!("{:.3}", ns as f64 / 1e6))
            };
            let mut row = vec![model.name.clone()];
            row.extend(
                [model.frames, model.completed, model.dropped, model.unfinished, model.violated]
                    .map(|n| n.to_string()),
            );
            let share = f64::from(model.violated) / f64::from(model.frames.max(1));
            row.push(format!("{:.1} %", 100.0 * share));
            row.extend([0.50, 0.95, 0.99].map(ms));
            row.push(
                table
                    .deadline
                    .map_or_else(|| "parent's".into(), |d| format!("{:.3}", d.as_nanos() as f64 / 1e6)),
            );
            row.push(format!("{:.3}", model.energy_nj as f64 / 1e6));
            row.push(format!("{:.3}", model.energy_nj as f64 / model.worst_energy_nj.max(1) as f64));
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
        "energy mJ",
        "of worst",
    ];
    writeln!(out, "{}\n", table(&header, rows))?;
    writeln!(
        out,
        "UXCost {:.4} = violation rates {:.4} x normalised energies {:.4}; XRBench score {:.2}; {} dispatches",
        run.uxcost, run.violation_rate_sum, run.energy_norm_sum, run.xrbench_score, run.decisions
    )
}

/// The smallest value that at least this share of the sorted values does not exceed.
fn percentile(sorted: &[u64], share: f64) -> Option<u64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&sorted, 0.5), Some(50));
        assert_eq!(percentile(&sorted, 0.99), Some(99));
        assert_eq!(percentile(&[7], 0.5), Some(7));
        assert_eq!(percentile(&[], 0.5), None);
    }
}
