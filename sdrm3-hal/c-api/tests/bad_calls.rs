//! Through the C interface with bad pointers, sizes and values: each is refused by its status, and
//! nothing changes.

#![allow(clippy::undocumented_unsafe_blocks, reason = "a test calls as C would")]

mod rig;

use core::ffi::{CStr, c_void};
use core::ptr::{null, null_mut};

use rig::{SMALL, Storage, Tables, config, init, scheduler};
use sdrm3::sdrm3_status_t::*;
use sdrm3::*;

fn refused(change: impl FnOnce(&mut Tables, &mut sdrm3_workload_t)) -> (sdrm3_status_t, String) {
    let (tables, workload) = Tables::new().leak();
    change(tables, workload);
    init(&mut Storage::new(), workload).expect_err("a bad table")
}

// ---- Storage ----

#[test]
fn a_frame_goes_all_its_way() {
    let mut storage = Storage::new();
    let scheduler = scheduler(&mut storage);
    let mut frame = sdrm3_frame_t::default();
    assert_eq!(unsafe { sdrm3_release(scheduler, 0, 5, &mut frame) }, SDRM3_OK);
    assert_eq!((frame.release_ns, frame.deadline_ns), (5, 1_000_005));
    for (first, progress) in [(0, sdrm3_progress_t::SDRM3_MORE), (1, sdrm3_progress_t::SDRM3_IN_TIME)] {
        let mut action = sdrm3_action_t::default();
        assert_eq!(unsafe { sdrm3_poll(scheduler, 5, &mut action) }, SDRM3_OK);
        assert_eq!(action.kind, sdrm3_action_kind_t::SDRM3_DISPATCH);
        assert_eq!((action.frame, action.block.first), (frame, first));
        let outcome = sdrm3_outcome_t { finished_ns: 9, ..Default::default() };
        let mut report = sdrm3_report_t::default();
        let ticket = action.block.ticket;
        assert_eq!(unsafe { sdrm3_complete(scheduler, ticket, &outcome, 9, &mut report) }, SDRM3_OK);
        assert_eq!((report.frame, report.progress), (frame, progress));
    }
    let mut tally = sdrm3_tally_t::default();
    assert_eq!(unsafe { sdrm3_tally(scheduler, 0, &mut tally) }, SDRM3_OK);
    assert_eq!((tally.frames, tally.completed, tally.violated), (1, 1, 0));
}

#[test]
fn storage_that_is_null_crooked_or_small_is_refused_and_left_alone() {
    let workload = &Tables::new().leak().1;
    let mut storage = Storage::new();
    storage.0.fill(0x5a);
    let mut name = null_mut();
    let mut init = |memory: *mut c_void, bytes| unsafe {
        sdrm3_init_small(memory, bytes, workload, &config(), &mut name, null_mut())
    };
    let memory = storage.pointer();
    assert_eq!(init(null_mut(), SMALL), SDRM3_NULL_POINTER);
    for offset in 1..8 {
        assert_eq!(init(memory.wrapping_byte_add(offset), SMALL - 8), SDRM3_MISALIGNED);
    }
    assert_eq!(init(memory, usize::MAX), SDRM3_SIZE_OVERFLOW);
    for bytes in [0, 1, 8, 64, SMALL / 2] {
        assert_eq!(init(memory, bytes), SDRM3_STORAGE_TOO_SMALL, "{bytes}");
    }
    assert!(name.is_null());
    assert!(storage.0.iter().all(|&byte| byte == 0x5a), "not a byte was written");
}

#[test]
fn the_bytes_that_init_asks_for_are_enough_and_one_less_is_not() {
    let workload = &Tables::new().leak().1;
    let mut storage = Storage::new();
    let mut name = null_mut();
    let mut error = core::mem::MaybeUninit::<sdrm3_error_t>::zeroed();
    let mut init = |bytes| unsafe {
        let status =
            sdrm3_init_small(storage.pointer(), bytes, workload, &config(), &mut name, error.as_mut_ptr());
        (status, error.assume_init_ref().needed_bytes)
    };
    let (status, needed) = init(1_000);
    assert_eq!(status, SDRM3_STORAGE_TOO_SMALL);
    assert!(needed > 1_000 && needed <= SMALL, "{needed} of {SMALL}");
    assert_eq!(init(needed - 1).0, SDRM3_STORAGE_TOO_SMALL);
    assert_eq!(init(needed).0, SDRM3_OK);
}

