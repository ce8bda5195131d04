//! Supernet switching, told as traces: which sub-network a frame runs, given the load, and how it may
//! become a lighter one on the way.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms, span_ms};
use sdrm3_core::{Accelerator, Config, Cost, Fault, Model, Path, Progress, Segment, SegmentSpec, SubNetwork};
use story::{Plain, Story, model};

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10 * latency_ms), Cost::NONE])
}

const fn switch_here(latency_ms: u32) -> SegmentSpec<2> {
    npu(latency_ms).with_switch_point()
}

/// 20, 15 and 5 ms; the middle one shares two segments with the heavy one, the light one one.
static HEAVY: [Segment<2>; 3] = Segment::table([npu(2), switch_here(10), switch_here(8)]);
static MIDDLE: [Segment<2>; 3] = Segment::table([npu(2), switch_here(10), switch_here(3)]);
static LIGHT: [Segment<2>; 2] = Segment::table([npu(2), switch_here(3)]);
static NETS: [SubNetwork<'static, 2>; 3] = [
    SubNetwork::new("heavy", &HEAVY).with_accuracy(80_000),
    SubNetwork::new("middle", &MIDDLE).with_accuracy(79_000).with_shared_prefix(2),
    SubNetwork::new("light", &LIGHT).with_accuracy(76_000).with_shared_prefix(1),
];

/// Due after 25 ms.
fn context() -> Model<'static, 2> {
    Model::new("context", span_ms(25), &NETS)
}

const SWITCHING: Config = Config { supernet: true, ..Config::PLAIN };

