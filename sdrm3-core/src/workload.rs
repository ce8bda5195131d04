//! What is to be scheduled: static tables of networks, their segments' costs and their deadlines.
//!
//! The tables are meant to lie in flash. A firmware writes costs ([`SegmentSpec`]), and
//! [`Segment::table`] derives at compile time all that the decision needs: sums over the remaining
//! segments, minima and the two preference ratios, so that the inner loop only loads and multiplies.
//!
//! ```
//! use sdrm3_core::{Accelerator, Cost, Duration, Model, Segment, SegmentSpec, SubNetwork, Workload};
//!
//! // Two segments on two accelerators; the second segment cannot run on the second one.
//! static EYE: [Segment<2>; 2] = Segment::table([
//!     SegmentSpec::new([Cost::new(800_000, 90_000), Cost::new(1_600_000, 60_000)]),
//!     SegmentSpec::new([Cost::new(400_000, 50_000), Cost::NONE]),
//! ]);
//! static NETWORKS: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("full", &EYE)];
//! static MODELS: [Model<'static, 2>; 1] = [Model::new("eye", Duration::from_millis(16), &NETWORKS)];
//! static ACCELERATORS: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("dsp")];
//! static WORKLOAD: Workload<'static, 2> = Workload::new(&MODELS, &ACCELERATORS);
//! assert_eq!(WORKLOAD.validate(), Ok(()));
//! ```

mod budget;
mod checksum;
mod derive;
mod validate;

pub use budget::DropBudget;
pub use validate::{Cause, WorkloadError};

use crate::time::Duration;

/// Index of a model in [`Workload::models`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ModelId(pub u8);

/// Index of an accelerator in [`Workload::accelerators`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AcceleratorId(pub u8);

/// Time and energy of one segment on one accelerator, or of a switch between jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cost {
    /// Latency in nanoseconds, up to 4.29 s. Of a segment: zero means that it cannot run there.
    pub latency_ns: u32,
    /// Energy in nanojoules, up to 4.29 J.
    pub energy_nj: u32,
}

impl Cost {
    /// The segment cannot run on this accelerator.
    pub const NONE: Self = Self { latency_ns: 0, energy_nj: 0 };

    /// A cost from nanoseconds and nanojoules.
    pub const fn new(latency_ns: u32, energy_nj: u32) -> Self {
        Self { latency_ns, energy_nj }
    }
}

/// A probability in steps of 2^-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Probability(u32);

impl Probability {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(1 << 16);

    /// From a number, rounded down to a step; `None` unless it lies in 0 to 1.
    pub const fn from_f64(p: f64) -> Option<Self> {
        if p >= 0.0 && p <= 1.0 { Some(Self((p * 65_536.0) as u32)) } else { None }
    }

    /// From hundredths; more than 100 gives [`Probability::ALWAYS`].
    pub const fn from_percent(percent: u8) -> Self {
        if percent >= 100 { Self::ALWAYS } else { Self(((percent as u32) << 16) / 100) }
    }

    /// As a number, exact.
    pub const fn as_f64(self) -> f64 {
        self.0 as f64 / 65_536.0
    }

    /// From steps of 2^-16; more than 65 536 gives [`Probability::ALWAYS`].
    pub const fn from_bits(bits: u32) -> Self {
        if bits > Self::ALWAYS.0 { Self::ALWAYS } else { Self(bits) }
    }

    /// In steps of 2^-16.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// `value` times this probability, rounded down.
    pub(crate) const fn of(self, value: u64) -> u64 {
        ((value as u128 * self.0 as u128) >> 16) as u64
    }
}

/// What may follow a segment. The accelerator's completion says what did
/// (see [`Path`](crate::Path)); the table gives the probabilities for the expected remaining work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Branch {
    /// The next segment, always.
    #[default]
    Next,
    /// The next `segments` segments are skipped with `probability` (a gated residual block).
    Skip {
        /// How many segments the skip jumps over.
        segments: u16,
        /// How likely the skip is.
        probability: Probability,
    },
    /// The frame is complete here with `probability` (an early exit).
    Exit {
        /// How likely the exit is.
        probability: Probability,
    },
}

