//! The checksum of a workload: other decisions, other checksum; other names, the same.

mod common;

use common::{cost, span_ms};
use sdrm3_core::{
    Accelerator, Branch, Cost, DropBudget, Model, ModelId, Probability, Segment, SegmentSpec, SubNetwork,
    Workload,
};

/// What the checksum is taken of: two segments, two models, two accelerators.
struct Tables {
    specs: [SegmentSpec<2>; 2],
    network: fn(SubNetwork<'_, 2>) -> SubNetwork<'_, 2>,
    model: for<'a> fn(Model<'a, 2>) -> Model<'a, 2>,
    accelerator: fn(Accelerator<'static>) -> Accelerator<'static>,
}

impl Tables {
    const PLAIN: Self = Self {
        specs: [SegmentSpec::new([cost(2, 4), cost(3, 1)]), SegmentSpec::new([cost(1, 2), Cost::NONE])],
        network: |network| network,
        model: |model| model,
        accelerator: |accelerator| accelerator,
    };

    fn checksum(&self) -> u64 {
        let segments = Segment::table(self.specs);
        let networks = [(self.network)(SubNetwork::new("net", &segments))];
        let parent = Model::new("parent", span_ms(16), &networks);
        let models = [parent, (self.model)(Model::new("model", span_ms(16), &networks))];
        let accelerators = [Accelerator::new("npu"), (self.accelerator)(Accelerator::new("dsp"))];
        Workload::new(&models, &accelerators).checksum()
    }

    fn with_spec(change: impl Fn(&mut SegmentSpec<2>)) -> Self {
        let mut tables = Self::PLAIN;
        change(&mut tables.specs[1]);
        tables
    }
}

fn with_period(mut model: Model<'_, 2>) -> Model<'_, 2> {
    model.period = span_ms(15);
    model
}

#[test]
fn every_number_that_decides_changes_the_checksum() {
    const TABLE: [Cost; 4] = [Cost::new(1, 0); 4];
    let variants = [
        Tables::PLAIN,
        Tables::with_spec(|spec| spec.costs[0].latency_ns += 1),
        Tables::with_spec(|spec| spec.costs[0].energy_nj += 1),
        Tables::with_spec(|spec| spec.costs[1] = cost(1, 2)),
        Tables::with_spec(|spec| spec.activation_bytes = 1),
        Tables::with_spec(|spec| spec.switch_point = true),
        Tables::with_spec(|spec| {
            spec.branch = Branch::Skip { segments: 0, probability: Probability::from_percent(50) };
        }),
        Tables::with_spec(|spec| spec.branch = Branch::Exit { probability: Probability::NEVER }),
        Tables { network: |network| network.with_accuracy(1), ..Tables::PLAIN },
        Tables { network: |network| network.with_shared_prefix(1), ..Tables::PLAIN },
        Tables { network: |network| network.with_weights(1), ..Tables::PLAIN },
        Tables { model: |model| model.with_deadline(span_ms(8)), ..Tables::PLAIN },
        Tables { model: |model| model.after(ModelId(0), Probability::ALWAYS), ..Tables::PLAIN },
        Tables { model: |model| model.after(ModelId(1), Probability::ALWAYS), ..Tables::PLAIN },
        Tables { model: |model| model.after(ModelId(0), Probability::NEVER), ..Tables::PLAIN },
        Tables {
            // All that tells it from one without a parent is that it has one.
            model: |model| model.after(ModelId(0), Probability::NEVER).with_deadline(span_ms(16)),
            ..Tables::PLAIN
        },
        Tables { model: |model| model.with_weight(99), ..Tables::PLAIN },
        Tables { model: |model| model.with_drop_budget(DropBudget::NONE), ..Tables::PLAIN },
        Tables { model: |model| model.with_accuracy_floor(1), ..Tables::PLAIN },
        Tables { model: |model| model.with_latest_wins(), ..Tables::PLAIN },
        Tables { model: |model| with_period(model), ..Tables::PLAIN },
        Tables { accelerator: |on| on.with_switch(Cost::new(1, 0), Cost::NONE), ..Tables::PLAIN },
        Tables { accelerator: |on| on.with_switch(Cost::NONE, Cost::new(0, 1)), ..Tables::PLAIN },
        Tables { accelerator: |on| on.with_switch_table(&TABLE), ..Tables::PLAIN },
    ];
    let mut sums: Vec<u64> = variants.iter().map(Tables::checksum).collect();
    let count = sums.len();
    sums.sort_unstable();
    sums.dedup();
    assert_eq!((count, sums.len()), (24, 24), "all differ");
}

#[test]
fn names_and_room_for_more_accelerators_do_not_change_it() {
    const NARROW: [Segment<1>; 1] = Segment::table([SegmentSpec::new([cost(2, 4)])]);
    const WIDE: [Segment<3>; 1] = Segment::table([SegmentSpec::new([cost(2, 4), Cost::NONE, Cost::NONE])]);
    let narrow = [SubNetwork::new("a", &NARROW)];
    let wide = [SubNetwork::new("b", &WIDE)];
    let narrow = [Model::new("c", span_ms(16), &narrow)];
    let wide = [Model::new("d", span_ms(16), &wide)];
    let here = Workload::new(&narrow, &[Accelerator::new("e")]).checksum();
    assert_eq!(here, Workload::new(&wide, &[Accelerator::new("f")]).checksum());
}

/// It is part of a format: a change of it makes all traces unreadable.
#[test]
fn it_is_computed_at_compile_time_and_stays_what_it_was() {
    const SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([cost(2, 4)])]);
    const CHECKSUM: u64 = Workload::new(
        &[Model::new("m", span_ms(16), &[SubNetwork::new("n", &SEGMENTS)])],
        &[Accelerator::new("npu")],
    )
    .checksum();
    assert_eq!(format!("{CHECKSUM:016x}"), "c338bd32478d4335");
}
