//! The frames on the wire, and a decoder that finds them in any stream of bytes.
//!
//! Every transfer is one frame of [`FRAME`] bytes each way, whatever it says, so that a co-processor
//! can arm its DMA before it knows what comes. Numbers are little-endian; bytes that a message does
//! not use are sent as zero and not looked at.
//!
//! | Offset | Bytes | Field | From the host | From the device |
//! |---|---|---|---|---|
//! | 0 | 2 | sync | `5D 3A` | the same |
//! | 2 | 1 | version, kind | high nibble: [`VERSION`]; low nibble: the message | the same |
//! | 3 | 1 | number | of this frame, modulo 256 | of the last frame that arrived whole |
//! | 4 | 2 | boot | of the session that it talks to | of its session: how often it has started |
//! | 6 | 2 | epoch | the same | of its session: what the last reset named it, 0 since the start until then |
//! | 8 | 2 | sequence | of the last command, from 1 in each session | of the report in this frame |
//! | 10 | 2 | acknowledge | the last report it took | the last command it handled |
//! | 12 | 4 | ticks | 0 | its clock when frame *number* had arrived |
//! | 16 | 1 | answer | 0 | what became of that command, see below |
//! | 17 | 19 | message | see below | see below |
//! | 36 | 4 | check | CRC-32C (CRC-32/ISCSI) of bytes 0 to 35 | the same |
//!
//! | Kind | From | Message | Bytes from offset 17 |
//! |---|---|---|---|
//! | 0 | host | nothing: it only collects | |
//! | 1 | host | hello: who are you? The session is not looked at | |
//! | 2 | host | status: how are you? | |
//! | 3 | host | submit, a command | ticket 4, model 1, sub-network 1, first segment 2, segments 2 |
//! | 4 | host | cancel, a command | ticket 4 |
//! | 5 | host | reset: end this session | epoch of the next 2 |
//! | 8 | device | identity | device 4, ticks per second 4 (not 0), depth 1 (not 0), granularity 1, energy 1 |
//! | 9 | device | state | runs a block 1, its ticket 4, its progress 4 |
//! | 10 | device | report of a block's end | ticket 4, ending 1, skipped 2, started 4, finished 4, energy 4 |
//!
//! - Answer: 0 accepted, 1 full, 2 unsupported, 3 not ready, 4 unknown ticket.
//! - Granularity: 0 slice, 1 segment, 2 block. Energy, and whether a block runs: 0 no, 1 yes.
//! - Ending: 0 next segment, 1 segments skipped, 2 early exit, 3 failed, 4 cancelled; plus 16 if the
//!   energy \[nJ\] was measured. Started and finished are ticks.
//!
//! # Why CRC-32
//!
//! A floating line, a device in reset and a torn transfer produce noise, not single flipped bits. Noise
//! behind a sync word passes a 16-bit check once in 65 536 times, and what passes may be taken for the
//! end of a block that still runs; it passes this one once in 4 295 million times. Of the 32-bit checks,
//! Castagnoli's also finds every pattern of up to five flipped bits in a frame (a test tries them all);
//! the one of Ethernet and zlib misses some.

use core::num::{NonZeroU8, NonZeroU32};

use crc::{CRC_32_ISCSI, Crc};
use heapless::Vec;
use sdrm3_core::{ModelId, Path};

use crate::queue::Granularity;

/// Length of every frame in bytes.
pub const FRAME: usize = 40;

/// Version of the protocol.
pub const VERSION: u8 = 1;

const SYNC: [u8; 2] = [0x5D, 0x3A];
const CHECKED: usize = FRAME - 4;
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// The time between two resets of a device: what it holds is lost at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Session {
    /// How often the device has started.
    pub boot: u16,
    /// What the host named it when it reset the device; 0 between a start and the first reset.
    pub epoch: u16,
}

