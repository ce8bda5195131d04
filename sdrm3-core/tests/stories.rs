//! Traces under a fake clock: what happens, what the scheduler does, and why.
//!
//! The policy is the simplest one, the oldest frame first, so that every action can be told in words;
//! frames are conserved after each of them (see `common/story.rs`).

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms};
use sdrm3_core::{Branch, Cost, DropReason, Event, Outcome, Path, Probability, Progress, SegmentSpec};
use story::{Plain, Story, child, model};

const fn both(npu_ms: u32, dsp_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(npu_ms, 10 * npu_ms), cost(dsp_ms, 10 * dsp_ms)])
}

const fn npu_only(npu_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(npu_ms, 10 * npu_ms), Cost::NONE])
}

const IN_TIME: [u32; 4] = [1, 1, 0, 0];
const LATE: [u32; 4] = [1, 1, 1, 0];
const DROPPED: [u32; 4] = [1, 0, 1, 1];

// ---- ordinary life ---------------------------------------------------------------------------

#[test]
fn three_models_share_two_accelerators() {
    let mut story = Story::new(
        Plain::default(),
        [
            model("gaze", 10, [both(2, 4)]),
            model("hands", 20, [both(4, 3), both(4, 3)]),
            model("voice", 30, [npu_only(5)]),
        ],
    );
    for model in ["voice", "hands", "gaze"] {
        story.release(model);
    }
    story.then("gaze#0 segment 0 on npu", "all came at once: gaze is due first, and the npu is faster");
    story.then("hands#0 segment 0 on dsp", "due next, and the dsp is all that is left");
    story.then("wait until 30 ms", "voice, which only the npu can run, goes stale then");

    story.at(2);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    story.then("voice#0 segment 0 on npu", "the npu is idle");
    story.then("wait", "all frames have started: nothing can go stale");

    story.at(3);
    assert_eq!(story.ends("dsp").progress, Progress::More);
    story.then("hands#0 segment 1 on dsp", "a segment is a dispatch of its own; the npu is busy");
    story.then("wait", "both run");

    story.at(6);
    assert_eq!(story.ends("dsp").progress, Progress::InTime);
    story.then("wait", "nothing is ready");
    story.at(7);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    story.then("wait", "nothing is left");
    for model in ["gaze", "hands", "voice"] {
        assert_eq!(story.counts(model), IN_TIME, "{model}");
    }
    // gaze at its best place of 20 or 40 uJ, hands twice at 30 of 30 or 40 uJ.
    assert_eq!((story.tally("gaze").energy_nj, story.tally("gaze").worst_energy_nj), (20_000, 40_000));
    assert_eq!((story.tally("hands").energy_nj, story.tally("hands").worst_energy_nj), (60_000, 80_000));
}

#[test]
fn frames_of_one_model_overtake_nothing_and_keep_their_numbers() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [npu_only(4)])]);
    story.release("gaze");
    story.at(1).release("gaze");
    story.then("gaze#0 segment 0 on npu", "it is the older one");
    story.then("wait until 11 ms", "frame 1 goes stale 10 ms after its own release");
    story.at(4);
    story.ends("npu");
    story.then("gaze#1 segment 0 on npu", "its turn");
    story.at(8);
    story.ends("npu");
    story.then("wait", "done");
    assert_eq!(story.counts("gaze"), [2, 2, 0, 0]);
}

// ---- cascades --------------------------------------------------------------------------------

#[test]
fn a_completed_parent_releases_its_child_with_the_parents_deadline() {
    let mut story =
        Story::new(Plain::default(), [model("hands", 20, [both(4, 6)]), child("pose", 0, [both(3, 3)])]);
    story.at(5).release("hands");
    story.then("hands#0 segment 0 on npu", "the npu is faster");
    story.then("wait", "the child does not exist yet");

    story.at(9);
    let parent = story.ends("npu").frame;
    let pose = story.id("pose");
    let (frame, _) = story.scheduler.release_child(pose, &parent, ms(9)).unwrap();
    assert_eq!((frame.release, frame.origin), (ms(9), ms(5)), "released now, of a cascade that began at 5");
    assert_eq!((frame.deadline, frame.number), (ms(25), 0), "due when its parent was, under its number");

    story.then("pose#0 segment 0 on npu", "equal latencies: the lower accelerator");
    story.at(25);
    assert_eq!(story.ends("npu").progress, Progress::InTime, "at the parent's deadline");
    story.then("wait", "done");
    assert_eq!(story.counts("pose"), IN_TIME);
}

