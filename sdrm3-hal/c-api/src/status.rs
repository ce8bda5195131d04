//! What a call answers: one code each, and a line of text.

use sdrm3_core::{Cause, Error, Refusal};

/// What every call answers. On anything but `SDRM3_OK` nothing has changed, unless the call says so.
#[allow(non_camel_case_types, reason = "the names of the header")]
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sdrm3_status_t {
    /// Done.
    SDRM3_OK = 0,
    /// `sdrm3_close` has nothing left to report.
    SDRM3_END = 1,

    /// A pointer is null that must not be.
    SDRM3_NULL_POINTER = 10,
    /// A pointer is not aligned for what it points to.
    SDRM3_MISALIGNED = 11,
    /// A size or count is larger than memory.
    SDRM3_SIZE_OVERFLOW = 12,
    /// The storage is too small; `sdrm3_error_t::needed_bytes` says how much the workload takes.
    SDRM3_STORAGE_TOO_SMALL = 13,
    /// The storage holds no scheduler: never initialised, ended, moved, or overwritten.
    SDRM3_NOT_INITIALISED = 14,
    /// A call on this scheduler was interrupted by this one.
    SDRM3_BUSY = 15,
    /// The header and the library are of different versions, or were compiled with other struct layouts.
    SDRM3_WRONG_ABI = 16,
    /// A value is none of those that its description lists.
    SDRM3_BAD_VALUE = 17,

    /// All places for jobs are taken; try again after a completion or drop, or give the frame up.
    SDRM3_FULL = 20,
    /// The workload has no such model.
    SDRM3_UNKNOWN_MODEL = 21,
    /// The workload has no such accelerator.
    SDRM3_UNKNOWN_ACCELERATOR = 22,
    /// The model runs on frames of another one: `sdrm3_release_child` takes its frames.
    SDRM3_NEEDS_PARENT = 23,
    /// The model does not run on frames of that parent.
    SDRM3_NOT_A_CHILD = 24,
    /// The model is switched off: none of its frames is taken, or counted. Forget the frame.
    SDRM3_INACTIVE = 25,
    /// The time given lies before one given earlier.
    SDRM3_TIME_WENT_BACK = 26,
    /// No block with this ticket is in flight: completed before, lost to a fault, or never dispatched.
    SDRM3_STALE_TICKET = 27,
    /// The model has no period to change: it runs on frames of another one.
    SDRM3_FOLLOWS_PARENT = 28,
    /// The outcome skips past the end of the network.
    SDRM3_OUTCOME_BEYOND_END = 29,

    /// There is no model.
    SDRM3_NO_MODELS = 40,
    /// More models than this size of scheduler holds.
    SDRM3_TOO_MANY_MODELS = 41,
    /// There is no accelerator.
    SDRM3_NO_ACCELERATORS = 42,
    /// More accelerators than this size of scheduler holds.
    SDRM3_TOO_MANY_ACCELERATORS = 43,
    /// The switch table of an accelerator is neither absent nor models x models.
    SDRM3_SWITCH_TABLE_SIZE = 44,
    /// A period is zero.
    SDRM3_ZERO_PERIOD = 45,
    /// The parent is no row of this workload's table of models.
    SDRM3_UNKNOWN_PARENT = 46,
    /// The model depends on itself through its parents.
    SDRM3_CASCADE_CYCLE = 47,
    /// The drop budget is not of 1 to 32 frames.
    SDRM3_BAD_DROP_BUDGET = 48,
    /// A probability does not lie in 1 to 65536.
    SDRM3_BAD_PROBABILITY = 49,
    /// The branch is none of `sdrm3_branch_t`.
    SDRM3_BAD_BRANCH = 50,
    /// The model has no sub-network.
    SDRM3_NO_SUBNETWORK = 51,
    /// More than 255 sub-networks.
    SDRM3_TOO_MANY_SUBNETWORKS = 52,
    /// The sub-network has no segment.
    SDRM3_NO_SEGMENTS = 53,
    /// More than 65 535 segments.
    SDRM3_TOO_MANY_SEGMENTS = 54,
    /// The cost table has another number of columns than the workload has accelerators.
    SDRM3_COST_COLUMNS = 55,
    /// No accelerator can run the segment.
    SDRM3_RUNS_NOWHERE = 56,
    /// The segment skips past the end of the network.
    SDRM3_SKIP_BEYOND_END = 57,
    /// More segments are said to be shared than both sub-networks have, or they differ.
    SDRM3_PREFIX_NOT_SHARED = 58,
    /// A lighter sub-network expects more work than the heavier one before it.
    SDRM3_LIGHTER_COSTS_MORE = 59,
    /// The workload cannot work for another reason: kept for later versions, this one gives none.
    SDRM3_BAD_WORKLOAD = 60,
}

