//! Every queue of this crate under the suite.

use sdrm3_core::{Dispatch, Instant};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Report, Rig, Verdict, check, soak};
use sdrm3_hal::driver::doorbell::DoorbellQueue;
use sdrm3_hal::middleware::{Faulty, Kinded, QueueEvent, Traced};
use sdrm3_hal::queue::Capabilities;

use crate::device::{ADDRESS, Npu};
use crate::drivers::{Cpu, Doorbell, by_command, by_pin};
use crate::reference::{Desk, Reference, SLICES};

/// What to do with each queue: the rigs are of different types.
pub(crate) trait Visit {
    fn queue<R: Rig>(&mut self, name: &'static str, rig: &mut R);
}

pub(crate) fn visit_all(visitor: &mut impl Visit) {
    visitor.queue("ref-1", &mut Desk::new(|| Reference::new(1)));
    visitor.queue("ref-3", &mut Desk::new(|| Reference::new(3)));
    visitor.queue("ref-cpu", &mut Desk::new(|| Reference::pumped(2, SLICES)));
    visitor.queue("spi-1", &mut by_command::<1>());
    visitor.queue("spi-3", &mut by_command::<3>());
    visitor.queue("spi-pin", &mut by_pin::<3>());
    visitor.queue("bell-1", &mut Doorbell::new(bell::<1>));
    visitor.queue("bell-8", &mut Doorbell::new(bell::<8>));
    visitor.queue("bell-twin", &mut Doorbell::new(twin));
    visitor.queue("cpu", &mut Cpu::new());
    visitor.queue("kinded", &mut Doorbell::new(kinded));
    visitor.queue("traced", &mut Doorbell::new(traced));
    visitor.queue("faulty", &mut Doorbell::new(faultless));
}

fn bell<const DEPTH: usize>(npu: &Npu) -> DoorbellQueue<Npu, DEPTH> {
    npu.queue()
}

/// One that is reset together with another.
fn twin(npu: &Npu) -> DoorbellQueue<Npu, 2> {
    DoorbellQueue::new(npu.clone(), ADDRESS, Capabilities::plain(2).with_reset_domain(3))
}

fn kinded(npu: &Npu) -> impl AcceleratorQueue + use<> {
    Kinded(bell::<4>(npu))
}

fn traced(npu: &Npu) -> impl AcceleratorQueue + use<> {
    Traced::new(bell::<4>(npu), |_: QueueEvent<'_, _>, _: Instant| {})
}

fn faultless(npu: &Npu) -> impl AcceleratorQueue + use<> {
    Faulty::<_, _, 3>::new(bell::<4>(npu), |_: &Dispatch| None)
}

/// Tries every rule on every queue.
pub(crate) fn reports() -> Vec<Report> {
    struct Check(Vec<Report>);
    impl Visit for Check {
        fn queue<R: Rig>(&mut self, name: &'static str, rig: &mut R) {
            self.0.push(check(name, rig));
        }
    }
    let mut all = Check(Vec::new());
    visit_all(&mut all);
    all.0
}

/// A random run on every queue.
pub(crate) fn soaked(seed: u32, steps: u32) -> Vec<(&'static str, Verdict)> {
    struct Soak(u32, u32, Vec<(&'static str, Verdict)>);
    impl Visit for Soak {
        fn queue<R: Rig>(&mut self, name: &'static str, rig: &mut R) {
            self.2.push((name, soak(rig, self.0, self.1)));
        }
    }
    let mut all = Soak(seed, steps, Vec::new());
    visit_all(&mut all);
    all.2
}
