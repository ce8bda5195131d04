//! Any calls of the C library, with pointers into the caller's buffers at any offset, null or misaligned:
//! every call answers a status, an error leaves what it was given as it was, and nothing outside of the
//! storage is written.

#![no_main]

use std::ffi::{CStr, c_char, c_void};
use std::fmt::Debug;
use std::mem::size_of;
use std::ptr::{null, null_mut};

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use sdrm3::sdrm3_status_t::{self, *};
use sdrm3::*;

/// Room for storage: more than a large scheduler with all tables of an input takes.
const BYTES: usize = 32_768;
const UNTOUCHED: u64 = 0xA5A5_A5A5_A5A5_A5A5;

#[derive(Arbitrary, Debug)]
struct Input {
    large: bool,
    offset: u8,
    /// `None`: to the end of the buffer.
    size: Rare<u16>,
    misplaced: Rare<u8>,
    /// What lay there before.
    zeros: bool,
    config: Config,
    models: Vec<Model>,
    accelerators: Vec<Accelerator>,
    pointers: [Pointer; 6],
    calls: Vec<(Call, u16, Pointer, Pointer)>,
}

/// Something that is mostly not there.
#[derive(Clone, Copy, Debug)]
struct Rare<T>(Option<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Rare<T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(if u.arbitrary::<u8>()? < 248 { None } else { Some(u.arbitrary()?) }))
    }
}

/// How a pointer is given: mostly as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pointer {
    Right,
    Null,
    Misaligned,
}

impl<'a> Arbitrary<'a> for Pointer {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.arbitrary::<u8>()? {
            0..250 => Self::Right,
            250..253 => Self::Null,
            _ => Self::Misaligned,
        })
    }
}

impl Pointer {
    fn to<T>(self, place: *mut T) -> *mut T {
        match self {
            Self::Null => null_mut(),
            Self::Misaligned => place.wrapping_byte_add(1),
            _ => place,
        }
    }

    fn to_const<T>(self, place: *const T) -> *const T {
        self.to(place.cast_mut())
    }

    fn is_right(self) -> bool {
        !matches!(self, Self::Null | Self::Misaligned)
    }
}

#[derive(Arbitrary, Debug)]
struct Config {
    abi: Rare<(u8, u16)>,
    window: u64,
    weights: (u16, u16),
    flags: [Flag; 4],
}

/// 0 or 1, and now and then something else.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Flag(bool, Rare<u8>);

impl Flag {
    fn value(self) -> u8 {
        self.1.0.unwrap_or(self.0.into())
    }
}

#[derive(Arbitrary, Debug)]
struct Model {
    named: bool,
    period: u32,
    deadline: u32,
    parent: Option<(u8, u16, Rare<u32>)>,
    floor: u32,
    weight: u16,
    budget: (u8, u8),
    latest_wins: Flag,
    subnetworks: Vec<SubNetwork>,
    pointer: Pointer,
}

