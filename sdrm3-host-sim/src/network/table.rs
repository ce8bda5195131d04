//! Layer tables: networks as CSV, one row per layer in the order of execution.
//!
//! ```csv
//! network,layer,op,k,c,y,x,r,s,stride,groups
//! gaze,conv1,conv,16,3,226,226,3,3,2,1
//! gaze,conv2,depthwise,16,16,114,114,3,3,1,16
//! gaze,out,fc,3,16,1,1,1,1,1,1
//! ```
//!
//! `op` is `conv`, `depthwise` or `fc`; `k` and `c` count output and input channels, `r` and `s` the
//! rows and columns of the window. `y` and `x` are rows and columns of the input, padding included, so
//! that there are `(y - r) / stride + 1` rows of output; one if the input is smaller than the window.
//! `groups` is 1 for a dense layer and `c` for a depthwise one.
//!
//! Two more columns may be there. `branch` is what may follow the layer: `next` (or nothing), `exit P`, `skip N P`.
//! A `network` that is `NETWORK/SUBNETWORK` is a variant of a supernet, which has them from heavy to light, and
//! `accuracy_percent` that one's accuracy. What it shares with the next heavier one is worked out: the leading layers
//! that are equal in everything, name and branch included.
//!
//! ```csv
//! network,layer,op,k,c,y,x,r,s,stride,groups,branch,accuracy_percent
//! room/full,stem,conv,16,3,226,226,3,3,2,1,,71.5
//! room/full,side,fc,4,16,1,1,1,1,1,1,exit 0.3,
//! room/full,body,conv,64,16,114,114,3,3,2,1,,
//! room/half,stem,conv,16,3,226,226,3,3,2,1,,68
//! room/half,side,fc,4,16,1,1,1,1,1,1,exit 0.3,
//! room/half,body,conv,32,16,114,114,3,3,2,1,,
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Branch, Layer, Network, Op};
use crate::input::{InputError, Source};
use assembly::Assembly;

mod assembly;
mod branch;

/// The columns that must be there.
const HEADER: &str = "network,layer,op,k,c,y,x,r,s,stride,groups";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    network: Cow<'a, str>,
    layer: Cow<'a, str>,
    op: Op,
    k: u32,
    c: u32,
    y: u32,
    x: u32,
    r: u32,
    s: u32,
    stride: u32,
    groups: u32,
    // Not written: what is written are plain chains.
    #[serde(default, skip_serializing)]
    branch: Cow<'a, str>,
    #[serde(default, skip_serializing)]
    accuracy_percent: Cow<'a, str>,
}

/// The networks of a table, each with the line on which it begins.
pub fn parse(source: &Source) -> Result<Vec<(usize, Network)>, InputError> {
    let mut assembly = Assembly::new(&source.origin);
    source.parse_csv(HEADER, |line, row: Row<'static>| {
        let fail = |what, remedy: &str| InputError::new(&source.origin, what, remedy).at_line(line);
        source.check_cells(line, &[("network", &row.network), ("layer", &row.layer)])?;
        let sizes = [row.k, row.c, row.y, row.x, row.r, row.s, row.stride, row.groups];
        if sizes.contains(&0) {
            let what = format!("layer `{}` has a size of zero", row.layer);
            return Err(fail(what, "give sizes of at least 1"));
        }
        let Some(branch) = branch::parse(&row.branch) else {
            return Err(fail(format!("branch is `{}`", row.branch), branch::REMEDY));
        };
        let accuracy = match row.accuracy_percent.parse() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Some(percent),
            _ if row.accuracy_percent.is_empty() => None,
            _ => {
                let what = format!("accuracy_percent is `{}`", row.accuracy_percent);
                return Err(fail(what, "give a number from 0 to 100, or nothing"));
            }
        };
        let name = row.network.clone();
        assembly.add(line, &name, Layer { branch, ..row.into() }, accuracy)
    })?;
    let networks = assembly.finish()?;
    if networks.is_empty() {
        return Err(InputError::new(&source.origin, "the table has no rows", format!("expected: {HEADER}")));
    }
    Ok(networks)
}

