//! What changes while the system runs, told as traces: models and frame rates, and the latencies that
//! the correction learns. `tests/tuning.rs` tells of the tuner, `tests/moving.rs` of what a move costs.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, AcceleratorId, Action, Activity, Config, Cost, Event, Fault, Instant, Model, ModelId,
    Outcome, Probability, Progress, Refusal, SegmentSpec,
};
use story::{Plain, Story, child, model};

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10), Cost::NONE])
}

const fn both(npu_ms: u32, dsp_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(npu_ms, 10), cost(dsp_ms, 10)])
}

fn configured<const N: usize>(config: Config, models: [Model<'static, 2>; N]) -> Story {
    Story::configured(Plain::default(), config, models, ["npu", "dsp"].map(Accelerator::new))
}

fn switch(story: &mut Story, model: &str, active: bool) {
    let id = story.id(model);
    story.scheduler.set_active(id, active, story.now).expect("a model of the story");
}

// ---- models on and off -----------------------------------------------------------------------

#[test]
fn switching_a_model_off_withdraws_what_waits_and_leaves_what_runs() {
    let mut story =
        Story::new(Plain::default(), [model("a", 30, [npu(4), npu(4)]), model("b", 30, [npu(4)])]);
    for model in ["a", "a", "b"] {
        story.release(model);
    }
    story.then("a#0 segment 0 on npu", "the lowest");
    switch(&mut story, "a", false);
    story.then("drop a#1: Withdrawn", "it waits");
    story.then("wait until 30 ms", "b#0 waits for the npu; the block of a#0 is never preempted");
    assert_eq!(story.counts("a"), [1, 0, 0, 0], "a#1 is no longer counted, a#0 still is");
    story.at(4).ends("npu");
    story.then("drop a#0: Withdrawn", "its block has ended, and it has another segment to go");
    story.then("b#0 segment 0 on npu", "what is left");
    assert_eq!(story.counts("a"), [0, 0, 0, 0]);
    assert_eq!(story.tally("a").energy_nj, 10_000, "what was spent was spent");
}

#[test]
fn a_last_block_of_a_model_that_was_switched_off_is_a_result() {
    let mut story = Story::new(Plain::default(), [model("a", 30, [npu(4)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    switch(&mut story, "a", false);
    story.then("wait", "nothing waits");
    story.at(4).ends("npu");
    assert_eq!(story.counts("a"), [1, 1, 0, 0]);
}

#[test]
fn a_block_that_is_lost_after_its_model_was_switched_off_is_not_run_again() {
    let mut story = Story::new(Plain::default(), [model("a", 30, [npu(4)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    switch(&mut story, "a", false);
    assert!(story.fault("npu", Fault::BlockLost));
    story.then("drop a#0: Withdrawn", "it waits again");
}

#[test]
fn an_inactive_child_is_refused_and_its_parent_goes_on() {
    let mut story = Story::new(Plain::default(), [model("hands", 30, [npu(4)]), child("pose", 0, [npu(2)])]);
    let first = story.release("hands");
    story.then("hands#0 segment 0 on npu", "alone");
    switch(&mut story, "pose", false);
    story.at(4).ends("npu");
    for refused in [
        story.scheduler.release_child(ModelId(1), &first, ms(4)).map(|(frame, _)| frame),
        story.scheduler.lose_child(ModelId(1), &first, ms(4)),
    ] {
        assert_eq!(refused.unwrap_err().why, Refusal::Inactive);
    }
    assert_eq!(story.counts("pose"), [0, 0, 0, 0], "neither run nor lost");
    switch(&mut story, "pose", true);
    let second = story.release("hands");
    story.then("hands#1 segment 0 on npu", "alone");
    story.ends("npu");
    story.scheduler.release_child(ModelId(1), &second, ms(4)).unwrap();
    story.then("pose#1 segment 0 on npu", "on again; it has its parent's number");
}

#[test]
fn children_go_on_when_their_parent_is_switched_off() {
    let mut story = Story::new(Plain::default(), [model("hands", 30, [npu(4)]), child("pose", 0, [npu(2)])]);
    let first = story.release("hands");
    story.then("hands#0 segment 0 on npu", "alone");
    story.at(4).ends("npu");
    story.scheduler.release_child(ModelId(1), &first, ms(4)).unwrap();
    switch(&mut story, "hands", false);
    story.then("pose#0 segment 0 on npu", "a result of `hands` is there");
}

#[test]
fn a_model_that_comes_back_goes_on_counting() {
    let mut story = Story::new(Plain::default(), [model("a", 30, [npu(4)])]);
    story.release("a");
    switch(&mut story, "a", false);
    story.then("drop a#0: Withdrawn", "it waits");
    let refused = story.scheduler.release(ModelId(0), ms(0)).unwrap_err();
    assert_eq!((refused.why, refused.frame), (Refusal::Inactive, None));
    switch(&mut story, "a", true);
    assert_eq!(story.release("a").number, 1, "numbers are not used twice");
    story.then("a#1 segment 0 on npu", "on again");
}

#[test]
fn a_policy_hears_of_changes_and_not_of_what_stays() {
    let mut story = Story::new(Plain::default(), [model("a", 30, [npu(4)])]);
    for active in [true, false, false, true] {
        switch(&mut story, "a", active);
    }
    let id = ModelId(0);
    assert_eq!(story.scheduler.policy().heard, [Event::Activated(id, false), Event::Activated(id, true)]);
}

// ---- frame rates -----------------------------------------------------------------------------

#[test]
fn the_deadline_follows_the_period_unless_it_was_another() {
    let mut story = Story::new(
        Plain::default(),
        [model("period", 30, [npu(4)]), model("own", 30, [npu(4)]).with_deadline(span_ms(20))],
    );
    let before = story.release("period");
    for id in [0, 1] {
        story.scheduler.set_period(ModelId(id), span_ms(10), ms(0)).unwrap();
    }
    story.at(5);
    let deadlines = [story.release("period").deadline, story.release("own").deadline];
    assert_eq!(deadlines, [ms(15), ms(25)], "due within the new period; due after 20 ms as before");
    assert_eq!(before.deadline, ms(30), "a frame that is there keeps its deadline");
    story.scheduler.set_period(ModelId(0), span_ms(30), ms(5)).unwrap();
    assert_eq!(story.release("period").deadline, ms(35), "and back");
    story.at(15).then("drop period#1: Stale", "it is due");
}

#[test]
fn children_inherit_the_new_deadline() {
    let mut story = Story::new(
        Plain::default(),
        [
            model("hands", 30, [npu(1)]),
            child("pose", 0, [npu(1)]),
            child("own", 0, [npu(1)]).after(ModelId(0), Probability::ALWAYS).with_deadline(span_ms(50)),
        ],
    );
    story.scheduler.set_period(ModelId(0), span_ms(10), ms(0)).unwrap();
    let parent = story.release("hands");
    let deadline = |story: &mut Story, id| {
        story.scheduler.release_child(ModelId(id), &parent, ms(1)).unwrap().0.deadline
    };
    assert_eq!([deadline(&mut story, 1), deadline(&mut story, 2)], [ms(10), ms(50)]);
}

// ---- latency correction ----------------------------------------------------------------------

const CORRECTING: Config = Config { correction: true, ..Config::PLAIN };

/// Frames of `a`, 8 ms on the npu and 9 on the dsp, of which the npu takes `takes`; where each ran.
fn placed(config: Config, takes: u64, frames: u32) -> (Story, String) {
    let mut story = configured(config, [model("a", 100, [both(8, 9)])]);
    let mut places = String::new();
    for number in 0..frames {
        story.at(100 * u64::from(number)).release("a");
        let Action::Dispatch(block) = story.scheduler.poll(story.now) else { panic!("both are idle") };
        let (name, took) = if block.ticket.accelerator.0 == 0 { ("n", takes) } else { ("d", 9) };
        places += name;
        let until = ms(100 * u64::from(number) + took);
        story.at_instant(until);
        story.scheduler.complete(block.ticket, Outcome::finished(until), until).unwrap();
    }
    (story, places)
}

fn factor(story: &Story, accelerator: u8) -> f64 {
    story.scheduler.latency_factor(ModelId(0), AcceleratorId(accelerator)).expect("they exist")
}

#[test]
fn a_throttled_accelerator_is_avoided_once_it_is_known() {
    let (story, places) = placed(CORRECTING, 16, 5);
    assert_eq!(places, "ndddd", "8 * 1.25 ms are more than 9");
    assert_eq!([factor(&story, 0), factor(&story, 1)], [1.25, 1.0]);
    assert_eq!(placed(CORRECTING, 8, 5).1, "nnnnn", "as fast as its table says");
    let (story, places) = placed(Config::PLAIN, 16, 5);
    assert_eq!((places.as_str(), factor(&story, 0)), ("nnnnn", 1.0), "nothing is learnt when it is off");
}

#[test]
fn one_outlier_changes_little_and_the_factor_is_bounded() {
    let mut story = configured(CORRECTING, [model("a", 90_000, [npu(8)])]);
    let mut run = |took: u64| {
        let start = story.now;
        story.release("a");
        let Action::Dispatch(block) = story.scheduler.poll(start) else { panic!("alone") };
        let until = start.saturating_add(span_ms(took));
        story.at_instant(until);
        story.scheduler.complete(block.ticket, Outcome::finished(until), until).unwrap();
        factor(&story, 0)
    };
    assert_eq!(run(80_000), 1.25, "ten thousand times as long counts as twice");
    let after = [8; 12].map(&mut run);
    assert!(after[11] < 1.01 && after.windows(2).all(|pair| pair[1] <= pair[0]), "{after:?}");
    let slow = [80_000; 20].map(&mut run);
    assert!(slow[19] <= 4.0 && slow[19] > 3.99, "{slow:?}");
    let fast = [0; 40].map(&mut run);
    assert!(fast[39] >= 0.25 && fast[39] < 0.26, "{fast:?}");
}

#[test]
fn each_model_has_a_factor_of_its_own() {
    let mut story = configured(CORRECTING, [model("a", 100, [npu(8)]), model("b", 100, [npu(8)])]);
    story.release("b");
    story.then("b#0 segment 0 on npu", "alone");
    story.at(16).ends("npu");
    assert_eq!([factor(&story, 0), factor(&story, 1)], [1.0, 1.0], "of `a`, which has not run");
    let of_b =
        [0, 1].map(|accelerator| story.scheduler.latency_factor(ModelId(1), AcceleratorId(accelerator)));
    assert_eq!(of_b, [Some(1.25), Some(1.0)]);
}

/// The time in the queue before the device begins is not the block's.
#[test]
fn what_is_measured_is_what_the_device_took() {
    let mut story = configured(CORRECTING, [model("a", 100, [npu(8)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.at(40);
    story.ends_with("npu", Outcome::finished(ms(40)).with_start(ms(32)));
    assert_eq!(factor(&story, 0), 1.0, "8 ms from 32 to 40");
}

/// The device's clock is ahead: its end counts as now, and a start after that says nothing.
#[test]
fn a_clock_that_is_ahead_makes_no_frame_late_and_teaches_nothing() {
    let mut story = configured(CORRECTING, [model("a", 20, [npu(8)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.at(8);
    let report = story.ends_with("npu", Outcome::finished(ms(5_000)).with_start(ms(4_992)));
    assert_eq!((report.progress, report.finished), (Progress::InTime, ms(8)));
    assert_eq!(factor(&story, 0), 1.0);
}

#[test]
fn a_block_that_was_lost_teaches_nothing() {
    let mut story = configured(CORRECTING, [model("a", 100, [npu(8)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.at(90).fault("npu", Fault::BlockLost);
    assert_eq!(factor(&story, 0), 1.0);
}

/// The expected end of a block, which smart frame drop and policies look at, follows what was learnt.
#[test]
fn the_expected_end_of_a_block_is_corrected() {
    let until = |config, took| {
        let mut story = configured(config, [model("a", 100, [npu(8)])]);
        story.release("a");
        story.then("a#0 segment 0 on npu", "alone");
        story.at(took).ends("npu");
        story.at(50).release("a");
        story.then("a#1 segment 0 on npu", "alone");
        match story.scheduler.accelerators()[0].activity {
            Activity::Busy { until } => until.saturating_since(Instant::from_millis(50)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(until(CORRECTING, 16), span_ms(10), "8 ms, a quarter longer");
    assert_eq!(until(CORRECTING, 8), span_ms(8));
    assert_eq!(until(Config::PLAIN, 16), span_ms(8));
}
