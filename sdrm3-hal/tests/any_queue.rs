//! Whatever queues do: frames are conserved, blocks are answered once, and the runtime neither spins nor
//! waits for ever.

mod fake;

use std::collections::HashMap;

use fake::{FACE, HANDS, Oldest, VOICE, scheduler};
use proptest::prelude::*;
use sdrm3_core::{
    AcceleratorId, Activity, Dispatch, Duration, Event, Frame, Instant, Leftover, ModelId, Outcome, Path,
    Progress, Ticket,
};
use sdrm3_hal::queue::{CancelOutcome, Capabilities, Completion, ErrorKind, ErrorType, Pump};
use sdrm3_hal::{AcceleratorQueue, Application, Runtime, Wake};

const ROOTS: [ModelId; 3] = [HANDS, VOICE, FACE];

/// The last one is for those that do not support all.
const KINDS: [ErrorKind; 11] = [
    ErrorKind::Full,
    ErrorKind::NotReady,
    ErrorKind::Timeout,
    ErrorKind::Bus,
    ErrorKind::Corrupt,
    ErrorKind::Device,
    ErrorKind::Cancelled,
    ErrorKind::Reset,
    ErrorKind::Gone,
    ErrorKind::Other,
    ErrorKind::Unsupported,
];

/// A queue that does anything at all: each call draws the next byte of its script, over and over.
#[derive(Debug)]
struct Chaos {
    script: Vec<u8>,
    at: usize,
    /// Everything that it ever accepted.
    tickets: Vec<Ticket>,
    id: u8,
    /// It never says that it does not support a model.
    supports_all: bool,
    /// It does what it is told, at once.
    well: bool,
}

impl Chaos {
    fn draw(&mut self) -> usize {
        self.at = (self.at + 1) % self.script.len();
        usize::from(self.script[self.at])
    }

    fn error(&mut self) -> ErrorKind {
        KINDS[self.draw() % (KINDS.len() - usize::from(self.supports_all))]
    }
}

impl ErrorType for Chaos {
    type Error = ErrorKind;
}

impl AcceleratorQueue for Chaos {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(self.script[0] % 4).with_reset_domain(self.script[0] % 3)
    }

    fn submit(&mut self, _: Instant, block: &Dispatch) -> Result<(), ErrorKind> {
        // What it refuses it may complete all the same.
        self.tickets.push(block.ticket);
        if self.well {
            return Ok(());
        }
        if self.draw().is_multiple_of(4) { Err(self.error()) } else { Ok(()) }
    }

    fn poll(&mut self, now: Instant) -> Pump<ErrorKind> {
        if self.well {
            return self.tickets.pop().map_or(Pump::Idle, |ticket| {
                Pump::Done(Completion { ticket, started: now, result: Ok(Outcome::finished(now)) })
            });
        }
        let draw = self.draw();
        match draw % 8 {
            0 | 1 => Pump::Idle,
            2 | 3 => Pump::Waiting,
            4 => Pump::CallAgain,
            _ => {
                let nobody = Ticket { accelerator: AcceleratorId(self.id), sequence: 77_777 };
                let some = self.tickets.len().saturating_sub(draw / 64);
                let mut ticket = self.tickets.get(some.saturating_sub(1)).copied().unwrap_or(nobody);
                if draw % 16 == 15 {
                    ticket.accelerator.0 ^= 1;
                }
                let started = Instant::from_nanos(now.as_nanos() / 2 * (self.draw() as u64 % 4));
                let result = match self.draw() % 8 {
                    0 | 1 => Err(self.error()),
                    2 => Ok(Outcome::finished(Instant::MAX)),
                    3 => Ok(Outcome::finished(now).with_path(Path::Skip(self.draw() as u16))),
                    4 => Ok(Outcome::finished(now).with_path(Path::Exit).with_energy(u32::MAX)),
                    _ => Ok(Outcome::finished(now)),
                };
                Pump::Done(Completion { ticket, started, result })
            }
        }
    }

    fn cancel(&mut self, _: Instant, _: Ticket) -> CancelOutcome {
        match self.draw() % 5 {
            0 => CancelOutcome::Removed,
            1 => CancelOutcome::StopsAtBoundary,
            2 => CancelOutcome::RunsToEnd,
            3 => CancelOutcome::NeedsReset,
            _ => CancelOutcome::Unknown,
        }
    }

    fn reset(&mut self, _: Instant) -> Result<(), ErrorKind> {
        if !self.well && self.draw().is_multiple_of(2) { Err(self.error()) } else { Ok(()) }
    }

    fn progress(&self, _: Ticket) -> Option<u32> {
        let draw = self.script[self.at];
        draw.is_multiple_of(2).then_some(u32::from(draw))
    }
}

