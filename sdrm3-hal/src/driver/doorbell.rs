//! A memory-mapped accelerator: rings of submissions and completions, and a doorbell.
//!
//! The driver writes a submission into a ring in memory and rings the doorbell; the device runs the
//! submissions one after another, and writes a completion for each, in the same order, into a second ring.
//! A completion carries the phase of its ring, so that the driver finds it by looking at one word of
//! memory and reads no index of the device. [`layout`] has the registers and both entries byte by byte.
//!
//! # For users
//!
//! The board implements [`Window`]: how to reach registers and memory of the device, with what its
//! caches and barriers need. It is the only place that may need `unsafe`:
//!
//! ```no_run
//! use core::ops::Range;
//! use core::sync::atomic::{Ordering, fence};
//! use sdrm3_hal::driver::doorbell::{DoorbellQueue, Register, Window};
//! use sdrm3_hal::queue::{Capabilities, Granularity};
//!
//! struct Npu;
//!
//! const REGISTERS: usize = 0x5002_0000;
//! /// In SRAM that the linker script keeps free: `DoorbellQueue::<Npu, 8>::BYTES` of it.
//! const RINGS: usize = 0x2003_f000;
//!
//! impl Window for Npu {
//!     fn read(&self, register: Register) -> u32 {
//!         let address = (REGISTERS + register.offset() as usize) as *const u32;
//!         // SAFETY: a register of this device, which nobody else uses.
//!         unsafe { address.read_volatile() }
//!     }
//!     fn write(&mut self, register: Register, value: u32) {
//!         let address = (REGISTERS + register.offset() as usize) as *mut u32;
//!         // SAFETY: as above.
//!         unsafe { address.write_volatile(value) }
//!     }
//!     fn load(&self, offset: u32) -> u32 {
//!         // SAFETY: inside the memory that is kept for the rings.
//!         unsafe { ((RINGS + offset as usize) as *const u32).read_volatile() }
//!     }
//!     fn store(&mut self, offset: u32, word: u32) {
//!         // SAFETY: as above.
//!         unsafe { ((RINGS + offset as usize) as *mut u32).write_volatile(word) }
//!     }
//!     fn clean(&mut self, _: Range<u32>) {
//!         // With a data cache: clean these lines first.
//!         fence(Ordering::SeqCst);
//!     }
//!     fn invalidate(&mut self, _: Range<u32>) {
//!         // With a data cache: invalidate these lines behind it.
//!         fence(Ordering::SeqCst);
//!     }
//! }
//!
//! let capabilities = Capabilities::plain(8).with_granularity(Granularity::Segment).with_progress();
//! let npu = DoorbellQueue::<_, 8>::new(Npu, RINGS as u64, capabilities);
//! ```
//!
//! The device's interrupt is a level: let its handler mask it and wake the task that calls `poll`, which
//! acknowledges it; unmask it when `poll` has answered `Waiting` or `Idle`.
//!
//! # What it does when the device misbehaves
//!
//! | device | queue |
//! |---|---|
//! | answers a ticket that is not in flight, or again | dropped, counted in `spurious` |
//! | answers more often than its ring has places | what it overwrote is lost: in `spurious`, then as if it hung |
//! | answers with a wrong check, status or path | the block whose turn it is ends with `Corrupt`, counted |
//! | answers a later block first | the earlier ones end with `Corrupt`, counted: their answers are lost |
//! | writes an answer of before a reset | its phase is old: dropped, counted in `spurious` |
//! | resets itself | what was answered is handed out, the rest ends with `Reset`; `resets` |
//! | has no power (registers read all ones) | everything in flight ends with `Gone` |
//! | does not come out of a reset | `NotReady`, and behind [`START_UP`](DoorbellQueue::START_UP) `Gone` |
//! | says that it ran before it was given the block, or runs | times are cut to what can be; an end ahead is `now` |
//! | hangs | `Waiting`, and no progress: time is the user's matter, `reset` frees it |
//!
//! # Work per call
//!
//! One access is one call of [`Window`]. `submit`: 11 at most. `poll`: 4 when nothing has ended, 13 with an
//! answer, and 11 more per answer that is dropped, so `2 + 11 * DEPTH` at most. `cancel`: 3, or 6 of a device
//! that stops at blocks only. `reset`: 2. `progress`: 1. The first `submit` or `poll` that finds the device
//! ready sets it up: `11 + DEPTH` more.
//! Searches are O(`DEPTH`). Nothing waits or spins.

