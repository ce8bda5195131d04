//! One run with faults: virtual time, devices that fail, and the firmware's runtime between them.

use std::iter::Peekable;
use std::vec::IntoIter;

use sdrm3_core::{
    AcceleratorId, Config, Duration, Event, Frame, Instant, ModelId, Policy, Refusal, Refused, Scheduler,
};
use sdrm3_hal::{Application, Runtime, Supervision, Trouble, Wake};

use super::device::{Device, World};
use super::{BURST, DIPS, JUMP, Kind, Ledger, SLOW, Strike, Window};
use crate::engine::{Agenda, Cell, Draw, Entry, Execution, JOBS, SimulatedAccelerator, releases};
use crate::scenario::{ACCELERATORS, MODELS};

/// What is known of the faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: the runtime finds out, under its default supervision.
    Supervised,
    /// When accelerators are gone, and when they are back; what else has been decided beforehand.
    Knowing {
        /// Whether an accelerator is used while it is slow; else it is out of service meanwhile.
        use_slow: bool,
        /// Whether the frames of a burst are taken in; else those that are too many are turned away.
        take_burst: bool,
    },
}

/// What came of a run with faults.
#[derive(Debug)]
pub struct Disturbed<'a> {
    /// The books.
    pub ledger: Ledger<'a>,
    /// Anomalies that the runtime survived.
    pub trouble: Trouble,
    /// Models that a fault struck at, and their dependents; bit `m` is model `m`.
    pub touched: u32,
    /// How often faults struck.
    pub strikes: u32,
}

/// How soon the CPU is back at a queue that needs it.
const CPU_TURN: Duration = Duration::from_micros(20);

/// Runs a cell, which must not script changes, with these faults.
pub fn run<'a, P: Policy>(
    cell: &Cell<'a>,
    policy: P,
    config: Config,
    strikes: &[Strike],
    mode: Mode,
) -> Disturbed<'a> {
    run_hearing(cell, policy, config, strikes, mode, |_| 1)
}

/// The same with books that hear of each event as often as said: once, or they find fault.
pub(super) fn run_hearing<'a, P: Policy>(
    cell: &Cell<'a>,
    policy: P,
    config: Config,
    strikes: &[Strike],
    mode: Mode,
    heard: impl FnMut(&Event) -> usize,
) -> Disturbed<'a> {
    let end = Instant::ZERO.saturating_add(cell.duration);
    let draw = Draw::new(cell.seed);
    let world = World::default();
    let scheduler = Scheduler::<P, MODELS, JOBS, ACCELERATORS>::new(cell.workload, policy, config)
        .expect("the workload was checked when it was built, within these capacities");
    let device = |(index, _)| {
        let inner = SimulatedAccelerator::new(Execution::new(cell, draw), cell.platform.decision_ns);
        Device::new(inner, index, strikes, &world)
    };
    let devices = cell.platform.accelerators.iter().enumerate().map(device).collect();
    let supervision = if mode == Mode::Supervised { Supervision::DEFAULT } else { Supervision::OFF };
    let runtime = Runtime::new(scheduler, devices).expect("one device was made per accelerator");
    let mut run = Run {
        runtime: runtime.with_supervision(supervision),
        books: Books { ledger: Ledger::new(cell, draw, Window::of(cell.duration)), heard },
        agenda: Agenda::new(cell.scenario, draw),
        turns: turns(strikes).into_iter().peekable(),
        extra: extra(cell, strikes, end).into_iter().peekable(),
        world: &world,
        strikes,
        mode,
        ahead: Duration::ZERO,
    };
    for (index, _) in cell.scenario.models.iter().enumerate().filter(|(_, model)| !model.active) {
        let _ = run.runtime.set_active(ModelId(index as u8), false, Instant::ZERO, &mut run.books);
    }
    run.to(end);
    let told = end.saturating_add(run.ahead);
    run.runtime.close(told, &mut run.books);
    let (trouble, ledger) = (run.runtime.trouble(), run.books.ledger);
    Disturbed { ledger, trouble, touched: with_dependents(world.touched(), cell), strikes: world.strikes() }
}