/// A block as the device sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Block {
    /// Names it: the sequence number of its ticket.
    pub ticket: u32,
    /// The model.
    pub model: ModelId,
    /// Sub-network, counted from the heaviest.
    pub subnetwork: u8,
    /// First segment.
    pub first: u16,
    /// How many segments, at least 1.
    pub count: u16,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// It is or will be carried out.
    #[default]
    Accepted,
    /// There is no room for another block.
    Full,
    /// The device cannot run this block at all.
    Unsupported,
    /// The device is not ready to run blocks.
    NotReady,
    /// No such block is queued or runs.
    Unknown,
}

/// Who a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Identity {
    /// Number of the device or its firmware, for the application.
    pub device: u32,
    /// Rate of its clock. At most 2^31 ticks may lie between a block's start and the collection of its
    /// end: 35 minutes at 1 MHz.
    pub ticks_per_second: NonZeroU32,
    /// How many blocks it holds, the running one and those whose end is not acknowledged included.
    pub depth: NonZeroU8,
    /// After how much it can stop a running block.
    pub granularity: Granularity,
    /// Whether it measures energy.
    pub energy: bool,
}

/// How a block ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ending {
    /// It ran to its end, and the network goes on like this.
    Finished(Path),
    /// It failed.
    Failed,
    /// It was stopped, or never started, because it was cancelled.
    Cancelled,
}

/// The end of a block, as the device reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// The block's ticket.
    pub ticket: u32,
    /// How it ended.
    pub ending: Ending,
    /// When it started, in ticks of the device.
    pub started: u32,
    /// When it ended, in ticks of the device.
    pub finished: u32,
    /// Energy that it took, if measured.
    pub energy_nj: Option<u32>,
}

/// A running block and how far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Running {
    /// Its ticket.
    pub ticket: u32,
    /// A number that grows while it moves on.
    pub progress: u32,
}

/// What a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Message {
    /// Host: nothing, it only collects.
    Nothing,
    /// Host: who are you?
    Hello,
    /// Host: how are you?
    Status,
    /// Host: run this block.
    Submit(Block),
    /// Host: stop the block with this ticket.
    Cancel(u32),
    /// Host: drop everything and open the session of this epoch.
    Reset(u16),
    /// Device: who it is.
    Identity(Identity),
    /// Device: what it runs.
    State(Option<Running>),
    /// Device: a block has ended.
    Report(Report),
}

impl Message {
    /// Whether a host says it.
    pub const fn is_from_host(&self) -> bool {
        !matches!(self, Self::Identity(_) | Self::State(_) | Self::Report(_))
    }
}

/// A frame. The table of this module says what the fields mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // the table has them
pub struct Frame {
    pub number: u8,
    pub session: Session,
    pub sequence: u16,
    pub acknowledge: u16,
    pub ticks: u32,
    pub answer: Answer,
    pub message: Message,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum BadFrame {
    /// They do not begin with the sync word.
    Sync,
    /// Their check is wrong.
    Check,
    /// They are of another version of the protocol.
    Version(u8),
    /// A field has a value that it cannot have.
    Content,
}

impl Frame {
    /// Its bytes. O([`FRAME`]).
    pub fn encode(&self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        let mut to = Writer(&mut bytes);
        to.put(SYNC);
        to.put([VERSION << 4 | self.kind(), self.number]);
        to.put(self.session.boot.to_le_bytes());
        to.put(self.session.epoch.to_le_bytes());
        to.put(self.sequence.to_le_bytes());
        to.put(self.acknowledge.to_le_bytes());
        to.put(self.ticks.to_le_bytes());
        to.put([self.answer as u8]);
        match self.message {
            Message::Nothing | Message::Hello | Message::Status => {}
            Message::Reset(epoch) => to.put(epoch.to_le_bytes()),
            Message::Submit(block) => {
                to.put(block.ticket.to_le_bytes());
                to.put([block.model.0, block.subnetwork]);
                to.put(block.first.to_le_bytes());
                to.put(block.count.to_le_bytes());
            }
            Message::Cancel(ticket) => to.put(ticket.to_le_bytes()),
            Message::Identity(identity) => {
                to.put(identity.device.to_le_bytes());
                to.put(identity.ticks_per_second.get().to_le_bytes());
                let granularity = match identity.granularity {
                    Granularity::Slice => 0,
                    Granularity::Segment => 1,
                    Granularity::Block => 2,
                };
                to.put([identity.depth.get(), granularity, u8::from(identity.energy)]);
            }
            Message::State(None) => to.put([0]),
            Message::State(Some(running)) => {
                to.put([1]);
                to.put(running.ticket.to_le_bytes());
                to.put(running.progress.to_le_bytes());
            }
            Message::Report(report) => {
                let (ending, skipped) = match report.ending {
                    Ending::Finished(Path::Next) => (0, 0),
                    Ending::Finished(Path::Skip(segments)) => (1, segments),
                    Ending::Finished(Path::Exit) => (2, 0),
                    Ending::Failed => (3, 0),
                    Ending::Cancelled => (4, 0),
                };
                let measured = if report.energy_nj.is_some() { MEASURED } else { 0 };
                to.put(report.ticket.to_le_bytes());
                to.put([ending | measured]);
                to.put(skipped.to_le_bytes());
                to.put(report.started.to_le_bytes());
                to.put(report.finished.to_le_bytes());
                to.put(report.energy_nj.unwrap_or(0).to_le_bytes());
            }
        }
        if let Some((checked, check)) = bytes.split_first_chunk_mut::<CHECKED>() {
            Writer(check).put(CRC.checksum(checked).to_le_bytes());
        }
        bytes
    }

