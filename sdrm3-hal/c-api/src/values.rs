//! What goes into the calls and comes out: frames, actions, outcomes, counts.

#![allow(non_camel_case_types, reason = "the names of the header")]

use core::ffi::c_char;

use sdrm3_core::{
    AcceleratorId, Action, Cost, Dispatch, DropReason, Fault, Frame, Instant, JobId, Leftover, ModelId,
    NextWake, Outcome, Path, Progress, Report, Tally, Ticket,
};

use crate::status::sdrm3_status_t::{self, SDRM3_BAD_VALUE};
use crate::tables::sdrm3_cost_t;

/// One input of one model, and until when its result is worth something.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_frame_t {
    /// When the input was there.
    pub release_ns: u64,
    /// When its result is due.
    pub deadline_ns: u64,
    /// When the frame at the root of its cascade was released; its own release if it is a root.
    pub origin_ns: u64,
    /// Number of the frame within its model, from 0; a dependent has the number of its parent's.
    pub number: u32,
    /// The model.
    pub model: u8,
}

/// Names one dispatch: exactly one `sdrm3_complete` or `sdrm3_fault` answers it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_ticket_t {
    /// Number of the dispatch, modulo 2^32.
    pub sequence: u32,
    /// Where it runs.
    pub accelerator: u8,
}

/// A block of segments of one job, to be run on one accelerator.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_block_t {
    /// Why it was chosen: the score, with 20 fraction bits.
    pub score: i64,
    /// Names the dispatch, and its accelerator.
    pub ticket: sdrm3_ticket_t,
    /// What the tables expect of the block, without the switch.
    pub expected: sdrm3_cost_t,
    /// What moving the accelerator to this job is expected to cost.
    pub switch_cost: sdrm3_cost_t,
    /// The job's place, below the scheduler's room for jobs: an index for buffers per frame.
    pub job_index: u16,
    /// How many jobs had that place before, modulo 65 536.
    pub job_generation: u16,
    /// First segment of the block.
    pub first: u16,
    /// How many segments, at least 1.
    pub count: u16,
    /// Sub-network to run, counted from the heaviest.
    pub subnetwork: u8,
}

/// What to do next.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum sdrm3_action_kind_t {
    /// Nothing until a release, a completion or a fault.
    #[default]
    SDRM3_WAIT = 0,
    /// Nothing until `wake_ns`, or an event before: call `sdrm3_poll` then.
    SDRM3_WAIT_UNTIL = 1,
    /// Run `block` of `frame` on `block.ticket.accelerator`, and poll again.
    SDRM3_DISPATCH = 2,
    /// `frame` has ended without a result, because of `reason`: `sdrm3_lose_child` counts those that depend on it. Poll
    /// again.
    SDRM3_DROP = 3,
}

/// Why a frame ended without a result.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum sdrm3_drop_reason_t {
    /// It has not.
    #[default]
    SDRM3_DROP_NONE = 0,
    /// It had not started when its deadline came.
    SDRM3_DROP_STALE = 1,
    /// Smart frame drop: it could not meet its deadline any more, and others needed the room.
    SDRM3_DROP_INFEASIBLE = 2,
    /// A newer frame of its model took its place.
    SDRM3_DROP_SUPERSEDED = 3,
    /// Its model was switched off: it is not counted.
    SDRM3_DROP_WITHDRAWN = 4,
    /// Its deadline has passed, and no accelerator in service can run its next segment.
    SDRM3_DROP_UNPLACEABLE = 5,
    /// Another reason.
    SDRM3_DROP_OTHER = 6,
}

/// What the scheduler wants done next.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_action_t {
    /// Of `SDRM3_WAIT_UNTIL`: when to poll again at the latest; else 0.
    pub wake_ns: u64,
    /// Of `SDRM3_DISPATCH` and `SDRM3_DROP`: the frame; else zeros.
    pub frame: sdrm3_frame_t,
    /// Of `SDRM3_DISPATCH`: what to run; else zeros.
    pub block: sdrm3_block_t,
    /// What is to be done.
    pub kind: sdrm3_action_kind_t,
    /// Of `SDRM3_DROP`: why.
    pub reason: sdrm3_drop_reason_t,
}

