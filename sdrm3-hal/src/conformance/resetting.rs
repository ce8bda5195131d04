//! Rules of `reset`, and of a device that fails: nothing in flight is forgotten.

use super::bench::{Answer, Bench, Check, skip};
use super::{Mishap, Rig};
use crate::queue::AcceleratorQueue;

/// A full queue in the middle of its first block, on a device that has run one before.
fn busy<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.start()?;
    b.drain()?;
    b.fill()?;
    b.run_a_while();
    if b.flight.is_empty() { skip("blocks end before anything can happen to them") } else { Ok(()) }
}

fn reset<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    match b.reset() {
        Ok(()) => Ok(()),
        Err(_) => Err(b.failure("the device did not come back from a reset")),
    }
}

pub(super) fn completes<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    busy(b)?;
    reset(b)?;
    b.drain()?;
    b.expect_fates()
}

pub(super) fn once<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    busy(b)?;
    reset(b)?;
    reset(b)?;
    b.drain()?;
    b.linger();
    b.expect_no_stray()?;
    reset(b)?;
    reset(b)?;
    b.linger();
    b.expect_no_stray()
}

pub(super) fn usable<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for _ in 0..2 {
        busy(b)?;
        reset(b)?;
        b.drain()?;
        works_again(b)?;
    }
    Ok(())
}

/// All of its places can be filled, and every block ends with a result.
fn works_again<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.ended.clear();
    b.fill()?;
    b.drain()?;
    b.expect_fates()
}

pub(super) fn siblings<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let domain = b.capabilities().reset_domain;
    if domain.is_none() {
        return skip("it is reset alone");
    }
    let Some(mut block) = super::block::template() else { return skip("no block") };
    block.ticket.sequence = b.next;
    b.next = b.next.wrapping_add(1);
    b.rig.fit(&mut block);
    busy(b)?;
    let now = b.now();
    let Some(sibling) = b.rig.sibling() else { return skip("the rig has no sibling of it") };
    let (same, accepted) = (sibling.capabilities().reset_domain == domain, sibling.submit(now, &block));
    b.expect(same, "the sibling says another reset domain")?;
    b.expect(accepted.is_ok(), "the sibling refused a block")?;
    let cut = b.now();
    reset(b)?;
    b.drain()?;
    for _ in 0..2 * b.patience() {
        let now = b.now();
        let Some(sibling) = b.rig.sibling() else { return skip("the rig has no sibling of it") };
        if let crate::queue::Pump::Done(completion) = sibling.poll(now) {
            b.expect_of(block.ticket, completion.ticket == block.ticket, "the sibling completed another")?;
            let lost = completion.result.map_or(true, |outcome| outcome.finished <= cut);
            return b.expect_of(block.ticket, lost, "a sibling's block outlived the reset");
        }
        b.step();
    }
    b.fail(block.ticket, "a sibling's block was lost without a completion")
}

pub(super) fn late_answer<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    // The device answers behind a reset that gave up on it, then twice.
    busy(b)?;
    let Some(given_up) = b.flight.first().map(|flight| flight.ticket) else { return Ok(()) };
    reset(b)?;
    b.drain()?;
    let completed = b.start()?;
    b.drain()?;
    dropped(b, given_up)?;
    dropped(b, completed)?;
    // It must not be taken for the answer to a next block, whatever place that has, or however alike their
    // numbers are.
    b.ended.clear();
    let (alike, accepted) = b.submit_number(given_up.sequence ^ 1 << 31, false);
    b.expect_of(alike, accepted.is_ok(), "a valid block was refused though there was room")?;
    b.fill()?;
    dropped(b, given_up)?;
    dropped(b, completed)?;
    b.drain()?;
    b.expect_no_stray()?;
    b.ended.iter().try_for_each(|ended| {
        b.expect_of(ended.ticket, ended.result.is_ok(), "a late answer disturbed a next block")
    })
}

/// A late answer to this ticket completes nothing, and is counted.
fn dropped<R: Rig>(b: &mut Bench<'_, R>, ticket: sdrm3_core::Ticket) -> Check {
    let (before, flight) = (late_answers(b), b.flight.len());
    b.strike(Mishap::LateAnswer(ticket))?;
    // At once: a block in flight has not had the time to end by itself.
    for _ in 0..4 {
        if let Answer::Done(_) = b.poll() {
            return b.fail(ticket, "a late answer completed something");
        }
    }
    if flight == 0 {
        b.linger();
        b.expect_no_stray()?;
    }
    let counted = late_answers(b) > before;
    b.expect_of(ticket, counted, "a late answer was not counted in Health")
}

pub(super) fn two_answers<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let before = late_answers(b);
    b.start()?;
    b.strike(Mishap::TwoAnswers)?;
    unheard(b);
    b.drain()?;
    // The second one ends nothing: neither its own block again nor the next one.
    let next = b.start()?;
    for _ in 0..4 {
        if let Answer::Done(_) = b.poll() {
            return b.fail(next, "the second answer completed something");
        }
    }
    b.drain()?;
    b.linger();
    b.expect_no_stray()?;
    b.expect_fates()?;
    let counted = late_answers(b) > before;
    b.expect(counted, "the second answer was not counted in Health")
}

pub(super) fn overrun<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.fill()?;
    let _ = b.poll();
    b.strike(Mishap::Overrun)?;
    unheard(b);
    b.drain()?;
    b.expect_no_stray()?;
    b.expect_fates()?;
    works_again(b)
}

/// Everything in flight ends, and nobody polls.
fn unheard<R: Rig>(b: &mut Bench<'_, R>) {
    for _ in 0..b.patience() {
        b.step();
    }
}

/// Whether it was seen as an answer to nothing, or as a repeated one.
fn late_answers<R: Rig>(b: &mut Bench<'_, R>) -> u64 {
    let health = b.health();
    u64::from(health.spurious) + u64::from(health.stale)
}

pub(super) fn power_loss<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    struck(b, Mishap::PowerLoss)?;
    // Whether a reset brings it back or not: what is accepted is completed.
    let _ = b.reset();
    for _ in 0..b.depth() {
        let _ = b.submit();
    }
    b.drain()?;
    b.expect_no_stray()
}

pub(super) fn device_reset<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    struck(b, Mishap::DeviceReset)?;
    reset(b)?;
    b.drain()?;
    works_again(b)
}

pub(super) fn hang<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    struck(b, Mishap::Hang)?;
    reset(b)?;
    b.drain()?;
    works_again(b)
}

/// Something goes wrong with a busy device. Everything in flight must be answered with an error: at the
/// latest behind a reset, since a queue may have no way to see that its device is dead.
fn struck<R: Rig>(b: &mut Bench<'_, R>, mishap: Mishap) -> Check {
    busy(b)?;
    b.ended.clear();
    b.strike(mishap)?;
    if !b.runs_out() {
        let _ = b.reset();
    }
    b.drain()?;
    b.linger();
    b.expect_no_stray()?;
    b.expect_fates()
}
