//! What a query found, read as far as somebody asks.

use super::super::place::Place;
use super::header::Part;
use super::matching::Found;
use super::{Fault, Idx, place_at};
use std::ops::Range;
use std::sync::Arc;

/// The events of a query, ascending.
pub(in crate::engine::file) struct Matches {
    pub(super) idx: Arc<Idx>,
    pub(super) found: Found,
}

impl Matches {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match &self.found {
            Found::Range(range) => range.len() as u64,
            Found::Slice(records, _) => records.len() as u64,
            Found::Events(events) => events.len() as u64,
        }
    }

    /// The range, if they are all events of one.
    pub fn range(&self) -> Option<Range<u32>> {
        match &self.found {
            Found::Range(range) => Some(range.clone()),
            _ => None,
        }
    }

    /// Appends a slice of them, `0..len()` being all. What lies behind their end is left out.
    pub fn get(&self, slice: Range<u64>, out: &mut Vec<u32>) -> Result<(), Fault> {
        let slice = self.clamped(slice);
        match &self.found {
            Found::Range(range) => out.extend(range.start + slice.start..range.start + slice.end),
            Found::Slice(records, bounds) => {
                self.idx.postings(records.start + slice.start..records.start + slice.end, bounds, out)?;
            }
            Found::Events(events) => out.extend(&events[slice.start as usize..slice.end as usize]),
        }
        Ok(())
    }

    /// Appends the places of a slice of them. Those of one stream are found together, however far apart the events are.
    pub fn places(&self, slice: Range<u64>, out: &mut Vec<Place>) -> Result<(), Fault> {
        let slice = self.clamped(slice);
        match &self.found {
            Found::Range(range) => self.idx.places(range.start + slice.start..range.start + slice.end, out),
            Found::Events(events) => self.idx.places_of(&events[slice.start as usize..slice.end as usize], out),
            Found::Slice(records, bounds) => {
                let records = records.start + slice.start..records.start + slice.end;
                let by_stream = self.idx.header.section(Part::StreamPlaces);
                let in_streams = |record: u32| record.checked_sub(self.idx.header.streams_at);
                match (in_streams(records.start), in_streams(records.end)) {
                    (Some(start), Some(end)) if end <= by_stream.records => {
                        self.idx.pages.each(&by_stream, start..end, |bytes| {
                            out.extend(bytes.chunks_exact(12).map(place_at));
                        })
                    }
                    _ => {
                        let mut events = Vec::new();
                        self.idx.postings(records, bounds, &mut events)?;
                        self.idx.places_of(&events, out)
                    }
                }
            }
        }
    }

    /// The part of a slice that is there. No answer has more than 2^32 - 1 events.
    fn clamped(&self, slice: Range<u64>) -> Range<u32> {
        let end = slice.end.min(self.len()) as u32;
        slice.start.min(end.into()) as u32..end
    }
}
