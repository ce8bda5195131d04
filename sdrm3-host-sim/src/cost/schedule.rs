//! The steps of the levels added up.

use super::dims::Dim;
use super::level::Level;
use super::step::Step;

/// What a level takes for its whole tile.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// Cycles, transfers hidden behind the computation where it is the longer.
    pub(super) cycles: f64,
    /// Cycles with a network-on-chip of unlimited bandwidth.
    pub(super) compute_cycles: f64,
    /// Multiply-accumulates, those that the mapping repeats included.
    pub(super) macs: f64,
    /// Elements that the units read from the buffer above them.
    pub(super) upper_reads: f64,
    /// Reads and writes of the units' own buffers.
    pub(super) lower_accesses: f64,
}

/// Adds up the levels, outermost first, from the innermost outwards: the cycles of a level are the
/// computation of one step of the level around it. `bandwidth` is in elements per cycle.
pub(super) fn run(levels: &[Level], output: &[Dim], bandwidth: f64) -> Totals {
    let outwards = levels.iter().rev();
    outwards.fold(None, |inner, level| Some(sum(level, output, bandwidth, inner))).unwrap_or_default()
}

/// One level. Loads, computation and write-back overlap (double buffering), hence a step takes
///
/// ```text
/// max(compute, ceil(ingress / bandwidth), ceil(egress / bandwidth))
/// ```
///
/// with one cycle per multiply-accumulate on the innermost level. Each of these reads an input and
/// a weight and adds to an output; reading and writing sums counts once for all units, as MAESTRO
/// has it.
fn sum(level: &Level, output: &[Dim], bandwidth: f64, inner: Option<Totals>) -> Totals {
    let mut totals = Totals::default();
    for (phases, count) in &level.steps() {
        let step = Step { level, phases };
        let macs = step.macs();
        let active = step.active_units();
        let ingress = step.total_ingress();
        let (compute, unstalled) = inner.map_or((macs, macs), |inner| (inner.cycles, inner.compute_cycles));
        let transfer = (ingress / bandwidth).ceil().max((step.outputs(output) / bandwidth).ceil());
        totals.cycles += count * compute.max(transfer);
        totals.compute_cycles += count * unstalled;
        totals.macs += count * active * macs;
        totals.upper_reads += count * ingress;
        totals.lower_accesses += count * (step.fills() + 2.0 * active * macs + 2.0 * macs - 1.0);
    }
    // Negative counts (see `Level::phases`) must not take away all of a level's time.
    totals.cycles = totals.cycles.max(1.0);
    totals
}
