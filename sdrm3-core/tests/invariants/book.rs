//! A second book of everything that a scheduler has in its hands, kept from what goes in and comes out
//! alone; every entry is checked against the scheduler's own.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use sdrm3_core::{
    AcceleratorId, Action, Activity, Dispatch, DropReason, Duration, Error, Fault, Frame, Instant, JobId,
    MapScore, ModelId, NextWake, Outcome, Path, Progress, Refusal, Refused, Scheduler, Tally, Ticket,
    Workload,
};

use crate::case::{ACCS, ACCURACY, ACCURACY_STEP, Case, JOBS, MODELS, Step};
use crate::common::Witness;

/// What the properties have met; asserted at the end, so that none holds for want of cases.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) infeasible: Cell<u32>,
    pub(crate) infeasible_by_table: Cell<u32>,
    pub(crate) budget_was_near: Cell<u32>,
    pub(crate) lighter_at_release: Cell<u32>,
    pub(crate) lighter_on_the_way: Cell<u32>,
    pub(crate) superseded: Cell<u32>,
    pub(crate) withdrawn: Cell<u32>,
    pub(crate) unplaceable: Cell<u32>,
    pub(crate) parent_lost: Cell<u32>,
    pub(crate) no_room: Cell<u32>,
    pub(crate) ties: Cell<u32>,
    pub(crate) lost_blocks: Cell<u32>,
    pub(crate) stale: Cell<u32>,
    pub(crate) bad_skips: Cell<u32>,
    pub(crate) late: Cell<u32>,
}

fn count(what: &Cell<u32>) {
    what.set(what.get() + 1);
}

#[derive(Clone, Copy, Debug)]
struct Held {
    frame: Frame,
    next: u16,
    /// Known once its first block was dispatched.
    subnetwork: Option<u8>,
    running: Option<Dispatch>,
}

/// How a counted frame of a model ended, in the order of their ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Result,
    Lost(DropReason),
}

pub(crate) struct Book<'a> {
    case: &'a Case,
    met: &'a Met,
    workload: &'static Workload<'static, ACCS>,
    scheduler: Scheduler<'static, Witness, MODELS, JOBS, ACCS>,
    now: Instant,
    held: BTreeMap<JobId, Held>,
    /// By model and accelerator.
    barred: BTreeSet<(usize, usize)>,
    out_of_service: [bool; ACCS],
    active: [bool; MODELS],
    ends: Vec<Vec<End>>,
    tallies: Vec<Tally>,
    withdrawn: [u32; MODELS],
    completed: BTreeSet<(u8, u32)>,
    gone: Vec<Ticket>,
}

impl<'a> Book<'a> {
    pub(crate) fn new(case: &'a Case, met: &'a Met) -> Self {
        let workload = case.workload();
        let policy = Witness { map_score: MapScore::default(), ..Witness::default() };
        Self {
            case,
            met,
            workload,
            scheduler: Scheduler::new(workload, policy, case.config).expect("random tables are valid"),
            now: Instant::ZERO,
            held: BTreeMap::new(),
            barred: BTreeSet::new(),
            out_of_service: [false; ACCS],
            active: [true; MODELS],
            ends: vec![Vec::new(); workload.models.len()],
            tallies: vec![Tally::default(); workload.models.len()],
            withdrawn: [0; MODELS],
            completed: BTreeSet::new(),
            gone: Vec::new(),
        }
    }

    /// Whether the frame of a model gives rise to one of a dependent.
    fn gives_rise(parent: &Frame, child: ModelId) -> bool {
        !(parent.number + 3 * u32::from(child.0)).is_multiple_of(4)
    }

    fn children(&self, parent: &Frame) -> Vec<ModelId> {
        let children = self.workload.children(parent.model).map(|(child, _)| child);
        children.filter(|&child| Self::gives_rise(parent, child)).collect()
    }

    fn tally(&mut self, model: ModelId) -> &mut Tally {
        &mut self.tallies[usize::from(model.0)]
    }