/// Keeps the books: how each frame ended, and which blocks are out.
#[derive(Debug, Default)]
struct Books {
    open: HashMap<(ModelId, u32), u32>,
    overdue: u32,
    events: u32,
    /// Of which since the last poll.
    since_poll: u32,
    /// The ticket in flight on each accelerator, by what was announced.
    in_flight: HashMap<AcceleratorId, Ticket>,
    last: Instant,
}

impl Books {
    fn end(&mut self, frame: &Frame) {
        let open = self.open.remove(&(frame.model, frame.number));
        assert_eq!(open, Some(1), "{frame:?} was open, and ends once");
    }
}

impl Application for Books {
    fn gives_rise(&mut self, parent: &Frame, _: ModelId) -> bool {
        parent.number.is_multiple_of(2)
    }

    fn event(&mut self, event: &Event, now: Instant) {
        assert!(now >= self.last, "events come in the order of time");
        self.last = now;
        self.events += 1;
        self.since_poll += 1;
        assert!(self.since_poll < 200, "a poll does bounded work");
        match event {
            Event::Released(frame, _) => {
                *self.open.entry((frame.model, frame.number)).or_default() += 1;
            }
            Event::Dispatched(block) => {
                let earlier = self.in_flight.insert(block.ticket.accelerator, block.ticket);
                assert_eq!(earlier, None, "one block at a time");
            }
            Event::Completed(report) => {
                let ticket = self.in_flight.remove(&report.ticket.accelerator);
                assert_eq!(ticket, Some(report.ticket), "a completion answers a block in flight");
                if report.progress != Progress::More {
                    self.end(&report.frame);
                }
            }
            Event::Faulted(accelerator, _, job) => {
                assert_eq!(self.in_flight.remove(accelerator).is_some(), job.is_some());
            }
            // A frame that never was released may end for lack of a parent or of room.
            Event::Dropped(frame, _) if self.open.contains_key(&(frame.model, frame.number)) => {
                self.end(frame);
            }
            Event::Unfinished(leftover) => {
                let (Leftover::Overdue(frame) | Leftover::LeftOut(frame)) = leftover;
                self.end(frame);
                self.overdue += u32::from(matches!(leftover, Leftover::Overdue(_)));
            }
            _ => {}
        }
    }
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 1..120)
}

fn chaos(scripts: [Vec<u8>; 2], supports_all: bool) -> Runtime<'static, Oldest, Chaos, 7, 2, 2> {
    let queues = scripts.into_iter().zip(0u8..).map(|(script, id)| {
        let (tickets, at, well) = (Vec::new(), 0, false);
        Chaos { script, at, tickets, id, supports_all, well }
    });
    Runtime::new(scheduler(), queues.collect()).unwrap()
}

/// A poll, checked: it takes note, and says when to call again; what is to come at once comes 10 us later.
fn poll(
    runtime: &mut Runtime<'static, Oldest, Chaos, 7, 2, 2>,
    now: Instant,
    books: &mut Books,
    timed: &mut u64,
) -> Instant {
    books.since_poll = 0;
    let before = (books.in_flight.len(), books.events, runtime.trouble());
    match runtime.poll(now, books) {
        Wake::Now => {
            let after = (books.in_flight.len(), books.events, runtime.trouble());
            assert!(before.0 > 0 || before != after, "nothing runs and nothing has happened: it spins");
            now.saturating_add(Duration::from_micros(10))
        }
        Wake::At(at) => {
            assert!(at > now, "a wake lies ahead");
            *timed += 1;
            at
        }
        Wake::OnEvent => Instant::MAX,
    }
}

