//! The runtime over scripted queues: everything that the application hears, in order, and why.

mod fake;

use fake::{
    BOTH, Diary, Driven, FACE, Fake, HANDS, ONE_NETWORK, Oldest, POSE, VOICE, ms, runtime, scheduler,
    with_room,
};
use sdrm3_core::{
    AcceleratorId, Config, Duration, Instant, Model, Outcome, Path, Probability, Scheduler, Ticket, Workload,
};
use sdrm3_hal::handover::{Handover, Signal};
use sdrm3_hal::queue::{ErrorKind, Pump};
use sdrm3_hal::{Input, Runtime, SetupError, Supervision, Trouble, Wake};

const NPU: usize = 0;
const DSP: usize = 1;

/// The npu's block ends as told, and the runtime is polled.
fn npu_ends(
    runtime: &mut Driven<Fake>,
    diary: &mut Diary,
    at: u64,
    result: Result<Outcome, ErrorKind>,
) -> Wake {
    runtime.queues_mut()[NPU].ends(result);
    runtime.poll(ms(at), diary)
}

fn done(at: u64) -> Result<Outcome, ErrorKind> {
    Ok(Outcome::finished(ms(at)))
}

// ---- ordinary life ---------------------------------------------------------------------------

#[test]
fn a_frame_goes_from_release_to_result() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    assert_eq!(diary.read(), ["released voice#0"], "the application hears of its own frame");
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::OnEvent, "the npu will interrupt");
    assert_eq!(diary.read(), ["voice#0 on npu"]);

    assert_eq!(npu_ends(&mut runtime, &mut diary, 2, done(2)), Wake::OnEvent);
    assert_eq!(diary.read(), ["voice#0 goes on", "voice#0 on npu"], "its second segment, in the same poll");
    assert_eq!(npu_ends(&mut runtime, &mut diary, 4, done(4)), Wake::OnEvent);
    assert_eq!(diary.read(), ["voice#0 in time"]);
    assert_eq!(runtime.trouble(), Trouble::default());
    assert_eq!(runtime.queues()[NPU].accepted.len(), 2);
}

#[test]
fn it_wakes_for_the_next_frame_that_may_go_stale() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    for queue in runtime.queues_mut() {
        queue.refusals.push_back(ErrorKind::Gone);
    }
    runtime.release(HANDS, ms(1), &mut diary).unwrap();
    // Both queues are gone, and neither took the frame: it has not started.
    assert_eq!(runtime.poll(ms(1), &mut diary), Wake::At(ms(21)));
    diary.read();
    diary.barren = true;
    assert_eq!(runtime.poll(ms(21), &mut diary), Wake::OnEvent);
    assert_eq!(diary.read(), ["dropped hands#0: Stale", "hands#0 -> pose?"], "and it asks for the child");
}

#[test]
fn time_that_goes_back_counts_as_the_latest() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(9), &mut diary).unwrap();
    let frame = runtime.release(VOICE, ms(3), &mut diary).unwrap();
    assert_eq!(frame.release, ms(9));
    runtime.poll(ms(1), &mut diary);
    assert_eq!(runtime.scheduler().jobs_in_flight(), 2, "both were taken in, and dispatched at 9 ms");
    assert_eq!(npu_ends(&mut runtime, &mut diary, 2, done(11)), Wake::OnEvent);
    assert_eq!(runtime.trouble(), Trouble::default(), "a completion at an earlier time is not lost");
}

// ---- inputs that come when the scheduler is full ---------------------------------------------

static RUNG: Signal = Signal::new();

#[test]
fn a_frame_that_ends_in_the_same_turn_makes_room_for_the_next() {
    let (mut runtime, mut diary) = (runtime(), Diary::barren());
    let inputs = Handover::<Input, 2>::new(&RUNG);
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    runtime.release(VOICE, ms(1), &mut diary).unwrap();
    runtime.poll(ms(1), &mut diary);
    diary.read();
    runtime.queues_mut()[NPU].ends(done(2));
    inputs.push(Input { model: FACE, at: ms(2) }).unwrap();
    runtime.turn(ms(2), &mut &inputs, &mut diary);
    let told = diary.read();
    assert!(told.starts_with(&["hands#0 in time".into()]), "both interrupts were pending: {told:?}");
    assert!(told.contains(&"released face#0".into()), "{told:?}");
    assert!(!told.iter().any(|line| line.ends_with("NoRoom")), "{told:?}");
}