#[test]
fn storage_that_was_copied_or_ended_holds_no_scheduler() {
    let mut storage = Storage::new();
    let there = scheduler(&mut storage);
    let mut copy = Storage::new();
    copy.0.copy_from_slice(&storage.bytes());
    let mut action = sdrm3_action_t::default();
    assert_eq!(unsafe { sdrm3_poll(copy.pointer().cast(), 0, &mut action) }, SDRM3_NOT_INITIALISED);
    assert_eq!(unsafe { sdrm3_poll(there, 0, &mut action) }, SDRM3_OK);
    assert_eq!(unsafe { sdrm3_end(there) }, SDRM3_OK);
    assert_eq!(unsafe { sdrm3_end(there) }, SDRM3_NOT_INITIALISED);
    assert_eq!(unsafe { sdrm3_poll(there, 0, &mut action) }, SDRM3_NOT_INITIALISED);
}

/// Whether it has ended depends on how far init came, so nobody should rely on either.
#[test]
fn a_failed_init_leaves_a_scheduler_or_none_and_the_next_init_works() {
    let early: Change = |_, w| w.model_count = 0;
    let late: Change = |t, _| t.models[0].period_ns = 0;
    for (status, change, there) in
        [(SDRM3_NO_MODELS, early, SDRM3_OK), (SDRM3_ZERO_PERIOD, late, SDRM3_NOT_INITIALISED)]
    {
        let mut storage = Storage::new();
        let old = scheduler(&mut storage);
        let (tables, workload) = Tables::new().leak();
        change(tables, workload);
        assert_eq!(init(&mut storage, workload).expect_err("bad").0, status);
        let mut action = sdrm3_action_t::default();
        assert_eq!(unsafe { sdrm3_poll(old, 0, &mut action) }, there, "behind {status:?}");
        assert_eq!(unsafe { sdrm3_poll(scheduler(&mut storage), 0, &mut action) }, SDRM3_OK);
    }
}

// ---- Pointers and values of calls ----

#[test]
fn every_call_refuses_null_and_crooked_pointers_and_changes_nothing() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let before = storage.bytes();
    let (mut frame, mut action, mut report) =
        (sdrm3_frame_t::default(), sdrm3_action_t::default(), sdrm3_report_t::default());
    let (mut tally, mut cost, mut left) =
        (sdrm3_tally_t::default(), sdrm3_uxcost_t::default(), sdrm3_leftover_t::default());
    let outcome = sdrm3_outcome_t::default();
    let ticket = sdrm3_ticket_t::default();
    let (mut alpha, mut beta) = (0, 0);
    let parent = frame;
    let mut all = |s: *mut sdrm3_t| unsafe {
        [
            sdrm3_release(s, 0, 0, &mut frame),
            sdrm3_release_child(s, 0, &parent, 0, &mut frame),
            sdrm3_lose_child(s, 0, &parent, 0, &mut frame),
            sdrm3_readmit(s, &parent, 0),
            sdrm3_give_up(s, &parent, 0),
            sdrm3_poll(s, 0, &mut action),
            sdrm3_complete(s, ticket, &outcome, 0, &mut report),
            sdrm3_fault(s, 0, 0, 0),
            sdrm3_restore(s, 0, 0),
            sdrm3_bar(s, 0, 0, 1, 0),
            sdrm3_set_active(s, 0, 0, 0),
            sdrm3_set_period(s, 0, 1, 0),
            sdrm3_freeze_tuner(s, 1),
            sdrm3_weights(s, &mut alpha, &mut beta),
            sdrm3_tally(s, 0, &mut tally),
            sdrm3_uxcost(s, &mut cost),
            sdrm3_close(s, 0, &mut left),
            sdrm3_end(s),
        ]
    };
    assert_eq!(all(null_mut()), [SDRM3_NULL_POINTER; 18]);
    assert_eq!(all(s.wrapping_byte_add(1)), [SDRM3_MISALIGNED; 18]);
    assert_eq!(all(Storage::new().pointer().cast()), [SDRM3_NOT_INITIALISED; 18]);

    let (null_frame, crooked) = (null_mut(), (&raw mut frame).wrapping_byte_add(1));
    for (bad, status) in [(null_frame, SDRM3_NULL_POINTER), (crooked, SDRM3_MISALIGNED)] {
        let answers = unsafe {
            [
                sdrm3_release(s, 0, 0, bad),
                sdrm3_release_child(s, 0, bad, 0, &mut frame),
                sdrm3_release_child(s, 0, &parent, 0, bad),
                sdrm3_lose_child(s, 0, bad, 0, &mut frame),
                sdrm3_lose_child(s, 0, &parent, 0, bad),
                sdrm3_readmit(s, bad, 0),
                sdrm3_give_up(s, bad, 0),
                sdrm3_poll(s, 0, bad.cast()),
                sdrm3_complete(s, ticket, bad.cast(), 0, &mut report),
                sdrm3_complete(s, ticket, &outcome, 0, bad.cast()),
                sdrm3_weights(s, bad.cast(), &mut beta),
                sdrm3_weights(s, &mut alpha, bad.cast()),
                sdrm3_tally(s, 0, bad.cast()),
                sdrm3_uxcost(s, bad.cast()),
                sdrm3_close(s, 0, bad.cast()),
            ]
        };
        assert_eq!(answers, [status; 15]);
    }
    assert!(storage.bytes() == before, "the scheduler is as it was");
}