    /// The frame that these bytes are. O([`FRAME`]).
    ///
    /// # Errors
    ///
    /// They are none: the first cause in the order of [`BadFrame`].
    pub fn decode(bytes: &[u8; FRAME]) -> Result<Self, BadFrame> {
        let Some((checked, check)) = bytes.split_first_chunk::<CHECKED>() else {
            return Err(BadFrame::Content);
        };
        if !checked.starts_with(&SYNC) {
            return Err(BadFrame::Sync);
        }
        if check != CRC.checksum(checked).to_le_bytes() {
            return Err(BadFrame::Check);
        }
        let mut from = Reader(checked);
        match from.fields() {
            Some((VERSION, Some(frame))) => Ok(frame),
            Some((VERSION, None)) | None => Err(BadFrame::Content),
            Some((version, _)) => Err(BadFrame::Version(version)),
        }
    }

    const fn kind(&self) -> u8 {
        match self.message {
            Message::Nothing => 0,
            Message::Hello => 1,
            Message::Status => 2,
            Message::Submit(_) => 3,
            Message::Cancel(_) => 4,
            Message::Reset(_) => 5,
            Message::Identity(_) => 8,
            Message::State(_) => 9,
            Message::Report(_) => 10,
        }
    }
}

/// Added to an ending whose energy was measured.
const MEASURED: u8 = 16;

/// Writes one field behind the other.
struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        if let Some((place, rest)) = core::mem::take(&mut self.0).split_first_chunk_mut::<N>() {
            *place = field;
            self.0 = rest;
        }
    }
}

