//! Everything that is refused: the reason is right, and the scheduler is as it was before.
//!
//! "As it was" is the whole state: its `Debug` output is compared.

mod common;

use common::{cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, AcceleratorId, Action, Config, Dispatch, Error, Fault, Frame, Instant, MapScore, Model,
    ModelId, NextWake, Outcome, Path, Probability, Refusal, Refused, Scheduler, Segment, SegmentSpec,
    SubNetwork, Ticket, Workload,
};

static SEGMENTS: [Segment<2>; 2] = Segment::table([
    SegmentSpec::new([cost(1, 10), cost(2, 5)]),
    SegmentSpec::new([cost(1, 10), cost(2, 5)]),
]);
static NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("only", &SEGMENTS)];
static MODELS: [Model<'static, 2>; 3] = [
    Model::new("hands", span_ms(20), &NETWORK),
    Model::new("pose", span_ms(20), &NETWORK).after(HANDS, Probability::ALWAYS),
    Model::new("voice", span_ms(30), &NETWORK),
];
static ACCELERATORS: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("dsp")];
static WORKLOAD: Workload<'static, 2> = Workload::new(&MODELS, &ACCELERATORS);

const HANDS: ModelId = ModelId(0);
const POSE: ModelId = ModelId(1);
const VOICE: ModelId = ModelId(2);
const NPU: AcceleratorId = AcceleratorId(0);

type Small = Scheduler<'static, MapScore, 3, 2, 2>;

/// At 5 ms: one job of `hands` runs.
fn running() -> (Small, Dispatch) {
    let mut scheduler = Small::new(&WORKLOAD, MapScore::default(), Config::PLAIN).unwrap();
    scheduler.release(HANDS, ms(5)).unwrap();
    let Action::Dispatch(block) = scheduler.poll(ms(5)) else { panic!("two idle accelerators") };
    (scheduler, block)
}

/// Calls, and holds that nothing has changed.
#[track_caller]
fn refused<T: std::fmt::Debug, E>(scheduler: &mut Small, call: impl FnOnce(&mut Small) -> Result<T, E>) -> E {
    let before = format!("{scheduler:?}");
    let Err(error) = call(scheduler) else { panic!("it was accepted") };
    assert_eq!(format!("{scheduler:?}"), before, "a refusal changes nothing");
    error
}

// ---- completions -----------------------------------------------------------------------------

#[test]
fn a_block_completes_once() {
    let (mut scheduler, block) = running();
    let done = Outcome::finished(ms(6));
    assert!(scheduler.is_in_flight(block.ticket));
    scheduler.complete(block.ticket, done, ms(6)).unwrap();
    assert!(!scheduler.is_in_flight(block.ticket));
    let error = refused(&mut scheduler, |s| s.complete(block.ticket, done, ms(6)));
    assert_eq!(error, Error::StaleTicket(block.ticket));
    assert_eq!(
        error.to_string(),
        format!("no block 0 is in flight on accelerator {}", block.ticket.accelerator.0)
    );
}

#[test]
fn a_ticket_that_was_never_given_is_stale() {
    let (mut scheduler, block) = running();
    let other = AcceleratorId(1 - block.ticket.accelerator.0);
    for forged in [
        Ticket { sequence: block.ticket.sequence + 1, ..block.ticket },
        Ticket { accelerator: other, ..block.ticket },
    ] {
        assert!(!scheduler.is_in_flight(forged));
        let error = refused(&mut scheduler, |s| s.complete(forged, Outcome::finished(ms(6)), ms(6)));
        assert_eq!(error, Error::StaleTicket(forged));
    }
}

#[test]
fn a_block_lost_to_a_fault_cannot_complete() {
    let (mut scheduler, block) = running();
    let lost = scheduler.fault(block.ticket.accelerator, Fault::BlockLost, ms(6)).unwrap();
    assert_eq!(lost, Some(block.job));
    let late = |s: &mut Small| s.complete(block.ticket, Outcome::finished(ms(6)), ms(6));
    assert!(!scheduler.is_in_flight(block.ticket));
    assert_eq!(refused(&mut scheduler, late), Error::StaleTicket(block.ticket));

    // Nor once the same job runs there again, under a new ticket.
    let Action::Dispatch(again) = scheduler.poll(ms(6)) else { panic!("it is ready again") };
    assert_eq!((again.job, again.ticket.accelerator), (block.job, block.ticket.accelerator));
    assert_eq!(refused(&mut scheduler, late), Error::StaleTicket(block.ticket));
    assert!(scheduler.complete(again.ticket, Outcome::finished(ms(7)), ms(7)).is_ok());
}

