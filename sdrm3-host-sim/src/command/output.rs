//! The files that a command writes: refused before the work begins, whole when it is done, or not there at all.
//!
//! Each is written under another name in the same folder and renamed at the end, so that nobody ever sees
//! half of it; what an error, a signal or a panic leaves unfinished is removed.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use clap::Args;
use tempfile::{Builder, NamedTempFile};

use crate::input::InputError;

/// Exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Whether what is there may be replaced: an option of every command that writes files.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Writing {
    /// Replace files that exist already
    #[arg(long)]
    force: bool,
}

/// A file on its way: [`write`](Self::write) to it, then [`finish`](Self::finish).
#[derive(Debug)]
pub(super) struct OutputFile {
    /// As it was named.
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// Under another name until it is whole.
    Partial { file: BufWriter<NamedTempFile>, target: PathBuf, entry: Pending, force: bool },
    /// A device or a pipe, which is written to as it is.
    Stream(BufWriter<File>),
}

impl Writing {
    /// Whether `--force` was given.
    pub(super) fn is_forced(self) -> bool {
        self.force
    }

    /// Refuses a path at which there is something already, unless that may be replaced; `option` is how the
    /// path was given, `other` what else to name.
    pub(super) fn check(self, option: &str, path: &Path, other: &str) -> Result<(), InputError> {
        let there = path.symlink_metadata().is_ok();
        if there && !self.force && !path.metadata().is_ok_and(|data| is_stream(&data)) {
            let what = format!("{} exists already", path.display());
            let remedy = format!("remove it or name another {other}, or replace it with --force");
            return Err(InputError::new(option, what, remedy));
        }
        Ok(())
    }

    /// Begins a file.
    pub(super) fn file(self, option: &str, path: &str) -> Result<OutputFile, InputError> {
        self.begin(option, Path::new(path), "file")
    }

    /// Begins the file that an option names, if it was given.
    pub(super) fn optional(self, option: &str, path: Option<&str>) -> Result<Option<OutputFile>, InputError> {
        path.map(|path| self.file(option, path)).transpose()
    }

    /// Makes a directory and begins a file of each of these names in it.
    pub(super) fn directory(
        self,
        option: &str,
        path: &str,
        names: &[&str],
    ) -> Result<Vec<OutputFile>, InputError> {
        std::fs::create_dir_all(path).map_err(|error| {
            InputError::new(option, format!("{path}: {error}"), "name a directory that can be written")
        })?;
        names.iter().map(|name| self.begin(option, &Path::new(path).join(name), "directory")).collect()
    }

    fn begin(self, option: &str, path: &Path, other: &str) -> Result<OutputFile, InputError> {
        self.check(option, path, other)?;
        let name = path.display().to_string();
        let fail = |error: &io::Error| failure(&name, error);
        let place = match path.metadata() {
            Ok(data) if is_stream(&data) => {
                let file = File::options().write(true).open(path).map_err(|error| fail(&error))?;
                Place::Stream(BufWriter::new(file))
            }
            Ok(data) if data.is_dir() => {
                return Err(InputError::new(option, format!("{name} is a directory"), "name a file in it"));
            }
            // What a link points to is replaced, not the link.
            data => {
                // One file has one target, however it is spelt.
                let target = if data.is_ok() { path.canonicalize() } else { spelt_out(path) };
                let target = target.map_err(|error| fail(&error))?;
                let folder = target.parent();
                let mut entry = Pending::claim(&target, option, &name)?;
                let file = partial(folder.unwrap_or(Path::new("."))).map_err(|error| fail(&error))?;
                entry.holds(file.path());
                Place::Partial { file: BufWriter::new(file), target, entry, force: self.force }
            }
        };
        Ok(OutputFile { name, place })
    }
}

