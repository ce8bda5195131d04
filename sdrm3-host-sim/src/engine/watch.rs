//! Why a decision fell as it did: who was ready, where each could have gone, and what every pair scored.
//!
//! A policy that is watched decides as it does unwatched; it is only asked for whole scores, where it would
//! otherwise be asked for differences.

use std::cell::{Ref, RefCell};

use sdrm3_core::score::{PREFERENCE_BITS, SCORE_BITS, URGENCY_BITS};
use sdrm3_core::{
    AcceleratorId, AcceleratorState, Cost, Dispatch, Duration, Event, Frame, Instant, JobId, JobView, Offer,
    Placement, Policy, Score, Wanted, Weights, score,
};

/// The latest decision, as a recorder finds it when it hears of a dispatch or a drop.
#[derive(Debug, Default)]
pub struct Watch(RefCell<Decision>);

/// A decision.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The frames that waited.
    pub ready: Vec<Waiting>,
    /// Every pair of a waiting frame and an idle accelerator that was scored.
    pub candidates: Vec<Candidate>,
    now: Instant,
}

/// A frame that waits.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// Its job.
    pub job: JobId,
    /// It.
    pub frame: Frame,
    /// Since when.
    pub since: Instant,
    /// What is left until its deadline.
    pub slack: Duration,
    /// Work that is left, each segment on its fastest accelerator.
    pub fastest: Duration,
}

/// A pair of a waiting frame and an idle accelerator.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its job.
    pub job: JobId,
    /// The frame.
    pub frame: Frame,
    /// The accelerator.
    pub accelerator: AcceleratorId,
    /// How much it is wanted; `None`: the policy does not want it there, now.
    pub score: Option<Score>,
    /// What the score is made of, if it is MapScore's.
    pub terms: Option<Terms>,
    /// Expected latency of the next segment, in nanoseconds.
    pub latency_ns: u32,
    /// What moving the accelerator to the frame would cost.
    pub switch: Cost,
}

/// What a MapScore is made of: `urgency * latency_preference + alpha * starvation + beta * (energy_preference -
/// switch)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Work left over time left.
    pub urgency: f64,
    /// How good this accelerator is, in time.
    pub latency_preference: f64,
    /// Time waited over the next segment's latency.
    pub starvation: f64,
    /// How good this accelerator is, in energy.
    pub energy_preference: f64,
    /// Energy of the switch over that of the segment.
    pub switch: f64,
    /// The weight of starvation.
    pub alpha: f64,
    /// The weight of energy.
    pub beta: f64,
}

impl Terms {
    fn of(job: &JobView<'_>, offer: &Offer<'_>, weights: Weights, now: Instant) -> Self {
        let real = |bits: u32, fraction: u32| f64::from(bits) / f64::from(1u32 << fraction);
        let on = offer.placement;
        let switch = score::switch(offer.switch.energy_nj, on.energy_nj);
        Self {
            urgency: real(job.urgency(now), URGENCY_BITS),
            latency_preference: real(offer.latency_preference, PREFERENCE_BITS),
            starvation: real(job.starvation(now), SCORE_BITS),
            energy_preference: real(on.energy_preference, PREFERENCE_BITS),
            switch: real(switch, PREFERENCE_BITS),
            alpha: weights.alpha.as_f64(),
            beta: weights.beta.as_f64(),
        }
    }

    /// The three summands: of urgency, of starvation, of energy.
    pub fn summands(&self) -> [f64; 3] {
        let energy = self.beta * (self.energy_preference - self.switch);
        [self.urgency * self.latency_preference, self.alpha * self.starvation, energy]
    }
}

impl Watch {
    /// The latest decision.
    pub fn decision(&self) -> Ref<'_, Decision> {
        self.0.borrow()
    }
}

impl Decision {
    /// The pair that a dispatch chose.
    pub fn chosen(&self, block: &Dispatch) -> Option<&Candidate> {
        self.candidates
            .iter()
            .find(|pair| pair.job == block.job && pair.accelerator == block.ticket.accelerator)
    }

    /// The best pair of another frame than the one that a dispatch chose.
    pub fn runner_up(&self, block: &Dispatch) -> Option<&Candidate> {
        let others = self.candidates.iter().filter(|pair| pair.job != block.job && pair.score.is_some());
        others.max_by_key(|pair| pair.score)
    }
}

/// A policy, and who watches it, if somebody does.
#[derive(Debug)]
pub struct Watched<'a, P> {
    policy: P,
    watch: Option<&'a Watch>,
}

impl<'a, P> Watched<'a, P> {
    /// The policy under this watch.
    pub fn new(policy: P, watch: Option<&'a Watch>) -> Self {
        Self { policy, watch }
    }
}

impl<P: Policy> Policy for Watched<'_, P> {
    type Weighed = P::Weighed;

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> P::Weighed {
        self.policy.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: P::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        let score = self.policy.score(weighed, job, offer);
        if let Some(watch) = self.watch {
            let mut decision = watch.0.borrow_mut();
            let now = decision.now;
            decision.candidates.push(Candidate {
                job: job.id,
                frame: job.frame,
                accelerator: offer.accelerator,
                score,
                terms: self.policy.weights().map(|weights| Terms::of(job, offer, weights, now)),
                latency_ns: offer.latency_ns,
                switch: offer.switch,
            });
        }
        score
    }

    fn wanted(&self, weighed: P::Weighed) -> Wanted {
        if self.watch.is_some() { Wanted::Anywhere } else { self.policy.wanted(weighed) }
    }

    fn base(&self, weighed: P::Weighed) -> Option<Score> {
        if self.watch.is_some() { None } else { self.policy.base(weighed) }
    }

    fn above(&self, weighed: P::Weighed, placement: &Placement, latency_preference: u32) -> u32 {
        self.policy.above(weighed, placement, latency_preference)
    }

    fn at_most(&self, weighed: P::Weighed, on: &Placement, latency_preference: u32) -> Option<Score> {
        if self.watch.is_some() { None } else { self.policy.at_most(weighed, on, latency_preference) }
    }

    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        let Some(watch) = self.watch else { return self.policy.prepare(jobs, accelerators, now) };
        let mut decision = watch.0.borrow_mut();
        decision.now = now;
        decision.candidates.clear();
        decision.ready.clear();
        let waiting = |job: &JobView<'_>| Waiting {
            job: job.id,
            frame: job.frame,
            since: job.ready_since,
            slack: job.slack(now),
            fastest: job.fastest_togo,
        };
        let jobs: Vec<JobView<'a>> = jobs.collect();
        decision.ready.extend(jobs.iter().map(waiting));
        self.policy.prepare(jobs.into_iter(), accelerators, now);
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        self.policy.abandons(job, now)
    }

    fn block(&self, job: &JobView<'_>, offer: &Offer<'_>) -> u16 {
        self.policy.block(job, offer)
    }

    fn weights(&self) -> Option<Weights> {
        self.policy.weights()
    }

    fn set_weights(&mut self, weights: Weights) {
        self.policy.set_weights(weights);
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        self.policy.observe(event, now);
    }
}
