//! What an import writes: all of it or nothing, and over nothing that is there.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::command::Failure;
use crate::command::compare::write_new;
use crate::input::{InputError, Source};

/// Files to be written once all are known to be right, each with what it holds.
pub(super) struct Files {
    directory: PathBuf,
    files: Vec<(Source, String)>,
}

impl Files {
    /// None yet, for this directory.
    pub(super) fn new(directory: &str) -> Self {
        Self { directory: directory.into(), files: Vec::new() }
    }

    /// Adds a file, which must not be there yet; `what` says what it holds.
    pub(super) fn add(&mut self, name: &str, text: String, what: String) -> Result<Source, InputError> {
        let path = self.directory.join(name);
        let origin = path.display().to_string();
        let taken = self.files.iter().any(|(other, _)| other.origin == origin);
        if taken || path.symlink_metadata().is_ok() {
            let what =
                format!("{origin} {}", if taken { "would be written twice" } else { "exists already" });
            return Err(InputError::new("--out", what, "remove it or name another directory"));
        }
        let source = Source { origin, text };
        self.files.push((source.clone(), what));
        Ok(source)
    }

    /// Writes all of them.
    pub(super) fn write(&self) -> Result<(), InputError> {
        let fail = |path: &Path, error: std::io::Error| {
            let what = format!("{}: {error}", path.display());
            InputError::new("--out", what, "name a directory that can be written")
        };
        std::fs::create_dir_all(&self.directory).map_err(|error| fail(&self.directory, error))?;
        for (source, _) in &self.files {
            let path = Path::new(&source.origin);
            write_new(path, source.text.as_bytes()).map_err(|error| fail(path, error))?;
        }
        Ok(())
    }

    /// Says what was written and what was not mapped, and how to run it.
    pub(super) fn report(
        &self,
        notes: &[String],
        command: &str,
        text: &mut impl Write,
    ) -> Result<(), Failure> {
        for (source, what) in &self.files {
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