/// The models of these bits, and those that run on frames of theirs.
fn with_dependents(mut touched: u32, cell: &Cell<'_>) -> u32 {
    // A chain of parents is no longer than there are models.
    for _ in &cell.scenario.models {
        for (index, model) in cell.scenario.models.iter().enumerate() {
            if model.parent.is_some_and(|parent| touched & (1 << parent.index) != 0) {
                touched |= 1 << index;
            }
        }
    }
    touched
}

/// Something changes about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Ends,
    Begins,
    Dips,
}

/// When which fault turns.
fn turns(strikes: &[Strike]) -> Vec<(Instant, Turn, usize)> {
    let mut turns = Vec::new();
    for (index, strike) in strikes.iter().enumerate() {
        let Window { from, until } = strike.window;
        if strike.kind == Kind::BrownOut {
            let dips = std::iter::successors(Some(from), |at| Some(at.saturating_add(DIPS)));
            turns.extend(dips.take_while(|at| *at < until).map(|at| (at, Turn::Dips, index)));
        } else {
            turns.extend([(from, Turn::Begins, index), (until, Turn::Ends, index)]);
        }
    }
    turns.sort_unstable();
    turns
}

/// The frames of bursts, beside those that come anyway: spread evenly over the period of each of these.
fn extra(cell: &Cell<'_>, strikes: &[Strike], end: Instant) -> Vec<(Instant, usize)> {
    let mut extra = Vec::new();
    for strike in strikes.iter().filter(|strike| strike.kind == Kind::Burst) {
        let step = 1e9 / cell.scenario.models[strike.model].fps / f64::from(BURST);
        for (model, _, at) in releases(cell.scenario, cell.seed, end) {
            if model == strike.model && strike.window.has(at) {
                let later = |n| at.saturating_add(Duration::from_nanos((step * f64::from(n)) as u64));
                extra.extend((1..BURST).map(|n| (later(n), model)).filter(|(at, _)| *at < end));
            }
        }
    }
    extra.sort_unstable();
    extra
}

/// A run under way.
struct Run<'a, 'w, P, F> {
    runtime: Runtime<'a, P, Device<'w>, MODELS, JOBS, ACCELERATORS>,
    books: Books<'a, F>,
    agenda: Agenda<'a>,
    turns: Peekable<IntoIter<(Instant, Turn, usize)>>,
    extra: Peekable<IntoIter<(Instant, usize)>>,
    world: &'w World,
    strikes: &'w [Strike],
    mode: Mode,
    /// By how much the time that the runtime is told is ahead of the world's.
    ahead: Duration,
}

impl<P: Policy, F: FnMut(&Event) -> usize> Run<'_, '_, P, F> {
    fn to(&mut self, end: Instant) {
        let mut wake = Instant::MAX;
        loop {
            let device = self.runtime.queues_mut().iter_mut().filter_map(Device::next_event).min();
            let turn = self.turns.peek().map(|(at, ..)| *at);
            let extra = self.extra.peek().map(|(at, _)| *at);
            let others = [device, turn, extra].into_iter().flatten();
            let now = others.fold(self.agenda.next_time().min(wake), Instant::min);
            if now > end {
                return;
            }
            self.world.now.set(now);
            self.books.ledger.set_time(now);
            while let Some((_, turn, index)) = self.turns.next_if(|(at, ..)| *at <= now) {
                self.turn(turn, index, now);
            }
            while let Some(entry) = self.agenda.pop_due(now) {
                // What comes at the very end belongs to the next run.
                if let Entry::Frame { model, .. } = entry
                    && now < end
                {
                    self.arrive(model, now);
                }
            }
            while let Some((_, model)) = self.extra.next_if(|(at, _)| *at <= now) {
                self.world.strike(model);
                if matches!(self.mode, Mode::Knowing { take_burst: false, .. }) {
                    self.books.ledger.turn_away(ModelId(model as u8));
                } else {
                    self.arrive(model, now);
                }
            }
            let soon = now.saturating_add(Duration::from_nanos(1));
            wake = match self.runtime.poll(self.told(now), &mut self.books) {
                Wake::At(at) => {
                    Instant::from_nanos(at.as_nanos().saturating_sub(self.ahead.as_nanos())).max(soon)
                }
                Wake::OnEvent => Instant::MAX,
                Wake::Now => now.saturating_add(CPU_TURN),
            };
        }
    }

