//! The scheduler and its [reference](crate::reference), side by side: the same calls, the same answers.

use std::fmt::Debug;

use bumpalo::Bump;
use sdrm3_core::{
    AcceleratorId, AcceleratorState, Action, Branch, DropReason, Duration, Event, Fault, Frame, Gated,
    Instant, JobView, MapScore, ModelId, NextWake, Offer, Outcome, Path, Policy, Prepared, Progress, Refusal,
    Refused, Scheduler, Score, Ticket, Weights, Workload,
};

use crate::case::{ACCS, Case, Ending, JOBS, MODELS, Step};
use crate::gives_rise;
use crate::planted::Planted;
use crate::reference::{Reference, Rule};

/// Lets both decide a case.
///
/// # Panics
///
/// Where they differ.
pub fn differential(case: &Case, planted: Planted) {
    let memory = Bump::new();
    if let Some(workload) = case.tables.workload(&memory) {
        match case.tables.rule {
            Rule::MapScore(weights) => Pair::new(case, workload, MapScore { weights }, planted).run(case),
            Rule::Gated => Pair::new(case, workload, Gated::<MODELS, ACCS>::new(workload), planted).run(case),
        }
    }
}

/// The same with a policy that takes no short way: asked of each pair, with the other figure made ready.
///
/// # Panics
///
/// Where they differ.
pub fn differential_the_long_way(case: &Case) {
    let memory = Bump::new();
    if let Some(workload) = case.tables.workload(&memory) {
        match case.tables.rule {
            Rule::MapScore(weights) => {
                Pair::new(case, workload, LongWay(MapScore { weights }), Planted::None).run(case);
            }
            Rule::Gated => {
                let policy = LongWay(Gated::<MODELS, ACCS>::new(workload));
                Pair::new(case, workload, policy, Planted::None).run(case);
            }
        }
    }
}

/// A policy as one of somebody's own may hold it.
struct LongWay<P>(P);

impl<P: Policy> Policy for LongWay<P> {
    type Weighed = P::Weighed;

    const PREPARED: Prepared = match P::PREPARED {
        Prepared::LatencyPreference => Prepared::Latency,
        Prepared::Latency => Prepared::LatencyPreference,
    };

    fn weigh(&self, job: &JobView<'_>, accelerators: &[AcceleratorState], now: Instant) -> P::Weighed {
        self.0.weigh(job, accelerators, now)
    }

    fn score(&self, weighed: P::Weighed, job: &JobView<'_>, offer: &Offer<'_>) -> Option<Score> {
        self.0.score(weighed, job, offer)
    }

    fn prepare<'a>(
        &mut self,
        jobs: impl Iterator<Item = JobView<'a>>,
        accelerators: &[AcceleratorState],
        now: Instant,
    ) {
        self.0.prepare(jobs, accelerators, now);
    }

    fn abandons(&self, job: &JobView<'_>, now: Instant) -> bool {
        self.0.abandons(job, now)
    }

    fn weights(&self) -> Option<Weights> {
        self.0.weights()
    }

    fn set_weights(&mut self, weights: Weights) {
        self.0.set_weights(weights);
    }

    fn observe(&mut self, event: &Event, now: Instant) {
        self.0.observe(event, now);
    }
}

struct Pair<'w, P> {
    workload: &'w Workload<'w, ACCS>,
    core: Scheduler<'w, P, MODELS, JOBS, ACCS>,
    plain: Reference<'w, ACCS>,
    now: Instant,
    gone: Vec<Ticket>,
    planted: Planted,
}

/// The answer of both, which must be the same.
#[track_caller]
fn same<T: Debug + PartialEq>(core: T, plain: &T) -> T {
    assert_eq!(core, *plain, "the scheduler, left, and the reference differ");
    core
}

/// The same call to both.
macro_rules! both {
    ($pair:ident.$call:ident($($argument:expr),*)) => {
        same($pair.core.$call($($argument),*), &$pair.plain.$call($($argument),*))
    };
}

fn pick<T: Copy>(all: &[T], choice: u8) -> Option<T> {
    all.get(usize::from(choice) % all.len().max(1)).copied()
}

