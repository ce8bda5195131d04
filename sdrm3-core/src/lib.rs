//! A scheduler for many real-time machine-learning models on several accelerators.
//!
//! Headsets and drones run a dozen networks at once, each at its own frame rate, some only when
//! another has seen something, on two or more accelerators that are good at different layers. This
//! crate decides, at every frame arrival and layer completion, which job's next segment runs on which
//! accelerator. It implements the score-driven dispatch of SDRM3 (arXiv 2212.03414), published again
//! as DREAM (ASPLOS 2023).
//!
//! # In six lines
//!
//! 1. A [`Workload`] is static data in flash: networks, their segments' cost on each accelerator.
//! 2. A [`Frame`] is released as a job. The [`Scheduler`] is a pure state machine: events and `now`
//!    go in, [`Action`]s come out.
//! 3. It never reads a clock, never allocates, never blocks, has no `unsafe`, and does bounded work.
//! 4. An accelerator queue (crate `sdrm3-hal`) executes a [`Dispatch`] and completes it exactly once.
//! 5. A runtime (there as well) ties the two together: the same code in firmware and simulator.
//! 6. What became of every frame is counted in [`Tally`]s, from which [`UxCost`] follows.
//!
//! ```text
//!            release(model, now)                        complete / fault(ticket, now)
//!                    |                                              |
//! Workload --->  [ jobs ] ---> drop? ---> weigh, score ---> Action::Dispatch ---> accelerator queue
//! (flash)           ^                                       Action::Drop
//!                   |                                       Action::Wait(NextWake)
//!             Tally, UxCost ---> tuner ---> (alpha, beta)
//! ```
//!
//! # Where to read
//!
//! [`workload`](Workload): the tables. `job`: a frame's life. [`score`]: the published equations, one
//! function each. [`Policy`]: how to bring your own; [`Gated`] is one. [`Scheduler::poll`]: the decision. What
//! [`Config`] switches is a file each: `frame_drop`, `supernet`, `tuner`, `correction`.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(test)]
extern crate std;

mod checksum;
mod config;
mod correction;
mod event;
mod frame_drop;
mod gated;
mod job;
mod policy;
mod scheduler;
pub mod score;
mod supernet;
mod time;
mod tuner;
mod uxcost;
mod workload;

pub use checksum::Checksum;
pub use config::Config;
pub use event::{
    Action, Dispatch, DropReason, Event, Fault, Leftover, NextWake, Outcome, Path, Progress, Report, Ticket,
};
pub use gated::Gated;
pub use job::{Frame, JobId, JobView, Prepared};
pub use policy::{AcceleratorState, Activity, MapScore, MapScoreWeighed, Offer, Policy, Wanted};
pub use scheduler::{Error, Refusal, Refused, Scheduler};
pub use score::{Score, Weight};
pub use time::{Duration, Instant};
pub use tuner::{Tuner, Weights};
pub use uxcost::{Tally, UxCost};
pub use workload::{
    Accelerator, AcceleratorId, Branch, Cascade, Cause, Cost, DropBudget, Model, ModelId, Placement,
    Probability, Segment, SegmentInfo, SegmentSpec, SubNetwork, Workload, WorkloadError,
};
