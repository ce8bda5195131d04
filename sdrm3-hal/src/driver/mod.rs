//! Drivers: queues of real accelerators, each over traits that a board implements.

pub mod spi_mailbox;
