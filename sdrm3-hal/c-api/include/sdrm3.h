// sdrm3.h: schedules many real-time machine-learning models on several accelerators.
//
// A frame is released as a job; a job is dispatched to an accelerator one block of segments at a time;
// the accelerator's completion moves it on. The scheduler only decides: it reads no clock, starts no
// accelerator, allocates nothing, never blocks, and does bounded work per call.
//
//     sdrm3_release(scheduler, model, now, &frame);           // an input is there
//     do {                                                    // after every event, and at wake_ns:
//         sdrm3_poll(scheduler, now, &action);
//         if (action.kind == SDRM3_DISPATCH) start(&action);  // your driver
//     } while (action.kind >= SDRM3_DISPATCH);
//     sdrm3_complete(scheduler, ticket, &outcome, now, &report);  // your driver's interrupt came
//
// Times are nanoseconds of one monotonic clock of yours, from any start; costs are nanoseconds and
// nanojoules. Every call answers a status, and on an error changes nothing; but an init that fails may
// have ended the scheduler that lay in its storage: take it as ended.
//
// Rules on pointers. A null or misaligned pointer is refused, as are storage that is too small, that holds
// no scheduler, or that was moved. What no library can check is yours: a pointer is to an object of its
// type; counts are those of the tables; storage is used through these calls alone, from init to
// sdrm3_end; no answer is to be written into storage or tables; tables and names stay as they are
// until sdrm3_end. Structs that a call fills need not be initialised; structs that it reads do.
//
// Threads. A scheduler is for one thread at a time, without a lock inside. A call that interrupts another
// one on the same scheduler is refused with SDRM3_BUSY; two threads on two cores are not noticed.
//
// Made by cbindgen: edit the Rust sources, then run sdrm3-hal/c-api/generate.sh.


#ifndef SDRM3_H
#define SDRM3_H

#include <stddef.h>
#include <stdint.h>

#if UINTPTR_MAX <= 0xffffffff
#define SDRM3_POINTERS_32
#endif

/// Bytes of storage of a small scheduler whose models have so many sub-networks and segments in all.
#define SDRM3_SMALL_SIZE(subnetworks, segments) \
    (SDRM3_SMALL_BYTES + (subnetworks) * SDRM3_SMALL_BYTES_PER_SUBNETWORK + \
     (segments) * SDRM3_SMALL_BYTES_PER_SEGMENT)

/// Bytes of storage of a large scheduler whose models have so many sub-networks and segments in all.
#define SDRM3_LARGE_SIZE(subnetworks, segments) \
    (SDRM3_LARGE_BYTES + (subnetworks) * SDRM3_LARGE_BYTES_PER_SUBNETWORK + \
     (segments) * SDRM3_LARGE_BYTES_PER_SEGMENT)

/// Declares storage of at least so many bytes, aligned to 8: `static SDRM3_STORAGE(name, bytes);`
#define SDRM3_STORAGE(name, bytes) uint64_t name[((bytes) + 7) / 8]

/// Initialises `costs`, `segment_count` and `accelerator_count` of a `sdrm3_subnetwork_t` from an array
/// `sdrm3_cost_t table[segments][accelerators]`. Designated: C99, C++20.
#define SDRM3_COSTS(table) \
    .costs = &(table)[0][0], .segment_count = sizeof(table) / sizeof((table)[0]), \
    .accelerator_count = sizeof((table)[0]) / sizeof((table)[0][0])

/// Initialises a `sdrm3_abi_t`.
#define SDRM3_ABI \
    { SDRM3_ABI_VERSION, sizeof(sdrm3_config_t), sizeof(sdrm3_segment_t), sizeof(sdrm3_subnetwork_t), \
      sizeof(sdrm3_model_t), sizeof(sdrm3_accelerator_t), sizeof(sdrm3_action_t), sizeof(sdrm3_outcome_t), \
      sizeof(sdrm3_report_t), sizeof(sdrm3_tally_t) }

