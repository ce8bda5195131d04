//! A scripted accelerator, an application that writes everything down, and a workload for both.

#![allow(dead_code)] // each test binary uses its share

use std::collections::VecDeque;

use sdrm3_core::{
    Accelerator, AcceleratorState, Config, Cost, Dispatch, DropReason, Duration, Event, Fault, Frame,
    Instant, JobView, Leftover, Model, ModelId, Offer, Outcome, Policy, Probability, Progress, Scheduler,
    Score, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime, Supervision};

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
    /// How far its block has come, if it knows.
    pub(crate) progress: Option<u32>,
    /// It can tell, even if it does not know yet.
    pub(crate) tells: bool,
    /// What it answers to a cancellation, instead of `RunsToEnd`.
    pub(crate) cancel: Option<CancelOutcome>,
    /// All tickets that it was asked to cancel.
    pub(crate) cancelled: Vec<Ticket>,
    /// What a reset does, instead of completing what runs.
    pub(crate) reset: Reset,
    /// How often it was reset.
    pub(crate) resets: u32,
    /// Those that it is reset with.
    pub(crate) domain: Option<u8>,
}

/// What a reset of a fake does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reset {
    /// The running block completes with an error.
    #[default]
    Works,
    /// It succeeds, but nothing completes.
    Mute,
    /// It fails.
    Fails,
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
        let plain = Capabilities::plain(1);
        let plain = if self.tells || self.progress.is_some() { plain.with_progress() } else { plain };
        self.domain.map_or(plain, |domain| plain.with_reset_domain(domain))
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

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        self.cancelled.push(ticket);
        self.cancel.unwrap_or(CancelOutcome::RunsToEnd)
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.resets += 1;
        if self.reset == Reset::Works && self.running.is_some() {
            self.ends(Err(ErrorKind::Reset));
        }
        if self.reset == Reset::Fails { Err(ErrorKind::Timeout) } else { Ok(()) }
    }

    fn progress(&self, _: Ticket) -> Option<u32> {
        self.progress
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
    /// For a workload of which nothing gives rise to another.
    pub(crate) fn barren() -> Self {
        Self { barren: true, lines: Vec::new() }
    }

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
            Event::Faulted(id, Fault::NotTaken, _) => {
                format!("{} does not take it", ACCELERATORS[usize::from(id.0)])
            }
            Event::Faulted(id, Fault::BlockLost, _) => {
                format!("{} loses its block", ACCELERATORS[usize::from(id.0)])
            }
            Event::Barred(model, id, barred) => {
                let (model, accelerator) = (MODELS[usize::from(model.0)], ACCELERATORS[usize::from(id.0)]);
                format!("{model} {} {accelerator}", if *barred { "barred from" } else { "let in to" })
            }
            Event::Restored(id) => format!("{} back", ACCELERATORS[usize::from(id.0)]),
            Event::Activated(model, on) => {
                format!("{} {}", MODELS[usize::from(model.0)], if *on { "on" } else { "off" })
            }
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

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
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
/// Takes 2 ms on the npu and 4 ms on the dsp.
pub(crate) static ONE_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("one", &ONE)];
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
pub(crate) static BOTH: [Accelerator<'static>; 2] =
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

/// Two fakes under the runtime, unsupervised: they take what they take.
pub(crate) fn runtime() -> Driven<Fake> {
    with_room()
}

/// The same, with room for so many frames.
pub(crate) fn with_room<const JOBS: usize>() -> Runtime<'static, Oldest, Fake, 7, JOBS, 2> {
    let scheduler = Scheduler::new(&WORKLOAD, Oldest, Config::PLAIN).expect("a valid workload");
    let queues = [Fake::default(), Fake::default()].into_iter().collect();
    Runtime::new(scheduler, queues).expect("two queues").with_supervision(Supervision::OFF)
}
