//! A segment: one file of the log. `docs/FORMAT.md` has the layout of its header.

use super::bytes::{array_at, put, u32_at, u64_at};
use super::checksum::crc32c;
use super::fault::{Damage, failed};
use super::place::Place;
use super::pool::Pool;
use super::storage::{Directory, File, read_exact_at};
use crate::error::Result;
use crate::query::POSITION_MAX;
use std::ops::Range;
use std::sync::Arc;

/// The length of a segment's header, where its first frame begins.
pub(super) const HEADER_BYTES: usize = 4096;
const MAGIC: [u8; 8] = *b"\xF5RUNESEG";
/// The version of the format.
pub(super) const FORMAT: u32 = 1;
/// So many texts' bytes are read at once. With 256 KiB, which malloc takes from the system for each piece of a cursor and gives
/// back, a scan was half as fast.
const READ_BYTES: usize = 64 << 10;
/// Two texts that are no farther apart are read together: it costs less than another call.
const GAP_BYTES: u64 = 4 << 10;
/// Of texts that lie apart so many are announced at once: the processor fetches them side by side, where one after the other each
/// would wait for memory.
const EXPECTED: usize = 16;

/// A segment's header, written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub store: [u8; 16],
    /// From 1 on.
    pub ordinal: u64,
    /// The position of its first event.
    pub first: u64,
    /// Where the file begins in the whole log: the lengths of all files before.
    pub base: u64,
    /// Random; goes into all checksums of the segment.
    pub salt: u64,
    pub time: i64,
    /// Where the segment before ends.
    pub previous_end: u64,
    /// The header checksum of the last frame of the segment before.
    pub previous_chain: u32,
}

impl Header {
    /// The header's bytes; their checksum is what the first frame's chain begins with.
    pub fn encode(&self) -> (Vec<u8>, u32) {
        let mut bytes = vec![0; HEADER_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &FORMAT.to_le_bytes());
        put(&mut bytes, 12, &(HEADER_BYTES as u32).to_le_bytes());
        // 16, 24, 32: the features, of which this version has none.
        put(&mut bytes, 40, &self.store);
        put(&mut bytes, 56, &self.ordinal.to_le_bytes());
        put(&mut bytes, 64, &self.first.to_le_bytes());
        put(&mut bytes, 72, &self.base.to_le_bytes());
        put(&mut bytes, 80, &self.salt.to_le_bytes());
        put(&mut bytes, 88, &self.time.to_le_bytes());
        put(&mut bytes, 96, &self.previous_end.to_le_bytes());
        put(&mut bytes, 104, &self.previous_chain.to_le_bytes());
        let crc = crc32c(&bytes[..HEADER_BYTES - 4]);
        put(&mut bytes, HEADER_BYTES - 4, &crc.to_le_bytes());
        (bytes, crc)
    }

    /// Reads a header; else what is wrong with it.
    fn decode(bytes: &[u8]) -> std::result::Result<(Header, u32), Unreadable> {
        let crc = u32_at(bytes, HEADER_BYTES - 4);
        if !bytes.starts_with(&MAGIC) {
            return Err(Unreadable::Damaged("it does not begin as a segment does"));
        }
        if crc32c(&bytes[..HEADER_BYTES - 4]) != crc {
            return Err(Unreadable::Damaged("the checksum of the segment's header does not hold"));
        }
        let (format, incompatible, read_only) = (u32_at(bytes, 8), u64_at(bytes, 32), u64_at(bytes, 24));
        if format != FORMAT || incompatible != 0 || read_only != 0 {
            return Err(Unreadable::Unknown { format, features: incompatible | read_only });
        }
        let header = Header {
            store: array_at(bytes, 40),
            ordinal: u64_at(bytes, 56),
            first: u64_at(bytes, 64),
            base: u64_at(bytes, 72),
            salt: u64_at(bytes, 80),
            time: u64_at(bytes, 88) as i64,
            previous_end: u64_at(bytes, 96),
            previous_chain: u32_at(bytes, 104),
        };
        // So that no sum of two of them is too large.
        let is_possible =
            [header.first, header.base, header.previous_end].into_iter().all(|number| number <= POSITION_MAX);
        if !is_possible || header.first == 0 {
            return Err(Unreadable::Damaged("no segment can have such a header"));
        }
        Ok((header, crc))
    }
}

enum Unreadable {
    Damaged(&'static str),
    Unknown { format: u32, features: u64 },
}

/// An open segment.
pub(super) struct Segment {
    pub header: Header,
    /// The checksum of the header.
    pub crc: u32,
    pub file: Arc<dyn File>,
}

impl Segment {
    /// The name of the file of a segment.
    pub fn name_of(ordinal: u64) -> String {
        format!("{ordinal:020}.log")
    }

