//! Recording: where the steps of a scheduler go.

use heapless::Vec;
#[cfg(any(target_has_atomic = "ptr", target_arch = "arm"))]
use heapless::spsc::Producer;
use sdrm3_core::{Action, Checksum};

use super::codec::{Context, MAX_RECORD};
use super::record::{END, encode};
use super::{Answer, Header, Step};

/// Hears of every call to a [`Traced`](super::Traced) scheduler, in order.
pub trait Sink {
    /// A call and its answer. On a device it is part of every decision: bounded work, no panic.
    fn record(&mut self, step: &Step);
}

/// Hears nothing, and costs nothing.
impl Sink for () {
    #[inline]
    fn record(&mut self, _: &Step) {}
}

/// Hears, if it is there.
impl<S: Sink> Sink for Option<S> {
    fn record(&mut self, step: &Step) {
        if let Some(sink) = self {
            sink.record(step);
        }
    }
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn record(&mut self, step: &Step) {
        S::record(self, step);
    }
}

/// Takes the bytes of a trace: memory, a ring that another task drains, a serial line.
pub trait Output {
    /// Takes all of the bytes, or none: then it answers `false`, and the trace ends. Must not block for
    /// longer than a decision may take.
    fn write(&mut self, bytes: &[u8]) -> bool;
}

impl<F: FnMut(&[u8]) -> bool> Output for F {
    fn write(&mut self, bytes: &[u8]) -> bool {
        self(bytes)
    }
}

/// A ring: what the consumer has taken makes room. Sized for the longest time that it does not come. Not on targets
/// without atomics for which heapless has none, as RV32IMC.
#[cfg(any(target_has_atomic = "ptr", target_arch = "arm"))]
impl Output for Producer<'_, u8> {
    fn write(&mut self, bytes: &[u8]) -> bool {
        if self.capacity() - self.len() < bytes.len() {
            return false;
        }
        bytes.iter().all(|&byte| self.enqueue(byte).is_ok())
    }
}

/// Memory that is filled from its start and read at the end, or by a debugger.
#[derive(Debug)]
pub struct Buffer<'a> {
    memory: &'a mut [u8],
    used: usize,
}

impl<'a> Buffer<'a> {
    /// An empty buffer; the first byte behind what is written later should be 0, so that it ends there.
    pub const fn new(memory: &'a mut [u8]) -> Self {
        Self { memory, used: 0 }
    }

    /// What was written.
    pub fn written(&self) -> &[u8] {
        self.memory.get(..self.used).unwrap_or_default()
    }
}

impl Output for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> bool {
        let rest = self.memory.get_mut(self.used..);
        let Some(room) = rest.and_then(|rest| rest.get_mut(..bytes.len())) else { return false };
        room.copy_from_slice(bytes);
        self.used += bytes.len();
        true
    }
}

/// Writes a trace, in blocks of at most `BLOCK` bytes. It takes about as many bytes of memory, and 700 more.
///
/// Once its output refuses a block, the trace has ended: what lay in the block and what comes later is counted
/// as lost.
#[derive(Debug)]
pub struct Recorder<O, const BLOCK: usize = 512> {
    output: O,
    /// Its length, then records.
    block: Vec<u8, BLOCK>,
    context: Context,
    checksum: Checksum,
    decisions: u64,
    records: u64,
    /// Both of these as of the last block that was written.
    written: (u64, u64),
    lost: u64,
    ended: bool,
}

impl<O: Output, const BLOCK: usize> Recorder<O, BLOCK> {
    /// Begins a trace of a fresh scheduler.
    pub fn new(header: &Header<'_>, mut output: O) -> Self {
        const { assert!(BLOCK >= 2 * MAX_RECORD && BLOCK < 65_536, "BLOCK must lie in 256..65536") };
        let fixed = header.fixed();
        let checksum = Checksum::EMPTY.bytes(&fixed).bytes(header.text.as_bytes()).value();
        let ended = !(output.write(&fixed)
            && output.write(header.text.as_bytes())
            && output.write(&checksum.to_le_bytes()));
        let mut recorder = Self {
            output,
            block: Vec::new(),
            context: Context::new(),
            checksum: Checksum::EMPTY,
            decisions: 0,
            records: 0,
            written: (0, 0),
            lost: 0,
            ended,
        };
        recorder.begin_block();
        recorder
    }

    /// Ends the trace: what was recorded is written, and that nothing follows. The answer is whether the
    /// trace is whole; it is not if the output refused a block, or if it had ended before.
    pub fn finish(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.append(&[END]);
        self.write_block();
        !core::mem::replace(&mut self.ended, true)
    }

    /// Writes what was recorded without waiting for a block to fill up: before a sleep, say.
    pub fn flush(&mut self) {
        if !self.ended && self.block.len() > LENGTH {
            self.write_block();
        }
    }

    /// Its output.
    pub const fn output(&self) -> &O {
        &self.output
    }

    /// Blocks dispatched, of the records so far.
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Calls recorded: those that were written, and those that wait for their block to fill up.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Calls that are not in the trace: those of a block that the output refused, and those that came behind
    /// it or behind the end.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn begin_block(&mut self) {
        self.block.clear();
        let _ = self.block.extend_from_slice(&[0; LENGTH]);
    }

    fn append(&mut self, record: &[u8]) {
        self.checksum = self.checksum.bytes(record);
        // There is room: a block is written before it could be too short.
        let _ = self.block.extend_from_slice(record);
    }

    fn write_block(&mut self) {
        let length = (self.block.len() - LENGTH) as u16;
        for (place, byte) in self.block.iter_mut().zip(length.to_le_bytes()) {
            *place = byte;
        }
        let _ = self.block.extend_from_slice(&self.checksum.value().to_le_bytes());
        if self.output.write(&self.block) {
            self.written = (self.decisions, self.records);
        } else {
            self.ended = true;
            let recorded = self.records;
            (self.decisions, self.records) = self.written;
            self.lost = self.lost.saturating_add(recorded.wrapping_sub(self.records));
        }
        self.begin_block();
    }
}

/// Bytes of a block before its records, and behind.
pub(super) const LENGTH: usize = 2;
pub(super) const CHECKSUM: usize = 8;

impl<O: Output, const BLOCK: usize> Sink for Recorder<O, BLOCK> {
    /// O(bytes of the record), and once in a block what the output takes.
    fn record(&mut self, step: &Step) {
        if self.ended {
            self.lost = self.lost.saturating_add(1);
            return;
        }
        let record = encode(step, &mut self.context);
        // Room for the end of the trace is kept.
        if self.block.len() + record.len() + 1 + CHECKSUM > BLOCK {
            self.write_block();
            if self.ended {
                self.lost = self.lost.saturating_add(1);
                return;
            }
        }
        self.append(&record);
        self.records = self.records.wrapping_add(1);
        self.decisions = self
            .decisions
            .wrapping_add(u64::from(matches!(step.answer, Answer::Action(Action::Dispatch(_)))));
    }
}
