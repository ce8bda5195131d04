//! What a headset runs, as static tables: six models on four accelerators.
//!
//! Latencies are what such networks take on accelerators of a headset, to the order of magnitude: what
//! counts here is that models prefer different accelerators, that one follows another, that one is a
//! supernet, and that the load has peaks.

use sdrm3_core::{
    Accelerator, Cost, Duration, Model, ModelId, Probability, Segment, SegmentSpec, SubNetwork, Workload,
};

/// How many accelerators there are.
pub const ACCELERATORS: usize = 4;

/// A segment from microseconds and microjoules on each accelerator, and KiB of activations; 0 us: not there.
const fn segment(on: [(u32, u32); ACCELERATORS], kib: u32) -> SegmentSpec<ACCELERATORS> {
    let mut costs = [Cost::NONE; ACCELERATORS];
    let mut i = 0;
    while i < ACCELERATORS {
        costs[i] = Cost::new(on[i].0 * 1_000, on[i].1 * 1_000);
        i += 1;
    }
    SegmentSpec::new(costs).with_activations(kib * 1_024)
}

//                       npu           gpu           dsp           cpu
static GAZE: [Segment<4>; 3] = Segment::table([
    segment([(500, 80), (900, 200), (1_200, 60), (4_000, 300)], 24),
    segment([(600, 100), (800, 180), (1_500, 80), (0, 0)], 32),
    segment([(300, 40), (700, 150), (600, 30), (1_800, 140)], 8),
]);
static HANDS: [Segment<4>; 4] = Segment::table([
    segment([(1_800, 300), (2_600, 620), (4_800, 250), (0, 0)], 96),
    segment([(2_200, 380), (2_400, 600), (5_200, 290), (0, 0)], 128),
    segment([(2_600, 450), (2_100, 500), (6_000, 340), (0, 0)], 64),
    segment([(900, 120), (1_300, 280), (1_500, 80), (6_000, 480)], 16),
]);
static POSE: [Segment<4>; 2] = Segment::table([
    segment([(1_500, 240), (1_900, 420), (3_200, 170), (0, 0)], 48),
    segment([(1_100, 170), (1_600, 350), (1_900, 110), (7_000, 560)], 24),
]);
static SCENE: [Segment<4>; 5] = Segment::table([
    segment([(2_500, 420), (2_800, 650), (7_500, 400), (0, 0)], 160),
    segment([(3_400, 590), (3_000, 700), (9_000, 480), (0, 0)], 128),
    segment([(3_600, 640), (3_200, 740), (9_500, 500), (0, 0)], 96),
    segment([(3_200, 560), (3_400, 780), (8_000, 420), (0, 0)], 64),
    segment([(1_200, 180), (2_000, 430), (2_400, 120), (9_000, 700)], 16),
]);
static SCENE_MIDDLE: [Segment<4>; 4] = Segment::table([
    segment([(2_500, 420), (2_800, 650), (7_500, 400), (0, 0)], 160),
    segment([(3_400, 590), (3_000, 700), (9_000, 480), (0, 0)], 128),
    segment([(2_000, 350), (2_100, 480), (5_000, 270), (0, 0)], 64).with_switch_point(),
    segment([(1_200, 180), (2_000, 430), (2_400, 120), (9_000, 700)], 16),
]);
static SCENE_LIGHT: [Segment<4>; 3] = Segment::table([
    segment([(2_500, 420), (2_800, 650), (7_500, 400), (0, 0)], 160),
    segment([(1_400, 240), (1_700, 380), (3_400, 180), (0, 0)], 64).with_switch_point(),
    segment([(800, 120), (1_400, 300), (1_600, 80), (6_000, 460)], 16),
]);
static DEPTH: [Segment<4>; 4] = Segment::table([
    segment([(3_000, 520), (2_000, 480), (8_000, 420), (0, 0)], 128),
    segment([(3_400, 600), (2_200, 520), (9_000, 460), (0, 0)], 128),
    segment([(3_200, 560), (2_100, 500), (8_500, 440), (0, 0)], 96),
    segment([(1_600, 260), (1_000, 230), (3_600, 190), (0, 0)], 64),
]);
static VOICE: [Segment<4>; 3] = Segment::table([
    segment([(0, 0), (1_500, 330), (900, 40), (2_200, 170)], 4),
    segment([(1_000, 150), (1_800, 400), (1_400, 70), (3_600, 280)], 8),
    segment([(600, 90), (1_200, 260), (800, 40), (2_000, 150)], 4),
]);

static GAZE_NETWORKS: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("gaze", &GAZE).with_weights(96 << 10)];
static HANDS_NETWORKS: [SubNetwork<'static, 4>; 1] =
    [SubNetwork::new("hands", &HANDS).with_weights(900 << 10)];
static POSE_NETWORKS: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("pose", &POSE).with_weights(400 << 10)];
static SCENE_NETWORKS: [SubNetwork<'static, 4>; 3] = [
    SubNetwork::new("scene", &SCENE).with_accuracy(76_900),
    SubNetwork::new("scene-middle", &SCENE_MIDDLE).with_accuracy(75_200).with_shared_prefix(2),
    SubNetwork::new("scene-light", &SCENE_LIGHT).with_accuracy(71_300).with_shared_prefix(1),
];
static DEPTH_NETWORKS: [SubNetwork<'static, 4>; 1] =
    [SubNetwork::new("depth", &DEPTH).with_weights(1_200 << 10)];
static VOICE_NETWORKS: [SubNetwork<'static, 4>; 1] =
    [SubNetwork::new("voice", &VOICE).with_weights(64 << 10)];

static MODELS: [Model<'static, 4>; 6] = [
    Model::new("gaze", Duration::from_micros(8_333), &GAZE_NETWORKS),
    Model::new("hands", Duration::from_micros(16_667), &HANDS_NETWORKS),
    Model::new("pose", Duration::from_micros(16_667), &POSE_NETWORKS)
        .after(ModelId(1), Probability::from_percent(60))
        .with_deadline(Duration::from_millis(30)),
    Model::new("scene", Duration::from_micros(16_667), &SCENE_NETWORKS),
    Model::new("depth", Duration::from_micros(16_667), &DEPTH_NETWORKS),
    Model::new("voice", Duration::from_millis(20), &VOICE_NETWORKS).with_weight(150),
];

/// A switch costs 10 us and 2 uJ, and 0.1 us and 20 nJ for each KiB moved.
static UNITS: [Accelerator<'static>; ACCELERATORS] = [
    Accelerator::new("npu").with_switch(Cost::new(10_000, 2_000), Cost::new(100, 20)),
    Accelerator::new("gpu").with_switch(Cost::new(10_000, 2_000), Cost::new(100, 20)),
    Accelerator::new("dsp").with_switch(Cost::new(10_000, 2_000), Cost::new(100, 20)),
    Accelerator::new("cpu"),
];

/// The headset.
pub static HEADSET: Workload<'static, ACCELERATORS> = Workload::new(&MODELS, &UNITS);
