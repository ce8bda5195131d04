//! The books of every frame: each one offered ends exactly once.
//!
//! They are kept from the outside, from what was offered and from the runtime's events; the scheduler's
//! tallies are not asked. Times are those of the world, not those the runtime was told.

use std::collections::BTreeMap;

use sdrm3_core::{DropReason, Event, Frame, Instant, Leftover, ModelId, Progress, Tally, UxCost};
use sdrm3_hal::Application;

use super::plan::{Usage, Window};
use crate::engine::{Cell, Draw};
use crate::scenario::{ACCELERATORS, MODELS, Parent};

/// How a frame ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a result, at this instant.
    Completed(Instant),
    /// Without one.
    Dropped(DropReason),
    /// It was under way when the run ended.
    Left,
}

/// What is known of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its model.
    pub model: ModelId,
    /// When the input at the root of its cascade was there.
    pub arrived: Instant,
    /// When its result is due.
    pub deadline: Instant,
    /// How it ended, if it has.
    pub end: Option<End>,
    /// What it took, and what it would have on the worst accelerators.
    energy_nj: u64,
    worst_energy_nj: u64,
    /// It became a job.
    admitted: bool,
}

impl Account {
    /// Whether its result was there in time.
    pub fn in_time(&self) -> bool {
        matches!(self.end, Some(End::Completed(at)) if at <= self.deadline)
    }

    /// Whether it counts in a run until `end`: a frame that was withdrawn does not, nor does one that had
    /// more time than the run.
    pub fn counts(&self, end: Instant) -> bool {
        match self.end {
            Some(End::Dropped(DropReason::Withdrawn)) => false,
            Some(End::Completed(_) | End::Dropped(_)) => true,
            Some(End::Left) | None => self.deadline <= end,
        }
    }
}

/// Keeps the books of a run. It is the run's application, too: it answers for cascades.
#[derive(Debug)]
pub struct Ledger<'a> {
    cell: Cell<'a>,
    parents: Vec<Option<Parent>>,
    draw: Draw,
    window: Window,
    /// The world's time.
    now: Instant,
    accounts: BTreeMap<(u8, u32), Account>,
    /// Events of frames that nobody offered, or that had ended: each is a frame too many.
    astray: u32,
    turned_away: u32,
    usage: Usage,
}

/// Numbers of frames that were turned away begin here: they are none of the scheduler's.
const TURNED_AWAY: u32 = 1 << 31;

impl<'a> Ledger<'a> {
    /// For a run of this cell on these draws; the use of accelerators is counted within the window.
    pub fn new(cell: &Cell<'a>, draw: Draw, window: Window) -> Self {
        Self {
            cell: *cell,
            parents: cell.scenario.models.iter().map(|model| model.parent).collect(),
            draw,
            window,
            now: Instant::ZERO,
            accounts: BTreeMap::new(),
            astray: 0,
            turned_away: 0,
            usage: [[0; MODELS]; ACCELERATORS],
        }
    }

    /// It is this late in the world.
    pub fn set_time(&mut self, now: Instant) {
        self.now = now;
    }

    /// The runtime was offered an input, and gave it this name, whether it took it or not.
    pub fn offered(&mut self, frame: &Frame) {
        let deadline = self.cell.workload.model(frame.model).and_then(|model| model.deadline);
        let deadline = self.now.saturating_add(deadline.unwrap_or(sdrm3_core::Duration::MAX));
        self.open(frame.model, frame.number, self.now, deadline);
    }

    /// The runtime was offered an input, and gave no name to it: that is none of its answers.
    pub fn nameless(&mut self) {
        self.astray += 1;
    }

    /// An input was turned away at the door: it is lost, and all that would have come of it.
    pub fn turn_away(&mut self, model: ModelId) {
        let number = TURNED_AWAY + self.turned_away;
        self.turned_away += 1;
        let frame = Frame { release: self.now, deadline: self.now, origin: self.now, number, model };
        self.offered(&frame);
        let mut lost = vec![frame];
        while let Some(frame) = lost.pop() {
            self.close(&frame, End::Dropped(DropReason::NoRoom));
            let children = self.children_of(&frame);
            self.owe(&frame, &children);
            lost.extend(children.into_iter().map(|model| Frame { model, ..frame }));
        }
    }

    /// How many models there are.
    pub fn models(&self) -> usize {
        self.parents.len()
    }

    /// How many frames were offered, or were owed to ones that were.
    pub fn frames(&self) -> usize {
        self.accounts.len()
    }

    /// Frames without an end, with more than one, or without a beginning: 0, or something is wrong.
    pub fn unaccounted(&self) -> u32 {
        let open = self.accounts.values().filter(|account| account.end.is_none()).count();
        self.astray + open as u32
    }

