//! An accelerator array.

use super::Dataflow;

/// An array of processing elements behind one global buffer, with one network-on-chip per cluster
/// level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Array {
    /// How it maps the loops of a layer.
    pub dataflow: Dataflow,
    /// Processing elements, each with one 8-bit multiply-accumulate per cycle. Elements beyond a
    /// multiple of [`Dataflow::cluster_pes`] stay idle; an array below one cluster runs it in turns.
    /// Zero counts as one.
    pub pes: u32,
    /// Bandwidth of the network-on-chip on each level, in bytes per cycle; its latency is one cycle
    /// and it multicasts. Zero counts as one.
    pub noc_bytes_per_cycle: u32,
}
