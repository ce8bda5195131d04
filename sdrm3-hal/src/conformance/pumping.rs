//! Rules of `poll`: when to sleep, when to call again.

use super::Rig;
use super::bench::{Answer, Bench, Check, skip};

pub(super) fn idle<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    comes_to_rest(b)?;
    for _ in 0..2 {
        b.fill()?;
        for _ in 0..b.patience() {
            let answer = b.turn();
            if b.flight.is_empty() {
                break;
            }
            b.expect(!matches!(answer, Answer::Idle), "Idle with a block in flight")?;
        }
        b.drain()?;
        comes_to_rest(b)?;
    }
    Ok(())
}

/// With nothing in flight it answers `Idle`, once it has done what it does of its own.
fn comes_to_rest<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for _ in 0..b.patience() {
        if let Answer::Idle = b.turn() {
            return Ok(());
        }
    }
    Err(b.failure("nothing in flight, yet not Idle"))
}

pub(super) fn waiting<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    if b.rig.events().is_none() {
        return skip("the rig does not count events");
    }
    let mut waited = false;
    for late in [false, false, true] {
        b.fill()?;
        let _ = b.poll();
        // What ends meanwhile has had its event.
        for _ in 0..if late { b.patience() } else { 0 } {
            b.step();
        }
        waited |= polled_at_events(b)?;
    }
    if waited { Ok(()) } else { skip("it never answers Waiting") }
}

/// A CPU that sleeps behind Waiting, and wakes at events alone, until nothing is in flight. The answer is
/// whether it slept.
fn polled_at_events<R: Rig>(b: &mut Bench<'_, R>) -> Check<bool> {
    let (mut waited, blocks) = (false, b.flight.len() + 1);
    for _ in 0..(b.rig.calls() as usize).saturating_mul(blocks).saturating_add(b.patience()) {
        let before = b.rig.events();
        match b.poll() {
            Answer::Waiting => {
                waited = true;
                sleep(b, before)?;
            }
            Answer::CallAgain => b.breathe(),
            Answer::Done(_) => {}
            Answer::Idle => break,
        }
    }
    b.expect(b.flight.is_empty(), "polled only at events, a block was not completed").map(|()| waited)
}

fn sleep<R: Rig>(b: &mut Bench<'_, R>, before: Option<u32>) -> Check {
    for _ in 0..b.patience() {
        if b.rig.events() != before {
            return Ok(());
        }
        b.step();
    }
    Err(b.failure("Waiting, and no event followed"))
}

pub(super) fn call_again<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let (mut called, limit) = (false, b.rig.calls());
    b.fill()?;
    let mut left = limit;
    for _ in 0..b.patience().saturating_mul(limit as usize) {
        match b.turn() {
            Answer::CallAgain => {
                called = true;
                left = left.saturating_sub(1);
                b.expect(left > 0, "called again more often than a block may take, and it did not end")?;
            }
            Answer::Done(_) => left = limit,
            Answer::Idle | Answer::Waiting => {}
        }
        if b.flight.is_empty() {
            break;
        }
    }
    if called { Ok(()) } else { skip("it never answers CallAgain") }
}
