//! The runtime over accelerators that hang, fail and refuse: what it tries, in which order, and when.
//!
//! A block of hands takes 2 ms on the npu and 4 ms on the dsp, so by the defaults its time there is
//! 4 x 2 + 1 = 9 ms, and 4 x 4 + 1 = 17 ms.

mod fake;

use fake::{Diary, Driven, Fake, HANDS, Reset, VOICE, ms, runtime};
use sdrm3_core::{AcceleratorId, Duration, Instant, Outcome};
use sdrm3_hal::queue::{CancelOutcome, ErrorKind};
use sdrm3_hal::{Bars, Supervision, Wake};

const NPU: usize = 0;
const DSP: usize = 1;

fn us(n: u64) -> Instant {
    Instant::from_micros(n)
}

fn done(at: u64) -> Result<Outcome, ErrorKind> {
    Ok(Outcome::finished(ms(at)))
}

fn supervised() -> Driven<Fake> {
    runtime().with_supervision(Supervision::DEFAULT)
}

/// Hands run on the npu since 0 ms.
fn hands_on_the_npu() -> (Driven<Fake>, Diary) {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::At(ms(9)), "it wakes in case nothing interrupts");
    assert_eq!(diary.read(), ["released hands#0", "hands#0 on npu"]);
    (runtime, diary)
}

fn npu(runtime: &mut Driven<Fake>) -> &mut Fake {
    &mut runtime.queues_mut()[NPU]
}

// ---- late ------------------------------------------------------------------------------------

#[test]
fn a_block_in_time_is_left_alone() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    assert_eq!(runtime.poll(us(8_999), &mut diary), Wake::At(ms(9)));
    npu(&mut runtime).ends(done(8));
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::OnEvent, "what has come is collected first");
    assert_eq!(diary.read(), ["hands#0 in time", "hands#0 -> pose?"]);
    assert_eq!((runtime.trouble().timeouts, npu(&mut runtime).cancelled.len()), (0, 0));
}

#[test]
fn a_late_block_that_moves_is_given_graces_and_then_no_more() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    for (at, progress) in [(9, 10), (14, 20), (19, 30), (24, 40)] {
        npu(&mut runtime).progress = Some(progress);
        assert_eq!(runtime.poll(ms(at), &mut diary), Wake::At(ms(at + 5)), "a sign of life");
    }
    npu(&mut runtime).progress = Some(50);
    assert_eq!(runtime.poll(ms(29), &mut diary), Wake::Now, "enough");
    assert_eq!(runtime.poll(ms(29), &mut diary), Wake::At(ms(34)), "three times its time are over: a grace");
    let trouble = runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.extensions, trouble.cancels, trouble.resets), (1, 4, 1, 0));
    npu(&mut runtime).ends(done(33));
    runtime.poll(ms(33), &mut diary);
    assert_eq!(diary.read(), ["hands#0 late", "hands#0 -> pose?"], "slow is not hung: its result counts");
}

#[test]
fn a_late_block_that_stands_still_is_cancelled() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).progress = Some(7);
    npu(&mut runtime).cancel = Some(CancelOutcome::StopsAtBoundary);
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(ms(14)), "it may just have moved to 7");
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::Now, "the queue may have more to say now");
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::At(ms(19)), "a grace to stop");
    let queue = npu(&mut runtime);
    assert_eq!(queue.cancelled, queue.accepted);
    queue.ends(Err(ErrorKind::Cancelled));
    assert_eq!(runtime.poll(ms(15), &mut diary), Wake::At(us(15_100)));
    assert_eq!(diary.read(), ["npu rests", "hands#0 on dsp"], "it runs elsewhere");
    runtime.poll(us(15_100), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
    assert_eq!((runtime.trouble().extensions, runtime.trouble().resets), (1, 0));
}