use core::num::{NonZeroU32, NonZeroU64};
use core::ops::Range;

use heapless::Deque;
use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Ticket};

use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Completion, ErrorType, Granularity, Health, Pump,
};

mod error;
pub mod layout;

pub use error::Error;
pub use layout::Register;
use layout::{ALL_ONES, Answer, AnswerStatus, Rings, control, status};

/// Registers and memory of one device, as the board reaches them.
///
/// Reads and writes of registers must happen, and in the order of the calls (volatile, device memory).
pub trait Window {
    /// Reads a register. Must answer all ones while the device has no power, and must not fault.
    fn read(&self, register: Register) -> u32;

    /// Writes a register.
    fn write(&mut self, register: Register, value: u32);

    /// Loads the word at this offset of the rings' memory; a multiple of four.
    fn load(&self, offset: u32) -> u32;

    /// Stores the word at this offset of the rings' memory; a multiple of four.
    fn store(&mut self, offset: u32, word: u32);

    /// Makes what was stored into these bytes visible to the device, before any later write to a register:
    /// cleans the cache, then a barrier. Without a cache the barrier.
    fn clean(&mut self, bytes: Range<u32>);

    /// Makes later loads of these bytes see what the device has written: a barrier, then invalidates the
    /// cache. Without a cache the barrier. Lines of submissions and of completions are never shared.
    fn invalidate(&mut self, bytes: Range<u32>);
}

/// The device as it was when its rings were started.
#[derive(Clone, Copy, Debug)]
struct Up {
    boot: u32,
    ticks_hz: NonZeroU32,
}

/// A queue of `DEPTH` blocks, a power of two up to 64, on the device behind a [`Window`].
#[derive(Debug)]
pub struct DoorbellQueue<W, const DEPTH: usize> {
    window: W,
    address: u64,
    capabilities: Capabilities,
    up: Option<Up>,
    /// Since when it is waited for to come out of a reset.
    waits: Option<Instant>,
    /// Oldest first: `lost` of them end with `loss`, the device has the others.
    in_flight: Deque<(Ticket, Instant), DEPTH>,
    lost: usize,
    loss: Error,
    /// Numbers of the next submission and of the next completion. The second is ahead when the device
    /// has answered more than it was given.
    submitted: u32,
    completed: u32,
    /// The last word with a wrong phase that was counted, so that it is counted once.
    noted: Option<u32>,
    health: Health,
}

impl<W: Window, const DEPTH: usize> DoorbellQueue<W, DEPTH> {
    const RINGS: Rings = { Rings::new(if DEPTH > 64 { 0 } else { DEPTH as u8 }) };

    /// How many bytes of memory the rings take.
    pub const BYTES: u32 = Self::RINGS.bytes();

    /// How long a device may take to come out of a reset, from when that was first looked for; then it counts
    /// as gone until it does.
    pub const START_UP: Duration = Duration::from_millis(100);

    /// A queue whose rings lie at this address, as the device sees it: a multiple of 64, with
    /// [`BYTES`](Self::BYTES) of memory behind it. The depth of the capabilities is `DEPTH`.
    ///
    /// Touches nothing: the device is set up by the first `submit` or `poll` that finds it ready, as it is
    /// behind a reset. One that still runs for an earlier life of the program is reset by then.
    pub const fn new(window: W, address: u64, capabilities: Capabilities) -> Self {
        let capabilities = Capabilities { depth: Self::RINGS.depth(), prepare: false, ..capabilities };
        Self {
            window,
            address,
            capabilities,
            up: None,
            waits: None,
            in_flight: Deque::new(),
            lost: 0,
            loss: Error::Reset,
            submitted: 0,
            completed: 0,
            noted: None,
            health: Health::ZERO,
        }
    }

    /// Begins to count entries behind this number instead of zero: to test near the wrap.
    #[must_use]
    pub const fn counting_from(mut self, number: u32) -> Self {
        self.submitted = number;
        self.completed = number;
        self
    }

    /// The window, for registers that the driver does not know.
    pub const fn window(&mut self) -> &mut W {
        &mut self.window
    }

