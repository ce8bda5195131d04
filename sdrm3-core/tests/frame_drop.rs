//! Smart frame drop, told as traces: when a frame is given up, which one, and when not.
//!
//! Our reading of the published rule has three conditions, each of which is not enough alone: the frame
//! cannot be in time any more, more than one frame under way is in that state, and its model's budget
//! allows it. `tests/drop_reasons.rs` tells of the other ways in which a frame ends without a result.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms};
use sdrm3_core::{
    Accelerator, AcceleratorId, Config, Cost, DropBudget, Fault, Frame, Model, ModelId, Path, Probability,
    SegmentSpec,
};
use story::{Plain, Story, child, model};

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10), Cost::NONE])
}

const fn dsp(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([Cost::NONE, cost(latency_ms, 10)])
}

const SMART: Config = Config { frame_drop: true, ..Config::PLAIN };

fn story<const N: usize>(models: [Model<'static, 2>; N]) -> Story {
    configured(SMART, models)
}

fn configured<const N: usize>(config: Config, models: [Model<'static, 2>; N]) -> Story {
    let accelerators = ["npu", "dsp"].map(Accelerator::new);
    Story::configured(Plain::default(), config, models, accelerators)
}

fn budget(lost: u8, of: u8) -> DropBudget {
    DropBudget::new(lost, of).expect("a valid budget")
}

// ---- the three conditions --------------------------------------------------------------------

/// Two frames of 8 ms and 5 ms, due at 20 ms, wait behind a block that ends at `until`.
fn two_behind(config: Config, until: u32) -> Story {
    let mut story = configured(
        config,
        [model("long", 100, [npu(until)]), model("eight", 20, [npu(8)]), model("five", 20, [npu(5)])],
    );
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    story.release("eight");
    story.release("five");
    story.at(u64::from(until));
    story.ends("npu");
    story
}

#[test]
fn frames_that_can_be_in_time_are_not_dropped() {
    // 8 ms of work in 8 ms of slack: in time to the nanosecond. That both together cannot be is no
    // matter of this rule.
    two_behind(SMART, 12).then("eight#0 segment 0 on npu", "every frame alone can be in time");
}

#[test]
fn one_frame_that_is_late_anyway_is_no_overload() {
    two_behind(SMART, 13).then("eight#0 segment 0 on npu", "only it cannot be in time: there is no overload");
}

#[test]
fn of_two_frames_that_are_late_anyway_the_one_with_more_work_goes() {
    let mut story = two_behind(SMART, 16);
    story.then("drop eight#0: Infeasible", "neither 8 nor 5 ms fit into 4 ms; 8 ms are more");
    story.then("five#0 segment 0 on npu", "the other one is no overload any more");
    assert_eq!(story.counts("eight"), [1, 0, 1, 1]);
}

#[test]
fn without_the_rule_both_of_them_run() {
    let mut story = two_behind(Config::PLAIN, 16);
    story.then("eight#0 segment 0 on npu", "smart frame drop is off");
    story.at(24);
    story.ends("npu");
    story.then("drop five#0: Stale", "its deadline was at 20 ms");
}

#[test]
fn a_used_up_budget_protects_a_frame() {
    let once = model("eight", 20, [npu(8)]).with_drop_budget(budget(1, 3));
    let mut story = story([
        model("long", 100, [npu(16), npu(1)]),
        once,
        model("never", 20, [npu(5)]).with_drop_budget(DropBudget::NONE),
    ]);
    // Each round: two frames wait until both are late; how many of `eight` have ended before.
    for (round, drops) in [(0, true), (1, false), (2, false), (3, true), (4, false)] {
        let start = 100 * round;
        story.at(start).release("long");
        story.then(&format!("long#{round} segment 0 on npu"), "alone");
        story.release("eight");
        story.release("never");
        story.at(start + 16);
        story.ends_by("npu", Path::Exit);
        if drops {
            story.then(&format!("drop eight#{round}: Infeasible"), "it lost none of its last two frames");
        } else {
            story.then(&format!("eight#{round} segment 0 on npu"), "one of its last three would be a second");
            story.at(start + 24);
            story.ends("npu");
        }
        // Due at 20 ms; late, or it may not run at all.
        if drops {
            story.then(&format!("never#{round} segment 0 on npu"), "a budget of nothing is never used");
            story.at(start + 21);
            story.ends("npu");
        } else {
            story
                .then(&format!("drop never#{round}: Stale"), "other rules than the smart one know no budget");
        }
    }
    assert_eq!(story.counts("eight"), [5, 3, 5, 2]);
}

#[test]
fn late_results_use_up_no_budget_and_other_losses_do() {
    let once = model("eight", 20, [npu(8)]).with_drop_budget(budget(1, 10));
    let mut story = story([model("long", 100, [npu(16)]), once, model("five", 20, [npu(5)])]);
    // Its first frame is late, which is no loss: its second one may go.
    story.release("eight");
    story.then("eight#0 segment 0 on npu", "alone");
    story.at(25);
    story.ends("npu");
    assert_eq!(story.counts("eight"), [1, 1, 1, 0]);
    let both_late = |story: &mut Story, start: u64, round: u32| {
        story.at(start).release("long");
        story.then(&format!("long#{round} segment 0 on npu"), "alone");
        story.release("eight");
        story.release("five");
        story.at(start + 16);
        story.ends("npu");
    };
    both_late(&mut story, 100, 0);
    story.then("drop eight#1: Infeasible", "it was late once, and lost nothing yet");
    story.then("five#0 segment 0 on npu", "no overload");
    story.at(121);
    story.ends("npu");
    both_late(&mut story, 200, 1);
    story.then("drop five#1: Infeasible", "`eight` has used up its budget, and `five` has not");
    story.then("eight#2 segment 0 on npu", "no overload");
}

#[test]
fn a_frame_that_went_stale_uses_up_the_budget_too() {
    let once = model("eight", 20, [npu(8)]).with_drop_budget(budget(1, 10));
    let mut story = story([model("long", 100, [npu(30), npu(16)]), once, model("five", 20, [npu(5)])]);
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    story.release("eight");
    story.at(20).then("drop eight#0: Stale", "it has not started");
    story.at(30);
    story.ends("npu");
    story.then("long#0 segment 1 on npu", "alone");
    story.release("eight");
    story.release("five");
    story.at(46);
    story.ends("npu");
    story.then("drop five#0: Infeasible", "`eight` has lost its frame already, whatever took it");
}

// ---- who counts, who goes --------------------------------------------------------------------

#[test]
fn a_running_frame_counts_towards_overload_and_is_never_dropped() {
    let mut story =
        story([model("big", 10, [dsp(20)]), model("long", 90, [npu(7)]), model("small", 10, [npu(4)])]);
    story.release("big");
    story.then("big#0 segment 0 on dsp", "it will be late, alone in that");
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone there");
    story.release("small");
    story.then("wait until 10 ms", "`small` can still be in time: one late frame is no overload");
    story.at(7);
    story.ends("npu");
    story.then("drop small#0: Infeasible", "4 ms in 3 ms, and `big` is late as well; it runs, and stays");
    story.then("wait", "nothing waits");
    story.at(20);
    story.ends("dsp");
    assert_eq!(story.counts("big"), [1, 1, 1, 0], "late, not dropped");
}

#[test]
fn two_late_frames_that_run_drop_nothing() {
    let either = SegmentSpec::new([cost(9, 10), cost(4, 10)]);
    let mut story = story([model("a", 5, [dsp(9)]), model("b", 5, [either]), model("c", 50, [npu(9)])]);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "late, alone in that");
    story.release("b");
    story.then("b#0 segment 0 on npu", "on the dsp it could be in time: late only as it runs");
    story.release("c");
    story.then("wait until 50 ms", "two are late, but they run, and `c` can be in time");
}

/// Two blocks of `two_blocks` end at 9 ms and, `more` later, in or out of time at 10 ms.
fn behind_a_running_block(more: u32) -> Story {
    let two_blocks = model("two_blocks", 10, [dsp(9), npu(more)]);
    let mut story = story([two_blocks, model("long", 90, [npu(7)]), model("small", 10, [npu(4)])]);
    story.release("two_blocks");
    story.then("two_blocks#0 segment 0 on dsp", "alone");
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone there");
    story.release("small");
    story.at(7);
    story.ends("npu");
    story
}

#[test]
fn what_is_left_behind_a_running_block_counts() {
    behind_a_running_block(2).then("drop small#0: Infeasible", "9 + 2 ms are beyond 10: two frames are late");
    behind_a_running_block(1).then("small#0 segment 0 on npu", "9 + 1 ms are in time: one frame is late");
}

#[test]
fn frames_with_equal_work_left_go_by_model_then_by_number() {
    let mut story =
        story([model("long", 100, [npu(17)]), model("a", 20, [npu(5)]), model("b", 20, [npu(5)])]);
    story.release("long");
    story.then("long#0 segment 0 on npu", "alone");
    for model in ["b", "a", "a"] {
        story.release(model);
    }
    story.at(17);
    story.ends("npu");
    story.then("drop a#0: Infeasible", "5 ms each: the lower model, its older frame");
    story.then("drop a#1: Infeasible", "a second of its last ten");
    story.then("b#0 segment 0 on npu", "alone, late: no overload");
}

#[test]
fn a_frame_that_has_run_in_part_counts_with_what_is_left() {
    let mut story =
        story([model("a", 20, [npu(9), npu(4)]), model("b", 20, [npu(5)]), model("long", 90, [npu(8)])]);
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.release("b");
    story.fault("npu", Fault::OutOfService);
    story.restore("npu");
    story.then("a#0 segment 0 on npu", "again, from the segment that was lost");
    story.at(9);
    story.ends("npu");
    story.fault("npu", Fault::OutOfService);
    story.at(18);
    story.restore("npu");
    story.then("drop b#0: Infeasible", "neither 4 nor 5 ms fit into 2 ms; of 13 ms of `a` 4 are left");
    story.then("a#0 segment 1 on npu", "no overload");
}

// ---- cascades --------------------------------------------------------------------------------

/// A frame of `hands` (6 ms, and `pose` behind it) and one of `voice` (8 ms), both too late at 16 ms.
fn hands_and_voice(pose: Model<'static, 2>) -> Story {
    let mut story = story([
        model("long", 100, [npu(16)]),
        model("hands", 20, [npu(6)]),
        pose,
        model("voice", 20, [npu(8)]),
    ]);
    both_wait(&mut story, 0, 0);
    story
}

fn both_wait(story: &mut Story, start: u64, round: u32) {
    story.at(start).release("long");
    story.then(&format!("long#{round} segment 0 on npu"), "alone");
    story.release("hands");
    story.release("voice");
    story.at(start + 16);
    story.ends("npu");
}

fn pose(percent: u8) -> Model<'static, 2> {
    child("pose", 1, [npu(4)]).after(ModelId(1), Probability::from_percent(percent))
}

