//! A plain, slow, obviously correct scheduler: the specification, read once more.
//!
//! It has the calls of [`Scheduler`](sdrm3_core::Scheduler) under [`MapScore`](sdrm3_core::MapScore) and
//! [`Gated`](sdrm3_core::Gated), and answers the same, but nothing is derived ahead, cached, or kept in two
//! places: sums are summed when they are asked for, the frame that goes and the pair that runs are sought
//! among all there are. It shares with
//! the scheduler the types that go in and out, the functions of [`score`](sdrm3_core::score), which are tested against floating
//! point, the tuner, which is a machine of its own, and nothing else.

mod choice;
mod gated;
mod sums;

use sdrm3_core::{
    AcceleratorId, Action, Branch, Config, Cost, Dispatch, DropReason, Duration, Error, Fault, Frame,
    Instant, JobId, Leftover, Model, ModelId, NextWake, Outcome, Path, Progress, Refusal, Refused, Report,
    Score, Segment, Tally, Ticket, Tuner, UxCost, Weights, Workload,
};

/// Fraction bits of a correction, and its bounds: a quarter to four.
const ONE: u128 = 1 << 12;
const LEAST: u128 = ONE / 4;
const MOST: u128 = 4 * ONE;

#[derive(Clone, Copy, Debug)]
struct Job {
    id: JobId,
    frame: Frame,
    subnetwork: u8,
    position: usize,
    /// While it waits: since when. While it runs: since when it does.
    since: Instant,
    started: bool,
    superseded: bool,
    running: bool,
}

/// A block in flight, and what is put back if the accelerator does not take it.
#[derive(Clone, Copy, Debug)]
struct Block {
    ticket: Ticket,
    job: JobId,
    count: usize,
    switch: Cost,
    until: Instant,
    waited_since: Instant,
    had_started: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    In,
    Resting,
    Out,
}

#[derive(Clone, Copy, Debug)]
struct Accelerator {
    service: Service,
    block: Option<Block>,
    last_model: Option<ModelId>,
    last_job: Option<JobId>,
    resident_bytes: u32,
}

#[derive(Clone, Debug)]
struct State {
    tally: Tally,
    /// The tally where the tuner's window began.
    mark: Tally,
    /// Of its next frame.
    number: u32,
    /// Since its frame rate was changed.
    deadline: Option<Duration>,
    active: bool,
    /// The sub-network of its latest frame.
    subnetwork: u8,
    /// Whether each frame that ended was lost, in the order of their ends.
    lost: Vec<bool>,
    /// How many frames were not in time in a row.
    misses: u32,
    /// Measured over expected latency on each accelerator, with 12 fraction bits.
    factors: Vec<u128>,
    barred: Vec<bool>,
}

/// How it scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The published score, whose weights begin with these.
    MapScore(Weights),
    /// The gated policy, which has no weights.
    Gated,
}

