//! The doorbell queue over a simulated device: ordinary life, and everything that a device can do wrong.

mod device;
mod fake;

use device::{ADDRESS, ENERGY, Npu, RESET_NS, Twist};
use fake::{Diary, HANDS, ms, runtime};
use proptest::prelude::*;
use sdrm3_core::{AcceleratorId, Cost, Dispatch, Instant, Outcome, Path, Ticket};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::driver::doorbell::layout::Rings;
use sdrm3_hal::driver::doorbell::{DoorbellQueue, Error};
use sdrm3_hal::queue::{
    CancelOutcome, Capabilities, Completion, Error as _, ErrorKind, Granularity, Health, Pump,
};

type Queue = DoorbellQueue<Npu, 4>;

/// How long a block takes.
const RUN_NS: u64 = 1_000;

const fn ns(n: u64) -> Instant {
    Instant::from_nanos(n)
}

const fn ticket(sequence: u32) -> Ticket {
    Ticket { accelerator: AcceleratorId(0), sequence }
}

/// Some block, as the scheduler makes them, under this ticket.
fn template() -> Dispatch {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    let mut block = runtime.queues()[0].running.expect("it was dispatched");
    (block.expected, block.switch) = (Cost::new(RUN_NS as u32, 1), Cost::NONE);
    block
}

/// A queue on its device.
struct Bench {
    npu: Npu,
    queue: Queue,
    block: Dispatch,
}

impl Bench {
    fn new() -> Self {
        Self::with(Npu::new())
    }

    fn with(npu: Npu) -> Self {
        let queue = npu.queue();
        Self { npu, queue, block: template() }
    }

    fn now(&self) -> Instant {
        ns(self.npu.device().now)
    }

    fn submit(&mut self, sequence: u32) -> Result<(), Error> {
        self.block.ticket = ticket(sequence);
        self.queue.submit(self.now(), &self.block)
    }

    /// That much later.
    fn after(&mut self, nanos: u64) -> &mut Self {
        let now = self.npu.device().now;
        self.npu.device().advance(now + nanos);
        self
    }

    fn poll(&mut self) -> Pump<Error> {
        self.queue.poll(self.now())
    }

    /// Everything that it hands out: ticket and result, in order.
    fn collect(&mut self) -> Vec<(u32, Result<Path, Error>)> {
        let mut all = Vec::new();
        while let Pump::Done(completion) = self.poll() {
            all.push((completion.ticket.sequence, completion.result.map(|outcome| outcome.path)));
        }
        all
    }

    /// Fails unless a block runs to its end as ever.
    fn works(&mut self, sequence: u32) {
        assert_eq!(self.submit(sequence), Ok(()));
        assert_eq!(self.after(RUN_NS).collect(), [(sequence, Ok(Path::Next))]);
        assert_eq!(self.poll(), Pump::Idle);
    }
}

// ---- ordinary life ---------------------------------------------------------------------------

#[test]
fn a_block_comes_back_with_the_times_and_the_energy_of_the_device() {
    let mut bench = Bench::new();
    assert_eq!(bench.poll(), Pump::Idle);
    bench.submit(7).unwrap();
    assert_eq!(bench.poll(), Pump::Waiting);
    // The device ends it at 1,000 ns; the CPU comes to it at 1,700 ns.
    let completion = Completion {
        ticket: ticket(7),
        started: ns(0),
        result: Ok(Outcome::finished(ns(1_000)).with_start(ns(0)).with_energy(ENERGY)),
    };
    assert_eq!(bench.after(1_700).poll(), Pump::Done(completion));
    assert_eq!(bench.poll(), Pump::Idle);
    assert_eq!(bench.queue.health(), Health::default());
}

#[test]
fn blocks_run_one_after_another_and_the_queue_is_as_deep_as_it_says() {
    let mut bench = Bench::new();
    assert_eq!(bench.queue.capabilities().depth, 4, "whatever the capabilities said");
    for sequence in 0..4 {
        bench.submit(sequence).unwrap();
    }
    assert_eq!(bench.submit(4), Err(Error::Full));
    assert_eq!(bench.after(2 * RUN_NS).collect(), [(0, Ok(Path::Next)), (1, Ok(Path::Next))]);
    assert_eq!(bench.poll(), Pump::Waiting, "two are left");
    bench.submit(4).unwrap();
    bench.submit(5).unwrap();
    assert_eq!(bench.submit(6), Err(Error::Full));
    let rest: Vec<_> = bench.after(4 * RUN_NS).collect().into_iter().map(|(sequence, _)| sequence).collect();
    assert_eq!(rest, [2, 3, 4, 5]);
    assert_eq!(bench.npu.device().given.len(), 6, "what was refused was not started");
}

