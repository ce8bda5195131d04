//! Simulator of the SDRM3 scheduler: real workloads on simulated accelerator arrays.
//!
//! The decisions are those of `sdrm3-core`, driven by the runtime of `sdrm3-hal`, as in firmware; only
//! time and accelerators are simulated. [`scenario`] says what runs where, [`network`] and [`cost`]
//! what it takes, [`engine`] runs it under a [`policy`], [`faults`] makes it go wrong, [`report`] prints what came of it,
//! [`sweep`] does it ten thousand times.

#![forbid(unsafe_code)]

pub mod bound;
pub mod codegen;
pub mod command;
pub mod cost;
pub mod engine;
pub mod experiment;
pub mod faults;
pub mod import;
pub mod input;
pub mod network;
pub mod policy;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod sweep;
