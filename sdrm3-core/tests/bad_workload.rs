//! Every reason to reject a workload, provoked by a table, with the message that names the entry.

mod common;

use common::{cost, span_ms};
use sdrm3_core::{
    Accelerator, Branch, Cause, Config, Cost, Duration, MapScore, Model, ModelId, Probability, Scheduler,
    Segment, SegmentSpec, SubNetwork, Workload,
};

const NPU: Accelerator<'static> = Accelerator::new("npu");
const DSP: Accelerator<'static> = Accelerator::new("dsp");

const fn on_both(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 1), cost(latency_ms, 1)])
}

fn segments<const N: usize>(specs: [SegmentSpec<2>; N]) -> &'static [Segment<2>] {
    Box::leak(Box::new(Segment::table(specs)))
}

fn subnetworks<const N: usize>(networks: [SubNetwork<'static, 2>; N]) -> &'static [SubNetwork<'static, 2>] {
    Box::leak(Box::new(networks))
}

fn network(specs: &'static [Segment<2>]) -> &'static [SubNetwork<'static, 2>] {
    subnetworks([SubNetwork::new("full", specs)])
}

fn good() -> &'static [SubNetwork<'static, 2>] {
    network(segments([on_both(2), on_both(1)]))
}

fn model(name: &'static str) -> Model<'static, 2> {
    Model::new(name, span_ms(16), good())
}

/// A second model, so that the message has something to get wrong, then the bad one.
fn message(bad: Model<'static, 2>) -> String {
    let (models, accelerators) = ([model("eye"), bad], [NPU, DSP]);
    Workload::new(&models, &accelerators).validate().unwrap_err().to_string()
}

#[test]
fn a_workload_needs_models_and_accelerators_and_room_for_them() {
    let one = [model("eye")];
    let says = |models: &[Model<'static, 2>], accelerators: &[Accelerator<'static>]| {
        Workload::new(models, accelerators).validate().unwrap_err().to_string()
    };
    assert_eq!(says(&[], &[NPU]), "workload: there is no model; give at least one");
    assert_eq!(says(&one, &[]), "workload: there is no accelerator; give at least one");
    assert_eq!(
        says(&one, &[NPU, DSP, NPU]),
        "workload: more accelerators than the tables hold; raise ACCS above 2 or remove some"
    );
    static TABLE: [Cost; 3] = [Cost::NONE; 3];
    assert_eq!(
        says(&one, &[NPU, DSP.with_switch_table(&TABLE)]),
        "workload: the switch table of accelerator 1 has the wrong size; give models x models entries, or none"
    );
    static NINE: [Cost; 9] = [Cost::NONE; 9];
    let three = [model("eye"), model("hand"), model("face")];
    for entries in 1..9 {
        let says = says(&three, &[NPU.with_switch_table(&NINE[..entries]), DSP]);
        assert!(says.contains("accelerator 0 has the wrong size"), "{entries}: {says}");
    }
    let switching = [NPU.with_switch_table(&NINE), DSP];
    assert_eq!(Workload::new(&three, &switching).validate(), Ok(()), "three times three");

    let crowd: Vec<Model<'static, 2>> = (0..256).map(|_| model("eye")).collect();
    assert_eq!(
        says(&crowd, &[NPU, DSP]),
        "workload: more models than the scheduler holds; raise MODELS above 255 or remove some"
    );
    assert!(Workload::new(&crowd[..255], &[NPU, DSP]).validate().is_ok(), "255 is the last that fits");
}

/// However many columns the tables have: their numbers are bytes.
#[test]
fn a_workload_has_255_accelerators_at_most() {
    let mut costs = [Cost::NONE; 300];
    (costs[0], costs[32]) = (cost(1, 1), cost(1, 1));
    let segments = Segment::table([SegmentSpec::new(costs)]);
    assert_eq!(
        segments[0].info().runs_on,
        1,
        "of accelerators beyond 32, which no scheduler has, its mask says nothing"
    );
    let networks = [SubNetwork::new("wide", &segments)];
    let models = [Model::new("eye", span_ms(16), &networks)];
    let accelerators = [NPU; 256];
    let error = Workload::new(&models, &accelerators).validate().unwrap_err();
    assert_eq!(error.cause, Cause::TooManyAccelerators { capacity: 255 });
    assert_eq!(Workload::new(&models, &accelerators[..255]).validate(), Ok(()));
}

#[test]
fn a_scheduler_has_room_for_as_many_models_as_it_says() {
    let (models, accelerators) = ([model("eye"), model("hand")], [NPU, DSP]);
    let workload = Workload::new(&models, &accelerators);
    assert!(Scheduler::<_, 2, 1, 2>::new(&workload, MapScore::default(), Config::PLAIN).is_ok());
    let error = Scheduler::<_, 1, 1, 2>::new(&workload, MapScore::default(), Config::PLAIN).unwrap_err();
    assert_eq!(error.cause, Cause::TooManyModels { capacity: 1 });
    assert_eq!(
        error.to_string(),
        "workload: more models than the scheduler holds; raise MODELS above 1 or remove some"
    );
}

#[test]
fn a_scheduler_checks_its_tables_at_the_start() {
    let (models, accelerators) = ([Model::new("eye", Duration::ZERO, good())], [NPU, DSP]);
    let workload = Workload::new(&models, &accelerators);
    let error = Scheduler::<_, 1, 1, 2>::new(&workload, MapScore::default(), Config::PLAIN).unwrap_err();
    assert_eq!((error.model, error.cause), (Some((ModelId(0), "eye")), Cause::ZeroPeriod));
}

#[test]
fn a_model_that_cannot_work_is_named() {
    let mut no_deadline = model("hand");
    no_deadline.deadline = None;
    let child_of = |parent| model("hand").after(ModelId(parent), Probability::ALWAYS);
    let cases = [
        (Model::new("hand", Duration::ZERO, good()), "the period is zero; give the time between frames"),
        (model("hand").with_deadline(Duration::ZERO), "the deadline is zero; give the time a frame may take"),
        (no_deadline, "has neither a deadline nor a parent to take it from; give one"),
        (child_of(2), "depends on a model that does not exist; name one of this workload"),
        (child_of(1), "depends on itself through its parents; break the cycle"),
        (Model::new("hand", span_ms(16), &[]), "has no sub-network; a plain network is one"),
        (
            Model::new("hand", span_ms(16), vec![good()[0]; 256].leak()),
            "has more than 255 sub-networks; keep fewer",
        ),
    ];
    for (bad, says) in cases {
        assert_eq!(message(bad), format!("workload, model 1 (hand): {says}"));
    }
}

#[test]
fn a_subnetwork_that_cannot_work_is_named() {
    let full = SubNetwork::new("full", segments([on_both(2), on_both(3)]));
    let light = |specs| SubNetwork::new("light", specs);
    let cases = [
        (light(&[]), "has no segment; give at least one"),
        (light(vec![full.segments[0]; 65_536].leak()), "has more than 65535 segments; join some"),
        (
            light(segments([on_both(1)])).with_shared_prefix(1),
            "differs from the next heavier sub-network within the shared prefix; shorten the prefix",
        ),
        (
            light(segments([on_both(2)])).with_shared_prefix(2),
            "differs from the next heavier sub-network within the shared prefix; shorten the prefix",
        ),
        (
            light(segments([on_both(6)])),
            "expects more work than the heavier sub-network before it; order them from heavy to light",
        ),
    ];
    for (bad, says) in cases {
        let bad = Model::new("hand", span_ms(16), subnetworks([full, bad]));
        assert_eq!(message(bad), format!("workload, model 1 (hand), sub-network 1: {says}"));
    }
    let first_shares = Model::new("hand", span_ms(16), subnetworks([full.with_shared_prefix(1)]));
    assert_eq!(
        message(first_shares),
        "workload, model 1 (hand), sub-network 0: differs from the next heavier sub-network within the \
         shared prefix; shorten the prefix"
    );

    let good = light(segments([on_both(2), on_both(1)])).with_shared_prefix(1);
    let models = [Model::new("hand", span_ms(16), subnetworks([full, good]))];
    assert_eq!(Workload::new(&models, &[NPU, DSP]).validate(), Ok(()), "the control");
}

#[test]
fn a_segment_that_cannot_work_is_named() {
    let skip = |segments| Branch::Skip { segments, probability: Probability::from_percent(50) };
    let nowhere = SegmentSpec::new([Cost::NONE, Cost::new(0, 5)]);
    let cases = [
        (
            segments([on_both(1), nowhere]),
            "runs on no accelerator; give it a latency above zero on at least one",
        ),
        (
            segments([on_both(1), on_both(1).with_branch(skip(2)), on_both(1)]),
            "skips past the end of the network; shorten the skip",
        ),
    ];
    for (bad, says) in cases {
        let bad = Model::new("hand", span_ms(16), network(bad));
        assert_eq!(message(bad), format!("workload, model 1 (hand), sub-network 0, segment 1: {says}"));
    }
    let to_the_end = segments([on_both(1).with_branch(skip(1)), on_both(1)]);
    let models = [Model::new("hand", span_ms(16), network(to_the_end))];
    assert_eq!(Workload::new(&models, &[NPU, DSP]).validate(), Ok(()), "the control: it may skip to the end");

    // Room for two accelerators, of which the workload has one.
    let error = Workload::new(&models, &[NPU]).validate().unwrap_err();
    assert_eq!(
        error.to_string(),
        "workload, model 0 (hand), sub-network 0, segment 0: has a cost on an accelerator that the \
         workload does not list; use Cost::NONE there"
    );
}

#[test]
fn a_model_may_have_255_subnetworks_as_heavy_as_each_other() {
    let alike: &'static [SubNetwork<'static, 2>] = vec![good()[0]; 255].leak();
    let models = [Model::new("hand", span_ms(16), alike)];
    assert_eq!(Workload::new(&models, &[NPU, DSP]).validate(), Ok(()));
}

#[test]
fn a_lighter_network_may_be_a_beginning_of_the_heavier_one() {
    let full = SubNetwork::new("full", segments([on_both(2), on_both(3)]));
    let beginning = SubNetwork::new("beginning", segments([on_both(2)])).with_shared_prefix(1);
    let models = [Model::new("hand", span_ms(16), subnetworks([full, beginning]))];
    assert_eq!(Workload::new(&models, &[NPU, DSP]).validate(), Ok(()), "it shares all that it has");
}

/// From the start both expect as much, for both nearly always end there; not so the frames that go on.
#[test]
fn a_lighter_network_that_costs_more_from_where_frames_change_over_is_named_there() {
    let exit = Branch::Exit { probability: Probability::ALWAYS };
    let full = SubNetwork::new("full", segments([on_both(2).with_branch(exit), on_both(3), on_both(1)]));
    let light = |last_ms| {
        let specs = [on_both(2).with_branch(exit), on_both(last_ms)];
        SubNetwork::new("light", segments(specs)).with_shared_prefix(1)
    };
    assert_eq!(
        message(Model::new("hand", span_ms(16), subnetworks([full, light(5)]))),
        "workload, model 1 (hand), sub-network 1, segment 1: expects more work than the heavier sub-network \
         before it; order them from heavy to light"
    );
    let models = [Model::new("hand", span_ms(16), subnetworks([full, light(4)]))];
    assert_eq!(Workload::new(&models, &[NPU, DSP]).validate(), Ok(()), "the control: as much");
}

/// The first entry that cannot work is the one that is named, not one that leads to it.
#[test]
fn the_model_with_the_wrong_parent_is_named_and_not_its_children() {
    let child_of = |name, parent| model(name).after(ModelId(parent), Probability::ALWAYS);
    let cases = [
        (
            [child_of("leaf", 1), child_of("stray", 9), model("eye")],
            "model 1 (stray): depends on a model that",
        ),
        ([child_of("leaf", 1), child_of("a", 2), child_of("b", 1)], "model 1 (a): depends on itself"),
    ];
    for (models, says) in cases {
        let error = Workload::new(&models, &[NPU, DSP]).validate().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// The checksum leaves it out, as it follows from the latencies: a flipped bit of it must show here.
#[test]
fn a_segment_runs_where_it_takes_time_and_nowhere_else() {
    let [sound, _] = Segment::table([on_both(2), on_both(1)]);
    for bit in 0..32 {
        let mut info = *sound.info();
        info.runs_on ^= 1 << bit;
        let damaged = Segment::from_parts(info, *sound.placements());
        let specs: &'static [Segment<2>] = Box::leak(Box::new([damaged]));
        assert_eq!(
            message(Model::new("hand", span_ms(16), network(specs))),
            "workload, model 1 (hand), sub-network 0, segment 0: is said to run on other accelerators than those on which it takes time; load the tables again",
            "bit {bit}"
        );
    }
}
