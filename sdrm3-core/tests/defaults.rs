//! What holds when nothing is said: defaults, and the hooks that a policy may leave out.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms};
use sdrm3_core::{
    AcceleratorState, Config, DropBudget, Duration, Instant, JobView, MapScore, Offer, Policy, Probability,
    Score, SegmentSpec, Weight, Weights,
};
use story::{JOBS, Story, model};

const EITHER: SegmentSpec<2> = SegmentSpec::new([cost(2, 10), cost(3, 20)]);

/// A policy that says no more than it has to.
struct Silent;

impl Policy for Silent {
    type Weighed = ();

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) {}

    fn score(&self, (): (), _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(Score::ZERO)
    }
}

#[test]
fn a_policy_that_says_no_more_than_it_has_to_runs_one_segment_at_a_time_and_gives_nothing_up() {
    let mut story = Story::configured(
        Silent,
        Config::FULL,
        [model("a", 10, [EITHER, EITHER])],
        ["npu", "dsp"].map(sdrm3_core::Accelerator::new),
    );
    story.release("a");
    story.then("a#0 segment 0 on npu", "equal scores: the faster one");
    story.at(20).ends("npu");
    story.then("a#0 segment 1 on npu", "late, and nobody gives it up");
    assert_eq!(story.block().score, Score::ZERO);
    story.at(22).ends("npu");
    let mut silent = Silent;
    assert_eq!((silent.base(()), silent.weights()), (None, None));
    silent.set_weights(Weights::default());
    assert_eq!(silent.weights(), None, "there are none to set");
}

#[test]
fn map_score_has_the_weights_that_it_was_given_last() {
    let given = |alpha, beta| Weights { alpha: Weight::from_millis(alpha), beta: Weight::from_millis(beta) };
    let mut policy = MapScore { weights: given(500, 1_500) };
    assert_eq!(policy.weights(), Some(given(500, 1_500)));
    policy.set_weights(given(250, 0));
    assert_eq!((policy.weights(), policy), (Some(given(250, 0)), MapScore { weights: given(250, 0) }));
    for bits in [0, 1, (2 << 30) - 1, 2 << 30] {
        assert_eq!(Weight::from_bits(bits).to_bits(), bits);
    }
    assert_eq!(Weight::from_bits(u32::MAX), Weight::MAX, "no more than two");
}

#[test]
fn the_capacity_is_the_number_given() {
    let mut story = Story::new(MapScore::default(), [model("a", 10, [EITHER])]);
    assert_eq!(story.scheduler.capacity(), JOBS);
    for held in 0..JOBS {
        assert_eq!(story.scheduler.jobs_in_flight(), held);
        story.release("a");
    }
    assert!(story.scheduler.release(story.id("a"), story.now).is_err(), "and not one more");
}

#[test]
fn defaults_are_the_published_ones() {
    assert_eq!(Config::default(), Config::FULL);
    assert_eq!(Config::FULL.tuning_window, Some(Duration::from_millis(400)));
    assert_eq!(DropBudget::default(), DropBudget::PUBLISHED);
    assert_eq!((DropBudget::PUBLISHED.lost(), DropBudget::PUBLISHED.of()), (2, 10));
    assert_eq!(Weights::default(), Weights { alpha: Weight::ONE, beta: Weight::ONE });
    let story = Story::configured(
        MapScore::default(),
        Config::PLAIN,
        [model("a", 10, [EITHER])],
        ["npu", "dsp"].map(sdrm3_core::Accelerator::new),
    );
    assert_eq!(story.scheduler.config(), Config::PLAIN);
    assert_eq!(story.scheduler.policy().weights, Weights::default());
}

#[test]
fn probabilities_are_numbers_from_0_to_1_in_steps_of_2_to_the_minus_16() {
    for (bits, number) in [(0, 0.0), (1, 1.0 / 65_536.0), (1 << 14, 0.25), (1 << 16, 1.0)] {
        let probability = Probability::from_bits(bits);
        assert_eq!((probability.to_bits(), probability.as_f64()), (bits, number));
        assert_eq!(Probability::from_f64(number), Some(probability));
    }
    assert_eq!(Probability::from_bits(65_537), Probability::ALWAYS, "no more than always");
    assert_eq!(Probability::from_percent(25).to_bits(), 1 << 14);
    for wrong in [-0.01, 1.01, f64::NAN] {
        assert_eq!(Probability::from_f64(wrong), None);
    }
}

#[test]
fn times_are_read_in_the_units_they_are_written_in() {
    assert_eq!(
        (Instant::from_micros(16_000), Duration::from_micros(16_000)),
        (ms(16), Duration::from_millis(16))
    );
    assert_eq!((ms(16).as_nanos(), Duration::from_millis(16).as_nanos()), (16_000_000, 16_000_000));
    assert_eq!(Instant::from_micros(u64::MAX), Instant::MAX);
}