#[test]
fn a_network_says_how_it_goes_on() {
    let mut bench = Bench::new();
    for path in [Path::Skip(0xffff), Path::Exit, Path::Next] {
        bench.npu.device().twists.push_back(Twist::Path(path));
        bench.submit(1).unwrap();
        assert_eq!(bench.after(RUN_NS).collect(), [(1, Ok(path))]);
    }
}

#[test]
fn the_device_says_why_it_failed() {
    let mut bench = Bench::new();
    bench.npu.device().twists.extend([Twist::Fail(0xec), Twist::Unsupported]);
    bench.submit(1).unwrap();
    bench.submit(2).unwrap();
    let ends = bench.after(2 * RUN_NS).collect();
    assert_eq!(ends, [(1, Err(Error::Device(0xec))), (2, Err(Error::Unsupported))]);
    assert_eq!(Error::Device(0xec).kind(), ErrorKind::Device);
    assert_eq!(Error::Device(0xec).to_string(), "the accelerator reports a failure, code 0xec");
    assert_eq!(bench.queue.health().failed, 2);
}

#[test]
fn a_queue_that_does_not_measure_energy_reports_none() {
    let npu = Npu::new();
    let mut queue = DoorbellQueue::<_, 1>::new(npu.clone(), ADDRESS, Capabilities::plain(1));
    npu.device().features = 0x40; // it can do no more than it must
    queue.submit(ns(0), &template()).unwrap();
    npu.device().advance(RUN_NS);
    let Pump::Done(completion) = queue.poll(ns(RUN_NS)) else { panic!("it has ended") };
    assert_eq!(completion.result.unwrap().energy_nj, None);
}

/// The entry, byte by byte, as `layout` has it; the check is computed by the device's own code.
#[test]
fn a_submission_lies_in_memory_as_documented() {
    let mut bench = Bench::new();
    bench.block.expected = Cost::new(0x0102_0304, 0);
    bench.block.switch = Cost::new(1, 0);
    (bench.block.subnetwork, bench.block.first, bench.block.count) = (2, 3, 5);
    bench.block.frame.number = 0x0a0b_0c0d;
    bench.submit(0xdead_beef).unwrap();
    let given = bench.npu.device().given[0];
    assert_eq!(given[..7], [0xdead_beef, 0, 0x0200, 0x0005_0003, 0x0a0b_0c0d, 0x0102_0305, 0]);
    let bytes: Vec<u8> = given.iter().flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(given[7], u32::from(device::crc16(&bytes[..30])) << 16);
}

#[test]
fn rings_share_no_line_of_a_cache_and_count_across_the_wrap() {
    assert_eq!([1, 2, 4, 64].map(|depth| Rings::new(depth).completions()), [64, 64, 128, 2048]);
    assert_eq!(DoorbellQueue::<Npu, 1>::BYTES, 96);
    assert_eq!(DoorbellQueue::<Npu, 64>::BYTES, 4096);
    let rings = Rings::new(4);
    assert_eq!([3, 4, u32::MAX, 0].map(|n| rings.submission(n).start), [96, 0, 96, 0]);
    assert_eq!([3, 4, 1023, 1024, u32::MAX].map(|n| rings.phase(n)), [0, 1, 255, 0, 255]);
    assert_eq!([0, 3, 4, u32::MAX].map(|n| rings.fresh(n)), [8, 8, 12, 4], "two rounds ahead");
}

// ---- setting up and resets -------------------------------------------------------------------

#[test]
fn it_waits_for_the_device_without_spinning() {
    let mut bench = Bench::new();
    bench.queue.reset(ns(0)).unwrap();
    for _ in 0..3 {
        let before = bench.npu.device().accesses.get();
        assert_eq!(bench.submit(1), Err(Error::NotReady));
        assert_eq!(bench.npu.device().accesses.get() - before, 2, "one look, no more");
        assert_eq!(bench.poll(), Pump::Idle);
    }
    assert!(Error::NotReady.kind().is_transient());
    bench.queue.reset(ns(1)).unwrap();
    assert_eq!(bench.npu.device().resets, 1, "a reset that goes on is left alone");
    let events = bench.npu.device().events;
    bench.after(RESET_NS);
    assert_eq!(bench.npu.device().events, events + 1, "it says when it is ready");
    bench.works(1);
}

