//! What the cost command answers and refuses.

use crate::{Folder, NETWORKS};

const HEADER: &str = "model,layer,name,k,c,y,x,r,s,dataflow,pes,noc_bw_per_cycle,latency_cycles,energy_nj";
/// As MAESTRO prints them.
const ROWS: &str = "\
m,0,a,32,32,160,100,3,3,WS,2048,128,295776,3823500.0
m,0,a,32,32,160,100,3,3,OS,2048,128,288000,2791190.0
m,1,b,512,512,128,1,1,1,WS,1024,128,524288,5116470.0
m,1,b,512,512,128,1,1,1,OS,2048,128,327680,1748110.0
";

#[test]
fn check_compares_each_dataflow_that_occurs() {
    let folder = Folder::new("cost_check", &[("c.csv", &format!("{HEADER}\n{ROWS}"))]);
    let table = folder.prints("cost --check c.csv");
    assert!(table.contains("ws") && table.contains("os") && !table.contains("rs "), "{table}");
    let json = folder.prints("cost --check c.csv --format json --picture c.svg");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&json), ["os", "ws"]);
    for dataflow in ["ws", "os"] {
        assert_eq!(keys(&json[dataflow]), ["energy", "latency"]);
        for quantity in ["latency", "energy"] {
            let agreement = &json[dataflow][quantity];
            assert_eq!(keys(agreement), ["median_error", "p90_error", "rank_correlation"]);
            assert!(agreement["median_error"].as_f64().expect("a number") < 1e-4, "{agreement}");
        }
    }
    let picture = folder.read("c.svg");
    assert!(picture.starts_with("<svg") && picture.matches("<circle").count() == 8, "{picture}");
    folder.refuses("cost --check c.csv --picture c.svg", &["--picture: c.svg exists already; remove it"]);
}

#[test]
fn layers_get_costs_appended() {
    let folder = Folder::new("cost_layers", &[("n.csv", NETWORKS), ("l.csv", "k,c,y,x,r,s\n8,8,9,9,3,3\n")]);
    let array = "--dataflow ws --pes 2048 --noc-bw 128";
    let costs = folder.prints(&format!("cost --layers n.csv {array}"));
    assert!(
        costs.starts_with("network,layer,op,k,c,y,x,r,s,stride,groups,latency_cycles,energy_nj\n"),
        "{costs}"
    );
    assert!(costs.lines().nth(1).is_some_and(|row| row.starts_with("mine,a,conv,16,3,226,226,3,3,2,1,")));
    assert_eq!(folder.prints(&format!("cost --layers l.csv {array}")).lines().count(), 2);
}

#[test]
fn bad_tables_and_options_are_refused() {
    let bad = |from: &str, to: &str| format!("{HEADER}\n{}", ROWS.replacen(from, to, 1));
    let files = [
        ("size.csv", bad("m,1,b,512", "m,1,b,0")),
        ("flow.csv", bad("OS", "XS")),
        ("cost.csv", bad("3823500.0", "NaN")),
        ("none.csv", format!("{HEADER}\n")),
        ("head.csv", "k,c\n1,1\n".to_string()),
        ("word.csv", "k,c,y,x,r,s\n1,1,1,1,1,one\n".to_string()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let folder = Folder::new("bad_cost", &files);
    let array = "--dataflow ws --pes 2048 --noc-bw 128";
    let cases: &[(&str, &[&str])] = &[
        ("cost --check size.csv", &["size.csv:4: layer `b` has a size of zero; give"]),
        ("cost --check flow.csv", &["flow.csv:3: ", "XS", "; expected: model,layer"]),
        ("cost --check cost.csv", &["cost.csv:2: energy_nj is NaN; give a finite number above 0"]),
        ("cost --check none.csv", &["none.csv: the table has no rows; expected"]),
        ("cost --check head.csv", &["head.csv:1: the header has no column `model`; expected"]),
        (&format!("cost --layers head.csv {array}"), &["head.csv:1: the header has no column `y`; expected"]),
        (&format!("cost --layers word.csv {array}"), &["word.csv:2: s is `one`, not a whole number"]),
        (&format!("cost --layers missing.csv {array}"), &["missing.csv: ", "; give the path"]),
        ("cost --layers word.csv", &["command line: ", "--dataflow", "; see --help"]),
        ("cost --layers word.csv --dataflow zs --pes 1 --noc-bw 1", &["expected ws, os or rs; see --help"]),
        ("cost --layers word.csv --dataflow ws --pes 0 --noc-bw 1", &["command line: ", "0 is not in"]),
        ("cost", &["command line: ", "--check", "--layers", "; see --help"]),
    ];
    for (arguments, says) in cases {
        folder.refuses(arguments, says);
    }
}
