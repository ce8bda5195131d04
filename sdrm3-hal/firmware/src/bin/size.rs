//! Start-up and every call of a scheduler with everything switched on: its code is what this has more
//! than `empty`. The workload is not here, so that its tables do not count.

#![no_std]
#![no_main]

use core::hint::black_box;

use sdrm3_core::{Action, Progress, Workload};
use sdrm3_firmware::ops;

#[sdrm3_firmware::entry]
fn main() -> ! {
    static NOTHING: Workload<'static, 4> = Workload::new(&[], &[]);
    let Ok(mut scheduler) = ops::new(black_box(&NOTHING)) else { loop {} };
    let scheduler = black_box(&mut scheduler);
    loop {
        let (now, model) = (black_box(Default::default()), sdrm3_core::ModelId(black_box(0)));
        let _ = black_box(ops::release(scheduler, model, now));
        let accelerator = sdrm3_core::AcceleratorId(black_box(0));
        match ops::poll(scheduler, now) {
            Action::Dispatch(block) => {
                let outcome = black_box(sdrm3_core::Outcome::finished(now));
                if let Ok(report) = ops::complete(scheduler, block.ticket, outcome, now)
                    && report.progress != Progress::More
                {
                    let _ = black_box(ops::release_child(scheduler, model, &report.frame, now));
                }
            }
            Action::Drop(frame, _) => {
                let _ = black_box(ops::lose_child(scheduler, model, &frame, now));
                ops::give_up(scheduler, frame, now);
            }
            Action::Wait(_) => {
                let _ =
                    black_box(ops::fault(scheduler, accelerator, black_box(sdrm3_core::Fault::Resting), now));
                let _ = black_box(ops::restore(scheduler, accelerator, now));
                let _ = black_box(ops::set_active(scheduler, model, black_box(true), now));
                black_box(ops::close(scheduler, now));
            }
        }
    }
}
