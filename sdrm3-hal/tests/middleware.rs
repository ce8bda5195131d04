//! Queues that wrap a queue: the tracer, the fault injector, and different drivers under one runtime.

mod bench;
mod device;
mod fake;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use bench::{Board, Wire};
use device::Npu;
use fake::{Diary, HANDS, ms, runtime};
use proptest::prelude::*;
use sdrm3_core::{
    Accelerator, AcceleratorId, Config, Cost, Dispatch, Duration, Event, Frame, Instant, MapScore, Model,
    ModelId, Path, Scheduler, Segment, SegmentSpec, SubNetwork, Ticket, Workload,
};
use sdrm3_hal::driver::cpu::{CpuQueue, Step};
use sdrm3_hal::driver::doorbell::DoorbellQueue;
use sdrm3_hal::driver::spi_mailbox::{self, SpiMailbox};
use sdrm3_hal::middleware::{Dice, Faulty, Injection, Kinded, Plan, QueueEvent, Traced};
use sdrm3_hal::queue::{CancelOutcome, ErrorKind, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime, Wake};

const RUN_NS: u64 = 1_000;

const fn ticket(sequence: u32) -> Ticket {
    Ticket { accelerator: AcceleratorId(0), sequence }
}

/// Some block, as the scheduler makes them.
fn template() -> Dispatch {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    let mut block = runtime.queues()[0].running.expect("it was dispatched");
    (block.expected, block.switch) = (Cost::new(RUN_NS as u32, 1), Cost::NONE);
    block
}

/// A queue over a simulated device, with its clock.
struct Bench<Q> {
    npu: Npu,
    queue: Q,
    block: Dispatch,
}

impl<Q: AcceleratorQueue> Bench<Q> {
    fn new(make: impl FnOnce(DoorbellQueue<Npu, 4>) -> Q) -> Self {
        let npu = Npu::new();
        npu.device().reset_ns = 0;
        Self { queue: make(npu.queue()), npu, block: template() }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.npu.device().now)
    }

    fn submit(&mut self, sequence: u32) -> Result<(), Q::Error> {
        self.block.ticket = ticket(sequence);
        self.queue.submit(self.now(), &self.block)
    }

    fn after(&mut self, nanos: u64) -> &mut Self {
        let now = self.npu.device().now;
        self.npu.device().advance(now + nanos);
        self
    }

    fn poll(&mut self) -> Pump<Q::Error> {
        self.queue.poll(self.now())
    }

    /// Everything that it hands out until it waits: ticket and result, in order.
    fn collect(&mut self) -> Vec<(u32, Result<Path, Q::Error>)> {
        let mut all = Vec::new();
        for _ in 0..20 {
            match self.poll() {
                Pump::Done(end) => all.push((end.ticket.sequence, end.result.map(|outcome| outcome.path))),
                Pump::CallAgain => {}
                Pump::Idle | Pump::Waiting => break,
            }
        }
        all
    }
}

// ---- the tracer ------------------------------------------------------------------------------

#[test]
fn a_tracer_hears_every_call_with_its_answer() {
    let lines = RefCell::new(Vec::new());
    let mut bench = Bench::new(|queue| {
        Traced::new(queue, |event: QueueEvent<'_, _>, now: Instant| {
            let what = match event {
                QueueEvent::Submit(block, answer) => format!("submit {}: {answer:?}", block.ticket.sequence),
                QueueEvent::Poll(Pump::Done(end)) => format!("done {}", end.ticket.sequence),
                other => format!("{other:?}"),
            };
            lines.borrow_mut().push(format!("{} {what}", now.as_nanos()));
        })
    });
    for sequence in 0..5 {
        let _ = bench.submit(sequence);
    }
    bench.after(RUN_NS).collect();
    bench.queue.cancel(bench.now(), ticket(9));
    bench.queue.reset(bench.now()).unwrap();
    bench.queue.prepare(bench.now(), HANDS);
    assert_eq!(
        *lines.borrow(),
        [
            "0 submit 0: Ok(())",
            "0 submit 1: Ok(())",
            "0 submit 2: Ok(())",
            "0 submit 3: Ok(())",
            "0 submit 4: Err(Full)",
            "1000 done 0",
            "1000 Poll(Waiting)",
            "1000 Cancel(Ticket { accelerator: AcceleratorId(0), sequence: 9 }, Unknown)",
            "1000 Reset(Ok(()))",
            "1000 Prepare(ModelId(0))",
        ]
    );
}

