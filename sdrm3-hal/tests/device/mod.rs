//! A simulated device behind a doorbell: it runs blocks in order for as long as they are expected to take,
//! behind a cache that is never coherent by itself, and does wrong when told.

#![allow(dead_code)] // each test binary uses its share

use std::cell::{Cell, RefCell, RefMut};
use std::collections::{HashSet, VecDeque};
use std::ops::Range;
use std::rc::Rc;

use sdrm3_core::Path;
use sdrm3_hal::driver::doorbell::layout::{
    ALL_ONES, Answer, AnswerStatus, ENTRY, ID, Register, Rings, control, interrupt, status,
};
use sdrm3_hal::driver::doorbell::{DoorbellQueue, Window};
use sdrm3_hal::queue::{Capabilities, Granularity};

/// Where the device believes that the rings lie.
pub(crate) const ADDRESS: u64 = 0x1_2000_0040;
pub(crate) const ENERGY: u32 = 1_234;
/// How long it is in reset.
pub(crate) const RESET_NS: u64 = 5_000;
/// Progress that it counts per block.
pub(crate) const STEPS: u32 = 100;

pub(crate) const ID_OF_OURS: u32 = ID;

/// What goes wrong with the next completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twist {
    /// The block failed, with this code.
    Fail(u32),
    /// The block cannot be run.
    Unsupported,
    /// It is not written at all, and takes no place.
    Skip,
    /// It is written twice.
    Twice,
    /// One for a ticket that nobody gave comes before it.
    Stranger,
    /// This bit of the entry is turned over.
    Flip(u32),
    /// Started and ended at these ticks, it says.
    Times(u32, u32),
    /// Status and path word, with a valid check.
    Status(u8, u32),
    /// The network goes on like this.
    Path(Path),
}

#[derive(Clone, Copy, Debug)]
struct Run {
    n: u32,
    started: u64,
    ends: u64,
    status: AnswerStatus,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) now: u64,
    pub(crate) power: bool,
    pub(crate) id: u32,
    pub(crate) features: u32,
    pub(crate) ticks_hz: u32,
    pub(crate) first_tick: u32,
    pub(crate) granularity: Granularity,
    pub(crate) hangs: bool,
    /// How long an abort is on its way.
    pub(crate) abort_ns: u64,
    pub(crate) reset_ns: u64,
    pub(crate) twists: VecDeque<Twist>,
    /// How often the driver touched it.
    pub(crate) accesses: Cell<u32>,
    /// How often its interrupt was raised.
    pub(crate) events: u32,
    pub(crate) resets: u32,
    /// Entries that it was given, as it read them.
    pub(crate) given: Vec<[u32; 8]>,
    /// The device that is reset with it.
    pub(crate) sibling: Option<Npu>,
    /// Tickets whose answers come behind a reset.
    late: Vec<u32>,
    /// What the CPU sees, and what lies in memory.
    cache: Vec<u32>,
    memory: Vec<u32>,
    boot: u32,
    ready_at: u64,
    enabled: bool,
    base: u64,
    rings: Rings,
    first: u32,
    doorbell: u32,
    begun: u32,
    posted: u32,
    running: Option<Run>,
    aborted: HashSet<u32>,
    interrupt: u32,
}

/// The driver's view of a device.
#[derive(Clone, Debug)]
pub(crate) struct Npu(Rc<RefCell<Device>>);

impl Npu {
    pub(crate) fn new() -> Self {
        let garbage: Vec<u32> = (0..2 * 64 * 8).map(|n: u32| n.wrapping_mul(0x9e37_79b9)).collect();
        Self(Rc::new(RefCell::new(Device {
            now: 0,
            power: true,
            id: ID,
            features: 0x3_0240,
            ticks_hz: 100_000_000,
            first_tick: 0,
            granularity: Granularity::Segment,
            hangs: false,
            abort_ns: 0,
            reset_ns: RESET_NS,
            twists: VecDeque::new(),
            accesses: Cell::new(0),
            events: 0,
            resets: 0,
            given: Vec::new(),
            sibling: None,
            late: Vec::new(),
            cache: garbage.clone(),
            memory: garbage,
            boot: 1,
            ready_at: 0,
            enabled: false,
            base: 0,
            rings: Rings::new(1),
            first: 0,
            doorbell: 0,
            begun: 0,
            posted: 0,
            running: None,
            aborted: HashSet::new(),
            interrupt: 0,
        })))
    }

    pub(crate) fn device(&self) -> RefMut<'_, Device> {
        self.0.borrow_mut()
    }

    pub(crate) fn queue<const DEPTH: usize>(&self) -> DoorbellQueue<Npu, DEPTH> {
        let granularity = self.device().granularity;
        let capabilities = Capabilities::plain(9).with_granularity(granularity).with_progress().with_energy();
        DoorbellQueue::new(self.clone(), ADDRESS, capabilities)
    }
}

