//! Traces: what is recorded is read back and replayed; what is damaged is found; what differs is named.
//!
//! The random workloads and steps are those of the core's invariants: cascades, supernets, switch tables,
//! faults, stale tickets, skips past the end, models that come and go.

use bumpalo::Bump;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sdrm3_check::case::{self, ACCS, Case, JOBS, MODELS};
use sdrm3_core::{
    AcceleratorId, Action, Dispatch, Duration, Fault, Frame, Instant, MapScore, ModelId, Outcome, Path,
    Progress, Refused, Scheduler, Workload,
};
use sdrm3_hal::trace::{
    Answer, Buffer, Call, Ending, Header, HeaderError, Mismatch, Output, Recorder, Replayed, Sink, Step,
    Trace, Traced, replay,
};

type Random = Scheduler<'static, MapScore, MODELS, JOBS, ACCS>;

/// Random cases whose tables are valid.
fn cases() -> impl Strategy<Value = Case> {
    let any_case = prop::collection::vec(any::<u8>(), 100..1_000).prop_map(|bytes| Case::from_bytes(&bytes));
    any_case.prop_filter("valid tables", |case| case.tables.workload(&Bump::new()).is_some())
}

/// The tables, for the rest of the test.
fn workload(case: &Case) -> &'static Workload<'static, ACCS> {
    case.tables.workload(Box::leak(Box::new(Bump::new()))).expect("valid tables")
}

fn scheduler(case: &Case) -> Random {
    Scheduler::new(workload(case), MapScore::default(), case.tables.config).expect("random tables are valid")
}

/// Keeps all steps.
#[derive(Default)]
struct All(Vec<Step>);

impl Sink for All {
    fn record(&mut self, step: &Step) {
        self.0.push(*step);
    }
}

/// Tells two.
struct Both<'a>(Recorder<Writer<'a>>, All);

impl Sink for Both<'_> {
    fn record(&mut self, step: &Step) {
        self.0.record(step);
        self.1.record(step);
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Output for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.extend_from_slice(bytes);
        true
    }
}

/// A run of a case: its trace, and the same steps as values.
fn run(case: &Case) -> (Vec<u8>, Vec<Step>) {
    let mut bytes = Vec::new();
    let scheduler = scheduler(case);
    let header = Header::of(&scheduler).with_text("scenario=random\n");
    let sink = Both(Recorder::new(&header, Writer(&mut bytes)), All::default());
    let mut bed = Bed {
        traced: Traced::new(scheduler, sink),
        now: Instant::ZERO,
        running: Vec::new(),
        gone: Vec::new(),
        frames: Vec::new(),
    };
    for &step in &case.steps {
        bed.step(step);
        bed.poll();
    }
    while bed.traced.close(bed.now).is_some() {}
    bed.traced.sink_mut().0.finish();
    let steps = core::mem::take(&mut bed.traced.sink_mut().1.0);
    drop(bed);
    (bytes, steps)
}

struct Bed<'a> {
    traced: Traced<'static, MapScore, Both<'a>, MODELS, JOBS, ACCS>,
    now: Instant,
    running: Vec<Dispatch>,
    gone: Vec<Dispatch>,
    /// Frames that came, to be parents.
    frames: Vec<Frame>,
}

