//! The tables of a workload as C writes them: constant data, meant for flash.

#![allow(non_camel_case_types, reason = "the names of the header")]

use core::ffi::c_char;

/// The version of this header's layouts and meanings; `SDRM3_CONFIG_FULL` holds it.
pub const SDRM3_ABI_VERSION: u16 = 1;
/// A probability of one, and the largest.
pub const SDRM3_ALWAYS: u32 = 65_536;

/// Time and energy of one segment on one accelerator, or of a switch between jobs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct sdrm3_cost_t {
    /// Nanoseconds, up to 4.29 s. Of a segment: zero means that it cannot run there.
    pub latency_ns: u32,
    /// Nanojoules, up to 4.29 J.
    pub energy_nj: u32,
}

/// What may follow a segment.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sdrm3_branch_t {
    /// The next segment, always.
    SDRM3_BRANCH_NEXT = 0,
    /// The next `skip` segments are skipped with `probability` (a gated residual block).
    SDRM3_BRANCH_SKIP = 1,
    /// The frame is complete here with `probability` (an early exit).
    SDRM3_BRANCH_EXIT = 2,
}

/// What there is to say of a segment beside its costs; all zeros says nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct sdrm3_segment_t {
    /// Bytes of activations needed at its start: what a switch of job has to move.
    pub activation_bytes: u32,
    /// How likely a skip or exit is: 1 to 65536 (`SDRM3_ALWAYS`), in steps of 1/65536.
    pub probability: u32,
    /// How many segments a skip jumps over.
    pub skip: u16,
    /// One of `sdrm3_branch_t`.
    pub branch: u8,
    /// 1: the job may move to a lighter sub-network just before this segment. 0 or 1.
    pub switch_point: u8,
}

/// One way to run a model: a network, or one sub-network of a supernet.
///
/// Costs are a table of one row per segment, in order of execution, and one column per accelerator of
/// the workload; `SDRM3_COSTS(table)` initialises the first three members from a two-dimensional array.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_subnetwork_t {
    /// `segment_count` x `accelerator_count` costs, row by row.
    pub costs: *const sdrm3_cost_t,
    /// How many segments, 1 to 65 535.
    pub segment_count: u32,
    /// How many columns the table has: as many as the workload has accelerators.
    pub accelerator_count: u32,
    /// One entry per segment, or null: no branches, no activations to move.
    pub segments: *const sdrm3_segment_t,
    /// Accuracy in thousandths of a percent (76 900 is 76.9 %); 0 when unknown.
    pub accuracy_milli_percent: u32,
    /// Bytes of weights that an accelerator fetches when it moves here from another model; 0 when they
    /// are streamed layer by layer, which the costs hold.
    pub weight_bytes: u32,
    /// How many leading segments are the same as in the next heavier sub-network: finished work that a
    /// switch keeps.
    pub shared_prefix: u16,
}

/// A model: what runs, how often, and until when.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_model_t {
    /// Name, for messages; may be null.
    pub name: *const c_char,
    /// Time between frames in nanoseconds, above zero.
    pub period_ns: u64,
    /// Deadline after the release in nanoseconds; of a dependent, after the release of the frame at its
    /// root. 0: the period; of a dependent, the deadline of its parent's frame.
    pub deadline_ns: u64,
    /// The model on whose frames it runs: a row of the same table; null for none.
    pub parent: *const sdrm3_model_t,
    /// How likely a parent's frame leads to one of this model: 1 to 65536 (`SDRM3_ALWAYS`), in steps of
    /// 1/65536. Without a parent it is not read.
    pub probability: u32,
    /// How many sub-networks, 1 to 255.
    pub subnetwork_count: u32,
    /// Sub-networks from heavy (accurate) to light; a plain network is one.
    pub subnetworks: *const sdrm3_subnetwork_t,
    /// No sub-network below this accuracy, in thousandths of a percent, is used but the heaviest; those whose
    /// accuracy is unknown keep it.
    pub accuracy_floor_milli_percent: u32,
    /// How much the model counts in UXCost, in percent; 0 stands for 100.
    pub weight_percent: u16,
    /// Smart drops may take at most this many of the last `drop_of` frames.
    pub drop_at_most: u8,
    /// 1 to 32; 0, as `drop_at_most` then: the published 2 of 10.
    pub drop_of: u8,
    /// 1: a new frame takes the place of an older one that has not started; one that finds all
    /// places for jobs taken is refused all the same. 0 or 1.
    pub latest_wins: u8,
}

/// An accelerator, and what it costs to move it from one job to another.
///
/// A switch costs `switch_fixed`, plus the entry of the table by previous and next model if there is
/// one, plus `switch_per_kib` for the activations that are spilled and fetched and for the weights of a
/// model that was not there. All zeros: it switches for free.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_accelerator_t {
    /// Name, for messages; may be null.
    pub name: *const c_char,
    /// Cost of any switch.
    pub switch_fixed: sdrm3_cost_t,
    /// Cost of each KiB moved.
    pub switch_per_kib: sdrm3_cost_t,
    /// Further cost by (previous model, next model), rows by the previous one; may be null.
    pub switch_table: *const sdrm3_cost_t,
    /// How many entries: models x models, or 0.
    pub switch_table_count: u32,
}

/// All models and accelerators of a system. The tables must stay as they are, where they are, for as
/// long as the scheduler is used: `const` data in flash.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_workload_t {
    /// The models; a model is named by its index.
    pub models: *const sdrm3_model_t,
    /// The accelerators; an accelerator is named by its index.
    pub accelerators: *const sdrm3_accelerator_t,
    /// How many models.
    pub model_count: u32,
    /// How many accelerators.
    pub accelerator_count: u32,
}

/// The version and the layouts that a program was compiled with: always `SDRM3_ABI`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct sdrm3_abi_t {
    /// `SDRM3_ABI_VERSION`.
    pub version: u16,
    /// `sizeof(sdrm3_config_t)`.
    pub config: u16,
    /// `sizeof(sdrm3_segment_t)`.
    pub segment: u16,
    /// `sizeof(sdrm3_subnetwork_t)`.
    pub subnetwork: u16,
    /// `sizeof(sdrm3_model_t)`.
    pub model: u16,
    /// `sizeof(sdrm3_accelerator_t)`.
    pub accelerator: u16,
    /// `sizeof(sdrm3_action_t)`.
    pub action: u16,
    /// `sizeof(sdrm3_outcome_t)`.
    pub outcome: u16,
    /// `sizeof(sdrm3_report_t)`.
    pub report: u16,
    /// `sizeof(sdrm3_tally_t)`.
    pub tally: u16,
}

/// Which parts of the method are switched on. Start from `SDRM3_CONFIG_FULL` or `SDRM3_CONFIG_PLAIN`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sdrm3_config_t {
    /// `SDRM3_ABI`.
    pub abi: sdrm3_abi_t,
    /// Online tuning of alpha and beta on windows of this many nanoseconds; 0: they stay.
    pub tuning_window_ns: u64,
    /// Weight of starvation in the score, in thousandths: 0 to 2000.
    pub alpha_milli: u16,
    /// Weight of energy in the score, in thousandths: 0 to 2000.
    pub beta_milli: u16,
    /// Smart frame drop. 0 or 1.
    pub frame_drop: u8,
    /// Supernet switching; without it every frame runs the heaviest sub-network. 0 or 1.
    pub supernet: u8,
    /// Online latency correction. 0 or 1.
    pub correction: u8,
    /// Frames that have not started by their deadline are dropped. 0 or 1.
    pub stale_drop: u8,
}
