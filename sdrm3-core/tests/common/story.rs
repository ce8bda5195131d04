//! A small language for traces: `at` a time something happens, `then` the scheduler acts, because.

#![allow(dead_code)] // each test binary uses its share

use sdrm3_core::{
    Accelerator, AcceleratorId, AcceleratorState, Action, Config, Cost, Dispatch, Event, Fault, Frame,
    Instant, JobView, Leftover, Model, ModelId, NextWake, Offer, Outcome, Path, Policy, Probability, Report,
    Scheduler, Score, Segment, SegmentSpec, SubNetwork, Tally, Ticket, Weights, Workload,
};

use crate::common::{ms, span_ms};

/// Room for models and jobs.
pub(crate) const MODELS: usize = 6;
pub(crate) const JOBS: usize = 4;

/// A network of these segments, for the rest of the test.
pub(crate) fn network<const N: usize>(specs: [SegmentSpec<2>; N]) -> &'static [SubNetwork<'static, 2>] {
    let segments: &'static [Segment<2>] = Box::leak(Box::new(Segment::table(specs)));
    Box::leak(Box::new([SubNetwork::new("only", segments)]))
}

/// A model with this deadline.
pub(crate) fn model<const N: usize>(
    name: &'static str,
    deadline_ms: u64,
    specs: [SegmentSpec<2>; N],
) -> Model<'static, 2> {
    Model::new(name, span_ms(deadline_ms), network(specs))
}

/// A model that runs on every frame of another one.
pub(crate) fn child<const N: usize>(
    name: &'static str,
    parent: u8,
    specs: [SegmentSpec<2>; N],
) -> Model<'static, 2> {
    Model::new(name, span_ms(1), network(specs)).after(ModelId(parent), Probability::ALWAYS)
}

/// A policy whose hooks a test sets; as it is, the oldest frame goes first.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) score: fn(&JobView<'_>) -> i64,
    pub(crate) takes: fn(&JobView<'_>, &Offer<'_>) -> bool,
    pub(crate) abandons: fn(&JobView<'_>, Instant) -> bool,
    pub(crate) block: u16,
    pub(crate) weights: Option<Weights>,
    pub(crate) heard: Vec<Event>,
    pub(crate) prepared: usize,
}

impl Default for Plain {
    fn default() -> Self {
        Self {
            score: |job| -(job.frame.release.as_nanos() as i64),
            takes: |_, _| true,
            abandons: |_, _| false,
            block: 1,
            weights: None,
            heard: Vec::new(),
            prepared: 0,
        }
    }
}

impl Policy for Plain {
    type Weighed = i64;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> i64 {
        (self.score)(job)
    }

    fn score(&self, weighed: i64, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        (self.takes)(job, offer).then_some(Score(weighed))
    }

    fn prepare<'a>(&mut self, jobs: impl Iterator<Item = JobView<'a>>, _: &[AcceleratorState], _: Instant) {
        self.prepared = jobs.count();
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        (self.abandons)(job, now)
    }

    fn block(&self, _: &JobView<'_>, _: &Offer<'_>) -> u16 {
        self.block
    }

    fn weights(&self) -> Option<Weights> {
        self.weights
    }

    fn set_weights(&mut self, weights: Weights) {
        self.weights = self.weights.map(|_| weights);
    }

    fn observe(&mut self, event: &Event, _: Instant) {
        self.heard.push(*event);
    }
}

/// A scheduler of two accelerators, `npu` and `dsp`, and the clock of the test.
pub(crate) struct Story<P = Plain> {
    pub(crate) scheduler: Scheduler<'static, P, MODELS, JOBS, 2>,
    pub(crate) now: Instant,
    running: [Option<Ticket>; 2],
    overdue: u32,
    last: Option<Dispatch>,
}

const NAMES: [&str; 2] = ["npu", "dsp"];