#[test]
fn a_childs_own_deadline_counts_from_the_root_of_its_cascade() {
    let grip = child("grip", 1, [both(1, 3)]).with_deadline(common::span_ms(12));
    let models = [model("hands", 20, [both(4, 6)]), child("pose", 0, [both(3, 3)]), grip];
    let mut story = Story::new(Plain::default(), models);
    story.at(5).release("hands");
    story.then("hands#0 segment 0 on npu", "the npu is faster");
    story.at(9);
    let parent = story.ends("npu").frame;
    let (pose, _) = story.scheduler.release_child(story.id("pose"), &parent, ms(9)).unwrap();
    story.then("pose#0 segment 0 on npu", "equal latencies: the lower accelerator");
    story.at(12);
    story.ends("npu");
    let (frame, _) = story.scheduler.release_child(story.id("grip"), &pose, ms(12)).unwrap();
    assert_eq!((frame.release, frame.origin), (ms(12), ms(5)));
    assert_eq!(frame.deadline, ms(17), "12 ms after the hands were seen, not after the pose");
    story.then("grip#0 segment 0 on npu", "faster");
    story.at(13);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
}

#[test]
fn a_lost_parent_loses_its_child() {
    let mut story =
        Story::new(Plain::default(), [model("hands", 20, [npu_only(4)]), child("pose", 0, [both(3, 3)])]);
    story.fault("npu", sdrm3_core::Fault::OutOfService);
    let parent = story.release("hands");
    story.then("wait until 20 ms", "only the npu could run it");
    story.at(20);
    story.then("drop hands#0: Stale", "it has not started by its deadline");
    let lost = story.scheduler.lose_child(story.id("pose"), &parent, story.now).unwrap();
    assert_eq!((lost.number, lost.deadline), (0, ms(20)));
    story.then("wait", "the child never becomes a job");
    assert_eq!(story.counts("hands"), DROPPED);
    assert_eq!(story.counts("pose"), DROPPED, "violated although it never ran");
    assert_eq!(story.scheduler.policy().heard.last(), Some(&Event::Dropped(lost, DropReason::ParentLost)));
}

// ---- deadlines -------------------------------------------------------------------------------

#[test]
fn a_frame_goes_stale_exactly_at_its_deadline() {
    let mut story =
        Story::new(Plain::default(), [model("gaze", 10, [npu_only(1)]), model("hands", 20, [npu_only(30)])]);
    story.release("hands");
    story.then("hands#0 segment 0 on npu", "alone");
    story.at(2).release("gaze");
    story.then("wait until 12 ms", "gaze goes stale then");
    story.at_instant(sdrm3_core::Instant::from_nanos(11_999_999));
    story.then("wait until 12 ms", "a nanosecond is left");
    story.at(12);
    story.then("drop gaze#0: Stale", "its deadline has come and it has not started");
    story.then("wait", "hands runs, and a frame that runs is never dropped");
    assert_eq!(story.counts("gaze"), DROPPED);
}

#[test]
fn the_next_wake_is_the_earliest_deadline_of_a_frame_that_has_not_started() {
    let mut story =
        Story::new(Plain::default(), [model("gaze", 10, [npu_only(1)]), model("hands", 20, [npu_only(1)])]);
    story.fault("npu", sdrm3_core::Fault::OutOfService);
    story.release("hands");
    story.then("wait until 20 ms", "the only frame");
    story.at(1).release("gaze");
    story.then("wait until 11 ms", "the earlier of two");
    story.at(11);
    story.then("drop gaze#0: Stale", "due");
    story.then("wait until 20 ms", "the one that is left");
    story.at(20);
    story.then("drop hands#0: Stale", "due");
    story.then("wait", "nothing is left");
}

#[test]
fn a_frame_that_has_started_may_finish_late() {
    let mut story = Story::new(Plain::default(), [model("hands", 20, [both(4, 9), both(4, 9)])]);
    story.release("hands");
    story.at(19);
    story.then("hands#0 segment 0 on npu", "a millisecond before its deadline is early enough to start");
    story.at(23);
    story.ends("npu");
    story.then("hands#0 segment 1 on npu", "it has started: it is not stale though it is late");
    story.at(27);
    assert_eq!(story.ends("npu").progress, Progress::Late);
    story.then("wait", "done");
    assert_eq!(story.counts("hands"), LATE, "late is violated, not dropped");
}

#[test]
fn in_time_is_by_the_clock_of_the_device() {
    for (finished, progress) in [(ms(10), Progress::InTime), (at_ns(10_000_001), Progress::Late)] {
        let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 4)])]);
        story.release("gaze");
        story.then("gaze#0 segment 0 on npu", "alone");
        story.at(12); // when we hear of it
        assert_eq!(story.ends_with("npu", Outcome::finished(finished)).progress, progress);
    }
}

const fn at_ns(nanos: u64) -> sdrm3_core::Instant {
    sdrm3_core::Instant::from_nanos(nanos)
}

// ---- dynamic networks and blocks -------------------------------------------------------------

const SKIPS: Branch = Branch::Skip { segments: 1, probability: Probability::ALWAYS };
const EXITS: Branch = Branch::Exit { probability: Probability::ALWAYS };