#[test]
fn a_stale_frame_makes_room_for_one_that_can_be_in_time() {
    let (mut runtime, mut diary) = (runtime(), Diary::barren());
    for queue in runtime.queues_mut() {
        queue.refusals.push_back(ErrorKind::Gone);
    }
    let inputs = Handover::<Input, 2>::new(&RUNG);
    for at in [1, 2] {
        runtime.release(HANDS, ms(at), &mut diary).unwrap();
    }
    runtime.poll(ms(2), &mut diary);
    diary.read();
    for at in [20, 21] {
        inputs.push(Input { model: HANDS, at: ms(at) }).unwrap();
    }
    runtime.turn(ms(23), &mut &inputs, &mut diary);
    assert_eq!(
        diary.read(),
        [
            "dropped hands#0: Stale",
            "hands#0 -> pose?",
            "dropped hands#1: Stale",
            "hands#1 -> pose?",
            "released hands#2",
            "released hands#3",
        ]
    );
    let wake = runtime.poll(ms(23), &mut diary);
    assert_eq!(
        wake,
        Wake::At(ms(40)),
        "their time counts from when their data were there, not from the turn"
    );
}

#[test]
fn a_sensor_whose_clock_is_ahead_does_not_move_the_time() {
    let (runtime, mut diary) = (runtime(), Diary::barren());
    let mut runtime = runtime.with_supervision(Supervision::DEFAULT);
    let inputs = Handover::<Input, 2>::new(&RUNG);
    inputs.push(Input { model: HANDS, at: ms(3_600_000) }).unwrap();
    let late = Wake::At(ms(2 + 9));
    assert_eq!(runtime.turn(ms(2), &mut &inputs, &mut diary), late, "as though it had come just now");
    npu_ends(&mut runtime, &mut diary, 4, done(4));
    assert_eq!(diary.read(), ["released hands#0", "hands#0 on npu", "hands#0 in time", "hands#0 -> pose?"]);
}

#[test]
fn a_fresh_frame_is_not_given_up_for_stale_ones_that_came_with_it() {
    let (mut runtime, mut diary) = (with_room::<3>(), Diary::barren());
    let inputs = Handover::<Input, 4>::new(&RUNG);
    for _ in 0..2 {
        runtime.release(VOICE, ms(0), &mut diary).unwrap();
    }
    runtime.poll(ms(0), &mut diary);
    diary.read();
    for at in [10, 20, 30] {
        inputs.push(Input { model: HANDS, at: ms(at) }).unwrap();
    }
    assert_eq!(runtime.turn(ms(45), &mut &inputs, &mut diary), Wake::Now, "one is left");
    assert_eq!(
        diary.read(),
        [
            "released hands#0",
            "dropped hands#0: Stale",
            "hands#0 -> pose?",
            "released hands#1",
            "dropped hands#1: Stale",
            "hands#1 -> pose?",
        ],
        "each had its place while the next one came"
    );
    assert_eq!(runtime.turn(ms(45), &mut &inputs, &mut diary), Wake::At(ms(50)));
    assert_eq!(diary.read(), ["released hands#2"]);
}

// ---- cascades --------------------------------------------------------------------------------

#[test]
fn a_result_gives_rise_to_the_next_if_the_application_says_so() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    npu_ends(&mut runtime, &mut diary, 2, done(2));
    assert_eq!(
        diary.read(),
        ["hands#0 in time", "hands#0 -> pose?", "released pose#0", "pose#0 on npu"],
        "the child runs in the poll that collects its parent"
    );
    diary.barren = true;
    npu_ends(&mut runtime, &mut diary, 4, done(4));
    assert_eq!(diary.read(), ["pose#0 in time", "pose#0 -> grip?"], "no");
    assert_eq!(runtime.scheduler().tallies()[2].frames, 0, "a frame that never was is not counted");
}

