//! Streams, each with its postings.

use super::names::retract;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use smol_str::SmolStr;
use std::hash::BuildHasher;

/// See the module.
#[derive(Default)]
pub(crate) struct Streams {
    table: HashTable<u32>,
    streams: Vec<Stream>,
    /// The instances, by the name of their first stream.
    instance_table: HashTable<u32>,
    /// The streams of each instance: there is one for each domain that it stands in.
    instances: Vec<Vec<u32>>,
    hasher: DefaultHashBuilder,
}

/// One stream. Every append looks for its streams, and nearly each look misses the processor's caches:
/// so a name of usual length stands in here, and not behind a pointer.
pub(crate) struct Stream {
    /// Its domain's number.
    pub domain: u32,
    instance_id: SmolStr,
    /// Its version before its first event here.
    base: u64,
    postings: Vec<u32>,
}

impl Streams {
    /// The number of a stream, if it exists.
    pub fn find(&self, domain: u32, instance_id: &str) -> Option<u32> {
        let is_it = |&number: &u32| self.streams[number as usize].is(domain, instance_id);
        self.table.find(self.hasher.hash_one((domain, instance_id)), is_it).copied()
    }

    /// Makes room for so many more streams, `None` if there is no memory.
    pub fn try_reserve(&mut self, more: usize) -> Option<()> {
        let Streams { table, streams, instance_table, instances, hasher } = self;
        streams.try_reserve(more).ok()?;
        instances.try_reserve(more).ok()?;
        let hash_of = |&number: &u32| {
            let stream: &Stream = &streams[number as usize];
            hasher.hash_one((stream.domain, &*stream.instance_id))
        };
        table.try_reserve(more, hash_of).ok()?;
        let name_of = |instance: &u32| &*streams[instances[*instance as usize][0] as usize].instance_id;
        instance_table.try_reserve(more, |instance| hasher.hash_one(name_of(instance))).ok()
    }

    /// The number of a stream, which gets the next one if it does not exist, and `base` as its version.
    pub fn intern(&mut self, domain: u32, instance_id: &str, base: impl FnOnce() -> u64) -> u32 {
        let Streams { table, streams, hasher, .. } = self;
        let hash_of = |stream: &Stream| hasher.hash_one((stream.domain, &*stream.instance_id));
        let entry = table.entry(
            hasher.hash_one((domain, instance_id)),
            |&number| streams[number as usize].is(domain, instance_id),
            |&number| hash_of(&streams[number as usize]),
        );
        match entry {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(vacant) => {
                let base = base();
                let number = streams.len() as u32;
                vacant.insert(number);
                streams.push(Stream { domain, instance_id: instance_id.into(), base, postings: Vec::new() });
                self.note_instance(instance_id, number);
                number
            }
        }
    }

    fn note_instance(&mut self, instance_id: &str, stream: u32) {
        let Streams { streams, instance_table, instances, hasher, .. } = self;
        let name_of = |instance: &u32| &*streams[instances[*instance as usize][0] as usize].instance_id;
        let entry = instance_table.entry(
            hasher.hash_one(instance_id),
            |instance| name_of(instance) == instance_id,
            |instance| hasher.hash_one(name_of(instance)),
        );
        match entry {
            Entry::Occupied(known) => instances[*known.get() as usize].push(stream),
            Entry::Vacant(vacant) => {
                vacant.insert(instances.len() as u32);
                instances.push(vec![stream]);
            }
        }
    }

    /// The streams of an instance, ascending.
    pub fn of_instance(&self, instance_id: &str) -> &[u32] {
        let streams_of = |instance: &u32| self.instances[*instance as usize].as_slice();
        let is_it = |instance: &u32| self.streams[streams_of(instance)[0] as usize].instance_id == instance_id;
        self.instance_table.find(self.hasher.hash_one(instance_id), is_it).map_or(&[], streams_of)
    }

    /// Appends `ordinal`, larger than all before, to the stream's postings; the stream's version then.
    pub fn post(&mut self, stream: u32, ordinal: u32) -> u64 {
        let stream = &mut self.streams[stream as usize];
        stream.postings.push(ordinal);
        stream.version()
    }

    /// Forgets the last of its postings, those from `len` on.
    pub fn retract(&mut self, stream: u32, len: u32) {
        retract(&mut self.streams[stream as usize].postings, len);
    }

    /// A stream.
    pub fn get(&self, stream: u32) -> &Stream {
        &self.streams[stream as usize]
    }

    /// All that have at least one event.
    pub fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|stream| !stream.postings.is_empty())
    }
}

impl Stream {
    /// Its instance id.
    pub fn instance_id(&self) -> &str {
        &self.instance_id
    }

    /// Its events.
    pub fn postings(&self) -> &[u32] {
        &self.postings
    }

    /// Its events behind this version.
    pub fn behind(&self, version: u64) -> &[u32] {
        let passed = version.saturating_sub(self.base).min(self.postings.len() as u64);
        &self.postings[passed as usize..]
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.base + self.postings.len() as u64
    }

    fn is(&self, domain: u32, instance_id: &str) -> bool {
        self.domain == domain && self.instance_id == instance_id
    }
}
