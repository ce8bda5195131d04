//! The SPI mailbox under the runtime, by the default rules: a co-processor that starts late, hangs, is dead
//! or slow. The CPU sleeps whenever the runtime lets it: it wakes at the instant that it was told, at an
//! edge of the ready pin, and for nothing else.
//!
//! A block of hands takes 2 ms on the npu and 4 ms on the dsp, so its time is 4 x 2 + 1 = 9 ms on the npu.

mod bench;
mod fake;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bench::{Board, Fault, Wire};
use fake::{HANDS, Oldest, ms, scheduler};
use sdrm3_core::{Dispatch, Duration, Event, Frame, Instant, ModelId, Outcome, Progress, Ticket};
use sdrm3_hal::driver::spi_mailbox::{Config, SpiMailbox};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime, Wake};

const NPU: u8 = 0;
const DSP: u8 = 1;

/// An accelerator that needs 4 ms for everything, with an interrupt at the end.
#[derive(Default)]
struct Dsp {
    running: Option<(Ticket, Instant)>,
    /// How long its blocks take instead, in ms.
    takes: Rc<Cell<Option<u64>>>,
    /// When its interrupt comes.
    ends: Rc<Cell<Option<Instant>>>,
}

impl ErrorType for Dsp {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Dsp {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        assert!(self.running.is_none(), "one block at a time");
        self.running = Some((block.ticket, now));
        let takes = Duration::from_millis(self.takes.get().unwrap_or(4));
        self.ends.set(Some(now.saturating_add(takes)));
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        let Some((ticket, started)) = self.running else { return Pump::Idle };
        let Some(end) = self.ends.get().filter(|end| *end <= now) else { return Pump::Waiting };
        self.running = None;
        self.ends.set(None);
        Pump::Done(Completion { ticket, started, result: Ok(Outcome::finished(end)) })
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        CancelOutcome::RunsToEnd
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// What happened, with the time of each event in ms.
#[derive(Default)]
struct Log {
    /// When the npu was taken out of service.
    out: Vec<u64>,
    /// When and where frames ended, and whether in time.
    ended: Vec<(u64, u8, bool)>,
    dropped: u32,
}

impl Log {
    fn ended_on(&self, accelerator: u8) -> Vec<(u64, bool)> {
        let ended = self.ended.iter().filter(|(_, on, _)| *on == accelerator);
        ended.map(|(at, _, in_time)| (*at, *in_time)).collect()
    }
}

impl Application for Log {
    fn gives_rise(&mut self, _: &Frame, _: ModelId) -> bool {
        false
    }

    fn event(&mut self, event: &Event, now: Instant) {
        let at = now.as_nanos() / 1_000_000;
        match event {
            Event::Faulted(_, sdrm3_core::Fault::OutOfService, _) => self.out.push(at),
            Event::Completed(report) => {
                let in_time = report.progress == Progress::InTime;
                self.ended.push((at, report.ticket.accelerator.0, in_time));
            }
            Event::Dropped(..) => self.dropped += 1,
            _ => {}
        }
    }
}

type Queue = &'static mut dyn AcceleratorQueue<Error = ErrorKind>;

struct World {
    board: Rc<RefCell<Board>>,
    dsp_ends: Rc<Cell<Option<Instant>>>,
    dsp_takes: Rc<Cell<Option<u64>>>,
    runtime: Runtime<'static, Oldest, Queue, 7, 2, 2>,
    log: Log,
    /// How often the runtime was polled.
    polls: u32,
}

impl World {
    /// The co-processor on this board is there already; nothing has been said to it.
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(prepare: impl FnOnce(&mut Board)) -> Self {
        Self::configured(Config::new(), prepare)
    }

    fn configured(config: Config, prepare: impl FnOnce(&mut Board)) -> Self {
        let board = Board::new();
        board.borrow_mut().turn_around = 20_000;
        board.borrow_mut().engine.takes = 2_000_000;
        board.borrow_mut().engine.stride = 500_000; // it counts kernels, as most do
        prepare(&mut board.borrow_mut());
        let wire = Wire(Rc::clone(&board));
        let npu = SpiMailbox::<_, _, 2, _>::with_reset(wire.clone(), wire.clone(), wire, config);
        let dsp = Dsp::default();
        let (dsp_ends, dsp_takes) = (Rc::clone(&dsp.ends), Rc::clone(&dsp.takes));
        let queues: [Queue; 2] = [Box::leak(Box::new(npu)), Box::leak(Box::new(dsp))];
        let runtime = Runtime::new(scheduler(), queues.into_iter().collect()).expect("two queues");
        Self { board, dsp_ends, dsp_takes, runtime, log: Log::default(), polls: 0 }
    }

    /// The same, once it is in a session.
    fn up() -> Self {
        Self::new().brought_up()
    }

    fn brought_up(self) -> Self {
        let mut world = self;
        world.release();
        world.run_until(ms(20));
        assert_eq!(world.board.borrow().engine.started.len() + world.log.ended_on(DSP).len(), 1);
        world.release();
        world.run_until(ms(40));
        assert_eq!(world.log.ended_on(NPU).last(), Some(&(22, true)), "it serves");
        world.log = Log::default();
        world
    }

