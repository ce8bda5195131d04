//! The gated policy, rule by rule, each where the published score decides otherwise.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, Config, Cost, Fault, Gated, MapScore, Model, Outcome, Progress, Segment, SegmentSpec,
    SubNetwork, Weight, Weights,
};
use story::{MODELS, Story, child, model};

/// The npu is fast, the dsp is slow and takes a quarter of the energy.
const fn both(npu_ms: u32, dsp_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(npu_ms, 4 * npu_ms), cost(dsp_ms, npu_ms)])
}

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10), Cost::NONE])
}

const NAMES: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("dsp")];

/// Careful, unless a test says otherwise.
fn gated<const N: usize>(models: [Model<'static, 2>; N]) -> Story<Gated<MODELS, 2>> {
    Story::made(|workload| Gated::new(workload).always_careful(), Config::PLAIN, models, NAMES)
}

fn confident<const N: usize>(models: [Model<'static, 2>; N]) -> Story<Gated<MODELS, 2>> {
    Story::made(|workload| Gated::new(workload), Config::PLAIN, models, NAMES)
}

fn published<const N: usize>(models: [Model<'static, 2>; N]) -> Story<MapScore> {
    let weights = Weights { alpha: Weight::ONE, beta: Weight::ONE };
    Story::new(MapScore { weights }, models)
}

// ---- the gate --------------------------------------------------------------------------------

#[test]
fn a_frame_that_cannot_be_in_time_is_given_up_and_does_not_cost_another_one() {
    let models = || [model("late", 10, [npu(6)]), model("fine", 10, [npu(6)])];
    let mut story = gated(models());
    story.release("late");
    story.at(5).release("fine");
    story.then("drop late#0: Abandoned", "6 ms of work, 5 ms left");
    story.then("fine#0 segment 0 on npu", "6 ms of work, 10 ms left");
    story.at(11);
    assert_eq!(story.ends("npu").progress, Progress::InTime);

    let mut story = published(models());
    story.release("late");
    story.at(5).release("fine");
    story.then("late#0 segment 0 on npu", "an urgency of 6/5 against 6/10: it chases what is lost");
    story.at(11);
    assert_eq!(story.ends("npu").progress, Progress::Late);
    story.then("fine#0 segment 0 on npu", "6 ms of work, 4 ms left");
    story.at(17);
    assert_eq!(story.ends("npu").progress, Progress::Late, "and the other one is lost with it");
}

#[test]
fn to_the_nanosecond_it_can_still_be_in_time() {
    let mut story = gated([model("tight", 10, [npu(6)])]);
    story.release("tight");
    story.at(4).then("tight#0 segment 0 on npu", "6 ms of work, 6 ms left");
}

// ---- the place -------------------------------------------------------------------------------

/// The dsp takes 8 ms and little energy; a block of 6 ms, the longest, may come in between.
#[test]
fn variants_for_ablation_keep_no_time_for_others_or_spend_none_on_energy() {
    type Variant = fn(Gated<MODELS, 2>) -> Gated<MODELS, 2>;
    let placed = |variant: Variant, deadline_ms, expected: &str| {
        let models = [model("any", deadline_ms, [both(6, 8)])];
        let policy = |workload: &_| variant(Gated::new(workload).always_careful());
        let mut story = Story::made(policy, Config::PLAIN, models, NAMES);
        story.release("any");
        story.then(&format!("any#0 segment 0 on {expected}"), "alone");
    };
    placed(|policy| policy, 20, "dsp");
    placed(Gated::in_haste, 20, "npu");
    placed(|policy| policy, 12, "npu");
    placed(Gated::without_reserve, 12, "dsp");
}

#[test]
fn slack_is_spent_on_energy() {
    let mut story = gated([model("easy", 30, [both(2, 6)])]);
    story.release("easy");
    story.then("easy#0 segment 0 on dsp", "6 ms there, a quarter of the energy, 30 ms left");
}

#[test]
fn without_slack_it_goes_where_it_ends_first() {
    let mut story = gated([model("tight", 7, [both(2, 6)])]);
    story.release("tight");
    story.then("tight#0 segment 0 on npu", "6 ms and the longest segment, 2 ms, are more than 7 ms");
}

#[test]
fn it_waits_for_the_frugal_accelerator_while_that_is_comfortable() {
    let mut story = gated([model("first", 40, [both(2, 6)]), model("second", 40, [both(2, 6)])]);
    story.release("first");
    story.release("second");
    story.then("first#0 segment 0 on dsp", "frugal");
    story.then("wait until 40 ms", "the dsp is free in 6 ms, and then there is time enough");
    story.at(6);
    story.ends("dsp");
    story.then("second#0 segment 0 on dsp", "as planned");
}

#[test]
fn it_does_not_wait_when_that_would_be_late() {
    let mut story = gated([model("first", 40, [both(2, 6)]), model("second", 15, [both(2, 6)])]);
    story.release("first");
    story.then("first#0 segment 0 on dsp", "frugal");
    story.release("second");
    story.then("second#0 segment 0 on npu", "1.5 x 6 ms, 6 ms and the longest segment are more than 15 ms");
}

#[test]
fn what_is_overdue_is_not_waited_for() {
    let mut story = gated([model("first", 90, [both(2, 6)]), model("second", 40, [both(2, 6)])]);
    story.release("first");
    story.then("first#0 segment 0 on dsp", "frugal");
    story.at(30).release("second");
    story.then("second#0 segment 0 on npu", "the dsp is 24 ms late, and may need as long again");
}

#[test]
fn accelerators_out_of_service_or_barred_are_not_planned_with() {
    let mut story = gated([model("easy", 90, [both(2, 6)])]);
    story.fault("dsp", Fault::OutOfService);
    story.release("easy");
    story.then("easy#0 segment 0 on npu", "the dsp is out");

    let mut story = gated([model("easy", 90, [both(2, 6)])]);
    let (easy, dsp) = (story.id("easy"), sdrm3_core::AcceleratorId(1));
    story.scheduler.bar(easy, dsp, true, ms(0)).unwrap();
    story.release("easy");
    story.then("easy#0 segment 0 on npu", "it is barred from the dsp");
}

#[test]
fn a_parent_leaves_time_for_its_child() {
    let alone = [model("eye", 20, [both(2, 6)])];
    let mut story = gated(alone);
    story.release("eye");
    story.then("eye#0 segment 0 on dsp", "20 ms are plenty");

    let mut story = gated([model("eye", 20, [both(2, 6)]), child("gaze", 0, [npu(6)])]);
    let eye = story.release("eye");
    story.then("eye#0 segment 0 on npu", "its child is due then as well, and is to have twice its 6 ms");
    story.at(2);
    let ticket = story.ticket("npu");
    story.scheduler.complete(ticket, Outcome::finished(ms(2)), ms(2)).unwrap();
    let gaze = story.id("gaze");
    story.scheduler.release_child(gaze, &eye, ms(2)).unwrap();
    assert!(matches!(story.scheduler.poll(ms(2)), sdrm3_core::Action::Dispatch(_)));
}

// ---- the order -------------------------------------------------------------------------------

#[test]
fn a_frame_without_comfort_goes_first_then_the_shortest() {
    let mut story = gated([
        model("long", 90, [npu(8)]),
        model("short", 90, [npu(2)]),
        model("tight", 12, [npu(3), npu(3)]),
    ]);
    for name in ["long", "short", "tight"] {
        story.release(name);
    }
    story.then("tight#0 segment 0 on npu", "3 ms, twice the other 3, and 8 ms of blocking: more than 12 ms");
    story.at(3);
    story.ends("npu");
    story.then("tight#0 segment 1 on npu", "still");
    story.at(6);
    story.ends("npu");
    story.then("short#0 segment 0 on npu", "both have time; the shorter one is soon out of the way");
    story.at(8);
    story.ends("npu");
    story.then("long#0 segment 0 on npu", "last");
}

#[test]
fn a_frame_without_comfort_that_has_started_goes_on() {
    let mut story = gated([model("begun", 11, [npu(4), npu(4)]), model("new", 9, [npu(4), npu(3)])]);
    story.release("begun");
    story.then("begun#0 segment 0 on npu", "it is alone");
    story.at(4).release("new");
    story.ends("npu");
    story.then(
        "begun#0 segment 1 on npu",
        "its laxity is 3 ms, that of the new one 2, but its 4 ms of work are not to be lost",
    );
    story.at(8);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    story.then("drop new#0: Abandoned", "7 ms of work, 5 ms left");
}

#[test]
fn a_frame_that_has_started_and_can_afford_it_is_passed_by() {
    let begun = model("begun", 17, [npu(4), npu(4), npu(4)]);
    let mut story = gated([begun, model("new", 9, [npu(4), npu(3)])]);
    story.release("begun");
    story.then("begun#0 segment 0 on npu", "it is alone");
    story.at(4).release("new");
    story.ends("npu");
    story.then("new#0 segment 0 on npu", "it has 2 ms to spare, the other one 5: a segment takes 4 at most");
}

// ---- confidence ------------------------------------------------------------------------------

#[test]
fn while_no_frame_is_lost_less_time_is_comfortable() {
    // 20 ms, one and a half times the 10 behind them, and nothing to block both accelerators.
    let mut story = confident([model("a", 35, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "comfortable to the millisecond");
    let mut story = confident([model("a", 34, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "a millisecond less");
}

#[test]
fn both_accelerators_are_blocked_no_longer_than_by_the_model_of_the_second_longest_segment() {
    let others = |deadline| {
        [model("a", deadline, [both(2, 6)]), model("long", 90, [npu(9)]), model("shorter", 90, [npu(4)])]
    };
    let mut story = confident(others(10));
    story.release("a");
    story.then("a#0 segment 0 on dsp", "6 + 4 = 10, whatever the long one does");
    let mut story = confident(others(9));
    story.release("a");
    story.then("a#0 segment 0 on npu", "a millisecond less");
}

#[test]
fn a_lost_frame_makes_it_careful_until_so_many_are_in_time() {
    let models = || [model("a", 9, [both(2, 6)]), model("short", 5, [npu(4)])];
    let mut story = confident(models());
    story.release("a");
    story.then("a#0 segment 0 on dsp", "6 + 2 = 8: its own segment is the second longest");
    story.at(6).ends("dsp");
    lose_one_and_see_8192_in_time(&mut story);
    story.then("a#8193 segment 0 on dsp", "so many were in time in a row");

    let mut story = gated(models());
    story.release("a");
    story.then("a#0 segment 0 on npu", "6 + 4 = 10, with the longest segment: too much");
    story.at(6).ends("npu");
    lose_one_and_see_8192_in_time(&mut story);
    story.then("a#8193 segment 0 on npu", "always careful");
}

/// The frames of `a` from its second on, until one is released that is not placed yet.
fn lose_one_and_see_8192_in_time(story: &mut Story<Gated<MODELS, 2>>) {
    story.release("short");
    // Nobody asks in time.
    story.at(8).then("drop short#0: Abandoned", "4 ms of work, 3 left");
    for frame in 1..=8192 {
        story.release("a");
        story.then(&format!("a#{frame} segment 0 on npu"), "6 + 4 = 10, with the longest segment: too much");
        story.at(8 + 2 * frame);
        assert_eq!(story.ends("npu").progress, Progress::InTime);
    }
    story.release("a");
}

// ---- sub-networks ----------------------------------------------------------------------------

static HEAVY: [Segment<2>; 1] = Segment::table([npu(10)]);
static LIGHT: [Segment<2>; 1] = Segment::table([npu(3)]);
static NETS: [SubNetwork<'static, 2>; 2] = [
    SubNetwork::new("heavy", &HEAVY).with_accuracy(80_000),
    SubNetwork::new("light", &LIGHT).with_accuracy(76_000),
];

/// Another frame, of 8 ms, has 10 ms left, or 7, when one is released that is due after 16 ms.
#[test]
fn what_is_about_to_be_given_up_makes_no_sub_network_lighter() {
    let config = Config { supernet: true, ..Config::PLAIN };
    for (left_ms, subnetwork) in [(10, 1), (7, 0)] {
        let models = [model("other", 20, [npu(8)]), Model::new("context", span_ms(16), &NETS)];
        let policy = |workload| Gated::<MODELS, 2>::new(workload);
        let mut story = Story::made(policy, config, models, NAMES);
        story.release("other");
        story.fault("dsp", Fault::OutOfService);
        story.at(20 - left_ms).release("context");
        if left_ms == 7 {
            story.then("drop other#0: Abandoned", "8 ms of work, 7 ms left");
        } else {
            story.then("other#0 segment 0 on npu", "it is urgent, and leaves 8 ms to the new one");
            story.at(18).ends("npu");
        }
        story.then("context#0 segment 0 on npu", "alone");
        assert_eq!(story.block().subnetwork, subnetwork, "{left_ms} ms left");
    }
}

// ---- to the millisecond ----------------------------------------------------------------------

/// Fast and frugal on the npu, which a filler has for 10 ms.
fn behind_a_filler(deadline_ms: u64) -> Story<Gated<MODELS, 2>> {
    let eager = SegmentSpec::new([cost(10, 10), cost(15, 40)]);
    let mut story = gated([model("filler", 100, [npu(10)]), model("a", deadline_ms, [eager])]);
    story.release("filler");
    story.then("filler#0 segment 0 on npu", "it runs nowhere else");
    story.release("a");
    story
}

#[test]
fn a_frame_waits_for_a_busy_accelerator_while_one_and_a_half_waits_leave_it_comfortable() {
    let mut story = behind_a_filler(35);
    story.then("wait until 35 ms", "1.5 x 10 + 10 = 35 - 10: comfortable to the millisecond");
    let mut story = behind_a_filler(34);
    story.then("a#0 segment 0 on dsp", "a millisecond less: it goes where it ends first");
}

#[test]
fn what_is_left_behind_the_next_segment_counts_twice() {
    // Each segment takes 10 ms on the npu, 20 on the dsp; 20 + 2 x 10 + 10 = 50.
    let mut story = gated([model("a", 50, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "comfortable to the millisecond");
    let mut story = gated([model("a", 49, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "a millisecond less");
}

#[test]
fn of_two_accelerators_that_are_alike_it_takes_the_first() {
    let alike = SegmentSpec::new([cost(5, 10), cost(5, 10)]);
    let mut story = gated([model("easy", 50, [alike]), model("urgent", 6, [alike])]);
    story.release("easy");
    story.then("easy#0 segment 0 on npu", "as frugal as the other one");
    story.at(5).ends("npu");
    story.release("urgent");
    story.then("urgent#0 segment 0 on npu", "as fast as the other one");
}

#[test]
fn without_comfort_a_frame_goes_where_it_ends_first() {
    let faster_there = SegmentSpec::new([cost(10, 10), cost(5, 40)]);
    let mut story = gated([model("urgent", 6, [faster_there])]);
    story.release("urgent");
    story.then("urgent#0 segment 0 on dsp", "5 ms against 10, whatever the energy");
}

#[test]
fn without_comfort_the_least_laxity_goes_first_and_not_the_earliest_deadline() {
    let mut story = gated([model("short", 10, [npu(5)]), model("long", 12, [npu(10)])]);
    story.release("short");
    story.release("long");
    story.then("long#0 segment 0 on npu", "12 - 10 leaves 2 ms, 10 - 5 leaves 5");
}

#[test]
fn what_follows_by_the_same_deadline_takes_from_the_laxity() {
    let models = [model("eye", 12, [npu(4)]), child("gaze", 0, [npu(5)]), model("hand", 9, [npu(5)])];
    let mut story = gated(models);
    story.release("hand");
    story.release("eye");
    story.then("eye#0 segment 0 on npu", "12 - 5 - 4 leaves 3 ms, 9 - 5 leaves 4");
}
