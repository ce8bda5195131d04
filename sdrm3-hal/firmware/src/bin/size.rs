//! The full scheduler, with drop, supernets and tuner, as an application calls it: its code is what this has more
//! than `empty`. The feature `planted-panic` adds a panic path, to show that the link then fails.

#![no_std]
#![no_main]

use core::hint::black_box;

use sdrm3_firmware::{ops, turn};

#[sdrm3_firmware::entry]
fn main() -> ! {
    let Ok(mut scheduler) = ops::new(black_box(&turn::NOTHING)) else {
        loop {
            core::hint::spin_loop();
        }
    };
    let scheduler = black_box(&mut scheduler);
    #[cfg(feature = "planted-panic")]
    black_box(black_box([0u8; 4])[black_box(0usize)]);
    loop {
        turn::full(scheduler);
    }
}
