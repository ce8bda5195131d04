//! Traces: everything that goes into a scheduler and comes out of it, recorded and replayed.
//!
//! A [`Traced`] scheduler tells a [`Sink`] of every call and its answer. The sink `()` costs nothing; a
//! [`Recorder`] writes them down in blocks. [`replay()`] gives the same calls to a fresh scheduler, on
//! whatever machine, and compares each answer bit for bit.
//!
//! ```
//! use sdrm3_core::{Config, Instant, MapScore, ModelId, Scheduler};
//! use sdrm3_hal::trace::{Buffer, Header, Recorder, Trace, Traced, replay};
//! # use sdrm3_core::{Accelerator, Cost, Duration, Model, Segment, SegmentSpec, SubNetwork, Workload};
//! # static EYE: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(800_000, 90_000)])]);
//! # static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("full", &EYE)];
//! # static MODELS: [Model<'static, 1>; 1] = [Model::new("eye", Duration::from_millis(16), &NETWORKS)];
//! # static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];
//! # static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);
//! let fresh = || Scheduler::<_, 1, 4, 1>::new(&WORKLOAD, MapScore::default(), Config::FULL);
//! let mut memory = [0; 1024];
//!
//! let scheduler = fresh()?;
//! let header = Header::of(&scheduler);
//! let mut traced = Traced::new(scheduler, Recorder::<_>::new(&header, Buffer::new(&mut memory)));
//! traced.release(ModelId(0), Instant::from_millis(3))?;
//! let _ = traced.poll(Instant::from_millis(3));
//! traced.sink_mut().finish();
//!
//! let replayed = replay(&Trace::parse(&memory)?, &mut fresh()?)?;
//! assert!(replayed.is_identical() && replayed.decisions == 1 && replayed.records == 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The format, version 1
//!
//! A header, then blocks. Numbers are little endian. A checksum is FNV-1a of 64 bits.
//!
//! | header | bytes | |
//! |---|---|---|
//! | 0 | 8 | `SDRM3TRC` |
//! | 8 | 2 | version, 1 |
//! | 10 | 2 | length of the header |
//! | 12 | 8 | checksum of the workload's tables (`Workload::checksum` says of what) |
//! | 20 | 4 | `JOBS` of the scheduler |
//! | 24 | 1 | models |
//! | 25 | 1 | accelerators |
//! | 26 | 1 | bit 0 smart frame drop, 1 supernets, 2 correction, 3 stale drop, 4 tuning, 5 weights |
//! | 27 | 1 | 0 |
//! | 28 | 8 | window of the tuner in nanoseconds, 0 without |
//! | 36 | 8 | weights alpha and beta, `u32` each in steps of 2^-30, 0 without |
//! | 44 | 2 | length n of the text |
//! | 46 | n | text in UTF-8 of whoever records: what is needed to repeat the run |
//! | 46+n | 8 | checksum of all bytes before |
//!
//! | block | bytes | |
//! |---|---|---|
//! | 0 | 2 | length n of the records; 0 and 65535 (erased memory) are no block: the trace ends |
//! | 2 | n | records, none of them continued in another block |
//! | 2+n | 8 | checksum of all records from the first block to here |
//!
//! The running checksum finds a flipped bit as well as a block that is missing, twice there or out of
//! place, and at the end is the hash of the run. A trace whose last block is not whole has lost only that
//! block.
//!
//! A record is a byte for the call, `time` (when it was called, here relative to the call before), what
//! the call was given, and what it answered:
//!
//! | byte | call | given | answer |
//! |---|---|---|---|
//! | 1 | poll | | action |
//! | 2 | release | model `u8` | admitted |
//! | 3 | `release_child` | model `u8`, parent frame | admitted |
//! | 4 | `lose_child` | model `u8`, parent frame | lost |
//! | 5 | `give_up` | frame | |
//! | 6 | complete | ticket, path, started: option of time, finished: time, energy: option of number | completed |
//! | 7 | fault | accelerator `u8`, fault `u8` | faulted |
//! | 8 | restore | accelerator `u8` | done |
//! | 9 | bar | model `u8`, accelerator `u8`, barred `u8` | changed |
//! | 10 | `set_active` | model `u8`, active `u8` | changed |
//! | 11 | `set_period` | model `u8`, number of nanoseconds | done |
//! | 12 | `freeze_tuner` | frozen `u8` | |
//! | 13 | close | | 0 none, 1 overdue: frame, 2 left out: frame |
//! | 14 | end of the trace; nothing follows | | |
//! | 15 | `readmit` | frame | admitted |
//!
//! Answers:
//!
//! - action: 0 dispatch: ticket, frame, job, sub-network `u8`, first and count as numbers, expected and
//!   switch (latency and energy, numbers), score as a signed number; 1 drop: frame, reason `u8`; 2 wait:
//!   time; 3 idle.
//! - admitted: 0: frame, job; 1: refused. lost: 0: frame; 1: refused. refused: option of frame, then 0
//!   full: number; 1 unknown model: `u8`; 2 needs a parent; 3 not a child; 4 inactive; 5 time went back:
//!   time.
//! - completed: 0: ticket, frame, job, sub-network `u8`, finished: time, energy and worst energy as
//!   numbers, 0 more, 1 in time, 2 late; 1: error. faulted: 0; 1: job by index and generation as numbers;
//!   2: error. done: 0; 1: error. changed: 0 no; 1 yes; 2: error. error: 0 stale: ticket; 1 unknown
//!   accelerator `u8`; 2 unknown model `u8`; 3 zero period, model `u8`; 4 follows its parent, model `u8`;
//!   5 skip beyond the end: ticket, path; 6 time went back: now and last as times.
//! - fault: 0 block lost, 1 resting, 2 out of service, 3 not taken. reason: 0 stale, 1 infeasible, 2 superseded,
//!   3 withdrawn, 4 abandoned, 5 parent lost, 6 no room, 7 unplaceable.
//! - 255 stands for a refusal or an error that has no code yet; such a record is not read.
//!
//! Parts:
//!
//! - number: LEB128, 7 bits a byte, the lowest first, the shortest form. signed: zigzag (0, -1, 1, -2,
//!   ...), then as a number. option: 0, or 1 and the value. path: 0 next, 1 and the number of skipped
//!   segments, 2 exit.
//! - time: signed, to be taken from the time of the call (that of a call: from the call before, at first
//!   from 0), modulo 2^64.
//! - ticket: accelerator `u8`; signed, sequence less the one that the next dispatch has if none is lost.
//! - frame: number, twice the model plus one if the frame is that of the model's *place*, which is the
//!   latest frame and job with the same model modulo 16, at first all 0. Else follow, all signed: its
//!   number less that of the place; its release as a time; deadline less release; release less origin.
//! - job, of the frame before: index and generation, signed, less those of the frame's place.

mod codec;
mod header;
mod reader;
mod record;
mod recorder;
mod replay;
mod step;

pub use header::{Header, HeaderError};
pub use reader::{Ending, Steps, Trace};
pub use recorder::{Buffer, Output, Recorder, Sink};
pub use replay::{Difference, Mismatch, Replayed, replay};
pub use step::{Answer, Call, Step, Traced};
