//! The SPI mailbox against the device's end of its protocol, over a wire that misbehaves on request.

mod bench;
mod fake;

use std::cell::RefCell;
use std::rc::Rc;

use bench::{Board, Fault, LATCH, ROOM, TRANSFER, Wire, no_ticket_twice};
use fake::{Diary, HANDS, ms, runtime};
use proptest::prelude::*;
use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Path};
use sdrm3_hal::AcceleratorQueue;
use sdrm3_hal::driver::spi_mailbox::wire::{Answer, Ending};
use sdrm3_hal::driver::spi_mailbox::{Config, SpiMailbox};
use sdrm3_hal::queue::{CancelOutcome, Completion, ErrorKind, Granularity, Pump};

const DEPTH: usize = 3;

type Queue = SpiMailbox<Wire, Wire, DEPTH, Wire>;

/// A queue, its device, and what came out of the queue.
struct Bench {
    board: Rc<RefCell<Board>>,
    queue: Queue,
    block: Dispatch,
    accepted: Vec<u32>,
    done: Vec<Completion<ErrorKind>>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::new())
    }

    /// With a reset pin that is there but need not be used.
    fn with(config: Config) -> Self {
        let board = Board::new();
        let wire = Wire(Rc::clone(&board));
        let queue = SpiMailbox::with_reset(wire.clone(), wire.clone(), wire, config);
        Self { board, queue, block: block(), accepted: Vec::new(), done: Vec::new() }
    }

    /// With the session begun.
    fn up() -> Self {
        let mut bench = Self::new();
        bench.connect();
        bench
    }

    fn connect(&mut self) {
        for _ in 0..20 {
            let _ = self.poll();
            self.wait(100);
        }
        assert!(self.queue.is_up());
        self.board.borrow_mut().transfers = 0;
    }

    fn now(&self) -> Instant {
        self.board.borrow().now()
    }

    fn wait(&self, micros: u64) {
        self.board.borrow_mut().advance(Duration::from_micros(micros));
    }

    fn fault(&self, faults: impl IntoIterator<Item = Fault>) {
        self.board.borrow_mut().faults.extend(faults.into_iter().map(Some));
    }

    fn submit(&mut self) -> Result<u32, ErrorKind> {
        let (ticket, now) = (self.accepted.len() as u32, self.now());
        self.block.ticket.sequence = ticket;
        self.queue.submit(now, &self.block)?;
        self.accepted.push(ticket);
        Ok(ticket)
    }

    /// The same, once the queue is ready.
    fn offer(&mut self) -> u32 {
        for _ in 0..2_000 {
            match self.submit() {
                Err(ErrorKind::NotReady | ErrorKind::Gone) => {
                    let _ = self.poll();
                    self.wait(10);
                }
                taken => return taken.unwrap(),
            }
        }
        panic!("still not ready: {:?}", self.queue);
    }

    /// One poll; at most one transfer, as documented.
    fn poll(&mut self) -> Pump<ErrorKind> {
        let (now, before) = (self.now(), self.board.borrow().transfers);
        let pump = self.queue.poll(now);
        assert!(self.board.borrow().transfers - before <= 1, "one transfer a call");
        if let Pump::Done(completion) = pump {
            self.done.push(completion);
        }
        pump
    }

    /// Polls as a runtime does: at once on `CallAgain`, else when the pin rises. How many polls it took
    /// until nothing was in flight.
    fn drain(&mut self, limit: u32) -> u32 {
        for polls in 1..=limit {
            match self.poll() {
                Pump::Idle => return polls,
                Pump::Waiting => {
                    let before = self.board.borrow().edges;
                    for _ in 0..1_000 {
                        if self.board.borrow().pin || self.board.borrow().edges > before {
                            break;
                        }
                        self.wait(100);
                    }
                    assert!(self.board.borrow().edges > before, "an event follows on `Waiting`");
                }
                Pump::CallAgain => self.wait(10),
                Pump::Done(_) => {}
            }
        }
        panic!("still in flight after {limit} polls: {:?}", self.queue);
    }

    fn results(&self) -> Vec<(u32, Result<Path, ErrorKind>)> {
        self.done.iter().map(|done| (done.ticket.sequence, done.result.map(|outcome| outcome.path))).collect()
    }

    fn ticket(&self, sequence: u32) -> sdrm3_core::Ticket {
        sdrm3_core::Ticket { sequence, ..self.block.ticket }
    }
}

