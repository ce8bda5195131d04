//! What every trace of events shows, whoever scheduled: a second book of all frames and accelerators, kept
//! from the events alone.
//!
//! - Time does not go back, and tickets count up.
//! - A frame is released once; one that depends on another, once that one is complete. A name of a job
//!   stands for one job at a time, and there are no more than there is room for.
//! - A block goes to an accelerator in service that has none, can run all of it and is not barred to its
//!   model; its job waits, is active, and goes on no earlier than where it stopped.
//! - Every block ends once: with its completion, its loss or the end of the run.
//! - What runs is not dropped, and every drop has its reason: a smart drop keeps the budgets of its model and
//!   of all active ones that depend on it.
//! - The totals are the sums of the events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use sdrm3_core::{
    Branch, Config, Cost, Dispatch, DropReason, Event, Fault, Frame, Instant, JobId, Leftover, ModelId,
    Placement, Progress, Report, Segment, Tally, Workload,
};

/// An event that must not be.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// Which promise it breaks.
    pub promise: &'static str,
    /// The event; `None`: the totals at that time.
    pub event: Option<Event>,
    /// When it was.
    pub at: Instant,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} ns: {}", self.at.as_nanos(), self.promise)?;
        self.event.map_or(Ok(()), |event| write!(f, ": {event:?}"))
    }
}

impl std::error::Error for Broken {}

/// The promise that does not hold, if so.
type Kept = Result<(), &'static str>;

fn holds(condition: bool, promise: &'static str) -> Kept {
    if condition { Ok(()) } else { Err(promise) }
}

/// How many numbers of completed frames are kept per model: frames that depend on one follow soon.
const REMEMBERED: usize = 256;

/// A frame under way.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The frame.
    pub frame: Frame,
    /// Its next segment at the least: it may have skipped some.
    pub next: u16,
    /// Its sub-network, once its first block was dispatched.
    pub subnetwork: Option<u8>,
    /// Whether a block of it was dispatched and taken.
    pub started: bool,
    /// Its block in flight.
    pub running: Option<Dispatch>,
    had_started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    In,
    Resting,
    Out,
}

#[derive(Clone, Debug)]
struct Account {
    tally: Tally,
    /// Violated at the end of the run.
    overdue: u32,
    active: bool,
    /// Bit `a` is accelerator `a`.
    barred: u32,
    /// Whether its last frames were lost, in the order of their ends.
    lost: VecDeque<bool>,
    completed: BTreeSet<u32>,
    newest: Option<u32>,
}

/// The book.
#[derive(Clone, Debug)]
pub struct Ledger<'w, const A: usize> {
    workload: &'w Workload<'w, A>,
    config: Config,
    room: usize,
    now: Instant,
    sequence: Option<u32>,
    held: BTreeMap<JobId, Held>,
    services: Vec<Service>,
    models: Vec<Account>,
    events: u64,
}

impl<'w, const A: usize> Ledger<'w, A> {
    /// A book of a scheduler of this workload from its start on, with room for so many jobs.
    pub fn new(workload: &'w Workload<'w, A>, config: Config, room: usize) -> Self {
        let account = Account {
            tally: Tally::default(),
            overdue: 0,
            active: true,
            barred: 0,
            lost: VecDeque::new(),
            completed: BTreeSet::new(),
            newest: None,
        };
        Self {
            workload,
            config,
            room,
            now: Instant::ZERO,
            sequence: None,
            held: BTreeMap::new(),
            services: vec![Service::In; workload.accelerators.len()],
            models: vec![account; workload.models.len()],
            events: 0,
        }
    }

    /// The frames under way.
    pub const fn held(&self) -> &BTreeMap<JobId, Held> {
        &self.held
    }

    /// How many jobs there is room for.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// How many accelerators there are.
    pub(crate) fn accelerators(&self) -> usize {
        self.services.len()
    }

    /// How many events it has heard.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The block that runs on an accelerator.
    pub fn running(&self, index: usize) -> Option<&Dispatch> {
        let mut running = self.held.values().filter_map(|held| held.running.as_ref());
        running.find(|block| usize::from(block.ticket.accelerator.0) == index)
    }

