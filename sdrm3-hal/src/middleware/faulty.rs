//! A queue that fails on request: to test what stands above it.

use heapless::Deque;
use oorandom::Rand32;
use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Ticket};

use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Completion, Error, ErrorKind, ErrorType, Health, Power,
    Pump, Residency,
};

/// What goes wrong with one block.
///
/// The first ones are what a correct driver shows of a device that fails: the queue keeps its contract, and
/// the user must live with them. The [last three](Self::breaks_contract) are those of a broken driver, to
/// test what defends against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Injection {
    /// It is refused with this kind, and not started.
    Refuse(ErrorKind),
    /// It runs, and ends with this kind.
    Fail(ErrorKind),
    /// Its completion comes this much later than the device had it; those behind it wait.
    Delay(Duration),
    /// It hangs, and those behind it, until a `reset` or a loss of power.
    Hang,
    /// The device resets itself while the block is in flight: all in flight end with
    /// [`ErrorKind::Reset`].
    Reset,
    /// The device loses its power while the block is in flight: all in flight end with
    /// [`ErrorKind::Gone`], and blocks are refused with it until a `reset`.
    PowerLoss,
    /// Its completion never comes: **breaks the contract**.
    Lose,
    /// Its completion comes twice: **breaks the contract**.
    Duplicate,
    /// Its completion names a ticket that never was, all bits of its sequence turned over: **breaks the
    /// contract**.
    Misname,
}

impl Injection {
    /// Whether no correct driver would show it.
    pub const fn breaks_contract(self) -> bool {
        matches!(self, Self::Lose | Self::Duplicate | Self::Misname)
    }
}

/// Decides what goes wrong. A closure `|block| -> Option<Injection>` is one, and so is an iterator's `next`:
/// `|_: &Dispatch| script.next().flatten()`.
pub trait Plan {
    /// What goes wrong with this block, if anything; asked once per call of `submit` that has room.
    fn next(&mut self, block: &Dispatch) -> Option<Injection>;
}

impl<F: FnMut(&Dispatch) -> Option<Injection>> Plan for F {
    fn next(&mut self, block: &Dispatch) -> Option<Injection> {
        self(block)
    }
}

/// Fails one block in so many, at random: the same seed fails the same ones.
///
/// The numbers are those of PCG32 (`oorandom::Rand32`), two per failure and one per other block.
#[derive(Clone, Debug)]
pub struct Dice<'a> {
    numbers: Rand32,
    one_in: u32,
    injections: &'a [Injection],
}

impl<'a> Dice<'a> {
    /// With a chance of one in so many, one of these, each as likely as the others. None at all if either
    /// is empty.
    pub fn new(seed: u64, one_in: u32, injections: &'a [Injection]) -> Self {
        Self { numbers: Rand32::new(seed), one_in, injections }
    }

    /// The state of the generator, to go on from with [`resume`](Self::resume).
    pub fn state(&self) -> (u64, u64) {
        self.numbers.state()
    }

    /// Goes on from this state.
    #[must_use]
    pub fn resume(self, state: (u64, u64)) -> Self {
        Self { numbers: Rand32::from_state(state), ..self }
    }

    /// A number below this one.
    fn below(&mut self, end: u32) -> u32 {
        ((u64::from(self.numbers.rand_u32()) * u64::from(end)) >> 32) as u32
    }
}

impl Plan for Dice<'_> {
    fn next(&mut self, _: &Dispatch) -> Option<Injection> {
        if self.one_in == 0 || self.below(self.one_in) != 0 {
            return None;
        }
        let chosen = self.below(self.injections.len() as u32);
        self.injections.get(chosen as usize).copied()
    }
}

/// A block in flight.
#[derive(Clone, Copy, Debug)]
struct Held {
    ticket: Ticket,
    injection: Option<Injection>,
    /// What the queue inside said, and when it is handed out.
    answer: Option<(Completion<ErrorKind>, Instant)>,
}

/// A queue that fails as a [`Plan`] says, up to `DEPTH` blocks deep.
///
/// Its errors are kinds, as failures of its own have no details. A device that is deeper than `DEPTH` is
/// used to that depth. Per call: one call of the queue inside, and O(`DEPTH`).
///
/// ```
/// use sdrm3_core::{Dispatch, Path};
/// use sdrm3_hal::driver::cpu::{CpuQueue, Step};
/// use sdrm3_hal::middleware::{Dice, Faulty, Injection};
/// use sdrm3_hal::queue::ErrorKind;
///
/// let cpu = CpuQueue::new(|_: &Dispatch, _| Step::Done(Path::Next));
/// let faults = [Injection::Fail(ErrorKind::Device), Injection::Hang];
/// let queue = Faulty::<_, _, 1>::new(cpu, Dice::new(7, 100, &faults)); // one block in a hundred
/// ```
#[derive(Clone, Debug)]
pub struct Faulty<Q, P, const DEPTH: usize> {
    queue: Q,
    plan: P,
    held: Deque<Held, DEPTH>,
    /// To happen at the next `poll`.
    strike: Option<ErrorKind>,
    off: bool,
    injected: u32,
}

impl<Q: AcceleratorQueue, P: Plan, const DEPTH: usize> Faulty<Q, P, DEPTH> {
    /// This queue, with failures as planned.
    pub const fn new(queue: Q, plan: P) -> Self {
        const { assert!(DEPTH > 0 && DEPTH <= 255, "DEPTH must lie in 1..=255") };
        Self { queue, plan, held: Deque::new(), strike: None, off: false, injected: 0 }
    }

    /// How many failures there were.
    pub const fn injected(&self) -> u32 {
        self.injected
    }

    /// The queue inside.
    pub const fn queue(&mut self) -> &mut Q {
        &mut self.queue
    }

