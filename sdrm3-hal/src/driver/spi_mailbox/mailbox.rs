//! The host's end: the queue.

use embedded_hal::digital::{InputPin, OutputPin};
use embedded_hal::spi::SpiDevice;
use heapless::Vec;
use sdrm3_core::{Dispatch, Instant, Outcome, Ticket};

use super::wire::{
    Answer, BadFrame, Block, Decoder, Ending, FRAME, Frame, Identity, Message, Report, Session,
};
use super::{Config, NoReset, remove};
use crate::queue::{
    AcceleratorQueue, CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Granularity, Health,
    Pump,
};

/// A request is sent at least this often before it is given up, however late `poll` is called.
const TRIES: u8 = 4;

/// How many transfers in a row may bring no answer before none is believed: numbers of frames come again after
/// 256, and a device that hangs may repeat its last replies, up to sixteen of them.
const TRUSTED: u8 = 240;

/// Where a block stands. The module has the diagram.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Not sent yet.
    Queued,
    /// Sent at least once; the device may have it.
    Sent,
    /// The device has it.
    Accepted,
    /// It has ended; not handed out yet.
    Ended(Instant, Result<Outcome, ErrorKind>),
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    ticket: Ticket,
    block: Block,
    /// When `submit` took it.
    taken: Instant,
    state: State,
    /// Its cancellation is to be sent.
    cancel: bool,
    progress: Option<u32>,
}

impl Slot {
    const fn is_with_device(&self) -> bool {
        matches!(self.state, State::Sent | State::Accepted)
    }
}

/// How the driver stands with the device. The module has the diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// It did not answer the greeting: it is asked again only while the pin is high.
    Down,
    /// Asking who it is.
    Greeting,
    /// Ending the session that it is in, in case it holds blocks that are not ours, for the second one.
    Resetting(Session, Session),
    /// In a session of our own.
    Up(Session),
}

/// What the driver wants an answer to; one at a time.
#[derive(Clone, Copy, Debug)]
struct Request {
    message: Message,
    since: Instant,
    /// When it was sent last.
    sent: Option<Instant>,
    tries: u8,
}

/// A moment by both clocks.
#[derive(Clone, Copy, Debug)]
struct Mark {
    host: Instant,
    ticks: u32,
}

/// The queue of a co-processor behind an SPI bus. The [module](super) has the protocol, the states, the
/// bounds and how to wire it.
///
/// Holds up to `DEPTH` blocks. Of those, the device has as many as it announces; the others wait here.
#[derive(Debug)]
pub struct SpiMailbox<SPI, READY, const DEPTH: usize, RESET = NoReset> {
    spi: SPI,
    ready: READY,
    reset: Option<RESET>,
    config: Config,
    /// In the order of their submission.
    slots: Vec<Slot, DEPTH>,
    link: Link,
    /// Of the last session that we opened.
    epoch: u16,
    identity: Option<Identity>,
    request: Option<Request>,
    /// Of the last command in this session.
    sequence: u16,
    /// The last report taken in this session.
    acknowledge: u16,
    /// It was taken, and no frame has said so yet.
    owes: bool,
    /// Of the last frame sent, and when it was.
    number: u8,
    sent: Instant,
    /// When a frame that answers our last one was heard, and how many transfers brought none since then.
    heard: Instant,
    unanswered: u8,
    clock: Option<Mark>,
    decoder: Decoder,
    /// Why the last transfer did not answer: what blocks end with when the driver gives up.
    cause: ErrorKind,
    /// Since when the reset pin is held.
    held: Option<Instant>,
    health: Health,
}

impl<SPI: SpiDevice, READY: InputPin, const DEPTH: usize> SpiMailbox<SPI, READY, DEPTH> {
    /// A queue over this device, whose ready pin is high while it has something to say. Touches neither.
    pub const fn new(spi: SPI, ready: READY, config: Config) -> Self {
        Self::build(spi, ready, None, config)
    }
}

