//! From one segment to the next, and the index files that go with it.

use super::bug::Bug;
use super::fault::{failed, is_no_space};
use super::frame::Kind;
use super::hint::{self, remove};
use super::idx::Idx;
use super::indexed::Indexed;
use super::part::{Bounds, Files, Part};
use super::queue::{Failure, Fill, lone_frame};
use super::sealed::Sealed;
use super::segment::{self, Segment};
use super::storage::{Access, File, write_all_at};
use super::walk::{State, Walked};
use super::writer::{Tail, Writer, unknown};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The next segment until it is whole.
pub(super) const SPARE: &str = "spare.tmp";
/// So much room a new segment takes at once.
pub(super) const NEW_BYTES: u64 = 64 << 10;

/// A segment that was just made.
pub(super) struct Made {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn File>,
    /// Behind its first frame, and that frame's checksum.
    pub end: u64,
    pub chain: u32,
    pub allocated: u64,
}

/// Makes a segment with its first frame. It is whole and synced before it gets its name.
pub(super) fn make(
    files: &Files,
    header: segment::Header,
    epoch: u64,
    tracking: &BTreeMap<String, u64>,
) -> std::result::Result<Made, Failure> {
    let directory = &*files.directory;
    let (mut bytes, crc) = header.encode();
    let fill =
        Fill { offset: header.base + bytes.len() as u64, epoch, flush: 0, durable_through: header.base, previous: crc };
    let (frame, chain) = lone_frame(Kind::Start, header.first, header.time, tracking, &fill, header.salt);
    bytes.extend_from_slice(&frame);
    let end = bytes.len() as u64;
    let allocated = end.max(NEW_BYTES);
    let refused = |what, name: &str, error| Failure::Refused(failed(directory, what, name)(error));
    remove(files, SPARE).map_err(|error| refused("remove", SPARE, error))?;
    let file = directory.open(SPARE, Access::Create).map_err(|error| refused("make", SPARE, error))?;
    let filled = file.allocate(allocated).and_then(|()| write_all_at(&*file, &bytes, 0));
    if let Err(error) = filled {
        // Best effort: the next attempt begins with the same.
        let _ = remove(files, SPARE);
        return Err(refused("write", SPARE, error));
    }
    let unknown = |what: &str, name: &str, error| unknown(&format!("to {what} {}/{name}", directory.shown()), &error);
    file.sync().map_err(|error| unknown("sync", SPARE, error))?;
    let name = Segment::name_of(header.ordinal);
    directory.rename(SPARE, &name).map_err(|error| match is_no_space(&error) {
        true => refused("name", &name, error),
        false => unknown("name", &name, error),
    })?;
    if !files.bugs.has(Bug::SkipDirectorySync) {
        directory.sync().map_err(|error| unknown("sync", "", error))?;
    }
    let segment =
        Arc::new(Segment { header, crc, file: files.pool.file(&name).map_err(|error| unknown("open", &name, error))? });
    Ok(Made { segment, file, end, chain, allocated })
}

/// A random salt.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::internal)?;
    Ok(bytes)
}

impl Writer {
    /// Seals the segment and begins the next. Nothing is queued, and nobody writes.
    pub fn roll(&self, tail: &mut Tail) -> std::result::Result<(), Failure> {
        let files = self.files();
        self.sync_tail(tail)?;
        let part = self.seal(tail).map_err(Failure::Refused)?;
        let header = segment::Header {
            store: self.store,
            ordinal: tail.segment.header.ordinal + 1,
            first: tail.next,
            base: tail.segment.log_offset(tail.written),
            salt: u64::from_le_bytes(random().map_err(Failure::Refused)?),
            time: Timestamp::now().micros(),
            previous_end: tail.written,
            previous_chain: tail.chain,
        };
        let tracking = self.view.live().map_err(Failure::Refused)?.tracking.clone();
        let made = make(files, header, self.epoch, &tracking).inspect_err(|failure| {
            tail.allocated = tail.written;
            if let Failure::Unknown(why) = failure {
                tail.poison = Some(why.clone());
            }
        })?;
        self.put_seal(tail, &made)?;
        {
            let mut live = self.view.live_mut().map_err(Failure::Refused)?;
            let mut parts = live.sealed.before(tail.segment.header.ordinal);
            parts.push(Arc::new(part(&mut live.growing)));
            let before = std::mem::replace(&mut live.sealed, Arc::new(Sealed::new(parts)));
            let tables = live.sealed.key_tables(files).unwrap_or_default();
            // What the new table has taken in is not asked any more.
            for table in before.key_tables(files).unwrap_or_default() {
                if !tables.iter().any(|kept| Arc::ptr_eq(kept, &table)) {
                    table.unload();
                }
            }
            live.growing = Indexed::new(tail.next);
            live.segment = made.segment.clone();
        }
        tail.prefix = None;
        tail.begin = made.end;
        tail.last = segment::HEADER_BYTES as u64;
        tail.written = made.end;
        tail.end = made.end;
        tail.allocated = made.allocated;
        tail.ahead = NEW_BYTES;
        tail.chain = made.chain;
        tail.durable = made.segment.log_offset(made.end);
        tail.segment = made.segment;
        tail.file = made.file;
        // Nothing new is visible: whoever is not told of it now is told by the next flush.
        let _ = self.mark(tail.next - 1, tail.durable, tail.durable);
        Ok(())
    }

