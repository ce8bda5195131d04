//! The calls: each checks its pointers, then asks the scheduler.
//!
//! What all of them rely on stands once, at the head of the header (`cbindgen.toml`): a pointer is null
//! or to an object of its type, storage belongs to the library from init to end, tables stay.

#![allow(clippy::missing_safety_doc, reason = "the rules on pointers stand once, at the head of the header")]

use core::ffi::{c_char, c_void};

use sdrm3_core::{AcceleratorId, Duration, Instant, ModelId, Outcome, Refused};

use crate::describe;
use crate::handle::{Call, sdrm3_t};
use crate::pointer::{Block, Out, Row, Text, read};
use crate::setup::{self, Failure};
use crate::sizes::{
    SDRM3_LARGE_ACCELERATORS, SDRM3_LARGE_JOBS, SDRM3_LARGE_MODELS, SDRM3_SMALL_ACCELERATORS,
    SDRM3_SMALL_JOBS, SDRM3_SMALL_MODELS,
};
use crate::status::sdrm3_status_t::{self, *};
use crate::tables::{SDRM3_ABI_VERSION, sdrm3_abi_t, sdrm3_config_t, sdrm3_workload_t};
use crate::values::{
    fault, sdrm3_action_t, sdrm3_error_t, sdrm3_frame_t, sdrm3_leftover_t, sdrm3_outcome_t, sdrm3_report_t,
    sdrm3_tally_t, sdrm3_ticket_t, sdrm3_uxcost_t, truth,
};

/// The result of a call as C sees it.
fn answer(call: impl FnOnce() -> Result<(), sdrm3_status_t>) -> sdrm3_status_t {
    call().err().unwrap_or(SDRM3_OK)
}

/// A frame that was taken in, or is handed back.
fn hand_out(
    frame: Out<sdrm3_frame_t>,
    result: Result<sdrm3_core::Frame, Refused>,
) -> Result<(), sdrm3_status_t> {
    match result {
        Ok(taken) => {
            frame.put(taken.into());
            Ok(())
        }
        Err(refused) => {
            if let Some(back) = refused.frame {
                frame.put(back.into());
            }
            Err(refused.why.into())
        }
    }
}

/// The `SDRM3_ABI_VERSION` that the library was built with.
#[unsafe(no_mangle)]
pub extern "C" fn sdrm3_abi_version() -> u16 {
    SDRM3_ABI_VERSION
}

/// What a status means, and what to do about it: constant, in English, ended by a zero.
#[unsafe(no_mangle)]
pub extern "C" fn sdrm3_status_text(status: i32) -> *const c_char {
    describe::status_text(status)
}

/// Says an error of `sdrm3_init_small` or `sdrm3_init_large` in words, and where it is:
/// `model 1 (gaze), sub-network 0, segment 3: runs on no accelerator; give it a latency ...`.
///
/// At most `size` characters with the zero at their end, which is always there; 200 are enough. A text
/// that is cut is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_describe(
    error: *const sdrm3_error_t,
    text: *mut c_char,
    size: usize,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (error, mut text) = unsafe { (read(error)?, Text::new(text, size)?) };
        let _ = describe::describe(error, &mut text);
        Ok(())
    })
}

/// Puts a scheduler of up to 8 models, 16 jobs and 4 accelerators into `storage`, all models active and
/// all accelerators idle, and its name into `*scheduler`. O(all segments), once.
///
/// `storage` is `storage_bytes` long and aligned to 8. For tables with 5 sub-networks and 40 segments in
/// all: `static SDRM3_STORAGE(storage, SDRM3_SMALL_SIZE(5, 40));`
///
/// On an error `*scheduler` stays as it is, and `*error`, unless `error` is null, says why and where. A
/// scheduler that lay in the storage may have ended, depending on the error: take it as ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_init_small(
    storage: *mut c_void,
    storage_bytes: usize,
    workload: *const sdrm3_workload_t,
    config: *const sdrm3_config_t,
    scheduler: *mut *mut sdrm3_t,
    error: *mut sdrm3_error_t,
) -> sdrm3_status_t {
    // SAFETY: the caller keeps to the header's rules on pointers.
    unsafe {
        init::<SDRM3_SMALL_MODELS, SDRM3_SMALL_JOBS, SDRM3_SMALL_ACCELERATORS>(
            storage,
            storage_bytes,
            workload,
            config,
            scheduler,
            error,
        )
    }
}

