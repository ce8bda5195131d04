//! A long random run against the account: everything at once, in every order.

use sdrm3_core::{Duration, ModelId, Ticket};

use super::bench::{Answer, Bench, Check, Ended};
use super::measures::{energy_of, times_of};
use super::upkeep::grown;
use super::{Mishap, Rig};
use crate::queue::{CancelOutcome, ErrorKind, Power};

const SEED: u32 = 0x5d12_33ed;
const STEPS: u32 = 2_000;

pub(super) fn short<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    run(b, SEED, STEPS)
}

/// Marsaglia's xorshift: small, and the same everywhere.
struct Draws(u32);

impl Draws {
    /// Below `bound`, which is not zero.
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        // The upper half of a product: no division.
        ((u64::from(self.0) * u64::from(bound)) >> 32) as u32
    }
}

pub(super) fn run<R: Rig>(b: &mut Bench<'_, R>, seed: u32, steps: u32) -> Check {
    let mut draws = Draws(seed | 1);
    let (capabilities, depth) = (b.capabilities(), b.depth());
    let mut health = b.health();
    let mut past: Option<Ticket> = None;
    for _ in 0..steps {
        match draws.below(16) {
            0..=4 => submit(b, depth)?,
            5..=8 => past = poll(b)?.or(past),
            9..=11 => {
                let quarter = u32::try_from(b.rig.longest().as_nanos() / 4).unwrap_or(u32::MAX);
                b.rig.advance(Duration::from_nanos(u64::from(draws.below(quarter.max(1)))));
            }
            12 => cancel(b, &mut draws, past)?,
            13 if draws.below(4) == 0 => {
                let back = b.reset().is_ok();
                b.expect(back, "the device did not come back from a reset")?;
            }
            14 => {
                b.prepare(ModelId(draws.below(4) as u8));
                let _ = b.set_power(Power::On);
                let same = b.capabilities() == capabilities;
                b.expect(same, "capabilities changed")?;
            }
            15 if draws.below(4) == 0 => {
                // A device has room for so many answers: none must be left before one too many.
                while let Some(ticket) = poll(b)? {
                    past = Some(ticket);
                }
                if let Some(past) = past {
                    let _ = b.rig.strike(Mishap::LateAnswer(past));
                    let _ = poll(b)?;
                }
            }
            _ => {}
        }
        health = grown(b, health)?;
    }
    finish(b)
}

fn submit<R: Rig>(b: &mut Bench<'_, R>, depth: usize) -> Check {
    let room = b.flight.len() < depth;
    if !room && b.is_deeper() {
        return Ok(());
    }
    let (ticket, accepted) = b.submit();
    let (holds, why) = match accepted {
        Ok(()) => (room, "accepted more blocks than it is deep"),
        Err(ErrorKind::Full) => (!room, "Full though there was room"),
        Err(ErrorKind::NotReady) => (true, ""),
        Err(_) => (!room, "a valid block was refused though there was room"),
    };
    b.expect_of(ticket, holds, why)
}

/// The ticket that was completed, if one was.
fn poll<R: Rig>(b: &mut Bench<'_, R>) -> Check<Option<Ticket>> {
    match b.poll() {
        Answer::Done(ended) => {
            judge(b, &ended)?;
            b.ended.clear();
            Ok(Some(ended.ticket))
        }
        Answer::Idle => b.expect(b.flight.is_empty(), "Idle with a block in flight").map(|()| None),
        Answer::Waiting | Answer::CallAgain => Ok(None),
    }
}

fn judge<R: Rig>(b: &mut Bench<'_, R>, ended: &Ended) -> Check {
    let energy = b.capabilities().energy;
    b.expect_no_stray()?;
    b.expect_fates()?;
    b.expect_order()?;
    times_of(b, ended)?;
    energy_of(b, ended, energy)
}

fn cancel<R: Rig>(b: &mut Bench<'_, R>, draws: &mut Draws, past: Option<Ticket>) -> Check {
    let chosen = draws.below(b.flight.len() as u32 + 1) as usize;
    if let Some(flight) = b.flight.get(chosen).copied() {
        return b.cancel_known(flight.ticket).map(|_| ());
    }
    let Some(past) = past else { return Ok(()) };
    let unknown = b.cancel(past) == CancelOutcome::Unknown;
    b.expect_of(past, unknown, "the ticket is not in flight, yet the answer is not Unknown")
}

fn finish<R: Rig>(b: &mut Bench<'_, R>) -> Check {
    b.ended.clear();
    if !b.runs_out() {
        // Something may wait for its reset.
        let _ = b.reset();
    }
    b.drain()?;
    b.linger();
    b.expect_no_stray()?;
    b.expect_fates()
}