/// Some block, as the scheduler makes them.
fn block() -> Dispatch {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    runtime.queues()[0].running.expect("it was dispatched")
}

// ---- a good wire -----------------------------------------------------------------------------

#[test]
fn a_block_takes_four_transfers() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().engine.energy_nj = Some(77);
    let ticket = bench.submit().unwrap();
    assert_eq!(bench.board.borrow().transfers, 0, "submitting costs none");

    assert_eq!(bench.poll(), Pump::CallAgain, "1: the block goes out; its acknowledgement is to come");
    assert_eq!(bench.poll(), Pump::Waiting, "2: acknowledged; the pin will rise");
    assert_eq!(bench.poll(), Pump::Waiting, "and until it does no transfer is made");
    assert_eq!(bench.board.borrow().transfers, 2);

    bench.wait(1_000);
    assert!(bench.board.borrow().pin);
    let Pump::Done(completion) = bench.poll() else { panic!("3: its end comes in") };
    assert_eq!(completion.ticket, bench.ticket(ticket));
    let outcome = completion.result.unwrap();
    assert_eq!((outcome.path, outcome.energy_nj), (Path::Next, Some(77)));
    assert_eq!(bench.poll(), Pump::Idle, "4: and is acknowledged");
    assert!(!bench.board.borrow().pin, "which lowers the pin");
    assert_eq!(bench.board.borrow().transfers, 4);
    assert_eq!(bench.poll(), Pump::Idle);
    assert_eq!(bench.board.borrow().transfers, 4, "an idle queue leaves the bus alone");

    let health = bench.queue.health();
    assert_eq!((health.stale, health.retries, health.corrupt, health.spurious), (0, 0, 0, 0));
}

/// A block's time begins when it is taken, and a device that starts may take longer.
#[test]
fn blocks_are_taken_as_soon_as_the_device_has_answered_the_greeting() {
    let mut bench = Bench::new();
    assert_eq!(bench.submit(), Err(ErrorKind::NotReady));
    assert_eq!(bench.poll(), Pump::Idle, "the greeting goes out");
    assert_eq!(bench.submit(), Err(ErrorKind::NotReady));
    assert_eq!(bench.poll(), Pump::Idle, "its answer comes in");
    let identity = bench.queue.identity().unwrap();
    assert_eq!((identity.device, usize::from(identity.depth.get())), (0x5D3A, ROOM));
    bench.submit().unwrap();
    assert!(!bench.queue.is_up(), "the session is opened with the block");
    bench.drain(40);
    assert_eq!(bench.results(), [(0, Ok(Path::Next))]);
}

#[test]
fn blocks_run_in_order_and_the_device_is_never_overfilled() {
    let mut bench = Bench::up();
    for _ in 0..DEPTH {
        bench.submit().unwrap();
    }
    assert_eq!(bench.submit(), Err(ErrorKind::Full), "the device holds {ROOM}, the driver one more");
    for _ in 0..10 {
        let _ = bench.poll();
    }
    assert_eq!(bench.board.borrow().engine.started, [0], "one at a time");
    bench.drain(200);
    assert_eq!(bench.results(), [(0, Ok(Path::Next)), (1, Ok(Path::Next)), (2, Ok(Path::Next))]);
    assert_eq!(bench.board.borrow().engine.started, [0, 1, 2]);
    assert_eq!(bench.queue.health().failed, 0);
}

#[test]
fn paths_and_failures_come_through() {
    let mut bench = Bench::up();
    let endings = [
        (Ending::Finished(Path::Skip(3)), Ok(Path::Skip(3))),
        (Ending::Finished(Path::Exit), Ok(Path::Exit)),
        (Ending::Failed, Err(ErrorKind::Device)),
    ];
    for (ending, expected) in endings {
        let ticket = bench.submit().unwrap();
        bench.board.borrow_mut().engine.endings.insert(ticket, ending);
        bench.drain(100);
        assert_eq!(bench.results().last(), Some(&(ticket, expected)));
    }
    assert_eq!(bench.queue.health().failed, 1);
}