    /// Says in the old segment that there is a new one, and gives back the room that is left. Where the new one goes missing,
    /// it is missed.
    fn put_seal(&self, tail: &mut Tail, made: &Made) -> std::result::Result<(), Failure> {
        let fill = Fill {
            offset: tail.segment.log_offset(tail.written),
            epoch: self.epoch,
            flush: tail.flushes,
            durable_through: made.segment.log_offset(made.end),
            previous: tail.chain,
        };
        let time = made.segment.header.time;
        let (frame, _) = lone_frame(Kind::Seal, tail.next, time, &BTreeMap::new(), &fill, tail.segment.header.salt);
        let end = tail.written + frame.len() as u64;
        let put = write_all_at(&*tail.file, &frame, tail.written).and_then(|()| tail.file.set_len(end));
        // Without room there is no seal, and no harm.
        let put = put.or_else(|_| tail.file.set_len(tail.written));
        put.and_then(|()| tail.file.sync()).map_err(|error| {
            let failure = unknown("to sync the log", &error);
            tail.poison = Some(failure.to_string());
            failure
        })
    }

    /// Syncs what was written and is not synced.
    fn sync_tail(&self, tail: &mut Tail) -> std::result::Result<(), Failure> {
        let end = tail.segment.log_offset(tail.written);
        if tail.durable >= end || self.bugs().has(Bug::SkipSync) {
            return Ok(());
        }
        if let Err(error) = tail.file.sync() {
            let failure = unknown("to sync the log", &error);
            tail.poison = Some(failure.to_string());
            return Err(failure);
        }
        tail.durable = end;
        Ok(())
    }

    /// Writes the segment's index, and makes it a part: that needs what was growing, once it is taken away.
    fn seal(&self, tail: &Tail) -> Result<impl FnOnce(&mut Indexed) -> Part + use<>> {
        let bounds = Bounds { end: tail.written, chain: tail.chain, next: tail.next };
        let segment = tail.segment.clone();
        let grown = self.view.live()?.growing.places.len();
        // An index of the beginning is one of the whole if no event came behind it.
        let index = match &tail.prefix {
            Some(prefix) if grown == 0 => Some(prefix.clone()),
            _ => self.write_index(tail, true)?,
        };
        Ok(move |growing: &mut Indexed| match index {
            Some(index) => Part::with_index(segment, bounds, index),
            None if growing.first == segment.header.first => {
                Part::in_memory(segment, bounds, std::mem::replace(growing, Indexed::new(bounds.next)))
            }
            None => Part::new(segment, bounds),
        })
    }

    /// Writes the index file of the segment as it is.
    fn write_index(&self, tail: &Tail, merge: bool) -> Result<Option<Arc<Idx>>> {
        let files = self.files();
        let live = self.view.live()?;
        let older = Sealed::new(live.sealed.before(tail.segment.header.ordinal)).key_tables(files).unwrap_or_default();
        let bounds = Bounds { end: tail.written, chain: tail.chain, next: tail.next };
        let write = |indexed: &Indexed| {
            let state = State { last: tail.last, tracking: live.tracking.clone() };
            hint::write(files, &tail.segment, &bounds, indexed, &state, &older, merge)
        };
        if live.growing.first == tail.segment.header.first {
            return Ok(write(&live.growing));
        }
        let mut walked = Walked::start(&tail.segment);
        walked.on(files, &tail.segment, tail.written, |_| Ok(true))?;
        Ok(if walked.cursor.offset == tail.written { write(&walked.indexed) } else { None })
    }

    /// Ends the log cleanly: everything is synced, and the next opening has next to nothing to read.
    pub fn finish(&self, tail: &mut Tail) -> Result<()> {
        self.sync_tail(tail).map_err(|failure| {
            Error::new(ErrorKind::Io, format!("{failure}: what was appended last may be lost, look after the disk"))
        })?;
        let start = tail.written;
        let fill = Fill {
            offset: tail.segment.log_offset(start),
            epoch: self.epoch,
            flush: tail.flushes,
            durable_through: tail.durable,
            previous: tail.chain,
        };
        let time = Timestamp::now().micros();
        let (frame, chain) =
            lone_frame(Kind::Close, tail.next, time, &BTreeMap::new(), &fill, tail.segment.header.salt);
        let end = start + frame.len() as u64;
        let name = tail.segment.name();
        let closed = write_all_at(&*tail.file, &frame, start).and_then(|()| tail.file.set_len(end));
        match closed {
            Ok(()) => {}
            // Everything is stored; only the next opening takes longer.
            Err(error) if is_no_space(&error) => {
                let _ = tail.file.set_len(start);
                return Ok(());
            }
            Err(error) => return Err(failed(&*self.files().directory, "write", &name)(error)),
        }
        tail.file.sync().map_err(failed(&*self.files().directory, "sync", &name))?;
        (tail.last, tail.written, tail.end, tail.chain) = (start, end, end, chain);
        tail.durable = tail.segment.log_offset(end);
        // It tells nothing but what the frame tells too.
        let _ = self.mark(tail.next - 1, tail.durable, tail.durable);
        let indexed = tail.prefix.as_ref().map_or(segment::HEADER_BYTES as u64, |prefix| prefix.binding().end);
        if end - indexed > UNINDEXED_BYTES_MAX {
            self.write_index(tail, false)?;
        }
        Ok(())
    }
}

/// So much of a closed log may have no index: to read it again takes about a millisecond.
const UNINDEXED_BYTES_MAX: u64 = 256 << 10;
