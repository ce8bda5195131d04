//! Queues: the drivers over hardware that answers anything, what wraps a queue, and the contract as tests.

use core::convert::Infallible;
use core::ops::Range;

use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_hal::spi::{self, Operation, SpiDevice};
use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Ticket};
use sdrm3_hal::conformance::{self, Mishap, Rig, Rule, Work};
use sdrm3_hal::driver::cpu::{CpuQueue, Step};
use sdrm3_hal::driver::doorbell::{DoorbellQueue, Register, Window};
use sdrm3_hal::driver::spi_mailbox::{Config, SpiMailbox};
use sdrm3_hal::middleware::{Dice, Faulty, Injection, Kinded, QueueEvent, Traced};
use sdrm3_hal::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, ErrorKind, ErrorType, Health, Power, Pump, Residency,
};

use crate::any::{Any, any, block, duration, instant, model, say, ticket};

/// A queue that answers anything.
pub struct Anything;

impl ErrorType for Anything {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Anything {
    fn capabilities(&self) -> Capabilities {
        any(Capabilities::plain(1))
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        any((now, block));
        any(Ok(()))
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        any(now);
        any(Pump::Idle)
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        any((now, ticket));
        any(CancelOutcome::Unknown)
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        any(now);
        any(Ok(()))
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        any(ticket);
        any(None)
    }

    fn residency(&self, model: ModelId) -> Residency {
        any(model);
        any(Residency::Unknown)
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), ErrorKind> {
        any((now, level));
        any(Ok(()))
    }

    fn health(&self) -> Health {
        any(Health::ZERO)
    }
}

/// Registers and rings that hold anything.
struct Registers;

impl Window for Registers {
    fn read(&self, register: Register) -> u32 {
        any(register);
        u32::any()
    }

    fn write(&mut self, register: Register, value: u32) {
        any((register, value));
    }

    fn load(&self, offset: u32) -> u32 {
        any(offset);
        u32::any()
    }

    fn store(&mut self, offset: u32, word: u32) {
        any((offset, word));
    }

    fn clean(&mut self, bytes: Range<u32>) {
        any(bytes);
    }

    fn invalidate(&mut self, bytes: Range<u32>) {
        any(bytes);
    }
}

/// A bus that brings anything, or fails.
struct Bus;

impl spi::ErrorType for Bus {
    type Error = spi::ErrorKind;
}

impl SpiDevice for Bus {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), spi::ErrorKind> {
        for operation in operations {
            if let Operation::Transfer(read, _) = operation {
                read.iter_mut().for_each(|byte| *byte = u8::any());
            }
            any(operation);
        }
        any(Ok(()))
    }
}

/// A pin at any level.
struct Pin;

impl digital::ErrorType for Pin {
    type Error = Infallible;
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(any(true))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(any(true))
    }
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Every call of a queue, in a state that the compiler cannot know.
pub fn drive<Q: AcceleratorQueue>(queue: &mut Q) {
    let queue = any(queue);
    any(queue.submit(instant(), &block()).is_ok());
    any(matches!(queue.poll(instant()), Pump::Done(_)));
    any(queue.cancel(instant(), ticket()));
    any(queue.reset(instant()).is_ok());
    any((queue.capabilities(), queue.health(), queue.progress(ticket()), queue.residency(model())));
    queue.prepare(instant(), model());
    any(queue.set_power(instant(), any(Power::Off)).is_ok());
}

fn cpu() -> CpuQueue<impl FnMut(&Dispatch, u32) -> Step> {
    CpuQueue::new(|block: &Dispatch, slice: u32| {
        any((block, slice));
        any(Step::More)
    })
}

fn doorbell() -> DoorbellQueue<Registers, 8> {
    DoorbellQueue::new(Registers, u64::any(), any(Capabilities::plain(8))).counting_from(u32::any())
}

pub fn drivers() {
    let mut cpu = cpu();
    drive(&mut cpu);
    any(cpu.kernel());

    let mut bell = doorbell();
    drive(&mut bell);
    any(bell.window());

    let mut unreset = SpiMailbox::<_, _, 2>::new(Bus, Pin, any(Config::new()));
    drive(&mut unreset);
    let mut mailbox = SpiMailbox::<_, _, 2, _>::with_reset(Bus, Pin, Pin, any(Config::new()));
    drive(&mut mailbox);
    any((mailbox.is_up(), mailbox.identity()));
    any(mailbox.release());
}

pub fn middleware() {
    drive(&mut Kinded(doorbell()));

    let mut traced = Traced::new(Anything, |event: QueueEvent<'_, ErrorKind>, now: Instant| {
        any((event, now));
    });
    drive(&mut traced);
    any(traced.queue());
    any(traced.tap());

    let injections = any([Injection::Hang; 4]);
    let dice = Dice::new(u64::any(), u32::any(), &injections);
    let state = dice.state();
    let mut faulty = Faulty::<_, _, 4>::new(Anything, dice.resume(any(state)));
    drive(&mut faulty);
    any(faulty.injected());
    any(faulty.queue());
    any(any(Injection::Hang).breaks_contract());

    any(any(ErrorKind::Full).is_transient());
    say(&any(ErrorKind::Full));
}

/// A bench on which anything can be, and happen.
struct Bench(Anything, Anything);

impl Rig for Bench {
    type Queue = Anything;

    fn restart(&mut self) {}

    fn queue(&mut self) -> &mut Anything {
        &mut self.0
    }

    fn now(&self) -> Instant {
        instant()
    }

    fn advance(&mut self, by: Duration) {
        any(by);
    }

    fn longest(&self) -> Duration {
        duration()
    }

    fn fit(&self, block: &mut Dispatch) {
        any(block);
    }

    fn spoil(&self, block: &mut Dispatch) -> bool {
        any(block);
        any(true)
    }

    fn sibling(&mut self) -> Option<&mut Anything> {
        any(true).then_some(&mut self.1)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        any(mishap);
        any(true)
    }

    fn events(&self) -> Option<u32> {
        any(None)
    }

    fn work(&self) -> Option<Work> {
        any(None)
    }

    fn calls(&self) -> u32 {
        u32::any()
    }

    fn retains(&self) -> bool {
        any(true)
    }
}

pub fn conformance() {
    let mut bench = Bench(Anything, Anything);
    let report = conformance::check("any", any(&mut bench));
    any((report.conforms(), report.failures().count(), report.verdict(any("serves"))));
    for rule in Rule::ALL {
        any(rule.check(any(&mut bench)));
    }
    any(conformance::soak(any(&mut bench), u32::any(), u32::any()));
}
