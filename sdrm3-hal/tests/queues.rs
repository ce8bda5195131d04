//! The queue trait itself: `&mut T` is a queue that hands every call on, and unlike queues can be mixed.

mod fake;

use std::cell::RefCell;

use fake::{Diary, Fake, HANDS, ms, runtime, scheduler};
use sdrm3_core::{AcceleratorId, Dispatch, Instant, ModelId, Outcome, Ticket};
use sdrm3_hal::middleware::{Faulty, Kinded, QueueEvent, Traced};
use sdrm3_hal::queue::{
    CancelOutcome, Capabilities, Completion, Error, ErrorKind, ErrorType, Health, Power, Pump, Residency,
};
use sdrm3_hal::{AcceleratorQueue, Runtime, Wake};

// ---- forwarding ------------------------------------------------------------------------------

/// Writes down each call; every answer differs from the trait's default.
#[derive(Debug, Default)]
struct Counter {
    calls: RefCell<Vec<&'static str>>,
}

impl Counter {
    fn call(&self, name: &'static str) {
        self.calls.borrow_mut().push(name);
    }
}

impl ErrorType for Counter {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Counter {
    fn capabilities(&self) -> Capabilities {
        self.call("capabilities");
        Capabilities::plain(3).with_energy()
    }

    fn submit(&mut self, _: Instant, _: &Dispatch) -> Result<(), ErrorKind> {
        self.call("submit");
        Err(ErrorKind::Bus)
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        self.call("poll");
        Pump::CallAgain
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        self.call("cancel");
        CancelOutcome::NeedsReset
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.call("reset");
        Err(ErrorKind::Gone)
    }

    fn progress(&self, _: Ticket) -> Option<u32> {
        self.call("progress");
        Some(7)
    }

    fn prepare(&mut self, _: Instant, _: ModelId) {
        self.call("prepare");
    }

    fn residency(&self, _: ModelId) -> Residency {
        self.call("residency");
        Residency::Loading
    }

    fn set_power(&mut self, _: Instant, _: Power) -> Result<(), ErrorKind> {
        self.call("set_power");
        Err(ErrorKind::NotReady)
    }

