//! Walks the frames of a segment, and believes nothing that was not checked.

use super::bug::{Bug, Bugs};
use super::bytes::u32_at;
use super::checksum::{crc32c, salted_crc};
use super::fault::failed;
use super::frame::{ALIGN, ENTRY_BYTES, HEADER_BYTES, Header, Kind, MAGIC, read_tracking};
use super::part::Files;
use super::place::Place;
use super::segment::{self, Segment};
use super::storage::{Directory, read_exact_at};
use crate::error::Result;

/// So much is read at once, and more where a frame is longer.
const WINDOW_BYTES: usize = 1 << 20;

/// Where a walk begins, and what the frame there must fit to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The offset in the file.
    pub offset: u64,
    /// The header checksum of the frame before.
    pub chain: u32,
    /// The position that the next event has.
    pub next: u64,
    /// The epoch of the frame before; 0 before the first.
    pub epoch: u64,
}

impl Cursor {
    /// Before the first frame of a segment.
    pub fn start(segment: &Segment) -> Cursor {
        Cursor { offset: segment::HEADER_BYTES as u64, chain: segment.crc, next: segment.header.first, epoch: 0 }
    }
}

/// A frame, all of it checked.
pub(super) struct Frame<'a> {
    pub header: Header,
    table: &'a [u8],
    tracking: &'a [u8],
    texts: &'a [u8],
    /// Where the texts begin in the file.
    texts_at: u64,
}

impl<'a> Frame<'a> {
    /// The events' texts, and where each lies.
    pub fn events(&self) -> impl Iterator<Item = (Place, &'a [u8])> {
        let texts = self.texts;
        let mut at = 0;
        let texts_at = self.texts_at;
        self.table.chunks_exact(ENTRY_BYTES).map(move |entry| {
            let (len, crc) = (u32_at(entry, 0), u32_at(entry, 4));
            let place = Place { offset: (texts_at + at as u64) as u32, len, crc };
            let text = &texts[at..at + len as usize];
            at += len as usize;
            (place, text)
        })
    }

    /// The tracking entries; `None` where they are not as a store writes them.
    pub fn tracking(&self) -> Option<Vec<(&'a str, u64)>> {
        read_tracking(self.tracking)
    }
}

/// See the module.
pub(super) struct Scanner<'s> {
    directory: &'s dyn Directory,
    segment: &'s Segment,
    bugs: Bugs,
    /// The next frame is looked for here.
    pub cursor: Cursor,
    /// No frame reaches beyond this offset.
    end: u64,
    buffer: Vec<u8>,
    /// The part of the file that is in the buffer.
    window: std::ops::Range<u64>,
    /// Why there was no next frame.
    pub stopped: &'static str,
}

