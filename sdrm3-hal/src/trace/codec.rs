//! The parts of records: numbers, times, frames, jobs and tickets, relative to what both sides know.

use heapless::Vec;
use sdrm3_core::{AcceleratorId, Cost, Duration, Frame, Instant, JobId, ModelId, Path, Ticket};

/// No record is longer: the longest, of a completion, has 120 bytes.
pub(super) const MAX_RECORD: usize = 128;

/// How many models have a place of their own.
const PLACES: usize = 16;

/// What writer and reader know of the records so far.
#[derive(Clone, Debug)]
pub(super) struct Context {
    /// Time of the latest call.
    now: Instant,
    /// Sequence of the next dispatch.
    sequence: u32,
    places: [(Frame, JobId); PLACES],
}

impl Context {
    pub(super) const fn new() -> Self {
        let (release, deadline, origin) = (Instant::ZERO, Instant::ZERO, Instant::ZERO);
        let frame = Frame { release, deadline, origin, number: 0, model: ModelId(0) };
        Self { now: Instant::ZERO, sequence: 0, places: [(frame, JobId::new(0, 0)); PLACES] }
    }

    fn place(&self, model: ModelId) -> (Frame, JobId) {
        let known = self.places.get(usize::from(model.0) % PLACES).copied();
        known.unwrap_or_else(|| self.places[0]) // there is always one
    }

    fn settle(&mut self, frame: Frame, job: JobId) {
        if let Some(place) = self.places.get_mut(usize::from(frame.model.0) % PLACES) {
            *place = (frame, job);
        }
    }
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

const fn apart(later: Instant, earlier: Instant) -> i64 {
    later.as_nanos().wrapping_sub(earlier.as_nanos()) as i64
}

const fn beside(at: Instant, by: i64) -> Instant {
    Instant::from_nanos(at.as_nanos().wrapping_add(by as u64))
}

/// Writes one record.
#[derive(Debug)]
pub(super) struct Encoder<'c> {
    context: &'c mut Context,
    bytes: Vec<u8, MAX_RECORD>,
}

impl<'c> Encoder<'c> {
    pub(super) const fn new(context: &'c mut Context) -> Self {
        Self { context, bytes: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<u8, MAX_RECORD> {
        self.bytes
    }

    pub(super) fn byte(&mut self, value: u8) {
        // No record is longer: a test writes the longest.
        let _ = self.bytes.push(value);
    }

    pub(super) fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    pub(super) fn signed(&mut self, value: i64) {
        self.number(zigzag(value));
    }

    /// The time of the call, from that of the call before.
    pub(super) fn called(&mut self, now: Instant) {
        self.time(now);
        self.context.now = now;
    }

    pub(super) fn time(&mut self, at: Instant) {
        self.signed(apart(at, self.context.now));
    }

    pub(super) fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.byte(u8::from(value.is_some()));
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub(super) fn ticket(&mut self, ticket: Ticket) {
        self.byte(ticket.accelerator.0);
        self.signed(i64::from(ticket.sequence.wrapping_sub(self.context.sequence) as i32));
    }

    /// A ticket that has just been given out.
    pub(super) fn new_ticket(&mut self, ticket: Ticket) {
        self.ticket(ticket);
        self.context.sequence = ticket.sequence.wrapping_add(1);
    }

    pub(super) fn frame(&mut self, frame: Frame) {
        let (known, job) = self.context.place(frame.model);
        let hit = known == frame;
        self.number(u64::from(frame.model.0) << 1 | u64::from(hit));
        if !hit {
            self.signed(i64::from(frame.number.wrapping_sub(known.number) as i32));
            self.time(frame.release);
            self.signed(apart(frame.deadline, frame.release));
            self.signed(apart(frame.release, frame.origin));
            self.context.settle(frame, job);
        }
    }

    /// The job of the frame before.
    pub(super) fn job(&mut self, job: JobId, of: Frame) {
        let (_, known) = self.context.place(of.model);
        self.signed(i64::from(job.index().wrapping_sub(known.index()) as i16));
        self.signed(i64::from(job.generation().wrapping_sub(known.generation()) as i16));
        self.context.settle(of, job);
    }

    pub(super) fn cost(&mut self, cost: Cost) {
        self.number(u64::from(cost.latency_ns));
        self.number(u64::from(cost.energy_nj));
    }

    pub(super) fn path(&mut self, path: Path) {
        match path {
            Path::Next => self.byte(0),
            Path::Skip(segments) => {
                self.byte(1);
                self.number(u64::from(segments));
            }
            Path::Exit => self.byte(2),
        }
    }
}

/// Reads records; `None` is a record that makes no sense.
#[derive(Debug)]
pub(super) struct Decoder<'c, 'b> {
    context: &'c mut Context,
    bytes: &'b [u8],
}

impl<'c, 'b> Decoder<'c, 'b> {
    pub(super) const fn new(context: &'c mut Context, bytes: &'b [u8]) -> Self {
        Self { context, bytes }
    }

    /// What is left to read.
    pub(super) const fn rest(&self) -> &'b [u8] {
        self.bytes
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // Past 64 bits, or not the shortest form.
            if shift > 63 || (shift == 63 && bits > 1) || (byte == 0 && shift > 0) {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
        }
    }

    /// A number that fits into a smaller type.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        self.number()?.try_into().ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        self.number().map(unzigzag)
    }

