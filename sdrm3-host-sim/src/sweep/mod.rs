//! Sweeps: many runs over a grid of settings, or over random ones, on one machine or on many.
//!
//! A [`Sweep`] numbers its cells; a cell's row depends on its number only. So it does not matter which
//! machine runs which cells, in which order, or in how many attempts: [`journal`] keeps the rows of an
//! unfinished sweep, [`shard`] the rows of a part of it, and put together they are the same bytes.

mod axis;
mod definition;
pub mod journal;
mod row;
pub mod shard;

pub use axis::{Axis, Key};
pub use definition::{Definition, Sweep};
pub use row::{RowFormat, Setting, Tables, row};

use crate::input::InputError;

/// Which cells of a sweep are run here: those whose number is `index` modulo `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part, counted from 0.
    pub index: usize,
    /// How many parts there are.
    pub count: usize,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// From `I/N`, counted from 1: the second of four parts is `2/4`.
    pub fn parse(text: &str) -> Result<Self, InputError> {
        let numbers = text.split_once('/').and_then(|(index, count)| {
            Some((index.trim().parse::<usize>().ok()?, count.trim().parse::<usize>().ok()?))
        });
        match numbers {
            Some((index, count)) if (1..=count).contains(&index) && count <= 100_000 => {
                Ok(Self { index: index - 1, count })
            }
            _ => {
                let remedy = "give I/N with I from 1 to N, as in 2/4: the second of four";
                Err(InputError::new("--shard", format!("`{text}` is no shard of a sweep"), remedy))
            }
        }
    }

    /// The cells of this part, in order.
    pub fn cells(self, cells: usize) -> impl Iterator<Item = usize> {
        (self.index..cells).step_by(self.count.max(1))
    }
}

/// What a sweep's files are of: the first line of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Checksum of all that the rows depend on.
    pub definition: u64,
    /// Format of the rows.
    pub format: RowFormat,
    /// Which cells.
    pub shard: Shard,
    /// How many cells the whole sweep has.
    pub cells: usize,
    /// The optional parameters that have a column.
    pub optional: Vec<Key>,
}

impl Header {
    const MARK: &str = "# sdrm3-sim sweep 1:";

    /// As a line, without its end.
    pub fn to_line(&self) -> String {
        let Self { definition, format, shard, cells, optional } = self;
        let (mark, index, count) = (Self::MARK, shard.index + 1, shard.count);
        let line = format!(
            "{mark} definition {definition:016x}, {}, shard {index}/{count}, {cells} cells",
            format.name()
        );
        match optional.as_slice() {
            [] => line,
            keys => {
                format!("{line}, with {}", keys.iter().map(|key| key.name()).collect::<Vec<_>>().join("+"))
            }
        }
    }

    /// From a line, if it is one.
    pub fn parse(line: &str) -> Option<Self> {
        let mut fields = line.strip_prefix(Self::MARK)?.split(',').map(str::trim);
        let definition = u64::from_str_radix(fields.next()?.strip_prefix("definition ")?, 16).ok()?;
        let format = RowFormat::find(fields.next()?)?;
        let shard = Shard::parse(fields.next()?.strip_prefix("shard ")?).ok()?;
        let cells = fields.next()?.strip_suffix(" cells")?.parse().ok()?;
        let key = |name: &str| Key::find(name).ok().filter(|key| key.is_optional());
        let optional = match fields.next() {
            Some(field) => field.strip_prefix("with ")?.split('+').map(key).collect::<Option<_>>()?,
            None => Vec::new(),
        };
        fields.next().is_none().then_some(Self { definition, format, shard, cells, optional })
    }

    /// How many cells its part has.
    pub fn rows(&self) -> usize {
        self.shard.cells(self.cells).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_take_every_cell_once() {
        for count in 1..9 {
            let mut cells: Vec<usize> =
                (0..count).flat_map(|index| Shard { index, count }.cells(20)).collect();
            cells.sort_unstable();
            assert_eq!(cells, (0..20).collect::<Vec<_>>(), "{count}");
        }
        assert_eq!(Shard::parse("2/4"), Ok(Shard { index: 1, count: 4 }));
        for bad in ["0/4", "5/4", "1", "a/b", "1/0", "1/1000000"] {
            let error = Shard::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("--shard: ") && error.contains("as in 2/4"), "{error}");
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let shard = Shard { index: 1, count: 4 };
        let format = RowFormat::Csv;
        let header = Header { definition: 0x12ab, format, shard, cells: 10, optional: Vec::new() };
        let line = header.to_line();
        assert_eq!(line, "# sdrm3-sim sweep 1: definition 00000000000012ab, csv, shard 2/4, 10 cells");
        assert_eq!((Header::parse(&line).as_ref(), header.rows()), (Some(&header), 3));
        let more = Header { optional: vec![Key::LatencyBias, Key::Comfort], ..header };
        assert_eq!(more.to_line(), format!("{line}, with latency_bias+comfort"));
        assert_eq!(Header::parse(&more.to_line()), Some(more));
        for bad in ["with", "with alpha", "with comfort+", "with comfort, more"] {
            assert_eq!(Header::parse(&format!("{line}, {bad}")), None, "{bad}");
        }
        for bad in ["", "cell,scenario", &line[1..], &line[..60], &format!("{line}, more")] {
            assert_eq!(Header::parse(bad), None, "{bad}");
        }
    }
}
