//! A scheduler under the steps of a [case](crate::case), and everything that is promised of it: what its
//! [`Ledger`] and [`Witness`] see, and what only its caller can.
//!
//! - A call that is refused changes nothing.
//! - Polling ends after as many actions as there are frames that wait, and one answer to wait, whose wake
//!   lies ahead; no job waits beside an accelerator that it has a score on; every pair is looked at.
//! - A network goes on where its path led; what ran took no more energy than at its worst.
//! - Smart drops take what cannot be in time, under overload, and in no window more than the budget.
//! - The scheduler shows its accelerators as they are, its totals are the sums of the events and never fall.

use std::cell::Cell;
use std::collections::BTreeMap;

use sdrm3_core::{
    AcceleratorId, Action, Activity, Branch, Config, Dispatch, DropReason, Duration, Error, Fault, Frame,
    Gated, Instant, JobId, MapScore, ModelId, NextWake, Outcome, Path, Policy, Progress, Refusal, Refused,
    Scheduler, Tally, Ticket, Workload,
};

use bumpalo::Bump;

use crate::case::{ACCS, Case, Ending, JOBS, MODELS, Step};
use crate::gives_rise;
use crate::ledger::{Held, Ledger};
use crate::planted::Planted;
use crate::reference::Rule;
use crate::witness::Witness;

/// What the checks have met; to be asserted, so that none holds for want of cases.
#[derive(Debug, Default)]
#[allow(missing_docs)]
pub struct Met {
    pub infeasible: Cell<u32>,
    pub infeasible_by_table: Cell<u32>,
    pub budget_was_near: Cell<u32>,
    pub lighter_at_release: Cell<u32>,
    pub lighter_on_the_way: Cell<u32>,
    pub superseded: Cell<u32>,
    pub withdrawn: Cell<u32>,
    pub unplaceable: Cell<u32>,
    pub abandoned: Cell<u32>,
    pub parent_lost: Cell<u32>,
    pub no_room: Cell<u32>,
    pub ties: Cell<u32>,
    pub lost_blocks: Cell<u32>,
    pub not_taken: Cell<u32>,
    pub stale: Cell<u32>,
    pub refused: Cell<u32>,
    pub late: Cell<u32>,
}

fn count(what: &Cell<u32>) {
    what.set(what.get() + 1);
}

/// Lets a case happen, and holds the scheduler against everything that it promises.
///
/// # Panics
///
/// Where a promise is broken.
pub fn book(case: &Case, met: &Met, planted: Planted) {
    let (memory, config) = (Bump::new(), case.tables.config);
    let Some(workload) = case.tables.workload(&memory) else { return };
    match case.tables.rule {
        Rule::MapScore(weights) => {
            Book::<_, MODELS, JOBS, ACCS>::new(workload, MapScore { weights }, config, met, planted)
                .run(case);
        }
        Rule::Gated => {
            let policy = Gated::<MODELS, ACCS>::new(workload);
            Book::<_, MODELS, JOBS, ACCS>::new(workload, policy, config, met, planted).run(case);
        }
    }
}

/// A scheduler, and what is known of it from outside.
#[derive(Debug)]
struct Book<'w, 'm, P, const MODELS: usize, const JOBS: usize, const ACCS: usize> {
    workload: &'w Workload<'w, ACCS>,
    config: Config,
    met: &'m Met,
    scheduler: Scheduler<'w, Witness<'w, P, ACCS>, MODELS, JOBS, ACCS>,
    now: Instant,
    /// Where each frame under way goes on.
    next: BTreeMap<JobId, u16>,
    /// Tickets that were answered.
    gone: Vec<Ticket>,
    /// Whether each counted frame of a model that ended was a smart drop.
    smart_drops: Vec<Vec<bool>>,
    totals: Vec<[u64; 6]>,
}

fn pick<T: Copy>(all: &[T], choice: u8) -> Option<T> {
    all.get(usize::from(choice) % all.len().max(1)).copied()
}

