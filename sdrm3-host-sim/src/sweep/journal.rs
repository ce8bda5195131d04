//! The rows of an unfinished sweep, in the order in which they came: a file beside the result.
//!
//! The first line is the [`Header`], every other one the checksum of a row, its cell and the row. A line that a crash
//! or a full disk tore does not match its checksum: it and what stands behind it is run again.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sdrm3_core::Checksum;

use super::Header;
use crate::input::InputError;

/// Rows are safe from a power failure after so long; from the end of the program at once.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Rows by cell; `None` is still to be run.
pub type Rows = Vec<Option<Box<str>>>;

/// A journal that rows are added to, by several threads.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Also for synchronising without a lock on the other.
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    synced: Instant,
}

impl Journal {
    /// Opens or begins the journal at this path, and the rows that it has, of the cells of the header's shard; `anew`
    /// throws away one of another sweep, which is an error else.
    pub fn open(path: &Path, header: &Header, anew: bool) -> Result<(Self, Rows), InputError> {
        let fail = |error: io::Error| failure(path, &error);
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = "another sweep is writing it at this moment";
                return Err(error(path, what, "wait for it, or name another --out"));
            }
            // A file system without locks: two sweeps at a time are the user's care.
            Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let first = header.to_line() + "\n";
        let mut rows: Rows = vec![None; header.cells];
        let kept = if bytes.starts_with(first.as_bytes()) {
            first.len() + read(&bytes[first.len()..], header, &mut rows)
        } else if bytes.is_empty() || anew || first.as_bytes().starts_with(&bytes) {
            0
        } else {
            let what = "it is of a sweep with other arguments, files or version";
            let remedy = "give the same to go on with that one, or remove it, or start over with --force";
            return Err(error(path, what, remedy));
        };
        file.set_len(kept as u64).map_err(fail)?;
        file.seek(SeekFrom::End(0)).map_err(fail)?;
        if kept == 0 {
            file.write_all(first.as_bytes()).map_err(fail)?;
        }
        let state = State { file: file.try_clone().map_err(fail)?, synced: Instant::now() };
        Ok((Self { path: path.into(), file, state: Mutex::new(state) }, rows))
    }

    /// Adds the row of a cell.
    pub fn add(&self, cell: usize, row: &str) -> Result<(), InputError> {
        let line = line(cell, row);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.file.write_all(line.as_bytes()).map_err(|error| failure(&self.path, &error))?;
        let due = state.synced.elapsed() > SYNC_EVERY;
        if due {
            state.synced = Instant::now();
        }
        drop(state);
        if due {
            self.file.sync_data().map_err(|error| failure(&self.path, &error))?;
        }
        Ok(())
    }

    /// The result is written: the journal goes.
    pub fn remove(self) -> Result<(), InputError> {
        std::fs::remove_file(&self.path).map_err(|error| failure(&self.path, &error))
    }
}

/// A line of the journal, with its end.
fn line(cell: usize, row: &str) -> String {
    let text = format!("{cell} {row}");
    format!("{:016x} {text}\n", Checksum::EMPTY.bytes(text.as_bytes()).value())
}

/// Reads lines as far as they are whole; how many bytes that are.
fn read(bytes: &[u8], header: &Header, rows: &mut Rows) -> usize {
    let mut kept = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some((cell, row)) = parse(line, header) else { break };
        if let Some(place) = rows.get_mut(cell) {
            *place = Some(row.into());
        }
        kept += line.len();
    }
    kept
}

fn parse<'a>(line: &'a [u8], header: &Header) -> Option<(usize, &'a str)> {
    let (sum, text) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split_once(' ')?;
    let sum = u64::from_str_radix(sum, 16).ok()?;
    let (cell, row) = text.split_once(' ')?;
    let cell: usize = cell.parse().ok()?;
    let ours = cell < header.cells && cell % header.shard.count == header.shard.index;
    (ours && sum == Checksum::EMPTY.bytes(text.as_bytes()).value()).then_some((cell, row))
}

fn error(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> InputError {
    InputError::new(&path.display().to_string(), what, remedy)
}

fn failure(path: &Path, error: &io::Error) -> InputError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free some space and give the same command again: it goes on where it stopped"
        }
        ErrorKind::NotFound => "make its folder first, or name a file in another",
        _ => "name a file that can be written",
    };
    self::error(path, error.to_string(), remedy)
}

#[cfg(test)]
mod tests {
    use super::super::{RowFormat, Shard};
    use super::*;

    const HEADER: Header = Header {
        definition: 7,
        format: RowFormat::Csv,
        shard: Shard { index: 1, count: 2 },
        cells: 8,
        optional: Vec::new(),
    };

    fn kept(rows: &Rows) -> Vec<(usize, &str)> {
        let kept = rows.iter().enumerate().filter_map(|(cell, row)| Some((cell, row.as_deref()?)));
        kept.collect()
    }

    #[test]
    fn rows_are_found_again_up_to_the_one_that_was_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.partial");
        let (journal, rows) = Journal::open(&path, &HEADER, false).unwrap();
        assert_eq!(kept(&rows), []);
        for (cell, row) in [(5, "5,e"), (1, "1,a"), (3, "3,c")] {
            journal.add(cell, row).unwrap();
        }
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let all = [(1, "1,a"), (3, "3,c"), (5, "5,e")];
        assert_eq!(kept(&Journal::open(&path, &HEADER, false).unwrap().1), all);

        // Wherever the end is torn off, or a byte is another, the rows before are kept and the file goes on well.
        let first = HEADER.to_line().len() + 1;
        let second = first + line(5, "5,e").len();
        let third = second + line(1, "1,a").len();
        for end in first..=whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let (journal, rows) = Journal::open(&path, &HEADER, false).unwrap();
            let count = [second, third, whole.len()].into_iter().filter(|&at| at <= end).count();
            assert_eq!(kept(&rows).len(), count, "{end}");
            journal.add(7, "7,x").unwrap();
            drop(journal);
            assert_eq!(kept(&Journal::open(&path, &HEADER, false).unwrap().1).len(), count + 1, "{end}");
        }
        for at in first..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] = b'#';
            std::fs::write(&path, &bytes).unwrap();
            let rows = Journal::open(&path, &HEADER, false).unwrap().1;
            assert!(kept(&rows).iter().all(|row| all.contains(row)) && kept(&rows).len() < 3, "{at}");
        }
    }

    #[test]
    fn a_journal_of_another_sweep_is_kept_unless_forced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.partial");
        Journal::open(&path, &HEADER, false).unwrap().0.add(1, "1,a").unwrap();
        for other in [Header { definition: 8, ..HEADER }, Header { shard: Shard::WHOLE, ..HEADER }] {
            let error = Journal::open(&path, &other, false).unwrap_err().to_string();
            assert!(error.contains("a.csv.partial: it is of a sweep with other arguments"), "{error}");
        }
        assert_eq!(kept(&Journal::open(&path, &HEADER, false).unwrap().1), [(1, "1,a")]);
        assert_eq!(kept(&Journal::open(&path, &Header { definition: 8, ..HEADER }, true).unwrap().1), []);
    }

    #[test]
    fn two_sweeps_do_not_write_one_journal() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.partial");
        let _first = Journal::open(&path, &HEADER, false).unwrap();
        let error = Journal::open(&path, &HEADER, false).unwrap_err().to_string();
        assert!(error.contains("another sweep is writing it"), "{error}");
    }
}
