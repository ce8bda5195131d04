//! A small world around the real runtime: devices that do what the search chooses, and all that can
//! happen next.

use std::cell::RefCell;
use std::collections::VecDeque;

use sdrm3_core::{
    Accelerator, AcceleratorId, AcceleratorState, Activity, Config, Cost, Dispatch, Duration, Instant,
    JobView, Model, ModelId, Offer, Outcome, Path, Policy, Probability, Refusal, Scheduler, Score, Segment,
    SegmentSpec, SubNetwork, Ticket, Workload,
};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Runtime, Supervision, Wake};

use crate::ledger::Ledger;

// ---- the workload ----------------------------------------------------------------------------

pub(crate) const MODELS: usize = 3;
pub(crate) const ACCS: usize = 2;
const JOBS: usize = 2;
/// Two segments, on both accelerators; its frames give rise to those of `NAME`.
pub(crate) const FACE: ModelId = ModelId(0);
pub(crate) const NAME: ModelId = ModelId(1);
/// One segment, on the second accelerator only.
pub(crate) const VOICE: ModelId = ModelId(2);

const fn cost(latency_ms: u32) -> Cost {
    Cost::new(latency_ms * 1_000_000, 1_000)
}

static TWO: [Segment<2>; 2] =
    Segment::table([SegmentSpec::new([cost(2), cost(4)]), SegmentSpec::new([cost(2), cost(4)])]);
static ONE: [Segment<2>; 1] = Segment::table([SegmentSpec::new([cost(2), cost(4)])]);
static THERE: [Segment<2>; 1] = Segment::table([SegmentSpec::new([Cost::NONE, cost(3)])]);
static FACE_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("two", &TWO)];
static NAME_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("one", &ONE)];
static VOICE_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("there", &THERE)];
static TABLE: [Model<'static, 2>; MODELS] = [
    Model::new("face", Duration::from_millis(20), &FACE_NETWORK),
    Model::new("name", Duration::from_millis(20), &NAME_NETWORK).after(FACE, Probability::ALWAYS),
    Model::new("voice", Duration::from_millis(50), &VOICE_NETWORK),
];
static BOTH: [Accelerator<'static>; ACCS] = [Accelerator::new("npu"), Accelerator::new("dsp")];
static WORKLOAD: Workload<'static, ACCS> = Workload::new(&TABLE, &BOTH);

/// The lower model, then the older frame first. It knows no time, so that states that differ only in how long
/// a frame has waited go on alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InOrder;

impl Policy for InOrder {
    type Weighed = Score;

    fn weigh(&self, job: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score(-i64::from(job.frame.model.0) * 16 - i64::from(job.frame.number))
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}

// ---- choices within a call -------------------------------------------------------------------

/// What devices choose while the runtime calls them: the search replays a call once for each way that its
/// choices can fall.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    /// What was chosen, and of how many.
    made: Vec<(usize, usize)>,
    next: usize,
    /// How many more failures there may be.
    failures: u8,
}

thread_local! {
    static CHOICES: RefCell<Choices> = RefCell::default();
}

impl Choices {
    /// Runs a call with these choices, and behind them always the first one. The answers are the call's,
    /// the choices for the next run of it, if there is another way, and the failures left.
    pub(crate) fn replay<T>(self, failures: u8, call: impl FnOnce() -> T) -> (T, Option<Self>, u8) {
        CHOICES.replace(Self { next: 0, failures, ..self });
        let answer = call();
        let Self { mut made, failures, .. } = CHOICES.take();
        while let Some((chosen, of)) = made.pop() {
            if chosen + 1 < of {
                made.push((chosen + 1, of));
                return (answer, Some(Self { made, next: 0, failures: 0 }), failures);
            }
        }
        (answer, None, failures)
    }

    /// The first option, or another one; each other one is a failure if it `costs`.
    fn choose<T: Copy>(options: &[T], costs: bool) -> T {
        CHOICES.with_borrow_mut(|choices| {
            let of = if costs && choices.failures == 0 { 1 } else { options.len() };
            if choices.next == choices.made.len() {
                choices.made.push((0, of));
            }
            let (chosen, _) = choices.made[choices.next];
            choices.next += 1;
            choices.failures -= u8::from(costs && chosen > 0);
            options[chosen]
        })
    }
}

// ---- the devices -----------------------------------------------------------------------------

/// A device of depth one. What it holds ends when the world says so, and as it says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    holds: Option<Ticket>,
    /// What it holds can end in no other way: it was cancelled or reset.
    condemned: Option<ErrorKind>,
    answers: VecDeque<Completion<ErrorKind>>,
    /// What it answered last, or would have.
    past: Option<Ticket>,
    was_reset: bool,
    plant: Plant,
    /// Calls of `submit`, `poll`, `cancel` and `reset` since the world last looked.
    calls: [u8; 4],
}

