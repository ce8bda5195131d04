//! Replaying: the same calls to a fresh scheduler, and whether it answers the same.

use core::fmt;

use sdrm3_core::{Action, Checksum, Config, Policy, Scheduler, Weights};

use super::codec::Context;
use super::record::encode;
use super::{Answer, Ending, Header, Step, Trace};

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Replayed {
    /// Calls that were repeated; all but the last with the recorded answer, if there is a difference.
    pub records: u64,
    /// Blocks dispatched, of these.
    pub decisions: u64,
    /// [`Checksum`] of the records with the answers that came now: the same wherever the decisions are.
    pub hash: u64,
    /// The first answer that differs, where the replay stopped.
    pub difference: Option<Difference>,
    /// How the trace ends, unless the replay stopped before.
    pub ending: Ending,
    /// Bytes of the trace that were read.
    pub bytes: usize,
}

impl Replayed {
    /// Whether the trace is whole and every answer was the recorded one.
    pub fn is_identical(&self) -> bool {
        self.difference.is_none() && self.ending == Ending::Whole
    }
}

/// A call that was answered otherwise than in the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Difference {
    /// Number of the record, from 0.
    pub record: u64,
    /// As it was recorded.
    pub recorded: Step,
    /// What the scheduler answered now.
    pub got: Answer,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { now, call, answer } = self.recorded;
        let (record, got, now) = (self.record, self.got, now.as_nanos());
        write!(f, "record {record} at {now} ns, {call:?}\n  recorded: {answer:?}\n  now:      {got:?}")
    }
}

/// That a trace was recorded with other tables or settings than the scheduler has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Mismatch {
    /// Other tables.
    Workload {
        /// Checksum of those of the trace.
        recorded: u64,
        /// Checksum of those of the scheduler.
        here: u64,
    },
    /// Another number of places for jobs.
    Jobs {
        /// Of the trace.
        recorded: u32,
        /// Of the scheduler.
        here: usize,
    },
    /// Other parts are switched on.
    Config {
        /// In the trace.
        recorded: Config,
        /// In the scheduler.
        here: Config,
    },
    /// Other weights.
    Weights {
        /// In the trace.
        recorded: Option<Weights>,
        /// In the scheduler.
        here: Option<Weights>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload { recorded, here } => write!(
                f,
                "the trace was decided by tables of checksum {recorded:016x}, these have {here:016x}; \
                 replay it with the tables it was recorded with"
            ),
            Self::Jobs { recorded, here } => write!(
                f,
                "the trace was recorded with room for {recorded} jobs, here is room for {here}; set JOBS alike"
            ),
            Self::Config { recorded, here } => {
                write!(f, "the trace was recorded with {recorded:?}, here is {here:?}; take the header's")
            }
            Self::Weights { recorded, here } => {
                write!(f, "the trace was recorded with {recorded:?}, here is {here:?}; take the header's")
            }
        }
    }
}

impl core::error::Error for Mismatch {}

/// Repeats a trace with a fresh scheduler up to the first difference. O(trace).
///
/// The [`Header`] has what the scheduler is to be made of, but for the tables and the policy.
///
/// # Errors
///
/// The scheduler is not as the one that was recorded: nothing was done.
pub fn replay<P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>(
    trace: &Trace<'_>,
    scheduler: &mut Scheduler<'_, P, MODELS, JOBS, ACCS>,
) -> Result<Replayed, Mismatch> {
    check(trace.header(), &Header::of(scheduler), JOBS)?;
    let (mut steps, mut context) = (trace.steps(), Context::new());
    let (mut records, mut decisions, mut hash) = (0, 0, Checksum::EMPTY);
    let mut difference = None;
    for recorded in steps.by_ref() {
        let got = recorded.call.make(scheduler, recorded.now);
        hash = hash.bytes(&encode(&Step { answer: got, ..recorded }, &mut context));
        records += 1;
        decisions += u64::from(matches!(got, Answer::Action(Action::Dispatch(_))));
        if got != recorded.answer {
            difference = Some(Difference { record: records - 1, recorded, got });
            break;
        }
    }
    let ending = steps.ending().unwrap_or(Ending::Whole);
    Ok(Replayed { records, decisions, hash: hash.value(), difference, ending, bytes: steps.bytes() })
}

fn check(trace: &Header<'_>, own: &Header<'_>, jobs: usize) -> Result<(), Mismatch> {
    if trace.workload != own.workload {
        return Err(Mismatch::Workload { recorded: trace.workload, here: own.workload });
    }
    if trace.jobs != own.jobs {
        return Err(Mismatch::Jobs { recorded: trace.jobs, here: jobs });
    }
    if trace.config != own.config {
        return Err(Mismatch::Config { recorded: trace.config, here: own.config });
    }
    if trace.weights != own.weights {
        return Err(Mismatch::Weights { recorded: trace.weights, here: own.weights });
    }
    Ok(())
}