#[test]
fn a_block_that_the_device_refuses_ends_with_the_reason() {
    let mut bench = Bench::up();
    let reasons = [
        (Answer::Unsupported, ErrorKind::Unsupported),
        (Answer::NotReady, ErrorKind::NotReady),
        (Answer::Full, ErrorKind::Full),
    ];
    for (answer, kind) in reasons {
        bench.board.borrow_mut().engine.refused.insert(0, answer);
        let ticket = bench.submit().unwrap();
        bench.drain(20);
        assert_eq!(bench.results().last(), Some(&(ticket, Err(kind))));
    }
    assert_eq!(bench.board.borrow().engine.started, []);
}

/// The device's times are early by at most what lies between our `now` and its latch, and as exact as
/// its ticks among each other. Its clock wraps in the middle.
#[test]
fn the_devices_times_are_exact_to_a_transfer() {
    let mut bench = Bench::up();
    for _ in 0..20 {
        let ticket = bench.submit().unwrap();
        bench.drain(100);
        let done = bench.done.last().unwrap();
        let (started, finished) = bench.board.borrow().engine.ran[&ticket];
        let outcome = done.result.unwrap();
        for (said, was) in [(done.started, started), (outcome.finished, finished)] {
            let early = was as i64 - said.as_nanos() as i64;
            assert!((-1_000..=(TRANSFER + LATCH + 1_000) as i64).contains(&early), "{early} ns early");
        }
        let took = outcome.finished.saturating_since(done.started).as_nanos();
        assert!(took.abs_diff(finished - started) <= 1_000, "took {took} ns");
        bench.wait(137);
    }
}

// ---- cancellation ----------------------------------------------------------------------------

#[test]
fn a_block_is_cancelled_wherever_it_is() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().engine.stops = true;
    for _ in 0..DEPTH {
        bench.submit().unwrap();
    }
    for _ in 0..6 {
        let _ = bench.poll();
    }
    let now = bench.now();
    let cancel = |bench: &mut Bench, ticket| bench.queue.cancel(now, bench.ticket(ticket));
    assert_eq!(cancel(&mut bench, 2), CancelOutcome::Removed, "still in the driver");
    assert_eq!(cancel(&mut bench, 1), CancelOutcome::StopsAtBoundary, "queued in the device");
    assert_eq!(cancel(&mut bench, 0), CancelOutcome::NeedsReset, "running: this device says it cannot");
    assert_eq!(cancel(&mut bench, 9), CancelOutcome::Unknown);
    bench.drain(100);
    let mut results = bench.results();
    results.sort_by_key(|(ticket, _)| *ticket);
    let cancelled = Err(ErrorKind::Cancelled);
    assert_eq!(results, [(0, cancelled), (1, cancelled), (2, cancelled)], "but all were");
    assert_eq!(bench.board.borrow().engine.started, [0]);
}

#[test]
fn how_far_a_cancellation_reaches_follows_the_granularity() {
    let mut config = Config::new();
    config.granularity = Granularity::Segment;
    let mut bench = Bench::with(config);
    bench.connect();
    bench.submit().unwrap();
    let _ = bench.poll();
    let now = bench.now();
    assert_eq!(bench.queue.cancel(now, bench.ticket(0)), CancelOutcome::StopsAtBoundary);
    bench.drain(100);
    assert_eq!(bench.results(), [(0, Ok(Path::Next))], "it had no boundary left");
    assert_eq!(bench.queue.cancel(now, bench.ticket(0)), CancelOutcome::Unknown);
}

// ---- resets ----------------------------------------------------------------------------------

#[test]
fn a_reset_by_command_or_by_pin_ends_everything_once() {
    let command = {
        let board = Board::new();
        let wire = Wire(Rc::clone(&board));
        let mut queue = SpiMailbox::<_, _, DEPTH>::new(wire.clone(), wire, Config::new());
        reset_in_the_middle(&mut queue, &board)
    };
    let pin = {
        let board = Board::new();
        let wire = Wire(Rc::clone(&board));
        let mut queue =
            SpiMailbox::<_, _, DEPTH, _>::with_reset(wire.clone(), wire.clone(), wire, Config::new());
        reset_in_the_middle(&mut queue, &board)
    };
    let lost = Err(ErrorKind::Reset);
    assert_eq!(command, [(0, lost), (1, lost), (2, lost), (3, Ok(()))]);
    assert_eq!(pin, command);
}

