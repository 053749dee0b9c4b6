//! The frame: one append, one atomic batch. `docs/FORMAT.md` has the layout.
//!
//! A frame is a header of [`HEADER_BYTES`], a table with the length and the checksum of each event's text, the
//! tracking entries, the texts, and zeros up to the next multiple of 8. The header has a checksum of its own,
//! and none of its numbers is believed before that was compared. It covers the checksum of table and
//! tracking, and the table those of the texts, so every byte of a text is summed once.

use super::bytes::{put, u32_at, u64_at};
use super::checksum::salted_crc;
use crate::query::POSITION_MAX;

/// Its first byte stands in no UTF-8 text, so the magic stands in no event.
pub(super) const MAGIC: [u8; 4] = [0xF5, b'R', b'F', b'1'];
/// The length of a frame's header.
pub(super) const HEADER_BYTES: usize = 80;
/// The length of an event's entry in the table.
pub(super) const ENTRY_BYTES: usize = 8;
/// Frames begin at multiples of this.
pub(super) const ALIGN: usize = 8;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An append.
    Batch = 1,
    /// The first of a segment; it carries the whole tracking table.
    Start = 2,
    /// The store was opened for writing.
    Epoch = 3,
    /// The store was closed.
    Close = 4,
    /// The next segment was begun. It stands behind the end that the next segment tells, and only where that is missing
    /// anybody looks at it: its `durable_through` lies in the next segment.
    Seal = 5,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub kind: Kind,
    /// Table, tracking and texts together, without the zeros behind them.
    pub body_bytes: u32,
    pub events: u32,
    /// The position of the first event; without events, the position that the next event gets.
    pub first: u64,
    /// Where the frame begins in the whole log.
    pub offset: u64,
    /// How often the store was opened for writing.
    pub epoch: u64,
    /// Counts the flushes of an epoch.
    pub flush: u64,
    /// Everything in the log before this offset was known to be synced when the frame was written.
    pub durable_through: u64,
    /// When it was written, in microseconds.
    pub time: i64,
    pub tracking_bytes: u32,
    /// The header checksum of the frame before; of the segment's header, for its first frame.
    pub previous: u32,
    /// The checksum of table and tracking.
    pub table_crc: u32,
}

impl Header {
    /// The header's bytes, and its checksum.
    pub fn encode(&self, salt: u64) -> ([u8; HEADER_BYTES], u32) {
        let mut bytes = [0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        bytes[4] = self.kind as u8;
        put(&mut bytes, 8, &self.body_bytes.to_le_bytes());
        put(&mut bytes, 12, &self.events.to_le_bytes());
        put(&mut bytes, 16, &self.first.to_le_bytes());
        put(&mut bytes, 24, &self.offset.to_le_bytes());
        put(&mut bytes, 32, &self.epoch.to_le_bytes());
        put(&mut bytes, 40, &self.flush.to_le_bytes());
        put(&mut bytes, 48, &self.durable_through.to_le_bytes());
        put(&mut bytes, 56, &self.time.to_le_bytes());
        put(&mut bytes, 64, &self.tracking_bytes.to_le_bytes());
        put(&mut bytes, 68, &self.previous.to_le_bytes());
        put(&mut bytes, 72, &self.table_crc.to_le_bytes());
        let crc = salted_crc(salt, &bytes[..76]);
        put(&mut bytes, 76, &crc.to_le_bytes());
        (bytes, crc)
    }

    /// Reads a header; `None` where the bytes are none of this segment. With it comes its checksum.
    pub fn decode(bytes: &[u8], salt: u64, trust: bool) -> Option<(Header, u32)> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        let crc = u32_at(bytes, 76);
        if crc != salted_crc(salt, &bytes[..76]) && !trust {
            return None;
        }
        let kind = [Kind::Batch, Kind::Start, Kind::Epoch, Kind::Close, Kind::Seal]
            .into_iter()
            .find(|kind| *kind as u8 == bytes[4])?;
        let header = Header {
            kind,
            body_bytes: u32_at(bytes, 8),
            events: u32_at(bytes, 12),
            first: u64_at(bytes, 16),
            offset: u64_at(bytes, 24),
            epoch: u64_at(bytes, 32),
            flush: u64_at(bytes, 40),
            durable_through: u64_at(bytes, 48),
            time: u64_at(bytes, 56) as i64,
            tracking_bytes: u32_at(bytes, 64),
            previous: u32_at(bytes, 68),
            table_crc: u32_at(bytes, 72),
        };
        let Header { first, offset, epoch, durable_through, .. } = header;
        // So that no sum of two of them is too large.
        let is_possible = [first, offset, epoch, durable_through].into_iter().all(|number| number <= POSITION_MAX);
        (is_possible && header.head_bytes() <= header.body_bytes as usize).then_some((header, crc))
    }

    /// Table and tracking.
    pub fn head_bytes(&self) -> usize {
        self.events as usize * ENTRY_BYTES + self.tracking_bytes as usize
    }

    /// How long the frame is.
    pub fn frame_bytes(&self) -> u64 {
        frame_bytes(self.body_bytes as usize)
    }
}

/// How long a frame with such a body is.
pub(super) fn frame_bytes(body_bytes: usize) -> u64 {
    ((HEADER_BYTES + body_bytes).next_multiple_of(ALIGN)) as u64
}

/// Appends a tracking entry: position, length of the source, source.
pub(super) fn write_tracking(source: &str, position: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&position.to_le_bytes());
    out.extend_from_slice(&(source.len() as u16).to_le_bytes());
    out.extend_from_slice(source.as_bytes());
}

/// How long a tracking entry is.
pub(super) fn tracking_bytes(source: &str) -> usize {
    10 + source.len()
}

/// Reads tracking entries; `None` where the bytes are none.
pub(super) fn read_tracking(mut bytes: &[u8]) -> Option<Vec<(&str, u64)>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let position = bytes.get(..8).map(|number| u64_at(number, 0))?;
        let len = bytes.get(8..10).map(|len| u16::from_le_bytes([len[0], len[1]]))? as usize;
        entries.push((std::str::from_utf8(bytes.get(10..10 + len)?).ok()?, position));
        bytes = &bytes[10 + len..];
    }
    Some(entries)
}
