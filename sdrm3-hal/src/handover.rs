//! From an interrupt to the task that drives the queues: what happened, and that it happened.
//!
//! ```text
//!   interrupt:  NPU.push(when, status) ---> [ hand-over ] ---> driver's `poll`: pop, then ask what was lost
//!                     |
//!                     '--> WAKE.ring() ---> [  signal   ] ---> whoever drives the runtime: `wait` or `take`
//! ```
//!
//! Both are statics, need no `unsafe` and may be used from any interrupt that a critical section masks,
//! and from several at once. Each call is one short critical section and bounded work; the binary
//! chooses its implementation, as for every user of the `critical-section` crate. (`heapless::spsc` would
//! mask nothing, but its producer divides by its length at run time: a way to panic, and a slow one on
//! cores that cannot divide.)
//!
//! # In a bare interrupt handler
//!
//! ```
//! use sdrm3_core::Instant;
//! use sdrm3_hal::handover::{Handover, Interrupt, Signal};
//!
//! static WAKE: Signal = Signal::new();
//! static NPU: Handover<Interrupt, 4> = Handover::new(&WAKE);
//!
//! fn npu_interrupt() { // your `#[interrupt]`
//!     let (at, status) = (Instant::from_micros(7), 0x1); // your clock, your register; then clear it
//!     let _ = NPU.push(Interrupt { at, status }); // when full, the driver learns that one was lost
//! }
//!
//! # npu_interrupt();
//! // In the `poll` of your driver, which holds a `&'static Handover<Interrupt, 4>`:
//! while let Some(Interrupt { at, status }) = NPU.pop() {
//!     assert_eq!((at.as_nanos(), status), (7_000, 0x1)); // complete the block
//! }
//! if NPU.take_lost() > 0 {
//!     // Interrupts came faster than they were collected: read what the device says now.
//! }
//!
//! // In the main loop, before it sleeps (with interrupts masked, so that none slips in between):
//! if !WAKE.take() {
//!     // wait for an interrupt
//! }
//! ```
//!
//! # With RTIC and embassy
//!
//! The same statics: an RTIC hardware task or an embassy `InterruptHandler` pushes, the software task
//! awaits [`WAKE.wait()`](Signal::wait), or leaves all of it to the runtime's `run`, which sleeps on the
//! signal.

use core::cell::RefCell;
use core::fmt;
use core::future::poll_fn;
use core::task::{Context, Poll, Waker};

use critical_section::Mutex;
use heapless::Deque;
use sdrm3_core::Instant;

/// What an interrupt has seen, for devices that fit: drivers with more to say bring a type of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Interrupt<S = u32> {
    /// When, read in the interrupt: completions carry the device's time, not that of their collection.
    pub at: Instant,
    /// The device's status, as it was read.
    pub status: S,
}

/// Carries up to `N` items from interrupts to one driver, in order, and counts those that found no room.
pub struct Handover<T, const N: usize> {
    items: Mutex<RefCell<Items<T, N>>>,
    signal: &'static Signal,
}

struct Items<T, const N: usize> {
    queue: Deque<T, N>,
    lost: u32,
}

impl<T, const N: usize> Handover<T, N> {
    /// An empty one. Every push rings this signal, usually one for all accelerators.
    pub const fn new(signal: &'static Signal) -> Self {
        const { assert!(N > 0, "a hand-over needs room for one item at least") };
        Self { items: Mutex::new(RefCell::new(Items { queue: Deque::new(), lost: 0 })), signal }
    }

    /// How many items it holds at most: exactly `N`.
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Hands an item over and rings the signal, whether there was room or not. O(1), never waits for the
    /// other side.
    ///
    /// # Errors
    ///
    /// The item, when there is no room: it is counted, and the driver [learns of it](Self::take_lost).
    pub fn push(&self, item: T) -> Result<(), T> {
        let pushed = critical_section::with(|cs| {
            // Never borrowed twice: nothing foreign runs inside.
            let Ok(mut items) = self.items.borrow(cs).try_borrow_mut() else { return Err(item) };
            let pushed = items.queue.push_back(item);
            if pushed.is_err() {
                items.lost = items.lost.saturating_add(1);
            }
            pushed
        });
        self.signal.ring();
        pushed
    }

    /// The oldest item. O(1).
    pub fn pop(&self) -> Option<T> {
        critical_section::with(|cs| self.items.borrow(cs).try_borrow_mut().ok()?.queue.pop_front())
    }

    /// How many items were lost since this was last asked. Ask behind the last [`pop`](Self::pop), and if
    /// any were, read the device's state: it knows what the items would have told. O(1).
    pub fn take_lost(&self) -> u32 {
        critical_section::with(|cs| {
            let items = self.items.borrow(cs).try_borrow_mut();
            items.map_or(0, |mut items| core::mem::take(&mut items.lost))
        })
    }
}

impl<T, const N: usize> fmt::Debug for Handover<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover").field("capacity", &N).finish_non_exhaustive()
    }
}

/// Says that something has happened since it was last asked: any number of rings count as one. For one
/// sleeper.
pub struct Signal {
    state: Mutex<RefCell<State>>,
}

struct State {
    rung: bool,
    waker: Option<Waker>,
}

impl Signal {
    /// A signal that has not been rung.
    pub const fn new() -> Self {
        Self { state: Mutex::new(RefCell::new(State { rung: false, waker: None })) }
    }

    /// Something has happened: whoever waits is woken. From an interrupt as from a task. O(1).
    pub fn ring(&self) {
        let waker = critical_section::with(|cs| {
            let mut state = self.state.borrow(cs).try_borrow_mut().ok()?;
            state.rung = true;
            state.waker.take()
        });
        // Outside of the critical section: what a waker does is the executor's.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether it has been rung since it was last asked. O(1).
    pub fn take(&self) -> bool {
        critical_section::with(|cs| {
            let state = self.state.borrow(cs).try_borrow_mut();
            state.is_ok_and(|mut state| core::mem::take(&mut state.rung))
        })
    }

    /// Sleeps until it is rung; at once if it has been already. A ring is taken only by the poll that
    /// returns, so dropping the future loses none.
    pub async fn wait(&self) {
        poll_fn(|context| self.poll_wait(context)).await;
    }

    /// The poll behind [`wait`](Self::wait), for futures that wait for something else as well. The latest
    /// caller is the one that is woken.
    pub fn poll_wait(&self, context: &mut Context<'_>) -> Poll<()> {
        // An executor's code, so it runs outside of the critical section.
        let mut waker = Some(context.waker().clone());
        let rung = critical_section::with(|cs| {
            let Ok(mut state) = self.state.borrow(cs).try_borrow_mut() else { return true };
            let rung = core::mem::take(&mut state.rung);
            if !rung {
                core::mem::swap(&mut state.waker, &mut waker);
            }
            rung
        });
        // And so is the end of the waker that is not needed.
        drop(waker);
        if rung { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal").finish_non_exhaustive()
    }
}
