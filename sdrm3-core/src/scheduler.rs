//! The scheduler: events and the time go in, actions come out.
//!
//! A pure state machine. It reads no clock, does no input or output, allocates nothing and does
//! bounded work per call. `decide` holds the decision itself, `frames` how frames come in and are
//! counted, `complete` how they move on.

mod complete;
mod decide;
mod error;
mod frames;
#[cfg(test)]
mod tests;

pub use error::{Error, Refusal, Refused};

use heapless::Vec;

use crate::config::Config;
use crate::correction::Correction;
use crate::event::Event;
use crate::frame_drop::History;
use crate::job::{JobId, JobPool};
use crate::policy::{AcceleratorState, Activity, Policy};
use crate::supernet;
use crate::time::{Duration, Instant};
use crate::tuner::{Tuner, Weights};
use crate::uxcost::{Mark, Tally, UxCost, WindowCost};
use crate::workload::{AcceleratorId, Cause, Cost, ModelId, Segment, Workload, WorkloadError};

/// An accelerator's block in flight.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    /// Of its ticket; the accelerator is the slot's.
    sequence: u32,
    job: JobId,
    count: u16,
    switch: Cost,
    dispatched: Instant,
    /// What the job was before: it is so again if the accelerator does not take the block.
    had_started: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    in_flight: Option<InFlight>,
    /// Of its last block that ended, if its weights are still there.
    last_model: Option<ModelId>,
    /// Bytes of activations that its last job left and a switch has to spill.
    resident_bytes: u32,
    /// The place of that job: what a block that is not taken gives back. [`NOBODY`], if none left any.
    left_by: u16,
}

/// No place, but for the last one of 65,536: its job then pays for a switch that it need not.
const NOBODY: u16 = u16::MAX;

/// What changes of a model while it runs.
#[derive(Clone, Debug)]
struct ModelState<const ACCS: usize> {
    correction: Correction<ACCS>,
    /// Of its next frame.
    number: u32,
    /// Its deadline since the frame rate was changed; zero, which no deadline is: as the table has it.
    deadline: Duration,
    /// Expected work of the frames that depend on one of its frames.
    dependents: Duration,
    history: History,
    /// Whether the budgets of the model and its dependents allow a smart drop.
    may_lose: bool,
    active: bool,
    /// The accelerators that it must not use; bit `a` is accelerator `a`.
    barred: u32,
    /// The sub-network of its latest frame, and the lightest that keeps its accuracy floor.
    subnetwork: u8,
    lightest: u8,
    /// Where the tuner's window began.
    mark: Mark,
}

/// Decides which job runs where: `MODELS` models, `JOBS` frames at a time, `ACCS` accelerators.
///
/// ```
/// use sdrm3_core::{Action, Config, Instant, MapScore, ModelId, NextWake, Outcome, Scheduler};
/// # use sdrm3_core::{Accelerator, Cost, Duration, Model, Segment, SegmentSpec, SubNetwork, Workload};
/// # static EYE: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(800_000, 90_000)])]);
/// # static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("full", &EYE)];
/// # static MODELS: [Model<'static, 1>; 1] = [Model::new("eye", Duration::from_millis(16), &NETWORKS)];
/// # static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];
/// # static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);
/// let mut scheduler = Scheduler::<_, 1, 4, 1>::new(&WORKLOAD, MapScore::default(), Config::FULL)?;
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
///
/// A clone is a snapshot: to try what would follow, or to explore all that can.
///
/// A scheduler with room for no job, or for more than 65 536, does not compile:
///
/// ```compile_fail,E0080
/// # use sdrm3_core::{Config, MapScore, Scheduler, Workload};
/// # let workload = Workload::new(&[], &[]);
/// let scheduler = Scheduler::<_, 1, 0, 1>::new(&workload, MapScore::default(), Config::PLAIN);
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler<'w, P, const MODELS: usize, const JOBS: usize, const ACCS: usize> {
    workload: &'w Workload<'w, ACCS>,
    policy: P,
    config: Config,
    jobs: JobPool<'w, JOBS, ACCS>,
    accelerators: Vec<AcceleratorState, ACCS>,
    slots: Vec<Slot, ACCS>,
    /// The idle accelerators; bit `a` is accelerator `a`.
    idle: u32,
    /// The accelerators that do not switch for free; bit `a` is accelerator `a`.
    switching: u32,
    models: Vec<ModelState<ACCS>, MODELS>,
    tallies: Vec<Tally, MODELS>,
    tuner: Tuner,
    /// Those that the policy has, if it has any.
    weights: Weights,
    window_end: Instant,
    /// Whether the tuner may have other weights than the policy.
    retune: bool,
    /// How many windows have ended, and UXCost of the last one.
    windows: u32,
    last_window: WindowCost,
    next_sequence: u32,
    now: Instant,
}

