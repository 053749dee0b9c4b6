//! Where an event's text lies.

use std::ops::Range;

/// A stored event's text: where it lies in its segment's file, and its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The offset in the file.
    pub offset: u32,
    /// How many bytes, the newline included.
    pub len: u32,
    /// The CRC32C of these bytes.
    pub crc: u32,
}

impl Place {
    /// Its bytes in the file.
    pub fn range(&self) -> Range<u64> {
        let start = u64::from(self.offset);
        start..start + u64::from(self.len)
    }
}
