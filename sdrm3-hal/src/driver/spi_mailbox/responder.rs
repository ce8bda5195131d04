//! The device's end: what the firmware of a co-processor links in.

use heapless::{Deque, Vec};

use super::remove;
use super::wire::{
    Answer, BadFrame, Block, Decoder, Ending, FRAME, Frame, Identity, Message, Report, Running, Session,
};

/// What the firmware does when the host asks for it. Each call must return at once.
pub trait Coprocessor {
    /// Whether this block can run here at all, and now; asked once per block, before it takes room.
    ///
    /// # Errors
    ///
    /// Why not. The host then completes the block with an error: under the runtime the accelerator rests, and
    /// a model that is refused three times in a row is barred from it for a second, by the defaults.
    fn admit(&mut self, block: &Block) -> Result<(), Answer> {
        let _ = block;
        Ok(())
    }

    /// Starts a block; no other is running. Its end is told by [`Responder::finished`].
    fn start(&mut self, block: &Block);

    /// Stops the running block as soon as it can, if it can. Its end is told as ever: as
    /// [`Ending::Cancelled`] if it stopped before its end.
    fn cancel(&mut self, ticket: u32) {
        let _ = ticket;
    }

    /// Stops whatever runs and forgets it.
    fn reset(&mut self);
}

/// The device's end of the protocol: holds up to `DEPTH` blocks and runs them one at a time, in the order
/// in which they came.
///
/// It does not touch hardware. The firmware hands it the bytes of each transfer, arms what
/// [`reply`](Self::reply) gives for the next one, and drives the ready pin with [`ready`](Self::ready):
///
/// ```
/// use core::num::{NonZeroU8, NonZeroU32};
/// use sdrm3_hal::driver::spi_mailbox::responder::{Coprocessor, Responder};
/// use sdrm3_hal::driver::spi_mailbox::wire::{Block, Ending, FRAME, Identity};
/// use sdrm3_hal::queue::Granularity;
///
/// struct Npu;
///
/// impl Coprocessor for Npu {
///     fn start(&mut self, block: &Block) { /* point the engine at the block and start it */ }
///     fn reset(&mut self) { /* stop the engine */ }
/// }
///
/// let identity = Identity {
///     device: 0x0001_0203,
///     ticks_per_second: NonZeroU32::new(1_000_000).unwrap(),
///     depth: NonZeroU8::MIN, // set by the responder
///     granularity: Granularity::Block,
///     energy: false,
/// };
/// let boot = 17; // from retained memory, one more than last time
/// let mut responder = Responder::<2>::new(boot, identity);
///
/// # fn arm(_: [u8; FRAME]) {}
/// # fn set_pin(_: bool) {}
/// // At the start, after each transfer and after each end of a block: arm, then the pin.
/// arm(responder.reply());
/// set_pin(responder.ready());
///
/// // In the interrupt at the end of a transfer (chip select rises). The host may look at the pin at once.
/// set_pin(false);
/// # let (received, ticks) = ([0; FRAME], 0);
/// responder.received(&received, ticks, &mut Npu);
///
/// // In the interrupt at the end of a block:
/// # let ticket = 0;
/// responder.finished(ticket, Ending::Failed, None, ticks, &mut Npu);
/// ```
///
/// Ticks are those of a free-running counter of 32 bits at the rate of its [`Identity`].
#[derive(Debug)]
pub struct Responder<const DEPTH: usize> {
    identity: Identity,
    session: Session,
    decoder: Decoder,
    waiting: Vec<Block, DEPTH>,
    running: Option<(Block, u32)>,
    progress: u32,
    /// Ends of blocks that the host has not acknowledged: a block takes room until then.
    reports: Deque<Report, DEPTH>,
    /// Sequence number of the last report that the host acknowledged.
    acknowledged: u16,
    /// Sequence number of the last command, and what became of it.
    handled: u16,
    answer: Answer,
    /// Of the last frame that arrived whole: its number, when it had, whether it was a hello.
    number: u8,
    ticks: u32,
    hello: bool,
    /// The last transfer asked for something, and the reply has not been collected.
    asked: bool,
    /// Nothing has been heard since the start.
    fresh: bool,
    corrupt: u32,
    stale: u32,
}

impl<const DEPTH: usize> Responder<DEPTH> {
    /// A device that has just started and holds nothing.
    ///
    /// `boot` should differ from that of the last starts (a counter in retained memory, or a random
    /// number). If it does not, a start is noticed all the same, unless a copy of the last reset arrives late,
    /// after it.
    pub const fn new(boot: u16, identity: Identity) -> Self {
        const { assert!(DEPTH > 0 && DEPTH <= 255, "DEPTH must lie in 1..=255") };
        let depth = match core::num::NonZeroU8::new(DEPTH as u8) {
            Some(depth) => depth,
            None => core::num::NonZeroU8::MIN,
        };
        Self {
            identity: Identity { depth, ..identity },
            session: Session { boot, epoch: 0 },
            decoder: Decoder::new(),
            waiting: Vec::new(),
            running: None,
            progress: 0,
            reports: Deque::new(),
            acknowledged: 0,
            handled: 0,
            answer: Answer::Accepted,
            number: 0,
            ticks: 0,
            hello: false,
            asked: false,
            fresh: true,
            corrupt: 0,
            stale: 0,
        }
    }

