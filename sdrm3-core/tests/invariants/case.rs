//! Random workloads of the whole method, and what happens to them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use sdrm3_core::{
    Accelerator, Branch, Config, Cost, DropBudget, Duration, Model, ModelId, Probability, Segment,
    SegmentSpec, SubNetwork, Workload,
};

pub(crate) const ACCS: usize = 3;
pub(crate) const JOBS: usize = 6;
pub(crate) const MODELS: usize = 5;
/// Accuracy of the heaviest sub-network, and what each lighter one gives up, in thousandths of a percent.
pub(crate) const ACCURACY: u32 = 80_000;
pub(crate) const ACCURACY_STEP: u32 = 2_000;

#[derive(Clone, Debug)]
pub(crate) struct ModelCase {
    /// Taken modulo the models before it; the first model has none.
    pub(crate) parent: Option<(usize, u8)>,
    period_us: u64,
    /// Per segment: cost on each accelerator, activations.
    segments: Vec<([Cost; ACCS], u32)>,
    branch: Branch,
    /// How many lighter sub-networks there are, and how many segments they share.
    lighter: u32,
    shared: usize,
    switch_points: u8,
    weight_bytes: u32,
    budget: (u8, u8),
    floor: u32,
    latest_wins: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) models: Vec<ModelCase>,
    accelerators: usize,
    switch: (Cost, Cost),
    table: Option<Vec<Cost>>,
    pub(crate) config: Config,
    pub(crate) steps: Vec<Step>,
}

/// Something that happens; which of the possible ones is chosen by a number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Pass(u64),
    PassToDeadline(usize),
    Release(usize),
    /// A block ends; the flag takes the branch behind it, if there is one.
    Complete(usize, bool),
    /// A completion that was answered, lost or never given.
    Stale(usize),
    BadSkip(usize),
    Lose(usize),
    OutOfService(usize),
    Restore(usize),
    /// A model is barred from an accelerator, or let in again.
    Bar(usize, usize, bool),
    Activate(usize, bool),
    Period(usize, u64),
    Freeze(bool),
}

fn model() -> impl Strategy<Value = ModelCase> {
    // Few distinct values, so that scores tie.
    let nanos = prop_oneof![2 => Just(1_000_000u32), 1 => Just(2_000_000), 1 => 100_000u32..4_000_000];
    let nanojoules = prop_oneof![2 => Just(1_000u32), 1 => 0u32..50_000];
    let place = option::weighted(0.8, (nanos, nanojoules));
    let segment = (prop::array::uniform3(place), prop_oneof![Just(0u32), Just(4096), 0u32..1 << 20]);
    let shape = (vec(segment, 1..5), any::<u8>(), 0u8..3, 0u32..3, 0usize..5, any::<u8>());
    let parent = option::weighted(0.4, (any::<usize>(), 0u8..=100));
    let budget = prop_oneof![Just((2, 10)), (0u8..4, 1u8..6)];
    let floor = prop_oneof![3 => Just(0u32), 1 => 70_000u32..90_000];
    let rest =
        (parent, 1_000u64..16_000, budget, floor, any::<bool>(), prop_oneof![Just(0u32), Just(65_536)]);
    (shape, rest).prop_map(|((segments, percent, kind, lighter, shared, switch_points), rest)| {
        let (parent, period_us, budget, floor, latest_wins, weight_bytes) = rest;
        let probability = Probability::from_percent(percent);
        let branch = match kind {
            0 => Branch::Next,
            1 => Branch::Skip { segments: (segments.len() as u16 - 1).min(1), probability },
            _ => Branch::Exit { probability },
        };
        let cost = |place: Option<(u32, u32)>| place.map_or(Cost::NONE, |(ns, nj)| Cost::new(ns, nj));
        let segments = segments.into_iter().map(|(places, bytes)| (places.map(cost), bytes)).collect();
        let latest_wins = latest_wins && switch_points % 3 == 0;
        ModelCase {
            parent,
            period_us,
            segments,
            branch,
            lighter,
            shared,
            switch_points,
            weight_bytes,
            budget,
            floor,
            latest_wins,
        }
    })
}