/// Reads one field behind the other.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The version, and the frame if all its fields can be.
    fn fields(&mut self) -> Option<(u8, Option<Frame>)> {
        let [_, _, kind, number] = self.take()?;
        Some((kind >> 4, self.frame(kind & 0x0F, number)))
    }

    fn frame(&mut self, kind: u8, number: u8) -> Option<Frame> {
        let session = Session { boot: self.u16()?, epoch: self.u16()? };
        let (sequence, acknowledge, ticks) = (self.u16()?, self.u16()?, self.u32()?);
        let answer = match self.u8()? {
            0 => Answer::Accepted,
            1 => Answer::Full,
            2 => Answer::Unsupported,
            3 => Answer::NotReady,
            4 => Answer::Unknown,
            _ => return None,
        };
        let message = self.message(kind)?;
        Some(Frame { number, session, sequence, acknowledge, ticks, answer, message })
    }

    fn message(&mut self, kind: u8) -> Option<Message> {
        Some(match kind {
            0 => Message::Nothing,
            1 => Message::Hello,
            2 => Message::Status,
            3 => Message::Submit(Block {
                ticket: self.u32()?,
                model: ModelId(self.u8()?),
                subnetwork: self.u8()?,
                first: self.u16()?,
                count: self.u16()?,
            }),
            4 => Message::Cancel(self.u32()?),
            5 => Message::Reset(self.u16()?),
            8 => Message::Identity(Identity {
                device: self.u32()?,
                ticks_per_second: NonZeroU32::new(self.u32()?)?,
                depth: NonZeroU8::new(self.u8()?)?,
                granularity: match self.u8()? {
                    0 => Granularity::Slice,
                    1 => Granularity::Segment,
                    2 => Granularity::Block,
                    _ => return None,
                },
                energy: self.flag()?,
            }),
            9 if self.flag()? => Message::State(Some(Running { ticket: self.u32()?, progress: self.u32()? })),
            9 => Message::State(None),
            10 => {
                let (ticket, ending, skipped) = (self.u32()?, self.u8()?, self.u16()?);
                let (started, finished, energy) = (self.u32()?, self.u32()?, self.u32()?);
                let energy_nj = (ending & MEASURED != 0).then_some(energy);
                let ending = match ending & !MEASURED {
                    0 => Ending::Finished(Path::Next),
                    1 => Ending::Finished(Path::Skip(skipped)),
                    2 => Ending::Finished(Path::Exit),
                    3 => Ending::Failed,
                    4 => Ending::Cancelled,
                    _ => return None,
                };
                Message::Report(Report { ticket, ending, started, finished, energy_nj })
            }
            _ => return None,
        })
    }
}

/// Finds frames in a stream of bytes, wherever they begin.
///
/// Bytes that cannot begin a frame are passed over. Behind a candidate whose check is wrong the search
/// goes on at its second byte, so that a torn frame does not take the next one with it: after at most
/// [`FRAME`] - 1 good bytes that belong to no frame, the next whole frame is found.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Begins with the sync word, or with as much of it as there is; never full between calls.
    bytes: Vec<u8, FRAME>,
}

