//! Random workloads of the whole method, and what happens to them, made from bytes: a fuzzer's, or those
//! that proptest draws. No bytes left are zeros, so that every string of bytes is a case.

use arbitrary::{Arbitrary, Result, Unstructured};
use bumpalo::Bump;
use sdrm3_core::{
    Accelerator, Branch, Config, Cost, DropBudget, Duration, Instant, Model, ModelId, Outcome, Probability,
    Segment, SegmentSpec, SubNetwork, Weight, Weights, Workload,
};

use crate::reference::Rule;

/// Room for accelerators in all cases.
pub const ACCS: usize = 3;
/// Room for jobs.
pub const JOBS: usize = 6;
/// Room for models.
pub const MODELS: usize = 5;

/// Accuracy of the heaviest sub-network, and what each lighter one gives up, in thousandths of a percent.
const ACCURACY: u32 = 80_000;
const ACCURACY_STEP: u32 = 2_000;
/// Steps beyond are not read.
const STEPS: usize = 300;

/// Tables, the parts of the method that are on, and what happens.
#[derive(Clone, Debug)]
pub struct Case {
    /// The tables.
    pub tables: Tables,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// A workload as plain numbers, and how it is scheduled.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Parts of the method.
    pub config: Config,
    /// What scores: the published score, or the gated policy.
    pub rule: Rule,
    models: Vec<ModelCase>,
    accelerators: usize,
    /// Fixed cost of a switch, cost of each KiB moved, and the table of further costs, if there is one.
    switch: (Cost, Cost),
    table: Option<Vec<Cost>>,
    /// Nothing is put right: the tables may not validate.
    wild: bool,
}

#[derive(Clone, Debug)]
struct ModelCase {
    /// Taken modulo the models before it; the first model has none.
    parent: Option<(u8, u8)>,
    period: u64,
    deadline: Option<u64>,
    /// Per segment: cost on each accelerator, activations.
    segments: Vec<([Cost; ACCS], u32)>,
    /// Behind which segment it may branch, and how.
    branch: (u8, Branch),
    /// How many lighter sub-networks there are, and how many segments they share.
    lighter: u32,
    shared: u16,
    switch_points: u8,
    weight_bytes: u32,
    budget: (u8, u8),
    floor: u32,
    latest_wins: bool,
}

/// Something that happens; which of the possible ones is chosen by a number.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)] // as the calls that they lead to
pub enum Step {
    Pass(Pass),
    PassToDeadline(u8),
    Release(u8),
    Complete(u8, Ending),
    /// A completion that was answered, lost or never given.
    Stale(u8),
    BadSkip(u8),
    Lose(u8),
    NotTaken(u8),
    Resting(u8),
    OutOfService(u8),
    Restore(u8),
    Bar(u8, u8, bool),
    Activate(u8, bool),
    Period(u8, u16),
    Freeze(bool),
    /// A call that must be refused, whose time lies back or whose model or accelerator there is not.
    Refused(u8),
}

/// How much time passes, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Pass(pub u64);

/// How a block ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The branch behind it is taken, if there is one.
    pub branch: bool,
    /// How long ago it began and ended, in nanoseconds, and its energy: if measured.
    pub measured: Option<(u32, u32, Option<u32>)>,
}

impl Ending {
    /// What the device says of it now. At times its clock is ahead of ours, or its end before its start.
    pub fn outcome(&self, now: Instant) -> Outcome {
        let mut outcome = Outcome::finished(now);
        if let Some((began, ended, energy_nj)) = self.measured {
            let ago = |nanos: u32| Instant::from_nanos(now.as_nanos().saturating_sub(nanos.into()));
            (outcome.started, outcome.energy_nj) = (Some(ago(began)), energy_nj);
            outcome.finished = match ended & 7 {
                7 => now.saturating_add(Duration::from_nanos(ended.into())),
                1 | 3 | 5 => ago(ended >> 9),
                _ => now,
            };
        }
        outcome
    }
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0..80 => Self::Release(u.arbitrary()?),
            80..144 => Self::Complete(u.arbitrary()?, u.arbitrary()?),
            144..198 => Self::Pass(u.arbitrary()?),
            198..204 => Self::PassToDeadline(u.arbitrary()?),
            204..208 => Self::Stale(u.arbitrary()?),
            208..212 => Self::BadSkip(u.arbitrary()?),
            212..217 => Self::Lose(u.arbitrary()?),
            217..221 => Self::NotTaken(u.arbitrary()?),
            221..223 => Self::Resting(u.arbitrary()?),
            223..225 => Self::OutOfService(u.arbitrary()?),
            225..232 => Self::Restore(u.arbitrary()?),
            232..238 => Self::Bar(u.arbitrary()?, u.arbitrary()?, u.ratio(2, 5)?),
            238..244 => Self::Activate(u.arbitrary()?, u.ratio(7, 10)?),
            244..248 => Self::Period(u.arbitrary()?, u.arbitrary()?),
            248..251 => Self::Freeze(u.arbitrary()?),
            _ => Self::Refused(u.arbitrary()?),
        })
    }
}

