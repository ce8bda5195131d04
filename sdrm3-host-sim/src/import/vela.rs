//! Per-layer estimates of Arm's Vela compiler (`*_per-layer.csv`): cycles of a network's operators on an
//! Ethos-U, as measured costs.
//!
//! Vela writes them with `--verbose-performance`. Of the columns `Op Cycles` (the cycles that an operator takes,
//! memory included), `MAC Count` and `Name` are read, of newer versions also `Target`; the header is repeated
//! for each part of the network. Vela says nothing of energy.

use crate::input::{InputError, Source};

/// What turns Vela's cycles into costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// The kind of accelerator that the costs are for.
    pub kind: String,
    /// Its clock in MHz, as Vela assumed it.
    pub clock_mhz: f64,
    /// Added to every latency, in percent: Arm recommends to budget 30 % above Vela's estimate.
    pub margin_percent: f64,
    /// Energy of a multiply-accumulate in nanojoules, data movement included; 0 if it is not known.
    pub nj_per_mac: f64,
}

impl Conversion {
    /// The margin that Arm recommends, in percent.
    pub const MARGIN_PERCENT: f64 = 30.0;
}

/// Costs of a network's operators.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedCosts {
    /// Rows of a cost table, without its header.
    pub rows: Vec<CostRow>,
    /// What was not mapped, a sentence each.
    pub notes: Vec<String>,
}

/// An operator on the accelerator, in the order of execution.
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    /// Its place and its name.
    pub layer: String,
    /// Nanoseconds.
    pub latency_ns: f64,
    /// Nanojoules.
    pub energy_nj: f64,
    /// Multiply-accumulates.
    pub macs: u64,
}

const CYCLES: &str = "Op Cycles";
const MACS: &str = "MAC Count";
const NAME: &str = "Name";
/// `NPU` or `CPU`; only newer versions write it.
const TARGET: &str = "Target";

/// Whether this is the first line of such a file.
pub fn is_vela(header: &str) -> bool {
    [CYCLES, MACS, NAME].iter().all(|column| header.split(',').any(|name| name.trim() == *column))
}