/// Initialises a `sdrm3_config_t`: the complete published method, tuned on windows of 400 ms, a multiple
/// of the periods of 60, 30 and 15 frames per second.
#define SDRM3_CONFIG_FULL { SDRM3_ABI, 400000000, 1000, 1000, 1, 1, 1, 1 }

/// Initialises a `sdrm3_config_t`: dispatch by score alone.
#define SDRM3_CONFIG_PLAIN { SDRM3_ABI, 0, 1000, 1000, 0, 0, 0, 1 }

/// Room of the small size for models.
#define SDRM3_SMALL_MODELS 8

/// Room of the small size for jobs: frames at a time.
#define SDRM3_SMALL_JOBS 16

/// Room of the small size for accelerators.
#define SDRM3_SMALL_ACCELERATORS 4

/// Room of the large size for models.
#define SDRM3_LARGE_MODELS 32

/// Room of the large size for jobs: frames at a time.
#define SDRM3_LARGE_JOBS 64

/// Room of the large size for accelerators.
#define SDRM3_LARGE_ACCELERATORS 8

#if defined(SDRM3_POINTERS_32)
/// Bytes of storage of the small size before sub-networks and segments: see `SDRM3_SMALL_SIZE`.
#define SDRM3_SMALL_BYTES 3320
#else
#define SDRM3_SMALL_BYTES 3664
#endif

#if defined(SDRM3_POINTERS_32)
/// Bytes that each sub-network takes.
#define SDRM3_SMALL_BYTES_PER_SUBNETWORK 28
#else
#define SDRM3_SMALL_BYTES_PER_SUBNETWORK 48
#endif

#if defined(SDRM3_POINTERS_32)
/// Bytes that each segment takes, of all sub-networks.
#define SDRM3_SMALL_BYTES_PER_SEGMENT 112
#else
#define SDRM3_SMALL_BYTES_PER_SEGMENT 112
#endif

#if defined(SDRM3_POINTERS_32)
/// Bytes of storage of the large size before sub-networks and segments: see `SDRM3_LARGE_SIZE`.
#define SDRM3_LARGE_BYTES 13144
#else
#define SDRM3_LARGE_BYTES 14320
#endif

#if defined(SDRM3_POINTERS_32)
/// Bytes that each sub-network takes.
#define SDRM3_LARGE_BYTES_PER_SUBNETWORK 28
#else
#define SDRM3_LARGE_BYTES_PER_SUBNETWORK 48
#endif

#if defined(SDRM3_POINTERS_32)
/// Bytes that each segment takes, of all sub-networks.
#define SDRM3_LARGE_BYTES_PER_SEGMENT 176
#else
#define SDRM3_LARGE_BYTES_PER_SEGMENT 176
#endif

/// The version of this header's layouts and meanings; `SDRM3_CONFIG_FULL` holds it.
#define SDRM3_ABI_VERSION 1

/// A probability of one, and the largest.
#define SDRM3_ALWAYS 65536

/// What every call answers. On anything but `SDRM3_OK` nothing has changed, unless the call says so.
enum {
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
};
typedef int32_t sdrm3_status_t;

/// What to do next.
enum {
    /// Nothing until a release, a completion or a fault.
    SDRM3_WAIT = 0,
    /// Nothing until `wake_ns`, or an event before: call `sdrm3_poll` then.
    SDRM3_WAIT_UNTIL = 1,
    /// Run `block` of `frame` on `block.ticket.accelerator`, and poll again.
    SDRM3_DISPATCH = 2,
    /// `frame` has ended without a result, because of `reason`: `sdrm3_lose_child` counts those that depend on it. Poll
    /// again.
    SDRM3_DROP = 3,
};
typedef uint8_t sdrm3_action_kind_t;

/// Why a frame ended without a result.
enum {
    /// It has not.
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
};
typedef uint8_t sdrm3_drop_reason_t;