    fn now(&self) -> Instant {
        self.board.borrow().now()
    }

    fn release(&mut self) {
        let now = self.now();
        self.runtime.release(HANDS, now, &mut self.log).expect("there is room");
    }

    /// A frame of hands every 20 ms until then.
    fn serve_until(&mut self, end: Instant) {
        while self.now() < end {
            self.release();
            let next = self.now().as_nanos() / 20_000_000 + 1;
            self.run_until(ms(20 * next));
        }
    }

    /// The super-loop of a board: it sleeps unless it is told to call again.
    fn run_until(&mut self, end: Instant) {
        while self.now() < end {
            let (now, edges) = (self.now(), self.board.borrow().edges);
            self.polls += 1;
            let until = match self.runtime.poll(now, &mut self.log) {
                Wake::Now => self.now().saturating_add(Duration::from_micros(5)),
                Wake::At(at) => at,
                Wake::OnEvent => Instant::MAX,
            };
            let until = until.min(self.dsp_ends.get().unwrap_or(Instant::MAX)).min(end);
            while self.now() < until && self.board.borrow().edges == edges {
                let left = until.saturating_since(self.now());
                self.board.borrow_mut().advance(left.min(Duration::from_micros(5)));
            }
        }
    }

    /// Of models barred from accelerators, ever.
    fn barred(&self) -> u32 {
        self.runtime.trouble().barred
    }
}

// ---- not there yet ---------------------------------------------------------------------------

#[test]
fn a_co_processor_that_starts_late_gets_its_frames_once_it_is_up() {
    let mut world = World::with(|board| board.lose_power(40_000_000));
    world.serve_until(ms(400));
    assert_eq!(world.barred(), 0, "no model is to blame that it was not there");
    assert_eq!(world.log.out, [] as [u64; 0], "nor is it out of service: it is starting");
    assert_eq!(world.log.dropped, 0);
    assert_eq!(world.log.ended.len(), 20);
    assert!(
        world.log.ended.iter().all(|(_, _, in_time)| *in_time),
        "the dsp had the first: {:?}",
        world.log.ended
    );
    assert_eq!(world.log.ended_on(DSP), [(4, true), (24, true), (44, true)]);
    let trouble = world.runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.resets), (0, 0), "no block was given to it in vain");
    assert!(world.polls < 600, "{} polls: it never spins on a device that is not there", world.polls);
}

#[test]
fn a_hang_costs_one_block_however_long_the_reset_takes() {
    let mut world = World::up();
    world.board.borrow_mut().boots_for = 60_000_000;
    world.board.borrow_mut().engine.hangs = true;
    world.serve_until(ms(400));
    let trouble = world.runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.resets, trouble.failed_blocks), (1, 1, 1));
    assert_eq!(world.barred(), 0, "one failure is not three");
    assert_eq!(world.log.out, [] as [u64; 0]);
    assert_eq!(world.log.ended.len(), 18);
    let npu = world.log.ended_on(NPU);
    assert_eq!(npu.first(), Some(&(122, true)), "back once it has started: {npu:?}");
    assert_eq!(npu.len(), 14);
}

// ---- dead ------------------------------------------------------------------------------------

/// No power, and its reset pin does not help.
fn dead(board: &mut Board) {
    board.power(false);
    board.boots_for = 3_600_000_000_000;
}

/// Rests end with the frame that polls, so quarantines are seen in steps of 20 ms.
#[test]
fn a_dead_co_processor_is_out_of_service_twice_as_long_each_time() {
    for pin in [None, Some(false), Some(true)] {
        let mut world = World::with(dead);
        world.board.borrow_mut().stuck = pin;
        world.serve_until(ms(4_000));
        assert_eq!(world.barred(), 0, "it is not the model's fault: {pin:?}");
        let out = &world.log.out;
        assert!((100..=120).contains(&out[0]), "once its start took too long: {out:?}");
        let times: Vec<u64> = out.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // The first quarantine is over a little before it is gone again.
        // From the second one on it is reset before its trial, and has 100 ms to start.
        assert_eq!(times, [120, 320, 520, 920, 1_720], "{pin:?}");
        assert_eq!(world.log.ended.len(), 200, "the dsp has all the work");
        assert!(world.log.ended.iter().all(|(_, on, in_time)| *on == DSP && *in_time));
        assert_eq!((world.runtime.trouble().timeouts, world.runtime.trouble().failed_blocks), (0, 0));
    }
}

#[test]
fn a_co_processor_that_dies_and_comes_back_serves_again() {
    let mut world = World::up();
    dead(&mut world.board.borrow_mut());
    world.serve_until(ms(600));
    assert_eq!(world.log.ended_on(NPU), []);
    assert!(!world.log.out.is_empty(), "it is out of service");
    world.board.borrow_mut().power(true);
    world.board.borrow_mut().boots_for = 0;
    world.serve_until(ms(1_200));
    assert_eq!(world.barred(), 0);
    let npu = world.log.ended_on(NPU);
    assert!(npu.len() > 5 && npu.last() == Some(&(1_182, true)), "{npu:?}");
}

