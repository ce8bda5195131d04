//! Rules of power, weights, capabilities, health and bounded work.

use sdrm3_core::ModelId;

use super::Rig;
use super::bench::{Bench, Check, skip};
use crate::queue::{CancelOutcome, ErrorKind, Health, Power, Residency};

const NO_POWER: &str = "it does not switch power";

pub(super) fn power_levels<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for level in [Power::On, Power::Off, Power::Retained, Power::Off, Power::On, Power::Off] {
        let (first, second) = (b.set_power(level), b.set_power(level));
        b.expect(first.is_ok(), "an idle queue refused a level of power")?;
        b.expect(second == first, "setting a level twice is not the same as once")?;
    }
    let served_off = match b.submit() {
        (_, Ok(())) => true,
        (ticket, Err(kind)) => {
            b.expect_of(ticket, kind == ErrorKind::NotReady, "refused in Off, yet not as NotReady")?;
            false
        }
    };
    b.drain()?;
    let on = b.set_power(Power::On);
    b.expect(on.is_ok(), "it cannot be powered on again")?;
    b.start()?;
    b.drain()?;
    b.expect_fates()?;
    if served_off { skip(NO_POWER) } else { Ok(()) }
}

pub(super) fn power_busy<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let mut ignored = false;
    for level in [Power::Off, Power::Retained] {
        let ticket = b.start()?;
        b.run_a_while();
        if b.flight.is_empty() {
            return skip("blocks end before anything can happen to them");
        }
        match b.set_power(level) {
            Ok(()) => ignored = true,
            Err(kind) => b.expect_of(ticket, kind == ErrorKind::NotReady, "refused, yet not as NotReady")?,
        }
        b.drain()?;
        b.expect_fates()?;
        if ignored {
            // Fine for a queue without levels: then it still takes blocks.
            let (ticket, accepted) = b.submit();
            b.expect_of(ticket, accepted.is_ok(), "took the power although a block was in flight")?;
            b.drain()?;
        }
    }
    if ignored { skip(NO_POWER) } else { Ok(()) }
}

pub(super) fn residency<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let Some(mut block) = super::block::template() else { return skip("no block") };
    b.rig.fit(&mut block);
    let model = block.frame.model;
    b.prepare(model);
    b.linger();
    b.start()?;
    b.drain()?;
    if b.residency(model) != Residency::Resident {
        return skip("it never says that a model is resident");
    }
    if b.rig.retains() {
        return skip("the device keeps its weights over a reset");
    }
    let back = b.reset().is_ok();
    b.expect(back, "the device did not come back from a reset")?;
    let gone = b.residency(model) != Residency::Resident;
    b.expect(gone, "weights are resident behind a reset that lost them")
}

pub(super) fn prepare<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.fill()?;
    for model in 0..4 {
        b.prepare(ModelId(model));
        let _ = b.turn();
        b.prepare(ModelId(model));
    }
    b.drain()?;
    b.expect_fates()?;
    b.prepare(ModelId(0));
    b.linger();
    b.expect_no_stray()
}

pub(super) fn constant<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let first = b.capabilities();
    let same = |b: &mut Bench<'_, R>| {
        let same = b.capabilities() == first;
        b.expect(same, "capabilities changed")
    };
    b.fill()?;
    same(b)?;
    b.run_a_while();
    same(b)?;
    if let Some(flight) = b.flight.first().copied() {
        let _ = b.cancel(flight.ticket);
    }
    same(b)?;
    let _ = b.reset();
    same(b)?;
    b.drain()?;
    for level in [Power::Off, Power::On] {
        let _ = b.set_power(level);
        same(b)?;
    }
    Ok(())
}

pub(super) fn health<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let before = b.health();
    let mut last = before;
    for _ in 0..3 {
        b.fill()?;
        if let Some(flight) = b.flight.last().copied() {
            let _ = b.cancel(flight.ticket);
        }
        for _ in 0..2 {
            b.run_a_while();
            last = grown(b, last)?;
        }
        let _ = b.reset();
        last = grown(b, last)?;
        b.drain()?;
        last = grown(b, last)?;
    }
    let failed = b.failed;
    if failed > 0 && last == Health::default() {
        return skip("it keeps no account of its health");
    }
    b.expect(last.failed.wrapping_sub(before.failed) == failed, "Health::failed is not the number of errors")
}

/// The counters, none of which fell.
pub(super) fn grown<R: Rig>(b: &mut Bench<'_, R>, last: Health) -> Check<Health> {
    let health = b.health();
    let counters = |health: Health| {
        let Health { spurious, failed, corrupt, stale, retries, bus, resets } = health;
        [spurious, failed, corrupt, stale, retries, bus, resets]
    };
    let grown = counters(health).iter().zip(counters(last)).all(|(now, before)| *now >= before);
    b.expect(grown, "a counter of health fell").map(|()| health)
}

pub(super) fn bounded_work<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let Some(work) = b.rig.work() else { return skip("the rig does not count the driver's work") };
    for _ in 0..2 {
        b.fill()?;
        let _ = b.submit();
        b.prepare(ModelId(0));
        b.run_a_while();
        if let Some(flight) = b.flight.last().copied() {
            let _ = b.progress(flight.ticket);
            let _: CancelOutcome = b.cancel(flight.ticket);
        }
        if !b.runs_out() {
            let _ = b.reset();
        }
        b.drain()?;
        b.fill()?;
        let _ = b.reset();
        b.drain()?;
        let _ = b.set_power(Power::Off);
        let _ = b.set_power(Power::On);
    }
    b.expect(b.most_work > 0, "the rig counted no work at all")?;
    b.expect(b.most_work <= work.limit, "one call touched the device more often than documented")
}