#[test]
fn a_lost_frame_takes_its_descendants_with_it() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    for _ in 0..2 {
        runtime.release(VOICE, ms(0), &mut diary).unwrap();
    }
    let refused = runtime.release(HANDS, ms(0), &mut diary).unwrap_err();
    diary.read();
    runtime.give_up(refused.frame.unwrap(), ms(0), &mut diary);
    assert_eq!(
        diary.read(),
        [
            "dropped hands#0: NoRoom",
            "hands#0 -> pose?",
            "pose#0 lost its parent",
            "pose#0 -> grip?",
            "grip#0 lost its parent",
        ]
    );
    let dropped = runtime.scheduler().tallies().iter().map(|tally| tally.dropped);
    assert_eq!(dropped.collect::<Vec<_>>(), [1, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_child_that_finds_no_room_is_given_up() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(FACE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    npu_ends(&mut runtime, &mut diary, 2, done(2));
    assert_eq!(
        diary.read(),
        [
            "face#0 in time",
            "face#0 -> name?",
            "released name#0",
            "face#0 -> smile?",
            "dropped smile#0: NoRoom",
            "name#0 on npu",
        ],
        "of two places one is voice's, and the first child takes the other"
    );
}

// ---- what goes wrong -------------------------------------------------------------------------

#[test]
fn a_queue_that_is_full_is_tried_again_after_a_short_rest() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.queues_mut()[NPU].refusals.push_back(ErrorKind::Full);
    runtime.queues_mut()[DSP].refusals.push_back(ErrorKind::NotReady);
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::At(us(100)), "no need to spin until then");
    assert_eq!(
        diary.read(),
        [
            "released hands#0",
            "hands#0 on npu",
            "npu does not take it",
            "hands#0 on dsp",
            "dsp does not take it"
        ],
        "the job goes to the other queue at once, and stays when that refuses as well"
    );
    assert_eq!(runtime.poll(us(100), &mut diary), Wake::OnEvent);
    assert_eq!(diary.read(), ["npu back", "dsp back", "hands#0 on npu"]);
    assert_eq!(runtime.trouble().refused_blocks, 2);
    assert_eq!(runtime.queues()[NPU].accepted.len(), 1, "a refused ticket was not accepted");
}

#[test]
fn a_block_that_fails_for_a_passing_reason_runs_again() {
    for kind in
        [ErrorKind::Bus, ErrorKind::Corrupt, ErrorKind::Device, ErrorKind::Cancelled, ErrorKind::Reset]
    {
        let (mut runtime, mut diary) = (runtime(), Diary::default());
        runtime.release(HANDS, ms(0), &mut diary).unwrap();
        runtime.poll(ms(0), &mut diary);
        diary.read();
        assert_eq!(npu_ends(&mut runtime, &mut diary, 2, Err(kind)), Wake::At(us(2_100)), "{kind:?}");
        assert_eq!(diary.read(), ["npu rests", "hands#0 on dsp"], "the other accelerator takes it at once");
        assert_eq!(runtime.poll(ms(3), &mut diary), Wake::OnEvent);
        assert_eq!(diary.read(), ["npu back"], "and the npu is in service again");
        assert_eq!(runtime.trouble(), failed(1));
    }
}

fn failed(blocks: u32) -> Trouble {
    let mut trouble = Trouble::default();
    trouble.failed_blocks = blocks;
    trouble
}

fn us(n: u64) -> Instant {
    Instant::from_micros(n)
}

#[test]
fn an_accelerator_that_is_gone_stays_out_until_it_is_restored() {
    for kind in [ErrorKind::Gone, ErrorKind::Timeout] {
        let (mut runtime, mut diary) = (runtime(), Diary::default());
        runtime.release(VOICE, ms(0), &mut diary).unwrap();
        runtime.poll(ms(0), &mut diary);
        diary.read();
        assert_eq!(npu_ends(&mut runtime, &mut diary, 2, Err(kind)), Wake::OnEvent, "{kind:?}");
        assert_eq!(diary.read(), ["npu out", "voice#0 on dsp"]);
        runtime.queues_mut()[DSP].ends(done(6));
        runtime.poll(ms(6), &mut diary);
        assert_eq!(diary.read(), ["voice#0 goes on", "voice#0 on dsp"], "still on the slower one");

        runtime.restore(AcceleratorId(0), ms(7), &mut diary);
        runtime.release(VOICE, ms(7), &mut diary).unwrap();
        runtime.poll(ms(7), &mut diary);
        assert_eq!(diary.read(), ["npu back", "released voice#1", "voice#1 on npu"]);
        assert_eq!((runtime.trouble().failed_blocks, runtime.trouble().quarantines), (1, 1));
    }
}