impl OutputFile {
    /// Adds all of this.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), InputError> {
        self.write_all(bytes).map_err(|error| self.fails(&error))
    }

    /// The error for what went wrong while writing to it.
    pub(super) fn fails(&self, error: &io::Error) -> InputError {
        Self::failure(&self.name, error)
    }

    /// The error for what went wrong while writing to a file of this name.
    pub(super) fn failure(name: &str, error: &io::Error) -> InputError {
        failure(name, error)
    }

    /// It is whole: gives it its name.
    pub(super) fn finish(self) -> Result<(), InputError> {
        let done = match self.place {
            Place::Stream(mut file) => file.flush(),
            Place::Partial { file, target, entry, force } => {
                // A signal comes before the renaming or after it.
                let held = entries();
                let renamed = file.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| {
                    let renamed = if force { file.persist(target) } else { file.persist_noclobber(target) };
                    renamed.map(drop).map_err(|error| error.error)
                });
                drop(held);
                drop(entry);
                renamed
            }
        };
        done.map_err(|error| failure(&self.name, &error))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.place {
            Place::Partial { file, .. } => file.write(bytes),
            Place::Stream(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.place {
            Place::Partial { file, .. } => file.flush(),
            Place::Stream(file) => file.flush(),
        }
    }
}

/// Whether there is a device or a pipe: nothing that could be renamed to.
fn is_stream(data: &Metadata) -> bool {
    !data.is_file() && !data.is_dir()
}

/// The path of a file that is not there yet, in its folder's full spelling.
fn spelt_out(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
    Ok(path.file_name().map_or_else(|| folder.clone(), |name| folder.join(name)))
}

/// A file of another name, readable by whom new files are readable.
fn partial(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".sdrm3-").suffix(".partial");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn failure(name: &str, error: &io::Error) -> InputError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "free some space or name a file on another disk"
        }
        ErrorKind::NotFound => "make its folder first, or name a file in another",
        ErrorKind::AlreadyExists => "it came into being meanwhile: name another file",
        _ => "name a file that can be written",
    };
    // Without the path of the partial file, which nobody knows.
    let what = error.to_string();
    let what = what.split(" at path ").next().unwrap_or(&what);
    InputError::new(name, what, remedy)
}

/// The error for a picture that could not be drawn.
pub(super) fn undrawn(option: &str) -> impl FnOnce(String) -> InputError {
    move |error| InputError::new(option, error, "report it: drawing into memory cannot fail")
}

/// The files under way: what is to be removed when the program is stopped.
static UNDER_WAY: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

#[derive(Debug)]
struct Entry {
    target: PathBuf,
    partial: Option<PathBuf>,
}

fn entries() -> MutexGuard<'static, Vec<Entry>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remove_partial_files(entries: &[Entry]) {
    for partial in entries.iter().filter_map(|entry| entry.partial.as_ref()) {
        // It may be gone already.
        let _ = std::fs::remove_file(partial);
    }
}

/// That a file is under way, until this is dropped.
#[derive(Debug)]
struct Pending(PathBuf);

