//! The tuner's search, window by window, on costs that are told.

use sdrm3_core::{Tuner, Weight, Weights};

fn at(alpha: f64, beta: f64) -> Weights {
    Weights { alpha: Weight::from_f64(alpha).unwrap(), beta: Weight::from_f64(beta).unwrap() }
}

/// Windows of these costs, and the weights that each leads to.
#[track_caller]
fn told(tuner: &mut Tuner, windows: &[(f32, (f64, f64))]) {
    for (index, &(cost, (alpha, beta))) in windows.iter().enumerate() {
        tuner.window(cost);
        assert_eq!(tuner.weights(), at(alpha, beta), "behind window {index} of cost {cost}");
    }
}

/// One that has measured the cost of its first place twice, and tries the first neighbour now.
fn started(base: f32, again: f32) -> Tuner {
    let mut tuner = Tuner::new(Weights::default());
    told(&mut tuner, &[(9.0, (1.0, 1.0)), (base, (1.0, 1.0)), (again, (2.0, 1.0))]);
    tuner
}

/// One that has settled where it began, at this level.
fn settled(level: f32) -> Tuner {
    let mut tuner = started(level, level);
    while !tuner.is_settled() {
        tuner.window(2.0 * level);
    }
    assert_eq!((tuner.centre(), tuner.moves()), (Weights::default(), 0));
    tuner
}

#[test]
fn it_moves_to_the_best_neighbour_and_does_not_look_back() {
    let mut tuner = started(1.0, 1.0);
    told(&mut tuner, &[(0.9, (0.0, 1.0)), (0.75, (1.0, 2.0)), (0.75, (1.0, 0.0)), (0.95, (0.0, 1.0))]);
    assert_eq!((tuner.centre(), tuner.moves()), (at(0.0, 1.0), 1), "the first of the two best");
    // It came from +alpha, and below zero there is nothing: beta is next.
    told(&mut tuner, &[(0.75, (0.0, 2.0)), (0.6, (0.0, 0.0)), (0.9, (0.0, 2.0))]);
    assert_eq!((tuner.centre(), tuner.moves()), (at(0.0, 2.0), 2));

    // Measured again it is worse than where it came from: back, and not there a second time.
    told(&mut tuner, &[(1.2, (1.0, 1.0)), (0.9, (0.0, 0.0))]);
    assert_eq!(tuner.centre(), at(0.0, 1.0));
    // 0.65 of 0.75 is within the noise of a fifth that it has seen: half the step.
    told(&mut tuner, &[(0.65, (0.5, 1.0)), (0.9, (0.0, 1.5)), (0.9, (0.0, 0.5)), (0.9, (0.25, 1.0))]);
    told(&mut tuner, &[(0.9, (0.0, 1.25)), (0.9, (0.0, 0.75)), (0.9, (0.125, 1.0))]);
    told(&mut tuner, &[(0.9, (0.0, 1.125)), (0.9, (0.0, 0.875))]);
    assert!(!tuner.is_settled());
    told(&mut tuner, &[(0.9, (0.0, 1.0))]);
    assert!(tuner.is_settled(), "an eighth is the smallest step");
}

#[test]
fn a_move_that_turns_out_as_good_as_the_place_it_left_stands() {
    let mut tuner = started(1.0, 1.0);
    told(&mut tuner, &[(0.75, (0.0, 1.0)), (2.0, (1.0, 2.0)), (2.0, (1.0, 0.0)), (2.0, (2.0, 1.0))]);
    tuner.window(1.25);
    assert_eq!(tuner.centre(), at(2.0, 1.0), "1 on average, as before");
}

#[test]
fn a_gain_of_one_percent_or_of_the_noise_is_none() {
    let neighbours = |tuner: &mut Tuner, cost: f32| {
        for _ in 0..4 {
            tuner.window(cost);
        }
        tuner.moves()
    };
    assert_eq!(neighbours(&mut started(1.0, 1.0), 0.99), 0);
    assert_eq!(neighbours(&mut started(1.0, 1.0), 0.98), 1);
    // 3 and 3.3 differ by 0.3 of 6.3, which is 4.8 %: from 3.15 that is 3.
    assert_eq!(neighbours(&mut started(3.0, 3.3), 3.02), 0);
    assert_eq!(neighbours(&mut started(3.0, 3.3), 2.98), 1);
}

#[test]
fn half_a_step_within_the_range_is_worth_a_window() {
    let mut tuner = Tuner::new(at(0.5, 1.0));
    told(&mut tuner, &[(1.0, (0.5, 1.0)), (1.0, (0.5, 1.0)), (1.0, (1.5, 1.0)), (1.0, (0.0, 1.0))]);
    let mut tuner = Tuner::new(at(0.49, 1.0));
    told(&mut tuner, &[(1.0, (0.49, 1.0)), (1.0, (0.49, 1.0)), (1.0, (1.49, 1.0)), (1.0, (0.49, 2.0))]);
}

#[test]
fn it_settles_after_five_moves_though_there_is_better() {
    let mut tuner = Tuner::new(Weights::default());
    let (mut level, mut windows, mut centre) = (1.0, 0, tuner.centre());
    let mut tried = 0;
    while !tuner.is_settled() {
        if centre != tuner.centre() {
            (centre, tried) = (tuner.centre(), 0);
            level *= 0.8;
        }
        let is_probe = tuner.weights() != tuner.centre();
        tried += u32::from(is_probe);
        tuner.window(if is_probe && tried == 1 { 0.8 * level } else { level });
        windows += 1;
    }
    assert_eq!(tuner.moves(), 5);
    // Three to begin with, one for each of five places measured again, and 4 + 2 + 1 + 2 + 1 + 2 neighbours.
    assert_eq!(windows, 20, "it makes no smaller steps any more");
}

#[test]
fn half_as_much_again_is_a_shift_only_if_it_is_more() {
    let is_armed_by = |level: f32, costs: [f32; 2]| {
        let mut tuner = settled(level);
        for cost in costs {
            tuner.window(cost);
        }
        !tuner.is_settled()
    };
    assert!(!is_armed_by(1.0, [1.5, 1.5]), "just half as much again");
    assert!(is_armed_by(1.0, [1.51, 1.51]));
    assert!(!is_armed_by(1.5, [1.0, 1.0]), "just two thirds");
    assert!(is_armed_by(1.5, [0.99, 0.99]));
}

#[test]
fn the_level_follows_by_an_eighth() {
    let mut tuner = settled(1.0);
    tuner.window(1.4); // 1.05 now, and 1.575 is half as much again
    tuner.window(1.6);
    tuner.window(1.6);
    assert!(!tuner.is_settled(), "1.6 is a shift");

    let mut tuner = settled(1.0);
    for _ in 0..16 {
        tuner.window(1.4);
        assert!(tuner.is_settled());
    }
    tuner.window(1.9);
    tuner.window(1.9);
    assert!(tuner.is_settled(), "from 1.35, 1.9 is none");
}

#[test]
fn armed_while_frozen_it_stays_frozen() {
    let mut tuner = settled(1.0);
    tuner.freeze(true);
    tuner.arm();
    assert!(tuner.is_settled());
    tuner.freeze(false);
    assert!(!tuner.is_settled(), "and searches once it may");
}