impl Bed<'_> {
    fn model(&self, choice: u8) -> ModelId {
        // One too many: a model that there is not.
        ModelId(choice % (self.traced.workload().models.len() as u8 + 1))
    }

    fn accelerator(&self, choice: u8) -> AcceleratorId {
        AcceleratorId(choice % (self.traced.workload().accelerators.len() as u8 + 1))
    }

    fn step(&mut self, step: case::Step) {
        use case::Step;
        let now = self.now;
        match step {
            Step::Pass(nanos) => self.now = now.saturating_add(Duration::from_nanos(nanos.0)),
            Step::PassToDeadline(choice) if !self.frames.is_empty() => {
                self.now = now.max(self.frames[usize::from(choice) % self.frames.len()].deadline);
            }
            Step::PassToDeadline(_) => {
                // A time before the last: refused.
                let refused = self.traced.release(ModelId(0), Instant::ZERO);
                if let Err(Refused { frame: Some(frame), .. }) = refused {
                    let _ = self.traced.readmit(frame, now);
                }
            }
            Step::Release(choice) => match self.traced.release(self.model(choice), now) {
                Ok((frame, _)) => self.frames.push(frame),
                Err(refused) => {
                    if let Some(frame) = refused.frame {
                        self.poll();
                        match self.traced.readmit(frame, now) {
                            Ok((frame, _)) => self.frames.push(frame),
                            Err(_) => self.traced.give_up(frame, now),
                        }
                    }
                }
            },
            Step::Complete(choice, ending) if !self.running.is_empty() => {
                let block = self.running.swap_remove(usize::from(choice) % self.running.len());
                let path = if ending.branch { Path::Exit } else { Path::Next };
                let outcome = ending.outcome(now).with_path(path);
                let report = self.traced.complete(block.ticket, outcome, now).expect("it is in flight");
                self.gone.push(block);
                if report.progress != Progress::More {
                    self.follow(&report.frame, ending.branch);
                }
            }
            Step::Stale(choice) if !self.gone.is_empty() => {
                let ticket = self.gone[usize::from(choice) % self.gone.len()].ticket;
                assert!(self.traced.complete(ticket, Outcome::finished(now), now).is_err());
            }
            Step::BadSkip(choice) if !self.running.is_empty() => {
                let ticket = self.running[usize::from(choice) % self.running.len()].ticket;
                let outcome = Outcome::finished(now).with_path(Path::Skip(u16::MAX));
                assert!(self.traced.complete(ticket, outcome, now).is_err());
            }
            Step::Complete(..) | Step::Stale(_) | Step::BadSkip(_) => {}
            Step::Lose(choice) => self.fault(choice, Fault::BlockLost),
            Step::OutOfService(choice) => self.fault(choice, Fault::OutOfService),
            Step::Resting(choice) => self.fault(choice, Fault::Resting),
            Step::NotTaken(choice) => self.fault(choice, Fault::NotTaken),
            Step::Refused(choice) => {
                let unknown = AcceleratorId(choice | 128);
                assert!(self.traced.fault(unknown, Fault::BlockLost, now).is_err());
            }
            Step::Restore(choice) => _ = self.traced.restore(self.accelerator(choice), now),
            Step::Bar(model, accelerator, barred) => {
                let (model, accelerator) = (self.model(model), self.accelerator(accelerator));
                let _ = self.traced.bar(model, accelerator, barred, now);
            }
            Step::Activate(model, on) => _ = self.traced.set_active(self.model(model), on, now),
            Step::Period(model, us) => {
                let _ = self.traced.set_period(self.model(model), Duration::from_micros(us.into()), now);
            }
            Step::Freeze(frozen) => self.traced.freeze_tuner(frozen, now),
        }
    }

    fn fault(&mut self, choice: u8, fault: Fault) {
        let accelerator = self.accelerator(choice);
        let _ = self.traced.fault(accelerator, fault, self.now);
        self.running.retain(|block| block.ticket.accelerator != accelerator);
    }

    fn follow(&mut self, parent: &Frame, lost: bool) {
        for index in 0..self.traced.workload().models.len() {
            let child = ModelId(index as u8);
            if lost {
                let _ = self.traced.lose_child(child, parent, self.now);
            } else {
                let _ = self.traced.release_child(child, parent, self.now);
            }
        }
    }

    fn poll(&mut self) {
        loop {
            match self.traced.poll(self.now) {
                Action::Dispatch(block) => self.running.push(block),
                Action::Drop(..) => {}
                Action::Wait(_) => return,
            }
        }
    }
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig::with_cases(ProptestConfig::default().cases.max(cases)))
}

fn holds(count: u32, property: impl Fn(Case) -> Result<(), TestCaseError>) {
    runner(count).run(&cases(), property).unwrap_or_else(|error| panic!("{error}"));
}

