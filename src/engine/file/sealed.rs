//! All parts of the log that do not change any more, and what is found across them.

use super::idx::{Fault, Idx, Key};
use super::part::{Files, Lookup, Part};
use crate::error::{Error, Result};
use crate::json::read_head;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use uuid::Uuid;

/// What is wrong with a key table that tells a position which no part has.
const NO_EVENT: Fault = Fault::Damaged { segment: 0, offset: 0, what: "a key leads to no event" };

/// See the module.
#[derive(Default)]
pub(super) struct Sealed {
    parts: Vec<Arc<Part>>,
    /// Made when it is first needed, since that opens every index.
    spans: OnceLock<Spans>,
    /// Forgotten when one of them turns out to be damaged.
    tables: RwLock<Option<Arc<Vec<Table>>>>,
}

/// What tells streams and ids of one part, or of several.
enum Table {
    /// The key table of an index.
    Keys(Arc<Idx>),
    /// The index in memory of a part.
    Part(Arc<Part>),
}

/// The ids that parts hold in runs: for each part the smallest and the largest.
#[derive(Default)]
struct Spans {
    /// Ascending by their beginning: the span, the largest end up to here, the part.
    spans: Vec<(Uuid, Uuid, Uuid, Arc<Part>)>,
}

impl Sealed {
    /// These parts, from the first of the log on.
    pub fn new(parts: Vec<Arc<Part>>) -> Sealed {
        Sealed { parts, ..Sealed::default() }
    }

    /// All of them, in order.
    pub fn parts(&self) -> &[Arc<Part>] {
        &self.parts
    }

    /// Those of the segments before this one.
    pub fn before(&self, segment: u64) -> Vec<Arc<Part>> {
        self.parts.iter().filter(|part| part.segment.header.ordinal < segment).cloned().collect()
    }

    /// The part that holds a position.
    pub fn part_of(&self, position: u64) -> Option<&Arc<Part>> {
        let behind = self.parts.partition_point(|part| part.bounds.next <= position);
        self.parts.get(behind).filter(|part| part.first() <= position)
    }

    /// The text of the event at a position.
    pub fn text(&self, files: &Files, position: u64) -> Result<Vec<u8>> {
        let part =
            self.part_of(position).ok_or_else(|| Error::internal("a position was asked for that no part has"))?;
        part.text(files, position)
    }

    /// The same for a position that a key table tells.
    fn candidate(&self, files: &Files, position: u64) -> std::result::Result<Vec<u8>, Fault> {
        let part = self.part_of(position).ok_or(NO_EVENT)?;
        part.text(files, position).map_err(Fault::Text)
    }

    /// The versions of streams, each a domain and an instance, 0 where one has no event here.
    pub fn stream_versions(&self, files: &Files, streams: &[(&str, &str)]) -> Result<Vec<u64>> {
        let Some(store) = self.store() else { return Ok(vec![0; streams.len()]) };
        let keys: Vec<Key> =
            streams.iter().map(|(domain, instance_id)| Key::stream(store, domain, instance_id)).collect();
        let may_have = self.may_have(files, &keys)?;
        let versions = streams.iter().zip(keys).zip(may_have).map(|((stream, key), may_have)| match may_have {
            true => self.stream_version(files, *stream, key),
            false => Ok(0),
        });
        versions.collect()
    }

    fn stream_version(&self, files: &Files, (domain, instance_id): (&str, &str), key: Key) -> Result<u64> {
        let version = self.search(files, |table| match table {
            Table::Keys(index) => {
                for position in index.candidates(key)? {
                    let text = self.candidate(files, position)?;
                    if let Some(head) = read_head(&text)
                        && head.domain == domain
                        && head.instance_id == instance_id
                    {
                        return Ok(Some(head.stream_version));
                    }
                }
                Ok(None)
            }
            Table::Part(part) => part.stream_version(files, domain, instance_id).map_err(Fault::Text),
        })?;
        Ok(version.unwrap_or(0))
    }

    /// For each id, the position of the event that has it.
    pub fn positions_of(&self, files: &Files, ids: &[Uuid]) -> Result<Vec<Option<u64>>> {
        let Some(store) = self.store() else { return Ok(vec![None; ids.len()]) };
        let keys: Vec<Key> = ids.iter().map(|id| Key::id(store, *id)).collect();
        let may_have = self.may_have(files, &keys)?;
        let positions = ids.iter().zip(keys).zip(may_have).map(|((id, key), may_have)| {
            let in_tables = if may_have { self.position_in_tables(files, *id, key)? } else { None };
            match in_tables {
                Some(position) => Ok(Some(position)),
                None => self.position_in_runs(files, *id),
            }
        });
        positions.collect()
    }

    fn position_in_tables(&self, files: &Files, id: Uuid, key: Key) -> Result<Option<u64>> {
        self.search(files, |table| match table {
            Table::Keys(index) => {
                for position in index.candidates(key)? {
                    let text = self.candidate(files, position)?;
                    if read_head(&text).is_some_and(|head| head.id == id) {
                        return Ok(Some(position));
                    }
                }
                Ok(None)
            }
            Table::Part(part) => part.find_id(files, id).map_err(Fault::Text),
        })
    }

