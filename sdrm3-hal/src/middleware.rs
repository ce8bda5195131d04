//! Queues that wrap a queue: to watch it, to make it fail, to give all of them one type of error.
//!
//! Each is a queue itself and hands every method on, so they stack:
//! `Traced::new(Kinded(spi), log)` in the field, `Faulty::new(npu, plan)` on the test bench.

mod faulty;
mod kinded;
mod traced;

pub use faulty::{Dice, Faulty, Injection, Plan};
pub use kinded::Kinded;
pub use traced::{QueueEvent, Tap, Traced};
