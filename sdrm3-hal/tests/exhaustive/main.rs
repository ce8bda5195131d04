//! Every history of a small system: the real scheduler and the real runtime, on devices that may do
//! whatever devices do, in every order, up to a number of failures. What is checked is in [`PROPERTIES`].
//!
//! The search is breadth first, so that what it finds is as short as can be. States are told apart by a
//! fingerprint of all that both hold, with times told from now and tickets from the next one, since nothing
//! but their differences matters to what follows.
//!
//! ```text
//! cargo test --release -p sdrm3-hal --test exhaustive -- --include-ignored --nocapture --test-threads 1
//! ```
//!
//! goes further than the tests that always run, and prints what it saw.

mod fingerprint;
mod ledger;
mod world;

use std::collections::HashSet;
use std::time::Instant as Clock;

use sdrm3_hal::Supervision;
use world::{Bounds, Choices, Plant, Step, World};

/// Of every state, and of every way to it.
const PROPERTIES: [&str; 9] = [
    "frames are conserved, and each ends once",
    "a dependent frame comes from a complete parent only, and is counted if its parent is lost",
    "one block at most is in flight on an accelerator, under a new ticket",
    "a ticket is answered once, and what is answered has really ended on the device",
    "a stale frame is dropped behind its deadline, not before",
    "the tallies are the sums of the events",
    "a poll keeps to the calls that it promises, and does not ask to be called for ever",
    "nothing would happen before the wake that is asked for",
    "once nothing fails any more, every frame ends",
];

/// What a search has seen.
#[derive(Debug)]
struct Seen {
    states: usize,
    transitions: u64,
    depth: usize,
}

/// How it comes to what must not be.
#[derive(Debug)]
struct Found {
    what: String,
    history: Vec<Step>,
}

/// Explores every history within the bounds.
fn explore(bounds: &Bounds) -> Result<Seen, Found> {
    let first = World::new(bounds);
    let mut known = HashSet::from([fingerprint::of(&first)]);
    // How each state was reached first: from which one, by which step.
    let mut reached: Vec<(usize, Step)> = vec![(0, Step::Poll)];
    let mut level = vec![(0, first)];
    let (mut transitions, mut depth) = (0, 0);
    while !level.is_empty() {
        let mut next = Vec::new();
        for (origin, world) in level {
            for step in world.steps() {
                let mut choices = Some(Choices::default());
                while let Some(chosen) = choices.take() {
                    let mut after = world.clone();
                    let ((), others, failures) = chosen.replay(world.failures, || after.take(step));
                    // Failures of the step itself, and of the choices within it: never both.
                    after.failures = after.failures.min(failures);
                    choices = others;
                    transitions += 1;
                    let is_new = known.insert(fingerprint::of(&after));
                    if !is_new && after.ledger.wrong.is_none() {
                        continue;
                    }
                    reached.push((origin, step));
                    if let Some(what) = fault_of(&after) {
                        return Err(Found { what, history: history(&reached, reached.len() - 1) });
                    }
                    next.push((reached.len() - 1, after));
                }
            }
        }
        depth += usize::from(!next.is_empty());
        level = next;
    }
    Ok(Seen { states: known.len(), transitions, depth })
}

/// What is wrong with a state, if anything.
fn fault_of(world: &World) -> Option<String> {
    if let Some(wrong) = &world.ledger.wrong {
        return Some(wrong.clone());
    }
    let (faults, ..) = Choices::default().replay(0, || {
        if world.sleeps_too_long() {
            return Some("it would sleep although there is something to do");
        }
        (!world.clone().comes_to_rest()).then_some("a frame never ends, although nothing fails any more")
    });
    faults.map(Into::into)
}

/// How a state was reached.
fn history(reached: &[(usize, Step)], mut state: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while state != 0 {
        let (origin, step) = reached[state];
        steps.push(step);
        state = origin;
    }
    steps.reverse();
    steps
}

const fn bounds(frames: [u8; 2], failures: u8) -> Bounds {
    Bounds { frames, failures, supervision: Supervision::DEFAULT, plant: Plant::Nothing }
}

fn holds(bounds: &Bounds) -> Seen {
    let clock = Clock::now();
    let seen = explore(bounds).unwrap_or_else(|Found { what, history }| panic!("{what}, by {history:#?}"));
    let (Bounds { frames: [faces, voices], failures, .. }, Seen { states, transitions, depth }) =
        (bounds, &seen);
    let seconds = clock.elapsed().as_secs_f64();
    println!(
        "{faces} with a dependent, {voices} without, {failures} failures: {states} states, {transitions} transitions, depth {depth}, {seconds:.1} s"
    );
    seen
}

#[test]
fn every_frame_ends_once_when_a_cascade_meets_a_failure() {
    let seen = holds(&bounds([1, 0], 1));
    assert!(seen.states > 1_500 && seen.depth > 10, "{seen:?}");
}

#[test]
fn every_frame_ends_once_when_a_frame_meets_two_failures() {
    let seen = holds(&bounds([0, 1], 2));
    assert!(seen.states > 1_500 && seen.depth > 10, "{seen:?}");
}

#[test]
fn every_frame_ends_once_when_there_is_no_room() {
    let seen = holds(&bounds([1, 2], 0));
    assert!(seen.states > 1_000, "{seen:?}");
}

#[test]
fn every_frame_ends_once_when_nothing_is_late_and_only_the_application_restores() {
    let seen = holds(&Bounds { supervision: Supervision::OFF, ..bounds([1, 0], 2) });
    assert!(seen.states > 1_000, "{seen:?}");
}

#[test]
#[ignore = "takes minutes; docs/src/trust.md has the command, a release build"]
fn every_frame_ends_once_in_longer_histories() {
    println!("in every state:");
    for property in PROPERTIES {
        println!("  {property}");
    }
    let mut states = 0;
    for (frames, failures) in [([2, 1], 0), ([1, 0], 2), ([1, 0], 3), ([0, 1], 4), ([1, 1], 1), ([2, 1], 1)] {
        states += holds(&bounds(frames, failures)).states;
    }
    println!("{states} states");
    assert!(states > 1_000_000, "{states}");
}

#[test]
fn planted_bugs_are_found() {
    let planted = |plant, frames, failures| {
        let found = explore(&Bounds { plant, ..bounds(frames, failures) }).expect_err("a bug was planted");
        println!("{plant:?}: {}, by {:?}", found.what, found.history);
        (found.what, found.history.len())
    };
    let (what, steps) = planted(Plant::TakesAnyInterrupt, [1, 0], 2);
    assert!(what.contains("has not ended") && steps < 12, "{what}");
    let (what, steps) = planted(Plant::SleepsThroughWakes, [1, 0], 1);
    assert!(what.contains("would sleep") && steps < 6, "{what}");
    let (what, steps) = planted(Plant::ForgetsRefused, [2, 1], 0);
    assert!(what.contains("released") && steps < 6, "{what}");
    let (what, steps) = planted(Plant::GivesUpTwice, [2, 1], 0);
    assert!(what.contains("goes from Dropped to Dropped") && steps < 6, "{what}");
}