    /// Sets the device up, if it is ready. O(DEPTH).
    fn start(&mut self, now: Instant) -> Result<(), Error> {
        match self.window.read(Register::Id) {
            layout::ID => {}
            ALL_ONES => {
                self.waits = None;
                return Err(Error::Gone);
            }
            _ => return Err(Error::Unsupported),
        }
        let state = self.window.read(Register::Status);
        if state & status::ENABLED != 0 {
            self.window.write(Register::Control, control::RESET);
        }
        if state != status::READY {
            self.waits.get_or_insert(now);
            return Err(if self.is_overdue(now) { Error::Gone } else { Error::NotReady });
        }
        self.waits = None;
        let ticks_hz = NonZeroU32::new(self.window.read(Register::TicksHz));
        let ticks_hz = ticks_hz.filter(|_| self.can(self.window.read(Register::Features)));
        let ticks_hz = ticks_hz.ok_or(Error::Unsupported)?;
        let boot = self.window.read(Register::Boot);

        // Behind both counts, and so that no late write of an earlier life has a phase to come.
        let ahead = self.completed.wrapping_sub(self.submitted) as i32 > 0;
        let first = Self::RINGS.fresh(if ahead { self.completed } else { self.submitted });
        let empty = u32::from(Self::RINGS.phase(first).wrapping_sub(1));
        for n in 0..Self::RINGS.depth() {
            self.window.store(last_word(&Self::RINGS.completion(u32::from(n))), empty);
        }
        self.window.clean(Self::RINGS.completions()..Self::BYTES);
        self.window.write(Register::BaseLow, self.address as u32);
        self.window.write(Register::BaseHigh, (self.address >> 32) as u32);
        self.window.write(Register::Depth, u32::from(Self::RINGS.depth()));
        self.window.write(Register::First, first);
        self.window.write(Register::Control, control::ENABLE);
        (self.submitted, self.completed, self.noted) = (first, first, None);
        self.up = Some(Up { boot, ticks_hz });
        Ok(())
    }

    /// Whether it has been in a reset for too long.
    fn is_overdue(&self, now: Instant) -> bool {
        self.waits.is_some_and(|since| now.saturating_since(since) >= Self::START_UP)
    }

    /// Whether a device with these features can do what it was said to.
    fn can(&self, features: u32) -> bool {
        let granularity = match features >> 8 & 3 {
            2 => Granularity::Slice,
            1 => Granularity::Segment,
            _ => Granularity::Block,
        };
        features & 0xff >= u32::from(self.capabilities.depth)
            && granularity <= self.capabilities.granularity
            && (features & 1 << 16 != 0 || !self.capabilities.progress)
            && (features & 1 << 17 != 0 || !self.capabilities.energy)
    }

    /// Finds out whether the device is still as it was set up; if not, what it had is lost.
    fn check_boot(&mut self) {
        let Some(up) = self.up else { return };
        match self.window.read(Register::Boot) {
            boot if boot == up.boot => {}
            ALL_ONES => self.lose(Error::Gone),
            _ => {
                self.health.resets = self.health.resets.saturating_add(1);
                self.lose(Error::Reset);
            }
        }
    }

    /// The device has forgotten everything.
    fn lose(&mut self, loss: Error) {
        self.up = None;
        self.lost = self.in_flight.len();
        self.loss = loss;
    }

    /// The place of a ticket among those in flight. O(DEPTH).
    fn position(&self, wanted: impl Fn(Ticket) -> bool) -> Option<usize> {
        (0..self.in_flight.len()).find(|&at| self.in_flight.get(at).is_some_and(|block| wanted(block.0)))
    }

    /// The number of a ticket's submission, if the device has it. O(DEPTH).
    fn number(&self, ticket: Ticket) -> Option<u32> {
        let place = self.position(|other| other == ticket).filter(|&place| place >= self.lost)?;
        let from_the_end = self.in_flight.len().saturating_sub(place);
        Some(self.submitted.wrapping_sub(from_the_end as u32))
    }

    /// How far the device has come with submission `n`.
    fn stage(&self, n: u32) -> Stage {
        let word = self.window.read(Register::Progress);
        match ((word >> 24) as u8).wrapping_sub(n as u8) as i8 {
            ..=0 => Stage::Waits,
            1 => Stage::Runs(word & 0xff_ffff),
            _ => Stage::Ended,
        }
    }

