//! The files of the shards of a sweep, and how they become one.
//!
//! A shard's first line is its [`Header`], its last one says how many rows it has and their checksum: a file that
//! was cut on its way does not have it.

use std::io::{self, Write};

use sdrm3_core::Checksum;

use super::{Header, Shard};
use crate::input::{InputError, Source};

/// Writes a result: as it is if it is whole, else with what says which shard it is.
pub fn write<'a>(
    header: &Header,
    is_shard: bool,
    rows: impl Iterator<Item = &'a str>,
    out: &mut impl Write,
) -> io::Result<()> {
    if !is_shard {
        out.write_all(header.format.head(&header.optional).as_bytes())?;
        return rows.into_iter().try_for_each(|row| writeln!(out, "{row}"));
    }
    writeln!(out, "{}", header.to_line())?;
    let (mut count, mut sum) = (0, Checksum::EMPTY);
    for row in rows {
        writeln!(out, "{row}")?;
        (count, sum) = (count + 1, added(sum, row));
    }
    writeln!(out, "{}", last_line(count, sum))
}

fn added(sum: Checksum, row: &str) -> Checksum {
    sum.bytes(row.as_bytes()).bytes(b"\n")
}

fn last_line(rows: usize, sum: Checksum) -> String {
    format!("# end: {rows} rows, checksum {:016x}", sum.value())
}

/// A shard that was read, and found whole.
#[derive(Clone, Debug)]
struct Read {
    header: Header,
    source: Source,
}

impl Read {
    fn new(source: Source) -> Result<Self, InputError> {
        let fail = |what: &str, remedy: &str| Err(InputError::new(&source.origin, what, remedy));
        let Some(header) = source.text.lines().next().and_then(Header::parse) else {
            return fail("it is no shard of a sweep", "give the files that `sweep --shard I/N` wrote");
        };
        let mut lines = source.text.lines().skip(1);
        let (mut count, mut sum) = (0, Checksum::EMPTY);
        for row in lines.by_ref().take(header.rows()) {
            (count, sum) = (count + 1, added(sum, row));
        }
        let ends = lines.next() == Some(&last_line(count, sum)) && lines.next().is_none();
        if !ends || count != header.rows() || !source.text.ends_with('\n') {
            return fail("it is not whole, or was changed", "copy it again, or run that shard again");
        }
        Ok(Self { header, source })
    }

    fn rows(&self) -> impl Iterator<Item = &str> {
        self.source.text.lines().skip(1).take(self.header.rows())
    }
}

/// Shards that are all of one sweep.
#[derive(Debug)]
pub struct Shards {
    /// In the order of the shards.
    files: Vec<Read>,
}

impl Shards {
    /// Checks that these files are shards of one sweep, all are there, and none is twice.
    pub fn check(sources: impl IntoIterator<Item = Result<Source, InputError>>) -> Result<Self, InputError> {
        let mut files: Vec<Read> = Vec::new();
        for source in sources {
            let file = Read::new(source?)?;
            if let Some(first) = files.first() {
                let same = Header { shard: first.header.shard, ..file.header.clone() } == first.header;
                if !same || file.header.shard.count != first.header.shard.count {
                    let what = format!("it is of another sweep than {}", first.source.origin);
                    let remedy = "give shards that were run with the same arguments, files and version";
                    return Err(InputError::new(&file.source.origin, what, remedy));
                }
            }
            if let Some(twin) = files.iter().find(|other| other.header.shard == file.header.shard) {
                let what =
                    format!("it is the same shard as {}: {}", twin.source.origin, name(file.header.shard));
                return Err(InputError::new(&file.source.origin, what, "give each shard once"));
            }
            files.push(file);
        }
        files.sort_unstable_by_key(|file| file.header.shard.index);
        let count = files.first().map_or(1, |file| file.header.shard.count);
        let is_there = |index: &usize| files.iter().any(|file| file.header.shard.index == *index);
        let missing: Vec<String> =
            (0..count).filter(|index| !is_there(index)).map(|index| name(Shard { index, count })).collect();
        match missing.as_slice() {
            [] => Ok(Self { files }),
            [some @ .., last] => {
                let what = match some.len() {
                    0 => format!("shard {last} is missing"),
                    _ if some.len() < 10 => format!("shards {} and {last} are missing", some.join(", ")),
                    many => format!("{} shards are missing, among them {last}", many + 1),
                };
                Err(InputError::new("merge", what, format!("run it with --shard {last}, and give its file")))
            }
        }
    }

