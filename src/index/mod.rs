//! The in-memory index of a growing log: finds events by id, stream, type, domain, instance, tag and
//! time, and never holds their text.
//!
//! Events are numbered by ordinals, 0 for the first one indexed. Postings are ascending lists of
//! ordinals. Names are interned, and an interned number stays valid for ever: a [`Plan`] made once
//! may be used after the index has grown. An index may be of a log's end alone: a stream's version before its
//! first event here is its base.

mod ids;
mod names;
mod plan;
mod scan;
mod streams;
mod times;

pub(crate) use ids::IdRun;
pub(crate) use names::Names;
pub(crate) use plan::Plan;
pub(crate) use scan::Scan;
pub(crate) use streams::{Stream, Streams};

use crate::append::Batch;
use ids::Ids;
use times::Times;
use uuid::Uuid;

/// The most events that one index can hold.
pub(crate) const EVENTS_MAX: usize = u32::MAX as usize;

/// See the module.
#[derive(Default)]
pub(crate) struct Index {
    ids: Ids,
    times: Times,
    event_types: Vec<u32>,
    event_streams: Vec<u32>,
    types: Names,
    domains: Names,
    tags: Names,
    streams: Streams,
}

impl Index {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.event_types.len()
    }

    /// Makes room for the events of a batch in all that grows by each event, each name and each stream, `None`
    /// if there is no memory. Only the lists of ordinals behind them grow by themselves.
    pub fn try_reserve(&mut self, batch: &Batch) -> Option<()> {
        let events = batch.len();
        self.ids.try_reserve(batch)?;
        self.event_types.try_reserve(events).ok()?;
        self.event_streams.try_reserve(events).ok()?;
        self.times.try_reserve(events)?;
        self.types.try_reserve(events)?;
        self.domains.try_reserve(events)?;
        self.tags.try_reserve(batch.tags())?;
        self.streams.try_reserve(events)
    }

    /// The number of each event's stream, `None` for streams that the index does not know.
    ///
    /// A loop of its own, and so are those of [`Index::extend`]: nearly every look-up misses the processor's caches, and in a short
    /// loop of look-ups that do not depend on each other the misses overlap.
    pub fn locate(&self, batch: &Batch) -> Vec<Option<u32>> {
        let find = |(domain, instance_id)| self.streams.find(self.domains.find(domain)?, instance_id);
        batch.streams().map(find).collect()
    }

    /// Adds the events of a batch, the next ordinals', whose streams are `located`. Appends each event's version in its stream
    /// to `versions`. `base` gives the version that the stream of the batch's nth event had before the index, asked for streams
    /// that the index does not know.
    pub fn extend(
        &mut self,
        batch: &Batch,
        located: &[Option<u32>],
        base: impl Fn(usize) -> u64,
        versions: &mut Vec<u64>,
    ) {
        debug_assert!(self.len() + batch.len() <= EVENTS_MAX, "the engine keeps the number below EVENTS_MAX");
        debug_assert_eq!(located.len(), batch.len());
        let first = self.len() as u32;
        for ((nth, (domain, instance_id)), stream) in batch.streams().enumerate().zip(located) {
            let stream = stream.unwrap_or_else(|| {
                let domain = self.domains.intern(domain);
                self.streams.intern(domain, instance_id, || base(nth))
            });
            self.event_streams.push(stream);
        }
        self.ids.extend(batch, first);
        for (event, ordinal) in batch.iter().zip(first..) {
            self.times.push(event.inserted_at.micros());
            let event_type = self.types.intern(event.event_type);
            self.types.post(event_type, ordinal);
            self.event_types.push(event_type);
            for tag in event.tags() {
                let tag = self.tags.intern(tag);
                self.tags.post(tag, ordinal);
            }
        }
        for ordinal in first..self.event_streams.len() as u32 {
            let stream = self.event_streams[ordinal as usize];
            self.domains.post(self.streams.get(stream).domain, ordinal);
            versions.push(self.streams.post(stream, ordinal));
        }
    }

    /// Forgets the events from ordinal `len` on. Names stay interned, and match nothing.
    pub fn truncate(&mut self, len: u32) {
        self.ids.truncate(len);
        self.times.truncate(len);
        for &stream in &self.event_streams[len as usize..] {
            self.domains.retract(self.streams.get(stream).domain, len);
            self.streams.retract(stream, len);
        }
        for &event_type in &self.event_types[len as usize..] {
            self.types.retract(event_type, len);
        }
        self.tags.retract_all(len);
        self.event_streams.truncate(len as usize);
        self.event_types.truncate(len as usize);
    }

    /// The ordinal of the event with this id.
    pub fn find_id(&self, id: Uuid) -> Option<u32> {
        self.ids.find(id)
    }

    /// The stream's version, `None` if the index does not know it.
    pub fn stream_version(&self, domain: &str, instance_id: &str) -> Option<u64> {
        let stream = self.domains.find(domain).and_then(|domain| self.streams.find(domain, instance_id))?;
        Some(self.streams.get(stream).version())
    }

    /// Ids that follow on each other, ascending.
    pub fn id_runs(&self) -> impl Iterator<Item = IdRun> {
        self.ids.runs()
    }

    /// All other ids, each with its ordinal, in no order.
    pub fn single_ids(&self) -> impl Iterator<Item = (Uuid, u32)> {
        self.ids.singles()
    }

    /// When each event was inserted, in microseconds.
    pub fn times(&self) -> &[i64] {
        self.times.all()
    }

    /// All types that were ever interned.
    pub fn types(&self) -> &Names {
        &self.types
    }

    /// All domains that were ever interned.
    pub fn domains(&self) -> &Names {
        &self.domains
    }

    /// All tags that were ever interned.
    pub fn tags(&self) -> &Names {
        &self.tags
    }

    /// All streams that were ever interned.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }
}
