//! Random calls, sensible or not, through the C interface and to a scheduler in Rust: the same answers.

#![allow(clippy::undocumented_unsafe_blocks, reason = "a test calls as C would")]

mod rig;

use proptest::prelude::*;
use rig::{Storage, Tables};
use sdrm3::sdrm3_status_t::*;
use sdrm3::*;
use sdrm3_core::{
    Accelerator, AcceleratorId, Config, Cost, Duration, Fault, Frame, Instant, MapScore, Model, ModelId,
    Outcome, Path, Probability, Refused, Scheduler, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};

/// As `Tables::new` has it, and a model that depends on its one.
static SEGMENTS: [Segment<4>; 2] = Segment::table([
    SegmentSpec::new([Cost::new(1_000, 1_000), Cost::new(2_000, 1_000), Cost::NONE, Cost::NONE]),
    SegmentSpec::new([Cost::new(3_000, 1_000), Cost::new(4_000, 1_000), Cost::NONE, Cost::NONE]),
]);
static NETWORKS: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("", &SEGMENTS)];
static MODELS: [Model<'static, 4>; 2] = [
    Model::new("eye", Duration::from_millis(1), &NETWORKS),
    Model::new("gaze", Duration::from_millis(1), &NETWORKS).after(ModelId(0), Probability::ALWAYS),
];
static ACCELERATORS: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("npu")];
static WORKLOAD: Workload<'static, 4> = Workload::new(&MODELS, &ACCELERATORS);

fn cascade(storage: &mut Storage) -> *mut sdrm3_t {
    let mut tables = Tables::new();
    tables.models.push(sdrm3_model_t { probability: SDRM3_ALWAYS, ..tables.models[0] });
    let (tables, workload) = tables.leak();
    tables.models[1].parent = &tables.models[0];
    rig::init(storage, workload).expect("valid tables")
}

/// A call; numbers are taken as they are, also where nothing has that number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Release(u8),
    /// Model, how many frames were seen since its parent's.
    ReleaseChild(u8, usize),
    LoseChild(u8, usize),
    GiveUp(usize),
    Poll,
    /// Accelerator, how much older than the latest dispatch there, path, segments skipped.
    Complete(u8, u32, u8, u16),
    Fault(u8, u8),
    Restore(u8),
    Bar(u8, u8, bool),
    SetActive(u8, bool),
    SetPeriod(u8, u64),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3).prop_map(Step::Release),
        2 => (0u8..3, 0usize..4).prop_map(|(model, age)| Step::ReleaseChild(model, age)),
        2 => (0u8..3, 0usize..4).prop_map(|(model, age)| Step::LoseChild(model, age)),
        1 => (0usize..4).prop_map(Step::GiveUp),
        8 => Just(Step::Poll),
        6 => (0u8..3, 0u32..2, 0u8..4, 0u16..3).prop_map(|(on, age, path, skip)| Step::Complete(on, age, path, skip)),
        1 => (0u8..3, 0u8..5).prop_map(|(on, kind)| Step::Fault(on, kind)),
        2 => (0u8..3).prop_map(Step::Restore),
        1 => (0u8..3, 0u8..3, any::<bool>()).prop_map(|(model, on, barred)| Step::Bar(model, on, barred)),
        1 => (0u8..3, any::<bool>()).prop_map(|(model, active)| Step::SetActive(model, active)),
        1 => (0u8..3, 0u64..3_000).prop_map(|(model, period)| Step::SetPeriod(model, period)),
        1 => Just(Step::Close),
    ]
}

/// What a result of the core is in C.
fn status<E: Into<sdrm3_status_t>, T>(result: Result<T, E>) -> sdrm3_status_t {
    result.map_or_else(Into::into, |_| SDRM3_OK)
}

/// A frame that was taken in or handed back.
type Answer = (sdrm3_status_t, sdrm3_frame_t);

fn frame_of(result: Result<Frame, Refused>) -> Answer {
    match result {
        Ok(frame) => (SDRM3_OK, frame.into()),
        Err(refused) => (refused.why.into(), refused.frame.map_or_else(Default::default, Into::into)),
    }
}