/// The device is asked by the poll that finds the block late: its answer is on the way.
#[test]
fn a_late_block_is_not_given_up_while_its_queue_asks_how_far_it_is() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).progress = Some(7);
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(ms(14)));
    npu(&mut runtime).pumped = true;
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::Now, "7 is what it said at 9 ms");
    assert_eq!(runtime.poll(us(14_100), &mut diary), Wake::Now);
    npu(&mut runtime).progress = Some(8);
    npu(&mut runtime).pumped = false;
    assert_eq!(runtime.poll(us(14_200), &mut diary), Wake::At(us(19_200)), "it has moved: a grace from now");

    npu(&mut runtime).pumped = true;
    assert_eq!(runtime.poll(us(19_200), &mut diary), Wake::Now);
    runtime.poll(us(24_199), &mut diary);
    assert_eq!(npu(&mut runtime).cancelled, [], "a grace is waited for the answer");
    runtime.poll(us(24_200), &mut diary);
    let queue = npu(&mut runtime);
    assert_eq!(queue.cancelled, queue.accepted, "and no longer");
    let trouble = runtime.trouble();
    assert_eq!((trouble.timeouts, trouble.extensions, trouble.cancels), (1, 2, 1));
}

/// Nothing was heard of the block before it was late.
#[test]
fn a_queue_that_has_to_ask_first_is_given_a_grace_to_hear() {
    for hears in [false, true] {
        let (mut runtime, mut diary) = hands_on_the_npu();
        (npu(&mut runtime).tells, npu(&mut runtime).pumped) = (true, true);
        assert_eq!(runtime.poll(ms(9), &mut diary), Wake::Now);
        assert_eq!(runtime.poll(us(13_999), &mut diary), Wake::Now);
        assert_eq!(npu(&mut runtime).cancelled, [], "the question is under way");
        npu(&mut runtime).progress = hears.then_some(7);
        npu(&mut runtime).pumped = !hears;
        let wake = runtime.poll(ms(14), &mut diary);
        let trouble = runtime.trouble();
        assert_eq!((trouble.timeouts, trouble.extensions), (1, u32::from(hears)));
        if hears {
            assert_eq!(wake, Wake::At(ms(19)), "a sign of life");
        } else {
            assert_eq!(npu(&mut runtime).cancelled.len(), 1, "and no longer");
        }
    }
}

#[test]
fn what_only_a_reset_stops_is_reset_at_once() {
    for answer in [CancelOutcome::NeedsReset, CancelOutcome::Unknown] {
        let (mut runtime, mut diary) = hands_on_the_npu();
        npu(&mut runtime).cancel = Some(answer);
        assert_eq!(runtime.poll(ms(9), &mut diary), Wake::Now);
        assert_eq!(npu(&mut runtime).resets, 1);
        assert_eq!(diary.read(), Vec::<String>::new(), "nothing is decided before the queue answers");
        assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(us(9_100)));
        assert_eq!(diary.read(), ["npu rests", "hands#0 on dsp"]);
        assert_eq!(runtime.trouble().written_off, 0);
    }
}

#[test]
fn what_does_not_stop_in_time_is_reset() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).cancel = Some(CancelOutcome::Removed);
    runtime.poll(ms(9), &mut diary);
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(ms(14)));
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::Now);
    assert_eq!(npu(&mut runtime).resets, 1);
    runtime.poll(ms(14), &mut diary);
    assert_eq!(diary.read(), ["npu rests", "hands#0 on dsp"]);

    let (mut runtime, mut diary) = hands_on_the_npu();
    runtime.poll(ms(9), &mut diary);
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(ms(27)), "three times its time in all");
    runtime.poll(ms(27), &mut diary);
    assert_eq!(npu(&mut runtime).resets, 1);
}

#[test]
fn graces_are_part_of_the_time_that_a_block_is_given_in_all() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).progress = Some(7);
    assert_eq!(runtime.poll(ms(9), &mut diary), Wake::At(ms(14)));
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::Now, "it stands still, and cannot be stopped");
    assert_eq!(runtime.poll(ms(14), &mut diary), Wake::At(ms(27)), "three times its time, as without");
}

// ---- written off, and back -------------------------------------------------------------------

