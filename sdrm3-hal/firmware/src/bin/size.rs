//! The full scheduler, with drop, supernets and tuner, as an application calls it: its code is what this has more
//! than `empty`.

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
    loop {
        turn::full(scheduler);
    }
}