#[test]
fn a_completion_of_a_ticket_that_is_gone_is_counted_and_ignored() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    let first = runtime.queues()[NPU].accepted[0];
    npu_ends(&mut runtime, &mut diary, 2, done(2));
    diary.read();
    runtime.queues_mut()[NPU].says(first, done(2));
    assert_eq!(runtime.poll(ms(3), &mut diary), Wake::OnEvent);
    assert!(diary.read().is_empty(), "nothing happened: segment 1 still runs");
    assert_eq!(runtime.trouble().stale_completions, 1);

    let nowhere = Ticket { accelerator: AcceleratorId(9), sequence: 0 };
    runtime.queues_mut()[NPU].says(nowhere, done(2));
    runtime.poll(ms(3), &mut diary);
    assert_eq!(runtime.trouble().stale_completions, 2);
    npu_ends(&mut runtime, &mut diary, 4, done(4));
    assert_eq!(diary.read(), ["voice#0 in time"]);
}

#[test]
fn an_outcome_that_cannot_be_runs_the_block_again() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    let beyond = Outcome::finished(ms(2)).with_path(Path::Skip(5));
    assert_eq!(npu_ends(&mut runtime, &mut diary, 2, Ok(beyond)), Wake::At(us(2_100)));
    assert_eq!(diary.read(), ["npu rests", "hands#0 on dsp"]);
    assert_eq!((runtime.trouble().bad_outcomes, runtime.trouble().failed_blocks), (1, 0));
}

#[test]
fn a_queue_that_needs_the_cpu_keeps_it_awake() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    runtime.queues_mut()[NPU].answers.push_back(Pump::CallAgain);
    assert_eq!(runtime.poll(ms(1), &mut diary), Wake::Now);
    assert_eq!(runtime.poll(ms(1), &mut diary), Wake::OnEvent, "it waits for its device now");
    assert!(diary.read().is_empty());
}

// ---- beginning and end -----------------------------------------------------------------------

#[test]
fn scheduler_and_queues_have_to_fit() {
    let queues = [Fake::default()].into_iter().collect();
    let error = Runtime::new(scheduler(), queues).map(|_: Driven<Fake>| ()).unwrap_err();
    assert_eq!(error, SetupError { accelerators: 2, queues: 1 });
    assert_eq!(
        error.to_string(),
        "the workload has 2 accelerators but 1 queues were given; give one each, in the same order"
    );
}

#[test]
fn the_end_of_a_run_accounts_for_every_frame() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    runtime.close(ms(20), &mut diary);
    assert_eq!(
        diary.read(),
        [
            "hands#0 overdue",
            "hands#0 -> pose?",
            "pose#0 lost its parent",
            "pose#0 -> grip?",
            "grip#0 lost its parent",
            "voice#0 left out",
        ],
        "hands were due at 20 ms, voice at 50"
    );
    let counts = runtime.scheduler().tallies().iter().map(|t| (t.frames, t.violated));
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 1), (1, 1), (1, 1), (0, 0), (0, 0), (0, 0), (0, 0)]);
    npu_ends(&mut runtime, &mut diary, 21, done(21));
    assert_eq!(runtime.trouble().stale_completions, 1, "what comes after the end is stale");
}

/// Grip is due 5 ms behind the release of hands, before hands and pose are.
static HASTY: [Model<'static, 2>; 3] = [
    Model::new("hands", Duration::from_millis(20), &ONE_NETWORK),
    Model::new("pose", Duration::from_millis(20), &ONE_NETWORK).after(HANDS, Probability::ALWAYS),
    Model::new("grip", Duration::from_millis(20), &ONE_NETWORK)
        .after(POSE, Probability::ALWAYS)
        .with_deadline(Duration::from_millis(5)),
];
static CASCADE: Workload<'static, 2> = Workload::new(&HASTY, &BOTH);

#[test]
fn nothing_behind_a_model_that_is_off_is_lost_at_the_end_of_a_run() {
    let end = |pose: bool, at| {
        let scheduler = Scheduler::<_, 3, 2, 2>::new(&CASCADE, Oldest, Config::PLAIN).unwrap();
        let queues = [Fake::default(), Fake::default()].into_iter().collect();
        let (mut runtime, mut diary) = (Runtime::new(scheduler, queues).unwrap(), Diary::default());
        runtime.set_active(POSE, pose, ms(0), &mut diary).unwrap();
        runtime.release(HANDS, ms(0), &mut diary).unwrap();
        diary.read();
        runtime.close(ms(at), &mut diary);
        diary.read()
    };
    let left = ["hands#0 left out", "hands#0 -> pose?", "pose#0 -> grip?", "grip#0 lost its parent"];
    assert_eq!(end(true, 10), left, "hands and pose had more time");
    assert_eq!(end(false, 10), left[..2]);
    assert_eq!(end(false, 20), ["hands#0 overdue", "hands#0 -> pose?"]);
}

