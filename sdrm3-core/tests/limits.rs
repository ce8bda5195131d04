//! Where numbers end: the last nanoseconds of a clock of 64 bits, spans beyond 32 bits, names of jobs that come
//! around, days that pass at once. Counters that no test can count up stand beside the code, in
//! `scheduler/tests.rs`.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{Witness, cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, Action, Config, Cost, Duration, Fault, Frame, Gated, Instant, Leftover, MapScore, Model,
    ModelId, NextWake, Outcome, Progress, Refusal, SegmentSpec,
};
use story::{Plain, Story, network};

const HOUR: Duration = Duration::from_millis(3_600_000);
const DAY: Duration = Duration::from_millis(24 * 3_600_000);
const EITHER: SegmentSpec<2> = SegmentSpec::new([cost(10, 10), cost(20, 20)]);
const NAMES: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("dsp")];

fn due_within<const N: usize>(
    name: &'static str,
    period: Duration,
    specs: [SegmentSpec<2>; N],
) -> Model<'static, 2> {
    Model::new(name, period, network(specs))
}

const fn before_the_end(span: Duration) -> Instant {
    Instant::from_nanos(u64::MAX - span.as_nanos())
}

// ---- the last nanoseconds --------------------------------------------------------------------

#[test]
fn a_frame_that_would_be_due_behind_the_end_of_time_is_due_at_its_end() {
    let mut story = Story::new(MapScore::default(), [due_within("a", span_ms(100), [EITHER, EITHER])]);
    story.at_instant(before_the_end(span_ms(50)));
    assert_eq!(story.release("a").deadline, Instant::MAX, "100 ms after an instant 50 ms before the end");
    story.then("a#0 segment 0 on npu", "it has 50 ms");
    story.at_instant(before_the_end(span_ms(40))).ends("npu");
    story.then("a#0 segment 1 on npu", "it has 40 ms");
    story.at_instant(Instant::MAX);
    assert_eq!(story.ends("npu").progress, Progress::InTime, "it ends as time does");
    story.then("wait", "nothing is left");
}

#[test]
fn at_the_end_of_time_what_has_not_started_is_stale_and_the_scheduler_still_answers() {
    let mut story = Story::new(MapScore::default(), [due_within("a", span_ms(100), [EITHER])]);
    story.at_instant(before_the_end(span_ms(1)));
    for accelerator in ["npu", "dsp"] {
        story.fault(accelerator, Fault::Resting);
    }
    story.release("a");
    assert_eq!(story.scheduler.poll(story.now), Action::Wait(NextWake::At(Instant::MAX)));
    story.at_instant(Instant::MAX);
    story.then("drop a#0: Stale", "its deadline is now");
    assert_eq!(story.release("a").deadline, Instant::MAX);
    story.then("drop a#1: Stale", "there is no time for another one");
    assert_eq!(
        story.scheduler.poll(Instant::ZERO),
        Action::Wait(NextWake::Idle),
        "now is the latest time given"
    );
    assert_eq!(story.counts("a"), [2, 0, 2, 2]);
}

#[test]
fn a_block_at_the_end_of_time_is_expected_to_end_then() {
    let mut story = Story::new(MapScore::default(), [due_within("a", span_ms(100), [EITHER])]);
    story.at_instant(before_the_end(span_ms(1)));
    story.release("a");
    story.then("a#0 segment 0 on npu", "10 ms, of which there is one");
    let activity = story.scheduler.accelerators()[0].activity;
    assert_eq!(activity, sdrm3_core::Activity::Busy { until: Instant::MAX });
    assert_eq!(story.close(Instant::MAX).len(), 1);
    assert_eq!(story.scheduler.accelerators()[0].activity, sdrm3_core::Activity::Idle, "closed");
}

