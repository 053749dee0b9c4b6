//! Opens a store's directory, to write or to read.

use super::bug::{Bug, Bugs};
use super::fault::{failed, io_error};
use super::frame::Kind;
use super::hint::{self, remove};
use super::idx::{self, Idx};
use super::log::list;
use super::part::{Bounds, Files, Part};
use super::pool::Pool;
use super::queue::{Failure, Fill, Queue, lone_frame};
use super::recovery::{Newest, Recovered, recover};
use super::roll::{Made, NEW_BYTES, SPARE, make, random};
use super::scan::{Cursor, seal_is_sound};
use super::sealed::Sealed;
use super::segment::{self, Segment};
use super::storage::{Access, Directory, read_exact_at, write_all_at};
use super::view::{Live, View};
use super::walk::Walked;
use super::watermark::{self, Mark, Reading, Watermark};
use super::writer::{Tail, Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::json::FileOptions;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A reader looks so often, with such a pause, whether a writer has come to an end with opening the store: half a minute.
const LOOKS_MAX: u32 = 3_000;
/// With half a watermark it looks only so often.
const LOOKS_AT_HALF: u32 = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(10);
/// So much is read and written at once when a tail is written anew.
const REWRITE_BYTES: usize = 1 << 20;

/// The files of a directory.
pub(super) fn files(directory: Arc<dyn Directory>, writes: bool, bugs: Bugs) -> Files {
    Files { pool: Pool::new(&directory), directory, writes, hints: Mutex::new(()), bugs }
}

/// What the watermark says.
fn read_mark(files: &Files) -> Result<Reading> {
    let directory = &*files.directory;
    match directory.open(watermark::NAME, Access::Read) {
        Ok(file) => watermark::read(&*file).map_err(failed(directory, "read", watermark::NAME)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Reading::default()),
        Err(error) => Err(failed(directory, "open", watermark::NAME)(error)),
    }
}

/// The sealed segments as parts, and the index of the newest one's beginning as one more.
pub(super) fn parts(sealed: &[Arc<Segment>], newest: &Newest) -> Vec<Arc<Part>> {
    let successors = sealed.iter().skip(1).chain([&newest.segment]);
    let mut parts: Vec<Arc<Part>> = sealed
        .iter()
        .zip(successors)
        .map(|(segment, next)| {
            let header = &next.header;
            let bounds = Bounds { end: header.previous_end, chain: header.previous_chain, next: header.first };
            Arc::new(Part::new(segment.clone(), bounds))
        })
        .collect();
    if let Some(index) = &newest.prefix {
        parts.push(Arc::new(prefix_part(&newest.segment, index)));
    }
    parts
}

fn prefix_part(segment: &Arc<Segment>, index: &Arc<Idx>) -> Part {
    let binding = index.binding();
    let next = binding.first + u64::from(binding.events);
    Part::with_index(segment.clone(), Bounds { end: binding.end, chain: binding.chain, next }, index.clone())
}

/// Opens a store for writing; makes it if there is none.
pub(super) fn write(files: Files, options: &FileOptions) -> Result<Writer> {
    let directory = files.directory.clone();
    if !options.create && list(&*directory, &files.pool)?.is_empty() {
        return Err(not_found(&*directory));
    }
    let Some(lock) = directory.lock().map_err(failed(&*directory, "lock", "lock"))? else {
        return Err(locked(&*directory));
    };
    // A writer that died may have made a name and not synced it, and what goes into that file must not be lost with it.
    directory.sync().map_err(failed(&*directory, "sync", ""))?;
    let boot = directory.boot().map_err(|error| io_error("cannot learn when the machine started", &error))?;
    for name in [SPARE, hint::SPARE] {
        remove(&files, name).map_err(failed(&*directory, "remove", name))?;
    }
    let mark = read_mark(&files)?.mark;
    let listing = list(&*directory, &files.pool)?;
    let Recovered { sealed, newest, damage, .. } = recover(&files, listing, mark, None)?;
    if let Some(damage) = damage {
        return Err(damage.error(&*directory));
    }
    let (newest, epoch, mut tail) = match newest {
        Some(newest) => {
            if newest.prefix.is_none() {
                // If there is one it is not true, and nobody would look at it again.
                let name = idx::name_of(newest.segment.header.ordinal);
                remove(&files, &name).map_err(failed(&*directory, "remove", &name))?;
                files.pool.forget(&name);
            }
            let epoch = newest.walked.cursor.epoch + u64::from(!files.bugs.has(Bug::ReuseEpoch));
            let tail = reopen(&files, &newest, epoch)?;
            (newest, epoch, tail)
        }
        None => {
            let (newest, tail) = begin(&files)?;
            (newest, 1, tail)
        }
    };
    let watermark = Watermark::open(&*directory).map_err(failed(&*directory, "open", watermark::NAME))?;
    if let Some(last) = sealed.last() {
        mend_seal(&files, last, &newest)?;
    }
    let head = newest.walked.cursor.next - 1;
    let parts = parts(&sealed, &newest);
    let Newest { segment, walked: Walked { indexed, state, .. }, prefix, .. } = newest;
    tail.prefix = prefix;
    let store = segment.header.store;
    let live = Live {
        sealed: Arc::new(Sealed::new(parts)),
        segment,
        growing: indexed,
        tracking: state.tracking,
        damage: None,
    };
    let durable = tail.durable;
    let writer = Writer {
        view: Arc::new(View::new(files, live, head)),
        sync: options.sync,
        segment_bytes: options.segment_bytes,
        store,
        boot,
        epoch,
        tail: Mutex::new(tail),
        flushed: Condvar::new(),
        watermark: Mutex::new(watermark),
        lock: Mutex::new(Some(lock)),
    };
    writer.mark(head, durable, durable).map_err(failed(&*directory, "write", watermark::NAME))?;
    Ok(writer)
}

/// Takes away the last seal, unless it is whole and was synced: after that the store was closed.
fn mend_seal(files: &Files, segment: &Segment, newest: &Newest) -> Result<()> {
    let directory = &*files.directory;
    let next = &newest.segment.header;
    if newest.walked.closed && seal_is_sound(files, segment, next.previous_end, next.previous_chain)? {
        return Ok(());
    }
    let name = segment.name();
    let write = |error| failed(directory, "write", &name)(error);
    let file = directory.open(&name, Access::Write).map_err(failed(directory, "open", &name))?;
    file.set_len(next.previous_end).and_then(|()| file.sync()).map_err(write)
}

/// Makes the first segment of a new store.
fn begin(files: &Files) -> Result<(Newest, Tail)> {
    let header = segment::Header {
        store: random()?,
        ordinal: 1,
        first: 1,
        base: 0,
        salt: u64::from_le_bytes(random()?),
        time: Timestamp::now().micros(),
        previous_end: 0,
        previous_chain: 0,
    };
    let Made { segment, file, end, chain, allocated } =
        make(files, header, 1, &BTreeMap::new()).map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Unknown(why) => {
                Error::new(ErrorKind::Io, format!("cannot begin a store: {why}: look after the disk"))
            }
        })?;
    let newest = Newest::begun(segment.clone(), end, chain);
    Ok((newest, tail(segment, file, end, chain, 1, allocated)))
}

