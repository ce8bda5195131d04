//! How jobs move on: completions, faults, and accelerators that come back.

use super::{Error, InFlight, NOBODY, Scheduler, segments_of};
use crate::event::{Event, Fault, Outcome, Path, Progress, Report, Ticket};
use crate::job::{Frame, JobId, State};
use crate::policy::{Activity, Policy};
use crate::supernet;
use crate::time::{Duration, Instant};
use crate::workload::{AcceleratorId, Segment};

impl<P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>
    Scheduler<'_, P, MODELS, JOBS, ACCS>
{
    /// Whether the block of this ticket is in flight: dispatched, and neither completed nor lost. O(1).
    pub fn is_in_flight(&self, ticket: Ticket) -> bool {
        let slot = self.slots.get(usize::from(ticket.accelerator.0));
        slot.and_then(|slot| slot.in_flight).is_some_and(|block| block.sequence == ticket.sequence)
    }

    /// Reports that a dispatched block has ended. O(segments of the block + JOBS x ACCS), and O(models x depth of
    /// cascades) when its frame ends.
    ///
    /// The answer says whether the frame is complete. On `Err` nothing has changed.
    pub fn complete(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Result<Report, Error> {
        self.check_time(now)?;
        let index = usize::from(ticket.accelerator.0);
        let slot = self.slots.get(index).ok_or(Error::UnknownAccelerator(ticket.accelerator))?;
        let block = slot
            .in_flight
            .filter(|block| block.sequence == ticket.sequence)
            .ok_or(Error::StaleTicket(ticket))?;
        let job = self.jobs.get(block.job).ok_or(Error::StaleTicket(ticket))?;
        let (frame, mut subnetwork, first) = (job.frame(), job.subnetwork, job.position);
        let segments = segments_of(self.workload, frame.model, subnetwork);
        let next = next_segment(first, &block, outcome.path, segments.len())
            .ok_or(Error::SkipBeyondEnd { ticket, path: outcome.path })?;

        self.now = now;
        let finished = outcome.finished.min(now);
        let run = segments.get(usize::from(first)..).unwrap_or(&[]);
        let (energy_nj, worst_energy_nj) = energy(run, &block, &outcome, index);
        let started = outcome.started.unwrap_or(block.dispatched);
        if self.config.correction && started <= finished {
            let took = finished.saturating_since(started);
            let expected = expected(run, &block, index);
            let among = self.accelerators.len();
            if let Some(model) = self.models.get_mut(usize::from(frame.model.0)) {
                model.correction.learn(index, among, took, expected);
            }
        }
        let progress = match segments.get(next) {
            Some(mut segment) => {
                if segment.info().switch_point && self.config.supernet {
                    // What was learnt just now counts for the frames that wait, too.
                    self.prepare_jobs(frame.model);
                    let lighter = self.lighten(&frame, block.job, subnetwork, next as u16, now);
                    if let Some(same_place) = segments_of(self.workload, frame.model, lighter).get(next) {
                        (subnetwork, segment) = (lighter, same_place);
                    }
                }
                self.vacate(index, Some(block.job), segment.info().activation_bytes);
                if let Some(job) = self.jobs.get_mut(block.job) {
                    job.segment = segment;
                    job.position = next as u16;
                    job.subnetwork = subnetwork;
                    job.ready.since = now;
                    job.state = State::Started;
                }
                Progress::More
            }
            None => {
                self.vacate(index, None, 0);
                self.jobs.remove(block.job);
                self.forget(block.job);
                self.remember(frame.model, false);
                if finished > frame.deadline { Progress::Late } else { Progress::InTime }
            }
        };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.last_model = Some(frame.model);
        }
        self.prepare_jobs(frame.model);
        let given_up = self.accuracy_given_up(&frame, subnetwork);
        if let Some(tally) = self.tallies.get_mut(usize::from(frame.model.0)) {
            tally.energy_nj = tally.energy_nj.saturating_add(u64::from(energy_nj));
            tally.worst_energy_nj = tally.worst_energy_nj.saturating_add(u64::from(worst_energy_nj));
            if progress != Progress::More {
                tally.completed = tally.completed.saturating_add(1);
                tally.violated = tally.violated.saturating_add(u32::from(progress == Progress::Late));
                tally.accuracy_given_up = tally.accuracy_given_up.saturating_add(given_up);
            }
        }
        let report = Report {
            ticket,
            job: block.job,
            frame,
            subnetwork,
            finished,
            energy_nj,
            worst_energy_nj,
            progress,
        };
        self.policy.observe(&Event::Completed(report), now);
        Ok(report)
    }

    /// Reports that an accelerator failed, or did not take a block; the job that it ran is ready again, at
    /// the segment it was at, and is returned; one of which nothing has run is superseded if a newer frame of a
    /// model whose [latest wins](crate::Model::latest_wins) came meanwhile. O(JOBS x ACCS). On `Err` nothing has changed.
    pub fn fault(
        &mut self,
        accelerator: AcceleratorId,
        fault: Fault,
        now: Instant,
    ) -> Result<Option<JobId>, Error> {
        self.check_time(now)?;
        let index = usize::from(accelerator.0);
        let slot = self.slots.get_mut(index).ok_or(Error::UnknownAccelerator(accelerator))?;
        let block = slot.in_flight;
        let lost = block.map(|block| block.job);
        let (mut last_job, mut resident_bytes) = (None, 0);
        if fault != Fault::NotTaken {
            // It may have been reset, or without power.
            slot.last_model = None;
        } else if slot.left_by != NOBODY {
            // Nothing has moved: that job's activations are still there.
            (last_job, resident_bytes) = (Some(self.jobs.id_of(slot.left_by)), slot.resident_bytes);
        }
        self.now = now;
        self.vacate(index, last_job, resident_bytes);
        if let Some((block, job)) = block.and_then(|block| Some((block, self.jobs.get_mut(block.job)?))) {
            if fault == Fault::NotTaken && !block.had_started {
                // A newer one may have come meanwhile.
                job.state = State::Fresh;
                let (model, number) = (job.model, job.number);
                self.let_the_latest_win(model, number);
                self.prepare_jobs(model);
            } else {
                job.state = State::Started;
                if fault != Fault::NotTaken {
                    job.ready.since = now;
                }
            }
        }
        if let Some(state) = self.accelerators.get(index) {
            match (fault, state.activity) {
                (Fault::BlockLost, _) | (Fault::Resting | Fault::NotTaken, Activity::OutOfService) => {}
                (Fault::Resting | Fault::NotTaken, _) => self.set_activity(index, Activity::Resting),
                (Fault::OutOfService, _) => {
                    self.set_activity(index, Activity::OutOfService);
                    self.rearm();
                }
            }
        }
        self.policy.observe(&Event::Faulted(accelerator, fault, lost), now);
        Ok(lost)
    }

    /// Puts an accelerator back into service; nothing happens if it is in service. O(1).
    pub fn restore(&mut self, accelerator: AcceleratorId, now: Instant) -> Result<(), Error> {
        self.check_time(now)?;
        let index = usize::from(accelerator.0);
        let state = self.accelerators.get(index).ok_or(Error::UnknownAccelerator(accelerator))?;
        let before = state.activity;
        self.now = now;
        if matches!(before, Activity::Idle | Activity::Busy { .. }) {
            return Ok(());
        }
        self.set_activity(index, Activity::Idle);
        if before == Activity::OutOfService {
            self.rearm();
        }
        self.policy.observe(&Event::Restored(accelerator), now);
        Ok(())
    }

    /// The accelerator has nothing in flight any more.
    pub(super) fn vacate(&mut self, index: usize, last_job: Option<JobId>, resident_bytes: u32) {
        if let (Some(slot), Some(state)) = (self.slots.get_mut(index), self.accelerators.get_mut(index)) {
            let left_by = last_job.map_or(NOBODY, JobId::index);
            (slot.in_flight, slot.resident_bytes, slot.left_by) = (None, resident_bytes, left_by);
            state.last_job = last_job;
            if matches!(state.activity, Activity::Busy { .. }) {
                self.set_activity(index, Activity::Idle);
            }
        }
    }

    /// The job has ended: nobody needs what it left on an accelerator, so no switch spills it, and its
    /// name may come to stand for another job. O(ACCS).
    pub(super) fn forget(&mut self, id: JobId) {
        for (state, slot) in self.accelerators.iter_mut().zip(&mut self.slots) {
            if slot.left_by == id.index {
                (slot.resident_bytes, slot.left_by) = (0, NOBODY);
                state.last_job.take_if(|last| *last == id);
            }
        }
    }

    /// The sub-network to go on with from a switch point: the same, or a lighter one that the load asks
    /// for and that keeps the finished work. O(JOBS + log sub-networks).
    fn lighten(&mut self, frame: &Frame, id: JobId, current: u8, position: u16, now: Instant) -> u8 {
        let index = usize::from(frame.model.0);
        let (Some(model), Some(state)) = (self.workload.model(frame.model), self.models.get(index)) else {
            return current;
        };
        let available = self.available(frame, Some(id), now);
        let chosen = supernet::lighten(model.subnetworks, position, available, current, state.lightest);
        if let Some(state) = self.models.get_mut(index).filter(|_| chosen != current) {
            state.subnetwork = state.subnetwork.max(chosen);
        }
        chosen
    }

    /// By how much a sub-network is less accurate than the heaviest, in thousandths of a percent.
    fn accuracy_given_up(&self, frame: &Frame, subnetwork: u8) -> u64 {
        let subnetworks = self.workload.model(frame.model).map_or(&[][..], |model| model.subnetworks);
        match (subnetworks.first(), subnetworks.get(usize::from(subnetwork))) {
            (Some(heaviest), Some(used)) if used.accuracy_milli_percent > 0 => {
                u64::from(heaviest.accuracy_milli_percent.saturating_sub(used.accuracy_milli_percent))
            }
            _ => 0,
        }
    }
}