#[test]
fn a_block_that_no_reset_brings_back_is_written_off_and_runs_elsewhere() {
    for (reset, at) in [(Reset::Mute, 14), (Reset::Fails, 9)] {
        let (mut runtime, mut diary) = hands_on_the_npu();
        npu(&mut runtime).cancel = Some(CancelOutcome::NeedsReset);
        npu(&mut runtime).reset = reset;
        runtime.poll(ms(9), &mut diary);
        runtime.poll(ms(at), &mut diary);
        assert_eq!(diary.read(), ["npu out", "hands#0 on dsp"], "{reset:?}");
        let trouble = runtime.trouble();
        assert_eq!((trouble.written_off, trouble.quarantines), (1, 1));

        // Its completion comes after all: the frame is not completed twice.
        npu(&mut runtime).ends(done(15));
        runtime.poll(ms(15), &mut diary);
        assert_eq!((diary.read().len(), runtime.trouble().stale_completions), (0, 1));
        runtime.queues_mut()[DSP].ends(done(18));
        runtime.poll(ms(18), &mut diary);
        assert_eq!(diary.read(), ["hands#0 in time", "hands#0 -> pose?"]);
    }
}

#[test]
fn a_quarantined_accelerator_returns_on_trial_and_stays_if_a_block_succeeds() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).ends(Err(ErrorKind::Gone));
    assert_eq!(runtime.poll(ms(1), &mut diary), Wake::At(ms(18)), "the time of the dsp's block");
    runtime.queues_mut()[DSP].ends(done(5));
    assert_eq!(runtime.poll(ms(5), &mut diary), Wake::At(ms(101)));
    diary.read();

    assert_eq!(runtime.poll(ms(101), &mut diary), Wake::OnEvent);
    assert_eq!((diary.read(), runtime.trouble().returns), (vec!["npu back".into()], 1));
    runtime.release(HANDS, ms(110), &mut diary).unwrap();
    runtime.poll(ms(110), &mut diary);
    npu(&mut runtime).ends(done(112));
    runtime.poll(ms(112), &mut diary);
    assert_eq!(diary.read(), ["released hands#1", "hands#1 on npu", "hands#1 in time", "hands#1 -> pose?"]);
    // All is forgotten: the next time, it is out for as long as the first time.
    runtime.release(HANDS, ms(120), &mut diary).unwrap();
    npu(&mut runtime).refusals.push_back(ErrorKind::Gone);
    runtime.poll(ms(120), &mut diary);
    runtime.queues_mut()[DSP].ends(done(124));
    assert_eq!(runtime.poll(ms(124), &mut diary), Wake::At(ms(220)));
}

#[test]
fn a_trial_that_fails_doubles_the_quarantine_up_to_its_limit() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    let mut at = 0;
    // A reason that would pass otherwise ends a trial as well.
    npu(&mut runtime).refusals.extend([ErrorKind::Gone; 4]);
    npu(&mut runtime).refusals.extend([ErrorKind::Full; 5]);
    let quarantines = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
    for (trials, quarantine) in quarantines.into_iter().enumerate() {
        if trials > 1 {
            assert_eq!(
                runtime.poll(ms(at), &mut diary),
                Wake::Now,
                "it is reset, and has a grace to come up"
            );
            at += 5;
        }
        runtime.release(HANDS, ms(at), &mut diary).unwrap();
        runtime.poll(ms(at), &mut diary);
        runtime.queues_mut()[DSP].ends(done(at));
        assert_eq!(runtime.poll(ms(at), &mut diary), Wake::At(ms(at + quarantine)));
        at += quarantine;
    }
    assert_eq!((runtime.trouble().quarantines, runtime.trouble().returns), (9, 8));
}