    fn signed_small<T: TryFrom<i64>>(&mut self) -> Option<T> {
        self.signed()?.try_into().ok()
    }

    pub(super) fn called(&mut self) -> Option<Instant> {
        let now = self.time()?;
        self.context.now = now;
        Some(now)
    }

    pub(super) fn time(&mut self) -> Option<Instant> {
        Some(beside(self.context.now, self.signed()?))
    }

    pub(super) fn option<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.flag()? { take(self).map(Some) } else { Some(None) }
    }

    pub(super) fn model(&mut self) -> Option<ModelId> {
        self.byte().map(ModelId)
    }

    pub(super) fn accelerator(&mut self) -> Option<AcceleratorId> {
        self.byte().map(AcceleratorId)
    }

    pub(super) fn ticket(&mut self) -> Option<Ticket> {
        let accelerator = self.accelerator()?;
        let ahead: i32 = self.signed_small()?;
        Some(Ticket { accelerator, sequence: self.context.sequence.wrapping_add(ahead as u32) })
    }

    pub(super) fn new_ticket(&mut self) -> Option<Ticket> {
        let ticket = self.ticket()?;
        self.context.sequence = ticket.sequence.wrapping_add(1);
        Some(ticket)
    }

    pub(super) fn frame(&mut self) -> Option<Frame> {
        let head: u16 = self.small()?;
        let model = ModelId(u8::try_from(head >> 1).ok()?);
        let (known, job) = self.context.place(model);
        if head & 1 == 1 {
            return Some(known).filter(|known| known.model == model);
        }
        let ahead: i32 = self.signed_small()?;
        let release = self.time()?;
        let deadline = beside(release, self.signed()?);
        let origin = beside(release, self.signed()?.wrapping_neg());
        let frame =
            Frame { release, deadline, origin, number: known.number.wrapping_add(ahead as u32), model };
        self.context.settle(frame, job);
        Some(frame)
    }

    pub(super) fn job(&mut self, of: Frame) -> Option<JobId> {
        let (_, known) = self.context.place(of.model);
        let (index, generation): (i16, i16) = (self.signed_small()?, self.signed_small()?);
        let job = JobId::new(
            known.index().wrapping_add(index as u16),
            known.generation().wrapping_add(generation as u16),
        );
        self.context.settle(of, job);
        Some(job)
    }

    pub(super) fn span(&mut self) -> Option<Duration> {
        self.number().map(Duration::from_nanos)
    }

    pub(super) fn cost(&mut self) -> Option<Cost> {
        Some(Cost::new(self.small()?, self.small()?))
    }

    pub(super) fn path(&mut self) -> Option<Path> {
        Some(match self.byte()? {
            0 => Path::Next,
            1 => Path::Skip(self.small()?),
            2 => Path::Exit,
            _ => return None,
        })
    }
}