impl<P: Policy> Story<P> {
    /// Both accelerators switch for free.
    pub(crate) fn new<const N: usize>(policy: P, models: [Model<'static, 2>; N]) -> Self {
        Self::switching(policy, models, Cost::NONE)
    }

    /// A switch costs this for each KiB of activations that it moves.
    pub(crate) fn switching<const N: usize>(
        policy: P,
        models: [Model<'static, 2>; N],
        per_kib: Cost,
    ) -> Self {
        let accelerators = NAMES.map(|name| Accelerator::new(name).with_switch(Cost::NONE, per_kib));
        Self::configured(policy, Config::PLAIN, models, accelerators)
    }

    /// With these parts of the method on these accelerators, in the order `npu`, `dsp`.
    pub(crate) fn configured<const N: usize>(
        policy: P,
        config: Config,
        models: [Model<'static, 2>; N],
        accelerators: [Accelerator<'static>; 2],
    ) -> Self {
        Self::made(|_| policy, config, models, accelerators)
    }

    /// With a policy that is made for the workload.
    pub(crate) fn made<const N: usize>(
        policy: impl FnOnce(&'static Workload<'static, 2>) -> P,
        config: Config,
        models: [Model<'static, 2>; N],
        accelerators: [Accelerator<'static>; 2],
    ) -> Self {
        let accelerators: &'static [Accelerator<'static>] = Box::leak(Box::new(accelerators));
        let models: &'static [Model<'static, 2>] = Box::leak(Box::new(models));
        let workload: &'static Workload<'static, 2> =
            Box::leak(Box::new(Workload::new(models, accelerators)));
        let scheduler = Scheduler::new(workload, policy(workload), config).expect("a valid workload");
        Self { scheduler, now: Instant::ZERO, running: [None; 2], overdue: 0, last: None }
    }

    pub(crate) fn id(&self, name: &str) -> ModelId {
        let models = self.scheduler.workload().models;
        ModelId(models.iter().position(|model| model.name == name).expect("a model of the story") as u8)
    }

    pub(crate) fn accelerator(name: &str) -> AcceleratorId {
        AcceleratorId(NAMES.iter().position(|known| *known == name).expect("npu or dsp") as u8)
    }

    /// The clock moves on.
    pub(crate) fn at(&mut self, millis: u64) -> &mut Self {
        self.at_instant(ms(millis))
    }

    pub(crate) fn at_instant(&mut self, now: Instant) -> &mut Self {
        assert!(now >= self.now, "stories are told forwards");
        self.now = now;
        self
    }

    pub(crate) fn release(&mut self, model: &str) -> Frame {
        let (frame, _) = self.scheduler.release(self.id(model), self.now).expect("room");
        frame
    }

    /// The next answer of `poll` is this, for this reason.
    #[track_caller]
    pub(crate) fn then(&mut self, expected: &str, because: &str) {
        let action = self.scheduler.poll(self.now);
        let told = self.tell(&action);
        assert_eq!(told, expected, "at {} ns, because {because}", self.now.as_nanos());
        if let Action::Dispatch(block) = action {
            self.running[usize::from(block.ticket.accelerator.0)] = Some(block.ticket);
            self.last = Some(block);
        }
        self.check_conservation();
    }

    fn tell(&self, action: &Action) -> String {
        let frame = |frame: &Frame| {
            format!("{}#{}", self.scheduler.workload().models[usize::from(frame.model.0)].name, frame.number)
        };
        match action {
            Action::Dispatch(block) => {
                let accelerator = NAMES[usize::from(block.ticket.accelerator.0)];
                let last = block.first + block.count - 1;
                let segments = if block.count == 1 {
                    format!("segment {}", block.first)
                } else {
                    format!("segments {} to {last}", block.first)
                };
                format!("{} {segments} on {accelerator}", frame(&block.frame))
            }
            Action::Drop(dropped, why) => format!("drop {}: {why:?}", frame(dropped)),
            Action::Wait(NextWake::Idle) => "wait".into(),
            Action::Wait(NextWake::At(at)) => format!("wait until {} ms", at.as_nanos() as f64 / 1e6),
        }
    }

    /// The block that was dispatched last.
    #[track_caller]
    pub(crate) fn block(&self) -> Dispatch {
        self.last.expect("something was dispatched")
    }

    /// The ticket of the block that runs there.
    #[track_caller]
    pub(crate) fn ticket(&self, accelerator: &str) -> Ticket {
        self.running[usize::from(Self::accelerator(accelerator).0)].expect("a block runs there")
    }

    /// The block on this accelerator ends now, and the network goes on like this.
    #[track_caller]
    pub(crate) fn ends_by(&mut self, accelerator: &str, path: Path) -> Report {
        self.ends_with(accelerator, Outcome::finished(self.now).with_path(path))
    }

    #[track_caller]
    pub(crate) fn ends(&mut self, accelerator: &str) -> Report {
        self.ends_by(accelerator, Path::Next)
    }

    #[track_caller]
    pub(crate) fn ends_with(&mut self, accelerator: &str, outcome: Outcome) -> Report {
        let ticket = self.ticket(accelerator);
        self.running[usize::from(ticket.accelerator.0)] = None;
        let report = self.scheduler.complete(ticket, outcome, self.now).expect("it is in flight");
        self.check_conservation();
        report
    }

    pub(crate) fn fault(&mut self, accelerator: &str, fault: Fault) -> bool {
        let id = Self::accelerator(accelerator);
        self.running[usize::from(id.0)] = None;
        let lost = self.scheduler.fault(id, fault, self.now).expect("a known accelerator");
        self.check_conservation();
        lost.is_some()
    }

    pub(crate) fn restore(&mut self, accelerator: &str) {
        self.scheduler.restore(Self::accelerator(accelerator), self.now).expect("a known accelerator");
    }

    /// The run ends then: what is left, in the order of the pool.
    #[track_caller]
    pub(crate) fn close(&mut self, end: Instant) -> Vec<Leftover> {
        let left: Vec<Leftover> = std::iter::from_fn(|| self.scheduler.close(end)).collect();
        self.overdue += left.iter().filter(|left| matches!(left, Leftover::Overdue(_))).count() as u32;
        self.running = [None; 2];
        assert_eq!(self.scheduler.jobs_in_flight(), 0, "closed");
        self.check_conservation();
        left
    }

    /// Frames, completed, violated, dropped.
    pub(crate) fn counts(&self, model: &str) -> [u32; 4] {
        let tally = self.tally(model);
        [tally.frames, tally.completed, tally.violated, tally.dropped]
    }

    pub(crate) fn tally(&self, model: &str) -> Tally {
        self.scheduler.tallies()[usize::from(self.id(model).0)]
    }

    /// Every frame is completed, dropped, in the scheduler's hands, or was when its run ended.
    #[track_caller]
    pub(crate) fn check_conservation(&self) {
        let sum = |count: fn(&Tally) -> u32| self.scheduler.tallies().iter().map(count).sum::<u32>();
        let held = self.scheduler.jobs_in_flight() as u32;
        let ended = sum(|t| t.completed) + sum(|t| t.dropped) + self.overdue;
        assert_eq!(sum(|t| t.frames), ended + held, "frames are conserved");
        assert!(self.scheduler.tallies().iter().all(|t| t.dropped <= t.violated && t.violated <= t.frames));
    }
}
