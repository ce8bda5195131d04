//! Rules of `submit` and of what answers it.

use super::bench::{Answer, Bench, Check, skip};
use super::{Rig, Verdict};
use crate::queue::{ErrorKind, Power};

const DEEPER: &str = "it is deeper than the suite counts";

pub(super) fn serves<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for _ in 0..3 {
        b.start()?;
        b.drain()?;
    }
    b.expect_fates()
}

pub(super) fn capacity<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let depth = b.capabilities().depth;
    b.expect(depth > 0, "a depth of 0")?;
    if b.is_deeper() {
        return skip(DEEPER);
    }
    for _ in 0..2 {
        b.fill()?;
        let (ticket, accepted) = b.submit();
        b.expect_of(ticket, accepted.is_err(), "accepted more blocks than it is deep")?;
        b.drain()?;
    }
    Ok(())
}

pub(super) fn full<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    if b.is_deeper() {
        return skip(DEEPER);
    }
    b.fill()?;
    for _ in 0..3 {
        let (ticket, accepted) = b.submit();
        b.expect_of(ticket, accepted == Err(ErrorKind::Full), "no room, yet the kind is not Full")?;
    }
    let depth = b.flight.len();
    b.drain()?;
    b.expect(b.ended.len() == depth, "not as many completions as blocks")?;
    b.expect_fates()
}

pub(super) fn all_or_nothing<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    // Refused for want of room.
    if !b.is_deeper() {
        b.fill()?;
        traceless(b, false)?;
    }
    // Refused for what it is.
    let Some(mut block) = super::block::template() else { return skip("no block") };
    b.rig.fit(&mut block);
    if b.rig.spoil(&mut block) {
        traceless(b, true)?;
    }
    // Refused for want of power.
    if b.set_power(Power::Off).is_ok() {
        traceless(b, false)?;
        if b.set_power(Power::On).is_err() {
            return Err(b.failure("it cannot be powered on again"));
        }
        b.linger();
        b.expect_no_stray()?;
    }
    Ok(())
}

/// Submits a block; if it is refused, nothing of it may be left.
fn traceless<R: Rig>(b: &mut Bench<'_, R>, spoiled: bool) -> Check {
    let sequence = b.next;
    b.next = b.next.wrapping_add(1);
    let (ticket, accepted) = b.submit_number(sequence, spoiled);
    if accepted.is_err() {
        b.expect_unknown(ticket)?;
        let none = b.progress(ticket).is_none();
        b.expect_of(ticket, none, "refused, yet it has progress")?;
    }
    b.drain()?;
    b.linger();
    let completed = accepted.is_err() && b.ended.iter().any(|ended| ended.ticket == ticket);
    b.expect_of(ticket, !completed, "refused, yet completed")
}

pub(super) fn once<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for _ in 0..2 {
        b.fill()?;
        b.drain()?;
        b.expect_no_stray()?;
    }
    b.linger();
    b.expect_no_stray()
}

pub(super) fn tickets<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for sequence in [u32::MAX, 0, 0x0001_0000, 0x8000_0100, 0x0102_0304] {
        let (ticket, accepted) = b.submit_number(sequence, false);
        b.expect_of(ticket, accepted.is_ok(), "a ticket of this number was refused")?;
        let drained = b.drain();
        b.expect_no_stray()?;
        drained?;
    }
    Ok(())
}

pub(super) fn order<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    if b.depth() < 2 {
        return skip("it holds one block");
    }
    // Keep it full for a while, then let it run out.
    for _ in 0..3 * b.depth().min(8) {
        b.fill()?;
        for _ in 0..b.patience() {
            if let Answer::Done(_) = b.turn() {
                break;
            }
        }
    }
    b.drain()?;
    b.expect_fates()?;
    b.expect_order()
}

pub(super) fn backlog<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    if b.depth() < 2 {
        return skip("it holds one block");
    }
    b.fill()?;
    let _ = b.poll();
    for _ in 0..b.patience() {
        b.step();
    }
    match b.drain() {
        Err(Verdict::Fail(_)) => Err(b.failure("blocks ended between two polls, and one was not handed out")),
        other => other,
    }?;
    b.expect_no_stray()?;
    b.expect_order()
}