proptest! {
    #[test]
    fn c_answers_as_rust(steps in proptest::collection::vec((step(), 0u64..4_000, any::<bool>()), 1..120)) {
        let mut storage = Storage::new();
        let c = cascade(&mut storage);
        let mut rust = Scheduler::<_, 8, 16, 4>::new(&WORKLOAD, MapScore::default(), Config::FULL).expect("valid");
        let (mut now, mut latest, mut frames) = (0u64, [0u32; 3], Vec::<sdrm3_frame_t>::new());
        for (step, pass, back) in steps {
            now += pass;
            // Now and then a time that went back.
            let at = if back && pass < 200 { now.saturating_sub(5_000) } else { now };
            let instant = Instant::from_nanos(at);
            let mut frame = sdrm3_frame_t::default();
            let seen = |age: usize| frames.iter().rev().nth(age).copied().unwrap_or_default();
            match step {
                Step::Release(model) => {
                    let answer = unsafe { sdrm3_release(c, model, at, &mut frame) };
                    let expected = rust.release(ModelId(model), instant).map(|(frame, _)| frame);
                    prop_assert_eq!((answer, frame), frame_of(expected));
                    if let Err(Refused { frame: Some(back), .. }) = expected {
                        let again = unsafe { sdrm3_readmit(c, &frame, now) };
                        prop_assert_eq!(again, status(rust.readmit(back, Instant::from_nanos(now)).map_err(|r| r.why)));
                    }
                }
                Step::ReleaseChild(model, age) => {
                    let parent = seen(age);
                    let answer = unsafe { sdrm3_release_child(c, model, &parent, at, &mut frame) };
                    let expected = rust.release_child(ModelId(model), &parent.into(), instant).map(|(frame, _)| frame);
                    prop_assert_eq!((answer, frame), frame_of(expected));
                }
                Step::LoseChild(model, age) => {
                    let parent = seen(age);
                    let answer = unsafe { sdrm3_lose_child(c, model, &parent, at, &mut frame) };
                    prop_assert_eq!((answer, frame), frame_of(rust.lose_child(ModelId(model), &parent.into(), instant)));
                }
                Step::GiveUp(age) => {
                    let lost = seen(age);
                    prop_assert_eq!(unsafe { sdrm3_give_up(c, &lost, at) }, SDRM3_OK);
                    rust.give_up(lost.into(), instant);
                }
                Step::Poll => {
                    let mut action = sdrm3_action_t::default();
                    prop_assert_eq!(unsafe { sdrm3_poll(c, at, &mut action) }, SDRM3_OK);
                    prop_assert_eq!(action, rust.poll(instant).into());
                    if action.kind == sdrm3_action_kind_t::SDRM3_DISPATCH {
                        latest[usize::from(action.block.ticket.accelerator)] = action.block.ticket.sequence;
                    }
                }
                Step::Complete(on, age, path, skipped) => {
                    let sequence = latest[usize::from(on)].wrapping_sub(age);
                    let ticket = sdrm3_ticket_t { sequence, accelerator: on };
                    let outcome = sdrm3_outcome_t { finished_ns: at, path, skipped, ..Default::default() };
                    let mut report = sdrm3_report_t::default();
                    let answer = unsafe { sdrm3_complete(c, ticket, &outcome, at, &mut report) };
                    let path = match path {
                        0 => Path::Next,
                        1 => Path::Skip(skipped),
                        2 => Path::Exit,
                        _ => {
                            prop_assert_eq!(answer, SDRM3_BAD_VALUE);
                            continue;
                        }
                    };
                    let ticket = Ticket { accelerator: AcceleratorId(on), sequence };
                    let expected = rust.complete(ticket, Outcome::finished(instant).with_path(path), instant);
                    prop_assert_eq!(answer, status(expected));
                    prop_assert_eq!(report, expected.map_or_else(|_| Default::default(), Into::into));
                }
                Step::Fault(on, kind) => {
                    let answer = unsafe { sdrm3_fault(c, on, kind, at) };
                    let fault = [Fault::BlockLost, Fault::Resting, Fault::OutOfService, Fault::NotTaken];
                    let fault = fault.get(usize::from(kind)).copied();
                    let expected = fault.map(|fault| status(rust.fault(AcceleratorId(on), fault, instant)));
                    prop_assert_eq!(answer, expected.unwrap_or(SDRM3_BAD_VALUE));
                }
                Step::Restore(on) => {
                    let answer = unsafe { sdrm3_restore(c, on, at) };
                    prop_assert_eq!(answer, status(rust.restore(AcceleratorId(on), instant)));
                }
                Step::Bar(model, on, barred) => {
                    let answer = unsafe { sdrm3_bar(c, model, on, barred.into(), at) };
                    let expected = rust.bar(ModelId(model), AcceleratorId(on), barred, instant);
                    prop_assert_eq!(answer, status(expected));
                }
                Step::SetActive(model, active) => {
                    let answer = unsafe { sdrm3_set_active(c, model, active.into(), at) };
                    prop_assert_eq!(answer, status(rust.set_active(ModelId(model), active, instant)));
                }
                Step::SetPeriod(model, period) => {
                    let answer = unsafe { sdrm3_set_period(c, model, period, at) };
                    let expected = rust.set_period(ModelId(model), Duration::from_nanos(period), instant);
                    prop_assert_eq!(answer, status(expected));
                }
                Step::Close => {
                    let mut left = sdrm3_leftover_t::default();
                    let answer = unsafe { sdrm3_close(c, at, &mut left) };
                    let expected = rust.close(instant);
                    prop_assert_eq!(answer, if expected.is_some() { SDRM3_OK } else { SDRM3_END });
                    prop_assert_eq!(left, expected.map_or_else(Default::default, Into::into));
                }
            }
            if frame != Default::default() {
                frames.push(frame);
            }
            for (model, expected) in (0u8..).zip(rust.tallies()) {
                let mut tally = sdrm3_tally_t::default();
                prop_assert_eq!(unsafe { sdrm3_tally(c, model, &mut tally) }, SDRM3_OK);
                prop_assert_eq!(tally, expected.into());
            }
        }
    }
}
