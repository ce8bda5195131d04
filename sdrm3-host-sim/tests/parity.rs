//! The firmware's tables: generated, compiled, and deciding what the simulator decides.
//!
//! A change of a scenario, a platform or the cost model that is meant writes them anew:
//!
//! ```text
//! SDRM3_BLESS=1 cargo test -p sdrm3-host-sim --test parity
//! ```

#[path = "../../sdrm3-hal/firmware/src/vr_gaming.rs"]
#[allow(unreachable_pub)] // it is public where firmware has it
mod tables;

use bumpalo::Bump;
use sdrm3_core::{Config, Duration, MapScore, Scheduler, Workload};
use sdrm3_hal::trace::{Trace, replay};
use sdrm3_host_sim::codegen::rust;
use sdrm3_host_sim::engine::{Cell, JOBS};
use sdrm3_host_sim::network::Library;
use sdrm3_host_sim::policy::{Method, Parameters, PolicyName};
use sdrm3_host_sim::replay::{Origin, recorder};
use sdrm3_host_sim::scenario::{ACCELERATORS, Platform, Scenario, build};
use tables::{CHECKSUM, MODELS, ORIGIN, WORKLOAD};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../sdrm3-hal/firmware/src/vr_gaming.rs");

/// What is said of the cell that the firmware runs, its parts, and its tables.
fn with_cell<T>(then: impl FnOnce(&Scenario, &Platform, &Workload<'_, ACCELERATORS>) -> T) -> T {
    let scenario = Scenario::load("vr_gaming").expect("built in");
    let platform = Platform::load("4k-1ws-2os").expect("built in");
    let memory = Bump::new();
    let workload = build(&scenario, &platform, &Library::zoo(), None, &memory).expect("built in");
    then(&scenario, &platform, &workload)
}

#[test]
fn the_tables_of_the_firmware_are_those_of_the_cell() {
    let origin = Origin {
        scenario: Some("vr_gaming".into()),
        platform: Some("4k-1ws-2os".into()),
        ..Origin::default()
    };
    let generated = with_cell(|_, _, workload| rust::tables(workload, &origin));
    if std::env::var_os("SDRM3_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(FILE, &generated.code).expect("the tables can be written");
        return;
    }
    let committed = std::fs::read_to_string(FILE).expect("the tables can be read");
    assert!(
        generated.code == committed,
        "{FILE} is out of date; if that is meant, SDRM3_BLESS=1 writes it anew"
    );
    assert_eq!(with_cell(|_, _, workload| workload.checksum()), CHECKSUM);
    assert_eq!(Origin::parse("tables", ORIGIN), Ok(origin));
    let segment = size_of_val(&WORKLOAD.models[0].subnetworks[0].segments[0]);
    assert_eq!(generated.bytes, generated.segments * segment, "as large as is said");
}

/// Every built-in cell has code of its own; the tables that several models share stand there once.
#[test]
fn every_built_in_scenario_has_its_code() {
    let library = Library::zoo();
    for name in Scenario::built_in() {
        let (scenario, platform) = (Scenario::load(name).unwrap(), Platform::load("8k-1os-2ws").unwrap());
        let memory = Bump::new();
        let workload = build(&scenario, &platform, &library, None, &memory).unwrap();
        let tables = rust::tables(&workload, &Origin::default());
        let lines = |start: &str| tables.code.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("    on(["), tables.segments, "{name}");
        assert_eq!(lines("    Model::new("), workload.models.len(), "{name}");
        let statics: Vec<&str> = tables.code.lines().filter(|line| line.starts_with("static ")).collect();
        let mut names: Vec<&str> = statics.iter().filter_map(|line| line.split(':').next()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), statics.len(), "{name}: names differ");
    }
}

/// The firmware's tables, with room for three accelerators, repeat a run of the simulator, whose tables
/// have room for eight.
#[test]
fn the_firmware_tables_decide_as_the_simulator_does() {
    let mut bytes = Vec::new();
    let decisions = with_cell(|scenario, platform, workload| {
        let method = Method::new(PolicyName::Sdrm3, &[], Parameters::default());
        let cell = Cell {
            scenario,
            platform,
            workload,
            recording: None,
            duration: Duration::from_millis(1_000),
            seed: 3,
        };
        let output = |block: &[u8]| {
            bytes.extend_from_slice(block);
            true
        };
        let mut recorder = recorder(workload, &method, &Origin::default(), output);
        let outcome = method.run_traced(&cell, &mut (), &mut recorder, None);
        assert!(recorder.finish());
        assert_eq!(recorder.decisions(), outcome.stats.decisions);
        outcome.stats.decisions
    });
    let trace = Trace::parse(&bytes).unwrap();
    let mut scheduler = Scheduler::<_, MODELS, JOBS, { tables::ACCELERATORS }>::new(
        &WORKLOAD,
        MapScore::default(),
        Config::FULL,
    )
    .unwrap();
    let replayed = replay(&trace, &mut scheduler).unwrap();
    assert!(replayed.is_identical(), "{:?}", replayed.difference);
    assert_eq!(replayed.decisions, decisions);
    assert!(decisions > 5_000, "{decisions}");
}
