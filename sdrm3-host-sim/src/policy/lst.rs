//! Least slack time first.

use sdrm3_core::{Instant, JobView, Offer, Policy, Score};

/// The least slack first: time left minus expected work left, negative when the job is late.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lst;

impl Policy for Lst {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, now: Instant) -> Score {
        let time_left = i128::from(job.frame.deadline.as_nanos()) - i128::from(now.as_nanos());
        let slack = time_left - i128::from(job.segment.togo.as_nanos());
        Score(i64::try_from(-slack).unwrap_or(i64::MIN))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}
