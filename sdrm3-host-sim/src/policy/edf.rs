//! Earliest deadline first.

use sdrm3_core::{AcceleratorState, Instant, JobView, Offer, Policy, Score};

/// All scores are equal: the documented ties put the earliest deadline first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Edf;

impl Policy for Edf {
    type Weighed = Score;

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score::ZERO
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}
