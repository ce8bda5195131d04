//! Registers and ring entries, byte by byte: the reference that driver and device share.

use core::ops::Range;

use crc::{CRC_16_IBM_3740, Crc};
use sdrm3_core::{Dispatch, Path};

/// What a register or word reads when the device has no power, and what stands for "not measured".
pub const ALL_ONES: u32 = u32::MAX;

/// What [`Register::Id`] reads: "SDQ1".
pub const ID: u32 = u32::from_le_bytes(*b"SDQ1");

/// Bytes of an entry of either ring.
pub const ENTRY: u32 = 32;

/// A register of the device: 32 bits, little endian, aligned; its value is its offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Register {
    /// Read: [`ID`].
    Id = 0x00,
    /// Read: another number after each reset of the device, whatever its cause; never [`ALL_ONES`].
    Boot = 0x04,
    /// Read: what the device can do. Bits 7..0: the deepest ring; 9..8: the
    /// [granularity](crate::queue::Granularity) of an abort (0 block, 1 segment, 2 slice); 16: counts
    /// progress; 17: measures energy.
    Features = 0x08,
    /// Read: ticks per second of [`Time`](Self::Time) and of the times in completions; not zero.
    TicksHz = 0x0c,
    /// Read: the time of the device, in ticks; counts up and wraps. A block runs for less than 2^32 ticks, and
    /// its end is collected within 2^31, or counts as of then.
    Time = 0x10,
    /// Write: [`control`] bits. Read: zero.
    Control = 0x14,
    /// Read: [`status`] bits.
    Status = 0x18,
    /// Read: bits 31..24: the lowest eight bits of the number of entries begun, counted from `First`;
    /// bits 23..0: how far the entry begun last has come, from zero, up to `0xff_fffe`, never down.
    Progress = 0x1c,
    /// Write, while disabled: where the rings begin, as the device sees it, a multiple of 64; bits 31..0.
    BaseLow = 0x20,
    /// Write, while disabled: bits 63..32 of the same.
    BaseHigh = 0x24,
    /// Write, while disabled: entries of each ring; a power of two.
    Depth = 0x28,
    /// Write, while disabled: the number that both rings begin to count at.
    First = 0x2c,
    /// Write: the number of the next submission, so all before it are there. Ignored while disabled.
    Doorbell = 0x30,
    /// Write: the number of a submission that is not wanted any more. If the device has not begun it, it
    /// will not; if it runs, it stops at the next boundary that the device has. It is answered in its
    /// turn in either case. Ignored while disabled.
    Abort = 0x34,
    /// Read: [`interrupt`] bits, each level high while set. Write: clears the bits that are one.
    Interrupt = 0x38,
}

impl Register {
    /// Its offset in bytes.
    pub const fn offset(self) -> u32 {
        self as u32
    }
}

/// Bits of [`Register::Control`].
pub mod control {
    /// Starts the rings, with what was written before.
    pub const ENABLE: u32 = 1 << 0;
    /// Begins a reset: `READY` and `ENABLED` are clear at the next read, nothing is written to memory any
    /// more, and when it is over `Boot` has changed and `READY` is set.
    pub const RESET: u32 = 1 << 1;
}

/// Bits of [`Register::Status`].
pub mod status {
    /// Out of reset: registers can be written.
    pub const READY: u32 = 1 << 0;
    /// The rings run.
    pub const ENABLED: u32 = 1 << 1;
}

/// Bits of [`Register::Interrupt`].
pub mod interrupt {
    /// A completion was written.
    pub const COMPLETION: u32 = 1 << 0;
    /// The device has come out of a reset.
    pub const BOOT: u32 = 1 << 1;
}

/// A ring of `DEPTH` entries whose number `n`, counted modulo 2^32, lies at place `n % DEPTH`.
///
/// Submissions lie at the beginning of the memory, completions behind them at the next multiple of 64.
#[derive(Clone, Copy, Debug)]
pub struct Rings {
    depth: u32,
}

impl Rings {
    /// Rings of this depth, a power of two up to 64; panics else, so call it in a constant.
    pub const fn new(depth: u8) -> Self {
        assert!(depth.is_power_of_two() && depth <= 64, "DEPTH must be a power of two in 1..=64");
        Self { depth: depth as u32 }
    }

    /// Entries of each.
    pub const fn depth(self) -> u8 {
        self.depth as u8
    }

    /// Bytes that both take.
    pub const fn bytes(self) -> u32 {
        self.completions() + self.depth * ENTRY
    }

    /// Where the completions begin.
    pub const fn completions(self) -> u32 {
        (self.depth * ENTRY).next_multiple_of(64)
    }

    /// The bytes of submission `n`.
    pub const fn submission(self, n: u32) -> Range<u32> {
        let start = self.place(n) * ENTRY;
        start..start + ENTRY
    }

    /// The bytes of completion `n`.
    pub const fn completion(self, n: u32) -> Range<u32> {
        let start = self.completions() + self.place(n) * ENTRY;
        start..start + ENTRY
    }

    const fn place(self, n: u32) -> u32 {
        n & (self.depth - 1)
    }

