//! Queues for real accelerators.

pub mod cpu;
pub mod doorbell;
