//! Every call of the scheduler under both policies, of the runtime, drivers, middleware, traces and conformance
//! suite, with inputs that the compiler cannot know. That it links proves that no panic is reachable from any of
//! them: the panic handler does not exist.
//!
//! Not in it: `Runtime::run`, which is `Runtime::turn` between two waits, `conformance::assert_conforms`, which
//! panics as a test must, and most of `Debug` and `Display`: `core::fmt` has panic paths of its own.
//!
//! It is linked and never run. That a panic breaks such a link is shown with `size`, which links in a moment.

#![no_std]
#![no_main]

mod any;
mod calls;
mod queues;
mod runtime;
mod traces;
mod wire;

use sdrm3_core::DropReason;

use any::any;

#[sdrm3_firmware::entry]
fn main() -> ! {
    calls::time();
    calls::numbers();
    calls::tables();
    if let Some(scheduler) = calls::published() {
        runtime::plain(scheduler);
    }
    if let Some(scheduler) = calls::published() {
        runtime::traced(scheduler);
    }
    calls::gated();
    runtime::handover();
    queues::drivers();
    queues::middleware();
    queues::conformance();
    traces::all();
    wire::all();
    any((any(None::<sdrm3_core::JobId>), any(DropReason::Stale)));
    loop {
        core::hint::spin_loop();
    }
}