    /// The phase of completion `n`: how often its ring has gone round, modulo 256. A place whose phase is
    /// one less has not been written yet.
    pub const fn phase(self, n: u32) -> u8 {
        (n >> self.depth.trailing_zeros()) as u8
    }

    /// The first number behind `n` whose phase no write from before `n` can carry.
    pub const fn fresh(self, n: u32) -> u32 {
        (n | (self.depth - 1)).wrapping_add(1 + self.depth)
    }
}

/// The words of a submission: little endian, each at four times its index.
///
/// ```text
/// byte  0  ticket: its sequence
///       4  job: index (15..0), generation (31..16)
///       8  model (7..0), sub-network (15..8), zero (31..16)
///      12  segments: first (15..0), how many (31..16)
///      16  number of the frame within its model
///      20  expected latency in nanoseconds, the switch included
///      24  zero
///      28  zero (15..0), check (31..16)
/// ```
pub fn submission(block: &Dispatch) -> [u32; 8] {
    let half = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
    let latency = block.expected.latency_ns.saturating_add(block.switch.latency_ns);
    let body = [
        block.ticket.sequence,
        half(block.job.index(), block.job.generation()),
        u32::from(block.frame.model.0) | u32::from(block.subnetwork) << 8,
        half(block.first, block.count),
        block.frame.number,
        latency,
        0,
    ];
    sealed(body, 0)
}

/// How a block ended, as the device writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The ticket's sequence.
    pub sequence: u32,
    /// How it ended.
    pub status: AnswerStatus,
    /// How the network went on, if it ended well.
    pub path: Path,
    /// When it began, in ticks of the device.
    pub started: u32,
    /// When it ended, in ticks of the device.
    pub finished: u32,
    /// Energy in nanojoules; [`ALL_ONES`] if it was not measured.
    pub energy_nj: u32,
    /// What went wrong, in the device's own numbers.
    pub code: u32,
}

/// The status of an [`Answer`], as its last word has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum AnswerStatus {
    /// The results are in memory.
    Done = 0,
    /// The device failed at it; `code` says how.
    Failed = 1,
    /// It was aborted, before or while it ran.
    Aborted = 2,
    /// The device does not know how to run it.
    Unsupported = 3,
}

/// That a completion is not one: its check, its status or its path is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadAnswer;

impl Answer {
    /// The words of a completion: little endian, each at four times its index. The device writes the last
    /// word last, and whole: with its phase the entry is there.
    ///
    /// ```text
    /// byte  0  ticket: its sequence
    ///       4  path: segments skipped (15..0), kind (23..16: 0 next, 1 skip, 2 exit), zero (31..24)
    ///       8  began, in ticks
    ///      12  ended, in ticks
    ///      16  energy in nanojoules, all ones if not measured
    ///      20  code of the failure, zero if none
    ///      24  zero
    ///      28  phase (7..0), status (15..8: 0 done, 1 failed, 2 aborted, 3 unsupported), check (31..16)
    /// ```
    pub fn words(&self, phase: u8) -> [u32; 8] {
        let path = match self.path {
            Path::Next => 0,
            Path::Skip(segments) => u32::from(segments) | 1 << 16,
            Path::Exit => 2 << 16,
        };
        let body = [self.sequence, path, self.started, self.finished, self.energy_nj, self.code, 0];
        sealed(body, u32::from(phase) | (self.status as u32) << 8)
    }

    /// Reads a completion back.
    ///
    /// # Errors
    ///
    /// The check fails, or the status or the path is none.
    pub fn read(words: &[u32; 8]) -> Result<Self, BadAnswer> {
        let [sequence, path, started, finished, energy_nj, code, zero, last] = *words;
        let body = [sequence, path, started, finished, energy_nj, code, zero];
        if sealed(body, last & 0xffff) != *words {
            return Err(BadAnswer);
        }
        let status = match last >> 8 & 0xff {
            0 => AnswerStatus::Done,
            1 => AnswerStatus::Failed,
            2 => AnswerStatus::Aborted,
            3 => AnswerStatus::Unsupported,
            _ => return Err(BadAnswer),
        };
        let path = match (path >> 16, path as u16) {
            (0, 0) => Path::Next,
            (1, segments) => Path::Skip(segments),
            (2, 0) => Path::Exit,
            _ => return Err(BadAnswer),
        };
        Ok(Self { sequence, status, path, started, finished, energy_nj, code })
    }
}

/// An entry of this body and these lower bits of the last word. The check is the CRC-16 of the 30 bytes
/// before it.
fn sealed(body: [u32; 7], last: u32) -> [u32; 8] {
    let [a, b, c, d, e, f, g] = body;
    let mut crc = CRC.digest();
    for word in body {
        crc.update(&word.to_le_bytes());
    }
    crc.update(&(last as u16).to_le_bytes());
    [a, b, c, d, e, f, g, last | u32::from(crc.finalize()) << 16]
}

/// CRC-16/IBM-3740: polynomial 0x1021, from all ones.
static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_IBM_3740);