impl Pending {
    /// Refuses a file that is under way already.
    fn claim(target: &Path, option: &str, name: &str) -> Result<Self, InputError> {
        static GUARD: Once = Once::new();
        GUARD.call_once(|| {
            // Without the handler an interrupted command leaves its partial files, and nothing worse.
            let _ = ctrlc::set_handler(|| {
                let entries = entries();
                remove_partial_files(&entries);
                std::process::exit(INTERRUPTED);
            });
            let report = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                report(panic);
                if let Ok(entries) = UNDER_WAY.try_lock() {
                    remove_partial_files(&entries);
                }
            }));
        });
        let mut entries = entries();
        if entries.iter().any(|entry| entry.target == target) {
            let what = format!("{name} would be written twice");
            return Err(InputError::new(option, what, "name another file"));
        }
        entries.push(Entry { target: target.into(), partial: None });
        Ok(Self(target.into()))
    }

    /// This is where it is until it is whole.
    fn holds(&mut self, partial: &Path) {
        if let Some(entry) = entries().iter_mut().find(|entry| entry.target == self.0) {
            entry.partial = Some(partial.into());
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        entries().retain(|entry| entry.target != self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Writing = Writing { force: false };
    const REPLACE: Writing = Writing { force: true };

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a folder can be made")
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("it is there").filter_map(Result::ok);
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_not_before() {
        let folder = folder();
        let path = folder.path().join("a.txt");
        let name = path.to_str().expect("UTF-8");
        let mut file = KEEP.file("--out", name).unwrap();
        file.write(b"first").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        let error = KEEP.file("--out", name).unwrap_err().to_string();
        assert!(
            error.starts_with("--out: ") && error.contains("exists already; remove it or name"),
            "{error}"
        );

        let mut file = REPLACE.file("--out", name).unwrap();
        file.write(b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"first", "until the other is whole");
        file.finish().unwrap();
        assert_eq!(
            (std::fs::read(&path).unwrap(), names(folder.path())),
            (b"second".to_vec(), vec!["a.txt".into()])
        );
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let folder = folder();
        let path = folder.path().join("a.txt");
        let mut file = KEEP.file("--out", path.to_str().unwrap()).unwrap();
        file.write(b"half").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), Vec::<String>::new());
        KEEP.file("--out", path.to_str().unwrap()).expect("the name is free again");
    }

    #[test]
    fn two_outputs_of_one_name_are_refused() {
        let folder = folder();
        let path = folder.path().join("a.txt");
        let _first = KEEP.file("--trace", path.to_str().unwrap()).unwrap();
        let error = KEEP.file("--events", path.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("--events: ") && error.contains("would be written twice"), "{error}");
        let other = folder.path().join(".").join("a.txt");
        let error = KEEP.file("--events", other.to_str().unwrap()).unwrap_err().to_string();
        assert!(error.contains("would be written twice"), "spelt otherwise: {error}");
    }

    #[test]
    fn a_file_that_came_meanwhile_is_kept() {
        let folder = folder();
        let path = folder.path().join("a.txt");
        let mut file = KEEP.file("--out", path.to_str().unwrap()).unwrap();
        file.write(b"ours").unwrap();
        std::fs::write(&path, "theirs").unwrap();
        let error = file.finish().unwrap_err().to_string();
        assert!(error.contains("it came into being meanwhile"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["a.txt"]);
    }

    #[test]
    fn places_that_cannot_be_written_say_why() {
        let folder = folder();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("file"), "").unwrap();
        let refuses = |path: &str| REPLACE.file("--out", path).unwrap_err().to_string();
        let error = refuses(&path("none/a.txt"));
        assert!(
            error.ends_with(
                "No such file or directory (os error 2); make its folder first, or name a file in another"
            ),
            "{error}"
        );
        let error = refuses(&path("file/a.txt"));
        assert!(error.contains("Not a directory") && !error.contains(".partial"), "{error}");
        let error = refuses(folder.path().to_str().unwrap());
        assert!(error.ends_with("is a directory; name a file in it"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_one_clear_error_and_a_device_stays_what_it_is() {
        let mut file = REPLACE.file("--out", "/dev/full").unwrap();
        let written = file.write(&[0; 100_000]).and_then(|()| file.finish());
        let error = written.unwrap_err().to_string();
        assert!(
            error.starts_with("/dev/full: No space left on device") && error.contains("; free some space"),
            "{error}"
        );
        assert!(!Path::new("/dev/full").metadata().unwrap().is_file());
        let mut file = KEEP.file("--out", "/dev/null").expect("nothing to overwrite");
        file.write(b"x").unwrap();
        file.finish().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed() {
        let folder = folder();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let mut output = REPLACE.file("--out", link.to_str().unwrap()).unwrap();
        output.write(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.symlink_metadata().unwrap().is_symlink());
    }
}
