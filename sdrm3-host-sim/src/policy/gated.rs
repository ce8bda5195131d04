//! The gated policy without some of its rules, to see what each is good for; with all of them it is core's.

use sdrm3_core::{
    AcceleratorId, AcceleratorState, Activity, Event, Gated, Instant, JobView, Model, Offer, Policy, Score,
    Workload,
};

use super::{Part, Tables};
use crate::scenario::{ACCELERATORS, MODELS};

/// Lost frames that are kept come behind all others.
const HOPELESS: i64 = i64::MIN / 2;

/// What lifts the score of a frame without comfort above those of others, in core, and that of one that goes on above
/// these; its laxity, in units of 16 ns, is taken off.
const URGENT: i64 = 1 << 40;
const STARTED: i64 = 1 << 41;

/// The score of every comfortable frame, which is below those without comfort, if their work does not count: ties
/// decide.
const COMFORTABLE: Score = Score(-1);

/// The policy, and which rules it goes without.
#[derive(Clone, Copy, Debug)]
pub struct Stripped {
    policy: Gated<MODELS, ACCELERATORS>,
    gate: bool,
    abandon: bool,
    wait: bool,
    order: bool,
    /// With less laxity than this, in units of 16 ns, what has started goes on.
    goes_on_below: i64,
}

impl Stripped {
    /// For these tables, with a comfort in sixteenths.
    ///
    /// Without the gate lost frames hurry like others, since their laxity is least. Without abandoning they run
    /// where nothing else wants to. Without waiting busy accelerators do not count. Without comfort every frame
    /// goes where it ends first. Without the reserve no time is kept for what may block a frame. Without confidence it is careful before a frame was lost. Without the tail it takes
    /// no frame to have any behind it. Without persistence frames that have started go before others by their laxity
    /// alone. Without the order comfortable frames run by deadline.
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
        if !has(Part::Comfort) {
            policy = policy.in_haste();
        }
        if !has(Part::Reserve) {
            policy = policy.without_reserve();
        }
        if !has(Part::Confidence) {
            policy = policy.always_careful();
        }
        // Core takes its reserve for the longest segment, which two of the variants change.
        let goes_on_below = if has(Part::Persistence) { longest(tables) } else { i64::MIN };
        let gate = has(Part::Gate);
        Self {
            policy,
            gate,
            abandon: gate && has(Part::Abandon),
            wait: has(Part::Wait),
            order: has(Part::Order),
            goes_on_below,
        }
    }
}

/// The longest segment, on its fastest accelerator, in units of 16 ns.
fn longest(tables: &Tables<'_>) -> i64 {
    let networks = tables.models.iter().flat_map(|model| model.subnetworks);
    let least = networks.flat_map(|network| network.segments).filter_map(|segment| {
        segment.placements().iter().filter(|on| on.runs()).map(|on| on.latency_ns).min()
    });
    i64::from(least.max().unwrap_or(0) >> 4)
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
        let (place, mut score) = self.policy.weigh(job, accelerators, now)?;
        if score.0 > 0 {
            let urgency = if score.0 >= STARTED { URGENT + STARTED } else { URGENT };
            let laxity = urgency - score.0;
            let goes_on = job.started && laxity < self.goes_on_below;
            score.0 = if goes_on { URGENT + STARTED } else { URGENT } - laxity;
        } else if !self.order {
            score = COMFORTABLE;
        }
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

    /// At 5 ms what was begun has a laxity of 8 ms, less than the longest segment, and `tight` one of 2 ms.
    #[test]
    fn without_persistence_what_was_begun_is_passed_by() {
        let story = Story::new(1, 90).once("begun", 0, 18, &[&[5], &[5]]).once("tight", 3, 14, &[&[10]]);
        let [with, without] = told(&story, Part::Persistence);
        assert_eq!(with, ["0 begun 0+1 on 0", "5 begun 1+1 on 0", "10 tight drop"]);
        assert_eq!(without, ["0 begun 0+1 on 0", "5 tight 0+1 on 0", "15 begun drop"]);
    }

    /// At 5 ms `begun` has a laxity of 35 ms, more than the longest segment, and in haste everything is without comfort.
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

    /// The parent leaves 6 ms to spare when its child is counted, 26 ms when it is not, and `other` 9 ms.
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
