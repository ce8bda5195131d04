//! Every fault as a small story: what it does, that the runtime gets over it, that no frame is lost.

use bumpalo::Bump;
use sdrm3_core::{Config, Duration, Event, Instant, MapScore, Progress};

use super::plan::aim;
use super::recovery::Misses;
use super::run::run_hearing;
use super::*;
use crate::engine::Cell;
use crate::input::Source;
use crate::network::Library;
use crate::policy::{Method, Parameters, PolicyName};
use crate::scenario::{CostTable, Platform, Scenario, build};

/// Two models of 100 frames a second on two accelerators; a frame of each takes 6 ms in two layers, so one
/// accelerator is not enough. `c` runs on half of the frames of `b`.
const SCENARIO: &str = "\
name = 'story'
[[model]]
name = 'a'
network = 'a'
fps = 100
[[model]]
name = 'b'
network = 'b'
fps = 100
[[model]]
name = 'c'
network = 'c'
depends_on = 'b'
probability = 0.5
";

const COSTS: &str = "\
network,layer,kind,latency_ns,energy_nj
a,0,k0,3000000,10
a,0,k1,3000000,20
a,1,k0,3000000,10
a,1,k1,3000000,20
b,0,k0,3000000,20
b,0,k1,3000000,10
b,1,k0,3000000,20
b,1,k1,3000000,10
c,0,k0,1000000,10
c,0,k1,1000000,10
";

fn source(text: &str) -> Source {
    Source { origin: "story".into(), text: text.into() }
}

/// Gives the cell of the story, 2 s long, to a test.
fn in_cell(test: impl FnOnce(&Cell<'_>)) {
    let mut platform = String::from("name = 'story'\n");
    for index in 0..2 {
        platform += &format!(
            "[[accelerator]]\nname = 'n{index}'\nkind = 'k{index}'\ndataflow = 'ws'\npes = 1\n\
             noc_bytes_per_cycle = 1\nclock_mhz = 1\nswitch_ns = 0\nswitch_nj = 0\n"
        );
    }
    let (scenario, platform) =
        (Scenario::parse(&source(SCENARIO)).unwrap(), Platform::parse(&source(&platform)).unwrap());
    let memory = Bump::new();
    let costs = CostTable::parse(&source(COSTS)).unwrap();
    let workload = build(&scenario, &platform, &Library::zoo(), Some(&costs), &memory).unwrap();
    let duration = Duration::from_millis(2_000);
    test(&Cell {
        scenario: &scenario,
        platform: &platform,
        workload: &workload,
        recording: None,
        duration,
        seed: 1,
    });
}

fn ms(ms: u64) -> Instant {
    Instant::from_millis(ms)
}

/// A fault at accelerator 0 and model `a`, from 502 to 902 ms: while blocks are in flight.
fn strike(kind: Kind) -> Strike {
    Strike { kind, window: Window { from: ms(502), until: ms(902) }, accelerator: 0, model: 0 }
}

fn disturbed<'a>(cell: &Cell<'a>, strikes: &[Strike]) -> Disturbed<'a> {
    let disturbed = run(cell, MapScore::default(), Config::PLAIN, strikes, Mode::Supervised);
    assert_eq!(disturbed.ledger.unaccounted(), 0, "{strikes:?}");
    disturbed
}

/// Misses in percent of the frames due from and until these milliseconds.
fn missed(run: &Disturbed<'_>, from: u64, until: u64) -> u32 {
    let misses = Misses::of(run.ledger.accounts(), ms(2_000));
    (100.0 * misses.rate(Window { from: ms(from), until: ms(until) })).round() as u32
}

#[test]
fn without_faults_nothing_is_missed_and_every_frame_is_accounted_for() {
    in_cell(|cell| {
        let run = disturbed(cell, &[]);
        assert_eq!((missed(&run, 0, 2_000), run.strikes, run.trouble), (0, 0, Default::default()));
        let inputs = run.ledger.accounts().filter(|account| account.model.0 < 2).count();
        assert_eq!(inputs, 400, "200 of each, those of the last period included");
        let dependents = run.ledger.frames() - inputs;
        assert!((70..130).contains(&dependents), "half of 200: {dependents}");
    });
}

