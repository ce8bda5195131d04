//! What every policy makes of the built-in scenarios, as a small table that a change must not alter
//! unnoticed: `tests/golden/compare.csv`.
//!
//! A change that is meant writes it anew, and is judged by the difference:
//!
//! ```text
//! SDRM3_BLESS=1 cargo test -p sdrm3-host-sim --test golden && git diff sdrm3-host-sim/tests/golden
//! ```

use std::fmt::Write;

use bumpalo::Bump;
use sdrm3_core::Duration;
use sdrm3_host_sim::engine::Cell;
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::report::table;
use sdrm3_host_sim::scenario::{Platform, Scenario, build};
use serde::Deserialize;

const PLATFORMS: [&str; 2] = ["4k-1ws-2os", "8k-1os-2ws"];
const DURATION_MS: u64 = 500;
const SEED: u64 = 1;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/compare.csv");
const HEADER: &str = "scenario,platform,policy,uxcost,frames,violated,energy_nj";

/// A run; frames and energy are sums over its models.
#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Row {
    scenario: String,
    platform: String,
    policy: String,
    uxcost: f64,
    frames: u32,
    violated: u32,
    energy_nj: u64,
}

impl Row {
    fn cell(&self) -> [&str; 3] {
        [&self.scenario, &self.platform, &self.policy]
    }

    /// The quantities in which it differs from `other`: name, its own, the other's.
    fn differences(&self, other: &Self) -> Vec<[String; 3]> {
        let mut found = Vec::new();
        // Sums of floats may differ in their last digits from machine to machine.
        if (self.uxcost - other.uxcost).abs() > 1e-9 * self.uxcost.abs().max(1.0) {
            found.push(["uxcost".into(), self.uxcost.to_string(), other.uxcost.to_string()]);
        }
        let whole = |row: &Self| [u64::from(row.frames), u64::from(row.violated), row.energy_nj];
        for (name, (own, others)) in
            ["frames", "violated", "energy_nj"].into_iter().zip(whole(self).into_iter().zip(whole(other)))
        {
            if own != others {
                found.push([name.into(), own.to_string(), others.to_string()]);
            }
        }
        found
    }
}

fn runs() -> Vec<Row> {
    let library = Library::zoo();
    let mut rows = Vec::new();
    for scenario in Scenario::built_in() {
        let scenario = Scenario::load(scenario).expect("built in");
        for platform in PLATFORMS {
            let platform = Platform::load(platform).expect("built in");
            let memory = Bump::new();
            let workload = build(&scenario, &platform, &library, None, &memory).expect("built in");
            for policy in PolicyName::ALL {
                let duration = Duration::from_millis(DURATION_MS);
                let cell = Cell {
                    scenario: &scenario,
                    platform: &platform,
                    workload: &workload,
                    recording: None,
                    duration,
                    seed: SEED,
                };
                let outcome = Method::new(policy, &[], Parameters::default()).run(&cell, &mut ());
                rows.push(Row {
                    scenario: scenario.name.clone(),
                    platform: platform.name.clone(),
                    policy: policy.name().into(),
                    uxcost: outcome.uxcost.value(),
                    frames: outcome.tallies.iter().map(|tally| tally.frames).sum(),
                    violated: outcome.tallies.iter().map(|tally| tally.violated).sum(),
                    energy_nj: outcome.tallies.iter().map(|tally| tally.energy_nj).sum(),
                });
            }
        }
    }
    rows
}

fn write(rows: &[Row]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        let Row { scenario, platform, policy, uxcost, frames, violated, energy_nj } = row;
        let _ = writeln!(text, "{scenario},{platform},{policy},{uxcost},{frames},{violated},{energy_nj}");
    }
    text
}

fn read(source: &Source) -> Vec<Row> {
    let mut rows = Vec::new();
    let push = |_, row| {
        rows.push(row);
        Ok(())
    };
    source.parse_csv(HEADER, push).unwrap_or_else(|error| panic!("{error}"));
    rows
}

/// What changed, for people; nothing if nothing did.
fn diff(golden: &[Row], now: &[Row]) -> Option<String> {
    let mut lines = Vec::new();
    for row in golden {
        let cell = row.cell().map(String::from);
        match now.iter().find(|other| other.cell() == row.cell()) {
            None => {
                lines.push([&cell[..], &["(run)".into(), "is there".into(), "is missing".into()]].concat());
            }
            Some(other) => {
                lines.extend(row.differences(other).iter().map(|change| [&cell[..], &change[..]].concat()));
            }
        }
    }
    let added = now.iter().filter(|row| !golden.iter().any(|other| other.cell() == row.cell()));
    lines.extend(added.map(|row| {
        [&row.cell().map(String::from)[..], &["(run)".into(), "is missing".into(), "is there".into()]]
            .concat()
    }));
    let header = ["scenario", "platform", "policy", "quantity", "golden", "now"];
    (!lines.is_empty()).then(|| table(&header, lines))
}

#[test]
fn runs_of_the_built_in_scenarios_have_not_changed() {
    let now = runs();
    assert_eq!(now.len(), Scenario::built_in().len() * PLATFORMS.len() * PolicyName::ALL.len());
    if std::env::var_os("SDRM3_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(FILE, write(&now)).expect("the golden table can be written");
        return;
    }
    let golden = read(&Source::read(FILE).unwrap_or_else(|error| panic!("{error}")));
    if let Some(diff) = diff(&golden, &now) {
        panic!("runs differ from {FILE}; if that is meant, SDRM3_BLESS=1 writes them anew:\n{diff}");
    }
}

#[test]
fn the_table_survives_writing_and_a_change_shows_in_the_difference() {
    let row = |policy: &str, uxcost, violated| Row {
        scenario: "s".into(),
        platform: "p".into(),
        policy: policy.into(),
        uxcost,
        frames: 30,
        violated,
        energy_nj: u64::MAX,
    };
    let golden = [row("edf", 0.1 + 0.2, 1), row("lst", 1.0, 0)];
    assert_eq!(read(&Source { origin: "g.csv".into(), text: write(&golden) }), golden);
    assert_eq!(diff(&golden, &[row("edf", 0.3, 1), row("lst", 1.0, 0)]), None, "within 1e-9");
    let changed = diff(&golden, &[row("edf", 0.31, 2), row("sjf", 1.0, 0)]).expect("differences");
    for part in ["uxcost", "0.31", "violated", "is missing", "sjf"] {
        assert!(changed.contains(part), "no {part} in\n{changed}");
    }
    assert_eq!(changed.lines().count(), 1 + 4, "{changed}");
}
