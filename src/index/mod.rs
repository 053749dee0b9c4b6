//! The in-memory index of a growing log: finds events by id, stream, type, domain, instance, tag and
//! time, and never holds their text.
//!
//! Events are numbered by ordinals, 0 for the first one indexed. Postings are ascending lists of
//! ordinals. Ids that the store made ascend in each batch, so a batch needs one entry for all of them; only
//! ids that callers gave are hashed one by one. Names are interned, and an interned number stays valid for ever: a [`Plan`] made once
//! may be used after the index has grown.

mod names;
mod plan;
mod scan;
mod streams;
mod times;

pub(crate) use plan::Plan;
pub(crate) use scan::Scan;

use crate::append::Batch;
use hashbrown::{DefaultHashBuilder, HashTable};
use names::Names;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Range;
use streams::Streams;
use times::Times;
use uuid::Uuid;

/// The most events that one index can hold.
pub(crate) const EVENTS_MAX: usize = u32::MAX as usize;

/// See the module.
#[derive(Default)]
pub(crate) struct Index {
    ids: Vec<Uuid>,
    /// Ids that callers gave.
    given: HashTable<u32>,
    /// Ids that the store made, by the first of each run: its ordinals. In a run they ascend, and no two
    /// runs reach into each other, since a batch's ids are made by counting up.
    made: BTreeMap<Uuid, Range<u32>>,
    hasher: DefaultHashBuilder,
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
        self.ids.len()
    }

    /// Makes room for the events of a batch in all that grows by each event, each name and each stream, `None`
    /// if there is no memory. Only the lists of ordinals behind them grow by themselves.
    pub fn try_reserve(&mut self, batch: &Batch) -> Option<()> {
        let events = batch.len();
        let given = batch.ids().filter(|id| id.given).count();
        self.ids.try_reserve(events).ok()?;
        self.event_types.try_reserve(events).ok()?;
        self.event_streams.try_reserve(events).ok()?;
        self.times.try_reserve(events)?;
        self.types.try_reserve(events)?;
        self.domains.try_reserve(events)?;
        self.tags.try_reserve(batch.tags())?;
        self.streams.try_reserve(events)?;
        let (ids, hasher) = (&self.ids, &self.hasher);
        self.given.try_reserve(given, |&ordinal| hasher.hash_one(ids[ordinal as usize])).ok()
    }

    /// Adds the events of a batch, the next ordinals'. Appends each event's version in its stream to
    /// `versions`.
    ///
    /// Column by column: nearly every look-up misses the processor's caches, and in a short loop of
    /// look-ups that do not depend on each other the misses overlap.
    pub fn extend(&mut self, batch: &Batch, versions: &mut Vec<u64>) {
        debug_assert!(self.len() + batch.len() <= EVENTS_MAX, "the engine keeps the number below EVENTS_MAX");
        let first = self.len() as u32;
        self.extend_ids(batch);
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
        for (event, ordinal) in batch.iter().zip(first..) {
            let domain = self.domains.intern(event.domain);
            self.domains.post(domain, ordinal);
            let stream = self.streams.intern(domain, event.instance_id);
            self.event_streams.push(stream);
        }
        for ordinal in first..self.ids.len() as u32 {
            versions.push(self.streams.post(self.event_streams[ordinal as usize], ordinal));
        }
    }

    fn extend_ids(&mut self, batch: &Batch) {
        let first = self.ids.len() as u32;
        self.ids.extend(batch.ids().map(|id| id.id));
        let (ids, hasher) = (&self.ids, &self.hasher);
        let hash = |ordinal: &u32| hasher.hash_one(ids[*ordinal as usize]);
        let mut run = first..first;
        for (id, ordinal) in batch.ids().zip(first..) {
            if id.given {
                self.given.insert_unique(hash(&ordinal), ordinal, hash);
                end_run(&mut self.made, ids, run);
                run = ordinal + 1..ordinal + 1;
            } else {
                run.end = ordinal + 1;
            }
        }
        end_run(&mut self.made, ids, run);
    }

    /// The ordinal of the event with this id.
    pub fn find_id(&self, id: Uuid) -> Option<u32> {
        let given = self.given.find(self.hasher.hash_one(id), |&ordinal| self.ids[ordinal as usize] == id);
        given.copied().or_else(|| {
            let (_, run) = self.made.range(..=id).next_back()?;
            let ids = &self.ids[run.start as usize..run.end as usize];
            ids.binary_search(&id).ok().map(|at| run.start + at as u32)
        })
    }

    /// The stream's version, 0 if it does not exist.
    pub fn stream_version(&self, domain: &str, instance_id: &str) -> u64 {
        let stream = self.domains.find(domain).and_then(|domain| self.streams.find(domain, instance_id));
        stream.map_or(0, |stream| self.streams.postings(stream).len() as u64)
    }
}

fn end_run(made: &mut BTreeMap<Uuid, Range<u32>>, ids: &[Uuid], run: Range<u32>) {
    if !run.is_empty() {
        made.insert(ids[run.start as usize], run);
    }
}
