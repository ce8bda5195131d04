//! Limits on what comes of runs, for CI: fixed ones, and what an earlier run reached.

use clap::Args;
use serde::Deserialize;

use super::Failure;
use super::output::{OutputFile, Writing};
use crate::input::{InputError, Source, unknown_name};
use crate::report::{Check, Run, Unit, write_junit};
use crate::scenario::Scenario;

/// Exit codes, for the help of commands with gates.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 done; 1 a limit is exceeded, which is said on standard error; \
                                     2 bad input or an output that cannot be written.";

/// Options of commands that can be held against limits.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits (exit code 1 when one is exceeded)")]
pub(super) struct Gates {
    /// UXCost that no run may exceed
    #[arg(long, allow_negative_numbers = true, value_name = "X", value_parser = limit)]
    max_uxcost: Option<f64>,
    /// Share of a model's frames that may be violated, as 0.02 or 2%; repeat for several
    #[arg(long, value_name = "MODEL=RATE")]
    max_miss_rate: Vec<String>,
    /// Result of an earlier run (--format json): UXCost, and every model's misses and energy per frame, may not
    /// be worse
    #[arg(long, value_name = "FILE.json")]
    baseline: Option<String>,
    /// By how much they may be worse than the baseline, as 0.02 or 2% [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE", requires = "baseline", value_parser = share)]
    tolerance: Option<f64>,
    /// Also write the limits and whether they hold, for CI servers (JUnit)
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<String>,
}

/// [`Gates`], validated, before anything runs.
#[derive(Debug)]
pub(super) struct Limits {
    max_uxcost: Option<f64>,
    max_miss_rate: Vec<(String, f64)>,
    baseline: Option<(String, Vec<Earlier>)>,
    tolerance: f64,
    junit: Option<OutputFile>,
}

#[derive(Deserialize)]
struct Document {
    runs: Vec<Earlier>,
}

/// Of an earlier run, what is compared.
#[derive(Debug, Deserialize)]
struct Earlier {
    scenario: String,
    platform: String,
    policy: String,
    seed: u64,
    duration_ms: u32,
    uxcost: f64,
    models: Vec<EarlierModel>,
}

#[derive(Debug, Deserialize)]
struct EarlierModel {
    name: String,
    deadline_miss_rate: Option<f64>,
    energy_per_completed_frame_nj: Option<f64>,
}

fn limit(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| *number >= 0.0 && number.is_finite());
    number.ok_or_else(|| "give a number from 0".into())
}

fn share(text: &str) -> Result<f64, String> {
    match text.trim().strip_suffix('%') {
        Some(percent) => limit(percent.trim()).map(|percent| percent / 100.0),
        None => limit(text.trim()),
    }
    .map_err(|_| "give a share as 0.02 or 2%".into())
}

impl Gates {
    /// Checks the options against the scenarios that will run, and begins the report.
    pub(super) fn validate(&self, scenarios: &[&Scenario], writing: Writing) -> Result<Limits, InputError> {
        let names: Vec<&str> =
            scenarios.iter().flat_map(|scenario| &scenario.models).map(|model| model.name.as_str()).collect();
        let rate = |text: &String| {
            const OPTION: &str = "--max-miss-rate";
            let (model, rate) = text.rsplit_once('=').ok_or_else(|| {
                InputError::new(OPTION, format!("`{text}` is no limit"), "give MODEL=RATE, as in gaze=2%")
            })?;
            if !names.contains(&model) {
                return Err(unknown_name(OPTION, "model", model, &names));
            }
            let limit = share(rate)
                .map_err(|remedy| InputError::new(OPTION, format!("`{rate}` is no rate"), remedy))?;
            if limit > 1.0 {
                let what = format!("`{rate}` is more than all frames");
                return Err(InputError::new(OPTION, what, "give a share of at most 100%, as 0.02 or 2%"));
            }
            Ok((model.to_string(), limit))
        };
        let baseline = self.baseline.as_deref().map(|path| -> Result<_, InputError> {
            let source = Source::read(path)?;
            let document: Document = serde_json::from_str(&source.text).map_err(|error| {
                let remedy = "give a file that `--format json` printed";
                InputError::new(path, error.to_string(), remedy).at_line(error.line())
            })?;
            Ok((path.to_string(), document.runs))
        });
        Ok(Limits {
            max_uxcost: self.max_uxcost,
            max_miss_rate: self.max_miss_rate.iter().map(rate).collect::<Result<_, _>>()?,
            baseline: baseline.transpose()?,
            tolerance: self.tolerance.unwrap_or(0.0),
            junit: writing.optional("--junit", self.junit.as_deref())?,
        })
    }
}

