//! Errors of input: where, what is wrong, and how to mend it, in one line.

use std::fmt;
use std::ops::Range;

use toml::Spanned;

/// Input that cannot be used. Displayed as `where:line: what; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    origin: String,
    line: Option<usize>,
    what: String,
    remedy: String,
}

impl InputError {
    /// An error in the input of that name (a file, or an option of the command line).
    pub fn new(origin: &str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { origin: origin.into(), line: None, what: what.into(), remedy: remedy.into() }
    }

    /// At this line, counted from 1.
    #[must_use]
    pub fn at_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// In another input.
    #[must_use]
    pub fn moved_to(mut self, origin: &str) -> Self {
        self.origin = origin.into();
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        // One message is one short line, whatever the parser behind it said, or repeated of the input.
        let what = self.what.split_whitespace().collect::<Vec<_>>().join(" ");
        match what.char_indices().nth(400) {
            Some((end, _)) => write!(f, ": {}...; {}", &what[..end], self.remedy),
            None => write!(f, ": {what}; {}", self.remedy),
        }
    }
}

impl std::error::Error for InputError {}

/// A text file, and where it came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its path, or the name of what is built in.
    pub origin: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Reads a file of at most 256 MiB.
    pub fn read(path: &str) -> Result<Self, InputError> {
        let text = String::from_utf8(read(path, "text file")?)
            .map_err(|_| unreadable(path, "it is no text in UTF-8", "text file"))?;
        Ok(Self { origin: path.into(), text })
    }

    /// An error at a range of bytes of this text.
    pub fn error_at(
        &self,
        at: &Range<usize>,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> InputError {
        InputError::new(&self.origin, what, remedy).at_line(self.line_of(at))
    }

    /// The line on which a range of bytes begins, counted from 1.
    pub fn line_of(&self, at: &Range<usize>) -> usize {
        self.text.get(..at.start).unwrap_or(&self.text).matches('\n').count() + 1
    }

    /// Parses TOML; errors carry their line, and misspelt keys the closest known one.
    pub fn parse_toml<'de, T: serde::de::Deserialize<'de>>(&'de self) -> Result<T, InputError> {
        toml::from_str(&self.text).map_err(|error| {
            let what = error.message().to_string();
            self.error_at(&error.span().unwrap_or(0..0), &what, remedy_for(&what))
        })
    }

    /// Refuses a name that no report can show: one that is empty, or not of one line.
    pub fn check_name(&self, name: &Spanned<String>) -> Result<(), InputError> {
        match unfit("the name", name.get_ref()) {
            Some(what) => Err(self.error_at(&name.span(), what, ONE_LINE)),
            None => Ok(()),
        }
    }

    /// Refuses such a name in a row of a table; each cell is given with its column.
    pub fn check_cells(&self, line: usize, cells: &[(&str, &str)]) -> Result<(), InputError> {
        match cells.iter().find_map(|(column, text)| unfit(column, text)) {
            Some(what) => Err(InputError::new(&self.origin, what, ONE_LINE).at_line(line)),
            None => Ok(()),
        }
    }

    /// Parses CSV whose header has at least these columns; `each` is given the line of a row and the row.
    pub fn parse_csv<T: serde::de::DeserializeOwned>(
        &self,
        columns: &str,
        mut each: impl FnMut(usize, T) -> Result<(), InputError>,
    ) -> Result<(), InputError> {
        let fail = |line: usize, what: String| {
            InputError::new(&self.origin, what, format!("expected: {columns}")).at_line(line)
        };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(self.text.as_bytes());
        let header = reader.headers().map_err(|error| fail(1, error.to_string()))?.clone();
        if let Some(missing) = columns.split(',').find(|&column| !header.iter().any(|name| name == column)) {
            return Err(fail(1, format!("the header has no column `{missing}`")));
        }
        // The reader stands before what is left of the last line's end, and before empty lines.
        let line_at = |position: &csv::Position| {
            let rest = self.text.as_bytes().get(position.byte() as usize..).unwrap_or_default();
            let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            position.line() as usize + ends.filter(|&&byte| byte == b'\n').count()
        };
        let mut record = csv::StringRecord::new();
        loop {
            let line = line_at(reader.position());
            if !reader.read_record(&mut record).map_err(|error| fail(line, error.to_string()))? {
                return Ok(());
            }
            let row = record.deserialize(Some(&header)).map_err(|error| {
                let what = match error.kind() {
                    csv::ErrorKind::Deserialize { err, .. } => match err.field().map(|at| at as usize) {
                        Some(at) if at < record.len() => {
                            let column = header.get(at).unwrap_or("?");
                            format!("{column} is `{}`: {}", &record[at], err.kind())
                        }
                        _ => err.to_string(),
                    },
                    _ => error.to_string(),
                };
                fail(line, what)
            })?;
            each(line, row)?;
        }
    }
}

/// The remedy for a name that is [`unfit`].
const ONE_LINE: &str = "give a text of one line";

/// Why a text is no name that a report can show.
fn unfit(what: &str, text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some(format!("{what} is empty"));
    }
    let controls = text.contains(char::is_control);
    controls.then(|| format!("{what} {text:?} has a line break or another control character"))
}

