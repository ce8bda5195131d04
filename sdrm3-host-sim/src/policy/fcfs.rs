//! First come, first served.

use sdrm3_core::{AcceleratorState, Instant, JobView, Offer, Policy, Score};

/// The earlier release first, each segment on the fastest idle accelerator (by the documented ties).
#[derive(Clone, Copy, Debug, Default)]
pub struct Fcfs;

impl Policy for Fcfs {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score(-i64::try_from(job.frame.release.as_nanos()).unwrap_or(i64::MAX))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}