/// The runtime tries again for as long as it is told `NotReady`.
#[test]
fn a_device_that_does_not_come_out_of_its_reset_is_gone() {
    let mut bench = Bench::new();
    bench.npu.device().reset_ns = 150_000_000;
    bench.submit(1).unwrap();
    bench.queue.reset(bench.now()).unwrap();
    assert_eq!(bench.collect(), [(1, Err(Error::Reset))]);
    assert_eq!(bench.after(99_999_999).submit(2), Err(Error::NotReady));
    assert_eq!(bench.queue.reset(bench.now()), Ok(()), "it may still come");
    assert_eq!(bench.after(1).submit(2), Err(Error::Gone));
    assert_eq!(bench.queue.reset(bench.now()), Err(Error::Gone));
    assert_eq!(bench.poll(), Pump::Idle);
    bench.after(50_000_000).works(3);
    // The next time it has as long again.
    bench.queue.reset(bench.now()).unwrap();
    assert_eq!(bench.submit(4), Err(Error::NotReady));
}

#[test]
fn another_device_or_one_that_can_do_less_is_not_driven() {
    for (what, id, features, ticks_hz) in [
        ("another device", 0x1234, 0x3_0240, 1),
        ("rings too deep", device::ID_OF_OURS, 0x3_0203, 1),
        ("aborts at a block only", device::ID_OF_OURS, 0x3_0040, 1),
        ("counts no progress", device::ID_OF_OURS, 0x2_0240, 1),
        ("measures no energy", device::ID_OF_OURS, 0x1_0240, 1),
        ("has no time", device::ID_OF_OURS, 0x3_0240, 0),
    ] {
        let mut bench = Bench::new();
        {
            let mut device = bench.npu.device();
            (device.id, device.features, device.ticks_hz) = (id, features, ticks_hz);
        }
        assert_eq!(bench.submit(1), Err(Error::Unsupported), "{what}");
        assert!(bench.npu.device().given.is_empty());
    }
}

#[test]
fn a_device_that_still_runs_for_an_earlier_life_is_reset_first() {
    let mut bench = Bench::new();
    bench.submit(1).unwrap();
    let mut bench = Bench::with(bench.npu); // the watchdog has bitten
    assert_eq!(bench.submit(1), Err(Error::NotReady));
    assert_eq!(bench.npu.device().resets, 1);
    assert_eq!(bench.after(RESET_NS).poll(), Pump::Idle, "what ran then is nobody's");
    bench.works(1);
    assert_eq!(bench.queue.health(), Health::default());
}

#[test]
fn a_reset_ends_everything_once() {
    let mut bench = Bench::new();
    for sequence in 0..4 {
        bench.submit(sequence).unwrap();
    }
    bench.after(RUN_NS); // the first one has ended, but was not collected
    bench.queue.reset(bench.now()).unwrap();
    assert_eq!(bench.submit(4), Err(Error::Full), "the lost ones take room until they are collected");
    assert_eq!(bench.collect(), [0, 1, 2, 3].map(|sequence| (sequence, Err(Error::Reset))));
    assert_eq!(bench.after(RESET_NS).poll(), Pump::Idle);
    bench.works(4);
    let health = bench.queue.health();
    assert_eq!((health.failed, health.resets, health.spurious), (4, 1, 0));
}

#[test]
fn blocks_lost_in_a_reset_are_handed_out_before_those_given_after_it() {
    let mut bench = Bench::new();
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    bench.queue.reset(bench.now()).unwrap();
    bench.after(RESET_NS);
    bench.submit(2).unwrap();
    let ends = bench.after(RUN_NS).collect();
    assert_eq!(ends, [(0, Err(Error::Reset)), (1, Err(Error::Reset)), (2, Ok(Path::Next))]);
}

// ---- a device that does wrong ----------------------------------------------------------------

#[test]
fn a_device_that_resets_itself_is_found_out() {
    let mut bench = Bench::new();
    for sequence in 0..3 {
        bench.submit(sequence).unwrap();
    }
    bench.after(RUN_NS);
    bench.npu.device().reset();
    assert_eq!(bench.submit(3), Ok(()), "nobody knows yet");
    assert_eq!(
        bench.collect(),
        [(0, Ok(Path::Next)), (1, Err(Error::Reset)), (2, Err(Error::Reset)), (3, Err(Error::Reset))],
        "what had ended has ended"
    );
    assert_eq!(bench.submit(4), Err(Error::NotReady));
    bench.after(RESET_NS).works(4);
    assert_eq!(bench.queue.health().resets, 1);

    bench.npu.device().reset(); // with nothing in flight
    bench.after(RESET_NS).works(5);
    assert_eq!(bench.queue.health().resets, 2);
}