impl<'a> Arbitrary<'a> for Pass {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match u.arbitrary::<u8>()? {
            0..80 => 0,
            80..160 => 1_000_000,
            160..254 => u64::from(u.arbitrary::<u32>()? % 6_000_000),
            // Rare: behind it there is little time left.
            _ => u.arbitrary()?,
        }))
    }
}

impl<'a> Arbitrary<'a> for Ending {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let bits = u.arbitrary::<u8>()?;
        let measured = match bits >> 1 {
            0..90 => None,
            _ => Some((u.arbitrary::<u32>()? % 8_000_000, u.arbitrary()?, u.arbitrary()?)),
        };
        Ok(Self { branch: bits & 1 == 1, measured })
    }
}

/// Few distinct values, so that scores tie; at times any.
fn nanos(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.arbitrary::<u8>()? {
        0..110 => 1_000_000,
        110..180 => 2_000_000,
        180..250 => 100_000 + u32::from(u.arbitrary::<u16>()?) * 60,
        _ => u.arbitrary::<u32>()?.max(1),
    })
}

fn nanojoules(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.arbitrary::<u8>()? {
        0..150 => 1_000,
        150..250 => u32::from(u.arbitrary::<u16>()?),
        _ => u.arbitrary()?,
    })
}

fn bytes(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.arbitrary::<u8>()? {
        0..90 => 0,
        90..180 => 4_096,
        180..250 => u32::from(u.arbitrary::<u16>()?) * 16,
        _ => u.arbitrary()?,
    })
}

fn costs(u: &mut Unstructured<'_>) -> Result<[Cost; ACCS]> {
    let mut costs = [Cost::NONE; ACCS];
    for cost in &mut costs {
        if u.ratio(4, 5)? {
            *cost = Cost::new(nanos(u)?, nanojoules(u)?);
        }
    }
    Ok(costs)
}

fn switch_cost(u: &mut Unstructured<'_>) -> Result<Cost> {
    Ok(match u.arbitrary::<u8>()? {
        0..100 => Cost::NONE,
        100..250 => Cost::new(u32::from(u.arbitrary::<u16>()?) * 4, u32::from(u.arbitrary::<u8>()?) * 16),
        _ => Cost::new(u.arbitrary()?, u.arbitrary()?),
    })
}

impl<'a> Arbitrary<'a> for ModelCase {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let count = u.int_in_range(1..=4u16)?;
        let segments = (0..count).map(|_| Ok((costs(u)?, bytes(u)?))).collect::<Result<_>>()?;
        let probability = Probability::from_percent(u.int_in_range(0..=100)?);
        let place = u.int_in_range(0..=count as u8 - 1)?;
        let branch = match u.int_in_range(0..=7u8)? {
            0..3 => Branch::Next,
            3..5 => Branch::Skip { segments: 1, probability },
            5..7 => Branch::Exit { probability },
            _ => Branch::Skip { segments: u.arbitrary()?, probability },
        };
        let budget = if u.arbitrary()? { (2, 10) } else { (u.int_in_range(0..=3)?, u.int_in_range(1..=5)?) };
        let period = match u.arbitrary::<u8>()? {
            0..250 => 1_000_000 + u64::from(u.arbitrary::<u16>()?) * 230,
            _ => u.arbitrary()?,
        };
        Ok(Self {
            parent: if u.ratio(2, 5)? { Some((u.arbitrary()?, u.int_in_range(0..=100)?)) } else { None },
            period,
            deadline: if u.ratio(1, 8)? { Some(u.arbitrary::<u32>()?.into()) } else { None },
            segments,
            branch: (place, branch),
            lighter: u.int_in_range(0..=2)?,
            shared: u.int_in_range(0..=4)?,
            switch_points: u.arbitrary()?,
            weight_bytes: if u.arbitrary()? { 65_536 } else { 0 },
            budget,
            floor: if u.ratio(1, 4)? { 70_000 + u32::from(u.arbitrary::<u16>()?) % 20_000 } else { 0 },
            latest_wins: u.ratio(1, 6)?,
        })
    }
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (tables, mut steps) = (u.arbitrary()?, Vec::new());
        while !u.is_empty() && steps.len() < STEPS {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { tables, steps })
    }
}

impl<'a> Arbitrary<'a> for Tables {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let window = match u.arbitrary::<u8>()? {
            0..100 => None,
            100..250 => Some(Duration::from_millis(u.int_in_range(1..=40)?)),
            _ => Some(Duration::from_nanos(u.arbitrary()?)),
        };
        let config = Config {
            frame_drop: u.ratio(7, 10)?,
            supernet: u.ratio(7, 10)?,
            correction: u.ratio(3, 10)?,
            tuning_window: window,
            stale_drop: u.ratio(9, 10)?,
        };
        let mut weight =
            || Ok(Weight::from_millis(if u.arbitrary()? { 1_000 } else { u.int_in_range(0..=2_000)? }));
        let weights = Weights { alpha: weight()?, beta: weight()? };
        let rule = if u.ratio(3, 4)? { Rule::MapScore(weights) } else { Rule::Gated };
        let models = u.int_in_range(1..=MODELS)?;
        let accelerators = u.int_in_range(1..=ACCS)?;
        let switch = (switch_cost(u)?, switch_cost(u)?);
        let table = if u.arbitrary()? {
            Some((0..models * models).map(|_| switch_cost(u)).collect::<Result<_>>()?)
        } else {
            None
        };
        let wild = u.ratio(1, 32)?;
        let models = (0..models).map(|_| u.arbitrary()).collect::<Result<_>>()?;
        Ok(Self { config, rule, models, accelerators, switch, table, wild })
    }
}

