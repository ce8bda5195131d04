//! The rig for a simulated accelerator: it is its own device.

use bumpalo::Bump;
use sdrm3_core::{Duration, Instant};
use sdrm3_hal::conformance::{Mishap, Rig};
use sdrm3_host_sim::engine::{Cell, Draw, Execution, SimulatedAccelerator};
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::scenario::{Platform, Scenario, build};

const DECISION_NS: u32 = 50_000;

pub(crate) struct Simulated {
    execution: Execution<'static>,
    queue: SimulatedAccelerator<'static>,
    now: Instant,
    events: u32,
}

impl Simulated {
    /// On tables that live as long as the tests do.
    pub(crate) fn new() -> Self {
        let scenario: &Scenario = Box::leak(Box::new(Scenario::load("vr_gaming").expect("built in")));
        let platform: &Platform = Box::leak(Box::new(Platform::load("4k-1ws-2os").expect("built in")));
        let memory: &Bump = Box::leak(Box::new(Bump::new()));
        let workload = build(scenario, platform, &Library::zoo(), None, memory).expect("built in");
        let workload = Box::leak(Box::new(workload));
        let duration = Duration::from_millis(1);
        let cell = Cell { scenario, platform, workload, recording: None, duration, seed: 0 };
        let execution = Execution::new(&cell, Draw::new(0));
        let queue = SimulatedAccelerator::new(execution, DECISION_NS);
        Self { execution, queue, now: Instant::ZERO, events: 0 }
    }
}

impl Rig for Simulated {
    type Queue = SimulatedAccelerator<'static>;

    fn restart(&mut self) {
        self.queue = SimulatedAccelerator::new(self.execution, DECISION_NS);
    }

    fn queue(&mut self) -> &mut SimulatedAccelerator<'static> {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn advance(&mut self, by: Duration) {
        let before = self.now;
        self.now = before.saturating_add(by);
        let event = self.queue.next_event();
        self.events += u32::from(event.is_some_and(|at| before < at && at <= self.now));
    }

    fn longest(&self) -> Duration {
        // What the suite's block is expected to take.
        Duration::from_millis(1).saturating_add(Duration::from_nanos(u64::from(DECISION_NS)))
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        if mishap == Mishap::PowerLoss {
            self.queue.set_lost(true, self.now);
        }
        mishap == Mishap::PowerLoss
    }

    fn events(&self) -> Option<u32> {
        Some(self.events)
    }
}
