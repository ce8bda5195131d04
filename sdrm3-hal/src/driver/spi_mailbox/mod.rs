//! An accelerator co-processor behind SPI, with a ready pin.

mod mailbox;
pub mod responder;
pub mod wire;

pub use mailbox::{Config, NoReset, SpiMailbox};

use heapless::Vec;

/// Takes one element out, and keeps the order of the others. O(N).
fn remove<T, const N: usize>(from: &mut Vec<T, N>, place: usize) {
    let mut at = 0;
    from.retain(|_| {
        at += 1;
        at != place + 1
    });
}