/// A scheduler with room for a number of jobs.
#[derive(Clone, Debug)]
pub struct Reference<'w, const A: usize> {
    workload: &'w Workload<'w, A>,
    config: Config,
    rule: Rule,
    tuner: Tuner,
    retune: bool,
    window_end: Instant,
    /// Sums of violation rates and of normalised energies, in single precision.
    last_window: (f32, f32),
    /// How many jobs each place has had, modulo 2^16.
    generations: Vec<u16>,
    jobs: Vec<Job>,
    accelerators: Vec<Accelerator>,
    models: Vec<State>,
    sequence: u32,
    /// Frames that were in time since the gated policy is in haste; `None`: it is not.
    in_time: Option<u32>,
    now: Instant,
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn saturated(value: u128) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl<'w, const A: usize> Reference<'w, A> {
    /// One of this workload, which is valid, with room for so many jobs.
    pub fn new(workload: &'w Workload<'w, A>, rule: Rule, config: Config, room: usize) -> Self {
        let weights = if let Rule::MapScore(weights) = rule { weights } else { Weights::default() };
        let accelerators = workload.accelerators.len();
        let state = State {
            tally: Tally::default(),
            mark: Tally::default(),
            number: 0,
            deadline: None,
            active: true,
            subnetwork: 0,
            lost: Vec::new(),
            misses: 0,
            factors: vec![ONE; accelerators],
            barred: vec![false; accelerators],
        };
        let accelerator = Accelerator {
            service: Service::In,
            block: None,
            last_model: None,
            last_job: None,
            resident_bytes: 0,
        };
        Self {
            workload,
            config,
            rule,
            tuner: Tuner::new(weights),
            retune: false,
            window_end: Instant::ZERO.saturating_add(config.tuning_window.unwrap_or(Duration::MAX)),
            last_window: (0.0, 0.0),
            generations: vec![0; room],
            jobs: Vec::new(),
            accelerators: vec![accelerator; accelerators],
            models: vec![state; workload.models.len()],
            sequence: 0,
            in_time: None,
            now: Instant::ZERO,
        }
    }

    /// What became of each model's frames.
    pub fn tallies(&self) -> Vec<Tally> {
        self.models.iter().map(|state| state.tally).collect()
    }

    /// The weights, if the rule has any.
    pub const fn weights(&self) -> Option<Weights> {
        if let Rule::MapScore(weights) = self.rule { Some(weights) } else { None }
    }

    /// UXCost of the last window.
    pub const fn last_window(&self) -> UxCost {
        let (rate, energy) = self.last_window;
        UxCost { violation_rate_sum: rate as f64, energy_norm_sum: energy as f64 }
    }

    /// The frames under way: those that have deadlines ahead or behind.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        self.jobs.iter().map(|job| job.frame)
    }

    /// The tickets in flight, by accelerator.
    pub fn in_flight(&self) -> impl Iterator<Item = Ticket> {
        self.accelerators.iter().filter_map(|accelerator| Some(accelerator.block?.ticket))
    }

    /// What follows the block of a ticket in flight, by the tables.
    pub fn branch(&self, ticket: Ticket) -> Branch {
        let block = self.accelerators[usize::from(ticket.accelerator.0)].block.expect("in flight");
        let job = self.job(block.job);
        self.segments(job)[job.position + block.count - 1].info().branch
    }

    fn row(&self, model: ModelId) -> &'w Model<'w, A> {
        &self.workload.models[usize::from(model.0)]
    }

    fn state(&mut self, model: ModelId) -> &mut State {
        &mut self.models[usize::from(model.0)]
    }

    fn segments(&self, job: &Job) -> &'w [Segment<A>] {
        self.row(job.frame.model).subnetworks[usize::from(job.subnetwork)].segments
    }

    fn job(&self, id: JobId) -> &Job {
        self.jobs.iter().find(|job| job.id == id).expect("a job under way")
    }

    fn job_mut(&mut self, id: JobId) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.id == id).expect("a job under way")
    }

    // ---- the calls ---------------------------------------------------------------------------

    /// As of the scheduler.
    pub fn poll(&mut self, now: Instant) -> Action {
        self.now = self.now.max(now);
        self.tune();
        for job in self.waiting() {
            if let Some(reason) = self.reason_to_drop(&job) {
                return self.drop_job(job, reason);
            }
        }
        if let Some(job) = self.smart_drop() {
            return self.drop_job(job, DropReason::Infeasible);
        }
        if let Some((job, index, score)) = self.best_pair() {
            return self.dispatch(&job, index, score);
        }
        let waiting = self.waiting().into_iter();
        let ends = waiting.filter(|job| !job.started && self.config.stale_drop || self.is_unplaceable(job));
        let wake = ends.map(|job| job.frame.deadline).min();
        Action::Wait(wake.map_or(NextWake::Idle, NextWake::At))
    }

    fn drop_job(&mut self, job: Job, reason: DropReason) -> Action {
        self.end(job.id);
        self.count_drop(job.frame, reason);
        Action::Drop(job.frame, reason)
    }

    fn dispatch(&mut self, job: &Job, index: usize, score: Score) -> Action {
        let on = self.segments(job)[job.position].placements()[index];
        let (expected, switch) = (Cost::new(on.latency_ns, on.energy_nj), self.switch_cost(job, index));
        let ticket = Ticket { accelerator: AcceleratorId(index as u8), sequence: self.sequence };
        self.sequence = self.sequence.wrapping_add(1);
        let latency_ns = self.corrected_latency(job, index, on.latency_ns);
        let until = self.now.saturating_add(Duration::from_nanos(latency_ns.into()));
        let until = until.saturating_add(Duration::from_nanos(switch.latency_ns.into()));
        let (waited_since, had_started) = (job.since, job.started);
        let block = Block { ticket, job: job.id, count: 1, switch, until, waited_since, had_started };
        let accelerator = &mut self.accelerators[index];
        accelerator.block = Some(block);
        let now = self.now;
        let running = self.job_mut(job.id);
        (running.running, running.started, running.since) = (true, true, now);
        let mut dispatch = Dispatch::new(ticket, job.id, job.frame, job.position as u16);
        (dispatch.subnetwork, dispatch.score) = (job.subnetwork, score);
        (dispatch.expected, dispatch.switch) = (expected, switch);
        Action::Dispatch(dispatch)
    }

    /// As of the scheduler.
    pub fn release(&mut self, model: ModelId, now: Instant) -> Result<(Frame, JobId), Refused> {
        self.known_and_active(model)?;
        let (row, state) = (self.row(model), &self.models[usize::from(model.0)]);
        let deadline = state.deadline.or(row.deadline);
        let (None, Some(deadline)) = (row.cascade, deadline) else {
            return Err(Refused { frame: None, why: Refusal::NeedsParent });
        };
        let (deadline, number) = (now.saturating_add(deadline), state.number);
        self.admit(Frame { release: now, deadline, origin: now, number, model }, now)
    }

    /// As of the scheduler.
    pub fn release_child(
        &mut self,
        model: ModelId,
        parent: &Frame,
        now: Instant,
    ) -> Result<(Frame, JobId), Refused> {
        let frame = self.child_of(model, parent, now)?;
        self.admit(frame, now)
    }

    /// As of the scheduler.
    pub fn readmit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        self.known_and_active(frame.model)?;
        self.admit(frame, now)
    }

    /// As of the scheduler.
    pub fn lose_child(&mut self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        let now = self.now.max(now);
        let frame = self.child_of(model, parent, now)?;
        self.now = now;
        self.count_frame(&frame);
        self.count_drop(frame, DropReason::ParentLost);
        Ok(frame)
    }

    /// As of the scheduler.
    pub fn give_up(&mut self, frame: Frame, now: Instant) {
        self.now = self.now.max(now);
        self.count_frame(&frame);
        self.count_drop(frame, DropReason::NoRoom);
    }

    fn known_and_active(&self, model: ModelId) -> Result<(), Refused> {
        let refuse = |why| Err(Refused { frame: None, why });
        match self.models.get(usize::from(model.0)) {
            None => refuse(Refusal::UnknownModel(model)),
            Some(state) if !state.active => refuse(Refusal::Inactive),
            Some(_) => Ok(()),
        }
    }

    fn child_of(&self, model: ModelId, parent: &Frame, now: Instant) -> Result<Frame, Refused> {
        self.known_and_active(model)?;
        let row = self.row(model);
        if row.cascade.is_none_or(|cascade| cascade.parent != parent.model) {
            return Err(Refused { frame: None, why: Refusal::NotAChild });
        }
        let deadline = row.deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
        Ok(Frame { release: now, deadline, model, ..*parent })
    }

    fn admit(&mut self, frame: Frame, now: Instant) -> Result<(Frame, JobId), Refused> {
        let refuse = |why| Err(Refused { frame: Some(frame), why });
        if now < self.now {
            return refuse(Refusal::TimeWentBack { last: self.now });
        }
        let taken = |place: usize| self.jobs.iter().any(|job| usize::from(job.id.index()) == place);
        let room = self.generations.len();
        let Some(place) = (0..room).find(|&place| !taken(place)) else {
            return refuse(Refusal::Full { capacity: room });
        };
        let subnetwork = self.choose_subnetwork(&frame, now);
        self.now = now;
        self.count_frame(&frame);
        self.state(frame.model).subnetwork = subnetwork;
        let id = JobId::new(place as u16, self.generations[place]);
        let (position, started, superseded, running) = (0, false, false, false);
        self.jobs.push(Job { id, frame, subnetwork, position, since: now, started, superseded, running });
        self.let_the_latest_win(frame.model);
        Ok((frame, id))
    }

    /// Of the frames of such a model that have not started only the newest is wanted.
    fn let_the_latest_win(&mut self, model: ModelId) {
        if self.row(model).latest_wins {
            let ours = |job: &&mut Job| job.frame.model == model;
            // Numbers wrap around.
            let age = |number: u32, newest: u32| newest.wrapping_sub(number) as i32;
            let newest = self.jobs.iter_mut().filter(ours).map(|job| job.frame.number);
            let newest = newest.reduce(|one, other| if age(one, other) > 0 { other } else { one });
            for job in self.jobs.iter_mut().filter(ours).filter(|job| !job.started) {
                job.superseded |= newest.is_some_and(|newest| age(job.frame.number, newest) > 0);
            }
        }
    }

    /// As of the scheduler.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error> {
        self.check(now, ticket.accelerator)?;
        let index = usize::from(ticket.accelerator.0);
        let block = self.accelerators[index].block.filter(|block| block.ticket == ticket);
        let block = block.ok_or(Error::StaleTicket(ticket))?;
        let job = *self.job(block.job);
        let (segments, behind) = (self.segments(&job), job.position + block.count);
        let next = match outcome.path {
            Path::Next => behind,
            Path::Exit => segments.len(),
            Path::Skip(skipped) if behind + usize::from(skipped) <= segments.len() => {
                behind + usize::from(skipped)
            }
            path @ Path::Skip(_) => return Err(Error::SkipBeyondEnd { ticket, path }),
        };
        self.now = now;
        let finished = outcome.finished.min(now);
        let run = &segments[job.position..behind];
        let sum =
            |of: &dyn Fn(&Segment<A>) -> u32| run.iter().map(|segment| u64::from(of(segment))).sum::<u64>();
        let started = outcome.started.unwrap_or(job.since);
        if self.config.correction && started <= finished {
            let expected =
                sum(&|segment| segment.placements()[index].latency_ns) + u64::from(block.switch.latency_ns);
            self.learn(
                job.frame.model,
                index,
                finished.saturating_since(started),
                Duration::from_nanos(expected),
            );
        }
        let switch_nj = u64::from(block.switch.energy_nj);
        let spent = sum(&|segment| segment.placements()[index].energy_nj) + switch_nj;
        let energy_nj = outcome.energy_nj.unwrap_or(saturated(spent.into()));
        let dearest = |segment: &Segment<A>| {
            let runs = segment.placements().iter().filter(|on| on.latency_ns > 0);
            runs.map(|on| on.energy_nj).max().unwrap_or(0)
        };
        let worst_energy_nj = saturated((sum(&dearest) + switch_nj).into());

        self.accelerators[index].block = None;
        self.accelerators[index].last_model = Some(job.frame.model);
        let mut subnetwork = job.subnetwork;
        let progress = if let Some(segment) = segments.get(next) {
            if segment.info().switch_point && self.config.supernet {
                subnetwork = self.lighten(&job, next);
                let state = self.state(job.frame.model);
                if subnetwork != job.subnetwork {
                    state.subnetwork = state.subnetwork.max(subnetwork);
                }
            }
            let row = self.row(job.frame.model);
            let segment = &row.subnetworks[usize::from(subnetwork)].segments[next];
            let on = &mut self.accelerators[index];
            (on.last_job, on.resident_bytes) = (Some(block.job), segment.info().activation_bytes);
            let job = self.job_mut(block.job);
            (job.position, job.subnetwork, job.since, job.running) = (next, subnetwork, now, false);
            Progress::More
        } else {
            self.accelerators[index].last_job = None;
            self.accelerators[index].resident_bytes = 0;
            self.end(block.job);
            self.state(job.frame.model).lost.push(false);
            if finished > job.frame.deadline { Progress::Late } else { Progress::InTime }
        };
        let accuracy =
            |index: u8| self.row(job.frame.model).subnetworks[usize::from(index)].accuracy_milli_percent;
        let given_up =
            if accuracy(subnetwork) > 0 { accuracy(0).saturating_sub(accuracy(subnetwork)) } else { 0 };
        let tally = &mut self.state(job.frame.model).tally;
        tally.energy_nj += u64::from(energy_nj);
        tally.worst_energy_nj += u64::from(worst_energy_nj);
        if progress != Progress::More {
            tally.completed += 1;
            tally.violated += u32::from(progress == Progress::Late);
            tally.accuracy_given_up += u64::from(given_up);
        }
        match progress {
            Progress::More => {}
            Progress::InTime => self.was_in_time(job.frame.model),
            Progress::Late => self.missed(job.frame.model),
        }
        let mut report = Report::new(ticket, block.job, job.frame, finished);
        (report.subnetwork, report.progress) = (subnetwork, progress);
        (report.energy_nj, report.worst_energy_nj) = (energy_nj, worst_energy_nj);
        Ok(report)
    }

    /// As of the scheduler.
    pub fn fault(
        &mut self,
        accelerator: AcceleratorId,
        fault: Fault,
        now: Instant,
    ) -> Result<Option<JobId>, Error> {
        self.check(now, accelerator)?;
        self.now = now;
        let on = &mut self.accelerators[usize::from(accelerator.0)];
        let block = on.block.take();
        if fault != Fault::NotTaken {
            (on.last_job, on.last_model, on.resident_bytes) = (None, None, 0);
        }
        match fault {
            Fault::Resting | Fault::NotTaken if on.service == Service::In => on.service = Service::Resting,
            Fault::OutOfService => on.service = Service::Out,
            _ => {}
        }
        if fault == Fault::OutOfService {
            self.rearm();
        }
        if let Some(block) = block {
            let job = self.job_mut(block.job);
            let model = job.frame.model;
            (job.running, job.since) = (false, now);
            if fault == Fault::NotTaken {
                (job.since, job.started) = (block.waited_since, block.had_started);
                self.let_the_latest_win(model);
            }
        }
        Ok(block.map(|block| block.job))
    }

    /// As of the scheduler.
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
        self.check(now, accelerator)?;
        self.now = now;
        let on = &mut self.accelerators[usize::from(accelerator.0)];
        let before = std::mem::replace(&mut on.service, Service::In);
        if before == Service::Out {
            self.rearm();
        }
        Ok(())
    }

    /// As of the scheduler.
    pub fn set_active(&mut self, model: ModelId, active: bool, now: Instant) -> Result<bool, Error> {
        self.check_model(now, model)?;
        self.now = now;
        let changed = std::mem::replace(&mut self.state(model).active, active) != active;
        if changed {
            self.rearm();
        }
        Ok(changed)
    }

    /// As of the scheduler.
    pub fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
        self.check_model(now, model)?;
        let row = self.row(model);
        if row.cascade.is_some() {
            return Err(Error::FollowsParent(model));
        }
        if period == Duration::ZERO {
            return Err(Error::ZeroPeriod(model));
        }
        self.now = now;
        if row.deadline == Some(row.period) {
            self.state(model).deadline = Some(period);
        }
        self.rearm();
        Ok(())
    }

    /// As of the scheduler.
    pub fn bar(
        &mut self,
        model: ModelId,
        accelerator: AcceleratorId,
        barred: bool,
        now: Instant,
    ) -> Result<bool, Error> {
        self.check_model(now, model)?;
        self.check(now, accelerator)?;
        self.now = now;
        let entry = &mut self.state(model).barred[usize::from(accelerator.0)];
        Ok(std::mem::replace(entry, barred) != barred)
    }

    /// As of the scheduler.
    pub fn freeze_tuner(&mut self, frozen: bool) {
        self.tuner.freeze(frozen);
        self.retune = true;
    }

    /// As of the scheduler.
    pub fn close(&mut self, end: Instant) -> Option<Leftover> {
        let job = *self.jobs.iter().min_by_key(|job| job.id.index())?;
        for on in self.accelerators.iter_mut().filter(|on| on.block.is_some_and(|block| block.job == job.id))
        {
            (on.block, on.last_job, on.resident_bytes) = (None, None, 0);
        }
        self.end(job.id);
        let tally = &mut self.state(job.frame.model).tally;
        if job.frame.deadline <= end {
            tally.violated += 1;
            Some(Leftover::Overdue(job.frame))
        } else {
            tally.frames -= 1;
            Some(Leftover::LeftOut(job.frame))
        }
    }

    // ---- what they share ---------------------------------------------------------------------

    fn check(&self, now: Instant, accelerator: AcceleratorId) -> Result<(), Error> {
        if now < self.now {
            Err(Error::TimeWentBack { now, last: self.now })
        } else if usize::from(accelerator.0) >= self.accelerators.len() {
            Err(Error::UnknownAccelerator(accelerator))
        } else {
            Ok(())
        }
    }

    fn check_model(&self, now: Instant, model: ModelId) -> Result<(), Error> {
        if now < self.now {
            Err(Error::TimeWentBack { now, last: self.now })
        } else if usize::from(model.0) >= self.models.len() {
            Err(Error::UnknownModel(model))
        } else {
            Ok(())
        }
    }

    fn rearm(&mut self) {
        self.tuner.arm();
        self.retune = true;
    }

    /// The job has ended: its name is stale, and nobody needs what it left.
    fn end(&mut self, id: JobId) {
        self.jobs.retain(|job| job.id != id);
        let generation = &mut self.generations[usize::from(id.index())];
        *generation = generation.wrapping_add(1);
        for on in self.accelerators.iter_mut().filter(|on| on.last_job == Some(id)) {
            (on.last_job, on.resident_bytes) = (None, 0);
        }
    }

    fn count_frame(&mut self, frame: &Frame) {
        let state = self.state(frame.model);
        state.tally.frames += 1;
        state.number = state.number.wrapping_add(u32::from(frame.number == state.number));
    }

    fn count_drop(&mut self, frame: Frame, reason: DropReason) {
        let state = self.state(frame.model);
        if reason == DropReason::Withdrawn {
            state.tally.frames -= 1;
        } else {
            state.tally.dropped += 1;
            state.tally.violated += 1;
            state.lost.push(true);
            if reason != DropReason::ParentLost {
                self.missed(frame.model);
            }
        }
    }

    /// Ends the tuner's window if it is over.
    fn tune(&mut self) {
        let over = self.now >= self.window_end;
        if !over && !std::mem::take(&mut self.retune) {
            return;
        }
        self.retune = false;
        let Some(window) = self.config.tuning_window else { return };
        if over {
            self.window_end = self.now.saturating_add(window);
            self.last_window = (0.0, 0.0);
            for (state, model) in self.models.iter_mut().zip(self.workload.models) {
                let mark = std::mem::replace(&mut state.mark, state.tally);
                let ended = |tally: &Tally| tally.completed + tally.dropped;
                let since = Tally {
                    frames: ended(&state.tally) - ended(&mark),
                    violated: state.tally.violated - mark.violated,
                    energy_nj: state.tally.energy_nj - mark.energy_nj,
                    worst_energy_nj: state.tally.worst_energy_nj - mark.worst_energy_nj,
                    ..Tally::default()
                };
                if since.frames == 0 {
                    continue;
                }
                let weight = f32::from(model.weight_percent) / 100.0;
                let violated = if since.violated == 0 { 0.5 } else { since.violated as f32 };
                // Single precision, of halves that are rounded each.
                let single =
                    |energy: u64| (energy >> 32) as f32 * 2f32.powi(32) + (energy & 0xffff_ffff) as f32;
                let energy = match since.worst_energy_nj {
                    0 => 1.0,
                    worst => single(since.energy_nj) / single(worst),
                };
                self.last_window.0 += weight * (violated / since.frames as f32);
                self.last_window.1 += weight * energy;
            }
            if self.last_window != (0.0, 0.0) {
                self.tuner.window(self.last_window.0 * self.last_window.1);
            }
        }
        if let Rule::MapScore(weights) = &mut self.rule {
            *weights = self.tuner.weights();
        }
    }
}
