//! What an import writes: all of it or nothing.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::command::output::{OutputFile, Writing};
use crate::input::{InputError, Source};

/// Files to be written once all are known to be right, each with what it holds.
pub(super) struct Files {
    directory: PathBuf,
    writing: Writing,
    files: Vec<File>,
}

/// A file: its name in the directory, its text, and what it holds.
struct File {
    name: String,
    source: Source,
    what: String,
}

impl Files {
    /// None yet, for this directory.
    pub(super) fn new(directory: &str, writing: Writing) -> Self {
        Self { directory: directory.into(), writing, files: Vec::new() }
    }

    /// Adds a file, which must not be there unless it may be replaced; `what` says what it holds.
    pub(super) fn add(&mut self, name: &str, text: String, what: String) -> Result<Source, InputError> {
        let path = self.directory.join(name);
        let origin = path.display().to_string();
        let taken = self.files.iter().any(|other| other.name == name);
        if taken {
            let what = format!("{origin} would be written twice");
            return Err(InputError::new("--out", what, "import the two into two directories"));
        }
        self.writing.check("--out", &path, "directory")?;
        let source = Source { origin, text };
        self.files.push(File { name: name.into(), source: source.clone(), what });
        Ok(source)
    }

    /// Writes all of them.
    pub(super) fn write(&self) -> Result<(), InputError> {
        let names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        let directory = self.directory.display().to_string();
        let mut outputs = self.writing.directory("--out", &directory, &names)?;
        for (output, file) in outputs.iter_mut().zip(&self.files) {
            output.write(file.source.text.as_bytes())?;
        }
        outputs.into_iter().try_for_each(OutputFile::finish)
    }

    /// Says what was written and what was not mapped, and how to run it.
    pub(super) fn report(
        &self,
        notes: &[String],
        command: &str,
        text: &mut impl Write,
    ) -> Result<(), Failure> {
        for File { source, what, .. } in &self.files {
            writeln!(text, "wrote {}: {what}", source.origin)?;
        }
        writeln!(text, "\nnot mapped as it stands:{}", if notes.is_empty() { " nothing" } else { "" })?;
        for note in notes {
            writeln!(text, "  {note}")?;
        }
        writeln!(text, "\nto run it: {command}")?;
        Ok(())
    }
}

/// The name of a file without folders and extension.
pub(super) fn stem(path: &str) -> String {
    Path::new(path).file_stem().map_or_else(|| path.into(), |stem| stem.to_string_lossy().into_owned())
}
