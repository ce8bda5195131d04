//! Latency and energy of one layer on one accelerator array, at the level of MAESTRO.
//!
//! MAESTRO (Kwon et al., "Understanding Reuse, Performance, and Hardware Cost of DNN Dataflow",
//! MICRO 2019) maps the loops of a convolution onto nested clusters of processing elements and adds
//! up the steps that follow from the mapping. This module does the same for the three dataflows that
//! XRBench uses:
//!
//! * `dataflow`: which loop lies on which cluster level, in which order;
//! * `level`: the levels for one layer, and how often each kind of step occurs;
//! * `step`: the work and the traffic of one step;
//! * `schedule`: the steps of a level added up, from the innermost level outwards;
//! * `model`: [`cost`], from a layer's shape to cycles and nanojoules;
//! * [`check`]: the distance from a table of reference costs.
//! * [`shapes`]: a table of layer shapes with what they cost.
//!
//! ```text
//! cycles = sum over steps of max(compute, ingress / bandwidth, egress / bandwidth)
//! energy = E_mac * (macs + 6 * accesses of the global buffer + 0.55 * accesses of local buffers)
//! ```

pub mod check;
pub mod shapes;

mod array;
mod dataflow;
mod dims;
mod level;
mod model;
mod schedule;
mod shape;
mod step;

#[cfg(test)]
mod tests;

pub use array::Array;
pub use dataflow::{Dataflow, UnknownDataflow};
pub use model::{Bound, LayerCost, cost};
pub use shape::Shape;