#[test]
fn the_expected_work_of_dependents_counts() {
    hands_and_voice(pose(25)).then("drop voice#0: Infeasible", "8 ms are more than 6 + 4 / 4");
    hands_and_voice(pose(75)).then("drop hands#0: Infeasible", "6 + 4 * 3 / 4 are more than 8 ms");
}

#[test]
fn a_grandchild_counts_with_the_product_of_the_probabilities() {
    let deep = |percent| {
        let half = Probability::from_percent(50);
        let names = child("names", 2, [npu(6)]).after(ModelId(2), Probability::from_percent(percent));
        let mut story = story([
            model("long", 100, [npu(16)]),
            model("hands", 20, [npu(6)]),
            child("pose", 1, [npu(1)]).after(ModelId(1), half),
            names,
            model("voice", 20, [npu(8)]),
        ]);
        both_wait(&mut story, 0, 0);
        story
    };
    deep(45).then("drop voice#0: Infeasible", "8 ms are more than 6 + 1 / 2 + 6 * 0.225");
    deep(55).then("drop hands#0: Infeasible", "6 + 1 / 2 + 6 * 0.275 are more than 8 ms");
}

#[test]
fn a_parent_is_kept_when_the_budget_of_its_child_is_used_up() {
    let mut story = hands_and_voice(pose(100).with_drop_budget(budget(1, 3)));
    story.then("drop hands#0: Infeasible", "the most work left with its child");
    let hands = Frame { release: ms(0), deadline: ms(20), origin: ms(0), number: 0, model: ModelId(1) };
    let lost = story.scheduler.lose_child(ModelId(2), &hands, ms(16)).unwrap();
    assert_eq!((lost.model, lost.number), (ModelId(2), 0));
    story.then("voice#0 segment 0 on npu", "no overload");
    story.at(24);
    story.ends("npu");

    both_wait(&mut story, 100, 1);
    story
        .then("drop voice#1: Infeasible", "`pose` has lost its one of three: `hands` is kept, though larger");
    story.then("hands#1 segment 0 on npu", "no overload");
    // Two frames of `pose` with a result renew its budget, and with it that of `hands`.
    for (at, number) in [(122, 1), (130, 2)] {
        story.at(at);
        if number == 1 {
            story.ends("npu");
        }
        let parent = Frame { release: ms(at), deadline: ms(at + 20), origin: ms(at), number, ..hands };
        story.scheduler.release_child(ModelId(2), &parent, ms(at)).unwrap();
        story.then(&format!("pose#{number} segment 0 on npu"), "alone");
        story.at(at + 4);
        story.ends("npu");
    }
    both_wait(&mut story, 200, 2);
    story.then("drop hands#2: Infeasible", "`pose` has not lost one of its last two");
}