// ---- the fault injector ----------------------------------------------------------------------

type Script = Box<dyn FnMut(&Dispatch) -> Option<Injection>>;

/// A bench whose blocks meet with this, in order.
fn scripted(script: &[Option<Injection>]) -> Bench<Faulty<DoorbellQueue<Npu, 4>, Script, 8>> {
    let mut script: VecDeque<_> = script.iter().copied().collect();
    Bench::new(|queue| {
        Faulty::new(queue, Box::new(move |_: &Dispatch| script.pop_front().flatten()) as Script)
    })
}

#[test]
fn a_refused_block_is_not_started_and_a_failed_one_was() {
    let mut bench = scripted(&[
        Some(Injection::Refuse(ErrorKind::NotReady)),
        Some(Injection::Fail(ErrorKind::Device)),
        None,
    ]);
    assert_eq!(bench.submit(0), Err(ErrorKind::NotReady));
    bench.submit(1).unwrap();
    bench.submit(2).unwrap();
    let ends = bench.after(2 * RUN_NS).collect();
    assert_eq!(ends, [(1, Err(ErrorKind::Device)), (2, Ok(Path::Next))]);
    assert_eq!(bench.npu.device().given.len(), 2);
    assert_eq!(bench.queue.injected(), 2);
    assert_eq!(bench.queue.capabilities().depth, 4, "that of the queue inside");
}

#[test]
fn a_late_completion_holds_up_those_behind_it() {
    let mut bench = scripted(&[Some(Injection::Delay(Duration::from_nanos(5 * RUN_NS)))]);
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    assert_eq!(bench.after(RUN_NS).poll(), Pump::CallAgain, "it is there, but nobody says so");
    assert_eq!(bench.poll(), Pump::CallAgain, "the clock alone brings it");
    assert_eq!(bench.queue.cancel(bench.now(), ticket(0)), CancelOutcome::RunsToEnd);
    assert_eq!(bench.queue.progress(ticket(0)), Some(u32::MAX));
    assert_eq!(bench.after(2 * RUN_NS).collect(), []);
    let ends = bench.after(3 * RUN_NS).collect();
    assert_eq!(ends, [(0, Ok(Path::Next)), (1, Ok(Path::Next))], "in order of start");
}

#[test]
fn a_hanging_block_makes_no_progress_and_ends_with_a_reset() {
    let mut bench = scripted(&[Some(Injection::Hang)]);
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    assert_eq!(bench.after(9 * RUN_NS).collect(), []);
    assert_eq!(bench.poll(), Pump::Waiting);
    assert_eq!(bench.queue.progress(ticket(0)), Some(0));
    assert_eq!(bench.queue.cancel(bench.now(), ticket(0)), CancelOutcome::NeedsReset);
    bench.queue.reset(bench.now()).unwrap();
    assert_eq!(bench.collect(), [(0, Err(ErrorKind::Reset)), (1, Err(ErrorKind::Reset))]);
    bench.submit(2).unwrap();
    assert_eq!(bench.after(RUN_NS).collect(), [(2, Ok(Path::Next))]);
}