impl Device {
    fn tick(&self, at: u64) -> u32 {
        let ticks = u128::from(at) * u128::from(self.ticks_hz) / 1_000_000_000;
        self.first_tick.wrapping_add(ticks as u32)
    }

    fn raise(&mut self, bit: u32) {
        self.events += u32::from(self.interrupt & bit == 0);
        self.interrupt |= bit;
    }

    /// It works until then.
    pub(crate) fn advance(&mut self, now: u64) {
        loop {
            let resets = self.ready_at.max(self.now);
            let ends = self.running.filter(|_| !self.hangs).map(|run| run.ends);
            if self.ready_at > self.now && resets <= now {
                self.now = resets;
                self.raise(interrupt::BOOT);
            } else if let Some(ends) = ends.filter(|&ends| ends <= now) {
                self.now = self.now.max(ends);
                let run = self.running.take().unwrap();
                self.post(run.n, run.started, run.status);
                self.begin();
            } else {
                break;
            }
        }
        self.now = self.now.max(now);
    }

    /// Begins the next entry, if it is idle and there is one.
    fn begin(&mut self) {
        while self.enabled && self.running.is_none() && self.begun != self.doorbell && !self.hangs {
            let n = self.begun;
            if self.aborted.remove(&n) {
                self.begun = n.wrapping_add(1);
                let now = self.now;
                self.post(n, now, AnswerStatus::Aborted);
                continue;
            }
            let words = self.entry(n);
            self.given.push(words);
            self.begun = n.wrapping_add(1);
            let ends = self.now + u64::from(words[5]);
            self.running = Some(Run { n, started: self.now, ends, status: AnswerStatus::Done });
        }
    }

    fn entry(&self, n: u32) -> [u32; 8] {
        let at = (self.rings.submission(n).start / 4) as usize;
        self.memory[at..at + 8].try_into().unwrap()
    }

    fn post(&mut self, n: u32, started: u64, status: AnswerStatus) {
        let mut answer = Answer {
            sequence: self.entry(n)[0],
            status,
            path: Path::Next,
            started: self.tick(started),
            finished: self.tick(self.now),
            energy_nj: ENERGY,
            code: 0,
        };
        let mut turned = None;
        let mut odd = None;
        match self.twists.pop_front() {
            None => {}
            Some(Twist::Fail(code)) => (answer.status, answer.code) = (AnswerStatus::Failed, code),
            Some(Twist::Unsupported) => answer.status = AnswerStatus::Unsupported,
            Some(Twist::Skip) => return,
            Some(Twist::Twice) => self.write(&answer, None, None),
            Some(Twist::Stranger) => {
                let sequence = answer.sequence ^ 0x8000_0000;
                self.write(&Answer { sequence, ..answer }, None, None);
            }
            Some(Twist::Flip(bit)) => turned = Some(bit),
            Some(Twist::Times(started, finished)) => (answer.started, answer.finished) = (started, finished),
            Some(Twist::Status(status, path)) => odd = Some((status, path)),
            Some(Twist::Path(path)) => answer.path = path,
        }
        self.write(&answer, turned, odd);
    }

    /// Writes an entry into the completion ring.
    pub(crate) fn write(&mut self, answer: &Answer, turned: Option<u32>, odd: Option<(u8, u32)>) {
        let mut words = answer.words(self.rings.phase(self.posted));
        if let Some((status, path)) = odd {
            words[1] = path;
            words[7] = words[7] & 0xff | u32::from(status) << 8;
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).take(30).collect();
            words[7] |= u32::from(crc16(&bytes)) << 16;
        }
        if let Some(bit) = turned {
            words[(bit / 32) as usize] ^= 1 << (bit % 32);
        }
        self.write_words(self.posted, words);
        self.posted = self.posted.wrapping_add(1);
        self.raise(interrupt::COMPLETION);
    }

    /// Writes an entry at the place of this number, whatever it is.
    pub(crate) fn write_words(&mut self, n: u32, words: [u32; 8]) {
        let at = (self.rings.completion(n).start / 4) as usize;
        self.memory[at..at + 8].copy_from_slice(&words);
    }

    /// It answers this ticket as though its block had just ended. In a reset: what was on its way through
    /// the bus comes to memory once the rings run again.
    pub(crate) fn answer(&mut self, sequence: u32) {
        if !self.enabled {
            return self.late.push(sequence);
        }
        self.write(&late(sequence), None, None);
    }

    /// The number of the next completion, and its phase.
    pub(crate) fn next(&self) -> (u32, u8) {
        (self.posted, self.rings.phase(self.posted))
    }

    /// It resets itself, and is back after a while.
    pub(crate) fn reset(&mut self) {
        self.boot = self.boot.wrapping_add(1) & 0x7fff_ffff;
        self.resets += 1;
        self.ready_at = self.now + self.reset_ns;
        (self.enabled, self.hangs, self.running) = (false, false, None);
        (self.begun, self.posted, self.doorbell, self.interrupt) = (0, 0, 0, 0);
        self.aborted.clear();
        if let Some(sibling) = &self.sibling {
            sibling.device().reset();
        }
    }

    /// It loses its power now; when that is on again it has been reset.
    pub(crate) fn lose_power(&mut self) {
        self.reset();
        self.power = false;
    }
}

