//! The runtime over queues that fail in every way there is, those of broken drivers included: every frame is
//! accounted for, every block ends once, the CPU is not kept busy for nothing, and when the failures end so
//! does the work.

use std::cell::Cell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use arbitrary::{Arbitrary, Result, Unstructured};
use bumpalo::Bump;
use sdrm3_core::{
    AcceleratorId, Dispatch, Duration, Event, Frame, Gated, Instant, MapScore, ModelId, Outcome, Path,
    Policy, Scheduler, Ticket, Workload,
};
use sdrm3_hal::middleware::{Faulty, Injection, Plan};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Bars, Rest, Runtime, Supervision, Timeouts, Wake};

use crate::case::{ACCS, JOBS, MODELS, Tables};
use crate::gives_rise;
use crate::ledger::Ledger;
use crate::planted::Planted;
use crate::reference::Rule;

/// Steps beyond are not read.
const STEPS: usize = 200;

/// Tables, rules of supervision, devices and what goes wrong with them, and what happens.
#[derive(Clone, Debug)]
pub struct Scene {
    rules: Rules,
    devices: [Habits; ACCS],
    tables: Tables,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Debug)]
struct Rules {
    /// Factor, graces and how long a block may run out.
    timeouts: Option<(u8, u8, u8)>,
    quarantine: bool,
    bars: Option<u8>,
}

impl Rules {
    fn supervision(&self) -> Supervision {
        let timeouts = self.timeouts.map(|(factor, extensions, run_out)| Timeouts {
            // A correction may have learnt a quarter: below 4, what takes as long as its table says is late.
            factor: 4 + factor % 4,
            extensions: extensions % 8,
            run_out: run_out % 8,
            ..Supervision::DEFAULT.timeouts.unwrap()
        });
        let rest = Rest { first: Duration::from_millis(1), longest: Duration::from_millis(100) };
        let bars = self.bars.map(|failures| Bars { failures: failures % 4, rest: Duration::from_millis(20) });
        Supervision { timeouts, quarantine: self.quarantine.then_some(rest), bars, back_off: rest }
    }
}

/// What a device is like, and what goes wrong with its blocks one after the other, over and over.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Habits {
    deep: bool,
    /// Of the time that a block is expected to take, in quarters.
    pace: u8,
    cancel: u8,
    progress: bool,
    resets: bool,
    domain: Option<bool>,
    faults: [Option<Fault>; 4],
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Refuse(u8),
    Fail(u8),
    Delay(u16),
    Hang,
    Reset,
    PowerLoss,
    Lose,
    Duplicate,
    Misname,
    /// The outcome is one that cannot be, or a start and an end that make no sense.
    Nonsense(u32),
}

#[derive(Clone, Debug)]
enum Step {
    Release(u8),
    /// Microseconds, in which everything is seen to that is due.
    Pass(u16),
    /// The runtime is not called meanwhile.
    Sleep(u16),
    Restore(u8),
    Bar(u8, u8, bool),
    Activate(u8, bool),
    Period(u8, u16),
}

impl<'a> Arbitrary<'a> for Scene {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (rules, devices, tables, mut steps) =
            (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?, Vec::new());
        while !u.is_empty() && steps.len() < STEPS {
            steps.push(u.arbitrary()?);
        }
        Ok(Self { rules, devices, tables, steps })
    }
}

impl<'a> Arbitrary<'a> for Step {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0..110 => Self::Release(u.arbitrary()?),
            110..205 => Self::Pass(u.arbitrary()?),
            205..220 => Self::Sleep(u.arbitrary()?),
            220..230 => Self::Restore(u.arbitrary()?),
            230..238 => Self::Bar(u.arbitrary()?, u.arbitrary()?, u.ratio(2, 5)?),
            238..248 => Self::Activate(u.arbitrary()?, u.ratio(7, 10)?),
            _ => Self::Period(u.arbitrary()?, u.arbitrary()?),
        })
    }
}

const KINDS: [ErrorKind; 11] = [
    ErrorKind::Full,
    ErrorKind::NotReady,
    ErrorKind::Timeout,
    ErrorKind::Bus,
    ErrorKind::Corrupt,
    ErrorKind::Device,
    ErrorKind::Cancelled,
    ErrorKind::Reset,
    ErrorKind::Gone,
    ErrorKind::Unsupported,
    ErrorKind::Other,
];