fn tail(
    segment: Arc<Segment>,
    file: Arc<dyn super::storage::File>,
    end: u64,
    chain: u32,
    next: u64,
    allocated: u64,
) -> Tail {
    Tail {
        durable: segment.log_offset(end),
        segment,
        file,
        begin: end,
        written: end,
        end,
        allocated,
        ahead: NEW_BYTES,
        chain,
        last: segment::HEADER_BYTES as u64,
        next,
        crowd: 0,
        took: Duration::ZERO,
        gathers: false,
        flushes: 0,
        prefix: None,
        queue: Queue::default(),
        flushing: None,
        flushing_tracking: BTreeMap::new(),
        syncing: false,
        poison: None,
    }
}

/// Makes the end of the log what was found, for good, and begins a new epoch in it.
///
/// After a failed or unfinished sync the cache can hold what the disk does not, and call it clean. So whatever is not
/// known to be synced is written again before anybody sees it.
fn reopen(files: &Files, newest: &Newest, epoch: u64) -> Result<Tail> {
    let directory = &*files.directory;
    let segment = &newest.segment;
    let name = segment.name();
    let file = directory.open(&name, Access::Write).map_err(failed(directory, "open", &name))?;
    let end = newest.walked.cursor.offset;
    let write = |error| failed(directory, "write", &name)(error);
    if file.len().map_err(write)? > end {
        file.set_len(end).map_err(write)?;
    }
    if !files.bugs.has(Bug::KeepUnprovenTail) {
        let mut buffer = vec![0; REWRITE_BYTES];
        let mut at = newest.walked.durable.saturating_sub(segment.header.base).clamp(segment::HEADER_BYTES as u64, end);
        while at < end {
            let len = REWRITE_BYTES.min((end - at) as usize);
            read_exact_at(&*file, &mut buffer[..len], at).map_err(failed(directory, "read", &name))?;
            write_all_at(&*file, &buffer[..len], at).map_err(write)?;
            at += len as u64;
        }
    }
    let fill = Fill {
        offset: segment.log_offset(end),
        epoch,
        flush: 0,
        durable_through: newest.durable,
        previous: newest.walked.cursor.chain,
    };
    let time = Timestamp::now().micros();
    let (frame, chain) =
        lone_frame(Kind::Epoch, newest.walked.cursor.next, time, &BTreeMap::new(), &fill, segment.header.salt);
    let behind = end + frame.len() as u64;
    // On a full disk the frame itself may find room; what was taken for more is given back.
    let allocated = match file.allocate(end + NEW_BYTES) {
        Ok(()) => end + NEW_BYTES,
        Err(_) => {
            let _ = file.set_len(end);
            behind
        }
    };
    write_all_at(&*file, &frame, end).map_err(write)?;
    file.sync().map_err(failed(directory, "sync", &name))?;
    let mut tail = tail(segment.clone(), file, behind, chain, newest.walked.cursor.next, allocated);
    tail.last = end;
    // What stands in the segment counts, so that a full one is left.
    tail.begin = segment::HEADER_BYTES as u64;
    Ok(tail)
}