/// How a network went on after a block.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sdrm3_path_t {
    /// With the next segment.
    SDRM3_PATH_NEXT = 0,
    /// `skipped` segments were skipped.
    SDRM3_PATH_SKIP = 1,
    /// The result is there: an early exit.
    SDRM3_PATH_EXIT = 2,
}

/// What an accelerator reports of a block that it ran. Only `finished_ns` must be given.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct sdrm3_outcome_t {
    /// When it ended, by the device's clock; if later than the call, the time of the call counts.
    pub finished_ns: u64,
    /// When it began, by the device's clock, if `has_start`: for the online latency correction.
    pub started_ns: u64,
    /// Energy that it took, the switch included, if `has_energy`; else the tables count.
    pub energy_nj: u32,
    /// Of `SDRM3_PATH_SKIP`: how many segments were skipped.
    pub skipped: u16,
    /// One of `sdrm3_path_t`.
    pub path: u8,
    /// Whether `started_ns` is known. 0 or 1.
    pub has_start: u8,
    /// Whether `energy_nj` was measured. 0 or 1.
    pub has_energy: u8,
}

/// How far a frame has come.
#[repr(u8)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum sdrm3_progress_t {
    /// More segments are left.
    #[default]
    SDRM3_MORE = 0,
    /// Complete, at or before its deadline: release the frames that depend on it.
    SDRM3_IN_TIME = 1,
    /// Complete, after its deadline: release the frames that depend on it.
    SDRM3_LATE = 2,
}

/// What the scheduler made of a completion.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_report_t {
    /// The frame.
    pub frame: sdrm3_frame_t,
    /// Energy spent, the switch included, in nanojoules.
    pub energy_nj: u32,
    /// Energy of the same segments each on its worst accelerator, plus the switch.
    pub worst_energy_nj: u32,
    /// The job, as in `sdrm3_block_t`.
    pub job_index: u16,
    /// The job, as in `sdrm3_block_t`.
    pub job_generation: u16,
    /// The sub-network that it runs, or the lighter one that it goes on with.
    pub subnetwork: u8,
    /// Whether the frame is complete, and in time.
    pub progress: sdrm3_progress_t,
}

/// What happened to an accelerator, apart from completions.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sdrm3_fault_t {
    /// The block it ran is lost; it can be given another.
    SDRM3_BLOCK_LOST = 0,
    /// The block it ran, if any, is lost, and it takes nothing until it is restored, which is expected
    /// soon.
    SDRM3_RESTING = 1,
    /// The block it ran, if any, is lost, and it takes nothing until it is restored: the system has
    /// changed, and the tuner starts again.
    SDRM3_OUT_OF_SERVICE = 2,
    /// It did not take the block that was dispatched, and takes nothing until it is restored, which is expected
    /// soon. The dispatch is taken back: the frame waits since it did before, and has not started if it had not.
    SDRM3_NOT_TAKEN = 3,
}

/// A frame that is left when a run ends.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_leftover_t {
    /// The frame.
    pub frame: sdrm3_frame_t,
    /// 1: its deadline was due within the run, it is violated; 0: it is left out of the count.
    pub overdue: u8,
}

/// What became of one model's frames, and what they took.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_tally_t {
    /// Energy spent, in nanojoules.
    pub energy_nj: u64,
    /// Energy of the same segments, each on its worst accelerator, in nanojoules.
    pub worst_energy_nj: u64,
    /// Sum over completed frames of the accuracy that lighter sub-networks gave up, in thousandths of a
    /// percent.
    pub accuracy_given_up_milli_percent: u64,
    /// Frames released; those left out at the end of a run are taken out again.
    pub frames: u32,
    /// Frames with a result, late ones included.
    pub completed: u32,
    /// Frames dropped, late or unfinished past their deadline.
    pub violated: u32,
    /// Frames that ended without a result.
    pub dropped: u32,
}