fn configured<const N: usize>(config: Config, models: [Model<'static, 2>; N]) -> Story {
    Story::configured(Plain::default(), config, models, ["npu", "dsp"].map(Accelerator::new))
}

/// A story whose dsp is out of service: the load falls on one accelerator.
fn story<const N: usize>(models: [Model<'static, 2>; N]) -> Story {
    let mut story = configured(SWITCHING, models);
    story.fault("dsp", Fault::OutOfService);
    story
}

/// The sub-network of a frame of `context` that is released and dispatched now.
#[track_caller]
fn taken(story: &mut Story) -> u8 {
    let number = story.release("context").number;
    story.then(&format!("context#{number} segment 0 on npu"), "alone");
    story.block().subnetwork
}

// ---- at the release --------------------------------------------------------------------------

/// What a frame of `context` runs when this much work is due before it.
#[track_caller]
fn taken_behind(work_ms: u32, deadline_ms: u64, config: Config) -> u8 {
    let mut story = configured(config, [context(), model("other", deadline_ms, [npu(work_ms)])]);
    story.fault("dsp", Fault::OutOfService);
    story.release("other");
    story.then("other#0 segment 0 on npu", "alone");
    story.release("context");
    story.at(u64::from(work_ms)).ends("npu");
    story.then("context#0 segment 0 on npu", "alone");
    story.block().subnetwork
}

#[test]
fn the_heaviest_that_the_load_leaves_time_for_is_taken() {
    // 25 ms are there, less the work that is due no later.
    for (work_ms, subnetwork) in [(1, 0), (5, 0), (6, 1), (10, 1), (11, 2), (20, 2), (24, 2)] {
        assert_eq!(taken_behind(work_ms, 25, SWITCHING), subnetwork, "behind {work_ms} ms");
    }
}

#[test]
fn work_that_is_due_later_does_not_count() {
    assert_eq!(taken_behind(11, 26, SWITCHING), 0, "it can wait");
}

#[test]
fn without_switching_every_frame_runs_the_heaviest() {
    assert_eq!(taken_behind(24, 25, Config::PLAIN), 0);
}

#[test]
fn the_work_is_shared_among_the_accelerators_in_service() {
    for (dsp, subnetwork) in [(true, 0), (false, 2)] {
        // 20 ms of `other`, half of them for each of two accelerators.
        let mut story =
            configured(SWITCHING, [context().with_deadline(span_ms(30)), model("other", 30, [npu(20)])]);
        if !dsp {
            story.fault("dsp", Fault::OutOfService);
        }
        story.release("other");
        story.then("other#0 segment 0 on npu", "alone");
        story.release("context");
        story.at(20).ends("npu");
        story.then("context#0 segment 0 on npu", "alone");
        assert_eq!(story.block().subnetwork, subnetwork);
    }
}

#[test]
fn a_network_without_variants_stays_what_it_is() {
    let mut story = story([model("plain", 5, [npu(8), switch_here(8)])]);
    story.release("plain");
    story.then("plain#0 segment 0 on npu", "it cannot be in time, but there is nothing lighter");
    assert_eq!(story.block().subnetwork, 0);
    story.at(8);
    story.ends("npu");
    story.then("plain#0 segment 1 on npu", "the switch point leads nowhere");
    assert_eq!((story.block().subnetwork, story.block().first), (0, 1));
}

#[test]
fn the_accuracy_floor_bars_the_lighter_ones() {
    for (floor, subnetwork) in [(0, 2), (76_000, 2), (76_001, 1), (79_000, 1), (79_001, 0), (99_000, 0)] {
        let mut story = story([context().with_accuracy_floor(floor), model("other", 25, [npu(24)])]);
        story.release("other");
        assert_eq!(story.release("context").number, 0);
        story.then("context#0 segment 0 on npu", "the lower model");
        assert_eq!(story.block().subnetwork, subnetwork, "a floor of {floor}");
    }
}

/// What a frame of `context` runs that is released together with one of `other`; both run to their end.
#[track_caller]
fn taken_beside(story: &mut Story, at: u64, other: &str) -> u8 {
    story.at(at).release(other);
    let subnetwork = taken(story);
    story.ends_by("npu", Path::Exit);
    let number = story.counts(other)[0] - 1;
    story.then(&format!("{other}#{number} segment 0 on npu"), "what is left");
    story.ends("npu");
    subnetwork
}

#[test]
fn a_step_back_up_needs_an_eighth_to_spare_and_a_step_down_does_not() {
    let beside = |name, work_ms| model(name, 25, [npu(work_ms)]);
    let mut story =
        story([context(), beside("six", 6), beside("five", 5), beside("two", 2), beside("twenty", 20)]);
    let mut beside = |at, other| taken_beside(&mut story, at, other);
    assert_eq!(beside(0, "five"), 0, "20 ms in 20: just in time");
    assert_eq!(beside(100, "six"), 1, "19 ms are too few");
    assert_eq!(beside(200, "five"), 1, "20 ms would do, but not less an eighth");
    assert_eq!(beside(300, "two"), 0, "23 ms do, less an eighth");
    assert_eq!(beside(400, "five"), 0, "20 ms do for what is heavy already: no flicker either way");
    assert_eq!(beside(500, "twenty"), 2, "two steps down at once");
    assert_eq!(beside(600, "five"), 1, "one step up, where 17.5 ms are left less an eighth");
    assert_eq!(beside(700, "twenty"), 2, "down again");
    assert_eq!(beside(800, "two"), 0, "two steps up at once");
}

// ---- on the way ------------------------------------------------------------------------------

/// A frame that began heavy; `other` comes while segment 0 runs and has this much to do.
fn begun_heavy(work_ms: u32) -> Story {
    let mut story = story([
        context(),
        model("other", 23, [npu(work_ms)]),
        model("soon", 10, [npu(9)]),
        model("few", 25, [npu(3)]),
    ]);
    assert_eq!(taken(&mut story), 0);
    story.at(2).release("other");
    let report = story.ends("npu");
    assert_eq!(report.progress, Progress::More);
    story
}

#[test]
fn at_a_switch_point_a_frame_becomes_as_light_as_the_load_asks_for() {
    // 23 ms are left for 18, 13 or 3 ms of it.
    for (work_ms, subnetwork) in [(5, 0), (6, 1), (10, 1), (11, 2), (22, 2)] {
        let mut story = begun_heavy(work_ms);
        story.then("context#0 segment 1 on npu", "it is older; the finished segment 0 is not run again");
        let block = story.block();
        assert_eq!(block.subnetwork, subnetwork, "beside {work_ms} ms");
        assert_eq!(block.expected.latency_ns, if subnetwork == 2 { 3_000_000 } else { 10_000_000 });
    }
}

#[test]
fn what_is_beyond_the_shared_prefix_is_out_of_reach() {
    let mut story = begun_heavy(5);
    story.then("context#0 segment 1 on npu", "heavy still: 18 ms in 23, beside 5");
    story.at(12).release("soon");
    assert_eq!(story.ends("npu").subnetwork, 1, "5 and 9 ms of others in 13: but the light one shares less");
    story.then("context#0 segment 2 on npu", "the oldest");
    assert_eq!((story.block().subnetwork, story.block().expected.latency_ns), (1, 3_000_000));
}

#[test]
fn a_frame_never_becomes_heavier_on_its_way() {
    let mut story = begun_heavy(6);
    story.then("context#0 segment 1 on npu", "the oldest");
    assert_eq!(story.block().subnetwork, 1);
    // The load falls away.
    story.scheduler.set_active(story.id("other"), false, ms(2)).unwrap();
    story.then("drop other#0: Withdrawn", "its model is off");
    story.at(12).ends("npu");
    story.then("context#0 segment 2 on npu", "alone");
    assert_eq!(story.block().subnetwork, 1, "8 ms in 13 would do");
}

#[test]
fn a_frame_that_was_made_lighter_is_what_the_next_one_starts_from() {
    for (work_ms, first, second) in [(5, 0, 0), (6, 1, 1)] {
        let mut story = begun_heavy(work_ms);
        story.then("context#0 segment 1 on npu", "the oldest");
        assert_eq!(story.block().subnetwork, first);
        story.ends_by("npu", Path::Exit);
        story.then("other#0 segment 0 on npu", "alone");
        story.ends("npu");
        assert_eq!(taken_beside(&mut story, 50, "few"), second, "22 ms do for 20, but not less an eighth");
    }
}

#[test]
fn between_segments_without_a_switch_point_nothing_changes() {
    static PLAIN: [Segment<2>; 3] = Segment::table([npu(2), npu(10), npu(8)]);
    static LIGHTER: [Segment<2>; 3] = Segment::table([npu(2), npu(10), npu(3)]);
    static BOTH: [SubNetwork<'static, 2>; 2] =
        [SubNetwork::new("heavy", &PLAIN), SubNetwork::new("light", &LIGHTER).with_shared_prefix(2)];
    let mut story = story([Model::new("context", span_ms(25), &BOTH), model("other", 23, [npu(22)])]);
    assert_eq!(taken(&mut story), 0);
    story.at(2).release("other");
    assert_eq!(story.ends("npu").subnetwork, 0);
}

#[test]
fn switched_off_a_switch_point_is_passed_over() {
    let mut story = configured(Config::PLAIN, [context(), model("other", 23, [npu(22)])]);
    assert_eq!(taken(&mut story), 0);
    story.at(2).release("other");
    assert_eq!(story.ends("npu").subnetwork, 0);
}

#[test]
fn the_floor_holds_on_the_way_too() {
    let mut story = story([context().with_accuracy_floor(79_000), model("other", 23, [npu(22)])]);
    assert_eq!(taken(&mut story), 0);
    story.at(2).release("other");
    assert_eq!(story.ends("npu").subnetwork, 1, "the light one is below the floor");
}

const fn dsp(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([Cost::NONE, cost(latency_ms, 10 * latency_ms)])
}

/// Their second segments run on different accelerators.
static ON_NPU: [Segment<2>; 2] = Segment::table([npu(2), switch_here(20)]);
static ON_DSP: [Segment<2>; 2] = Segment::table([npu(2), dsp(3).with_switch_point()]);
static APART: [SubNetwork<'static, 2>; 2] = [
    SubNetwork::new("heavy", &ON_NPU).with_accuracy(80_000),
    SubNetwork::new("light", &ON_DSP).with_accuracy(79_000).with_shared_prefix(1),
];

#[test]
fn what_goes_on_lighter_is_placed_by_the_lighter_ones_costs() {
    let mut story = configured(SWITCHING, [Model::new("context", span_ms(25), &APART)]);
    assert_eq!(taken(&mut story), 0);
    assert_eq!(story.at(20).ends("npu").subnetwork, 1, "5 ms are left");
    story.then("context#0 segment 1 on dsp", "the lighter one's second segment cannot run on the npu");
    assert_eq!((story.block().subnetwork, story.block().expected), (1, cost(3, 30)));
}

// ---- accuracy --------------------------------------------------------------------------------

#[test]
fn the_accuracy_given_up_is_that_of_the_subnetwork_a_frame_ended_with() {
    let mut story = begun_heavy(22);
    story.then("context#0 segment 1 on npu", "the oldest");
    assert_eq!(story.tally("context").accuracy_given_up, 0, "not before it ends");
    story.at(5).ends("npu");
    assert_eq!(story.tally("context").accuracy_given_up, 80_000 - 76_000);
    story.scheduler.set_active(story.id("other"), false, ms(5)).unwrap();
    story.then("drop other#0: Withdrawn", "its model is off");

    story.at(50);
    assert_eq!(taken(&mut story), 0);
    story.ends_by("npu", Path::Exit);
    assert_eq!(story.tally("context").accuracy_given_up, 4_000, "the heaviest gives nothing up");
}

#[test]
fn a_frame_that_is_dropped_gives_up_no_accuracy() {
    let mut story = story([context(), model("other", 25, [npu(20)])]);
    story.release("other");
    story.then("other#0 segment 0 on npu", "alone");
    story.release("context");
    story.at(25).then("drop context#0: Stale", "it is due");
    assert_eq!(story.tally("context").accuracy_given_up, 0, "it was to be light, and is lost");
}

// ---- odd tables ------------------------------------------------------------------------------

/// A frame that would have nothing left to run on a lighter network goes on with its own.
#[test]
fn a_lighter_network_that_ends_at_the_switch_point_is_no_way_on() {
    static STEM: [Segment<2>; 1] = Segment::table([npu(2)]);
    static STEMMED: [SubNetwork<'static, 2>; 2] =
        [SubNetwork::new("heavy", &HEAVY), SubNetwork::new("stem", &STEM).with_shared_prefix(1)];
    let mut story = story([Model::new("context", span_ms(25), &STEMMED), model("other", 23, [npu(22)])]);
    assert_eq!(taken(&mut story), 0);
    story.at(2).release("other");
    assert_eq!(story.ends("npu").subnetwork, 0);
    story.then("context#0 segment 1 on npu", "it is not lost between two networks");
}

/// Heavier networks may have fewer segments; those that lack the switch point say nothing about it.
#[test]
fn heavier_networks_with_fewer_segments_do_not_hide_a_lighter_one() {
    static WHOLE: [[Segment<2>; 1]; 3] =
        [Segment::table([npu(30)]), Segment::table([npu(29)]), Segment::table([npu(28)])];
    static LONG: [Segment<2>; 2] = Segment::table([npu(2), switch_here(20)]);
    static SHORT: [Segment<2>; 2] = Segment::table([npu(2), switch_here(1)]);
    static FIVE: [SubNetwork<'static, 2>; 5] = [
        SubNetwork::new("thirty", &WHOLE[0]),
        SubNetwork::new("twenty-nine", &WHOLE[1]),
        SubNetwork::new("twenty-eight", &WHOLE[2]),
        SubNetwork::new("long", &LONG),
        SubNetwork::new("short", &SHORT).with_shared_prefix(1),
    ];
    let mut story = story([Model::new("context", span_ms(25), &FIVE), model("other", 23, [npu(10)])]);
    assert_eq!(taken(&mut story), 3, "22 ms in 25");
    story.at(2).release("other");
    assert_eq!(story.ends("npu").subnetwork, 4, "20 ms in 23, beside 10");
}

#[test]
fn a_network_of_unknown_accuracy_gives_up_none() {
    let heavy: &'static [Segment<2>] =
        Box::leak(Box::new(Segment::table([SegmentSpec::new([cost(10, 1); 2])])));
    let light: &'static [Segment<2>] =
        Box::leak(Box::new(Segment::table([SegmentSpec::new([cost(3, 1); 2])])));
    for (accuracy, given_up) in [(0, 0), (79_000, 1_000)] {
        let networks = [
            SubNetwork::new("heavy", heavy).with_accuracy(80_000),
            SubNetwork::new("light", light).with_accuracy(accuracy),
        ];
        let networks: &'static [SubNetwork<'static, 2>] = Box::leak(Box::new(networks));
        let config = Config { supernet: true, ..Config::PLAIN };
        let models = [Model::new("a", span_ms(5), networks)];
        let accelerators = ["npu", "dsp"].map(Accelerator::new);
        let mut story = Story::configured(Plain::default(), config, models, accelerators);
        story.release("a");
        story.then("a#0 segment 0 on npu", "the heavy one does not fit in 5 ms");
        assert_eq!(story.block().subnetwork, 1);
        story.at(3).ends("npu");
        assert_eq!(story.tally("a").accuracy_given_up, given_up);
    }
}