#[test]
fn values_that_are_none_of_those_allowed_are_refused() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let before = storage.bytes();
    let mut report = sdrm3_report_t::default();
    let mut complete = |outcome: sdrm3_outcome_t| unsafe {
        sdrm3_complete(s, sdrm3_ticket_t::default(), &outcome, 0, &mut report)
    };
    assert_eq!(complete(sdrm3_outcome_t { path: 3, ..Default::default() }), SDRM3_BAD_VALUE);
    assert_eq!(complete(sdrm3_outcome_t { has_start: 2, ..Default::default() }), SDRM3_BAD_VALUE);
    assert_eq!(complete(sdrm3_outcome_t { has_energy: 255, ..Default::default() }), SDRM3_BAD_VALUE);
    unsafe {
        assert_eq!(sdrm3_fault(s, 0, 4, 0), SDRM3_BAD_VALUE);
        assert_eq!(sdrm3_bar(s, 0, 0, 2, 0), SDRM3_BAD_VALUE);
        assert_eq!(sdrm3_set_active(s, 0, 2, 0), SDRM3_BAD_VALUE);
        assert_eq!(sdrm3_freeze_tuner(s, 2), SDRM3_BAD_VALUE);
        let stranger = sdrm3_frame_t { model: 1, ..Default::default() };
        assert_eq!(sdrm3_give_up(s, &stranger, 0), SDRM3_UNKNOWN_MODEL);
        assert_eq!(sdrm3_readmit(s, &stranger, 0), SDRM3_UNKNOWN_MODEL);
        assert_eq!(sdrm3_fault(s, 2, 0, 0), SDRM3_UNKNOWN_ACCELERATOR);
    }
    assert!(storage.bytes() == before, "the scheduler is as it was");
}

/// The model has two segments, and the first one runs.
#[test]
fn an_outcome_beyond_the_end_is_refused_and_the_block_runs_on() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let (mut frame, mut action, mut report) =
        (sdrm3_frame_t::default(), sdrm3_action_t::default(), sdrm3_report_t::default());
    assert_eq!(unsafe { sdrm3_release(s, 0, 0, &mut frame) }, SDRM3_OK);
    assert_eq!(unsafe { sdrm3_poll(s, 0, &mut action) }, SDRM3_OK);
    let mut complete = |skipped| {
        let path = sdrm3_path_t::SDRM3_PATH_SKIP as u8;
        let outcome = sdrm3_outcome_t { path, skipped, ..Default::default() };
        unsafe { sdrm3_complete(s, action.block.ticket, &outcome, 1, &mut report) }
    };
    assert_eq!(complete(2), SDRM3_OUTCOME_BEYOND_END);
    assert_eq!(complete(1), SDRM3_OK);
}

#[test]
fn a_model_that_is_off_takes_no_frame() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let mut frame = sdrm3_frame_t::default();
    assert_eq!(unsafe { sdrm3_set_active(s, 0, 0, 0) }, SDRM3_OK);
    assert_eq!(unsafe { sdrm3_release(s, 0, 0, &mut frame) }, SDRM3_INACTIVE);
    assert_eq!(unsafe { sdrm3_set_active(s, 0, 1, 0) }, SDRM3_OK);
    assert_eq!(unsafe { sdrm3_release(s, 0, 0, &mut frame) }, SDRM3_OK);
}

