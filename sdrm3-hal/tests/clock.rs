//! The clock over counters that wrap: exact at every frequency and width, and never backwards.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use proptest::prelude::*;
use sdrm3_core::{Duration, Instant};
use sdrm3_hal::{Clock, TickClock};

fn hz(frequency: u32) -> NonZeroU32 {
    NonZeroU32::new(frequency).unwrap()
}

#[test]
fn time_goes_on_where_the_counter_wraps() {
    let count = Cell::new(0u32);
    let clock = TickClock::<_, 32>::new(|| count.get(), hz(1_000_000));
    let mut expected = 0;
    for step in [u32::MAX / 2, 1, u32::MAX / 2, 1, 0, 7] {
        count.set(count.get().wrapping_add(step));
        expected += u64::from(step);
        assert_eq!(clock.now(), Instant::from_micros(expected));
    }
    assert_eq!(expected, (1 << 32) + 7, "once around");
}

#[test]
fn narrow_counters_wrap_at_their_own_width() {
    let count = Cell::new(0u32);
    let clock = TickClock::<_, 16>::new(|| count.get(), hz(32_768));
    let high_bits = 0xabcd_0000;
    for (at, half_seconds) in [(0x4000, 1), (0x7fff, 1), (0x8000, 2), (0xffff, 3), (0x0000, 4), (0x4000, 5)] {
        count.set(high_bits | at);
        let now = clock.now();
        assert_eq!(now.as_nanos() / 500_000_000, half_seconds, "at {at:#x}");
    }
    assert_eq!(clock.longest_gap(), Duration::from_millis(1_000));
}

/// A watchdog restarts the processor, but not the timer.
#[test]
fn a_counter_that_has_run_before_the_first_reading_goes_on() {
    let count = Cell::new(0x9000_0000);
    let clock = TickClock::<_, 32>::new(|| count.get(), hz(1_000_000));
    assert_eq!(clock.now(), Instant::from_micros(0x9000_0000));
    count.set(0x9000_0007);
    assert_eq!(clock.now(), Instant::from_micros(0x9000_0007));
}

#[test]
fn a_counter_that_reads_backwards_does_not_turn_time_back_or_far_ahead() {
    let count = Cell::new(1_000);
    let clock = TickClock::<_, 32>::new(|| count.get(), hz(1_000_000));
    assert_eq!(clock.now(), Instant::from_micros(1_000));
    count.set(999);
    assert_eq!(clock.now(), Instant::from_micros(1_000), "the latest time stands");
    count.set(1_001);
    assert_eq!(clock.now(), Instant::from_micros(1_001), "and goes on from there");
}

#[test]
fn a_reference_to_a_clock_is_that_clock() {
    fn read(clock: impl Clock) -> (Instant, Duration) {
        (clock.now(), clock.longest_gap())
    }
    let clock = TickClock::<_, 8>::new(|| 5, hz(1_000));
    assert_eq!(read(&clock), (Instant::from_millis(5), Duration::from_millis(128)));
    struct Never;
    impl Clock for Never {
        fn now(&self) -> Instant {
            Instant::ZERO
        }
    }
    assert_eq!(read(&Never), (Instant::ZERO, Duration::MAX), "a clock has no such limit unless it says so");
}

#[test]
fn no_reader_sees_time_go_back() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // 17 ticks at each reading: some hundred times around 16 bits.
    static CLOCK: TickClock<fn() -> u32, 16> =
        TickClock::new(|| COUNT.fetch_add(17, Ordering::Relaxed), NonZeroU32::new(7_000_000).unwrap());
    let readers = [(); 3].map(|()| {
        thread::spawn(|| {
            let mut last = None;
            for _ in 0..200_000 {
                let now = Some(CLOCK.now());
                assert!(now > last, "later than before: each reading counts on");
                last = now;
            }
        })
    });
    for reader in readers {
        reader.join().unwrap();
    }
    let ticks = 17 * 600_000_u64;
    assert_eq!(CLOCK.now().as_nanos(), ticks * 1_000 / 7, "and none was lost");
}

proptest! {
    /// At any frequency, after any steps below half a period, the time is that of all ticks, rounded
    /// down: no drift, whatever is left over at each reading.
    #[test]
    fn the_time_is_exact(frequency in 1u32.., steps in prop::collection::vec(0u32..1 << 23, 1..200)) {
        let count = Cell::new(0u32);
        let clock = TickClock::<_, 24>::new(|| count.get(), hz(frequency));
        let mut ticks = 0u128;
        for step in steps {
            count.set(count.get().wrapping_add(step));
            ticks += u128::from(step);
            let exact = ticks * 1_000_000_000 / u128::from(frequency);
            prop_assert_eq!(u128::from(clock.now().as_nanos()), exact);
        }
    }
}
