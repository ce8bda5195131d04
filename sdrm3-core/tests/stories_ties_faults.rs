//! Traces under a fake clock, continued: ties, faults, the end of a run, and what a policy hears.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms};
use sdrm3_core::{
    AcceleratorId, DropReason, Error, Event, Fault, Instant, Leftover, ModelId, Outcome, Progress,
    SegmentSpec, Ticket,
};
use story::{Plain, Story, model};

const fn both(npu_ms: u32, dsp_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(npu_ms, 10 * npu_ms), cost(dsp_ms, 10 * dsp_ms)])
}

/// Every pair scores the same: only the documented ties decide.
fn level() -> Plain {
    Plain { score: |_| 0, ..Plain::default() }
}

// ---- ties, in the documented order -----------------------------------------------------------

/// Each test makes all earlier criteria equal, and the order of the pool and all later criteria speak
/// for the other frame.
fn filled(models: [sdrm3_core::Model<'static, 2>; 3]) -> Story {
    let mut story = Story::new(level(), models);
    story.fault("dsp", Fault::OutOfService);
    story.release("filler");
    story.then("filler#0 segment 0 on npu", "alone, at the first place of the pool");
    story
}

#[test]
fn first_the_earlier_deadline() {
    let models =
        [model("slow", 11, [both(1, 1)]), model("filler", 9, [both(1, 1)]), model("fast", 10, [both(9, 9)])];
    let mut story = Story::new(level(), models);
    story.release("slow");
    story.release("fast");
    story.then("fast#0 segment 0 on npu", "due at 10 ms, though released second and of a higher model");
    story.then("slow#0 segment 0 on dsp", "due at 11 ms");
}

#[test]
fn then_the_earlier_release() {
    let mut story = filled([
        model("late", 15, [both(1, 1)]),
        model("filler", 90, [both(1, 1)]),
        model("early", 20, [both(9, 9)]),
    ]);
    story.release("early");
    story.at(5);
    story.ends("npu");
    story.release("late"); // takes the filler's place, the first in the pool
    story.then("early#0 segment 0 on npu", "both are due at 20 ms; it came at 0, the other at 5 ms");
}

#[test]
fn then_the_lower_model() {
    let models =
        [model("a", 10, [both(9, 9)]), model("filler", 90, [both(1, 1)]), model("b", 10, [both(1, 1)])];
    let mut story = Story::new(level(), models);
    story.release("b");
    story.release("a");
    story.then("a#0 segment 0 on npu", "equal but for the model");
    story.then("b#0 segment 0 on dsp", "what is left");
}

#[test]
fn then_the_lower_frame_number() {
    let mut story = filled([
        model("a", 10, [both(1, 1)]),
        model("filler", 90, [both(1, 1)]),
        model("unused", 10, [both(1, 1)]),
    ]);
    story.release("a");
    story.ends("npu");
    story.release("a"); // takes the filler's place, the first in the pool
    story.then("a#0 segment 0 on npu", "frame 0, at the second place, goes before frame 1 at the first");
}

#[test]
fn then_of_one_frame_that_was_given_twice_the_job_at_the_first_place() {
    let mut story = Story::new(level(), [model("a", 90, [both(1, 1), both(9, 9)])]);
    story.fault("dsp", Fault::OutOfService);
    let frame = story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.ends("npu");
    story.scheduler.readmit(frame, story.now).unwrap();
    story.then("a#0 segment 1 on npu", "the other job, at segment 0, would be faster");
}

#[test]
fn then_the_lower_latency_and_last_the_lower_accelerator() {
    let mut story = Story::new(level(), [model("a", 10, [both(4, 3)]), model("b", 20, [both(3, 3)])]);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "3 ms there, 4 ms on the npu");
    story.ends("dsp");
    story.release("b");
    story.then("b#0 segment 0 on npu", "3 ms on both");
}

// ---- faults ----------------------------------------------------------------------------------

#[test]
fn a_lost_block_runs_again() {
    let mut story = Story::new(Plain::default(), [model("hands", 20, [both(4, 6), both(4, 6)])]);
    story.release("hands");
    story.then("hands#0 segment 0 on npu", "faster");
    story.at(4);
    story.ends("npu");
    story.then("hands#0 segment 1 on npu", "faster");
    let lost = story.ticket("npu");
    story.at(6);
    assert!(story.fault("npu", Fault::BlockLost), "the block's job is ready again");
    story.then("hands#0 segment 1 on npu", "at the segment it was at; the npu still works");
    assert_ne!(story.ticket("npu"), lost, "a ticket is never used twice");

    let late = story.scheduler.complete(lost, Outcome::finished(ms(6)), ms(6));
    assert_eq!(late, Err(Error::StaleTicket(lost)), "what was lost cannot complete");
    story.at(10);
    assert_eq!(story.ends("npu").progress, Progress::InTime);
    story.then("wait", "done");
    assert_eq!(story.counts("hands"), [1, 1, 0, 0]);
    assert_eq!(story.tally("hands").energy_nj, 80_000, "of the lost block nothing was measured");
}