use sdrm3_status_t::*;

impl sdrm3_status_t {
    /// Every status.
    ///
    /// cbindgen:ignore
    pub const ALL: [Self; 41] = [
        SDRM3_OK,
        SDRM3_END,
        SDRM3_NULL_POINTER,
        SDRM3_MISALIGNED,
        SDRM3_SIZE_OVERFLOW,
        SDRM3_STORAGE_TOO_SMALL,
        SDRM3_NOT_INITIALISED,
        SDRM3_BUSY,
        SDRM3_WRONG_ABI,
        SDRM3_BAD_VALUE,
        SDRM3_FULL,
        SDRM3_UNKNOWN_MODEL,
        SDRM3_UNKNOWN_ACCELERATOR,
        SDRM3_NEEDS_PARENT,
        SDRM3_NOT_A_CHILD,
        SDRM3_INACTIVE,
        SDRM3_TIME_WENT_BACK,
        SDRM3_STALE_TICKET,
        SDRM3_FOLLOWS_PARENT,
        SDRM3_OUTCOME_BEYOND_END,
        SDRM3_NO_MODELS,
        SDRM3_TOO_MANY_MODELS,
        SDRM3_NO_ACCELERATORS,
        SDRM3_TOO_MANY_ACCELERATORS,
        SDRM3_SWITCH_TABLE_SIZE,
        SDRM3_ZERO_PERIOD,
        SDRM3_UNKNOWN_PARENT,
        SDRM3_CASCADE_CYCLE,
        SDRM3_BAD_DROP_BUDGET,
        SDRM3_BAD_PROBABILITY,
        SDRM3_BAD_BRANCH,
        SDRM3_NO_SUBNETWORK,
        SDRM3_TOO_MANY_SUBNETWORKS,
        SDRM3_NO_SEGMENTS,
        SDRM3_TOO_MANY_SEGMENTS,
        SDRM3_COST_COLUMNS,
        SDRM3_RUNS_NOWHERE,
        SDRM3_SKIP_BEYOND_END,
        SDRM3_PREFIX_NOT_SHARED,
        SDRM3_LIGHTER_COSTS_MORE,
        SDRM3_BAD_WORKLOAD,
    ];

    /// What is wrong, and what mends it.
    pub const fn text(self) -> &'static core::ffi::CStr {
        match self {
            SDRM3_OK => c"done",
            SDRM3_END => c"nothing is left",
            SDRM3_NULL_POINTER => c"a pointer is null; pass the address of an object",
            SDRM3_MISALIGNED => {
                c"a pointer is not aligned for its type; storage needs 8 bytes, as SDRM3_STORAGE gives"
            }
            SDRM3_SIZE_OVERFLOW => c"a size or count is larger than memory",
            SDRM3_STORAGE_TOO_SMALL => {
                c"the storage is too small; size it with SDRM3_SMALL_SIZE or SDRM3_LARGE_SIZE"
            }
            SDRM3_NOT_INITIALISED => c"the storage holds no scheduler; initialise it, and do not move it",
            SDRM3_BUSY => {
                c"a call interrupts another one on the same scheduler; hand the event over to its thread"
            }
            SDRM3_WRONG_ABI => {
                c"header and library do not fit together; compile against the header of this library"
            }
            SDRM3_BAD_VALUE => c"a value is none of those that are allowed",
            SDRM3_FULL => c"all places for jobs are taken; try again later, or give the frame up",
            SDRM3_UNKNOWN_MODEL => c"the workload has no such model",
            SDRM3_UNKNOWN_ACCELERATOR => c"the workload has no such accelerator",
            SDRM3_NEEDS_PARENT => {
                c"the model runs on frames of another one; release it as a child of such a frame"
            }
            SDRM3_NOT_A_CHILD => c"the model does not run on frames of that parent",
            SDRM3_INACTIVE => c"the model is switched off",
            SDRM3_TIME_WENT_BACK => c"the time lies before one given earlier; use one monotonic clock",
            SDRM3_STALE_TICKET => c"no block with this ticket is in flight",
            SDRM3_FOLLOWS_PARENT => c"the model has no period; change that of the model at its root",
            SDRM3_OUTCOME_BEYOND_END => c"the outcome skips past the end of the network",
            SDRM3_NO_MODELS => c"there is no model; give at least one",
            SDRM3_TOO_MANY_MODELS => {
                c"more models than the scheduler holds; use the large size or remove some"
            }
            SDRM3_NO_ACCELERATORS => c"there is no accelerator; give at least one",
            SDRM3_TOO_MANY_ACCELERATORS => {
                c"more accelerators than the scheduler holds; use the large size or remove some"
            }
            SDRM3_SWITCH_TABLE_SIZE => {
                c"the switch table has the wrong size; give models x models entries, or none"
            }
            SDRM3_ZERO_PERIOD => c"the period is zero; give the time between frames",
            SDRM3_UNKNOWN_PARENT => {
                c"the parent is no row of this workload's models; point into the same table"
            }
            SDRM3_CASCADE_CYCLE => c"depends on itself through its parents; break the cycle",
            SDRM3_BAD_DROP_BUDGET => c"the drop budget is not of 1 to 32 frames; mend drop_of",
            SDRM3_BAD_PROBABILITY => c"a probability is not within 1 to 65536 (SDRM3_ALWAYS); give one",
            SDRM3_BAD_BRANCH => c"the branch is none of sdrm3_branch_t",
            SDRM3_NO_SUBNETWORK => c"has no sub-network; a plain network is one",
            SDRM3_TOO_MANY_SUBNETWORKS => c"has more than 255 sub-networks; keep fewer",
            SDRM3_NO_SEGMENTS => c"has no segment; give at least one",
            SDRM3_TOO_MANY_SEGMENTS => c"has more than 65535 segments; join some",
            SDRM3_COST_COLUMNS => c"the cost table needs one column per accelerator of the workload",
            SDRM3_RUNS_NOWHERE => c"runs on no accelerator; give it a latency above zero on at least one",
            SDRM3_SKIP_BEYOND_END => c"skips past the end of the network; shorten the skip",
            SDRM3_PREFIX_NOT_SHARED => {
                c"differs from the next heavier sub-network within the shared prefix; shorten the prefix"
            }
            SDRM3_LIGHTER_COSTS_MORE => {
                c"expects more work than the heavier sub-network before it; order them from heavy to light"
            }
            SDRM3_BAD_WORKLOAD => c"cannot work",
        }
    }
}

