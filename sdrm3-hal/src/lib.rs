//! Accelerator queues, and the runtime that drives them with the scheduler of `sdrm3-core`.
//!
//! [`AcceleratorQueue`] is what a driver implements: take a block, complete it exactly once.
//! [`Runtime`] ties queues to a [`Scheduler`](sdrm3_core::Scheduler): completions go in, dispatches
//! and drops come out, dependent frames follow their parents. Both run on a microcontroller, in a
//! C library and under the simulator's virtual time alike: neither reads a clock.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

mod clock;
pub mod handover;
pub mod queue;
mod runtime;
pub mod trace;

pub use clock::{Clock, TickClock};
pub use queue::AcceleratorQueue;
pub use runtime::{Application, Runtime, SetupError, Trouble, Wake};
