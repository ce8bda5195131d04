//! What the tests share: short names for units, and a policy that writes down what it was asked.

#![allow(dead_code)] // each test binary uses its share

use std::cell::RefCell;

use sdrm3_core::score;
use sdrm3_core::{
    AcceleratorId, AcceleratorState, Cost, Duration, Frame, Instant, JobView, MapScore, MapScoreWeighed,
    Offer, Policy, Score, SegmentInfo, Weights,
};

/// An instant in milliseconds.
pub(crate) const fn ms(n: u64) -> Instant {
    Instant::from_millis(n)
}

/// A span in milliseconds.
pub(crate) const fn span_ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A cost from milliseconds and microjoules.
pub(crate) const fn cost(latency_ms: u32, energy_uj: u32) -> Cost {
    Cost::new(latency_ms * 1_000_000, energy_uj * 1_000)
}

/// A pair of ready job and idle accelerator, as MapScore saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) frame: Frame,
    pub(crate) subnetwork: u8,
    pub(crate) segment_index: u16,
    pub(crate) ready_since: Instant,
    pub(crate) segment: SegmentInfo,
    pub(crate) accelerator: AcceleratorId,
    pub(crate) switch: Cost,
    pub(crate) weighed: MapScoreWeighed,
    pub(crate) score: Score,
}

/// MapScore, with a list of the pairs of the latest decision.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    pub(crate) map_score: MapScore,
    pub(crate) pairs: RefCell<Vec<Pair>>,
}

impl Policy for Witness {
    type Weighed = MapScoreWeighed;

    fn prepare<'a>(
        &mut self,
        _: impl Iterator<Item = JobView<'a>>,
        _: &[sdrm3_core::AcceleratorState],
        _: Instant,
    ) {
        self.pairs.get_mut().clear();
    }

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> MapScoreWeighed {
        // What was made ready at events is what the job has now, and has at any other time.
        let before = Instant::from_nanos(job.ready_since.as_nanos().saturating_sub(1));
        let later = now.saturating_add(span_ms(1));
        for at in [now, before, later, job.frame.deadline, Instant::ZERO, Instant::MAX] {
            assert_eq!(job.urgency(at), score::urgency(job.togo, job.slack(at)), "{at:?}");
            let wait = at.saturating_since(job.ready_since);
            assert_eq!(job.starvation(at), score::starvation(wait, job.segment.mean_latency_ns), "{at:?}");
        }
        for (on, index) in job.placements.iter().zip(0u8..).filter(|(on, _)| !on.runs()) {
            assert_eq!(job.latency_on(AcceleratorId(index)), None, "{on:?}");
        }
        self.map_score.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: MapScoreWeighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        assert_eq!(job.latency_on(offer.accelerator), Some(offer.latency_ns));
        let score = self.map_score.score(weighed, job, offer)?;
        let at_most = self.map_score.at_most(weighed, offer.placement, offer.latency_preference);
        assert!(at_most.is_some_and(|at_most| score <= at_most), "{score:?} is above {at_most:?}");
        // Asked for base and difference, it says the same.
        if offer.switch == Cost::NONE
            && let Some(base) = self.map_score.base(weighed)
        {
            let above = self.map_score.above(weighed, offer.placement, offer.latency_preference);
            assert_eq!(score, Score(base.0 + i64::from(above)));
        }
        self.pairs.borrow_mut().push(Pair {
            frame: job.frame,
            subnetwork: job.subnetwork,
            segment_index: job.segment_index,
            ready_since: job.ready_since,
            segment: *job.segment,
            accelerator: offer.accelerator,
            switch: offer.switch,
            weighed,
            score,
        });
        Some(score)
    }

    fn weights(&self) -> Option<Weights> {
        self.map_score.weights()
    }

    fn set_weights(&mut self, weights: Weights) {
        self.map_score.set_weights(weights);
    }
}