    /// Everything in flight ends with this kind: now, or when the queue inside has done with it.
    fn end_all(&mut self, kind: ErrorKind, now: Instant) {
        for held in &mut self.held {
            held.injection = Some(Injection::Fail(kind));
            if let Some((answer, due)) = &mut held.answer {
                (answer.result, *due) = (Err(kind), now);
            }
        }
    }

    /// Notes what the queue inside says of a block; hands it back if it is none of ours.
    fn note(&mut self, answer: Completion<ErrorKind>, now: Instant) -> Option<Completion<ErrorKind>> {
        let waits = |held: &&mut Held| held.ticket == answer.ticket && held.answer.is_none();
        let Some(held) = self.held.iter_mut().find(waits) else { return Some(answer) };
        let due = match held.injection {
            Some(Injection::Delay(by)) => now.saturating_add(by),
            _ => now,
        };
        let result = match held.injection {
            Some(Injection::Fail(kind)) => Err(kind),
            _ => answer.result,
        };
        held.answer = Some((Completion { result, ..answer }, due));
        None
    }

    /// The oldest block's completion, if it is due.
    fn hand_out(&mut self, now: Instant) -> Option<Completion<ErrorKind>> {
        while let Some(Held { injection, answer: Some((answer, due)), .. }) = self.held.front_mut() {
            if *due > now || *injection == Some(Injection::Hang) {
                return None;
            }
            let mut answer = *answer;
            if *injection == Some(Injection::Duplicate) {
                *injection = None;
                return Some(answer);
            }
            let injection = *injection;
            self.held.pop_front();
            match injection {
                Some(Injection::Lose) => continue,
                Some(Injection::Misname) => answer.ticket.sequence = !answer.ticket.sequence,
                _ => {}
            }
            return Some(answer);
        }
        None
    }

    fn held(&self, ticket: Ticket) -> Option<&Held> {
        self.held.iter().find(|held| held.ticket == ticket)
    }
}

impl<Q, P, const DEPTH: usize> ErrorType for Faulty<Q, P, DEPTH> {
    type Error = ErrorKind;
}

impl<Q: AcceleratorQueue, P: Plan, const DEPTH: usize> AcceleratorQueue for Faulty<Q, P, DEPTH> {
    fn capabilities(&self) -> Capabilities {
        let inner = self.queue.capabilities();
        Capabilities { depth: inner.depth.min(DEPTH as u8), ..inner }
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.off {
            return Err(ErrorKind::Gone);
        }
        if self.held.len() >= usize::from(self.capabilities().depth) {
            return Err(ErrorKind::Full);
        }
        let injection = self.plan.next(block);
        if let Some(Injection::Refuse(kind)) = injection {
            self.injected = self.injected.saturating_add(1);
            return Err(kind);
        }
        self.queue.submit(now, block).map_err(|error| error.kind())?;
        self.injected = self.injected.saturating_add(u32::from(injection.is_some()));
        match injection {
            Some(Injection::Reset) => self.strike = Some(ErrorKind::Reset),
            Some(Injection::PowerLoss) => self.strike = Some(ErrorKind::Gone),
            _ => {}
        }
        // There is room: it was checked above.
        let _ = self.held.push_back(Held { ticket: block.ticket, injection, answer: None });
        Ok(())
    }

    /// A delayed completion is due by the clock alone, so it answers `CallAgain` until then.
    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        if let Some(kind) = self.strike.take() {
            self.off = kind == ErrorKind::Gone;
            // What it answers does not matter: the blocks end as we say.
            let _ = self.queue.reset(now);
            self.end_all(kind, now);
        }
        let pump = self.queue.poll(now).map_err(|error| error.kind());
        if let Pump::Done(answer) = pump
            && let Some(foreign) = self.note(answer, now)
        {
            return Pump::Done(foreign);
        }
        if let Some(answer) = self.hand_out(now) {
            return Pump::Done(answer);
        }
        let hangs = self.held.front().is_some_and(|held| held.injection == Some(Injection::Hang));
        match pump {
            Pump::Done(_) => Pump::CallAgain,
            _ if self.held.is_empty() => pump,
            Pump::Idle if hangs => Pump::Waiting,
            Pump::Idle => Pump::CallAgain,
            Pump::Waiting if self.held.front().is_some_and(|held| held.answer.is_some()) && !hangs => {
                Pump::CallAgain
            }
            other => other,
        }
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        match self.held(ticket) {
            Some(Held { injection: Some(Injection::Hang), .. }) => CancelOutcome::NeedsReset,
            Some(Held { answer: Some(_), .. }) => CancelOutcome::RunsToEnd,
            _ => self.queue.cancel(now, ticket),
        }
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        (self.strike, self.off) = (None, false);
        self.end_all(ErrorKind::Reset, now);
        self.queue.reset(now).map_err(|error| error.kind())
    }

    /// A block that hangs stays at zero; one whose completion is held back is at the most.
    fn progress(&self, ticket: Ticket) -> Option<u32> {
        let counts = self.queue.capabilities().progress;
        match self.held(ticket) {
            Some(Held { injection: Some(Injection::Hang), .. }) => counts.then_some(0),
            Some(Held { answer: Some(_), .. }) => counts.then_some(u32::MAX),
            _ => self.queue.progress(ticket),
        }
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        self.queue.prepare(now, model);
    }

    fn residency(&self, model: ModelId) -> Residency {
        self.queue.residency(model)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), ErrorKind> {
        self.queue.set_power(now, level).map_err(|error| error.kind())
    }

    /// That of the queue inside: what was injected is counted [apart](Self::injected).
    fn health(&self) -> Health {
        self.queue.health()
    }
}