/// As `sdrm3_init_small`, for up to 32 models, 64 jobs and 8 accelerators, in `SDRM3_LARGE_SIZE`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_init_large(
    storage: *mut c_void,
    storage_bytes: usize,
    workload: *const sdrm3_workload_t,
    config: *const sdrm3_config_t,
    scheduler: *mut *mut sdrm3_t,
    error: *mut sdrm3_error_t,
) -> sdrm3_status_t {
    // SAFETY: the caller keeps to the header's rules on pointers.
    unsafe {
        init::<SDRM3_LARGE_MODELS, SDRM3_LARGE_JOBS, SDRM3_LARGE_ACCELERATORS>(
            storage,
            storage_bytes,
            workload,
            config,
            scheduler,
            error,
        )
    }
}

/// # Safety
///
/// As of [`sdrm3_init_small`].
unsafe fn init<const MODELS: usize, const JOBS: usize, const ACCS: usize>(
    storage: *mut c_void,
    storage_bytes: usize,
    workload: *const sdrm3_workload_t,
    config: *const sdrm3_config_t,
    scheduler: *mut *mut sdrm3_t,
    error: *mut sdrm3_error_t,
) -> sdrm3_status_t {
    let build = || -> Result<(), Failure> {
        // SAFETY: the caller keeps to the header's rules on pointers. The ABI lies at the head of the
        // configuration in every version, so it is read before the rest is taken to be there.
        let (name, config) = unsafe {
            let name = Out::new(scheduler)?;
            setup::check_abi(read(config.cast::<sdrm3_abi_t>())?)?;
            (name, read(config)?)
        };
        // SAFETY: as above.
        let (block, tables) = unsafe { (Block::new(storage, storage_bytes)?, Row::workload(workload)?) };
        name.put(setup::build::<MODELS, JOBS, ACCS>(block, tables, config)?);
        Ok(())
    };
    // SAFETY: as above. An error need not be wanted.
    let place = if error.is_null() { None } else { Some(unsafe { Out::new(error) }) };
    if let Some(Err(status)) = place {
        return status;
    }
    let Err(failure) = build() else { return SDRM3_OK };
    if let Some(Ok(place)) = place {
        place.put(failure.error());
    }
    failure.status()
}

/// Ends the scheduler: the storage is the caller's again. The tallies are gone; read them before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_end(scheduler: *mut sdrm3_t) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        unsafe { Call::enter(scheduler)? }.end();
        Ok(())
    })
}

/// Takes in the next frame of a model, whose input is there. O(jobs x accelerators).
///
/// `*frame` becomes the frame. With `SDRM3_FULL` and `SDRM3_TIME_WENT_BACK` as well: it is handed back,
/// to be tried again with `sdrm3_readmit`, or to be counted as lost with `sdrm3_give_up`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_release(
    scheduler: *mut sdrm3_t,
    model: u8,
    now_ns: u64,
    frame: *mut sdrm3_frame_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (frame, mut call) = unsafe { (Out::new(frame)?, Call::enter(scheduler)?) };
        hand_out(frame, call.release(ModelId(model), Instant::from_nanos(now_ns)))
    })
}

/// Takes in the frame of a dependent model that a completed frame of its parent gives rise to. O(jobs x
/// accelerators).
///
/// `parent` is the frame of the report with `SDRM3_IN_TIME` or `SDRM3_LATE`; `*frame` as in
/// `sdrm3_release`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_release_child(
    scheduler: *mut sdrm3_t,
    model: u8,
    parent: *const sdrm3_frame_t,
    now_ns: u64,
    frame: *mut sdrm3_frame_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers; `parent` is copied before `frame` is
        // written, so that they may be the same.
        let (parent, frame) = unsafe { (*read(parent)?, Out::new(frame)?) };
        // SAFETY: as above.
        let mut call = unsafe { Call::enter(scheduler)? };
        hand_out(frame, call.release_child(ModelId(model), &parent.into(), Instant::from_nanos(now_ns)))
    })
}

/// Takes in a frame that was refused with `SDRM3_FULL` or `SDRM3_TIME_WENT_BACK`, as it was handed back: its
/// release, its deadline and its number stay. Before the next frame of its model is released. O(jobs x
/// accelerators).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_readmit(
    scheduler: *mut sdrm3_t,
    frame: *const sdrm3_frame_t,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (frame, mut call) = unsafe { (*read(frame)?, Call::enter(scheduler)?) };
        let answer = call.readmit(frame.into(), Instant::from_nanos(now_ns));
        answer.map(|_| ()).map_err(|refused| refused.why.into())
    })
}

