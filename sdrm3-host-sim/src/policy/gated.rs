//! The gated policy without some of its rules, to see what each is good for; with all of them it is core's.

use sdrm3_core::{
    AcceleratorState, Activity, Event, Gated, Instant, JobView, Model, Offer, Policy, Score, Wanted, Workload,
};

use super::{Part, Tables};
use crate::scenario::{ACCELERATORS, MODELS};

/// Lost frames that are kept come behind all others.
const LOST: i64 = i64::MIN / 2;

/// The same score for all comfortable frames, so that ties decide between them, and for all those of hopeless models.
///
/// In core it is the work, taken off nothing, or off what moves hopeless models behind all others; a frame without
/// comfort is lifted above that by far more than any work.
fn same_if_comfortable(score: Score) -> Score {
    const BEHIND: i64 = 1 << 42;
    const MOST_WORK: i64 = 1 << 32;
    if score.0 <= -BEHIND {
        Score(-BEHIND)
    } else if (-MOST_WORK..=0).contains(&score.0) {
        Score(0)
    } else {
        score
    }
}

/// The policy, and which rules it goes without.
#[derive(Clone, Copy, Debug)]
pub struct Stripped {
    policy: Gated<MODELS, ACCELERATORS>,
    gate: bool,
    abandon: bool,
    wait: bool,
    order: bool,
}

impl Stripped {
    /// For these tables, with a comfort in sixteenths.
    ///
    /// Without the gate lost frames hurry like others. Without abandoning they run
    /// where nothing else wants to. Without waiting busy accelerators do not count. Without the hold a frame runs
    /// where it is late. Without comfort every frame goes where it ends first. Without the reserve no time is kept
    /// for what may block a frame. Without haste lost frames change nothing. Without the tail it takes no frame to
    /// have any behind it. Without sufferage what hurries goes by deadline and laxity alone. Without persistence frames that have
    /// started go before others by that alone. Without sacrifice no model is hopeless. Without the order comfortable
    /// frames run by deadline.
    pub fn new(tables: &Tables<'_>, without: &[Part], comfort: u16) -> Self {
        let has = |part| !without.contains(&part);
        let alone: Vec<Model<'_, ACCELERATORS>> = tables
            .models
            .iter()
            .map(|model| {
                let mut model = *model;
                model.cascade = model.cascade.filter(|_| has(Part::Tail));
                model
            })
            .collect();
        let mut policy = Gated::new(&Workload::new(&alone, tables.accelerators));
        policy.comfort = comfort;
        if !has(Part::Haste) {
            policy.haste = 0;
        }
        if !has(Part::Sacrifice) {
            policy.hopeless_after = u8::MAX;
        }
        type Variant = fn(Gated<MODELS, ACCELERATORS>) -> Gated<MODELS, ACCELERATORS>;
        let variants: [(bool, Variant); 5] = [
            // What is lost and not given up is late everywhere.
            (has(Part::Hold) && has(Part::Gate) && has(Part::Abandon), Gated::without_hold),
            (has(Part::Reserve), Gated::without_reserve),
            (has(Part::Comfort), Gated::in_haste),
            (has(Part::Sufferage), Gated::without_sufferage),
            (has(Part::Persistence), Gated::without_persistence),
        ];
        for (_, without) in variants.into_iter().filter(|(has, _)| !has) {
            policy = without(policy);
        }
        let gate = has(Part::Gate);
        Self {
            policy,
            gate,
            abandon: gate && has(Part::Abandon),
            wait: has(Part::Wait),
            order: has(Part::Order),
        }
    }
}

