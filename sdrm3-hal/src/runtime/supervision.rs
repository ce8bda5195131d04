//! What the runtime does about accelerators that hang, fail or refuse: the rules, and its notes.

use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Ticket};

/// How an accelerator is watched, and what follows when it goes wrong.
///
/// ```text
///                block            late and moving: a grace, and again
///              accepted              .----.
///   [ free ] ----------> [ running ] |    v
///      ^ ^                   | late: '- [suspected]
///      | | ends                 v          | does not move
///      | '----------- [ stopping ] <-------'                cancelled, or left to run out
///      |   or fails         | not in time, or nothing but a reset stops it
///      |                    v
///      |              [ resetting ]
///      |                    | no answer: written off, the job is dispatched elsewhere
///      |                    v
///      '------------- [ quarantined ]    a rest that doubles, then one block on trial;
///      |                                   a device that did not answer, or refused one,
///      |                                   is reset before
///      |
///      '------------- [ resting ]        refused or failed for a passing reason: a short rest, doubling
/// ```
///
/// Fields are public and plain: start from [`DEFAULT`](Self::DEFAULT) and change what your board needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Supervision {
    /// When a block is late, and what is tried then; `None`: a block may take for ever.
    pub timeouts: Option<Timeouts>,
    /// How long an accelerator rests that refused or failed a block for a passing reason.
    pub back_off: Rest,
    /// How long an accelerator is out of service that is gone or does not answer, before it is given a
    /// block on trial; `None`: until it is [restored](crate::Runtime::restore).
    pub quarantine: Option<Rest>,
    /// When a model is barred from an accelerator on which it keeps failing; `None`: never.
    pub bars: Option<Bars>,
}

/// When a block is late, and what is tried then.
///
/// Its time is what the tables and the online correction expect of it, switch included, times `factor`,
/// plus `slack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Timeouts {
    /// Of the expected time. Vendors ask for 30 % above their estimates; contention and a lower clock
    /// come on top, and a timeout costs more than waiting.
    pub factor: u8,
    /// For what does not grow with the block: interrupts, buses, caches.
    pub slack: Duration,
    /// How long a sign of progress, the answer to a cancellation, or that to a reset may take.
    pub grace: Duration,
    /// How many graces a late block is given at most while it moves on.
    pub extensions: u8,
    /// How many times its time a block is given in all, graces included, that cannot be stopped but runs to
    /// its end; a grace at least from when it was to stop.
    pub run_out: u8,
}

/// A rest that doubles each time in a row, up to a limit. Rests are at least a microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Rest {
    /// The first.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

/// When a model is barred from an accelerator, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Bars {
    /// After how many failures or timeouts in a row of the model there: at least 1, and 253 at most. A block
    /// that its queue did not take because it is full, starts or is gone is none; one that it took and that
    /// failed is, whatever the reason. A pair that was let in again is barred at its next failure.
    pub failures: u8,
    /// For how long; pairs barred from one accelerator are let in again together, behind the latest, whatever
    /// the rules are by then.
    pub rest: Duration,
}

impl Supervision {
    /// The defaults: timeouts at 4 x expected + 1 ms with graces of 5 ms, at most 4 of them, and 3 x the
    /// timeout for what runs to its end; rests of 100 us to 10 ms; quarantines of 100 ms to 10 s; a pair is
    /// barred for 1 s after 3 failures in a row.
    pub const DEFAULT: Self = Self {
        timeouts: Some(Timeouts {
            factor: 4,
            slack: Duration::from_millis(1),
            grace: Duration::from_millis(5),
            extensions: 4,
            run_out: 3,
        }),
        back_off: Rest { first: Duration::from_micros(100), longest: Duration::from_millis(10) },
        quarantine: Some(Rest { first: Duration::from_millis(100), longest: Duration::from_millis(10_000) }),
        bars: Some(Bars { failures: 3, rest: Duration::from_millis(1_000) }),
    };

    /// Nothing is late, nothing is barred for failing, nothing returns by itself but from a rest: for
    /// simulations, whose blocks take what they take.
    pub const OFF: Self = Self { timeouts: None, quarantine: None, bars: None, ..Self::DEFAULT };
}