/// Counts the frame of a dependent model whose parent's frame was lost: dropped and violated. O(models x depth
/// of cascades).
///
/// `parent` is the frame of `SDRM3_DROP`, unless it was withdrawn, one that was given up, or one of
/// `sdrm3_close`. `*frame` becomes the frame that is lost: so are those that depend on it, each by a call of
/// its own. A time before one given earlier counts as that one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_lose_child(
    scheduler: *mut sdrm3_t,
    model: u8,
    parent: *const sdrm3_frame_t,
    now_ns: u64,
    frame: *mut sdrm3_frame_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers; `parent` is copied before `frame` is
        // written, so that they may be the same.
        let (parent, frame) = unsafe { (*read(parent)?, Out::new(frame)?) };
        // SAFETY: as above.
        let mut call = unsafe { Call::enter(scheduler)? };
        hand_out(frame, call.lose_child(ModelId(model), &parent.into(), Instant::from_nanos(now_ns)))
    })
}

/// Counts a frame that was refused, and is not tried again, as dropped and violated; once only.
/// O(models x depth of cascades). `sdrm3_lose_child` counts those that depend on it. A time before one given
/// earlier counts as that one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_give_up(
    scheduler: *mut sdrm3_t,
    frame: *const sdrm3_frame_t,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (frame, mut call) = unsafe { (*read(frame)?, Call::enter(scheduler)?) };
        if usize::from(frame.model) >= call.tallies().len() {
            return Err(SDRM3_UNKNOWN_MODEL);
        }
        call.give_up(frame.into(), Instant::from_nanos(now_ns));
        Ok(())
    })
}

/// Decides what to do next. Call it after every event and at the time of the last `wake_ns`, again and
/// again until it answers `SDRM3_WAIT` or `SDRM3_WAIT_UNTIL`: at most once per frame and accelerator.
///
/// O(jobs x accelerators). A time before one given earlier counts as that one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_poll(
    scheduler: *mut sdrm3_t,
    now_ns: u64,
    action: *mut sdrm3_action_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (action, mut call) = unsafe { (Out::new(action)?, Call::enter(scheduler)?) };
        action.put(call.poll(Instant::from_nanos(now_ns)).into());
        Ok(())
    })
}

/// Reports that a dispatched block has ended. O(segments of the block + jobs x accelerators), and O(models x depth
/// of cascades) when its frame ends.
///
/// `*report` says whether the frame is complete: then release the frames that depend on it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_complete(
    scheduler: *mut sdrm3_t,
    ticket: sdrm3_ticket_t,
    outcome: *const sdrm3_outcome_t,
    now_ns: u64,
    report: *mut sdrm3_report_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (outcome, report) = unsafe { (Outcome::try_from(read(outcome)?)?, Out::new(report)?) };
        // SAFETY: as above.
        let mut call = unsafe { Call::enter(scheduler)? };
        report.put(call.complete(ticket.into(), outcome, Instant::from_nanos(now_ns))?.into());
        Ok(())
    })
}

/// Reports that an accelerator failed; the job that it ran, if any, is ready again, at the segment it
/// was at. `kind` is one of `sdrm3_fault_t`. O(1); of `SDRM3_NOT_TAKEN` O(jobs x accelerators).
///
/// The block that runs there now is meant: what comes late, of an earlier block, must not be passed on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_fault(
    scheduler: *mut sdrm3_t,
    accelerator: u8,
    kind: u8,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        let kind = fault(kind)?;
        // SAFETY: the caller keeps to the header's rules on pointers.
        let mut call = unsafe { Call::enter(scheduler)? };
        Ok(call.fault(AcceleratorId(accelerator), kind, Instant::from_nanos(now_ns))?)
    })
}

/// Puts an accelerator back into service; nothing happens if it is in service. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_restore(
    scheduler: *mut sdrm3_t,
    accelerator: u8,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let mut call = unsafe { Call::enter(scheduler)? };
        Ok(call.restore(AcceleratorId(accelerator), Instant::from_nanos(now_ns))?)
    })
}