fn replayed(bytes: &[u8], case: &Case) -> Replayed {
    replay(&Trace::parse(bytes).expect("a header"), &mut scheduler(case)).expect("the same tables")
}

// ---- what is recorded is what happened --------------------------------------------------------------

#[test]
fn any_run_is_read_back_and_repeats_itself() {
    let met = std::cell::RefCell::new([0u32; 14]);
    holds(512, |case| {
        let (bytes, steps) = run(&case);
        let trace = Trace::parse(&bytes).expect("a header");
        prop_assert_eq!(trace.header().text, "scenario=random\n");
        prop_assert_eq!(trace.header().config, case.tables.config);
        let mut read = trace.steps();
        let back: Vec<Step> = read.by_ref().collect();
        prop_assert_eq!(read.ending(), Some(Ending::Whole));
        prop_assert_eq!(&back, &steps);
        for step in &steps {
            let kind = match step.call {
                Call::Poll => 0,
                Call::Release(_) => 1,
                Call::ReleaseChild(..) => 2,
                Call::LoseChild(..) => 3,
                Call::GiveUp(_) => 4,
                Call::Complete(..) => 5,
                Call::Fault(..) => 6,
                Call::Restore(_) => 7,
                Call::Bar(..) => 8,
                Call::SetActive(..) => 9,
                Call::SetPeriod(..) => 10,
                Call::Freeze(_) => 11,
                Call::Close => 12,
                Call::Readmit(_) => 13,
            };
            met.borrow_mut()[kind] += 1;
        }
        let replayed = replayed(&bytes, &case);
        prop_assert!(replayed.is_identical(), "{:?}", replayed);
        prop_assert_eq!(replayed.records, steps.len() as u64);
        let dispatches =
            steps.iter().filter(|step| matches!(step.answer, Answer::Action(Action::Dispatch(_))));
        prop_assert_eq!(replayed.decisions, dispatches.count() as u64);
        Ok(())
    });
    assert!(met.borrow().iter().all(|&count| count > 20), "every call was made: {met:?}");
}

// ---- what differs is named ----------------------------------------------------------------------------

/// One answer of the trace is changed and the trace written again: the replay stops there, and says what
/// was recorded and what it found.
#[test]
fn a_planted_decision_is_reported_with_its_place() {
    let planted = std::cell::Cell::new(0);
    holds(256, |case| {
        let (_, mut steps) = run(&case);
        let is_dispatch = |step: &Step| matches!(step.answer, Answer::Action(Action::Dispatch(_)));
        let Some(place) = steps.iter().rposition(is_dispatch) else { return Ok(()) };
        if let Answer::Action(Action::Dispatch(block)) = &mut steps[place].answer {
            block.score.0 ^= 1;
        }
        let mut bytes = Vec::new();
        let mut recorder = Recorder::<_>::new(&Header::of(&scheduler(&case)), Writer(&mut bytes));
        steps.iter().for_each(|step| recorder.record(step));
        recorder.finish();
        drop(recorder);
        let difference = replayed(&bytes, &case).difference.expect("a difference");
        prop_assert_eq!((difference.record, difference.recorded), (place as u64, steps[place]));
        let (Answer::Action(Action::Dispatch(was)), Answer::Action(Action::Dispatch(is))) =
            (difference.recorded.answer, difference.got)
        else {
            return Err(TestCaseError::fail("a dispatch"));
        };
        prop_assert_eq!(was.score.0 ^ 1, is.score.0);
        let says = difference.to_string();
        let start = format!("record {place} at ");
        prop_assert!(says.starts_with(&start), "{}", says);
        planted.set(planted.get() + 1);
        Ok(())
    });
    assert!(planted.get() > 200);
}

/// A case with a few hundred records in several blocks.
fn long() -> Case {
    let mut runner = runner(1);
    loop {
        let case = cases().new_tree(&mut runner).expect("a case").current();
        if run(&case).0.len() > 2_500 {
            return case;
        }
    }
}

