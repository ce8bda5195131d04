//! Calls of a scheduler with inputs that the compiler cannot know: the code and the stack of a program that makes
//! them are those of the calls.

use core::hint::black_box;

use sdrm3_core::{AcceleratorId, Action, Fault, ModelId, Outcome, Progress, Workload};

use crate::ops::{self, Full};
use crate::workload::ACCELERATORS;

/// No models and no accelerators: tables do not count.
pub static NOTHING: Workload<'static, ACCELERATORS> = Workload::new(&[], &[]);

/// What the full scheduler is: frames of models and of those that follow them, decisions, completions, drops,
/// accelerators that fail and return, models that are switched on and off, and the end.
#[inline(always)]
pub fn full(scheduler: &mut Full) {
    let (now, model) = (black_box(Default::default()), ModelId(black_box(0)));
    let _ = black_box(ops::release(scheduler, model, now));
    let accelerator = AcceleratorId(black_box(0));
    match ops::poll(scheduler, now) {
        Action::Dispatch(block) => {
            let outcome = black_box(Outcome::finished(now));
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
            let _ = black_box(ops::fault(scheduler, accelerator, black_box(Fault::Resting), now));
            let _ = black_box(ops::restore(scheduler, accelerator, now));
            let _ = black_box(ops::set_active(scheduler, model, black_box(true), now));
            black_box(ops::close(scheduler, now));
        }
    }
}
