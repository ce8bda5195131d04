//! What is refused of changes and tables that only the whole method has; `bad_input.rs` and
//! `bad_workload.rs` hold the rest. On a refusal nothing changes: the whole state is compared.

mod common;

use common::{cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, Action, Branch, Cause, Config, Cost, Duration, Error, Instant, MapScore, Model, ModelId,
    Outcome, Path, Probability, Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};

const fn npu(latency_ms: u32) -> SegmentSpec<1> {
    SegmentSpec::new([cost(latency_ms, 10)])
}

static SEGMENTS: [Segment<1>; 3] = Segment::table([npu(1), npu(1), npu(1)]);
static NETWORK: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("only", &SEGMENTS)];
static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];

const HANDS: ModelId = ModelId(0);
const POSE: ModelId = ModelId(1);

type Small = Scheduler<'static, MapScore, 2, 4, 1>;

/// All parts of the method on; at 5 ms a frame of `hands` runs its first segment.
fn running() -> (Small, sdrm3_core::Dispatch) {
    static MODELS: [Model<'static, 1>; 2] = [
        Model::new("hands", span_ms(20), &NETWORK),
        Model::new("pose", span_ms(20), &NETWORK).after(HANDS, Probability::ALWAYS),
    ];
    static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);
    let mut scheduler = Small::new(&WORKLOAD, MapScore::default(), Config::FULL).unwrap();
    scheduler.release(HANDS, ms(5)).unwrap();
    let Action::Dispatch(block) = scheduler.poll(ms(5)) else { panic!("an idle accelerator") };
    (scheduler, block)
}

#[track_caller]
fn refused<T: std::fmt::Debug, E>(scheduler: &mut Small, call: impl FnOnce(&mut Small) -> Result<T, E>) -> E {
    let before = format!("{scheduler:?}");
    let Err(error) = call(scheduler) else { panic!("it was accepted") };
    assert_eq!(format!("{scheduler:?}"), before, "a refusal changes nothing");
    error
}

// ---- completions -----------------------------------------------------------------------------

/// The completion of segment 0 comes when segment 1 runs already, as after a timeout that raced it.
#[test]
fn completions_out_of_order_are_stale() {
    let (mut scheduler, first) = running();
    scheduler.complete(first.ticket, Outcome::finished(ms(6)), ms(6)).unwrap();
    let Action::Dispatch(second) = scheduler.poll(ms(6)) else { panic!("two segments are left") };
    assert_eq!((second.first, second.job), (1, first.job));
    let error = refused(&mut scheduler, |s| s.complete(first.ticket, Outcome::finished(ms(7)), ms(7)));
    assert_eq!(error, Error::StaleTicket(first.ticket));
    assert_eq!(error.to_string(), "no block 0 is in flight on accelerator 0");
    assert!(scheduler.complete(second.ticket, Outcome::finished(ms(7)), ms(7)).is_ok());
}

#[test]
fn a_completion_of_a_run_that_was_closed_is_stale() {
    let (mut scheduler, block) = running();
    assert!(scheduler.close(ms(6)).is_some());
    let error = refused(&mut scheduler, |s| s.complete(block.ticket, Outcome::finished(ms(6)), ms(6)));
    assert_eq!(error, Error::StaleTicket(block.ticket));
}

/// A bad outcome teaches the latency correction nothing, nor is its energy counted.
#[test]
fn a_skip_beyond_the_end_leaves_correction_and_energy_alone() {
    let (mut scheduler, block) = running();
    let bad = Outcome::finished(ms(9)).with_path(Path::Skip(3)).with_energy(77);
    let error = refused(&mut scheduler, |s| s.complete(block.ticket, bad, ms(9)));
    assert_eq!(error, Error::SkipBeyondEnd { ticket: block.ticket, path: Path::Skip(3) });
    assert_eq!(scheduler.latency_factor(HANDS, block.ticket.accelerator), Some(1.0));
}

// ---- changes ---------------------------------------------------------------------------------

#[test]
fn a_period_of_zero_is_refused() {
    let (mut scheduler, _) = running();
    let error = refused(&mut scheduler, |s| s.set_period(HANDS, Duration::ZERO, ms(6)));
    assert_eq!(error, Error::ZeroPeriod(HANDS));
    assert_eq!(error.to_string(), "the period of model 0 is to be zero; give the time between frames");
}

#[test]
fn a_period_of_a_dependent_is_refused() {
    let (mut scheduler, _) = running();
    let error = refused(&mut scheduler, |s| s.set_period(POSE, span_ms(5), ms(6)));
    assert_eq!(error, Error::FollowsParent(POSE));
    assert_eq!(
        error.to_string(),
        "frames of model 1 come with those of its parent; change the period of the model at its root"
    );
}

