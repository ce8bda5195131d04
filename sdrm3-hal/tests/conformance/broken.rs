//! The reference queue with one defect at a time: what the suite is there to find.

use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Outcome, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::queue::{
    CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Granularity, Health, Power, Pump,
    Residency,
};

use crate::reference::{Article, LENGTH, Reference, SLICES};

/// Each is a mistake that a driver can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    FailsEveryBlock,
    TakesOneMore,
    FullIsAnotherKind,
    QueuesWhatItRefused,
    CompletesTwice,
    SwallowsACompletion,
    CutsTickets,
    HandsOutBackwards,
    DropsABacklog,
    TurnsABacklogRound,
    IdleWhileBusy,
    NeverIdle,
    WaitsWithoutAnEvent,
    WaitsBehindEachEnd,
    CallsForEver,
    KnowsEveryTicket,
    KnowsTicketsOfOthers,
    CancelsTheFirst,
    StopsWhatRunsToEnd,
    SaysRemovedAndRunsOn,
    StopsWhatItCannot,
    RunsPastItsSlice,
    ForgetsTheCancelled,
    CompletesEveryCancel,
    CancelsOnlyOnce,
    ResetRunsOn,
    ResetForgets,
    ResetsRepeat,
    ResetLosesAPlace,
    SparesItsSiblings,
    TakesLateAnswers,
    TakesAnswersByPlace,
    CutsLateAnswers,
    HidesLateAnswers,
    TakesBothAnswers,
    HidesSecondAnswers,
    IgnoresAnOverrun,
    ForgetsAtPowerLoss,
    ForgetsAtDeviceReset,
    InventsResults,
    StuckBehindAHang,
    StartsBeforeItsTime,
    StartsWhenSubmitted,
    EndsInTheFuture,
    TimesItself,
    ProgressFalls,
    ProgressStands,
    ProgressOfTheGone,
    ForgetsTheEnergy,
    RefusesThePowerItHas,
    CutsThePower,
    ResidentForEver,
    PrepareRestarts,
    ShrinksAfterAReset,
    ClearsItsHealth,
    CountsNoErrors,
    CountsNoCancellations,
    ForgetsItsResets,
    ReadsEverything,
    LosesTheHundredth,
}

use Defect::*;

/// With the rule that is there to find it.
pub(crate) const ALL: [(Defect, &str); 60] = [
    (FailsEveryBlock, "serves"),
    (TakesOneMore, "capacity"),
    (FullIsAnotherKind, "full"),
    (QueuesWhatItRefused, "all-or-nothing"),
    (CompletesTwice, "once"),
    (SwallowsACompletion, "once"),
    (CutsTickets, "tickets"),
    (HandsOutBackwards, "order"),
    (DropsABacklog, "backlog"),
    (TurnsABacklogRound, "backlog"),
    (IdleWhileBusy, "idle"),
    (NeverIdle, "idle"),
    (WaitsWithoutAnEvent, "waiting"),
    (WaitsBehindEachEnd, "waiting"),
    (CallsForEver, "call-again"),
    (KnowsEveryTicket, "cancel-unknown"),
    (KnowsTicketsOfOthers, "cancel-unknown"),
    (CancelsTheFirst, "cancel-queued"),
    (StopsWhatRunsToEnd, "cancel-running"),
    (SaysRemovedAndRunsOn, "cancel-running"),
    (StopsWhatItCannot, "cancel-running"),
    (RunsPastItsSlice, "cancel-running"),
    (ForgetsTheCancelled, "cancel-once"),
    (CompletesEveryCancel, "cancel-once"),
    (CancelsOnlyOnce, "cancel-once"),
    (ResetRunsOn, "reset-completes"),
    (ResetForgets, "reset-completes"),
    (ResetsRepeat, "reset-once"),
    (ResetLosesAPlace, "reset-usable"),
    (SparesItsSiblings, "reset-siblings"),
    (TakesLateAnswers, "late-answer"),
    (TakesAnswersByPlace, "late-answer"),
    (CutsLateAnswers, "late-answer"),
    (HidesLateAnswers, "late-answer"),
    (TakesBothAnswers, "two-answers"),
    (HidesSecondAnswers, "two-answers"),
    (IgnoresAnOverrun, "overrun"),
    (ForgetsAtPowerLoss, "power-loss"),
    (ForgetsAtDeviceReset, "device-reset"),
    (InventsResults, "device-reset"),
    (StuckBehindAHang, "hang"),
    (StartsBeforeItsTime, "times"),
    (StartsWhenSubmitted, "times"),
    (EndsInTheFuture, "times"),
    (TimesItself, "device-time"),
    (ProgressFalls, "progress"),
    (ProgressStands, "progress"),
    (ProgressOfTheGone, "progress"),
    (ForgetsTheEnergy, "energy"),
    (RefusesThePowerItHas, "power-levels"),
    (CutsThePower, "power-busy"),
    (ResidentForEver, "residency"),
    (PrepareRestarts, "prepare"),
    (ShrinksAfterAReset, "constant"),
    (ClearsItsHealth, "health"),
    (CountsNoErrors, "health"),
    (CountsNoCancellations, "health"),
    (ForgetsItsResets, "health"),
    (ReadsEverything, "bounded-work"),
    (LosesTheHundredth, "random"),
];