/// UXCost, lower is better, and its two factors.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct sdrm3_uxcost_t {
    /// `violation_rate_sum` times `energy_norm_sum`.
    pub value: f64,
    /// Sum over the models of their share of violated frames, by weight.
    pub violation_rate_sum: f64,
    /// Sum over the models of energy over that on the worst accelerators, by weight.
    pub energy_norm_sum: f64,
}

/// Why `sdrm3_init_small` or `sdrm3_init_large` refused, and where; `sdrm3_describe` says it in words.
/// Without a place: an argument of init, the configuration, or a member of the workload.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_error_t {
    /// Name of the model or accelerator, or null.
    pub name: *const c_char,
    /// Of `SDRM3_STORAGE_TOO_SMALL`: how many bytes the storage must have; else 0.
    pub needed_bytes: usize,
    /// What was answered, an `sdrm3_status_t`.
    pub status: i32,
    /// The model, or -1.
    pub model: i32,
    /// The sub-network, counted from the heaviest, or -1.
    pub subnetwork: i32,
    /// The segment, or -1.
    pub segment: i32,
    /// The accelerator, or -1.
    pub accelerator: i32,
}

/// 0 or 1 as C writes a truth.
pub(crate) const fn truth(value: u8) -> Result<bool, sdrm3_status_t> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(SDRM3_BAD_VALUE),
    }
}

impl From<Frame> for sdrm3_frame_t {
    fn from(frame: Frame) -> Self {
        Self {
            release_ns: frame.release.as_nanos(),
            deadline_ns: frame.deadline.as_nanos(),
            origin_ns: frame.origin.as_nanos(),
            number: frame.number,
            model: frame.model.0,
        }
    }
}

impl From<sdrm3_frame_t> for Frame {
    fn from(frame: sdrm3_frame_t) -> Self {
        Self {
            release: Instant::from_nanos(frame.release_ns),
            deadline: Instant::from_nanos(frame.deadline_ns),
            origin: Instant::from_nanos(frame.origin_ns),
            number: frame.number,
            model: ModelId(frame.model),
        }
    }
}

impl From<Ticket> for sdrm3_ticket_t {
    fn from(ticket: Ticket) -> Self {
        Self { sequence: ticket.sequence, accelerator: ticket.accelerator.0 }
    }
}

impl From<sdrm3_ticket_t> for Ticket {
    fn from(ticket: sdrm3_ticket_t) -> Self {
        Self { accelerator: AcceleratorId(ticket.accelerator), sequence: ticket.sequence }
    }
}

impl From<Cost> for sdrm3_cost_t {
    fn from(cost: Cost) -> Self {
        Self { latency_ns: cost.latency_ns, energy_nj: cost.energy_nj }
    }
}

impl From<sdrm3_cost_t> for Cost {
    fn from(cost: sdrm3_cost_t) -> Self {
        Self::new(cost.latency_ns, cost.energy_nj)
    }
}

impl From<&Dispatch> for sdrm3_block_t {
    fn from(block: &Dispatch) -> Self {
        let (job_index, job_generation) = place(block.job);
        Self {
            score: block.score.0,
            ticket: block.ticket.into(),
            expected: block.expected.into(),
            switch_cost: block.switch.into(),
            job_index,
            job_generation,
            first: block.first,
            count: block.count,
            subnetwork: block.subnetwork,
        }
    }
}

const fn place(job: JobId) -> (u16, u16) {
    (job.index(), job.generation())
}

impl From<DropReason> for sdrm3_drop_reason_t {
    fn from(reason: DropReason) -> Self {
        match reason {
            DropReason::Stale => Self::SDRM3_DROP_STALE,
            DropReason::Infeasible => Self::SDRM3_DROP_INFEASIBLE,
            DropReason::Superseded => Self::SDRM3_DROP_SUPERSEDED,
            DropReason::Withdrawn => Self::SDRM3_DROP_WITHDRAWN,
            DropReason::Unplaceable => Self::SDRM3_DROP_UNPLACEABLE,
            _ => Self::SDRM3_DROP_OTHER,
        }
    }
}

