//! Reading: the steps of a trace, as far as it is whole.

use sdrm3_core::Checksum;

use super::Step;
use super::codec::Context;
use super::header::{Header, HeaderError};
use super::record::{Record, decode};
use super::recorder::{CHECKSUM, LENGTH};

/// A trace in memory; what lies behind its end is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    header: Header<'a>,
    bytes: &'a [u8],
    blocks: usize,
}

/// How a trace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Ending {
    /// Whole: nothing is missing.
    Whole,
    /// It was not brought to its end: what followed the last whole block, at this byte, is lost.
    Torn {
        /// Where the whole part ends.
        at: usize,
    },
    /// The block at this byte fails its check, and more stands behind it.
    Corrupt {
        /// Where the block begins.
        at: usize,
    },
    /// The block at this byte passes its check and makes no sense: another program wrote it.
    Senseless {
        /// Where the block begins.
        at: usize,
    },
}

impl core::fmt::Display for Ending {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Whole => f.write_str("the trace is whole"),
            Self::Torn { at } => write!(f, "the trace is torn at byte {at}: what followed is lost"),
            Self::Corrupt { at } => write!(f, "the block at byte {at} of the trace fails its check"),
            Self::Senseless { at } => write!(f, "the block at byte {at} of the trace makes no sense"),
        }
    }
}

impl<'a> Trace<'a> {
    /// Reads the header. O(header).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let (header, blocks) = Header::parse(bytes)?;
        Ok(Self { header, bytes, blocks })
    }

    /// Its header.
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// Its steps, in order.
    pub fn steps(&self) -> Steps<'a> {
        Steps {
            bytes: self.bytes,
            at: self.blocks,
            next: self.blocks,
            records: &[],
            checksum: Checksum::EMPTY,
            context: Context::new(),
            ending: None,
        }
    }
}

/// The steps of a trace. When there are no more, [`ending`](Self::ending) says why.
#[derive(Clone, Debug)]
pub struct Steps<'a> {
    bytes: &'a [u8],
    /// Where the block under way begins, and the next.
    at: usize,
    next: usize,
    /// What is left of the block under way.
    records: &'a [u8],
    checksum: Checksum,
    context: Context,
    ending: Option<Ending>,
}

impl Steps<'_> {
    /// How the trace ends; `None` as long as there are steps.
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// How many bytes were read, whole blocks and the header.
    pub const fn bytes(&self) -> usize {
        self.next
    }

    /// Takes up the next block. O(its bytes).
    fn enter_block(&mut self) -> Result<(), Ending> {
        self.at = self.next;
        let torn = Ending::Torn { at: self.at };
        let rest = self.bytes.get(self.at..).ok_or(torn)?;
        let (length, rest) = rest.split_first_chunk::<LENGTH>().ok_or(torn)?;
        let length = u16::from_le_bytes(*length);
        if length == 0 || length == u16::MAX {
            return Err(torn);
        }
        let (records, rest) = rest.split_at_checked(usize::from(length)).ok_or(torn)?;
        let (checksum, behind) = rest.split_first_chunk::<CHECKSUM>().ok_or(torn)?;
        self.checksum = self.checksum.bytes(records);
        if *checksum != self.checksum.value().to_le_bytes() {
            // Torn memory ends in what it held before.
            let erased = behind.iter().all(|&byte| byte == 0) || behind.iter().all(|&byte| byte == 0xff);
            return Err(if erased { torn } else { Ending::Corrupt { at: self.at } });
        }
        self.records = records;
        self.next = self.at + LENGTH + records.len() + CHECKSUM;
        Ok(())
    }

    fn step(&mut self) -> Result<Step, Ending> {
        if self.records.is_empty() {
            self.enter_block()?;
        }
        match decode(self.records, &mut self.context) {
            Some((Record::Step(step), rest)) => {
                self.records = rest;
                Ok(step)
            }
            Some((Record::End, [])) => Err(Ending::Whole),
            _ => Err(Ending::Senseless { at: self.at }),
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if self.ending.is_some() {
            return None;
        }
        self.step().map_err(|ending| self.ending = Some(ending)).ok()
    }
}
