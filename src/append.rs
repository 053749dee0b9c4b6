//! An append on its way to an engine: the batch, complete but for the numbers that only the commit
//! can give, and the checks that the commit must make.

use crate::error::{Error, ErrorKind, Result};
use crate::event::NewEvent;
use crate::query::Query;
use crate::time::Timestamp;
use hashbrown::HashSet;
use serde_json::Value;
use std::borrow::Cow;
use std::ops::Range;
use uuid::Uuid;

/// The most events that one append can hold.
pub const BATCH_EVENTS_MAX: usize = 100_000;

/// One append: all of it is stored, or nothing.
#[derive(Debug, Default)]
pub struct Append {
    /// The events, possibly none.
    pub batch: Batch,
    /// What must hold for the events to be stored.
    pub checks: Checks,
}

/// What an append answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answer {
    /// The stored events.
    #[default]
    Events,
    /// First and last position, count and head.
    Summary,
}

/// Checks that are made inside the commit, against all that was committed before it.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Checks {
    /// What the version of the batch's only stream must be.
    pub expected_version: Expected,
    /// The same for streams named one by one, checked in this order.
    pub expect: Vec<Expectation>,
    /// No event may match this.
    pub condition: Option<Condition>,
    /// The position that a reader has handled, recorded in the same step.
    pub tracking: Option<Tracking>,
}

/// What a stream's version must be before the append.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Anything.
    #[default]
    Any,
    /// At least 1.
    Exists,
    /// Exactly this; 0 for a stream that does not exist.
    Version(u64),
}

/// An expectation of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The stream's domain.
    pub domain: String,
    /// The stream's instance id.
    pub instance_id: String,
    /// What its version must be.
    pub expected: Expected,
}

/// Fails the append if an event behind `after` matches `query`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What must not be there.
    pub query: Query,
    /// Events up to this position are not looked at.
    pub after: u64,
}

/// A reader's progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracking {
    /// Who reads.
    pub source: String,
    /// The position that was handled, larger than the one recorded before.
    pub position: u64,
}

/// The events of an append, in the order in which they will be stored.
#[derive(Debug, Default)]
pub struct Batch {
    /// For each event its head, then its tail.
    pub(crate) text: Vec<u8>,
    /// Types, domains, instance ids and tags, unescaped, back to back.
    names: String,
    tags: Vec<Range<u32>>,
    events: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    id_given: bool,
    inserted_at: Timestamp,
    inserted_at_given: bool,
    event_type: Range<u32>,
    domain: Range<u32>,
    instance_id: Range<u32>,
    tags: Range<u32>,
    head: Range<u32>,
    tail: Range<u32>,
}

/// What an index asks of a stored event.
#[derive(Debug)]
pub(crate) struct StoredHead<'a> {
    pub sequence_number: u64,
    pub id: Uuid,
    pub event_type: Cow<'a, str>,
    pub domain: Cow<'a, str>,
    pub instance_id: Cow<'a, str>,
    pub stream_version: u64,
    pub inserted_at: Timestamp,
    pub tags: Vec<Cow<'a, str>>,
}

/// The id of one event of a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchId {
    /// The id.
    pub id: Uuid,
    /// The caller gave it, so that it may be stored already. All others of a batch ascend.
    pub given: bool,
}

/// One event of a batch.
///
/// Its final text is `{"sequence_number":` + number + `head` + stream version + `tail`: an engine
/// assigns the two numbers and copies the rest.
#[derive(Debug, Clone, Copy)]
pub struct BatchEvent<'a> {
    /// When the event was inserted.
    pub inserted_at: Timestamp,
    /// The caller gave the time.
    pub inserted_at_given: bool,
    /// The type, unescaped, as all names here.
    pub event_type: &'a str,
    /// The domain.
    pub domain: &'a str,
    /// The instance id.
    pub instance_id: &'a str,
    /// The text between the two numbers.
    pub head: &'a [u8],
    /// The text after the stream version, up to and including the newline.
    pub tail: &'a [u8],
    tags: &'a [Range<u32>],
    names: &'a str,
}

impl<'a> BatchEvent<'a> {
    /// The tags, in the order given.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &'a str> + use<'a> {
        let names = self.names;
        self.tags.iter().map(move |tag| &names[wide(tag)])
    }
}