#[test]
fn an_accelerator_dies_and_returns_and_misses_rise_and_fall() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Death)]);
        assert_eq!(missed(&run, 0, 500), 0, "before");
        assert!(missed(&run, 550, 900) > 20, "{} %: one is not enough", missed(&run, 550, 900));
        assert_eq!(missed(&run, 1_400, 2_000), 0, "all is well again");
        // The trial at 602 ms fails, so it is reset before the next one: at 802 ms in vain, at 1202 ms it comes back.
        let trouble = run.trouble;
        assert_eq!((trouble.quarantines, trouble.resets, trouble.returns), (2, 2, 2), "{trouble:?}");
        let undisturbed = Misses::of(disturbed(cell, &[]).ledger.accounts(), ms(2_000));
        let misses = Misses::of(run.ledger.accounts(), ms(2_000));
        let time = recovery(&misses, &undisturbed, ms(902), cell.duration).expect("it recovers");
        assert!((250_000_000..450_000_000).contains(&time.as_nanos()), "{time:?}: with the trial at 1202 ms");
    });
}

#[test]
fn who_knows_of_a_death_uses_the_accelerator_again_at_once() {
    in_cell(|cell| {
        let mode = Mode::Knowing { use_slow: true, take_burst: true };
        let run = run(cell, MapScore::default(), Config::PLAIN, &[strike(Kind::Death)], mode);
        assert_eq!(run.ledger.unaccounted(), 0);
        assert!(missed(&run, 550, 900) > 20, "one is not enough");
        assert_eq!(missed(&run, 1_000, 2_000), 0, "nothing has to be found out");
        assert_eq!(run.trouble.quarantines, 1);
    });
}

#[test]
fn blocks_that_hang_are_reset_and_run_again() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Hang)]);
        assert!(run.strikes > 0 && run.trouble.resets == run.strikes, "{} {:?}", run.strikes, run.trouble);
        assert_eq!((run.trouble.failed_blocks, run.trouble.written_off), (run.strikes, 0));
        assert_eq!(missed(&run, 1_000, 2_000), 0);
    });
}

#[test]
fn a_slow_accelerator_makes_frames_late_and_nothing_else() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Slow)]);
        assert!(run.strikes > 20 && missed(&run, 500, 900) > 20, "{}", missed(&run, 500, 900));
        assert_eq!((run.trouble.timeouts, run.trouble.quarantines), (0, 0), "slow is not dead");
        assert_eq!(missed(&run, 1_200, 2_000), 0);
    });
}

#[test]
fn a_completion_that_never_comes_is_written_off() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Lost)]);
        assert!(run.strikes > 0 && run.trouble.written_off == run.strikes, "{:?}", run.trouble);
        assert_eq!(missed(&run, 1_300, 2_000), 0);
    });
}

#[test]
fn a_completion_that_is_a_little_late_is_waited_for() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Late)]);
        assert!(run.strikes > 1, "{}", run.strikes);
        assert!(
            run.trouble.timeouts > 0 && run.trouble.timeouts < run.strikes,
            "every second: {:?}",
            run.trouble
        );
        assert_eq!(missed(&run, 1_200, 2_000), 0);
    });
}

#[test]
fn a_completion_that_comes_twice_counts_once() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Duplicate)]);
        assert!(run.strikes > 0);
        assert_eq!(run.trouble.stale_completions, run.strikes, "ignored, and counted");
        assert_eq!(missed(&run, 0, 2_000), 0, "it costs nothing");
    });
}

#[test]
fn corrupt_completions_are_told_from_good_ones() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Corrupt)]);
        let trouble = run.trouble;
        assert!(run.strikes > 1);
        assert_eq!(trouble.failed_blocks, run.strikes.div_ceil(2), "its check fails: {trouble:?}");
        assert_eq!(trouble.stale_completions, run.strikes / 2, "a ticket that never was: {trouble:?}");
        assert_eq!(missed(&run, 1_300, 2_000), 0);
    });
}

#[test]
fn what_a_brown_out_takes_runs_again() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::BrownOut)]);
        assert!((1..=8).contains(&run.strikes), "{}: at most two each time", run.strikes);
        assert_eq!((run.trouble.failed_blocks, run.trouble.quarantines), (run.strikes, 0));
        assert_eq!(missed(&run, 1_000, 2_000), 0);
    });
}