impl Device {
    fn answer(&mut self, ticket: Ticket, result: Result<Outcome, ErrorKind>) {
        self.answers.push_back(Completion { ticket, started: Instant::ZERO, result });
    }

    /// What it holds ends.
    fn end(&mut self, result: Result<Outcome, ErrorKind>) -> Option<Ticket> {
        let ticket = self.holds.take()?;
        let result = self.condemned.take().map_or(result, Err);
        self.past = Some(ticket);
        self.answer(ticket, result);
        result.is_ok().then_some(ticket)
    }
}

impl ErrorType for Device {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Device {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1).with_progress().with_reset_domain(0)
    }

    fn submit(&mut self, _: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        self.calls[0] += 1;
        if self.holds.is_some() {
            return Err(ErrorKind::Full);
        }
        let kinds = [ErrorKind::Full, ErrorKind::NotReady, ErrorKind::Gone, ErrorKind::Unsupported];
        let refusals = [None, Some(kinds[0]), Some(kinds[1]), Some(kinds[2]), Some(kinds[3])];
        if let Some(refusal) = Choices::choose(&refusals, true) {
            return Err(refusal);
        }
        self.holds = Some(block.ticket);
        Ok(())
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        self.calls[1] += 1;
        if let Some(mut answer) = self.answers.pop_front() {
            if let (Plant::TakesAnyInterrupt, Some(held)) = (self.plant, self.holds) {
                answer.ticket = held;
            }
            return Pump::Done(answer);
        }
        if self.holds.is_some() { Pump::Waiting } else { Pump::Idle }
    }

    fn cancel(&mut self, _: Instant, ticket: Ticket) -> CancelOutcome {
        self.calls[2] += 1;
        if self.holds != Some(ticket) {
            return CancelOutcome::Unknown;
        }
        let outcomes = [CancelOutcome::StopsAtBoundary, CancelOutcome::RunsToEnd, CancelOutcome::NeedsReset];
        let outcome = Choices::choose(&outcomes, false);
        if outcome == CancelOutcome::StopsAtBoundary {
            self.condemned = Some(ErrorKind::Cancelled);
        }
        outcome
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        self.calls[3] += 1;
        Choices::choose(&[Ok(()), Err(ErrorKind::Timeout)], true)?;
        self.was_reset = true;
        self.condemned = self.holds.and(Some(ErrorKind::Reset));
        Ok(())
    }

    fn progress(&self, ticket: Ticket) -> Option<u32> {
        if self.holds != Some(ticket) {
            return None;
        }
        Choices::choose(&[None, Some(1)], false)
    }
}

// ---- what can happen -------------------------------------------------------------------------

/// A bug that is planted around the runtime, to see that the search finds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Plant {
    #[default]
    Nothing,
    /// The driver takes any interrupt for the end of the block that it holds.
    TakesAnyInterrupt,
    /// The caller sleeps on when a wake has come due while accelerators run.
    SleepsThroughWakes,
    /// The caller forgets a frame that found no room.
    ForgetsRefused,
    /// The caller gives up a frame that found no room twice.
    GivesUpTwice,
}

/// One thing that happens. Each but `Release`, `Poll`, `Restore` and a good `End` is a failure, as is time
/// that passes while a block runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Release(ModelId),
    /// The block that an accelerator holds ends.
    End(usize, End),
    /// An accelerator answers once more what it answered before, or an old ticket at last.
    Repeat(usize),
    /// An accelerator answers the ticket that the other one has.
    Misname(usize),
    /// Until the wake that the runtime asked for.
    PassToWake,
    /// Until the next deadline, which a frame under way may miss.
    PassToDeadline,
    Restore(usize),
    Switch(ModelId),
    Poll,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    /// With an outcome that cannot be.
    Beyond,
    With(ErrorKind),
}