/// One segment (a layer, or several that run as one) as its author writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentSpec<const A: usize> {
    /// Cost on each accelerator.
    pub costs: [Cost; A],
    /// Bytes of activations that the segment needs at its start: what a switch of job has to move.
    pub activation_bytes: u32,
    /// What may follow it.
    pub branch: Branch,
    /// Whether the job may move to a lighter sub-network just before this segment.
    pub switch_point: bool,
}

impl<const A: usize> SegmentSpec<A> {
    /// A segment with these costs, always followed by the next, moving no activations on a switch.
    pub const fn new(costs: [Cost; A]) -> Self {
        Self { costs, activation_bytes: 0, branch: Branch::Next, switch_point: false }
    }

    /// With this many bytes of input activations.
    #[must_use]
    pub const fn with_activations(mut self, bytes: u32) -> Self {
        self.activation_bytes = bytes;
        self
    }

    /// With this branch behind it.
    #[must_use]
    pub const fn with_branch(mut self, branch: Branch) -> Self {
        self.branch = branch;
        self
    }

    /// Before which a job may move to a lighter sub-network.
    #[must_use]
    pub const fn with_switch_point(mut self) -> Self {
        self.switch_point = true;
        self
    }
}

/// What the decision reads of a segment on one accelerator; derived, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Placement {
    /// Latency in nanoseconds; zero when the segment cannot run here.
    pub latency_ns: u32,
    /// Energy in nanojoules.
    pub energy_nj: u32,
    /// `LatPref`, Q8.24: see [`score::preference`](crate::score::preference).
    pub latency_preference: u32,
    /// `EnergyPref`, Q8.24.
    pub energy_preference: u32,
}

impl Placement {
    /// Whether the segment can run here at all.
    pub const fn runs(&self) -> bool {
        self.latency_ns != 0
    }
}

/// What the decision reads of a segment whatever the accelerator; derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SegmentInfo {
    /// Expected work from this segment to the end, each segment at its mean latency over the
    /// accelerators that run it and weighed with its execution probability: `ToGo`.
    pub togo: Duration,
    /// The same with each segment on its fastest accelerator.
    pub fastest_togo: Duration,
    /// Mean latency of this segment over the accelerators that run it, in nanoseconds.
    pub mean_latency_ns: u32,
    /// Largest energy of this segment over the accelerators that run it, in nanojoules.
    pub worst_energy_nj: u32,
    /// Bytes of activations needed at its start.
    pub activation_bytes: u32,
    /// What may follow it.
    pub branch: Branch,
    /// Whether the job may move to a lighter sub-network just before it.
    pub switch_point: bool,
    /// The accelerators that can run it; bit `a` is accelerator `a`.
    pub runs_on: u32,
}

/// One segment with everything derived; made by [`Segment::table`] or [`Segment::derive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Segment<const A: usize> {
    info: SegmentInfo,
    on: [Placement; A],
}

impl<const A: usize> Segment<A> {
    /// A segment of these numbers, whether they fit together or not: for tests of what a flipped bit does.
    pub const fn from_parts(info: SegmentInfo, on: [Placement; A]) -> Self {
        Self { info, on }
    }

    /// What does not depend on the accelerator.
    pub const fn info(&self) -> &SegmentInfo {
        &self.info
    }

    /// What depends on it, in the order of [`Workload::accelerators`].
    pub const fn placements(&self) -> &[Placement; A] {
        &self.on
    }
}

/// One way to run a model: a network, or one sub-network of a supernet.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct SubNetwork<'a, const A: usize> {
    /// Name, for messages and reports.
    pub name: &'a str,
    /// Its segments in order of execution.
    pub segments: &'a [Segment<A>],
    /// Accuracy in thousandths of a percent (76 900 is 76.9 %); 0 when unknown.
    pub accuracy_milli_percent: u32,
    /// How many leading segments are the same as in the next heavier sub-network: finished work
    /// that a switch keeps.
    pub shared_prefix: u16,
    /// Bytes of weights that an accelerator fetches when it moves here from another model; 0 when they
    /// are streamed layer by layer, which the segments' costs hold.
    pub weight_bytes: u32,
}