impl<'w, 'm, P, const MODELS: usize, const JOBS: usize, const ACCS: usize> Book<'w, 'm, P, MODELS, JOBS, ACCS>
where
    P: Policy + std::fmt::Debug,
    P::Weighed: std::fmt::Debug,
{
    /// A scheduler of a valid workload, watched from its start on.
    fn new(
        workload: &'w Workload<'w, ACCS>,
        policy: P,
        config: Config,
        met: &'m Met,
        planted: Planted,
    ) -> Self {
        let policy = Witness::new(policy, Ledger::new(workload, config, JOBS)).with_planted(planted);
        Self {
            workload,
            config,
            met,
            scheduler: Scheduler::new(workload, policy, config).expect("it was validated"),
            now: Instant::ZERO,
            next: BTreeMap::new(),
            gone: Vec::new(),
            smart_drops: vec![Vec::new(); workload.models.len()],
            totals: vec![[0; 6]; workload.models.len()],
        }
    }

    fn ledger(&self) -> &Ledger<'w, ACCS> {
        self.scheduler.policy().ledger()
    }

    fn running(&self) -> Vec<Dispatch> {
        self.ledger().held().values().filter_map(|held| held.running).collect()
    }

    fn children(&self, parent: &Frame) -> Vec<ModelId> {
        let children = self.workload.children(parent.model).map(|(child, _)| child);
        children.filter(|&child| gives_rise(parent, child)).collect()
    }

    // ---- what happens ------------------------------------------------------------------------

    /// Does each step, then what the scheduler wants done.
    fn run(&mut self, case: &Case) {
        for &step in &case.steps {
            self.apply(step);
            self.check();
            self.poll();
        }
        self.close();
    }

    /// The run ends: what is under way is handed back, frame by frame.
    fn close(&mut self) {
        let left = self.ledger().held().len();
        let closed = std::iter::from_fn(|| self.scheduler.close(self.now)).count();
        assert_eq!((closed, self.scheduler.jobs_in_flight()), (left, 0), "what is left is told once");
        self.next.clear();
        self.check();
    }

    fn apply(&mut self, step: Step) {
        let now = self.now;
        let model = |choice: u8| ModelId(choice % self.workload.models.len() as u8);
        let accelerator = |choice: u8| AcceleratorId(choice % self.workload.accelerators.len() as u8);
        match step {
            Step::Pass(nanos) => self.now = now.saturating_add(Duration::from_nanos(nanos.0)),
            Step::PassToDeadline(choice) => {
                let deadlines: Vec<_> =
                    self.ledger().held().values().map(|held| held.frame.deadline).collect();
                self.now = pick(&deadlines, choice).map_or(now, |deadline| now.max(deadline));
            }
            Step::Release(choice) => self.release(model(choice)),
            Step::Complete(choice, ending) => {
                if let Some(block) = pick(&self.running(), choice) {
                    self.complete(&block, ending);
                }
            }
            Step::Stale(choice) => {
                if let Some(ticket) = pick(&self.gone, choice) {
                    let answer =
                        self.refused(|scheduler| scheduler.complete(ticket, Outcome::finished(now), now));
                    assert_eq!(answer, Err(Error::StaleTicket(ticket)));
                    count(&self.met.stale);
                }
            }
            Step::BadSkip(choice) => {
                if let Some(Dispatch { ticket, .. }) = pick(&self.running(), choice) {
                    let path = Path::Skip(u16::MAX);
                    let outcome = Outcome::finished(now).with_path(path);
                    let answer = self.refused(|scheduler| scheduler.complete(ticket, outcome, now));
                    assert_eq!(answer, Err(Error::SkipBeyondEnd { ticket, path }));
                }
            }
            Step::Lose(choice) => self.fault(accelerator(choice), Fault::BlockLost),
            Step::NotTaken(choice) => self.fault(accelerator(choice), Fault::NotTaken),
            Step::Resting(choice) => self.fault(accelerator(choice), Fault::Resting),
            Step::OutOfService(choice) => self.fault(accelerator(choice), Fault::OutOfService),
            Step::Restore(choice) => self.scheduler.restore(accelerator(choice), now).expect("it is known"),
            Step::Bar(choice, on, barred) => {
                let (model, on) = (model(choice), accelerator(on));
                self.scheduler.bar(model, on, barred, now).expect("they are known");
            }
            Step::Activate(choice, active) => {
                let model = model(choice);
                let was = self.ledger().is_active(model);
                assert_eq!(self.scheduler.set_active(model, active, now), Ok(was != active));
            }
            Step::Period(choice, us) => {
                let (model, period) = (model(choice), Duration::from_micros(us.into()));
                let changed = self.scheduler.set_period(model, period, now);
                let is_root = self.workload.models[usize::from(model.0)].cascade.is_none();
                assert_eq!(changed.is_ok(), us > 0 && is_root);
            }
            Step::Freeze(frozen) => self.scheduler.freeze_tuner(frozen),
            Step::Refused(choice) => self.cannot_be(choice),
        }
    }

    /// A call that is refused: it changes nothing.
    #[track_caller]
    fn refused<T>(
        &mut self,
        call: impl FnOnce(&mut Scheduler<'w, Witness<'w, P, ACCS>, MODELS, JOBS, ACCS>) -> T,
    ) -> T {
        let before = format!("{:?}", self.scheduler);
        let answer = call(&mut self.scheduler);
        assert_eq!(format!("{:?}", self.scheduler), before, "what is refused changes nothing");
        count(&self.met.refused);
        answer
    }

    fn cannot_be(&mut self, choice: u8) {
        let now = self.now;
        let (model, accelerator) = (ModelId(255), AcceleratorId(255));
        let before = Instant::from_nanos(now.as_nanos().saturating_sub(1));
        let earlier = before < now && now > Instant::ZERO;
        // The scheduler may not have heard of the time yet.
        self.scheduler.restore(AcceleratorId(0), now).expect("it is known");
        let refusal = |why| Refused { frame: None, why };
        match choice % 8 {
            0 => {
                let answer = self.refused(|scheduler| scheduler.release(model, now));
                assert_eq!(answer, Err(refusal(Refusal::UnknownModel(model))));
            }
            1 => {
                let answer = self.refused(|scheduler| scheduler.fault(accelerator, Fault::OutOfService, now));
                assert_eq!(answer, Err(Error::UnknownAccelerator(accelerator)));
            }
            2 => {
                let answer = self.refused(|scheduler| scheduler.set_active(model, false, now));
                assert_eq!(answer, Err(Error::UnknownModel(model)));
            }
            3 => {
                let answer = self.refused(|scheduler| scheduler.bar(ModelId(0), accelerator, true, now));
                assert_eq!(answer, Err(Error::UnknownAccelerator(accelerator)));
            }
            4 if earlier => {
                let answer = self.refused(|scheduler| scheduler.release(ModelId(0), before));
                assert!(answer.is_err());
            }
            5 if earlier => {
                let answer = self.refused(|scheduler| scheduler.restore(AcceleratorId(0), before));
                assert_eq!(answer, Err(Error::TimeWentBack { now: before, last: now }));
            }
            6 if earlier => {
                if let Some(Dispatch { ticket, .. }) = self.running().first().copied() {
                    let outcome = Outcome::finished(before);
                    let answer = self.refused(|scheduler| scheduler.complete(ticket, outcome, before));
                    assert_eq!(answer, Err(Error::TimeWentBack { now: before, last: now }));
                }
            }
            7 => {
                let parent = self.ledger().held().values().next().map(|held| held.frame);
                if let Some(parent) = parent {
                    let answer =
                        self.refused(|scheduler| scheduler.release_child(parent.model, &parent, now));
                    assert!(answer.is_err(), "a model does not depend on itself");
                }
            }
            _ => {}
        }
    }

    fn release(&mut self, model: ModelId) {
        match self.scheduler.release(model, self.now) {
            Ok((frame, id)) => self.admitted(frame, id),
            Err(Refused { why: Refusal::Inactive, .. }) => assert!(!self.ledger().is_active(model)),
            Err(Refused { why: Refusal::NeedsParent, .. }) => {
                assert!(self.workload.models[usize::from(model.0)].cascade.is_some());
            }
            Err(Refused { why: Refusal::Full { capacity }, frame }) => {
                assert_eq!((capacity, self.ledger().held().len()), (JOBS, JOBS));
                self.give_up(frame.expect("it is handed back"));
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn admitted(&mut self, frame: Frame, id: JobId) {
        self.check_events();
        assert_eq!(self.ledger().held().get(&id).map(|held| held.frame), Some(frame));
        assert_eq!(self.next.insert(id, 0), None, "a name is used once at a time");
    }

    fn give_up(&mut self, frame: Frame) {
        count(&self.met.no_room);
        self.scheduler.give_up(frame, self.now);
        self.lost(&frame, DropReason::NoRoom);
    }

    /// A counted frame ended without a result, and so do those that depend on it.
    fn lost(&mut self, frame: &Frame, why: DropReason) {
        self.smart_drops[usize::from(frame.model.0)].push(why == DropReason::Infeasible);
        for child in self.children(frame) {
            match self.scheduler.lose_child(child, frame, self.now) {
                Ok(lost) => {
                    count(&self.met.parent_lost);
                    self.lost(&lost, DropReason::ParentLost);
                }
                Err(refused) => {
                    assert_eq!((refused.why, self.ledger().is_active(child)), (Refusal::Inactive, false));
                }
            }
        }
    }

    fn complete(&mut self, block: &Dispatch, ending: Ending) {
        let segments = self.workload.models[usize::from(block.frame.model.0)].subnetworks
            [usize::from(block.subnetwork)]
        .segments;
        let mut next = block.first + block.count;
        let path = match segments[usize::from(next - 1)].info().branch {
            Branch::Skip { segments, .. } if ending.branch => {
                next += segments;
                Path::Skip(segments)
            }
            Branch::Exit { .. } if ending.branch => {
                next = segments.len() as u16;
                Path::Exit
            }
            _ => Path::Next,
        };
        let outcome = ending.outcome(self.now).with_path(path);
        let report = self.scheduler.complete(block.ticket, outcome, self.now).expect("it is in flight");
        self.gone.push(block.ticket);
        assert_eq!((report.job, report.frame, report.ticket), (block.job, block.frame, block.ticket));
        assert_eq!(report.finished, outcome.finished.min(self.now));
        match outcome.energy_nj {
            Some(measured) => assert_eq!(report.energy_nj, measured),
            None => {
                assert!(report.energy_nj <= report.worst_energy_nj, "what ran took no more than its worst");
            }
        }
        assert_eq!(report.progress == Progress::More, usize::from(next) < segments.len());
        if report.progress == Progress::More {
            self.next.insert(block.job, next);
            if report.subnetwork != block.subnetwork {
                count(&self.met.lighter_on_the_way);
                assert!(segments[usize::from(next)].info().switch_point, "only at a switch point");
            }
            return;
        }
        assert_eq!(report.subnetwork, block.subnetwork);
        self.next.remove(&block.job);
        self.smart_drops[usize::from(block.frame.model.0)].push(false);
        if report.progress == Progress::Late {
            count(&self.met.late);
        }
        for child in self.children(&block.frame) {
            match self.scheduler.release_child(child, &block.frame, self.now) {
                Ok((frame, id)) => self.admitted(frame, id),
                Err(Refused { why: Refusal::Full { .. }, frame: Some(frame) }) => self.give_up(frame),
                Err(refused) => {
                    assert_eq!((refused.why, self.ledger().is_active(child)), (Refusal::Inactive, false));
                }
            }
        }
    }

    fn fault(&mut self, accelerator: AcceleratorId, fault: Fault) {
        let lost = self.ledger().running(accelerator.0.into()).copied();
        let job = self.scheduler.fault(accelerator, fault, self.now);
        assert_eq!(job, Ok(lost.map(|block| block.job)));
        if let Some(block) = lost {
            count(if fault == Fault::NotTaken { &self.met.not_taken } else { &self.met.lost_blocks });
            self.gone.push(block.ticket);
        }
    }

    // ---- what the scheduler does -------------------------------------------------------------

    /// Polls until it is told to wait: as often as there are frames that wait, and once.
    fn poll(&mut self) {
        let ready = self.ledger().held().values().filter(|held| held.running.is_none()).count();
        for _ in 0..=ready {
            let (pairs, frames) = (self.open_pairs(), self.ledger().held().clone());
            match self.scheduler.poll(self.now) {
                Action::Dispatch(block) => {
                    let witness = self.scheduler.policy();
                    assert_eq!(witness.asked(), pairs, "every pair was looked at");
                    if witness.had_equals() {
                        count(&self.met.ties);
                    }
                    assert_eq!(self.next.get(&block.job), Some(&block.first), "it goes on where it stopped");
                    if frames[&block.job].subnetwork.is_none() && block.subnetwork > 0 {
                        count(&self.met.lighter_at_release);
                    }
                }
                Action::Drop(frame, why) => self.dropped(&frame, why, &frames),
                Action::Wait(wake) => {
                    assert!(!matches!(wake, NextWake::At(at) if at <= self.now), "a wake lies ahead");
                    let witness = self.scheduler.policy();
                    assert_eq!(witness.asked(), pairs, "every pair was looked at");
                    assert_eq!(witness.scored(), 0, "a job waits beside an accelerator that it scores on");
                    let awaited = self.ledger().held().values().any(|held| held.running.is_some());
                    assert!(pairs == 0 || awaited, "a job that could run waits for nothing");
                    self.check();
                    return;
                }
            }
            self.check();
        }
        panic!("more than {ready} actions for {ready} frames that wait");
    }

    /// Pairs of waiting job and idle accelerator that may run its next segment, by the tables. The
    /// sub-network of a frame is its caller's to know once its first block was dispatched.
    fn open_pairs(&self) -> usize {
        let ledger = self.ledger();
        let of_job = |(id, held): (&JobId, &Held)| {
            let fits = |&index: &usize| ledger.is_idle(index) && ledger.may_run(held, self.next[id], index);
            (0..self.workload.accelerators.len()).filter(fits).count()
        };
        ledger.held().iter().filter(|(_, held)| held.running.is_none()).map(of_job).sum()
    }

    fn dropped(&mut self, frame: &Frame, why: DropReason, before: &BTreeMap<JobId, Held>) {
        let (&id, held) = before.iter().find(|(_, held)| held.frame == *frame).expect("it was under way");
        match why {
            DropReason::Infeasible => self.check_smart_drop(held, before),
            DropReason::Superseded => count(&self.met.superseded),
            DropReason::Withdrawn => count(&self.met.withdrawn),
            DropReason::Unplaceable => count(&self.met.unplaceable),
            DropReason::Abandoned => count(&self.met.abandoned),
            _ => {}
        }
        self.next.remove(&id);
        if why != DropReason::Withdrawn {
            self.lost(frame, why);
        }
    }

    /// Where the tables alone say what work is left.
    fn check_smart_drop(&self, dropped: &Held, before: &BTreeMap<JobId, Held>) {
        count(&self.met.infeasible);
        if self.smart_drops[usize::from(dropped.frame.model.0)].iter().rev().take(4).any(|smart| *smart) {
            count(&self.met.budget_was_near);
        }
        if !self.config.correction && !self.config.supernet {
            count(&self.met.infeasible_by_table);
            let late = before.iter().filter(|(id, held)| self.cannot_be_in_time(**id, held)).count();
            let id = before.iter().find(|(_, held)| held.frame == dropped.frame).map(|(id, _)| *id);
            assert!(id.is_some_and(|id| self.cannot_be_in_time(id, dropped)), "it could be in time");
            assert!(late > 1, "no overload");
        }
    }

    /// By the tables; every frame runs the heaviest sub-network.
    fn cannot_be_in_time(&self, id: JobId, held: &Held) -> bool {
        let segments = self.workload.models[usize::from(held.frame.model.0)].subnetworks[0].segments;
        let (from, next) = match held.running {
            None => (self.now, self.next[&id]),
            Some(block) => {
                let state = self.scheduler.accelerators()[usize::from(block.ticket.accelerator.0)];
                let Activity::Busy { until } = state.activity else { panic!("it runs: {state:?}") };
                (until, block.first + block.count)
            }
        };
        let left =
            segments.get(usize::from(next)).map_or(Duration::ZERO, |segment| segment.info().fastest_togo);
        // Past its deadline a waiting frame has no slack; one that runs ends when it is expected to.
        match held.running {
            None => left > held.frame.deadline.saturating_since(from),
            Some(_) => from.saturating_add(left) > held.frame.deadline,
        }
    }

    // ---- what always holds -------------------------------------------------------------------

    /// What the events show by themselves.
    fn check_events(&self) {
        let verdict = self.scheduler.policy().verdict(self.scheduler.tallies());
        verdict.unwrap_or_else(|broken| panic!("{broken}"));
    }

    fn check(&mut self) {
        self.check_events();
        let ledger = self.ledger();
        assert_eq!(self.scheduler.jobs_in_flight(), ledger.held().len());
        assert!(ledger.held().keys().eq(self.next.keys()));
        for (index, state) in self.scheduler.accelerators().iter().enumerate() {
            let ticket = ledger.running(index).map(|block| block.ticket);
            assert!(ticket.is_none_or(|ticket| self.scheduler.is_in_flight(ticket)));
            let as_it_is = match (ledger.is_idle(index), ticket) {
                (true, _) => state.activity == Activity::Idle,
                (false, None) => matches!(state.activity, Activity::Resting | Activity::OutOfService),
                (false, Some(_)) => matches!(state.activity, Activity::Busy { .. }),
            };
            assert!(as_it_is, "{state:?}");
        }
        for (ended, model) in self.smart_drops.iter().zip(self.workload.models) {
            let budget = model.drop_budget;
            let last = ended.iter().rev().take(budget.of().into());
            let smart = last.filter(|smart| **smart).count();
            assert!(smart <= budget.lost().into(), "a budget of {budget:?} is exceeded");
        }
        for (before, tally) in self.totals.iter_mut().zip(self.scheduler.tallies()) {
            let Tally { completed, violated, dropped, energy_nj, worst_energy_nj, accuracy_given_up, .. } =
                *tally;
            let (completed, violated, dropped) = (completed.into(), violated.into(), dropped.into());
            let after = [completed, violated, dropped, energy_nj, worst_energy_nj, accuracy_given_up];
            assert!(before.iter().zip(after).all(|(before, after)| *before <= after), "totals never fall");
            *before = after;
        }
    }
}
