//! The one writer of a store: checks appends and puts them into the queue. `flush` writes the queue, `roll` begins
//! the next segment.
//!
//! Two locks: the tail's, for whoever appends, and the view's, which readers take for a moment. The index holds what is queued as
//! well, so that the next append is checked against it; readers stop at the head, which moves when a flush
//! is done. Where a flush fails, the index forgets it.

use super::bug::{Bug, Bugs};
use super::fault::{failed, io_error, is_no_space};
use super::idx::Idx;
use super::part::Files;
use super::queue::{Failure, Flush, Numbers, Queue, Ticket};
use super::segment::Segment;
use super::storage::{File, Lock};
use super::view::{View, broken};
use super::watermark::Watermark;
use crate::append::{Append, Batch, Tracking};
use crate::call::Call;
use crate::engine::{Appended, Committed, Read, Verdict, check};
use crate::error::{Error, ErrorKind, Result};
use crate::json::Sync;
use crate::query::{Direction, Query, Sink};
use crate::time::Timestamp;
use serde_json::Value;
use std::borrow::Cow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use uuid::Uuid;

/// Space on the disk is taken ahead, first so much, then twice as much each time …
const AHEAD_BYTES_MIN: u64 = 64 << 10;
/// … up to this.
const AHEAD_BYTES_MAX: u64 = 16 << 20;

/// See the module.
pub(super) struct Writer {
    pub view: Arc<View>,
    pub sync: Sync,
    pub segment_bytes: u64,
    pub store: [u8; 16],
    pub boot: [u8; 16],
    pub epoch: u64,
    pub tail: Mutex<Tail>,
    pub flushed: Condvar,
    pub watermark: Mutex<Watermark>,
    /// Held until the store is closed.
    pub lock: Mutex<Option<Box<dyn Lock>>>,
}

/// The end of the log.
pub(super) struct Tail {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn File>,
    /// Behind the segment's first frame: no roll is needed while nothing follows that.
    pub begin: u64,
    /// Behind the last frame that was flushed, in the segment's file.
    pub written: u64,
    /// Behind the last frame that is queued.
    pub end: u64,
    /// How much room the file has on the disk.
    pub allocated: u64,
    /// How much room is taken next.
    pub ahead: u64,
    /// The header checksum of the last frame that was flushed, and where that begins.
    pub chain: u32,
    pub last: u64,
    /// The position that the next event gets, queued ones counted.
    pub next: u64,
    /// Everything before this offset of the log is synced.
    pub durable: u64,
    /// How many appends were in progress when the last flush ended: those that it answered, and those that waited for the next.
    pub crowd: usize,
    /// How long it took.
    pub took: Duration,
    /// Somebody gathers the next flush.
    pub gathers: bool,
    /// How many flushes there were.
    pub flushes: u64,
    /// The index file of the segment's beginning, from before the store was opened.
    pub prefix: Option<Arc<Idx>>,
    pub queue: Queue,
    /// The flush in progress, and what it records of tracking.
    pub flushing: Option<Arc<Flush>>,
    pub flushing_tracking: std::collections::BTreeMap<String, u64>,
    /// The thread of `interval_ms` is syncing.
    pub syncing: bool,
    /// Why nothing can be appended any more.
    pub poison: Option<String>,
}

impl Tail {
    /// The position of the first event that is not flushed yet.
    fn unflushed(&self) -> Option<Arc<Flush>> {
        if !self.queue.is_empty() { Some(self.queue.flush.clone()) } else { self.flushing.clone() }
    }
}

impl Writer {
    pub fn files(&self) -> &Files {
        &self.view.files
    }

    pub fn bugs(&self) -> Bugs {
        self.view.files.bugs
    }