/// How far a frame has come.
enum {
    /// More segments are left.
    SDRM3_MORE = 0,
    /// Complete, at or before its deadline: release the frames that depend on it.
    SDRM3_IN_TIME = 1,
    /// Complete, after its deadline: release the frames that depend on it.
    SDRM3_LATE = 2,
};
typedef uint8_t sdrm3_progress_t;

/// What may follow a segment.
enum {
    /// The next segment, always.
    SDRM3_BRANCH_NEXT = 0,
    /// The next `skip` segments are skipped with `probability` (a gated residual block).
    SDRM3_BRANCH_SKIP = 1,
    /// The frame is complete here with `probability` (an early exit).
    SDRM3_BRANCH_EXIT = 2,
};
typedef uint8_t sdrm3_branch_t;

/// How a network went on after a block.
enum {
    /// With the next segment.
    SDRM3_PATH_NEXT = 0,
    /// `skipped` segments were skipped.
    SDRM3_PATH_SKIP = 1,
    /// The result is there: an early exit.
    SDRM3_PATH_EXIT = 2,
};
typedef uint8_t sdrm3_path_t;

/// What happened to an accelerator, apart from completions.
enum {
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
};
typedef uint8_t sdrm3_fault_t;

/// A scheduler in its storage. Opaque: made by `sdrm3_init_small` or `sdrm3_init_large`, and named by a
/// pointer into the storage, which must not be moved or copied.
typedef struct sdrm3_t sdrm3_t;

/// Why `sdrm3_init_small` or `sdrm3_init_large` refused, and where; `sdrm3_describe` says it in words.
/// Without a place: an argument of init, the configuration, or a member of the workload.
typedef struct sdrm3_error_t {
    /// Name of the model or accelerator, or null.
    const char *name;
    /// Of `SDRM3_STORAGE_TOO_SMALL`: how many bytes the storage must have; else 0.
    size_t needed_bytes;
    /// What was answered, an `sdrm3_status_t`.
    int32_t status;
    /// The model, or -1.
    int32_t model;
    /// The sub-network, counted from the heaviest, or -1.
    int32_t subnetwork;
    /// The segment, or -1.
    int32_t segment;
    /// The accelerator, or -1.
    int32_t accelerator;
} sdrm3_error_t;

/// Time and energy of one segment on one accelerator, or of a switch between jobs.
typedef struct sdrm3_cost_t {
    /// Nanoseconds, up to 4.29 s. Of a segment: zero means that it cannot run there.
    uint32_t latency_ns;
    /// Nanojoules, up to 4.29 J.
    uint32_t energy_nj;
} sdrm3_cost_t;

/// What there is to say of a segment beside its costs; all zeros says nothing.
typedef struct sdrm3_segment_t {
    /// Bytes of activations needed at its start: what a switch of job has to move.
    uint32_t activation_bytes;
    /// How likely a skip or exit is: 1 to 65536 (`SDRM3_ALWAYS`), in steps of 1/65536.
    uint32_t probability;
    /// How many segments a skip jumps over.
    uint16_t skip;
    /// One of `sdrm3_branch_t`.
    uint8_t branch;
    /// 1: the job may move to a lighter sub-network just before this segment. 0 or 1.
    uint8_t switch_point;
} sdrm3_segment_t;

/// One way to run a model: a network, or one sub-network of a supernet.
///
/// Costs are a table of one row per segment, in order of execution, and one column per accelerator of
/// the workload; `SDRM3_COSTS(table)` initialises the first three members from a two-dimensional array.
typedef struct sdrm3_subnetwork_t {
    /// `segment_count` x `accelerator_count` costs, row by row.
    const struct sdrm3_cost_t *costs;
    /// How many segments, 1 to 65 535.
    uint32_t segment_count;
    /// How many columns the table has: as many as the workload has accelerators.
    uint32_t accelerator_count;
    /// One entry per segment, or null: no branches, no activations to move.
    const struct sdrm3_segment_t *segments;
    /// Accuracy in thousandths of a percent (76 900 is 76.9 %); 0 when unknown.
    uint32_t accuracy_milli_percent;
    /// Bytes of weights that an accelerator fetches when it moves here from another model; 0 when they
    /// are streamed layer by layer, which the costs hold.
    uint32_t weight_bytes;
    /// How many leading segments are the same as in the next heavier sub-network: finished work that a
    /// switch keeps.
    uint16_t shared_prefix;
} sdrm3_subnetwork_t;

