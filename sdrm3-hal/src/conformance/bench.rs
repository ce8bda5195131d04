//! The bench: every call of the suite goes through it, and it keeps the account of tickets.

use heapless::Vec;
use sdrm3_core::{AcceleratorId, Duration, Instant, ModelId, Outcome, Ticket};

use super::block::template;
use super::{Failure, Mishap, Rig, Verdict};
use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Error as _, ErrorKind, Health, Power, Pump, Residency,
};

/// Blocks that the suite keeps in flight at most: of a deeper queue, it uses as many places.
pub(super) const MOST: usize = 64;

/// `Err` ends a rule: it has failed, or cannot be tried.
pub(super) type Check<T = ()> = Result<T, Verdict>;

/// A rule cannot be tried.
pub(super) const fn skip<T>(why: &'static str) -> Check<T> {
    Err(Verdict::Skipped(why))
}

/// What must come of a block in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A result: nothing has happened to it.
    Result,
    /// It was cancelled, with this answer.
    Cancelled(CancelOutcome),
    /// An error: its device failed or was reset at this time.
    Lost(Instant),
    /// A result or an error: its device failed, and may not have had it yet.
    Either,
}

impl Fate {
    /// Why this end does not fit, if it does not.
    fn objection(self, result: Result<Outcome, ErrorKind>) -> Option<&'static str> {
        let cancelled = result == Err(ErrorKind::Cancelled);
        let (fits, why) = match self {
            Self::Result => (result.is_ok(), "ended with an error for no reason"),
            Self::Cancelled(CancelOutcome::Removed) => {
                (cancelled, "Removed by a cancellation, yet not completed as cancelled")
            }
            Self::Cancelled(CancelOutcome::StopsAtBoundary) => {
                (cancelled || result.is_ok(), "StopsAtBoundary, yet neither cancelled nor complete")
            }
            Self::Cancelled(CancelOutcome::RunsToEnd) => (result.is_ok(), "RunsToEnd, yet without a result"),
            Self::Cancelled(CancelOutcome::NeedsReset) => (true, ""),
            Self::Cancelled(CancelOutcome::Unknown) => (false, "Unknown to a cancellation, yet in flight"),
            Self::Either => (true, ""),
            // What had ended before is complete.
            Self::Lost(cut) => (
                result.map_or(true, |outcome| outcome.finished <= cut),
                "lost to a reset or a failure, yet it ended with a result",
            ),
        };
        if fits { None } else { Some(why) }
    }
}

/// A completion that was handed out, beside what the account says of its ticket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) ticket: Ticket,
    /// When it was submitted; `None` if no such ticket was in flight.
    pub(super) submitted: Option<Instant>,
    pub(super) fate: Fate,
    pub(super) started: Instant,
    /// When it was handed out.
    pub(super) collected: Instant,
    pub(super) result: Result<Outcome, ErrorKind>,
    /// It has a result, and one that started later had its own before.
    pub(super) overtaken: bool,
}

/// What `poll` answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Idle,
    Waiting,
    CallAgain,
    Done(Ended),
}

/// A block in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    submitted: Instant,
    fate: Fate,
}

pub(super) struct Bench<'r, R> {
    pub(super) rig: &'r mut R,
    /// Accepted and not completed, in order of submission.
    pub(super) flight: Vec<Flight, MOST>,
    /// Completions since the rule began; the latest ones if there were more.
    pub(super) ended: Vec<Ended, { 2 * MOST }>,
    /// How many completions with an error there were since then.
    pub(super) failed: u32,
    /// The latest start of a block with a result.
    latest: Instant,
    /// Number of the next ticket.
    pub(super) next: u32,
    /// The most that one call has touched the device.
    pub(super) most_work: u32,
}

