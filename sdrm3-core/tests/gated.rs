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

fn gated<const N: usize>(models: [Model<'static, 2>; N]) -> Story<Gated<MODELS, 2>> {
    variant(|policy| policy, models)
}

fn hasty<const N: usize>(models: [Model<'static, 2>; N]) -> Story<Gated<MODELS, 2>> {
    variant(Gated::in_haste, models)
}

fn variant<const N: usize>(
    variant: impl FnOnce(Gated<MODELS, 2>) -> Gated<MODELS, 2>,
    models: [Model<'static, 2>; N],
) -> Story<Gated<MODELS, 2>> {
    Story::made(|workload| variant(Gated::new(workload)), Config::PLAIN, models, NAMES)
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

/// The dsp takes 8 ms and little energy; both accelerators can be blocked for 4 ms.
#[test]
fn variants_for_ablation_keep_no_time_for_others_or_spend_none_on_energy() {
    type Variant = fn(Gated<MODELS, 2>) -> Gated<MODELS, 2>;
    let placed = |change: Variant, deadline_ms, expected: &str| {
        let mut story =
            variant(change, [model("any", deadline_ms, [both(6, 8)]), model("other", 90, [npu(4)])]);
        story.release("any");
        story.then(&format!("any#0 segment 0 on {expected}"), "alone");
    };
    placed(|policy| policy, 12, "dsp");
    placed(Gated::in_haste, 12, "npu");
    placed(|policy| policy, 11, "npu");
    placed(Gated::without_reserve, 11, "dsp");
}

#[test]
fn slack_is_spent_on_energy() {
    let mut story = gated([model("easy", 30, [both(2, 6)])]);
    story.release("easy");
    story.then("easy#0 segment 0 on dsp", "6 ms there, a quarter of the energy, 30 ms left");
}

#[test]
fn without_slack_it_goes_where_it_ends_first() {
    let mut story = gated([model("tight", 5, [both(2, 6)])]);
    story.release("tight");
    story.then("tight#0 segment 0 on npu", "6 ms there are more than 5 ms");
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
    story.then(
        "second#0 segment 0 on npu",
        "1.5 x 6 ms, 6 ms, and 2 ms for which both can be blocked are more than 15 ms",
    );
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
    let alone = [model("eye", 16, [both(2, 6)])];
    let mut story = gated(alone);
    story.release("eye");
    story.then("eye#0 segment 0 on dsp", "16 ms are plenty");

    let mut story = gated([model("eye", 16, [both(2, 6)]), child("gaze", 0, [npu(6)])]);
    let eye = story.release("eye");
    story.then(
        "eye#0 segment 0 on npu",
        "its child is due then as well, and is to have one and a half times its 6 ms",
    );
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
        model("tight", 8, [npu(3), npu(3)]),
    ]);
    for name in ["long", "short", "tight"] {
        story.release(name);
    }
    story.then(
        "tight#0 segment 0 on npu",
        "3 ms, one and a half times the other 3, and 3 ms of blocking: more than 8 ms",
    );
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
    let mut story = gated([model("begun", 11, [npu(4), npu(4)]), model("new", 6, [npu(4), npu(2)])]);
    story.release("begun");
    story.then("begun#0 segment 0 on npu", "it is alone");
    story.at(4).release("new");
    story.ends("npu");
    story.then(
        "begun#0 segment 1 on npu",
        "it is due at 11 ms, the new one at 10, but its 4 ms of work are not to be lost",
    );
    story.at(8);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    story.then("drop new#0: Abandoned", "6 ms of work, 2 ms left");
}

#[test]
fn a_frame_that_has_started_and_can_afford_it_is_passed_by() {
    let begun = model("begun", 17, [npu(4), npu(4), npu(4)]);
    let mut story = gated([begun, model("new", 9, [npu(4), npu(3)])]);
    story.release("begun");
    story.then("begun#0 segment 0 on npu", "it is alone");
    story.at(4).release("new");
    story.ends("npu");
    story.then(
        "new#0 segment 0 on npu",
        "due at 13 ms, the other one at 17 with 5 ms to spare: a segment takes 4 at most",
    );
}

/// At 5 ms what was begun has 4 ms to spare, less than the longest segment, and `tight` is due 1 ms sooner.
#[test]
fn what_was_begun_and_could_not_afford_to_be_passed_by_goes_on() {
    let at_5_ms = |change: fn(Gated<MODELS, 2>) -> Gated<MODELS, 2>| {
        let mut story =
            variant(change, [model("begun", 16, [npu(5), npu(7)]), model("tight", 12, [npu(10)])]);
        story.release("begun");
        story.then("begun#0 segment 0 on npu", "alone");
        story.at(3).release("tight");
        story.at(5).ends("npu");
        story
    };
    at_5_ms(|policy| policy).then("begun#0 segment 1 on npu", "passed by, its first 5 ms would be lost");
    at_5_ms(Gated::without_persistence).then("tight#0 segment 0 on npu", "by deadline alone");
}

#[test]
fn of_two_that_hurry_the_one_without_a_good_second_place_goes_first() {
    let models = || {
        let stuck = SegmentSpec::new([cost(4, 10), cost(30, 10)]);
        let free = SegmentSpec::new([cost(4, 10), cost(5, 10)]);
        [model("stuck", 7, [stuck]), model("free", 6, [free])]
    };
    let mut story = gated(models());
    story.release("free");
    story.release("stuck");
    story.then("stuck#0 segment 0 on npu", "it is due 1 ms later, but would end 26 ms later on the dsp");
    story.then("free#0 segment 0 on dsp", "it ends 1 ms later there");

    let mut story = variant(Gated::without_sufferage, models());
    story.release("free");
    story.release("stuck");
    story.then("free#0 segment 0 on npu", "by deadline alone");
    story.then("wait until 7 ms", "the other one has no place to be in time");
}

#[test]
fn what_would_be_late_waits_for_a_better_accelerator_that_may_be_free_sooner() {
    let models = || [model("filler", 90, [npu(10)]), model("quick", 8, [both(4, 9)])];
    let mut story = gated(models());
    story.release("filler");
    story.then("filler#0 segment 0 on npu", "alone");
    story.release("quick");
    story.then("wait until 8 ms", "9 ms on the dsp are too many, and so are 10 + 4 on the npu");
    story.at(3).ends("npu");
    story.then("quick#0 segment 0 on npu", "sooner than expected: 4 ms of 5");

    let mut story = variant(Gated::without_hold, models());
    story.release("filler");
    story.then("filler#0 segment 0 on npu", "alone");
    story.release("quick");
    story.then("quick#0 segment 0 on dsp", "late, and busy for nothing");
}

#[test]
fn what_would_be_late_does_not_wait_for_an_accelerator_that_is_out() {
    let mut story = gated([model("quick", 8, [both(4, 9)])]);
    story.fault("npu", Fault::OutOfService);
    story.release("quick");
    story.then("quick#0 segment 0 on dsp", "late, but nothing is going to be better");
}

/// What the gate asks takes the least correction of all accelerators; the npu has shown to be half as fast.
#[test]
fn what_would_be_late_does_not_wait_for_an_accelerator_that_is_idle() {
    let config = Config { correction: true, ..Config::PLAIN };
    let models = [model("a", 12, [SegmentSpec::new([cost(4, 10), cost(100, 10)])])];
    let mut story = Story::made(Gated::<MODELS, 2>::new, config, models, NAMES);
    for frame in 0..20 {
        story.at(20 * frame).release("a");
        story.then(&format!("a#{frame} segment 0 on npu"), "alone");
        story.at(20 * frame + 8).ends("npu");
    }
    story.at(400).release("a");
    story.at(406).then("a#20 segment 0 on npu", "6 ms are left, and it takes 8: nothing will be better");
}

// ---- haste -----------------------------------------------------------------------------------

#[test]
fn the_rest_counts_one_and_a_half_times() {
    // 20 ms, one and a half times the 10 behind them, and nothing to block both accelerators.
    let mut story = gated([model("a", 35, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "comfortable to the millisecond");
    let mut story = gated([model("a", 34, [both(10, 20), both(10, 20)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "a millisecond less");
}

#[test]
fn both_accelerators_are_blocked_no_longer_than_by_the_model_of_the_second_longest_segment() {
    let others = |deadline| {
        [model("a", deadline, [both(2, 6)]), model("long", 90, [npu(9)]), model("shorter", 90, [npu(4)])]
    };
    let mut story = gated(others(10));
    story.release("a");
    story.then("a#0 segment 0 on dsp", "6 + 4 = 10, whatever the long one does");
    let mut story = gated(others(9));
    story.release("a");
    story.then("a#0 segment 0 on npu", "a millisecond less");
}

#[test]
fn a_lost_frame_makes_haste_until_so_many_are_in_time() {
    let models = || [model("a", 9, [both(2, 6)]), model("short", 5, [npu(4)])];
    let mut story = gated(models());
    story.release("a");
    story.then("a#0 segment 0 on dsp", "6 + 2 = 8: its own segment is the second longest");
    story.at(6).ends("dsp");
    lose(&mut story, "short", 3);
    for frame in 1..=8192 {
        story.release("a");
        story.then(&format!("a#{frame} segment 0 on npu"), "in haste it goes where it ends first");
        let end = story.now.saturating_add(span_ms(2));
        story.at_instant(end);
        assert_eq!(story.ends("npu").progress, Progress::InTime);
    }
    story.release("a");
    story.then("a#8193 segment 0 on dsp", "so many were in time");

    let mut story = variant(
        |mut policy| {
            policy.haste = 0;
            policy
        },
        models(),
    );
    lose(&mut story, "short", 1);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "it makes no haste");
}

/// So many frames of a model, each of which is asked about when it is too late.
fn lose(story: &mut Story<Gated<MODELS, 2>>, model: &str, frames: u32) {
    for _ in 0..frames {
        let frame = story.release(model);
        story.at_instant(frame.deadline);
        story.then(&format!("drop {model}#{}: Stale", frame.number), "nobody asked in time");
    }
}

#[test]
fn a_model_that_lost_four_in_a_row_comes_last_and_makes_no_haste_until_one_is_in_time() {
    let models = || [model("easy", 90, [npu(6)]), model("big", 12, [npu(6)]), model("a", 90, [both(2, 6)])];
    let mut story = gated(models());
    lose(&mut story, "big", 3);
    story.release("a");
    story.then("a#0 segment 0 on npu", "three frames were lost: in haste");
    let end = story.now.saturating_add(span_ms(2));
    story.at_instant(end).ends("npu");

    lose(&mut story, "big", 1);
    story.release("a");
    story.then("a#1 segment 0 on dsp", "a fourth: more haste would not help that model");
    story.release("big");
    story.release("easy");
    story.then("easy#0 segment 0 on npu", "the other one hurries, but is hopeless");
    let end = story.now.saturating_add(span_ms(6));
    story.at_instant(end).ends("npu");
    story.then("big#4 segment 0 on npu", "6 ms of 6");
    let end = story.now.saturating_add(span_ms(6));
    assert_eq!(story.at_instant(end).ends("npu").progress, Progress::InTime);

    story.release("easy");
    story.release("big");
    story.then("big#5 segment 0 on npu", "one was in time");

    let mut story = variant(
        |mut policy| {
            policy.hopeless_after = u8::MAX;
            policy
        },
        models(),
    );
    lose(&mut story, "big", 400);
    story.release("easy");
    story.release("big");
    story.then("big#400 segment 0 on npu", "no model is hopeless");
}

#[test]
fn frames_that_are_lost_with_their_parents_do_not_make_a_model_hopeless() {
    let mut story = gated([model("eye", 20, [npu(6)]), child("gaze", 0, [npu(2)]), model("a", 90, [npu(4)])]);
    let gaze = story.id("gaze");
    let mut eye = story.release("eye");
    story.then("eye#0 segment 0 on npu", "alone");
    for _ in 0..4 {
        story.scheduler.lose_child(gaze, &eye, story.now).unwrap();
        eye.number += 1;
    }
    story.at(6).ends("npu");
    story.scheduler.release_child(gaze, &eye, story.now).unwrap();
    story.release("a");
    story.then("gaze#4 segment 0 on npu", "it is the shorter one, and not hopeless");
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
fn of_two_accelerators_that_are_alike_it_takes_the_first() {
    let alike = SegmentSpec::new([cost(5, 10), cost(5, 10)]);
    let mut story = gated([model("easy", 50, [alike]), model("urgent", 6, [alike])]);
    story.release("easy");
    story.then("easy#0 segment 0 on npu", "as frugal as the other one");
    story.at(5).ends("npu");
    story.release("urgent");
    story.then("urgent#0 segment 0 on npu", "as fast as the other one");
}

/// No single accelerator is the most frugal one, so none is made ready.
#[test]
fn of_two_that_are_equally_frugal_it_takes_the_one_where_it_ends_first() {
    let alike = SegmentSpec::new([cost(3, 10), cost(2, 10)]);
    let mut story = gated([model("easy", 30, [alike]), model("next", 40, [alike])]);
    story.release("easy");
    story.then("easy#0 segment 0 on dsp", "2 ms there, 3 ms on the npu");
    story.release("next");
    story.then("next#0 segment 0 on npu", "in 3 ms there, on the dsp behind 2 ms of another in 4 ms");
}

#[test]
fn without_comfort_a_frame_goes_where_it_ends_first() {
    let faster_there = SegmentSpec::new([cost(10, 10), cost(5, 40)]);
    let mut story = hasty([model("urgent", 90, [faster_there])]);
    story.release("urgent");
    story.then("urgent#0 segment 0 on dsp", "5 ms against 10, whatever the energy");
}

#[test]
fn without_comfort_what_has_not_begun_goes_by_deadline_rather_than_by_laxity() {
    let mut story = gated([model("long", 12, [npu(10)]), model("short", 9, [npu(5)])]);
    story.release("long");
    story.release("short");
    story.then(
        "short#0 segment 0 on npu",
        "9 ms less a quarter of 5, the other one 12 less a quarter of 10; it has 2 ms to spare",
    );
}

#[test]
fn a_frame_is_due_sooner_by_what_follows_it_by_the_same_deadline() {
    let models = [model("eye", 12, [npu(4)]), child("gaze", 0, [npu(5)]), model("hand", 9, [npu(5)])];
    let mut story = gated(models);
    story.release("hand");
    story.release("eye");
    story.then("eye#0 segment 0 on npu", "12 ms less 5 of its child: due at 7, the other one at 9");
}