#[test]
fn a_device_without_power_is_gone_until_it_is_back() {
    let mut bench = Bench::new();
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    bench.npu.device().lose_power();
    assert_eq!(bench.collect(), [(0, Err(Error::Gone)), (1, Err(Error::Gone))]);
    assert_eq!(bench.submit(2), Err(Error::Gone));
    assert_eq!(bench.queue.reset(bench.now()), Err(Error::Gone));
    assert_eq!(bench.poll(), Pump::Idle);
    bench.npu.device().power = true;
    bench.after(RESET_NS).works(2);
}

#[test]
fn a_device_that_hangs_makes_no_progress_and_is_freed_by_a_reset() {
    let mut bench = Bench::new();
    bench.submit(0).unwrap();
    bench.npu.device().hangs = true;
    for _ in 0..3 {
        assert_eq!(bench.after(RUN_NS).poll(), Pump::Waiting);
        assert_eq!(bench.queue.progress(ticket(0)), Some(7));
    }
    bench.queue.reset(bench.now()).unwrap();
    assert_eq!(bench.collect(), [(0, Err(Error::Reset))]);
    bench.after(RESET_NS).works(1);
}

#[test]
fn answers_that_nobody_waits_for_are_dropped_and_counted() {
    let mut bench = Bench::new();
    bench.npu.device().twists.extend([Twist::Twice, Twist::Stranger]);
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    let ends = bench.after(2 * RUN_NS).collect();
    assert_eq!(ends, [(0, Ok(Path::Next)), (1, Ok(Path::Next))]);
    assert_eq!(bench.queue.health().spurious, 2);

    bench.npu.device().twists.push_back(Twist::Twice);
    bench.works(2);
    assert_eq!(bench.queue.health().spurious, 3, "also with nothing in flight");
    bench.works(3);
    assert_eq!((bench.queue.health().failed, bench.queue.health().corrupt), (0, 0));
}

/// It has overwritten what was not collected: the ring is round, and the phase says no more than that.
#[test]
fn a_device_that_answers_more_often_than_its_ring_has_places_is_freed_by_a_reset() {
    let npu = Npu::new();
    let mut queue = npu.queue::<1>();
    let mut block = template();
    npu.device().twists.push_back(Twist::Twice);
    queue.submit(ns(0), &block).unwrap();
    npu.device().advance(RUN_NS);
    for now in [RUN_NS, 2 * RUN_NS] {
        assert_eq!(queue.poll(ns(now)), Pump::Waiting);
        assert_eq!(queue.health().spurious, 1, "counted once");
    }
    queue.reset(ns(2 * RUN_NS)).unwrap();
    let Pump::Done(lost) = queue.poll(ns(2 * RUN_NS)) else { panic!("it was lost") };
    assert_eq!(lost.result, Err(Error::Reset));

    let now = 2 * RUN_NS + RESET_NS;
    npu.device().advance(now);
    block.ticket.sequence += 1;
    queue.submit(ns(now), &block).unwrap();
    npu.device().advance(now + RUN_NS);
    let Pump::Done(next) = queue.poll(ns(now + RUN_NS)) else { panic!("it has ended") };
    assert_eq!(next.result.map(|outcome| outcome.path), Ok(Path::Next));
    assert_eq!(queue.health().spurious, 1);
}

#[test]
fn a_lost_answer_is_known_by_the_next_one() {
    let mut bench = Bench::new();
    bench.npu.device().twists.extend([Twist::Skip, Twist::Skip]);
    for sequence in 0..3 {
        bench.submit(sequence).unwrap();
    }
    assert_eq!(bench.after(2 * RUN_NS).poll(), Pump::Waiting);
    let ends = bench.after(RUN_NS).collect();
    assert_eq!(ends, [(0, Err(Error::Corrupt)), (1, Err(Error::Corrupt)), (2, Ok(Path::Next))]);
    assert_eq!(bench.queue.health().corrupt, 2);
    bench.works(3);
}