impl Batch {
    /// An empty batch with room for the events of a text of `bytes`; `None` if there is no memory.
    pub(crate) fn for_text(bytes: usize) -> Option<Batch> {
        let mut batch = Batch::default();
        batch.text.try_reserve(bytes + bytes / 2).ok()?;
        // An event takes some 300 bytes, of which 40 are names.
        batch.events.try_reserve(bytes / 300).ok()?;
        batch.names.try_reserve(bytes / 8).ok()?;
        Some(batch)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many tags they have together.
    pub fn tags(&self) -> usize {
        self.tags.len()
    }

    /// The bytes of all heads and tails: what is to be stored, but for the numbers.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// The event at `index`, which must be below [`Batch::len`].
    pub fn event(&self, index: usize) -> BatchEvent<'_> {
        let entry = &self.events[index];
        BatchEvent {
            inserted_at: entry.inserted_at,
            inserted_at_given: entry.inserted_at_given,
            event_type: &self.names[wide(&entry.event_type)],
            domain: &self.names[wide(&entry.domain)],
            instance_id: &self.names[wide(&entry.instance_id)],
            head: &self.text[wide(&entry.head)],
            tail: &self.text[wide(&entry.tail)],
            tags: &self.tags[wide(&entry.tags)],
            names: &self.names,
        }
    }

    /// All events.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BatchEvent<'_>> {
        (0..self.len()).map(|index| self.event(index))
    }

    /// Their streams, each a domain and an instance.
    pub(crate) fn streams(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.events.iter().map(|entry| (&self.names[wide(&entry.domain)], &self.names[wide(&entry.instance_id)]))
    }

    /// Their ids.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = BatchId> {
        self.events.iter().map(|entry| BatchId { id: entry.id, given: entry.id_given })
    }

    /// The stream of all events, if it is one.
    pub fn only_stream(&self) -> Option<(&str, &str)> {
        let mut streams = self.streams();
        let first = streams.next()?;
        streams.all(|stream| stream == first).then_some(first)
    }

    /// Refuses a batch in which an id stands twice.
    pub(crate) fn check_ids(&self) -> Result<()> {
        let given = || self.ids().filter(|id| id.given).map(|id| id.id);
        let mut known = HashSet::new();
        let mut repeated: HashSet<Uuid> = given().filter(|id| !known.insert(*id)).collect();
        // Taking each out as it comes lists it once, where it stands first.
        let repeated: Vec<Uuid> = given().filter(|id| repeated.remove(id)).collect();
        let Some(first) = repeated.first() else { return Ok(()) };
        let message = format!("{first} stands twice in the batch: give each event an id of its own, or none");
        let ids: Vec<Value> = repeated.iter().map(|id| id.to_string().into()).collect();
        Err(Error::new(ErrorKind::DuplicateId, message).with("ids", ids))
    }

    /// Adds `event`, completed by `id` and `inserted_at`. Its head and tail were just appended to
    /// [`Batch::text`]; the head begins at `head_at` and ends at `tail_at`.
    pub(crate) fn push(
        &mut self,
        event: &NewEvent<'_>,
        id: Uuid,
        inserted_at: Timestamp,
        head_at: usize,
        tail_at: usize,
    ) {
        let first_tag = self.tags.len() as u32;
        for tag in &event.tags {
            let tag = self.name(tag);
            self.tags.push(tag);
        }
        let entry = Entry {
            id,
            id_given: event.id.is_some(),
            inserted_at,
            inserted_at_given: event.inserted_at.is_some(),
            event_type: self.name(&event.event_type),
            domain: self.name(&event.domain),
            instance_id: self.name(&event.instance_id),
            tags: first_tag..self.tags.len() as u32,
            // An append's text is below 64 MiB and its events are few, so all of this fits 32 bits.
            head: head_at as u32..tail_at as u32,
            tail: tail_at as u32..self.text.len() as u32,
        };
        self.events.push(entry);
    }

    /// Adds an event that is stored already: all but its text.
    pub(crate) fn push_stored(&mut self, event: &StoredHead<'_>) {
        let first_tag = self.tags.len() as u32;
        for tag in &event.tags {
            let tag = self.name(tag);
            self.tags.push(tag);
        }
        let entry = Entry {
            id: event.id,
            id_given: true,
            inserted_at: event.inserted_at,
            inserted_at_given: true,
            event_type: self.name(&event.event_type),
            domain: self.name(&event.domain),
            instance_id: self.name(&event.instance_id),
            tags: first_tag..self.tags.len() as u32,
            head: 0..0,
            tail: 0..0,
        };
        self.events.push(entry);
    }

    fn name(&mut self, name: &str) -> Range<u32> {
        let start = self.names.len() as u32;
        self.names.push_str(name);
        start..self.names.len() as u32
    }
}

fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