const DEPTH: u8 = 3;

/// The reference with a defect.
#[derive(Debug)]
pub(crate) struct Broken {
    inner: Reference,
    defect: Defect,
    /// A completion, a block or tickets that it should not have kept.
    kept: Option<Completion<ErrorKind>>,
    refused: Option<Dispatch>,
    lost: Vec<Ticket>,
    /// Tickets that it took, ever, and when; places go round.
    taken: Vec<(Ticket, Instant)>,
    power: Power,
    completed: u32,
    resets: u32,
    stuck: bool,
    /// It has just handed one out.
    handed_out: bool,
    /// A block is answered twice, or interrupts are lost.
    struck: bool,
}

impl Broken {
    pub(crate) fn new(defect: Defect) -> Self {
        let mut inner = match defect {
            WaitsWithoutAnEvent => Reference::pumped(DEPTH, SLICES),
            CallsForEver => Reference::pumped(DEPTH, 3 * SLICES),
            TakesOneMore => Reference::new(DEPTH + 1),
            _ => Reference::new(DEPTH),
        };
        if matches!(defect, StopsWhatRunsToEnd | StopsWhatItCannot) {
            inner.capabilities = inner.capabilities.with_granularity(Granularity::Segment);
        }
        if defect == RunsPastItsSlice {
            inner.capabilities = inner.capabilities.with_granularity(Granularity::Slice);
        }
        Self::around(inner, defect)
    }