    /// Blocks by accelerator and model, within the window.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// All accounts, by model and number.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// UXCost of the frames whose input was there within the window; energy is that of these frames.
    /// `None` if there were none.
    pub fn uxcost(&self, within: Window, end: Instant) -> Option<f64> {
        let mut tallies = vec![Tally::default(); self.parents.len()];
        for account in self.accounts().filter(|a| within.has(a.arrived) && a.counts(end)) {
            let tally = &mut tallies[usize::from(account.model.0)];
            tally.frames += 1;
            tally.violated += u32::from(!account.in_time());
            tally.energy_nj += account.energy_nj;
            tally.worst_energy_nj += account.worst_energy_nj;
        }
        let weights = self.cell.workload.models.iter().map(|model| model.weight_percent);
        let any = tallies.iter().any(|tally| tally.frames > 0);
        any.then(|| UxCost::of(tallies.iter().zip(weights)).value())
    }

    fn open(&mut self, model: ModelId, number: u32, arrived: Instant, deadline: Instant) {
        let account = Account {
            model,
            arrived,
            deadline,
            end: None,
            energy_nj: 0,
            worst_energy_nj: 0,
            admitted: false,
        };
        // Two frames of one name: one of them is lost.
        self.astray += u32::from(self.accounts.insert((model.0, number), account).is_some());
    }

    fn close(&mut self, frame: &Frame, end: End) {
        match self.accounts.get_mut(&(frame.model.0, frame.number)) {
            Some(account) if account.end.is_none() => account.end = Some(end),
            _ => self.astray += 1,
        }
    }

    /// The dependent models that a frame gives rise to, by the draws.
    fn children_of(&self, parent: &Frame) -> Vec<ModelId> {
        let models = self.parents.iter().zip(0u8..).zip(&self.cell.scenario.models);
        let of_parent = models.filter(|((spec, _), model)| {
            model.active && spec.is_some_and(|spec| spec.index == usize::from(parent.model.0))
        });
        of_parent.map(|((_, index), _)| ModelId(index)).filter(|child| self.rises(parent, *child)).collect()
    }

    fn rises(&self, parent: &Frame, child: ModelId) -> bool {
        let index = usize::from(child.0);
        self.parents[index].is_some_and(|spec| self.draw.gives_rise(&spec, index, parent.number))
    }

    /// Whatever became of a frame, an account is owed of each that depends on it.
    fn owe(&mut self, parent: &Frame, children: &[ModelId]) {
        let Some(&account) = self.accounts.get(&(parent.model.0, parent.number)) else { return };
        for &child in children {
            let deadline = self.cell.workload.model(child).and_then(|row| row.deadline);
            let deadline = deadline.map_or(account.deadline, |d| account.arrived.saturating_add(d));
            self.open(child, parent.number, account.arrived, deadline);
        }
    }

    fn owe_all(&mut self, parent: &Frame) {
        let children = self.children_of(parent);
        self.owe(parent, &children);
    }

    /// A frame was left out at the end, as it had more time than the run: so are those that depend on it,
    /// but for those that were due, by the runtime's clock.
    fn owe_due(&mut self, parent: &Frame, end: Instant) {
        for child in self.children_of(parent) {
            let deadline = self.cell.workload.model(child).and_then(|row| row.deadline);
            let deadline = deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
            if deadline <= end {
                self.owe(parent, &[child]);
            }
        }
    }
}

impl Application for Ledger<'_> {
    fn gives_rise(&mut self, parent: &Frame, child: ModelId) -> bool {
        self.rises(parent, child)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Released(frame, _) if self.parents[usize::from(frame.model.0)].is_some() => {
                match self.accounts.get_mut(&(frame.model.0, frame.number)) {
                    Some(account) if !account.admitted => account.admitted = true,
                    _ => self.astray += 1,
                }
            }
            Event::Dispatched(block) if self.window.has(self.now) => {
                self.usage[usize::from(block.ticket.accelerator.0)][usize::from(block.frame.model.0)] += 1;
            }
            Event::Completed(report) => {
                if let Some(account) = self.accounts.get_mut(&(report.frame.model.0, report.frame.number)) {
                    account.energy_nj += u64::from(report.energy_nj);
                    account.worst_energy_nj += u64::from(report.worst_energy_nj);
                }
                if report.progress != Progress::More {
                    self.close(&report.frame, End::Completed(report.finished));
                    self.owe_all(&report.frame);
                }
            }
            Event::Dropped(frame, reason) => {
                self.close(frame, End::Dropped(*reason));
                if *reason != DropReason::Withdrawn {
                    self.owe_all(frame);
                }
            }
            Event::Unfinished(Leftover::Overdue(frame)) => {
                self.close(frame, End::Left);
                self.owe_all(frame);
            }
            Event::Unfinished(Leftover::LeftOut(frame)) => {
                self.close(frame, End::Left);
                self.owe_due(frame, now);
            }
            _ => {}
        }
    }
}
