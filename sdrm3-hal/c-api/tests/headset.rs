//! The headset of `examples/headset.c` with the scheduler in Rust: the same decisions, line by line, and
//! the same hash over all of them. `run.sh` holds the C programs against the same text.

use sdrm3_core::{
    Accelerator, AcceleratorId, Action, Branch, Config, Cost, Dispatch, DropBudget, DropReason, Duration,
    Fault, Frame, Instant, Leftover, MapScore, Model, ModelId, NextWake, Outcome, Path, Policy, Probability,
    Progress, Refusal, Scheduler, Segment, SegmentSpec, SubNetwork, Workload,
};

type Headset = Scheduler<'static, MapScore, 8, 16, 4>;

const EYE: u8 = 0;
const GAZE: u8 = 1;
const HAND: u8 = 2;
const SCENE: u8 = 3;
const NPU: usize = 0;
const DSP: usize = 1;
const NAMES: [&str; 4] = ["eye", "gaze", "hand", "scene"];
const DEVICES: [&str; 2] = ["npu", "dsp"];

const fn on(npu: (u32, u32), dsp: (u32, u32)) -> SegmentSpec<4> {
    SegmentSpec::new([Cost::new(npu.0, npu.1), Cost::new(dsp.0, dsp.1), Cost::NONE, Cost::NONE])
}

const QUARTER: Branch = Branch::Exit { probability: Probability::from_percent(25) };
const HALF: Probability = Probability::from_percent(50);

