//! Drivers: queues of real accelerators, each over traits that a board implements.

pub mod cpu;
pub mod doorbell;
pub mod spi_mailbox;
