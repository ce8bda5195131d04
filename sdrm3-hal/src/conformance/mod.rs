//! The contract of [`queue`](crate::queue) as tests that run against any queue, on the host or a board.
//!
//! # For authors of a driver: your queue in ten minutes
//!
//! 1. In `Cargo.toml`: `[dev-dependencies] sdrm3-hal = { version = "..", features = ["conformance"] }`.
//! 2. Implement [`Rig`]: your queue, its device (emulated, or the real one), its clock. Five methods.
//! 3. Call [`assert_conforms`] in a test. It prints rule, reason, time and ticket of what failed.
//! 4. Read what was skipped: `println!("{}", check("my queue", &mut rig))`. Each reason names the method
//!    of [`Rig`] that is missing, or the capability that your queue does not have.
//! 5. On a board: [`check`] allocates nothing and has no panic path. Print its [`Report`] over any
//!    [`core::fmt::Write`], or read its verdicts (`core::fmt` has panic paths of its own). Only
//!    [`assert_conforms`] panics, as a test must.
//!
//! What no run can show: that no memory of the caller is kept (the borrow in `submit` ends with it), that
//! nothing allocates (`no_std` without `alloc`), that caches are maintained (run it on the board), that a
//! cancelled block stops behind its segment (it may be its last).
//!
//! ```
//! use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Ticket};
//! use sdrm3_hal::AcceleratorQueue;
//! use sdrm3_hal::conformance::{Rig, assert_conforms};
//! use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
//!
//! /// An accelerator that needs a millisecond for everything.
//! #[derive(Default)]
//! struct Npu {
//!     running: Option<(Ticket, Instant, Result<Instant, ErrorKind>)>,
//! }
//!
//! impl ErrorType for Npu {
//!     type Error = ErrorKind;
//! }
//!
//! impl AcceleratorQueue for Npu {
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::plain(1)
//!     }
//!
//!     fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
//!         if self.running.is_some() {
//!             return Err(ErrorKind::Full);
//!         }
//!         self.running = Some((block.ticket, now, Ok(now.saturating_add(Duration::from_millis(1)))));
//!         Ok(())
//!     }
//!
//!     fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
//!         match self.running {
//!             None => Pump::Idle,
//!             Some((_, _, Ok(end))) if end > now => Pump::Waiting,
//!             Some((ticket, started, end)) => {
//!                 self.running = None;
//!                 Pump::Done(Completion { ticket, started, result: end.map(Outcome::finished) })
//!             }
//!         }
//!     }
//!
//!     fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
//!         match self.running {
//!             Some((running, ..)) if running == ticket => CancelOutcome::RunsToEnd,
//!             _ => CancelOutcome::Unknown,
//!         }
//!     }
//!
//!     fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
//!         if let Some((_, _, end)) = &mut self.running
//!             && end.is_ok_and(|end| end > now)
//!         {
//!             *end = Err(ErrorKind::Reset);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// It lies on the bench, beside a clock.
//! #[derive(Default)]
//! struct Bench {
//!     npu: Npu,
//!     now: Instant,
//! }
//!
//! impl Rig for Bench {
//!     type Queue = Npu;
//!
//!     fn restart(&mut self) {
//!         *self = Self::default();
//!     }
//!
//!     fn queue(&mut self) -> &mut Npu {
//!         &mut self.npu
//!     }
//!
//!     fn now(&self) -> Instant {
//!         self.now
//!     }
//!
//!     fn advance(&mut self, by: Duration) {
//!         self.now = self.now.saturating_add(by);
//!     }
//!
//!     fn longest(&self) -> Duration {
//!         Duration::from_millis(1)
//!     }
//! }
//!
//! assert_conforms(&mut Bench::default());
//! ```

mod bench;
mod block;
mod cancelling;
mod measures;
mod pumping;
mod random;
mod report;
mod resetting;
mod rig;
mod submission;
mod upkeep;

use core::fmt;

use bench::{Bench, Check};
pub use report::{Failure, Finding, Report, Table, Verdict};
pub use rig::{Mishap, Rig, Work};

/// How many rules there are.
pub const RULES: usize = 37;

/// One rule of the contract, as it is tried on queues of this rig.
pub struct Rule<R: Rig> {
    /// Its short name, in reports.
    pub name: &'static str,
    /// What it asks.
    pub text: &'static str,
    try_on: fn(&mut Bench<'_, R>) -> Check,
}

impl<R: Rig> fmt::Debug for Rule<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.text)
    }
}