impl Default for Supervision {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Rest {
    /// The rest after `before` others in a row.
    fn after(self, before: u8) -> Duration {
        let doubled = self.first.as_nanos().max(1_000).saturating_mul(1 << before.min(63));
        Duration::from_nanos(doubled.min(self.longest.as_nanos().max(1_000)))
    }
}

/// What the runtime knows of one accelerator: 48 bytes, and one per model.
#[derive(Clone, Debug)]
pub(super) struct Lane<const MODELS: usize> {
    pub(super) step: Step,
    /// When the step is over.
    pub(super) due: Instant,
    /// The block in flight, as long as the step is one of a block.
    pub(super) ticket: Ticket,
    pub(super) model: ModelId,
    /// Until when it may run if it cannot be stopped; no such time without a block.
    pub(super) run_out: Instant,
    /// A sibling was reset, and the block in flight with it: it is not to blame.
    pub(super) reset_by_sibling: bool,
    /// Rests, and quarantines, since a block last succeeded.
    rests: u8,
    quarantines: u8,
    /// Failures in a row of each model here, or that it is barred.
    failures: [u8; MODELS],
    /// When models that were barred for failing are let in again.
    pub(super) parole: Instant,
}

/// Where an accelerator is in the picture of [`Supervision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Free,
    Running,
    /// Late; with how far it had come, if that is known, and how many graces it was given.
    Suspected {
        progress: Option<u32>,
        extensions: u8,
    },
    Stopping,
    Resetting,
    Resting,
    /// To be reset before its trial, or not.
    Quarantined {
        reset: bool,
    },
}

/// In place of failures: the pair is barred for good.
const FOR_GOOD: u8 = u8::MAX;
/// In place of failures: it is barred until the parole.
const FOR_A_WHILE: u8 = FOR_GOOD - 1;

impl Bars {
    /// How many failures are one too many.
    fn limit(self) -> u8 {
        self.failures.clamp(1, FOR_A_WHILE - 1)
    }
}

impl<const MODELS: usize> Lane<MODELS> {
    pub(super) const fn new(ticket: Ticket) -> Self {
        Self {
            step: Step::Free,
            due: Instant::MAX,
            ticket,
            model: ModelId(0),
            run_out: Instant::MAX,
            reset_by_sibling: false,
            rests: 0,
            quarantines: 0,
            failures: [0; MODELS],
            parole: Instant::MAX,
        }
    }