#[derive(Arbitrary, Debug)]
struct SubNetwork {
    segments: Vec<Segment>,
    /// Columns of the table, if not as many as there are accelerators.
    columns: Rare<u8>,
    /// More segments than there may be.
    too_many: Rare<u8>,
    details: bool,
    accuracy: u32,
    weight_bytes: u32,
    prefix: u8,
    pointers: (Pointer, Pointer),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Segment {
    costs: [(u16, u16); 3],
    bytes: u32,
    probability: u16,
    skip: u8,
    branch: u8,
    odd: Rare<(u32, u16, u8)>,
    switch_point: Flag,
}

#[derive(Arbitrary, Debug)]
struct Accelerator {
    named: bool,
    fixed: (u16, u16),
    per_kib: (u8, u8),
    table: Option<Rare<u8>>,
    pointer: Pointer,
}

#[derive(Arbitrary, Debug)]
enum Call {
    Release(u8),
    ReleaseChild(u8, u8),
    LoseChild(u8, u8),
    GiveUp(u8),
    Poll,
    /// On an accelerator, so many dispatches ago.
    Complete(u8, u8, Outcome),
    Fault(u8, u8),
    Restore(u8),
    Bar(u8, u8, Flag),
    SetActive(u8, Flag),
    SetPeriod(u8, u32),
    FreezeTuner(Flag),
    Weights,
    Tally(u8),
    UxCost,
    Close(u32),
    End,
    Again,
    /// The storage was copied elsewhere, and is used there.
    Moved,
    Describe(u8, i32, [i32; 4]),
    StatusText(i32),
    /// Time goes back.
    Back(u16),
}

#[derive(Arbitrary, Debug)]
struct Outcome {
    finished: i16,
    started: i16,
    energy: u32,
    skipped: u16,
    path: u8,
    has: (Flag, Flag),
}

/// The tables, in memory that stays where it is.
#[derive(Default)]
struct Tables {
    costs: Vec<Vec<sdrm3_cost_t>>,
    segments: Vec<Vec<sdrm3_segment_t>>,
    subnetworks: Vec<Vec<sdrm3_subnetwork_t>>,
    models: Vec<sdrm3_model_t>,
    accelerators: Vec<sdrm3_accelerator_t>,
}

const NAME: &CStr = c"name";

fn cost((latency_ns, energy_nj): (u16, u16)) -> sdrm3_cost_t {
    sdrm3_cost_t { latency_ns: u32::from(latency_ns) * 64, energy_nj: energy_nj.into() }
}

fn name(named: bool) -> *const c_char {
    if named { NAME.as_ptr() } else { null() }
}

impl Tables {
    fn new(input: &Input) -> Self {
        let mut tables = Self::default();
        let accelerators = &input.accelerators[..input.accelerators.len().min(10)];
        let models = &input.models[..input.models.len().min(10)];
        for model in models {
            let subnetworks = model.subnetworks.iter().take(4);
            let rows = subnetworks.map(|row| tables.subnetwork(row, accelerators.len() as u32)).collect();
            tables.subnetworks.push(rows);
        }
        for (model, rows) in models.iter().zip(&tables.subnetworks) {
            tables.models.push(sdrm3_model_t {
                name: name(model.named),
                period_ns: model.period.into(),
                deadline_ns: model.deadline.into(),
                parent: null(),
                probability: model.parent.map_or(0, |(_, steps, odd)| odd.0.unwrap_or(u32::from(steps) + 1)),
                subnetwork_count: rows.len() as u32,
                subnetworks: model.pointer.to_const(rows.as_ptr()),
                accuracy_floor_milli_percent: model.floor,
                weight_percent: model.weight,
                drop_at_most: model.budget.0,
                drop_of: model.budget.1 % 34,
                latest_wins: model.latest_wins.value(),
            });
        }
        let start = tables.models.as_ptr();
        for (model, row) in models.iter().zip(&mut tables.models) {
            row.parent = model.parent.map_or(null(), |(parent, ..)| start.wrapping_add(parent.into()));
        }
        for accelerator in accelerators {
            let full = models.len() * models.len();
            let entries = accelerator.table.map_or(0, |odd| odd.0.map_or(full, |count| (count % 101).into()));
            let row: Vec<_> = (0..entries).map(|entry| cost((entry as u16, 1))).collect();
            tables.accelerators.push(sdrm3_accelerator_t {
                name: name(accelerator.named),
                switch_fixed: cost(accelerator.fixed),
                switch_per_kib: cost((accelerator.per_kib.0.into(), accelerator.per_kib.1.into())),
                switch_table: accelerator.pointer.to_const(row.as_ptr()),
                switch_table_count: row.len() as u32,
            });
            tables.costs.push(row);
        }
        tables
    }

