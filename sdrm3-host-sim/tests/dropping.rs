//! Does a policy that gives up frames at random ever beat the same policy, and what is the worst?
//!
//! In a simulation "the same schedule with one frame dropped" does not exist: the room that a dropped
//! frame leaves is used by others, which is why dropping can help at all. Under overload UXCost falls even
//! if frames are given up at random; where there is room for all frames, it rises with each share. What
//! holds for every scenario is that giving up everything is the worst: each model then has `R = 1` and, as
//! nothing ran, `E = 1`. `sdrm3-core/tests/uxcost.rs` tells what holds of the metric itself.

use bumpalo::Bump;
use sdrm3_core::{
    AcceleratorState, Config, Duration, Instant, JobView, MapScore, MapScoreWeighed, Offer, Policy, Score,
};
use sdrm3_host_sim::engine::{Cell, Outcome, simulate};
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::scenario::{Platform, Scenario, build};

/// MapScore, but of each 100 frames some are never begun: which ones depends on model and number only.
struct Careless {
    map_score: MapScore,
    percent: u32,
}

impl Careless {
    fn gives_up(&self, job: &JobView<'_>) -> bool {
        let mixed = (job.frame.number ^ u32::from(job.frame.model.0) << 20).wrapping_mul(0x9e37_79b9);
        (mixed ^ mixed >> 15).wrapping_mul(0x85eb_ca6b) >> 16 < self.percent * 65_536 / 100
    }
}

impl Policy for Careless {
    type Weighed = MapScoreWeighed;

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> MapScoreWeighed {
        self.map_score.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: MapScoreWeighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.map_score.score(weighed, job, offer)
    }

    fn abandons(&self, job: &JobView<'_>, _: Instant) -> bool {
        !job.started && self.gives_up(job)
    }
}

fn run(scenario: &str, percent: u32) -> Outcome {
    let scenario = Scenario::load(scenario).expect("built in");
    let platform = Platform::load("4k-1ws-2os").expect("built in");
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &Library::zoo(), None, &memory).expect("built in");
    let duration = Duration::from_millis(1_000);
    let cell = Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration,
        seed: 1,
    };
    let policy = Careless { map_score: MapScore::default(), percent };
    simulate(&cell, policy, Config::PLAIN, &mut ())
}

#[test]
fn giving_up_everything_is_the_worst_of_all() {
    for scenario in Scenario::built_in() {
        let everything = run(scenario, 100);
        let models = everything.tallies.iter().filter(|tally| tally.frames > 0).count() as f64;
        assert_eq!(everything.uxcost.value(), models * models, "{scenario}: R = 1 and E = 1 of each model");
        for percent in [0, 10, 30, 60, 90] {
            let some = run(scenario, percent);
            assert!(some.uxcost.value() < everything.uxcost.value(), "{scenario} at {percent} %");
            let dropped: u32 = some.tallies.iter().map(|tally| tally.dropped).sum();
            let frames: u32 = some.tallies.iter().map(|tally| tally.frames).sum();
            assert!(
                percent == 0 || f64::from(dropped) > f64::from(frames * percent) / 200.0,
                "{dropped} of {frames}"
            );
        }
    }
}

#[test]
fn where_there_is_room_for_all_frames_each_that_is_given_up_costs() {
    for scenario in ["drone_outdoor", "drone_indoor"] {
        let costs = [0, 10, 30, 60, 90, 100].map(|percent| run(scenario, percent).uxcost.value());
        assert!(costs.windows(2).all(|pair| pair[0] < pair[1]), "{scenario}: {costs:?}");
    }
}

/// Counterexample to "dropping more never pays" for a schedule: 17.9 without giving up any frame, 12.2
/// with 30 % of them given up at random.
#[test]
fn under_overload_giving_up_frames_at_random_pays() {
    let [none, some] = [0, 30].map(|percent| run("ar_social", percent).uxcost.value());
    assert!(some < 0.75 * none, "{some} with 30 % given up, {none} without");
}