    /// Takes in the bytes of a transfer, which ended at `ticks`. O(bytes x [`FRAME`]) plus the calls of
    /// the co-processor: one admission, start, cancel or reset per command.
    pub fn received(&mut self, bytes: &[u8], ticks: u32, device: &mut impl Coprocessor) {
        self.asked = false;
        for byte in bytes {
            match self.decoder.push(*byte) {
                Some(Ok(frame)) => self.handle(&frame, ticks, device),
                Some(Err(BadFrame::Sync)) | None => {}
                Some(Err(_)) => self.corrupt = self.corrupt.saturating_add(1),
            }
        }
    }

    /// The running block has ended, at `ticks`; the next one is started. `false`, and nothing happens,
    /// if this block does not run: an interrupt that came after a reset.
    pub fn finished(
        &mut self,
        ticket: u32,
        ending: Ending,
        energy_nj: Option<u32>,
        ticks: u32,
        device: &mut impl Coprocessor,
    ) -> bool {
        let Some((block, started)) = self.running else { return false };
        if block.ticket != ticket {
            return false;
        }
        self.running = None;
        self.report(Report { ticket, ending, started, finished: ticks, energy_nj });
        self.start_next(ticks, device);
        true
    }

    /// The running block has come this far: a number that grows.
    pub fn progress(&mut self, progress: u32) {
        self.progress = progress;
    }

    /// What to arm for the next transfer. O([`FRAME`]).
    pub fn reply(&self) -> [u8; FRAME] {
        let message = match self.reports.front() {
            _ if self.hello => Message::Identity(self.identity),
            Some(report) => Message::Report(*report),
            None => Message::State(
                self.running.map(|(block, _)| Running { ticket: block.ticket, progress: self.progress }),
            ),
        };
        let frame = Frame {
            number: self.number,
            session: self.session,
            sequence: self.acknowledged.wrapping_add(1),
            acknowledge: self.handled,
            ticks: self.ticks,
            answer: self.answer,
            message,
        };
        frame.encode()
    }

    /// The level of the ready pin: high while there is something to collect.
    pub fn ready(&self) -> bool {
        self.fresh || self.asked || !self.reports.is_empty()
    }

    /// Its session.
    pub const fn session(&self) -> Session {
        self.session
    }

    /// How many frames failed their check, and how many were repeated, late or out of order: dropped.
    pub const fn dropped(&self) -> (u32, u32) {
        (self.corrupt, self.stale)
    }

    fn handle(&mut self, frame: &Frame, ticks: u32, device: &mut impl Coprocessor) {
        if !frame.message.is_from_host() {
            self.stale = self.stale.saturating_add(1);
            return;
        }
        self.fresh = false;
        (self.number, self.ticks) = (frame.number, ticks);
        self.hello = frame.message == Message::Hello;
        self.asked = frame.message != Message::Nothing;
        if self.hello {
            return;
        }
        if frame.session != self.session {
            self.stale = self.stale.saturating_add(1);
            return;
        }
        if frame.acknowledge == self.acknowledged.wrapping_add(1) && self.reports.pop_front().is_some() {
            self.acknowledged = frame.acknowledge;
        }
        match frame.message {
            Message::Submit(block) if self.is_next(frame.sequence) => {
                self.answer = self.admit(block, ticks, device);
            }
            Message::Cancel(ticket) if self.is_next(frame.sequence) => {
                self.answer = self.cancel(ticket, ticks, device);
            }
            Message::Reset(epoch) => {
                device.reset();
                // Counters and the link's state go on; all else is as after a start.
                *self = Self {
                    session: Session { epoch, ..self.session },
                    decoder: core::mem::take(&mut self.decoder),
                    number: self.number,
                    ticks,
                    asked: true,
                    fresh: false,
                    corrupt: self.corrupt,
                    stale: self.stale,
                    ..Self::new(self.session.boot, self.identity)
                };
            }
            _ => {}
        }
    }

    /// Whether a command is the next one; if it was handled before, its answer is repeated and no more.
    fn is_next(&mut self, sequence: u16) -> bool {
        let next = sequence == self.handled.wrapping_add(1);
        if next {
            self.handled = sequence;
        } else {
            self.stale = self.stale.saturating_add(1);
        }
        next
    }

    fn admit(&mut self, block: Block, ticks: u32, device: &mut impl Coprocessor) -> Answer {
        if self.waiting.len() + usize::from(self.running.is_some()) + self.reports.len() >= DEPTH {
            return Answer::Full;
        }
        if let Err(answer) = device.admit(&block) {
            return answer;
        }
        let _ = self.waiting.push(block); // there is room
        self.start_next(ticks, device);
        Answer::Accepted
    }

    fn cancel(&mut self, ticket: u32, ticks: u32, device: &mut impl Coprocessor) -> Answer {
        if let Some(place) = self.waiting.iter().position(|block| block.ticket == ticket) {
            remove(&mut self.waiting, place);
            let ending = Ending::Cancelled;
            self.report(Report { ticket, ending, started: ticks, finished: ticks, energy_nj: None });
        } else if self.running.is_some_and(|(block, _)| block.ticket == ticket) {
            device.cancel(ticket);
        } else {
            return Answer::Unknown;
        }
        Answer::Accepted
    }

    fn start_next(&mut self, ticks: u32, device: &mut impl Coprocessor) {
        if self.running.is_none()
            && let Some(block) = self.waiting.first().copied()
        {
            remove(&mut self.waiting, 0);
            self.running = Some((block, ticks));
            self.progress = 0;
            device.start(&block);
        }
    }

    fn report(&mut self, report: Report) {
        let _ = self.reports.push_back(report); // the block had its room
    }
}