/// A driver that was busy has not run anything: the frame is as fresh as it was, and goes stale like others.
#[test]
fn a_block_that_was_not_taken_is_taken_back() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let (mut frame, mut action) = (sdrm3_frame_t::default(), sdrm3_action_t::default());
    let mut poll = |now| {
        assert_eq!(unsafe { sdrm3_poll(s, now, &mut action) }, SDRM3_OK);
        action.kind
    };
    assert_eq!(unsafe { sdrm3_release(s, 0, 0, &mut frame) }, SDRM3_OK);
    assert_eq!(poll(0), sdrm3_action_kind_t::SDRM3_DISPATCH);
    let not_taken = sdrm3_fault_t::SDRM3_NOT_TAKEN as u8;
    for accelerator in 0..2 {
        assert_eq!(unsafe { sdrm3_fault(s, accelerator, not_taken, 1) }, SDRM3_OK);
    }
    assert_eq!(poll(1), sdrm3_action_kind_t::SDRM3_WAIT_UNTIL, "for its end");
    assert_eq!(poll(frame.deadline_ns), sdrm3_action_kind_t::SDRM3_DROP, "stale");
}

#[test]
fn a_full_scheduler_hands_the_frame_back() {
    let mut storage = Storage::new();
    let s = scheduler(&mut storage);
    let mut frame = sdrm3_frame_t::default();
    for number in 0..SDRM3_SMALL_JOBS as u32 {
        assert_eq!(unsafe { sdrm3_release(s, 0, 7, &mut frame) }, SDRM3_OK);
        assert_eq!(frame.number, number);
    }
    assert_eq!(unsafe { sdrm3_release(s, 0, 8, &mut frame) }, SDRM3_FULL);
    assert_eq!((frame.number, frame.release_ns), (SDRM3_SMALL_JOBS as u32, 8), "handed back");
    assert_eq!(unsafe { sdrm3_readmit(s, &frame, 9) }, SDRM3_FULL, "still");
    assert_eq!(unsafe { sdrm3_give_up(s, &frame, 9) }, SDRM3_OK);
    let mut tally = sdrm3_tally_t::default();
    assert_eq!(unsafe { sdrm3_tally(s, 0, &mut tally) }, SDRM3_OK);
    assert_eq!((tally.frames, tally.dropped), (SDRM3_SMALL_JOBS as u32 + 1, 1));
}

// ---- Another header, and bad tables ----

#[test]
fn another_version_or_layout_is_refused() {
    let workload = &Tables::new().leak().1;
    let mut storage = Storage::new();
    let mut name = null_mut();
    let changes: [fn(&mut sdrm3_abi_t); 4] =
        [|abi| abi.version += 1, |abi| abi.config -= 4, |abi| abi.action += 8, |abi| abi.tally = 0];
    for change in changes {
        let mut other = config();
        change(&mut other.abi);
        let status =
            unsafe { sdrm3_init_small(storage.pointer(), SMALL, workload, &other, &mut name, null_mut()) };
        assert_eq!(status, SDRM3_WRONG_ABI);
    }
    assert_eq!(sdrm3_abi_version(), SDRM3_ABI_VERSION);
}

#[test]
fn a_bad_table_is_refused_by_name_and_place() {
    let told = |change: Change| refused(change).1;
    assert_eq!(told(|_, w| w.model_count = 0), "there is no model; give at least one");
    assert_eq!(told(|_, w| w.accelerator_count = 0), "there is no accelerator; give at least one");
    assert_eq!(
        told(|t, _| t.costs[1] = Default::default()),
        "model 0 (eye), sub-network 0, segment 1: runs on no accelerator; give it a latency above zero on at \
         least one"
    );
    assert_eq!(
        told(|t, _| t.segments[1].branch = 7),
        "model 0 (eye), sub-network 0, segment 1: the branch is none of sdrm3_branch_t"
    );
    assert_eq!(
        told(|t, _| (t.models[0].name, t.models[0].period_ns) = (null(), 0)),
        "model 0: the period is zero; give the time between frames"
    );
}

type Change = fn(&mut Tables, &mut sdrm3_workload_t);

