//! A part of the log that does not change any more, and its index: from a file, or made anew from the log where the
//! file does not serve.

use super::bug::{Bug, Bugs};
use super::fault::{Damage, failed};
use super::hint::{self, Hint};
use super::idx::{self, Binding, Fault, Idx, Matches};
use super::indexed::Indexed;
use super::place::Place;
use super::pool::Pool;
use super::scan::Cursor;
use super::segment::Segment;
use super::storage::Directory;
use super::walk::Walked;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::index::{Plan, Scan};
use crate::query::{Direction, Query};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use uuid::Uuid;

/// What is wrong with a segment that is whole and of another history.
pub(super) const ANOTHER: &str = "the segment is not the one that the next one follows on";

/// What all parts of a store share.
pub(super) struct Files {
    pub directory: Arc<dyn Directory>,
    pub pool: Arc<Pool>,
    /// This is the store's one writer: what is missing may be made anew.
    pub writes: bool,
    /// Held while an index file is made: they all begin under one name.
    pub hints: Mutex<()>,
    pub bugs: Bugs,
}

/// Where a part ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The offset behind its last frame.
    pub end: u64,
    /// The checksum of that frame's header.
    pub chain: u32,
    /// One position more than that of its last event.
    pub next: u64,
}

/// See the module. It begins where its segment does.
pub(super) struct Part {
    pub segment: Arc<Segment>,
    pub bounds: Bounds,
    lookup: RwLock<Option<Lookup>>,
}

/// How events are found.
#[derive(Clone)]
pub(super) enum Lookup {
    Disk(Arc<Idx>),
    Memory(Arc<Rebuilt>),
}

/// What was made anew from the log, as far as the log is sound.
pub(super) struct Rebuilt {
    pub indexed: Indexed,
    damage: Option<Damage>,
}

/// The events of a part that match a query, ascending.
pub(super) struct Found<'a> {
    files: &'a Files,
    part: &'a Part,
    query: &'a Query,
    positions: Range<u64>,
    call: &'a Call<'a>,
    events: Events,
}

enum Events {
    Disk(Matches),
    Memory(Arc<Rebuilt>, Vec<u32>),
}

impl Found<'_> {
    pub fn len(&self) -> u64 {
        match &self.events {
            Events::Disk(matches) => matches.len(),
            Events::Memory(_, ordinals) => ordinals.len() as u64,
        }
    }

    /// Whether they are all events of a range.
    pub fn is_range(&self) -> bool {
        match &self.events {
            Events::Disk(matches) => matches.range().is_some(),
            Events::Memory(..) => false,
        }
    }

    /// Appends the positions of a slice of them, each with the place of its text.
    pub fn places(&mut self, slice: Range<u64>, out: &mut Vec<(u64, Place)>) -> Result<()> {
        let first = self.part.first();
        let (mut ordinals, mut places) = (Vec::new(), Vec::new());
        loop {
            let found = match &self.events {
                Events::Disk(matches) => {
                    matches.get(slice.clone(), &mut ordinals).and_then(|()| matches.places(slice.clone(), &mut places))
                }
                Events::Memory(rebuilt, all) => {
                    all.get(slice.start as usize..slice.end as usize).unwrap_or_default().iter().try_for_each(
                        |ordinal| {
                            ordinals.push(*ordinal);
                            places.push(rebuilt.place(self.files, first + u64::from(*ordinal)).map_err(Fault::Text)?);
                            Ok(())
                        },
                    )
                }
            };
            match found {
                Ok(()) => break,
                Err(fault) if fault.is_of_the_file() => {
                    // The same events come from the index made anew.
                    let lookup = self.part.rebuild(self.files)?;
                    self.events = self
                        .part
                        .find(self.files, &lookup, self.query, &self.positions, self.call)
                        .map_err(|fault| self.part.explain(self.files, fault))?;
                    ordinals.clear();
                    places.clear();
                }
                Err(fault) => return Err(self.part.explain(self.files, fault)),
            }
        }
        out.extend(ordinals.into_iter().map(|ordinal| first + u64::from(ordinal)).zip(places));
        Ok(())
    }
}

/// Reads texts for an index that must see them.
struct Texts<'a> {
    files: &'a Files,
    part: &'a Part,
    call: Option<&'a Call<'a>>,
}

impl idx::Texts for Texts<'_> {
    fn text(&self, place: Place) -> Result<Vec<u8>> {
        self.part.segment.text(&*self.files.directory, place, 0)
    }

    fn check(&self) -> Result<()> {
        self.call.map_or(Ok(()), Call::check)
    }
}