impl Decoder {
    /// A decoder that has heard nothing.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// Takes in a byte; answers with the frame that it completes, or what is wrong with one. At most one
    /// check is computed per call, and at most [`FRAME`] / 2 of them per [`FRAME`] calls.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame, BadFrame>> {
        let _ = self.bytes.push(byte); // never full here
        if self.bytes.len() <= SYNC.len() {
            self.align(0);
        }
        let decoded = Frame::decode(self.bytes.first_chunk::<FRAME>()?);
        match decoded {
            Err(BadFrame::Check | BadFrame::Sync) => self.align(1),
            _ => self.bytes.clear(),
        }
        Some(decoded)
    }

    /// Drops what lies before the first place, not before `from`, where a frame may begin.
    fn align(&mut self, from: usize) {
        let [first, second] = SYNC;
        let begins = |place: &usize| {
            self.bytes.get(*place) == Some(&first)
                && self.bytes.get(*place + 1).is_none_or(|next| *next == second)
        };
        let len = self.bytes.len();
        let start = (from..len).find(begins).unwrap_or(len);
        let mut place = 0;
        self.bytes.retain(|_| {
            place += 1;
            place > start
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::vec::Vec;

    fn message() -> impl Strategy<Value = Message> {
        let path = prop_oneof![Just(Path::Next), any::<u16>().prop_map(Path::Skip), Just(Path::Exit)];
        let ending =
            prop_oneof![path.prop_map(Ending::Finished), Just(Ending::Failed), Just(Ending::Cancelled)];
        prop_oneof![
            Just(Message::Nothing),
            Just(Message::Hello),
            Just(Message::Status),
            any::<u16>().prop_map(Message::Reset),
            any::<u32>().prop_map(Message::Cancel),
            any::<(u32, u8, u8, u16, u16)>().prop_map(|(ticket, model, subnetwork, first, count)| {
                Message::Submit(Block { ticket, model: ModelId(model), subnetwork, first, count })
            }),
            (any::<u32>(), 1..=u32::MAX, 1..=u8::MAX, 0..3u8, any::<bool>()).prop_map(
                |(device, hz, depth, grain, energy)| {
                    Message::Identity(Identity {
                        device,
                        ticks_per_second: NonZeroU32::new(hz).unwrap(),
                        depth: NonZeroU8::new(depth).unwrap(),
                        granularity: [Granularity::Slice, Granularity::Segment, Granularity::Block]
                            [usize::from(grain)],
                        energy,
                    })
                }
            ),
            any::<Option<(u32, u32)>>().prop_map(|running| Message::State(
                running.map(|(ticket, progress)| Running { ticket, progress })
            )),
            (any::<u32>(), ending, any::<u32>(), any::<u32>(), any::<Option<u32>>()).prop_map(
                |(ticket, ending, started, finished, energy_nj)| {
                    Message::Report(Report { ticket, ending, started, finished, energy_nj })
                }
            ),
        ]
    }

    fn frame() -> impl Strategy<Value = Frame> {
        let header = any::<(u8, u16, u16, u16, u16, u32)>();
        let answer = prop_oneof![
            Just(Answer::Accepted),
            Just(Answer::Full),
            Just(Answer::Unsupported),
            Just(Answer::NotReady),
            Just(Answer::Unknown)
        ];
        (header, answer, message()).prop_map(
            |((number, boot, epoch, sequence, acknowledge, ticks), answer, message)| {
                let session = Session { boot, epoch };
                Frame { number, session, sequence, acknowledge, ticks, answer, message }
            },
        )
    }

    fn hear(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Frame> {
        bytes.iter().filter_map(|byte| decoder.push(*byte)?.ok()).collect()
    }

    const HELLO: Frame = Frame {
        number: 7,
        session: Session { boot: 0x0201, epoch: 0x0403 },
        sequence: 0x0605,
        acknowledge: 0x0807,
        ticks: 0,
        answer: Answer::Accepted,
        message: Message::Hello,
    };

    // ---- one frame ------------------------------------------------------------------------------

    /// The table of the module, byte for byte: two builds that disagree cannot talk.
    #[test]
    fn the_layout_is_that_of_the_table() {
        let block =
            Block { ticket: 0x0403_0201, model: ModelId(5), subnetwork: 6, first: 0x0807, count: 0x0A09 };
        let bytes = Frame { message: Message::Submit(block), ..HELLO }.encode();
        let header = [0x5D, 0x3A, 0x13, 7, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0];
        let payload = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(bytes[..17], header);
        assert_eq!(bytes[17..36], payload);

        let report = Report {
            ticket: 0x0403_0201,
            ending: Ending::Finished(Path::Skip(0x0706)),
            started: 0x0B0A_0908,
            finished: 0x0F0E_0D0C,
            energy_nj: Some(0x1312_1110),
        };
        let bytes =
            Frame { ticks: 0x0403_0201, answer: Answer::Unknown, message: Message::Report(report), ..HELLO }
                .encode();
        assert_eq!(bytes[2], 0x1A);
        assert_eq!(bytes[12..17], [1, 2, 3, 4, 4]);
        assert_eq!(bytes[17..36], [1, 2, 3, 4, 0x11, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
        assert_eq!(bytes[36..], CRC.checksum(&bytes[..36]).to_le_bytes());
    }

    /// No pattern of up to five flipped bits passes the check. The check is linear, so a pattern passes
    /// exactly if the syndromes of its bits cancel; so none of two bits may equal one of three or fewer.
    #[test]
    fn up_to_five_flipped_bits_are_always_found() {
        let good = HELLO.encode();
        let base = CRC.checksum(&good[..CHECKED]);
        let syndromes: Vec<u32> = (0..FRAME * 8)
            .map(|bit| {
                let mut bytes = good;
                bytes[bit / 8] ^= 1 << (bit % 8);
                let check = u32::from_le_bytes(*bytes.last_chunk().unwrap());
                CRC.checksum(&bytes[..CHECKED]) ^ check ^ base ^ base_check(&good)
            })
            .collect();
        let pairs = |limit: usize| {
            let syndromes = &syndromes;
            (0..limit).flat_map(move |a| (a + 1..limit).map(move |b| syndromes[a] ^ syndromes[b]))
        };
        let (bits, all) = (syndromes.len(), pairs(syndromes.len()).collect::<HashSet<u32>>());
        assert_eq!(all.len(), bits * (bits - 1) / 2, "four bits never cancel");
        assert!(!all.contains(&0) && !syndromes.contains(&0), "nor do one or two");
        assert!(syndromes.iter().all(|one| !all.contains(one)), "nor three");
        let mut tried = 0;
        for (last, one) in syndromes.iter().enumerate() {
            for two in pairs(last) {
                assert!(!all.contains(&(one ^ two)), "nor five");
                tried += 1;
            }
        }
        assert_eq!(tried, bits * (bits - 1) * (bits - 2) / 6);
    }

    fn base_check(bytes: &[u8; FRAME]) -> u32 {
        u32::from_le_bytes(*bytes.last_chunk().unwrap())
    }

    #[test]
    fn a_frame_that_cannot_be_is_told_by_its_cause() {
        let sealed = |change: fn(&mut [u8; FRAME])| {
            let mut bytes = HELLO.encode();
            change(&mut bytes);
            let check = CRC.checksum(&bytes[..CHECKED]).to_le_bytes();
            bytes[CHECKED..].copy_from_slice(&check);
            Frame::decode(&bytes)
        };
        assert_eq!(sealed(|_| ()), Ok(HELLO));
        assert_eq!(sealed(|bytes| bytes[0] = 0xFF), Err(BadFrame::Sync));
        assert_eq!(sealed(|bytes| bytes[2] = 0x21), Err(BadFrame::Version(2)));
        assert_eq!(sealed(|bytes| bytes[2] = 0x2F), Err(BadFrame::Version(2)), "whatever it says");
        assert_eq!(sealed(|bytes| bytes[2] = 0x1F), Err(BadFrame::Content), "no such message");
        assert_eq!(sealed(|bytes| bytes[16] = 5), Err(BadFrame::Content), "no such answer");
        assert_eq!(sealed(|bytes| bytes[2] = 0x18), Err(BadFrame::Content), "an identity without a clock");
        assert_eq!(sealed(|bytes| bytes[35] = 1), Ok(HELLO), "unused bytes are not looked at");
        let mut bytes = HELLO.encode();
        bytes[36] ^= 1;
        assert_eq!(Frame::decode(&bytes), Err(BadFrame::Check));
    }

    // ---- a stream -------------------------------------------------------------------------------

    #[test]
    fn a_torn_frame_does_not_take_the_next_one_with_it() {
        for cut in 0..FRAME {
            let mut decoder = Decoder::new();
            assert_eq!(hear(&mut decoder, &HELLO.encode()[..cut]), []);
            let next = Frame { number: 8, ..HELLO };
            let mut bytes = next.encode().to_vec();
            bytes.extend([0xFF; FRAME]); // the line is idle behind it
            assert_eq!(hear(&mut decoder, &bytes), [next], "cut after {cut} bytes");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(frame in frame()) {
            prop_assert_eq!(Frame::decode(&frame.encode()), Ok(frame));
        }

        /// Frames between noise are found, but for those that the noise before swallows: that is at
        /// most one, if the noise ends in what looks like the beginning of a frame, and it is found late.
        #[test]
        fn frames_are_found_wherever_they_begin(
            parts in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), frame()), 1..6)
        ) {
            let mut decoder = Decoder::new();
            let mut heard = Vec::new();
            for (noise, frame) in &parts {
                heard.extend(hear(&mut decoder, noise));
                heard.extend(hear(&mut decoder, &frame.encode()));
            }
            heard.extend(hear(&mut decoder, &[0xFF; FRAME]));
            let sent: Vec<Frame> = parts.into_iter().map(|(_, frame)| frame).collect();
            prop_assert_eq!(heard, sent);
        }

        /// Any bytes at all: no panic, and the decoder never keeps a whole frame's worth.
        #[test]
        fn noise_is_passed_over(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut decoder = Decoder::new();
            for byte in bytes {
                let _ = decoder.push(byte);
                prop_assert!(decoder.bytes.len() < FRAME);
            }
        }
    }
}