// ---- queues that are not as quiet as they should be ------------------------------------------

#[test]
fn an_error_for_a_ticket_that_is_gone_does_not_harm_the_block_that_runs() {
    for kind in [ErrorKind::Bus, ErrorKind::Gone] {
        let (mut runtime, mut diary) = (runtime(), Diary::default());
        runtime.release(VOICE, ms(0), &mut diary).unwrap();
        runtime.poll(ms(0), &mut diary);
        let first = runtime.queues()[NPU].accepted[0];
        npu_ends(&mut runtime, &mut diary, 2, done(2));
        diary.read();
        // A late error for the block that has completed, while the next one runs.
        runtime.queues_mut()[NPU].says(first, Err(kind));
        assert_eq!(runtime.poll(ms(3), &mut diary), Wake::OnEvent);
        assert!(diary.read().is_empty(), "ignored");
        assert_eq!((runtime.trouble().stale_completions, runtime.trouble().failed_blocks), (1, 0));
        npu_ends(&mut runtime, &mut diary, 4, done(4));
        assert_eq!(diary.read(), ["voice#0 in time"], "the block that ran is still known");
    }
}

#[test]
fn a_queue_cannot_answer_for_another() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    let on_npu = runtime.queues()[NPU].accepted[0];
    runtime.queues_mut()[DSP].says(on_npu, done(2));
    runtime.poll(ms(2), &mut diary);
    assert!(diary.read().is_empty(), "the dsp never had that ticket");
    assert_eq!(runtime.trouble().stale_completions, 1);
}

#[test]
fn a_completion_behind_a_stale_one_is_collected_in_the_same_poll() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    let first = runtime.queues()[NPU].accepted[0];
    npu_ends(&mut runtime, &mut diary, 2, done(2));
    diary.read();
    runtime.queues_mut()[NPU].says(first, done(2));
    assert_eq!(npu_ends(&mut runtime, &mut diary, 4, done(4)), Wake::OnEvent);
    assert_eq!(diary.read(), ["voice#0 in time"], "no further interrupt would announce it");
}

#[test]
fn a_queue_that_never_ends_answering_does_not_hold_the_runtime() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    let ticket = Ticket { accelerator: AcceleratorId(0), sequence: 77 };
    for _ in 0..100 {
        runtime.queues_mut()[NPU].says(ticket, done(0));
    }
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::OnEvent, "none of it can be ours");
    assert_eq!(
        runtime.trouble().stale_completions,
        2,
        "one more than the queue is deep, then others are served"
    );
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::Now, "there may be more, and among it our own");
    assert_eq!(runtime.trouble().stale_completions, 6, "before and behind the dispatch");
}

#[test]
fn a_queue_that_is_pumped_by_the_cpu_is_pumped_from_its_first_block_on() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.queues_mut()[NPU].pumped = true;
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::Now, "nothing else would ever run the block");
    assert_eq!(runtime.poll(ms(1), &mut diary), Wake::Now, "and so on");
    diary.barren = true;
    assert_eq!(npu_ends(&mut runtime, &mut diary, 2, done(2)), Wake::OnEvent, "until it is done");
}

#[test]
fn a_block_that_ends_within_its_submission_is_not_forgotten() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    // It is collected behind the dispatch; what follows from it is for the next poll.
    runtime.queues_mut()[NPU].instantaneous = true;
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::Now);
    assert_eq!(diary.read(), ["released voice#0", "voice#0 on npu", "voice#0 goes on"]);
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::Now);
    assert_eq!(diary.read(), ["voice#0 on npu", "voice#0 in time"]);
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::OnEvent);
}

#[test]
fn restoring_what_is_in_service_is_no_event() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.restore(AcceleratorId(0), ms(0), &mut diary);
    runtime.restore(AcceleratorId(9), ms(0), &mut diary);
    assert!(diary.read().is_empty(), "nothing happened");

    // Nor when the application is faster than the next poll.
    runtime.queues_mut()[NPU].refusals.push_back(ErrorKind::Full);
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    diary.read();
    runtime.restore(AcceleratorId(0), ms(1), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
    runtime.poll(ms(1), &mut diary);
    assert!(diary.read().is_empty(), "once is enough");
}
