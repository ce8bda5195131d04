//! The header of a trace: by which tables and with which settings it was decided.

use core::fmt;

use sdrm3_core::{Checksum, Config, Duration, Policy, Scheduler, Weight, Weights, Workload};

/// Begins every trace.
const MAGIC: [u8; 8] = *b"SDRM3TRC";
/// The format that is described at [`trace`](super).
const VERSION: u16 = 1;
/// Bytes before the text, and behind it.
pub(super) const FIXED: usize = 46;
const CHECKSUM: usize = 8;

/// What is said of a scheduler before its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// [`Workload::checksum`] of the tables.
    pub workload: u64,
    /// How many frames it holds at most.
    pub jobs: u32,
    /// How many models the tables have.
    pub models: u8,
    /// How many accelerators.
    pub accelerators: u8,
    /// Which parts were switched on.
    pub config: Config,
    /// The weights that the policy began with, if it has any.
    pub weights: Option<Weights>,
    /// What whoever recorded it wants to know again, at most 65 000 bytes; a longer text is left out.
    pub text: &'a str,
}

/// Why the beginning of a trace cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HeaderError {
    /// It does not begin as a trace does.
    NoTrace,
    /// It has another version of the format.
    Version(u16),
    /// It ends within its header.
    CutShort,
    /// Its header fails its check.
    Corrupt,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTrace => f.write_str("this is no trace: it does not begin with SDRM3TRC"),
            Self::Version(version) => {
                write!(f, "the trace has version {version} of the format, and only {VERSION} is read")
            }
            Self::CutShort => f.write_str("the trace ends within its header"),
            Self::Corrupt => f.write_str("the header of the trace fails its check"),
        }
    }
}

impl core::error::Error for HeaderError {}

impl Header<'static> {
    /// Of this scheduler, which is fresh. O(tables), for their checksum.
    pub fn of<P: Policy, const MODELS: usize, const JOBS: usize, const ACCS: usize>(
        scheduler: &Scheduler<'_, P, MODELS, JOBS, ACCS>,
    ) -> Self {
        Self::new(scheduler.workload(), JOBS, scheduler.config(), scheduler.policy().weights())
    }

    /// Of a scheduler that is made of these. O(tables), for their checksum.
    pub const fn new<const ACCS: usize>(
        workload: &Workload<'_, ACCS>,
        jobs: usize,
        config: Config,
        weights: Option<Weights>,
    ) -> Self {
        Self {
            workload: workload.checksum(),
            jobs: jobs as u32,
            models: workload.models.len() as u8,
            accelerators: workload.accelerators.len() as u8,
            config,
            weights,
            text: "",
        }
    }
}

impl<'a> Header<'a> {
    /// With this text.
    #[must_use]
    pub const fn with_text<'b>(self, text: &'b str) -> Header<'b> {
        let Self { workload, jobs, models, accelerators, config, weights, .. } = self;
        let text = if text.len() <= 65_000 { text } else { "" };
        Header { workload, jobs, models, accelerators, config, weights, text }
    }

    /// Everything before the text.
    pub(super) fn fixed(&self) -> [u8; FIXED] {
        let config = self.config;
        let flags = [
            config.frame_drop,
            config.supernet,
            config.correction,
            config.stale_drop,
            config.tuning_window.is_some(),
            self.weights.is_some(),
        ];
        let flags = flags.iter().rev().fold(0u8, |bits, &flag| bits << 1 | u8::from(flag));
        let weights = self.weights.map_or([0; 2], |w| [w.alpha.to_bits(), w.beta.to_bits()]);
        let [alpha, beta] = weights.map(u32::to_le_bytes);
        let window = config.tuning_window.map_or(0, Duration::as_nanos).to_le_bytes();
        let mut bytes = [0; FIXED];
        let parts: [&[u8]; 10] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &((FIXED + self.text.len() + CHECKSUM) as u16).to_le_bytes(),
            &self.workload.to_le_bytes(),
            &self.jobs.to_le_bytes(),
            &[self.models, self.accelerators, flags, 0],
            &window,
            &alpha,
            &beta,
            &(self.text.len() as u16).to_le_bytes(),
        ];
        for (place, byte) in bytes.iter_mut().zip(parts.iter().copied().flatten()) {
            *place = *byte;
        }
        bytes
    }

    /// Reads the header, and says where the blocks begin.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<(Self, usize), HeaderError> {
        let mut at = Fields(bytes);
        if at.take().map_err(|_| HeaderError::NoTrace)? != MAGIC {
            return Err(HeaderError::NoTrace);
        }
        let version = u16::from_le_bytes(at.take()?);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let length = usize::from(u16::from_le_bytes(at.take()?));
        let checked = length.checked_sub(CHECKSUM).ok_or(HeaderError::Corrupt)?;
        let (whole, _) = bytes.split_at_checked(length).ok_or(HeaderError::CutShort)?;
        let (said, checksum) = whole.split_at_checked(checked).ok_or(HeaderError::Corrupt)?;
        if checksum != Checksum::EMPTY.bytes(said).value().to_le_bytes() {
            return Err(HeaderError::Corrupt);
        }
        let (workload, jobs) = (u64::from_le_bytes(at.take()?), u32::from_le_bytes(at.take()?));
        let [models, accelerators, flags, _] = at.take()?;
        let window = u64::from_le_bytes(at.take()?);
        let [alpha, beta] = [at.take()?, at.take()?].map(u32::from_le_bytes);
        let text = usize::from(u16::from_le_bytes(at.take()?));
        let text = said.get(FIXED..).filter(|said| said.len() == text).ok_or(HeaderError::Corrupt)?;
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let config = Config {
            frame_drop: flag(0),
            supernet: flag(1),
            correction: flag(2),
            stale_drop: flag(3),
            tuning_window: flag(4).then_some(Duration::from_nanos(window)),
        };
        let weights = Weights { alpha: Weight::from_bits(alpha), beta: Weight::from_bits(beta) };
        let header = Self {
            workload,
            jobs,
            models,
            accelerators,
            config,
            weights: flag(5).then_some(weights),
            text: core::str::from_utf8(text).map_err(|_| HeaderError::Corrupt)?,
        };
        Ok((header, length))
    }
}

/// The fields of a header, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let (field, rest) = self.0.split_first_chunk().ok_or(HeaderError::CutShort)?;
        self.0 = rest;
        Ok(*field)
    }
}