/// The segment after a block that went that way; the length when the network is through, `None` when
/// it says that it went beyond.
fn next_segment(first: u16, block: &InFlight, path: Path, length: usize) -> Option<usize> {
    let behind = usize::from(first) + usize::from(block.count);
    match path {
        Path::Next => Some(behind),
        Path::Exit => Some(length),
        Path::Skip(skipped) => Some(behind + usize::from(skipped)).filter(|&next| next <= length),
    }
}

/// Time that a block was expected to take by the tables, the switch included; `run` begins with it.
fn expected<const ACCS: usize>(run: &[Segment<ACCS>], block: &InFlight, accelerator: usize) -> Duration {
    let on = run.iter().take(usize::from(block.count)).filter_map(|row| row.placements().get(accelerator));
    let latency_ns = on.fold(0u32, |sum, placement| sum.saturating_add(placement.latency_ns));
    Duration::from_nanos(u64::from(latency_ns) + u64::from(block.switch.latency_ns))
}

/// Energy spent, and that of the same segments each on its worst accelerator; both with the switch.
fn energy<const ACCS: usize>(
    run: &[Segment<ACCS>],
    block: &InFlight,
    outcome: &Outcome,
    accelerator: usize,
) -> (u32, u32) {
    let (mut table, mut worst) = (block.switch.energy_nj, block.switch.energy_nj);
    for segment in run.iter().take(usize::from(block.count)) {
        let here = segment.placements().get(accelerator).map_or(0, |placement| placement.energy_nj);
        table = table.saturating_add(here);
        worst = worst.saturating_add(segment.info().worst_energy_nj);
    }
    (outcome.energy_nj.unwrap_or(table), worst)
}
