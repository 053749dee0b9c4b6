//! The in-memory index of a growing log: finds events by id, stream, type, domain, instance, tag and
//! time, and never holds their text.
//!
//! Events are numbered by ordinals, 0 for the first one indexed. Postings are ascending lists of
//! ordinals. Names are interned, and an interned number stays valid for ever: a [`Plan`] made once
//! may be used after the index has grown.

mod names;
mod plan;
mod scan;
mod times;

pub(crate) use plan::Plan;
pub(crate) use scan::Scan;

use crate::append::Batch;
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use names::Names;
use std::hash::BuildHasher;
use times::Times;
use uuid::Uuid;

/// The most events that one index can hold.
pub(crate) const EVENTS_MAX: usize = u32::MAX as usize;

/// A stream and its events.
struct Stream {
    domain: u32,
    postings: Vec<u32>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Index {
    ids: Vec<Uuid>,
    by_id: HashTable<u32>,
    hasher: DefaultHashBuilder,
    times: Times,
    event_types: Vec<u32>,
    event_streams: Vec<u32>,
    types: Names,
    domains: Names,
    tags: Names,
    /// The postings of an instance are its streams: there is one for each domain that it stands in.
    instances: Names,
    streams: Vec<Stream>,
    by_stream: HashMap<(u32, u32), u32>,
}

impl Index {
    /// How many events there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Makes room for `events` more in all that grows by each event, `None` if there is no memory.
    /// Postings and names grow by little, and seldom.
    pub fn try_reserve(&mut self, events: usize) -> Option<()> {
        self.ids.try_reserve(events).ok()?;
        self.event_types.try_reserve(events).ok()?;
        self.event_streams.try_reserve(events).ok()?;
        self.times.try_reserve(events)?;
        let (ids, hasher) = (&self.ids, &self.hasher);
        self.by_id.try_reserve(events, |&ordinal| hasher.hash_one(ids[ordinal as usize])).ok()
    }

    /// Adds the events of a batch, the next ordinals'. Appends each event's version in its stream to
    /// `versions`.
    ///
    /// Column by column: nearly every look-up misses the processor's caches, and in a short loop of
    /// look-ups that do not depend on each other the misses overlap.
    pub fn extend(&mut self, batch: &Batch, versions: &mut Vec<u64>) {
        debug_assert!(self.len() + batch.len() <= EVENTS_MAX, "the engine keeps the number below EVENTS_MAX");
        let first = self.len() as u32;
        self.ids.extend(batch.iter().map(|event| event.id));
        let (ids, hasher) = (&self.ids, &self.hasher);
        let hash = |ordinal: &u32| hasher.hash_one(ids[*ordinal as usize]);
        for ordinal in first..ids.len() as u32 {
            self.by_id.insert_unique(hash(&ordinal), ordinal, hash);
        }
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
            let stream = self.intern_stream(domain, event.instance_id);
            self.event_streams.push(stream);
        }
        for ordinal in first..self.ids.len() as u32 {
            let postings = &mut self.streams[self.event_streams[ordinal as usize] as usize].postings;
            postings.push(ordinal);
            versions.push(postings.len() as u64);
        }
    }

    /// The ordinal of the event with this id.
    pub fn find_id(&self, id: Uuid) -> Option<u32> {
        self.by_id.find(self.hasher.hash_one(id), |&ordinal| self.ids[ordinal as usize] == id).copied()
    }

    /// The stream's version, 0 if it does not exist.
    pub fn stream_version(&self, domain: &str, instance_id: &str) -> u64 {
        let stream = || {
            let key = (self.domains.find(domain)?, self.instances.find(instance_id)?);
            self.by_stream.get(&key)
        };
        stream().map_or(0, |&stream| self.streams[stream as usize].postings.len() as u64)
    }

    fn intern_stream(&mut self, domain: u32, instance_id: &str) -> u32 {
        let instance = self.instances.intern(instance_id);
        *self.by_stream.entry((domain, instance)).or_insert_with(|| {
            let stream = self.streams.len() as u32;
            self.streams.push(Stream { domain, postings: Vec::new() });
            self.instances.post(instance, stream);
            stream
        })
    }
}
