//! What moving an accelerator costs beyond activations (`stories_switching.rs`): the table by previous and
//! next model, the weights of another model; and how much a model counts in UXCost.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, Config, Cost, Fault, JobView, MapScore, Model, ModelId, Scheduler, Segment, SegmentSpec,
    SubNetwork, Workload,
};
use story::{Plain, Story, model};

const KIB: u32 = 1024;

const fn npu(latency_ms: u32) -> SegmentSpec<2> {
    SegmentSpec::new([cost(latency_ms, 10), Cost::NONE])
}

/// Rows by the previous model: `a` to `b` takes 1 ms and 100 nJ, `b` to `a` 2 ms and 200 nJ; staying with
/// a model costs another 7 ns for `a` alone.
static TABLE: [Cost; 4] =
    [Cost::new(7, 0), Cost::new(1_000_000, 100), Cost::new(2_000_000, 200), Cost::new(0, 0)];

static A: [Segment<2>; 2] = Segment::table([npu(4), npu(4).with_activations(3 * KIB)]);
static B: [Segment<2>; 1] = Segment::table([npu(4)]);
static NET_A: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("a", &A).with_weights(16 * KIB)];
static NET_B: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("b", &B).with_weights(64 * KIB)];

/// `fixed` for any switch, 1 ns and 1 nJ per KiB; with or without the table.
fn story(fixed: Cost, table: &'static [Cost]) -> Story {
    preferring(Plain::default().score, fixed, table)
}

fn preferring(score: fn(&JobView<'_>) -> i64, fixed: Cost, table: &'static [Cost]) -> Story {
    let npu = Accelerator::new("npu").with_switch(fixed, Cost::new(1, 1)).with_switch_table(table);
    Story::configured(
        Plain { score, ..Plain::default() },
        Config::PLAIN,
        [Model::new("a", span_ms(50), &NET_A), Model::new("b", span_ms(50), &NET_B)],
        [npu, Accelerator::new("dsp")],
    )
}

/// The cost of the switch to the next block, which then runs to its end.
#[track_caller]
fn next(story: &mut Story, expected: &str) -> Cost {
    story.then(expected, "the oldest, the lowest");
    let switch = story.block().switch;
    story.ends("npu");
    switch
}

#[test]
fn the_first_model_fetches_its_weights_and_the_table_says_nothing() {
    let mut story = story(Cost::NONE, &TABLE);
    story.release("a");
    assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(16, 16), "there is no previous model");
    assert_eq!(next(&mut story, "a#0 segment 1 on npu"), Cost::NONE, "going on with a job is no switch");
}

#[test]
fn a_change_of_model_costs_its_entry_the_weights_and_the_traffic() {
    let mut story = story(Cost::new(5, 50), &TABLE);
    for (at, model) in [(0, "a"), (1, "b")] {
        story.at(at).release(model);
    }
    story.then("a#0 segment 0 on npu", "the oldest");
    story.ends("npu");
    story.scheduler.set_active(ModelId(0), false, story.now).unwrap();
    story.then("drop a#0: Withdrawn", "its model is off");
    assert_eq!(
        next(&mut story, "b#0 segment 0 on npu"),
        Cost::new(1_000_000 + 5 + 64, 100 + 50 + 64),
        "the entry a to b, any switch, 64 KiB of weights; what the withdrawn frame left is not spilled"
    );
    story.scheduler.set_active(ModelId(0), true, story.now).unwrap();
    story.release("a");
    assert_eq!(
        next(&mut story, "a#1 segment 0 on npu"),
        Cost::new(2_000_000 + 5 + 16, 200 + 50 + 16),
        "the entry b to a is another"
    );
    assert_eq!(next(&mut story, "a#1 segment 1 on npu"), Cost::NONE);
}

#[test]
fn another_frame_of_the_same_model_fetches_no_weights() {
    let mut story = story(Cost::NONE, &TABLE);
    for number in 0..2 {
        story.release("b");
        let expected = if number == 0 { Cost::new(64, 64) } else { Cost::NONE };
        assert_eq!(next(&mut story, &format!("b#{number} segment 0 on npu")), expected);
    }
    story.release("a");
    assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(2_000_016, 216));
    story.release("a");
    story.then("a#0 segment 1 on npu", "the lower number");
    story.ends("npu");
    assert_eq!(next(&mut story, "a#1 segment 0 on npu"), Cost::new(7, 0), "another job: the entry a to a");
}

#[test]
fn what_a_job_left_is_spilled_by_the_next_and_fetched_again() {
    let mut story = preferring(|job| i64::from(job.frame.model.0), Cost::NONE, &TABLE);
    story.release("a");
    assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(16, 16));
    story.release("b");
    assert_eq!(
        next(&mut story, "b#0 segment 0 on npu"),
        Cost::new(1_000_067, 167),
        "3 KiB out, 64 in, the table"
    );
    assert_eq!(
        next(&mut story, "a#0 segment 1 on npu"),
        Cost::new(2_000_019, 219),
        "3 KiB and 16 in, the table"
    );
}

/// It may have been reset, or without power: to expect too little would take the next block for a late one.
#[test]
fn what_a_fault_left_on_an_accelerator_is_fetched_again() {
    for fault in [Fault::BlockLost, Fault::Resting, Fault::OutOfService] {
        let mut story = story(Cost::NONE, &TABLE);
        story.release("a");
        assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(16, 16));
        story.fault("npu", fault);
        story.restore("npu");
        assert_eq!(
            next(&mut story, "a#0 segment 1 on npu"),
            Cost::new(16 + 3, 16 + 3),
            "{fault:?}: weights too"
        );
    }
}