impl From<Refusal> for sdrm3_status_t {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::Full { .. } => SDRM3_FULL,
            Refusal::UnknownModel(_) => SDRM3_UNKNOWN_MODEL,
            Refusal::NeedsParent => SDRM3_NEEDS_PARENT,
            Refusal::NotAChild => SDRM3_NOT_A_CHILD,
            Refusal::Inactive => SDRM3_INACTIVE,
            Refusal::TimeWentBack { .. } => SDRM3_TIME_WENT_BACK,
            _ => SDRM3_BAD_VALUE,
        }
    }
}

impl From<Error> for sdrm3_status_t {
    fn from(error: Error) -> Self {
        match error {
            Error::StaleTicket(_) => SDRM3_STALE_TICKET,
            Error::UnknownAccelerator(_) => SDRM3_UNKNOWN_ACCELERATOR,
            Error::UnknownModel(_) => SDRM3_UNKNOWN_MODEL,
            Error::ZeroPeriod(_) => SDRM3_ZERO_PERIOD,
            Error::FollowsParent(_) => SDRM3_FOLLOWS_PARENT,
            Error::SkipBeyondEnd { .. } => SDRM3_OUTCOME_BEYOND_END,
            Error::TimeWentBack { .. } => SDRM3_TIME_WENT_BACK,
            _ => SDRM3_BAD_VALUE,
        }
    }
}

impl From<Cause> for sdrm3_status_t {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::NoModels => SDRM3_NO_MODELS,
            Cause::TooManyModels { .. } => SDRM3_TOO_MANY_MODELS,
            Cause::NoAccelerators => SDRM3_NO_ACCELERATORS,
            Cause::TooManyAccelerators { .. } => SDRM3_TOO_MANY_ACCELERATORS,
            Cause::SwitchTableSize { .. } => SDRM3_SWITCH_TABLE_SIZE,
            Cause::ZeroPeriod => SDRM3_ZERO_PERIOD,
            Cause::UnknownParent => SDRM3_UNKNOWN_PARENT,
            Cause::CascadeCycle => SDRM3_CASCADE_CYCLE,
            Cause::NoSubNetwork => SDRM3_NO_SUBNETWORK,
            Cause::TooManySubNetworks => SDRM3_TOO_MANY_SUBNETWORKS,
            Cause::NoSegments => SDRM3_NO_SEGMENTS,
            Cause::TooManySegments => SDRM3_TOO_MANY_SEGMENTS,
            Cause::RunsNowhere => SDRM3_RUNS_NOWHERE,
            Cause::SkipBeyondEnd => SDRM3_SKIP_BEYOND_END,
            Cause::PrefixNotShared => SDRM3_PREFIX_NOT_SHARED,
            Cause::LighterCostsMore => SDRM3_LIGHTER_COSTS_MORE,
            _ => SDRM3_BAD_WORKLOAD,
        }
    }
}