fn kind(choice: u8) -> ErrorKind {
    KINDS[usize::from(choice) % KINDS.len()]
}

impl Fault {
    /// Whether it takes the accelerator's owner to go on behind it.
    fn is_final(&self) -> bool {
        match self {
            Self::Refuse(choice) | Self::Fail(choice) => {
                matches!(kind(*choice), ErrorKind::Gone | ErrorKind::Unsupported | ErrorKind::Timeout)
            }
            _ => *self == Self::PowerLoss,
        }
    }
}

/// What goes wrong with the blocks of one device, until all is well.
struct Script {
    habits: Habits,
    next: usize,
    is_well: Rc<Cell<bool>>,
}

impl Plan for Script {
    fn next(&mut self, _: &Dispatch) -> Option<Injection> {
        let fault = self.habits.faults[self.next % 4].filter(|_| !self.is_well.get());
        self.next += 1;
        Some(match fault? {
            Fault::Refuse(choice) => Injection::Refuse(kind(choice)),
            Fault::Fail(choice) => Injection::Fail(kind(choice)),
            Fault::Delay(us) => Injection::Delay(Duration::from_micros(us.into())),
            Fault::Hang => Injection::Hang,
            Fault::Reset => Injection::Reset,
            Fault::PowerLoss => Injection::PowerLoss,
            Fault::Lose => Injection::Lose,
            Fault::Duplicate => Injection::Duplicate,
            Fault::Misname => Injection::Misname,
            Fault::Nonsense(_) => return None,
        })
    }
}

/// A device that runs one block after the other.
struct Device {
    habits: Habits,
    is_well: Rc<Cell<bool>>,
    /// Blocks, with the instants between which they run, and how they end.
    blocks: VecDeque<(Dispatch, Instant, Instant, std::result::Result<Outcome, ErrorKind>)>,
    submitted: usize,
}

impl Device {
    fn next_event(&self) -> Instant {
        self.blocks.front().map_or(Instant::MAX, |(_, _, end, _)| *end)
    }

    fn outcome(&self, end: Instant) -> Outcome {
        let fault = self.habits.faults[self.submitted % 4].filter(|_| !self.is_well.get());
        match fault {
            Some(Fault::Nonsense(bits)) => Outcome {
                path: [Path::Skip(bits as u16), Path::Exit][(bits & 1) as usize],
                started: Some(Instant::from_nanos(u64::from(bits) << 8)),
                finished: Instant::from_nanos(u64::from(bits) << 4),
                energy_nj: Some(bits),
            },
            _ => Outcome::finished(end),
        }
    }
}

impl ErrorType for Device {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Device {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::plain(1 + u8::from(self.habits.deep));
        capabilities.progress = self.habits.progress;
        capabilities.reset_domain = self.habits.domain.map(u8::from);
        capabilities
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> std::result::Result<(), ErrorKind> {
        if self.blocks.len() >= usize::from(self.capabilities().depth) {
            return Err(ErrorKind::Full);
        }
        let expected = u64::from(block.expected.latency_ns) + u64::from(block.switch.latency_ns);
        let pace = if self.is_well.get() { 4 } else { u64::from(self.habits.pace) };
        let start = self.blocks.back().map_or(now, |(_, _, end, _)| now.max(*end));
        let end = start.saturating_add(Duration::from_nanos(expected.saturating_mul(pace) / 4));
        self.blocks.push_back((*block, start, end, Ok(self.outcome(end))));
        self.submitted += 1;
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        match self.blocks.front() {
            None => Pump::Idle,
            Some((_, _, end, _)) if *end > now => Pump::Waiting,
            Some(&(block, started, _, result)) => {
                self.blocks.pop_front();
                Pump::Done(Completion { ticket: block.ticket, started, result })
            }
        }
    }

    fn cancel(&mut self, now: Instant, ticket: Ticket) -> CancelOutcome {
        let Some(place) = self.blocks.iter().position(|(block, ..)| block.ticket == ticket) else {
            return CancelOutcome::Unknown;
        };
        let stopped = [CancelOutcome::Removed, CancelOutcome::StopsAtBoundary];
        let runs = [CancelOutcome::RunsToEnd, CancelOutcome::NeedsReset];
        let choice = usize::from(self.habits.cancel);
        if choice & 2 == 0 {
            return runs[choice & 1];
        }
        let (_, _, end, result) = &mut self.blocks[place];
        (*end, *result) = (now.min(*end), Err(ErrorKind::Cancelled));
        stopped[choice & 1]
    }