#[test]
fn an_accelerator_that_did_not_answer_a_reset_is_reset_again_before_its_trial() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).cancel = Some(CancelOutcome::NeedsReset);
    npu(&mut runtime).reset = Reset::Fails;
    runtime.poll(ms(9), &mut diary);
    runtime.queues_mut()[DSP].ends(done(13));
    assert_eq!(runtime.poll(ms(13), &mut diary), Wake::At(ms(109)));
    diary.read();
    runtime.poll(ms(109), &mut diary);
    assert_eq!(diary.read(), Vec::<String>::new(), "no block is wasted on it");
    assert_eq!(runtime.poll(ms(109), &mut diary), Wake::At(ms(309)), "twice as long");

    npu(&mut runtime).reset = Reset::Works;
    assert_eq!(runtime.poll(ms(309), &mut diary), Wake::Now);
    assert_eq!(runtime.poll(ms(309), &mut diary), Wake::At(ms(314)), "a grace to come up");
    assert_eq!(runtime.trouble().stale_completions, 1, "the block that was written off, by the reset");
    runtime.poll(ms(314), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
}

/// Its block has ended by itself, so nothing has reset it.
#[test]
fn an_accelerator_that_did_not_answer_is_reset_before_its_trial() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).ends(Err(ErrorKind::Timeout));
    runtime.poll(ms(1), &mut diary);
    assert_eq!(diary.read(), ["npu out", "hands#0 on dsp"]);
    runtime.queues_mut()[DSP].ends(done(5));
    assert_eq!(runtime.poll(ms(5), &mut diary), Wake::At(ms(101)));
    diary.read();
    runtime.poll(ms(101), &mut diary);
    assert_eq!(npu(&mut runtime).resets, 1);
    assert_eq!(runtime.poll(ms(101), &mut diary), Wake::At(ms(106)), "a grace to come up");
    runtime.poll(ms(106), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
}

/// It may be one that only a reset brings back; the first trial is without, for most come back by themselves.
#[test]
fn an_accelerator_that_refuses_its_trial_is_reset_before_the_next_one() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).ends(Err(ErrorKind::Gone));
    runtime.poll(ms(1), &mut diary);
    runtime.queues_mut()[DSP].ends(done(5));
    runtime.poll(ms(5), &mut diary);
    runtime.poll(ms(101), &mut diary);
    runtime.release(HANDS, ms(110), &mut diary).unwrap();
    npu(&mut runtime).refusals.push_back(ErrorKind::Gone);
    runtime.poll(ms(110), &mut diary);
    runtime.queues_mut()[DSP].ends(done(114));
    assert_eq!(runtime.poll(ms(114), &mut diary), Wake::At(ms(310)), "twice as long");
    assert_eq!(npu(&mut runtime).resets, 0);
    diary.read();

    runtime.poll(ms(310), &mut diary);
    assert_eq!(npu(&mut runtime).resets, 1);
    assert_eq!(runtime.poll(ms(310), &mut diary), Wake::At(ms(315)), "a grace to come up");
    runtime.poll(ms(315), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
}

#[test]
fn the_application_may_restore_an_accelerator_before_its_quarantine_ends() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    npu(&mut runtime).ends(Err(ErrorKind::Gone));
    runtime.poll(ms(1), &mut diary);
    runtime.queues_mut()[DSP].ends(done(5));
    runtime.poll(ms(5), &mut diary);
    diary.read();
    runtime.restore(AcceleratorId(0), ms(6), &mut diary);
    assert_eq!(diary.read(), ["npu back"]);
    assert_eq!(runtime.poll(ms(6), &mut diary), Wake::OnEvent, "nothing is left to wait for");
}

#[test]
fn siblings_of_a_reset_run_their_blocks_again_and_are_not_to_blame() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    for queue in runtime.queues_mut() {
        queue.domain = Some(1);
    }
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    npu(&mut runtime).cancel = Some(CancelOutcome::NeedsReset);
    runtime.poll(ms(9), &mut diary);
    runtime.queues_mut()[DSP].ends(Err(ErrorKind::Reset));
    diary.read();
    runtime.poll(ms(9), &mut diary);
    assert_eq!(diary.read(), ["npu rests", "dsp loses its block", "hands#0 on dsp"]);
    // A reset of its own accord is a failure like others.
    runtime.queues_mut()[DSP].ends(Err(ErrorKind::Reset));
    runtime.poll(ms(9), &mut diary);
    assert_eq!(diary.read()[0], "dsp rests");
}

