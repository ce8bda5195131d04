//! Random calls, sensible or not, through the C interface and to a scheduler in Rust: the same answers.

#![allow(clippy::undocumented_unsafe_blocks, reason = "a test calls as C would")]

mod rig;

use proptest::prelude::*;
use rig::Storage;
use sdrm3::sdrm3_status_t::*;
use sdrm3::*;
use sdrm3_core::{
    Accelerator, AcceleratorId, Config, Cost, Duration, Fault, Frame, Instant, MapScore, Model, ModelId,
    Outcome, Path, Scheduler, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};

/// As `Tables::new` has it.
static SEGMENTS: [Segment<4>; 2] = Segment::table([
    SegmentSpec::new([Cost::new(1_000, 1_000), Cost::new(2_000, 1_000), Cost::NONE, Cost::NONE]),
    SegmentSpec::new([Cost::new(3_000, 1_000), Cost::new(4_000, 1_000), Cost::NONE, Cost::NONE]),
]);
static NETWORKS: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("", &SEGMENTS)];
static MODELS: [Model<'static, 4>; 1] = [Model::new("eye", Duration::from_millis(1), &NETWORKS)];
static ACCELERATORS: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("npu")];
static WORKLOAD: Workload<'static, 4> = Workload::new(&MODELS, &ACCELERATORS);

/// A call; numbers are taken as they are, also where nothing has that number.
#[derive(Clone, Copy, Debug)]
enum Step {
    Release(u8),
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
        6 => (0u8..2).prop_map(Step::Release),
        8 => Just(Step::Poll),
        6 => (0u8..3, 0u32..2, 0u8..4, 0u16..3).prop_map(|(on, age, path, skip)| Step::Complete(on, age, path, skip)),
        1 => (0u8..3, 0u8..5).prop_map(|(on, kind)| Step::Fault(on, kind)),
        2 => (0u8..3).prop_map(Step::Restore),
        1 => (0u8..2, 0u8..3, any::<bool>()).prop_map(|(model, on, barred)| Step::Bar(model, on, barred)),
        1 => (0u8..2, any::<bool>()).prop_map(|(model, active)| Step::SetActive(model, active)),
        1 => (0u8..2, 0u64..3_000).prop_map(|(model, period)| Step::SetPeriod(model, period)),
        1 => Just(Step::Close),
    ]
}

/// What a result of the core is in C.
fn status<E: Into<sdrm3_status_t>, T>(result: Result<T, E>) -> sdrm3_status_t {
    result.map_or_else(Into::into, |_| SDRM3_OK)
}

proptest! {
    #[test]
    fn c_answers_as_rust(steps in proptest::collection::vec((step(), 0u64..4_000, any::<bool>()), 1..120)) {
        let mut storage = Storage::new();
        let c = rig::scheduler(&mut storage);
        let mut rust = Scheduler::<_, 8, 16, 4>::new(&WORKLOAD, MapScore::default(), Config::FULL).expect("valid");
        let (mut now, mut latest) = (0u64, [0u32; 3]);
        for (step, pass, back) in steps {
            now += pass;
            // Now and then a time that went back.
            let at = if back && pass < 200 { now.saturating_sub(5_000) } else { now };
            let instant = Instant::from_nanos(at);
            match step {
                Step::Release(model) => {
                    let mut frame = sdrm3_frame_t::default();
                    let answer = unsafe { sdrm3_release(c, model, at, &mut frame) };
                    match rust.release(ModelId(model), instant) {
                        Ok((taken, _)) => {
                            prop_assert_eq!((answer, frame), (SDRM3_OK, taken.into()));
                        }
                        Err(refused) => {
                            let back: Option<Frame> = refused.frame;
                            prop_assert_eq!(answer, refused.why.into());
                            prop_assert_eq!(frame, back.map_or_else(Default::default, Into::into));
                            if let Some(back) = back {
                                let again = unsafe { sdrm3_readmit(c, &frame, now) };
                                prop_assert_eq!(again, status(rust.readmit(back, Instant::from_nanos(now)).map_err(|r| r.why)));
                            }
                        }
                    }
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
            let mut tally = sdrm3_tally_t::default();
            prop_assert_eq!(unsafe { sdrm3_tally(c, 0, &mut tally) }, SDRM3_OK);
            prop_assert_eq!(tally, (&rust.tallies()[0]).into());
        }
    }
}
