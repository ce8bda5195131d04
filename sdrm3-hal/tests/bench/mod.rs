//! A co-processor on a test bench: the device's end of the protocol, an engine that runs blocks for a
//! known time, and a wire that can be made to misbehave.

#![allow(dead_code)] // each test binary uses its share

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::num::{NonZeroU8, NonZeroU32};
use std::rc::Rc;

use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_hal::spi::{self, Operation, SpiDevice};
use sdrm3_core::{Duration, Instant, Path};
use sdrm3_hal::driver::spi_mailbox::responder::{Coprocessor, Responder};
use sdrm3_hal::driver::spi_mailbox::wire::{Answer, Block, Ending, FRAME, Frame, Identity, Message, Report};
use sdrm3_hal::queue::Granularity;

/// How long a transfer takes: forty bytes at 10 MHz.
pub(crate) const TRANSFER: u64 = 32_000;
/// How long the device takes behind it to latch its clock.
pub(crate) const LATCH: u64 = 2_000;
/// The device's clock: 1 MHz, and it wraps soon after the start.
const TICK: u64 = 1_000;
const TICKS_AT_START: u32 = u32::MAX - 500;

/// How many blocks the device holds.
pub(crate) const ROOM: usize = 2;

/// Something that happens to one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This bit of what the device hears is flipped.
    FlipHeard(u16),
    /// This bit of what the host hears is flipped.
    FlipSaid(u16),
    /// The transfer is cut after that many bytes; the host reads an idle line behind.
    Torn(u8),
    /// That many stray bytes come before what the device hears.
    InsertHeard(u8),
    /// That many stray bytes come before what the host hears, which loses as many at its end.
    InsertSaid(u8),
    /// The device sees nothing of it, and the host reads an idle line.
    Lost,
    /// The device hears it twice.
    Twice,
    /// The device did not arm its reply in time: it says again what it said before.
    Unarmed,
    /// The device hears an old frame, that many transfers old, before this one.
    LateHeard(u8),
    /// The host hears an old frame, that many transfers old, in place of this one.
    LateSaid(u8),
    /// The host's bus fails, though the device heard everything.
    BusFails,
    /// The device starts again before the transfer.
    Reboot,
    /// The line to the device is tied to the line from it: the host hears itself.
    Reflected,
}

/// The engine: runs one block at a time.
#[derive(Debug)]
pub(crate) struct Engine {
    now: u64,
    /// How long a block takes, in ns.
    pub(crate) takes: u64,
    /// How long it takes for each step of progress, in ns.
    pub(crate) stride: u64,
    /// Whether a block can be stopped.
    pub(crate) stops: bool,
    /// Models that it cannot run.
    pub(crate) refused: BTreeMap<u8, Answer>,
    /// How each block ends that is not named here: with the next segment.
    pub(crate) endings: BTreeMap<u32, Ending>,
    pub(crate) energy_nj: Option<u32>,
    /// It stands still in the block that runs, and never ends it.
    pub(crate) hangs: bool,
    running: Option<(u32, u64)>,
    stopped: bool,
    /// Tickets in the order in which they were started.
    pub(crate) started: Vec<u32>,
    /// Tickets that ran to their end, and when that was.
    pub(crate) ran: BTreeMap<u32, (u64, u64)>,
}

impl Coprocessor for Engine {
    fn admit(&mut self, block: &Block) -> Result<(), Answer> {
        self.refused.get(&block.model.0).map_or(Ok(()), |answer| Err(*answer))
    }

    fn start(&mut self, block: &Block) {
        assert!(self.running.is_none(), "one block at a time");
        self.started.push(block.ticket);
        self.running = Some((block.ticket, self.now));
        self.stopped = false;
    }

    fn cancel(&mut self, _: u32) {
        self.stopped = self.stops;
    }

    fn reset(&mut self) {
        self.running = None;
        self.hangs = false;
    }
}

/// The device, its wires, and the time.
#[derive(Debug)]
pub(crate) struct Board {
    /// Time in ns.
    pub(crate) now: u64,
    pub(crate) engine: Engine,
    responder: Responder<ROOM>,
    /// How often it has started.
    boots: u16,
    /// The number of starts is lost with the power.
    pub(crate) forgetful: bool,
    /// It has no power.
    pub(crate) dead: bool,
    /// When the power comes back.
    back: Option<u64>,
    /// How long it takes to start behind its reset pin, in ns.
    pub(crate) boots_for: u64,
    /// How long it takes behind a transfer, which lowers its pin, to arm its next reply, in ns.
    pub(crate) turn_around: u64,
    /// When it does.
    arms_at: Option<u64>,
    /// It hears no resets by command.
    pub(crate) keeps_session: bool,
    /// It speaks another version of the protocol.
    pub(crate) foreign: bool,
    /// It is held by its reset pin.
    held: bool,
    armed: [u8; FRAME],
    pub(crate) pin: bool,
    /// The pin is stuck at this level.
    pub(crate) stuck: Option<bool>,
    /// What happens to the next transfers.
    pub(crate) faults: VecDeque<Option<Fault>>,
    said: Vec<[u8; FRAME]>,
    heard: Vec<[u8; FRAME]>,
    /// Transfers so far.
    pub(crate) transfers: u32,
    /// Rising edges of the pin so far.
    pub(crate) edges: u32,
}