/// The bytes of a file of at most 256 MiB.
pub fn read_bytes(path: &str) -> Result<Vec<u8>, InputError> {
    read(path, "file")
}

fn read(path: &str, kind: &str) -> Result<Vec<u8>, InputError> {
    let fail = |error: std::io::Error| unreadable(path, error.to_string(), kind);
    let size = std::fs::metadata(path).map_err(fail)?.len();
    if size > 256 << 20 {
        return Err(unreadable(path, format!("the file has {size} bytes, which is too large"), kind));
    }
    std::fs::read(path).map_err(fail)
}

fn unreadable(path: &str, what: impl Into<String>, kind: &str) -> InputError {
    InputError::new(path, what, format!("give the path of a readable {kind}"))
}

/// What to do about a message of the TOML parser.
fn remedy_for(message: &str) -> String {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match names.as_slice() {
        [unknown, known @ ..] if message.starts_with("unknown field") => match closest(unknown, known) {
            Some(name) => format!("did you mean `{name}`? keys of quantities end in their unit"),
            None => "remove it, or see `docs/src/files.md` for the keys".into(),
        },
        [missing, ..] if message.starts_with("missing field") => format!("add `{missing} = ...`"),
        _ => "see `docs/src/files.md` for the format".into(),
    }
}

/// The known name closest to a misspelt one, if any is close.
pub fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let similarity = |other: &str| {
        let prefix = other.starts_with(name) || name.starts_with(other);
        let (shorter, longer) = (name.len().min(other.len()), name.len().max(other.len()));
        // One slip of the finger: a letter too much, too few, wrong, or two that changed places.
        let slip = || name.len() < 64 && strsim::osa_distance(name, other) == 1;
        if prefix {
            // Of several the one with the fewest letters to add.
            0.99 + 0.009 * shorter as f64 / longer.max(1) as f64
        } else if slip() {
            0.98
        } else {
            strsim::jaro_winkler(name, other)
        }
    };
    let best = known.iter().copied().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (similarity(best) > 0.75).then_some(best)
}

/// The error for a name that is none of the known ones.
pub fn unknown_name(origin: &str, what: &str, name: &str, known: &[&str]) -> InputError {
    let remedy = match closest(name, known) {
        Some(close) => format!("did you mean `{close}`?"),
        None if known.len() > 30 => format!("known are: {}, ...", known[..30].join(", ")),
        None => format!("known are: {}", known.join(", ")),
    };
    InputError::new(origin, format!("unknown {what} `{name}`"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_where_what_and_how_to_mend_in_one_line() {
        let source = Source { origin: "a.toml".into(), text: "x = 1\nfsp = 2\n".into() };
        let error = source.error_at(&(6..9), "unknown field\n  `fsp`", "did you mean `fps`?");
        assert_eq!(error.to_string(), "a.toml:2: unknown field `fsp`; did you mean `fps`?");
    }

    #[test]
    fn an_error_is_short_whatever_the_input() {
        let error = InputError::new("a.toml", "ä".repeat(1 << 20), "shorten it").to_string();
        assert!(error.len() < 900 && error.ends_with("ä...; shorten it"), "{}", error.len());
        let known: Vec<String> = (0..1000).map(|n| format!("x{n}")).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        assert!(unknown_name("a.toml", "network", "other", &known).to_string().len() < 300);
    }

    #[test]
    fn a_key_without_its_unit_is_recognised() {
        assert_eq!(closest("deadline", &["name", "fps", "deadline_ms"]), Some("deadline_ms"));
        assert_eq!(closest("fsp", &["name", "fps", "deadline_ms"]), Some("fps"));
        assert_eq!(closest("colour", &["name", "fps", "deadline_ms"]), None);
    }

    #[test]
    fn of_names_that_begin_so_the_shortest_is_meant() {
        assert_eq!(closest("sdrm", &["mapscore", "sdrm3", "sdrm3-gated"]), Some("sdrm3"));
        assert_eq!(closest("sdrm3-gat", &["sdrm3", "sdrm3-gated"]), Some("sdrm3-gated"));
    }

    #[test]
    fn rows_of_csv_have_the_line_on_which_they_stand() {
        let lines = |text: &str| {
            let source = Source { origin: "a.csv".into(), text: text.into() };
            let mut lines = Vec::new();
            let each = |line, (_, _): (u32, u32)| {
                lines.push(line);
                Ok(())
            };
            source.parse_csv("a,b", each).map(|()| lines)
        };
        assert_eq!(lines("a,b\n1,2\n3,4\n"), Ok(vec![2, 3]));
        assert_eq!(lines("a,b\r\n1,2\r\n3,4\r\n"), Ok(vec![2, 3]), "as written on Windows");
        assert_eq!(lines("a,b\n\n1,2\r\n\r\n3,4"), Ok(vec![3, 5]), "empty lines are no rows");
        let error = lines("a,b\r\n1,2\r\n3\r\n").unwrap_err().to_string();
        assert!(error.starts_with("a.csv:3: "), "{error}");
        let error = lines("a,b\n1,two\n").unwrap_err().to_string();
        assert_eq!(error, "a.csv:2: b is `two`: invalid digit found in string; expected: a,b");
    }
}