    fn running(&self) -> Vec<Dispatch> {
        self.held.values().filter_map(|held| held.running).collect()
    }

    // ---- what happens ------------------------------------------------------------------------

    pub(crate) fn step(&mut self, step: Step) {
        let models = self.workload.models.len();
        let accelerators = self.workload.accelerators.len();
        match step {
            Step::Pass(nanos) => self.now = self.now.saturating_add(Duration::from_nanos(nanos)),
            Step::PassToDeadline(choice) => {
                let deadlines: Vec<Instant> = self.held.values().map(|held| held.frame.deadline).collect();
                if let Some(deadline) = deadlines.get(choice % deadlines.len().max(1)) {
                    self.now = self.now.max(*deadline);
                }
            }
            Step::Release(choice) => self.release(choice % models),
            Step::Complete(choice, branch) => {
                let running = self.running();
                if !running.is_empty() {
                    self.complete(running[choice % running.len()], branch);
                }
            }
            Step::Stale(choice) => self.stale(choice),
            Step::BadSkip(choice) => self.bad_skip(choice),
            Step::Lose(choice) => self.fault(choice % accelerators, Fault::BlockLost),
            Step::OutOfService(choice) => self.fault(choice % accelerators, Fault::OutOfService),
            Step::Restore(choice) => {
                let index = choice % accelerators;
                self.scheduler.restore(AcceleratorId(index as u8), self.now).unwrap();
                self.out_of_service[index] = false;
            }
            Step::Activate(choice, active) => {
                let model = ModelId((choice % models) as u8);
                self.scheduler.set_active(model, active, self.now).unwrap();
                self.active[usize::from(model.0)] = active;
            }
            Step::Period(choice, us) => {
                let model = ModelId((choice % models) as u8);
                let changed = self.scheduler.set_period(model, Duration::from_micros(us), self.now);
                assert_eq!(changed.is_ok(), us > 0 && self.case.parent(choice % models).is_none());
            }
            Step::Bar(model, at, barred) => {
                let pair = (model % models, at % accelerators);
                let (id, on) = (ModelId(pair.0 as u8), AcceleratorId(pair.1 as u8));
                let changed = self.scheduler.bar(id, on, barred, self.now);
                let ours = if barred { self.barred.insert(pair) } else { self.barred.remove(&pair) };
                assert_eq!(changed, Ok(ours));
            }
            Step::Freeze(frozen) => self.scheduler.freeze_tuner(frozen),
        }
        self.check();
    }