/// How far the search goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Frames released of `FACE` and `VOICE`; each `FACE` gives rise to a `NAME`.
    pub(crate) frames: [u8; 2],
    /// Failures in one history.
    pub(crate) failures: u8,
    pub(crate) supervision: Supervision,
    pub(crate) plant: Plant,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) runtime: Runtime<'static, InOrder, Device, MODELS, JOBS, ACCS>,
    pub(crate) ledger: Ledger,
    pub(crate) now: Instant,
    /// What the last poll asked for.
    wake: Wake,
    /// Nothing has happened since the last poll.
    polled: bool,
    to_release: [u8; 2],
    pub(crate) failures: u8,
    plant: Plant,
}

impl World {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let scheduler = Scheduler::new(&WORKLOAD, InOrder, Config::PLAIN).expect("a valid workload");
        let device = Device { plant: bounds.plant, ..Device::default() };
        let queues = [device.clone(), device].into_iter().collect();
        let runtime =
            Runtime::new(scheduler, queues).expect("two queues").with_supervision(bounds.supervision);
        Self {
            runtime,
            ledger: Ledger::default(),
            now: Instant::from_millis(1_000),
            wake: Wake::OnEvent,
            polled: true,
            to_release: bounds.frames,
            failures: bounds.failures,
            plant: bounds.plant,
        }
    }

    /// All that it holds besides the runtime and the time.
    pub(crate) fn rest(&self) -> impl std::fmt::Debug {
        (self.ledger.state(), self.wake, self.polled, self.to_release, self.failures)
    }

    fn device(&mut self, index: usize) -> &mut Device {
        &mut self.runtime.queues_mut()[index]
    }

    fn some_block_runs(&self) -> bool {
        self.runtime.queues().iter().any(|device| device.holds.is_some())
    }

    fn is_out(&self, index: usize) -> bool {
        self.runtime.scheduler().accelerators()[index].activity == Activity::OutOfService
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.ledger.deadlines().filter(|deadline| *deadline >= self.now).min()
    }

    /// All that can happen next.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.polled {
            steps.push(Step::Poll);
        }
        for (model, left) in [FACE, VOICE].into_iter().zip(self.to_release) {
            if left > 0 {
                steps.push(Step::Release(model));
            }
        }
        let may_fail = self.failures > 0;
        for (index, device) in self.runtime.queues().iter().enumerate() {
            if device.holds.is_some() {
                steps.push(Step::End(index, End::Well));
                if may_fail && device.condemned.is_none() {
                    let kinds = [ErrorKind::Device, ErrorKind::Gone, ErrorKind::Unsupported];
                    steps.extend(kinds.map(|kind| Step::End(index, End::With(kind))));
                    steps.push(Step::End(index, End::Beyond));
                }
            }
            if may_fail && device.past.is_some() && device.answers.len() < 2 {
                steps.push(Step::Repeat(index));
            }
            let other = &self.runtime.queues()[1 - index];
            if may_fail && other.holds.is_some() && device.answers.len() < 2 {
                steps.push(Step::Misname(index));
            }
            if self.is_out(index) {
                steps.push(Step::Restore(index));
            }
        }
        if may_fail || !self.some_block_runs() {
            if matches!(self.wake, Wake::At(at) if at > self.now) {
                steps.push(Step::PassToWake);
            }
            if self.next_deadline().is_some() {
                steps.push(Step::PassToDeadline);
            }
        }
        if may_fail {
            steps.push(Step::Switch(FACE));
        }
        steps
    }

    /// Takes a step, the choices in it as they stand.
    pub(crate) fn take(&mut self, step: Step) {
        let (now, mut failed) = (self.now, false);
        self.polled = false;
        match step {
            Step::Release(model) => self.release(model),
            Step::End(index, end) => {
                let outcome = Outcome::finished(now);
                let result = match end {
                    End::Well => Ok(outcome),
                    End::Beyond => Ok(outcome.with_path(Path::Skip(9))),
                    End::With(kind) => Err(kind),
                };
                failed = end != End::Well;
                let ended = self.device(index).end(result).filter(|_| !failed);
                self.ledger.has_ended.extend(ended);
            }
            Step::Repeat(index) => {
                let device = self.device(index);
                let ticket = device.past.expect("it has answered");
                device.answer(ticket, Ok(Outcome::finished(now)));
                failed = true;
            }
            Step::Misname(index) => {
                let ticket = self.device(1 - index).holds.expect("it runs");
                self.device(index).answer(ticket, Ok(Outcome::finished(now)));
                failed = true;
            }
            Step::PassToWake => {
                if let Wake::At(at) = self.wake {
                    self.now = at;
                }
                failed = self.some_block_runs();
            }
            Step::PassToDeadline => {
                failed = self.some_block_runs();
                let deadline = self.next_deadline().expect("a frame is due");
                self.now = deadline.saturating_add(Duration::from_nanos(1));
            }
            Step::Restore(index) => {
                self.runtime.restore(AcceleratorId(index as u8), now, &mut self.ledger);
            }
            Step::Switch(model) => {
                let active = self.ledger.active[usize::from(model.0)];
                self.runtime.set_active(model, !active, now, &mut self.ledger).expect("a known model");
                failed = true;
            }
            Step::Poll => self.poll(),
        }
        self.failures -= u8::from(failed);
        self.ledger.check(self.runtime.scheduler());
    }

    fn release(&mut self, model: ModelId) {
        self.to_release[usize::from(model != FACE)] -= 1;
        match self.runtime.release(model, self.now, &mut self.ledger) {
            Ok(_) => self.ledger.released(model),
            Err(refused) if refused.why == Refusal::Inactive => {}
            Err(refused) => {
                let Some(frame) = refused.frame else {
                    return self.ledger.complain(format!("refused {refused:?}"));
                };
                self.ledger.released(model);
                let times = match self.plant {
                    Plant::ForgetsRefused => 0,
                    Plant::GivesUpTwice => 2,
                    _ => 1,
                };
                for _ in 0..times {
                    self.runtime.give_up(frame, self.now, &mut self.ledger);
                }
            }
        }
    }

    /// Polls until the runtime lets it wait, and holds it to the work that it promises.
    fn poll(&mut self) {
        for round in 0.. {
            if round > 3 {
                return self.ledger.complain("it asks to be called at once for ever".into());
            }
            if self.plant == Plant::SleepsThroughWakes && self.some_block_runs() && self.wake_is_due() {
                break;
            }
            self.wake = self.runtime.poll(self.now, &mut self.ledger);
            let resets = self.runtime.queues().iter().filter(|device| device.was_reset).count();
            for index in 0..ACCS {
                let device = self.device(index);
                let (calls, was_reset) = (std::mem::take(&mut device.calls), device.was_reset);
                device.was_reset = false;
                // One domain: the other one loses its block as well.
                if resets > 0 && !was_reset && device.holds.is_some() {
                    device.condemned = Some(ErrorKind::Reset);
                }
                let [submits, polls, cancels, resets] = calls;
                // Twice: at first, for a block that is late, and behind a submission.
                if polls > 6 || cancels > 1 || resets > 1 || usize::from(submits) > 1 + MODELS {
                    self.ledger.complain(format!("more calls than promised: {calls:?}"));
                }
            }
            if self.wake != Wake::Now {
                break;
            }
        }
        self.polled = true;
    }

    fn wake_is_due(&self) -> bool {
        matches!(self.wake, Wake::At(at) if at <= self.now)
    }

    /// Whether a poll now, or any time before the wake that was asked for, would find something to do.
    pub(crate) fn sleeps_too_long(&self) -> bool {
        if !self.polled {
            return false;
        }
        let before = match self.wake {
            Wake::At(at) if at <= self.now => return true,
            Wake::At(at) => Instant::from_nanos(at.as_nanos() - 1),
            _ => self.now.saturating_add(Duration::from_millis(3_600_000)),
        };
        let mut sleepless = self.clone();
        for now in [self.now, before] {
            let _ = sleepless.runtime.poll(now, &mut sleepless.ledger);
        }
        sleepless.ledger.heard != self.ledger.heard || sleepless.runtime.trouble() != self.runtime.trouble()
    }

    /// Goes on without failures: blocks end, time passes, accelerators are restored if they do not return by
    /// themselves. The answer is whether every frame ends.
    pub(crate) fn comes_to_rest(mut self) -> bool {
        self.failures = 0;
        for _ in 0..64 {
            for index in 0..ACCS {
                let now = self.now;
                let ended = self.device(index).end(Ok(Outcome::finished(now)));
                self.ledger.has_ended.extend(ended);
                if self.is_out(index) && self.runtime.supervision().quarantine.is_none() {
                    self.runtime.restore(AcceleratorId(index as u8), now, &mut self.ledger);
                }
            }
            self.poll();
            self.ledger.check(self.runtime.scheduler());
            if self.ledger.wrong.is_some() {
                return false;
            }
            if self.some_block_runs() {
                continue;
            }
            match self.wake {
                _ if self.ledger.all_ended() => return true,
                Wake::At(at) => self.now = at,
                _ => return false,
            }
        }
        false
    }
}
