//! The hand-over from interrupts in every interleaving of its critical sections, with a driver that sleeps.
//!
//! ```text
//! CARGO_TARGET_DIR=target/loom RUSTFLAGS="--cfg loom" cargo test --release -p sdrm3-hal --test loom -- --nocapture
//! ```
//!
//! Critical sections are one lock of loom's, as they are one mask on a device; interrupts are threads, which
//! interrupt each other at more places than on one core.

#![cfg(loom)]

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};

use loom::sync::{Condvar, Mutex, MutexGuard};
use loom::thread;
use sdrm3_hal::handover::{Handover, Signal};

// ---- critical sections -----------------------------------------------------------------------

loom::lazy_static! {
    static ref MASK: Mutex<()> = Mutex::new(());
}

thread_local! {
    /// Held by the critical section that is entered; loom's threads are all on this one.
    static ENTERED: RefCell<Option<MutexGuard<'static, ()>>> = const { RefCell::new(None) };
}

struct Masked;
critical_section::set_impl!(Masked);

// SAFETY: one lock for all threads of the model, held from `acquire` to `release`.
unsafe impl critical_section::Impl for Masked {
    unsafe fn acquire() {
        let guard = MASK.lock().expect("nobody panics inside");
        ENTERED.set(Some(guard));
    }

    unsafe fn release((): critical_section::RawRestoreState) {
        drop(ENTERED.take());
    }
}

// ---- interrupts and the driver ---------------------------------------------------------------

/// Every interleaving of up to three preemptions, or of as many as `LOOM_MAX_PREEMPTIONS` says.
fn every_interleaving(name: &str, model: impl Fn() + Sync + Send + 'static) {
    let count = leak(AtomicU64::new(0));
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(3));
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        model();
    });
    println!("{name}: {} interleavings", count.load(Ordering::Relaxed));
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// What a driver has collected: the items in order, and how many it was told are lost.
#[derive(Default)]
struct Collected {
    items: Vec<u32>,
    lost: u32,
}

impl Collected {
    fn collect<const N: usize>(&mut self, handover: &Handover<u32, N>) {
        while let Some(item) = handover.pop() {
            self.items.push(item);
        }
        self.lost += handover.take_lost();
    }

    fn count(&self) -> u32 {
        self.items.len() as u32 + self.lost
    }

    /// Interrupt `i` has pushed `10 * i`, `10 * i + 1` and so on; these were handed back to it.
    fn check(&self, interrupts: &[u32], handed_back: &[u32]) {
        assert_eq!(self.lost as usize, handed_back.len(), "what was handed back is counted, once");
        let mut seen: Vec<u32> = self.items.iter().chain(handed_back).copied().collect();
        seen.sort_unstable();
        let pushed = (0u32..).zip(interrupts).flat_map(|(i, &count)| (0..count).map(move |n| 10 * i + n));
        assert_eq!(seen, pushed.collect::<Vec<_>>(), "nothing is lost in silence, nothing doubled");
        for i in 0..interrupts.len() as u32 {
            let ours: Vec<u32> = self.items.iter().copied().filter(|item| item / 10 == i).collect();
            assert!(ours.is_sorted(), "in order: {ours:?}");
        }
    }
}

/// Interrupts that push as many items each, and what was handed back to them.
fn interrupts(counts: &[u32], push: impl Fn(u32) -> Result<(), u32> + Copy + Send + 'static) -> Vec<u32> {
    let threads: Vec<_> = (0u32..)
        .zip(counts.to_vec())
        .map(|(i, count)| {
            thread::spawn(move || (0..count).filter_map(|n| push(10 * i + n).err()).collect::<Vec<u32>>())
        })
        .collect();
    threads.into_iter().flat_map(|thread| thread.join().expect("it ends")).collect()
}

/// A driver that awaits the signal between collections, until it knows of all items.
fn asleep_between<const N: usize>(
    counts: &'static [u32],
    signal: &'static Signal,
    handover: &'static Handover<u32, N>,
    push: impl Fn(u32) -> Result<(), u32> + Copy + Send + 'static,
) {
    let driver = thread::spawn(move || {
        loom::future::block_on(async {
            let mut collected = Collected::default();
            loop {
                collected.collect(handover);
                if collected.count() == counts.iter().sum() {
                    return collected;
                }
                signal.wait().await;
            }
        })
    });
    let handed_back = interrupts(counts, push);
    driver.join().expect("it ends").check(counts, &handed_back);
    signal.ring(); // takes out the waker that the last sleep may have left
}

// ---- what holds ------------------------------------------------------------------------------

#[test]
fn a_driver_sleeps_through_no_item_of_two_interrupts() {
    every_interleaving("two interrupts", || {
        let signal = leak(Signal::new());
        let handover = leak(Handover::<u32, 4>::new(signal));
        asleep_between(&[1, 1], signal, handover, |item| handover.push(item));
    });
}

#[test]
fn order_is_kept_and_overflow_is_counted() {
    every_interleaving("overflow", || {
        let signal = leak(Signal::new());
        let handover = leak(Handover::<u32, 1>::new(signal));
        asleep_between(&[3], signal, handover, |item| handover.push(item));
    });
}

#[test]
fn two_interrupts_that_contend_for_one_place_lose_nothing_in_silence() {
    every_interleaving("contention", || {
        let signal = leak(Signal::new());
        let handover = leak(Handover::<u32, 1>::new(signal));
        asleep_between(&[1, 1], signal, handover, |item| handover.push(item));
    });
}

#[test]
fn a_loop_that_asks_with_interrupts_masked_sleeps_through_none() {
    every_interleaving("masked loop", || {
        let signal = leak(Signal::new());
        let handover = leak(Handover::<u32, 2>::new(signal));
        // The core: an interrupt runs while it is not masked, and ends its sleep.
        let core = leak((Mutex::new(()), Condvar::new()));
        let interrupt = thread::spawn(move || {
            for item in 0..2 {
                let _unmasked = core.0.lock().expect("nobody panics");
                handover.push(item).expect("there is room");
                core.1.notify_one();
            }
        });
        let mut collected = Collected::default();
        loop {
            collected.collect(handover);
            if collected.count() == 2 {
                break;
            }
            let masked = core.0.lock().expect("nobody panics");
            if !signal.take() {
                drop(core.1.wait(masked).expect("nobody panics"));
            }
        }
        interrupt.join().expect("it ends");
        collected.check(&[2], &[]);
    });
}

// ---- a bug that is planted -------------------------------------------------------------------

/// A driver that looks when the signal has rung, twice. What it has not collected then, a ring announces.
fn announces(push: impl Fn(&'static Signal, &'static Handover<u32, 4>) + Copy + Send + Sync + 'static) {
    every_interleaving("announced", move || {
        let (signal, unheard) = (leak(Signal::new()), leak(Signal::new()));
        let handover = leak(Handover::<u32, 4>::new(unheard));
        let interrupt = thread::spawn(move || push(signal, handover));
        let mut collected = Collected::default();
        for _ in 0..2 {
            if signal.take() {
                collected.collect(handover);
            }
        }
        interrupt.join().expect("it ends");
        assert!(collected.count() == 1 || signal.take(), "the driver sleeps beside an item");
    });
}

#[test]
fn a_ring_behind_the_push_announces_it() {
    announces(|signal, handover| {
        handover.push(0).expect("there is room");
        signal.ring();
    });
}

#[test]
#[should_panic(expected = "the driver sleeps beside an item")]
fn a_signal_that_is_rung_before_the_push_is_found_out() {
    announces(|signal, handover| {
        signal.ring();
        handover.push(0).expect("there is room");
    });
}
