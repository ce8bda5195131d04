//! The doorbell queue under the conformance suite: at other depths, with a sibling in its reset domain,
//! under an injector that is silent, and under one that breaks the contract.

mod device;

use device::Npu;
use sdrm3_core::{Cost, Dispatch, Duration, Instant};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::conformance::{Mishap, Report, Rig, Table, Verdict, Work, check, soak};
use sdrm3_hal::driver::doorbell::DoorbellQueue;
use sdrm3_hal::middleware::{Dice, Faulty, Injection};
use sdrm3_hal::queue::Capabilities;

const BLOCK_NS: u32 = 100_000;

// ---- the bench -------------------------------------------------------------------------------

/// A queue on a simulated device behind a doorbell.
struct Desk<Q> {
    make: fn(&Npu) -> Q,
    npu: Npu,
    queue: Q,
    /// Reset with it, as a second context of the same device is.
    sibling: (Npu, Q),
}

impl<Q: AcceleratorQueue> Desk<Q> {
    fn new(make: fn(&Npu) -> Q) -> Self {
        let (npu, other) = (Npu::new(), Npu::new());
        npu.device().reset_ns = 0;
        other.device().reset_ns = 0;
        npu.device().sibling = Some(other.clone());
        Self { make, queue: make(&npu), npu, sibling: (other.clone(), make(&other)) }
    }
}

impl<Q: AcceleratorQueue> Rig for Desk<Q> {
    type Queue = Q;

    fn restart(&mut self) {
        *self = Self::new(self.make);
    }

    fn queue(&mut self) -> &mut Q {
        &mut self.queue
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.npu.device().now)
    }

    fn advance(&mut self, by: Duration) {
        let now = self.npu.device().now;
        self.npu.device().advance(now + by.as_nanos());
        self.sibling.0.device().advance(now + by.as_nanos());
    }

    fn longest(&self) -> Duration {
        Duration::from_nanos(u64::from(BLOCK_NS))
    }

    fn fit(&self, block: &mut Dispatch) {
        (block.expected, block.switch) = (Cost::new(BLOCK_NS, 1), Cost::NONE);
    }

    fn sibling(&mut self) -> Option<&mut Q> {
        Some(&mut self.sibling.1)
    }

    fn strike(&mut self, mishap: Mishap) -> bool {
        let mut device = self.npu.device();
        match mishap {
            Mishap::LateAnswer(ticket) => device.answer(ticket.sequence),
            // Its power comes back at once, but it has forgotten everything.
            Mishap::PowerLoss | Mishap::DeviceReset => device.reset(),
            Mishap::Hang => device.hangs = true,
            _ => return false,
        }
        true
    }

    fn events(&self) -> Option<u32> {
        Some(self.npu.device().events)
    }

    fn work(&self) -> Option<Work> {
        let depth = u32::from(self.queue.capabilities().depth);
        let limit = (2 + 11 * depth).max(11) + 11 + depth; // as the driver's documentation has it
        Some(Work { total: self.npu.device().accesses.get(), limit })
    }
}

// ---- the queues ------------------------------------------------------------------------------

fn doorbell<const DEPTH: usize>(npu: &Npu) -> DoorbellQueue<Npu, DEPTH> {
    npu.queue()
}

/// One that is reset together with another.
fn twin(npu: &Npu) -> DoorbellQueue<Npu, 2> {
    DoorbellQueue::new(npu.clone(), device::ADDRESS, Capabilities::plain(2).with_reset_domain(3))
}

fn faultless(npu: &Npu) -> impl AcceleratorQueue + use<> {
    Faulty::<_, _, 4>::new(doorbell::<2>(npu), Dice::new(1, 0, &[]))
}

fn reports() -> Vec<Report> {
    vec![
        check("doorbell 1", &mut Desk::new(doorbell::<1>)),
        check("doorbell 8", &mut Desk::new(doorbell::<8>)),
        check("twin", &mut Desk::new(twin)),
        check("faultless", &mut Desk::new(faultless)),
    ]
}

#[test]
fn every_queue_keeps_every_rule() {
    let reports = reports();
    println!("{}", Table(&reports));
    for report in &reports {
        assert!(report.conforms(), "{report}");
    }
}

#[test]
fn long_random_runs_find_nothing() {
    for seed in 0..32 {
        let verdicts = [
            soak(&mut Desk::new(doorbell::<1>), seed, 2_000),
            soak(&mut Desk::new(doorbell::<8>), seed, 2_000),
            soak(&mut Desk::new(faultless), seed, 2_000),
        ];
        assert_eq!(verdicts, [Verdict::Pass; 3], "seed {seed}");
    }
}

/// What [`Injection::breaks_contract`] says is what the suite finds.
#[test]
fn the_suite_finds_each_injection_that_breaks_the_contract() {
    fn broken<const WHICH: usize>(npu: &Npu) -> impl AcceleratorQueue + use<WHICH> {
        let mut blocks = 0;
        Faulty::<_, _, 4>::new(doorbell::<2>(npu), move |_: &Dispatch| {
            blocks += 1;
            (blocks % 5 == 0).then_some([Injection::Lose, Injection::Duplicate, Injection::Misname][WHICH])
        })
    }
    let reports = [
        check("loses", &mut Desk::new(broken::<0>)),
        check("duplicates", &mut Desk::new(broken::<1>)),
        check("misnames", &mut Desk::new(broken::<2>)),
    ];
    for report in reports {
        assert!(!report.conforms(), "{report}");
        assert!(matches!(report.verdict("random"), Some(Verdict::Fail(_))), "{report}");
    }
}