impl<'w, P: Policy> Pair<'w, P> {
    fn new(case: &Case, workload: &'w Workload<'w, ACCS>, policy: P, planted: Planted) -> Self {
        let (rule, config) = (case.tables.rule, case.tables.config);
        Self {
            workload,
            core: Scheduler::new(workload, policy, config).expect("it was validated"),
            plain: Reference::new(workload, rule, config, JOBS),
            now: Instant::ZERO,
            gone: Vec::new(),
            planted,
        }
    }

    fn run(mut self, case: &Case) {
        for &step in &case.steps {
            self.step(step);
            self.poll();
            self.compare();
        }
        self.close();
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        let model = |choice: u8| ModelId(choice % self.workload.models.len() as u8);
        let accelerator = |choice: u8| AcceleratorId(choice % self.workload.accelerators.len() as u8);
        let in_flight: Vec<Ticket> = self.plain.in_flight().collect();
        match step {
            Step::Pass(nanos) => self.now = now.saturating_add(Duration::from_nanos(nanos.0)),
            Step::PassToDeadline(choice) => {
                let deadlines: Vec<Instant> = self.plain.frames().map(|frame| frame.deadline).collect();
                self.now = pick(&deadlines, choice).map_or(now, |deadline| now.max(deadline));
            }
            Step::Release(choice) => self.release(model(choice)),
            Step::Complete(choice, ending) => {
                if let Some(ticket) = pick(&in_flight, choice) {
                    self.complete(ticket, ending);
                }
            }
            Step::Stale(choice) => {
                if let Some(ticket) = pick(&self.gone, choice) {
                    let outcome = Outcome::finished(now);
                    assert!(both!(self.complete(ticket, outcome, now)).is_err());
                }
            }
            Step::BadSkip(choice) => {
                if let Some(ticket) = pick(&in_flight, choice) {
                    let outcome = Outcome::finished(now).with_path(Path::Skip(u16::MAX));
                    assert!(both!(self.complete(ticket, outcome, now)).is_err());
                }
            }
            Step::Lose(choice) => self.fault(accelerator(choice), Fault::BlockLost),
            Step::NotTaken(choice) => self.fault(accelerator(choice), Fault::NotTaken),
            Step::Resting(choice) => self.fault(accelerator(choice), Fault::Resting),
            Step::OutOfService(choice) => self.fault(accelerator(choice), Fault::OutOfService),
            Step::Restore(choice) => {
                let id = accelerator(choice);
                let _ = both!(self.restore(id, now));
            }
            Step::Bar(choice, on, barred) => {
                let (id, on) = (model(choice), accelerator(on));
                let _ = both!(self.bar(id, on, barred, now));
            }
            Step::Activate(choice, active) => {
                let id = model(choice);
                let _ = both!(self.set_active(id, active, now));
            }
            Step::Period(choice, us) => {
                let (id, period) = (model(choice), Duration::from_micros(us.into()));
                let _ = both!(self.set_period(id, period, now));
            }
            Step::Freeze(frozen) => {
                self.core.freeze_tuner(frozen);
                self.plain.freeze_tuner(frozen);
            }
            Step::Refused(choice) => self.refused(choice),
        }
    }

    fn release(&mut self, model: ModelId) {
        let answer = both!(self.release(model, self.now));
        if let Err(Refused { why: Refusal::Full { .. }, frame: Some(frame) }) = answer {
            self.poll();
            if both!(self.readmit(frame, self.now)).is_err() {
                self.give_up(frame);
            }
        }
    }

    fn give_up(&mut self, frame: Frame) {
        self.core.give_up(frame, self.now);
        self.plain.give_up(frame, self.now);
        self.lose_children(&frame);
    }

    fn children(&self, parent: &Frame) -> Vec<ModelId> {
        let children = self.workload.children(parent.model).map(|(child, _)| child);
        children.filter(|&child| gives_rise(parent, child)).collect()
    }

    fn lose_children(&mut self, parent: &Frame) {
        for child in self.children(parent) {
            let now = self.now;
            if let Ok(frame) = both!(self.lose_child(child, parent, now)) {
                self.lose_children(&frame);
            }
        }
    }

