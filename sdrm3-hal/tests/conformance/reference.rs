//! A queue that can do all that the trait offers, under virtual time, and the rig that it lies on.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Outcome, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Rig, Work};
use sdrm3_hal::queue::{
    CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Granularity, Health, Power, Pump,
    Residency,
};

/// Every block takes as long.
pub(crate) const LENGTH: Duration = Duration::from_millis(1);
/// And as many calls, if the CPU runs it.
pub(crate) const SLICES: u32 = 20;
const SEGMENTS: u64 = 4;
const DOMAIN: u8 = 7;

/// A block in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) ticket: Ticket,
    pub(crate) submitted: Instant,
    model: ModelId,
    started: Option<Instant>,
    /// It is cancelled and stops then.
    stops: Option<Instant>,
    slices: u32,
    pub(crate) ended: Option<(Instant, Result<(), ErrorKind>)>,
}

/// A device that runs blocks one after the other, and its driver.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) capabilities: Capabilities,
    /// Blocks move only while it is polled, by one slice.
    pub(crate) pumped: Option<u32>,
    /// In order of start.
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) resident: Option<ModelId>,
    pub(crate) health: Health,
    pub(crate) touches: Cell<u32>,
    events: u32,
    power: Power,
    hung: bool,
    gone: bool,
    /// Until when the device has been simulated.
    seen: Instant,
    /// The latest reset of its domain.
    pub(crate) domain: Rc<Cell<Option<Instant>>>,
    reset_seen: Option<Instant>,
}

impl Reference {
    /// A queue of this depth that measures and can do everything.
    pub(crate) fn new(depth: u8) -> Self {
        let capabilities = Capabilities::plain(depth)
            .with_granularity(Granularity::Segment)
            .with_progress()
            .with_prepare()
            .with_energy()
            .with_reset_domain(DOMAIN);
        Self {
            capabilities,
            pumped: None,
            jobs: VecDeque::new(),
            resident: None,
            health: Health::default(),
            touches: Cell::new(0),
            events: 0,
            power: Power::On,
            hung: false,
            gone: false,
            seen: Instant::ZERO,
            domain: Rc::default(),
            reset_seen: None,
        }
    }

    /// The same, run by the CPU in this many slices.
    pub(crate) fn pumped(depth: u8, slices: u32) -> Self {
        Self { pumped: Some(slices), ..Self::new(depth) }
    }

    /// Another one that is reset with it.
    pub(crate) fn sibling(&self) -> Self {
        Self { domain: Rc::clone(&self.domain), pumped: self.pumped, ..Self::new(self.capabilities.depth) }
    }

    /// What the device does until then; each end of a block is an interrupt.
    pub(crate) fn work(&mut self, now: Instant) {
        if self.domain.get() != self.reset_seen {
            self.reset_seen = self.domain.get();
            self.lose(self.seen, ErrorKind::Reset);
            self.events += 1;
        }
        self.seen = self.seen.max(now);
        let mut free = Instant::ZERO;
        for job in &mut self.jobs {
            if let Some((end, _)) = job.ended {
                free = if job.started.is_some() { free.max(end) } else { free };
                continue;
            }
            let started = *job.started.get_or_insert(job.submitted.max(free));
            let (end, result) = match job.stops {
                Some(stops) => (stops, Err(ErrorKind::Cancelled)),
                None => (started.saturating_add(LENGTH), Ok(())),
            };
            if end > now || self.hung || self.pumped.is_some() {
                return;
            }
            job.ended = Some((end, result));
            self.events += 1;
            self.resident = Some(job.model);
            free = end;
        }
    }

    /// Everything that has not ended ends now.
    pub(crate) fn lose(&mut self, now: Instant, why: ErrorKind) {
        for job in self.jobs.iter_mut().filter(|job| job.ended.is_none()) {
            job.ended = Some((now.max(job.started.unwrap_or(job.submitted)), Err(why)));
        }
        self.resident = None;
        self.hung = false;
    }

    /// A slice of the first block.
    fn slice(&mut self, now: Instant, slices: u32) {
        let Some(job) = self.jobs.iter_mut().find(|job| job.ended.is_none()) else { return };
        if self.hung {
            return;
        }
        job.slices += 1;
        if job.stops.is_some() {
            job.ended = Some((now, Err(ErrorKind::Cancelled)));
        } else if job.slices >= slices {
            job.ended = Some((now, Ok(())));
            self.resident = Some(job.model);
        }
    }

    fn touch(&self) {
        self.touches.set(self.touches.get() + 1);
    }
}