#[test]
fn a_skip_past_the_end_is_refused_and_the_block_stays_in_flight() {
    let (mut scheduler, block) = running();
    for skipped in [2, u16::MAX] {
        let outcome = Outcome::finished(ms(6)).with_path(Path::Skip(skipped));
        let error = refused(&mut scheduler, |s| s.complete(block.ticket, outcome, ms(6)));
        assert_eq!(error, Error::SkipBeyondEnd { ticket: block.ticket, path: outcome.path });
        assert_eq!(
            error.to_string(),
            format!("block 0 says Skip({skipped}), which is past the end of its network")
        );
    }
    assert!(scheduler.complete(block.ticket, Outcome::finished(ms(6)), ms(6)).is_ok(), "still in flight");
}

#[test]
fn an_accelerator_that_does_not_exist_is_named() {
    let (mut scheduler, block) = running();
    let unknown = AcceleratorId(2);
    let ticket = Ticket { accelerator: unknown, ..block.ticket };
    let errors = [
        refused(&mut scheduler, |s| s.complete(ticket, Outcome::finished(ms(6)), ms(6))),
        refused(&mut scheduler, |s| s.fault(unknown, Fault::OutOfService, ms(6))),
        refused(&mut scheduler, |s| s.restore(unknown, ms(6))),
    ];
    for error in errors {
        assert_eq!(error, Error::UnknownAccelerator(unknown));
        assert_eq!(error.to_string(), "the workload has no accelerator 2");
    }
}

// ---- time ------------------------------------------------------------------------------------

#[test]
fn time_does_not_go_back() {
    let (mut scheduler, block) = running();
    let before = Instant::from_nanos(4_999_999);
    let errors = [
        refused(&mut scheduler, |s| s.complete(block.ticket, Outcome::finished(before), before)),
        refused(&mut scheduler, |s| s.fault(NPU, Fault::BlockLost, before)),
        refused(&mut scheduler, |s| s.restore(NPU, before)),
    ];
    for error in errors {
        assert_eq!(error, Error::TimeWentBack { now: before, last: ms(5) });
        assert_eq!(error.to_string(), "the time went back from 5000000 ns to 4999999 ns");
    }
    let Refused { frame: Some(frame), why } = refused(&mut scheduler, |s| s.release(VOICE, before)) else {
        panic!("the frame is handed back")
    };
    assert_eq!((frame.model, frame.release), (VOICE, before));
    assert_eq!(why, Refusal::TimeWentBack { last: ms(5) });
    assert_eq!(why.to_string(), "the time lies before 5000000 ns, which was given earlier");

    let parent = block.frame;
    let back = refused(&mut scheduler, |s| s.release_child(POSE, &parent, before));
    assert_eq!(back.why, Refusal::TimeWentBack { last: ms(5) });
}

#[test]
fn poll_takes_an_earlier_time_for_the_latest() {
    let (mut scheduler, _) = running();
    let (voice, _) = scheduler.release(VOICE, ms(7)).unwrap();
    let Action::Dispatch(block) = scheduler.poll(Instant::ZERO) else { panic!("an idle accelerator") };
    assert_eq!(block.frame, voice);
    assert_eq!(scheduler.poll(Instant::ZERO), Action::Wait(NextWake::Idle));
    let busy = scheduler.accelerators()[usize::from(block.ticket.accelerator.0)].activity;
    let until = ms(7).saturating_add(sdrm3_core::Duration::from_nanos(block.expected.latency_ns.into()));
    assert_eq!(busy, sdrm3_core::Activity::Busy { until }, "counted from 7 ms");
    assert!(scheduler.release(VOICE, ms(6)).is_err(), "7 ms still stands");
}

// ---- frames ----------------------------------------------------------------------------------

