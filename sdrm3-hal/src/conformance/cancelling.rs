//! Rules of `cancel`: each answer has its consequence, and the completion comes in any case.

use sdrm3_core::{AcceleratorId, Ticket};

use super::Rig;
use super::bench::{Bench, Check, skip};
use crate::queue::{CancelOutcome, Granularity};

pub(super) fn unknown<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    let never = Ticket { accelerator: AcceleratorId(0), sequence: b.next.wrapping_add(1_000_000) };
    b.expect_unknown(never)?;
    let past = b.start()?;
    b.drain()?;
    b.expect_unknown(past)?;
    b.fill()?;
    b.run_a_while();
    b.expect_unknown(never)?;
    b.expect_unknown(past)?;
    if let Some(Ticket { accelerator, sequence }) = b.flight.first().map(|flight| flight.ticket) {
        let accelerator = AcceleratorId(accelerator.0 ^ 1);
        b.expect_unknown(Ticket { accelerator, sequence })?; // of another queue
    }
    b.drain()?;
    b.expect_fates()
}

pub(super) fn queued<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    if b.depth() < 2 {
        return skip("it holds one block");
    }
    b.fill()?;
    let _ = b.poll();
    let Some(last) = b.flight.last().map(|flight| flight.ticket) else { return skip("blocks end at once") };
    consequence(b, last).map(|_| ())
}

pub(super) fn running<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.start()?;
    b.drain()?;
    let ticket = b.start()?;
    b.run_a_while();
    if b.flight.is_empty() {
        return skip("blocks end before they can be cancelled");
    }
    let answer = consequence(b, ticket)?;
    if answer == CancelOutcome::StopsAtBoundary {
        let granularity = b.capabilities().granularity;
        let whole = granularity == Granularity::Block;
        b.expect_of(ticket, !whole, "StopsAtBoundary, though only a reset stops its blocks")?;
        let through = b.ended.iter().any(|ended| ended.ticket == ticket && ended.result.is_ok());
        let past = granularity == Granularity::Slice && through;
        b.expect_of(ticket, !past, "StopsAtBoundary of a slice, yet it ran to its end")?;
    }
    b.ended.clear();
    b.start()?;
    b.drain()?;
    b.expect_fates()
}

/// Cancels a block in flight, and runs on until nothing is: does what comes of it fit the answer?
fn consequence<R: Rig>(b: &mut Bench<'_, R>, ticket: Ticket) -> Check<CancelOutcome> {
    let answer = b.cancel_known(ticket)?;
    let mut drained = b.runs_out();
    if !drained && answer == CancelOutcome::NeedsReset {
        let _ = b.reset();
        drained = b.runs_out();
    }
    b.expect_of(ticket, drained, "no completion behind a cancellation")?;
    b.expect_fates().map(|()| answer)
}

pub(super) fn once<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    for _ in 0..2 {
        b.fill()?;
        b.run_a_while();
        let mut needs_reset = false;
        let flight = b.flight.clone();
        for _ in 0..2 {
            for flight in &flight {
                needs_reset |= b.cancel_known(flight.ticket)? == CancelOutcome::NeedsReset;
            }
        }
        if needs_reset && !b.runs_out() {
            let _ = b.reset();
        }
        b.drain()?;
        b.linger();
        b.expect_no_stray()?;
    }
    Ok(())
}