impl<'r, R: Rig> Bench<'r, R> {
    pub(super) const fn new(rig: &'r mut R) -> Self {
        Self {
            rig,
            flight: Vec::new(),
            ended: Vec::new(),
            failed: 0,
            latest: Instant::ZERO,
            next: 1,
            most_work: 0,
        }
    }

    /// A new queue; ticket numbers go on.
    pub(super) fn restart(&mut self) {
        self.rig.restart();
        self.flight.clear();
        self.ended.clear();
        (self.failed, self.latest, self.most_work) = (0, Instant::ZERO, 0);
    }

    // ---- time ----------------------------------------------------------------------------------

    pub(super) fn now(&self) -> Instant {
        self.rig.now()
    }

    /// An eighth of a block.
    pub(super) fn step(&mut self) {
        self.rig.advance(Duration::from_nanos(self.rig.longest().as_nanos() / 8 + 1));
    }

    /// For how many steps what is in flight may take: thrice what its blocks need one after the other.
    pub(super) fn patience(&self) -> usize {
        24 * (self.flight.len() + 1)
    }

    // ---- the queue's methods -------------------------------------------------------------------

    fn call<T>(&mut self, method: impl FnOnce(&mut R::Queue, Instant) -> T) -> T {
        let (now, before) = (self.rig.now(), self.rig.work());
        let answer = method(self.rig.queue(), now);
        if let (Some(before), Some(after)) = (before, self.rig.work()) {
            self.most_work = self.most_work.max(after.total.wrapping_sub(before.total));
        }
        answer
    }

    pub(super) fn capabilities(&mut self) -> Capabilities {
        self.call(|queue, _| queue.capabilities())
    }

    /// How many blocks the suite fills the queue with.
    pub(super) fn depth(&mut self) -> usize {
        usize::from(self.capabilities().depth).clamp(1, MOST)
    }

    /// Whether it is deeper than that: what it has no room for is then not seen.
    pub(super) fn is_deeper(&mut self) -> bool {
        usize::from(self.capabilities().depth) > MOST
    }

    /// Submits a block of this number.
    pub(super) fn submit_number(&mut self, sequence: u32, spoiled: bool) -> (Ticket, Result<(), ErrorKind>) {
        let Some(mut block) = template() else {
            return (Ticket { accelerator: AcceleratorId(0), sequence }, Err(ErrorKind::Other));
        };
        block.ticket.sequence = sequence;
        self.rig.fit(&mut block);
        if spoiled {
            let _ = self.rig.spoil(&mut block);
        }
        let submitted = self.now();
        let accepted = self.call(|queue, now| queue.submit(now, &block)).map_err(|error| error.kind());
        if accepted.is_ok() {
            // Where there is no place, the queue is deeper than it says: a rule of its own.
            let _ = self.flight.push(Flight { ticket: block.ticket, submitted, fate: Fate::Result });
        }
        (block.ticket, accepted)
    }

    /// Submits the next block.
    pub(super) fn submit(&mut self) -> (Ticket, Result<(), ErrorKind>) {
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.submit_number(sequence, false)
    }

    pub(super) fn poll(&mut self) -> Answer {
        let completion = match self.call(R::Queue::poll) {
            Pump::Idle => return Answer::Idle,
            Pump::Waiting => return Answer::Waiting,
            Pump::CallAgain => return Answer::CallAgain,
            Pump::Done(completion) => completion,
        };
        let ticket = completion.ticket;
        let flight = self.flight.iter().copied().find(|flight| flight.ticket == ticket);
        self.flight.retain(|other| Some(other.ticket) != flight.map(|flight| flight.ticket));
        let overtaken = completion.result.is_ok() && completion.started < self.latest;
        let ended = Ended {
            ticket,
            submitted: flight.map(|flight| flight.submitted),
            fate: flight.map_or(Fate::Result, |flight| flight.fate),
            started: completion.started,
            collected: self.now(),
            result: completion.result.map_err(|error| error.kind()),
            overtaken,
        };
        if ended.result.is_ok() {
            self.latest = self.latest.max(ended.started);
        }
        self.failed = self.failed.saturating_add(u32::from(ended.result.is_err()));
        let mut oldest = self.ended.is_full();
        self.ended.retain(|_| !core::mem::take(&mut oldest));
        let _ = self.ended.push(ended);
        Answer::Done(ended)
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) -> CancelOutcome {
        let answer = self.call(|queue, now| queue.cancel(now, ticket));
        for flight in &mut self.flight {
            if flight.ticket == ticket && flight.fate == Fate::Result {
                flight.fate = Fate::Cancelled(answer);
            }
        }
        answer
    }