fn reset_in_the_middle(
    queue: &mut impl AcceleratorQueue<Error = ErrorKind>,
    board: &Rc<RefCell<Board>>,
) -> Vec<(u32, Result<(), ErrorKind>)> {
    let now = || board.borrow().now();
    let mut block = block();
    let mut done = Vec::new();
    let offer = |queue: &mut dyn AcceleratorQueue<Error = ErrorKind>, block: &Dispatch| {
        while queue.submit(now(), block).is_err() {
            assert_eq!(queue.poll(now()), Pump::Idle);
            board.borrow_mut().advance(Duration::from_micros(50));
        }
    };
    for ticket in 0..3 {
        block.ticket.sequence = ticket;
        offer(queue, &block);
    }
    for _ in 0..20 {
        assert!(matches!(queue.poll(now()), Pump::CallAgain | Pump::Waiting));
    }
    queue.reset(now()).unwrap();
    queue.reset(now()).unwrap(); // idempotent
    for sent in [false, true] {
        if sent {
            block.ticket.sequence = 3;
            offer(queue, &block);
        }
        for _ in 0..1_000 {
            match queue.poll(now()) {
                Pump::Done(completion) => {
                    done.push((completion.ticket.sequence, completion.result.map(|_| ())));
                }
                Pump::Idle => break,
                Pump::Waiting | Pump::CallAgain => board.borrow_mut().advance(Duration::from_micros(50)),
            }
        }
    }
    assert_eq!(board.borrow().engine.started, [0, 3], "what was lost did not run");
    done
}

#[test]
fn a_device_that_starts_again_is_noticed_by_its_session() {
    for forgetful in [false, true] {
        let mut bench = Bench::up();
        bench.board.borrow_mut().forgetful = forgetful;
        for _ in 0..DEPTH {
            bench.submit().unwrap();
        }
        for _ in 0..6 {
            let _ = bench.poll();
        }
        bench.board.borrow_mut().reboot();
        bench.drain(200);
        let lost = Err(ErrorKind::Reset);
        assert_eq!(bench.results(), [(0, lost), (1, lost), (2, lost)]);
        assert_eq!(bench.queue.health().resets, 1);

        bench.connect();
        bench.board.borrow_mut().reboot();
        assert_eq!(bench.poll(), Pump::Idle, "it starts again with nothing to lose");
        bench.offer();
        bench.drain(200);
        assert_eq!(bench.results().last(), Some(&(3, Ok(Path::Next))), "so nothing is");
        assert_eq!(bench.queue.health().resets, 2);
    }
}

/// Tickets of a host that started again may be those of blocks that still run from before.
#[test]
fn a_host_that_starts_again_begins_with_a_clean_device() {
    let mut first = Bench::up();
    first.submit().unwrap();
    let _ = (first.poll(), first.poll());
    let board = Rc::clone(&first.board);
    board.borrow_mut().engine.endings.insert(0, Ending::Finished(Path::Exit));
    let wire = Wire(Rc::clone(&board));
    let queue = SpiMailbox::with_reset(wire.clone(), wire.clone(), wire, Config::new());
    let mut second = Bench { board, queue, block: block(), accepted: Vec::new(), done: Vec::new() };
    second.offer();
    second.drain(100);
    assert_eq!(second.results(), [(0, Ok(Path::Exit))]);
    assert_eq!(second.board.borrow().engine.started, [0, 0], "the first was ended, not taken for the second");
    let done = second.done[0].started.as_nanos();
    assert!(done + TRANSFER + LATCH + 1_000 >= second.board.borrow().engine.ran[&0].0);
}

// ---- a device that does not answer -----------------------------------------------------------

#[test]
fn a_device_that_never_answers_is_gone_after_a_bounded_time() {
    let mut bench = Bench::new();
    bench.board.borrow_mut().power(false);
    let refused_until = |bench: &mut Bench| {
        while bench.submit() == Err(ErrorKind::NotReady) {
            assert_eq!(bench.poll(), Pump::Idle, "nothing is in flight");
            bench.wait(10);
        }
        bench.now()
    };
    // Blocks that come meanwhile do not make it wait longer.
    let gone = refused_until(&mut bench);
    assert!((ms(99)..ms(105)).contains(&gone), "{gone:?}");
    assert!(bench.board.borrow().transfers < 110, "once a millisecond");
    assert_eq!(bench.submit(), Err(ErrorKind::NotReady), "who asks again has it greeted again");
    let gone = refused_until(&mut bench).saturating_since(gone);
    assert!((99..105).contains(&(gone.as_nanos() / 1_000_000)), "{gone:?}");

    for _ in 0..150 {
        let _ = bench.poll();
        bench.wait(1_000);
    }
    let before = bench.board.borrow().transfers;
    bench.wait(50_000);
    assert_eq!(bench.poll(), Pump::Idle);
    assert_eq!(bench.board.borrow().transfers, before, "and then the bus is left alone");

    bench.board.borrow_mut().power(true);
    bench.offer();
    bench.drain(100);
    assert_eq!(bench.results(), [(0, Ok(Path::Next))], "until it is there again");
}