    fn reset(&mut self, now: Instant) -> std::result::Result<(), ErrorKind> {
        if !self.habits.resets && !self.is_well.get() {
            return Err(ErrorKind::Gone);
        }
        for (_, _, end, result) in &mut self.blocks {
            (*end, *result) = (now.min(*end), Err(ErrorKind::Reset));
        }
        Ok(())
    }

    fn progress(&self, _: Ticket) -> Option<u32> {
        self.habits.progress.then_some(self.submitted as u32)
    }
}

/// Holds every event against what is promised.
struct Witness<'w> {
    ledger: Ledger<'w, ACCS>,
    planted: Planted,
}

impl Application for Witness<'_> {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        gives_rise(parent, child)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        for _ in 0..self.planted.times(event) {
            self.ledger.hear(event, now).unwrap_or_else(|broken| panic!("{broken}"));
        }
    }
}

type Driven<'w, P> = Runtime<'w, P, Faulty<Device, Script, 2>, MODELS, JOBS, ACCS>;

struct World<'w, P> {
    runtime: Driven<'w, P>,
    witness: Witness<'w>,
    now: Instant,
    wake: Wake,
    is_well: Rc<Cell<bool>>,
    /// What a step barred.
    barred: BTreeSet<(ModelId, AcceleratorId)>,
}

/// Actions and completions at one time, at most: each frame may run, fail and be lost with its dependents.
const EVENTS: u64 = 40 * (JOBS + ACCS + MODELS) as u64;
/// How far the clock moves on when a queue needs the CPU.
const SPIN: Duration = Duration::from_micros(50);

impl<P: Policy> World<'_, P> {
    fn poll(&mut self) {
        let before = self.witness.ledger.events();
        self.wake = self.witness.planted.wake(self.runtime.poll(self.now, &mut self.witness));
        assert!(self.witness.ledger.events() - before <= EVENTS, "more at once than there is");
        assert!(!matches!(self.wake, Wake::At(at) if at <= self.now), "a wake lies ahead");
        let scheduler = self.runtime.scheduler();
        assert_eq!(scheduler.jobs_in_flight(), self.witness.ledger.held().len());
        self.witness.ledger.settle(scheduler.tallies()).unwrap_or_else(|broken| panic!("{broken}"));
    }

    /// Sees to everything that is due until then, or until there have been that many polls.
    fn run(&mut self, until: Instant, polls: u32) {
        for _ in 0..polls {
            let wake = match self.wake {
                Wake::Now => self.now.saturating_add(SPIN),
                Wake::At(at) => at,
                Wake::OnEvent => Instant::MAX,
            };
            let device = self.runtime.queues_mut().iter_mut().map(|queue| queue.queue().next_event()).min();
            // An interrupt of the past was for a completion that is held back.
            let device = device.filter(|at| *at > self.now).unwrap_or(Instant::MAX);
            let next = wake.min(device);
            if next > until || next == Instant::MAX {
                break;
            }
            self.now = self.now.max(next);
            self.poll();
        }
        if until < Instant::MAX {
            self.now = self.now.max(until);
        }
    }

    fn step(&mut self, step: &Step) {
        let scheduler = self.runtime.scheduler();
        let (models, accelerators) = (scheduler.tallies().len() as u8, scheduler.accelerators().len() as u8);
        let model = |choice: u8| ModelId(choice % models);
        let (now, witness) = (self.now, &mut self.witness);
        match *step {
            Step::Release(choice) => {
                if let Err(refused) = self.runtime.release(model(choice), now, witness)
                    && let Some(frame) = refused.frame
                {
                    self.runtime.give_up(frame, now, witness);
                }
            }
            Step::Pass(us) => {
                return self.run(now.saturating_add(Duration::from_micros(us.into())), 200);
            }
            Step::Sleep(us) => self.now = now.saturating_add(Duration::from_micros(us.into())),
            Step::Restore(choice) => self.runtime.restore(AcceleratorId(choice % accelerators), now, witness),
            Step::Bar(choice, on, barred) => {
                let on = AcceleratorId(on % accelerators);
                self.runtime.bar(model(choice), on, barred, now, witness).expect("they are known");
                if barred {
                    self.barred.insert((model(choice), on));
                }
            }
            Step::Activate(choice, active) => {
                self.runtime.set_active(model(choice), active, now, witness).expect("it is known");
            }
            Step::Period(choice, us) => {
                let _ = self.runtime.set_period(model(choice), Duration::from_micros(us.into()), now);
            }
        }
        self.poll();
    }

    /// The devices are well again: what is under way comes to its end by the rules of supervision. A device
    /// that has lost its power is its owner's to reset, and so are the bars that it put up.
    fn recover(&mut self) {
        for (model, on) in std::mem::take(&mut self.barred) {
            self.runtime.bar(model, on, false, self.now, &mut self.witness).expect("they are known");
        }
        for queue in self.runtime.queues_mut() {
            if queue.queue().habits.faults.contains(&Some(Fault::PowerLoss)) {
                let _ = queue.reset(self.now);
            }
        }
        self.poll();
        self.run(Instant::MAX, 4_000);
        // What failed for good is out of service, or barred to a model, until its owner puts it back.
        for index in 0..self.runtime.scheduler().accelerators().len() {
            let habits = self.runtime.queues_mut().get_mut(index).map(|queue| queue.queue().habits);
            if habits.is_some_and(|habits| habits.faults.iter().flatten().any(Fault::is_final)) {
                self.put_back(index);
            }
        }
        self.poll();
        self.run(Instant::MAX, 4_000);
    }

    /// An accelerator is in service for all models.
    fn put_back(&mut self, index: usize) {
        let id = AcceleratorId(index as u8);
        self.runtime.restore(id, self.now, &mut self.witness);
        for model in 0..self.runtime.scheduler().tallies().len() {
            let model = ModelId(model as u8);
            self.runtime.bar(model, id, false, self.now, &mut self.witness).expect("they are known");
        }
    }

    /// All devices are reset and the accelerators back: without supervision it takes that.
    fn finish(&mut self) {
        for queue in self.runtime.queues_mut() {
            let _ = queue.reset(self.now);
        }
        self.poll();
        for index in 0..self.runtime.scheduler().accelerators().len() {
            self.put_back(index);
        }
        self.poll();
        self.run(Instant::MAX, 4_000);
    }
}

