//! A scripted accelerator, an application that writes everything down, and a workload for both.

#![allow(dead_code)] // each test binary uses its share

use std::collections::VecDeque;

use sdrm3_core::{
    Accelerator, AcceleratorState, Config, Cost, Dispatch, DropReason, Duration, Event, Fault, Frame,
    Instant, JobView, Leftover, Model, ModelId, Offer, Outcome, Policy, Probability, Progress, Scheduler,
    Score, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime};

pub(crate) const fn ms(n: u64) -> Instant {
    Instant::from_millis(n)
}

// ---- the accelerator -------------------------------------------------------------------------

/// A queue of depth one that does what its script says.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    /// What the next calls of `submit` are refused with; without an entry they are accepted.
    pub(crate) refusals: VecDeque<ErrorKind>,
    /// What the next calls of `poll` answer; without an entry, `Waiting` or `Idle`.
    pub(crate) answers: VecDeque<Pump<ErrorKind>>,
    /// It is pumped by the CPU: `CallAgain` as long as a block runs.
    pub(crate) pumped: bool,
    /// Blocks end within their submission.
    pub(crate) instantaneous: bool,
    /// The block that it runs.
    pub(crate) running: Option<Dispatch>,
    /// All tickets that it accepted.
    pub(crate) accepted: Vec<Ticket>,
}

impl Fake {
    /// The block ends like this: the next call of `poll` says so.
    pub(crate) fn ends(&mut self, result: Result<Outcome, ErrorKind>) {
        let block = self.running.take().expect("a block runs");
        self.says(block.ticket, result);
    }

    /// A completion, whether its ticket is in flight or not.
    pub(crate) fn says(&mut self, ticket: Ticket, result: Result<Outcome, ErrorKind>) {
        self.answers.push_back(Pump::Done(Completion { ticket, started: Instant::ZERO, result }));
    }
}

impl ErrorType for Fake {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Fake {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        if let Some(kind) = self.refusals.pop_front() {
            return Err(kind);
        }
        assert!(self.running.is_none(), "one block at a time");
        self.running = Some(*block);
        self.accepted.push(block.ticket);
        if self.instantaneous {
            self.ends(Ok(Outcome::finished(now)));
        }
        Ok(())
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        self.answers.pop_front().unwrap_or(match self.running {
            Some(_) if self.pumped => Pump::CallAgain,
            Some(_) => Pump::Waiting,
            None => Pump::Idle,
        })
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        CancelOutcome::RunsToEnd
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        Ok(())
    }
}

// ---- the application -------------------------------------------------------------------------

const MODELS: [&str; 7] = ["hands", "pose", "grip", "voice", "face", "name", "smile"];
const ACCELERATORS: [&str; 2] = ["npu", "dsp"];

/// Writes down what it hears and what it is asked.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// Whether it answers that no frame gives rise to another.
    pub(crate) barren: bool,
    lines: Vec<String>,
}