proptest! {
    #[test]
    fn frames_survive_whatever_queues_do(
        scripts in [script(), script()],
        steps in prop::collection::vec((0u64..40, 0u8..5), 1..60),
    ) {
        let mut runtime = chaos(scripts, false);
        let (mut books, mut now, mut wake, mut timed) = (Books::default(), Instant::ZERO, Instant::MAX, 0);
        for (gap, what) in steps {
            let next = now.saturating_add(Duration::from_micros(gap * gap * gap));
            while wake <= next {
                now = wake;
                wake = poll(&mut runtime, now, &mut books, &mut timed);
            }
            now = next;
            if what == 0 {
                runtime.restore(AcceleratorId(gap as u8 % 3), now, &mut books);
            } else if let Err(refused) = runtime.release(ROOTS[usize::from(what) % 3], now, &mut books) {
                runtime.give_up(refused.frame.unwrap(), now, &mut books);
            }
            wake = now;
        }
        // Steps are milliseconds apart, but for the first few rests.
        let millis = now.as_nanos() / 1_000_000;
        prop_assert!(timed < 100 + 20 * millis, "{timed} timed polls in {millis} ms");
        books.since_poll = 0;
        runtime.close(now, &mut books);
        prop_assert!(books.open.is_empty(), "every frame has ended: {:?}", books.open);
        let tallies = runtime.scheduler().tallies();
        let [frames, completed, dropped] = [
            tallies.iter().map(|tally| tally.frames).sum::<u32>(),
            tallies.iter().map(|tally| tally.completed).sum(),
            tallies.iter().map(|tally| tally.dropped).sum(),
        ];
        prop_assert_eq!(frames, completed + dropped + books.overdue, "frames are conserved");
    }

    /// However badly accelerators have done: when they do well again, they are used again.
    #[test]
    fn what_does_well_again_is_used_again(scripts in [script(), script()], bad_ms in 1u64..3_000) {
        let mut runtime = chaos(scripts, true);
        let (mut books, mut now, mut wake, mut timed) = (Books::default(), Instant::ZERO, Instant::ZERO, 0);
        let mut next_frame = Instant::ZERO;
        // The longest quarantine is 10 s.
        while now < Instant::from_millis(bad_ms + 12_000) {
            now = wake.min(next_frame);
            if now == next_frame {
                next_frame = now.saturating_add(Duration::from_millis(50));
                if let Err(refused) = runtime.release(VOICE, now, &mut books) {
                    runtime.give_up(refused.frame.unwrap(), now, &mut books);
                }
            }
            let well = now >= Instant::from_millis(bad_ms);
            for queue in runtime.queues_mut() {
                if well && !queue.well {
                    // Whatever it had been given is gone.
                    (queue.well, queue.tickets) = (true, Vec::new());
                }
            }
            wake = poll(&mut runtime, now, &mut books, &mut timed);
            if well && !books.in_flight.is_empty() {
                // It interrupts.
                wake = wake.min(now.saturating_add(Duration::from_millis(1)));
            }
        }
        prop_assert!(timed < 30 * (bad_ms + 12_000), "{timed} timed polls");
        let before = runtime.scheduler().tallies()[3];
        let out = runtime.scheduler().accelerators().iter();
        let out = out.filter(|state| state.activity == Activity::OutOfService).count();
        prop_assert!(out < 2, "one at least is back, the other one as soon as it is needed");
        for _ in 0..4 {
            now = now.saturating_add(Duration::from_millis(50));
            runtime.release(VOICE, now, &mut books).unwrap();
            for _ in 0..4 {
                poll(&mut runtime, now, &mut books, &mut timed);
            }
        }
        let after = runtime.scheduler().tallies()[3];
        prop_assert!(after.completed >= before.completed + 4, "{before:?} {after:?}");
    }
}