impl Scene {
    /// The scene that these bytes are.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self::arbitrary(&mut Unstructured::new(bytes)).expect("every string of bytes is a scene")
    }

    fn run<P: Policy>(&self, workload: &Workload<'_, ACCS>, policy: P, planted: Planted) -> u64 {
        let config = self.tables.config;
        let scheduler = Scheduler::new(workload, policy, config).expect("it was validated");
        let is_well = Rc::new(Cell::new(false));
        let queues = self.devices.iter().take(workload.accelerators.len()).map(|&habits| {
            let (is_well, blocks) = (is_well.clone(), VecDeque::new());
            let script = Script { habits, next: 0, is_well: is_well.clone() };
            Faulty::new(Device { habits, is_well, blocks, submitted: 0 }, script)
        });
        let supervision = self.rules.supervision();
        let runtime = Runtime::new(scheduler, queues.collect()).expect("one queue each");
        let runtime = runtime.with_supervision(supervision);
        let witness = Witness { ledger: Ledger::new(workload, config, JOBS), planted };
        let (now, wake, barred) = (Instant::ZERO, Wake::OnEvent, BTreeSet::new());
        let mut world = World { runtime, witness, now, wake, is_well, barred };
        for step in &self.steps {
            world.step(step);
        }
        world.is_well.set(true);
        if supervision.timeouts.is_some() && supervision.quarantine.is_some() {
            world.recover();
            let left = world.witness.ledger.held();
            assert!(left.is_empty(), "when all is well again, everything comes to its end: {left:?}");
        }
        world.finish();
        world.runtime.close(world.now, &mut world.witness);
        assert!(world.witness.ledger.held().is_empty());
        let tallies = world.runtime.scheduler().tallies();
        world.witness.ledger.settle(tallies).unwrap_or_else(|broken| panic!("{broken}"));
        world.witness.ledger.events()
    }
}

/// Lets a scene happen, and says how many events there were.
///
/// # Panics
///
/// Where a promise is broken.
pub fn runtime(scene: &Scene, planted: Planted) -> u64 {
    let memory = Bump::new();
    let Some(workload) = scene.tables.workload(&memory) else { return 0 };
    match scene.tables.rule {
        Rule::MapScore(weights) => scene.run(workload, MapScore { weights }, planted),
        Rule::Gated => scene.run(workload, Gated::<MODELS, ACCS>::new(workload), planted),
    }
}
