//! What the programs share: the board, timers as accelerators, the workload, the log.

#![no_std]

pub mod benchmark;
#[cfg_attr(target_arch = "arm", path = "board/mps2.rs")]
#[cfg_attr(target_arch = "riscv32", path = "board/virt.rs")]
pub mod board;
pub mod log;
pub mod measure;
pub mod ops;
pub mod queue;
pub mod sizes;
pub mod turn;
pub mod vr_gaming;
pub mod workload;

#[cfg(target_arch = "arm")]
pub use cortex_m_rt::entry;
#[cfg(target_arch = "riscv32")]
pub use riscv_rt::entry;
