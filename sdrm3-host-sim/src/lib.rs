//! Simulator of the SDRM3 scheduler: real workloads on simulated accelerator arrays.
//!
//! The decisions are those of `sdrm3-core`, driven by the runtime of `sdrm3-hal`, as in firmware; only
//! time and accelerators are simulated. [`scenario`] says what runs where, [`network`] and [`cost`]
//! what it takes, [`engine`] runs it under a [`policy`], [`faults`] makes it go wrong, [`report`] prints what came of it,
//! [`experiment`] compares policies over many cells, [`sweep`] does it ten thousand times, [`bound`] says what no policy
//! can beat. To and from elsewhere: [`import`] takes files of other programs, [`codegen`] writes tables for firmware,
//! [`replay`] tells of what run a trace is. Above all of it is the command line, [`command`]; below, [`input`]: files and
//! what is wrong with them.

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