#[test]
fn a_full_pool_hands_the_frame_back() {
    let (mut scheduler, block) = running();
    scheduler.release(VOICE, ms(5)).unwrap();
    assert_eq!(scheduler.capacity(), 2);
    let error = refused(&mut scheduler, |s| s.release(VOICE, ms(6)));
    let frame = Frame { release: ms(6), deadline: ms(36), origin: ms(6), number: 1, model: VOICE };
    assert_eq!(error, Refused { frame: Some(frame), why: Refusal::Full { capacity: 2 } });
    assert_eq!(error.to_string(), "frame 1 of model 2 refused: all 2 places for jobs are taken");

    // Room again: the next try is taken in, under the number that was not used.
    scheduler.complete(block.ticket, Outcome::finished(ms(7)).with_path(Path::Exit), ms(7)).unwrap();
    let (again, _) = scheduler.release(VOICE, ms(7)).unwrap();
    assert_eq!((again.number, again.release), (1, ms(7)));
    assert_eq!(scheduler.tallies()[2].frames, 2, "a refused frame was not counted");
}

#[test]
fn a_refused_frame_that_is_tried_again_is_as_old_as_it_is() {
    let (mut scheduler, block) = running();
    scheduler.release(VOICE, ms(5)).unwrap();
    let frame = refused(&mut scheduler, |s| s.release(VOICE, ms(6))).frame.unwrap();
    let again = refused(&mut scheduler, |s| s.readmit(frame, ms(7)));
    assert_eq!(again, Refused { frame: Some(frame), why: Refusal::Full { capacity: 2 } }, "still no room");
    scheduler.complete(block.ticket, Outcome::finished(ms(8)).with_path(Path::Exit), ms(8)).unwrap();
    assert_eq!(scheduler.readmit(frame, ms(9)).unwrap().0, frame, "released at 6 ms, due at 36");
    assert_eq!(scheduler.tallies()[2].frames, 2, "and counted once");
    let late = refused(&mut scheduler, |s| s.release(VOICE, ms(8))).frame.unwrap();
    assert_eq!(late.number, 2, "the number of a frame that was told of too late comes behind");
    scheduler.set_active(VOICE, false, ms(9)).unwrap();
    assert_eq!([HANDS, VOICE, ModelId(99)].map(|model| scheduler.is_active(model)), [true, false, false]);
    assert_eq!(
        refused(&mut scheduler, |s| s.readmit(late, ms(9))),
        Refused { frame: None, why: Refusal::Inactive }
    );
}

#[test]
fn a_refused_frame_that_is_given_up_is_dropped_and_violated() {
    let (mut scheduler, _) = running();
    scheduler.release(VOICE, ms(5)).unwrap();
    let frame = refused(&mut scheduler, |s| s.release(VOICE, ms(6))).frame.unwrap();
    scheduler.give_up(frame, ms(6));
    let tally = scheduler.tallies()[2];
    assert_eq!([tally.frames, tally.completed, tally.violated, tally.dropped], [2, 0, 1, 1]);
}

#[test]
fn frames_that_are_lost_at_an_earlier_time_are_lost_now() {
    let (mut scheduler, block) = running();
    scheduler.release(VOICE, ms(7)).unwrap();
    let lost = scheduler.lose_child(POSE, &block.frame, ms(3)).unwrap();
    assert_eq!(lost.release, ms(7), "a time before the last one counts as that one");
    scheduler.give_up(Frame { number: 1, ..lost }, ms(9));
    let error = refused(&mut scheduler, |s| s.release(HANDS, ms(8)));
    assert_eq!(error.why, Refusal::TimeWentBack { last: ms(9) }, "time has gone on");
}

#[test]
fn a_child_that_finds_no_room_is_handed_back() {
    let (mut scheduler, block) = running();
    let parent = block.frame;
    scheduler.release(VOICE, ms(5)).unwrap();
    let error = refused(&mut scheduler, |s| s.release_child(POSE, &parent, ms(6)));
    let frame = Frame { release: ms(6), deadline: ms(25), origin: ms(5), number: 0, model: POSE };
    assert_eq!(error, Refused { frame: Some(frame), why: Refusal::Full { capacity: 2 } });
}

