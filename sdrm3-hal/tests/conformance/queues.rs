//! Every queue of this crate under the suite.

use sdrm3_core::Instant;
use sdrm3_hal::conformance::{Report, check};
use sdrm3_hal::driver::doorbell::Error;
use sdrm3_hal::middleware::{Faulty, Kinded, QueueEvent, Traced};

use crate::drivers::{Cpu, Doorbell, Spi};
use crate::reference::{Desk, Reference, SLICES};

/// Hears of every call, and does nothing about it.
fn deaf(_: &QueueEvent<'_, Error>, _: Instant) {}

pub(crate) fn reports() -> Vec<Report> {
    vec![
        check("ref-1", &mut Desk::new(|| Reference::new(1))),
        check("ref-3", &mut Desk::new(|| Reference::new(3))),
        check("ref-cpu", &mut Desk::new(|| Reference::pumped(2, SLICES))),
        check("spi", &mut Spi::new()),
        check("doorbell", &mut Doorbell::new(|queue| queue)),
        check("cpu", &mut Cpu::new()),
        check("kinded", &mut Doorbell::new(Kinded)),
        check("traced", &mut Doorbell::new(|queue| Traced::new(queue, deaf))),
        check("faulty", &mut Doorbell::new(|queue| Faulty::<_, _, 4>::new(queue, |_: &_| None))),
    ]
}