/// A model: what runs, how often, and until when.
typedef struct sdrm3_model_t {
    /// Name, for messages; may be null.
    const char *name;
    /// Time between frames in nanoseconds, above zero.
    uint64_t period_ns;
    /// Deadline after the release in nanoseconds; of a dependent, after the release of the frame at its
    /// root. 0: the period; of a dependent, the deadline of its parent's frame.
    uint64_t deadline_ns;
    /// The model on whose frames it runs: a row of the same table; null for none.
    const struct sdrm3_model_t *parent;
    /// How likely a parent's frame leads to one of this model: 1 to 65536 (`SDRM3_ALWAYS`), in steps of
    /// 1/65536. Without a parent it is not read.
    uint32_t probability;
    /// How many sub-networks, 1 to 255.
    uint32_t subnetwork_count;
    /// Sub-networks from heavy (accurate) to light; a plain network is one.
    const struct sdrm3_subnetwork_t *subnetworks;
    /// No sub-network below this accuracy, in thousandths of a percent, is used but the heaviest; those whose
    /// accuracy is unknown keep it.
    uint32_t accuracy_floor_milli_percent;
    /// How much the model counts in UXCost, in percent; 0 stands for 100.
    uint16_t weight_percent;
    /// Smart drops may take at most this many of the last `drop_of` frames.
    uint8_t drop_at_most;
    /// 1 to 32; 0, as `drop_at_most` then: the published 2 of 10.
    uint8_t drop_of;
    /// 1: a new frame takes the place of an older one that has not started; one that finds all
    /// places for jobs taken is refused all the same. 0 or 1.
    uint8_t latest_wins;
} sdrm3_model_t;

/// An accelerator, and what it costs to move it from one job to another.
///
/// A switch costs `switch_fixed`, plus the entry of the table by previous and next model if there is
/// one, plus `switch_per_kib` for the activations that are spilled and fetched and for the weights of a
/// model that was not there. All zeros: it switches for free.
typedef struct sdrm3_accelerator_t {
    /// Name, for messages; may be null.
    const char *name;
    /// Cost of any switch.
    struct sdrm3_cost_t switch_fixed;
    /// Cost of each KiB moved.
    struct sdrm3_cost_t switch_per_kib;
    /// Further cost by (previous model, next model), rows by the previous one; may be null.
    const struct sdrm3_cost_t *switch_table;
    /// How many entries: models x models, or 0.
    uint32_t switch_table_count;
} sdrm3_accelerator_t;

/// All models and accelerators of a system. The tables must stay as they are, where they are, for as
/// long as the scheduler is used: `const` data in flash.
typedef struct sdrm3_workload_t {
    /// The models; a model is named by its index.
    const struct sdrm3_model_t *models;
    /// The accelerators; an accelerator is named by its index.
    const struct sdrm3_accelerator_t *accelerators;
    /// How many models.
    uint32_t model_count;
    /// How many accelerators.
    uint32_t accelerator_count;
} sdrm3_workload_t;

