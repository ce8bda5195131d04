//! Random workloads and traces, for the property tests: written down as plain numbers, from which
//! both the tables and the reference in floating point are made.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sdrm3_core::{
    Accelerator, Branch, Cost, Duration, Model, Probability, Segment, SegmentSpec, SubNetwork, Workload,
};

/// Room for accelerators in all random tables.
pub(crate) const ACCS: usize = 4;
/// Room for jobs.
pub(crate) const JOBS: usize = 6;
/// Room for models.
pub(crate) const MODELS: usize = 6;

/// A segment: cost on each accelerator, activations, what follows it.
#[derive(Clone, Debug)]
pub(crate) struct SegmentCase {
    pub(crate) costs: [Cost; ACCS],
    pub(crate) activation_bytes: u32,
    pub(crate) branch: Branch,
}

#[derive(Clone, Debug)]
pub(crate) struct ModelCase {
    pub(crate) deadline_ns: u64,
    pub(crate) segments: Vec<SegmentCase>,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Fixed and per-KiB cost of a switch, per accelerator.
    pub(crate) switches: Vec<(Cost, Cost)>,
    pub(crate) models: Vec<ModelCase>,
}

/// Something that happens; which of the possible ones is chosen by a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// So many nanoseconds pass.
    Pass(u64),
    /// Time moves on to a frame's deadline: slack exactly zero.
    PassToDeadline(usize),
    /// A model's frame arrives.
    Release(usize),
    /// A block ends; the number also chooses the path behind it.
    Complete(usize),
}

/// How large the numbers of a case are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    /// 10 us to 4.29 s, where a rounding to whole nanoseconds is below 1 part in 10 000.
    Real,
    /// Few distinct values, so that scores tie.
    Tying,
    /// The ends of the number formats.
    Extreme,
}

fn latency(range: Range) -> BoxedStrategy<u32> {
    match range {
        Range::Real => (0u32..=18, 10_000u32..16_384).prop_map(|(shift, n)| n << shift).boxed(),
        Range::Tying => prop_oneof![Just(1_000_000u32), Just(2_000_000)].boxed(),
        Range::Extreme => prop_oneof![Just(1u32), Just(u32::MAX), 1..u32::MAX].boxed(),
    }
}

fn energy(range: Range) -> BoxedStrategy<u32> {
    match range {
        Range::Real => {
            prop_oneof![1 => Just(0u32), 8 => (0u32..32, 1u32..=u32::MAX).prop_map(|(s, n)| n >> s)].boxed()
        }
        Range::Tying => prop_oneof![Just(1_000u32), Just(2_000)].boxed(),
        Range::Extreme => prop_oneof![Just(0u32), Just(1), Just(u32::MAX)].boxed(),
    }
}

fn deadline(range: Range) -> BoxedStrategy<u64> {
    match range {
        Range::Real => (10u32..34, 1u64..=2).prop_map(|(shift, n)| n << shift).boxed(),
        Range::Tying => prop_oneof![Just(4_000_000u64), Just(16_000_000)].boxed(),
        Range::Extreme => {
            prop_oneof![Just(1u64), Just(u64::MAX), any::<u64>().prop_map(|n| n.max(1))].boxed()
        }
    }
}

fn pass(range: Range) -> BoxedStrategy<u64> {
    match range {
        Range::Real => (0u32..33).prop_map(|shift| 1u64 << shift).boxed(),
        Range::Tying => Just(1_000_000u64).boxed(),
        Range::Extreme => prop_oneof![Just(0u64), Just(1), Just(u64::MAX / 4), any::<u64>()].boxed(),
    }
}

fn bytes(range: Range) -> BoxedStrategy<u32> {
    match range {
        Range::Real => (0u32..24).prop_map(|shift| (1 << shift) - 1).boxed(),
        Range::Tying => prop_oneof![Just(0u32), Just(4_096)].boxed(),
        Range::Extreme => prop_oneof![Just(0u32), Just(u32::MAX)].boxed(),
    }
}

