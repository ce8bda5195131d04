//! What the scheduler promises, as checks: one set for the fuzzers, the property tests and the simulator.
//!
//! | promise | held by |
//! |---|---|
//! | frames are conserved | [`ledger`]: completed, dropped, under way or left at the end, of each model |
//! | every ticket is answered once | [`ledger`]: a completion, a loss or the end of the run answers a block in flight; [`book()`]: a stale ticket is refused and changes nothing |
//! | no double booking | [`ledger`]: an accelerator in service has one block, a job runs once, a place has one job |
//! | no dependent frame without its parent | [`ledger`]: it is released behind its parent's completion |
//! | budgets are kept | [`ledger`]: a smart drop keeps those of its model and of all active ones below it; [`book()`]: in every window |
//! | the chosen pair scores highest, in the documented order | [`witness`], for any policy; [`differential()`], by the equations |
//! | nothing is decided that cannot be | [`ledger`]: a block goes where the tables, the bars and the service allow; [`book()`]: tables that do not validate have no scheduler, calls that cannot be are refused |
//! | bounded steps per event | [`book()`]: no more actions than frames that wait; [`witness`]: no more pairs than jobs times accelerators; [`runtime()`]: events per turn |
//! | time does not go back | [`ledger`]; [`book()`] and [`runtime()`]: a wake lies ahead |
//! | totals are the sums of the events | [`ledger`] at every step; [`book()`]: they never fall |
//! | the answers are those of the specification | [`differential()`] against [`reference`](mod@reference), the specification once more, plain and slow |
//! | when failures end, so does the work | [`runtime()`], over queues that fail in every way |
//!
//! | user | runs |
//! |---|---|
//! | fuzz targets `dispatch`, `differential`, `runtime` | [`book()`], [`differential()`], [`runtime()`] |
//! | `sdrm3-core/tests/invariants.rs` | [`book()`], [`differential()`] |
//! | `sdrm3-hal/tests/invariants.rs` | [`runtime()`] |
//! | `sdrm3-sim run --check`, `compare --check` | [`witness`] with its [`ledger`], for every policy |
//!
//! All run on the same random [`case`]s, made from bytes. [`Planted`] bugs show that each check can fail.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod book;
pub mod case;
mod differential;
pub mod ledger;
mod planted;
pub mod reference;
mod runtime;
pub mod witness;

pub use book::{Met, book};
pub use differential::{differential, differential_the_long_way};
pub use planted::Planted;
pub use runtime::{Scene, runtime};

use std::io::Write;

use sdrm3_core::{Frame, ModelId};

/// Says that a test checks nothing, for it lacks data or a tool: past the harness, which hides what tests print that
/// pass.
///
/// # Panics
///
/// If `SDRM3_REQUIRE_ALL` is set, as where all of them are at hand.
pub fn skipped(test: &str, why: &str) {
    let says = format!("{test}: SKIPPED, nothing was checked: {why}");
    assert!(std::env::var_os("SDRM3_REQUIRE_ALL").is_none(), "{says}");
    let _ = writeln!(std::io::stderr(), "{says}");
}

/// Whether a frame of a case gives rise to one of a dependent model: three in four do.
pub fn gives_rise(parent: &Frame, child: ModelId) -> bool {
    !parent.number.wrapping_add(3 * u32::from(child.0)).is_multiple_of(4)
}
