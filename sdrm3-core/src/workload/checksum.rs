//! The checksum of a workload: whether two programs decide by the same tables.

use super::{Accelerator, Branch, Cost, Model, Placement, Segment, SegmentInfo, SubNetwork, Workload};
use crate::checksum::Checksum;

impl<const A: usize> Workload<'_, A> {
    /// The checksum of all that decisions depend on: everything but names, but what
    /// [`validate`](Self::validate) compares with the latencies, [`SegmentInfo::runs_on`], and but the columns of
    /// accelerators that [`accelerators`](Self::accelerators) does not name, so that tables with room for more have
    /// the same. O(tables).
    ///
    /// [`Checksum`] over these numbers, `u32` unless said otherwise, lengths before what they count:
    ///
    /// - the accelerators, each: fixed cost of a switch and cost of a KiB (latency and energy each), the
    ///   entries of its switch table (latency, energy);
    /// - the models, each: period (`u64`), deadline (`u64`, 0 is none), parent + 1 and probability of its
    ///   cascade (0 and 0 are none), weight, drop budget (lost, of), accuracy floor, whether the latest
    ///   wins; its sub-networks, each: accuracy, shared prefix, bytes of weights; its segments, each:
    ///   `ToGo` and fastest `ToGo` (`u64`), mean latency, worst energy, bytes of activations, branch
    ///   (0 next, 1 skip, 2 exit; segments; probability), switch point, and per accelerator latency,
    ///   energy and the two preferences.
    pub const fn checksum(&self) -> u64 {
        let mut sum = Checksum::EMPTY.u32(self.accelerators.len() as u32);
        let mut accelerators = self.accelerators;
        while let Some((first, rest)) = accelerators.split_first() {
            sum = accelerator(sum, first);
            accelerators = rest;
        }
        sum = sum.u32(self.models.len() as u32);
        let mut models = self.models;
        while let Some((first, rest)) = models.split_first() {
            sum = model(sum, first, self.accelerators.len());
            models = rest;
        }
        sum.value()
    }
}

const fn cost(sum: Checksum, cost: Cost) -> Checksum {
    sum.u32(cost.latency_ns).u32(cost.energy_nj)
}

const fn accelerator(sum: Checksum, of: &Accelerator<'_>) -> Checksum {
    let mut sum = cost(cost(sum, of.switch_fixed), of.switch_per_kib).u32(of.switch_table.len() as u32);
    let mut table = of.switch_table;
    while let Some((&first, rest)) = table.split_first() {
        sum = cost(sum, first);
        table = rest;
    }
    sum
}

const fn model<const A: usize>(sum: Checksum, of: &Model<'_, A>, accelerators: usize) -> Checksum {
    let deadline = match of.deadline {
        Some(deadline) => deadline.as_nanos(),
        None => 0,
    };
    let (parent, probability) = match of.cascade {
        Some(cascade) => (cascade.parent.0 as u32 + 1, cascade.probability.0),
        None => (0, 0),
    };
    let mut sum = sum
        .u64(of.period.as_nanos())
        .u64(deadline)
        .u32(parent)
        .u32(probability)
        .u32(of.weight_percent as u32)
        .u32(of.drop_budget.lost() as u32)
        .u32(of.drop_budget.of() as u32)
        .u32(of.accuracy_floor)
        .u32(of.latest_wins as u32)
        .u32(of.subnetworks.len() as u32);
    let mut subnetworks = of.subnetworks;
    while let Some((first, rest)) = subnetworks.split_first() {
        sum = subnetwork(sum, first, accelerators);
        subnetworks = rest;
    }
    sum
}

const fn subnetwork<const A: usize>(sum: Checksum, of: &SubNetwork<'_, A>, accelerators: usize) -> Checksum {
    let mut sum = sum
        .u32(of.accuracy_milli_percent)
        .u32(of.shared_prefix as u32)
        .u32(of.weight_bytes)
        .u32(of.segments.len() as u32);
    let mut segments = of.segments;
    while let Some((first, rest)) = segments.split_first() {
        sum = segment(sum, first, accelerators);
        segments = rest;
    }
    sum
}

const fn segment<const A: usize>(sum: Checksum, of: &Segment<A>, accelerators: usize) -> Checksum {
    let SegmentInfo { togo, fastest_togo, mean_latency_ns, worst_energy_nj, activation_bytes, .. } = of.info;
    let (branch, segments, probability) = match of.info.branch {
        Branch::Next => (0, 0, 0),
        Branch::Skip { segments, probability } => (1, segments as u32, probability.0),
        Branch::Exit { probability } => (2, 0, probability.0),
    };
    let mut sum = sum
        .u64(togo.as_nanos())
        .u64(fastest_togo.as_nanos())
        .u32(mean_latency_ns)
        .u32(worst_energy_nj)
        .u32(activation_bytes)
        .u32(branch)
        .u32(segments)
        .u32(probability)
        .u32(of.info.switch_point as u32);
    let mut placements = of.on.as_slice();
    let mut left = accelerators;
    while let Some((&first, rest)) = placements.split_first() {
        if left == 0 {
            break;
        }
        let Placement { latency_ns, energy_nj, latency_preference, energy_preference } = first;
        sum = sum.u32(latency_ns).u32(energy_nj).u32(latency_preference).u32(energy_preference);
        placements = rest;
        left -= 1;
    }
    sum
}
