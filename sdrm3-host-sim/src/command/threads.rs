//! On how many threads a command works.

use clap::Args;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::input::InputError;

/// The option of every command that works on many cells at once.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Threads {
    /// Threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Threads {
    /// So many threads, idle.
    pub(super) fn pool(self) -> Result<ThreadPool, InputError> {
        ThreadPoolBuilder::new()
            .num_threads(usize::from(self.jobs.unwrap_or(0)))
            .build()
            .map_err(|error| InputError::new("--jobs", error.to_string(), "ask for fewer threads"))
    }
}