    pub fn tail(&self) -> Result<MutexGuard<'_, Tail>> {
        self.tail.lock().map_err(|_| broken())
    }

    /// How many appends wait for a flush that has not begun.
    #[cfg(feature = "simulation")]
    pub fn queued(&self) -> usize {
        self.tail.lock().map_or(0, |tail| tail.queue.len())
    }

    /// See [`crate::engine::Engine::append`].
    pub fn append(&self, append: &Append, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        let mut tail = self.tail()?;
        loop {
            call.check()?;
            self.files().pool.look();
            if let Some(why) = &tail.poison {
                return Err(poisoned(why));
            }
            if self.rests_on_unflushed(&tail, &append.batch)? && !self.bugs().has(Bug::AnswerFromQueue) {
                tail = self.settle(tail)?;
                continue;
            }
            let verdict = check(append, &Known { writer: self, tail: &tail }, call);
            let (stores, tracks, first) = match &verdict {
                Ok(Verdict::Store) => (true, append.checks.tracking.is_some(), tail.next),
                Ok(Verdict::Stored { first, track }) => (false, *track, *first),
                Err(_) => (false, false, 0),
            };
            let is_written = stores && !append.batch.is_empty() || tracks;
            let count = append.batch.len() as u64;
            if !is_written {
                // It may rest on what a crash could still take back.
                if let Some(flush) = tail.unflushed().filter(|_| !self.bugs().has(Bug::AnswerFromQueue)) {
                    let (_tail, outcome) = self.wait(tail, &flush);
                    outcome.map_err(|failure| explain(&failure, append))?;
                } else {
                    drop(tail);
                }
                verdict?;
                return self.answer_stored(first, count, sink, call);
            }
            let batch = stores.then_some(&append.batch);
            let tracking = append.checks.tracking.as_ref().filter(|_| tracks);
            let bytes = Queue::frame_bytes_max(batch.unwrap_or(&Batch::default()), tracking);
            if self.must_roll(&tail, bytes) {
                if tail.unflushed().is_some() {
                    tail = self.settle(tail)?;
                } else if tail.syncing {
                    // If that sync fails, another that came after it would not tell.
                    tail = self.flushed.wait(tail).map_err(|_| broken())?;
                } else {
                    self.roll(&mut tail).map_err(|failure| explain(&failure, append))?;
                }
                continue;
            }
            // Before the commit, since an append that is recorded must not fail any more.
            let mut stored = Stored::default();
            if !stores && sink.is_some() {
                self.answer_stored(first, count, Some(&mut stored), call)?;
            }
            self.allocate(&mut tail, bytes)?;
            let ticket = self.enqueue(&mut tail, batch, tracking)?;
            let (tail, outcome) = self.wait(tail, &ticket.flush);
            let head = self.view.head();
            drop(tail);
            outcome.map_err(|failure| explain(&failure, append))?;
            if let Some(sink) = sink {
                let mut position = first;
                let mut give = |text: &[u8]| {
                    sink.push(position, text);
                    position += 1;
                };
                if stores {
                    ticket.texts(give);
                } else {
                    stored.0.split_inclusive(|byte| *byte == b'\n').for_each(&mut give);
                }
            }
            return Ok(Appended { first, count, head });
        }
    }

    /// The answer for events that were stored before, or for none.
    fn answer_stored(&self, first: u64, count: u64, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        let head = self.view.head();
        if let Some(sink) = sink.filter(|_| count > 0) {
            let query = Query::all();
            let up_to = first + count - 1;
            let read =
                Read { query: &query, after: first - 1, up_to, direction: Direction::Forward, skip: 0, limit: count };
            self.view.read(&read, sink, call)?;
        }
        Ok(Appended { first, count, head })
    }

    /// Whether an id of the batch belongs to an event that is not flushed yet: then nobody can say what is stored.
    fn rests_on_unflushed(&self, tail: &Tail, batch: &Batch) -> Result<bool> {
        if tail.unflushed().is_none() {
            return Ok(false);
        }
        let live = self.view.live()?;
        let flushed = self.view.head() + 1;
        Ok(batch.ids().filter(|id| id.given).any(|id| {
            live.growing.index.find_id(id.id).is_some_and(|ordinal| live.growing.first + u64::from(ordinal) >= flushed)
        }))
    }

    /// Waits until all that is queued is flushed, whatever became of it.
    pub fn settle<'a>(&'a self, mut tail: MutexGuard<'a, Tail>) -> Result<MutexGuard<'a, Tail>> {
        while let Some(flush) = tail.unflushed() {
            (tail, _) = self.wait(tail, &flush);
        }
        Ok(tail)
    }

    /// Whether a frame of so many bytes goes into another segment.
    fn must_roll(&self, tail: &Tail, bytes: u64) -> bool {
        // A segment that was opened again and is well filled is left as it is: with the index of its beginning that
        // costs nothing, while one index of the whole would have to be made from all its events.
        let is_left = tail.prefix.as_ref().is_some_and(|prefix| prefix.binding().end > self.segment_bytes / 4);
        tail.end > tail.begin && (tail.end + bytes > self.segment_bytes || is_left)
    }

    /// Makes sure that the file has room for so many more bytes.
    fn allocate(&self, tail: &mut Tail, bytes: u64) -> Result<()> {
        let needed = tail.end + bytes;
        if needed <= tail.allocated {
            return Ok(());
        }
        let wanted = (tail.end + tail.ahead).min(self.segment_bytes).max(needed);
        let name = tail.segment.name();
        let has = tail.allocated;
        // Where there is not enough, a file system may have taken what there was: it is given back.
        let take = |len: u64| tail.file.allocate(len).inspect_err(|_| _ = tail.file.set_len(has));
        match take(wanted) {
            Ok(()) => {
                tail.allocated = wanted;
                tail.ahead = (tail.ahead * 2).clamp(AHEAD_BYTES_MIN, AHEAD_BYTES_MAX);
                Ok(())
            }
            // The last room on the disk is room as well.
            Err(error) if is_no_space(&error) && wanted > needed && take(needed).is_ok() => {
                tail.allocated = needed;
                tail.ahead = AHEAD_BYTES_MIN;
                Ok(())
            }
            Err(error) => Err(failed(&*self.files().directory, "make room in", &name)(error)),
        }
    }

    /// Puts an append into the index and into the queue.
    fn enqueue(&self, tail: &mut Tail, batch: Option<&Batch>, tracking: Option<&Tracking>) -> Result<Ticket> {
        let none = Batch::default();
        let events = batch.unwrap_or(&none);
        let bytes = Queue::frame_bytes_max(events, tracking);
        tail.queue.bytes.try_reserve(bytes as usize).map_err(|_| out_of_memory())?;
        let mut places = Vec::new();
        places.try_reserve(events.len()).map_err(|_| out_of_memory())?;
        let located = self.view.live()?.growing.index.locate(events);
        let bases = self.bases(events, &located)?;
        let mut versions = Vec::with_capacity(events.len());
        {
            let growing = &mut self.view.live_mut()?.growing;
            growing.places.try_reserve(events.len()).map_err(|_| out_of_memory())?;
            growing.index.try_reserve(events).ok_or_else(out_of_memory)?;
            growing.index.extend(events, &located, |nth| bases.get(nth).copied().unwrap_or(0), &mut versions);
        }
        let numbers = Numbers { first: tail.next, versions: &versions };
        let time = Timestamp::now().micros();
        let end = tail.end;
        let before = tail.queue.bytes.len();
        let ticket = tail.queue.push(end, batch, &numbers, tracking, time, &mut places);
        tail.end += (tail.queue.bytes.len() - before) as u64;
        tail.next += events.len() as u64;
        self.view.live_mut()?.growing.places.extend(places);
        Ok(ticket)
    }

    /// For each event whose stream is not in the growing part, the version that the stream has in those before.
    fn bases(&self, batch: &Batch, located: &[Option<u32>]) -> Result<Vec<u64>> {
        let sealed = self.view.live()?.sealed.clone();
        if sealed.parts().is_empty() || located.iter().all(Option::is_some) {
            return Ok(Vec::new());
        }
        let mut unknown = Vec::new();
        for ((nth, stream), _) in batch.streams().enumerate().zip(located).filter(|(_, known)| known.is_none()) {
            if unknown.last().is_none_or(|(_, before)| *before != stream) {
                unknown.push((nth, stream));
            }
        }
        let streams: Vec<(&str, &str)> = unknown.iter().map(|(_, stream)| *stream).collect();
        let mut bases = vec![0; batch.len()];
        for ((nth, _), version) in unknown.into_iter().zip(sealed.stream_versions(self.files(), &streams)?) {
            bases[nth] = version;
        }
        Ok(bases)
    }
}