#[test]
fn a_block_that_was_not_taken_moves_no_weights() {
    let mut story = story(Cost::NONE, &TABLE);
    story.release("b");
    assert_eq!(next(&mut story, "b#0 segment 0 on npu"), Cost::new(64, 64));
    story.release("a");
    story.then("a#0 segment 0 on npu", "alone");
    story.fault("npu", Fault::NotTaken);
    story.scheduler.set_active(ModelId(0), false, story.now).unwrap();
    story.then("drop a#0: Withdrawn", "its model is off");
    story.restore("npu");
    story.release("b");
    assert_eq!(next(&mut story, "b#1 segment 0 on npu"), Cost::NONE, "the weights of b are still there");
}

/// Refused for a moment: nothing has moved, so its own activations are where it left them.
#[test]
fn a_job_whose_block_was_not_taken_goes_on_where_it_was() {
    let mut story = story(Cost::NONE, &TABLE);
    story.release("a");
    assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(16, 16));
    story.then("a#0 segment 1 on npu", "it goes on");
    story.fault("npu", Fault::NotTaken);
    story.restore("npu");
    assert_eq!(next(&mut story, "a#0 segment 1 on npu"), Cost::NONE, "going on with a job is no switch");
}

/// Nor is what another job left there gone.
#[test]
fn what_a_job_left_is_there_still_if_the_block_of_another_was_not_taken() {
    let mut story = preferring(|job| i64::from(job.frame.model.0), Cost::NONE, &TABLE);
    story.release("a");
    assert_eq!(next(&mut story, "a#0 segment 0 on npu"), Cost::new(16, 16));
    story.release("b");
    story.then("b#0 segment 0 on npu", "preferred");
    story.fault("npu", Fault::NotTaken);
    story.restore("npu");
    assert_eq!(
        next(&mut story, "b#0 segment 0 on npu"),
        Cost::new(1_000_067, 167),
        "3 KiB out, 64 in, the table"
    );
}

#[test]
fn the_switch_is_part_of_the_expected_end_and_of_the_energy() {
    let mut story = story(Cost::new(1_000_000, 1_000), &[]);
    story.release("b");
    story.then("b#0 segment 0 on npu", "alone");
    let sdrm3_core::Activity::Busy { until } = story.scheduler.accelerators()[0].activity else {
        panic!("busy")
    };
    assert_eq!(until.as_nanos(), 5_000_064, "1 ms, 64 KiB at 1 ns, and the block's 4 ms");
    let report = story.ends("npu");
    assert_eq!((report.energy_nj, report.worst_energy_nj), (11_064, 11_064));
}

/// MapScore prefers the job that costs less to move to, if its energy counts.
#[test]
fn the_weights_of_a_model_speak_against_moving_to_it() {
    let models = [Model::new("a", span_ms(50), &NET_A), Model::new("b", span_ms(50), &NET_B)];
    let heavy = Accelerator::new("npu").with_switch(Cost::NONE, Cost::new(0, 100));
    let accelerators = [heavy, Accelerator::new("dsp")];
    let workload = Workload::new(&models, &accelerators);
    let mut scheduler =
        Scheduler::<_, 2, 4, 2>::new(&workload, MapScore::default(), Config::PLAIN).expect("valid");
    let mut chosen = Vec::new();
    for _ in 0..2 {
        for id in [1, 0] {
            scheduler.release(ModelId(id), ms(0)).unwrap();
        }
    }
    while let sdrm3_core::Action::Dispatch(block) = scheduler.poll(ms(0)) {
        chosen.push(block.frame.model.0);
        let done = sdrm3_core::Outcome::finished(ms(0)).with_path(sdrm3_core::Path::Exit);
        scheduler.complete(block.ticket, done, ms(0)).unwrap();
    }
    assert_eq!(chosen, [0, 0, 1, 1], "the lighter weights first, and no model is fetched twice");
}

// ---- how much a model counts -----------------------------------------------------------------

#[test]
fn the_weight_of_a_model_is_its_share_in_both_sums() {
    let uxcost = |percent| {
        let mut story = Story::new(
            Plain::default(),
            [model("a", 10, [npu(4)]).with_weight(percent), model("b", 30, [npu(4)])],
        );
        // `a` is late, `b` in time.
        story.release("a");
        story.then("a#0 segment 0 on npu", "alone");
        story.release("b");
        story.at(11).ends("npu");
        story.then("b#0 segment 0 on npu", "alone");
        story.ends("npu");
        story.scheduler.uxcost()
    };
    let [none, half, one, twice] = [0, 50, 100, 200].map(uxcost);
    assert_eq!((none.violation_rate_sum, none.energy_norm_sum), (0.5, 1.0), "only `b`: half a frame of one");
    assert_eq!((half.violation_rate_sum, half.energy_norm_sum), (1.0, 1.5));
    assert_eq!((one.violation_rate_sum, one.energy_norm_sum), (1.5, 2.0));
    assert_eq!((twice.violation_rate_sum, twice.energy_norm_sum), (2.5, 3.0));
    assert_eq!(one.value(), 3.0);
}
