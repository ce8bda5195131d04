//! Any bytes on the wire, at both ends: no panic, every accepted ticket ends once, one transfer a call.

#![no_main]

use std::cell::RefCell;
use std::convert::Infallible;
use std::num::{NonZeroU8, NonZeroU32};
use std::rc::Rc;

use arbitrary::Arbitrary;
use embedded_hal::digital::{self, InputPin};
use embedded_hal::spi::{self, Operation, SpiDevice};
use libfuzzer_sys::fuzz_target;
use sdrm3_core::{
    Accelerator, Action, Config as Settings, Cost, Dispatch, Duration, Instant, MapScore, Model, ModelId,
    Path, Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};
use sdrm3_hal::driver::spi_mailbox::responder::{Coprocessor, Responder};
use sdrm3_hal::driver::spi_mailbox::wire::{
    Block, Ending, FRAME, Frame, Identity, Message, Report, Running, Session,
};
use sdrm3_hal::driver::spi_mailbox::{Config, NoReset, SpiMailbox};
use sdrm3_hal::queue::{AcceleratorQueue, Granularity, Pump};

const DEPTH: usize = 2;

#[derive(Arbitrary, Debug)]
enum Step {
    /// Bytes that the device hears.
    Hear(Vec<u8>),
    /// Time passes, and the queue is polled.
    Poll(u16),
    /// The same, and the host hears these bytes instead.
    PollNoise(u16, Box<[u8; FRAME]>),
    /// The same, and the host hears a whole frame that the device never said.
    PollForged(u16, Forgery),
    Submit,
    Cancel(u8),
    Reset,
    Finish(bool),
}

/// What is changed in the device's reply.
#[derive(Arbitrary, Debug)]
struct Forgery {
    number: i8,
    session: Option<(u16, u16)>,
    sequence: i8,
    acknowledge: i8,
    ticks: u32,
    message: Saying,
}

#[derive(Arbitrary, Debug)]
enum Saying {
    Same,
    Report { back: u8, failed: bool, started: u32, finished: u32, energy_nj: Option<u32> },
    State { back: u8, progress: u32 },
    Identity { ticks_per_second: NonZeroU32, depth: NonZeroU8 },
    Command(u32),
}

impl Forgery {
    fn of(&self, reply: &[u8; FRAME], identity: Identity, latest: u32) -> [u8; FRAME] {
        let frame = Frame::decode(reply).expect("the device speaks well");
        let message = match self.message {
            Saying::Same => frame.message,
            Saying::Report { back, failed, started, finished, energy_nj } => {
                let ending = if failed { Ending::Failed } else { Ending::Finished(Path::Exit) };
                let ticket = latest.wrapping_sub(back.into());
                Message::Report(Report { ticket, ending, started, finished, energy_nj })
            }
            Saying::State { back, progress } => {
                Message::State(Some(Running { ticket: latest.wrapping_sub(back.into()), progress }))
            }
            Saying::Identity { ticks_per_second, depth } => {
                Message::Identity(Identity { ticks_per_second, depth, ..identity })
            }
            Saying::Command(ticket) => Message::Cancel(ticket),
        };
        let session = self.session.map_or(frame.session, |(boot, epoch)| Session { boot, epoch });
        Frame {
            number: frame.number.wrapping_add_signed(self.number),
            session,
            sequence: frame.sequence.wrapping_add_signed(self.sequence.into()),
            acknowledge: frame.acknowledge.wrapping_add_signed(self.acknowledge.into()),
            ticks: self.ticks,
            message,
            ..frame
        }
        .encode()
    }
}

#[derive(Debug, Default)]
struct Engine {
    running: Option<u32>,
}

impl Coprocessor for Engine {
    fn start(&mut self, block: &Block) {
        assert!(self.running.is_none());
        self.running = Some(block.ticket);
    }

    fn reset(&mut self) {
        self.running = None;
    }
}

struct Device {
    responder: Responder<DEPTH>,
    engine: Engine,
    instead: Option<[u8; FRAME]>,
    transfers: u32,
    ticks: u32,
}

#[derive(Clone)]
struct Wire(Rc<RefCell<Device>>);

impl spi::ErrorType for Wire {
    type Error = Infallible;
}

impl SpiDevice for Wire {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Infallible> {
        let device = &mut *self.0.borrow_mut();
        device.transfers += 1;
        for operation in operations {
            if let Operation::Transfer(read, write) = operation {
                read.copy_from_slice(&device.instead.take().unwrap_or(device.responder.reply()));
                device.responder.received(write, device.ticks, &mut device.engine);
            }
        }
        Ok(())
    }
}

