//! defmt over semihosting: a frame is gathered in a buffer and written at its end.
//!
//! The crate `defmt-semihosting` does the same with a panic for calls from within a call. There is
//! to be no panic path in the programs, so a frame that comes in such a way, or is too long, is cut off.

use core::cell::UnsafeCell;

use critical_section::RestoreState;
use defmt::Encoder;
use heapless::Vec;
use semihosting::io::Write;

use crate::board;

struct State {
    encoder: Encoder,
    frame: Vec<u8, 512>,
    interrupts: RestoreState,
}

struct Guarded(UnsafeCell<State>);

// SAFETY: used between `acquire` and `release` only, with interrupts off, on one core.
unsafe impl Sync for Guarded {}

static STATE: Guarded = Guarded(UnsafeCell::new(State {
    encoder: Encoder::new(),
    frame: Vec::new(),
    interrupts: RestoreState::invalid(),
}));

#[defmt::global_logger]
struct Semihosting;

// SAFETY: defmt calls `write` and `release` between an `acquire` and its end, and interrupts are off
// there, so that there is one reference to the state at a time.
unsafe impl defmt::Logger for Semihosting {
    fn acquire() {
        unsafe {
            let interrupts = critical_section::acquire();
            let State { encoder, frame, interrupts: kept } = &mut *STATE.0.get();
            *kept = interrupts;
            frame.clear();
            encoder.start_frame(|bytes| _ = frame.extend_from_slice(bytes));
        }
    }

    unsafe fn flush() {}

    unsafe fn write(bytes: &[u8]) {
        unsafe {
            let State { encoder, frame, .. } = &mut *STATE.0.get();
            encoder.write(bytes, |bytes| _ = frame.extend_from_slice(bytes));
        }
    }

    unsafe fn release() {
        unsafe {
            let State { encoder, frame, interrupts } = &mut *STATE.0.get();
            encoder.end_frame(|bytes| _ = frame.extend_from_slice(bytes));
            if let Ok(mut host) = semihosting::io::stdout() {
                _ = host.write_all(frame);
            }
            critical_section::release(*interrupts);
        }
    }
}

defmt::timestamp!("{=u64:us}", board::now().as_nanos() / 1_000);

/// Ends the emulation with this status.
pub fn exit(failures: u32) -> ! {
    semihosting::process::exit(failures.min(100) as i32)
}

/// There is nothing to do on a panic, because none can happen: when one is reachable, the link fails
/// with this name. It needs an optimised build.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn SDRM3_A_PANIC_PATH_IS_REACHABLE() -> !;
    }
    // SAFETY: never linked.
    unsafe { SDRM3_A_PANIC_PATH_IS_REACHABLE() }
}
