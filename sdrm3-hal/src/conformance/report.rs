//! What the suite found, as values and as a table.

use core::fmt;

use sdrm3_core::Instant;

/// What came of one rule on one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The queue keeps it.
    Pass,
    /// It does not.
    Fail(Failure),
    /// It could not be tried, and why.
    Skipped(&'static str),
}

/// How a rule was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was seen.
    pub why: &'static str,
    /// When, by the rig's clock.
    pub at: Instant,
    /// Number of the ticket that it was about, if it was about one.
    pub ticket: Option<u32>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {} ns", self.why, self.at.as_nanos())?;
        if let Some(ticket) = self.ticket {
            write!(f, ", ticket {ticket}")?;
        }
        f.write_str(")")
    }
}

/// One rule's verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's short name.
    pub rule: &'static str,
    /// What it asks.
    pub text: &'static str,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of every rule on one queue. Prints as a [`Table`] of one column.
#[derive(Clone, Debug)]
pub struct Report {
    /// The queue's name.
    pub queue: &'static str,
    /// One per rule, in their order.
    pub findings: [Finding; super::RULES],
}

impl Report {
    /// Whether no rule was broken. Skipped rules are not broken: read them.
    pub fn conforms(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The rules that were broken.
    pub fn failures(&self) -> impl Iterator<Item = (&Finding, Failure)> {
        self.findings.iter().filter_map(|finding| match finding.verdict {
            Verdict::Fail(failure) => Some((finding, failure)),
            Verdict::Pass | Verdict::Skipped(_) => None,
        })
    }

    /// What came of the rule of this name.
    pub fn verdict(&self, rule: &str) -> Option<Verdict> {
        self.findings.iter().find(|finding| finding.rule == rule).map(|finding| finding.verdict)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Table(core::slice::from_ref(self)).fmt(f)
    }
}

/// Rules by queues; below, why rules failed or were skipped.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a [Report]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else { return Ok(()) };
        write!(f, "{:<16}", "rule")?;
        for report in self.0 {
            write!(f, "  {:>4}", report.queue)?;
        }
        writeln!(f)?;
        for finding in &first.findings {
            write!(f, "{:<16}", finding.rule)?;
            for report in self.0 {
                let word = match report.verdict(finding.rule) {
                    Some(Verdict::Pass) => "pass",
                    Some(Verdict::Fail(_)) => "FAIL",
                    Some(Verdict::Skipped(_)) | None => "skip",
                };
                // As wide as the queue's name above it.
                write!(f, "  {word:>width$}", width = report.queue.len().max(4))?;
            }
            writeln!(f)?;
        }
        for Finding { rule, text, .. } in &first.findings {
            for (place, report) in self.0.iter().enumerate() {
                match report.verdict(rule) {
                    Some(Verdict::Fail(why)) => writeln!(f, "FAIL {}, {rule}: {why}; {text}", report.queue)?,
                    Some(Verdict::Skipped(why)) => self.skipped(f, rule, why, place)?,
                    Some(Verdict::Pass) | None => {}
                }
            }
        }
        Ok(())
    }
}

impl Table<'_> {
    /// One line for all queues on which a rule was skipped for the same reason, at the first of them.
    fn skipped(
        &self,
        f: &mut fmt::Formatter<'_>,
        rule: &str,
        why: &'static str,
        place: usize,
    ) -> fmt::Result {
        let same = |report: &&Report| report.verdict(rule) == Some(Verdict::Skipped(why));
        if self.0.iter().take(place).any(|report| same(&report)) {
            return Ok(());
        }
        write!(f, "skip {rule}: {why} (")?;
        for (place, report) in self.0.iter().filter(same).enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{}", report.queue)?;
        }
        writeln!(f, ")")
    }
}