/// The table of these networks, which have one sub-network each that does not branch.
pub fn write<'n>(networks: impl IntoIterator<Item = &'n Network>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for network in networks {
        for layer in network.subnetworks.iter().flat_map(|sub| &sub.layers) {
            // Into memory: cannot fail.
            let _ = writer.serialize(Row {
                network: network.name.as_ref().into(),
                layer: layer.name.as_str().into(),
                op: layer.op,
                k: layer.k,
                c: layer.c,
                y: layer.in_y(),
                x: layer.in_x(),
                r: layer.r,
                s: layer.s,
                stride: layer.stride,
                groups: layer.groups,
                branch: Cow::default(),
                accuracy_percent: Cow::default(),
            });
        }
    }
    writer.into_inner().unwrap_or_default()
}

impl From<Row<'_>> for Layer {
    fn from(row: Row<'_>) -> Self {
        let outputs = |input: u32, window: u32| input.saturating_sub(window) / row.stride + 1;
        Self {
            name: row.layer.into_owned(),
            op: row.op,
            k: row.k,
            c: row.c,
            out_y: outputs(row.y, row.r),
            out_x: outputs(row.x, row.s),
            r: row.r,
            s: row.s,
            stride: row.stride,
            groups: row.groups,
            outside: [row.r.saturating_sub(row.y), row.s.saturating_sub(row.x)],
            branch: Branch::Next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &str) -> Result<Vec<(usize, Network)>, InputError> {
        parse(&Source { origin: "n.csv".into(), text: format!("{HEADER}\n{rows}") })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let rows = "b,1,conv,16,3,226,226,3,3,2,1\n\
                    a,wide,conv,8,8,3,4,5,5,1,1\n\
                    b,2,depthwise,16,16,114,114,3,3,1,16\n\
                    a,out,fc,3,16,7,1,1,1,1,1\n";
        let networks: Vec<Network> = read(rows).unwrap().into_iter().map(|(_, network)| network).collect();
        assert_eq!(networks.iter().map(|n| n.name.as_ref()).collect::<Vec<_>>(), ["b", "a"]);
        let [strided, wide] = [0, 1].map(|n: usize| &networks[n].subnetworks[0].layers[0]);
        assert_eq!((strided.out_y, strided.in_y()), (112, 225), "the last row is not used");
        assert_eq!((wide.out_y, wide.in_y(), wide.in_x()), (1, 3, 4), "smaller than its window");

        let text = String::from_utf8(write(&networks)).unwrap();
        let again = read(text.split_once('\n').unwrap().1).unwrap();
        assert_eq!(again.into_iter().map(|(_, network)| network).collect::<Vec<_>>(), networks);
    }

    #[test]
    fn bad_rows_are_named_with_their_line() {
        for (rows, says) in [
            ("", "n.csv: the table has no rows"),
            ("a,1,conv,0,1,1,1,1,1,1,1\n", "n.csv:2: layer `1` has a size of zero"),
            ("a,1,pool,1,1,1,1,1,1,1,1\n", "unknown variant `pool`"),
            ("a,1,conv,1,1,1,1,1,1,1\n", "n.csv:2:"),
            ("a,1,conv,1,1,1,1,1,1,-1,1\n", "n.csv:2:"),
            ("a,1,conv,1,1,1,1,1,1,NaN,1\n", "n.csv:2:"),
            ("a,1,conv,99999999999,1,1,1,1,1,1,1\n", "n.csv:2:"),
            ("b,1,conv,1,1,1,1,1,1,1,1\na,1,conv,4,3,9,9,3,3,1,2\n", "n.csv:3: a/a: layer 1: groups"),
            ("a,1,conv,1,1,4000000000,4000000000,1,1,1,1\n", "too large"),
            ("a,1,conv,1,1,1,1,1,1,1,1\na,1,conv,1,1,1,1,1,1,1,1\n", "appears twice"),
        ] {
            let error = read(rows).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{rows:?}: {error}");
        }
    }
}