/// The version and the layouts that a program was compiled with: always `SDRM3_ABI`.
typedef struct sdrm3_abi_t {
    /// `SDRM3_ABI_VERSION`.
    uint16_t version;
    /// `sizeof(sdrm3_config_t)`.
    uint16_t config;
    /// `sizeof(sdrm3_segment_t)`.
    uint16_t segment;
    /// `sizeof(sdrm3_subnetwork_t)`.
    uint16_t subnetwork;
    /// `sizeof(sdrm3_model_t)`.
    uint16_t model;
    /// `sizeof(sdrm3_accelerator_t)`.
    uint16_t accelerator;
    /// `sizeof(sdrm3_action_t)`.
    uint16_t action;
    /// `sizeof(sdrm3_outcome_t)`.
    uint16_t outcome;
    /// `sizeof(sdrm3_report_t)`.
    uint16_t report;
    /// `sizeof(sdrm3_tally_t)`.
    uint16_t tally;
} sdrm3_abi_t;

/// Which parts of the method are switched on. Start from `SDRM3_CONFIG_FULL` or `SDRM3_CONFIG_PLAIN`.
typedef struct sdrm3_config_t {
    /// `SDRM3_ABI`.
    struct sdrm3_abi_t abi;
    /// Online tuning of alpha and beta on windows of this many nanoseconds; 0: they stay.
    uint64_t tuning_window_ns;
    /// Weight of starvation in the score, in thousandths: 0 to 2000.
    uint16_t alpha_milli;
    /// Weight of energy in the score, in thousandths: 0 to 2000.
    uint16_t beta_milli;
    /// Smart frame drop. 0 or 1.
    uint8_t frame_drop;
    /// Supernet switching; without it every frame runs the heaviest sub-network. 0 or 1.
    uint8_t supernet;
    /// Online latency correction. 0 or 1.
    uint8_t correction;
    /// Frames that have not started by their deadline are dropped. 0 or 1.
    uint8_t stale_drop;
} sdrm3_config_t;

/// One input of one model, and until when its result is worth something.
typedef struct sdrm3_frame_t {
    /// When the input was there.
    uint64_t release_ns;
    /// When its result is due.
    uint64_t deadline_ns;
    /// When the frame at the root of its cascade was released; its own release if it is a root.
    uint64_t origin_ns;
    /// Number of the frame within its model, from 0; a dependent has the number of its parent's.
    uint32_t number;
    /// The model.
    uint8_t model;
} sdrm3_frame_t;

/// Names one dispatch: exactly one `sdrm3_complete` or `sdrm3_fault` answers it.
typedef struct sdrm3_ticket_t {
    /// Number of the dispatch, modulo 2^32.
    uint32_t sequence;
    /// Where it runs.
    uint8_t accelerator;
} sdrm3_ticket_t;

/// A block of segments of one job, to be run on one accelerator.
typedef struct sdrm3_block_t {
    /// Why it was chosen: the score, with 20 fraction bits.
    int64_t score;
    /// Names the dispatch, and its accelerator.
    struct sdrm3_ticket_t ticket;
    /// What the tables expect of the block, without the switch.
    struct sdrm3_cost_t expected;
    /// What moving the accelerator to this job is expected to cost.
    struct sdrm3_cost_t switch_cost;
    /// The job's place, below the scheduler's room for jobs: an index for buffers per frame.
    uint16_t job_index;
    /// How many jobs had that place before, modulo 65 536.
    uint16_t job_generation;
    /// First segment of the block.
    uint16_t first;
    /// How many segments, at least 1.
    uint16_t count;
    /// Sub-network to run, counted from the heaviest.
    uint8_t subnetwork;
} sdrm3_block_t;

/// What the scheduler wants done next.
typedef struct sdrm3_action_t {
    /// Of `SDRM3_WAIT_UNTIL`: when to poll again at the latest; else 0.
    uint64_t wake_ns;
    /// Of `SDRM3_DISPATCH` and `SDRM3_DROP`: the frame; else zeros.
    struct sdrm3_frame_t frame;
    /// Of `SDRM3_DISPATCH`: what to run; else zeros.
    struct sdrm3_block_t block;
    /// What is to be done.
    sdrm3_action_kind_t kind;
    /// Of `SDRM3_DROP`: why.
    sdrm3_drop_reason_t reason;
} sdrm3_action_t;