static EYE_SEGMENTS: [Segment<4>; 3] = Segment::table([
    on((800_000, 90_000), (1_600_000, 60_000)),
    on((1_200_000, 140_000), (1_900_000, 80_000)),
    on((400_000, 50_000), (0, 0)),
]);
static GAZE_SEGMENTS: [Segment<4>; 2] = Segment::table([
    on((1_500_000, 160_000), (2_000_000, 110_000)),
    on((900_000, 100_000), (1_100_000, 70_000)),
]);
static HAND_SEGMENTS: [Segment<4>; 4] = Segment::table([
    on((3_000_000, 420_000), (5_200_000, 300_000)).with_activations(49_152),
    on((2_500_000, 350_000), (4_000_000, 260_000)).with_activations(24_576).with_branch(QUARTER),
    on((2_500_000, 350_000), (4_000_000, 260_000)).with_activations(24_576),
    on((0, 0), (900_000, 40_000)).with_activations(4_096),
]);
static SCENE_SEGMENTS: [Segment<4>; 3] = Segment::table([
    on((4_000_000, 600_000), (9_000_000, 500_000)).with_activations(150_528),
    on((9_000_000, 1_300_000), (16_000_000, 1_000_000)).with_activations(65_536).with_switch_point(),
    on((8_000_000, 1_200_000), (15_000_000, 900_000)).with_activations(65_536),
]);
static SCENE_LIGHT_SEGMENTS: [Segment<4>; 2] = Segment::table([
    on((4_000_000, 600_000), (9_000_000, 500_000)).with_activations(150_528),
    on((3_000_000, 450_000), (5_000_000, 350_000)).with_activations(65_536).with_switch_point(),
]);
static EYE_NETWORK: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("", &EYE_SEGMENTS).with_weights(65_536)];
static GAZE_NETWORK: [SubNetwork<'static, 4>; 1] =
    [SubNetwork::new("", &GAZE_SEGMENTS).with_weights(131_072)];
static HAND_NETWORK: [SubNetwork<'static, 4>; 1] = [SubNetwork::new("", &HAND_SEGMENTS)];
static SCENE_NETWORKS: [SubNetwork<'static, 4>; 2] = [
    SubNetwork::new("", &SCENE_SEGMENTS).with_accuracy(76_900),
    SubNetwork::new("", &SCENE_LIGHT_SEGMENTS).with_accuracy(74_200).with_shared_prefix(1),
];
static MODELS: [Model<'static, 4>; 4] = [
    Model::new("eye", Duration::from_nanos(16_666_667), &EYE_NETWORK),
    Model::new("gaze", Duration::from_nanos(16_666_667), &GAZE_NETWORK).after(ModelId(EYE), HALF),
    Model::new("hand", Duration::from_nanos(33_333_333), &HAND_NETWORK).with_weight(200),
    Model::new("scene", Duration::from_nanos(66_666_667), &SCENE_NETWORKS)
        .with_drop_budget(DropBudget::new(1, 8).unwrap())
        .with_latest_wins(),
];
static ACCELERATORS: [Accelerator<'static>; 2] = [
    Accelerator::new("npu").with_switch(Cost::new(20_000, 3_000), Cost::new(300, 40)),
    Accelerator::new("dsp").with_switch(Cost::NONE, Cost::new(500, 30)),
];
static WORKLOAD: Workload<'static, 4> = Workload::new(&MODELS, &ACCELERATORS);

const MS: u64 = 1_000_000;
const END: u64 = 119 * 16_666_667;
const SHOWN: u64 = 40 * MS;

/// What the program prints, and the hash of its decisions.
struct Log {
    text: String,
    hash: u64,
    decisions: u32,
}

impl Log {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text += "\n";
    }

    fn fold(&mut self, number: u64) {
        for byte in number.to_le_bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn note(&mut self, action: &Action, now: u64) {
        let (kind, reason, wake, frame, block) = match action {
            Action::Wait(NextWake::Idle) => (0, 0, 0, None, None),
            Action::Wait(NextWake::At(at)) => (1, 0, at.as_nanos(), None, None),
            Action::Dispatch(block) => (2, 0, 0, Some(block.frame), Some(block)),
            Action::Drop(frame, why) => (3, reason(*why), 0, Some(*frame), None),
        };
        self.decisions += 1;
        self.fold(now);
        self.fold(kind);
        self.fold(reason);
        self.fold(wake);
        self.fold(frame.map_or(0, |frame| u64::from(frame.model.0)));
        self.fold(frame.map_or(0, |frame| u64::from(frame.number)));
        self.fold(frame.map_or(0, |frame| frame.deadline.as_nanos()));
        self.fold(block.map_or(0, |block| u64::from(block.ticket.accelerator.0)));
        self.fold(block.map_or(0, |block| u64::from(block.ticket.sequence)));
        self.fold(block.map_or(0, |block| u64::from(block.first)));
        self.fold(block.map_or(0, |block| u64::from(block.count)));
        self.fold(block.map_or(0, |block| u64::from(block.subnetwork)));
        self.fold(block.map_or(0, |block| u64::from(block.expected.latency_ns)));
        self.fold(block.map_or(0, |block| u64::from(block.switch.latency_ns)));
        self.fold(block.map_or(0, |block| block.score.0 as u64));
        if let (Some(frame), true) = (frame, now < SHOWN) {
            let name = NAMES[usize::from(frame.model.0)];
            let (us, number) = (now / 1_000, frame.number);
            let what = block.map_or(format!(" is dropped, reason {reason}"), |block| {
                format!(" segment {} on {}", block.first, DEVICES[usize::from(block.ticket.accelerator.0)])
            });
            self.line(&format!("{us:6} us: {name}#{number}{what}"));
        }
    }
}

/// As the header numbers them.
fn reason(why: DropReason) -> u64 {
    match why {
        DropReason::Stale => 1,
        DropReason::Infeasible => 2,
        DropReason::Superseded => 3,
        DropReason::Withdrawn => 4,
        DropReason::Unplaceable => 5,
        other => panic!("{other:?} is none that this program meets"),
    }
}

/// A block that runs, since when and until when.
type Running = Option<(Dispatch, u64, u64)>;

fn duration(block: &Dispatch) -> u64 {
    let expected = u64::from(block.expected.latency_ns);
    let slower = (u64::from(block.frame.number) * 7 + u64::from(block.first) * 3) % 16;
    u64::from(block.switch.latency_ns) + expected + expected * slower / 64
}

fn gives_rise(parent: &Frame) -> bool {
    parent.model == ModelId(EYE) && parent.number.is_multiple_of(2)
}

fn lose_child(scheduler: &mut Headset, parent: &Frame, now: Instant) {
    if gives_rise(parent) {
        scheduler.lose_child(ModelId(GAZE), parent, now).expect("gaze is on");
    }
}

fn finish(scheduler: &mut Headset, block: &Dispatch, started: u64, now: u64) {
    let now = Instant::from_nanos(now);
    let mut outcome = Outcome::finished(now).with_start(Instant::from_nanos(started));
    if block.frame.model == ModelId(HAND) && block.first == 1 && block.frame.number % 4 == 3 {
        outcome = outcome.with_path(Path::Exit);
    }
    let report = scheduler.complete(block.ticket, outcome, now).expect("it is in flight");
    let frame: Frame = report.frame;
    if report.progress != Progress::More
        && gives_rise(&frame)
        && let Err(refused) = scheduler.release_child(ModelId(GAZE), &frame, now)
    {
        scheduler.give_up(refused.frame.expect("full"), now);
    }
}

fn release(scheduler: &mut Headset, model: u8, now: Instant) {
    match scheduler.release(ModelId(model), now) {
        Err(refused) if refused.why != Refusal::Inactive => {
            let frame = refused.frame.expect("full");
            scheduler.give_up(frame, now);
            lose_child(scheduler, &frame, now);
        }
        _ => {}
    }
}

fn run(scheduler: &mut Headset, log: &mut Log) {
    let mut devices: [Running; 2] = [None, None];
    let mut period: Vec<u64> = MODELS.iter().map(|model| model.period.as_nanos()).collect();
    let mut due = [0u64; 4];
    let (mut now, mut changes) = (0, 0);
    while now < END {
        let at = Instant::from_nanos(now);
        for device in &mut devices {
            if let Some((block, started, _)) = device.filter(|(.., ends)| *ends <= now) {
                *device = None;
                finish(scheduler, &block, started, now);
            }
        }
        let change = [500, 600, 800, 1_200, 1_400, 1_600, 1_650, 1_940, u64::MAX / MS][changes];
        if now >= change * MS {
            let device = if changes < 2 { DSP } else { NPU };
            let on = AcceleratorId(device as u8);
            match changes {
                0 | 5 | 7 => {
                    scheduler.fault(on, Fault::OutOfService, at).map(|_| ()).expect("known");
                    devices[device] = None;
                }
                1 | 6 => scheduler.restore(on, at).expect("known"),
                2 => {
                    period[usize::from(HAND)] = 16_666_667;
                    scheduler
                        .set_period(ModelId(HAND), Duration::from_nanos(16_666_667), at)
                        .expect("a root");
                }
                _ => _ = scheduler.set_active(ModelId(SCENE), changes == 4, at).expect("known"),
            }
            changes += 1;
        }
        for model in [EYE, HAND, SCENE] {
            let index = usize::from(model);
            if due[index] <= now {
                release(scheduler, model, at);
                due[index] += period[index];
            }
        }
        let wake = loop {
            let action = scheduler.poll(at);
            log.note(&action, now);
            match action {
                Action::Dispatch(block) => {
                    let device = &mut devices[usize::from(block.ticket.accelerator.0)];
                    *device = Some((block, now, now + duration(&block)));
                }
                Action::Drop(_, DropReason::Withdrawn) => {}
                Action::Drop(frame, _) => lose_child(scheduler, &frame, at),
                Action::Wait(wake) => break wake,
            }
        };
        let wake = if let NextWake::At(at) = wake { at.as_nanos() } else { END };
        let ends = devices.iter().flatten().map(|(.., ends)| *ends);
        let inputs = [EYE, HAND, SCENE].map(|model| due[usize::from(model)]);
        now = ends.chain(inputs).fold(wake.min(END), u64::min);
    }
    let mut left = 0;
    while let Some(leftover) = scheduler.close(Instant::from_nanos(END)) {
        log.fold(u64::from(matches!(leftover, Leftover::Overdue(_))));
        left += 1;
        if let Leftover::Overdue(frame) = leftover {
            lose_child(scheduler, &frame, Instant::from_nanos(END));
        }
    }
    log.line(&format!("frames left at the end: {left}"));
}

#[test]
fn the_headset_in_rust_decides_as_the_one_in_c() {
    let mut scheduler = Headset::new(&WORKLOAD, MapScore::default(), Config::FULL).expect("valid tables");
    let mut log = Log { text: String::new(), hash: 0xcbf2_9ce4_8422_2325, decisions: 0 };
    run(&mut scheduler, &mut log);
    for (tally, name) in scheduler.tallies().iter().zip(NAMES) {
        let line = format!(
            "{name:<5} frames {:3} completed {:3} violated {:2} dropped {:2} energy {:7} of {:7} uJ",
            tally.frames,
            tally.completed,
            tally.violated,
            tally.dropped,
            tally.energy_nj / 1_000,
            tally.worst_energy_nj / 1_000
        );
        log.line(&line);
    }
    let weights = scheduler.policy().weights().expect("it has");
    let (alpha, beta) = (weights.alpha.to_bits(), weights.beta.to_bits());
    let millionths = (scheduler.uxcost().value() * 1e6) as u64;
    log.line(&format!("UXCost {millionths} millionths, alpha {alpha:08x}, beta {beta:08x}"));
    let (decisions, hash) = (log.decisions, log.hash);
    log.line(&format!("decisions {decisions}, hash {hash:016x}"));
    assert!(decisions > 1_900, "a run that decides something");

    let printed_by_c = include_str!("../examples/headset.txt");
    let (timeline, _) = printed_by_c.split_once("\nbad calls").expect("the part before bad calls");
    assert_eq!(log.text, timeline);
}