    fn around(inner: Reference, defect: Defect) -> Self {
        Self {
            inner,
            defect,
            kept: None,
            refused: None,
            lost: Vec::new(),
            taken: Vec::new(),
            power: Power::On,
            completed: 0,
            resets: 0,
            stuck: false,
            handed_out: false,
            struck: false,
        }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// Where the device keeps the block of a ticket.
    fn place(&self, ticket: Ticket) -> Option<usize> {
        let order = self.taken.iter().position(|(other, _)| *other == ticket)?;
        Some(order % usize::from(DEPTH))
    }

    /// A completion, on its way out.
    fn hand_out(&mut self, mut completion: Completion<ErrorKind>, now: Instant) -> Pump<ErrorKind> {
        self.completed += 1;
        self.handed_out = true;
        let finished = |change: fn(Instant, Instant) -> Instant| {
            completion.result.map(|outcome| Outcome { finished: change(outcome.finished, now), ..outcome })
        };
        match self.defect {
            FailsEveryBlock => completion.result = Err(ErrorKind::Device),
            CompletesTwice => self.kept = Some(completion),
            TakesBothAnswers if std::mem::take(&mut self.struck) => self.kept = Some(completion),
            CountsNoCancellations if completion.result == Err(ErrorKind::Cancelled) => {
                self.inner.health.failed -= 1;
            }
            SwallowsACompletion if self.completed.is_multiple_of(3) => return Pump::Waiting,
            LosesTheHundredth if self.completed.is_multiple_of(100) => return Pump::Waiting,
            CutsTickets => completion.ticket.sequence &= 0xffff,
            HandsOutBackwards if !self.inner.jobs.is_empty() => {
                self.kept = Some(completion);
                return Pump::Waiting;
            }
            DropsABacklog => self.inner.jobs.retain(|job| job.ended.is_none()),
            StartsBeforeItsTime => {
                completion.started = Instant::from_nanos(completion.started.as_nanos() - LENGTH.as_nanos());
            }
            StartsWhenSubmitted => {
                let taken = self.taken.iter().find(|(ticket, _)| *ticket == completion.ticket);
                completion.started = taken.map_or(completion.started, |(_, at)| *at);
            }
            EndsInTheFuture => completion.result = finished(|_, now| now.saturating_add(LENGTH)),
            TimesItself => completion.result = finished(|_, now| now),
            ForgetsTheEnergy => {
                completion.result = completion.result.map(|outcome| Outcome { energy_nj: None, ..outcome });
            }
            _ => {}
        }
        Pump::Done(completion)
    }
}

impl ErrorType for Broken {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Broken {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        match self.defect {
            TakesOneMore => capabilities.depth = DEPTH,
            StopsWhatItCannot => capabilities = capabilities.with_granularity(Granularity::Block),
            ShrinksAfterAReset if self.resets > 0 => capabilities.energy = false,
            _ => {}
        }
        capabilities
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.stuck {
            return Err(ErrorKind::Device);
        }
        if self.is(ResetLosesAPlace) && self.resets > 0 && self.inner.jobs.len() + 1 >= usize::from(DEPTH) {
            return Err(ErrorKind::Full);
        }
        let accepted = self.inner.submit(now, block);
        if accepted.is_ok() {
            self.taken.push((block.ticket, now));
        }
        match self.defect {
            QueuesWhatItRefused if accepted == Err(ErrorKind::Full) => self.refused = Some(*block),
            FullIsAnotherKind if accepted == Err(ErrorKind::Full) => return Err(ErrorKind::Device),
            _ => {}
        }
        accepted
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        if self.is(WaitsBehindEachEnd) && std::mem::take(&mut self.handed_out) && !self.inner.jobs.is_empty()
        {
            return Pump::Waiting;
        }
        if self.is(ReadsEverything) {
            self.inner.touches.set(self.inner.touches.get() + 1_000);
        }
        if self.is(IgnoresAnOverrun) && std::mem::take(&mut self.struck) {
            self.inner.jobs.retain(|job| job.ended.is_none());
        }
        let ended = self.inner.jobs.iter().filter(|job| job.ended.is_some()).count();
        if self.is(TurnsABacklogRound) && ended > 1 {
            self.inner.jobs.swap(0, 1);
        }
        if let Some(block) = self.refused
            && self.inner.submit(now, &block).is_ok()
        {
            self.refused = None;
        }
        let hold = self.is(HandsOutBackwards) && self.kept.is_some() && !self.inner.jobs.is_empty();
        if let Some(kept) = self.kept.take_if(|_| !hold) {
            return Pump::Done(kept);
        }
        if let Some(ticket) = self.lost.pop().filter(|_| matches!(self.defect, CompletesEveryCancel)) {
            return Pump::Done(Completion { ticket, started: now, result: Err(ErrorKind::Cancelled) });
        }
        match self.inner.poll(now) {
            Pump::Done(completion) if hold => Pump::Done(completion),
            Pump::Done(completion) => self.hand_out(completion, now),
            Pump::Waiting if self.is(IdleWhileBusy) => Pump::Idle,
            Pump::Idle if self.is(NeverIdle) => Pump::Waiting,
            Pump::CallAgain if self.is(WaitsWithoutAnEvent) => Pump::Waiting,
            other => other,
        }
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        let first = self.inner.jobs.front().map(|job| job.ticket);
        let running = first == Some(ticket);
        let answer = match self.defect {
            CancelsTheFirst => {
                let first = first.filter(|_| self.inner.jobs.iter().any(|job| job.ticket == ticket));
                return self.inner.cancel(now, first.unwrap_or(ticket));
            }
            SaysRemovedAndRunsOn if running => return CancelOutcome::Removed,
            RunsPastItsSlice if running => return CancelOutcome::StopsAtBoundary,
            KnowsTicketsOfOthers => {
                let same = self.inner.jobs.iter().find(|job| job.ticket.sequence == ticket.sequence);
                let ticket = same.map_or(ticket, |job| job.ticket);
                return self.inner.cancel(now, ticket);
            }
            CancelsOnlyOnce if self.lost.contains(&ticket) => return CancelOutcome::Unknown,
            CancelsOnlyOnce => {
                self.lost.push(ticket);
                return self.inner.cancel(now, ticket);
            }
            _ => self.inner.cancel(now, ticket),
        };
        match (self.defect, answer) {
            (KnowsEveryTicket, CancelOutcome::Unknown) => CancelOutcome::RunsToEnd,
            (StopsWhatRunsToEnd, CancelOutcome::StopsAtBoundary) => CancelOutcome::RunsToEnd,
            (ForgetsTheCancelled, CancelOutcome::Removed | CancelOutcome::StopsAtBoundary) => {
                self.inner.jobs.retain(|job| job.ticket != ticket);
                answer
            }
            (CompletesEveryCancel, CancelOutcome::Removed | CancelOutcome::StopsAtBoundary) => {
                self.lost.push(ticket);
                answer
            }
            _ => answer,
        }
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        self.resets += 1;
        let resident = self.inner.resident;
        match self.defect {
            ResetRunsOn => return Ok(()),
            ResetForgets => self.inner.jobs.clear(),
            ResetsRepeat => {
                for ticket in std::mem::take(&mut self.lost) {
                    self.kept = Some(Completion { ticket, started: now, result: Err(ErrorKind::Reset) });
                }
                self.lost.extend(self.inner.jobs.iter().map(|job| job.ticket));
            }
            ClearsItsHealth => self.inner.health = Health::default(),
            _ => {}
        }
        if self.is(SparesItsSiblings) {
            let domain = std::mem::take(&mut self.inner.domain);
            let answer = self.inner.reset(now);
            self.inner.domain = domain;
            return answer;
        }
        let answer = self.inner.reset(now);
        if self.is(ResidentForEver) {
            self.inner.resident = resident;
        }
        answer
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        match (self.defect, self.inner.progress(ticket)) {
            (ProgressFalls, Some(progress)) => Some(1_000_000 - progress),
            (ProgressStands, Some(_)) => Some(1),
            (ProgressOfTheGone, None) => Some(100),
            (_, progress) => progress,
        }
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        if self.is(PrepareRestarts) {
            self.inner.lose(now, ErrorKind::Device);
        }
        self.inner.prepare(now, model);
    }

