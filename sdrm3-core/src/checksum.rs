//! The checksum of tables and traces: FNV-1a of 64 bits.
//!
//! ```text
//! start: 0xcbf29ce484222325;  for each byte: checksum = (checksum ^ byte) * 0x100000001b3 mod 2^64
//! ```
//!
//! Each step maps different states to different states, so that a change of one byte always shows. It
//! tells accidents, not attacks.

/// A checksum under way.
///
/// ```
/// use sdrm3_core::Checksum;
///
/// assert_eq!(Checksum::EMPTY.bytes(b"foobar").value(), 0x8594_4171_f739_67e8);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Checksum(u64);

impl Checksum {
    /// Of nothing.
    pub const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    /// With these bytes behind it. O(bytes).
    #[must_use]
    pub const fn bytes(self, mut bytes: &[u8]) -> Self {
        let mut state = self.0;
        while let Some((&byte, rest)) = bytes.split_first() {
            state = (state ^ byte as u64).wrapping_mul(0x0100_0000_01b3);
            bytes = rest;
        }
        Self(state)
    }

    /// With this number behind it: 4 bytes, the lowest first.
    #[must_use]
    pub const fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// With this number behind it: 8 bytes, the lowest first.
    #[must_use]
    pub const fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// What it comes to.
    pub const fn value(self) -> u64 {
        self.0
    }
}