#[test]
fn a_network_skips_and_exits_where_its_completions_say() {
    let segments = [both(1, 2).with_branch(SKIPS), both(1, 2), both(1, 2).with_branch(EXITS), both(1, 2)];
    let mut story = Story::new(Plain::default(), [model("context", 40, segments)]);
    story.release("context");
    story.then("context#0 segment 0 on npu", "alone");
    assert_eq!(story.ends_by("npu", Path::Skip(1)).progress, Progress::More);
    story.then("context#0 segment 2 on npu", "segment 1 was skipped");
    let report = story.ends_by("npu", Path::Exit);
    assert_eq!(report.progress, Progress::InTime, "complete without segment 3");
    story.then("wait", "done");
    assert_eq!(story.counts("context"), IN_TIME);
    assert_eq!(story.tally("context").worst_energy_nj, 40_000, "two segments ran, 20 uJ each at worst");

    // The table gives probabilities; the completion decides. The same network, to its end.
    story.release("context");
    for segment in 0..4 {
        story.then(&format!("context#1 segment {segment} on npu"), "no branch is taken");
        story.ends("npu");
    }
    story.then("wait", "done");
    assert_eq!(story.counts("context"), [2, 2, 0, 0]);
}

#[test]
fn a_skip_may_end_the_network() {
    let segments = [both(1, 2).with_branch(SKIPS), both(1, 2)];
    let mut story = Story::new(Plain::default(), [model("context", 40, segments)]);
    story.release("context");
    story.then("context#0 segment 0 on npu", "alone");
    assert_eq!(story.ends_by("npu", Path::Skip(1)).progress, Progress::InTime, "it skips its last segment");
}

#[test]
fn a_block_ends_at_a_branch_and_where_the_accelerator_cannot_go_on() {
    let segments =
        [both(4, 2), both(4, 2).with_branch(SKIPS), both(4, 2), both(4, 2), npu_only(1), both(1, 2)];
    let mut story = Story::new(Plain { block: 9, ..Plain::default() }, [model("context", 90, segments)]);
    story.release("context");
    story.then("context#0 segments 0 to 1 on dsp", "faster there; behind segment 1 the path is open");
    story.at(4);
    assert_eq!(story.ends("dsp").worst_energy_nj, 80_000, "both segments count");
    story.then("context#0 segments 2 to 3 on dsp", "the dsp cannot run segment 4");
    story.at(8);
    story.ends("dsp");
    story.then("context#0 segments 4 to 5 on npu", "the npu can, and goes on to the end");
    story.at(10);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    assert_eq!(story.counts("context"), IN_TIME);
}

#[test]
fn a_block_is_no_longer_than_the_policy_asks_and_at_least_one_segment() {
    for (asked, told) in
        [(0, "a#0 segment 0 on npu"), (1, "a#0 segment 0 on npu"), (2, "a#0 segments 0 to 1 on npu")]
    {
        let mut story = Story::new(
            Plain { block: asked, ..Plain::default() },
            [model("a", 90, [both(1, 2), both(1, 2), both(1, 2)])],
        );
        story.release("a");
        story.then(told, "as long as asked");
    }
}

// ---- what a policy may decide ----------------------------------------------------------------

#[test]
fn a_policy_abandons_what_cannot_be_in_time() {
    let hopeless =
        Plain { abandons: |job, now| job.segment.fastest_togo > job.slack(now), ..Plain::default() };
    let mut story = Story::new(hopeless, [model("hands", 10, [both(4, 9), both(4, 9)])]);
    story.release("hands");
    story.at(2).release("hands");
    story.then("hands#0 segment 0 on npu", "4 + 4 ms fit into 8 ms");
    story.then("hands#1 segment 0 on dsp", "10 ms are left for 8");
    story.at(7);
    story.ends("npu");
    story.then("drop hands#0: Abandoned", "4 ms do not fit into 3: dropped between its segments");
    story.then("wait", "frame 1 runs; a running frame is not asked about");
    assert_eq!(story.counts("hands"), [2, 0, 1, 1]);
    story.at(11);
    story.ends("dsp");
    story.then("drop hands#1: Abandoned", "4 ms do not fit into 1");
    story.then("wait", "nothing is left");
    assert_eq!(story.counts("hands"), [2, 0, 2, 2]);
    assert_eq!(story.tally("hands").energy_nj, 40_000 + 90_000, "what ran was paid for");
}

#[test]
fn a_policy_may_wait_for_a_better_accelerator() {
    let picky = Plain { takes: |_, offer| offer.placement.latency_ns <= 4_000_000, ..Plain::default() };
    let mut story = Story::new(picky, [model("gaze", 20, [both(4, 9)])]);
    story.release("gaze");
    story.at(1).release("gaze");
    story.then("gaze#0 segment 0 on npu", "fast enough");
    story.then("wait until 21 ms", "the dsp is idle but refused; the frame goes stale then");
    story.at(4);
    story.ends("npu");
    story.then("gaze#1 segment 0 on npu", "what it waited for");
    story.then("wait", "all run");
    assert_eq!(story.scheduler.policy().prepared, 0, "prepare() saw no ready job in the last decision");
}
