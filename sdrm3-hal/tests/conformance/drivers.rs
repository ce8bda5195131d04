//! Rigs for the drivers of this crate, on the devices of their own tests.

use std::cell::RefCell;
use std::rc::Rc;

use sdrm3_core::{Dispatch, Duration, Instant, Path};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Rig, Work};
use sdrm3_hal::driver::cpu::{CpuQueue, Kernel, Step};
use sdrm3_hal::driver::spi_mailbox::{Config, SpiMailbox};

use crate::bench::{Board, Wire};
use crate::device::Npu;

// ---- a co-processor behind SPI -----------------------------------------------------------------

const SPI_DEPTH: usize = 3;

pub(crate) struct Spi {
    board: Rc<RefCell<Board>>,
    queue: SpiMailbox<Wire, Wire, SPI_DEPTH, Wire>,
    /// Blocks that the engine had started when it hung.
    hung: Option<usize>,
}

impl Spi {
    pub(crate) fn new() -> Self {
        let board = Board::new();
        board.borrow_mut().engine.energy_nj = Some(1_000);
        let wire = Wire(Rc::clone(&board));
        let mut config = Config::new();
        config.energy = true;
        // It takes as long to give up on a device, so no longer than the suite has patience.
        (config.patience, config.start_up) = (Duration::from_millis(5), Duration::from_millis(5));
        // Progress is asked for this often.
        config.heartbeat = Duration::from_micros(200);
        let queue = SpiMailbox::with_reset(wire.clone(), wire.clone(), wire, config);
        Self { board, queue, hung: None }
    }
}

impl Rig for Spi {
    type Queue = SpiMailbox<Wire, Wire, SPI_DEPTH, Wire>;

    fn restart(&mut self) {
        *self = Self::new();
    }

    fn queue(&mut self) -> &mut Self::Queue {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        self.board.borrow().now()
    }

    fn advance(&mut self, by: Duration) {
        let mut board = self.board.borrow_mut();
        if self.hung.is_some_and(|started| board.engine.started.len() > started) {
            board.engine.hangs = false; // it was reset in between
            self.hung = None;
        }
        board.advance(by);
    }

    fn longest(&self) -> Duration {
        // A millisecond in the engine, the session's begin and the transfers.
        Duration::from_millis(2)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut board = self.board.borrow_mut();
        match mishap {
            Mishap::PowerLoss => board.power(false),
            Mishap::DeviceReset => board.reboot(),
            Mishap::Hang => {
                board.engine.hangs = true;
                self.hung = Some(board.engine.started.len());
            }
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
}

impl<Q> Doorbell<Q> {
    pub(crate) fn new(make: fn(&Npu) -> Q) -> Self {
        let npu = Npu::new();
        Self { queue: make(&npu), make, npu }
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
        let mut device = self.npu.device();
        let now = device.now + by.as_nanos();
        device.advance(now);
    }

    fn longest(&self) -> Duration {
        // What the suite's block is expected to take.
        Duration::from_millis(1)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut device = self.npu.device();
        match mishap {
            Mishap::LateAnswer(ticket) => device.answer(ticket.sequence),
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