    fn subnetwork(&mut self, row: &SubNetwork, accelerators: u32) -> sdrm3_subnetwork_t {
        let columns = row.columns.0.map_or(accelerators, u32::from);
        let segments = &row.segments[..row.segments.len().min(8)];
        let costs = segments.iter().flat_map(|segment| {
            (0..columns as usize).map(|column| cost(segment.costs.get(column).copied().unwrap_or_default()))
        });
        self.costs.push(costs.collect());
        let details = segments.iter().map(|segment| {
            let usual = (u32::from(segment.probability) + 1, u16::from(segment.skip % 2), segment.branch % 3);
            let (probability, skip, branch) = segment.odd.0.unwrap_or(usual);
            let switch_point = segment.switch_point.value();
            sdrm3_segment_t { activation_bytes: segment.bytes, probability, skip, branch, switch_point }
        });
        self.segments.push(details.collect());
        let (costs, details) = (self.costs.last().unwrap().as_ptr(), self.segments.last().unwrap().as_ptr());
        sdrm3_subnetwork_t {
            costs: row.pointers.0.to_const(costs),
            // Beyond the limit nothing is read.
            segment_count: row.too_many.0.map_or(segments.len() as u32, |more| 65_536 + u32::from(more)),
            accelerator_count: columns,
            segments: if row.details { row.pointers.1.to_const(details) } else { null() },
            accuracy_milli_percent: row.accuracy,
            weight_bytes: row.weight_bytes,
            shared_prefix: row.prefix.into(),
        }
    }
}

impl Config {
    fn values(&self) -> sdrm3_config_t {
        let mut layouts = [
            SDRM3_ABI_VERSION,
            size_of::<sdrm3_config_t>() as u16,
            size_of::<sdrm3_segment_t>() as u16,
            size_of::<sdrm3_subnetwork_t>() as u16,
            size_of::<sdrm3_model_t>() as u16,
            size_of::<sdrm3_accelerator_t>() as u16,
            size_of::<sdrm3_action_t>() as u16,
            size_of::<sdrm3_outcome_t>() as u16,
            size_of::<sdrm3_report_t>() as u16,
            size_of::<sdrm3_tally_t>() as u16,
        ];
        if let Some((place, value)) = self.abi.0 {
            layouts[usize::from(place) % 10] = value;
        }
        let [version, config, segment, subnetwork, model, accelerator, action, outcome, report, tally] =
            layouts;
        let [frame_drop, supernet, correction, stale_drop] = self.flags.map(Flag::value);
        sdrm3_config_t {
            abi: sdrm3_abi_t {
                version,
                config,
                segment,
                subnetwork,
                model,
                accelerator,
                action,
                outcome,
                report,
                tally,
            },
            tuning_window_ns: self.window,
            alpha_milli: self.weights.0 % 2_010,
            beta_milli: self.weights.1 % 2_010,
            frame_drop,
            supernet,
            correction,
            stale_drop,
        }
    }
}

/// What a call answered; a place that it was given holds what it held unless the call says so.
#[track_caller]
fn judge<T: PartialEq + Debug>(
    status: sdrm3_status_t,
    place: &T,
    before: &T,
    handed_back: bool,
) -> sdrm3_status_t {
    let text = sdrm3_status_text(status as i32);
    assert!(!text.is_null());
    if status != SDRM3_OK && !handed_back {
        assert_eq!(place, before, "an error changes nothing");
    }
    status
}

struct Caller {
    scheduler: *mut sdrm3_t,
    now: u64,
    frames: Vec<sdrm3_frame_t>,
    tickets: Vec<sdrm3_ticket_t>,
}

impl Caller {
    fn frame(&self, choice: u8) -> sdrm3_frame_t {
        let frames = &self.frames[self.frames.len().saturating_sub(16)..];
        frames.get(usize::from(choice) % frames.len().max(1)).copied().unwrap_or_default()
    }

    /// The place of a frame that may be handed back.
    fn frames_of(&mut self, status: sdrm3_status_t, frame: sdrm3_frame_t) {
        let back = matches!(status, SDRM3_FULL | SDRM3_TIME_WENT_BACK);
        judge(status, &frame, &sdrm3_frame_t::default(), back);
        if status == SDRM3_OK || back {
            self.frames.push(frame);
        }
    }

