//! A bit of the tables that has turned over in memory, and whether the check at start sees it.

use bumpalo::Bump;
use rand::{Rng, RngExt};
use sdrm3_core::{Accelerator, Duration, Model, Placement, Segment, Workload};

use crate::scenario::ACCELERATORS;

type Tables<'a> = Workload<'a, ACCELERATORS>;

/// Whether tables are what they were when `checksum` was taken, and can work: what a device asks at its
/// start, before it loads them again from where they came.
pub fn is_sound(tables: &Tables<'_>, checksum: u64) -> bool {
    tables.checksum() == checksum && tables.validate().is_ok()
}

/// A copy of the tables, laid into `memory`, with one bit turned over: of a number of a segment six times
/// in eight, else of a model or an accelerator. Cascades, drop budgets, branches, the tables of switch points and what
/// a model has of sub-networks are left as they are.
pub fn with_flipped_bit<'b>(tables: &Tables<'b>, random: &mut impl Rng, memory: &'b Bump) -> Tables<'b> {
    let mut models = tables.models.to_vec();
    let mut accelerators = tables.accelerators.to_vec();
    let mut below = |end: usize| random.random_range(0..end.max(1));
    match below(8) {
        0 => {
            let place = below(models.len());
            let bit = below(MODEL_BITS);
            flip_model(&mut models[place], bit);
        }
        1 => {
            let place = below(accelerators.len());
            let bit = below(ACCELERATOR_BITS);
            flip_accelerator(&mut accelerators[place], bit);
        }
        _ => {
            let model = below(models.len());
            let mut subnetworks = models[model].subnetworks.to_vec();
            let subnetwork = below(subnetworks.len());
            let mut segments = subnetworks[subnetwork].segments.to_vec();
            let segment = below(segments.len());
            let bit = below(segment_bits(accelerators.len()));
            segments[segment] = flip_segment(&segments[segment], bit);
            subnetworks[subnetwork].segments = memory.alloc_slice_copy(&segments);
            models[model].subnetworks = memory.alloc_slice_fill_iter(subnetworks);
        }
    }
    Workload::new(memory.alloc_slice_fill_iter(models), memory.alloc_slice_fill_iter(accelerators))
}

/// Of a model: period, deadline, weight and accuracy floor.
const MODEL_BITS: usize = 64 + 64 + 16 + 32;

fn flip_model(model: &mut Model<'_, ACCELERATORS>, bit: usize) {
    let wide = |value: Duration, bit: usize| Duration::from_nanos(value.as_nanos() ^ 1 << bit);
    match bit {
        0..64 => model.period = wide(model.period, bit),
        64..128 => model.deadline = Some(wide(model.deadline.unwrap_or(Duration::ZERO), bit - 64)),
        128..144 => model.weight_percent ^= 1 << (bit - 128),
        _ => model.accuracy_floor ^= 1 << ((bit - 144) % 32),
    }
}

/// Of an accelerator: the costs of a switch.
const ACCELERATOR_BITS: usize = 4 * 32;

fn flip_accelerator(accelerator: &mut Accelerator<'_>, bit: usize) {
    let Accelerator { switch_fixed: fixed, switch_per_kib: per_kib, .. } = accelerator;
    let numbers =
        [&mut fixed.latency_ns, &mut fixed.energy_nj, &mut per_kib.latency_ns, &mut per_kib.energy_nj];
    for (place, number) in numbers.into_iter().enumerate() {
        if place == bit / 32 {
            *number ^= 1 << (bit % 32);
        }
    }
}

/// Of a segment: all its numbers, on each accelerator there is, but for its branch.
const fn segment_bits(accelerators: usize) -> usize {
    2 * 64 + 4 * 32 + 1 + accelerators * 4 * 32
}

fn flip_segment(segment: &Segment<ACCELERATORS>, bit: usize) -> Segment<ACCELERATORS> {
    let (mut info, mut on) = (*segment.info(), *segment.placements());
    let wide = |value: Duration, bit: usize| Duration::from_nanos(value.as_nanos() ^ 1 << bit);
    match bit {
        0..64 => info.togo = wide(info.togo, bit),
        64..128 => info.fastest_togo = wide(info.fastest_togo, bit - 64),
        128..160 => info.mean_latency_ns ^= 1 << (bit - 128),
        160..192 => info.worst_energy_nj ^= 1 << (bit - 160),
        192..224 => info.activation_bytes ^= 1 << (bit - 192),
        224..256 => info.runs_on ^= 1 << (bit - 224),
        256 => info.switch_point = !info.switch_point,
        _ => {
            let (place, bit) = ((bit - 257) / 32, (bit - 257) % 32);
            let Placement { latency_ns, energy_nj, latency_preference, energy_preference } =
                &mut on[place / 4];
            let numbers = [latency_ns, energy_nj, latency_preference, energy_preference];
            for (index, number) in numbers.into_iter().enumerate() {
                if index == place % 4 {
                    *number ^= 1 << bit;
                }
            }
        }
    }
    Segment::from_parts(info, on)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Library;
    use crate::scenario::{Platform, Scenario, build};

    /// Every bit that the fault may turn over, of one model, one accelerator and one segment, one at a time.
    #[test]
    fn the_check_at_start_sees_every_bit_that_is_flipped() {
        let (scenario, platform) = (Scenario::load("vr_gaming").unwrap(), Platform::load("4k-3ws").unwrap());
        let memory = Bump::new();
        let tables = build(&scenario, &platform, &Library::zoo(), None, &memory).unwrap();
        let checksum = tables.checksum();
        assert!(is_sound(&tables, checksum));

        let mut tried = 0;
        let mut unseen = Vec::new();
        let mut check = |what: String, models: Vec<Model<'_, 8>>, accelerators: Vec<Accelerator<'_>>| {
            tried += 1;
            if is_sound(&Workload::new(&models, &accelerators), checksum) {
                unseen.push(what);
            }
        };
        let (models, accelerators) = (tables.models.to_vec(), tables.accelerators.to_vec());
        for bit in 0..MODEL_BITS {
            let mut changed = models.clone();
            flip_model(&mut changed[0], bit);
            check(format!("model, bit {bit}"), changed, accelerators.clone());
        }
        for bit in 0..ACCELERATOR_BITS {
            let mut changed = accelerators.clone();
            flip_accelerator(&mut changed[1], bit);
            check(format!("accelerator, bit {bit}"), models.clone(), changed);
        }
        for bit in 0..segment_bits(accelerators.len()) {
            let mut subnetworks = models[0].subnetworks.to_vec();
            let mut segments = subnetworks[0].segments.to_vec();
            segments[1] = flip_segment(&segments[1], bit);
            subnetworks[0].segments = &segments;
            let mut changed = models.clone();
            changed[0].subnetworks = &subnetworks;
            check(format!("segment, bit {bit}"), changed, accelerators.clone());
        }
        assert_eq!(tried, MODEL_BITS + ACCELERATOR_BITS + segment_bits(3));
        assert_eq!(unseen, Vec::<String>::new());
    }
}
