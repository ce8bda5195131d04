//! What the scheduler promises, as checks.
//!
//! One set of checks for the fuzzers, the property tests and the simulator. [`case`] makes random workloads
//! and what happens to them from bytes. [`reference`] is the specification once more, plain and slow, and
//! [`differential`] holds the scheduler against it.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod book;
pub mod case;
mod differential;
pub mod ledger;
mod planted;
pub mod reference;
mod runtime;
pub mod witness;

pub use book::{Met, book};
pub use differential::differential;
pub use planted::Planted;
pub use runtime::{Scene, runtime};

use sdrm3_core::{Frame, ModelId};

/// Whether a frame of a case gives rise to one of a dependent model: three in four do.
pub fn gives_rise(parent: &Frame, child: ModelId) -> bool {
    !parent.number.wrapping_add(3 * u32::from(child.0)).is_multiple_of(4)
}
