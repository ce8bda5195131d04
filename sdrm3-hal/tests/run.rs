//! The runtime as an async task: devices whose interrupts hand over, a virtual clock, and an executor
//! that polls only what was woken.

mod fake;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake as _, Waker};

use embedded_hal_async::delay::DelayNs;
use fake::{Diary, Driven, FACE, HANDS, VOICE, ms, scheduler};
use sdrm3_core::{Dispatch, Duration, Instant, ModelId, Outcome, Ticket};
use sdrm3_hal::handover::{Handover, Interrupt, Signal};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Clock, Input, Inputs, Runtime, Timetable, Wake};

// ---- a board ---------------------------------------------------------------------------------

/// What all parts of the board share.
struct Board {
    now: Cell<Instant>,
    /// What the timer is set to.
    alarm: Cell<Instant>,
    longest_gap: Duration,
    signal: &'static Signal,
    inputs: &'static Handover<Input, 2>,
    devices: [Rc<Device>; 2],
}

struct Device {
    done: &'static Handover<Interrupt, 2>,
    ends: Cell<Instant>,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

impl Board {
    fn new() -> Self {
        let signal = leak(Signal::new());
        let device = |_| Rc::new(Device { done: leak(Handover::new(signal)), ends: Cell::new(Instant::MAX) });
        Self {
            now: Cell::new(Instant::ZERO),
            alarm: Cell::new(Instant::MAX),
            longest_gap: Duration::MAX,
            signal,
            inputs: leak(Handover::new(signal)),
            devices: [0, 1].map(device),
        }
    }

    fn runtime(&self) -> Driven<Npu> {
        let queues = self.devices.iter().map(|device| Npu { device: device.clone(), running: None });
        Runtime::new(scheduler(), queues.collect()).unwrap()
    }

    /// When something happens next by itself.
    fn next(&self) -> Instant {
        self.devices.iter().map(|device| device.ends.get()).fold(self.alarm.get(), Instant::min)
    }

    /// Time goes on to then; devices that end raise their interrupts.
    fn go_to(&self, now: Instant) {
        self.now.set(now);
        for device in &self.devices {
            if device.ends.get() <= now {
                let at = device.ends.replace(Instant::MAX);
                device.done.push(Interrupt { at, status: 0 }).unwrap();
            }
        }
    }
}

impl Clock for Board {
    fn now(&self) -> Instant {
        self.now.get()
    }

