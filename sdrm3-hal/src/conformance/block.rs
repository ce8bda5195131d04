//! A block as the scheduler makes them: only it can.

use sdrm3_core::{
    Accelerator, AcceleratorState, Action, Config, Cost, Dispatch, Duration, Instant, JobView, Model,
    ModelId, Offer, Policy, Scheduler, Score, Segment, SegmentSpec, SubNetwork, Workload,
};

/// Whatever is ready.
struct Any;

impl Policy for Any {
    type Weighed = Score;

    fn weigh(&self, _: &JobView<'_>, _: &[AcceleratorState], _: Instant) -> Score {
        Score::default()
    }

    fn score(&self, weighed: Score, _: &JobView<'_>, _: &Offer<'_>) -> Option<Score> {
        Some(weighed)
    }
}

static SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(1_000_000, 1_000)])]);
static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("block", &SEGMENTS)];
static MODELS: [Model<'static, 1>; 1] = [Model::new("block", Duration::from_millis(20), &NETWORKS)];
static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("queue")];
static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);

/// Some block; the workload is valid, so there always is one.
pub(super) fn template() -> Option<Dispatch> {
    let mut scheduler = Scheduler::<_, 1, 1, 1>::new(&WORKLOAD, Any, Config::PLAIN).ok()?;
    scheduler.release(ModelId(0), Instant::ZERO).ok()?;
    match scheduler.poll(Instant::ZERO) {
        Action::Dispatch(block) => Some(block),
        _ => None,
    }
}