impl ErrorType for Reference {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Reference {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        self.touch();
        self.work(now);
        if block.count == 0 {
            return Err(ErrorKind::Unsupported);
        }
        if self.gone {
            return Err(ErrorKind::Gone);
        }
        if self.power < Power::On {
            return Err(ErrorKind::NotReady);
        }
        if self.jobs.len() >= usize::from(self.capabilities.depth) {
            return Err(ErrorKind::Full);
        }
        self.jobs.push_back(Job {
            ticket: block.ticket,
            submitted: now,
            model: block.frame.model,
            started: None,
            stops: None,
            slices: 0,
            ended: None,
        });
        self.work(now);
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        self.touch();
        self.work(now);
        if let Some(slices) = self.pumped {
            self.slice(now, slices);
        }
        let Some(place) = self.jobs.iter().position(|job| job.ended.is_some()) else {
            return match self.pumped {
                _ if self.jobs.is_empty() => Pump::Idle,
                Some(_) => Pump::CallAgain,
                None => Pump::Waiting,
            };
        };
        let job = self.jobs.remove(place).expect("it was found");
        let (end, result) = job.ended.expect("it has ended");
        self.health.failed += u32::from(result.is_err());
        let outcome = Outcome::finished(end);
        let outcome = if self.capabilities.energy { outcome.with_energy(1_000) } else { outcome };
        let (ticket, started) = (job.ticket, job.started.unwrap_or(job.submitted));
        Pump::Done(Completion { ticket, started, result: result.map(|()| outcome) })
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        self.touch();
        self.work(now);
        let granularity = self.capabilities.granularity;
        let Some(job) = self.jobs.iter_mut().find(|job| job.ticket == ticket) else {
            return CancelOutcome::Unknown;
        };
        match job.started {
            _ if job.ended.is_some() => CancelOutcome::RunsToEnd,
            None => {
                job.ended = Some((now, Err(ErrorKind::Cancelled)));
                self.events += 1;
                CancelOutcome::Removed
            }
            Some(_) if granularity == Granularity::Block => CancelOutcome::RunsToEnd,
            Some(started) => {
                let segment = LENGTH.as_nanos() / SEGMENTS;
                let boundary = (now.saturating_since(started).as_nanos() / segment + 1) * segment;
                let stops = started.saturating_add(Duration::from_nanos(boundary));
                job.stops = job.stops.or(Some(stops));
                CancelOutcome::StopsAtBoundary
            }
        }
    }

    fn reset(&mut self, now: Instant) -> Result<(), ErrorKind> {
        self.touch();
        self.work(now);
        self.domain.set(Some(now));
        self.reset_seen = Some(now);
        self.lose(now, ErrorKind::Reset);
        self.gone = false;
        Ok(())
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        self.touch();
        let job = self.jobs.iter().find(|job| job.ticket == ticket)?;
        let ran = self.seen.saturating_since(job.started?).as_nanos() / 1_000;
        self.capabilities.progress.then_some(job.slices + if self.pumped.is_none() { ran as u32 } else { 0 })
    }

    fn prepare(&mut self, now: Instant, model: ModelId) {
        self.touch();
        self.work(now);
        // Weights have one place: not under a block that runs.
        if self.jobs.is_empty() {
            self.resident = Some(model);
        }
    }

    fn residency(&self, model: ModelId) -> Residency {
        if self.resident == Some(model) { Residency::Resident } else { Residency::Absent }
    }

    fn set_power(&mut self, now: Instant, level: Power) -> Result<(), ErrorKind> {
        self.touch();
        self.work(now);
        if level < Power::On && !self.jobs.is_empty() {
            return Err(ErrorKind::NotReady);
        }
        if level == Power::Off {
            self.resident = None;
        }
        self.power = level;
        Ok(())
    }

    fn health(&self) -> Health {
        self.health
    }
}

/// A queue that may lie on the desk: the reference, or something around it.
pub(crate) trait Article: AcceleratorQueue {
    fn reference(&mut self) -> &mut Reference;

    fn view(&self) -> &Reference;

    fn sibling(&mut self) -> Self;

    /// The device answers a ticket that is gone.
    fn late_answer(&mut self, _: Ticket) {
        self.reference().health.spurious += 1;
    }

    /// The device answers a block twice when it ends.
    fn two_answers(&mut self) {
        self.reference().health.spurious += 1;
    }

    /// Interrupts find no room.
    fn overrun(&mut self) {}

    fn power_loss(&mut self, now: Instant) {
        self.reference().gone = true;
        self.reference().lose(now, ErrorKind::Gone);
    }

    fn device_reset(&mut self, now: Instant) {
        self.reference().lose(now, ErrorKind::Reset);
    }

    fn hang(&mut self) {
        self.reference().hung = true;
    }
}

impl Article for Reference {
    fn reference(&mut self) -> &mut Reference {
        self
    }

    fn view(&self) -> &Reference {
        self
    }

    fn sibling(&mut self) -> Self {
        Self::sibling(self)
    }
}

/// The rig: the article, one that is reset with it, and a clock.
pub(crate) struct Desk<Q> {
    make: Box<dyn Fn() -> Q>,
    queue: Q,
    sibling: Q,
    now: Instant,
}

impl<Q: Article> Desk<Q> {
    pub(crate) fn new(make: impl Fn() -> Q + 'static) -> Self {
        let mut queue = make();
        let sibling = queue.sibling();
        Self { make: Box::new(make), queue, sibling, now: Instant::from_millis(5) }
    }
}

impl<Q: Article> Rig for Desk<Q> {
    type Queue = Q;

    fn restart(&mut self) {
        self.queue = (self.make)();
        self.sibling = self.queue.sibling();
    }

    fn queue(&mut self) -> &mut Q {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
        self.queue.reference().work(self.now);
        self.sibling.reference().work(self.now);
    }

    fn longest(&self) -> Duration {
        LENGTH
    }

    fn spoil(&self, block: &mut Dispatch) -> bool {
        block.count = 0;
        true
    }

    fn sibling(&mut self) -> Option<&mut Q> {
        Some(&mut self.sibling)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let now = self.now;
        self.queue.reference().work(now);
        match mishap {
            Mishap::LateAnswer(ticket) => self.queue.late_answer(ticket),
            Mishap::TwoAnswers => self.queue.two_answers(),
            Mishap::Overrun => self.queue.overrun(),
            Mishap::PowerLoss => self.queue.power_loss(now),
            Mishap::DeviceReset => self.queue.device_reset(now),
            Mishap::Hang => self.queue.hang(),
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.queue.view().events)
    }

    fn work(&self) -> Option<Work> {
        Some(Work { total: self.queue.view().touches.get(), limit: 1 })
    }

    fn calls(&self) -> u32 {
        2 * SLICES
    }
}
