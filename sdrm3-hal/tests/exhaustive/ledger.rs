//! What the search holds the runtime to, from what the application hears alone.

use sdrm3_core::{DropReason, Event, Frame, Instant, ModelId, Policy, Progress, Scheduler, Ticket};
use sdrm3_hal::Application;

use crate::world::{ACCS, FACE, MODELS, NAME};

/// Frames of a model at most.
const NUMBERS: usize = 6;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    #[default]
    Unheard,
    Waits,
    Runs,
    Completed,
    Dropped,
    /// Its model was switched off: it is not counted.
    Withdrawn,
}

#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    lives: [[Life; NUMBERS]; MODELS],
    deadlines: [[Instant; NUMBERS]; MODELS],
    in_flight: [Option<(Ticket, ModelId, u32)>; ACCS],
    /// Tickets that a device has really ended well, and that were not applied yet.
    pub(crate) has_ended: Vec<Ticket>,
    released: [u8; MODELS],
    pub(crate) active: [bool; MODELS],
    /// Sequence number of the next dispatch.
    pub(crate) next_sequence: u32,
    /// How many events there were.
    pub(crate) heard: u32,
    /// The first thing that must not be.
    pub(crate) wrong: Option<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            lives: Default::default(),
            deadlines: Default::default(),
            in_flight: [None; ACCS],
            has_ended: Vec::new(),
            released: [0; MODELS],
            active: [true; MODELS],
            next_sequence: 0,
            heard: 0,
            wrong: None,
        }
    }
}

impl Ledger {
    pub(crate) fn complain(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    /// What it holds, less what nothing depends on.
    pub(crate) fn state(&self) -> impl std::fmt::Debug {
        (self.lives, self.in_flight, self.has_ended.clone(), self.released, self.active)
    }

    /// The caller has released a frame, whatever became of it.
    pub(crate) fn released(&mut self, model: ModelId) {
        self.released[usize::from(model.0)] += 1;
    }

    /// Deadlines of the frames under way.
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = Instant> {
        let all = self.lives.iter().flatten().zip(self.deadlines.iter().flatten());
        all.filter(|(life, _)| matches!(life, Life::Waits | Life::Runs)).map(|(_, deadline)| *deadline)
    }

    pub(crate) fn all_ended(&self) -> bool {
        self.deadlines().next().is_none()
    }

    fn life(&mut self, frame: &Frame) -> &mut Life {
        &mut self.lives[usize::from(frame.model.0)][frame.number as usize]
    }

    /// A frame goes from one of these to that, which it must do in no other way.
    fn moves(&mut self, frame: &Frame, from: Life, to: Life) {
        let life = *self.life(frame);
        if life != from {
            self.complain(format!("{frame:?} goes from {life:?} to {to:?}"));
        }
        *self.life(frame) = to;
        if from == Life::Unheard {
            self.deadlines[usize::from(frame.model.0)][frame.number as usize] = frame.deadline;
            let parent = self.lives[usize::from(FACE.0)][frame.number as usize];
            let due = if to == Life::Waits { Life::Completed } else { Life::Dropped };
            let no_room = to == Life::Dropped && parent == Life::Completed;
            if frame.model == NAME && parent != due && !no_room {
                self.complain(format!("{frame:?} comes to be {to:?}, its parent {parent:?}"));
            }
        }
    }

    fn ends_flight(&mut self, accelerator: usize) -> Option<(Ticket, ModelId, u32)> {
        let (ticket, model, number) = self.in_flight[accelerator].take()?;
        let zero = Instant::ZERO;
        let frame = Frame { release: zero, deadline: zero, origin: zero, number, model };
        self.moves(&frame, Life::Runs, Life::Waits);
        Some((ticket, model, number))
    }

    /// Everything adds up: frames are conserved, and both sides agree on what is in flight.
    pub(crate) fn check<P: Policy, const J: usize>(&mut self, scheduler: &Scheduler<'_, P, MODELS, J, ACCS>) {
        let count = |model: usize, life| self.lives[model].iter().filter(|one| **one == life).count() as u32;
        let (mut wrong, mut under_way) = (None, 0);
        for (model, tally) in scheduler.tallies().iter().enumerate() {
            let waits_or_runs = count(model, Life::Waits) + count(model, Life::Runs);
            let (completed, dropped) = (count(model, Life::Completed), count(model, Life::Dropped));
            under_way += waits_or_runs;
            let ours = [waits_or_runs + completed + dropped, completed, dropped];
            if ours != [tally.frames, tally.completed, tally.dropped] {
                wrong = Some(format!("model {model}: {ours:?} frames, completed, dropped, not {tally:?}"));
            }
            let heard = ours[0] + count(model, Life::Withdrawn);
            if ModelId(model as u8) != NAME && heard != u32::from(self.released[model]) {
                wrong = Some(format!("model {model}: {} released, {heard} heard of", self.released[model]));
            }
        }
        for (face, name) in self.lives[usize::from(FACE.0)].iter().zip(self.lives[usize::from(NAME.0)]) {
            if matches!(face, Life::Completed | Life::Dropped) && name == Life::Unheard {
                wrong = Some("a frame has ended, and nothing became of the one that depends on it".into());
            }
        }
        if under_way as usize != scheduler.jobs_in_flight() {
            wrong = Some(format!("{under_way} frames under way, not {}", scheduler.jobs_in_flight()));
        }
        if self.in_flight.iter().flatten().any(|(ticket, ..)| !scheduler.is_in_flight(*ticket)) {
            wrong = Some("a block is in flight that the scheduler does not know".into());
        }
        if let Some(wrong) = wrong {
            self.complain(wrong);
        }
    }
}

impl Application for Ledger {
    fn gives_rise(&mut self, _: &Frame, _: ModelId) -> bool {
        true
    }

