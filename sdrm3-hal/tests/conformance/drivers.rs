//! Rigs for the drivers of this crate, on the devices of their own tests.

use std::cell::RefCell;
use std::rc::Rc;

use embedded_hal::digital::OutputPin;
use sdrm3_core::{Dispatch, Duration, Instant, Path};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Rig, Work};
use sdrm3_hal::driver::cpu::{CpuQueue, Kernel, Step};
use sdrm3_hal::driver::spi_mailbox::{Config, NoReset, SpiMailbox};

use crate::bench::{Board, Wire};
use crate::device::{Npu, Twist};

// ---- a co-processor behind SPI -----------------------------------------------------------------

/// How long a block takes in its engine.
const ENGINE: Duration = Duration::from_millis(5);

type Mailbox<const DEPTH: usize, RESET> = SpiMailbox<Wire, Wire, DEPTH, RESET>;

pub(crate) struct Spi<const DEPTH: usize, RESET> {
    make: fn(Wire) -> Mailbox<DEPTH, RESET>,
    board: Rc<RefCell<Board>>,
    queue: Mailbox<DEPTH, RESET>,
}

impl<const DEPTH: usize, RESET> Spi<DEPTH, RESET> {
    fn new(make: fn(Wire) -> Mailbox<DEPTH, RESET>) -> Self {
        let board = Board::new();
        board.borrow_mut().engine.takes = ENGINE.as_nanos();
        board.borrow_mut().engine.energy_nj = Some(1_000);
        let queue = make(Wire(Rc::clone(&board)));
        Self { make, board, queue }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.energy = true;
    config.heartbeat = Duration::from_millis(1); // progress is asked for that often
    config
}

/// Reset by command.
pub(crate) fn by_command<const DEPTH: usize>() -> Spi<DEPTH, NoReset> {
    Spi::new(|wire| SpiMailbox::new(wire.clone(), wire, config()))
}

/// Reset by a pin.
pub(crate) fn by_pin<const DEPTH: usize>() -> Spi<DEPTH, Wire> {
    Spi::new(|wire| SpiMailbox::with_reset(wire.clone(), wire.clone(), wire, config()))
}

impl<const DEPTH: usize, RESET: OutputPin> Rig for Spi<DEPTH, RESET> {
    type Queue = Mailbox<DEPTH, RESET>;

    fn restart(&mut self) {
        *self = Self::new(self.make);
        while !self.queue.is_up() {
            let now = self.now();
            let _ = self.queue.poll(now);
            self.advance(Duration::from_micros(100));
        }
    }

    fn queue(&mut self) -> &mut Self::Queue {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        self.board.borrow().now()
    }

    fn advance(&mut self, by: Duration) {
        self.board.borrow_mut().advance(by);
    }

    fn longest(&self) -> Duration {
        ENGINE.saturating_add(Duration::from_millis(1))
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut board = self.board.borrow_mut();
        match mishap {
            Mishap::LateAnswer(ticket) => board.repeat(ticket.sequence),
            Mishap::Overrun => {} // an edge of the pin only wakes
            // Back at the reset pin; without one, the driver cannot do it: soon, by itself.
            Mishap::PowerLoss => board.lose_power(20_000_000),
            Mishap::DeviceReset => board.reboot(),
            Mishap::Hang => board.engine.hangs = true,
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.board.borrow().edges)
    }

    fn work(&self) -> Option<Work> {
        Some(Work { total: self.board.borrow().transfers, limit: 1 })
    }
}

// ---- a device behind a doorbell ----------------------------------------------------------------

/// The queue, or something around it.
pub(crate) struct Doorbell<Q> {
    npu: Npu,
    make: fn(&Npu) -> Q,
    queue: Q,
    /// Reset with it, as a second context of the same device is.
    sibling: (Npu, Q),
}

impl<Q> Doorbell<Q> {
    pub(crate) fn new(make: fn(&Npu) -> Q) -> Self {
        let (npu, other) = (Npu::new(), Npu::new());
        npu.device().sibling = Some(other.clone());
        Self { queue: make(&npu), npu, sibling: (other.clone(), make(&other)), make }
    }
}

impl<Q: AcceleratorQueue> Rig for Doorbell<Q> {
    type Queue = Q;

    fn restart(&mut self) {
        *self = Self::new(self.make);
    }

    fn queue(&mut self) -> &mut Q {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.npu.device().now)
    }

    fn advance(&mut self, by: Duration) {
        let now = self.npu.device().now + by.as_nanos();
        self.npu.device().advance(now);
        self.sibling.0.device().advance(now);
    }

    fn sibling(&mut self) -> Option<&mut Q> {
        Some(&mut self.sibling.1)
    }

    fn longest(&self) -> Duration {
        // What the suite's block is expected to take.
        Duration::from_millis(1)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let depth = self.queue.capabilities().depth;
        let mut device = self.npu.device();
        match mishap {
            Mishap::LateAnswer(ticket) => device.answer(ticket.sequence),
            // It has a place for each answer.
            Mishap::TwoAnswers if depth > 1 => device.twists.push_back(Twist::Twice),
            Mishap::Overrun => {} // the interrupt only wakes
            Mishap::PowerLoss => device.lose_power(),
            Mishap::DeviceReset => device.reset(),
            Mishap::Hang => device.hangs = true,
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.npu.device().events)
    }

    fn work(&self) -> Option<Work> {
        let depth = u32::from(self.queue.capabilities().depth);
        let limit = (2 + 11 * depth).max(11) + 11 + depth; // as the driver's documentation has it
        Some(Work { total: self.npu.device().accesses.get(), limit })
    }
}

// ---- the CPU -----------------------------------------------------------------------------------

const SLICES: u32 = 50;

/// Fifty slices that do nothing.
#[derive(Debug, Default)]
pub(crate) struct Slices {
    ran: u32,
    hung: bool,
}

impl Kernel for Slices {
    fn step(&mut self, _: &Dispatch, slice: u32) -> Step {
        self.ran += 1;
        self.hung &= slice > 0;
        if slice + 1 >= SLICES && !self.hung { Step::Done(Path::Next) } else { Step::More }
    }
}

pub(crate) struct Cpu {
    queue: RefCell<CpuQueue<Slices>>,
    now: Instant,
}

impl Cpu {
    pub(crate) fn new() -> Self {
        Self { queue: RefCell::new(CpuQueue::new(Slices::default())), now: Instant::ZERO }
    }
}

impl Rig for Cpu {
    type Queue = CpuQueue<Slices>;

    fn restart(&mut self) {
        *self = Self::new();
    }

    fn queue(&mut self) -> &mut CpuQueue<Slices> {
        self.queue.get_mut()
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
    }

    fn longest(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        if mishap == Mishap::Hang {
            self.queue.get_mut().kernel().hung = true;
        }
        mishap == Mishap::Hang
    }

    fn work(&self) -> Option<Work> {
        Some(Work { total: self.queue.borrow_mut().kernel().ran, limit: 1 })
    }

    fn calls(&self) -> u32 {
        SLICES + 1
    }
}