    /// How many cells they have together.
    pub fn cells(&self) -> usize {
        self.files.first().map_or(0, |file| file.header.cells)
    }

    /// Writes what the sweep in one piece would have written.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Some(first) = self.files.first() else { return Ok(()) };
        let mut rows: Vec<_> = self.files.iter().map(Read::rows).collect();
        let count = rows.len().max(1);
        let in_order = (0..self.cells()).filter_map(|cell| rows.get_mut(cell % count)?.next());
        write(&Header { shard: Shard::WHOLE, ..first.header.clone() }, false, in_order, out)
    }
}

fn name(shard: Shard) -> String {
    format!("{}/{}", shard.index + 1, shard.count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Key, RowFormat};
    use super::*;

    fn header(index: usize, count: usize, cells: usize) -> Header {
        let shard = Shard { index, count };
        Header { definition: 7, format: RowFormat::Csv, shard, cells, optional: Vec::new() }
    }

    fn file(header: &Header, is_shard: bool) -> Source {
        let rows: Vec<String> = header.shard.cells(header.cells).map(|cell| format!("{cell},x")).collect();
        let mut text = Vec::new();
        write(header, is_shard, rows.iter().map(String::as_str), &mut text).unwrap();
        let origin = format!("{}.shard", header.shard.index + 1);
        Source { origin, text: String::from_utf8(text).unwrap() }
    }

    fn merged(sources: impl IntoIterator<Item = Source>) -> Result<String, String> {
        let shards = Shards::check(sources.into_iter().map(Ok)).map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        shards.write(&mut text).unwrap();
        Ok(String::from_utf8(text).unwrap())
    }

    proptest! {
        #[test]
        fn shards_in_any_order_are_the_whole(count in 1usize..9, cells in 1usize..40, turn in 0usize..9) {
            let whole = file(&header(0, 1, cells), false).text;
            let shard = |index| file(&header((index + turn) % count, count, cells), true);
            prop_assert_eq!(merged((0..count).map(shard)), Ok(whole));
        }

        #[test]
        fn a_shard_that_was_cut_is_refused(cut in 1usize..200) {
            let mut torn = file(&header(1, 2, 20), true);
            torn.text.truncate(torn.text.len().saturating_sub(cut));
            let error = merged([file(&header(0, 2, 20), true), torn]).unwrap_err();
            prop_assert!(error.starts_with("2.shard: it is no"), "{}", error);
        }
    }

    #[test]
    fn shards_that_do_not_belong_together_are_refused() {
        let shard = |index| file(&header(index, 3, 9), true);
        let error = merged([shard(0), shard(2)]).unwrap_err();
        assert_eq!(error, "merge: shard 2/3 is missing; run it with --shard 2/3, and give its file");
        let error = merged([shard(1)]).unwrap_err();
        assert!(error.starts_with("merge: shards 1/3 and 3/3 are missing; "), "{error}");
        let error = merged([shard(0), shard(1), shard(0)]).unwrap_err();
        assert_eq!(error, "1.shard: it is the same shard as 1.shard: 1/3; give each shard once");
        let more = Header { optional: vec![Key::Comfort], ..header(1, 3, 9) };
        for other in [Header { definition: 8, ..header(1, 3, 9) }, header(1, 2, 9), header(1, 3, 10), more] {
            let error = merged([shard(0), file(&other, true)]).unwrap_err();
            assert!(
                error.starts_with("2.shard: it is of another sweep than 1.shard; give shards"),
                "{error}"
            );
        }
        let error = merged([file(&header(0, 1, 9), false)]).unwrap_err();
        assert!(error.starts_with("1.shard: it is no shard of a sweep; give the files that"), "{error}");
        let mut edited = shard(1);
        edited.text = edited.text.replace("4,x", "4,y");
        let error = merged([shard(0), edited, shard(2)]).unwrap_err();
        assert!(error.starts_with("2.shard: it is not whole, or was changed; copy it again"), "{error}");
    }
}