    fn event(&mut self, event: &Event, now: Instant) {
        self.heard += 1;
        match event {
            Event::Released(frame, _) => self.moves(frame, Life::Unheard, Life::Waits),
            Event::Dispatched(block) => {
                let index = usize::from(block.ticket.accelerator.0);
                self.moves(&block.frame, Life::Waits, Life::Runs);
                if block.ticket.sequence != self.next_sequence {
                    self.complain(format!("{:?} is not a new ticket", block.ticket));
                }
                self.next_sequence = block.ticket.sequence + 1;
                let flight = (block.ticket, block.frame.model, block.frame.number);
                if let Some(before) = self.in_flight[index].replace(flight) {
                    self.complain(format!("two blocks in flight: {before:?} and {flight:?}"));
                }
            }
            Event::Completed(report) => {
                let flight = self.ends_flight(usize::from(report.ticket.accelerator.0));
                let expected = (report.ticket, report.frame.model, report.frame.number);
                if flight != Some(expected) {
                    self.complain(format!("{expected:?} completes while {flight:?} is in flight"));
                }
                let known = self.has_ended.iter().position(|ticket| *ticket == report.ticket);
                match known {
                    Some(known) => _ = self.has_ended.remove(known),
                    None => self.complain(format!("{:?} completes, which has not ended", report.ticket)),
                }
                match report.progress {
                    Progress::More => {}
                    _ => self.moves(&report.frame, Life::Waits, Life::Completed),
                }
            }
            Event::Dropped(frame, DropReason::NoRoom | DropReason::ParentLost) => {
                self.moves(frame, Life::Unheard, Life::Dropped);
            }
            Event::Dropped(frame, DropReason::Withdrawn) => self.moves(frame, Life::Waits, Life::Withdrawn),
            Event::Dropped(frame, reason) => {
                self.moves(frame, Life::Waits, Life::Dropped);
                let due = matches!(reason, DropReason::Stale | DropReason::Unplaceable);
                if due && now < frame.deadline {
                    self.complain(format!("{frame:?} is dropped as {reason:?} before its deadline"));
                }
            }
            Event::Faulted(accelerator, _, job) => {
                let flight = self.ends_flight(usize::from(accelerator.0));
                if flight.is_some() != job.is_some() {
                    self.complain(format!("{accelerator:?} loses {job:?}, while {flight:?} was in flight"));
                }
            }
            Event::Activated(model, active) => self.active[usize::from(model.0)] = *active,
            _ => {}
        }
    }
}
