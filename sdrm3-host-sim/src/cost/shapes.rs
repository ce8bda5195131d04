//! Costs of a table of layer shapes, whatever else its columns say.

use csv::{Reader, StringRecord, Trim, Writer};

use super::{Array, Shape, cost};
use crate::input::{InputError, Source};

/// Columns that a table of shapes must have, in any order, with names as in [`Shape`].
const SIZES: [&str; 6] = ["k", "c", "y", "x", "r", "s"];
/// Columns that count as 1 where a table does not have them.
const OPTIONAL: [&str; 2] = ["stride", "groups"];

/// Columns that are added.
const COSTS: [&str; 2] = ["latency_cycles", "energy_nj"];

/// The same table with two more columns, `latency_cycles` and `energy_nj`: what each layer takes on the
/// array. All other columns and rows stay as they are, in their order; costs that the table has already are replaced.
pub fn with_costs(source: &Source, array: &Array) -> Result<Vec<u8>, InputError> {
    let error = |what: String, line: usize| {
        let remedy = format!("expected: {} and, if they are not 1, {}", SIZES.join(","), OPTIONAL.join(","));
        InputError::new(&source.origin, what, remedy).at_line(line)
    };
    let mut reader: Reader<_> = csv::ReaderBuilder::new().trim(Trim::All).from_reader(source.text.as_bytes());
    let header = reader.headers().map_err(|e| error(e.to_string(), 1))?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let mut required = [0; SIZES.len()];
    for (place_of, name) in required.iter_mut().zip(SIZES) {
        *place_of = place(name).ok_or_else(|| error(format!("the header has no column `{name}`"), 1))?;
    }
    let optional = OPTIONAL.map(place);

    let mut writer = Writer::from_writer(Vec::new());
    // Into memory: cannot fail.
    let mut write = |record: &StringRecord, latency: &str, energy: &str| {
        let kept =
            header.iter().zip(record).filter(|(name, _)| !COSTS.contains(name)).map(|(_, field)| field);
        let _ = writer.write_record(kept.chain([latency, energy]));
    };
    let [latency, energy] = COSTS;
    write(&header, latency, energy);
    let mut record = StringRecord::new();
    let mut rows = 0;
    loop {
        let before = reader.position().line() as usize;
        if !reader.read_record(&mut record).map_err(|e| error(e.to_string(), before))? {
            break;
        }
        let line = record.position().map_or(before, |at| at.line() as usize);
        let size = |place: usize| {
            let text = &record[place];
            text.parse().ok().filter(|&size: &u32| size > 0).ok_or_else(|| {
                error(format!("{} is `{text}`, not a whole number of at least 1", &header[place]), line)
            })
        };
        let [k, c, y, x, r, s] = required.map(size);
        let [stride, groups] = optional.map(|place| place.map_or(Ok(1), size));
        let (c, groups) = (c?, groups?);
        let k = k?;
        if c % groups != 0 || k % groups != 0 {
            return Err(error(
                format!("{groups} groups do not divide {c} input and {k} output channels"),
                line,
            ));
        }
        let shape = Shape { k, c, y: y?, x: x?, r: r?, s: s?, stride: stride?, groups };
        let cost = cost(&shape, array);
        // `as` saturates.
        if cost.cycles == u64::MAX {
            let what = "the layer takes more cycles than 64 bits hold";
            return Err(InputError::new(&source.origin, what, "give smaller sizes").at_line(line));
        }
        write(&record, &cost.cycles.to_string(), &cost.energy_nj.to_string());
        rows += 1;
    }
    if rows == 0 {
        return Err(error("the table has no rows".into(), 1));
    }
    Ok(writer.into_inner().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::Dataflow;
    use super::*;

    fn costs(text: &str) -> Result<String, InputError> {
        let source = Source { origin: "l.csv".into(), text: text.into() };
        let array = Array { dataflow: Dataflow::WeightStationary, pes: 2048, noc_bytes_per_cycle: 128 };
        with_costs(&source, &array).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn costs_are_appended_and_everything_else_is_kept() {
        let text = "name,s,r,x,y,c,k,note\n\"a,b\",3,3,100,160,32,32,first\nfc,1,1,1,1,16,10,\n";
        let costs = costs(text).unwrap();
        let lines: Vec<&str> = costs.lines().collect();
        assert_eq!(lines[0], "name,s,r,x,y,c,k,note,latency_cycles,energy_nj");
        // The reference prints 295776 cycles and 3823500 nJ.
        assert!(lines[1].starts_with("\"a,b\",3,3,100,160,32,32,first,295776,38235"), "{}", lines[1]);
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn costs_that_a_table_has_already_are_replaced() {
        let once = costs("k,c,y,x,r,s,note\n10,16,1,1,1,1,fc\n").unwrap();
        assert_eq!(costs(&once).unwrap(), once);
    }

    #[test]
    fn layer_tables_count_with_their_stride_and_groups() {
        let header = "network,layer,op,k,c,y,x,r,s,stride,groups";
        let rows = ["n,a,conv,64,64,57,57,3,3,2,1", "n,b,conv,64,64,57,57,3,3,1,1"];
        let depthwise = "n,c,depthwise,64,64,57,57,3,3,1,64";
        let costs = costs(&format!("{header}\n{}\n{}\n{depthwise}\n", rows[0], rows[1])).unwrap();
        let cycles: Vec<u64> =
            costs.lines().skip(1).map(|row| row.split(',').nth(11).unwrap().parse().unwrap()).collect();
        assert!(cycles[0] < cycles[1] && cycles[2] < cycles[1], "{cycles:?}");
    }

    #[test]
    fn bad_rows_are_named_with_their_line() {
        for (text, says) in [
            ("k,c,y,x,r\n1,1,1,1,1\n", "l.csv:1: the header has no column `s`; expected: k,c,y,x,r,s"),
            ("k,c,y,x,r,s\n", "l.csv:1: the table has no rows"),
            ("k,c,y,x,r,s\n1,1,1,1,1,1\n1,0,1,1,1,1\n", "l.csv:3: c is `0`, not a whole number"),
            ("k,c,y,x,r,s\n1,1,1,1,1,1.5\n", "l.csv:2: s is `1.5`"),
            ("k,c,y,x,r,s\n1,1,1,1,1,-1\n", "l.csv:2: s is `-1`"),
            ("k,c,y,x,r,s\n1,1,1,1,1\n", "l.csv:2:"),
            (
                "k,c,y,x,r,s,groups\n4,4,1,1,1,1,8\n",
                "l.csv:2: 8 groups do not divide 4 input and 4 output channels",
            ),
            ("k,c,y,x,r,s,groups\n4,6,1,1,1,1,3\n", "l.csv:2: 3 groups do not divide 6 input and 4 output"),
            ("", "l.csv:1: the header has no column `k`"),
            (
                "k,c,y,x,r,s\n4000000000,4000000000,4000000000,4000000000,3,3\n",
                "l.csv:2: the layer takes more cycles than 64 bits hold; give smaller sizes",
            ),
        ] {
            let error = costs(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.lines().count() == 1, "{text:?}: {error}");
        }
    }
}