    fn position_in_runs(&self, files: &Files, id: Uuid) -> Result<Option<u64>> {
        for part in self.spans(files)?.around(id) {
            if let Some(position) = part.find_id(files, id)? {
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    /// The positions of the parts that may have events of these streams, ascending.
    pub fn holding(&self, files: &Files, streams: &[(&str, &str)]) -> Result<Vec<Range<u64>>> {
        let Some(store) = self.store() else { return Ok(Vec::new()) };
        let mut holding = BTreeMap::new();
        for (domain, instance_id) in streams {
            let key = Key::stream(store, domain, instance_id);
            self.search(files, |table| {
                let mut hold = |part: &Part| holding.insert(part.first(), part.bounds.next);
                match table {
                    Table::Keys(index) => {
                        for position in index.candidates(key)? {
                            hold(self.part_of(position).ok_or(NO_EVENT)?);
                        }
                    }
                    // Its index tells as fast.
                    Table::Part(part) => _ = hold(part),
                }
                Ok(None::<()>)
            })?;
        }
        Ok(holding.into_iter().map(|(first, next)| first..next).collect())
    }

    fn store(&self) -> Option<&[u8; 16]> {
        self.parts.first().map(|part| &part.segment.header.store)
    }

    /// Of each key whether a table may have it: where it says no, none has. New streams and ids are told by this alone, so it asks
    /// one table about all keys, and then the next: a look does not wait for the memory that the look before it needs.
    fn may_have(&self, files: &Files, keys: &[Key]) -> Result<Vec<bool>> {
        let mut may_have = vec![false; keys.len()];
        for table in &*self.tables(files)? {
            let is_told = match table {
                Table::Keys(index) => index.note_keys(keys, &mut may_have).is_ok(),
                Table::Part(_) => false,
            };
            if !is_told {
                // The search for each finds out, and what is wrong with a table too.
                may_have.fill(true);
                break;
            }
        }
        Ok(may_have)
    }

    /// The first answer of a table, the newest asked first. A table that is damaged gives way to the index made
    /// anew of its part, and to the tables that it had taken in.
    fn search<T>(
        &self,
        files: &Files,
        mut ask: impl FnMut(&Table) -> std::result::Result<Option<T>, Fault>,
    ) -> Result<Option<T>> {
        'anew: loop {
            for table in &*self.tables(files)? {
                match (ask(table), table) {
                    (Ok(None), _) => {}
                    (Ok(found), _) => return Ok(found),
                    (Err(fault), Table::Keys(index)) if fault.is_of_the_file() => {
                        self.part_of_index(index)?.rebuild(files)?;
                        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
                        continue 'anew;
                    }
                    (Err(fault), Table::Keys(index)) => return Err(self.part_of_index(index)?.explain(files, fault)),
                    (Err(fault), Table::Part(part)) => return Err(part.explain(files, fault)),
                }
            }
            return Ok(None);
        }
    }

    fn part_of_index(&self, index: &Idx) -> Result<&Part> {
        let part = self.parts.iter().find(|part| part.segment.header.ordinal == index.binding().segment);
        part.map(|part| &**part).ok_or_else(|| Error::internal("an index is in use whose part is not"))
    }

    /// The key tables to ask, the newest first.
    fn tables(&self, files: &Files) -> Result<Arc<Vec<Table>>> {
        if let Some(tables) = &*self.tables.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(tables.clone());
        }
        let mut tables = Vec::new();
        let mut left = self.parts.len();
        while let Some(part) = left.checked_sub(1).map(|last| &self.parts[last]) {
            left -= match part.lookup(files)? {
                Lookup::Disk(index) => {
                    let covers = index.covers().clamp(1, left as u64) as usize;
                    tables.push(Table::Keys(index));
                    covers
                }
                Lookup::Memory(_) => {
                    tables.push(Table::Part(part.clone()));
                    1
                }
            };
        }
        let tables = Arc::new(tables);
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = Some(tables.clone());
        Ok(tables)
    }

    /// The key tables that the index of a next part may take in, the newest first.
    pub fn key_tables(&self, files: &Files) -> Result<Vec<Arc<Idx>>> {
        let tables = self.tables(files)?;
        let keys = tables.iter().map_while(|table| match table {
            Table::Keys(index) => Some(index.clone()),
            Table::Part(_) => None,
        });
        Ok(keys.collect())
    }

    fn spans(&self, files: &Files) -> Result<&Spans> {
        if let Some(spans) = self.spans.get() {
            return Ok(spans);
        }
        let mut spans = Vec::new();
        for part in &self.parts {
            if let Lookup::Disk(index) = part.lookup(files)?
                && let Some(span) = index.id_span()
            {
                spans.push((*span.start(), *span.end(), *span.end(), part.clone()));
            }
        }
        spans.sort_by_key(|(start, ..)| *start);
        let mut largest = Uuid::nil();
        for (_, end, up_to_here, _) in &mut spans {
            largest = largest.max(*end);
            *up_to_here = largest;
        }
        Ok(self.spans.get_or_init(|| Spans { spans }))
    }
}

impl Spans {
    /// The parts whose span an id is in.
    fn around(&self, id: Uuid) -> impl Iterator<Item = &Part> {
        let begun = self.spans.partition_point(|(start, ..)| *start <= id);
        let reaching = self.spans[..begun].iter().rev().take_while(move |(_, _, largest, _)| *largest >= id);
        reaching.filter(move |(_, end, ..)| *end >= id).map(|(.., part)| &**part)
    }
}