    /// The last word at the place of completion `n`, and by how many rounds it is early: by none if it is that
    /// completion's.
    fn last(&mut self, n: u32) -> (u32, u8) {
        let bytes = Self::RINGS.completion(n);
        self.window.invalidate(bytes.clone());
        let last = self.window.load(last_word(&bytes));
        (last, (last as u8).wrapping_sub(Self::RINGS.phase(n)))
    }

    /// The next entry of the completion ring, if the device has written it; it is not taken off.
    fn peek(&mut self) -> Option<Result<Answer, layout::BadAnswer>> {
        let (last, early) = self.last(self.completed);
        if early != 0 {
            // One less is a place that was not written yet.
            if early != u8::MAX && self.noted.replace(last) != Some(last) {
                self.health.spurious = self.health.spurious.saturating_add(1);
            }
            return None;
        }
        // The last word was written last: what was loaded before it may be older.
        let bytes = Self::RINGS.completion(self.completed);
        self.window.invalidate(bytes.clone());
        let mut words = [0; 8];
        for (word, offset) in words.iter_mut().zip(bytes.step_by(4)) {
            *word = self.window.load(offset);
        }
        Some(Answer::read(&words))
    }

    /// Whether completion `n` is there and names this ticket.
    fn is_answered(&mut self, n: u32, ticket: Ticket) -> bool {
        self.last(n).1 == 0 && self.window.load(Self::RINGS.completion(n).start) == ticket.sequence
    }

    /// Takes the entry that was peeked off the ring.
    fn take(&mut self) {
        self.completed = self.completed.wrapping_add(1);
    }

    /// How many ticks ago that was. None if it lies ahead, which is all behind half the range of the clock,
    /// or if the device has no power to say.
    fn age(&self, ticks: u32) -> u32 {
        match self.window.read(Register::Time) {
            ALL_ONES => 0,
            time => time.wrapping_sub(ticks).cast_signed().max(0).unsigned_abs(),
        }
    }

    /// The oldest block ends, with this answer of the device.
    fn finish(&mut self, answer: Result<Answer, Error>, now: Instant) -> Pump<Error> {
        let Some((ticket, submitted)) = self.in_flight.pop_front() else { return Pump::Idle };
        let (mut started, mut finished) = (now, now);
        if let (Ok(answer), Some(up)) = (answer, self.up) {
            let age = self.age(answer.finished);
            let ran = answer.finished.wrapping_sub(answer.started);
            // Whatever the device says, it ran between then and now.
            finished = before(now, age, up).max(submitted).min(now);
            started = before(finished, ran, up).max(submitted).min(finished);
        }
        let measured = self.capabilities.energy;
        let result = answer.and_then(|answer| match answer.status {
            AnswerStatus::Done => Ok(Outcome {
                path: answer.path,
                started: Some(started),
                finished,
                energy_nj: Some(answer.energy_nj).filter(|&energy| measured && energy != ALL_ONES),
            }),
            AnswerStatus::Failed => Err(Error::Device(answer.code)),
            AnswerStatus::Aborted => Err(Error::Cancelled),
            AnswerStatus::Unsupported => Err(Error::Unsupported),
        });
        if result.is_err() {
            self.health.failed = self.health.failed.saturating_add(1);
        }
        Pump::Done(Completion { ticket, started, result })
    }
}

/// How far a submission has come.
enum Stage {
    Waits,
    Runs(u32),
    Ended,
}

/// Where the last word of an entry lies.
const fn last_word(entry: &Range<u32>) -> u32 {
    entry.start + layout::ENTRY - 4
}

/// That many ticks of the device before an instant; the ticks are rounded down to a nanosecond.
fn before(at: Instant, ticks: u32, up: Up) -> Instant {
    let nanos = u64::from(ticks) * 1_000_000_000 / NonZeroU64::from(up.ticks_hz);
    Instant::from_nanos(at.as_nanos().saturating_sub(nanos))
}

impl<W, const DEPTH: usize> ErrorType for DoorbellQueue<W, DEPTH> {
    type Error = Error;
}