impl Board {
    pub(crate) fn new() -> Rc<RefCell<Self>> {
        let engine = Engine {
            now: 0,
            takes: 1_000_000,
            stride: TICK,
            stops: false,
            refused: BTreeMap::new(),
            endings: BTreeMap::new(),
            energy_nj: None,
            hangs: false,
            running: None,
            stopped: false,
            started: Vec::new(),
            ran: BTreeMap::new(),
        };
        let mut board = Self {
            now: 0,
            engine,
            responder: responder(0),
            boots: 0,
            forgetful: false,
            dead: false,
            back: None,
            boots_for: 0,
            turn_around: 0,
            arms_at: None,
            keeps_session: false,
            foreign: false,
            held: false,
            armed: [0; FRAME],
            pin: false,
            stuck: None,
            faults: VecDeque::new(),
            said: Vec::new(),
            heard: Vec::new(),
            transfers: 0,
            edges: 0,
        };
        board.arm();
        Rc::new(RefCell::new(board))
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// Time passes, and the engine works.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.run_until(self.now + by.as_nanos());
    }

    /// The device starts: it knows nothing of before.
    pub(crate) fn reboot(&mut self) {
        self.boots += u16::from(!self.forgetful);
        self.engine.reset();
        self.responder = responder(self.boots);
        self.arm();
    }

    /// The device is gone for that many ns, or until it is reset by its pin.
    pub(crate) fn lose_power(&mut self, nanos: u64) {
        self.power(false);
        self.back = Some(self.now + nanos);
    }

    /// The device is gone for good, or there again.
    pub(crate) fn power(&mut self, on: bool) {
        self.dead = !on;
        self.reboot();
    }

    fn runs(&self) -> bool {
        !self.dead && !self.held
    }

    fn ticks(&self) -> u32 {
        TICKS_AT_START.wrapping_add((self.now / TICK) as u32)
    }