    fn health(&self) -> Health {
        self.call("health");
        let mut health = Health::default();
        health.failed = 9;
        health
    }
}

/// Calls every method of the trait once, in its order, as a generic user does.
fn call_all<Q: AcceleratorQueue<Error = ErrorKind>>(mut queue: Q, block: &Dispatch) {
    let now = ms(1);
    assert_eq!(queue.capabilities(), Capabilities::plain(3).with_energy());
    assert_eq!(queue.submit(now, block), Err(ErrorKind::Bus));
    assert_eq!(queue.poll(now), Pump::CallAgain);
    assert_eq!(queue.cancel(now, block.ticket), CancelOutcome::NeedsReset);
    assert_eq!(queue.reset(now), Err(ErrorKind::Gone));
    assert_eq!(queue.progress(block.ticket), Some(7));
    queue.prepare(now, HANDS);
    assert_eq!(queue.residency(HANDS), Residency::Loading);
    assert_eq!(queue.set_power(now, Power::Off), Err(ErrorKind::NotReady));
    assert_eq!(queue.health().failed, 9);
}

const METHODS: [&str; 10] = [
    "capabilities",
    "submit",
    "poll",
    "cancel",
    "reset",
    "progress",
    "prepare",
    "residency",
    "set_power",
    "health",
];

/// Some block, as the scheduler makes them.
fn block() -> Dispatch {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    runtime.queues()[0].running.expect("it was dispatched")
}

#[test]
fn a_reference_to_a_queue_hands_every_call_on() {
    let mut counter = Counter::default();
    call_all(&mut counter, &block());
    assert_eq!(*counter.calls.borrow(), METHODS);

    let mut counter = Counter::default();
    call_all(&mut &mut counter, &block());
    assert_eq!(*counter.calls.borrow(), METHODS, "through two references");

    let mut counter = Counter::default();
    let unsized_queue: &mut dyn AcceleratorQueue<Error = ErrorKind> = &mut counter;
    call_all(unsized_queue, &block());
    assert_eq!(*counter.calls.borrow(), METHODS, "through a trait object");
}

#[test]
fn every_wrapper_hands_every_call_on() {
    let mut counter = Counter::default();
    call_all(Kinded(&mut counter), &block());
    assert_eq!(*counter.calls.borrow(), METHODS, "kinded");

    let (mut counter, mut heard) = (Counter::default(), 0);
    call_all(Traced::new(&mut counter, |_: QueueEvent<'_, _>, _| heard += 1), &block());
    assert_eq!(*counter.calls.borrow(), METHODS, "traced");
    assert_eq!(heard, 6, "every call that may change something");

    let mut counter = Counter::default();
    call_all(Faulty::<_, _, 4>::new(&mut counter, |_: &Dispatch| None), &block());
    let calls = counter.calls.borrow();
    let asked = |names: &[&'static str]| -> Vec<_> {
        names.iter().copied().filter(|&name| name != "capabilities").collect()
    };
    assert_eq!(asked(&calls), asked(&METHODS), "faulty asks for the capabilities in between");
}

/// What a queue that implements only what it must answers.
#[test]
fn what_a_queue_leaves_out_has_a_harmless_answer() {
    let mut fake = Fake::default();
    let ticket = Ticket { accelerator: AcceleratorId(0), sequence: 0 };
    assert_eq!(fake.progress(ticket), None);
    fake.prepare(ms(0), HANDS);
    assert_eq!(fake.residency(HANDS), Residency::Unknown);
    assert_eq!(fake.set_power(ms(0), Power::Off), Ok(()));
    assert_eq!(fake.health(), Health::default());
}

// ---- queues of different kinds ---------------------------------------------------------------

/// Ends every block at once.
#[derive(Debug, Default)]
struct Instantaneous {
    done: Option<Ticket>,
}

impl ErrorType for Instantaneous {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Instantaneous {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, _: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        self.done = Some(block.ticket);
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        self.done.take().map_or(Pump::Idle, |ticket| {
            Pump::Done(Completion { ticket, started: now, result: Ok(Outcome::finished(now)) })
        })
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        CancelOutcome::Unknown
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[test]
fn one_runtime_drives_queues_of_different_kinds() {
    let (mut scripted, mut instantaneous) = (Fake::default(), Instantaneous::default());
    let queues: [&mut dyn AcceleratorQueue<Error = ErrorKind>; 2] = [&mut scripted, &mut instantaneous];
    let mut diary = Diary::default();
    diary.barren = true;
    let mut runtime = Runtime::new(scheduler(), queues.into_iter().collect()).unwrap();
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.release(HANDS, ms(1), &mut diary).unwrap();
    while runtime.poll(ms(1), &mut diary) == Wake::Now {}
    runtime.poll(ms(2), &mut diary);
    let lines = diary.read();
    assert_eq!(lines[2..4], ["hands#0 on npu", "hands#1 on dsp"], "{lines:?}");
    assert!(lines.contains(&"hands#1 in time".into()), "the second queue answered: {lines:?}");
    assert!(!lines.contains(&"hands#0 in time".into()), "the first one is still at it: {lines:?}");
    drop(runtime);
    assert_eq!(scripted.accepted.len(), 1, "the queues are the caller's");
}

// ---- errors ----------------------------------------------------------------------------------

#[test]
fn a_kind_of_error_says_whether_trying_again_helps() {
    use ErrorKind::{
        Bus, Cancelled, Corrupt, Device, Full, Gone, NotReady, Other, Reset, Timeout, Unsupported,
    };
    for kind in [Full, NotReady, Bus, Corrupt, Device, Cancelled, Reset, Other] {
        assert!(kind.is_transient(), "{kind:?}");
        assert_eq!(kind.kind(), kind, "a kind is an error of its own kind");
    }
    for kind in [Timeout, Gone, Unsupported] {
        assert!(!kind.is_transient(), "{kind:?}");
        assert!(!kind.to_string().is_empty());
    }
}