#[test]
fn a_child_that_may_lose_nothing_keeps_its_parent_for_ever() {
    let mut story = hands_and_voice(pose(100).with_drop_budget(DropBudget::NONE));
    story.then("drop voice#0: Infeasible", "8 ms are less than 6 + 4, but `pose` may lose nothing");
    story.then("hands#0 segment 0 on npu", "no overload");
}
/// What a model that is switched off would have lost is nobody's loss.
#[test]
fn a_child_that_is_switched_off_neither_keeps_its_parent_nor_adds_work() {
    let without_pose = |budget, voice_ms| {
        let mut story = story([
            model("long", 100, [npu(16)]),
            model("hands", 20, [npu(6)]),
            pose(100).with_drop_budget(budget),
            model("voice", 20, [npu(voice_ms)]),
        ]);
        story.scheduler.set_active(ModelId(2), false, ms(0)).unwrap();
        both_wait(&mut story, 0, 0);
        story
    };
    without_pose(DropBudget::NONE, 5).then("drop hands#0: Infeasible", "6 ms are more than 5");
    without_pose(budget(2, 10), 8).then("drop voice#0: Infeasible", "8 ms are more than 6, which is all");
}
// ---- with the other parts --------------------------------------------------------------------

/// The correction knows that the npu is four times as slow as its table says, and the dsp is not. A
/// frame that the dsp can still finish in time is not lost.
#[test]
fn a_throttled_accelerator_does_not_make_frames_infeasible_that_another_can_save() {
    let both = SegmentSpec::new([cost(4, 10), cost(4, 10)]);
    let config = Config { correction: true, ..SMART };
    let mut story = configured(config, [model("a", 500, [both]), model("long", 900, [dsp(894)])]);
    story.release("long");
    story.then("long#0 segment 0 on dsp", "only there");
    for round in 0..20 {
        story.at(20 * round).release("a");
        story.then(&format!("a#{round} segment 0 on npu"), "the dsp is busy");
        story.at(20 * round + 16);
        story.ends("npu");
    }
    assert!(story.scheduler.latency_factor(ModelId(0), AcceleratorId(0)).unwrap() > 3.9);
    story.at(400).fault("npu", Fault::OutOfService);
    story.release("a");
    story.release("a");
    story.at(894);
    story.ends("dsp");
    story.then("a#20 segment 0 on dsp", "4 ms in 6 ms: in time, so there is nothing to drop");
}
