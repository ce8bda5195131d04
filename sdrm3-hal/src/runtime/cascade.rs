//! Frames that depend on others: released when their parent is complete, lost when it is.

use heapless::Vec;
use sdrm3_core::{DropReason, Event, Frame, Instant, Leftover, Policy, Refused};

use super::supervision::Step;
use super::{Application, Runtime};
use crate::queue::AcceleratorQueue;
use crate::trace::Sink;

impl<P, Q, S, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Runtime<'_, P, Q, MODELS, JOBS, ACCS, S>
where
    P: Policy,
    Q: AcceleratorQueue,
    S: Sink,
{
    /// Ends the run: every frame that is left is reported as overdue or left out. Frames that depend on
    /// it are lost: all of an overdue frame's, and of one that is left out those that were due before.
    pub fn close(&mut self, end: Instant, application: &mut impl Application) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_running()) {
            lane.go(Step::Free, Instant::MAX);
        }
        while let Some(leftover) = self.scheduler.close(end) {
            application.event(&Event::Unfinished(leftover), end);
            match leftover {
                Leftover::Overdue(frame) => self.lose_children(frame, Instant::MAX, end, application),
                Leftover::LeftOut(frame) => self.lose_children(frame, end, end, application),
            }
        }
    }

    pub(super) fn release_children(
        &mut self,
        parent: Frame,
        now: Instant,
        application: &mut impl Application,
    ) {
        for (child, _) in self.scheduler.workload().children(parent.model) {
            if !application.gives_rise(&parent, child) {
                continue;
            }
            match self.scheduler.release_child(child, &parent, now) {
                Ok((frame, job)) => application.event(&Event::Released(frame, job), now),
                Err(Refused { frame: Some(frame), .. }) => self.give_up(frame, now, application),
                Err(Refused { frame: None, .. }) => {}
            }
        }
    }

    /// Reports a lost frame that the scheduler has counted, and loses those that depend on it.
    pub(super) fn lose(
        &mut self,
        frame: Frame,
        reason: DropReason,
        now: Instant,
        application: &mut impl Application,
    ) {
        application.event(&Event::Dropped(frame, reason), now);
        self.lose_children(frame, Instant::MAX, now, application);
    }

    /// Counts the frames that depend on one, directly or not, as lost: those that are due by then.
    fn lose_children(
        &mut self,
        frame: Frame,
        due_by: Instant,
        now: Instant,
        application: &mut impl Application,
    ) {
        // Cascades have no cycles, so each model is met at most once.
        let mut lost = Vec::<Frame, MODELS>::new();
        let _ = lost.push(frame);
        while let Some(parent) = lost.pop() {
            for (model, row) in self.scheduler.workload().children(parent.model) {
                if !application.gives_rise(&parent, model) || !self.scheduler.is_active(model) {
                    continue;
                }
                let deadline = row.deadline.map_or(parent.deadline, |d| parent.origin.saturating_add(d));
                let frame = if deadline > due_by {
                    // It had more time; a frame that depends on it may have had less.
                    Frame { release: now, deadline, model, ..parent }
                } else if let Ok(frame) = self.scheduler.lose_child(model, &parent, now) {
                    application.event(&Event::Dropped(frame, DropReason::ParentLost), now);
                    frame
                } else {
                    continue;
                };
                let _ = lost.push(frame);
            }
        }
    }
}