impl ModelCase {
    /// The segments of the sub-network of that index: each lighter one takes half of the time behind
    /// what is shared.
    fn specs(&self, tables: &Tables, index: u32) -> Vec<SegmentSpec<ACCS>> {
        let spec = |(place, (costs, bytes)): (usize, &([Cost; ACCS], u32))| {
            let mut costs = *costs;
            costs[tables.accelerators..].fill(Cost::NONE);
            if costs.iter().all(|cost| cost.latency_ns == 0) && !tables.wild {
                costs[0] = Cost::new(1_500_000, 500);
            }
            if place >= usize::from(self.shared) {
                for cost in costs.iter_mut().filter(|cost| cost.latency_ns > 0) {
                    cost.latency_ns = (cost.latency_ns >> index).max(1);
                }
            }
            let mut spec = SegmentSpec::new(costs).with_activations(*bytes);
            spec.switch_point = self.switch_points >> place & 1 == 1;
            let behind = (self.segments.len() - 1 - place) as u16;
            match self.branch {
                (at, _) if usize::from(at) != place => spec,
                (_, Branch::Skip { segments, probability }) if !tables.wild => {
                    spec.with_branch(Branch::Skip { segments: segments.min(behind), probability })
                }
                (_, branch) => spec.with_branch(branch),
            }
        };
        self.segments.iter().enumerate().map(spec).collect()
    }

    fn subnetwork<'b>(&self, tables: &Tables, index: u32, memory: &'b Bump) -> SubNetwork<'b, ACCS> {
        let specs = self.specs(tables, index);
        let mut table: Vec<Segment<ACCS>> = Vec::new();
        for spec in specs.iter().rev() {
            table.insert(0, Segment::derive(spec, &table));
        }
        let shared = if tables.wild { self.shared } else { self.shared.min(specs.len() as u16) };
        SubNetwork::new("network", memory.alloc_slice_copy(&table))
            .with_accuracy(ACCURACY - index * ACCURACY_STEP)
            .with_shared_prefix(if index == 0 { 0 } else { shared })
            .with_weights(self.weight_bytes)
    }

    fn model<'b>(&self, tables: &Tables, index: usize, memory: &'b Bump) -> Model<'b, ACCS> {
        let subnetworks = (0..=self.lighter).map(|lighter| self.subnetwork(tables, lighter, memory));
        let subnetworks = memory.alloc_slice_fill_iter(subnetworks.collect::<Vec<_>>());
        let period = if tables.wild { self.period } else { self.period.max(1) };
        let (lost, of) = self.budget;
        let mut model = Model::new("model", Duration::from_nanos(period), subnetworks)
            .with_drop_budget(DropBudget::new(lost, of).unwrap_or_default())
            .with_accuracy_floor(self.floor);
        model.latest_wins = self.latest_wins;
        if let Some((parent, percent)) = self.parent.filter(|_| index > 0 || tables.wild) {
            let parent = if tables.wild { parent } else { parent % index as u8 };
            model = model.after(ModelId(parent), Probability::from_percent(percent));
        }
        match self.deadline {
            Some(nanos) if nanos > 0 || tables.wild => model.with_deadline(Duration::from_nanos(nanos)),
            _ => model,
        }
    }
}

impl Case {
    /// The case that these bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::arbitrary(&mut Unstructured::new(bytes)).expect("every string of bytes is a case")
    }

    /// As the fuzz targets read their inputs; `None` if they would skip this one.
    pub fn from_fuzz_input(bytes: &[u8]) -> Option<Self> {
        Self::arbitrary_take_rest(Unstructured::new(bytes)).ok()
    }
}

impl Tables {
    /// The tables; `None` if they do not validate, which only those of a wild case may not.
    pub fn workload<'b>(&self, memory: &'b Bump) -> Option<&'b Workload<'b, ACCS>> {
        let models = self.models.iter().enumerate().map(|(index, model)| model.model(self, index, memory));
        let models = memory.alloc_slice_fill_iter(models.collect::<Vec<_>>());
        let table: &[Cost] = self.table.as_ref().map_or(&[], |table| memory.alloc_slice_copy(table));
        let (fixed, per_kib) = self.switch;
        let accelerator =
            Accelerator::new("accelerator").with_switch(fixed, per_kib).with_switch_table(table);
        let accelerators = memory.alloc_slice_fill_copy(self.accelerators, accelerator);
        let workload = &*memory.alloc(Workload::new(models, accelerators));
        let valid = workload.validate();
        assert!(valid.is_ok() || self.wild, "{valid:?}");
        valid.is_ok().then_some(workload)
    }
}