/// Opens a store for reading; nothing is changed. The segment that grows is read as far as it is visible.
pub(super) fn read(files: &Files) -> Result<(Recovered, Option<Mark>)> {
    let directory = &files.directory;
    let mark = settled_mark(files)?;
    // Looked at once, and before the files: what it says is in them, while a later one tells of what a writer has added since.
    let said = if mark.is_some() { mark } else { read_mark(files)?.mark };
    let listing = list(&**directory, &files.pool)?;
    let visible = mark.map(|mark| mark.visible);
    let found = recover(files, listing, said, visible)?;
    if found.newest.is_none() {
        return match &found.damage {
            Some(damage) => Err(damage.error(&**directory)),
            None => Err(not_found(&**directory)),
        };
    }
    Ok((found, mark))
}

/// The watermark, if it was written since the machine started; and, while a writer is about to open the store, once it has
/// written it: until then nobody can tell what the writer will keep.
fn settled_mark(files: &Files) -> Result<Option<Mark>> {
    let directory = &*files.directory;
    let boot = directory.boot().map_err(|error| io_error("cannot learn when the machine started", &error))?;
    for look in 0..LOOKS_MAX {
        let reading = read_mark(files)?;
        let mark = reading.mark.filter(|mark| mark.boot == boot);
        if mark.is_some() && reading.is_last {
            return Ok(mark);
        }
        if !directory.is_locked().map_err(failed(directory, "look at the lock of", ""))? {
            return Ok(None);
        }
        // A writer whose watermark failed has acknowledged nothing since the one that is whole.
        if mark.is_some() && look >= LOOKS_AT_HALF {
            return Ok(mark);
        }
        std::thread::sleep(LOOK_PAUSE);
    }
    let message =
        format!("{} is being opened by a writer that does not come to an end: try again later", directory.shown());
    Err(Error::new(ErrorKind::Locked, message).with("path", directory.shown()))
}

fn locked(directory: &dyn Directory) -> Error {
    let message = format!(
        "{} is open for writing already, in this process or another: share that store, or open this one with `\"read_only\":true`",
        directory.shown()
    );
    Error::new(ErrorKind::Locked, message).with("path", directory.shown())
}

fn not_found(directory: &dyn Directory) -> Error {
    let message =
        format!("there is no store in {}: open it for writing with `\"create\":true` to make one", directory.shown());
    Error::new(ErrorKind::NotFound, message).with("path", directory.shown())
}

impl Newest {
    /// A segment that was just made.
    fn begun(segment: Arc<Segment>, end: u64, chain: u32) -> Newest {
        let mut walked = Walked::start(&segment);
        walked.cursor = Cursor { offset: end, chain, epoch: 1, ..walked.cursor };
        Newest { durable: segment.log_offset(end), prefix: None, walked, segment }
    }
}