    fn release(&mut self, index: usize) {
        let model = ModelId(index as u8);
        match self.scheduler.release(model, self.now) {
            Ok((frame, id)) => self.admitted(frame, id),
            Err(Refused { why: Refusal::Inactive, .. }) => assert!(!self.active[index]),
            Err(Refused { why: Refusal::NeedsParent, .. }) => assert!(self.case.parent(index).is_some()),
            Err(Refused { why: Refusal::Full { capacity: JOBS }, frame }) => {
                assert_eq!(self.held.len(), JOBS);
                self.give_up(frame.expect("it is handed back"));
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn admitted(&mut self, frame: Frame, id: JobId) {
        self.tally(frame.model).frames += 1;
        let held = Held { frame, next: 0, subnetwork: None, running: None };
        assert!(self.held.insert(id, held).is_none(), "a name is used once at a time");
    }

    fn give_up(&mut self, frame: Frame) {
        count(&self.met.no_room);
        self.scheduler.give_up(frame, self.now);
        self.tally(frame.model).frames += 1;
        self.lost(frame, DropReason::NoRoom);
    }

    /// A counted frame ended without a result, and so do those that depend on it.
    fn lost(&mut self, frame: Frame, why: DropReason) {
        let tally = self.tally(frame.model);
        tally.dropped += 1;
        tally.violated += 1;
        self.ends[usize::from(frame.model.0)].push(End::Lost(why));
        for child in self.children(&frame) {
            match self.scheduler.lose_child(child, &frame, self.now) {
                Ok(lost) => {
                    count(&self.met.parent_lost);
                    self.tally(child).frames += 1;
                    self.lost(lost, DropReason::ParentLost);
                }
                Err(refused) => {
                    assert_eq!((refused.why, self.active[usize::from(child.0)]), (Refusal::Inactive, false));
                }
            }
        }
    }

    fn complete(&mut self, block: Dispatch, branch: bool) {
        let segments = self.segments(block.frame.model, block.subnetwork);
        let mut next = block.first + block.count;
        let length = segments.len() as u16;
        let path = match segments[usize::from(next - 1)].info().branch {
            sdrm3_core::Branch::Skip { segments, .. } if branch => {
                next += segments;
                Path::Skip(segments)
            }
            sdrm3_core::Branch::Exit { .. } if branch => {
                next = length;
                Path::Exit
            }
            _ => Path::Next,
        };
        let report =
            self.scheduler.complete(block.ticket, Outcome::finished(self.now).with_path(path), self.now);
        let report = report.expect("it is in flight");
        self.gone.push(block.ticket);
        assert_eq!((report.job, report.frame, report.ticket), (block.job, block.frame, block.ticket));
        let frame = block.frame;
        let late = self.now > frame.deadline;
        let tally = self.tally(frame.model);
        tally.energy_nj += u64::from(report.energy_nj);
        tally.worst_energy_nj += u64::from(report.worst_energy_nj);
        assert!(report.energy_nj <= report.worst_energy_nj, "what ran took no more than its worst");
        if next < length {
            assert_eq!(report.progress, Progress::More);
            self.goes_on(&block, report.subnetwork, next);
            return;
        }
        assert_eq!(report.progress, if late { Progress::Late } else { Progress::InTime });
        assert_eq!(report.subnetwork, block.subnetwork);
        tally.completed += 1;
        tally.violated += u32::from(late);
        tally.accuracy_given_up += u64::from(ACCURACY_STEP) * u64::from(report.subnetwork);
        if late {
            count(&self.met.late);
        }
        self.held.remove(&block.job);
        self.ends[usize::from(frame.model.0)].push(End::Result);
        assert!(self.completed.insert((frame.model.0, frame.number)), "a frame completes once");
        for child in self.children(&frame) {
            match self.scheduler.release_child(child, &frame, self.now) {
                Ok((frame, id)) => self.admitted(frame, id),
                Err(Refused { why: Refusal::Full { .. }, frame: Some(frame) }) => self.give_up(frame),
                Err(refused) => {
                    assert_eq!((refused.why, self.active[usize::from(child.0)]), (Refusal::Inactive, false));
                }
            }
        }
    }

    /// A frame has more segments to go: its sub-network is as before, or lighter where it may be.
    fn goes_on(&mut self, block: &Dispatch, subnetwork: u8, next: u16) {
        let held = self.held.get_mut(&block.job).expect("it is under way");
        (held.next, held.subnetwork, held.running) = (next, Some(subnetwork), None);
        if subnetwork == block.subnetwork {
            return;
        }
        count(&self.met.lighter_on_the_way);
        assert!(self.case.config.supernet && subnetwork > block.subnetwork, "never back up");
        let model = &self.workload.models[usize::from(block.frame.model.0)];
        let before = self.segments(block.frame.model, block.subnetwork);
        assert!(before[usize::from(next)].info().switch_point, "only at a switch point");
        for lighter in &model.subnetworks[usize::from(block.subnetwork) + 1..=usize::from(subnetwork)] {
            assert!(lighter.shared_prefix >= next, "all finished work is kept");
        }
    }

    fn fault(&mut self, index: usize, fault: Fault) {
        let lost = self.running().into_iter().find(|block| usize::from(block.ticket.accelerator.0) == index);
        let job = self.scheduler.fault(AcceleratorId(index as u8), fault, self.now).unwrap();
        assert_eq!(job, lost.map(|block| block.job));
        self.out_of_service[index] |= fault == Fault::OutOfService;
        if let Some(block) = lost {
            count(&self.met.lost_blocks);
            self.gone.push(block.ticket);
            self.held.get_mut(&block.job).expect("it is under way").running = None;
        }
    }

    fn stale(&mut self, choice: usize) {
        let Some(&ticket) = self.gone.get(choice % self.gone.len().max(1)) else { return };
        let before = format!("{:?}", self.scheduler);
        let answer = self.scheduler.complete(ticket, Outcome::finished(self.now), self.now);
        assert_eq!(answer, Err(Error::StaleTicket(ticket)));
        assert_eq!(format!("{:?}", self.scheduler), before, "a stale completion changes nothing");
        count(&self.met.stale);
    }

    fn bad_skip(&mut self, choice: usize) {
        let running = self.running();
        let Some(block) = running.get(choice % running.len().max(1)) else { return };
        let path = Path::Skip(self.segments(block.frame.model, block.subnetwork).len() as u16);
        let before = format!("{:?}", self.scheduler);
        let outcome = Outcome::finished(self.now).with_path(path);
        let answer = self.scheduler.complete(block.ticket, outcome, self.now);
        assert_eq!(answer, Err(Error::SkipBeyondEnd { ticket: block.ticket, path }));
        assert_eq!(format!("{:?}", self.scheduler), before, "a bad skip changes nothing");
        count(&self.met.bad_skips);
    }

    // ---- what the scheduler does -------------------------------------------------------------

    /// Polls until it is told to wait: as often as there are frames that wait, and once.
    pub(crate) fn poll(&mut self) {
        let ready = self.held.values().filter(|held| held.running.is_none()).count();
        for _ in 0..=ready {
            let action = self.scheduler.poll(self.now);
            match action {
                Action::Dispatch(block) => self.dispatched(&block),
                Action::Drop(frame, why) => self.dropped(frame, why),
                Action::Wait(wake) => {
                    let ahead = !matches!(wake, NextWake::At(at) if at <= self.now);
                    assert!(ahead, "a wake lies ahead");
                    assert_eq!(self.pairs(), 0, "a job waits beside an accelerator that could run it");
                    self.check();
                    return;
                }
            }
            self.check();
        }
        panic!("more than {ready} actions for {ready} frames that wait");
    }

    fn is_idle(&self, index: usize) -> bool {
        let busy = |block: &Dispatch| usize::from(block.ticket.accelerator.0) == index;
        !self.out_of_service[index] && !self.running().iter().any(busy)
    }

    /// Whether an accelerator can run the next segment of a frame, by the tables, and is not barred to it.
    fn may_run(&self, held: &Held, index: usize) -> bool {
        let segments = self.segments(held.frame.model, held.subnetwork.unwrap_or(0));
        let runs = segments[usize::from(held.next)].placements()[index].runs();
        runs && !self.barred.contains(&(usize::from(held.frame.model.0), index))
    }

    /// Pairs of waiting job and idle accelerator that can run its next segment, by the tables.
    fn pairs(&self) -> usize {
        let of_job = |held: &Held| {
            let fits = |&index: &usize| self.is_idle(index) && self.may_run(held, index);
            (0..self.workload.accelerators.len()).filter(fits).count()
        };
        self.held.values().filter(|held| held.running.is_none()).map(of_job).sum()
    }

    fn dispatched(&mut self, block: &Dispatch) {
        let index = usize::from(block.ticket.accelerator.0);
        assert!(self.is_idle(index), "an accelerator runs one block, and none out of service");
        self.check_choice(block);
        let held = *self.held.get(&block.job).expect("a frame under way");
        assert!(held.running.is_none(), "a job runs in one place");
        assert_eq!((held.frame, held.next), (block.frame, block.first), "in order");
        let model = usize::from(block.frame.model.0);
        assert!(self.active[model]);
        if let Some(parent) = self.case.parent(model) {
            assert!(self.completed.contains(&(parent as u8, block.frame.number)), "before its parent");
        }
        match held.subnetwork {
            Some(known) => assert_eq!(known, block.subnetwork),
            None => {
                assert!(self.case.config.supernet || block.subnetwork == 0);
                let accuracy = ACCURACY - ACCURACY_STEP * u32::from(block.subnetwork);
                let floor = self.workload.models[model].accuracy_floor;
                assert!(block.subnetwork == 0 || accuracy >= floor, "below the floor");
                if block.subnetwork > 0 {
                    count(&self.met.lighter_at_release);
                }
            }
        }
        let held = self.held.get_mut(&block.job).expect("a frame under way");
        (held.subnetwork, held.running) = (Some(block.subnetwork), Some(*block));
    }

    /// The pair is the first of all there are, in the documented order. The correction changes the
    /// latencies by which ties are broken, so it is left out.
    fn check_choice(&self, block: &Dispatch) {
        let pairs = self.scheduler.policy().pairs.borrow();
        assert_eq!(pairs.len(), self.pairs(), "every pair was looked at");
        if self.case.config.correction {
            return;
        }
        let keys = pairs.iter().map(|pair| {
            let segments = self.segments(pair.frame.model, pair.subnetwork);
            let at = usize::from(pair.accelerator.0);
            let latency = segments[usize::from(pair.segment_index)].placements()[at].latency_ns;
            let Frame { deadline, release, model, number, .. } = pair.frame;
            (std::cmp::Reverse(pair.score), deadline, release, model, number, latency, pair.accelerator)
        });
        let best = keys.min().expect("there is a pair");
        let chosen = (block.frame.model, block.frame.number, block.ticket.accelerator, block.score);
        assert_eq!(chosen, (best.3, best.4, best.6, best.0.0), "the best pair");
        if pairs.iter().filter(|pair| pair.score == block.score).count() > 1 {
            count(&self.met.ties);
        }
    }

    fn dropped(&mut self, frame: Frame, why: DropReason) {
        let found = self.held.iter().find(|(_, held)| held.frame == frame);
        let (&id, &held) = found.expect("a frame under way");
        assert!(held.running.is_none(), "what runs is never dropped");
        let index = usize::from(frame.model.0);
        let started = held.next > 0 || held.subnetwork.is_some();
        match why {
            DropReason::Stale => {
                assert!(self.case.config.stale_drop && !started && frame.deadline <= self.now);
            }
            DropReason::Superseded => {
                count(&self.met.superseded);
                assert!(self.workload.models[index].latest_wins && !started);
            }
            DropReason::Withdrawn => {
                count(&self.met.withdrawn);
                assert!(!self.active[index]);
            }
            DropReason::Infeasible => self.check_smart_drop(&held),
            DropReason::Unplaceable => {
                count(&self.met.unplaceable);
                let mut anywhere = 0..self.workload.accelerators.len();
                let in_service = |at: usize| !self.out_of_service[at] && self.may_run(&held, at);
                assert!(frame.deadline <= self.now && !anywhere.any(in_service));
            }
            other => panic!("{other:?} is none of the scheduler's reasons under MapScore"),
        }
        self.held.remove(&id);
        if why == DropReason::Withdrawn {
            self.tally(frame.model).frames -= 1;
            self.withdrawn[index] += 1;
        } else {
            self.lost(frame, why);
        }
    }

    /// The promise of the budgets: when a smart drop takes a frame, fewer than `lost` of the `of - 1`
    /// frames of its model that ended last were lost, whatever took them; and the same holds for each
    /// active model that depends on it through active ones. So no `of` frames of a model that end in a
    /// row ever hold more than `lost` smart drops.
    fn check_smart_drop(&self, dropped: &Held) {
        count(&self.met.infeasible);
        assert!(self.case.config.frame_drop);
        let mut below = vec![usize::from(dropped.frame.model.0)];
        while let Some(index) = below.pop() {
            let budget = self.workload.models[index].drop_budget;
            let last = self.ends[index].iter().rev().take(usize::from(budget.of()) - 1);
            let lost = last.filter(|end| **end != End::Result).count();
            assert!(lost < usize::from(budget.lost()), "model {index} has lost {lost}: {budget:?}");
            if lost > 0 {
                count(&self.met.budget_was_near);
            }
            let children = self.workload.children(ModelId(index as u8)).map(|(id, _)| usize::from(id.0));
            below.extend(children.filter(|&child| self.active[child]));
        }
        if !self.case.config.correction && !self.case.config.supernet {
            count(&self.met.infeasible_by_table);
            let late = self.held.values().filter(|held| self.cannot_be_in_time(held)).count();
            assert!(self.cannot_be_in_time(dropped), "it could be in time");
            assert!(late > 1, "no overload");
        }
    }

    /// By the tables; every frame runs the heaviest sub-network.
    fn cannot_be_in_time(&self, held: &Held) -> bool {
        let segments = self.segments(held.frame.model, held.subnetwork.unwrap_or(0));
        let (from, next) = match held.running {
            None => (self.now, usize::from(held.next)),
            Some(block) => {
                let state = self.scheduler.accelerators()[usize::from(block.ticket.accelerator.0)];
                let Activity::Busy { until } = state.activity else { panic!("it runs: {state:?}") };
                (until, usize::from(block.first + block.count))
            }
        };
        let left = segments.get(next).map_or(Duration::ZERO, |segment| segment.info().fastest_togo);
        // Past its deadline a waiting frame has no slack; one that runs ends when it is expected to.
        from.saturating_add(left) > held.frame.deadline
    }

    fn segments(&self, model: ModelId, subnetwork: u8) -> &'static [sdrm3_core::Segment<ACCS>] {
        self.workload.models[usize::from(model.0)].subnetworks[usize::from(subnetwork)].segments
    }

    // ---- what always holds -------------------------------------------------------------------

    fn check(&self) {
        assert_eq!(self.scheduler.jobs_in_flight(), self.held.len());
        assert_eq!(self.scheduler.tallies(), self.tallies, "the sums of all that was reported");
        for (index, tally) in self.tallies.iter().enumerate() {
            let held = self.held.values().filter(|held| usize::from(held.frame.model.0) == index).count();
            assert_eq!(tally.frames, tally.completed + tally.dropped + held as u32, "conserved");
            assert!(tally.dropped <= tally.violated && tally.violated <= tally.frames);
            let budget = self.workload.models[index].drop_budget;
            let infeasible = |end: &&End| **end == End::Lost(DropReason::Infeasible);
            for window in self.ends[index].windows(usize::from(budget.of())) {
                assert!(window.iter().filter(infeasible).count() <= usize::from(budget.lost()));
            }
        }
        for (index, state) in self.scheduler.accelerators().iter().enumerate() {
            let ours = self.running().into_iter().find(|block| block.ticket.accelerator == state.id);
            let ticket = ours.map(|block| block.ticket);
            assert!(ticket.is_none_or(|ticket| self.scheduler.is_in_flight(ticket)));
            let expected = match (self.out_of_service[index], ticket) {
                (true, _) => state.activity == Activity::OutOfService,
                (false, None) => state.activity == Activity::Idle,
                (false, Some(_)) => matches!(state.activity, Activity::Busy { .. }),
            };
            assert!(expected, "{state:?}");
        }
    }

    /// What never falls: all counts, withdrawn frames counted in.
    pub(crate) fn totals(&self) -> Vec<[u64; 7]> {
        let totals = |(tally, withdrawn): (&Tally, &u32)| {
            [
                u64::from(tally.frames + withdrawn),
                u64::from(tally.completed),
                u64::from(tally.violated),
                u64::from(tally.dropped),
                tally.energy_nj,
                tally.worst_energy_nj,
                tally.accuracy_given_up,
            ]
        };
        self.scheduler.tallies().iter().zip(&self.withdrawn).map(totals).collect()
    }
}