    /// # Safety
    ///
    /// `self.scheduler` is null, misaligned, or to storage as the header asks for; tables are alive.
    unsafe fn call(&mut self, call: &Call, one: Pointer, other: Pointer) {
        let (s, now) = (one.to(self.scheduler), self.now);
        let mut frame = sdrm3_frame_t::default();
        // SAFETY: see above; all places are locals, or null, or misaligned.
        unsafe {
            match *call {
                Call::Release(model) => {
                    let status = sdrm3_release(s, model, now, other.to(&mut frame));
                    self.frames_of(status, frame);
                }
                Call::ReleaseChild(model, choice) => {
                    let parent = self.frame(choice);
                    let status = sdrm3_release_child(s, model, &parent, now, other.to(&mut frame));
                    self.frames_of(status, frame);
                }
                Call::LoseChild(model, choice) => {
                    let parent = self.frame(choice);
                    let status = sdrm3_lose_child(s, model, other.to_const(&parent), now, &mut frame);
                    self.frames_of(status, frame);
                }
                Call::GiveUp(choice) => {
                    let frame = self.frame(choice);
                    let end = if choice & 128 == 0 { sdrm3_give_up } else { sdrm3_readmit };
                    judge(end(s, other.to_const(&frame), now), &0, &0, false);
                }
                Call::Poll => {
                    let mut action = sdrm3_action_t::default();
                    let status = sdrm3_poll(s, now, other.to(&mut action));
                    if judge(status, &action, &sdrm3_action_t::default(), false) == SDRM3_OK {
                        match action.kind {
                            sdrm3_action_kind_t::SDRM3_DISPATCH => {
                                assert!(action.block.count > 0);
                                self.tickets.push(action.block.ticket);
                            }
                            sdrm3_action_kind_t::SDRM3_DROP => self.frames.push(action.frame),
                            _ => {}
                        }
                    }
                }
                Call::Complete(accelerator, age, ref outcome) => {
                    let mut mine =
                        self.tickets.iter().rev().filter(|ticket| ticket.accelerator == accelerator % 4);
                    let ticket = mine.nth((age % 3).into()).copied();
                    let ticket = ticket.unwrap_or(sdrm3_ticket_t { sequence: age.into(), accelerator });
                    let at = |offset: i16| now.saturating_add_signed(i64::from(offset) * 64);
                    let outcome = sdrm3_outcome_t {
                        finished_ns: at(outcome.finished),
                        started_ns: at(outcome.started),
                        energy_nj: outcome.energy,
                        skipped: outcome.skipped % 6,
                        path: outcome.path % 4,
                        has_start: outcome.has.0.value(),
                        has_energy: outcome.has.1.value(),
                    };
                    let mut report = sdrm3_report_t::default();
                    let status = sdrm3_complete(s, ticket, other.to_const(&outcome), now, &mut report);
                    if judge(status, &report, &sdrm3_report_t::default(), false) == SDRM3_OK {
                        self.frames.push(report.frame);
                    }
                }
                Call::Fault(on, kind) => _ = judge(sdrm3_fault(s, on, kind % 5, now), &0, &0, false),
                Call::Restore(on) => _ = judge(sdrm3_restore(s, on, now), &0, &0, false),
                Call::Bar(model, on, flag) => {
                    judge(sdrm3_bar(s, model, on, flag.value(), now), &0, &0, false);
                }
                Call::SetActive(model, flag) => {
                    judge(sdrm3_set_active(s, model, flag.value(), now), &0, &0, false);
                }
                Call::SetPeriod(model, period) => {
                    judge(sdrm3_set_period(s, model, period.into(), now), &0, &0, false);
                }
                Call::FreezeTuner(flag) => _ = judge(sdrm3_freeze_tuner(s, flag.value()), &0, &0, false),
                Call::Weights => {
                    let (mut alpha, mut beta) = (7, 7);
                    let status = sdrm3_weights(s, other.to(&mut alpha), &mut beta);
                    if judge(status, &(alpha, beta), &(7, 7), false) == SDRM3_OK {
                        assert!(alpha <= 2 << 30 && beta <= 2 << 30);
                    }
                }
                Call::Tally(model) => {
                    let mut tally = sdrm3_tally_t::default();
                    let status = sdrm3_tally(s, model, other.to(&mut tally));
                    judge(status, &tally, &sdrm3_tally_t::default(), false);
                    assert!(tally.dropped <= tally.violated && tally.violated <= tally.frames);
                }
                Call::UxCost => {
                    let mut cost = sdrm3_uxcost_t::default();
                    let status = sdrm3_uxcost(s, other.to(&mut cost));
                    judge(status, &cost, &sdrm3_uxcost_t::default(), false);
                    assert!(cost.value.is_finite() && cost.value >= 0.0);
                }
                Call::Close(ahead) => {
                    let mut left = sdrm3_leftover_t::default();
                    let status = sdrm3_close(s, now.saturating_add(ahead.into()), other.to(&mut left));
                    judge(status, &left, &sdrm3_leftover_t::default(), false);
                }
                Call::End => {
                    if judge(sdrm3_end(s), &0, &0, false) == SDRM3_OK {
                        let status = sdrm3_poll(s, now, &mut sdrm3_action_t::default());
                        assert_eq!(status, SDRM3_NOT_INITIALISED);
                    }
                }
                Call::Moved if !self.scheduler.is_null() => {
                    let mut copy = [0u64; 4];
                    copy.as_mut_ptr().copy_from(self.scheduler.cast(), 4);
                    let status = sdrm3_poll(copy.as_mut_ptr().cast(), now, &mut sdrm3_action_t::default());
                    assert_eq!(status, SDRM3_NOT_INITIALISED);
                }
                Call::Describe(size, status, [model, subnetwork, segment, accelerator]) => {
                    let error = sdrm3_error_t {
                        name: name(size & 1 == 1),
                        needed_bytes: size.into(),
                        status,
                        model,
                        subnetwork,
                        segment,
                        accelerator,
                    };
                    let mut text = [0x55 as c_char; 256];
                    let size = usize::from(size);
                    let status = sdrm3_describe(other.to_const(&error), text.as_mut_ptr(), size);
                    if status == SDRM3_OK {
                        assert!(CStr::from_ptr(text.as_ptr()).count_bytes() < size);
                    }
                    assert!(text[size..].iter().all(|&byte| byte == 0x55), "no further than it may");
                }
                Call::StatusText(status) => {
                    assert!(CStr::from_ptr(sdrm3_status_text(status)).count_bytes() > 0);
                }
                Call::Back(by) => self.now = now.saturating_sub(by.into()),
                Call::Moved | Call::Again => {}
            }
        }
    }
}

fuzz_target!(|input: Input| {
    let mut buffer = vec![if input.zeros { 0 } else { UNTOUCHED }; BYTES / 8];
    let untouched = buffer[0];
    let offset = usize::from(input.offset & !7) + usize::from(input.misplaced.0.unwrap_or(0));
    let size = input.size.0.map_or(BYTES - offset, |size| usize::from(size).min(BYTES - offset));
    let (tables, config) = (Tables::new(&input), input.config.values());
    let [storage, workload, settings, out, place, rows] = input.pointers;
    let workload_table = sdrm3_workload_t {
        models: rows.to_const(tables.models.as_ptr()),
        accelerators: tables.accelerators.as_ptr(),
        model_count: tables.models.len() as u32,
        accelerator_count: tables.accelerators.len() as u32,
    };
    let start = buffer.as_mut_ptr().cast::<u8>();
    let init = |caller: &mut Caller| {
        let mut error = sdrm3_error_t {
            name: null(),
            needed_bytes: 0,
            status: -1,
            model: -1,
            subnetwork: -1,
            segment: -1,
            accelerator: -1,
        };
        let before = caller.scheduler;
        let memory = storage.to(start.wrapping_add(offset).cast::<c_void>());
        // A pointer to bytes has no alignment of its own: it lies one further, and so does its end.
        let size = size - usize::from(storage == Pointer::Misaligned && size > 0);
        let init = if input.large { sdrm3_init_large } else { sdrm3_init_small };
        // SAFETY: the buffer, the tables and all places are there, or the pointer is null or misaligned.
        let status = unsafe {
            init(
                memory,
                size,
                workload.to_const(&workload_table),
                settings.to_const(&config),
                out.to(&mut caller.scheduler),
                place.to(&mut error),
            )
        };
        judge(status, &caller.scheduler, &before, false);
        if status == SDRM3_OK {
            assert_eq!(caller.scheduler.cast::<c_void>(), memory);
            assert_eq!(memory.addr() % 8, 0);
        } else if place.is_right() {
            assert_eq!(error.status, status as i32);
            let mut text: [c_char; 200] = [0; 200];
            // SAFETY: both are there.
            assert_eq!(unsafe { sdrm3_describe(&error, text.as_mut_ptr(), text.len()) }, SDRM3_OK);
        }
    };
    let mut caller = Caller { scheduler: null_mut(), now: 0, frames: Vec::new(), tickets: Vec::new() };
    init(&mut caller);
    for (call, pass, one, other) in input.calls.iter().take(300) {
        caller.now = caller.now.saturating_add(u64::from(*pass) * 64);
        if let Call::Again = call {
            init(&mut caller);
        }
        // SAFETY: the scheduler is null or was put into the buffer, and the tables are alive.
        unsafe { caller.call(call, *one, *other) };
    }
    let (before, behind) = (&buffer[..offset / 8], &buffer[(offset + size).div_ceil(8)..]);
    let mut outside = before.iter().chain(behind);
    assert!(outside.all(|word| *word == untouched), "nothing outside of the storage is written");
    drop(tables);
});