/// Its pin tells that it is there, though nobody has a block for it.
#[test]
fn a_device_that_was_given_up_is_greeted_when_its_pin_rises() {
    let mut bench = Bench::new();
    bench.board.borrow_mut().power(false);
    for _ in 0..150 {
        let _ = bench.poll();
        bench.wait(1_000);
    }
    bench.board.borrow_mut().power(true);
    bench.connect();
    assert_eq!(bench.submit(), Ok(0));
}

/// It is no use to try such a device again.
#[test]
fn a_device_of_another_version_is_unsupported() {
    let mut bench = Bench::new();
    bench.board.borrow_mut().foreign = true;
    for _ in 0..150 {
        let _ = bench.poll();
        bench.wait(1_000);
    }
    assert_eq!(bench.submit(), Err(ErrorKind::Unsupported));
}

#[test]
fn a_device_that_dies_with_a_block_is_given_up() {
    let mut bench = Bench::up();
    bench.submit().unwrap();
    while bench.poll() != Pump::Waiting {}
    bench.board.borrow_mut().power(false);
    // Whoever waits polls now and then: at its own timers, or at the block's timeout.
    for _ in 0..100 {
        bench.wait(1_000);
        let _ = bench.poll();
    }
    assert_eq!(bench.results(), [(0, Err(ErrorKind::Timeout))]);
    assert!(bench.done[0].started < ms(60), "heartbeat and patience, not more");
}

/// Its DMA goes round, over one reply or over several, and its pin is as it was: high. Numbers of frames come again
/// after 256, sooner than its patience ends.
#[test]
fn a_device_that_repeats_itself_for_ever_is_given_up() {
    for replies in [1, 2, 16] {
        let mut bench = Bench::up();
        bench.board.borrow_mut().engine.takes = 100_000_000;
        bench.submit().unwrap();
        while bench.poll() != Pump::Waiting {}
        bench.board.borrow_mut().stuck = Some(true);
        for _ in 0..16 {
            assert_eq!(bench.poll(), Pump::CallAgain, "it answers what it is sent");
        }
        let before = bench.now();
        bench.fault([Fault::LateSaid(replies - 1); 1_000]);
        while bench.done.is_empty() && bench.now() < ms(100) {
            let _ = bench.poll();
        }
        assert_eq!(bench.results(), [(0, Err(ErrorKind::Timeout))], "{replies} replies");
        let waited = bench.now().saturating_since(before);
        assert!(waited < Duration::from_millis(11), "its patience, not more: {waited:?}");
    }
}

#[test]
fn a_block_that_hangs_shows_no_progress_and_is_reset_away() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().engine.takes = 100_000_000;
    bench.submit().unwrap();
    let mut seen = Vec::new();
    let watch = |bench: &mut Bench, seen: &mut Vec<_>| {
        for _ in 0..40 {
            bench.wait(1_000);
            let _ = bench.poll();
            seen.push(bench.queue.progress(bench.ticket(0)).unwrap_or(0));
        }
    };
    watch(&mut bench, &mut seen);
    assert!(seen.is_sorted() && seen.last() > Some(&20_000), "it moves on: {seen:?}");
    let now = bench.now();
    assert_eq!(bench.queue.cancel(now, bench.ticket(0)), CancelOutcome::NeedsReset);
    bench.queue.reset(now).unwrap();
    bench.wait(200);
    bench.drain(100);
    assert_eq!(bench.results(), [(0, Err(ErrorKind::Reset))]);
}