#[test]
fn changes_that_are_refused_do_not_arm_the_tuner() {
    let (mut scheduler, _) = running();
    let unknown = ModelId(2);
    let before = Instant::from_millis(4);
    for error in [
        refused(&mut scheduler, |s| s.set_active(unknown, true, ms(6))),
        refused(&mut scheduler, |s| s.set_period(unknown, span_ms(5), ms(6))),
    ] {
        assert_eq!(error, Error::UnknownModel(unknown));
    }
    // The state that is compared holds the tuner.
    let error = refused(&mut scheduler, |s| s.set_active(HANDS, false, before));
    assert_eq!(error, Error::TimeWentBack { now: before, last: ms(5) });
    assert_eq!(scheduler.latency_factor(unknown, sdrm3_core::AcceleratorId(0)), None);
}

// ---- tables ----------------------------------------------------------------------------------

fn segments<const N: usize>(specs: [SegmentSpec<1>; N]) -> &'static [Segment<1>] {
    Box::leak(Box::new(Segment::table(specs)))
}

/// What is wrong with a supernet of these two, and at which segment.
fn verdict(
    heavy: &'static [Segment<1>],
    light: &'static [Segment<1>],
    shared: u16,
) -> Option<(Cause, Option<u16>)> {
    let nets = [SubNetwork::new("heavy", heavy), SubNetwork::new("light", light).with_shared_prefix(shared)];
    let models = [Model::new("context", span_ms(20), &nets)];
    let workload = Workload::new(&models, &ACCELERATORS);
    let error = workload.validate().err()?;
    assert_eq!((error.model.map(|(id, _)| id), error.subnetwork), (Some(ModelId(0)), Some(1)));
    Some((error.cause, error.segment))
}

#[test]
fn a_prefix_is_shared_only_if_its_segments_go_on_alike_and_need_the_same() {
    let exit = Branch::Exit { probability: Probability::from_percent(50) };
    let heavy = segments([npu(2).with_branch(exit).with_activations(8), npu(9)]);
    let light = |first: SegmentSpec<1>| segments([first, npu(3)]);
    let not_shared = Some((Cause::PrefixNotShared, None));
    assert_eq!(verdict(heavy, light(npu(2).with_branch(exit).with_activations(8)), 1), None, "the control");
    assert_eq!(verdict(heavy, light(npu(2).with_activations(8)), 1), not_shared, "it does not exit");
    assert_eq!(verdict(heavy, light(npu(2).with_branch(exit)), 1), not_shared, "it needs no input");
    assert_eq!(verdict(heavy, light(npu(2)), 0), None, "nothing is said to be shared");
}

/// Cheaper from the start, dearer from a place where a frame may change over to it.
#[test]
fn a_lighter_network_must_be_lighter_wherever_a_frame_can_change_to_it() {
    let skip = Branch::Skip { segments: 1, probability: Probability::from_percent(50) };
    let network =
        |second, third| segments([npu(2).with_branch(skip), npu(second).with_switch_point(), npu(third)]);
    // From segment 1 on: 1 + 9 ms against 9 + 2 ms; from segment 0: 2 + 9.5 against 2 + 6.5 ms.
    let (heavy, light) = (network(1, 9), network(9, 2));
    assert_eq!(verdict(heavy, light, 0), None, "no frame can change over");
    let dearer = segments([npu(2).with_branch(skip), npu(1).with_switch_point(), npu(12)]);
    assert_eq!(verdict(heavy, dearer, 0), Some((Cause::LighterCostsMore, None)), "dearer from the start");
    assert_eq!(verdict(heavy, light, 1), Some((Cause::LighterCostsMore, Some(1))));
}

#[test]
fn a_switch_table_is_models_by_models_or_nothing() {
    static TABLE: [Cost; 4] = [Cost::NONE; 4];
    let model = Model::new("hands", span_ms(20), &NETWORK);
    for (entries, models, fits) in
        [(0, 2, true), (4, 2, true), (3, 2, false), (4, 1, false), (2, 2, false), (1, 1, true)]
    {
        let models = vec![model; models];
        let accelerators = [Accelerator::new("npu").with_switch_table(&TABLE[..entries])];
        let workload = Workload::new(&models, &accelerators);
        let cause = workload.validate().err().map(|error| error.cause);
        assert_eq!(cause, (!fits).then_some(Cause::SwitchTableSize { accelerator: 0 }), "{entries} entries");
    }
    let says = Cause::SwitchTableSize { accelerator: 0 }.to_string();
    assert_eq!(
        says,
        "the switch table of accelerator 0 has the wrong size; give models x models entries, or none"
    );
}