impl Policy for Stripped {
    type Weighed = Wanted;

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
        let Wanted::On(place, mut score) = self.policy.weigh(job, accelerators, now) else {
            return Wanted::Nowhere;
        };
        if !self.order {
            score = same_if_comfortable(score);
        }
        let is_lost = self.gate && self.policy.abandons(job, now);
        Wanted::On(place, if is_lost { Score(LOST + score.0) } else { score })
    }

    fn score(&self, weighed: Self::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.policy.score(weighed, job, offer)
    }

    fn wanted(&self, weighed: Self::Weighed) -> Wanted {
        self.policy.wanted(weighed)
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        self.policy.observe(event, now);
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        self.abandon && self.policy.abandons(job, now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::Story;
    use super::super::{Method, Parameters, PolicyName};
    use super::*;

    /// What the policy makes of it, with all parts and without this one.
    fn told(story: &Story, part: Part) -> [Vec<String>; 2] {
        [&[][..], &[part]]
            .map(|without| story.told_by(&Method::new(PolicyName::Gated, without, Parameters::default())))
    }

    #[test]
    fn without_order_comfortable_frames_run_by_deadline() {
        let story = Story::new(1, 600).once("long", 0, 200, &[&[10]]).once("short", 0, 500, &[&[5]]);
        let [with, without] = told(&story, Part::Order);
        assert_eq!(with, ["0 short 0+1 on 0", "5 long 0+1 on 0"], "least work first");
        assert_eq!(without, ["0 long 0+1 on 0", "10 short 0+1 on 0"], "earliest deadline first");
    }

    /// Comfortable, without comfort, begun as well; and the same of a hopeless model.
    #[test]
    fn without_order_only_comfortable_frames_are_alike() {
        let (urgent, begun, hopeless) = (1i64 << 40, 3i64 << 40, 1i64 << 42);
        for (base, alike) in [(0, Score(0)), (-hopeless, Score(-hopeless))] {
            for work in [0, 5, u32::MAX.into()] {
                assert_eq!(same_if_comfortable(Score(base - work)), alike);
            }
            for hurries in [urgent, begun].map(|lift| Score(base + lift - 7)) {
                assert_eq!(same_if_comfortable(hurries), hurries);
            }
        }
    }

    /// `late` cannot be in time behind 8 ms of `filler`, nor on the other accelerator.
    #[test]
    fn without_abandoning_what_is_late_is_not_held_back_either() {
        let story = Story::new(2, 90).once("filler", 0, 80, &[&[8, 0]]).once("late", 1, 6, &[&[4, 9]]);
        let [with, without] = told(&story, Part::Abandon);
        assert_eq!(with, ["0 filler 0+1 on 0", "7 late drop"], "it may be in time if the filler ends early");
        assert_eq!(without, ["0 filler 0+1 on 0", "1 late 0+1 on 1"]);
    }

    /// At 5 ms what was begun has a laxity of 8 ms, less than the longest segment, and `tight` is due 1 ms sooner.
    #[test]
    fn without_persistence_what_was_begun_is_passed_by() {
        let story = Story::new(1, 90).once("begun", 0, 18, &[&[5], &[5]]).once("tight", 3, 14, &[&[10]]);
        let [with, without] = told(&story, Part::Persistence);
        assert_eq!(with, ["0 begun 0+1 on 0", "5 begun 1+1 on 0", "10 tight drop"]);
        assert_eq!(without, ["0 begun 0+1 on 0", "5 tight 0+1 on 0", "15 begun drop"]);
    }

    /// At 5 ms `begun` has a laxity of 35 ms, more than the longest segment.
    #[test]
    fn without_comfort_what_was_begun_is_passed_by_while_it_can_afford_it() {
        let story = Story::new(1, 90).once("begun", 0, 45, &[&[5], &[5]]).once("tight", 3, 18, &[&[10]]);
        let [_, without] = told(&story, Part::Comfort);
        assert_eq!(without, ["0 begun 0+1 on 0", "5 tight 0+1 on 0", "15 begun 1+1 on 0"]);
    }

    /// `tight` has 4 ms to spare: less than the longest segment, which may block it, so it is not comfortable.
    #[test]
    fn without_the_reserve_a_frame_is_comfortable_that_may_be_blocked() {
        let story = Story::new(1, 90).once("tight", 0, 10, &[&[6]]).once("brief", 0, 80, &[&[2]]);
        let [with, without] = told(&story, Part::Reserve);
        assert_eq!(with, ["0 tight 0+1 on 0", "6 brief 0+1 on 0"]);
        assert_eq!(without, ["0 brief 0+1 on 0", "2 tight 0+1 on 0"], "the least work first");
    }

    /// The parent is due at 11 ms when its child is counted, at 31 ms when it is not, and `other` at 14 ms.
    #[test]
    fn without_tail_a_parent_lets_others_take_the_time_of_its_child() {
        let story = Story::new(1, 90)
            .once("parent", 0, 31, &[&[5]])
            .model("child", "depends_on = 'parent'", &[&[20]])
            .once("other", 0, 14, &[&[5]]);
        let [with, without] = told(&story, Part::Tail);
        assert_eq!(with, ["0 parent 0+1 on 0", "5 other 0+1 on 0", "10 child 0+1 on 0"]);
        assert_eq!(without, ["0 other 0+1 on 0", "5 parent 0+1 on 0", "10 child 0+1 on 0"]);
    }
}