/// Reads the costs.
pub fn costs(source: &Source, conversion: &Conversion) -> Result<ImportedCosts, InputError> {
    let error = |what: String, line: usize| {
        let remedy = format!("expected the columns `{CYCLES}`, `{MACS}` and `{NAME}`, as Vela writes them");
        InputError::new(&source.origin, what, remedy).at_line(line)
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(source.text.as_bytes());
    let header = reader.headers().map_err(|e| error(e.to_string(), 1))?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let required =
        |name: &str| place(name).ok_or_else(|| error(format!("the header has no column `{name}`"), 1));
    let (cycles, macs, name) = (required(CYCLES)?, required(MACS)?, required(NAME)?);
    let target = place(TARGET);

    let mut rows = Vec::new();
    let (mut elsewhere, mut idle) = (0, 0);
    let mut record = csv::StringRecord::new();
    loop {
        let before = reader.position().line() as usize;
        if !reader.read_record(&mut record).map_err(|e| error(e.to_string(), before))? {
            break;
        }
        let line = record.position().map_or(before, |at| at.line() as usize);
        if record == header {
            continue; // The next part of the network.
        }
        let number = |place: usize| {
            let text = &record[place];
            let number = text.parse().ok().filter(|&number: &f64| (0.0..=1e15).contains(&number));
            number.ok_or_else(|| error(format!("{} is `{text}`, not a number from 0", &header[place]), line))
        };
        let (cycles, macs) = (number(cycles)?, number(macs)?);
        if target.is_some_and(|place| !record[place].eq_ignore_ascii_case("npu")) {
            elsewhere += 1;
        } else if cycles == 0.0 {
            idle += 1;
        } else {
            let name: String = record[name].split_whitespace().collect::<Vec<_>>().join("_");
            rows.push(CostRow {
                layer: format!("{}:{}", rows.len(), name.chars().take(80).collect::<String>()),
                latency_ns: cycles * 1e3 / conversion.clock_mhz * (1.0 + conversion.margin_percent / 100.0),
                energy_nj: macs * conversion.nj_per_mac,
                macs: macs as u64,
            });
        }
    }
    if rows.is_empty() {
        return Err(error("no operator runs on the accelerator".into(), 1));
    }
    let Conversion { clock_mhz, margin_percent, nj_per_mac, .. } = conversion;
    let mut notes = vec![format!(
        "cycles at {clock_mhz} MHz, and {margin_percent} % above: Vela estimates, it does not measure"
    )];
    if *nj_per_mac == 0.0 {
        notes.push("Vela says nothing of energy: it is 0 (give --nj-per-mac)".into());
    }
    if elsewhere > 0 {
        notes.push(format!("{elsewhere} operators that Vela leaves to the processor are left out"));
    }
    if idle > 0 {
        notes.push(format!("{idle} operators without cycles are left out"));
    }
    Ok(ImportedCosts { rows, notes })
}

/// The rows as a cost table of this network, without the header.
pub fn cost_rows(network: &str, costs: &ImportedCosts, conversion: &Conversion) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for CostRow { layer, latency_ns, energy_nj, .. } in &costs.rows {
        let (latency, energy) = (format!("{:.0}", latency_ns.max(1.0)), format!("{energy_nj:.3}"));
        // Into memory: cannot fail.
        let _ = writer.write_record([network, layer, &conversion.kind, &latency, &energy]);
    }
    String::from_utf8_lossy(&writer.into_inner().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::CostTable;

    const HEADER: &str = "TFLite_operator,NNG Operator,SRAM Usage,Peak%,Op Cycles,Network%,NPU,SRAM AC,DRAM AC,\
                          OnFlash AC,OffFlash AC,MAC Count,Network%,Util%,Name";

    fn conversion() -> Conversion {
        Conversion {
            kind: "ethos-u".into(),
            clock_mhz: 500.0,
            margin_percent: Conversion::MARGIN_PERCENT,
            nj_per_mac: 0.0,
        }
    }

    fn read(text: &str) -> Result<ImportedCosts, InputError> {
        costs(&Source { origin: "v.csv".into(), text: text.into() }, &conversion())
    }

    #[test]
    fn cycles_become_time_with_a_margin() {
        let conv = "CONV_2D,Conv2DBias,11936,54.6,7312.0,70.9,7312.0,2000.0,0.0,0.0,0.0,73008,91.3,3.9,a/Relu;a/Conv2D";
        let pool =
            "MAX_POOL_2D,MaxPool,10944,50.1,3000.0,29.1,1330.0,2992.0,0.0,0.0,0.0,6912,8.7,0.9,b/MaxPool";
        let read = read(&format!("{HEADER}\n{conv}\n{HEADER}\n{pool}\n")).unwrap();
        let latencies: Vec<f64> = read.rows.iter().map(|row| row.latency_ns).collect();
        assert!((latencies[0] - 7312.0 * 2.0 * 1.3).abs() < 1e-6 && (latencies[1] - 7800.0).abs() < 1e-6);
        assert_eq!(read.rows[0].layer, "0:a/Relu;a/Conv2D");
        assert_eq!(read.rows.iter().map(|row| row.macs).sum::<u64>(), 79_920);
        assert!(read.notes.iter().any(|note| note.contains("energy")), "{:?}", read.notes);

        let text =
            format!("network,layer,kind,latency_ns,energy_nj\n{}", cost_rows("n", &read, &conversion()));
        let table = CostTable::parse(&Source { origin: "c.csv".into(), text }).unwrap();
        let layers = table.layers("n", &["ethos-u"]).unwrap();
        assert_eq!(layers.iter().map(|on| on[0].latency_ns).collect::<Vec<_>>(), [19_011, 7_800]);
    }

    #[test]
    fn operators_that_do_not_run_there_are_left_out_and_noted() {
        let text = "Original Operator,NNG Operator,Target,Staging Usage,Op Cycles,MAC Count,Util% (MAC),Name\n\
                    CONV_2D,Conv2DBias,NPU,11936,7312.0,73008,3.9,a\n\
                    SOFTMAX,Passthrough,CPU,0,0.0,0,0,b\n\
                    RESHAPE,Memcpy,NPU,0,0.0,0,0,c\n";
        let read = read(text).unwrap();
        assert_eq!(read.rows.len(), 1);
        let notes = read.notes.join("; ");
        assert!(notes.contains("1 operators that Vela leaves to the processor"), "{notes}");
        assert!(notes.contains("1 operators without cycles"), "{notes}");
    }

    #[test]
    fn bad_rows_are_named_with_their_line() {
        let header = "Op Cycles,MAC Count,Name";
        for (text, says) in [
            ("Op Cycles,Name\n1,a\n".to_string(), "v.csv:1: the header has no column `MAC Count`"),
            (format!("{header}\n"), "v.csv:1: no operator runs on the accelerator"),
            (format!("{header}\n5,1,a\n-5,1,a\n"), "v.csv:3: Op Cycles is `-5`"),
            (format!("{header}\nNaN,1,a\n"), "v.csv:2: Op Cycles is `NaN`"),
            (format!("{header}\n5,many,a\n"), "v.csv:2: MAC Count is `many`"),
            (format!("{header}\n5,1\n"), "v.csv:2:"),
        ] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{text:?}: {error}");
        }
    }
}
