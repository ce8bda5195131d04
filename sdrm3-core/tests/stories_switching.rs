//! Traces under a fake clock, continued: what moving an accelerator from one job to another costs.
//!
//! Every KiB of activations moved takes 1 us and 1 nJ, so a cost reads as KiB moved.

mod common;
#[path = "common/story.rs"]
mod story;

use common::{cost, ms};
use sdrm3_core::{Accelerator, Activity, Config, Cost, Fault, Model, Outcome, SegmentSpec};
use story::{Plain, Story, model};

const PER_KIB: Cost = Cost::new(1_000, 1);

const fn kib(n: u32) -> Cost {
    Cost::new(n * 1_000, n)
}

/// The first segment needs `needs` KiB at its start, the second 8 KiB.
fn two_segments(name: &'static str, needs: u32, costs: [Cost; 2], more: [Cost; 2]) -> Model<'static, 2> {
    model(
        name,
        50,
        [
            SegmentSpec::new(costs).with_activations(needs * 1_024),
            SegmentSpec::new(more).with_activations(8 * 1_024),
        ],
    )
}

fn story() -> Story {
    let on_npu = [cost(2, 10), Cost::NONE];
    let models = [
        two_segments("stays", 1, on_npu, on_npu),
        two_segments("moves", 2, on_npu, [Cost::NONE, cost(2, 10)]),
        two_segments("other", 4, on_npu, on_npu),
    ];
    Story::switching(Plain::default(), models, PER_KIB)
}

#[test]
fn a_job_that_goes_on_where_it_was_pays_nothing() {
    let mut story = story();
    story.release("stays");
    story.then("stays#0 segment 0 on npu", "alone");
    assert_eq!(story.block().switch, kib(1), "nothing to spill, its own KiB to fetch");
    let until = ms(2).saturating_add(sdrm3_core::Duration::from_micros(1));
    assert_eq!(story.scheduler.accelerators()[0].activity, Activity::Busy { until }, "the switch takes time");
    assert_eq!(story.ends("npu").energy_nj, 10_001, "and energy");
    story.then("stays#0 segment 1 on npu", "its next segment");
    assert_eq!(story.block().switch, Cost::NONE);
    assert_eq!(story.ends("npu").worst_energy_nj, 10_000);
}

#[test]
fn another_job_pays_for_what_is_spilled_and_what_is_fetched() {
    // The younger frame first, so that a job in the middle of its network is put aside.
    let youngest = Plain { score: |job| job.frame.release.as_nanos() as i64, ..Plain::default() };
    let models = [
        two_segments("first", 1, [cost(2, 10), Cost::NONE], [cost(2, 10), Cost::NONE]),
        two_segments("second", 4, [cost(2, 10), Cost::NONE], [cost(2, 10), Cost::NONE]),
    ];
    let mut story = Story::switching(youngest, models, PER_KIB);
    story.release("first");
    story.then("first#0 segment 0 on npu", "alone");
    story.at(2).release("second");
    story.ends("npu");
    story.then("second#0 segment 0 on npu", "younger");
    assert_eq!(story.block().switch, kib(8 + 4), "8 KiB that the first job needs next, 4 of its own");
    story.at(4);
    story.ends("npu");
    story.then("second#0 segment 1 on npu", "younger");
    story.at(6);
    story.ends("npu");
    story.then("first#0 segment 1 on npu", "alone");
    assert_eq!(story.block().switch, kib(8), "fetched back; the job that ended left nothing");
}

#[test]
fn a_job_that_ended_left_nothing_wherever_it_ran() {
    let mut story = story();
    story.release("moves");
    story.then("moves#0 segment 0 on npu", "only there");
    story.at(2);
    story.ends("npu");
    story.then("moves#0 segment 1 on dsp", "only there");
    assert_eq!(story.block().switch, kib(8), "it brings its activations");
    story.at(4);
    story.ends("dsp");
    story.release("other");
    story.then("other#0 segment 0 on npu", "only there");
    assert_eq!(story.block().switch, kib(4), "nobody needs what the ended job left on the npu");
    let last_jobs = story.scheduler.accelerators().iter().map(|state| state.last_job);
    assert_eq!(last_jobs.collect::<Vec<_>>(), [Some(story.block().job), None], "no ended job is named");
}

#[test]
fn a_dropped_job_left_nothing() {
    let tired = Plain { abandons: |job, now| job.started && now >= ms(2), ..Plain::default() };
    let models = [
        two_segments("given_up", 1, [cost(2, 10), Cost::NONE], [cost(2, 10), Cost::NONE]),
        two_segments("other", 4, [cost(2, 10), Cost::NONE], [cost(2, 10), Cost::NONE]),
    ];
    let mut story = Story::switching(tired, models, PER_KIB);
    story.release("given_up");
    story.then("given_up#0 segment 0 on npu", "alone");
    story.at(2);
    story.ends("npu");
    story.release("other");
    story.then("drop given_up#0: Abandoned", "the policy");
    story.then("other#0 segment 0 on npu", "alone");
    assert_eq!(story.block().switch, kib(4));
}

#[test]
fn a_faulty_accelerator_holds_nothing() {
    let mut story = story();
    story.release("stays");
    story.then("stays#0 segment 0 on npu", "alone");
    story.at(2);
    story.ends("npu");
    story.then("stays#0 segment 1 on npu", "goes on");
    story.fault("npu", Fault::BlockLost);
    story.then("stays#0 segment 1 on npu", "again");
    assert_eq!(story.block().switch, kib(8), "its activations have to be fetched anew");
}

#[test]
fn a_closed_run_leaves_nothing() {
    let mut story = story();
    story.release("stays");
    story.then("stays#0 segment 0 on npu", "alone");
    story.at(2);
    story.ends("npu");
    assert_eq!(story.close(ms(3)).len(), 1);
    story.release("other");
    story.then("other#0 segment 0 on npu", "alone");
    assert_eq!(story.block().switch, kib(4), "the frame of the run before needs nothing any more");
}

/// Measured energy replaces the table's, the switch included; the worst case stays that of the table.
#[test]
fn a_measured_energy_includes_the_switch() {
    let mut story = story();
    story.release("stays");
    story.then("stays#0 segment 0 on npu", "alone");
    let report = story.ends_with("npu", Outcome::finished(ms(0)).with_energy(7_777));
    assert_eq!((report.energy_nj, report.worst_energy_nj), (7_777, 10_001));
}

#[test]
fn a_fixed_cost_alone_is_paid_as_well() {
    let fixed = cost(1, 3);
    let accelerators = ["npu", "dsp"].map(|name| Accelerator::new(name).with_switch(fixed, Cost::NONE));
    let models = [model("a", 50, [SegmentSpec::new([cost(2, 10), Cost::NONE]); 2])];
    let mut story = Story::configured(Plain::default(), Config::PLAIN, models, accelerators);
    story.release("a");
    story.then("a#0 segment 0 on npu", "it is alone");
    assert_eq!(story.block().switch, fixed);
    story.at(3).ends("npu");
    story.then("a#0 segment 1 on npu", "it goes on");
    assert_eq!(story.block().switch, Cost::NONE, "with the job that it ran last");
}

#[test]
fn a_block_that_takes_its_time_and_that_of_the_switch_teaches_no_correction() {
    let config = Config { correction: true, ..Config::PLAIN };
    let accelerators = ["npu", "dsp"].map(|name| Accelerator::new(name).with_switch(cost(1, 3), Cost::NONE));
    let models = [model("a", 50, [SegmentSpec::new([cost(2, 10), Cost::NONE])])];
    let mut story = Story::configured(Plain::default(), config, models, accelerators);
    story.release("a");
    story.then("a#0 segment 0 on npu", "it is alone");
    story.at(3).ends("npu");
    let factor = story.scheduler.latency_factor(story.id("a"), Story::<Plain>::accelerator("npu"));
    assert_eq!(factor, Some(1.0), "2 ms and 1 ms for the switch");
}