#[test]
fn a_question_that_the_device_did_not_hear_is_asked_again() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().engine.takes = 100_000_000;
    bench.submit().unwrap();
    while bench.poll() != Pump::Waiting {}
    bench.wait(6_000);
    bench.fault([Fault::FlipHeard(150)]);
    assert_eq!(bench.poll(), Pump::CallAgain, "asked; what came with it is older than the question");
    bench.wait(1_000);
    assert_eq!(bench.poll(), Pump::CallAgain, "asked again");
    assert_eq!(bench.poll(), Pump::Waiting, "answered");
    assert!(bench.queue.progress(bench.ticket(0)) > Some(7_000));
    assert_eq!(bench.queue.health().retries, 1);
}

#[test]
fn a_bus_that_fails_is_named() {
    let mut bench = Bench::up();
    bench.fault([Fault::BusFails; 1_000]);
    bench.submit().unwrap();
    bench.drain(5_000);
    assert_eq!(bench.results(), [(0, Err(ErrorKind::Bus))]);
    assert!(bench.queue.health().bus >= 4);
    assert!(bench.board.borrow().engine.started.len() <= 1);
}

#[test]
fn a_pin_that_is_stuck_delays_but_loses_nothing() {
    for level in [false, true] {
        let mut bench = Bench::up();
        bench.board.borrow_mut().stuck = Some(level);
        bench.submit().unwrap();
        for _ in 0..2_000 {
            let _ = bench.poll();
            bench.wait(10);
        }
        assert_eq!(bench.results(), [(0, Ok(Path::Next))], "stuck {level}");
    }
}

// ---- a bad wire ------------------------------------------------------------------------------

/// Each fault at each of the first transfers of a block: it ends once, and well unless the device lost it.
#[test]
fn any_single_fault_is_survived() {
    let faults = [
        Fault::FlipHeard(150),
        Fault::FlipSaid(150),
        Fault::Torn(0),
        Fault::Torn(1),
        Fault::Torn(20),
        Fault::Torn(39),
        Fault::InsertHeard(1),
        Fault::InsertHeard(39),
        Fault::InsertSaid(1),
        Fault::InsertSaid(39),
        Fault::Lost,
        Fault::Twice,
        Fault::Unarmed,
        Fault::LateHeard(0),
        Fault::LateHeard(3),
        Fault::LateSaid(1),
        Fault::LateSaid(4),
        Fault::BusFails,
        Fault::Reflected,
        Fault::Reboot,
    ];
    for fault in faults {
        for at in 0..12 {
            let mut bench = Bench::new();
            bench.board.borrow_mut().faults.extend(vec![None; at]);
            bench.fault([fault]);
            for _ in 0..3 {
                bench.offer();
            }
            bench.drain(2_000);
            let results = bench.results();
            assert_eq!(results.len(), 3, "{fault:?} at {at}");
            assert!(no_ticket_twice(&results.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>()));
            assert!(no_ticket_twice(&bench.board.borrow().engine.started), "{fault:?} at {at}");
            for (ticket, result) in results {
                let excused = fault == Fault::Reboot && result == Err(ErrorKind::Reset);
                assert!(result == Ok(Path::Next) || excused, "{fault:?} at {at}: {ticket} {result:?}");
            }
        }
    }
}

#[test]
fn faults_are_counted() {
    let counts = |fault, at: usize| {
        let mut bench = Bench::up();
        bench.board.borrow_mut().faults.extend(vec![None; at]);
        bench.fault([fault]);
        bench.submit().unwrap();
        bench.drain(1_000);
        bench.queue.health()
    };
    assert_eq!(counts(Fault::FlipSaid(150), 1).corrupt, 1);
    assert_eq!(counts(Fault::Lost, 0).retries, 1);
    assert_eq!(counts(Fault::BusFails, 0).bus, 1);
    assert_eq!(counts(Fault::Reflected, 1).stale, 1);
    assert_eq!(counts(Fault::LateSaid(1), 3).stale, 0, "a late state tells nothing that is not known");
    assert_eq!(counts(Fault::Reboot, 2).resets, 1);
}

#[test]
fn a_report_that_comes_again_is_stale() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().faults.extend([None, None, None, Some(Fault::FlipHeard(150))]);
    bench.submit().unwrap();
    bench.drain(1_000);
    assert_eq!(bench.poll(), Pump::Idle, "its acknowledgement was lost");
    let health = bench.queue.health();
    assert_eq!((health.stale, health.spurious), (1, 0), "repeated; the block was ours");
}

