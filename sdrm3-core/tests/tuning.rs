//! The tuner in the scheduler's hands: windows end by time, their UXCost reaches it, its weights reach
//! the policy. What it makes of them is held by its own tests: here a twin that is fed by hand tells.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, span_ms};
use sdrm3_core::{Accelerator, Config, Event, Fault, ModelId, SegmentSpec, Tuner, Weight, Weights};
use story::{Plain, Story, model};

/// Half as much energy on the npu as on the dsp.
const EITHER: SegmentSpec<2> = SegmentSpec::new([cost(2, 10), cost(2, 20)]);

/// Windows of 100 ms.
const TUNING: Config = Config { tuning_window: Some(span_ms(100)), ..Config::PLAIN };

fn story(config: Config, weights: Option<Weights>) -> Story {
    let policy = Plain { weights, ..Plain::default() };
    let models = [model("a", 10, [EITHER]), model("b", 10, [EITHER])];
    Story::configured(policy, config, models, ["npu", "dsp"].map(Accelerator::new))
}

fn tuned() -> Story {
    story(TUNING, Some(Weights::default()))
}

/// A frame of `a` now, on the npu, that takes so long: half a frame violated at half the energy is a
/// cost of 0.25, one of one violated 0.5.
fn frame(story: &mut Story, took_ms: u64) {
    let number = story.release("a").number;
    story.then(&format!("a#{number} segment 0 on npu"), "alone");
    let end = story.now.saturating_add(span_ms(took_ms));
    story.at_instant(end).ends("npu");
}

/// The windows from number `first` on have these costs; the twin is told the same.
fn windows(story: &mut Story, twin: &mut Tuner, first: u64, late: &[bool]) {
    for (window, &late) in (first..).zip(late) {
        story.at(100 * window + 10);
        frame(story, if late { 12 } else { 2 });
        assert_eq!(story.scheduler.tuner(), twin, "nothing happens within window {window}");
        story.at(100 * (window + 1)).then("wait", "nothing is there");
        twin.window(if late { 0.5 } else { 0.25 });
        assert_eq!(story.scheduler.tuner(), twin, "at the end of window {window}");
        assert_eq!(story.scheduler.policy().weights, Some(twin.weights()), "the policy has its weights");
    }
}

#[test]
fn the_cost_of_each_window_reaches_the_tuner_and_its_weights_the_policy() {
    let mut story = tuned();
    let mut twin = Tuner::new(Weights::default());
    let late = [true, false, false, true, false, true, false, false, true, true, false, false, false];
    windows(&mut story, &mut twin, 0, &late);
    assert_ne!(twin.weights(), Weights::default(), "it has tried something");
    let heard = |event: &&Event| matches!(event, Event::Tuned(_));
    assert!(story.scheduler.policy().heard.iter().filter(heard).count() > 2, "and the policy heard of it");
}

#[test]
fn windows_follow_the_time_and_a_poll_that_comes_late_ends_one() {
    let mut story = tuned();
    let mut twin = Tuner::new(Weights::default());
    story.at(10);
    frame(&mut story, 2);
    story.at(99).then("wait", "the window has 1 ms to go");
    assert_eq!(story.scheduler.tuner(), &twin);
    // Three windows have passed: one ended, measured as a whole, and the next begins now.
    story.at(350).then("wait", "a late poll");
    twin.window(0.25);
    assert_eq!(story.scheduler.tuner(), &twin);
    frame(&mut story, 2);
    story.at(449).then("wait", "the window ends at 450 ms");
    assert_eq!(story.scheduler.tuner(), &twin);
    story.at(450).then("wait", "now");
    twin.window(0.25);
    assert_eq!(story.scheduler.tuner(), &twin);
}

#[test]
fn a_window_in_which_no_frame_ended_is_passed_over() {
    let mut story = tuned();
    let mut twin = Tuner::new(Weights::default());
    windows(&mut story, &mut twin, 0, &[false, false, false]);
    for window in 4..=9 {
        story.at(100 * window).then("wait", "nothing is there");
        assert_eq!(story.scheduler.tuner(), &twin, "a quiet time is no news");
    }
    windows(&mut story, &mut twin, 9, &[true, true]);
}

/// A frame counts in the window in which it ends.
#[test]
fn a_frame_counts_where_it_ends() {
    let mut story = tuned();
    story.at(95).release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.at(100).then("wait", "it runs");
    assert_eq!(story.scheduler.tuner(), &Tuner::new(Weights::default()), "no frame has ended: empty");
    story.at(101).ends("npu");
    story.at(200).then("wait", "it ended in this window");
    let mut twin = Tuner::new(Weights::default());
    twin.window(0.25);
    assert_eq!(story.scheduler.tuner(), &twin);
}

#[test]
fn without_tuning_the_weights_stay() {
    let given = Weights { alpha: Weight::from_millis(500), beta: Weight::ZERO };
    let mut story = story(Config::PLAIN, Some(given));
    for window in 0..10 {
        story.at(100 * window + 10);
        frame(&mut story, if window % 2 == 0 { 2 } else { 12 });
    }
    assert_eq!(story.scheduler.tuner(), &Tuner::new(given));
    assert_eq!(story.scheduler.policy().weights, Some(given));
}