impl<SPI: SpiDevice, READY: InputPin, const DEPTH: usize, RESET: OutputPin>
    SpiMailbox<SPI, READY, DEPTH, RESET>
{
    /// The same with a pin that holds the device in reset while it is low. It should be high by now.
    pub const fn with_reset(spi: SPI, ready: READY, reset: RESET, config: Config) -> Self {
        Self::build(spi, ready, Some(reset), config)
    }

    const fn build(spi: SPI, ready: READY, reset: Option<RESET>, config: Config) -> Self {
        const { assert!(DEPTH > 0 && DEPTH <= 255, "DEPTH must lie in 1..=255") };
        Self {
            spi,
            ready,
            reset,
            config,
            slots: Vec::new(),
            link: Link::Greeting,
            epoch: 0,
            identity: None,
            request: None,
            sequence: 0,
            acknowledge: 0,
            owes: false,
            number: 0,
            sent: Instant::ZERO,
            heard: Instant::ZERO,
            unanswered: 0,
            clock: None,
            decoder: Decoder::new(),
            cause: ErrorKind::Timeout,
            held: None,
            health: Health::ZERO,
        }
    }

    /// Whether the device is there and in a session with this queue. Blocks are taken a little earlier,
    /// as soon as it has answered the greeting.
    pub const fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// Who the device says it is, as far as it was heard.
    pub const fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Gives the bus and the pins back. What is in flight is lost.
    pub fn release(self) -> (SPI, READY, Option<RESET>) {
        (self.spi, self.ready, self.reset)
    }

    /// A pin that cannot be read counts as high: the bus tells.
    fn is_ready(&mut self) -> bool {
        self.ready.is_high().unwrap_or(true)
    }

    // ---- what to send ---------------------------------------------------------------------------

    /// What to send now, if anything: a request that is new or due again, else a frame that collects.
    fn due(&mut self, now: Instant, ready: bool) -> Option<Message> {
        self.want(now, ready);
        if let Some(request) = &mut self.request
            && request.sent.is_none_or(|sent| now >= sent.saturating_add(self.config.retry))
        {
            if request.sent.replace(now).is_some() {
                count(&mut self.health.retries);
            }
            request.tries = request.tries.saturating_add(1);
            return Some(request.message);
        }
        (ready || self.owes).then_some(Message::Nothing)
    }

    /// Decides on the next request, if there is none. O(DEPTH).
    fn want(&mut self, now: Instant, ready: bool) {
        if self.request.is_some() {
            return;
        }
        let message = match self.link {
            Link::Down => ready.then_some(Message::Hello),
            Link::Greeting => Some(Message::Hello),
            Link::Resetting(_, next) => Some(Message::Reset(next.epoch)),
            Link::Up(_) => self.command().or_else(|| {
                let silent = now >= self.heard.saturating_add(self.config.heartbeat);
                (silent && self.slots.iter().any(Slot::is_with_device)).then_some(Message::Status)
            }),
        };
        if let Some(message) = message {
            self.ask(message, now);
        }
    }

    fn ask(&mut self, message: Message, now: Instant) {
        self.request.get_or_insert(Request { message, since: now, sent: None, tries: 0 });
    }

    /// The next command: cancellations first, the latest block's before, so that the end of one does not
    /// start the next; then blocks in order, as many as the device holds.
    fn command(&mut self) -> Option<Message> {
        let message = if let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.cancel) {
            slot.cancel = false;
            Message::Cancel(slot.block.ticket)
        } else {
            let depth = self.identity.map_or(0, |identity| usize::from(identity.depth.get()));
            if self.slots.iter().filter(|slot| slot.is_with_device()).count() >= depth {
                return None;
            }
            let slot = self.slots.iter_mut().find(|slot| matches!(slot.state, State::Queued))?;
            slot.state = State::Sent;
            Message::Submit(slot.block)
        };
        self.sequence = self.sequence.wrapping_add(1);
        Some(message)
    }

    /// One transfer of [`FRAME`] bytes, and what it brought. If that was no answer, something may be lost
    /// for which the pin does not rise again: the device is asked.
    fn transfer(&mut self, message: Message, now: Instant) {
        if self.exchange(message, now) {
            self.unanswered = 0;
            return;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        if self.is_up() {
            self.ask(Message::Status, now);
        }
    }

    /// Whether it brought an answer to the last frame.
    fn exchange(&mut self, message: Message, now: Instant) -> bool {
        self.cause = ErrorKind::Timeout;
        let before = (self.number, self.sent);
        // The reply to a frame comes with the next one: what comes with the first copy of a request is older.
        let asked = self.request.is_some_and(|request| request.tries > 1 || request.message != message);
        (self.number, self.sent) = (self.number.wrapping_add(1), now);
        let session = match self.link {
            Link::Up(session) | Link::Resetting(session, _) => session,
            Link::Down | Link::Greeting => Session::default(),
        };
        let frame = Frame {
            number: self.number,
            session,
            sequence: self.sequence,
            acknowledge: self.acknowledge,
            ticks: 0,
            answer: Answer::Accepted,
            message,
        };
        let mut bytes = [0; FRAME];
        if self.spi.transfer(&mut bytes, &frame.encode()).is_err() {
            count(&mut self.health.bus);
            self.cause = ErrorKind::Bus;
            return false;
        }
        // A report that is repeated in the very transfer that acknowledges it could not be otherwise.
        let echo = core::mem::take(&mut self.owes);
        let trusted = self.unanswered < TRUSTED || !self.is_up();
        let mut answered = false;
        for byte in bytes {
            match self.decoder.push(byte) {
                Some(Ok(frame)) => {
                    let fresh = frame.number == before.0 && trusted;
                    answered |= fresh && !frame.message.is_from_host();
                    self.hear(&frame, fresh, before.1, echo, now);
                }
                Some(Err(BadFrame::Sync)) | None => {}
                Some(Err(bad)) => {
                    count(&mut self.health.corrupt);
                    let foreign = matches!(bad, BadFrame::Version(_));
                    self.cause = if foreign { ErrorKind::Unsupported } else { ErrorKind::Corrupt };
                }
            }
        }
        if answered && asked {
            self.request.take_if(|request| request.message == Message::Status);
        }
        answered
    }

    // ---- what was heard -------------------------------------------------------------------------

    /// Takes in a frame. It is `fresh` if it answers the frame sent before the one that it came with, the last
    /// that the device can know and `sent` then. Only such a frame is believed about sessions, so that none
    /// that comes late is.
    fn hear(&mut self, frame: &Frame, fresh: bool, sent: Instant, echo: bool, now: Instant) {
        match self.link {
            _ if frame.message.is_from_host() => count(&mut self.health.stale), // our own, reflected
            Link::Up(session) if frame.session == session => {
                if fresh {
                    (self.heard, self.clock) = (now, Some(Mark { host: sent, ticks: frame.ticks }));
                }
                self.answered(frame, now);
                self.report(frame, echo, now);
            }
            Link::Up(_) if fresh => {
                // It has started again. If it had none of our blocks, nothing is lost.
                count(&mut self.health.resets);
                if self.slots.iter().any(Slot::is_with_device) {
                    self.lose(ErrorKind::Reset, now);
                }
                self.enter(Link::Greeting);
            }
            // Before a session begins, a report is of nothing that is ours.
            Link::Down | Link::Greeting | Link::Resetting(..)
                if matches!(frame.message, Message::Report(_)) =>
            {
                self.discard(frame);
            }
            Link::Down | Link::Greeting if fresh => {
                if let Message::Identity(identity) = frame.message {
                    self.identity = Some(identity);
                    // A name that neither we nor a host before us gave lately: none that is late has it.
                    self.epoch = self.epoch.max(frame.session.epoch).checked_add(1).unwrap_or(1);
                    let next = Session { epoch: self.epoch, ..frame.session };
                    self.enter(Link::Resetting(frame.session, next));
                }
            }
            Link::Resetting(_, next) if fresh && frame.session == next => {
                self.enter(Link::Up(frame.session));
                (self.heard, self.clock) = (now, Some(Mark { host: sent, ticks: frame.ticks }));
            }
            Link::Resetting(old, _) if fresh && frame.session != old => self.enter(Link::Greeting),
            Link::Up(_) => self.discard(frame),
            Link::Down | Link::Greeting | Link::Resetting(..) => {}
        }
    }

    /// Counts a frame that comes late, out of order or again.
    fn discard(&mut self, frame: &Frame) {
        let of_ours = |report: Report| {
            self.slots.iter().any(|slot| slot.is_with_device() && slot.block.ticket == report.ticket)
        };
        match frame.message {
            Message::Report(report) if !of_ours(report) => count(&mut self.health.spurious),
            _ => count(&mut self.health.stale),
        }
    }

    /// What became of our last command.
    fn answered(&mut self, frame: &Frame, now: Instant) {
        let command =
            |request: &mut Request| matches!(request.message, Message::Submit(_) | Message::Cancel(_));
        if frame.acknowledge != self.sequence {
            return;
        }
        let Some(request) = self.request.take_if(command) else { return };
        if let Message::Submit(_) = request.message
            && let Some(slot) = self.slots.iter_mut().find(|slot| matches!(slot.state, State::Sent))
        {
            let failed = |kind| State::Ended(now, Err(kind));
            slot.state = match frame.answer {
                Answer::Accepted => State::Accepted,
                Answer::Full => failed(ErrorKind::Full),
                Answer::Unsupported => failed(ErrorKind::Unsupported),
                Answer::NotReady => failed(ErrorKind::NotReady),
                Answer::Unknown => failed(ErrorKind::Other),
            };
        }
    }

    /// What the frame reports of our blocks.
    fn report(&mut self, frame: &Frame, echo: bool, now: Instant) {
        match frame.message {
            Message::State(Some(running)) => {
                let slot = self.slots.iter_mut().find(|slot| slot.block.ticket == running.ticket);
                if let Some(slot) = slot {
                    slot.progress = slot.progress.max(Some(running.progress));
                }
            }
            Message::Report(report) if frame.sequence == self.acknowledge.wrapping_add(1) => {
                self.acknowledge = frame.sequence;
                self.owes = true;
                self.ended(&report, now);
            }
            Message::Report(_) if echo && frame.sequence == self.acknowledge => {}
            Message::Report(_) if frame.sequence == self.acknowledge => count(&mut self.health.stale),
            Message::Report(_) => self.discard(frame),
            _ => {}
        }
    }

    fn ended(&mut self, report: &Report, now: Instant) {
        let (clock, rate) = (self.clock, self.identity.map(|identity| identity.ticks_per_second.get()));
        let mut slots = self.slots.iter_mut();
        let Some(slot) = slots.find(|slot| slot.is_with_device() && slot.block.ticket == report.ticket)
        else {
            count(&mut self.health.spurious);
            return;
        };
        // What the device says of time can be no better than what we know of it.
        let at = |ticks| instant(ticks, clock, rate).unwrap_or(now).min(now).max(slot.taken);
        let finished = at(report.finished);
        let started = at(report.started).min(finished);
        let result = match report.ending {
            Ending::Finished(path) => {
                Ok(Outcome { path, started: Some(started), finished, energy_nj: report.energy_nj })
            }
            Ending::Failed => Err(ErrorKind::Device),
            Ending::Cancelled => Err(ErrorKind::Cancelled),
        };
        slot.state = State::Ended(started, result);
    }

    // ---- links, begun and lost ------------------------------------------------------------------

    fn enter(&mut self, link: Link) {
        self.link = link;
        self.request = None;
        (self.sequence, self.acknowledge, self.owes) = (0, 0, false);
    }

    /// Everything in flight ends with this error. O(DEPTH).
    fn lose(&mut self, kind: ErrorKind, now: Instant) {
        for slot in self.slots.iter_mut().filter(|slot| !matches!(slot.state, State::Ended(..))) {
            slot.state = State::Ended(now, Err(kind));
            slot.cancel = false;
        }
    }

    /// Gives up on a device that did not answer for too long. If it was in a session it may have started
    /// again, so it is greeted first.
    fn lose_patience(&mut self, now: Instant) {
        let Some(request) = self.request else { return };
        let patience = match request.message {
            Message::Hello => self.config.start_up,
            _ => self.config.patience,
        };
        if request.tries >= TRIES && now >= request.since.saturating_add(patience) {
            self.lose(self.cause, now);
            self.enter(if self.is_up() { Link::Greeting } else { Link::Down });
        }
    }

    /// Whether the reset pin is held; lets go of it once that was long enough. A pin that cannot be set
    /// is left: the device will not answer.
    fn is_held(&mut self, now: Instant) -> bool {
        let Some(since) = self.held else { return false };
        if now < since.saturating_add(self.config.pulse) {
            return true;
        }
        self.held = None;
        if self.reset.as_mut().is_some_and(|pin| pin.set_high().is_err()) {
            count(&mut self.health.bus);
        }
        false
    }

    /// Takes out the first block that has ended. O(DEPTH).
    fn collect(&mut self) -> Option<Completion<ErrorKind>> {
        let ended = |(place, slot): (usize, &Slot)| match slot.state {
            State::Ended(started, result) => {
                Some((place, Completion { ticket: slot.ticket, started, result }))
            }
            _ => None,
        };
        let (place, completion) = self.slots.iter().enumerate().find_map(ended)?;
        remove(&mut self.slots, place);
        if completion.result.is_err() {
            count(&mut self.health.failed);
        }
        Some(completion)
    }
}