impl From<Action> for sdrm3_action_t {
    fn from(action: Action) -> Self {
        match action {
            Action::Dispatch(block) => Self {
                kind: sdrm3_action_kind_t::SDRM3_DISPATCH,
                frame: block.frame.into(),
                block: (&block).into(),
                ..Self::default()
            },
            Action::Drop(frame, reason) => Self {
                kind: sdrm3_action_kind_t::SDRM3_DROP,
                frame: frame.into(),
                reason: reason.into(),
                ..Self::default()
            },
            Action::Wait(NextWake::At(at)) => Self {
                kind: sdrm3_action_kind_t::SDRM3_WAIT_UNTIL,
                wake_ns: at.as_nanos(),
                ..Self::default()
            },
            Action::Wait(NextWake::Idle) => Self::default(),
        }
    }
}

impl TryFrom<&sdrm3_outcome_t> for Outcome {
    type Error = sdrm3_status_t;

    fn try_from(outcome: &sdrm3_outcome_t) -> Result<Self, sdrm3_status_t> {
        const NEXT: u8 = sdrm3_path_t::SDRM3_PATH_NEXT as u8;
        const SKIP: u8 = sdrm3_path_t::SDRM3_PATH_SKIP as u8;
        const EXIT: u8 = sdrm3_path_t::SDRM3_PATH_EXIT as u8;
        let path = match outcome.path {
            NEXT => Path::Next,
            SKIP => Path::Skip(outcome.skipped),
            EXIT => Path::Exit,
            _ => return Err(SDRM3_BAD_VALUE),
        };
        Ok(Self {
            path,
            started: truth(outcome.has_start)?.then_some(Instant::from_nanos(outcome.started_ns)),
            finished: Instant::from_nanos(outcome.finished_ns),
            energy_nj: truth(outcome.has_energy)?.then_some(outcome.energy_nj),
        })
    }
}

impl From<Report> for sdrm3_report_t {
    fn from(report: Report) -> Self {
        let (job_index, job_generation) = place(report.job);
        Self {
            frame: report.frame.into(),
            energy_nj: report.energy_nj,
            worst_energy_nj: report.worst_energy_nj,
            job_index,
            job_generation,
            subnetwork: report.subnetwork,
            progress: match report.progress {
                Progress::More => sdrm3_progress_t::SDRM3_MORE,
                Progress::InTime => sdrm3_progress_t::SDRM3_IN_TIME,
                Progress::Late => sdrm3_progress_t::SDRM3_LATE,
            },
        }
    }
}

/// A fault as C names it.
pub(crate) const fn fault(kind: u8) -> Result<Fault, sdrm3_status_t> {
    const BLOCK_LOST: u8 = sdrm3_fault_t::SDRM3_BLOCK_LOST as u8;
    const RESTING: u8 = sdrm3_fault_t::SDRM3_RESTING as u8;
    const OUT_OF_SERVICE: u8 = sdrm3_fault_t::SDRM3_OUT_OF_SERVICE as u8;
    const NOT_TAKEN: u8 = sdrm3_fault_t::SDRM3_NOT_TAKEN as u8;
    match kind {
        BLOCK_LOST => Ok(Fault::BlockLost),
        RESTING => Ok(Fault::Resting),
        OUT_OF_SERVICE => Ok(Fault::OutOfService),
        NOT_TAKEN => Ok(Fault::NotTaken),
        _ => Err(SDRM3_BAD_VALUE),
    }
}

impl From<Leftover> for sdrm3_leftover_t {
    fn from(leftover: Leftover) -> Self {
        match leftover {
            Leftover::Overdue(frame) => Self { frame: frame.into(), overdue: 1 },
            Leftover::LeftOut(frame) => Self { frame: frame.into(), overdue: 0 },
        }
    }
}

impl From<&Tally> for sdrm3_tally_t {
    fn from(tally: &Tally) -> Self {
        Self {
            energy_nj: tally.energy_nj,
            worst_energy_nj: tally.worst_energy_nj,
            accuracy_given_up_milli_percent: tally.accuracy_given_up,
            frames: tally.frames,
            completed: tally.completed,
            violated: tally.violated,
            dropped: tally.dropped,
        }
    }
}