    /// Cancels a block in flight, which the queue must know.
    pub(super) fn cancel_known(&mut self, ticket: Ticket) -> Check<CancelOutcome> {
        let answer = self.cancel(ticket);
        let known = answer != CancelOutcome::Unknown;
        self.expect_of(ticket, known, "Unknown to a cancellation, yet in flight").map(|()| answer)
    }

    pub(super) fn reset(&mut self) -> Result<(), ErrorKind> {
        self.lose(true);
        self.call(R::Queue::reset).map_err(|error| error.kind())
    }

    /// What was in flight is lost from now on: all of it, or the running block for certain.
    fn lose(&mut self, all: bool) {
        let now = self.now();
        for (place, flight) in self.flight.iter_mut().enumerate() {
            if !matches!(flight.fate, Fate::Lost(_)) {
                flight.fate = if all || place == 0 { Fate::Lost(now) } else { Fate::Either };
            }
        }
    }

    pub(super) fn progress(&mut self, ticket: Ticket) -> Option<u32> {
        self.call(|queue, _| queue.progress(ticket))
    }

    pub(super) fn prepare(&mut self, model: ModelId) {
        self.call(|queue, now| queue.prepare(now, model));
    }

    pub(super) fn set_power(&mut self, level: Power) -> Result<(), ErrorKind> {
        self.call(|queue, now| queue.set_power(now, level)).map_err(|error| error.kind())
    }

    pub(super) fn residency(&mut self, model: ModelId) -> Residency {
        self.call(|queue, _| queue.residency(model))
    }

    pub(super) fn health(&mut self) -> Health {
        self.call(|queue, _| queue.health())
    }

    // ---- steps of many rules -------------------------------------------------------------------

    /// Submits a block that must be accepted. A queue that is not yet ready gets its time.
    pub(super) fn start(&mut self) -> Check<Ticket> {
        for _ in 0..self.patience() {
            match self.submit() {
                (ticket, Ok(())) => return Ok(ticket),
                (_, Err(ErrorKind::NotReady)) => {
                    let _ = self.poll();
                    self.step();
                }
                (ticket, Err(_)) => {
                    return self.fail(ticket, "a valid block was refused though there was room");
                }
            }
        }
        Err(self.failure("the queue did not get ready"))
    }

    /// Fills the queue.
    pub(super) fn fill(&mut self) -> Check {
        while self.flight.len() < self.depth() {
            self.start()?;
        }
        Ok(())
    }

    /// Lets a quarter of a block pass, polling, as far as it goes.
    pub(super) fn run_a_while(&mut self) {
        for _ in 0..2 {
            let _ = self.poll();
            self.step();
        }
        let _ = self.poll();
    }

    /// Polls once, and lets time pass as the answer asks: little if the CPU is needed, none if a block
    /// has ended.
    pub(super) fn turn(&mut self) -> Answer {
        let answer = self.poll();
        match answer {
            Answer::Idle | Answer::Waiting => self.step(),
            Answer::CallAgain => self.breathe(),
            Answer::Done(_) => {}
        }
        answer
    }

    /// What passes between two calls of a CPU that is needed.
    pub(super) fn breathe(&mut self) {
        self.rig.advance(Duration::from_nanos(self.rig.longest().as_nanos() / 4096 + 1));
    }