// ---- any sequence of faults ------------------------------------------------------------------

#[derive(Clone, Debug)]
enum Step {
    Submit,
    Poll,
    Wait(u16),
    Cancel(u8),
    Reset,
    Fault(Fault),
    Clean(u8),
    Reboot,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        any::<u16>().prop_map(Fault::FlipHeard),
        any::<u16>().prop_map(Fault::FlipSaid),
        any::<u8>().prop_map(Fault::Torn),
        (1..60u8).prop_map(Fault::InsertHeard),
        any::<u8>().prop_map(Fault::InsertSaid),
        Just(Fault::Lost),
        Just(Fault::Twice),
        Just(Fault::Unarmed),
        (0..20u8).prop_map(Fault::LateHeard),
        (0..20u8).prop_map(Fault::LateSaid),
        Just(Fault::BusFails),
        Just(Fault::Reboot),
        Just(Fault::Reflected),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Submit),
        16 => Just(Step::Poll),
        6 => (0..3_000u16).prop_map(Step::Wait),
        1 => any::<u8>().prop_map(Step::Cancel),
        1 => Just(Step::Reset),
        6 => fault().prop_map(Step::Fault),
        3 => (0..4u8).prop_map(Step::Clean),
        1 => Just(Step::Reboot),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    /// Whatever the wire and the device do: each accepted ticket ends exactly once, no block is started
    /// twice, what is said to have run has run, and once the faults stop everything ends within a bounded
    /// number of polls, and the next block runs well.
    #[test]
    fn every_ticket_ends_exactly_once(
        steps in proptest::collection::vec(step(), 1..120),
        forgetful: bool,
        stops: bool,
        turn_around in prop_oneof![Just(0), Just(20_000), Just(300_000)],
    ) {
        let mut bench = Bench::new();
        bench.board.borrow_mut().forgetful = forgetful;
        bench.board.borrow_mut().engine.stops = stops;
        bench.board.borrow_mut().turn_around = turn_around;
        for step in steps {
            match step {
                Step::Submit => _ = bench.submit(),
                Step::Poll => _ = bench.poll(),
                Step::Wait(micros) => bench.wait(u64::from(micros)),
                Step::Cancel(back) => {
                    let ticket = (bench.accepted.len() as u32).saturating_sub(1 + u32::from(back) % 4);
                    let (now, ticket) = (bench.now(), bench.ticket(ticket));
                    let _ = bench.queue.cancel(now, ticket);
                }
                Step::Reset => {
                    let now = bench.now();
                    prop_assert_eq!(bench.queue.reset(now), Ok(()));
                }
                // A device that forgets how often it started may take a late reset for a new one.
                Step::Fault(Fault::LateHeard(_)) if forgetful => bench.fault([Fault::Lost]),
                Step::Fault(fault) => bench.fault([fault]),
                Step::Clean(transfers) => {
                    let clean = vec![None; usize::from(transfers)];
                    bench.board.borrow_mut().faults.extend(clean);
                }
                Step::Reboot => bench.board.borrow_mut().reboot(),
            }
        }
        bench.board.borrow_mut().faults.clear();
        bench.drain(2_000);

        let last = bench.offer();
        bench.drain(2_000);
        let results = bench.results();
        prop_assert!(results.contains(&(last, Ok(Path::Next))), "{:?}", results.last());

        let mut ended: Vec<u32> = results.iter().map(|(ticket, _)| *ticket).collect();
        ended.sort_unstable();
        prop_assert_eq!(&ended, &bench.accepted);
        let board = bench.board.borrow();
        prop_assert!(no_ticket_twice(&board.engine.started));
        for (ticket, result) in results {
            prop_assert!(result.is_err() || board.engine.ran.contains_key(&ticket), "{} did not run", ticket);
        }
        for done in &bench.done {
            if let Ok(outcome) = done.result {
                prop_assert!(done.started <= outcome.finished && outcome.finished <= board.now());
            }
        }
    }
}

#[test]
fn a_model_names_what_to_run() {
    let mut bench = Bench::up();
    bench.board.borrow_mut().engine.refused.insert(3, Answer::Unsupported);
    bench.block.frame.model = ModelId(3);
    bench.submit().unwrap();
    bench.drain(20);
    assert_eq!(bench.results(), [(0, Err(ErrorKind::Unsupported))]);
}