/// Texts of stored events, one a line.
#[derive(Default)]
struct Stored(Vec<u8>);

impl Sink for Stored {
    fn reserve(&mut self, _: usize) {}

    fn push(&mut self, _: u64, text: &[u8]) -> bool {
        self.0.extend_from_slice(text);
        true
    }
}

/// All that was committed or is queued, for the checks.
struct Known<'a> {
    writer: &'a Writer,
    tail: &'a Tail,
}

impl Committed for Known<'_> {
    fn positions_of(&self, ids: &[Uuid]) -> Result<Vec<Option<u64>>> {
        let live = self.writer.view.live()?;
        let find = |id: &Uuid| Some(live.growing.first + u64::from(live.growing.index.find_id(*id)?));
        let mut positions: Vec<Option<u64>> = ids.iter().map(find).collect();
        let sealed = live.sealed.clone();
        drop(live);
        let is_other = |(_, position): &(&Uuid, &Option<u64>)| position.is_none();
        let others: Vec<Uuid> = ids.iter().zip(&positions).filter(is_other).map(|(id, _)| *id).collect();
        let mut found = sealed.positions_of(self.writer.files(), &others)?.into_iter();
        for position in positions.iter_mut().filter(|position| position.is_none()) {
            *position = found.next().flatten();
        }
        Ok(positions)
    }

    fn text(&self, position: u64) -> Result<Cow<'_, str>> {
        let files = self.writer.files();
        let (sealed, segment, place) = {
            let live = self.writer.view.live()?;
            (live.sealed.clone(), live.segment.clone(), live.growing.place(position))
        };
        let text = match place {
            Some(place) => segment.text(&*files.directory, place, position)?,
            None => sealed.text(files, position)?,
        };
        String::from_utf8(text).map(Cow::Owned).map_err(Error::internal)
    }

    fn stream_version(&self, domain: &str, instance_id: &str) -> Result<u64> {
        let sealed = {
            let live = self.writer.view.live()?;
            if let Some(version) = live.growing.index.stream_version(domain, instance_id) {
                return Ok(version);
            }
            live.sealed.clone()
        };
        let versions = sealed.stream_versions(self.writer.files(), &[(domain, instance_id)])?;
        Ok(versions.first().copied().unwrap_or(0))
    }

    fn first_match(&self, query: &Query, after: u64, call: &Call<'_>) -> Result<Option<u64>> {
        self.writer.view.first_match(query, after, self.tail.next, call)
    }

    fn tracking(&self, source: &str) -> Result<u64> {
        let queued = self.tail.queue.tracking.get(source).or_else(|| self.tail.flushing_tracking.get(source));
        match queued {
            Some(position) => Ok(*position),
            None => Ok(self.writer.view.live()?.tracking.get(source).copied().unwrap_or(0)),
        }
    }
}

