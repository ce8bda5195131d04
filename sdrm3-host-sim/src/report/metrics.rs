//! Figures beside UXCost, so that no single one is gamed.

use sdrm3_core::Tally;
use serde::Serialize;

use crate::engine::ModelStats;

/// Figures of one model in a run; `None` where there is nothing to take them of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Share of its frames that were violated.
    pub deadline_miss_rate: Option<f64>,
    /// Energy spent, on whatever frames, per completed frame, in nanojoules.
    pub energy_per_completed_frame_nj: Option<f64>,
    /// Median latency of completed frames, in milliseconds.
    pub latency_p50_ms: Option<f64>,
    /// Latency that 95 % of the completed frames do not exceed, in milliseconds.
    pub latency_p95_ms: Option<f64>,
    /// Latency that 99 % of the completed frames do not exceed, in milliseconds.
    pub latency_p99_ms: Option<f64>,
    /// Average normalised turnaround time: latency over that on an empty platform, each layer on its
    /// fastest accelerator; mean over completed frames, 1 at best.
    pub antt: Option<f64>,
    /// Normalised progress: the inverse of the former, mean over all frames, one without a result
    /// counting as 0; 1 at best.
    pub progress: Option<f64>,
    /// The longest that a frame was ready without running, at one time, in milliseconds.
    pub starvation_ms: f64,
}

/// The same of all models of a run together, and how evenly they progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RunMetrics {
    /// Share of all frames that were violated.
    pub deadline_miss_rate: Option<f64>,
    /// Energy spent, on whatever frames, per completed frame, in nanojoules.
    pub energy_per_completed_frame_nj: Option<f64>,
    /// Average normalised turnaround time over all completed frames.
    pub antt: Option<f64>,
    /// The least progress of a model over the greatest: 1 when all progress alike (Eyerman and Eeckhout,
    /// IEEE Micro 2008; PREMA, HPCA 2020).
    pub fairness: Option<f64>,
    /// The longest that a frame was ready without running, at one time, in milliseconds.
    pub starvation_ms: f64,
}

/// A quotient, unless nothing is divided by.
fn per(sum: f64, count: u32) -> Option<f64> {
    (count > 0).then(|| sum / f64::from(count))
}

impl Metrics {
    /// Of a model's tally and what was measured beside it.
    pub(super) fn of(tally: &Tally, stats: &ModelStats) -> Self {
        let mut latencies = stats.latencies_ns.clone();
        latencies.sort_unstable();
        let ms = |share| percentile(&latencies, share).map(|ns| ns as f64 / 1e6);
        Self {
            deadline_miss_rate: per(f64::from(tally.violated), tally.frames),
            energy_per_completed_frame_nj: per(tally.energy_nj as f64, tally.completed),
            latency_p50_ms: ms(0.50),
            latency_p95_ms: ms(0.95),
            latency_p99_ms: ms(0.99),
            antt: per(stats.turnaround_sum, tally.completed),
            progress: per(stats.progress_sum, tally.frames),
            starvation_ms: stats.longest_wait_ns as f64 / 1e6,
        }
    }
}

impl RunMetrics {
    /// Of all models' tallies and what was measured beside them.
    pub(super) fn of(tallies: &[Tally], stats: &[ModelStats]) -> Self {
        let count = |of: fn(&Tally) -> u32| tallies.iter().map(of).sum::<u32>();
        let (frames, completed) = (count(|tally| tally.frames), count(|tally| tally.completed));
        let progress = || {
            let of_model = |(tally, stats): (&Tally, &ModelStats)| per(stats.progress_sum, tally.frames);
            tallies.iter().zip(stats).filter_map(of_model)
        };
        let (least, most) = (progress().fold(f64::INFINITY, f64::min), progress().fold(0.0, f64::max));
        let longest = stats.iter().map(|stats| stats.longest_wait_ns).max().unwrap_or(0);
        Self {
            deadline_miss_rate: per(f64::from(count(|tally| tally.violated)), frames),
            energy_per_completed_frame_nj: per(
                tallies.iter().map(|tally| tally.energy_nj as f64).sum(),
                completed,
            ),
            antt: per(stats.iter().map(|stats| stats.turnaround_sum).sum(), completed),
            fairness: (most > 0.0).then(|| least / most),
            starvation_ms: longest as f64 / 1e6,
        }
    }
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

    /// Two frames of one model took twice and four times as long as alone, one of three of the other
    /// as long as alone; the others were dropped.
    #[test]
    fn a_run_of_two_models_by_hand() {
        let tallies = [
            Tally { frames: 2, completed: 2, violated: 1, energy_nj: 300, ..Tally::default() },
            Tally { frames: 3, completed: 1, violated: 2, dropped: 2, energy_nj: 90, ..Tally::default() },
        ];
        let stats = [
            ModelStats {
                turnaround_sum: 6.0,
                progress_sum: 0.75,
                latencies_ns: vec![4_000_000, 2_000_000],
                longest_wait_ns: 1_500_000,
                ..ModelStats::default()
            },
            ModelStats { turnaround_sum: 1.0, progress_sum: 1.0, ..ModelStats::default() },
        ];
        let first = Metrics::of(&tallies[0], &stats[0]);
        assert_eq!((first.antt, first.progress), (Some(3.0), Some(0.375)));
        assert_eq!((first.latency_p50_ms, first.latency_p99_ms), (Some(2.0), Some(4.0)));
        assert_eq!((first.energy_per_completed_frame_nj, first.starvation_ms), (Some(150.0), 1.5));
        let run = RunMetrics::of(&tallies, &stats);
        assert_eq!((run.deadline_miss_rate, run.energy_per_completed_frame_nj), (Some(0.6), Some(130.0)));
        assert_eq!((run.antt, run.starvation_ms), (Some(7.0 / 3.0), 1.5));
        assert_eq!(run.fairness, Some((1.0 / 3.0) / 0.375));
        assert_eq!(RunMetrics::of(&[Tally::default()], &[ModelStats::default()]), RunMetrics::default());
    }
}
