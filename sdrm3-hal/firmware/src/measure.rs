//! What a call costs: instructions and stack.

use core::hint::black_box;
use core::ptr::{read_volatile, write_volatile};

use crate::board;

/// Instructions between two readings of the counter with nothing between them.
fn overhead() -> u32 {
    let before = board::count();
    board::instructions(board::count().wrapping_sub(before))
}

/// Instructions of a call, from its branch to its return; the program runs under `-icount shift=10`.
#[inline(always)]
pub fn instructions<R>(call: impl FnOnce() -> R) -> (u32, R) {
    let before = board::count();
    let answer = black_box(call());
    let counts = board::count().wrapping_sub(before);
    (board::instructions(counts).saturating_sub(overhead()), answer)
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
    let answer = black_box(call());
    // SAFETY: as above.
    let untouched = words().take_while(|&word| unsafe { read_volatile(word) } == PAINT).count();
    ((PAINTED - untouched * 4) as u32, answer)
}

/// Smallest, median and largest of many costs; exact up to the number of places.
pub struct Samples {
    counts: [u16; Self::PLACES],
    /// At or above the number of places.
    beyond: u32,
    total: u32,
    max: u32,
}

impl Samples {
    const PLACES: usize = 8_192;

    pub const fn new() -> Self {
        Self { counts: [0; Self::PLACES], beyond: 0, total: 0, max: 0 }
    }

    pub fn add(&mut self, cost: u32) {
        match self.counts.get_mut(cost as usize) {
            Some(count) => *count = count.saturating_add(1),
            None => self.beyond += 1,
        }
        self.total += 1;
        self.max = self.max.max(cost);
    }

    pub const fn total(&self) -> u32 {
        self.total
    }

    pub const fn max(&self) -> u32 {
        self.max
    }

    pub fn min(&self) -> u32 {
        self.at(1)
    }

    pub fn median(&self) -> u32 {
        self.at(self.total.div_ceil(2))
    }

    /// The cost of that rank, from 1; the largest if it lies beyond the places.
    fn at(&self, rank: u32) -> u32 {
        let mut seen = 0;
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