    fn residency(&self, model: ModelId) -> Residency {
        self.inner.residency(model)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), ErrorKind> {
        let before = std::mem::replace(&mut self.power, level);
        match self.defect {
            RefusesThePowerItHas if before == level => Err(ErrorKind::Other),
            CutsThePower if level < Power::On && !self.inner.jobs.is_empty() => {
                self.inner.lose(now, ErrorKind::Gone);
                Ok(())
            }
            _ => self.inner.set_power(now, level),
        }
    }

    fn health(&self) -> Health {
        let mut health = self.inner.health();
        match self.defect {
            HidesLateAnswers => health.spurious = 0,
            ForgetsItsResets => health.resets = self.resets % 2,
            CountsNoErrors => health.failed = health.failed.min(1),
            _ => {}
        }
        health
    }
}

impl Article for Broken {
    fn reference(&mut self) -> &mut Reference {
        &mut self.inner
    }

    fn view(&self) -> &Reference {
        &self.inner
    }

    fn sibling(&mut self) -> Self {
        Self::around(self.inner.sibling(), self.defect)
    }

    fn late_answer(&mut self, late: Ticket) {
        let taken = self.inner.jobs.iter().position(|job| match self.defect {
            TakesLateAnswers => true,
            TakesAnswersByPlace => self.place(job.ticket) == self.place(late),
            CutsLateAnswers => job.ticket.sequence as u16 == late.sequence as u16,
            _ => false,
        });
        match taken.and_then(|place| self.inner.jobs.get_mut(place)) {
            Some(job) => job.ended = job.ended.or(Some((job.submitted, Ok(())))),
            None => self.inner.health.spurious += 1,
        }
    }

    fn two_answers(&mut self) {
        self.struck = self.is(TakesBothAnswers);
        self.inner.health.spurious += u32::from(!self.is(HidesSecondAnswers));
    }

    fn overrun(&mut self) {
        self.struck = self.is(IgnoresAnOverrun);
    }

    fn power_loss(&mut self, now: Instant) {
        if self.is(ForgetsAtPowerLoss) {
            self.inner.jobs.clear();
        }
        self.inner.power_loss(now);
    }

    fn device_reset(&mut self, now: Instant) {
        match self.defect {
            ForgetsAtDeviceReset => self.inner.jobs.clear(),
            // It takes the device's being idle for the end of its block.
            InventsResults => {
                for job in &mut self.inner.jobs {
                    let end = now.saturating_add(Duration::from_nanos(1));
                    job.ended = job.ended.or(Some((end, Ok(()))));
                }
            }
            _ => self.inner.device_reset(now),
        }
    }

    fn hang(&mut self) {
        self.stuck = self.is(StuckBehindAHang);
        self.inner.hang();
    }
}