impl<'s> Scanner<'s> {
    /// Walks on from `cursor`, as far as `end`.
    pub fn new(
        directory: &'s dyn Directory,
        segment: &'s Segment,
        cursor: Cursor,
        end: u64,
        bugs: Bugs,
    ) -> Scanner<'s> {
        Scanner { directory, segment, bugs, cursor, end, buffer: Vec::new(), window: 0..0, stopped: "" }
    }

    /// The next frame, `None` where there is no whole one that fits to those before.
    pub fn next(&mut self) -> Result<Option<Frame<'_>>> {
        match self.advance()? {
            Ok((header, start)) => Ok(Some(self.frame(header, start))),
            Err(why) => {
                self.stopped = why;
                Ok(None)
            }
        }
    }

    /// Checks the next frame, and steps over it: its header, and where it begins.
    fn advance(&mut self) -> Result<std::result::Result<(Header, u64), &'static str>> {
        let start = self.cursor.offset;
        if start + HEADER_BYTES as u64 > self.end {
            return Ok(Err(if start == self.end {
                "the log ends here"
            } else {
                "the file ends inside a frame's header"
            }));
        }
        self.load(start, HEADER_BYTES)?;
        let bytes = self.loaded(start, HEADER_BYTES);
        let trust = self.bugs.has(Bug::NoChecksum) || self.bugs.has(Bug::TrustLength);
        let Some((header, crc)) = Header::decode(bytes, self.segment.header.salt, trust) else {
            let blank = bytes.iter().all(|byte| *byte == 0);
            return Ok(Err(if blank {
                "no frame was written here"
            } else {
                "the checksum of a frame's header does not hold"
            }));
        };
        if let Err(why) = self.fits(&header) {
            return Ok(Err(why));
        }
        if start + header.frame_bytes() > self.end {
            return Ok(Err("the file ends inside a frame"));
        }
        self.load(start, header.frame_bytes() as usize)?;
        if let Err(why) = self.is_sound(&header, start) {
            return Ok(Err(why));
        }
        self.cursor = Cursor {
            offset: start + header.frame_bytes(),
            chain: crc,
            next: header.first + u64::from(header.events),
            epoch: header.epoch,
        };
        Ok(Ok((header, start)))
    }

    /// Whether the frame may stand here, as its header says.
    fn fits(&self, header: &Header) -> std::result::Result<(), &'static str> {
        let Cursor { offset, chain, next, epoch } = self.cursor;
        let is_first = offset == segment::HEADER_BYTES as u64;
        if header.offset != self.segment.log_offset(offset) {
            Err("a frame stands here that was written for another place")
        } else if header.previous != chain && !self.bugs.has(Bug::IgnoreChain) {
            Err("a frame stands here that follows on another than the one before it")
        } else if header.first != next || header.epoch < epoch || (header.kind == Kind::Start) != is_first {
            Err("a frame stands here that does not follow on the one before it")
        } else if header.kind == Kind::Seal {
            Err("the log goes on in another segment, which is missing")
        } else {
            Ok(())
        }
    }

    /// Whether table, tracking, texts and padding are as they were written.
    fn is_sound(&self, header: &Header, start: u64) -> std::result::Result<(), &'static str> {
        if self.bugs.has(Bug::NoChecksum) {
            return Ok(());
        }
        let frame = self.frame(*header, start);
        let body = self.loaded(start, header.frame_bytes() as usize);
        if salted_crc(self.segment.header.salt, &body[HEADER_BYTES..HEADER_BYTES + header.head_bytes()])
            != header.table_crc
        {
            return Err("the checksum of a frame's table does not hold");
        }
        let lengths: u64 = frame.table.chunks_exact(ENTRY_BYTES).map(|entry| u64::from(u32_at(entry, 0))).sum();
        if lengths != frame.texts.len() as u64 {
            return Err("the events of a frame are not as long as the frame");
        }
        if frame.events().any(|(place, text)| crc32c(text) != place.crc) {
            return Err("the checksum of an event does not hold");
        }
        if body[HEADER_BYTES + header.body_bytes as usize..].iter().any(|byte| *byte != 0) {
            return Err("the end of a frame is not blank");
        }
        Ok(())
    }

    fn frame(&self, header: Header, start: u64) -> Frame<'_> {
        let body = &self.loaded(start, header.frame_bytes() as usize)[HEADER_BYTES..];
        let (table, rest) = body.split_at(header.events as usize * ENTRY_BYTES);
        let (tracking, rest) = rest.split_at(header.tracking_bytes as usize);
        let texts = &rest[..header.body_bytes as usize - header.head_bytes()];
        Frame { header, table, tracking, texts, texts_at: start + (HEADER_BYTES + header.head_bytes()) as u64 }
    }

    fn load(&mut self, start: u64, len: usize) -> Result<()> {
        if self.window.start <= start && start + len as u64 <= self.window.end {
            return Ok(());
        }
        // Never more than the file has: `len` was compared with its end.
        let len = len.max(WINDOW_BYTES.min((self.end - start) as usize));
        self.window = 0..0;
        self.buffer.resize(len, 0);
        let name = self.segment.name();
        read_exact_at(&*self.segment.file, &mut self.buffer, start).map_err(failed(self.directory, "read", &name))?;
        self.window = start..start + len as u64;
        Ok(())
    }

    fn loaded(&self, start: u64, len: usize) -> &[u8] {
        let from = (start - self.window.start) as usize;
        &self.buffer[from..from + len]
    }
}

/// Whether what stands in a sealed segment behind its end is nothing, or a whole seal.
pub(super) fn seal_is_sound(files: &Files, segment: &Segment, end: u64, chain: u32) -> Result<bool> {
    let directory = &*files.directory;
    let name = segment.name();
    let len = segment.file.len().map_err(failed(directory, "look at", &name))?;
    if len <= end {
        return Ok(true);
    }
    let mut bytes = [0; HEADER_BYTES];
    let here = &mut bytes[..HEADER_BYTES.min((len - end) as usize)];
    read_exact_at(&*segment.file, here, end).map_err(failed(directory, "read", &name))?;
    let header = Header::decode(here, segment.header.salt, false);
    Ok(header.is_some_and(|(header, _)| {
        header.kind == Kind::Seal
            && header.previous == chain
            && header.offset == segment.log_offset(end)
            && header.body_bytes == 0
            && len == end + HEADER_BYTES as u64
    }))
}

/// What is found behind the end of the sound frames.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Evidence {
    /// The largest `durable_through` of any header.
    pub durable_through: u64,
    /// One position more than the last that any header speaks of.
    pub next: u64,
}

/// Looks for headers at every place behind `offset` where a frame could begin. The header alone is evidence,
/// whatever became of its body: somebody wrote it, and what it says of the log before it was true.
pub(super) fn probe(
    directory: &dyn Directory,
    segment: &Segment,
    offset: u64,
    end: u64,
    epoch: u64,
) -> Result<Evidence> {
    let mut evidence = Evidence::default();
    let mut buffer = vec![0; WINDOW_BYTES.min(end.saturating_sub(offset) as usize)];
    let mut start = offset.next_multiple_of(ALIGN as u64);
    while start + HEADER_BYTES as u64 <= end {
        let len = buffer.len().min((end - start) as usize);
        let name = segment.name();
        read_exact_at(&*segment.file, &mut buffer[..len], start).map_err(failed(directory, "read", &name))?;
        let places = (len - HEADER_BYTES) / ALIGN + 1;
        for place in 0..places {
            let bytes = &buffer[place * ALIGN..][..HEADER_BYTES];
            if !bytes.starts_with(&MAGIC) {
                continue;
            }
            let Some((header, _)) = Header::decode(bytes, segment.header.salt, false) else { continue };
            let here = segment.log_offset(start + (place * ALIGN) as u64);
            if header.offset == here && header.epoch >= epoch {
                evidence.durable_through = evidence.durable_through.max(header.durable_through);
                evidence.next = evidence.next.max(header.first.saturating_add(header.events.into()));
            }
        }
        start += (places * ALIGN) as u64;
    }
    Ok(evidence)
}
