//! Frames that wait to be written together: a flush in the making.

use super::bytes::put;
use super::checksum::{crc32c, salted_crc};
use super::frame::{ENTRY_BYTES, HEADER_BYTES, Header, Kind, frame_bytes, tracking_bytes, write_tracking};
use super::place::Place;
use crate::append::{Batch, Tracking};
use crate::error::Error;
use crate::json::write_numbered;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A sequence number and a stream version have at most so many digits together, and so much stands around them.
const NUMBERS_BYTES: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Queue {
    pub bytes: Vec<u8>,
    /// Each frame's header, as far as it is known, and where it goes.
    frames: Vec<(usize, Header)>,
    /// What the appends wait for.
    pub flush: Arc<Flush>,
    /// The tracking that these frames record.
    pub tracking: BTreeMap<String, u64>,
}

/// What becomes of a queue. Everybody who waits for it holds it.
#[derive(Default)]
pub(super) struct Flush {
    /// Set when it is decided.
    pub outcome: OnceLock<Result<(), Failure>>,
    /// The bytes that were written.
    pub bytes: OnceLock<Arc<Vec<u8>>>,
}

/// Why a flush failed.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// Nothing of it is stored.
    Refused(Error),
    /// Nobody knows what the disk holds of it.
    Unknown(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Refused(error) => f.write_str(error.message()),
            Failure::Unknown(why) => f.write_str(why),
        }
    }
}

/// An append's place in a flush.
pub(super) struct Ticket {
    pub flush: Arc<Flush>,
    /// Where the table is in the flush's bytes.
    table: Range<usize>,
    /// Where the texts begin.
    texts: usize,
}

impl Ticket {
    /// The texts, once the flush was written.
    pub fn texts(&self, mut take: impl FnMut(&[u8])) {
        let Some(bytes) = self.flush.bytes.get() else { return };
        let mut at = self.texts;
        for entry in bytes[self.table.clone()].chunks_exact(ENTRY_BYTES) {
            let len = super::bytes::u32_at(entry, 0) as usize;
            take(&bytes[at..at + len]);
            at += len;
        }
    }
}

/// A frame without its header: which numbers its events have.
pub(super) struct Numbers<'a> {
    /// The position of the first event.
    pub first: u64,
    /// The version of each event in its stream.
    pub versions: &'a [u64],
}

impl Queue {
    /// The most bytes that the frame of an append takes.
    pub fn frame_bytes_max(batch: &Batch, tracking: Option<&Tracking>) -> u64 {
        let texts = batch.text_bytes() + batch.len() * (NUMBERS_BYTES + ENTRY_BYTES);
        frame_bytes(texts + tracking.map_or(0, |tracking| tracking_bytes(&tracking.source)))
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Where the last frame begins.
    pub fn last_frame(&self) -> usize {
        self.frames.last().map_or(0, |(start, _)| *start)
    }

    /// How many frames wait.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Adds a frame, for which there is room. `end` is where it will begin in its segment's file; each event's place there is
    /// appended to `places`.
    pub fn push(
        &mut self,
        end: u64,
        batch: Option<&Batch>,
        numbers: &Numbers<'_>,
        tracking: Option<&Tracking>,
        time: i64,
        places: &mut Vec<Place>,
    ) -> Ticket {
        let start = self.bytes.len();
        let events = numbers.versions.len();
        self.bytes.resize(start + HEADER_BYTES + events * ENTRY_BYTES, 0);
        let table = start + HEADER_BYTES..self.bytes.len();
        if let Some(Tracking { source, position }) = tracking {
            write_tracking(source, *position, &mut self.bytes);
            self.tracking.insert(source.clone(), *position);
        }
        let texts = self.bytes.len();
        let tracking_bytes = texts - table.end;
        for (nth, event) in batch.into_iter().flat_map(Batch::iter).enumerate() {
            let at = self.bytes.len();
            write_numbered(&event, numbers.first + nth as u64, numbers.versions[nth], &mut self.bytes);
            let len = (self.bytes.len() - at) as u32;
            let crc = crc32c(&self.bytes[at..]);
            let entry = table.start + nth * ENTRY_BYTES;
            put(&mut self.bytes, entry, &len.to_le_bytes());
            put(&mut self.bytes, entry + 4, &crc.to_le_bytes());
            places.push(Place { offset: (end + (at - start) as u64) as u32, len, crc });
        }
        let body_bytes = self.bytes.len() - start - HEADER_BYTES;
        self.bytes.resize(start + frame_bytes(body_bytes) as usize, 0);
        let header = Header {
            kind: Kind::Batch,
            body_bytes: body_bytes as u32,
            events: events as u32,
            first: numbers.first,
            offset: 0,
            epoch: 0,
            flush: 0,
            durable_through: 0,
            time,
            tracking_bytes: tracking_bytes as u32,
            previous: 0,
            table_crc: 0,
        };
        self.frames.push((start, header));
        Ticket { flush: self.flush.clone(), table, texts }
    }

    /// Writes the headers, now that it is known what stands before the first frame; the checksum of the last.
    pub fn finish(&mut self, fill: &Fill, salt: u64) -> u32 {
        let mut chain = fill.previous;
        for (start, header) in &self.frames {
            chain = finish(
                &mut self.bytes[*start..],
                header,
                &Fill { offset: fill.offset + *start as u64, previous: chain, ..*fill },
                salt,
            );
        }
        chain
    }
}

/// What the header of a frame says of the log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    /// Where the frame begins in the whole log.
    pub offset: u64,
    pub epoch: u64,
    pub flush: u64,
    pub durable_through: u64,
    /// The header checksum of the frame before.
    pub previous: u32,
}

/// Writes the header of the frame that `bytes` begin with; its checksum.
fn finish(bytes: &mut [u8], header: &Header, fill: &Fill, salt: u64) -> u32 {
    let &Fill { offset, epoch, flush, durable_through, previous } = fill;
    let table_crc = salted_crc(salt, &bytes[HEADER_BYTES..HEADER_BYTES + header.head_bytes()]);
    let header = Header { offset, epoch, flush, durable_through, previous, table_crc, ..*header };
    let (encoded, crc) = header.encode(salt);
    put(bytes, 0, &encoded);
    crc
}

/// A frame without events; its bytes, and the checksum of its header.
pub(super) fn lone_frame(
    kind: Kind,
    next: u64,
    time: i64,
    tracking: &BTreeMap<String, u64>,
    fill: &Fill,
    salt: u64,
) -> (Vec<u8>, u32) {
    let mut bytes = vec![0; HEADER_BYTES];
    tracking.iter().for_each(|(source, position)| write_tracking(source, *position, &mut bytes));
    let body_bytes = bytes.len() - HEADER_BYTES;
    bytes.resize(frame_bytes(body_bytes) as usize, 0);
    let header = Header {
        kind,
        body_bytes: body_bytes as u32,
        events: 0,
        first: next,
        offset: 0,
        epoch: 0,
        flush: 0,
        durable_through: 0,
        time,
        tracking_bytes: body_bytes as u32,
        previous: 0,
        table_crc: 0,
    };
    let crc = finish(&mut bytes, &header, fill, salt);
    (bytes, crc)
}