impl<'a, const A: usize> SubNetwork<'a, A> {
    /// A network with these segments.
    pub const fn new(name: &'a str, segments: &'a [Segment<A>]) -> Self {
        Self { name, segments, accuracy_milli_percent: 0, shared_prefix: 0, weight_bytes: 0 }
    }

    /// With this accuracy in thousandths of a percent.
    #[must_use]
    pub const fn with_accuracy(mut self, milli_percent: u32) -> Self {
        self.accuracy_milli_percent = milli_percent;
        self
    }

    /// With this many leading segments shared with the next heavier sub-network.
    #[must_use]
    pub const fn with_shared_prefix(mut self, segments: u16) -> Self {
        self.shared_prefix = segments;
        self
    }

    /// With this many bytes of weights to fetch on a change of model.
    #[must_use]
    pub const fn with_weights(mut self, bytes: u32) -> Self {
        self.weight_bytes = bytes;
        self
    }
}

/// That a model runs on frames of another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cascade {
    /// The model whose completed frame releases ours.
    pub parent: ModelId,
    /// How likely a parent's frame leads to one of ours.
    pub probability: Probability,
}

/// A model: what runs, how often, and until when.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Model<'a, const A: usize> {
    /// Name, for messages and reports.
    pub name: &'a str,
    /// Time between frames.
    pub period: Duration,
    /// Deadline after the release; of a dependent, after the release of the frame at its root,
    /// or `None`: the parent's deadline.
    pub deadline: Option<Duration>,
    /// Set when it runs on frames of another model.
    pub cascade: Option<Cascade>,
    /// Sub-networks from heavy (accurate) to light; a plain network is one.
    pub subnetworks: &'a [SubNetwork<'a, A>],
    /// How much the model counts in UXCost, in percent.
    pub weight_percent: u16,
    /// How many frames smart drops may take.
    pub drop_budget: DropBudget,
    /// No sub-network below this accuracy is used, in thousandths of a percent.
    pub accuracy_floor: u32,
    /// A new frame takes the place of an older one that has not started; one that finds no room for a job is
    /// refused all the same.
    pub latest_wins: bool,
}

impl<'a, const A: usize> Model<'a, A> {
    /// A model that runs once every `period`, each frame due when the next arrives.
    pub const fn new(name: &'a str, period: Duration, subnetworks: &'a [SubNetwork<'a, A>]) -> Self {
        Self {
            name,
            period,
            deadline: Some(period),
            cascade: None,
            subnetworks,
            weight_percent: 100,
            drop_budget: DropBudget::PUBLISHED,
            accuracy_floor: 0,
            latest_wins: false,
        }
    }

    /// With this deadline after the release.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Released by frames of `parent`, with this probability, and due when they are.
    #[must_use]
    pub const fn after(mut self, parent: ModelId, probability: Probability) -> Self {
        self.cascade = Some(Cascade { parent, probability });
        self.deadline = None;
        self
    }

    /// That counts this much in UXCost, in percent.
    #[must_use]
    pub const fn with_weight(mut self, percent: u16) -> Self {
        self.weight_percent = percent;
        self
    }

    /// Of which smart drops may take so many frames.
    #[must_use]
    pub const fn with_drop_budget(mut self, budget: DropBudget) -> Self {
        self.drop_budget = budget;
        self
    }

    /// Never run below this accuracy, in thousandths of a percent.
    #[must_use]
    pub const fn with_accuracy_floor(mut self, milli_percent: u32) -> Self {
        self.accuracy_floor = milli_percent;
        self
    }

    /// Of which a new frame takes the place of an older one that has not started.
    #[must_use]
    pub const fn with_latest_wins(mut self) -> Self {
        self.latest_wins = true;
        self
    }
}

/// An accelerator, and what it costs to move it from one job to another.
///
/// A switch costs `fixed`, plus the entry of a table by previous and next model if there is one, plus
/// the traffic of the activations that are spilled (what the previous job left) and fetched (what the
/// next one needs) and of the next model's weights if the model changes, at a rate per KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Accelerator<'a> {
    /// Name, for messages and reports.
    pub name: &'a str,
    /// Cost of any switch.
    pub switch_fixed: Cost,
    /// Cost of each KiB moved.
    pub switch_per_kib: Cost,
    /// Further cost by (previous model, next model), rows by previous; empty, or models x models.
    pub switch_table: &'a [Cost],
}