/// All parts of the method, windows and corrections too, in the last second of time.
#[test]
fn every_part_of_the_method_goes_on_in_the_last_second() {
    let models = [due_within("a", span_ms(30), [EITHER, EITHER]), due_within("b", span_ms(30), [EITHER])];
    let policy = Witness::default();
    let mut story = Story::configured(policy, Config::FULL, models, NAMES);
    let start = before_the_end(span_ms(1_000)).as_nanos();
    let (mut running, mut ends) = ([None; 2], 0);
    for tick in 0..=1_000 {
        let now = Instant::from_nanos(start + tick * 1_000_000);
        for ticket in running.iter_mut().filter_map(|slot: &mut Option<(_, Instant)>| {
            slot.take_if(|(_, until)| *until <= now).map(|(ticket, _)| ticket)
        }) {
            let report = story.scheduler.complete(ticket, Outcome::finished(now), now).unwrap();
            ends += u32::from(report.progress != Progress::More);
        }
        if tick % 15 == 0 {
            let model = ModelId((tick / 15 % 2) as u8);
            if let Err(refused) = story.scheduler.release(model, now) {
                assert_eq!(refused.why, Refusal::Full { capacity: story::JOBS });
                story.scheduler.give_up(refused.frame.unwrap(), now);
            }
        }
        for _ in 0..10 {
            match story.scheduler.poll(now) {
                Action::Dispatch(block) => {
                    let until = now.saturating_add(Duration::from_nanos(block.expected.latency_ns.into()));
                    running[usize::from(block.ticket.accelerator.0)] = Some((block.ticket, until));
                }
                Action::Drop(..) => ends += 1,
                Action::Wait(_) => break,
            }
        }
        story.check_conservation();
    }
    assert!(ends > 50, "{ends} frames ended");
    assert!(story.scheduler.windows() >= 2, "of 400 ms");
}

// ---- spans beyond 32 bits of nanoseconds -----------------------------------------------------

#[test]
fn hours_of_slack_and_of_waiting_are_compared_like_milliseconds() {
    let models = [due_within("today", HOUR, [EITHER]), due_within("soon", span_ms(60_000), [EITHER])];
    let mut story = Story::new(MapScore::default(), models);
    story.fault("dsp", Fault::OutOfService);
    story.release("today");
    story.release("soon");
    story.then("soon#0 segment 0 on npu", "due in a minute, the other one in an hour");
    story.at_instant(ms(10_000)).ends("npu");
    story.then("today#0 segment 0 on npu", "ten seconds late is nothing to it");
    story.at_instant(ms(20_000));
    assert_eq!(story.ends("npu").progress, Progress::InTime);
}

#[test]
fn who_has_waited_for_hours_goes_before_who_has_waited_for_minutes() {
    let models = [due_within("new", DAY, [EITHER]), due_within("old", DAY, [EITHER])];
    let mut story = Story::new(MapScore::default(), models);
    story.fault("npu", Fault::Resting);
    story.fault("dsp", Fault::OutOfService);
    story.release("old");
    // Starvation is at most 4096 times the mean latency of 15 ms, about a minute: both are below.
    story.at_instant(ms(30_000)).release("new");
    story.at_instant(ms(40_000)).restore("npu");
    story.then("old#0 segment 0 on npu", "it has waited for 40 s, the other one for 10 s");
}

#[test]
fn a_block_that_took_an_hour_or_months_teaches_no_more_than_any_other_outlier() {
    // The last two are 52 days, and all but the end of time.
    for took in [HOUR, Duration::from_nanos(1 << 52), Duration::from_nanos(u64::MAX - 1)] {
        let config = Config { correction: true, ..Config::PLAIN };
        let models = [due_within("a", Duration::MAX, [EITHER])];
        let mut story = Story::configured(MapScore::default(), config, models, NAMES);
        story.release("a");
        story.then("a#0 segment 0 on npu", "it is alone");
        story.at_instant(Instant::ZERO.saturating_add(took));
        assert_eq!(story.ends("npu").progress, Progress::InTime);
        let factor = story.scheduler.latency_factor(ModelId(0), Story::<MapScore>::accelerator("npu"));
        assert_eq!(factor, Some(1.25), "a quarter of the way to twice");
    }
}

