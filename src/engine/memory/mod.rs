//! The memory engine: texts in chunks, an index over them, one lock around both.
//!
//! Appends take the lock for writing, once each. Reads take it for reading, piece by piece: the log
//! only grows, so a read up to a fixed head sees one moment, however often it lets go of the lock.

mod texts;

use super::{Appended, Committed, End, Engine, Read, Verdict, check};
use crate::append::Append;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::index::{EVENTS_MAX, Index, Plan, Scan};
use crate::json::write_numbered;
use crate::query::{Direction, Query, Sink};
use hashbrown::HashMap;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{RwLock, RwLockReadGuard};
use std::time::Instant;
use texts::Texts;
use uuid::Uuid;

/// A reader lets go of the lock after each piece of a plan, and after so many bytes, so that a writer
/// does not wait long.
const PIECE_BYTES: usize = 1 << 20;
/// A reader asks whether it is still wanted after so many events.
const CHECK_EVENTS: u64 = 64;

/// See the module.
pub(crate) struct Memory {
    state: RwLock<State>,
    /// The same as the state's head, readable without the lock. Written inside it.
    head: AtomicU64,
}

#[derive(Default)]
struct State {
    index: Index,
    texts: Texts,
    tracking: HashMap<String, u64>,
}

impl Memory {
    pub fn new() -> Memory {
        Memory { state: RwLock::default(), head: AtomicU64::new(0) }
    }

    fn read_state(&self) -> Result<RwLockReadGuard<'_, State>> {
        self.state.read().map_err(|_| broken())
    }

    /// Works through a read piece by piece. `work` gets a scan of each piece, and the state; when it
    /// returns a position, the next piece begins behind it; with `None` there is no next piece.
    fn in_pieces(
        &self,
        read: &Read<'_>,
        call: &Call<'_>,
        mut work: impl FnMut(&State, &mut Scan<'_>) -> Result<Step>,
    ) -> Result<End> {
        let mut plan = None;
        let mut left = ordinals(read.after, read.up_to);
        loop {
            call.check()?;
            let state = self.read_state()?;
            left.end = left.end.min(state.index.len() as u32);
            // Names that come later belong to events behind `up_to`, so the plan stays good.
            let plan = plan.get_or_insert_with(|| Plan::new(read.query, &state.index));
            let piece = plan.piece(&left, read.direction);
            let mut scan = Scan::new(plan, &state.index, &piece, read.direction);
            let done = match work(&state, &mut scan)? {
                Step::Exhausted => piece,
                Step::Paused(ordinal) => match read.direction {
                    Direction::Forward => piece.start..ordinal + 1,
                    Direction::Backward => ordinal..piece.end,
                },
                Step::Full => return Ok(End::Full),
            };
            match read.direction {
                Direction::Forward => left.start = done.end,
                Direction::Backward => left.end = done.start,
            }
            if left.is_empty() {
                return Ok(End::Complete);
            }
        }
    }
}

/// How the work on a piece ended.
enum Step {
    /// The piece holds no more.
    Exhausted,
    /// After this ordinal, to let go of the lock.
    Paused(u32),
    /// Nothing more is wanted.
    Full,
}

impl Engine for Memory {
    fn append(&self, append: &Append, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        let batch = &append.batch;
        let mut state = self.state.write().map_err(|_| broken())?;
        call.check()?;
        let appended = match check(append, &*state, call)? {
            Verdict::Store => {
                let first = state.index.len() as u64 + 1;
                state.reserve(append)?;
                state.store(append);
                state.track(append);
                Appended { first, count: batch.len() as u64, head: state.index.len() as u64 }
            }
            Verdict::Stored { first, track } => {
                if track {
                    state.track(append);
                }
                Appended { first, count: batch.len() as u64, head: state.index.len() as u64 }
            }
        };
        self.head.store(appended.head, SeqCst);
        drop(state);
        if let Some(sink) = sink {
            // Stored is stored: whoever interrupts now comes too late.
            let state = self.read_state()?;
            let range = ordinals(appended.first.saturating_sub(1), appended.first.saturating_sub(1) + appended.count);
            sink.reserve(state.texts.bytes(&range));
            for ordinal in range {
                sink.push(ordinal as u64 + 1, state.texts.get(ordinal));
            }
        }
        Ok(appended)
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        let mut skip = read.skip;
        let mut limit = read.limit;
        if limit == 0 {
            return Ok(End::Full);
        }
        self.in_pieces(read, call, |state, scan| {
            if skip > 0 {
                skip -= scan.pass_over(skip);
                if skip > 0 {
                    return Ok(Step::Exhausted);
                }
            }
            if let Some(range) = scan.range() {
                sink.reserve(state.texts.bytes(&first_of(&range, limit, read.direction)));
            }
            let mut bytes = 0;
            let mut events: u64 = 0;
            for ordinal in scan {
                let text = state.texts.get(ordinal);
                if !sink.push(ordinal as u64 + 1, text) {
                    return Ok(Step::Full);
                }
                limit -= 1;
                if limit == 0 {
                    return Ok(Step::Full);
                }
                events += 1;
                if events.is_multiple_of(CHECK_EVENTS) {
                    call.check()?;
                }
                bytes += text.len();
                if bytes > PIECE_BYTES {
                    return Ok(Step::Paused(ordinal));
                }
            }
            Ok(Step::Exhausted)
        })
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        let mut count = 0;
        self.in_pieces(read, call, |_, scan| {
            count += scan.count_rest();
            Ok(Step::Exhausted)
        })?;
        Ok(count)
    }