impl<'a> Accelerator<'a> {
    /// An accelerator that switches for free.
    pub const fn new(name: &'a str) -> Self {
        Self { name, switch_fixed: Cost::NONE, switch_per_kib: Cost::NONE, switch_table: &[] }
    }

    /// With this cost of a switch.
    #[must_use]
    pub const fn with_switch(mut self, fixed: Cost, per_kib: Cost) -> Self {
        self.switch_fixed = fixed;
        self.switch_per_kib = per_kib;
        self
    }

    /// With this table of further costs, models x models, rows by the previous model.
    #[must_use]
    pub const fn with_switch_table(mut self, table: &'a [Cost]) -> Self {
        self.switch_table = table;
        self
    }

    /// Whether no switch of it costs anything.
    pub(crate) fn switches_for_free(&self) -> bool {
        self.switch_fixed == Cost::NONE && self.switch_per_kib == Cost::NONE && self.switch_table.is_empty()
    }

    /// Cost of a switch that moves `bytes`, without the table; saturating.
    pub const fn switch_cost(&self, bytes: u32) -> Cost {
        const fn part(fixed: u32, per_kib: u32, bytes: u32) -> u32 {
            let moved = (per_kib as u64 * bytes as u64) >> 10;
            if moved > u32::MAX as u64 { u32::MAX } else { fixed.saturating_add(moved as u32) }
        }
        Cost {
            latency_ns: part(self.switch_fixed.latency_ns, self.switch_per_kib.latency_ns, bytes),
            energy_nj: part(self.switch_fixed.energy_nj, self.switch_per_kib.energy_nj, bytes),
        }
    }
}

/// All models and accelerators of a system: static data, checked once by [`Workload::validate`].
///
/// `A` is the room for accelerators in the tables; [`Workload::accelerators`] may name fewer.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Workload<'a, const A: usize> {
    /// The models; [`ModelId`] counts them.
    pub models: &'a [Model<'a, A>],
    /// The accelerators; [`AcceleratorId`] counts them.
    pub accelerators: &'a [Accelerator<'a>],
}

impl<'a, const A: usize> Workload<'a, A> {
    /// A workload of these models on these accelerators.
    pub const fn new(models: &'a [Model<'a, A>], accelerators: &'a [Accelerator<'a>]) -> Self {
        Self { models, accelerators }
    }

    /// The model of that index.
    pub fn model(&self, id: ModelId) -> Option<&'a Model<'a, A>> {
        self.models.get(usize::from(id.0))
    }

    /// The table's entry of a switch on an accelerator; nothing where there is none.
    pub(crate) fn switch_entry(&self, accelerator: &Accelerator<'_>, from: ModelId, to: ModelId) -> Cost {
        let place = usize::from(from.0) * self.models.len() + usize::from(to.0);
        accelerator.switch_table.get(place).copied().unwrap_or(Cost::NONE)
    }

    /// The models that run on frames of `parent`, in table order. O(models).
    pub fn children(
        &self,
        parent: ModelId,
    ) -> impl Iterator<Item = (ModelId, &'a Model<'a, A>)> + use<'a, A> {
        self.models
            .iter()
            .zip(0u8..)
            .map(|(model, index)| (ModelId(index), model))
            .filter(move |(_, model)| model.cascade.is_some_and(|cascade| cascade.parent == parent))
    }
}