    fn arm(&mut self) {
        self.arms_at = None;
        self.armed = self.responder.reply();
        if self.foreign {
            self.armed[2] += 0x10;
            let check = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI).checksum(&self.armed[..FRAME - 4]);
            self.armed[FRAME - 4..].copy_from_slice(&check.to_le_bytes());
        }
        let level = self.stuck.unwrap_or(self.runs() && self.responder.ready());
        self.edges += u32::from(level && !self.pin);
        self.pin = level;
    }

    fn run_until(&mut self, end: u64) {
        if let Some(back) = self.back.take_if(|back| *back <= end) {
            self.now = self.now.max(back);
            self.power(true);
        }
        if let Some(at) = self.arms_at.filter(|at| *at <= end) {
            // Whatever it says then is at most as old as that.
            self.run_engine_until(at);
            self.arm();
        }
        self.run_engine_until(end);
    }

    fn run_engine_until(&mut self, end: u64) {
        while let Some((ticket, since)) = self.engine.running.filter(|_| self.runs()) {
            let takes = if self.engine.stopped { 0 } else { self.engine.takes };
            if self.engine.hangs {
                break;
            }
            if since + takes > end {
                self.responder.progress(((end - since) / self.engine.stride) as u32);
                break;
            }
            self.now = self.now.max(since + takes);
            self.engine.now = self.now;
            let ending = match self.engine.stopped {
                true => Ending::Cancelled,
                false => {
                    self.engine.ran.insert(ticket, (since, self.now));
                    self.engine.endings.get(&ticket).copied().unwrap_or(Ending::Finished(Path::Next))
                }
            };
            self.engine.running = None;
            let (ticks, energy) = (self.ticks(), self.engine.energy_nj);
            assert!(self.responder.finished(ticket, ending, energy, ticks, &mut self.engine));
            self.arm();
        }
        self.now = self.now.max(end);
        self.engine.now = self.now;
    }

    /// The device reports the end of this block once more, with the number of a report that was taken.
    pub(crate) fn repeat(&mut self, ticket: u32) {
        let frame = Frame::decode(&self.responder.reply()).expect("it speaks well");
        let (ending, ticks) = (Ending::Finished(Path::Next), self.ticks());
        let report = Report { ticket, ending, started: ticks, finished: ticks, energy_nj: None };
        let sequence = frame.sequence.wrapping_sub(1);
        self.armed = Frame { sequence, message: Message::Report(report), ..frame }.encode();
        self.edges += u32::from(!self.pin);
        self.pin = true;
    }

    fn hear(&mut self, bytes: &[u8]) {
        let is_reset = |frame: Frame| matches!(frame.message, Message::Reset(_));
        let passed_over = self.keeps_session
            && bytes.first_chunk().is_some_and(|bytes| Frame::decode(bytes).is_ok_and(is_reset));
        if self.runs() && !passed_over {
            let ticks = self.ticks();
            self.responder.received(bytes, ticks, &mut self.engine);
        }
    }

    fn exchange(&mut self, heard: &[u8; FRAME]) -> Result<[u8; FRAME], spi::ErrorKind> {
        const IDLE: [u8; FRAME] = [0xFF; FRAME];
        self.transfers += 1;
        let fault = self.faults.pop_front().flatten();
        if fault == Some(Fault::Reboot) {
            self.reboot();
        }
        let mut said = if self.runs() { self.armed } else { IDLE };
        self.run_until(self.now + TRANSFER + LATCH);
        let old = |frames: &[[u8; FRAME]], back: u8| {
            frames.iter().rev().nth(usize::from(back)).copied().unwrap_or(IDLE)
        };
        let mut result = Ok(());
        match fault {
            Some(Fault::FlipHeard(bit)) => self.hear(&flipped(heard, bit)),
            Some(Fault::Torn(bytes)) => {
                let bytes = usize::from(bytes) % FRAME;
                self.hear(&heard[..bytes]);
                said[bytes..].fill(0xFF);
            }
            Some(Fault::InsertHeard(bytes)) => {
                let mut stray = vec![0x5D; usize::from(bytes)];
                stray.extend(heard);
                self.hear(&stray);
            }
            Some(Fault::Lost) => said = IDLE,
            Some(Fault::Twice) => {
                self.hear(heard);
                self.hear(heard);
            }
            Some(Fault::LateHeard(back)) => {
                let late = old(&self.heard, back);
                self.hear(&late);
                self.hear(heard);
            }
            _ => self.hear(heard),
        }
        match fault {
            Some(Fault::FlipSaid(bit)) => said = flipped(&said, bit),
            Some(Fault::InsertSaid(bytes)) => {
                let bytes = usize::from(bytes) % FRAME;
                said.copy_within(..FRAME - bytes, bytes);
                said[..bytes].fill(0x5D);
            }
            Some(Fault::LateSaid(back)) => said = old(&self.said, back),
            Some(Fault::Reflected) => said = *heard,
            Some(Fault::BusFails) => result = Err(spi::ErrorKind::Overrun),
            _ => {}
        }
        self.said.push(said);
        self.heard.push(*heard);
        match self.turn_around {
            _ if fault == Some(Fault::Unarmed) => {}
            0 => self.arm(),
            nanos => {
                self.pin = self.stuck.unwrap_or(false);
                self.arms_at = Some(self.now + nanos);
            }
        }
        result.map(|()| said)
    }
}

fn flipped(bytes: &[u8; FRAME], bit: u16) -> [u8; FRAME] {
    let bit = usize::from(bit) % (FRAME * 8);
    let mut bytes = *bytes;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

fn responder(boot: u16) -> Responder<ROOM> {
    let identity = Identity {
        device: 0x5D3A,
        ticks_per_second: NonZeroU32::new(1_000_000).unwrap(),
        depth: NonZeroU8::MIN,
        granularity: Granularity::Block,
        energy: true,
    };
    Responder::new(boot, identity)
}

/// What the host sees of a board: its bus, its ready pin, its reset pin.
#[derive(Clone, Debug)]
pub(crate) struct Wire(pub(crate) Rc<RefCell<Board>>);

impl spi::ErrorType for Wire {
    type Error = spi::ErrorKind;
}

impl SpiDevice for Wire {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), spi::ErrorKind> {
        let [Operation::Transfer(read, write)] = operations else { panic!("one transfer a transaction") };
        let said = self.0.borrow_mut().exchange((*write).try_into().expect("one frame a transfer"))?;
        read.copy_from_slice(&said);
        Ok(())
    }
}

impl digital::ErrorType for Wire {
    type Error = Infallible;
}

impl InputPin for Wire {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        let board = self.0.borrow();
        Ok(board.stuck.unwrap_or(board.pin))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for Wire {
    fn set_low(&mut self) -> Result<(), Infallible> {
        let mut board = self.0.borrow_mut();
        board.held = true;
        (board.dead, board.back) = (false, None);
        board.reboot();
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        let mut board = self.0.borrow_mut();
        board.held = false;
        board.reboot();
        if board.boots_for > 0 {
            let nanos = board.boots_for;
            board.lose_power(nanos);
        }
        Ok(())
    }
}

/// Every ticket at most once.
pub(crate) fn no_ticket_twice(tickets: &[u32]) -> bool {
    let mut seen = BTreeSet::new();
    tickets.iter().all(|ticket| seen.insert(*ticket))
}