    fn longest_gap(&self) -> Duration {
        self.longest_gap
    }
}

impl DelayNs for &Board {
    async fn delay_ns(&mut self, ns: u32) {
        /// The timer is switched off when nobody waits for it any more.
        struct Off<'a>(&'a Board);
        impl Drop for Off<'_> {
            fn drop(&mut self) {
                self.0.alarm.set(Instant::MAX);
            }
        }
        let until = self.now.get().saturating_add(Duration::from_nanos(u64::from(ns)));
        let off = Off(self);
        off.0.alarm.set(until);
        poll_fn(|_| if self.now.get() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// A driver: its block ends by the device's interrupt, at the device's time.
struct Npu {
    device: Rc<Device>,
    running: Option<(Ticket, Instant)>,
}

impl ErrorType for Npu {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Npu {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(1)
    }

    fn submit(&mut self, now: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        let takes = Duration::from_nanos(u64::from(block.expected.latency_ns));
        self.device.ends.set(now.saturating_add(takes));
        self.running = Some((block.ticket, now));
        Ok(())
    }

    fn poll(&mut self, _: Instant) -> Pump<ErrorKind> {
        match (self.device.done.pop(), self.running) {
            (Some(Interrupt { at, .. }), Some((ticket, started))) => {
                self.running = None;
                Pump::Done(Completion { ticket, started, result: Ok(Outcome::finished(at)) })
            }
            (_, Some(_)) => Pump::Waiting,
            (_, None) => Pump::Idle,
        }
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        CancelOutcome::RunsToEnd
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        Ok(())
    }
}

// ---- an executor -----------------------------------------------------------------------------

#[derive(Default)]
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls the task when it was woken or its timer has come, until the board has nothing ahead of `end`.
/// The answer is how often it was polled.
fn execute(board: &Board, mut task: Pin<&mut impl Future>, script: &[(u64, ModelId)], end: Instant) -> u32 {
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    woken.wake_by_ref();
    let mut script = script.iter().map(|&(at, model)| Input { model, at: ms(at) }).peekable();
    let mut polls = 0;
    loop {
        while woken.0.swap(false, Ordering::SeqCst) || board.alarm.get() <= board.now.get() {
            polls += 1;
            assert!(polls < 1_000, "a busy loop at {:?}", board.now.get());
            assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        let next = script.peek().map_or(Instant::MAX, |input| input.at).min(board.next());
        if next >= end {
            return polls;
        }
        board.go_to(next);
        while let Some(input) = script.next_if(|input| input.at <= next) {
            let _ = board.inputs.push(input);
        }
    }
}

// ---- stories ---------------------------------------------------------------------------------

#[test]
fn interrupts_bring_frames_in_and_results_out_without_a_busy_loop() {
    let (board, mut diary) = (Board::new(), Diary::barren());
    let mut runtime = board.runtime();
    let polls = {
        let (mut delay, mut inputs) = (&board, board.inputs);
        let task = runtime.run(&board, &mut delay, board.signal, &mut inputs, &mut diary);
        execute(&board, pin!(task), &[(1, HANDS), (2, VOICE), (20, HANDS)], ms(100))
    };
    assert_eq!(
        diary.read(),
        [
            "released hands#0",
            "hands#0 on npu",
            "released voice#0",
            "voice#0 on dsp",
            "hands#0 in time",
            "hands#0 -> pose?",
            "voice#0 goes on",
            "voice#0 on npu",
            "voice#0 in time",
            "released hands#1",
            "hands#1 on npu",
            "hands#1 in time",
            "hands#1 -> pose?",
        ]
    );
    assert_eq!(polls, 8, "at the start, at 3 inputs and at 4 completions");
    assert_eq!(runtime.trouble(), sdrm3_hal::Trouble::default());
}

#[test]
fn a_timetable_needs_no_interrupt() {
    let (board, mut diary) = (Board::new(), Diary::barren());
    let mut runtime = board.runtime();
    let period = Duration::from_millis;
    let mut timetable = Timetable::new([(HANDS, period(10)), (VOICE, period(20))], ms(5));
    let mut delay = &board;
    {
        let task = runtime.run(&board, &mut delay, board.signal, &mut timetable, &mut diary);
        execute(&board, pin!(task), &[], ms(30));
    }
    let released: Vec<_> = diary.read().into_iter().filter(|line| line.starts_with("released")).collect();
    assert_eq!(
        released,
        ["hands#0", "voice#0", "hands#1", "hands#2", "voice#1"].map(|n| format!("released {n}"))
    );
    assert_eq!(timetable.due(), ms(35));
}

#[test]
fn it_reads_a_clock_that_wraps_often_enough() {
    let board = Board { longest_gap: Duration::from_millis(10), ..Board::new() };
    let (mut runtime, mut diary) = (board.runtime(), Diary::barren());
    let (mut delay, mut inputs) = (&board, board.inputs);
    let task = runtime.run(&board, &mut delay, board.signal, &mut inputs, &mut diary);
    assert_eq!(execute(&board, pin!(task), &[], ms(100)), 20, "every 5 ms");
}

#[test]
fn inputs_that_find_no_room_are_counted_wherever_that_was() {
    let (board, mut diary) = (Board::new(), Diary::barren());
    let mut runtime = board.runtime();
    for _ in 0..3 {
        let _ = board.inputs.push(Input { model: HANDS, at: ms(0) }); // a hand-over for two
    }
    assert_eq!(runtime.turn(ms(0), &mut &*board.inputs, &mut diary), Wake::Now, "there may be more");
    assert_eq!(runtime.trouble().lost_inputs, 1);
    for _ in 0..2 {
        let _ = board.inputs.push(Input { model: VOICE, at: ms(1) }); // a scheduler for two
    }
    while runtime.turn(ms(1), &mut &*board.inputs, &mut diary) == Wake::Now {}
    assert_eq!(diary.read().iter().filter(|line| line.ends_with("NoRoom")).count(), 2);
    let _ = board.inputs.push(Input { model: ModelId(99), at: ms(2) });
    runtime.turn(ms(2), &mut &*board.inputs, &mut diary);
    assert_eq!((runtime.trouble().lost_inputs, runtime.trouble().refused_inputs), (1, 1));
}

/// Counts every await; at those that it is told to, it drops the task and starts it again.
fn executed_with_drops(drop_at: impl Fn(u32) -> bool) -> (Vec<String>, u32) {
    let (board, mut diary) = (Board::new(), Diary::default());
    let mut runtime = board.runtime();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let script = [(1, FACE), (2, VOICE), (11, HANDS), (12, FACE)];
    let mut script = script.iter().map(|&(at, model)| Input { model, at: ms(at) }).peekable();
    let awaits = RefCell::new(0);
    'task: loop {
        let (mut delay, mut inputs) = (&board, board.inputs);
        let mut task = pin!(runtime.run(&board, &mut delay, board.signal, &mut inputs, &mut diary));
        woken.wake_by_ref();
        loop {
            while woken.0.swap(false, Ordering::SeqCst) || board.alarm.get() <= board.now.get() {
                assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
            let next = script.peek().map_or(Instant::MAX, |input| input.at).min(board.next());
            if next > ms(60) {
                break 'task;
            }
            board.go_to(next);
            while let Some(input) = script.next_if(|input| input.at <= next) {
                let _ = board.inputs.push(input);
            }
            *awaits.borrow_mut() += 1;
            // It was woken, maybe, and never gets to know.
            if drop_at(*awaits.borrow()) {
                continue 'task;
            }
        }
    }
    assert_eq!(runtime.scheduler().jobs_in_flight(), 0);
    (diary.read(), awaits.into_inner())
}

#[test]
fn it_may_be_dropped_at_any_await() {
    let (expected, awaits) = executed_with_drops(|_| false);
    assert!(awaits > 8 && expected.len() > 20, "{awaits} awaits, {} lines", expected.len());
    for at in 1..=awaits {
        assert_eq!(executed_with_drops(|await_| await_ == at).0, expected, "dropped at await {at}");
    }
    assert_eq!(executed_with_drops(|_| true).0, expected, "dropped at every await");
}

#[test]
fn what_an_async_task_leaves_behind_a_super_loop_takes_up() {
    let (board, mut diary) = (Board::new(), Diary::barren());
    let mut runtime = board.runtime();
    board.inputs.push(Input { model: VOICE, at: ms(0) }).unwrap();
    {
        let (mut delay, mut inputs) = (&board, board.inputs);
        let mut task = pin!(runtime.run(&board, &mut delay, board.signal, &mut inputs, &mut diary));
        assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    board.go_to(ms(2));
    runtime.poll(ms(2), &mut diary);
    board.go_to(ms(4));
    runtime.poll(ms(4), &mut diary);
    assert_eq!(diary.read().last().unwrap(), "voice#0 in time");
}