    /// Whether an accelerator is in service and has no block.
    pub fn is_idle(&self, index: usize) -> bool {
        self.services.get(index) == Some(&Service::In) && self.running(index).is_none()
    }

    /// Whether an accelerator may run a segment of a frame by the tables, whatever it does now.
    pub fn may_run(&self, held: &Held, segment: u16, index: usize) -> bool {
        let segments = self.segments(held.frame.model, held.subnetwork.unwrap_or(0));
        let on = segments.get(usize::from(segment)).and_then(|segment| segment.placements().get(index));
        let barred = self.account(held.frame.model).is_none_or(|account| account.barred >> index & 1 == 1);
        on.is_some_and(Placement::runs) && !barred
    }

    /// Whether the model is switched on.
    pub fn is_active(&self, model: ModelId) -> bool {
        self.account(model).is_some_and(|account| account.active)
    }

    fn account(&self, model: ModelId) -> Option<&Account> {
        self.models.get(usize::from(model.0))
    }

    fn account_mut(&mut self, model: ModelId) -> Result<&mut Account, &'static str> {
        self.models.get_mut(usize::from(model.0)).ok_or("the model is in the workload")
    }

    fn segments(&self, model: ModelId, subnetwork: u8) -> &'w [Segment<A>] {
        let subnetworks = self.workload.model(model).map_or(&[][..], |model| model.subnetworks);
        subnetworks.get(usize::from(subnetwork)).map_or(&[], |subnetwork| subnetwork.segments)
    }

    /// Enters an event; an error names the promise that it breaks.
    pub fn hear(&mut self, event: &Event, now: Instant) -> Result<(), Broken> {
        self.events += 1;
        let kept = self.enter(event, now);
        kept.map_err(|promise| Broken { promise, event: Some(*event), at: now })
    }

    /// Holds the totals of a scheduler against the sums of all events.
    pub fn settle(&self, tallies: &[Tally]) -> Result<(), Broken> {
        let broken = |promise| Err(Broken { promise, event: None, at: self.now });
        if !tallies.iter().eq(self.models.iter().map(|account| &account.tally)) {
            return broken("totals are the sums of the events");
        }
        for (account, index) in self.models.iter().zip(0u8..) {
            let held = self.held.values().filter(|held| held.frame.model == ModelId(index)).count() as u32;
            let Tally { frames, completed, dropped, violated, .. } = account.tally;
            if frames != completed + dropped + account.overdue + held {
                return broken("every frame is completed, dropped, under way, or was when the run ended");
            }
            if dropped > violated || violated > frames {
                return broken("what is dropped is violated, and no more is violated than there is");
            }
        }
        Ok(())
    }

    fn enter(&mut self, event: &Event, now: Instant) -> Kept {
        holds(now >= self.now, "time does not go back")?;
        self.now = now;
        match *event {
            Event::Released(frame, job) => self.released(frame, job),
            Event::Dispatched(block) => self.dispatched(&block),
            Event::Completed(report) => self.completed(&report),
            Event::Dropped(frame, reason) => self.dropped(&frame, reason),
            Event::Faulted(accelerator, fault, job) => self.faulted(accelerator.0.into(), fault, job),
            Event::Restored(accelerator) => {
                let service = self.services.get_mut(usize::from(accelerator.0));
                let service = service.ok_or("the accelerator is in the workload")?;
                let before = std::mem::replace(service, Service::In);
                holds(before != Service::In, "only what was out of service is restored")
            }
            Event::Unfinished(leftover) => self.unfinished(leftover),
            Event::Activated(model, active) => {
                let account = self.account_mut(model)?;
                let before = std::mem::replace(&mut account.active, active);
                holds(before != active, "a model is switched to what it was not")
            }
            Event::Barred(model, accelerator, barred) => {
                let account = self.account_mut(model)?;
                let bit = 1u32 << accelerator.0;
                holds((account.barred & bit != 0) != barred, "a pair is barred that was not, or let in")?;
                account.barred ^= bit;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn released(&mut self, frame: Frame, job: JobId) -> Kept {
        holds(usize::from(job.index()) < self.room && self.held.len() < self.room, "there is room")?;
        holds(self.is_active(frame.model), "frames of models that are switched off are refused")?;
        for (other, held) in &self.held {
            holds(other.index() != job.index(), "a place has one job at a time")?;
            let same = (held.frame.model, held.frame.number) == (frame.model, frame.number);
            holds(!same, "a frame is released once")?;
        }
        if let Some(cascade) = self.workload.model(frame.model).and_then(|model| model.cascade) {
            let parent = self.account_mut(cascade.parent)?;
            holds(parent.completed.contains(&frame.number), "a dependent frame comes behind its parent's")?;
        }
        let account = self.account_mut(frame.model)?;
        account.tally.frames += 1;
        let newer = |newest: u32| frame.number.wrapping_sub(newest) as i32 > 0;
        if account.newest.is_none_or(newer) {
            account.newest = Some(frame.number);
        }
        let held =
            Held { frame, next: 0, subnetwork: None, started: false, running: None, had_started: false };
        self.held.insert(job, held);
        Ok(())
    }

    fn dispatched(&mut self, block: &Dispatch) -> Kept {
        let index = usize::from(block.ticket.accelerator.0);
        holds(self.is_idle(index), "a block goes to an accelerator in service that has none")?;
        let in_order = self.sequence.is_none_or(|last| block.ticket.sequence == last.wrapping_add(1));
        holds(in_order, "tickets count up")?;
        self.sequence = Some(block.ticket.sequence);
        let held = *self.held.get(&block.job).ok_or("a block is of a job under way")?;
        holds(held.frame == block.frame, "a block is of its job's frame")?;
        holds(held.running.is_none(), "a job runs in one place")?;
        holds(self.is_active(block.frame.model), "what is switched off is withdrawn, not run")?;
        holds(block.first >= held.next, "no segment runs twice")?;
        let stale = self.config.stale_drop && !held.started && self.now >= block.frame.deadline;
        holds(!stale, "a stale frame does not start")?;
        match held.subnetwork {
            Some(known) => holds(known == block.subnetwork, "a sub-network changes at completions only")?,
            None => {
                holds(self.config.supernet || block.subnetwork == 0, "without switching it is the heaviest")?;
                self.keeps_floor(block.frame.model, block.subnetwork)?;
            }
        }
        let first = usize::from(block.first);
        let segments = self.segments(block.frame.model, block.subnetwork);
        let run = segments.get(first..first + usize::from(block.count));
        let run =
            run.filter(|run| !run.is_empty()).ok_or("a block has segments, and its network has them")?;
        let known = Held { subnetwork: Some(block.subnetwork), ..held };
        let mut expected = Cost::NONE;
        for (segment, position) in run.iter().zip(block.first..) {
            holds(self.may_run(&known, position, index), "the accelerator may run all of the block")?;
            let on = segment.placements()[index];
            expected.latency_ns = expected.latency_ns.saturating_add(on.latency_ns);
            expected.energy_nj = expected.energy_nj.saturating_add(on.energy_nj);
        }
        holds(expected == block.expected, "a block is expected to cost what its segments do")?;
        let branches = run.iter().rev().skip(1).any(|segment| segment.info().branch != Branch::Next);
        holds(!branches, "a block ends where the network may branch")?;
        let held = Held { running: Some(*block), started: true, had_started: held.started, ..known };
        self.held.insert(block.job, held);
        Ok(())
    }

    fn keeps_floor(&self, model: ModelId, subnetwork: u8) -> Kept {
        let Some(row) = self.workload.model(model) else { return Err("the model is in the workload") };
        let used = row.subnetworks.get(usize::from(subnetwork)).ok_or("the model has the sub-network")?;
        let accuracy = used.accuracy_milli_percent;
        let keeps = subnetwork == 0 || accuracy == 0 || accuracy >= row.accuracy_floor;
        holds(keeps, "no sub-network below the accuracy floor is used")
    }

    fn completed(&mut self, report: &Report) -> Kept {
        let running = self.running(report.ticket.accelerator.0.into()).copied();
        let block = running.filter(|block| block.ticket == report.ticket);
        let block = block.ok_or("a completion answers a block in flight, once")?;
        holds((report.job, report.frame) == (block.job, block.frame), "a completion is of its block's job")?;
        holds(report.finished <= self.now, "nothing ends before it is reported")?;
        let (model, behind) = (report.frame.model, block.first + block.count);
        let segments = self.segments(model, block.subnetwork);
        let run = segments.iter().skip(block.first.into()).take(block.count.into());
        let worst = run.map(|segment| segment.info().worst_energy_nj);
        let worst = worst.fold(block.switch.energy_nj, u32::saturating_add);
        holds(worst == report.worst_energy_nj, "the worst energy is the sum of its segments'")?;
        let row = self.workload.model(model).ok_or("the model is in the workload")?;
        if report.subnetwork != block.subnetwork {
            holds(
                self.config.supernet && report.subnetwork > block.subnetwork,
                "a frame becomes lighter only",
            )?;
            self.keeps_floor(model, report.subnetwork)?;
            let (from, to) = (usize::from(block.subnetwork) + 1, usize::from(report.subnetwork));
            let mut passed = row.subnetworks.get(from..=to).unwrap_or(&[]).iter();
            holds(passed.all(|lighter| lighter.shared_prefix >= behind), "all finished work is kept")?;
        }
        if report.progress == Progress::More {
            holds(usize::from(behind) < segments.len(), "more is left only before the end")?;
            let held = self.held.get_mut(&block.job).ok_or("a completion is of a job under way")?;
            (held.next, held.subnetwork, held.running) = (behind, Some(report.subnetwork), None);
        } else {
            let late = report.finished > report.frame.deadline;
            holds((report.progress == Progress::Late) == late, "late is what ends behind its deadline")?;
            self.held.remove(&block.job);
        }
        let accuracy =
            |index: u8| row.subnetworks.get(usize::from(index)).map_or(0, |s| s.accuracy_milli_percent);
        let account = self.account_mut(model)?;
        account.tally.energy_nj += u64::from(report.energy_nj);
        account.tally.worst_energy_nj += u64::from(report.worst_energy_nj);
        if report.progress != Progress::More {
            holds(account.completed.insert(report.frame.number), "a frame completes once")?;
            if account.completed.len() > REMEMBERED {
                account.completed.pop_first();
            }
            account.ended(false);
            account.tally.completed += 1;
            account.tally.violated += u32::from(report.progress == Progress::Late);
            if accuracy(report.subnetwork) > 0 {
                let given_up = accuracy(0).saturating_sub(accuracy(report.subnetwork));
                account.tally.accuracy_given_up += u64::from(given_up);
            }
        }
        Ok(())
    }

    fn dropped(&mut self, frame: &Frame, reason: DropReason) -> Kept {
        let found = self.held.iter().find(|(_, held)| held.frame == *frame).map(|(id, held)| (*id, *held));
        if matches!(reason, DropReason::ParentLost | DropReason::NoRoom) {
            holds(found.is_none(), "a frame that was given up never became a job")?;
            let cascade = self.workload.model(frame.model).and_then(|model| model.cascade);
            holds(cascade.is_some() || reason == DropReason::NoRoom, "a frame without a parent loses none")?;
            self.account_mut(frame.model)?.tally.frames += 1;
        } else {
            let (id, held) = found.ok_or("what is dropped is under way")?;
            holds(held.running.is_none(), "what runs is not dropped")?;
            self.has_reason(&held, reason)?;
            self.held.remove(&id);
        }
        let account = self.account_mut(frame.model)?;
        if reason == DropReason::Withdrawn {
            account.tally.frames -= 1;
            return Ok(());
        }
        account.tally.dropped += 1;
        account.tally.violated += 1;
        account.ended(true);
        Ok(())
    }

    fn has_reason(&self, held: &Held, reason: DropReason) -> Kept {
        let frame = held.frame;
        let due = frame.deadline <= self.now;
        match reason {
            DropReason::Stale => {
                holds(self.config.stale_drop && due && !held.started, "stale is what did not start in time")
            }
            DropReason::Superseded => {
                let newest = self.account(frame.model).and_then(|account| account.newest);
                let newer = newest.is_some_and(|newest| newest.wrapping_sub(frame.number) as i32 > 0);
                let latest_wins = self.workload.model(frame.model).is_some_and(|model| model.latest_wins);
                holds(latest_wins && newer && !held.started, "a newer frame takes the place of a waiting one")
            }
            DropReason::Withdrawn => {
                holds(!self.is_active(frame.model), "what is switched on is not withdrawn")
            }
            DropReason::Unplaceable => {
                holds(due && self.may_be_stuck(held), "unplaceable is what is due and can run nowhere")
            }
            DropReason::Infeasible => {
                holds(self.config.frame_drop, "there are smart drops only if they are on")?;
                self.keeps_budget(frame.model)
            }
            _ => Ok(()),
        }
    }

    /// Whether there is a segment that it may have come to, and that nothing in service may run.
    fn may_be_stuck(&self, held: &Held) -> bool {
        let all = self.workload.model(held.frame.model).map_or(0, |model| model.subnetworks.len() as u8);
        let subnetworks = held.subnetwork.map_or(0..all, |known| known..known + 1);
        subnetworks.into_iter().any(|subnetwork| {
            let held = Held { subnetwork: Some(subnetwork), ..*held };
            let segments = self.segments(held.frame.model, subnetwork).len() as u16;
            let in_service = |index: usize| self.services[index] != Service::Out;
            let runs = |next, index: usize| in_service(index) && self.may_run(&held, next, index);
            (held.next..segments).any(|next| !(0..self.services.len()).any(|index| runs(next, index)))
        })
    }

    /// Whether one more loss keeps the budget of a model and of all active ones below it.
    fn keeps_budget(&self, model: ModelId) -> Kept {
        let (Some(row), Some(account)) = (self.workload.model(model), self.account(model)) else {
            return Err("the model is in the workload");
        };
        let latest = account.lost.iter().rev().take(usize::from(row.drop_budget.of()) - 1);
        let lost = latest.filter(|lost| **lost).count();
        holds(lost < usize::from(row.drop_budget.lost()), "smart drops keep the budgets")?;
        let mut children = self.workload.children(model).filter(|(child, _)| self.is_active(*child));
        children.try_for_each(|(child, _)| self.keeps_budget(child))
    }

    fn faulted(&mut self, index: usize, fault: Fault, job: Option<JobId>) -> Kept {
        let running = self.running(index).map(|block| block.job);
        holds(running == job, "a fault loses the block that runs there")?;
        if let Some(held) = job.and_then(|job| self.held.get_mut(&job)) {
            held.running = None;
            if fault == Fault::NotTaken {
                held.started = held.had_started;
            }
        }
        let service = self.services.get_mut(index).ok_or("the accelerator is in the workload")?;
        match (fault, *service) {
            (Fault::OutOfService, _) => *service = Service::Out,
            (Fault::Resting | Fault::NotTaken, Service::In) => *service = Service::Resting,
            _ => {}
        }
        Ok(())
    }

    fn unfinished(&mut self, leftover: Leftover) -> Kept {
        let (frame, overdue) = match leftover {
            Leftover::Overdue(frame) => (frame, true),
            Leftover::LeftOut(frame) => (frame, false),
        };
        let found = self.held.iter().find(|(_, held)| held.frame == frame).map(|(id, _)| *id);
        let id = found.ok_or("what is left is under way")?;
        holds((frame.deadline <= self.now) == overdue, "overdue is what was due within the run")?;
        self.held.remove(&id);
        let account = self.account_mut(frame.model)?;
        if overdue {
            account.overdue += 1;
            account.tally.violated += 1;
        } else {
            account.tally.frames -= 1;
        }
        Ok(())
    }
}

impl Account {
    /// A counted frame has ended, in a result or without.
    fn ended(&mut self, lost: bool) {
        self.lost.push_back(lost);
        if self.lost.len() > 32 {
            self.lost.pop_front();
        }
    }
}
