//! Shortest job first.

use sdrm3_core::{AcceleratorState, Instant, JobView, Offer, Policy, Score};

/// The least expected work left first (ToGo).
#[derive(Clone, Copy, Debug, Default)]
pub struct Sjf;

impl Policy for Sjf {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score(-i64::try_from(job.segment.togo.as_nanos()).unwrap_or(i64::MAX))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}