#[test]
fn an_accelerator_out_of_service_takes_nothing_until_it_is_restored() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 6)])]);
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "faster");
    story.at(1);
    assert!(story.fault("npu", Fault::OutOfService));
    story.then("gaze#0 segment 0 on dsp", "all that works");
    story.release("gaze");
    story.then("wait until 11 ms", "the npu is idle but out of service");
    assert!(!story.fault("npu", Fault::BlockLost), "it ran nothing, and stays out of service");
    story.then("wait until 11 ms", "still");

    story.at(3);
    story.restore("npu");
    story.then("gaze#1 segment 0 on npu", "back in service");
    story.restore("npu");
    story.then("wait", "restoring what works changes nothing: its block still runs");
    story.at(5);
    story.ends("npu");
    story.at(7);
    story.ends("dsp");
    assert_eq!(story.counts("gaze"), [2, 2, 0, 0]);
}

#[test]
fn a_frame_whose_block_was_lost_has_started_and_may_finish_late() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 6)])]);
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "faster");
    story.at(12);
    story.fault("npu", Fault::BlockLost);
    story.then("gaze#0 segment 0 on npu", "it had been dispatched in time: not stale");
    story.at(14);
    assert_eq!(story.ends("npu").progress, Progress::Late);
}

/// A queue that refuses a block leaves the frame as it was: it may still become stale, and it has waited
/// since it came.
#[test]
fn a_block_that_was_not_taken_was_never_dispatched() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 6)])]);
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "faster");
    story.at(1);
    assert!(story.fault("npu", Fault::NotTaken), "its job is ready again");
    story.fault("dsp", Fault::NotTaken);
    story.then("wait until 10 ms", "both rest; it has not started, and will be stale");
    story.restore("npu");
    story.then("gaze#0 segment 0 on npu", "it is tried again");
    story.fault("npu", Fault::NotTaken);
    story.at(10).then("drop gaze#0: Stale", "it never started");
}

#[test]
fn a_frame_that_had_started_before_a_refusal_stays_started() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 6), both(2, 6)])]);
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "faster");
    story.at(2).ends("npu");
    story.then("gaze#0 segment 1 on npu", "faster");
    story.fault("npu", Fault::NotTaken);
    story.at(12).then("gaze#0 segment 1 on dsp", "late, but not stale");
}

// ---- the end of a run ------------------------------------------------------------------------

#[test]
fn the_end_of_a_run_counts_what_was_due_and_leaves_out_the_rest() {
    let mut story =
        Story::new(Plain::default(), [model("gaze", 10, [both(9, 9)]), model("hands", 20, [both(9, 9)])]);
    let running = story.release("gaze");
    let open = story.release("hands");
    story.then("gaze#0 segment 0 on npu", "due first");
    story.then("hands#0 segment 0 on dsp", "next");
    let waiting = story.release("gaze");
    let tickets = [story.ticket("npu"), story.ticket("dsp")];

    assert_eq!(
        story.close(ms(10)),
        [Leftover::Overdue(running), Leftover::LeftOut(open), Leftover::Overdue(waiting)],
        "due at 10 ms is within a run that ends then; due at 20 ms is not"
    );
    assert_eq!(story.counts("gaze"), [2, 0, 2, 0], "violated, not dropped");
    assert_eq!(story.counts("hands"), [0, 0, 0, 0], "as if it had never been");
    for ticket in tickets {
        let late = story.scheduler.complete(ticket, Outcome::finished(ms(11)), ms(11));
        assert_eq!(late, Err(Error::StaleTicket(ticket)), "the run is over");
    }
    story.at(11);
    story.release("gaze");
    story.then("gaze#2 segment 0 on npu", "the scheduler can go on: the accelerators are idle");
}

#[test]
fn energy_that_was_spent_stays_counted_when_its_frame_is_left_out() {
    let mut story = Story::new(Plain::default(), [model("hands", 20, [both(4, 9), both(4, 9)])]);
    story.release("hands");
    story.then("hands#0 segment 0 on npu", "faster");
    story.at(4);
    story.ends("npu");
    let left = story.close(ms(10));
    assert!(matches!(left[..], [Leftover::LeftOut(_)]), "due at 20 ms");
    let tally = story.tally("hands");
    assert_eq!((tally.frames, tally.energy_nj, tally.worst_energy_nj), (0, 40_000, 90_000));
    assert_eq!(story.scheduler.uxcost().value(), 0.0, "a model without frames counts in neither sum");
}