    /// Whether a block is in flight here.
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.step, Step::Running | Step::Suspected { .. } | Step::Stopping | Step::Resetting)
    }

    /// When it has to be seen to.
    pub(super) fn wake(&self) -> Instant {
        self.due.min(self.parole)
    }

    pub(super) fn go(&mut self, step: Step, due: Instant) {
        (self.step, self.due) = (step, due);
        if !self.is_running() {
            self.run_out = Instant::MAX;
        }
    }

    /// A block was accepted, and is expected to take this long.
    pub(super) fn accepted(
        &mut self,
        block: &Dispatch,
        expected: Duration,
        timeouts: Option<Timeouts>,
        now: Instant,
    ) {
        (self.ticket, self.model, self.reset_by_sibling) = (block.ticket, block.frame.model, false);
        let (time, run_out) = timeouts.map_or((Duration::MAX, 1), |timeouts| {
            let scaled = expected.as_nanos().saturating_mul(u64::from(timeouts.factor));
            (Duration::from_nanos(scaled.max(1)).saturating_add(timeouts.slack), timeouts.run_out)
        });
        let in_all = Duration::from_nanos(time.as_nanos().saturating_mul(u64::from(run_out)));
        self.run_out = now.saturating_add(in_all);
        self.go(Step::Running, now.saturating_add(time));
    }

    /// Its block has succeeded: all is forgotten.
    pub(super) fn succeeded(&mut self) {
        self.forgive();
        if let Some(failures) = self.failures.get_mut(usize::from(self.model.0)) {
            *failures = 0;
        }
        self.go(Step::Free, Instant::MAX);
    }

    /// The application says that it is well: how often it rested or was out is forgotten.
    pub(super) fn forgive(&mut self) {
        (self.rests, self.quarantines) = (0, 0);
    }

    /// It is on trial: it has not succeeded since its quarantine.
    pub(super) const fn is_on_trial(&self) -> bool {
        self.quarantines > 0
    }

    pub(super) fn rest(&mut self, back_off: Rest, now: Instant) {
        self.go(Step::Resting, now.saturating_add(back_off.after(self.rests)));
        self.rests = self.rests.saturating_add(1);
    }

    pub(super) fn quarantine(&mut self, rest: Option<Rest>, reset: bool, now: Instant) {
        let due = rest.map_or(Instant::MAX, |rest| now.saturating_add(rest.after(self.quarantines)));
        self.go(Step::Quarantined { reset }, due);
        self.quarantines = self.quarantines.saturating_add(1);
    }

    /// A model has failed here. The answer is whether it is to be barred.
    pub(super) fn blame(&mut self, model: ModelId, bars: Option<Bars>, now: Instant) -> bool {
        let (Some(bars), Some(failures)) = (bars, self.failures.get_mut(usize::from(model.0))) else {
            return false;
        };
        if *failures >= FOR_A_WHILE {
            return false;
        }
        *failures += 1;
        if *failures < bars.limit() {
            return false;
        }
        *failures = FOR_A_WHILE;
        let until = now.saturating_add(Duration::from_nanos(bars.rest.as_nanos().max(1_000)));
        self.parole = if self.parole == Instant::MAX { until } else { self.parole.max(until) };
        true
    }

    /// A model is barred from here for good, or let in again, whatever has been.
    pub(super) fn bar(&mut self, model: ModelId, barred: bool) {
        if let Some(failures) = self.failures.get_mut(usize::from(model.0)) {
            *failures = if barred { FOR_GOOD } else { 0 };
        }
    }

    /// The next model whose parole has come, until there is none left. O(MODELS).
    pub(super) fn next_on_parole(&mut self, bars: Option<Bars>) -> Option<ModelId> {
        let mut models = self.failures.iter_mut().zip(0..=u8::MAX);
        let Some((failures, model)) = models.find(|(failures, _)| **failures == FOR_A_WHILE) else {
            self.parole = Instant::MAX;
            return None;
        };
        *failures = bars.map_or(0, |bars| bars.limit() - 1);
        Some(ModelId(model))
    }
}

#[cfg(test)]
mod tests {
    use sdrm3_core::AcceleratorId;

    use super::*;

    #[test]
    fn notes_are_as_small_as_they_say() {
        assert_eq!(size_of::<Lane<8>>(), 48 + 8);
    }

    #[test]
    fn rests_double_up_to_their_limit_and_are_never_nothing() {
        let rest = Rest { first: Duration::from_millis(3), longest: Duration::from_millis(10) };
        let millis = [0, 1, 2, 3, 63, 64, 255].map(|before| rest.after(before).as_nanos() / 1_000_000);
        assert_eq!(millis, [3, 6, 10, 10, 10, 10, 10]);
        let none = Rest { first: Duration::ZERO, longest: Duration::ZERO };
        assert_eq!([none.after(0), none.after(9)], [Duration::from_micros(1); 2]);
    }

    const fn lane<const MODELS: usize>() -> Lane<MODELS> {
        Lane::new(Ticket { accelerator: AcceleratorId(0), sequence: 0 })
    }

    #[test]
    fn no_number_of_failures_is_too_great_to_be_reached() {
        let (mut lane, model) = (lane::<1>(), ModelId(0));
        let bars = Some(Bars { failures: u8::MAX, rest: Duration::from_millis(1) });
        let barred = (1..=255).find(|_| lane.blame(model, bars, Instant::ZERO));
        assert_eq!(barred, Some(253));
        assert_eq!([lane.next_on_parole(bars), lane.next_on_parole(bars)], [Some(model), None]);
        assert!(lane.blame(model, bars, Instant::ZERO), "its next failure is one too many");
    }

    #[test]
    fn there_may_be_room_for_more_models_than_there_are() {
        let (mut lane, bars) = (lane::<300>(), Some(Bars { failures: 1, rest: Duration::from_millis(1) }));
        for model in [0, 254].map(ModelId) {
            assert!(lane.blame(model, bars, Instant::ZERO));
        }
        let let_in = core::iter::from_fn(|| lane.next_on_parole(bars));
        assert_eq!(let_in.collect::<heapless::Vec<_, 3>>(), [0, 254].map(ModelId));
    }
}
