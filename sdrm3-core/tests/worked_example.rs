//! The numbers of `docs/src/worked-example.md`, computed.
//!
//! Every row of the chapter's tables of terms is formatted here from what the public functions and
//! the policy answer, and looked up in the chapter: neither can change without the other.

mod common;

use common::{Pair, Witness, cost, ms, span_ms};
use sdrm3_core::{
    Accelerator, Action, Config, Cost, Dispatch, Instant, Model, ModelId, NextWake, Outcome, Scheduler,
    Score, Segment, SegmentSpec, SubNetwork, Tally, Weight, Workload, score,
};

const CHAPTER: &str = include_str!("../../docs/src/worked-example.md");

const KIB: u32 = 1024;

static GAZE: [Segment<2>; 2] = Segment::table([
    SegmentSpec::new([cost(4, 30), cost(8, 30)]),
    SegmentSpec::new([cost(2, 20), cost(2, 10)]).with_activations(4 * KIB),
]);
static HANDS: [Segment<2>; 2] = Segment::table([
    SegmentSpec::new([cost(8, 80), cost(4, 20)]),
    SegmentSpec::new([cost(4, 40), cost(4, 20)]).with_activations(16 * KIB),
]);
static GAZE_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("gaze", &GAZE)];
static HANDS_NETWORK: [SubNetwork<'static, 2>; 1] = [SubNetwork::new("hands", &HANDS)];
static MODELS: [Model<'static, 2>; 2] =
    [Model::new("gaze", span_ms(14), &GAZE_NETWORK), Model::new("hands", span_ms(32), &HANDS_NETWORK)];
/// Nothing for the switch as such; 10 us and 1 uJ for each KiB of activations moved.
const SWITCH_PER_KIB: Cost = Cost::new(10_000, 1_000);
static ACCELERATORS: [Accelerator<'static>; 2] = [
    Accelerator::new("npu").with_switch(Cost::NONE, SWITCH_PER_KIB),
    Accelerator::new("dsp").with_switch(Cost::NONE, SWITCH_PER_KIB),
];
static WORKLOAD: Workload<'static, 2> = Workload::new(&MODELS, &ACCELERATORS);

type Example = Scheduler<'static, Witness, 2, 4, 2>;

/// What the chapter calls a row of its tables: one pair, all of its terms.
#[derive(Clone, Copy, Debug)]
struct Terms {
    urgency: f64,
    latency_preference: f64,
    starvation: f64,
    energy_preference: f64,
    switch: f64,
    score: f64,
}

/// The fixed-point divisions are right to 1 part in 2^14; all terms of the example are below 16.
const TOLERANCE: f64 = 16.0 / 16_384.0;

fn real(bits: u32, fraction_bits: u32) -> f64 {
    f64::from(bits) / f64::from(1u32 << fraction_bits)
}

fn real_score(score: Score) -> f64 {
    score.0 as f64 / f64::from(1u32 << score::SCORE_BITS)
}

/// The terms of a pair by the public functions, from the table and the times alone; checked against
/// what the policy made of the same pair.
fn terms(pair: &Pair, now: Instant) -> Terms {
    let model = &MODELS[usize::from(pair.frame.model.0)];
    let segment = &model.subnetworks[0].segments[usize::from(pair.segment_index)];
    let (info, on) = (segment.info(), segment.placements()[usize::from(pair.accelerator.0)]);

    let urgency = score::urgency(info.togo, pair.frame.deadline.saturating_since(now));
    let wait = now.saturating_since(pair.ready_since);
    let starvation = score::starvation(wait, info.mean_latency_ns);
    let switch = score::switch(pair.switch.energy_nj, on.energy_nj);
    assert_eq!(pair.weighed.urgency, urgency, "weigh() divides once per job");
    assert_eq!(pair.weighed.starvation_term, score::starvation_term(Weight::ONE, starvation));

    let sum = score::urgency_term(urgency, on.latency_preference)
        + score::starvation_term(Weight::ONE, starvation)
        + score::energy_term(Weight::ONE, on.energy_preference, switch);
    assert_eq!(pair.score, Score(sum), "score() is the sum of the three terms");
    Terms {
        urgency: real(urgency, score::URGENCY_BITS),
        latency_preference: real(on.latency_preference, score::PREFERENCE_BITS),
        starvation: real(starvation, score::SCORE_BITS),
        energy_preference: real(on.energy_preference, score::PREFERENCE_BITS),
        switch: real(switch, score::PREFERENCE_BITS),
        score: real_score(pair.score),
    }
}

/// Compares all pairs of the latest decision with hand-computed rows, and those with the chapter's.
fn check_pairs(scheduler: &Example, now: Instant, by_hand: &[(&str, [f64; 6])]) {
    let pairs = scheduler.policy().pairs.borrow();
    assert_eq!(pairs.len(), by_hand.len(), "number of pairs scored");
    for (name, hand) in by_hand {
        let named = |pair: &&Pair| {
            let model = MODELS[usize::from(pair.frame.model.0)].name;
            *name == format!("{model} on {}", ACCELERATORS[usize::from(pair.accelerator.0)].name)
        };
        let pair = pairs.iter().find(named).unwrap_or_else(|| panic!("{name} was not scored"));
        let got = terms(pair, now);
        let got = [
            got.urgency,
            got.latency_preference,
            got.starvation,
            got.energy_preference,
            got.switch,
            got.score,
        ];
        for (got, hand) in got.iter().zip(hand) {
            assert!((got - hand).abs() <= TOLERANCE, "{name}: {got} for {hand} by hand");
        }
        let [u, l, s, e, w, score] = hand;
        let row = format!("| {name} | {u} | {l} | {s} | {e} | {w} | **{score}** |");
        assert!(CHAPTER.contains(&row), "the chapter has no row {row}");
    }
}

fn dispatch(action: Action) -> Dispatch {
    let Action::Dispatch(block) = action else { panic!("a dispatch, not {action:?}") };
    block
}

#[test]
fn the_chapter_lists_the_costs_of_the_tables() {
    let mut rows = 0;
    for model in WORKLOAD.models {
        for (index, segment) in model.subnetworks[0].segments.iter().enumerate() {
            let [npu, dsp] = segment.placements();
            let row = format!(
                "| {} | {index} | {} | {} | {} | {} | {} |",
                model.name,
                npu.latency_ns / 1_000_000,
                dsp.latency_ns / 1_000_000,
                npu.energy_nj / 1_000,
                dsp.energy_nj / 1_000,
                segment.info().activation_bytes / KIB,
            );
            assert!(CHAPTER.contains(&row), "the chapter has no row {row}");
            rows += 1;
        }
    }
    assert_eq!(rows, 4);
}

#[test]
fn the_example_by_hand_is_the_example_by_the_scheduler() {
    let mut scheduler = Example::new(&WORKLOAD, Witness::default(), Config::PLAIN).unwrap();
    let (gaze, hands) = (ModelId(0), ModelId(1));
    scheduler.release(hands, ms(0)).unwrap();
    scheduler.release(gaze, ms(6)).unwrap();

    // Step 1, at 12 ms: two jobs, two idle accelerators. Nothing resident, so no switch.
    let now = ms(12);
    let first = dispatch(scheduler.poll(now));
    check_pairs(
        &scheduler,
        now,
        &[
            ("gaze on npu", [1.0, 3.0, 1.0, 2.0, 0.0, 6.0]),
            ("gaze on dsp", [1.0, 1.5, 1.0, 2.0, 0.0, 4.5]),
            ("hands on npu", [0.5, 1.5, 2.0, 1.25, 0.0, 4.0]),
            ("hands on dsp", [0.5, 3.0, 2.0, 5.0, 0.0, 8.5]),
        ],
    );
    assert_eq!((first.frame.model, first.ticket.accelerator.0), (hands, 1), "8.5 is the best");

    // The second dispatch at the same instant: one job, one idle accelerator.
    let second = dispatch(scheduler.poll(now));
    check_pairs(&scheduler, now, &[("gaze on npu", [1.0, 3.0, 1.0, 2.0, 0.0, 6.0])]);
    assert_eq!((second.frame.model, second.ticket.accelerator.0), (gaze, 0), "all that is left");
    assert_eq!(scheduler.poll(now), Action::Wait(NextWake::Idle), "both have started: nothing is due");

    // Step 2, at 16 ms: both blocks took 4 ms. Each accelerator holds its job's activations.
    let now = ms(16);
    for block in [first, second] {
        scheduler.complete(block.ticket, Outcome::finished(now), now).unwrap();
    }
    let third = dispatch(scheduler.poll(now));
    check_pairs(
        &scheduler,
        now,
        &[
            ("gaze on npu", [0.5, 2.0, 0.0, 1.5, 0.0, 2.5]),
            ("gaze on dsp", [0.5, 2.0, 0.0, 3.0, 2.0, 2.0]),
            ("hands on npu", [0.25, 2.0, 0.0, 1.5, 0.5, 1.5]),
            ("hands on dsp", [0.25, 2.0, 0.0, 3.0, 0.0, 3.5]),
        ],
    );
    assert_eq!((third.frame.model, third.ticket.accelerator.0), (hands, 1), "3.5 is the best");
    assert_eq!(third.switch, Cost::NONE, "it goes on where its activations are");
    let fourth = dispatch(scheduler.poll(now));
    assert_eq!((fourth.frame.model, fourth.ticket.accelerator.0), (gaze, 0));

    // Both are in time, and the sums of the chapter's last section follow.
    scheduler.complete(fourth.ticket, Outcome::finished(ms(18)), ms(18)).unwrap();
    scheduler.complete(third.ticket, Outcome::finished(ms(20)), ms(20)).unwrap();
    let tally = |energy_nj, worst_energy_nj| Tally {
        frames: 1,
        completed: 1,
        energy_nj,
        worst_energy_nj,
        ..Tally::default()
    };
    assert_eq!(scheduler.tallies(), [tally(50_000, 50_000), tally(40_000, 120_000)]);
    let uxcost = scheduler.uxcost();
    assert!((uxcost.value() - 4.0 / 3.0).abs() < 1e-12);
    assert!(CHAPTER.contains("UXCost = (1/2 + 1/2) * (50/50 + 40/120) = 4/3"));
}

/// Without the switch term the second step would swap the jobs: 4 for gaze on the dsp.
#[test]
fn the_switch_term_is_what_keeps_the_jobs_in_place() {
    static FREE: [Accelerator<'static>; 2] = [Accelerator::new("npu"), Accelerator::new("dsp")];
    static FREE_WORKLOAD: Workload<'static, 2> = Workload::new(&MODELS, &FREE);
    let mut scheduler = Example::new(&FREE_WORKLOAD, Witness::default(), Config::PLAIN).unwrap();
    scheduler.release(ModelId(1), ms(0)).unwrap();
    scheduler.release(ModelId(0), ms(6)).unwrap();
    for block in [scheduler.poll(ms(12)), scheduler.poll(ms(12))].map(dispatch) {
        scheduler.complete(block.ticket, Outcome::finished(ms(16)), ms(16)).unwrap();
    }
    let swapped = dispatch(scheduler.poll(ms(16)));
    assert_eq!((swapped.frame.model, swapped.ticket.accelerator.0), (ModelId(0), 1));
    assert!((real_score(swapped.score) - 4.0).abs() <= TOLERANCE);
    assert!(CHAPTER.contains("gaze would score 0.5 * 2 + 3 = 4 on the dsp"));
}
