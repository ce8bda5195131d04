//! The life of a frame for people: what goes on without anything new is told once.

use std::io::{self, Write};

use super::{Explanation, Pair, Step};
use crate::report::table;

impl Explanation {
    /// For people.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} of {}\n", self.frame, self.run)?;
        let mut steps = self.steps.as_slice();
        while let [step, rest @ ..] = steps {
            let told = match step {
                Step::Dispatched { .. } => tell_stretch(steps, out)?,
                step => {
                    tell(step, out)?;
                    1
                }
            };
            steps = if told > 1 { steps.get(told..).unwrap_or(&[]) } else { rest };
        }
        Ok(())
    }

    /// For programs: every decision.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

/// A line at an instant.
fn line(at_ms: f64, text: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{at_ms:>12.3} ms  {text}")
}

fn tell(step: &Step, out: &mut impl Write) -> io::Result<()> {
    match step {
        Step::Released { at_ms, deadline_ms } => {
            let left = deadline_ms - at_ms;
            line(*at_ms, &format!("released, due at {deadline_ms:.3} ms, which leaves {left:.3} ms"), out)
        }
        Step::Waited { from_ms, to_ms, decisions, taken, chosen, own } => {
            let own = match own {
                None => "no pair of this frame was possible: what it can run on was busy".into(),
                Some(own) if own.score == chosen.score => {
                    format!("{} is as good, but later by deadline, release, model or number", pair(own))
                }
                Some(own) => format!("the best pair of this frame was {}", pair(own)),
            };
            if *decisions == 1 {
                return line(*from_ms, &format!("waited: {} was taken; {own}", pair(chosen)), out);
            }
            let mut taken: Vec<_> = taken.iter().collect();
            taken.sort_by_key(|(model, count)| (std::cmp::Reverse(**count), model.as_str()));
            let taken: Vec<String> = taken.iter().map(|(model, count)| format!("{model} {count}")).collect();
            let until = if to_ms > from_ms { format!(" until {to_ms:.3} ms") } else { String::new() };
            let taken = taken.join(", ");
            line(*from_ms, &format!("waited while {decisions} decisions{until} took others: {taken}"), out)?;
            writeln!(out, "{:17}the last of them was {}; {own}", "", pair(chosen))
        }
        Step::Ended { .. } => Ok(()),
        Step::Lightened { at_ms, from, to } => {
            line(*at_ms, &format!("goes on in the lighter sub-network {to} instead of {from}"), out)
        }
        Step::Lost { at_ms, accelerator } => {
            line(*at_ms, &format!("{accelerator} failed: the block is lost, the frame is ready again"), out)
        }
        Step::Completed { at_ms, latency_ms, late_ms } => {
            let by = late_ms.abs();
            let when = if *late_ms > 0.0 {
                format!("LATE, {by:.3} ms past its deadline")
            } else {
                format!("in time, {by:.3} ms before its deadline")
            };
            line(*at_ms, &format!("complete after {latency_ms:.3} ms: {when}"), out)
        }
        Step::Dropped { at_ms, reason, why } => line(*at_ms, &format!("DROPPED, {reason}: {why}"), out),
        Step::Unfinished { at_ms, why } => line(*at_ms, &format!("not finished: {why}"), out),
        Step::Dispatched { .. } => Ok(()),
    }
}

fn pair(pair: &Pair) -> String {
    let score = pair
        .score
        .map_or_else(|| "which the policy does not want now".into(), |score| format!("at {}", number(score)));
    format!("{} on {} {score}", pair.frame, pair.accelerator)
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.4}") }
}

