//! Arm MPS2+ with image AN386 (Cortex-M4F) or AN385 (Cortex-M3): `-machine mps2-an386`, `mps2-an385`.
//!
//! Four CMSDK timers stand for four accelerators: each counts a block's time down and raises its own
//! interrupt. A free counter is the clock.

use core::num::NonZeroU32;
use core::ops::Range;
use core::ptr::{read_volatile, write_volatile};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use sdrm3_core::{Duration, Instant};
use sdrm3_hal::{Clock, TickClock};

/// RAM that the programs leave alone (PSRAM, 16 MB): room for data that QEMU loads.
pub const SPARE_RAM: Range<usize> = 0x2100_0000..0x2200_0000;

/// Nanoseconds of a tick: counter and timers run at 25 MHz.
const TICK_NS: u64 = 40;

/// Up-counter of the FPGA; its prescaler is the register behind it.
const COUNTER: *mut u32 = 0x4002_8018 as *mut u32;
const PRESCALE: *mut u32 = 0x4002_801c as *mut u32;

/// Control, value, reload and interrupt-clear registers of an APB timer, in words from its base.
const TIMERS: [*mut u32; 2] = [0x4000_0000 as *mut u32, 0x4000_1000 as *mut u32];
/// Load, value, control, interrupt clear, raw and masked status of a channel of the dual timer.
const CHANNELS: [*mut u32; 2] = [0x4000_2000 as *mut u32, 0x4000_2020 as *mut u32];

/// Interrupt lines of the timers.
#[derive(Clone, Copy)]
enum Line {
    Timer0 = 8,
    Timer1 = 9,
    Dual = 10,
}

// SAFETY: the numbers are those of the board's interrupt controller and never change.
unsafe impl InterruptNumber for Line {
    fn number(self) -> u16 {
        self as u16
    }
}

fn read(base: *mut u32, word: usize) -> u32 {
    // SAFETY: all bases are device registers of this board, and words lie in their block.
    unsafe { read_volatile(base.add(word)) }
}

fn write(base: *mut u32, word: usize, value: u32) {
    // SAFETY: as for `read`.
    unsafe { write_volatile(base.add(word), value) }
}

/// Stops all timers, starts the clock and lets interrupts in.
pub fn init() {
    write(PRESCALE, 0, 0);
    (0..4).for_each(stop);
    for line in [Line::Timer0, Line::Timer1, Line::Dual] {
        // SAFETY: the handler below serves it, and no critical section depends on its being masked.
        unsafe { NVIC::unmask(line) };
    }
}

/// Raw count of the clock, for [`instructions`].
pub fn count() -> u32 {
    read(COUNTER, 0)
}

/// Instructions in a difference of counts, under `-icount shift=10`: 1,024 ns each, a tick is 40 ns.
pub fn instructions(counts: u32) -> u32 {
    ((u64::from(counts) * TICK_NS + 512) / 1_024) as u32
}

static CLOCK: TickClock<fn() -> u32> = TickClock::new(count, NonZeroU32::new(25_000_000).unwrap());

/// The time. It must be read once a minute.
pub fn now() -> Instant {
    CLOCK.now()
}

/// Has the accelerator's interrupt come after this time, once.
pub fn start(accelerator: usize, duration: Duration) {
    let ticks = (duration.as_nanos() / TICK_NS).clamp(1, u64::from(u32::MAX)) as u32;
    stop(accelerator);
    if let Some(&timer) = TIMERS.get(accelerator) {
        write(timer, 1, ticks); // with a reload of 0 it stops at the end
        write(timer, 0, 1 | 1 << 3); // run, interrupt
    } else if let Some(&channel) = CHANNELS.get(accelerator.wrapping_sub(TIMERS.len())) {
        write(channel, 2, 1 | 1 << 1 | 1 << 5); // one shot, 32 bit, interrupt
        write(channel, 0, ticks);
        write(channel, 2, 1 | 1 << 1 | 1 << 5 | 1 << 7); // run
    }
}

/// Takes the accelerator's interrupt back.
pub fn stop(accelerator: usize) {
    if let Some(&timer) = TIMERS.get(accelerator) {
        write(timer, 0, 0);
        write(timer, 2, 0);
        write(timer, 3, 1);
    } else if let Some(&channel) = CHANNELS.get(accelerator.wrapping_sub(TIMERS.len())) {
        write(channel, 2, 0);
        write(channel, 3, 1);
    }
}

// ANCHOR: interrupt
/// Every interrupt of the board comes here: the completion is latched with its time, nothing more.
#[exception]
unsafe fn DefaultHandler(line: i16) {
    let at = now();
    match line {
        8 => done(0, at),
        9 => done(1, at),
        10 => {
            for (channel, accelerator) in CHANNELS.into_iter().zip(2..) {
                if read(channel, 5) != 0 {
                    done(accelerator, at);
                }
            }
        }
        _ => {}
    }
}

fn done(accelerator: usize, at: Instant) {
    stop(accelerator);
    crate::queue::latch(accelerator, at);
}
// ANCHOR_END: interrupt

/// The stack pointer.
#[inline(always)]
pub fn stack_pointer() -> usize {
    cortex_m::register::msp::read() as usize
}