/// An answer to this ticket that nobody waits for.
pub(crate) fn late(sequence: u32) -> Answer {
    let (status, path) = (AnswerStatus::Done, Path::Next);
    Answer { sequence, status, path, started: 0, finished: 0, energy_nj: 0, code: 0 }
}

/// CRC-16/IBM-3740, bit by bit.
pub(crate) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| crc << 1 ^ if crc >> 15 == 1 { 0x1021 } else { 0 })
    })
}

impl Window for Npu {
    fn read(&self, register: Register) -> u32 {
        let device = self.device();
        device.accesses.set(device.accesses.get() + 1);
        if !device.power {
            return ALL_ONES;
        }
        let ready = device.now >= device.ready_at;
        match register {
            Register::Id => device.id,
            Register::Boot => device.boot,
            Register::Features => device.features,
            Register::TicksHz => device.ticks_hz,
            Register::Time => device.tick(device.now),
            Register::Status => {
                u32::from(ready) * status::READY + u32::from(device.enabled) * status::ENABLED
            }
            Register::Progress => {
                let steps = device.running.map_or(STEPS, |run| {
                    let (passed, all) = (device.now - run.started, (run.ends - run.started).max(1));
                    (passed * u64::from(STEPS) / all).min(u64::from(STEPS)) as u32
                });
                device.begun << 24 | if device.hangs { 7 } else { steps }
            }
            Register::Interrupt => device.interrupt,
            _ => 0,
        }
    }

    fn write(&mut self, register: Register, value: u32) {
        let mut device = self.device();
        device.accesses.set(device.accesses.get() + 1);
        if !device.power || device.now < device.ready_at {
            return;
        }
        let disabled = !device.enabled;
        match register {
            Register::Control if value & control::RESET != 0 => device.reset(),
            Register::Control if value & control::ENABLE != 0 => {
                assert_eq!(device.base, ADDRESS, "it reads its entries there");
                device.enabled = true;
                let first = device.first;
                (device.begun, device.posted, device.doorbell) = (first, first, first);
                for sequence in std::mem::take(&mut device.late) {
                    let phase = device.rings.phase(first).wrapping_sub(2);
                    device.write_words(first, late(sequence).words(phase));
                }
            }
            Register::BaseLow if disabled => device.base = device.base >> 32 << 32 | u64::from(value),
            Register::BaseHigh if disabled => {
                device.base = device.base & 0xffff_ffff | u64::from(value) << 32;
            }
            Register::Depth if disabled => device.rings = Rings::new(value as u8),
            Register::First if disabled => device.first = value,
            Register::Doorbell => {
                if device.enabled {
                    device.doorbell = value;
                    device.begin();
                }
            }
            Register::Abort if device.enabled => {
                let now = device.now + device.abort_ns;
                device.advance(now);
                let granularity = device.granularity;
                let waits = value.wrapping_sub(device.begun) < u32::from(device.rings.depth());
                match device.running.as_mut() {
                    Some(run) if run.n == value => {
                        // A slice is over at once; a segment is a quarter of a block.
                        let boundary = match granularity {
                            Granularity::Slice => now,
                            Granularity::Segment => now + (run.ends - run.started) / 4,
                            Granularity::Block => u64::MAX,
                        };
                        if boundary < run.ends {
                            (run.ends, run.status) = (boundary, AnswerStatus::Aborted);
                        }
                        device.advance(now);
                    }
                    _ if waits => _ = device.aborted.insert(value),
                    _ => {}
                }
            }
            Register::Abort => {}
            Register::Interrupt => device.interrupt &= !value,
            other => panic!("a write to {other:?}, enabled: {}", !disabled),
        }
    }

    fn load(&self, offset: u32) -> u32 {
        let device = self.device();
        device.accesses.set(device.accesses.get() + 1);
        device.cache[(offset / 4) as usize]
    }

    fn store(&mut self, offset: u32, word: u32) {
        let mut device = self.device();
        device.accesses.set(device.accesses.get() + 1);
        device.cache[(offset / 4) as usize] = word;
    }

    fn clean(&mut self, bytes: Range<u32>) {
        let device = &mut *self.device();
        device.accesses.set(device.accesses.get() + 1);
        let words = (bytes.start / 4) as usize..(bytes.end / 4) as usize;
        device.memory[words.clone()].copy_from_slice(&device.cache[words]);
    }

    fn invalidate(&mut self, bytes: Range<u32>) {
        let device = &mut *self.device();
        device.accesses.set(device.accesses.get() + 1);
        assert_eq!(bytes.end - bytes.start, ENTRY);
        let words = (bytes.start / 4) as usize..(bytes.end / 4) as usize;
        device.cache[words.clone()].copy_from_slice(&device.memory[words]);
    }
}