#[test]
fn a_status_or_path_that_is_none_ends_the_block_as_corrupt() {
    let mut bench = Bench::new();
    for (status, path) in [(4, 0), (0xff, 0), (0, 0x03_0000), (0, 0x0100_0000), (0, 7)] {
        bench.npu.device().twists.push_back(Twist::Status(status, path));
        bench.submit(1).unwrap();
        assert_eq!(bench.after(RUN_NS).collect(), [(1, Err(Error::Corrupt))], "{status} {path:#x}");
    }
    assert_eq!(bench.queue.health().corrupt, 5);
}

/// Each of the 256 bits of a completion: no turned bit passes for a result.
#[test]
fn no_turned_bit_goes_unnoticed() {
    let (mut corrupt, mut unseen) = (0, 0);
    for bit in 0..256 {
        let mut bench = Bench::new();
        bench.npu.device().twists.push_back(Twist::Flip(bit));
        bench.submit(0).unwrap();
        match bench.after(RUN_NS).poll() {
            Pump::Done(completion) => {
                assert_eq!(completion.result, Err(Error::Corrupt), "bit {bit}");
                assert_eq!(bench.queue.health().corrupt, 1);
                corrupt += 1;
                bench.works(1);
            }
            Pump::Waiting => {
                // The phase: it is not there yet, or one that cannot be. A user's timeout ends it.
                assert!((224..232).contains(&bit), "bit {bit}");
                bench.queue.reset(bench.now()).unwrap();
                assert_eq!(bench.collect(), [(0, Err(Error::Reset))]);
                bench.after(RESET_NS).works(1);
                unseen += 1;
            }
            other => panic!("bit {bit}: {other:?}"),
        }
    }
    assert_eq!((corrupt, unseen), (248, 8));
}

#[test]
fn a_write_from_before_a_reset_is_never_taken_for_an_answer() {
    let mut bench = Bench::new();
    bench.works(0);
    let (_, phase) = bench.npu.device().next();
    bench.queue.reset(bench.now()).unwrap();
    bench.after(RESET_NS);
    bench.submit(1).unwrap();
    // It was on its way through the bus when the device was reset, and names a ticket in flight.
    let (n, _) = bench.npu.device().next();
    bench.npu.device().write_words(n, device::late(1).words(phase));
    assert_eq!(bench.poll(), Pump::Waiting);
    assert_eq!(bench.poll(), Pump::Waiting);
    assert_eq!(bench.queue.health().spurious, 1, "counted once, however often it is looked at");
    assert_eq!(bench.after(RUN_NS).collect(), [(1, Ok(Path::Next))], "the answer takes its place");
}

#[test]
fn times_that_cannot_be_are_cut_to_those_that_can() {
    let mut bench = Bench::new();
    bench.after(3_000);
    // 100 ticks are 1,000 ns: began before it was given, ended before that too, ended in the future and a tick
    // ahead, ended before it began.
    for (began, ended, started, finished) in [
        (0, 350, 3_000, 3_500),
        (0, 100, 3_000, 3_000),
        (300, 900, 3_000, 4_000),
        (310, 401, 3_090, 4_000),
        (390, 380, 3_000, 3_800),
    ] {
        let mut bench = Bench::with(Npu::new());
        bench.after(3_000);
        bench.npu.device().twists.push_back(Twist::Times(began, ended));
        bench.submit(1).unwrap();
        let Pump::Done(completion) = bench.after(RUN_NS).poll() else { panic!("it has ended") };
        let outcome = completion.result.unwrap();
        assert_eq!((completion.started, outcome.finished), (ns(started), ns(finished)), "{began}..{ended}");
    }
}

/// The clock has 32 bits: behind half their range nobody can tell an end from one that lies ahead.
#[test]
fn an_end_that_is_collected_very_late_counts_as_of_then_and_took_as_long_as_it_did() {
    let half = (1 << 31) * 10; // in ns
    for (collected, finished) in [(RUN_NS + half - 10, RUN_NS), (RUN_NS + half, RUN_NS + half)] {
        let mut bench = Bench::new();
        bench.submit(1).unwrap();
        let Pump::Done(completion) = bench.after(collected).poll() else { panic!("it has ended") };
        assert_eq!(completion.result.unwrap().finished, ns(finished));
        assert_eq!(completion.started, ns(finished - RUN_NS));
    }
}

/// Its answer lies in memory, but nobody can say how old it is.
#[test]
fn an_end_of_a_device_that_has_lost_its_power_since_counts_as_now() {
    let mut bench = Bench::new();
    bench.submit(1).unwrap();
    bench.after(RUN_NS);
    bench.npu.device().lose_power();
    let Pump::Done(completion) = bench.after(RUN_NS).poll() else { panic!("it had ended") };
    assert_eq!(completion.result.unwrap().finished, ns(2 * RUN_NS));
}

