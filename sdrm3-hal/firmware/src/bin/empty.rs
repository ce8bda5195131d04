//! Start-up and nothing else: what `size` is compared with.

#![no_std]
#![no_main]

use sdrm3_firmware as _;

#[sdrm3_firmware::entry]
fn main() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