    fn complete(&mut self, ticket: Ticket, ending: Ending) {
        let path = match self.plain.branch(ticket) {
            Branch::Skip { segments, .. } if ending.branch => Path::Skip(segments),
            Branch::Exit { .. } if ending.branch => Path::Exit,
            _ => Path::Next,
        };
        let outcome = ending.outcome(self.now).with_path(path);
        let now = self.now;
        let report = both!(self.complete(ticket, outcome, now));
        let report = report.expect("it is in flight");
        self.gone.push(ticket);
        if report.progress == Progress::More {
            return;
        }
        for child in self.children(&report.frame) {
            let (parent, now) = (&report.frame, self.now);
            let answer = both!(self.release_child(child, parent, now));
            if let Err(Refused { frame: Some(frame), .. }) = answer {
                self.give_up(frame);
            }
        }
    }

    fn fault(&mut self, accelerator: AcceleratorId, fault: Fault) {
        let lost: Vec<Ticket> =
            self.plain.in_flight().filter(|ticket| ticket.accelerator == accelerator).collect();
        let _ = same(
            self.core.fault(accelerator, self.planted.fault(fault), self.now),
            &self.plain.fault(accelerator, fault, self.now),
        );
        self.gone.extend(lost);
    }

    /// Calls that cannot be; both say why, in the same order of reasons.
    fn refused(&mut self, choice: u8) {
        let now = self.now;
        let before = Instant::from_nanos(now.as_nanos().saturating_sub(u64::from(choice) + 1));
        let (model, accelerator) = (ModelId(choice), AcceleratorId(choice));
        let at = if choice & 1 == 1 { before } else { now };
        match choice >> 1 & 7 {
            0 => {
                match both!(self.release(model, at)) {
                    Ok((frame, _)) => assert_eq!(frame.release, at),
                    // What came before it was told of is late, and as late as it is.
                    Err(Refused { frame: Some(frame), .. }) => _ = both!(self.readmit(frame, now)),
                    Err(_) => {}
                }
            }
            1 => {
                let parent = self.plain.frames().next();
                let Some(parent) = parent else { return };
                // Of a frame that is not complete: it has the same answer, and is a frame as any other.
                let _ = both!(self.release_child(model, &parent, at));
            }
            2 => _ = both!(self.fault(accelerator, Fault::Resting, at)),
            3 => _ = both!(self.restore(accelerator, at)),
            4 => _ = both!(self.bar(model, accelerator, true, at)),
            5 => _ = both!(self.set_active(model, true, at)),
            6 => {
                let period = Duration::from_nanos(choice.into());
                _ = both!(self.set_period(model, period, at));
            }
            _ => {
                let ticket = Ticket { accelerator, sequence: choice.into() };
                if self.plain.in_flight().all(|other| other != ticket) {
                    let outcome = Outcome::finished(at);
                    _ = both!(self.complete(ticket, outcome, at));
                }
            }
        }
    }

    /// Until both say that there is nothing to do: a frame that waits is dispatched or dropped once.
    fn poll(&mut self) {
        for _ in 0..=JOBS {
            match both!(self.poll(self.now)) {
                Action::Dispatch(block) => assert!(self.core.is_in_flight(block.ticket)),
                Action::Drop(_, DropReason::Withdrawn) => {}
                Action::Drop(frame, _) => self.lose_children(&frame),
                Action::Wait(wake) => {
                    assert!(!matches!(wake, NextWake::At(at) if at <= self.now), "a wake lies ahead");
                    return;
                }
            }
        }
        panic!("more actions than jobs");
    }

    fn compare(&self) {
        assert_eq!(self.core.tallies(), self.plain.tallies());
        assert_eq!(self.core.policy().weights(), self.plain.weights());
        assert_eq!(self.core.last_window(), self.plain.last_window());
        assert_eq!(self.core.jobs_in_flight(), self.plain.frames().count());
        for ticket in &self.gone {
            assert!(!self.core.is_in_flight(*ticket));
        }
    }

    fn close(mut self) {
        while both!(self.close(self.now)).is_some() {}
        self.compare();
    }
}
