//! What a call costs: instructions and stack.

use core::ptr::{read_volatile, write_volatile};

use crate::board;

#[inline(always)]
fn between<R>(call: impl FnOnce() -> R) -> (u32, R) {
    let before = board::count();
    let answer = call();
    (board::instructions(board::count().wrapping_sub(before)), answer)
}

/// Instructions of a call, from its branch to its return, without those of the readings; the program runs
/// under `-icount shift=10`. Up to [`BLUR`] more or less: what the compiler puts around a call differs.
#[inline(always)]
pub fn instructions<R>(call: impl FnOnce() -> R) -> (u32, R) {
    let (overhead, ()) = between(|| ());
    let (all, answer) = between(call);
    (all.saturating_sub(overhead), answer)
}

/// By how much a measured number of instructions may be wrong.
pub const BLUR: u32 = 4;

/// What [`instructions`] says of a thousand instructions: another number means that QEMU was started
/// with other options, or that the counter is not what it is taken for.
pub fn thousand() -> u32 {
    // SAFETY: does nothing.
    instructions(|| unsafe { core::arch::asm!(".rept 1000", "nop", ".endr", options(nomem, nostack)) }).0
}

/// Bytes of stack that are painted: far more than any call needs.
const PAINTED: usize = 8 * 1_024;
const PAINT: u32 = 0x5d3a_3c0d;

/// The deepest that a call reaches below its caller's frame, in bytes; interrupts must be off.
#[inline(always)]
pub fn stack<R>(call: impl FnOnce() -> R) -> (u32, R) {
    let top = board::stack_pointer();
    let bottom = top - PAINTED;
    let words = || (bottom..top).step_by(4).map(|at| at as *mut u32);
    // SAFETY: below the stack pointer nothing is in use, and the stack has megabytes.
    words().for_each(|word| unsafe { write_volatile(word, PAINT) });
    let answer = call();
    // SAFETY: as above.
    let untouched = words().take_while(|&word| unsafe { read_volatile(word) } == PAINT).count();
    ((PAINTED - untouched * 4) as u32, answer)
}

/// Smallest, median and largest of many costs; the median is exact below the number of places.
pub struct Samples {
    counts: [u16; Self::PLACES],
    total: u32,
    min: u32,
    max: u32,
}

impl Samples {
    const PLACES: usize = 32_768;

    pub const fn new() -> Self {
        Self { counts: [0; Self::PLACES], total: 0, min: u32::MAX, max: 0 }
    }

    pub fn add(&mut self, cost: u32) {
        if let Some(count) = self.counts.get_mut(cost as usize) {
            *count = count.saturating_add(1);
        }
        self.total += 1;
        self.min = self.min.min(cost);
        self.max = self.max.max(cost);
    }

    pub const fn total(&self) -> u32 {
        self.total
    }

    pub const fn max(&self) -> u32 {
        self.max
    }

    /// 2^32 - 1 without any.
    pub const fn min(&self) -> u32 {
        self.min
    }

    /// The largest if it lies beyond the places.
    pub fn median(&self) -> u32 {
        let (rank, mut seen) = (self.total.div_ceil(2), 0);
        let found = self.counts.iter().zip(0u32..).find(|&(&count, _)| {
            seen += u32::from(count);
            seen >= rank
        });
        found.map_or(self.max, |(_, cost)| cost)
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self::new()
    }
}