#[test]
fn siblings_that_hang_together_are_all_to_blame() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    for queue in runtime.queues_mut() {
        (queue.domain, queue.cancel) = (Some(1), Some(CancelOutcome::NeedsReset));
    }
    for _ in 0..2 {
        runtime.release(HANDS, ms(0), &mut diary).unwrap();
    }
    for at in [0, 100, 200] {
        runtime.poll(ms(at), &mut diary);
        runtime.poll(ms(at + 50), &mut diary);
        diary.read();
        runtime.poll(ms(at + 50), &mut diary);
        let rests = diary.read().into_iter().filter(|line| line.ends_with("rests"));
        assert_eq!(rests.collect::<Vec<_>>(), ["npu rests", "dsp rests"], "both were late at {at} ms");
    }
    assert_eq!(runtime.trouble().barred, 2, "hands, from both");
}

#[test]
fn one_that_is_late_itself_is_not_pardoned_for_its_siblings_reset() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    for queue in runtime.queues_mut() {
        (queue.domain, queue.cancel) = (Some(1), Some(CancelOutcome::NeedsReset));
    }
    for _ in 0..2 {
        runtime.release(HANDS, ms(0), &mut diary).unwrap();
    }
    runtime.poll(ms(0), &mut diary);
    npu(&mut runtime).ends(done(6));
    npu(&mut runtime).reset = Reset::Mute;
    runtime.poll(ms(6), &mut diary);
    runtime.release(HANDS, ms(6), &mut diary).unwrap();
    runtime.poll(ms(6), &mut diary);
    diary.read();
    runtime.poll(ms(15), &mut diary);
    assert_eq!(npu(&mut runtime).resets, 1, "6 ms and its time: it is in its reset until 20 ms");
    runtime.poll(ms(17), &mut diary);
    assert_eq!(runtime.queues()[DSP].resets, 1, "the dsp is late all the same");
    npu(&mut runtime).ends(Err(ErrorKind::Reset));
    runtime.poll(ms(18), &mut diary);
    assert_eq!(diary.read(), ["npu rests", "dsp rests"]);
}

#[test]
fn a_sibling_is_pardoned_for_its_block_and_for_nothing_else() {
    let (mut runtime, mut diary) = hands_on_the_npu();
    for queue in runtime.queues_mut() {
        queue.domain = Some(1);
    }
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    npu(&mut runtime).cancel = Some(CancelOutcome::NeedsReset);
    runtime.poll(ms(9), &mut diary);
    // The dsp loses its block, and goes on to refuse what it is given: once per poll is often enough.
    runtime.queues_mut()[DSP].ends(Err(ErrorKind::Reset));
    runtime.queues_mut()[DSP].refusals.extend([ErrorKind::Reset; 3]);
    diary.read();
    runtime.poll(ms(9), &mut diary);
    assert_eq!(diary.read(), ["npu rests", "dsp loses its block", "hands#0 on dsp", "dsp does not take it"]);
}

#[test]
fn a_sibling_on_trial_is_waited_for_while_it_is_in_the_reset_too() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    for queue in runtime.queues_mut() {
        (queue.domain, queue.cancel) = (Some(1), Some(CancelOutcome::NeedsReset));
    }
    runtime.queues_mut()[DSP].refusals.push_back(ErrorKind::Gone);
    for _ in 0..2 {
        runtime.release(HANDS, ms(0), &mut diary).unwrap();
    }
    runtime.poll(ms(0), &mut diary);
    for at in [2, 4] {
        npu(&mut runtime).ends(done(at));
        runtime.poll(ms(at), &mut diary);
    }
    for _ in 0..2 {
        runtime.release(HANDS, ms(100), &mut diary).unwrap();
    }
    runtime.poll(ms(100), &mut diary);
    diary.read();
    runtime.poll(ms(109), &mut diary);
    assert_eq!(npu(&mut runtime).resets, 1);
    runtime.queues_mut()[DSP].ends(Err(ErrorKind::Reset));
    runtime.queues_mut()[DSP].refusals.push_back(ErrorKind::NotReady);
    assert_eq!(runtime.poll(ms(109), &mut diary), Wake::At(us(109_100)));
    assert_eq!(diary.read(), ["npu rests", "dsp loses its block", "hands#2 on dsp", "dsp does not take it"]);
    assert_eq!(runtime.trouble().quarantines, 1, "for the time that it was gone");
}