impl Diary {
    /// The lines since it was last read.
    pub(crate) fn read(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

fn name(frame: &Frame) -> String {
    format!("{}#{}", MODELS[usize::from(frame.model.0)], frame.number)
}

impl Application for Diary {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        self.lines.push(format!("{} -> {}?", name(parent), MODELS[usize::from(child.0)]));
        !self.barren
    }

    fn event(&mut self, event: &Event, _: Instant) {
        let on = |ticket: &Ticket| ACCELERATORS[usize::from(ticket.accelerator.0)];
        self.lines.push(match event {
            Event::Released(frame, _) => format!("released {}", name(frame)),
            Event::Dispatched(block) => format!("{} on {}", name(&block.frame), on(&block.ticket)),
            Event::Completed(report) => match report.progress {
                Progress::More => format!("{} goes on", name(&report.frame)),
                Progress::InTime => format!("{} in time", name(&report.frame)),
                Progress::Late => format!("{} late", name(&report.frame)),
            },
            Event::Dropped(frame, DropReason::ParentLost) => format!("{} lost its parent", name(frame)),
            Event::Dropped(frame, why) => format!("dropped {}: {why:?}", name(frame)),
            Event::Faulted(id, Fault::Resting, _) => format!("{} rests", ACCELERATORS[usize::from(id.0)]),
            Event::Faulted(id, Fault::OutOfService, _) => {
                format!("{} out", ACCELERATORS[usize::from(id.0)])
            }
            Event::Restored(id) => format!("{} back", ACCELERATORS[usize::from(id.0)]),
            Event::Unfinished(Leftover::Overdue(frame)) => format!("{} overdue", name(frame)),
            Event::Unfinished(Leftover::LeftOut(frame)) => format!("{} left out", name(frame)),
            other => panic!("unexpected: {other:?}"),
        });
    }
}

// ---- the workload ----------------------------------------------------------------------------

/// The older frame first, on the faster accelerator.
#[derive(Debug)]
pub(crate) struct Oldest;

impl Policy for Oldest {
    type Weighed = Score;

    fn prepare<'a>(&mut self, _: impl Iterator<Item = JobView<'a>>, _: &[AcceleratorState], _: Instant) {}

    fn weigh(&self, job: &JobView<'_>, _: Instant) -> Score {
        Score(-(job.frame.release.as_nanos() as i64))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}

const fn cost(latency_ms: u32) -> Cost {
    Cost::new(latency_ms * 1_000_000, 1_000)
}

static ONE: [Segment<2>; 1] = Segment::table([SegmentSpec::new([cost(2), cost(4)])]);
static TWO: [Segment<2>; 2] =
    Segment::table([SegmentSpec::new([cost(2), cost(4)]), SegmentSpec::new([cost(2), cost(4)])]);
static ONE_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("one", &ONE)];
static TWO_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("two", &TWO)];
static TABLE: [Model<'static, 2>; 7] = [
    Model::new(MODELS[0], Duration::from_millis(20), &ONE_NETWORK),
    Model::new(MODELS[1], Duration::from_millis(20), &ONE_NETWORK).after(HANDS, Probability::ALWAYS),
    Model::new(MODELS[2], Duration::from_millis(20), &ONE_NETWORK).after(POSE, Probability::ALWAYS),
    Model::new(MODELS[3], Duration::from_millis(50), &TWO_NETWORK),
    Model::new(MODELS[4], Duration::from_millis(20), &ONE_NETWORK),
    Model::new(MODELS[5], Duration::from_millis(20), &ONE_NETWORK).after(FACE, Probability::ALWAYS),
    Model::new(MODELS[6], Duration::from_millis(20), &ONE_NETWORK).after(FACE, Probability::ALWAYS),
];
static BOTH: [Accelerator<'static>; 2] =
    [Accelerator::new(ACCELERATORS[0]), Accelerator::new(ACCELERATORS[1])];
static WORKLOAD: Workload<'static, 2> = Workload::new(&TABLE, &BOTH);

/// Its completed frames give rise to `POSE`, and those to a third model.
pub(crate) const HANDS: ModelId = ModelId(0);
pub(crate) const POSE: ModelId = ModelId(1);
/// Two segments, on its own.
pub(crate) const VOICE: ModelId = ModelId(3);
/// Gives rise to two others at once.
pub(crate) const FACE: ModelId = ModelId(4);

pub(crate) type Sched = Scheduler<'static, Oldest, 7, 2, 2>;
pub(crate) type Driven<Q> = Runtime<'static, Oldest, Q, 7, 2, 2>;

pub(crate) fn scheduler() -> Sched {
    Scheduler::new(&WORKLOAD, Oldest, Config::PLAIN).expect("a valid workload")
}

/// Two fakes under the runtime.
pub(crate) fn runtime() -> Driven<Fake> {
    Runtime::new(scheduler(), [Fake::default(), Fake::default()].into_iter().collect()).expect("two queues")
}