#[test]
fn a_reset_in_the_middle_and_a_loss_of_power_end_everything_in_flight() {
    let mut bench = scripted(&[None, Some(Injection::Reset), None, Some(Injection::PowerLoss)]);
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    assert_eq!(bench.collect(), [(0, Err(ErrorKind::Reset)), (1, Err(ErrorKind::Reset))]);
    bench.submit(2).unwrap();
    bench.submit(3).unwrap();
    assert_eq!(bench.collect(), [(2, Err(ErrorKind::Gone)), (3, Err(ErrorKind::Gone))]);
    assert_eq!(bench.submit(4), Err(ErrorKind::Gone));
    bench.queue.reset(bench.now()).unwrap();
    bench.submit(5).unwrap();
    assert_eq!(bench.after(RUN_NS).collect(), [(5, Ok(Path::Next))]);
}

#[test]
fn what_breaks_the_contract_is_marked() {
    let mut bench = scripted(&[Some(Injection::Lose), Some(Injection::Duplicate), Some(Injection::Misname)]);
    for sequence in 0..3 {
        bench.submit(sequence).unwrap();
    }
    let ends = bench.after(3 * RUN_NS).collect();
    assert_eq!(ends, [(1, Ok(Path::Next)), (1, Ok(Path::Next)), (!2, Ok(Path::Next))]);
    for injection in [Injection::Lose, Injection::Duplicate, Injection::Misname] {
        assert!(injection.breaks_contract());
    }
    assert!(CORRECT.iter().all(|injection| !injection.breaks_contract()));
}

const CORRECT: [Injection; 6] = [
    Injection::Refuse(ErrorKind::Bus),
    Injection::Fail(ErrorKind::Device),
    Injection::Delay(Duration::from_nanos(3 * RUN_NS)),
    Injection::Hang,
    Injection::Reset,
    Injection::PowerLoss,
];

#[test]
fn the_same_seed_throws_the_same_dice() {
    let throw =
        |dice: &mut Dice<'_>, n: usize| -> Vec<_> { (0..n).map(|_| dice.next(&template())).collect() };
    let all = throw(&mut Dice::new(7, 4, &CORRECT), 400);
    let mut dice = Dice::new(7, 4, &CORRECT);
    assert_eq!(throw(&mut dice, 100), all[..100]);
    let mut dice = Dice::new(0, 4, &CORRECT).resume(dice.state());
    assert_eq!(throw(&mut dice, 300), all[100..], "from the state");
    assert_ne!(throw(&mut Dice::new(8, 4, &CORRECT), 400), all, "another seed");
    let hits = all.iter().flatten().count();
    assert!((70..130).contains(&hits), "one in four of 400, and it were {hits}");
    for injection in CORRECT {
        assert!(all.contains(&Some(injection)), "each has its turn");
    }
    assert!(throw(&mut Dice::new(7, 0, &CORRECT), 50).iter().all(Option::is_none));
    assert!(throw(&mut Dice::new(7, 1, &[]), 50).iter().all(Option::is_none));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A queue that fails as a correct one may still answers each accepted ticket exactly once, in order.
    #[test]
    fn faults_that_a_correct_driver_may_show_keep_the_contract(
        seed in any::<u64>(),
        steps in prop::collection::vec((any::<bool>(), 0..2 * RUN_NS, 0..20u32), 0..150),
    ) {
        let mut bench = Bench::new(|queue| Faulty::<_, _, 3>::new(queue, Dice::new(seed, 3, &CORRECT)));
        let mut in_flight = VecDeque::new();
        let mut next = 0;
        // At the end: a reset, and the time for what is late.
        for (submit, pause, chance) in steps.into_iter().chain([(false, 9 * RUN_NS, 0)]) {
            if submit {
                let room = in_flight.len() < 3;
                match bench.submit(next) {
                    Ok(()) => {
                        prop_assert!(room);
                        in_flight.push_back(next);
                    }
                    Err(kind) => prop_assert!(room || matches!(kind, ErrorKind::Full | ErrorKind::Gone)),
                }
                next += 1;
            }
            match chance {
                0 => _ = bench.queue.reset(bench.now()),
                1 => _ = bench.queue.cancel(bench.now(), ticket(next.wrapping_sub(1))),
                _ => {}
            }
            for (sequence, _) in bench.after(pause).collect() {
                prop_assert_eq!(Some(sequence), in_flight.pop_front());
            }
            let idle = bench.poll() == Pump::Idle;
            prop_assert!(!idle || in_flight.is_empty());
        }
        prop_assert!(in_flight.is_empty(), "{:?}", in_flight);
    }
}

