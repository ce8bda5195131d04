//! Every check finds the bugs that are planted for it, and is content without them.

use std::panic::{self, AssertUnwindSafe};

use oorandom::Rand32;
use sdrm3_check::case::Case;
use sdrm3_check::{Met, Planted, Scene, book, differential, runtime};

type Check = fn(&[u8], Planted);

const DISPATCH: Check = |bytes, planted| book(&Case::from_bytes(bytes), &Met::default(), planted);
const DIFFERENTIAL: Check = |bytes, planted| differential(&Case::from_bytes(bytes), planted);
const RUNTIME: Check = |bytes, planted| {
    runtime(&Scene::from_bytes(bytes), planted);
};

/// Looks at random cases, the same in every run; says what the first says that panics.
fn first_found(check: Check, planted: Planted) -> Option<String> {
    let mut random = Rand32::new(2022);
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..random.rand_range(100..1_000)).map(|_| random.rand_u32() as u8).collect();
        if let Err(found) = panic::catch_unwind(AssertUnwindSafe(|| check(&bytes, planted))) {
            let text = found.downcast_ref::<String>().cloned();
            return Some(text.or(found.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default());
        }
    }
    None
}

#[track_caller]
fn finds(check: Check, planted: Planted, says: &str) {
    let found = first_found(check, planted).unwrap_or_else(|| panic!("{} is not found", planted.name()));
    assert!(found.contains(says), "{}: {found}", planted.name());
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for check in [DISPATCH, DIFFERENTIAL, RUNTIME] {
        assert_eq!(first_found(check, Planted::None), None);
    }
}

#[test]
fn the_book_finds_what_is_planted_in_the_scheduler() {
    finds(DISPATCH, Planted::LostTicket, "totals are the sums of the events");
    finds(DISPATCH, Planted::AnsweredTwice, "a completion answers a block in flight, once");
    finds(DISPATCH, Planted::WrongPair, "the pair with the highest score runs, in the documented order");
}

#[test]
fn the_reference_differs_from_a_scheduler_that_takes_a_refused_block_for_a_lost_one() {
    finds(DIFFERENTIAL, Planted::Taken, "the scheduler, left, and the reference differ");
}

#[test]
fn the_runtime_is_found_out_when_it_loses_a_ticket_answers_it_twice_or_oversleeps() {
    finds(RUNTIME, Planted::LostTicket, "a block goes to an accelerator in service that has none");
    finds(RUNTIME, Planted::AnsweredTwice, "a completion answers a block in flight, once");
    finds(RUNTIME, Planted::NoWake, "when all is well again, everything comes to its end");
}