impl<W: Window, const DEPTH: usize> AcceleratorQueue for DoorbellQueue<W, DEPTH> {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), Error> {
        if self.in_flight.is_full() {
            return Err(Error::Full);
        }
        if self.in_flight.is_empty() {
            self.check_boot(); // else `poll` does, once it has what was answered before
        }
        if self.up.is_none() {
            self.start(now)?;
        }
        self.in_flight.push_back((block.ticket, now)).map_err(|_| Error::Full)?;
        let entry = Self::RINGS.submission(self.submitted);
        for (word, offset) in layout::submission(block).into_iter().zip(entry.clone().step_by(4)) {
            self.window.store(offset, word);
        }
        self.window.clean(entry);
        self.submitted = self.submitted.wrapping_add(1);
        self.window.write(Register::Doorbell, self.submitted);
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<Error> {
        // Before looking: what is written behind the look raises the interrupt again.
        self.window.write(Register::Interrupt, ALL_ONES);
        if self.lost == 0 && self.up.is_none() {
            let _ = self.start(now); // if it is ready; a block that is refused is told why not
        }
        if self.lost == 0 && self.up.is_some() {
            for _ in 0..DEPTH {
                let Some(answer) = self.peek() else { break };
                let place = match answer {
                    Ok(answer) => self.position(|ticket| ticket.sequence == answer.sequence),
                    Err(_) => Some(0),
                };
                match (place, answer) {
                    (Some(0), Ok(answer)) => {
                        self.take();
                        return self.finish(Ok(answer), now);
                    }
                    // It came in its place, so it is the answer to the oldest.
                    (_, Err(_)) => {
                        self.take();
                        self.health.corrupt = self.health.corrupt.saturating_add(1);
                        if !self.in_flight.is_empty() {
                            return self.finish(Err(Error::Corrupt), now);
                        }
                    }
                    // The answers before it are lost; it stays until they have ended.
                    (Some(_), Ok(_)) => {
                        self.health.corrupt = self.health.corrupt.saturating_add(1);
                        return self.finish(Err(Error::Corrupt), now);
                    }
                    (None, Ok(_)) => {
                        self.take();
                        self.health.spurious = self.health.spurious.saturating_add(1);
                    }
                }
            }
            self.check_boot();
        }
        if let Some(lost) = self.lost.checked_sub(1) {
            self.lost = lost;
            return self.finish(Err(self.loss), now);
        }
        if self.in_flight.is_empty() { Pump::Idle } else { Pump::Waiting }
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        let Some(n) = self.number(ticket) else {
            let lost = self.position(|other| other == ticket).is_some();
            return if lost { CancelOutcome::RunsToEnd } else { CancelOutcome::Unknown };
        };
        let before = self.stage(n);
        self.window.write(Register::Abort, n);
        let whole = self.capabilities.granularity == Granularity::Block;
        match (before, self.stage(n)) {
            (_, Stage::Waits) => CancelOutcome::Removed,
            (Stage::Ended, _) => CancelOutcome::RunsToEnd,
            // What cannot be stopped has ended by itself. Progress says so only once the next has begun.
            (Stage::Runs(_), Stage::Ended) if whole => CancelOutcome::RunsToEnd,
            (Stage::Runs(_), Stage::Runs(_)) if whole && self.is_answered(n, ticket) => {
                CancelOutcome::RunsToEnd
            }
            (_, Stage::Runs(_)) if whole => CancelOutcome::NeedsReset,
            _ => CancelOutcome::StopsAtBoundary,
        }
    }

    /// Only begins: until the device is out of its reset, blocks are refused with [`Error::NotReady`].
    /// While it is in one it is left alone.
    fn reset(&mut self, now: Instant) -> Result<(), Error> {
        let state = self.window.read(Register::Status);
        let ready = state & status::READY != 0;
        if state == ALL_ONES || !ready && self.is_overdue(now) {
            self.lose(Error::Gone);
            return Err(Error::Gone);
        }
        if ready {
            self.waits = None;
            self.window.write(Register::Control, control::RESET);
            self.health.resets = self.health.resets.saturating_add(1);
        }
        self.lose(Error::Reset);
        Ok(())
    }

    /// What the device counts; zero before it begins with the block, the most behind its end.
    fn progress(&self, ticket: Ticket) -> Option<u32> {
        let n = self.number(ticket).filter(|_| self.capabilities.progress)?;
        match self.stage(n) {
            Stage::Waits => Some(0),
            Stage::Runs(progress) => Some(progress),
            Stage::Ended => Some(u32::MAX),
        }
    }

    fn health(&self) -> Health {
        self.health
    }
}