/// What an accelerator reports of a block that it ran. Only `finished_ns` must be given.
typedef struct sdrm3_outcome_t {
    /// When it ended, by the device's clock; if later than the call, the time of the call counts.
    uint64_t finished_ns;
    /// When it began, by the device's clock, if `has_start`: for the online latency correction.
    uint64_t started_ns;
    /// Energy that it took, the switch included, if `has_energy`; else the tables count.
    uint32_t energy_nj;
    /// Of `SDRM3_PATH_SKIP`: how many segments were skipped.
    uint16_t skipped;
    /// One of `sdrm3_path_t`.
    uint8_t path;
    /// Whether `started_ns` is known. 0 or 1.
    uint8_t has_start;
    /// Whether `energy_nj` was measured. 0 or 1.
    uint8_t has_energy;
} sdrm3_outcome_t;

/// What the scheduler made of a completion.
typedef struct sdrm3_report_t {
    /// The frame.
    struct sdrm3_frame_t frame;
    /// Energy spent, the switch included, in nanojoules.
    uint32_t energy_nj;
    /// Energy of the same segments each on its worst accelerator, plus the switch.
    uint32_t worst_energy_nj;
    /// The job, as in `sdrm3_block_t`.
    uint16_t job_index;
    /// The job, as in `sdrm3_block_t`.
    uint16_t job_generation;
    /// The sub-network that it runs, or the lighter one that it goes on with.
    uint8_t subnetwork;
    /// Whether the frame is complete, and in time.
    sdrm3_progress_t progress;
} sdrm3_report_t;

/// What became of one model's frames, and what they took.
typedef struct sdrm3_tally_t {
    /// Energy spent, in nanojoules.
    uint64_t energy_nj;
    /// Energy of the same segments, each on its worst accelerator, in nanojoules.
    uint64_t worst_energy_nj;
    /// Sum over completed frames of the accuracy that lighter sub-networks gave up, in thousandths of a
    /// percent.
    uint64_t accuracy_given_up_milli_percent;
    /// Frames released; those left out at the end of a run are taken out again.
    uint32_t frames;
    /// Frames with a result, late ones included.
    uint32_t completed;
    /// Frames dropped, late or unfinished past their deadline.
    uint32_t violated;
    /// Frames that ended without a result.
    uint32_t dropped;
} sdrm3_tally_t;

/// UXCost, lower is better, and its two factors.
typedef struct sdrm3_uxcost_t {
    /// `violation_rate_sum` times `energy_norm_sum`.
    double value;
    /// Sum over the models of their share of violated frames, by weight.
    double violation_rate_sum;
    /// Sum over the models of energy over that on the worst accelerators, by weight.
    double energy_norm_sum;
} sdrm3_uxcost_t;

/// A frame that is left when a run ends.
typedef struct sdrm3_leftover_t {
    /// The frame.
    struct sdrm3_frame_t frame;
    /// 1: its deadline was due within the run, it is violated; 0: it is left out of the count.
    uint8_t overdue;
} sdrm3_leftover_t;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/// The `SDRM3_ABI_VERSION` that the library was built with.
uint16_t sdrm3_abi_version(void);

/// What a status means, and what to do about it: constant, in English, ended by a zero.
const char *sdrm3_status_text(int32_t status);

/// Says an error of `sdrm3_init_small` or `sdrm3_init_large` in words, and where it is:
/// `model 1 (gaze), sub-network 0, segment 3: runs on no accelerator; give it a latency ...`.
///
/// At most `size` characters with the zero at their end, which is always there; 200 are enough. A text
/// that is cut is no error.
sdrm3_status_t sdrm3_describe(const struct sdrm3_error_t *error, char *text, size_t size);

