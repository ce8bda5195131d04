//! Counters at their end: what a test cannot count up to is set beforehand.

use super::Scheduler;
use crate::config::Config;
use crate::event::{Action, DropReason, Outcome, Ticket};
use crate::policy::MapScore;
use crate::time::{Duration, Instant};
use crate::uxcost::Tally;
use crate::workload::{
    Accelerator, AcceleratorId, Cost, Model, ModelId, Segment, SegmentSpec, SubNetwork, Workload,
};

static SEGMENTS: [Segment<1>; 1] = Segment::table([SegmentSpec::new([Cost::new(1_000_000, 7)])]);
static NETWORKS: [SubNetwork<'static, 1>; 1] = [SubNetwork::new("only", &SEGMENTS)];
static MODELS: [Model<'static, 1>; 1] =
    [Model::new("eye", Duration::from_millis(9), &NETWORKS).with_latest_wins()];
static ACCELERATORS: [Accelerator<'static>; 1] = [Accelerator::new("npu")];
static WORKLOAD: Workload<'static, 1> = Workload::new(&MODELS, &ACCELERATORS);
const EYE: ModelId = ModelId(0);

type Small = Scheduler<'static, MapScore, 1, 2, 1>;

fn scheduler(config: Config) -> Small {
    Scheduler::new(&WORKLOAD, MapScore::default(), config).unwrap()
}

/// The next block, which ends at once.
fn run(scheduler: &mut Small, now: Instant) -> Ticket {
    let Action::Dispatch(block) = scheduler.poll(now) else { panic!("a frame waits") };
    scheduler.complete(block.ticket, Outcome::finished(now), now).unwrap();
    block.ticket
}

#[test]
fn tickets_come_around_and_old_ones_are_stale() {
    let mut scheduler = scheduler(Config::PLAIN);
    scheduler.next_sequence = u32::MAX;
    let tickets = [0, 1].map(|_| {
        scheduler.release(EYE, Instant::ZERO).unwrap();
        run(&mut scheduler, Instant::ZERO)
    });
    assert_eq!(tickets.map(|ticket| ticket.sequence), [u32::MAX, 0]);
    scheduler.release(EYE, Instant::ZERO).unwrap();
    let Action::Dispatch(third) = scheduler.poll(Instant::ZERO) else { panic!("a frame waits") };
    for ticket in tickets {
        assert!(!scheduler.is_in_flight(ticket));
        assert!(scheduler.complete(ticket, Outcome::finished(Instant::ZERO), Instant::ZERO).is_err());
    }
    assert_eq!(third.ticket, Ticket { accelerator: AcceleratorId(0), sequence: 1 });
    assert!(scheduler.is_in_flight(third.ticket));
}

#[test]
fn frame_number_zero_behind_the_last_one_is_the_newer() {
    let mut scheduler = scheduler(Config::PLAIN);
    scheduler.models[0].number = u32::MAX;
    let (last, _) = scheduler.release(EYE, Instant::ZERO).unwrap();
    let (first, _) = scheduler.release(EYE, Instant::ZERO).unwrap();
    assert_eq!([last.number, first.number], [u32::MAX, 0]);
    assert_eq!(scheduler.poll(Instant::ZERO), Action::Drop(last, DropReason::Superseded));
    run(&mut scheduler, Instant::ZERO);
    assert_eq!(scheduler.tallies[0].completed, 1, "the newer one");
}

#[test]
fn windows_come_around() {
    let mut scheduler = scheduler(Config::FULL);
    scheduler.windows = u32::MAX;
    let _ = scheduler.poll(Instant::from_millis(400));
    assert_eq!(scheduler.windows(), 0);
}

#[test]
fn tallies_stay_at_their_end() {
    let mut scheduler = scheduler(Config::PLAIN);
    let end = Tally {
        frames: u32::MAX,
        completed: u32::MAX,
        violated: u32::MAX,
        dropped: u32::MAX,
        energy_nj: u64::MAX,
        worst_energy_nj: u64::MAX,
        accuracy_given_up: u64::MAX,
    };
    scheduler.tallies[0] = end;
    let (frame, _) = scheduler.release(EYE, Instant::ZERO).unwrap();
    scheduler.give_up(frame, Instant::ZERO);
    run(&mut scheduler, Instant::ZERO);
    scheduler.release(EYE, Instant::ZERO).unwrap();
    let late = Instant::from_millis(9);
    assert!(matches!(scheduler.poll(late), Action::Drop(_, DropReason::Stale)));
    assert_eq!(scheduler.tallies[0], end);
}

/// The counters of a window are differences: exact until those of the run stay at their end.
#[test]
fn a_window_behind_years_of_frames_counts_its_own() {
    let mut scheduler = scheduler(Config::FULL);
    let years = Tally { frames: u32::MAX - 2, completed: u32::MAX - 2, ..Tally::default() };
    scheduler.tallies[0] = Tally { energy_nj: u64::MAX / 2, worst_energy_nj: u64::MAX / 2, ..years };
    let _ = scheduler.poll(Instant::from_millis(400));
    scheduler.release(EYE, Instant::from_millis(400)).unwrap();
    run(&mut scheduler, Instant::from_millis(400));
    let _ = scheduler.poll(Instant::from_millis(800));
    let window = scheduler.last_window();
    assert_eq!((window.violation_rate_sum, window.energy_norm_sum), (0.5, 1.0), "one frame, in time");
}