impl<R: Rig> Rule<R> {
    const fn new(name: &'static str, text: &'static str, try_on: fn(&mut Bench<'_, R>) -> Check) -> Self {
        Self { name, text, try_on }
    }

    /// All rules, in the order of reports.
    pub const ALL: [Self; RULES] = [
        Self::new("serves", "a valid block ends with a result", submission::serves),
        Self::new("capacity", "as many blocks fit as the capabilities say", submission::capacity),
        Self::new("full", "a block too many is refused as Full, and nothing is lost", submission::full),
        Self::new("all-or-nothing", "a refused block leaves no trace", submission::all_or_nothing),
        Self::new("once", "each accepted ticket is completed exactly once", submission::once),
        Self::new("tickets", "tickets are handed back as they were given", submission::tickets),
        Self::new("order", "blocks are completed in order of start", submission::order),
        Self::new("backlog", "blocks that end between two polls are all handed out", submission::backlog),
        Self::new("idle", "Idle if and only if nothing is in flight", pumping::idle),
        Self::new("waiting", "Waiting only if an event follows", pumping::waiting),
        Self::new("call-again", "CallAgain comes to an end in bounded calls", pumping::call_again),
        Self::new("cancel-unknown", "a ticket that is not in flight is Unknown", cancelling::unknown),
        Self::new("cancel-queued", "cancelling a waiting block disturbs no other", cancelling::queued),
        Self::new("cancel-running", "what comes of a cancelled block fits the answer", cancelling::running),
        Self::new("cancel-once", "a cancelled block is completed exactly once", cancelling::once),
        Self::new("reset-completes", "a reset ends everything in flight with an error", resetting::completes),
        Self::new("reset-once", "a second reset changes nothing", resetting::once),
        Self::new("reset-usable", "behind a reset the queue works as before", resetting::usable),
        Self::new("reset-siblings", "queues reset along complete theirs", resetting::siblings),
        Self::new("late-answer", "an answer to a gone ticket is dropped and counted", resetting::late_answer),
        Self::new("two-answers", "of two answers to a block the second is dropped", resetting::two_answers),
        Self::new("overrun", "a block whose interrupt is lost ends all the same", resetting::overrun),
        Self::new("power-loss", "a loss of power ends blocks with errors", resetting::power_loss),
        Self::new("device-reset", "a device that resets itself loses no ticket", resetting::device_reset),
        Self::new("hang", "a reset frees a queue whose device hangs", resetting::hang),
        Self::new("times", "times are in order, and to wait is not to run", measures::times),
        Self::new("device-time", "the end is the device's, however late it is served", measures::device_time),
        Self::new("progress", "progress grows while a block runs, and ends with it", measures::progress),
        Self::new("energy", "energy is measured if the capabilities say so", measures::energy),
        Self::new("power-levels", "levels of power are idempotent", upkeep::power_levels),
        Self::new("power-busy", "power is not taken from a running block", upkeep::power_busy),
        Self::new("residency", "a reset that loses weights says so", upkeep::residency),
        Self::new("prepare", "fetching ahead disturbs no block", upkeep::prepare),
        Self::new("constant", "capabilities never change", upkeep::constant),
        Self::new("health", "counters never fall, and errors are counted", upkeep::health),
        Self::new("bounded-work", "one call does a bounded amount of work", upkeep::bounded_work),
        Self::new("random", "all of it holds in a long random run", random::short),
    ];

    /// Tries this rule alone on a restarted rig.
    pub fn check(&self, rig: &mut R) -> Verdict {
        self.judge(&mut Bench::new(rig))
    }

    fn judge(&self, bench: &mut Bench<'_, R>) -> Verdict {
        bench.restart();
        (self.try_on)(bench).err().unwrap_or(Verdict::Pass)
    }
}

/// Tries every rule on this queue. It takes some thousand blocks' time.
pub fn check<R: Rig>(queue: &'static str, rig: &mut R) -> Report {
    let mut bench = Bench::new(rig);
    let findings =
        Rule::ALL.map(|rule| Finding { rule: rule.name, text: rule.text, verdict: rule.judge(&mut bench) });
    Report { queue, findings }
}

/// The random run alone: this many steps from this seed.
pub fn soak<R: Rig>(rig: &mut R, seed: u32, steps: u32) -> Verdict {
    let mut bench = Bench::new(rig);
    bench.restart();
    random::run(&mut bench, seed, steps).err().unwrap_or(Verdict::Pass)
}

/// For tests: every rule that can be tried holds.
///
/// # Panics
///
/// With the whole report if a rule is broken.
#[track_caller]
pub fn assert_conforms<R: Rig>(rig: &mut R) {
    let report = check("queue", rig);
    assert!(report.conforms(), "the queue breaks its contract\n{report}");
}