/// Puts a scheduler of up to 8 models, 16 jobs and 4 accelerators into `storage`, all models active and
/// all accelerators idle, and its name into `*scheduler`. O(all segments), once.
///
/// `storage` is `storage_bytes` long and aligned to 8. For tables with 5 sub-networks and 40 segments in
/// all: `static SDRM3_STORAGE(storage, SDRM3_SMALL_SIZE(5, 40));`
///
/// On an error `*scheduler` stays as it is, and `*error`, unless `error` is null, says why and where. A
/// scheduler that lay in the storage may have ended, depending on the error: take it as ended.
sdrm3_status_t sdrm3_init_small(void *storage,
                                size_t storage_bytes,
                                const struct sdrm3_workload_t *workload,
                                const struct sdrm3_config_t *config,
                                struct sdrm3_t **scheduler,
                                struct sdrm3_error_t *error);

/// As `sdrm3_init_small`, for up to 32 models, 64 jobs and 8 accelerators, in `SDRM3_LARGE_SIZE`.
sdrm3_status_t sdrm3_init_large(void *storage,
                                size_t storage_bytes,
                                const struct sdrm3_workload_t *workload,
                                const struct sdrm3_config_t *config,
                                struct sdrm3_t **scheduler,
                                struct sdrm3_error_t *error);

/// Ends the scheduler: the storage is the caller's again. The tallies are gone; read them before.
sdrm3_status_t sdrm3_end(struct sdrm3_t *scheduler);

/// Takes in the next frame of a model, whose input is there. O(jobs x accelerators).
///
/// `*frame` becomes the frame. With `SDRM3_FULL` and `SDRM3_TIME_WENT_BACK` as well: it is handed back,
/// to be tried again with `sdrm3_readmit`, or to be counted as lost with `sdrm3_give_up`.
sdrm3_status_t sdrm3_release(struct sdrm3_t *scheduler,
                             uint8_t model,
                             uint64_t now_ns,
                             struct sdrm3_frame_t *frame);

/// Takes in the frame of a dependent model that a completed frame of its parent gives rise to. O(jobs x
/// accelerators).
///
/// `parent` is the frame of the report with `SDRM3_IN_TIME` or `SDRM3_LATE`; `*frame` as in
/// `sdrm3_release`.
sdrm3_status_t sdrm3_release_child(struct sdrm3_t *scheduler,
                                   uint8_t model,
                                   const struct sdrm3_frame_t *parent,
                                   uint64_t now_ns,
                                   struct sdrm3_frame_t *frame);

/// Takes in a frame that was refused with `SDRM3_FULL` or `SDRM3_TIME_WENT_BACK`, as it was handed back: its
/// release, its deadline and its number stay. Before the next frame of its model is released. O(jobs x
/// accelerators).
sdrm3_status_t sdrm3_readmit(struct sdrm3_t *scheduler, const struct sdrm3_frame_t *frame, uint64_t now_ns);

/// Counts the frame of a dependent model whose parent's frame was lost: dropped and violated. O(models x depth
/// of cascades).
///
/// `parent` is the frame of `SDRM3_DROP`, unless it was withdrawn, one that was given up, or one of
/// `sdrm3_close`. `*frame` becomes the frame that is lost: so are those that depend on it, each by a call of
/// its own. A time before one given earlier counts as that one.
sdrm3_status_t sdrm3_lose_child(struct sdrm3_t *scheduler,
                                uint8_t model,
                                const struct sdrm3_frame_t *parent,
                                uint64_t now_ns,
                                struct sdrm3_frame_t *frame);

/// Counts a frame that was refused, and is not tried again, as dropped and violated; once only.
/// O(models x depth of cascades). `sdrm3_lose_child` counts those that depend on it. A time before one given
/// earlier counts as that one.
sdrm3_status_t sdrm3_give_up(struct sdrm3_t *scheduler, const struct sdrm3_frame_t *frame, uint64_t now_ns);