impl digital::ErrorType for Wire {
    type Error = Infallible;
}

impl InputPin for Wire {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.borrow().responder.ready())
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

static SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(1_000_000, 1_000)])]);
static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("network", &SEGMENTS)];
static MODELS: [Model<'static, 1>; 1] = [Model::new("model", Duration::from_millis(20), &NETWORKS)];
static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];
static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);

/// Some block, as the scheduler makes them.
fn block() -> Dispatch {
    let policy = MapScore::default();
    let mut scheduler = Scheduler::<_, 1, 1, 1>::new(&WORKLOAD, policy, Settings::PLAIN).unwrap();
    scheduler.release(ModelId(0), Instant::ZERO).unwrap();
    match scheduler.poll(Instant::ZERO) {
        Action::Dispatch(block) => block,
        action => panic!("{action:?}"),
    }
}

type Queue = SpiMailbox<Wire, Wire, DEPTH, NoReset>;

fn poll(queue: &mut Queue, wire: &Wire, now: u64, open: &mut Vec<u32>) -> bool {
    wire.0.borrow_mut().ticks = (now / 1_000) as u32;
    let before = wire.0.borrow().transfers;
    let pump = queue.poll(Instant::from_nanos(now));
    assert!(wire.0.borrow().transfers - before <= 1);
    if let Pump::Done(completion) = pump {
        let place = open.iter().position(|ticket| *ticket == completion.ticket.sequence);
        open.remove(place.expect("a ticket in flight, once"));
    }
    assert_eq!(pump == Pump::Idle, open.is_empty() && !matches!(pump, Pump::Done(_)));
    open.is_empty()
}

fuzz_target!(|steps: Vec<Step>| {
    let identity = Identity {
        device: 0,
        ticks_per_second: NonZeroU32::MIN.saturating_add(999_999),
        depth: NonZeroU8::MIN,
        granularity: Granularity::Block,
        energy: false,
    };
    let responder = Responder::new(1, identity);
    let device = Device { responder, engine: Engine::default(), instead: None, transfers: 0, ticks: 0 };
    let wire = Wire(Rc::new(RefCell::new(device)));
    let mut queue = Queue::new(wire.clone(), wire.clone(), Config::new());
    let mut block = block();
    let (mut now, mut open) = (0u64, Vec::new());
    let finish = |fine: bool| {
        let device = &mut *wire.0.borrow_mut();
        if let Some(ticket) = device.engine.running.take() {
            let ending = if fine { Ending::Finished(Default::default()) } else { Ending::Failed };
            assert!(device.responder.finished(ticket, ending, None, device.ticks, &mut device.engine));
        }
    };
    for step in steps {
        match step {
            Step::Hear(bytes) => {
                let device = &mut *wire.0.borrow_mut();
                device.responder.received(&bytes, device.ticks, &mut device.engine);
            }
            Step::Poll(micros) => {
                now += u64::from(micros) * 1_000;
                poll(&mut queue, &wire, now, &mut open);
            }
            Step::PollNoise(micros, bytes) => {
                now += u64::from(micros) * 1_000;
                wire.0.borrow_mut().instead = Some(*bytes);
                poll(&mut queue, &wire, now, &mut open);
                wire.0.borrow_mut().instead = None;
            }
            Step::PollForged(micros, forgery) => {
                now += u64::from(micros) * 1_000;
                let reply = wire.0.borrow().responder.reply();
                let forged = forgery.of(&reply, identity, block.ticket.sequence);
                wire.0.borrow_mut().instead = Some(forged);
                poll(&mut queue, &wire, now, &mut open);
                wire.0.borrow_mut().instead = None;
            }
            Step::Submit => {
                block.ticket.sequence += 1;
                if queue.submit(Instant::from_nanos(now), &block).is_ok() {
                    open.push(block.ticket.sequence);
                }
            }
            Step::Cancel(back) => {
                let mut ticket = block.ticket;
                ticket.sequence = ticket.sequence.saturating_sub(back.into());
                let _ = queue.cancel(Instant::from_nanos(now), ticket);
            }
            Step::Reset => assert!(queue.reset(Instant::from_nanos(now)).is_ok()),
            Step::Finish(fine) => finish(fine),
        }
    }
    // Forged answers may have had the driver wait for ever: a reset ends all there is.
    assert!(queue.reset(Instant::from_nanos(now)).is_ok());
    for _ in 0..=DEPTH {
        poll(&mut queue, &wire, now, &mut open);
    }
    assert!(open.is_empty());
});