/// Bars a model from an accelerator (1), or lets it in again (0): for a pair that keeps failing while
/// each goes on well with others. A block that runs there goes on to its end. O(jobs x accelerators).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_bar(
    scheduler: *mut sdrm3_t,
    model: u8,
    accelerator: u8,
    barred: u8,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        let barred = truth(barred)?;
        // SAFETY: the caller keeps to the header's rules on pointers.
        let mut call = unsafe { Call::enter(scheduler)? };
        Ok(call.bar(ModelId(model), AcceleratorId(accelerator), barred, Instant::from_nanos(now_ns))?)
    })
}

/// Switches a model on (1) or off (0). Its waiting frames are withdrawn by the next polls, uncounted; a
/// block that runs goes on to its end. O(jobs x accelerators + models x depth of cascades, squared).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_set_active(
    scheduler: *mut sdrm3_t,
    model: u8,
    active: u8,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        let active = truth(active)?;
        // SAFETY: the caller keeps to the header's rules on pointers.
        let mut call = unsafe { Call::enter(scheduler)? };
        Ok(call.set_active(ModelId(model), active, Instant::from_nanos(now_ns))?)
    })
}

/// The model's frames come once every `period_ns` from now on, and are due within it; those of a model
/// whose deadline is another than its period keep theirs. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_set_period(
    scheduler: *mut sdrm3_t,
    model: u8,
    period_ns: u64,
    now_ns: u64,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let mut call = unsafe { Call::enter(scheduler)? };
        Ok(call.set_period(ModelId(model), Duration::from_nanos(period_ns), Instant::from_nanos(now_ns))?)
    })
}

/// Stops (1) or resumes (0) online tuning: frozen, the weights stay at the best found so far. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_freeze_tuner(scheduler: *mut sdrm3_t, frozen: u8) -> sdrm3_status_t {
    answer(|| {
        let frozen = truth(frozen)?;
        // SAFETY: the caller keeps to the header's rules on pointers.
        unsafe { Call::enter(scheduler)? }.freeze_tuner(frozen);
        Ok(())
    })
}

/// The weights of starvation and energy in the score as they are now: 0 to 2, with 30 fraction bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_weights(
    scheduler: *mut sdrm3_t,
    alpha: *mut u32,
    beta: *mut u32,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (alpha, beta, call) = unsafe { (Out::new(alpha)?, Out::new(beta)?, Call::enter(scheduler)?) };
        let weights = call.weights();
        alpha.put(weights.alpha.to_bits());
        beta.put(weights.beta.to_bits());
        Ok(())
    })
}

/// What became of a model's frames so far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_tally(
    scheduler: *mut sdrm3_t,
    model: u8,
    tally: *mut sdrm3_tally_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (tally, call) = unsafe { (Out::new(tally)?, Call::enter(scheduler)?) };
        tally.put(call.tallies().get(usize::from(model)).ok_or(SDRM3_UNKNOWN_MODEL)?.into());
        Ok(())
    })
}

/// UXCost since the start. O(models), in floating point.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_uxcost(
    scheduler: *mut sdrm3_t,
    uxcost: *mut sdrm3_uxcost_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (uxcost, call) = unsafe { (Out::new(uxcost)?, Call::enter(scheduler)?) };
        let cost = call.uxcost();
        uxcost.put(sdrm3_uxcost_t {
            value: cost.value(),
            violation_rate_sum: cost.violation_rate_sum,
            energy_norm_sum: cost.energy_norm_sum,
        });
        Ok(())
    })
}

/// Ends the run for one frame that is left; call until `SDRM3_END`, which leaves `*leftover` as it is.
/// Blocks that still run are forgotten: their tickets are stale. O(jobs + accelerators).
///
/// Frames that depend on an overdue one are lost with it; of those that depend on one left out, the ones
/// that would have been due by `end_ns` are. `sdrm3_lose_child` counts them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sdrm3_close(
    scheduler: *mut sdrm3_t,
    end_ns: u64,
    leftover: *mut sdrm3_leftover_t,
) -> sdrm3_status_t {
    answer(|| {
        // SAFETY: the caller keeps to the header's rules on pointers.
        let (leftover, mut call) = unsafe { (Out::new(leftover)?, Call::enter(scheduler)?) };
        leftover.put(call.close(Instant::from_nanos(end_ns)).ok_or(SDRM3_END)?.into());
        Ok(())
    })
}
