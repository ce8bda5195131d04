//! Rules of what a queue says of its blocks: times, progress, energy.

use sdrm3_core::Duration;

use super::Rig;
use super::bench::{Answer, Bench, Check, Ended, skip};
use crate::queue::Capabilities;

pub(super) fn times<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for round in 0..3 {
        b.fill()?;
        if round == 2 {
            b.run_a_while();
            let _ = b.reset();
        }
        b.drain()?;
    }
    // Half as much again, for what else goes on in the device.
    let longest = Duration::from_nanos(b.rig.longest().as_nanos().saturating_mul(3) / 2);
    b.ended.iter().try_for_each(|ended| {
        let ran = ended.result.map_or(Duration::ZERO, |end| end.finished.saturating_since(ended.started));
        b.expect_of(ended.ticket, ran <= longest, "it ran from when it was submitted, not from its start")?;
        times_of(b, ended)
    })
}

/// Submitted, started, finished, collected: in this order.
pub(super) fn times_of<R: Rig>(b: &Bench<'_, R>, ended: &Ended) -> Check {
    let Ended { ticket, submitted, started, collected, result, .. } = *ended;
    let early = submitted.is_some_and(|submitted| started < submitted);
    b.expect_of(ticket, !early, "started before it was submitted")?;
    b.expect_of(ticket, started <= collected, "started in the future")?;
    if let Ok(outcome) = result {
        b.expect_of(ticket, started <= outcome.finished, "finished before it started")?;
        b.expect_of(ticket, outcome.finished <= collected, "finished in the future")?;
        let same = outcome.started.is_none_or(|also| also == started);
        b.expect_of(ticket, same, "two different starts in one completion")?;
    }
    Ok(())
}

pub(super) fn device_time<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let ticket = b.start()?;
    let submitted = b.now();
    // Serve it promptly for the first half, then be late.
    let half = Duration::from_nanos(b.rig.longest().as_nanos() / 2);
    let (mut last, mut waits) = (b.poll(), false);
    while b.now().saturating_since(submitted) < half {
        last = b.turn();
        waits |= matches!(last, Answer::Waiting);
    }
    match last {
        Answer::Waiting => {}
        Answer::Idle | Answer::Done(_) if waits => return skip("its blocks end too early"),
        _ => return skip("its blocks move only while it is polled"),
    }
    for _ in 0..64 {
        b.step();
    }
    b.drain()?;
    let finished = b.ended.iter().find_map(|ended| ended.result.ok()).map(|outcome| outcome.finished);
    let Some(finished) = finished else { return b.fail(ticket, "a block ended with an error for no reason") };
    let twice = Duration::from_nanos(b.rig.longest().as_nanos().saturating_mul(2));
    b.expect_of(
        ticket,
        finished.saturating_since(submitted) <= twice,
        "finished when it was polled, not when the device did",
    )
}

pub(super) fn progress<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let ticket = b.start()?;
    let (mut first, mut last) = (None, None);
    for _ in 0..b.patience().saturating_mul(64) {
        match b.turn() {
            Answer::Done(_) => break,
            Answer::Idle => {}
            // Whatever it says when the block may have ended meanwhile is fine.
            Answer::Waiting | Answer::CallAgain => {
                let progress = b.progress(ticket);
                b.expect_of(ticket, last.is_none() || progress >= last, "progress fell while it ran")?;
                first = first.or(progress);
                last = progress.or(last);
            }
        }
    }
    b.drain()?;
    let none = b.progress(ticket).is_none();
    b.expect_of(ticket, none, "progress of a ticket that is gone")?;
    let Capabilities { progress: can, .. } = b.capabilities();
    if !can {
        b.expect_of(ticket, first.is_none(), "progress from a queue that says it has none")?;
        return skip("it says that it has no progress");
    }
    b.expect_of(ticket, first.is_some(), "no progress from a queue that says it has")?;
    b.expect_of(ticket, last > first, "progress never grew while a block ran to its end")
}

pub(super) fn energy<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.fill()?;
    b.drain()?;
    let can = b.capabilities().energy;
    b.ended.iter().try_for_each(|ended| energy_of(b, ended, can))
}

/// Measured by a queue that says that it measures, and by no other.
pub(super) fn energy_of<R: Rig>(b: &Bench<'_, R>, ended: &Ended, can: bool) -> Check {
    let measured = ended.result.ok().map(|outcome| outcome.energy_nj.is_some());
    b.expect_of(ended.ticket, measured != Some(true) || can, "energy from a queue that says it has none")?;
    b.expect_of(ended.ticket, measured != Some(false) || !can, "no energy from a queue that says it has")
}
