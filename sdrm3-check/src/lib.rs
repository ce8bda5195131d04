//! What the scheduler promises, as checks.
//!
//! One set of checks for the fuzzers, the property tests and the simulator. [`case`] makes random workloads
//! and what happens to them from bytes. [`reference`] is the specification once more, plain and slow, and
//! [`differential`] holds the scheduler against it.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod book;
pub mod case;
mod differential;
pub mod ledger;
pub mod reference;
pub mod witness;

pub use differential::differential;

use sdrm3_core::{Frame, ModelId};

/// Whether a frame of a case gives rise to one of a dependent model: three in four do.
pub fn gives_rise(parent: &Frame, child: ModelId) -> bool {
    !parent.number.wrapping_add(3 * u32::from(child.0)).is_multiple_of(4)
}
