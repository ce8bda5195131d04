//! The time of a device, from a hardware counter that wraps.

use core::cell::Cell;
use core::fmt;
use core::num::NonZeroU32;

use critical_section::Mutex;
use sdrm3_core::{Duration, Instant};

/// Reads the time: from tasks and from interrupts, so that completions carry the device's.
pub trait Clock {
    /// The time now; never earlier than at an earlier call. O(1).
    fn now(&self) -> Instant;

    /// How long it may go unread without losing time; [`Duration::MAX`]: as long as one likes.
    fn longest_gap(&self) -> Duration {
        Duration::MAX
    }
}

impl<T: Clock + ?Sized> Clock for &T {
    fn now(&self) -> Instant {
        T::now(self)
    }

    fn longest_gap(&self) -> Duration {
        T::longest_gap(self)
    }
}

/// A clock from a counter of `BITS` bits that counts up at a constant frequency and wraps.
///
/// Exact: the time is that of the ticks counted, rounded down to a nanosecond; remainders are carried, so
/// nothing adds up. What is left is the counter's own error.
///
/// It must be read at least once per half period ([`longest_gap`](Clock::longest_gap): 85.9 s for 32 bits
/// at 25 MHz): a difference of half a period or more counts as a counter that was read backwards, and the
/// latest time stands. The runtime's `run` sees to that; with your own loop, let a timer wake it.
///
/// ```
/// use core::num::NonZeroU32;
/// use sdrm3_core::{Duration, Instant};
/// use sdrm3_hal::{Clock, TickClock};
/// # struct Timer;
/// # impl Timer { fn count() -> u32 { 50_000 } }
///
/// static CLOCK: TickClock<fn() -> u32> =
///     TickClock::new(|| Timer::count(), NonZeroU32::new(25_000_000).unwrap());
///
/// assert_eq!(CLOCK.now(), Instant::from_millis(2));
/// assert_eq!(CLOCK.longest_gap(), Duration::from_nanos(85_899_345_920));
/// ```
///
/// The counter is read inside a critical section; one that counts down is read as `!count`.
pub struct TickClock<F, const BITS: u32 = 32> {
    count: F,
    /// Nanoseconds per tick, as a fraction in its lowest terms.
    nanos: u32,
    ticks: NonZeroU32,
    state: Mutex<Cell<State>>,
}

#[derive(Clone, Copy)]
struct State {
    /// Of the last reading.
    count: Option<u32>,
    now: u64,
    /// What `now` leaves out, in `1 / ticks` of a nanosecond.
    remainder: u32,
}

impl<F: Fn() -> u32, const BITS: u32> TickClock<F, BITS> {
    const MASK: u32 = u32::MAX >> (32 - BITS);
    const HALF: u32 = 1 << (BITS - 1);

    /// A clock whose time zero is the last count of zero before it was first read: a counter may have run before.
    /// It reads from 0 to `2^BITS - 1`; bits beyond are ignored.
    pub const fn new(count: F, frequency_hz: NonZeroU32) -> Self {
        const { assert!(BITS >= 2 && BITS <= 32, "BITS must lie in 2..=32") };
        const NANOS: u32 = 1_000_000_000;
        let divisor = gcd(frequency_hz, NANOS);
        // The divisor divides it, so it is not zero.
        let ticks = match NonZeroU32::new(frequency_hz.get() / divisor.get()) {
            Some(ticks) => ticks,
            None => NonZeroU32::MIN,
        };
        let state = State { count: None, now: 0, remainder: 0 };
        Self { count, nanos: NANOS / divisor.get(), ticks, state: Mutex::new(Cell::new(state)) }
    }
}

impl<F: Fn() -> u32, const BITS: u32> Clock for TickClock<F, BITS> {
    /// One reading of the counter and one division.
    fn now(&self) -> Instant {
        critical_section::with(|cs| {
            let cell = self.state.borrow(cs);
            let mut state = cell.get();
            let count = (self.count)();
            let passed = count.wrapping_sub(state.count.unwrap_or(0)) & Self::MASK;
            if passed < Self::HALF || state.count.is_none() {
                // Below 2^32 * 2^30 + 2^32.
                let nanos = u64::from(passed) * u64::from(self.nanos) + u64::from(state.remainder);
                let ticks = u64::from(self.ticks.get()).max(1);
                state.now = state.now.saturating_add(nanos / ticks);
                state.remainder = (nanos % ticks) as u32;
                state.count = Some(count);
                cell.set(state);
            }
            Instant::from_nanos(state.now)
        })
    }

    fn longest_gap(&self) -> Duration {
        let nanos = u64::from(Self::HALF) * u64::from(self.nanos);
        Duration::from_nanos(nanos / u64::from(self.ticks.get()).max(1))
    }
}

impl<F, const BITS: u32> fmt::Debug for TickClock<F, BITS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TickClock")
            .field("nanos", &self.nanos)
            .field("ticks", &self.ticks)
            .finish_non_exhaustive()
    }
}

/// The greatest number that divides both.
const fn gcd(a: NonZeroU32, b: u32) -> NonZeroU32 {
    let (mut a, mut b) = (a, b);
    while let Some(divisor) = NonZeroU32::new(b) {
        b = a.get() % divisor.get();
        a = divisor;
    }
    a
}