#[test]
fn frames_of_the_wrong_kind_are_refused() {
    let (mut scheduler, block) = running();
    let hands = block.frame;
    let voice = Frame { model: VOICE, ..hands };
    let unknown = ModelId(3);
    let no_frame = |why| Refused { frame: None, why };
    assert_eq!(
        refused(&mut scheduler, |s| s.release(unknown, ms(6))),
        no_frame(Refusal::UnknownModel(unknown))
    );
    assert_eq!(refused(&mut scheduler, |s| s.release(POSE, ms(6))), no_frame(Refusal::NeedsParent));
    let not_children = [(POSE, voice), (VOICE, hands), (POSE, Frame { model: unknown, ..hands })];
    for (model, parent) in not_children {
        assert_eq!(
            refused(&mut scheduler, |s| s.release_child(model, &parent, ms(6))),
            no_frame(Refusal::NotAChild)
        );
        assert_eq!(
            refused(&mut scheduler, |s| s.lose_child(model, &parent, ms(6))),
            no_frame(Refusal::NotAChild)
        );
    }
    let orphan = refused(&mut scheduler, |s| s.release_child(unknown, &hands, ms(6)));
    assert_eq!(orphan, no_frame(Refusal::UnknownModel(unknown)));

    for (why, says) in [
        (Refusal::UnknownModel(unknown), "frame refused: the workload has no model 3"),
        (Refusal::NotAChild, "frame refused: the model does not run on frames of that parent"),
        (
            Refusal::NeedsParent,
            "frame refused: the model runs on frames of another one; release it as a child of such a frame",
        ),
    ] {
        assert_eq!(no_frame(why).to_string(), says);
    }
}

#[test]
fn a_model_that_is_switched_off_takes_no_frames() {
    let (mut scheduler, block) = running();
    for model in [VOICE, POSE] {
        scheduler.set_active(model, false, ms(5)).unwrap();
    }
    let inactive = Refused { frame: None, why: Refusal::Inactive };
    assert_eq!(refused(&mut scheduler, |s| s.release(VOICE, ms(6))), inactive);
    assert_eq!(refused(&mut scheduler, |s| s.release_child(POSE, &block.frame, ms(6))), inactive);
    assert_eq!(refused(&mut scheduler, |s| s.lose_child(POSE, &block.frame, ms(6))), inactive);
    assert_eq!(inactive.to_string(), "frame refused: the model is switched off");
    scheduler.set_active(VOICE, true, ms(6)).unwrap();
    assert!(scheduler.release(VOICE, ms(6)).is_ok(), "on again");
}

#[test]
fn changes_of_a_model_that_does_not_exist_or_of_the_past_are_refused() {
    let (mut scheduler, _) = running();
    let (unknown, before) = (ModelId(3), ms(4));
    for error in [
        refused(&mut scheduler, |s| s.set_active(unknown, false, ms(6))),
        refused(&mut scheduler, |s| s.set_period(unknown, span_ms(5), ms(6))),
    ] {
        assert_eq!(error, Error::UnknownModel(unknown));
        assert_eq!(error.to_string(), "the workload has no model 3");
    }
    for error in [
        refused(&mut scheduler, |s| s.set_active(VOICE, false, before)),
        refused(&mut scheduler, |s| s.set_period(VOICE, span_ms(5), before)),
    ] {
        assert_eq!(error, Error::TimeWentBack { now: before, last: ms(5) });
    }
}

/// A frame may be refused, later ones taken in, and only then be given up.
#[test]
fn a_frame_given_up_late_does_not_repeat_numbers() {
    let (mut scheduler, block) = running();
    scheduler.release(VOICE, ms(5)).unwrap();
    let early = refused(&mut scheduler, |s| s.release(VOICE, ms(6))).frame.unwrap();
    // Each completion makes room for one more frame.
    scheduler.complete(block.ticket, Outcome::finished(ms(7)).with_path(Path::Exit), ms(7)).unwrap();
    let (second, _) = scheduler.release(VOICE, ms(7)).unwrap();
    let Action::Dispatch(block) = scheduler.poll(ms(7)) else { panic!("two jobs, two accelerators") };
    scheduler.complete(block.ticket, Outcome::finished(ms(8)).with_path(Path::Exit), ms(8)).unwrap();
    let (third, _) = scheduler.release(VOICE, ms(8)).unwrap();
    assert_eq!([second.number, third.number], [1, 2]);

    scheduler.give_up(early, ms(8));
    let next = refused(&mut scheduler, |s| s.release(VOICE, ms(8))).frame.unwrap();
    assert_eq!(next.number, 3, "frame 2 is already there");
}