// ---- different drivers under one runtime -----------------------------------------------------

static WORK: [Segment<3>; 1] = Segment::table([SegmentSpec::new([
    Cost::new(2_000_000, 1),
    Cost::new(2_000_000, 1),
    Cost::new(4_000_000, 1),
])]);
static NETWORK: [SubNetwork<'static, 3>; 1] = [SubNetwork::new("full", &WORK)];
static MODELS: [Model<'static, 3>; 3] = [
    Model::new("hands", Duration::from_millis(10), &NETWORK),
    Model::new("eyes", Duration::from_millis(10), &NETWORK),
    Model::new("voice", Duration::from_millis(10), &NETWORK),
];
static ACCELERATORS: [Accelerator<'static>; 3] =
    [Accelerator::new("spi"), Accelerator::new("npu"), Accelerator::new("cpu")];
static WORKLOAD: Workload<'static, 3> = Workload::new(&MODELS, &ACCELERATORS);

/// How many blocks each accelerator completed.
#[derive(Default)]
struct Tally([u32; 3]);

impl Application for Tally {
    fn gives_rise(&mut self, _: &Frame, _: ModelId) -> bool {
        false
    }

    fn event(&mut self, event: &Event, _: Instant) {
        if let Event::Completed(report) = event {
            self.0[usize::from(report.ticket.accelerator.0)] += 1;
        }
    }
}

#[test]
fn drivers_of_all_kinds_stand_in_one_runtime() {
    let (board, npu) = (Board::new(), Npu::new());
    let wire = Wire(Rc::clone(&board));
    let mut spi = Kinded(SpiMailbox::<_, _, 2, _>::with_reset(
        wire.clone(),
        wire.clone(),
        wire,
        spi_mailbox::Config::new(),
    ));
    while !spi.0.is_up() {
        let now = board.borrow().now();
        let _ = spi.poll(now);
    }
    let mut doorbell = Kinded(npu.queue::<4>());
    let mut cpu =
        CpuQueue::new(|_: &Dispatch, slice| if slice < 3 { Step::More } else { Step::Done(Path::Next) });
    let queues: [&mut dyn AcceleratorQueue<Error = ErrorKind>; 3] = [&mut spi, &mut doorbell, &mut cpu];
    let scheduler = Scheduler::<_, 3, 8, 3>::new(&WORKLOAD, MapScore::default(), Config::PLAIN)
        .expect("a valid workload");
    let mut runtime = Runtime::new(scheduler, queues.into_iter().collect()).expect("three queues");
    let mut tally = Tally::default();

    const FRAMES: u32 = 50;
    let mut released = 0;
    let step = Duration::from_micros(100);
    for round in 0..=FRAMES * 100 {
        let now = board.borrow().now();
        if round % 100 == 0 && released < FRAMES {
            released += 1;
            for model in 0..3 {
                runtime.release(ModelId(model), now, &mut tally).expect("there is room");
            }
        }
        let _: Wake = runtime.poll(now, &mut tally);
        board.borrow_mut().advance(step);
        let now = board.borrow().now().as_nanos();
        npu.device().advance(now);
    }
    let completed: u32 = runtime.scheduler().tallies().iter().map(|tally| tally.completed).sum();
    assert_eq!(completed, 3 * FRAMES, "{:?}", runtime.trouble());
    assert_eq!(tally.0.iter().sum::<u32>(), 3 * FRAMES);
    assert!(tally.0.iter().all(|&blocks| blocks >= FRAMES / 2), "each did its share: {:?}", tally.0);
    assert_eq!(runtime.trouble(), Default::default());
}
