//! Why a frame ends without a result, in all ways but smart frame drop: each carries its reason, in the
//! action, to the policy and in the numbers.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms, span_ms};
use sdrm3_core::{Config, Cost, DropReason, Event, Fault, Frame, Model, ModelId, Refusal, SegmentSpec};
use story::{Plain, Story, child, model};

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10), Cost::NONE])
}

fn story<const N: usize>(models: [Model<'static, 2>; N]) -> Story {
    Story::new(Plain::default(), models)
}

/// What the policy heard of frames that were lost: model, number and reason.
fn lost(story: &Story) -> Vec<(u8, u32, DropReason)> {
    let heard = story.scheduler.policy().heard.iter();
    heard
        .filter_map(|event| match event {
            Event::Dropped(frame, why) => Some((frame.model.0, frame.number, *why)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_policy_hears_each_reason_and_each_counts_as_violated_but_a_withdrawal() {
    let models = [
        model("long", 100, [npu(50)]),
        model("stale", 10, [npu(1)]),
        model("newest", 30, [npu(1)]).with_latest_wins(),
        model("off", 40, [npu(1)]),
        child("pose", 0, [npu(1)]),
    ];
    let mut story = story(models);
    let long = story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    story.release("stale");
    story.release("newest");
    story.release("off");
    let full = story.scheduler.release(ModelId(2), ms(0)).unwrap_err();
    assert_eq!(full.why, Refusal::Full { capacity: 4 });
    story.scheduler.give_up(full.frame.unwrap(), ms(0));
    story.at(10).then("drop stale#0: Stale", "it is due");
    story.release("newest");
    story.then("drop newest#0: Superseded", "frame 2 is newer; frame 1 found no room");
    story.scheduler.set_active(ModelId(3), false, ms(10)).unwrap();
    story.then("drop off#0: Withdrawn", "its model is switched off");
    story.then("wait until 40 ms", "newest#2 is due then");
    story.scheduler.lose_child(ModelId(4), &long, ms(10)).unwrap();

    let expected = [
        (2, 1, DropReason::NoRoom),
        (1, 0, DropReason::Stale),
        (2, 0, DropReason::Superseded),
        (3, 0, DropReason::Withdrawn),
        (4, 0, DropReason::ParentLost),
    ];
    assert_eq!(lost(&story), expected);
    assert_eq!(story.counts("stale"), [1, 0, 1, 1]);
    assert_eq!(story.counts("newest"), [3, 0, 2, 2]);
    assert_eq!(story.counts("pose"), [1, 0, 1, 1]);
    assert_eq!(story.counts("off"), [0, 0, 0, 0], "withdrawn is as if it had never come");
}

#[test]
fn what_a_policy_gives_up_is_abandoned_also_after_it_has_run_in_part() {
    let late = |job: &sdrm3_core::JobView<'_>, now| job.fastest_togo > job.slack(now);
    let policy = Plain { abandons: late, ..Plain::default() };
    let mut story = Story::new(policy, [model("a", 10, [npu(4), npu(4)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "8 ms in 10 ms");
    story.at(7);
    story.ends("npu");
    story.then("drop a#0: Abandoned", "4 ms more are too many");
    assert_eq!(lost(&story), [(0, 0, DropReason::Abandoned)]);
    assert_eq!(story.tally("a").energy_nj, 10_000, "what was spent is spent");
}

// ---- the latest wins -------------------------------------------------------------------------

#[test]
fn a_newer_frame_takes_the_place_of_those_that_wait() {
    let newest = model("newest", 30, [npu(4)]).with_latest_wins();
    let mut story = story([model("long", 100, [npu(10)]), newest, model("all", 30, [npu(4)])]);
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    for at in [1, 2] {
        story.at(at).release("newest");
    }
    story.then("drop newest#0: Superseded", "frame 1 is newer");
    story.then("wait until 32 ms", "frame 1 waits");
    story.release("all");
    story.release("all");
    story.then("wait until 32 ms", "only models that say so give up their older frames");
}

#[test]
fn a_frame_that_has_started_is_not_replaced() {
    let mut story = story([model("newest", 30, [npu(4), npu(4)]).with_latest_wins()]);
    story.release("newest");
    story.then("newest#0 segment 0 on npu", "alone");
    story.at(2).release("newest");
    story.then("wait until 32 ms", "frame 0 runs, frame 1 waits");
    story.at(3);
    story.fault("npu", Fault::BlockLost);
    story.release("newest");
    story.then("drop newest#1: Superseded", "it had not started; frame 0 had, though its block was lost");
    story.then("newest#0 segment 0 on npu", "the older of the two that are left");
    story.at(7);
    story.ends("npu");
    story.then("newest#0 segment 1 on npu", "the older");
    story.at(11);
    story.ends("npu");
    story.then("newest#2 segment 0 on npu", "what is left");
    assert_eq!(story.counts("newest"), [3, 1, 1, 1]);
}

/// Refused only after a newer one came, as by a queue that answers later.
#[test]
fn a_frame_that_was_not_taken_is_replaced_by_one_that_came_meanwhile() {
    let mut story = story([model("newest", 30, [npu(4)]).with_latest_wins()]);
    story.release("newest");
    story.then("newest#0 segment 0 on npu", "alone");
    story.at(1).release("newest");
    story.then("wait until 31 ms", "frame 0 is under way, and frame 1 waits");
    story.fault("npu", Fault::NotTaken);
    story.then("drop newest#0: Superseded", "none of it has run, and frame 1 is newer");
    story.restore("npu");
    story.then("newest#1 segment 0 on npu", "what is left");
}

#[test]
fn a_frame_that_finds_no_room_replaces_nothing() {
    let mut story = story([model("newest", 30, [npu(4)]).with_latest_wins(), model("long", 100, [npu(9)])]);
    for _ in 0..3 {
        story.release("long");
    }
    story.then("long#0 segment 0 on npu", "the lowest frame number");
    story.release("newest");
    assert_eq!(story.scheduler.release(ModelId(0), ms(0)).unwrap_err().why, Refusal::Full { capacity: 4 });
    story.then("wait until 30 ms", "the frame that is there stays");
}

/// The frames of a dependent are as old as their parents' numbers.
#[test]
fn the_latest_frame_of_a_dependent_wins_as_well() {
    let mut story = story([
        model("hands", 40, [npu(2)]),
        child("pose", 0, [npu(4)]).with_latest_wins(),
        model("long", 100, [npu(9)]),
    ]);
    let first = story.release("hands");
    story.then("hands#0 segment 0 on npu", "alone");
    story.at(2);
    story.ends("npu");
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    story.scheduler.release_child(ModelId(1), &first, ms(2)).unwrap();
    let second = Frame { number: 1, deadline: first.deadline.saturating_add(span_ms(1)), ..first };
    story.scheduler.release_child(ModelId(1), &second, ms(2)).unwrap();
    story.then("drop pose#0: Superseded", "its parent is the older one");
    story.then("wait until 41 ms", "pose#1 waits");
}

#[test]
fn late_starters_run_when_stale_drop_is_off() {
    let config = Config { stale_drop: false, ..Config::PLAIN };
    let accelerators = ["npu", "dsp"].map(sdrm3_core::Accelerator::new);
    let mut story = Story::configured(Plain::default(), config, [model("a", 10, [npu(4)])], accelerators);
    story.release("a");
    story.at(10).then("a#0 segment 0 on npu", "due, and not started, but served however late");
    story.at(14);
    story.ends("npu");
    assert_eq!(story.counts("a"), [1, 1, 1, 0]);
}

/// Parents on two accelerators may end in another order than they began.
#[test]
fn an_older_frame_that_comes_later_does_not_replace_a_newer_one() {
    let mut story = story([model("hands", 40, [npu(2)]), child("pose", 0, [npu(4)]).with_latest_wins()]);
    let first = story.release("hands");
    let second = story.release("hands");
    story.then("hands#0 segment 0 on npu", "the lower number");
    let child = |story: &mut Story, parent: &Frame| {
        story.scheduler.release_child(ModelId(1), parent, ms(0)).unwrap();
    };
    child(&mut story, &second);
    child(&mut story, &first);
    story.then("drop pose#0: Superseded", "pose#1 is the newer input, though it came first");
    assert_eq!(story.counts("pose"), [2, 0, 1, 1]);
    story.at(2);
    story.ends("npu");
    let numbers: Vec<u32> = story.close(ms(2)).iter().map(|left| left_number(*left)).collect();
    assert_eq!(numbers, [1, 1], "hands#1 and pose#1 are left");
}

fn left_number(left: sdrm3_core::Leftover) -> u32 {
    match left {
        sdrm3_core::Leftover::LeftOut(frame) | sdrm3_core::Leftover::Overdue(frame) => frame.number,
    }
}
