//! Index files: what [`crate::index`] knows of one segment, on disk.
//!
//! An index file is made once, from a segment of the log or from the beginning of the one that still grows, and
//! never changed. It is a hint. It is bound to one state of its segment; each page carries a checksum that
//! holds for this page of this file alone, and that is compared at every read; where something is wrong, the answer is a
//! [`Fault`], and the caller makes the file anew from the log. It holds no names, only their hashes: what is
//! found under a hash is believed once the text of an event has told the name.
//!
//! `docs/FORMAT.md` describes the bytes.

mod check;
mod filter;
mod hash;
mod header;
mod ids;
mod keys;
mod matches;
mod matching;
mod names;
mod page;
mod sink;
mod table;
mod times;
mod write;

#[cfg(test)]
mod tests;

pub(in crate::engine::file) use matches::Matches;

use super::place::Place;
use super::storage::{File, read_exact_at};
use crate::error::Error;
use crate::index::Index;
use crate::query::Query;
use filter::Loaded;
use hash::Hash;
use header::{Header, Part};
use page::{PAGE, Pages, Records, u32_at};
use std::ops::{Range, RangeInclusive};
use std::sync::{Arc, RwLock};
use uuid::Uuid;

/// The name of the index file of a segment.
pub(in crate::engine::file) fn name_of(segment: u64) -> String {
    format!("{segment:020}.idx")
}

/// Which state of which segment an index is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::file) struct Binding {
    /// The store's UUID.
    pub store: [u8; 16],
    /// The segment's ordinal, from 1 on.
    pub segment: u64,
    /// The segment's salt.
    pub salt: u64,
    /// The position of the segment's first event.
    pub first: u64,
    /// How many events of the segment are indexed.
    pub events: u32,
    /// The offset behind the last frame that is indexed, in the segment's file.
    pub end: u64,
    /// The checksum of that frame's header.
    pub chain: u32,
}

/// Why an index file did not answer.
#[derive(Debug)]
pub(in crate::engine::file) enum Fault {
    /// The file is not what was written. It must be made anew from the log.
    Damaged {
        /// The segment whose index it is; 0 where not even the header tells.
        segment: u64,
        /// Where in the index file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The system could not read or write.
    Io(std::io::Error),
    /// What [`Texts`] answered.
    Text(Error),
}

impl Fault {
    /// The file is damaged, or it is not there any more: then the log tells.
    pub fn is_of_the_file(&self) -> bool {
        match self {
            Fault::Damaged { .. } => true,
            Fault::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
            Fault::Text(_) => false,
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Damaged { what, .. } => f.write_str(what),
            Fault::Io(error) => error.fmt(f),
            Fault::Text(error) => f.write_str(error.message()),
        }
    }
}

/// Reads the log for an index that must see what an event really is.
pub(in crate::engine::file) trait Texts {
    /// The text at this place of the segment, its checksum compared.
    fn text(&self, place: Place) -> Result<Vec<u8>, Error>;

    /// Asked now and then in long work, which an error ends.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// What goes into an index file.
pub(in crate::engine::file) struct Content<'a> {
    /// What the index is of.
    pub binding: &'a Binding,
    /// The segment's events: ordinal 0 is the segment's first.
    pub index: &'a Index,
    /// Where the text of each lies.
    pub places: &'a [Place],
    /// Bytes of the engine, kept as they are.
    pub state: &'a [u8],
    /// The chain of older key tables, the newest first: the index of the segment before, then that of the segment
    /// before all those which the former covers, and so on. Where a link is missing, or does not fit, the chain ends.
    pub older: &'a [Arc<Idx>],
    /// Whether older key tables are taken in. Not for an index that is soon replaced, as that of a segment which still grows.
    pub merge: bool,
}

/// Writes an index file into `file`, which is empty; how long it became. The caller names and syncs it.
///
/// Older tables are read as they are taken in: [`Fault::Damaged`] tells the segment of the one that was found damaged.
pub(in crate::engine::file) fn write(file: &dyn File, content: &Content<'_>) -> Result<u64, Fault> {
    write::write(file, content)
}

/// What a key table is asked for: the hash of a stream or an id. The same for all index files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::file) struct Key(u64);

impl Key {
    /// The key of a stream.
    pub fn stream(store: &[u8; 16], domain: &str, instance_id: &str) -> Key {
        Key(Hash::of_store(store).stream(domain, instance_id))
    }

