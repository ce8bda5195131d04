//! A driver of your own, on the bench of the conformance suite:
//!
//! ```text
//! cargo run -p sdrm3-hal --features conformance --example own_driver
//! ```

use std::cell::RefCell;
use std::mem;
use std::process::ExitCode;
use std::rc::Rc;

use sdrm3_core::{Dispatch, Duration, Instant, Outcome, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Rig, Work, check};
use sdrm3_hal::handover::{Handover, Interrupt, Signal};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Health, Pump};

// ANCHOR: registers
/// The NPU as the board reaches it. It runs one command at a time and names it by a tag.
trait Registers {
    /// Starts the command of these segments, under this tag.
    fn start(&mut self, tag: u32, block: &Dispatch);
    /// Stops whatever runs.
    fn reset(&mut self);
    /// The tag of the command that ended last.
    fn ended(&self) -> Option<u32>;
}

/// From the interrupt: when a command ended, and its tag.
type Ended = Handover<Interrupt, 2>;
// ANCHOR_END: registers

// ANCHOR: state
/// The queue of one NPU.
struct Npu<R> {
    registers: R,
    ended: &'static Ended,
    running: Option<Running>,
    health: Health,
}

/// The block in flight.
struct Running {
    ticket: Ticket,
    started: Instant,
    /// How it has ended.
    end: Option<Result<Outcome, ErrorKind>>,
}

impl<R: Registers> Npu<R> {
    fn new(registers: R, ended: &'static Ended) -> Self {
        Self { registers, ended, running: None, health: Health::ZERO }
    }

    /// Takes in what interrupts have handed over. At most as many as the hand-over holds.
    fn collect(&mut self, now: Instant) {
        for _ in 0..self.ended.capacity() {
            let Some(Interrupt { at, status: tag }) = self.ended.pop() else { break };
            self.end(tag, at);
        }
        // Some found no room: the device knows what they would have told.
        if self.ended.take_lost() > 0
            && let Some(tag) = self.registers.ended()
        {
            self.end(tag, now);
        }
    }

    /// Command `tag` has ended. If that is not the block in flight, nobody waits for it.
    fn end(&mut self, tag: u32, at: Instant) {
        match &mut self.running {
            Some(running) if running.ticket.sequence == tag && running.end.is_none() => {
                running.end = Some(Ok(Outcome::finished(at)));
            }
            _ => self.health.spurious = self.health.spurious.saturating_add(1),
        }
    }
}
// ANCHOR_END: state

// ANCHOR: queue
impl<R> ErrorType for Npu<R> {
    type Error = ErrorKind;
}

impl<R: Registers> AcceleratorQueue for Npu<R> {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if self.running.is_some() {
            return Err(ErrorKind::Full);
        }
        self.registers.start(block.ticket.sequence, block);
        self.running = Some(Running { ticket: block.ticket, started: now, end: None });
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        self.collect(now);
        match self.running.take() {
            None => Pump::Idle,
            Some(Running { ticket, started, end: Some(result) }) => {
                self.health.failed = self.health.failed.saturating_add(u32::from(result.is_err()));
                Pump::Done(Completion { ticket, started, result })
            }
            running => {
                self.running = running;
                Pump::Waiting
            }
        }
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        match &self.running {
            Some(running) if running.ticket == ticket => CancelOutcome::RunsToEnd,
            _ => CancelOutcome::Unknown,
        }
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        self.collect(now);
        self.registers.reset();
        self.health.resets = self.health.resets.saturating_add(1);
        if let Some(running) = &mut self.running {
            running.end.get_or_insert(Err(ErrorKind::Reset));
        }
        Ok(())
    }

    fn health(&self) -> Health {
        self.health
    }
}
// ANCHOR_END: queue

// ANCHOR: rig
/// An emulated NPU: a millisecond for everything.
#[derive(Default)]
struct Device {
    now: Instant,
    running: Option<(u32, Instant)>,
    ended: Option<u32>,
    answers_twice: bool,
    interrupts: u32,
    accesses: u32,
}

const LENGTH: Duration = Duration::from_millis(1);

static WAKE: Signal = Signal::new();
static ENDED: Ended = Ended::new(&WAKE);

impl Device {
    /// Its interrupt, as the board's handler serves it.
    fn interrupt(&mut self, tag: u32, at: Instant) {
        self.interrupts += 1;
        self.ended = Some(tag);
        let _ = ENDED.push(Interrupt { at, status: tag }); // when full, the driver learns of it
    }
}

#[derive(Clone, Default)]
struct Wires(Rc<RefCell<Device>>);

impl Registers for Wires {
    fn start(&mut self, tag: u32, _: &Dispatch) {
        let mut device = self.0.borrow_mut();
        device.accesses += 1;
        device.running = Some((tag, device.now.saturating_add(LENGTH)));
    }

    fn reset(&mut self) {
        let mut device = self.0.borrow_mut();
        device.accesses += 1;
        device.running = None;
    }

    fn ended(&self) -> Option<u32> {
        let mut device = self.0.borrow_mut();
        device.accesses += 1;
        device.ended
    }
}

/// The queue under test, its device, its clock.
struct Bench {
    npu: Npu<Wires>,
    wires: Wires,
}

impl Bench {
    fn new() -> Self {
        let wires = Wires::default();
        Self { npu: Npu::new(wires.clone(), &ENDED), wires }
    }
}

impl Rig for Bench {
    type Queue = Npu<Wires>;

    fn restart(&mut self) {
        while ENDED.pop().is_some() {}
        ENDED.take_lost();
        *self = Self::new();
    }

    fn queue(&mut self) -> &mut Npu<Wires> {
        &mut self.npu
    }

    fn now(&self) -> Instant {
        self.wires.0.borrow().now
    }

    fn advance(&mut self, by: Duration) {
        let mut device = self.wires.0.borrow_mut();
        device.now = device.now.saturating_add(by);
        if let Some((tag, at)) = device.running.filter(|(_, end)| *end <= device.now) {
            device.running = None;
            device.interrupt(tag, at);
            if mem::take(&mut device.answers_twice) {
                device.interrupt(tag, at);
            }
        }
    }

    fn longest(&self) -> Duration {
        LENGTH
    }

    // Not required: what follows lets more rules be tried.

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut device = self.wires.0.borrow_mut();
        let now = device.now;
        match mishap {
            Mishap::LateAnswer(ticket) => device.interrupt(ticket.sequence, now),
            Mishap::TwoAnswers => device.answers_twice = true,
            Mishap::Overrun => while ENDED.push(Interrupt { at: now, status: u32::MAX }).is_ok() {},
            // It forgets what it runs, and no interrupt will come.
            Mishap::Hang | Mishap::DeviceReset | Mishap::PowerLoss => device.running = None,
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.wires.0.borrow().interrupts)
    }

    fn work(&self) -> Option<Work> {
        Some(Work { total: self.wires.0.borrow().accesses, limit: 1 })
    }
}
// ANCHOR_END: rig

// ANCHOR: main
fn main() -> ExitCode {
    let report = check("npu", &mut Bench::new());
    print!("{report}");
    if report.conforms() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
// ANCHOR_END: main