#[test]
fn frozen_it_takes_the_best_weights_and_keeps_them() {
    let mut story = tuned();
    let mut twin = Tuner::new(Weights::default());
    windows(&mut story, &mut twin, 0, &[false, false, false]);
    assert_ne!(twin.weights(), twin.centre(), "a probe is under way");
    story.scheduler.freeze_tuner(true);
    twin.freeze(true);
    story.then("wait", "nothing is there");
    assert_eq!(story.scheduler.policy().weights, Some(Weights::default()));
    windows(&mut story, &mut twin, 3, &[true, false, true, false]);
    assert_eq!(story.scheduler.policy().weights, Some(Weights::default()));
    story.scheduler.freeze_tuner(false);
    twin.freeze(false);
    story.then("wait", "nothing is there");
    windows(&mut story, &mut twin, 7, &[true, false, true, false]);
    assert_ne!(twin.weights(), Weights::default(), "it goes on");
}

// ---- armed anew ------------------------------------------------------------------------------

/// All frames on time: the tuner settles where it is.
fn settled() -> (Story, Tuner, u64) {
    let mut story = tuned();
    let mut twin = Tuner::new(Weights::default());
    let mut window = 0;
    while !twin.is_settled() {
        windows(&mut story, &mut twin, window, &[false]);
        window += 1;
        assert!(window < 40, "it settles");
    }
    (story, twin, window)
}

type Change = fn(&mut Story);

const CHANGES: [(&str, Change); 4] = [
    ("a model off", |story| _ = story.scheduler.set_active(ModelId(1), false, story.now).unwrap()),
    ("a period", |story| story.scheduler.set_period(ModelId(1), span_ms(5), story.now).unwrap()),
    ("an accelerator gone", |story| _ = story.fault("dsp", Fault::OutOfService)),
    ("an accelerator back", |story| {
        story.fault("dsp", Fault::OutOfService);
        story.restore("dsp");
    }),
];

#[test]
fn every_change_of_the_workload_arms_it() {
    for (what, change) in CHANGES {
        let (mut story, mut twin, window) = settled();
        change(&mut story);
        twin.arm();
        assert_eq!(story.scheduler.tuner(), &twin, "{what}");
        assert!(!twin.is_settled());
        windows(&mut story, &mut twin, window, &[true, false, true]);
    }
}

#[test]
fn what_changes_nothing_does_not_arm_it() {
    let (mut story, twin, _) = settled();
    story.scheduler.set_active(ModelId(1), true, story.now).unwrap();
    story.restore("dsp");
    story.fault("npu", Fault::BlockLost);
    assert_eq!(story.scheduler.tuner(), &twin, "on already, in service already, and a mere lost block");
}

/// The probe that was under way is over with the workload that it was for.
#[test]
fn armed_during_a_probe_it_returns_to_the_best_weights_at_once() {
    for (what, change) in CHANGES {
        let mut story = tuned();
        let mut twin = Tuner::new(Weights::default());
        windows(&mut story, &mut twin, 0, &[false, false, false]);
        let probe = story.scheduler.policy().weights;
        assert_ne!(probe, Some(Weights::default()), "a probe is under way");
        change(&mut story);
        twin.arm();
        story.then("wait", "nothing is there");
        assert_eq!(story.scheduler.policy().weights, Some(Weights::default()), "{what}");
        windows(&mut story, &mut twin, 3, &[true, true, true]);
    }
}

#[test]
fn a_policy_without_weights_hears_of_none() {
    let mut story = story(TUNING, None);
    for window in 0..10 {
        story.at(100 * window + 10);
        frame(&mut story, if window % 2 == 0 { 2 } else { 12 });
    }
    let heard = &story.scheduler.policy().heard;
    assert!(!heard.iter().any(|event| matches!(event, Event::Tuned(_))), "there is nothing to tune");
    assert_eq!(story.scheduler.tuner(), &Tuner::new(Weights::default()), "nor to measure");
}

#[test]
fn a_window_in_which_no_frame_ended_teaches_nothing() {
    let mut story = tuned();
    for end in [100, 200, 300] {
        story.at(end).then("wait", "nothing is there");
    }
    assert_eq!(story.scheduler.windows(), 3);
    assert_eq!(story.scheduler.tuner(), &Tuner::new(Weights::default()), "as armed as before");
    let heard = |event: &Event| matches!(event, Event::Tuned(_));
    assert!(
        !story.scheduler.policy().heard.iter().any(heard),
        "nor does the policy hear of weights that it has"
    );
}

#[test]
fn an_accelerator_that_is_back_in_service_arms_it_and_one_that_has_rested_does_not() {
    for (fault, arms) in [(Fault::OutOfService, true), (Fault::Resting, false)] {
        let mut story = tuned();
        story.fault("dsp", fault);
        frame(&mut story, 2);
        story.at(100).then("wait", "a window has ended");
        let before = *story.scheduler.tuner();
        assert_ne!(before, Tuner::new(Weights::default()));
        story.restore("dsp");
        let armed = story.scheduler.tuner() == &Tuner::new(Weights::default());
        assert_eq!(armed, arms, "{fault:?}");
        assert!(armed || story.scheduler.tuner() == &before);
    }
}
