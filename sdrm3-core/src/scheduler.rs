//! The scheduler: events and the time go in, actions come out.
//!
//! A pure state machine. It reads no clock, does no input or output, allocates nothing and does
//! bounded work per call. [`decide`](self::decide) holds the decision itself.

mod decide;
mod error;

pub use error::{Error, Refusal, Refused};

use heapless::Vec;

use crate::event::{DropReason, Event, Fault, Leftover, Outcome, Path, Progress, Report, Ticket};
use crate::job::{Frame, Job, JobId, JobPool, State};
use crate::policy::{AcceleratorState, Activity, Policy};
use crate::time::Instant;
use crate::uxcost::{Tally, UxCost};
use crate::workload::{AcceleratorId, Cause, Cost, Model, ModelId, Workload, WorkloadError};

/// An accelerator's block in flight.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    ticket: Ticket,
    job: JobId,
    first: u16,
    count: u16,
    switch: Cost,
}

#[derive(Debug)]
struct Slot {
    in_flight: Option<InFlight>,
    /// Bytes of activations that its last job left and a switch has to spill.
    resident_bytes: u32,
}

/// Decides which job runs where: `MODELS` models, `JOBS` frames at a time, `ACCS` accelerators.
///
/// ```
/// use sdrm3_core::{Action, Instant, MapScore, ModelId, NextWake, Outcome, Scheduler};
/// # use sdrm3_core::{Accelerator, Cost, Duration, Model, Segment, SegmentSpec, SubNetwork, Workload};
/// # static EYE: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(800_000, 90_000)])]);
/// # static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("full", &EYE)];
/// # static MODELS: [Model<'static, 1>; 1] = [Model::new("eye", Duration::from_millis(16), &NETWORKS)];
/// # static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];
/// # static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);
/// let mut scheduler = Scheduler::<_, 1, 4, 1>::new(&WORKLOAD, MapScore::default())?;
/// let now = Instant::from_millis(3);
/// scheduler.release(ModelId(0), now)?;
/// let Action::Dispatch(block) = scheduler.poll(now) else { panic!("one job, one idle accelerator") };
/// assert_eq!(scheduler.poll(now), Action::Wait(NextWake::Idle));
///
/// let done = Instant::from_nanos(3_800_000);
/// scheduler.complete(block.ticket, Outcome::finished(done), done)?;
/// assert_eq!(scheduler.tallies()[0].completed, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Scheduler<'w, P, const MODELS: usize, const JOBS: usize, const ACCS: usize> {
    workload: &'w Workload<'w, ACCS>,
    policy: P,
    jobs: JobPool<JOBS>,
    accelerators: Vec<AcceleratorState, ACCS>,
    slots: Vec<Slot, ACCS>,
    tallies: Vec<Tally, MODELS>,
    /// Number of each model's next frame.
    numbers: Vec<u32, MODELS>,
    next_sequence: u32,
    now: Instant,
}