#[test]
fn a_switch_that_would_take_longer_than_a_number_holds_takes_as_long_as_it_holds() {
    let per_kib = Cost::new(u32::MAX, 1 << 20);
    let accelerator = Accelerator::new("npu").with_switch(Cost::new(7, u32::MAX), per_kib);
    assert_eq!(
        accelerator.switch_cost(1 << 10),
        Cost::new(u32::MAX, u32::MAX),
        "both are added to what is fixed"
    );
    assert_eq!(accelerator.switch_cost(1 << 31), Cost::new(u32::MAX, u32::MAX), "beyond 32 bits");
    assert_eq!(accelerator.switch_cost(0), Cost::new(7, u32::MAX));
}

#[test]
fn the_gated_policy_has_patience_beyond_four_seconds() {
    let models = [due_within("a", HOUR, [SegmentSpec::new([cost(10, 40), cost(4_000, 10)])])];
    let mut story =
        Story::made(|workload| Gated::<{ story::MODELS }, 2>::new(workload), Config::PLAIN, models, NAMES);
    story.release("a");
    story.then("a#0 segment 0 on dsp", "4 s there are comfortable within an hour, and take less energy");
    story.at_instant(Instant::ZERO.saturating_add(HOUR).saturating_add(HOUR));
    story.release("a");
    story.then("a#1 segment 0 on npu", "what runs elsewhere is two hours overdue: it is not waited for");
}

#[test]
fn a_jump_over_days_ends_one_window_and_drops_what_is_stale_one_by_one() {
    let mut story =
        Story::configured(Plain::default(), Config::FULL, [due_within("a", span_ms(30), [EITHER])], NAMES);
    for accelerator in ["npu", "dsp"] {
        story.fault(accelerator, Fault::Resting);
    }
    for _ in 0..story::JOBS {
        story.release("a");
    }
    story.at_instant(Instant::ZERO.saturating_add(DAY));
    for number in 0..story::JOBS {
        story.then(&format!("drop a#{number}: Stale"), "each has one answer");
    }
    story.then("wait", "no more work than on any other day");
    assert_eq!(story.scheduler.windows(), 1, "not one for each 400 ms of the day");
}

#[test]
fn the_longest_period_there_is_means_never_due() {
    let mut story = Story::new(MapScore::default(), [due_within("a", span_ms(10), [EITHER])]);
    story.scheduler.set_period(ModelId(0), Duration::MAX, story.now).unwrap();
    assert_eq!(story.release("a").deadline, Instant::MAX);
    story.at_instant(Instant::ZERO.saturating_add(DAY));
    story.then("a#0 segment 0 on npu", "it is not late after a day");
    assert!(matches!(story.close(before_the_end(DAY))[..], [Leftover::LeftOut(Frame { number: 0, .. })]));
}

// ---- names that come around ------------------------------------------------------------------

#[test]
fn after_65536_jobs_at_a_place_names_come_around_and_stay_those_of_one_job() {
    let mut story = Story::new(MapScore::default(), [due_within("a", span_ms(100), [EITHER])]);
    let mut first = None;
    for number in 0..=65_536u32 {
        let (frame, id) = story.scheduler.release(ModelId(0), story.now).unwrap();
        assert_eq!((frame.number, id.index(), id.generation()), (number, 0, number as u16));
        let Action::Dispatch(block) = story.scheduler.poll(story.now) else { panic!("it is alone") };
        assert_eq!((block.ticket.sequence, block.job), (number, id));
        story.at_instant(story.now.saturating_add(span_ms(10)));
        let report = story.scheduler.complete(block.ticket, Outcome::finished(story.now), story.now).unwrap();
        assert_eq!(report.job, id);
        let (named, ticket) = *first.get_or_insert((id, block.ticket));
        assert_eq!(named == id, number % 65_536 == 0, "names come around");
        assert!(story.scheduler.complete(ticket, Outcome::finished(story.now), story.now).is_err());
    }
    assert_eq!(story.counts("a"), [65_537, 65_537, 0, 0]);
}