/// Blocks that follow each other on one accelerator without a wait: the first decision in full, of the
/// others what was closest. How many steps were told.
fn tell_stretch(steps: &[Step], out: &mut impl Write) -> io::Result<usize> {
    let Some(Step::Dispatched {
        at_ms,
        waited_ms,
        accelerator,
        subnetwork,
        first_segment,
        segments_of_network,
        expected_ms,
        switch_ms,
        switch_nj,
        candidates,
        ..
    }) = steps.first()
    else {
        return Ok(1);
    };
    let (mut told, mut blocks, mut next, mut end) = (0, 0u32, *first_segment, *at_ms);
    let (mut energy, mut closest): (u64, Option<(f64, f64, String)>) = (0, None);
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Dispatched {
                at_ms,
                waited_ms,
                accelerator: on,
                subnetwork: sub,
                first_segment,
                segments,
                candidates,
                ..
            } if index == 0 || (on == accelerator && sub == subnetwork && *waited_ms == 0.0) => {
                blocks += 1;
                next = first_segment + segments;
                if index > 0
                    && let [chosen, others @ ..] = candidates.as_slice()
                    && let Some(other) = others.iter().find(|other| other.frame != chosen.frame)
                    && let (Some(score), Some(other_score)) = (chosen.score, other.score)
                    && closest.as_ref().is_none_or(|(margin, ..)| score - other_score < *margin)
                {
                    closest = Some((score - other_score, *at_ms, other.frame.clone()));
                }
            }
            Step::Ended { at_ms, energy_nj } => {
                end = *at_ms;
                energy += u64::from(*energy_nj);
            }
            _ => break,
        }
        told = index + 1;
    }
    let waited = if *waited_ms > 0.0 { format!(" after a wait of {waited_ms:.3} ms") } else { String::new() };
    let last = next.saturating_sub(1);
    let which = match blocks {
        1 if last == *first_segment => format!("segment {first_segment}"),
        _ => format!("segments {first_segment} to {last}"),
    };
    let network = format!("{which} of {segments_of_network} in {subnetwork}");
    let text = format!(
        "on {accelerator}{waited}: {network}, until {end:.3} ms, {:.3} mJ in {blocks} block{}",
        energy as f64 / 1e6,
        if blocks == 1 { "" } else { "s" }
    );
    line(*at_ms, &text, out)?;
    if *switch_ms > 0.0 || *switch_nj > 0 {
        writeln!(out, "{:17}moving the accelerator here costs {switch_ms:.3} ms and {switch_nj} nJ", "")?;
    }
    let what = if blocks == 1 { "this decision" } else { "its first decision" };
    writeln!(out, "{:17}{what}, a block of {expected_ms:.3} ms:", "")?;
    tell_candidates(candidates, out)?;
    if blocks > 1 {
        let closest = closest.map_or_else(
            || "nobody else was ready for an idle accelerator".into(),
            |(margin, at, other)| {
                format!("the closest was at {at:.3} ms, {} ahead of {other}", number(margin))
            },
        );
        let others = match blocks {
            2 => "the other decision was".into(),
            n => format!("the other {} decisions were", n - 1),
        };
        writeln!(out, "{:17}{others} for it too: {closest}", "")?;
    }
    Ok(told.max(1))
}

fn tell_candidates(candidates: &[Pair], out: &mut impl Write) -> io::Result<()> {
    let with_terms = candidates.iter().any(|pair| pair.summands.is_some());
    let mut header = vec!["", "frame", "on", "score"];
    if with_terms {
        header.extend(["urgency", "starvation", "energy"]);
    }
    header.extend(["block ms", "slack ms", "switch nJ"]);
    let rows = candidates.iter().enumerate().map(|(index, pair)| {
        let mut row = vec![if index == 0 { "->" } else { "" }.to_string()];
        row.extend([pair.frame.clone(), pair.accelerator.clone()]);
        row.push(pair.score.map_or_else(|| "not now".into(), number));
        if with_terms {
            let summands = pair.summands.unwrap_or_default();
            row.extend(summands.map(|term| format!("{term:.4}")));
        }
        row.extend([format!("{:.3}", pair.latency_ms), format!("{:.3}", pair.slack_ms)]);
        row.push(pair.switch_nj.to_string());
        row
    });
    for row in table(&header, rows).lines() {
        writeln!(out, "{:17}{row}", "")?;
    }
    Ok(())
}