impl<SPI, READY, const DEPTH: usize, RESET> ErrorType for SpiMailbox<SPI, READY, DEPTH, RESET> {
    type Error = ErrorKind;
}

impl<SPI: SpiDevice, READY: InputPin, const DEPTH: usize, RESET: OutputPin> AcceleratorQueue
    for SpiMailbox<SPI, READY, DEPTH, RESET>
{
    fn capabilities(&self) -> Capabilities {
        let Config { granularity, energy, reset_domain, .. } = self.config;
        let capabilities = Capabilities::plain(DEPTH as u8).with_granularity(granularity).with_progress();
        Capabilities { energy, reset_domain, ..capabilities }
    }

    /// Queues the block; `poll` sends it. O(DEPTH), no transfer.
    ///
    /// # Errors
    ///
    /// `Full`; `NotReady` until the device has answered the greeting, which `poll` goes on with; `Gone` if
    /// it did not for [`Config::start_up`] (`Unsupported` if it speaks another version of the protocol):
    /// once, then it is greeted anew.
    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        let Dispatch { ticket, frame, subnetwork, first, count, .. } = *block;
        if self.slots.is_full() {
            return Err(ErrorKind::Full);
        }
        match self.link {
            Link::Up(_) => {}
            // It has just answered: the session is open by the time that the block can go out.
            Link::Resetting(..) if self.request.is_none_or(|request| request.tries < 2) => {}
            // A block's time begins here, and a device that starts may take longer.
            Link::Greeting | Link::Resetting(..) => return Err(ErrorKind::NotReady),
            Link::Down => {
                self.enter(Link::Greeting);
                let foreign = self.cause == ErrorKind::Unsupported;
                return Err(if foreign { ErrorKind::Unsupported } else { ErrorKind::Gone });
            }
        }
        let block = Block { ticket: ticket.sequence, model: frame.model, subnetwork, first, count };
        let state = State::Queued;
        let slot = Slot { ticket, block, taken: now, state, cancel: false, progress: None };
        self.slots.push(slot).map_err(|_| ErrorKind::Full)
    }

    /// At most one transfer of [`FRAME`] bytes each way.
    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        if self.is_held(now) {
            return if self.slots.is_empty() { Pump::Idle } else { Pump::CallAgain };
        }
        if let Some(completion) = self.collect() {
            return Pump::Done(completion);
        }
        let ready = self.is_ready();
        if let Some(message) = self.due(now, ready) {
            self.transfer(message, now);
            self.lose_patience(now);
            if let Some(completion) = self.collect() {
                return Pump::Done(completion);
            }
        }
        if self.slots.is_empty() {
            return Pump::Idle;
        }
        let ready = self.is_ready();
        self.want(now, ready);
        let busy = ready || self.owes || self.request.is_some();
        if busy { Pump::CallAgain } else { Pump::Waiting }
    }

    /// O(DEPTH), no transfer: `poll` sends it.
    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        let granularity = self.config.granularity;
        let first = self.slots.iter().find(|slot| slot.is_with_device()).map(|slot| slot.ticket);
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.ticket == ticket) else {
            return CancelOutcome::Unknown;
        };
        match slot.state {
            State::Queued => {
                slot.state = State::Ended(now, Err(ErrorKind::Cancelled));
                return CancelOutcome::Removed;
            }
            State::Ended(..) => return CancelOutcome::RunsToEnd,
            State::Sent | State::Accepted => slot.cancel = true,
        }
        match granularity {
            Granularity::Slice | Granularity::Segment => CancelOutcome::StopsAtBoundary,
            Granularity::Block if first == Some(ticket) => CancelOutcome::NeedsReset,
            Granularity::Block => CancelOutcome::StopsAtBoundary, // before its start, if that is to come
        }
    }

    /// Pulls the reset pin, if there is one; else `poll` sends the command. No transfer.
    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        count(&mut self.health.resets);
        self.lose(ErrorKind::Reset, now);
        self.enter(Link::Greeting);
        let Some(pin) = &mut self.reset else { return Ok(()) };
        if pin.set_low().is_err() {
            count(&mut self.health.bus);
            return Err(ErrorKind::Bus);
        }
        self.held = Some(now);
        Ok(())
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        self.slots.iter().find(|slot| slot.ticket == ticket)?.progress
    }

    fn health(&self) -> Health {
        self.health
    }
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}

/// When the device's clock showed `ticks`, from a moment that both clocks know.
fn instant(ticks: u32, clock: Option<Mark>, rate: Option<u32>) -> Option<Instant> {
    let (clock, rate) = (clock?, rate?);
    let later = ticks.wrapping_sub(clock.ticks).cast_signed();
    let nanos = (u64::from(later.unsigned_abs()) * 1_000_000_000).checked_div(u64::from(rate))?;
    let host = clock.host.as_nanos();
    let nanos = if later < 0 { host.saturating_sub(nanos) } else { host.saturating_add(nanos) };
    Some(Instant::from_nanos(nanos))
}
