//! Every call of the full scheduler, for a runtime that supervises, inputs that change and reports too: the stack of
//! each, and the code of them all.

#![no_std]
#![no_main]

mod ops;

use core::hint::black_box;

use sdrm3_core::{AcceleratorId, Action, ModelId};
use sdrm3_firmware::ops::{Full, new, poll};
use sdrm3_firmware::turn;

fn rest(scheduler: &mut Full) {
    let (now, model) = (black_box(Default::default()), ModelId(black_box(0)));
    let accelerator = AcceleratorId(black_box(0));
    if let Action::Dispatch(block) = black_box(poll(scheduler, now)) {
        let _ = black_box(ops::readmit(scheduler, block.frame, now));
        black_box(ops::is_in_flight(scheduler, block.ticket));
    }
    let _ = black_box(ops::bar(scheduler, model, accelerator, black_box(true), now));
    let _ = black_box(ops::set_period(scheduler, model, black_box(Default::default()), now));
    ops::freeze_tuner(scheduler, black_box(true));
    black_box(ops::latency_factor(scheduler, model, accelerator));
    black_box(ops::uxcost(scheduler));
}

#[sdrm3_firmware::entry]
fn main() -> ! {
    let Ok(mut scheduler) = new(black_box(&turn::NOTHING)) else {
        loop {
            core::hint::spin_loop();
        }
    };
    let scheduler = black_box(&mut scheduler);
    loop {
        turn::full(scheduler);
        rest(scheduler);
    }
}