/// A frame that waits when the clock jumps would be stale; these have all started.
#[test]
fn a_clock_that_jumps_makes_blocks_look_late_and_they_are_waited_for() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::ClockJump)]);
        assert_eq!((run.trouble.timeouts, run.trouble.resets), (2, 0), "both that ran: {:?}", run.trouble);
        assert_eq!(
            missed(&run, 0, 2_000),
            0,
            "neither then, nor while it stands still for 50 ms from 902 on"
        );
    });
}

#[test]
fn a_burst_overloads_and_passes() {
    in_cell(|cell| {
        let run = disturbed(cell, &[strike(Kind::Burst)]);
        let quiet = disturbed(cell, &[]);
        assert_eq!(run.strikes, 40 * 9, "nine more for each of 400 ms");
        let of_a = |run: &Disturbed<'_>| run.ledger.accounts().filter(|account| account.model.0 == 0).count();
        assert_eq!(of_a(&run), of_a(&quiet) + 360);
        assert!(missed(&run, 500, 900) > 50);
        assert_eq!(missed(&run, 1_300, 2_000), 0);
        assert_eq!(run.touched, 0b001, "not `b`, and not what depends on it");
    });
}

#[test]
fn every_case_of_the_campaign_is_accounted_for_under_every_policy() {
    in_cell(|cell| {
        let cases = cases(&Kind::ALL);
        assert_eq!(cases.len(), 11 + 11 * 10 / 2);
        for policy in PolicyName::ALL {
            let method = Method::new(policy, &[], Parameters::default());
            let report = of_cell(cell, &method, 2_000, &cases, || ());
            assert_eq!(report.unaccounted, 0, "{}", policy.name());
            let flipped = report.cases.iter().filter_map(|case| case.seen_at_start);
            assert_eq!(flipped.filter(|seen| *seen).count(), 11, "table, alone and with ten others");
        }
    });
}

#[test]
fn a_fault_strikes_at_the_same_alone_and_with_another_and_they_overlap() {
    in_cell(|cell| {
        let quiet = disturbed(cell, &[]);
        let usage = quiet.ledger.usage();
        let alone = aim(&[Kind::Death], cell, usage);
        let pair = aim(&[Kind::Death, Kind::Hang], cell, usage);
        assert_eq!(alone[0], pair[0]);
        assert!(pair.iter().all(|strike| (ms(500)..ms(700)).contains(&strike.window.from)), "{pair:?}");
        assert!(usage[pair[1].accelerator][pair[1].model] >= 4, "there is something to strike at");
        let other_seed = aim(&[Kind::Death, Kind::Hang], &Cell { seed: 2, ..*cell }, usage);
        assert_ne!(pair, other_seed);
    });
}

/// Runs the story with books that miss, or hear twice, of the fifth event that the choice picks.
fn with_ears(cell: &Cell<'_>, times: usize, choice: fn(&Event) -> bool) -> u32 {
    let mut count = 0;
    let heard = |event: &Event| {
        count += usize::from(choice(event));
        if choice(event) && count == 5 { times } else { 1 }
    };
    let policy = MapScore::default();
    let run = run_hearing(cell, policy, Config::PLAIN, &[strike(Kind::Death)], Mode::Supervised, heard);
    assert!(count >= 5);
    run.ledger.unaccounted()
}

#[test]
fn the_books_find_a_planted_lost_frame_and_a_planted_double_end() {
    let completes = |event: &Event| matches!(event, Event::Completed(report) if report.frame.model.0 == 0 && report.progress != Progress::More);
    let drops = |event: &Event| matches!(event, Event::Dropped(frame, _) if frame.model.0 == 0);
    let arises = |event: &Event| matches!(event, Event::Released(frame, _) if frame.model.0 == 2);
    in_cell(|cell| {
        for (times, choice) in [(0, completes as fn(&Event) -> bool), (2, completes), (0, drops), (2, drops)]
        {
            assert_eq!(with_ears(cell, times, choice), 1, "heard {times} times");
            assert_eq!(with_ears(cell, 1, choice), 0, "the control");
        }
        assert_eq!(with_ears(cell, 2, arises), 1, "a dependent frame that is released twice");
    });
}