// ---- refused, and failing again and again ----------------------------------------------------

#[test]
fn rests_double_until_a_block_succeeds() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    for queue in runtime.queues_mut() {
        queue.refusals.extend([ErrorKind::NotReady; 9]);
    }
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    let (mut at, mut polls) = (ms(0), 0);
    for rest in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
        let Wake::At(next) = runtime.poll(at, &mut diary) else { panic!("it need not spin") };
        assert_eq!(next.saturating_since(at), Duration::from_micros(rest));
        (at, polls) = (next, polls + 1);
    }
    assert_eq!((polls, runtime.trouble().refused_blocks), (9, 18), "32 ms, 9 polls");
    runtime.poll(at, &mut diary);
    npu(&mut runtime).ends(Ok(Outcome::finished(at)));
    npu(&mut runtime).refusals.push_back(ErrorKind::NotReady);
    runtime.poll(at, &mut diary);
    let rest = at.saturating_add(Duration::from_micros(100));
    assert_eq!(runtime.poll(at, &mut diary), Wake::At(rest), "short again");
}

#[test]
fn a_model_that_an_accelerator_does_not_support_is_barred_from_it() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    npu(&mut runtime).refusals.push_back(ErrorKind::Unsupported);
    runtime.release(HANDS, ms(0), &mut diary).unwrap();
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    runtime.poll(ms(0), &mut diary);
    assert_eq!(
        diary.read(),
        [
            "released hands#0",
            "released voice#0",
            "hands#0 on npu",
            "npu does not take it",
            "npu back",
            "hands barred from npu",
            "hands#0 on dsp",
            "voice#0 on npu",
        ],
        "all in one poll, and the npu serves others"
    );
    runtime.bar(HANDS, AcceleratorId(0), false, ms(1), &mut diary).unwrap();
    assert_eq!(diary.read(), ["hands let in to npu"], "only the application knows better");
    assert_eq!(runtime.trouble().barred, 1);
}

/// A frame of hands fails on the npu, and ends on the dsp.
fn fail_on_npu(runtime: &mut Driven<Fake>, diary: &mut Diary, at: u64) -> Vec<String> {
    runtime.release(HANDS, ms(at), diary).unwrap();
    runtime.poll(ms(at), diary);
    npu(runtime).ends(Err(ErrorKind::Device));
    runtime.poll(ms(at), diary);
    runtime.queues_mut()[DSP].ends(done(at));
    runtime.poll(ms(at), diary);
    runtime.poll(ms(at + 1), diary);
    diary.read()
}