#[test]
fn a_trace_of_other_tables_or_settings_is_refused_with_both_names() {
    let case = long();
    let (bytes, _) = run(&case);
    let trace = Trace::parse(&bytes).unwrap();
    let other = long_other(&case);
    let (recorded, here) = (workload(&case).checksum(), workload(&other).checksum());
    let error = replay(&trace, &mut scheduler(&other)).unwrap_err();
    assert_eq!(error, Mismatch::Workload { recorded, here });
    let says = error.to_string();
    assert!(says.contains(&format!("{recorded:016x}")) && says.contains(&format!("{here:016x}")), "{says}");

    let mut roomy =
        Scheduler::<_, MODELS, 9, ACCS>::new(workload(&case), MapScore::default(), case.tables.config)
            .expect("valid tables");
    assert_eq!(replay(&trace, &mut roomy).unwrap_err(), Mismatch::Jobs { recorded: 6, here: 9 });
    let mut config = case.tables.config;
    config.stale_drop ^= true;
    let mut strict: Random = Scheduler::new(workload(&case), MapScore::default(), config).unwrap();
    assert!(matches!(replay(&trace, &mut strict), Err(Mismatch::Config { .. })));
    let mut policy = MapScore::default();
    policy.weights.alpha = sdrm3_core::Weight::ZERO;
    let mut weighed: Random = Scheduler::new(workload(&case), policy, case.tables.config).unwrap();
    assert!(matches!(replay(&trace, &mut weighed), Err(Mismatch::Weights { .. })));
}

fn long_other(than: &Case) -> Case {
    let mut runner = runner(1);
    loop {
        let case = cases().new_tree(&mut runner).expect("a case").current();
        if workload(&case).checksum() != workload(than).checksum() {
            return case;
        }
    }
}

// ---- what is damaged is found -------------------------------------------------------------------------

/// Every bit of a trace, one at a time: never whole, never a wrong step, and what lies before is kept.
#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let (bytes, steps) = run(&long());
    let (mut flips, mut header) = (0, 0);
    for place in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[place / 8] ^= 1 << (place % 8);
        let Ok(trace) = Trace::parse(&damaged) else {
            header += 1;
            continue;
        };
        let mut read = trace.steps();
        let back: Vec<Step> = read.by_ref().collect();
        assert_ne!(read.ending(), Some(Ending::Whole), "bit {place}");
        assert!(back.len() < steps.len() && back == steps[..back.len()], "bit {place}");
        flips += 1;
    }
    assert_eq!(header, (46 + "scenario=random\n".len() + 8) * 8, "every bit of the header is checked");
    assert!(flips > 20_000, "{flips}");
}

/// Cut off anywhere, a trace loses its last block and no more.
#[test]
fn a_torn_tail_loses_only_the_tail() {
    let (bytes, steps) = run(&long());
    let mut kept = std::collections::BTreeSet::new();
    for length in 0..bytes.len() {
        let Ok(trace) = Trace::parse(&bytes[..length]) else {
            assert!(length < 70, "the header has 70 bytes");
            continue;
        };
        let mut read = trace.steps();
        let back: Vec<Step> = read.by_ref().collect();
        let Some(Ending::Torn { at }) = read.ending() else { panic!("cut at {length}: {:?}", read.ending()) };
        assert!(at <= length && length - at < 512, "one block at most is lost");
        assert_eq!(back, steps[..back.len()]);
        kept.insert(back.len());
    }
    assert!(kept.len() >= 4, "several blocks: {kept:?}");

    // The same in memory that was erased before, and in memory that holds an older trace's end.
    for fill in [0u8, 0xff] {
        let mut memory = bytes.clone();
        memory[bytes.len() - 300..].fill(fill);
        let mut read = Trace::parse(&memory).unwrap().steps();
        assert!(read.by_ref().count() > 0);
        assert!(matches!(read.ending(), Some(Ending::Torn { .. })), "{:?}", read.ending());
    }
}