impl<'w, P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'w, P, MODELS, JOBS, ACCS>
{
    /// A scheduler of this workload, all models active, all accelerators idle; the tables are
    /// validated. O(tables).
    pub fn new(
        workload: &'w Workload<'w, ACCS>,
        policy: P,
        config: Config,
    ) -> Result<Self, WorkloadError<'w>> {
        const { assert!(ACCS <= 32, "ACCS must lie in 0..=32") };
        workload.validate()?;
        let weights = policy.weights().unwrap_or_default();
        let mut scheduler = Self {
            workload,
            policy,
            config,
            jobs: JobPool::new(),
            accelerators: Vec::new(),
            slots: Vec::new(),
            idle: 0,
            switching: 0,
            models: Vec::new(),
            tallies: Vec::new(),
            tuner: Tuner::new(weights),
            weights,
            window_end: Instant::ZERO.saturating_add(config.tuning_window.unwrap_or(Duration::MAX)),
            retune: false,
            windows: 0,
            last_window: WindowCost::default(),
            next_sequence: 0,
            now: Instant::ZERO,
        };
        if let Err(cause) = scheduler.fill() {
            return Err(WorkloadError { model: None, subnetwork: None, segment: None, cause });
        }
        Ok(scheduler)
    }

    fn fill(&mut self) -> Result<(), Cause> {
        for model in self.workload.models {
            let state = ModelState {
                correction: Correction::ONE,
                number: 0,
                deadline: Duration::ZERO,
                dependents: Duration::ZERO,
                history: History::default(),
                may_lose: model.drop_budget.lost() > 0,
                active: true,
                barred: 0,
                subnetwork: 0,
                lightest: supernet::lightest(model.subnetworks, model.accuracy_floor),
                mark: Mark::default(),
            };
            let full = Cause::TooManyModels { capacity: MODELS };
            self.models.push(state).map_err(|_| full)?;
            self.tallies.push(Tally::default()).map_err(|_| full)?;
        }
        for (row, index) in self.workload.accelerators.iter().zip(0u8..) {
            let state =
                AcceleratorState { id: AcceleratorId(index), activity: Activity::Idle, last_job: None };
            let full = Cause::TooManyAccelerators { capacity: ACCS };
            self.accelerators.push(state).map_err(|_| full)?;
            self.idle |= 1 << index;
            self.switching |= u32::from(!row.switches_for_free()) << index;
            let slot = Slot { in_flight: None, last_model: None, resident_bytes: 0, left_by: NOBODY };
            self.slots.push(slot).map_err(|_| full)?;
        }
        for index in 0..self.workload.models.len() {
            self.refresh_budget(ModelId(index as u8));
            self.refresh_dependents(ModelId(index as u8));
        }
        Ok(())
    }

    /// The workload.
    pub const fn workload(&self) -> &'w Workload<'w, ACCS> {
        self.workload
    }

    /// The policy.
    pub const fn policy(&self) -> &P {
        &self.policy
    }

    /// Which parts are switched on.
    pub const fn config(&self) -> Config {
        self.config
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
        UxCost::of(
            self.tallies.iter().zip(self.workload.models).map(|(tally, model)| (tally, model.weight_percent)),
        )
    }

    /// How many of the tuner's windows have ended, modulo 2^32.
    pub const fn windows(&self) -> u32 {
        self.windows
    }

    /// UXCost of the frames that ended in the last window, in single precision; zero if there were none.
    pub const fn last_window(&self) -> UxCost {
        self.last_window.wide()
    }

    /// The online tuner.
    pub const fn tuner(&self) -> &Tuner {
        &self.tuner
    }

    /// Measured over expected latency of a model on an accelerator, as the correction has learnt it.
    pub fn latency_factor(&self, model: ModelId, accelerator: AcceleratorId) -> Option<f64> {
        let state = self.models.get(usize::from(model.0))?;
        Some(state.correction.factor(usize::from(accelerator.0)))
    }

    /// Stops or resumes online tuning: frozen, the weights stay at the best found so far, from the next
    /// poll on.
    pub fn freeze_tuner(&mut self, frozen: bool) {
        self.tuner.freeze(frozen);
        self.retune = true;
    }

    /// Whether a model is switched on; one that is unknown is not. O(1).
    pub fn is_active(&self, model: ModelId) -> bool {
        self.models.get(usize::from(model.0)).is_some_and(|state| state.active)
    }

    /// Switches a model on or off. Its waiting frames are withdrawn by the next polls, uncounted; a
    /// block that runs goes on to its end. Frames of its parent no longer stand for frames of it, in
    /// smart frame drop. The answer is whether it was the other way before.
    /// O(JOBS x ACCS + models x depth of cascades, squared).
    pub fn set_active(&mut self, model: ModelId, active: bool, now: Instant) -> Result<bool, Error> {
        self.check_time(now)?;
        let state = self.models.get_mut(usize::from(model.0)).ok_or(Error::UnknownModel(model))?;
        self.now = now;
        let changed = state.active != active;
        if changed {
            state.active = active;
            self.prepare_jobs(model);
            self.refresh_budget(model);
            self.refresh_dependents(model);
            self.rearm();
            self.policy.observe(&Event::Activated(model, active), now);
        }
        Ok(changed)
    }

    /// Bars a model from an accelerator, or lets it in again: for a pair that keeps failing while each
    /// goes on well with others. A block that runs there goes on to its end. The answer is whether it was
    /// the other way before. O(JOBS x ACCS).
    pub fn bar(
        &mut self,
        model: ModelId,
        accelerator: AcceleratorId,
        barred: bool,
        now: Instant,
    ) -> Result<bool, Error> {
        self.check_time(now)?;
        let state = self.models.get_mut(usize::from(model.0)).ok_or(Error::UnknownModel(model))?;
        if usize::from(accelerator.0) >= self.accelerators.len() {
            return Err(Error::UnknownAccelerator(accelerator));
        }
        self.now = now;
        let bit = 1 << accelerator.0;
        let changed = (state.barred & bit != 0) != barred;
        if changed {
            state.barred ^= bit;
            self.prepare_jobs(model);
            self.policy.observe(&Event::Barred(model, accelerator, barred), now);
        }
        Ok(changed)
    }

    /// The model's frames come once every `period` from now on, and are due within it; those of a model
    /// whose deadline is another than its period keep theirs. Refused for a model that runs on frames of
    /// another one. O(1).
    pub fn set_period(&mut self, model: ModelId, period: Duration, now: Instant) -> Result<(), Error> {
        self.check_time(now)?;
        let row = self.workload.model(model).ok_or(Error::UnknownModel(model))?;
        let state = self.models.get_mut(usize::from(model.0)).ok_or(Error::UnknownModel(model))?;
        if row.cascade.is_some() {
            return Err(Error::FollowsParent(model));
        }
        if period == Duration::ZERO {
            return Err(Error::ZeroPeriod(model));
        }
        self.now = now;
        if row.deadline == Some(row.period) {
            state.deadline = period;
        }
        self.rearm();
        Ok(())
    }

    /// Works out anew what decisions read of a model's jobs. O(JOBS + ACCS for each of them).
    fn prepare_jobs(&mut self, model: ModelId) {
        let Some(state) = self.models.get(usize::from(model.0)) else { return };
        for job in self.jobs.iter_mut().filter(|job| job.model == model) {
            job.prepare(&state.correction, state.active, state.barred, P::PREPARED);
        }
    }

    /// What the accelerator does from now on.
    fn set_activity(&mut self, index: usize, activity: Activity) {
        if let Some(state) = self.accelerators.get_mut(index) {
            state.activity = activity;
            let bit = 1 << (index & 31);
            if activity == Activity::Idle { self.idle |= bit } else { self.idle &= !bit }
        }
    }

    /// The workload has changed: the tuner searches again.
    fn rearm(&mut self) {
        self.tuner.arm();
        self.retune = true;
    }

    /// Ends the window if it is over, and passes on what the tuner has changed. O(1), and O(models)
    /// once per window.
    fn tune(&mut self, now: Instant) {
        if now >= self.window_end || self.retune {
            self.end_window(now);
        }
    }

    /// Ends the window if it is over: its UXCost goes to the tuner. The tuner's weights go to the policy,
    /// also those that it returned to because the workload changed; a policy without weights is not
    /// tuned.
    #[cold]
    #[inline(never)]
    fn end_window(&mut self, now: Instant) {
        self.retune = false;
        let Some(window) = self.config.tuning_window else { return };
        let has_weights = self.policy.weights().is_some();
        if now >= self.window_end {
            self.window_end = now.saturating_add(window);
            self.windows = self.windows.wrapping_add(1);
            self.last_window = self.cost_of_window();
            self.policy.observe(&Event::Window(self.last_window()), now);
            if has_weights && self.last_window != WindowCost::default() {
                self.tuner.window(self.last_window.value());
            }
        }
        let weights = self.tuner.weights();
        if has_weights && weights != self.weights {
            self.weights = weights;
            self.policy.set_weights(weights);
            self.policy.observe(&Event::Tuned(weights), now);
        }
    }

    /// UXCost of the frames that ended since it was last asked; zero if there was none. O(models).
    fn cost_of_window(&mut self) -> WindowCost {
        let mut cost = WindowCost::default();
        for ((state, tally), model) in self.models.iter_mut().zip(&self.tallies).zip(self.workload.models) {
            cost.add(&state.mark.advance(tally), model.weight_percent);
        }
        cost
    }

    /// Works out the expected work of dependents, of a model and those it depends on.
    fn refresh_dependents(&mut self, model: ModelId) {
        let mut at = Some(model);
        while let Some((id, row)) = at.and_then(|id| Some((id, self.workload.model(id)?))) {
            let work = self.dependents_work(id);
            if let Some(state) = self.models.get_mut(usize::from(id.0)) {
                state.dependents = work;
            }
            at = row.cascade.map(|cascade| cascade.parent);
        }
    }

    /// Expected work of the frames that one frame of a model gives rise to; a model that is switched off
    /// has none, nor have its dependents. Cascades have no cycles, so the chain of parents of each model
    /// ends.
    fn dependents_work(&self, root: ModelId) -> Duration {
        let mut sum = 0u64;
        for (model, state) in self.workload.models.iter().zip(&self.models) {
            let own = model.subnetworks.first().and_then(|heaviest| heaviest.segments.first());
            let mut work = own.map_or(0, |segment| segment.info().togo.as_nanos());
            let (mut at, mut active) = (model, state.active);
            while let Some(cascade) = at.cascade.filter(|_| active) {
                work = cascade.probability.of(work);
                if cascade.parent == root {
                    sum = sum.saturating_add(work);
                    break;
                }
                let Some(parent) = self.workload.model(cascade.parent) else { break };
                active = self.is_active(cascade.parent);
                at = parent;
            }
        }
        Duration::from_nanos(sum)
    }

    fn check_time(&self, now: Instant) -> Result<(), Error> {
        if now < self.now { Err(Error::TimeWentBack { now, last: self.now }) } else { Ok(()) }
    }
}

/// The segments of a model's sub-network; none if there is no such.
fn segments_of<'a, const ACCS: usize>(
    workload: &Workload<'a, ACCS>,
    model: ModelId,
    subnetwork: u8,
) -> &'a [Segment<ACCS>] {
    let subnetworks = workload.model(model).map_or(&[][..], |model| model.subnetworks);
    subnetworks.get(usize::from(subnetwork)).map_or(&[], |subnetwork| subnetwork.segments)
}
