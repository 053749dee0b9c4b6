//! Index files: what [`crate::index`] knows of one segment, on disk.
//!
//! An index file is made once, from a segment of the log or from the beginning of the one that still grows, and
//! never changed. It is a hint. It is bound to one state of its segment; each page carries a checksum that
//! holds for this page of this file alone, and that is compared at every read; where something is wrong, the answer is a
//! [`Fault`], and the caller makes the file anew from the log. It holds no names, only their hashes: what is
//! found under a hash is believed once the text of an event has told the name.
//!
//! `docs/FORMAT.md` describes the bytes.

use super::place::Place;
use super::storage::File;
use crate::error::Error;
use crate::index::Index;
use crate::query::Query;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
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
pub(in crate::engine::file) fn write(_file: &dyn File, _content: &Content<'_>) -> Result<u64, Fault> {
    Err(unfinished())
}

/// What a key table is asked for: the hash of a stream or an id. The same for all index files of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::file) struct Key(u64);

impl Key {
    /// The key of a stream.
    pub fn stream(_store: &[u8; 16], _domain: &str, _instance_id: &str) -> Key {
        Key(0)
    }

    /// The key of an id.
    pub fn id(_store: &[u8; 16], _id: Uuid) -> Key {
        Key(0)
    }
}

/// An index file, open. Any number of threads may ask it at once.
pub(in crate::engine::file) struct Idx {
    binding: Binding,
}

impl Idx {
    /// Reads and checks the header, nothing else.
    pub fn open(_file: Arc<dyn File>) -> Result<Idx, Fault> {
        Err(unfinished())
    }

    /// What the index is of. The caller compares it with the log.
    pub fn binding(&self) -> &Binding {
        &self.binding
    }

    /// The bytes that the engine gave.
    pub fn state(&self) -> Result<Vec<u8>, Fault> {
        Err(unfinished())
    }

    /// How many segments its key table covers, its own the last of them; at least 1.
    pub fn covers(&self) -> u64 {
        1
    }

    /// The earliest and the latest time of an event, in microseconds; `None` if there is no event.
    pub fn times(&self) -> Option<RangeInclusive<i64>> {
        None
    }

    /// Where the text of an event lies.
    pub fn place(&self, _ordinal: u32) -> Result<Place, Fault> {
        Err(unfinished())
    }

    /// Appends the places of all events of a range.
    pub fn places(&self, _range: Range<u32>, _out: &mut Vec<Place>) -> Result<(), Fault> {
        Err(unfinished())
    }

    /// Appends the places of these events, which ascend or descend.
    pub fn places_of(&self, _ordinals: &[u32], _out: &mut Vec<Place>) -> Result<(), Fault> {
        Err(unfinished())
    }

    /// The events of a query, among those whose ordinals are in `bounds`.
    pub fn matching(
        self: &Arc<Idx>,
        _query: &Query,
        _bounds: Range<u32>,
        _texts: &dyn Texts,
    ) -> Result<Matches, Fault> {
        Err(unfinished())
    }

    /// The event with this id, if it is in this segment.
    pub fn find_id(&self, _id: Uuid, _texts: &dyn Texts) -> Result<Option<u32>, Fault> {
        Err(unfinished())
    }

    /// Positions under this key, the newest first, in all segments that the key table covers: of a stream, its last event in each
    /// segment where it has one; of an id, its event, unless the id is in a segment's id span
    /// ([`Idx::id_span`]). Another name can have the same key: the event's text decides.
    pub fn candidates(&self, _key: Key) -> Result<Vec<u64>, Fault> {
        Err(unfinished())
    }

    /// The smallest and the largest of the ids that no key table has, but only this file. Whether an id between them is there,
    /// [`Idx::find_id`] tells. For ids that stores make, the spans of a log's segments hardly overlap.
    pub fn id_span(&self) -> Option<RangeInclusive<Uuid>> {
        None
    }

    /// Gives back the memory of the key table's filter. For a table that is no longer in the chain, since a newer one has taken
    /// it in.
    pub fn unload(&self) {}

    /// Reads all of the file and checks all that can be checked without the log. All faults, at most some.
    pub fn check_all(&self) -> Result<(), Vec<Fault>> {
        Err(vec![unfinished()])
    }
}

/// The events of a query, ascending.
pub(in crate::engine::file) struct Matches {
    range: Range<u32>,
}

impl Matches {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.range.len() as u64
    }

    /// The range, if they are all events of one.
    pub fn range(&self) -> Option<Range<u32>> {
        Some(self.range.clone())
    }

    /// Appends a slice of them, `0..len()` being all.
    pub fn get(&self, _slice: Range<u64>, _out: &mut Vec<u32>) -> Result<(), Fault> {
        Err(unfinished())
    }
}

fn unfinished() -> Fault {
    Fault::Damaged { segment: 0, offset: 0, what: "cannot be read yet" }
}