#[test]
fn blocks_that_are_missing_twice_there_or_out_of_place_are_found() {
    let (bytes, _) = run(&long());
    let (header, mut blocks) = (&bytes[..70], Vec::new());
    let mut rest = &bytes[70..];
    while let Some((length, _)) = rest.split_first_chunk::<2>() {
        let (block, behind) = rest.split_at(2 + usize::from(u16::from_le_bytes(*length)) + 8);
        blocks.push(block);
        rest = behind;
    }
    assert!(blocks.len() >= 4);
    let ending = |blocks: &[&[u8]]| {
        let bytes = [header, &blocks.concat()].concat();
        let mut steps = Trace::parse(&bytes).unwrap().steps();
        let count = steps.by_ref().count();
        (steps.ending().unwrap(), count)
    };
    let at = |block: usize| 70 + blocks[..block].iter().map(|block| block.len()).sum::<usize>();
    assert_eq!(ending(&blocks).0, Ending::Whole);
    let without = [&blocks[..1], &blocks[2..]].concat();
    assert_eq!(ending(&without).0, Ending::Corrupt { at: at(1) });
    let twice = [&blocks[..2], &blocks[1..]].concat();
    assert_eq!(ending(&twice).0, Ending::Corrupt { at: at(2) });
    let mut swapped = blocks.clone();
    swapped.swap(1, 2);
    assert_eq!(ending(&swapped).0, Ending::Corrupt { at: at(1) });
    assert_eq!(
        ending(&[&blocks[..], &[&[7; 40][..]]].concat()).0,
        Ending::Whole,
        "behind the end is nothing"
    );
}

#[test]
fn what_is_no_trace_is_said_so() {
    let (bytes, _) = run(&long());
    let parse = |bytes: &[u8]| Trace::parse(bytes).map(|_| ()).unwrap_err();
    assert_eq!(parse(b""), HeaderError::NoTrace);
    assert_eq!(parse(b"an old sock"), HeaderError::NoTrace);
    assert_eq!(parse(&bytes[..20]), HeaderError::CutShort);
    let mut other = bytes.clone();
    other[8] = 2;
    assert_eq!(parse(&other), HeaderError::Version(2));
    let says = "the trace has version 2 of the format, and only 1 is read";
    assert_eq!(parse(&other).to_string(), says);
    // A header that says it is as long as can be.
    other = bytes;
    other[10..12].fill(0xff);
    assert_eq!(parse(&other), HeaderError::CutShort);
    other[10..12].fill(0);
    assert_eq!(parse(&other), HeaderError::Corrupt);
}

/// A trace whose only block has these records, under a check that passes.
fn sealed(records: &[u8]) -> Vec<u8> {
    let mut bytes = header_of_70_bytes();
    bytes.extend((records.len() as u16).to_le_bytes());
    bytes.extend(records);
    bytes.extend(sdrm3_core::Checksum::EMPTY.bytes(records).value().to_le_bytes());
    bytes
}

#[test]
fn a_block_that_another_program_wrote_makes_no_sense() {
    let ending = |records: &[u8]| {
        let bytes = sealed(records);
        let mut steps = Trace::parse(&bytes).unwrap().steps();
        (steps.by_ref().count(), steps.ending().unwrap())
    };
    // A poll at the start, nothing to do; the end; a code that no record has.
    let (poll, end, unknown) = ([1, 0, 3], [14], [16]);
    assert_eq!(ending(&[&poll[..], &end].concat()), (1, Ending::Whole));
    let senseless = Ending::Senseless { at: 70 };
    assert_eq!(ending(&unknown), (0, senseless));
    assert_eq!(ending(&[&poll[..], &unknown].concat()), (1, senseless), "what stands before it is read");
    assert_eq!(ending(&[&end[..], &poll].concat()), (0, senseless), "nothing stands behind the end");
    assert_eq!(senseless.to_string(), "the block at byte 70 of the trace makes no sense");
}

proptest! {
    /// Blocks of any bytes under a check that passes: steps or an end, never a panic, never without end.
    #[test]
    fn hostile_records_end(records in prop::collection::vec(any::<u8>(), 1..600)) {
        let bytes = sealed(&records);
        let mut steps = Trace::parse(&bytes).unwrap().steps();
        let count = steps.by_ref().count();
        prop_assert!(count <= records.len() / 2);
        prop_assert!(steps.ending().is_some());
    }
}