/// It says who it is, and then opens no session: a boot loader, perhaps.
#[test]
fn a_co_processor_that_only_greets_is_out_of_service_too() {
    let mut world = World::with(|board| board.keeps_session = true);
    world.serve_until(ms(4_000));
    assert_eq!(world.barred(), 0);
    assert!(world.runtime.trouble().failed_blocks <= 1, "one block is given to it, when it answers");
    let times: Vec<u64> = world.log.out.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times, [100, 240, 440, 840, 1_640], "but for the time of its start");
}

/// It crashed before anything was given to it, so no block ends for want of an answer.
#[test]
fn a_co_processor_that_is_dead_from_the_start_is_reset_before_its_second_trial() {
    let mut world = World::with(|board| board.power(false)); // until it is reset
    world.serve_until(ms(600));
    assert_eq!((world.runtime.trouble().resets, world.barred()), (1, 0));
    let npu = world.log.ended_on(NPU);
    assert!(npu.first().is_some_and(|(at, _)| *at < 500), "{npu:?}, out {:?}", world.log.out);
}

/// The driver finds out before the block is late, so the block needs no reset to end. The device does.
#[test]
fn a_co_processor_that_crashes_is_reset_before_its_trial() {
    let mut config = Config::new();
    config.patience = Duration::from_millis(5);
    let mut world = World::configured(config, |_| {}).brought_up();
    world.board.borrow_mut().power(false); // until it is reset
    world.serve_until(ms(300));
    let trouble = world.runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.resets, world.barred()), (0, 1, 0));
    let npu = world.log.ended_on(NPU);
    assert!(npu.first().is_some_and(|(at, _)| *at < 200), "{npu:?}");
}

/// Nobody polls between its reset and its trial, so that it is let go by the poll that offers it a block.
#[test]
fn a_co_processor_that_starts_on_trial_is_waited_for() {
    for boots_for in [0, 1_000_000, 3_000_000] {
        let mut config = Config::new();
        config.patience = Duration::from_millis(5);
        let mut world = World::configured(config, |_| {}).brought_up();
        world.board.borrow_mut().boots_for = boots_for;
        world.board.borrow_mut().power(false); // until it is reset
        world.release();
        world.run_until(ms(140));
        world.dsp_takes.set(Some(14));
        world.release();
        world.run_until(ms(141));
        world.release(); // the dsp is busy, so this one waits for the trial
        world.run_until(ms(160));
        assert_eq!(world.log.out.len(), 1, "for its crash: {:?}", world.log.out);
        let npu = world.log.ended_on(NPU);
        assert!(npu.first().is_some_and(|(at, in_time)| *at < 158 && *in_time), "{boots_for}: {npu:?}");
    }
}

/// A device that answers nothing must not keep the bus busy either.
#[test]
fn a_dead_co_processor_leaves_the_bus_alone() {
    let mut world = World::with(dead);
    world.serve_until(ms(3_500));
    let before = world.board.borrow().transfers;
    world.serve_until(ms(4_500));
    let transfers = world.board.borrow().transfers - before;
    assert!(transfers < 40, "{transfers} in a second, for one trial");
}

// ---- slow ------------------------------------------------------------------------------------

/// Nothing else makes the CPU poll: the driver has to have asked in time for each grace.
#[test]
fn a_slow_block_gets_all_its_graces_in_a_quiet_system() {
    let mut world = World::up();
    world.board.borrow_mut().engine.takes = 27_000_000;
    world.release();
    world.run_until(ms(80));
    let trouble = world.runtime.trouble();
    assert_eq!(
        (trouble.timeouts, trouble.extensions),
        (1, 4),
        "late at 9, 14, 19, 24 ms, and moving each time"
    );
    assert_eq!((trouble.cancels, trouble.resets), (0, 0));
    assert_eq!(world.log.ended_on(NPU), [(67, false)], "a slow block is not a hung one");
}

#[test]
fn a_hung_block_gets_no_second_grace_in_a_quiet_system() {
    let mut world = World::up();
    world.board.borrow_mut().engine.hangs = true;
    world.release();
    world.run_until(ms(80));
    let trouble = world.runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.extensions, trouble.resets), (1, 1, 1));
}

/// The question or its answer is lost: it is asked again, well within the grace.
#[test]
fn a_slow_block_is_not_reset_for_a_question_that_is_lost() {
    for fault in [Fault::FlipHeard(150), Fault::FlipSaid(150), Fault::Lost, Fault::BusFails] {
        for skipped in 0..6 {
            let mut world = World::up();
            world.board.borrow_mut().engine.takes = 27_000_000;
            world.release();
            world.run_until(ms(48)); // the block is under way
            let mut faults = vec![None; skipped];
            faults.extend([Some(fault); 2]);
            world.board.borrow_mut().faults.extend(faults);
            world.run_until(ms(80));
            assert_eq!(world.runtime.trouble().resets, 0, "{fault:?} behind {skipped}");
            assert_eq!(world.log.ended_on(NPU), [(67, false)], "{fault:?} behind {skipped}");
        }
    }
}