#[test]
fn each_bad_table_has_its_status() {
    let cases: [(sdrm3_status_t, Change); 20] = [
        (SDRM3_NULL_POINTER, |_, w| w.models = null()),
        (SDRM3_NULL_POINTER, |_, w| w.accelerators = null()),
        (SDRM3_NULL_POINTER, |t, _| t.models[0].subnetworks = null()),
        (SDRM3_NULL_POINTER, |t, _| t.accelerators[1].switch_table_count = 1),
        (SDRM3_MISALIGNED, |_, w| w.models = w.models.wrapping_byte_add(1)),
        (SDRM3_MISALIGNED, |t, _| t.subnetwork.segments = t.segments.as_ptr().wrapping_byte_add(2)),
        (SDRM3_TOO_MANY_SEGMENTS, |t, _| t.subnetwork.segment_count = 65_536),
        (SDRM3_TOO_MANY_SUBNETWORKS, |t, _| t.models[0].subnetwork_count = 256),
        (SDRM3_NO_SEGMENTS, |t, _| t.subnetwork.segment_count = 0),
        (SDRM3_NO_SUBNETWORK, |t, _| t.models[0].subnetwork_count = 0),
        (SDRM3_COST_COLUMNS, |t, _| t.subnetwork.accelerator_count = 1),
        (SDRM3_PREFIX_NOT_SHARED, |t, _| t.subnetwork.shared_prefix = 1),
        (SDRM3_BAD_DROP_BUDGET, |t, _| t.models[0].drop_of = 33),
        (SDRM3_BAD_DROP_BUDGET, |t, _| t.models[0].drop_at_most = 1),
        (SDRM3_BAD_VALUE, |t, _| t.models[0].latest_wins = 2),
        (SDRM3_BAD_VALUE, |t, _| t.segments[0].switch_point = 2),
        (SDRM3_BAD_PROBABILITY, |t, _| t.segments[0].branch = 2),
        (SDRM3_BAD_PROBABILITY, |t, _| {
            (t.segments[0].branch, t.segments[0].probability) = (2, SDRM3_ALWAYS + 1);
        }),
        (SDRM3_SKIP_BEYOND_END, |t, _| {
            t.segments[1] =
                sdrm3_segment_t { branch: 1, skip: 1, probability: SDRM3_ALWAYS, ..Default::default() };
        }),
        (SDRM3_UNKNOWN_PARENT, |t, _| t.models[0].parent = t.models.as_ptr().wrapping_add(1)),
    ];
    for (index, (status, change)) in cases.into_iter().enumerate() {
        assert_eq!(refused(change).0, status, "case {index}");
    }
}

#[test]
fn more_rows_than_the_size_holds_are_refused() {
    let mut tables = Tables::new();
    tables.models = vec![tables.models[0]; SDRM3_SMALL_MODELS + 1];
    let workload = &tables.leak().1;
    let storage = &mut Storage::new();
    assert_eq!(init(storage, workload).expect_err("too many").0, SDRM3_TOO_MANY_MODELS);
    let (tables, workload) = Tables::new().leak();
    let accelerators = [tables.accelerators[0]; SDRM3_SMALL_ACCELERATORS + 1];
    workload.accelerators = accelerators.as_ptr();
    workload.accelerator_count = accelerators.len() as u32;
    assert_eq!(init(storage, workload).expect_err("too many").0, SDRM3_TOO_MANY_ACCELERATORS);
}

#[test]
fn every_status_has_a_text_and_other_numbers_say_so() {
    let text = |status: i32| unsafe { CStr::from_ptr(sdrm3_status_text(status)) }.to_str().expect("text");
    let mut texts: Vec<_> = sdrm3_status_t::ALL.iter().map(|status| text(*status as i32)).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), sdrm3_status_t::ALL.len(), "each its own");
    assert_eq!(text(-1), "no status of this library");
    assert_eq!(text(i32::MAX), "no status of this library");
}

#[test]
fn a_description_is_cut_to_its_room_and_always_ends() {
    let error = sdrm3_error_t {
        name: c"a name much longer than anything that should ever be shown in one line".as_ptr(),
        needed_bytes: 0,
        status: SDRM3_ZERO_PERIOD as i32,
        model: 3,
        subnetwork: -1,
        segment: -1,
        accelerator: -1,
    };
    let whole = "model 3 (a name much longer than anything that sh): the period is zero; give the time between frames";
    for room in 1..120 {
        let mut text = [0x55; 120];
        assert_eq!(unsafe { sdrm3_describe(&error, text.as_mut_ptr(), room) }, SDRM3_OK);
        let told = unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().expect("text");
        assert_eq!(told, &whole[..whole.len().min(room - 1)]);
        assert!(text[room..].iter().all(|&untouched| untouched == 0x55), "nothing behind the room");
    }
    let mut one = 0x55;
    assert_eq!(unsafe { sdrm3_describe(&error, &mut one, 0) }, SDRM3_BAD_VALUE);
    assert_eq!(one, 0x55);
}