    /// The key of an id.
    pub fn id(store: &[u8; 16], id: Uuid) -> Key {
        Key(Hash::of_store(store).id(id))
    }
}

/// An index file, open. Any number of threads may ask it at once.
pub(in crate::engine::file) struct Idx {
    pages: Pages,
    header: Header,
    hash: Hash,
    /// The key table's filter, where it is in memory.
    filter: RwLock<Option<Loaded>>,
}

impl Idx {
    /// Reads and checks the header, nothing else.
    pub fn open(file: Arc<dyn File>) -> Result<Idx, Fault> {
        let file_len = file.len().map_err(Fault::Io)?;
        let mut page = [0; PAGE];
        read_exact_at(&*file, &mut page, 0).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Fault::Damaged { segment: 0, offset: file_len, what: "the file ends in its header" }
            }
            _ => Fault::Io(error),
        })?;
        let (header, seed) = Header::decode(&page, file_len)?;
        let pages = Pages { file, seed, segment: header.binding.segment };
        let hash = Hash::of_store(&header.binding.store);
        pages.file.settle(file_len, true);
        Ok(Idx { pages, header, hash, filter: RwLock::default() })
    }

    /// What the index is of. The caller compares it with the log.
    pub fn binding(&self) -> &Binding {
        &self.header.binding
    }

    /// The bytes that the engine gave.
    pub fn state(&self) -> Result<Vec<u8>, Fault> {
        let section = self.header.section(Part::State);
        let mut state = Vec::with_capacity(section.records as usize);
        self.pages.each(&section, 0..section.records, |bytes| state.extend(bytes))?;
        Ok(state)
    }

    /// How many segments its key table covers, its own the last of them; at least 1.
    pub fn covers(&self) -> u64 {
        self.header.covers
    }

    /// The earliest and the latest time of an event, in microseconds; `None` if there is no event.
    pub fn times(&self) -> Option<RangeInclusive<i64>> {
        let (earliest, latest) = self.header.times;
        (self.header.binding.events > 0).then_some(earliest..=latest)
    }

    /// Where the text of an event lies.
    pub fn place(&self, ordinal: u32) -> Result<Place, Fault> {
        let mut records = Records::new(&self.pages, self.header.section(Part::Places));
        records.get(ordinal).map(place_at)
    }

    /// Appends the places of all events of a range.
    pub fn places(&self, range: Range<u32>, out: &mut Vec<Place>) -> Result<(), Fault> {
        let section = self.header.section(Part::Places);
        self.pages.each(&section, range, |bytes| out.extend(bytes.chunks_exact(12).map(place_at)))
    }

    /// Appends the places of these events. It reads least where they ascend or descend.
    pub fn places_of(&self, ordinals: &[u32], out: &mut Vec<Place>) -> Result<(), Fault> {
        let mut records = Records::new(&self.pages, self.header.section(Part::Places));
        for &ordinal in ordinals {
            out.push(place_at(records.get(ordinal)?));
        }
        Ok(())
    }

    /// The events of a query, among those whose ordinals are in `bounds`.
    pub fn matching(self: &Arc<Idx>, query: &Query, bounds: Range<u32>, texts: &dyn Texts) -> Result<Matches, Fault> {
        matching::matching(self, query, bounds, texts)
    }

    /// The event with this id, if it is in this segment.
    pub fn find_id(&self, id: Uuid, texts: &dyn Texts) -> Result<Option<u32>, Fault> {
        if let Some(ordinal) = self.find_in_runs(id, texts)? {
            return Ok(Some(ordinal));
        }
        let Binding { first, events, .. } = self.header.binding;
        // The table may be one that a newer has taken in: then its filter is not worth the memory.
        for position in self.find_key(Key(self.hash.id(id)), false)? {
            let ordinal = position.checked_sub(first).and_then(|ordinal| u32::try_from(ordinal).ok());
            let Some(ordinal) = ordinal.filter(|ordinal| *ordinal < events) else { continue };
            if self.has_id(ordinal, id, texts)? {
                return Ok(Some(ordinal));
            }
        }
        Ok(None)
    }

    /// Positions under this key, the newest first, in all segments that the key table covers: of a stream, its last event in each
    /// segment where it has one; of an id, its event, unless the id is in a segment's id span
    /// ([`Idx::id_span`]). Another name can have the same key: the event's text decides.
    pub fn candidates(&self, key: Key) -> Result<Vec<u64>, Fault> {
        self.find_key(key, true)
    }

    /// Says of each key that the key table may have it, and leaves it as it is where the table has it not.
    pub fn note_keys(&self, keys: &[Key], may_have: &mut [bool]) -> Result<(), Fault> {
        self.note_in_filter(keys, may_have, true)
    }

    /// The smallest and the largest of the ids that no key table has, but only this file. Whether an id between them is there,
    /// [`Idx::find_id`] tells. For ids that stores make, the spans of a log's segments hardly overlap.
    pub fn id_span(&self) -> Option<RangeInclusive<Uuid>> {
        let (smallest, largest) = self.header.id_span;
        (self.header.section(Part::Runs).records > 0).then_some(smallest..=largest)
    }

    /// Gives back the memory of the key table's filter. For a table that is no longer in the chain, since a newer one has taken
    /// it in.
    pub fn unload(&self) {
        self.unload_filter();
    }

    /// Reads all of the file and checks all that can be checked without the log. Answers some of the faults where there
    /// are many.
    pub fn check_all(&self) -> Result<(), Vec<Fault>> {
        check::check_all(self)
    }
}

fn place_at(record: &[u8]) -> Place {
    Place { offset: u32_at(record, 0), len: u32_at(record, 4), crc: u32_at(record, 8) }
}