fn header_of_70_bytes() -> Vec<u8> {
    thread_local!(static HEADER: Vec<u8> = run(&long()).0[..70].to_vec());
    HEADER.with(Clone::clone)
}

// ---- outputs --------------------------------------------------------------------------------------------

/// Memory that is too small holds the beginning; what did not find room is counted.
#[test]
fn a_full_buffer_keeps_the_beginning_and_counts_the_rest() {
    let case = long();
    let (whole, steps) = run(&case);
    let mut memory = [0; 1_500];
    let mut recorder = Recorder::<_>::new(&Header::of(&scheduler(&case)), Buffer::new(&mut memory));
    steps.iter().for_each(|step| recorder.record(step));
    assert!(!recorder.finish(), "it is not whole");
    let (kept, lost) = (recorder.records(), recorder.lost());
    assert!(recorder.output().written().len() <= 1_500 && whole.len() > 1_500);
    assert!(lost > 0 && kept + lost == steps.len() as u64);
    let decisions = recorder.decisions();
    let mut read = Trace::parse(&memory).unwrap().steps();
    let back: Vec<Step> = read.by_ref().collect();
    assert!(!back.is_empty() && back == steps[..back.len()]);
    assert_eq!(back.len() as u64, kept, "what is said to be recorded is in the trace");
    let is_dispatch = |step: &&Step| matches!(step.answer, Answer::Action(Action::Dispatch(_)));
    assert_eq!(back.iter().filter(is_dispatch).count() as u64, decisions);
    assert!(matches!(read.ending(), Some(Ending::Torn { .. })));
}

/// An output that takes the header and no block: whatever comes is lost, also by a flush and by the end.
#[test]
fn what_lies_in_a_block_that_is_refused_is_lost() {
    let case = long();
    let (_, steps) = run(&case);
    for flush in [true, false] {
        let mut writes = 3;
        let output = |_: &[u8]| {
            writes -= 1;
            writes >= 0
        };
        let mut recorder = Recorder::<_>::new(&Header::of(&scheduler(&case)), output);
        steps[..5].iter().for_each(|step| recorder.record(step));
        assert_eq!((recorder.records(), recorder.lost()), (5, 0), "nothing was refused yet");
        if flush {
            recorder.flush();
        }
        assert!(!recorder.finish());
        assert_eq!((recorder.records(), recorder.decisions(), recorder.lost()), (0, 0, 5));
    }
}

/// A ring of 1 KiB that another task drains holds a trace of any length.
#[test]
fn a_ring_that_is_drained_in_time_loses_nothing() {
    let case = long();
    let (_, steps) = run(&case);
    let mut ring = heapless::spsc::Queue::<u8, 1024>::new();
    let (producer, mut consumer) = ring.split();
    let mut recorder = Recorder::<_>::new(&Header::of(&scheduler(&case)), producer);
    let mut drained = Vec::new();
    for step in &steps {
        recorder.record(step);
        drained.extend(std::iter::from_fn(|| consumer.dequeue()));
    }
    assert!(recorder.finish(), "it is whole");
    drained.extend(std::iter::from_fn(|| consumer.dequeue()));
    assert_eq!(recorder.lost(), 0);
    assert!(replayed(&drained, &case).is_identical());
}

/// Flushed, all that was recorded can be read, whatever happens next.
#[test]
fn a_flush_leaves_nothing_behind() {
    let case = long();
    let (_, steps) = run(&case);
    let mut bytes = Vec::new();
    let mut recorder = Recorder::<_>::new(&Header::of(&scheduler(&case)), Writer(&mut bytes));
    steps[..5].iter().for_each(|step| recorder.record(step));
    recorder.flush();
    drop(recorder);
    let back: Vec<Step> = Trace::parse(&bytes).unwrap().steps().collect();
    assert_eq!(back, steps[..5]);
}