/// A segment with `left` more behind it, that can run on at least one of the accelerators.
fn segment(range: Range, accelerators: usize, left: u16) -> impl Strategy<Value = SegmentCase> {
    let on = vec(option::weighted(0.75, (latency(range), energy(range))), accelerators);
    let branch = prop_oneof![
        3 => Just(Branch::Next),
        1 => (0..=left, 0u8..=100)
            .prop_map(|(segments, p)| Branch::Skip { segments, probability: Probability::from_percent(p) }),
        1 => (0u8..=100).prop_map(|p| Branch::Exit { probability: Probability::from_percent(p) }),
    ];
    (on, 0..accelerators, (latency(range), energy(range)), bytes(range), branch).prop_map(
        |(on, sure, (latency_ns, energy_nj), activation_bytes, branch)| {
            let mut costs = [Cost::NONE; ACCS];
            for (place, cost) in costs.iter_mut().zip(on) {
                *place = cost.map_or(Cost::NONE, |(latency_ns, energy_nj)| Cost::new(latency_ns, energy_nj));
            }
            if costs.iter().all(|cost| cost.latency_ns == 0) {
                costs[sure] = Cost::new(latency_ns, energy_nj);
            }
            SegmentCase { costs, activation_bytes, branch }
        },
    )
}

fn model(range: Range, accelerators: usize) -> impl Strategy<Value = ModelCase> {
    let segments = (1u16..=4).prop_flat_map(move |n| {
        (0..n).rev().map(|left| segment(range, accelerators, left)).collect::<Vec<_>>()
    });
    (deadline(range), segments).prop_map(|(deadline_ns, segments)| ModelCase { deadline_ns, segments })
}

/// One to six models on one to four accelerators.
pub(crate) fn case(range: Range) -> impl Strategy<Value = Case> {
    (1..=ACCS).prop_flat_map(move |accelerators| {
        let cost = move || {
            prop_oneof![2 => Just(Cost::NONE), 1 => (latency(range), energy(range)).prop_map(|(l, e)| Cost::new(l, e))]
        };
        (vec((cost(), cost()), accelerators), vec(model(range, accelerators), 1..=MODELS))
            .prop_map(|(switches, models)| Case { switches, models })
    })
}

/// A trace of steps for a case.
pub(crate) fn steps(range: Range) -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => pass(range).prop_map(Step::Pass),
        1 => (0usize..64).prop_map(Step::PassToDeadline),
        3 => (0usize..64).prop_map(Step::Release),
        4 => (0usize..64).prop_map(Step::Complete),
    ];
    vec(step, 1..40)
}

impl SegmentCase {
    fn spec(&self) -> SegmentSpec<ACCS> {
        SegmentSpec::new(self.costs).with_activations(self.activation_bytes).with_branch(self.branch)
    }
}

/// Builds the tables of a case and hands the workload to `then`.
pub(crate) fn with_workload<T>(case: &Case, then: impl FnOnce(&Workload<'_, ACCS>) -> T) -> T {
    let tables: Vec<Vec<Segment<ACCS>>> = case
        .models
        .iter()
        .map(|model| {
            let mut table: Vec<Segment<ACCS>> = Vec::new();
            for segment in model.segments.iter().rev() {
                let derived = Segment::derive(&segment.spec(), &table);
                table.insert(0, derived);
            }
            table
        })
        .collect();
    let networks: Vec<[SubNetwork<'_, ACCS>; 1]> =
        tables.iter().map(|table| [SubNetwork::new("network", table)]).collect();
    let models: Vec<Model<'_, ACCS>> = networks
        .iter()
        .zip(&case.models)
        .map(|(network, model)| Model::new("model", Duration::from_nanos(model.deadline_ns), network))
        .collect();
    let accelerators: Vec<Accelerator<'_>> = case
        .switches
        .iter()
        .map(|&(fixed, per_kib)| Accelerator::new("accelerator").with_switch(fixed, per_kib))
        .collect();
    then(&Workload::new(&models, &accelerators))
}