/// Decides what to do next. Call it after every event and at the time of the last `wake_ns`, again and
/// again until it answers `SDRM3_WAIT` or `SDRM3_WAIT_UNTIL`: at most once per frame and accelerator.
///
/// O(jobs x accelerators). A time before one given earlier counts as that one.
sdrm3_status_t sdrm3_poll(struct sdrm3_t *scheduler, uint64_t now_ns, struct sdrm3_action_t *action);

/// Reports that a dispatched block has ended. O(segments of the block + jobs x accelerators), and O(models x depth
/// of cascades) when its frame ends.
///
/// `*report` says whether the frame is complete: then release the frames that depend on it.
sdrm3_status_t sdrm3_complete(struct sdrm3_t *scheduler,
                              struct sdrm3_ticket_t ticket,
                              const struct sdrm3_outcome_t *outcome,
                              uint64_t now_ns,
                              struct sdrm3_report_t *report);

/// Reports that an accelerator failed; the job that it ran, if any, is ready again, at the segment it
/// was at. `kind` is one of `sdrm3_fault_t`. O(1); of `SDRM3_NOT_TAKEN` O(jobs x accelerators).
///
/// The block that runs there now is meant: what comes late, of an earlier block, must not be passed on.
sdrm3_status_t sdrm3_fault(struct sdrm3_t *scheduler, uint8_t accelerator, uint8_t kind, uint64_t now_ns);

/// Puts an accelerator back into service; nothing happens if it is in service. O(1).
sdrm3_status_t sdrm3_restore(struct sdrm3_t *scheduler, uint8_t accelerator, uint64_t now_ns);

/// Bars a model from an accelerator (1), or lets it in again (0): for a pair that keeps failing while
/// each goes on well with others. A block that runs there goes on to its end. O(jobs x accelerators).
sdrm3_status_t sdrm3_bar(struct sdrm3_t *scheduler,
                         uint8_t model,
                         uint8_t accelerator,
                         uint8_t barred,
                         uint64_t now_ns);

/// Switches a model on (1) or off (0). Its waiting frames are withdrawn by the next polls, uncounted; a
/// block that runs goes on to its end. O(jobs x accelerators + models x depth of cascades, squared).
sdrm3_status_t sdrm3_set_active(struct sdrm3_t *scheduler, uint8_t model, uint8_t active, uint64_t now_ns);

/// The model's frames come once every `period_ns` from now on, and are due within it; those of a model
/// whose deadline is another than its period keep theirs. O(1).
sdrm3_status_t sdrm3_set_period(struct sdrm3_t *scheduler,
                                uint8_t model,
                                uint64_t period_ns,
                                uint64_t now_ns);

/// Stops (1) or resumes (0) online tuning: frozen, the weights stay at the best found so far. O(1).
sdrm3_status_t sdrm3_freeze_tuner(struct sdrm3_t *scheduler, uint8_t frozen);

/// The weights of starvation and energy in the score as they are now: 0 to 2, with 30 fraction bits.
sdrm3_status_t sdrm3_weights(struct sdrm3_t *scheduler, uint32_t *alpha, uint32_t *beta);

/// What became of a model's frames so far.
sdrm3_status_t sdrm3_tally(struct sdrm3_t *scheduler, uint8_t model, struct sdrm3_tally_t *tally);

/// UXCost since the start. O(models), in floating point.
sdrm3_status_t sdrm3_uxcost(struct sdrm3_t *scheduler, struct sdrm3_uxcost_t *uxcost);

/// Ends the run for one frame that is left; call until `SDRM3_END`, which leaves `*leftover` as it is.
/// Blocks that still run are forgotten: their tickets are stale. O(jobs + accelerators).
///
/// Frames that depend on an overdue one are lost with it; of those that depend on one left out, the ones
/// that would have been due by `end_ns` are. `sdrm3_lose_child` counts them.
sdrm3_status_t sdrm3_close(struct sdrm3_t *scheduler, uint64_t end_ns, struct sdrm3_leftover_t *leftover);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SDRM3_H */