impl Part {
    /// The part of a segment that ends so; its index is opened when it is needed.
    pub fn new(segment: Arc<Segment>, bounds: Bounds) -> Part {
        Part::over(segment, bounds, None)
    }

    /// The same, its index known.
    pub fn with_index(segment: Arc<Segment>, bounds: Bounds, index: Arc<Idx>) -> Part {
        Part::over(segment, bounds, Some(Lookup::Disk(index)))
    }

    /// The same, its index in memory.
    pub fn in_memory(segment: Arc<Segment>, bounds: Bounds, indexed: Indexed) -> Part {
        let rebuilt = Rebuilt { indexed, damage: None };
        Part::over(segment, bounds, Some(Lookup::Memory(Arc::new(rebuilt))))
    }

    fn over(segment: Arc<Segment>, bounds: Bounds, lookup: Option<Lookup>) -> Part {
        segment.file.settle(bounds.end, true);
        Part { segment, bounds, lookup: RwLock::new(lookup) }
    }

    /// The position of its first event.
    pub fn first(&self) -> u64 {
        self.segment.header.first
    }

    /// How events are found here.
    pub fn lookup(&self, files: &Files) -> Result<Lookup> {
        if let Some(lookup) = &*self.lookup.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(lookup.clone());
        }
        let lookup = match self.open(files)? {
            Some(index) => Lookup::Disk(index),
            None => return self.rebuild(files),
        };
        Ok(self.lookup.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(lookup).clone())
    }

    /// Whether there is an index file of this part.
    pub fn has_index(&self, files: &Files) -> Result<bool> {
        Ok(self.open(files)?.is_some())
    }

    /// The index file, if it is one of all events. Frames without events may follow on what it covers.
    fn open(&self, files: &Files) -> Result<Option<Arc<Idx>>> {
        let Some(Hint { index, state, last }) = hint::open(files, &self.segment)? else { return Ok(None) };
        let &Binding { first, events, end, chain, .. } = index.binding();
        let next = first + u64::from(events);
        let is_whole = next == self.bounds.next && end <= self.bounds.end && {
            let cursor = Cursor { offset: end, chain, next, epoch: last.epoch };
            let mut walked = Walked::behind(cursor, state, &last);
            walked.on(files, &self.segment, self.bounds.end, |_| Ok(true))?;
            self.ends(&walked.cursor)
        };
        Ok((is_whole || files.bugs.has(Bug::BelieveIndex)).then_some(index))
    }

    /// Whether a walk came to the end that the part has by the segment behind it.
    fn ends(&self, cursor: &Cursor) -> bool {
        let Bounds { end, chain, next } = self.bounds;
        (cursor.offset, cursor.chain, cursor.next) == (end, chain, next)
    }

    /// Makes the index anew from the log.
    pub fn rebuild(&self, files: &Files) -> Result<Lookup> {
        let mut walked = Walked::start(&self.segment);
        let why = walked.on(files, &self.segment, self.bounds.end, |_| Ok(true))?;
        let Walked { cursor, indexed, state, .. } = walked;
        let is_whole = self.ends(&cursor);
        // Sound from end to end, and yet not what the next segment was written behind: then nobody knows what is right.
        let is_another = !is_whole && cursor.offset == self.bounds.end;
        let (indexed, why) = match is_another {
            true => (Indexed::new(self.first()), ANOTHER),
            false => (indexed, why),
        };
        let written = match is_whole && files.writes {
            true => hint::write(files, &self.segment, &self.bounds, &indexed, &state, &[], false),
            false => None,
        };
        let in_memory = || {
            let lost = || {
                let damage = Damage::new(&self.segment.name(), cursor.offset, why);
                match indexed.next() < self.bounds.next {
                    true => damage.positions(indexed.next(), self.bounds.next - 1),
                    false => damage,
                }
            };
            let damage = (!is_whole).then(lost);
            Lookup::Memory(Arc::new(Rebuilt { indexed, damage }))
        };
        let lookup = written.map_or_else(in_memory, Lookup::Disk);
        *self.lookup.write().unwrap_or_else(PoisonError::into_inner) = Some(lookup.clone());
        Ok(lookup)
    }

    /// Asks the index, and once more the one made anew if the first was damaged.
    fn ask<T>(&self, files: &Files, ask: impl Fn(&Lookup) -> std::result::Result<T, Fault>) -> Result<T> {
        match ask(&self.lookup(files)?) {
            Err(fault) if fault.is_of_the_file() => {
                ask(&self.rebuild(files)?).map_err(|fault| self.explain(files, fault))
            }
            answer => answer.map_err(|fault| self.explain(files, fault)),
        }
    }

    /// A fault of the index as an error.
    pub fn explain(&self, files: &Files, fault: Fault) -> Error {
        let name = idx::name_of(self.segment.header.ordinal);
        match fault {
            Fault::Damaged { segment, offset, what } => {
                let name = if segment > 0 { idx::name_of(segment) } else { name };
                Damage::new(&name, offset, what).error(&*files.directory)
            }
            Fault::Io(error) => failed(&*files.directory, "read", &name)(error),
            Fault::Text(error) => error,
        }
    }

    /// The events of a query among those at these positions.
    pub fn matching<'a>(
        &'a self,
        files: &'a Files,
        query: &'a Query,
        positions: Range<u64>,
        call: &'a Call<'a>,
    ) -> Result<Found<'a>> {
        let events = self.ask(files, |lookup| self.find(files, lookup, query, &positions, call))?;
        Ok(Found { files, part: self, query, positions, call, events })
    }

    fn find(
        &self,
        files: &Files,
        lookup: &Lookup,
        query: &Query,
        positions: &Range<u64>,
        call: &Call<'_>,
    ) -> std::result::Result<Events, Fault> {
        let first = self.first();
        let bounds = (positions.start - first) as u32..(positions.end - first) as u32;
        match lookup {
            Lookup::Disk(index) => {
                let texts = Texts { files, part: self, call: Some(call) };
                index.matching(query, bounds, &texts).map(Events::Disk)
            }
            Lookup::Memory(rebuilt) => {
                rebuilt.check(files, positions.end).map_err(Fault::Text)?;
                let index = &rebuilt.indexed.index;
                let plan = Plan::new(&relative(query, first), index);
                let ordinals = Scan::new(&plan, index, &bounds, Direction::Forward).collect();
                Ok(Events::Memory(rebuilt.clone(), ordinals))
            }
        }
    }

    /// The text of the event at `position`.
    pub fn text(&self, files: &Files, position: u64) -> Result<Vec<u8>> {
        let place = self.ask(files, |lookup| match lookup {
            Lookup::Disk(index) => index.place((position - self.first()) as u32),
            Lookup::Memory(rebuilt) => rebuilt.place(files, position).map_err(Fault::Text),
        })?;
        self.segment.text(&*files.directory, place, position)
    }

    /// The stream's version, if it is one of those in memory here.
    pub fn stream_version(&self, files: &Files, domain: &str, instance_id: &str) -> Result<Option<u64>> {
        let Lookup::Memory(rebuilt) = self.lookup(files)? else { return Ok(None) };
        rebuilt.check(files, self.bounds.next)?;
        Ok(rebuilt.indexed.index.stream_version(domain, instance_id))
    }

    /// The position of the event with this id, if it is one of these.
    pub fn find_id(&self, files: &Files, id: Uuid) -> Result<Option<u64>> {
        let ordinal = self.ask(files, |lookup| match lookup {
            Lookup::Disk(index) => index.find_id(id, &Texts { files, part: self, call: None }),
            Lookup::Memory(rebuilt) => {
                let found = rebuilt.indexed.index.find_id(id);
                // What is lost might have had it.
                if found.is_none() {
                    rebuilt.check(files, self.bounds.next).map_err(Fault::Text)?;
                }
                Ok(found)
            }
        })?;
        Ok(ordinal.map(|ordinal| self.first() + u64::from(ordinal)))
    }
}

impl Rebuilt {
    /// An error if the events before `end` are not all there.
    pub fn check(&self, files: &Files, end: u64) -> Result<()> {
        match &self.damage {
            Some(damage) if end > self.indexed.next() => Err(damage.error(&*files.directory)),
            _ => Ok(()),
        }
    }

    fn place(&self, files: &Files, position: u64) -> Result<Place> {
        self.check(files, position + 1)?;
        self.indexed.place(position).ok_or_else(|| Error::internal("a place was asked for that no event has"))
    }
}

/// The query with its positions counted from `first`, as an index counts them.
pub(super) fn relative(query: &Query, first: u64) -> Query {
    let mut query = query.clone();
    for filter in &mut query.filters {
        filter.after = filter.after.saturating_sub(first - 1);
        filter.up_to = filter.up_to.saturating_sub(first - 1);
    }
    query
}
