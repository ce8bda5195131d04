//! Limits that runs were held against, and the report of them that CI servers read: JUnit's XML.

use std::fmt;
use std::io::{self, Write};

use super::markup::escape;

/// A figure of a run, held against a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which run: scenario, platform, policy.
    pub run: String,
    /// Which figure: of UXCost, of a model.
    pub what: String,
    /// Where the limit comes from: an option, a file.
    pub source: String,
    /// What it must not exceed.
    pub limit: f64,
    /// What it is; `None` if no frame was counted, and then no limit holds.
    pub got: Option<f64>,
    /// How it is written.
    pub unit: Unit,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As it is.
    Plain,
    /// A share, in percent.
    Share,
    /// Nanojoules, in millijoules.
    Energy,
}

impl Check {
    /// Whether the figure exceeds the limit, by more than what writing numbers down may lose.
    pub fn is_exceeded(&self) -> bool {
        self.got.is_none_or(|got| got > self.limit + 1e-9 * self.limit.abs())
    }

    fn write(&self, value: f64) -> String {
        match self.unit {
            Unit::Plain => format!("{value:.4}"),
            Unit::Share => format!("{:.2} %", 100.0 * value),
            Unit::Energy => format!("{:.3} mJ", value / 1e6),
        }
    }
}

/// What, limit, got, by how much.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.write(self.limit);
        let Some(got) = self.got else {
            let Self { run, what, source, .. } = self;
            let remedy = "no frame was due and counted; give a longer --duration-ms";
            return write!(f, "{run}: {what} is unknown, limit {limit} ({source}): {remedy}");
        };
        write!(f, "{}: {} is {}, limit {limit} ({})", self.run, self.what, self.write(got), self.source)?;
        let over = got - self.limit;
        match self.unit {
            _ if !self.is_exceeded() => Ok(()),
            Unit::Share => write!(f, ": {:.2} percentage points above", 100.0 * over),
            _ if self.limit > 0.0 => write!(f, ": {:.2} % above", 100.0 * over / self.limit),
            _ => write!(f, ": {} above", self.write(over)),
        }
    }
}

/// A test suite for each run, a test case for each limit; a run without limits is one case that it ran.
pub fn write_junit(runs: &[String], checks: &[Check], out: &mut impl Write) -> io::Result<()> {
    let exceeded = checks.iter().filter(|check| check.is_exceeded()).count();
    let of_run = |run: &str| checks.iter().filter(|check| check.run == run).collect::<Vec<_>>();
    let tests: usize = runs.iter().map(|run| of_run(run).len().max(1)).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"sdrm3-sim\" tests=\"{tests}\" failures=\"{exceeded}\" errors=\"0\">")?;
    for run in runs {
        let checks = of_run(run);
        let failures = checks.iter().filter(|check| check.is_exceeded()).count();
        let (name, tests) = (escape(run), checks.len().max(1));
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">"
        )?;
        if checks.is_empty() {
            writeln!(out, "    <testcase classname=\"{name}\" name=\"runs\"/>")?;
        }
        for check in checks {
            let case = escape(&format!("{} ({})", check.what, check.source));
            if check.is_exceeded() {
                let message = escape(&check.to_string());
                writeln!(out, "    <testcase classname=\"{name}\" name=\"{case}\">")?;
                writeln!(out, "      <failure type=\"limit\" message=\"{message}\">{message}</failure>")?;
                writeln!(out, "    </testcase>")?;
            } else {
                writeln!(out, "    <testcase classname=\"{name}\" name=\"{case}\"/>")?;
            }
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: f64, got: f64, unit: Unit) -> Check {
        let (what, source) = ("UXCost".into(), "--max-uxcost".into());
        Check { run: "a & b".into(), what, source, limit, got: Some(got), unit }
    }

    #[test]
    fn an_exceeded_limit_says_what_limit_got_and_by_how_much() {
        let told = |limit, got, unit| check(limit, got, unit).to_string();
        assert_eq!(
            told(0.5, 0.6, Unit::Plain),
            "a & b: UXCost is 0.6000, limit 0.5000 (--max-uxcost): 20.00 % above"
        );
        assert!(
            told(0.05, 0.075, Unit::Share)
                .ends_with("is 7.50 %, limit 5.00 % (--max-uxcost): 2.50 percentage points above")
        );
        assert!(told(0.0, 2e6, Unit::Energy).ends_with(": 2.000 mJ above"));
        assert!(
            told(1.0, 1.0, Unit::Plain).ends_with("(--max-uxcost)"),
            "a limit that is met is not exceeded"
        );
        assert!(!check(0.1, 0.1 + 1e-16, Unit::Plain).is_exceeded(), "the last digit is no regression");
    }

    #[test]
    fn a_limit_on_what_was_not_measured_does_not_hold() {
        let unknown = Check { got: None, ..check(0.5, 0.0, Unit::Plain) };
        assert!(unknown.is_exceeded());
        assert_eq!(
            unknown.to_string(),
            "a & b: UXCost is unknown, limit 0.5000 (--max-uxcost): no frame was due and counted; give a longer \
             --duration-ms"
        );
    }

    #[test]
    fn the_xml_has_a_suite_for_each_run_and_escapes_names() {
        let checks = [check(0.5, 0.6, Unit::Plain), check(0.5, 0.4, Unit::Plain)];
        let mut xml = Vec::new();
        write_junit(&["a & b".into(), "other".into()], &checks, &mut xml).unwrap();
        let xml = String::from_utf8(xml).unwrap();
        assert!(xml.contains("tests=\"3\" failures=\"1\""), "{xml}");
        assert_eq!(xml.matches("<testsuite ").count(), 2);
        assert_eq!(xml.matches("<failure ").count(), 1);
        assert!(xml.contains("classname=\"a &amp; b\"") && !xml.contains("a & b"), "{xml}");
        assert!(xml.contains("<testcase classname=\"other\" name=\"runs\"/>"), "{xml}");
    }
}