    /// Runs on until nothing is in flight; `false` if that takes too long.
    pub(super) fn runs_out(&mut self) -> bool {
        let blocks = self.flight.len() as u32 + 1;
        let (mut steps, mut calls) = (self.patience(), self.rig.calls().saturating_mul(blocks));
        // Completions of foreign tickets must not go on for ever either.
        let mut completions = 4 * MOST;
        while !self.flight.is_empty() {
            let left = match self.turn() {
                Answer::Idle | Answer::Waiting => take(&mut steps),
                Answer::CallAgain => {
                    calls = calls.saturating_sub(1);
                    calls > 0
                }
                Answer::Done(_) => take(&mut completions),
            };
            if !left {
                return false;
            }
        }
        true
    }

    /// Runs on until nothing is in flight.
    pub(super) fn drain(&mut self) -> Check {
        if self.runs_out() {
            return Ok(());
        }
        let ticket = self.flight.first().map(|flight| flight.ticket.sequence);
        Err(Verdict::Fail(Failure { why: "a block was not completed in time", at: self.now(), ticket }))
    }

    /// Polls on for the time of two blocks, to see what should not come.
    pub(super) fn linger(&mut self) {
        for _ in 0..16 {
            let _ = self.poll();
            self.step();
        }
    }

    /// Lets something go wrong, or skips the rule.
    pub(super) fn strike(&mut self, mishap: Mishap) -> Check {
        match mishap {
            Mishap::LateAnswer(_) | Mishap::TwoAnswers | Mishap::Overrun => {}
            Mishap::PowerLoss => self.lose(true),
            Mishap::DeviceReset | Mishap::Hang => self.lose(false),
        }
        if self.rig.strike(mishap) { Ok(()) } else { skip("the rig cannot let this happen") }
    }

    // ---- verdicts ------------------------------------------------------------------------------

    pub(super) fn failure(&self, why: &'static str) -> Verdict {
        Verdict::Fail(Failure { why, at: self.now(), ticket: None })
    }

    pub(super) fn fail<T>(&self, ticket: Ticket, why: &'static str) -> Check<T> {
        Err(Verdict::Fail(Failure { why, at: self.now(), ticket: Some(ticket.sequence) }))
    }

    pub(super) fn expect(&self, holds: bool, why: &'static str) -> Check {
        if holds { Ok(()) } else { Err(self.failure(why)) }
    }

    pub(super) fn expect_of(&self, ticket: Ticket, holds: bool, why: &'static str) -> Check {
        if holds { Ok(()) } else { self.fail(ticket, why) }
    }

    /// Every completion so far answers a ticket that was in flight.
    pub(super) fn expect_no_stray(&self) -> Check {
        self.ended.iter().try_for_each(|ended| {
            self.expect_of(ended.ticket, ended.submitted.is_some(), "a completion for a ticket not in flight")
        })
    }

    /// Every completion so far came in order of start.
    pub(super) fn expect_order(&self) -> Check {
        self.ended.iter().try_for_each(|ended| {
            self.expect_of(ended.ticket, !ended.overtaken, "completed behind a later start")
        })
    }

    /// Every completion so far is what had to come of its block.
    pub(super) fn expect_fates(&self) -> Check {
        self.ended.iter().try_for_each(|ended| match ended.fate.objection(ended.result) {
            Some(why) => self.fail(ended.ticket, why),
            None => Ok(()),
        })
    }

    /// No such ticket is in flight, as a cancellation says.
    pub(super) fn expect_unknown(&mut self, ticket: Ticket) -> Check {
        let unknown = self.cancel(ticket) == CancelOutcome::Unknown;
        self.expect_of(ticket, unknown, "not in flight, yet a cancellation does not answer Unknown")
    }
}

/// Counts down; `false` once nothing is left.
fn take(left: &mut usize) -> bool {
    *left = left.saturating_sub(1);
    *left > 0
}
