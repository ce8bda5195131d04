//! Any bytes as any input file: an error or a result, never a panic, and never more work than they are
//! worth. The first byte chooses the format, the rest is the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sdrm3_core::{Checksum, Config, Workload};
use sdrm3_hal::trace::{Header, Recorder, Trace};
use sdrm3_host_sim::cost::check;
use sdrm3_host_sim::engine::Recording;
use sdrm3_host_sim::import::{maestro, onnx, tflite, vela};
use sdrm3_host_sim::input::Source;
use sdrm3_host_sim::network::table;
use sdrm3_host_sim::scenario::{CostTable, Platform, Scenario};

const SCENARIO: &str = "name = \"s\"\n[[model]]\nname = \"m\"\nnetwork = \"kws_res8\"\nfps = 30\n";

/// First bytes of a trace, and of records to which a header and checks are added.
const TRACE: u8 = 254;
const RECORDS: u8 = 255;

/// These records as a trace of one block, whose checks pass.
fn with_checks(records: &[u8]) -> Vec<u8> {
    let records = &records[..records.len().min(60_000)];
    let mut trace = Vec::new();
    let output = |bytes: &[u8]| {
        trace.extend_from_slice(bytes);
        true
    };
    let header = Header::new(&Workload::<1>::new(&[], &[]), 1, Config::PLAIN, None);
    drop(Recorder::<_>::new(&header, output));
    trace.extend((records.len() as u16).to_le_bytes());
    trace.extend(records);
    trace.extend(Checksum::EMPTY.bytes(records).value().to_le_bytes());
    trace
}

fuzz_target!(|data: &[u8]| {
    let Some((&format, bytes)) = data.split_first() else { return };
    let text = || Source { origin: "fuzz".into(), text: String::from_utf8_lossy(bytes).into() };
    match format {
        TRACE => {
            let _ = Trace::parse(bytes).map(|trace| trace.steps().count());
            return;
        }
        RECORDS => {
            let trace = with_checks(bytes);
            let mut steps = Trace::parse(&trace).expect("a header").steps();
            assert!(steps.by_ref().count() <= bytes.len() && steps.ending().is_some());
            return;
        }
        _ => {}
    }
    match format % 11 {
        0 => drop(Scenario::parse(&text())),
        1 => drop(Platform::parse(&text())),
        2 => drop(CostTable::parse(&text())),
        3 => drop(table::parse(&text())),
        4 => drop(check::parse(&text()).map(|rows| check::check(&rows))),
        5 => drop(maestro::scenario(&text())),
        6 => drop(maestro::hardware(&text()).map(drop).and_then(|()| maestro::dataflows(&text()).map(drop))),
        7 => drop(onnx::network("fuzz", "fuzz", bytes).map(|imported| imported.network.check())),
        8 => drop(tflite::network("fuzz", "fuzz", bytes).map(|imported| imported.network.check())),
        9 => {
            let (margin_percent, nj_per_mac) = (30.0, 0.1);
            let conversion =
                vela::Conversion { kind: "npu".into(), clock_mhz: 500.0, margin_percent, nj_per_mac };
            drop(vela::costs(&text(), &conversion));
        }
        _ => {
            let source = Source { origin: "scenario".into(), text: SCENARIO.into() };
            let scenario = Scenario::parse(&source).expect("a scenario");
            drop(Recording::parse(&text(), &scenario));
        }
    }
});