#[test]
fn a_model_that_keeps_failing_on_an_accelerator_is_barred_from_it_for_a_while() {
    let (mut runtime, mut diary) = (supervised(), Diary::barren());
    for at in [0, 20] {
        assert!(!fail_on_npu(&mut runtime, &mut diary, at).contains(&"hands barred from npu".into()));
    }
    // Another model does well there: that does not help hands.
    runtime.release(VOICE, ms(30), &mut diary).unwrap();
    runtime.poll(ms(30), &mut diary);
    for _ in 0..2 {
        npu(&mut runtime).ends(done(30));
        runtime.poll(ms(30), &mut diary);
    }
    diary.read();
    assert_eq!(
        fail_on_npu(&mut runtime, &mut diary, 40)[1..4],
        ["hands#2 on npu", "npu rests", "hands barred from npu"],
        "the third in a row"
    );
    runtime.release(HANDS, ms(60), &mut diary).unwrap();
    runtime.poll(ms(60), &mut diary);
    assert_eq!(diary.read()[1], "hands#3 on dsp");
    runtime.queues_mut()[DSP].ends(done(64));
    assert_eq!(runtime.poll(ms(64), &mut diary), Wake::At(ms(1_040)), "a second after it was barred");
    runtime.poll(ms(1_040), &mut diary);
    assert_eq!(diary.read().last().unwrap(), "hands let in to npu");
    assert_eq!(
        fail_on_npu(&mut runtime, &mut diary, 1_050)[1..4],
        ["hands#4 on npu", "npu rests", "hands barred from npu"],
        "one failure is enough now"
    );
    assert_eq!((runtime.trouble().barred, runtime.trouble().let_in), (2, 1));
}

#[test]
fn a_barred_model_is_let_in_again_whatever_the_rules_are_by_then() {
    let rules = |failures| Bars { failures, rest: Duration::from_millis(1_000) };
    for bars in [None, Some(rules(5)), Some(rules(1))] {
        let (mut runtime, mut diary) = (supervised(), Diary::barren());
        for at in [0, 20, 40] {
            fail_on_npu(&mut runtime, &mut diary, at);
        }
        assert_eq!(runtime.trouble().barred, 1);
        let mut runtime = runtime.with_supervision(Supervision { bars, ..Supervision::DEFAULT });
        assert_eq!(runtime.poll(ms(1_039), &mut diary), Wake::At(ms(1_040)));
        runtime.poll(ms(1_040), &mut diary);
        assert_eq!(diary.read(), ["hands let in to npu"], "{bars:?}");
    }
}

/// Its queue took the blocks: that it was full, starting or gone is no excuse any more.
#[test]
fn a_model_whose_blocks_fail_in_flight_is_barred_whatever_the_reason() {
    for kind in [ErrorKind::Full, ErrorKind::NotReady, ErrorKind::Bus, ErrorKind::Gone] {
        let (mut runtime, mut diary) = (supervised(), Diary::barren());
        for at in [0, 1_000, 2_000] {
            assert_eq!(runtime.trouble().barred, 0);
            runtime.poll(ms(at), &mut diary); // it is back from its rest
            runtime.release(HANDS, ms(at), &mut diary).unwrap();
            runtime.poll(ms(at), &mut diary);
            npu(&mut runtime).ends(Err(kind));
            runtime.poll(ms(at), &mut diary);
            runtime.queues_mut()[DSP].ends(done(at));
            runtime.poll(ms(at), &mut diary);
        }
        assert!(diary.read().contains(&"hands barred from npu".into()), "{kind:?}");
    }
}

#[test]
fn without_supervision_a_block_may_take_for_ever() {
    let (mut runtime, mut diary) = (runtime(), Diary::default());
    runtime.release(VOICE, ms(0), &mut diary).unwrap();
    assert_eq!(runtime.poll(ms(0), &mut diary), Wake::OnEvent);
    assert_eq!(runtime.poll(ms(1_000_000), &mut diary), Wake::OnEvent);
    assert_eq!(runtime.trouble().timeouts, 0);
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let supervision = Supervision::default();
    let (timeouts, bars) = (supervision.timeouts.unwrap(), supervision.bars.unwrap());
    let us = |duration: Duration| duration.as_nanos() / 1_000;
    assert_eq!((timeouts.factor, us(timeouts.slack), us(timeouts.grace)), (4, 1_000, 5_000));
    assert_eq!((timeouts.extensions, timeouts.run_out), (4, 3));
    assert_eq!((us(supervision.back_off.first), us(supervision.back_off.longest)), (100, 10_000));
    let quarantine = supervision.quarantine.unwrap();
    assert_eq!((us(quarantine.first), us(quarantine.longest)), (100_000, 10_000_000));
    assert_eq!((bars.failures, us(bars.rest)), (3, 1_000_000));
}