    /// The ordinal of the segment in this file, if it is one.
    pub fn ordinal_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".log")?;
        (digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit()))
            .then(|| digits.parse().ok())
            .flatten()
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        Segment::name_of(self.header.ordinal)
    }

    /// Opens the segment with this ordinal to be read, and reads its header.
    pub fn open(directory: &dyn Directory, pool: &Arc<Pool>, ordinal: u64) -> Result<Segment> {
        let name = Segment::name_of(ordinal);
        let file = pool.file(&name).map_err(failed(directory, "open", &name))?;
        let mut bytes = vec![0; HEADER_BYTES];
        match read_exact_at(&*file, &mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Damage::new(&name, 0, "it is shorter than a segment's header").error(directory));
            }
            Err(error) => return Err(failed(directory, "read", &name)(error)),
        }
        match Header::decode(&bytes) {
            Ok((header, crc)) if header.ordinal == ordinal => Ok(Segment { header, crc, file }),
            Ok((header, _)) => {
                let what = format!("it is segment {} under another name", header.ordinal);
                Err(Damage::new(&name, 0, what).error(directory))
            }
            Err(Unreadable::Damaged(what)) => Err(Damage::new(&name, 0, what).error(directory)),
            Err(Unreadable::Unknown { format, features }) => {
                Err(super::fault::newer(directory, &name, format, features))
            }
        }
    }

    /// Where a byte of the file lies in the whole log.
    pub fn log_offset(&self, offset: u64) -> u64 {
        self.header.base + offset
    }

    /// Where it ends, if that is to be at `end`: a file that was cut off ends before.
    pub fn end(&self, directory: &dyn Directory, end: u64) -> Result<u64> {
        Ok(end.min(self.file.len().map_err(failed(directory, "look at", &self.name()))?))
    }

    /// Reads texts, one after the other, and compares their checksums; `take` gets each with its index, until
    /// it answers false. `first` is the position of each, for errors. Whether all were taken.
    pub fn texts(
        &self,
        directory: &dyn Directory,
        places: &[Place],
        position: impl Fn(usize) -> u64,
        buffer: &mut Vec<u8>,
        mut take: impl FnMut(usize, &[u8]) -> Result<bool>,
    ) -> Result<bool> {
        let (mut at, mut expected) = (0, 0);
        while at < places.len() {
            let (start, end, next) = together(places, at);
            if next == at + 1 && at >= expected {
                expected = places.len().min(at + EXPECTED);
                self.file.expect(&mut places[at..expected].iter().map(Place::range));
            }
            let len = (end - start) as usize;
            // An index can lie. Asked only where the buffer must grow.
            if buffer.len() < len && end > self.file.len().map_err(failed(directory, "look at", &self.name()))? {
                return Err(self.damaged(directory, &places[at], position(at), "the file ends before it"));
            }
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            let read = read_exact_at(&*self.file, &mut buffer[..len], start);
            if let Err(error) = read {
                return Err(match error.kind() {
                    std::io::ErrorKind::UnexpectedEof => {
                        self.damaged(directory, &places[at], position(at), "the file ends before it")
                    }
                    _ => failed(directory, "read", &self.name())(error),
                });
            }
            for (index, place) in places.iter().enumerate().take(next).skip(at) {
                let from = (u64::from(place.offset) - start) as usize;
                let text = &buffer[from..from + place.len as usize];
                if crc32c(text) != place.crc {
                    return Err(self.damaged(directory, place, position(index), "its checksum does not hold"));
                }
                if !take(index, text)? {
                    return Ok(false);
                }
            }
            at = next;
        }
        Ok(true)
    }

    /// Reads one text, of the event at `position`.
    pub fn text(&self, directory: &dyn Directory, place: Place, position: u64) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        let keep = |_, bytes: &[u8]| {
            text.extend_from_slice(bytes);
            Ok(true)
        };
        self.texts(directory, &[place], |_| position, &mut Vec::new(), keep)?;
        Ok(text)
    }

    fn damaged(&self, directory: &dyn Directory, place: &Place, position: u64, what: &str) -> crate::error::Error {
        let what = format!("the event at {position} is damaged: {what}");
        Damage::new(&self.name(), place.offset.into(), what).positions(position, position).error(directory)
    }
}

/// The range of the file that is read for the text at `at` and for those behind it that lie near, and
/// which text is the first that does not.
fn together(places: &[Place], at: usize) -> (u64, u64, usize) {
    let start = places[at].offset.into();
    let mut end = start + u64::from(places[at].len);
    let mut next = at + 1;
    while let Some(place) = places.get(next) {
        let Range { start: from, end: to } = place.range();
        if from < end || from - end > GAP_BYTES || to - start > READ_BYTES as u64 {
            break;
        }
        end = to;
        next += 1;
    }
    (start, end, next)
}
