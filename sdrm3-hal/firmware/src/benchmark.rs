//! Tables for the defined decision, at any number of accelerators: sixteen models of one network each,
//! every segment on every accelerator at another cost, weights, activations; a switch is free, or costs time and energy.

use sdrm3_core::{Accelerator, Cost, Duration, Model, Segment, SegmentSpec, SubNetwork, Workload};

/// Models, the largest number of jobs measured.
const MODELS: usize = 16;
/// Enough that no frame ends while it is measured.
const SEGMENTS: usize = 80;

/// The tables for `A` accelerators.
pub struct Tables<const A: usize>;

const fn specs<const A: usize>(model: usize) -> [SegmentSpec<A>; SEGMENTS] {
    let mut specs = [SegmentSpec::new([Cost::NONE; A]); SEGMENTS];
    let mut s = 0;
    while s < SEGMENTS {
        let mut costs = [Cost::NONE; A];
        let mut a = 0;
        while a < A {
            // Between 100 and 300 us, and 20 to 60 uJ: different for every segment and accelerator.
            let mix = (model * 7_919 + s * 104_729 + a * 1_299_709) as u32;
            costs[a] = Cost::new(100_000 + mix % 200_003, 20_000 + mix % 40_009);
            a += 1;
        }
        specs[s] = SegmentSpec::new(costs).with_activations(4_096 + 512 * (s as u32 % 7));
        s += 1;
    }
    specs
}

impl<const A: usize> Tables<A> {
    const SEGMENTS: [[Segment<A>; SEGMENTS]; MODELS] = {
        let mut tables = [Segment::table(specs(0)); MODELS];
        let mut model = 1;
        while model < MODELS {
            tables[model] = Segment::table(specs(model));
            model += 1;
        }
        tables
    };
    const NETWORKS: [[SubNetwork<'static, A>; 1]; MODELS] = {
        let segments: &'static _ = &Self::SEGMENTS;
        let mut networks = [[SubNetwork::new("network", &segments[0]).with_weights(65_536)]; MODELS];
        let mut model = 1;
        while model < MODELS {
            networks[model] = [SubNetwork::new("network", &segments[model]).with_weights(65_536)];
            model += 1;
        }
        networks
    };
    const MODELS: [Model<'static, A>; MODELS] = {
        let networks: &'static _ = &Self::NETWORKS;
        let mut models = [Model::new("model", Duration::from_millis(300), &networks[0]); MODELS];
        let mut model = 1;
        while model < MODELS {
            // All feasible, deadlines apart.
            let period = Duration::from_millis(300 + 3 * model as u64);
            models[model] = Model::new("model", period, &networks[model]);
            model += 1;
        }
        models
    };
    const FREE: [Accelerator<'static>; A] = [Accelerator::new("unit"); A];
    /// A microsecond and a microjoule to begin with, 11 ns and 33 nJ for each KiB.
    const MOVING: [Accelerator<'static>; A] =
        [Accelerator::new("unit").with_switch(Cost::new(1_000, 1_000), Cost::new(11, 33)); A];

    const fn workloads(units: &'static [Accelerator<'static>; A]) -> [Workload<'static, A>; MODELS + 1] {
        let models: &'static [Model<'static, A>] = &Self::MODELS;
        let mut workloads = [Workload::new(&[], units); MODELS + 1];
        let mut count = 0;
        while count <= MODELS {
            workloads[count] = Workload::new(models.split_at(count).0, units);
            count += 1;
        }
        workloads
    }

    /// The first so many models, on accelerators that switch for free.
    pub fn workload(models: usize) -> Option<&'static Workload<'static, A>> {
        let workloads: &'static [_; MODELS + 1] = &const { Self::workloads(&Self::FREE) };
        workloads.get(models)
    }

    /// The same on accelerators where a switch costs.
    pub fn switching(models: usize) -> Option<&'static Workload<'static, A>> {
        let workloads: &'static [_; MODELS + 1] = &const { Self::workloads(&Self::MOVING) };
        workloads.get(models)
    }
}