// ---- cancelling and progress -----------------------------------------------------------------

#[test]
fn a_cancelled_block_stops_where_the_device_can() {
    for (granularity, running) in [
        (Granularity::Slice, CancelOutcome::StopsAtBoundary),
        (Granularity::Segment, CancelOutcome::StopsAtBoundary),
        (Granularity::Block, CancelOutcome::NeedsReset),
    ] {
        let npu = Npu::new();
        npu.device().granularity = granularity;
        let mut bench = Bench::with(npu);
        for sequence in 0..3 {
            bench.submit(sequence).unwrap();
        }
        bench.after(RUN_NS + RUN_NS / 2); // 0 has ended, 1 runs, 2 waits
        let mut cancel = |sequence| bench.queue.cancel(ns(1_500), ticket(sequence));
        assert_eq!(cancel(2), CancelOutcome::Removed);
        assert_eq!(cancel(9), CancelOutcome::Unknown);
        assert_eq!(cancel(0), CancelOutcome::RunsToEnd, "it has");
        assert_eq!(cancel(1), running);
        let stopped = if granularity == Granularity::Block { Ok(Path::Next) } else { Err(Error::Cancelled) };
        let ends = bench.after(RUN_NS).collect();
        assert_eq!(ends, [(0, Ok(Path::Next)), (1, stopped), (2, Err(Error::Cancelled))]);
        bench.works(3);
    }
}

/// Its end and the abort cross each other: the device is as healthy as before.
#[test]
fn a_block_that_ends_during_its_cancellation_needs_no_reset() {
    let npu = Npu::new();
    (npu.device().granularity, npu.device().abort_ns) = (Granularity::Block, RUN_NS / 2);
    let mut bench = Bench::with(npu);
    bench.submit(0).unwrap();
    bench.after(RUN_NS / 2 - 1);
    assert_eq!(bench.queue.cancel(bench.now(), ticket(0)), CancelOutcome::NeedsReset, "it runs on");
    assert_eq!(bench.queue.cancel(bench.now(), ticket(0)), CancelOutcome::RunsToEnd, "it has");
    assert_eq!(bench.collect(), [(0, Ok(Path::Next))]);

    for sequence in 1..4 {
        bench.submit(sequence).unwrap();
    }
    bench.after(RUN_NS / 2);
    assert_eq!(bench.queue.cancel(bench.now(), ticket(1)), CancelOutcome::RunsToEnd, "the next has begun");
    bench.after(RUN_NS / 2);
    assert_eq!(bench.queue.cancel(bench.now(), ticket(3)), CancelOutcome::NeedsReset, "it began meanwhile");
    assert_eq!(bench.after(RUN_NS).collect(), [1, 2, 3].map(|sequence| (sequence, Ok(Path::Next))));

    // What lies at its place in the ring answers somebody else.
    bench.submit(4).unwrap();
    bench.npu.device().hangs = true;
    bench.npu.device().answer(99);
    assert_eq!(bench.queue.cancel(bench.now(), ticket(4)), CancelOutcome::NeedsReset, "it hangs");
}

#[test]
fn cancelling_what_a_reset_has_ended_changes_nothing() {
    let mut bench = Bench::new();
    bench.submit(0).unwrap();
    bench.queue.reset(ns(0)).unwrap();
    assert_eq!(bench.queue.cancel(ns(0), ticket(0)), CancelOutcome::RunsToEnd);
    assert_eq!(bench.collect(), [(0, Err(Error::Reset))]);
    assert_eq!(bench.queue.cancel(ns(0), ticket(0)), CancelOutcome::Unknown);
}

#[test]
fn progress_is_that_of_the_block() {
    let mut bench = Bench::new();
    bench.submit(0).unwrap();
    bench.submit(1).unwrap();
    let progress = |bench: &Bench| [0, 1].map(|sequence| bench.queue.progress(ticket(sequence)));
    assert_eq!(progress(&bench), [Some(0), Some(0)]);
    assert_eq!(progress(bench.after(RUN_NS / 2)), [Some(50), Some(0)]);
    assert_eq!(progress(bench.after(RUN_NS * 3 / 4)), [Some(u32::MAX), Some(25)], "the first has ended");
    bench.collect();
    assert_eq!(progress(&bench), [None, Some(25)], "what was collected is unknown");
}

