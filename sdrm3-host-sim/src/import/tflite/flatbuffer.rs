//! A reader of flatbuffers that believes nothing: every place is checked before it is read, so that
//! any bytes give a value or an error. Nothing is copied.

use std::borrow::Cow;

/// What the bytes are not, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    pub(super) at: usize,
    pub(super) what: &'static str,
}

type Result<T> = std::result::Result<T, Malformed>;

/// A table: fields by number, each of which may be missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// A vector of numbers or of tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vector<'b> {
    bytes: &'b [u8],
    start: usize,
    len: usize,
}

impl<'b> Table<'b> {
    /// The table at the root of the file.
    pub(super) fn root(bytes: &'b [u8]) -> Result<Self> {
        Ok(Self { bytes, at: follow(bytes, 0)? })
    }

    /// Where a field lies; none if the table does not have it.
    fn field(&self, number: usize) -> Result<Option<usize>> {
        let back = i64::from(read_u32(self.bytes, self.at)? as i32);
        let outside = Malformed { at: self.at, what: "a table whose list of fields lies outside the file" };
        let fields = usize::try_from(self.at as i64 - back).map_err(|_| outside)?;
        let size = usize::from(read_u16(self.bytes, fields)?);
        let entry = 4 + 2 * number;
        if entry + 2 > size {
            return Ok(None);
        }
        let offset = usize::from(read_u16(self.bytes, fields + entry)?);
        Ok((offset != 0).then_some(self.at + offset))
    }

    /// A field of one byte.
    pub(super) fn u8(&self, number: usize, default: u8) -> Result<u8> {
        self.field(number)?.map_or(Ok(default), |at| Ok(read::<1>(self.bytes, at)?[0]))
    }

    /// A field of four bytes.
    pub(super) fn i32(&self, number: usize, default: i32) -> Result<i32> {
        self.field(number)?.map_or(Ok(default), |at| Ok(read_u32(self.bytes, at)? as i32))
    }

    /// A field of four bytes.
    pub(super) fn u32(&self, number: usize, default: u32) -> Result<u32> {
        self.field(number)?.map_or(Ok(default), |at| read_u32(self.bytes, at))
    }

    /// A field that is a table.
    pub(super) fn table(&self, number: usize) -> Result<Option<Self>> {
        let Some(at) = self.field(number)? else { return Ok(None) };
        Ok(Some(Self { bytes: self.bytes, at: follow(self.bytes, at)? }))
    }

    /// A field that is a vector of elements of that many bytes; a missing one is empty.
    pub(super) fn vector(&self, number: usize, width: usize) -> Result<Vector<'b>> {
        let Some(at) = self.field(number)? else {
            return Ok(Vector { bytes: self.bytes, start: 0, len: 0 });
        };
        let at = follow(self.bytes, at)?;
        let len = read_u32(self.bytes, at)? as usize;
        let start = at + 4;
        if len > (self.bytes.len() - start) / width {
            return Err(Malformed { at, what: "a vector that ends outside the file" });
        }
        Ok(Vector { bytes: self.bytes, start, len })
    }

    /// A field that is a text; a missing one is empty.
    pub(super) fn text(&self, number: usize) -> Result<Cow<'b, str>> {
        let Vector { bytes, start, len } = self.vector(number, 1)?;
        // Names are shown in part only.
        Ok(String::from_utf8_lossy(&bytes[start..start + len.min(400)]))
    }
}

impl<'b> Vector<'b> {
    /// How many elements it has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// An element of a vector of 4-byte numbers; none beyond its end.
    pub(super) fn i32(&self, index: usize) -> Result<Option<i32>> {
        let element = (index < self.len).then_some(self.start + 4 * index);
        element.map(|at| Ok(read_u32(self.bytes, at)? as i32)).transpose()
    }

    /// An element of a vector of tables; none beyond its end.
    pub(super) fn table(&self, index: usize) -> Result<Option<Table<'b>>> {
        let element = (index < self.len).then_some(self.start + 4 * index);
        element.map(|at| Ok(Table { bytes: self.bytes, at: follow(self.bytes, at)? })).transpose()
    }
}

/// The place to which the offset at this place leads.
fn follow(bytes: &[u8], at: usize) -> Result<usize> {
    let to = at.saturating_add(read_u32(bytes, at)? as usize);
    if to < bytes.len() {
        Ok(to)
    } else {
        Err(Malformed { at, what: "an offset that leads outside the file" })
    }
}

fn read<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let end = Malformed { at, what: "the file ends too early" };
    let bytes = at.checked_add(N).and_then(|to| bytes.get(at..to)).ok_or(end)?;
    bytes.try_into().map_err(|_| end)
}

fn read_u16(bytes: &[u8], at: usize) -> Result<u16> {
    read(bytes, at).map(u16::from_le_bytes)
}

fn read_u32(bytes: &[u8], at: usize) -> Result<u32> {
    read(bytes, at).map(u32::from_le_bytes)
}
