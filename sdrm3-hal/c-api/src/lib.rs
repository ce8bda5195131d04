//! The scheduler of `sdrm3-core` as a C library: `libsdrm3.a` and `include/sdrm3.h`.
//!
//! No allocation, no global state, no panic. A firmware gives storage whose size the header knows; the
//! tables are plain C structs in flash. Every call answers a status, checks its pointers, and on an
//! error changes nothing, but for init. Names are those of the header, which is generated from here.
//!
//! `tables` and `values`: the structs. `api`: the calls. `setup`: from C tables to a scheduler in the
//! caller's storage. `handle`: how a call gets hold of it. `pointer`: every check of a pointer.

#![no_std]
#![deny(missing_docs)]
#![deny(clippy::undocumented_unsafe_blocks)]

// The panic handler of a program on the host.
#[cfg(not(target_os = "none"))]
extern crate std;

mod api;
mod calls;
mod describe;
mod handle;
mod pointer;
mod setup;
mod sizes;
mod status;
mod tables;
mod values;

pub use api::*;
pub use handle::sdrm3_t;
pub use sizes::*;
pub use status::*;
pub use tables::*;
pub use values::*;

/// Nothing here panics: a firmware that could come here does not link.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn SDRM3_A_PANIC_IS_REACHABLE() -> !;
    }
    // SAFETY: no program with this call links.
    unsafe { SDRM3_A_PANIC_IS_REACHABLE() }
}
