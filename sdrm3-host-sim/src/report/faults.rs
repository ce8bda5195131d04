//! The fault campaign: for people, as JSON and as CSV.

use std::io::{self, Write};

use serde::Serialize;

use super::{Format, geometric_mean, markdown, table};
use crate::faults::{CellReport, Kind, Survived};

/// Writes the reports of cells.
pub fn write_faults(cells: &[CellReport], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Table => write_table(cells, out),
        Format::Markdown => {
            write!(out, "{}", markdown(&HEADER, 1, rows(cells)))?;
            writeln!(out, "\n{}", verdict(cells))
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &Document { cells })?;
            writeln!(out)
        }
        Format::Csv => write_csv(cells, out),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    cells: &'a [CellReport],
}

const HEADER: [&str; 9] = [
    "fault",
    "strikes",
    "recovery ms",
    "worst",
    "never",
    "UXCost x ideal",
    "worst with",
    "untouched missed",
    "without",
];

fn write_table(cells: &[CellReport], out: &mut impl Write) -> io::Result<()> {
    let Some(cell) = cells.first() else { return Ok(()) };
    let CellReport { duration_ms, seed, .. } = cell;
    writeln!(
        out,
        "Faults, each alone in {} cells of {duration_ms} ms, seed {seed}, and in pairs\n",
        cells.len()
    )?;
    writeln!(out, "{}", table(&HEADER, rows(cells)))?;
    writeln!(out, "\n{}", verdict(cells))
}

/// A row per fault alone; its last but two columns name the partner with which it costs most.
fn rows(cells: &[CellReport]) -> Vec<Vec<String>> {
    let row = |kind: Kind| {
        let alone = Pooled::of(cells, &[kind])?;
        let others = Kind::ALL.into_iter().filter(|other| *other != kind);
        let pairs = others.filter_map(|other| Some((other, Pooled::of(cells, &[kind, other])?.ratio)));
        let worst = pairs.max_by(|a, b| a.1.total_cmp(&b.1));
        let ms = |value: Option<f64>| value.map_or("-".to_string(), |ms| format!("{ms:.0}"));
        Some(vec![
            kind.name().to_string(),
            alone.strikes.to_string(),
            ms(alone.median),
            ms(alone.longest),
            alone.never.to_string(),
            format!("{:.2}", alone.ratio),
            worst.map_or("-".into(), |(other, ratio)| format!("{} {ratio:.2}", other.name())),
            alone.missed.map_or("-".into(), |rate| format!("{:.1} %", 100.0 * rate)),
            alone.missed_undisturbed.map_or("-".into(), |rate| format!("{:.1} %", 100.0 * rate)),
        ])
    };
    Kind::ALL.into_iter().filter_map(row).collect()
}

/// What it all comes to.
fn verdict(cells: &[CellReport]) -> String {
    let frames: usize = cells.iter().map(|cell| cell.frames).sum();
    let unaccounted: u32 = cells.iter().map(|cell| cell.unaccounted).sum();
    let cases: usize = cells.iter().map(|cell| cell.cases.len()).sum();
    let never = cells.iter().flat_map(|cell| &cell.cases).filter(|case| case.recovery_ms.is_none()).count();
    let flipped: Vec<bool> =
        cells.iter().flat_map(|cell| &cell.cases).filter_map(|case| case.seen_at_start).collect();
    let seen = flipped.iter().filter(|seen| **seen).count();
    let bits = match flipped.len() {
        0 => String::new(),
        all => format!(" {seen} of {all} flipped bits of the tables were seen at the start."),
    };
    format!(
        "{cases} runs with faults: {unaccounted} of {frames} frames unaccounted for, {never} runs did not recover.{bits}"
    )
}

/// One case over all cells.
pub(super) struct Pooled {
    strikes: u32,
    /// Of the recovery times, in milliseconds; a run that does not recover comes last. `None`: it is one
    /// that does not.
    pub(super) median: Option<f64>,
    /// Of those that recover.
    longest: Option<f64>,
    /// How many do not.
    never: usize,
    /// Geometric mean of UXCost over that of the run that knows.
    pub(super) ratio: f64,
    /// Share of frames of untouched models missed, with and without the faults.
    missed: Option<f64>,
    missed_undisturbed: Option<f64>,
}

impl Pooled {
    /// The case of these faults, in whatever order; `None` if no cell has it.
    pub(super) fn of(cells: &[CellReport], kinds: &[Kind]) -> Option<Self> {
        let same = |case: &&Survived| {
            case.faults.len() == kinds.len() && kinds.iter().all(|kind| case.faults.contains(kind))
        };
        let cases: Vec<&Survived> = cells.iter().flat_map(|cell| &cell.cases).filter(same).collect();
        let mut times: Vec<f64> = cases.iter().filter_map(|case| case.recovery_ms).collect();
        times.sort_by(f64::total_cmp);
        cases.first()?;
        let untouched = cases.iter().filter_map(|case| case.untouched.as_ref());
        let (frames, missed, without) = untouched.fold((0, 0, 0), |(frames, missed, without), models| {
            (frames + models.frames, missed + models.missed, without + models.missed_undisturbed)
        });
        let share = |count: u32| (frames > 0).then(|| f64::from(count) / f64::from(frames));
        Some(Self {
            strikes: cases.iter().map(|case| case.strikes).sum(),
            median: times.get((cases.len() - 1) / 2).copied(),
            longest: times.last().copied(),
            never: cases.len() - times.len(),
            ratio: geometric_mean(cases.iter().filter_map(|case| case.uxcost_ratio)),
            missed: share(missed),
            missed_undisturbed: share(without),
        })
    }
}

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    platform: &'a str,
    policy: &'a str,
    seed: u64,
    duration_ms: u32,
    fault: &'a str,
    second_fault: &'a str,
    strikes: u32,
    frames: usize,
    unaccounted: u32,
    seen_at_start: Option<bool>,
    recovery_ms: Option<f64>,
    miss_rate_during: f64,
    miss_rate_after: f64,
    uxcost_during: Option<f64>,
    uxcost_after: Option<f64>,
    ideal_during: Option<f64>,
    ideal_after: Option<f64>,
    uxcost_ratio: Option<f64>,
    untouched_frames: Option<u32>,
    untouched_missed: Option<u32>,
    untouched_missed_undisturbed: Option<u32>,
}

fn write_csv(cells: &[CellReport], out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    for cell in cells {
        for case in &cell.cases {
            let name = |place: usize| case.faults.get(place).map_or("", |kind| kind.name());
            let untouched = case.untouched.as_ref();
            writer.serialize(Row {
                scenario: &cell.scenario,
                platform: &cell.platform,
                policy: &cell.policy,
                seed: cell.seed,
                duration_ms: cell.duration_ms,
                fault: name(0),
                second_fault: name(1),
                strikes: case.strikes,
                frames: case.frames,
                unaccounted: case.unaccounted,
                seen_at_start: case.seen_at_start,
                recovery_ms: case.recovery_ms,
                miss_rate_during: case.miss_rate_during,
                miss_rate_after: case.miss_rate_after,
                uxcost_during: case.uxcost_during,
                uxcost_after: case.uxcost_after,
                ideal_during: case.ideal_during,
                ideal_after: case.ideal_after,
                uxcost_ratio: case.uxcost_ratio,
                untouched_frames: untouched.map(|models| models.frames),
                untouched_missed: untouched.map(|models| models.missed),
                untouched_missed_undisturbed: untouched.map(|models| models.missed_undisturbed),
            })?;
        }
    }
    writer.flush()
}