fn config() -> impl Strategy<Value = Config> {
    let window = option::of((1u64..40).prop_map(Duration::from_millis));
    let on = || prop::bool::weighted(0.7);
    (on(), on(), prop::bool::weighted(0.3), window, prop::bool::weighted(0.9)).prop_map(
        |(frame_drop, supernet, correction, tuning_window, stale_drop)| Config {
            frame_drop,
            supernet,
            correction,
            tuning_window,
            stale_drop,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<usize>;
    prop_oneof![
        8 => n().prop_map(Step::Release),
        8 => (n(), any::<bool>()).prop_map(|(n, branch)| Step::Complete(n, branch)),
        6 => prop_oneof![Just(0u64), Just(1_000_000), 0u64..6_000_000].prop_map(Step::Pass),
        1 => n().prop_map(Step::PassToDeadline),
        1 => n().prop_map(Step::Stale),
        1 => n().prop_map(Step::BadSkip),
        1 => n().prop_map(Step::Lose),
        1 => n().prop_map(Step::OutOfService),
        2 => n().prop_map(Step::Restore),
        2 => (n(), n(), any::<bool>()).prop_map(|(m, a, barred)| Step::Bar(m, a, barred)),
        1 => (n(), prop::bool::weighted(0.7)).prop_map(|(n, on)| Step::Activate(n, on)),
        1 => (n(), 0u64..20_000).prop_map(|(n, us)| Step::Period(n, us)),
        1 => any::<bool>().prop_map(Step::Freeze),
    ]
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let cost = || (0u32..300_000, 0u32..5_000).prop_map(|(ns, nj)| Cost::new(ns, nj));
    let per_kib = (0u32..200, 0u32..20).prop_map(|(ns, nj)| Cost::new(ns, nj));
    (vec(model(), 1..=MODELS), 1..=ACCS, (cost(), per_kib), config(), vec(step(), 1..120), any::<bool>())
        .prop_flat_map(move |(models, accelerators, switch, config, steps, has_table)| {
            let entries = models.len() * models.len();
            (vec(cost(), entries), Just((models, accelerators, switch, config, steps, has_table)))
        })
        .prop_map(|(table, (models, accelerators, switch, config, steps, has_table))| {
            let table = has_table.then_some(table);
            Case { models, accelerators, switch, table, config, steps }
        })
}

fn leak<T>(values: Vec<T>) -> &'static [T] {
    Box::leak(values.into_boxed_slice())
}

impl ModelCase {
    /// The segments of the sub-network of that index: each lighter one takes half of the time behind
    /// what is shared.
    fn specs(&self, accelerators: usize, index: u32) -> Vec<SegmentSpec<ACCS>> {
        let shared = self.shared.min(self.segments.len());
        let spec = |(place, (costs, bytes)): (usize, &([Cost; ACCS], u32))| {
            let mut costs = *costs;
            costs[accelerators..].fill(Cost::NONE);
            if costs.iter().all(|cost| cost.latency_ns == 0) {
                costs[0] = Cost::new(1_500_000, 500);
            }
            if place >= shared {
                for cost in &mut costs {
                    cost.latency_ns >>= index; // at least 100 us, or none
                }
            }
            let mut spec = SegmentSpec::new(costs).with_activations(*bytes);
            spec.switch_point = self.switch_points >> place & 1 == 1;
            if place == 0 { spec.with_branch(self.branch) } else { spec }
        };
        self.segments.iter().enumerate().map(spec).collect()
    }

    fn subnetworks(&self, accelerators: usize) -> &'static [SubNetwork<'static, ACCS>] {
        let network = |index: u32| {
            let specs = self.specs(accelerators, index);
            let mut table: Vec<Segment<ACCS>> = Vec::new();
            for spec in specs.iter().rev() {
                table.insert(0, Segment::derive(spec, &table));
            }
            let shared = if index == 0 { 0 } else { self.shared.min(specs.len()) as u16 };
            SubNetwork::new("net", leak(table))
                .with_accuracy(ACCURACY - index * ACCURACY_STEP)
                .with_shared_prefix(shared)
                .with_weights(self.weight_bytes)
        };
        leak((0..=self.lighter).map(network).collect())
    }
}

impl Case {
    /// The model on whose frames this one runs.
    pub(crate) fn parent(&self, model: usize) -> Option<usize> {
        self.models[model].parent.filter(|_| model > 0).map(|(choice, _)| choice % model)
    }

    /// The tables, for the rest of the test.
    pub(crate) fn workload(&self) -> &'static Workload<'static, ACCS> {
        let model = |(index, case): (usize, &ModelCase)| {
            let period = Duration::from_micros(case.period_us);
            let (lost, of) = case.budget;
            let mut model = Model::new("model", period, case.subnetworks(self.accelerators))
                .with_drop_budget(DropBudget::new(lost, of).expect("1 to 32"))
                .with_accuracy_floor(case.floor);
            model.latest_wins = case.latest_wins;
            match (self.parent(index), case.parent) {
                (Some(parent), Some((_, percent))) => {
                    model.after(ModelId(parent as u8), Probability::from_percent(percent))
                }
                _ => model,
            }
        };
        let models = leak(self.models.iter().enumerate().map(model).collect());
        let table: &[Cost] = self.table.clone().map_or(&[], leak);
        let (fixed, per_kib) = self.switch;
        let accelerator =
            Accelerator::new("accelerator").with_switch(fixed, per_kib).with_switch_table(table);
        Box::leak(Box::new(Workload::new(models, leak(vec![accelerator; self.accelerators]))))
    }
}