/// What a failed flush means for an append.
fn explain(failure: &Failure, append: &Append) -> Error {
    match failure {
        Failure::Refused(error) => error.clone(),
        Failure::Unknown(why) => {
            let ids: Vec<Value> = append.batch.ids().map(|id| id.id.to_string().into()).collect();
            let message = format!(
                "{why}, and nobody knows what the disk holds: close the store, open it again, and append the batch \
                 again with the ids in `ids`; if it was stored, that answers with the stored events"
            );
            Error::new(ErrorKind::Indeterminate, message).with("ids", ids)
        }
    }
}

/// The error for an append after a failure that nobody knows the outcome of.
fn poisoned(why: &str) -> Error {
    let message =
        format!("an earlier append failed ({why}), so nothing more is appended: close the store and open it again");
    Error::new(ErrorKind::Io, message)
}

/// What the operating system refused, in words for those who wait.
pub(super) fn unknown(what: &str, error: &std::io::Error) -> Failure {
    Failure::Unknown(format!("it failed {what}: {error}"))
}

/// What the operating system had no room for.
pub(super) fn refused(what: &str, error: &std::io::Error) -> Failure {
    Failure::Refused(io_error(what, error))
}

fn out_of_memory() -> Error {
    Error::new(ErrorKind::NoSpace, "there is no memory left for the batch: append fewer events at once, or free some")
}