impl<'w, P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'w, P, MODELS, JOBS, ACCS>
{
    /// A scheduler of this workload, all accelerators idle; the tables are validated. O(tables).
    pub fn new(workload: &'w Workload<'w, ACCS>, policy: P) -> Result<Self, WorkloadError<'w>> {
        workload.validate()?;
        let too_many = |cause| WorkloadError { model: None, subnetwork: None, segment: None, cause };
        let mut scheduler = Self {
            workload,
            policy,
            jobs: JobPool::new(),
            accelerators: Vec::new(),
            slots: Vec::new(),
            tallies: Vec::new(),
            numbers: Vec::new(),
            next_sequence: 0,
            now: Instant::ZERO,
        };
        for _ in workload.models {
            let fits = scheduler.tallies.push(Tally::default()).is_ok() && scheduler.numbers.push(0).is_ok();
            if !fits {
                return Err(too_many(Cause::TooManyModels { capacity: MODELS }));
            }
        }
        for (_, index) in workload.accelerators.iter().zip(0u8..) {
            let state =
                AcceleratorState { id: AcceleratorId(index), activity: Activity::Idle, last_job: None };
            let fits = scheduler.accelerators.push(state).is_ok()
                && scheduler.slots.push(Slot { in_flight: None, resident_bytes: 0 }).is_ok();
            if !fits {
                return Err(too_many(Cause::TooManyAccelerators { capacity: ACCS }));
            }
        }
        Ok(scheduler)
    }

    /// The workload.
    pub const fn workload(&self) -> &'w Workload<'w, ACCS> {
        self.workload
    }

    /// The policy.
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// How many frames it holds at most: exactly `JOBS`.
    pub const fn capacity(&self) -> usize {
        JOBS
    }

    /// How many frames it holds. O(JOBS).
    pub fn jobs_in_flight(&self) -> usize {
        self.jobs.iter().count()
    }

    /// The accelerators, by ascending id.
    pub fn accelerators(&self) -> &[AcceleratorState] {
        &self.accelerators
    }

    /// What became of each model's frames so far, by ascending id.
    pub fn tallies(&self) -> &[Tally] {
        &self.tallies
    }

    /// UXCost since the start. O(models), in floating point.
    pub fn uxcost(&self) -> UxCost {
        UxCost::of(&self.tallies)
    }

    /// Takes in the next frame of a model. O(JOBS).
    ///
    /// On `Err` nothing has changed: the frame is handed back, to be tried again or
    /// [given up](Self::give_up).
    pub fn release(&mut self, model: ModelId, now: Instant) -> Result<(Frame, JobId), Refused> {
        let (row, number) = self.row(model)?;
        let (None, Some(deadline)) = (row.cascade, row.deadline) else {
            return Err(Refused { frame: None, why: Refusal::NeedsParent });
        };
        let frame =
            Frame { release: now, deadline: now.saturating_add(deadline), origin: now, number, model };
        self.admit(frame, now)
    }

    /// Takes in the frame of a dependent model that a completed frame of its parent gives rise to.
    /// O(JOBS). On `Err` nothing has changed.
    pub fn release_child(
        &mut self,
        model: ModelId,
        parent: &Frame,
        now: Instant,
    ) -> Result<(Frame, JobId), Refused> {
        let frame = self.child_of(model, parent, now)?;
        self.admit(frame, now)
    }

    /// Counts the frame of a dependent model whose parent's frame was lost: violated. O(1).
    pub fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let frame = self.child_of(model, parent, now)?;
        self.count_lost(frame, DropReason::ParentLost, now);
        Ok(frame)
    }

    /// Counts a refused frame as dropped and violated. O(1).
    pub fn give_up(&mut self, frame: Frame, now: Instant) {
        self.count_lost(frame, DropReason::NoRoom, now);
    }

    /// Reports that a dispatched block has ended. O(segments of the block + JOBS).
    ///
    /// The answer says whether the frame is complete. On `Err` nothing has changed.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error> {
        self.check_time(now)?;
        let index = usize::from(ticket.accelerator.0);
        let slot = self.slots.get(index).ok_or(Error::UnknownAccelerator(ticket.accelerator))?;
        let block =
            slot.in_flight.filter(|block| block.ticket == ticket).ok_or(Error::StaleTicket(ticket))?;
        let job = self.jobs.get(block.job).ok_or(Error::StaleTicket(ticket))?;
        let segments = self
            .workload
            .model(job.frame.model)
            .and_then(|model| model.subnetworks.get(usize::from(job.subnetwork)))
            .map_or(&[][..], |subnetwork| subnetwork.segments);

        let behind = usize::from(block.first) + usize::from(block.count);
        let next = match outcome.path {
            Path::Next => behind,
            Path::Exit => segments.len(),
            Path::Skip(skipped) if behind + usize::from(skipped) <= segments.len() => {
                behind + usize::from(skipped)
            }
            Path::Skip(skipped) => return Err(Error::SkipBeyondEnd { ticket, skipped }),
        };
        let ran = segments.get(usize::from(block.first)..behind).unwrap_or(&[]);
        let (mut table_nj, mut worst_nj) = (block.switch.energy_nj, block.switch.energy_nj);
        for segment in ran {
            table_nj = table_nj
                .saturating_add(segment.placements().get(index).map_or(0, |placement| placement.energy_nj));
            worst_nj = worst_nj.saturating_add(segment.info().worst_energy_nj);
        }
        let energy_nj = outcome.energy_nj.unwrap_or(table_nj);

        self.now = now;
        let frame = job.frame;
        let progress = match segments.get(next) {
            Some(segment) => {
                self.leave(index, Some(block.job), segment.info().activation_bytes);
                if let Some(job) = self.jobs.get_mut(block.job) {
                    job.segment = next as u16;
                    job.ready_since = now;
                    job.state = State::Ready;
                }
                Progress::More
            }
            None => {
                self.leave(index, None, 0);
                self.jobs.remove(block.job);
                if outcome.finished > frame.deadline { Progress::Late } else { Progress::InTime }
            }
        };
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            tally.energy_nj = tally.energy_nj.saturating_add(u64::from(energy_nj));
            tally.worst_energy_nj = tally.worst_energy_nj.saturating_add(u64::from(worst_nj));
            tally.completed += u32::from(progress != Progress::More);
            tally.violated += u32::from(progress == Progress::Late);
        }
        let report = Report {
            ticket,
            job: block.job,
            frame,
            finished: outcome.finished,
            energy_nj,
            worst_energy_nj: worst_nj,
            progress,
        };
        self.policy.observe(&Event::Completed(report), now);
        Ok(report)
    }

    /// Reports that an accelerator failed; the job that it ran is ready again, at the segment it was
    /// at, and is returned. O(1). On `Err` nothing has changed.
    pub fn fault(
        &mut self,
        accelerator: AcceleratorId,
        fault: Fault,
        now: Instant,
    ) -> Result<Option<JobId>, Error> {
        self.check_time(now)?;
        let index = usize::from(accelerator.0);
        let slot = self.slots.get_mut(index).ok_or(Error::UnknownAccelerator(accelerator))?;
        let lost = slot.in_flight.map(|block| block.job);
        self.now = now;
        self.leave(index, None, 0);
        if let Some(job) = lost.and_then(|id| self.jobs.get_mut(id)) {
            job.state = State::Ready;
            job.ready_since = now;
        }
        if let (Fault::OutOfService, Some(state)) = (fault, self.accelerators.get_mut(index)) {
            state.activity = Activity::OutOfService;
        }
        self.policy.observe(&Event::Faulted(accelerator, fault, lost), now);
        Ok(lost)
    }

    /// Puts an accelerator back into service; nothing happens if it is in service. O(1).
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
        self.check_time(now)?;
        let state = self
            .accelerators
            .get_mut(usize::from(accelerator.0))
            .ok_or(Error::UnknownAccelerator(accelerator))?;
        self.now = now;
        if state.activity == Activity::OutOfService {
            state.activity = Activity::Idle;
            self.policy.observe(&Event::Restored(accelerator), now);
        }
        Ok(())
    }

    /// Ends the run for one frame that is left, if any; call until `None`. O(JOBS).
    ///
    /// A frame whose deadline was due by `end` is violated; one that had more time is taken out of
    /// the count. Blocks that still run are forgotten: their tickets are stale.
    pub fn close(&mut self, end: Instant) -> Option<Leftover> {
        let (id, job) = self.jobs.iter().next()?;
        let frame = job.frame;
        for index in 0..self.slots.len() {
            if self.slots.get(index).and_then(|slot| slot.in_flight).is_some_and(|block| block.job == id) {
                self.leave(index, None, 0);
            }
        }
        self.jobs.remove(id);
        let overdue = frame.deadline <= end;
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            tally.violated += u32::from(overdue);
            tally.frames -= u32::from(!overdue);
        }
        Some(if overdue { Leftover::Overdue(frame) } else { Leftover::LeftOut(frame) })
    }

    /// The accelerator has nothing in flight any more.
    fn leave(&mut self, index: usize, last_job: Option<JobId>, resident_bytes: u32) {
        if let (Some(slot), Some(state)) = (self.slots.get_mut(index), self.accelerators.get_mut(index)) {
            *slot = Slot { in_flight: None, resident_bytes };
            state.last_job = last_job;
            if state.activity != Activity::OutOfService {
                state.activity = Activity::Idle;
            }
        }
    }

    fn row(&self, model: ModelId) -> Result<(&'w Model<'w, ACCS>, u32), Refused> {
        let unknown = Refused { frame: None, why: Refusal::UnknownModel(model) };
        let number = self.numbers.get(usize::from(model.0)).ok_or(unknown)?;
        Ok((self.workload.model(model).ok_or(unknown)?, *number))
    }

    fn child_of(&self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let (row, _) = self.row(model)?;
        if row.cascade.is_none_or(|cascade| cascade.parent != parent.model) {
            return Err(Refused { frame: None, why: Refusal::NotAChild });
        }
        let deadline = row.deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
        Ok(Frame { release: now, deadline, origin: parent.origin, number: parent.number, model })
    }

    fn admit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        let refuse = |why| Err(Refused { frame: Some(frame), why });
        if now < self.now {
            return refuse(Refusal::TimeWentBack { last: self.now });
        }
        let job =
            Job { frame, ready_since: now, segment: 0, subnetwork: 0, started: false, state: State::Ready };
        let Some(id) = self.jobs.insert(job) else { return refuse(Refusal::Full { capacity: JOBS }) };
        self.now = now;
        self.count_frame(&frame);
        self.policy.observe(&Event::Released(frame, id), now);
        Ok((frame, id))
    }

    fn count_frame(&mut self, frame: &Frame) {
        let index = usize::from(frame.model.0);
        if let (Some(tally), Some(number)) = (self.tallies.get_mut(index), self.numbers.get_mut(index)) {
            tally.frames += 1;
            *number = frame.number.wrapping_add(1);
        }
    }

    /// Counts a frame that never became a job.
    fn count_lost(&mut self, frame: Frame, reason: DropReason, now: Instant) {
        self.count_frame(&frame);
        self.count_drop(frame, reason, now);
    }

    fn count_drop(&mut self, frame: Frame, reason: DropReason, now: Instant) {
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            tally.dropped += 1;
            tally.violated += 1;
        }
        self.policy.observe(&Event::Dropped(frame, reason), now);
    }

    fn check_time(&self, now: Instant) -> Result<(), Error> {
        if now < self.now { Err(Error::TimeWentBack { now, last: self.now }) } else { Ok(()) }
    }
}
