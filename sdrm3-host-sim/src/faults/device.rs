//! An accelerator that faults strike at: a simulated one behind the fault injector, on the world's clock.

use std::cell::Cell;

use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::middleware::{Faulty, Injection, Plan};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, ErrorKind, ErrorType, Health, Pump};

use super::{Kind, ONE_IN, Strike};
use crate::engine::SimulatedAccelerator;

/// What the devices of a run share.
#[derive(Debug, Default)]
pub(super) struct World {
    /// The time, whatever the runtime is told.
    pub(super) now: Cell<Instant>,
    /// Models that a fault has struck at; bit `m` is model `m`.
    touched: Cell<u32>,
    /// How often one has struck.
    strikes: Cell<u32>,
}

impl World {
    /// A fault strikes at a model.
    pub(super) fn strike(&self, model: usize) {
        self.touched.set(self.touched.get() | 1 << model);
        self.strikes.set(self.strikes.get() + 1);
    }

    pub(super) fn touched(&self) -> u32 {
        self.touched.get()
    }

    pub(super) fn strikes(&self) -> u32 {
        self.strikes.get()
    }
}

/// Injects the faults of single blocks that strike at one accelerator.
#[derive(Debug)]
pub(super) struct Script<'a> {
    world: &'a World,
    aims: Vec<Aim>,
}

#[derive(Debug)]
struct Aim {
    strike: Strike,
    /// Of so many blocks in a row, this one: two faults of the same pair take turns.
    turn: u32,
    blocks: u32,
    hits: u32,
}

impl Plan for Script<'_> {
    fn next(&mut self, block: &Dispatch) -> Option<Injection> {
        let now = self.world.now.get();
        let model = usize::from(block.frame.model.0);
        let mut injection = None;
        for aim in &mut self.aims {
            if aim.strike.model != model || !aim.strike.window.has(now) {
                continue;
            }
            aim.blocks += 1;
            if injection.is_none() && aim.blocks % ONE_IN == aim.turn {
                aim.hits += 1;
                injection = injection_of(aim.strike.kind, aim.hits.is_multiple_of(2));
                self.world.strike(model);
            }
        }
        injection
    }
}

fn injection_of(kind: Kind, second: bool) -> Option<Injection> {
    Some(match (kind, second) {
        (Kind::Hang, _) => Injection::Hang,
        (Kind::Lost, _) => Injection::Lose,
        (Kind::Late, false) => Injection::Delay(Duration::from_millis(2)),
        (Kind::Late, true) => Injection::Delay(Duration::from_millis(20)),
        (Kind::Duplicate, _) => Injection::Duplicate,
        (Kind::Corrupt, false) => Injection::Fail(ErrorKind::Corrupt),
        (Kind::Corrupt, true) => Injection::Misname,
        _ => return None,
    })
}

/// The accelerator.
#[derive(Debug)]
pub(super) struct Device<'a> {
    queue: Faulty<SimulatedAccelerator<'a>, Script<'a>, 1>,
    world: &'a World,
    running: Option<ModelId>,
    slow: bool,
}

impl<'a> Device<'a> {
    /// The accelerator of this index, struck at by those of the faults that are aimed at its blocks.
    pub(super) fn new(
        inner: SimulatedAccelerator<'a>,
        index: usize,
        strikes: &[Strike],
        world: &'a World,
    ) -> Self {
        let aimed =
            strikes.iter().enumerate().filter(|(_, s)| s.kind.strikes_blocks() && s.accelerator == index);
        let aim = |(place, &strike): (usize, &Strike)| {
            let turn = if place == 0 { 1 } else { 1 + ONE_IN / 2 };
            Aim { strike, turn, blocks: 0, hits: 0 }
        };
        let queue = Faulty::new(inner, Script { world, aims: aimed.map(aim).collect() });
        Self { queue, world, running: None, slow: false }
    }

    /// Blocks run at this share of full speed from now on.
    pub(super) fn set_speed(&mut self, speed: f64) {
        self.slow = speed < 1.0;
        self.queue.queue().set_speed(speed);
    }

    /// It is gone, with what it runs, or back.
    pub(super) fn set_lost(&mut self, lost: bool) {
        if lost {
            self.strike_what_runs();
        }
        self.queue.queue().set_lost(lost, self.world.now.get());
    }

    /// It resets itself: what it runs is lost.
    pub(super) fn brown_out(&mut self) {
        self.strike_what_runs();
        // A device that is gone has nothing to lose.
        let _ = self.queue.queue().reset(self.world.now.get());
    }

    /// A block that ends just now is not lost.
    fn strike_what_runs(&mut self) {
        let ends_later = self.next_event().is_some_and(|at| at > self.world.now.get());
        if let Some(model) = self.running.filter(|_| ends_later) {
            self.world.strike(usize::from(model.0));
        }
    }

    /// When the device inside has something to report.
    pub(super) fn next_event(&mut self) -> Option<Instant> {
        self.queue.queue().next_event()
    }
}

impl ErrorType for Device<'_> {
    type Error = ErrorKind;
}

/// The time it is given is that of the runtime, which may be wrong; its own is the world's.
impl AcceleratorQueue for Device<'_> {
    fn capabilities(&self) -> Capabilities {
        self.queue.capabilities()
    }

    fn submit(&mut self, _: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        let answer = self.queue.submit(self.world.now.get(), block);
        if self.slow || answer == Err(ErrorKind::Gone) {
            self.world.strike(usize::from(block.frame.model.0));
        }
        if answer.is_ok() {
            self.running = Some(block.frame.model);
        }
        answer
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        let pump = self.queue.poll(self.world.now.get());
        if matches!(pump, Pump::Done(_) | Pump::Idle) {
            self.running = None;
        }
        pump
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        self.queue.cancel(self.world.now.get(), ticket)
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.queue.reset(self.world.now.get())
    }

    fn health(&self) -> Health {
        self.queue.health()
    }
}
