//! QEMU's RISC-V board: `qemu-system-riscv32 -machine virt -bios none`.
//!
//! It has one timer, so four accelerators share it: a deadline for each, the compare register at the
//! earliest, and every interrupt latches all that are due.

use core::cell::Cell;
use core::ops::Range;
use core::ptr::{read_volatile, write_volatile};

use critical_section::{CriticalSection, Mutex};
use riscv::interrupt::Interrupt;
use riscv::register::{mie, minstret, mstatus};
use sdrm3_core::{Duration, Instant};

/// RAM that the programs leave alone (the upper 16 MB of 64): room for data that QEMU loads.
pub const SPARE_RAM: Range<usize> = 0x8300_0000..0x8400_0000;

/// Nanoseconds of a tick: the timer runs at 10 MHz.
const TICK_NS: u64 = 100;

const MTIME: *mut u32 = 0x0200_bff8 as *mut u32;
const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;

const NEVER: u64 = u64::MAX;

/// In ticks, of each accelerator's block.
static DUE: Mutex<[Cell<u64>; 4]> = Mutex::new([const { Cell::new(NEVER) }; 4]);

/// Lets the timer's interrupt in.
pub fn init() {
    critical_section::with(arm);
    // SAFETY: the handler below serves it, and no critical section depends on its being masked.
    unsafe {
        mie::set_mtimer();
        mstatus::set_mie();
    }
}

/// Raw count of retired instructions, for [`instructions`].
pub fn count() -> u32 {
    minstret::read() as u32
}

/// Instructions in a difference of counts, under `-icount shift=10`: QEMU counts 1,024 for each.
pub fn instructions(counts: u32) -> u32 {
    (counts + 512) / 1_024
}

fn ticks() -> u64 {
    // SAFETY: the two halves of the timer's counter.
    let read = || unsafe { (read_volatile(MTIME.add(1)), read_volatile(MTIME)) };
    loop {
        let ((high, low), (again, _)) = (read(), read());
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// The time.
pub fn now() -> Instant {
    Instant::from_nanos(ticks().saturating_mul(TICK_NS))
}

/// Has the accelerator's interrupt come after this time, once.
pub fn start(accelerator: usize, duration: Duration) {
    set(accelerator, ticks().saturating_add((duration.as_nanos() / TICK_NS).max(1)));
}

/// Takes the accelerator's interrupt back.
pub fn stop(accelerator: usize) {
    set(accelerator, NEVER);
}

fn set(accelerator: usize, at: u64) {
    critical_section::with(|cs| {
        if let Some(due) = DUE.borrow(cs).get(accelerator) {
            due.set(at);
        }
        arm(cs);
    });
}

/// The compare register at the earliest deadline; at its end of time first, so that no half-written
/// value lies in the past.
fn arm(cs: CriticalSection<'_>) {
    let first = DUE.borrow(cs).iter().map(Cell::get).min().unwrap_or(NEVER);
    // SAFETY: the two halves of the timer's compare register.
    unsafe {
        write_volatile(MTIMECMP.add(1), u32::MAX);
        write_volatile(MTIMECMP, first as u32);
        write_volatile(MTIMECMP.add(1), (first >> 32) as u32);
    }
}

/// The timer's interrupt: completions that are due are latched with the time, nothing more.
#[riscv_rt::core_interrupt(Interrupt::MachineTimer)]
fn machine_timer() {
    let ticks = ticks();
    let at = Instant::from_nanos(ticks.saturating_mul(TICK_NS));
    critical_section::with(|cs| {
        for (accelerator, due) in DUE.borrow(cs).iter().enumerate() {
            if due.get() <= ticks {
                due.set(NEVER);
                crate::queue::latch(accelerator, at);
            }
        }
        arm(cs);
    });
}

/// The stack pointer.
#[inline(always)]
pub fn stack_pointer() -> usize {
    let sp: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) sp, options(nomem, nostack)) };
    sp
}
