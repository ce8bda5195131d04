//! From a layer's shape to its cost.

use super::array::Array;
use super::dims::{DEPTHWISE_OUTPUT, Dim, OUTPUT, PerDim};
use super::level::levels;
use super::schedule::run;
use super::shape::Shape;

/// Energy of one 8-bit multiply-accumulate, in nanojoules.
const MAC_NJ: f64 = 0.002_88;
/// Energy of one access of the global buffer, in multiply-accumulates.
const GLOBAL_ACCESS: f64 = 6.0;
/// Energy of one access of a local buffer, in multiply-accumulates.
const LOCAL_ACCESS: f64 = 0.55;

/// What limits a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bound {
    /// The processing elements.
    Compute,
    /// The bandwidth of the network-on-chip.
    Noc,
}

/// Cost of one execution of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerCost {
    /// Latency in cycles, at least 1.
    pub cycles: u64,
    /// Energy in nanojoules, above 0: of the elements, the local buffers and the global buffer, and
    /// without DRAM.
    pub energy_nj: f64,
    /// Of the cycles, those in which the elements wait for the network-on-chip.
    pub stall_cycles: u64,
    /// The layer's multiply-accumulates over those that all elements could do in the cycles, 0 to 1.
    pub utilisation: f64,
    /// Reads and writes of the global buffer, in bytes.
    pub global_accesses: f64,
    /// Reads and writes of local buffers, in bytes.
    pub local_accesses: f64,
}

impl LayerCost {
    /// What takes the larger part of the cycles.
    pub fn bound(&self) -> Bound {
        if self.stall_cycles > self.cycles / 2 { Bound::Noc } else { Bound::Compute }
    }
}

/// Latency and energy of a layer on an array.
///
/// ```text
/// cycles = sum over the steps of the top level (see `schedule`), at least macs / pes
/// energy = E_mac * (macs + 6 * global + 0.55 * local),  E_mac = 2.88 pJ
/// global = each tensor written once + reads of inputs and weights by the clusters
/// ```
///
/// Energies are those of MAESTRO (after GANAX, ISCA 2018); `macs` includes what the mapping repeats.
/// Beyond what the reference table has:
///
/// * A depthwise layer (`groups == c`) runs as one pass whose output keeps the channels apart, as
///   MAESTRO's DSCONV does; other groups run one after the other.
/// * A strided layer takes the steps of the unit-stride layer with the same outputs; its larger
///   input counts where it is written to the global buffer.
/// * On an array smaller than one cluster, the cluster takes turns.
///
/// Cycles equal MAESTRO's except where its own counts turn zero or negative: kernels of eight and more
/// columns on OS. Energies equal too, but for kernels larger than their input, which MAESTRO lets
/// have no output.
///
/// Bounds of zero count as one. Any shape on any array has a finite cost.
pub fn cost(shape: &Shape, array: &Array) -> LayerCost {
    let pes = array.pes.max(1);
    let cluster = array.dataflow.cluster_pes();
    let clusters = (pes / cluster).max(1);
    let turns = (f64::from(cluster) / f64::from(pes)).max(1.0);
    let bandwidth = f64::from(array.noc_bytes_per_cycle.max(1));
    let Pass { bounds, output, repeats } = Pass::new(shape);
    let totals = run(&levels(array.dataflow, i64::from(clusters), bounds), output, bandwidth);

    let least = shape.macs() / f64::from(pes);
    let cycles = (repeats * turns * totals.cycles).max(least).ceil();
    let stalls = repeats * turns * (totals.cycles - totals.compute_cycles);
    let macs = repeats * totals.macs.max(0.0);
    let global_accesses = tensor_bytes(shape) + repeats * totals.upper_reads.max(0.0);
    let local_accesses = repeats * totals.lower_accesses.max(0.0);
    LayerCost {
        cycles: cycles as u64,
        energy_nj: MAC_NJ * (macs + GLOBAL_ACCESS * global_accesses + LOCAL_ACCESS * local_accesses),
        stall_cycles: stalls.clamp(0.0, cycles) as u64,
        utilisation: (least / cycles).min(1.0),
        global_accesses,
        local_accesses,
    }
}

/// The unit-stride convolution as which a layer runs, and how often.
struct Pass {
    bounds: PerDim<i64>,
    output: &'static [Dim],
    repeats: f64,
}

impl Pass {
    fn new(shape: &Shape) -> Self {
        let groups = shape.groups.clamp(1, shape.c.max(1));
        let depthwise = groups > 1 && groups == shape.c;
        let channels = if depthwise { shape.c } else { shape.c.div_ceil(groups) };
        let input = |input: u32, kernel: u32, out: u32| input.min(out.saturating_add(kernel.max(1) - 1));
        let bounds = PerDim::new(|dim| {
            let bound = match dim {
                Dim::K => shape.k.div_ceil(groups),
                Dim::C => channels,
                Dim::Y => input(shape.y, shape.r, shape.out_y()),
                Dim::X => input(shape.x, shape.s, shape.out_x()),
                Dim::R => shape.r,
                Dim::S => shape.s,
            };
            i64::from(bound.max(1))
        });
        if depthwise {
            Self { bounds, output: DEPTHWISE_OUTPUT, repeats: 1.0 }
        } else {
            Self { bounds, output: OUTPUT, repeats: f64::from(groups) }
        }
    }
}

/// Bytes of inputs, weights and outputs: each is written once to the global buffer.
fn tensor_bytes(shape: &Shape) -> f64 {
    let bytes = |bounds: &[u32]| -> f64 { bounds.iter().map(|&n| f64::from(n.max(1))).product() };
    let channels = shape.c.div_ceil(shape.groups.max(1));
    bytes(&[shape.c, shape.y, shape.x])
        + bytes(&[shape.k, channels, shape.r, shape.s])
        + bytes(&[shape.k, shape.out_y(), shape.out_x()])
}