    /// The time as the runtime is told it.
    fn told(&self, now: Instant) -> Instant {
        now.saturating_add(self.ahead)
    }

    fn arrive(&mut self, model: usize, now: Instant) {
        let told = self.told(now);
        match self.runtime.release(ModelId(model as u8), told, &mut self.books) {
            Ok(frame) => self.books.ledger.offered(&frame),
            Err(Refused { frame: Some(frame), .. }) => {
                self.books.ledger.offered(&frame);
                self.runtime.give_up(frame, told, &mut self.books);
            }
            Err(Refused { frame: None, why: Refusal::Inactive }) => {}
            Err(Refused { frame: None, .. }) => self.books.ledger.nameless(),
        }
    }

    fn turn(&mut self, turn: Turn, index: usize, now: Instant) {
        let Strike { kind, accelerator, .. } = self.strikes[index];
        let begins = turn == Turn::Begins;
        let leaves_slow = matches!(self.mode, Mode::Knowing { use_slow: false, .. });
        match kind {
            Kind::BrownOut => self.runtime.queues_mut().iter_mut().for_each(Device::brown_out),
            Kind::ClockJump => {
                self.ahead = if begins { JUMP } else { Duration::ZERO };
                // Every deadline is another now.
                (0..self.books.ledger.models()).for_each(|model| self.world.strike(model));
            }
            Kind::Death => self.set_lost(accelerator, begins, now),
            Kind::Slow if leaves_slow => self.set_lost(accelerator, begins, now),
            Kind::Slow => {
                if let Some(device) = self.runtime.queues_mut().get_mut(accelerator) {
                    device.set_speed(if begins { SLOW } else { 1.0 });
                }
            }
            // They strike at blocks, at arrivals, or before the start.
            Kind::Hang
            | Kind::Lost
            | Kind::Late
            | Kind::Duplicate
            | Kind::Corrupt
            | Kind::Table
            | Kind::Burst => {}
        }
    }

    fn set_lost(&mut self, accelerator: usize, lost: bool, now: Instant) {
        // Two faults may have taken it: it is back when both have ended.
        let gone = |strike: &&Strike| {
            let takes = strike.kind == Kind::Death
                || strike.kind == Kind::Slow && matches!(self.mode, Mode::Knowing { use_slow: false, .. });
            takes && strike.accelerator == accelerator && strike.window.has(now)
        };
        if !lost && self.strikes.iter().any(|strike| gone(&strike)) {
            return;
        }
        if let Some(device) = self.runtime.queues_mut().get_mut(accelerator) {
            device.set_lost(lost);
        }
        if !lost && self.mode != Mode::Supervised {
            let told = self.told(now);
            self.runtime.restore(AcceleratorId(accelerator as u8), told, &mut self.books);
        }
    }
}

/// The run's application: the ledger, which hears of each event as often as said.
struct Books<'a, F> {
    ledger: Ledger<'a>,
    heard: F,
}

impl<F: FnMut(&Event) -> usize> Application for Books<'_, F> {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        self.ledger.gives_rise(parent, child)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        for _ in 0..(self.heard)(event) {
            self.ledger.event(event, now);
        }
    }
}
