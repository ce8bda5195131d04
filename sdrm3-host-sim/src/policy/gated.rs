//! The gated policy without some of its rules, to see what each is good for; with all of them it is core's.

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Activity, Event, Gated, Instant, JobView, Offer, Policy, Score,
};

use super::{Part, Tables};
use crate::scenario::{ACCELERATORS, MODELS};

/// Lost frames that are kept come behind all others.
const HOPELESS: i64 = i64::MIN / 2;

/// The policy, and which rules it goes without.
#[derive(Clone, Copy, Debug)]
pub struct Stripped {
    policy: Gated<MODELS, ACCELERATORS>,
    gate: bool,
    abandon: bool,
    wait: bool,
}

impl Stripped {
    /// For these tables, with a comfort in sixteenths.
    ///
    /// Without the gate lost frames hurry like others, since their laxity is least. Without abandoning they run
    /// where nothing else wants to. Without waiting busy accelerators do not count. Without comfort every frame
    /// goes where it ends first. Without confidence it is careful before a frame was lost.
    pub fn new(tables: &Tables<'_>, without: &[Part], comfort: u16) -> Self {
        let has = |part| !without.contains(&part);
        let mut policy = Gated::new(tables);
        policy.comfort = comfort;
        if !has(Part::Comfort) {
            policy = policy.in_haste();
        }
        if !has(Part::Confidence) {
            policy = policy.always_careful();
        }
        let gate = has(Part::Gate);
        Self { policy, gate, abandon: gate && has(Part::Abandon), wait: has(Part::Wait) }
    }
}

impl Policy for Stripped {
    type Weighed = Option<(AcceleratorId, Score)>;

    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        if self.wait {
            return self.policy.prepare(jobs, accelerators, now);
        }
        let mut seen = accelerators.to_vec();
        for state in seen.iter_mut().filter(|state| matches!(state.activity, Activity::Busy { .. })) {
            state.activity = Activity::Resting;
        }
        self.policy.prepare(jobs, &seen, now);
    }

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> Self::Weighed {
        let (place, score) = self.policy.weigh(job, accelerators, now)?;
        let is_lost = self.gate && self.policy.abandons(job, now);
        Some((place, if is_lost { Score(HOPELESS + score.0) } else { score }))
    }

    fn score(&self, weighed: Self::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.policy.score(weighed, job, offer)
    }

    fn only(&self, weighed: Self::Weighed) -> Option<(AcceleratorId, Score)> {
        self.policy.only(weighed)
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        self.policy.observe(event, now);
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        self.abandon && self.policy.abandons(job, now)
    }
}
