//! Accelerator queues, and the runtime that drives them with the scheduler of `sdrm3-core`.
//!
//! [`AcceleratorQueue`] is what a driver implements: take a block, complete it exactly once.
//! [`Runtime`] ties queues to a [`Scheduler`](sdrm3_core::Scheduler): completions go in, dispatches
//! and drops come out, dependent frames follow their parents, and accelerators that hang or fail are dealt
//! with by the rules of [`Supervision`]. Both run on a microcontroller, in a C library and under the
//! simulator's virtual time alike: neither reads a clock. What firmware adds is a [`Clock`], interrupts
//! that hand over what they saw ([`handover`]), and a loop around [`Runtime::turn`] or, with the feature
//! `async`, the task `Runtime::run`.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod driver;
pub mod handover;
pub mod middleware;
pub mod queue;
mod runtime;
pub mod trace;

pub use clock::{Clock, TickClock};
pub use queue::AcceleratorQueue;
pub use runtime::{
    Application, Bars, Input, Inputs, Rest, Runtime, SetupError, Supervision, Timeouts, Timetable, Trouble,
    Wake,
};