// ---- numbers that wrap -----------------------------------------------------------------------

#[test]
fn counts_and_ticks_go_on_across_their_wrap() {
    let npu = Npu::new();
    npu.device().first_tick = u32::MAX - 1_000;
    let queue = npu.queue::<4>().counting_from(u32::MAX - 40);
    let mut bench = Bench { queue, ..Bench::with(npu) };
    for sequence in (u32::MAX - 50..=u32::MAX).chain(0..50) {
        let before = bench.now();
        bench.submit(sequence).unwrap();
        let Pump::Done(completion) = bench.after(RUN_NS).poll() else { panic!("{sequence} has ended") };
        assert_eq!(completion.ticket, ticket(sequence));
        assert_eq!(completion.started, before);
        assert_eq!(completion.result.unwrap().finished, bench.now());
    }
    assert_eq!(bench.queue.health(), Health::default());
}

#[test]
fn the_phase_goes_round() {
    let mut bench = Bench::new();
    for sequence in 0..300 * 4 {
        bench.submit(sequence).unwrap();
        assert_eq!(bench.after(RUN_NS).collect(), [(sequence, Ok(Path::Next))]);
    }
    assert_eq!(bench.queue.health(), Health::default());
}

// ---- bounds ----------------------------------------------------------------------------------

/// The worst case of each call, in accesses, as the module's documentation has it.
#[test]
fn a_call_touches_the_device_no_more_than_it_says() {
    let mut bench = Bench::new();
    let npu = bench.npu.clone();
    let cost = move || npu.device().accesses.replace(0);
    bench.submit(0).unwrap();
    assert_eq!(cost(), 10 + 11 + 4, "submit that sets the device up");
    bench.submit(1).unwrap();
    assert_eq!(cost(), 10, "submit behind another");
    let _ = bench.poll();
    assert_eq!(cost(), 4, "poll that finds nothing");
    let _ = bench.after(2 * RUN_NS).poll();
    assert_eq!(cost(), 13, "poll that finds an answer");
    bench.queue.cancel(ns(0), ticket(1));
    assert_eq!(cost(), 3, "cancel");
    let unstoppable = Npu::new();
    unstoppable.device().granularity = Granularity::Block;
    let mut other = Bench::with(unstoppable);
    other.submit(0).unwrap();
    other.npu.device().accesses.set(0);
    other.queue.cancel(ns(0), ticket(0));
    assert_eq!(other.npu.device().accesses.get(), 5, "cancel of what cannot be stopped");
    other.after(RUN_NS).npu.device().accesses.set(0);
    other.queue.cancel(ns(0), ticket(0));
    assert_eq!(other.npu.device().accesses.get(), 6, "and has ended by itself");
    bench.queue.progress(ticket(1));
    assert_eq!(cost(), 1, "progress");
    bench.collect();
    cost();
    bench.submit(2).unwrap();
    assert_eq!(cost(), 11, "submit to an idle device");
    bench.npu.device().twists.push_back(Twist::Twice);
    bench.after(RUN_NS).collect();
    cost();
    let (first, _) = bench.npu.device().next();
    for n in first..first + 4 {
        let phase = Rings::new(4).phase(n);
        bench.npu.device().write_words(n, device::late(99).words(phase));
    }
    assert_eq!(bench.poll(), Pump::Idle);
    assert_eq!(cost(), 2 + 11 * 4, "poll that finds as much nonsense as there is room for");
    bench.queue.reset(ns(0)).unwrap();
    assert_eq!(cost(), 2, "reset");
}

// ---- properties ------------------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Op {
    Submit,
    /// The device works that long.
    Pass(u64),
    Poll,
    Cancel(u32),
    Reset,
    DeviceReset,
    PowerLoss,
    PowerBack,
    Hang,
    Twist(Twist),
}