/// A run by name.
fn label(run: &Run) -> String {
    format!("{} on {} under {}", run.scenario, run.platform, run.policy)
}

impl Limits {
    /// Holds runs against the limits: what came of each, the report among `written`.
    pub(super) fn check(self, runs: &[Run], written: &mut Vec<OutputFile>) -> Result<Verdict, InputError> {
        let mut checks = Vec::new();
        for run in runs {
            self.fixed(run, &mut checks);
            self.against_baseline(run, &mut checks)?;
        }
        if let Some(mut file) = self.junit {
            let labels: Vec<String> = runs.iter().map(label).collect();
            write_junit(&labels, &checks, &mut file).map_err(|error| file.fails(&error))?;
            written.push(file);
        }
        Ok(Verdict(checks))
    }

    fn fixed(&self, run: &Run, checks: &mut Vec<Check>) {
        let check = |what: String, source: &str, limit, got, unit| Check {
            run: label(run),
            what,
            source: source.into(),
            limit,
            got,
            unit,
        };
        if let Some(limit) = self.max_uxcost {
            checks.push(check("UXCost".into(), "--max-uxcost", limit, run.counted(), Unit::Plain));
        }
        for (name, limit) in &self.max_miss_rate {
            for model in run.models.iter().filter(|model| model.name == *name) {
                let got = model.metrics.deadline_miss_rate;
                let what = format!("share of deadlines that {name} missed");
                checks.push(check(what, "--max-miss-rate", *limit, got, Unit::Share));
            }
        }
    }

    fn against_baseline(&self, run: &Run, checks: &mut Vec<Check>) -> Result<(), InputError> {
        let Some((path, earlier)) = &self.baseline else { return Ok(()) };
        let missing = |what: String| {
            let remedy = "write the baseline again with the same options and `--format json`";
            Err(InputError::new(path, what, remedy))
        };
        let same = |earlier: &&Earlier| {
            (&earlier.scenario, &earlier.platform, &earlier.policy)
                == (&run.scenario, &run.platform, &run.policy)
                && (earlier.seed, earlier.duration_ms) == (run.seed, run.duration_ms)
        };
        let Some(earlier) = earlier.iter().find(same) else {
            let (seed, ms) = (run.seed, run.duration_ms);
            return missing(format!("it has no run of {} with seed {seed} over {ms} ms", label(run)));
        };
        let mut check = |what: String, before: f64, got: Option<f64>, unit| {
            let limit = before * (1.0 + self.tolerance);
            let source = match self.tolerance {
                0.0 => format!("baseline {path}"),
                tolerance => format!("baseline {path} and {} %", 100.0 * tolerance),
            };
            checks.push(Check { run: label(run), what, source, limit, got, unit });
        };
        check("UXCost".into(), earlier.uxcost, run.counted(), Unit::Plain);
        for model in &run.models {
            let Some(before) = earlier.models.iter().find(|other| other.name == model.name) else {
                return missing(format!("its run of {} has no model {}", label(run), model.name));
            };
            // A model of which no frame was due before, as of a cascade that is rarely taken, has no limit.
            if let Some(rate) = before.deadline_miss_rate {
                let what = format!("share of deadlines that {} missed", model.name);
                check(what, rate, model.metrics.deadline_miss_rate, Unit::Share);
            }
            let now = model.metrics.energy_per_completed_frame_nj;
            if let (Some(before), Some(_)) = (before.energy_per_completed_frame_nj, now) {
                check(format!("energy of {} per completed frame", model.name), before, now, Unit::Energy);
            }
        }
        Ok(())
    }
}

/// What came of the limits.
#[derive(Debug)]
pub(super) struct Verdict(Vec<Check>);

impl Verdict {
    /// Says which limits are exceeded, to standard error; the command fails then.
    pub(super) fn conclude(&self) -> Result<(), Failure> {
        let exceeded: Vec<_> = self.0.iter().filter(|check| check.is_exceeded()).collect();
        if exceeded.is_empty() {
            return Ok(());
        }
        let (bad, all) = (exceeded.len(), self.0.len());
        eprintln!("sdrm3-sim: {bad} of {all} limits {} exceeded", if bad == 1 { "is" } else { "are" });
        for check in exceeded {
            eprintln!("  {check}");
        }
        Err(Failure::Differs)
    }
}