    fn head(&self, _call: &Call<'_>) -> Result<u64> {
        Ok(self.head.load(SeqCst))
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        call.wait_until(deadline, || self.head.load(SeqCst) > after)?;
        self.head(call)
    }

    fn tracking(&self, source: &str, _call: &Call<'_>) -> Result<u64> {
        self.read_state()?.tracking(source)
    }

    fn trackings(&self, _call: &Call<'_>) -> Result<Vec<(String, u64)>> {
        Ok(self.read_state()?.tracking.iter().map(|(source, position)| (source.clone(), *position)).collect())
    }

    fn info(&self, _call: &Call<'_>) -> Result<Map<String, Value>> {
        let state = self.read_state()?;
        let head = state.index.len() as u64;
        let bytes = state.texts.bytes(&(0..head as u32)) as u64;
        Ok([
            ("engine", "memory".into()),
            ("head", head.into()),
            ("events", head.into()),
            ("bytes", bytes.into()),
            ("read_only", false.into()),
        ]
        .map(|(name, value): (_, Value)| (String::from(name), value))
        .into_iter()
        .collect())
    }

    fn close(&self) -> Result<()> {
        *self.state.write().map_err(|_| broken())? = State::default();
        Ok(())
    }
}

impl State {
    /// Makes room for a batch, before anything of it is stored.
    fn reserve(&mut self, append: &Append) -> Result<()> {
        let batch = &append.batch;
        if self.index.len() + batch.len() > EVENTS_MAX {
            return Err(full());
        }
        // Both numbers have at most 19 digits.
        let text = self.texts.try_reserve(batch.text_bytes() + batch.len() * 64, batch.len());
        text.and_then(|()| self.index.try_reserve(batch)).ok_or_else(out_of_memory)
    }

    fn store(&mut self, append: &Append) {
        let batch = &append.batch;
        let first = self.index.len() as u64 + 1;
        let mut versions = Vec::with_capacity(batch.len());
        let located = self.index.locate(batch);
        self.index.extend(batch, &located, |_| 0, &mut versions);
        for ((event, sequence_number), stream_version) in batch.iter().zip(first..).zip(versions) {
            self.texts.push(|text| write_numbered(&event, sequence_number, stream_version, text));
        }
    }

    fn track(&mut self, append: &Append) {
        if let Some(tracking) = &append.checks.tracking {
            self.tracking.insert(tracking.source.clone(), tracking.position);
        }
    }
}

impl Committed for State {
    fn positions_of(&self, ids: &[Uuid]) -> Result<Vec<Option<u64>>> {
        Ok(ids.iter().map(|id| self.index.find_id(*id).map(|ordinal| u64::from(ordinal) + 1)).collect())
    }

    fn text(&self, position: u64) -> Result<Cow<'_, str>> {
        std::str::from_utf8(self.texts.get((position - 1) as u32)).map(Cow::Borrowed).map_err(Error::internal)
    }

    fn stream_version(&self, domain: &str, instance_id: &str) -> Result<u64> {
        Ok(self.index.stream_version(domain, instance_id).unwrap_or(0))
    }

    fn first_match(&self, query: &Query, after: u64, call: &Call<'_>) -> Result<Option<u64>> {
        let plan = Plan::new(query, &self.index);
        let mut left = ordinals(after, self.index.len() as u64);
        while !left.is_empty() {
            call.check()?;
            let piece = plan.piece(&left, Direction::Forward);
            if let Some(ordinal) = Scan::new(&plan, &self.index, &piece, Direction::Forward).next() {
                return Ok(Some(ordinal as u64 + 1));
            }
            left.start = piece.end;
        }
        Ok(None)
    }

    fn tracking(&self, source: &str) -> Result<u64> {
        Ok(self.tracking.get(source).copied().unwrap_or(0))
    }
}

/// The ordinals of the positions behind `after`, up to `up_to`: position 1 is ordinal 0.
fn ordinals(after: u64, up_to: u64) -> Range<u32> {
    let end = up_to.min(EVENTS_MAX as u64) as u32;
    end.min(after.min(EVENTS_MAX as u64) as u32)..end
}

fn first_of(range: &Range<u32>, count: u64, direction: Direction) -> Range<u32> {
    let count = count.min(range.len() as u64) as u32;
    match direction {
        Direction::Forward => range.start..range.start + count,
        Direction::Backward => range.end - count..range.end,
    }
}

/// After a panic inside the lock the state may be half done.
fn broken() -> Error {
    Error::internal("an earlier call on this store panicked")
}

fn full() -> Error {
    Error::new(
        ErrorKind::NoSpace,
        format!("a memory store holds at most {EVENTS_MAX} events: begin another store, or use an engine that keeps events on disk"),
    )
    .with("limit", EVENTS_MAX)
}

fn out_of_memory() -> Error {
    Error::new(
        ErrorKind::NoSpace,
        "there is no memory left for the batch: free some, or use an engine that keeps events on disk",
    )
}