// ---- what a policy hears ---------------------------------------------------------------------

#[test]
fn a_policy_hears_of_everything_that_happened() {
    let mut story =
        Story::new(Plain::default(), [model("gaze", 10, [both(2, 6)]), model("hands", 20, [both(2, 6)])]);
    let names = |events: &[Event]| -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::Released(..) => "released",
            Event::Dispatched(_) => "dispatched",
            Event::Completed(_) => "completed",
            Event::Dropped(_, DropReason::Stale) => "stale",
            Event::Dropped(_, DropReason::NoRoom) => "no room",
            Event::Faulted(..) => "faulted",
            Event::Restored(_) => "restored",
            Event::Unfinished(_) => "unfinished",
            other => panic!("not in this story: {other:?}"),
        };
        events.iter().map(name).collect()
    };
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "faster");
    story.at(1);
    story.fault("npu", Fault::OutOfService);
    story.fault("dsp", Fault::OutOfService);
    story.restore("npu");
    story.then("gaze#0 segment 0 on npu", "again");
    story.at(3);
    story.ends("npu");
    story.fault("npu", Fault::OutOfService);
    story.release("gaze");
    story.at(13);
    story.then("drop gaze#1: Stale", "nothing runs");
    for _ in 0..story::JOBS {
        story.release("hands");
    }
    let refused = story.scheduler.release(story.id("hands"), story.now).unwrap_err();
    story.scheduler.give_up(refused.frame.unwrap(), story.now);
    story.close(Instant::MAX);
    let heard = [
        "released",
        "dispatched",
        "faulted",
        "faulted",
        "restored",
        "dispatched",
        "completed",
        "faulted",
        "released",
        "stale",
        "released",
        "released",
        "released",
        "released",
        "no room",
        "unfinished",
        "unfinished",
        "unfinished",
        "unfinished",
    ];
    assert_eq!(names(&story.scheduler.policy().heard), heard);
}

/// Tickets name their accelerator and count dispatches, whatever became of them.
#[test]
fn tickets_count_dispatches() {
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [both(2, 6)])]);
    for sequence in 0..3 {
        story.release("gaze");
        story.then(&format!("gaze#{sequence} segment 0 on npu"), "alone");
        assert_eq!(story.ticket("npu"), Ticket { accelerator: <Story>::accelerator("npu"), sequence });
        story.ends("npu");
    }
}

// ---- pairs that do not work ------------------------------------------------------------------

#[test]
fn a_model_barred_from_an_accelerator_runs_elsewhere_while_others_still_use_it() {
    let models = [model("gaze", 10, [both(2, 6)]), model("hands", 20, [both(2, 6)])];
    let mut story = Story::new(Plain::default(), models);
    assert_eq!(story.scheduler.bar(ModelId(0), AcceleratorId(0), true, ms(0)), Ok(true));
    assert_eq!(story.scheduler.bar(ModelId(0), AcceleratorId(0), true, ms(0)), Ok(false), "it was already");
    story.release("gaze");
    story.then("gaze#0 segment 0 on dsp", "though it is faster on the npu");
    story.release("hands");
    story.then("hands#0 segment 0 on npu", "nothing bars it there");
    story.ends("npu");
    story.ends("dsp");
    assert_eq!(story.scheduler.bar(ModelId(0), AcceleratorId(0), false, ms(0)), Ok(true));
    story.release("gaze");
    story.then("gaze#1 segment 0 on npu", "let in again");

    let nobody = story.scheduler.bar(ModelId(9), AcceleratorId(0), true, ms(0));
    assert_eq!(nobody, Err(Error::UnknownModel(ModelId(9))));
    let nowhere = story.scheduler.bar(ModelId(0), AcceleratorId(2), true, ms(0));
    assert_eq!(nowhere, Err(Error::UnknownAccelerator(AcceleratorId(2))));
}

#[test]
fn a_started_frame_that_nothing_can_go_on_with_ends_at_its_deadline() {
    let npu = SegmentSpec::new([cost(2, 10), sdrm3_core::Cost::NONE]);
    let mut story = Story::new(Plain::default(), [model("gaze", 10, [npu, npu])]);
    story.release("gaze");
    story.then("gaze#0 segment 0 on npu", "only there");
    story.at(2);
    story.ends("npu");
    story.fault("npu", Fault::OutOfService);
    story.then("wait until 10 ms", "the npu may come back before");
    story.at(10);
    story.then("drop gaze#0: Unplaceable", "it has started, and nothing in service can end it");
    story.then("wait", "done");
    assert_eq!(story.counts("gaze"), [1, 0, 1, 1]);
}