fn op() -> impl Strategy<Value = Op> {
    let twist = prop_oneof![
        any::<u32>().prop_map(Twist::Fail),
        Just(Twist::Unsupported),
        Just(Twist::Skip),
        Just(Twist::Twice),
        Just(Twist::Stranger),
        (0..256u32).prop_map(Twist::Flip),
        any::<(u32, u32)>().prop_map(|(began, ended)| Twist::Times(began, ended)),
        any::<(u8, u32)>().prop_map(|(status, path)| Twist::Status(status, path)),
    ];
    prop_oneof![
        8 => Just(Op::Submit),
        8 => (0..3 * RUN_NS).prop_map(Op::Pass),
        12 => Just(Op::Poll),
        2 => (0..4u32).prop_map(Op::Cancel),
        1 => Just(Op::Reset),
        1 => Just(Op::DeviceReset),
        1 => Just(Op::PowerLoss),
        2 => Just(Op::PowerBack),
        1 => Just(Op::Hang),
        3 => twist.prop_map(Op::Twist),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the device does, each accepted ticket is answered exactly once, in order, at times that can
    /// be, and the queue is never deeper than it says.
    #[test]
    fn every_ticket_is_answered_exactly_once(
        ops in prop::collection::vec(op(), 0..200),
        count in prop_oneof![Just(0), any::<u32>(), Just(u32::MAX - 20)],
        tick in any::<u32>(),
    ) {
        let npu = Npu::new();
        npu.device().first_tick = tick;
        let queue = npu.queue::<4>().counting_from(count);
        let mut bench = Bench { queue, ..Bench::with(npu) };
        let mut in_flight = std::collections::VecDeque::new();
        let mut next = 0u32;
        let mut failed = 0;
        let end = [Op::PowerBack, Op::Reset];
        for op in ops.into_iter().chain(end).chain((0..5).map(|_| Op::Poll)) {
            match op {
                Op::Submit => {
                    let room = in_flight.len() < 4;
                    match bench.submit(next) {
                        Ok(()) => {
                            prop_assert!(room);
                            in_flight.push_back((next, bench.now()));
                        }
                        Err(Error::Full) => prop_assert!(!room),
                        Err(error) => prop_assert!(matches!(error, Error::NotReady | Error::Gone)),
                    }
                    next += 1;
                }
                Op::Pass(nanos) => {
                    bench.after(nanos);
                }
                Op::Poll => match bench.poll() {
                    Pump::Done(completion) => {
                        let (sequence, submitted) = in_flight.pop_front().expect("something is in flight");
                        prop_assert_eq!(completion.ticket, ticket(sequence));
                        let finished = completion.result.map_or(bench.now(), |outcome| outcome.finished);
                        prop_assert!(submitted <= completion.started);
                        prop_assert!(completion.started <= finished && finished <= bench.now());
                        failed += u32::from(completion.result.is_err());
                    }
                    Pump::Idle => prop_assert!(in_flight.is_empty()),
                    Pump::Waiting => prop_assert!(!in_flight.is_empty()),
                    Pump::CallAgain => prop_assert!(false, "the device needs no CPU"),
                },
                Op::Cancel(back) => {
                    let sequence = next.wrapping_sub(back);
                    let known = in_flight.iter().any(|&(other, _)| other == sequence);
                    let answer = bench.queue.cancel(bench.now(), ticket(sequence));
                    prop_assert_eq!(answer != CancelOutcome::Unknown, known);
                }
                Op::Reset => _ = bench.queue.reset(bench.now()),
                Op::DeviceReset => bench.npu.device().reset(),
                Op::PowerLoss => bench.npu.device().lose_power(),
                Op::PowerBack => bench.npu.device().power = true,
                Op::Hang => bench.npu.device().hangs = true,
                Op::Twist(twist) => bench.npu.device().twists.push_back(twist),
            }
        }
        prop_assert!(in_flight.is_empty(), "a reset ends everything");
        prop_assert_eq!(bench.queue.health().failed, failed);
        // And it works again.
        {
            let mut device = bench.npu.device();
            device.twists.clear();
            device.hangs = false;
        }
        bench.after(RESET_NS);
        bench.works(next);
    }

    /// A CPU that sleeps behind `Waiting` and `Idle` until the next interrupt misses nothing.
    #[test]
    fn an_interrupt_follows_whenever_it_says_so(
        steps in prop::collection::vec((any::<bool>(), 0..2 * RUN_NS), 0..100),
    ) {
        let mut bench = Bench::new();
        let (mut accepted, mut answered, mut served) = (0, 0, 0);
        for (submit, pause) in steps {
            if submit && bench.submit(accepted).is_ok() {
                accepted += 1;
            }
            bench.after(pause);
            let events = bench.npu.device().events;
            if events != served {
                served = events;
                answered += bench.collect().len() as u32;
            }
        }
        bench.after(5 * RUN_NS);
        if bench.npu.device().events != served {
            answered += bench.collect().len() as u32;
        }
        prop_assert_eq!(answered, accepted);
    }
}
