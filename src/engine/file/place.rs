//! Where an event's text lies.

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
