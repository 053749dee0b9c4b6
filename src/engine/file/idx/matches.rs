//! What a query found, read as far as somebody asks.

use super::matching::Found;
use super::{Fault, Idx};
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
        // No answer has more than 2^32 - 1 events.
        let end = slice.end.min(self.len()) as u32;
        let start = slice.start.min(end.into()) as u32;
        match &self.found {
            Found::Range(range) => out.extend(range.start + start..range.start + end),
            Found::Slice(records, bounds) => {
                self.idx.postings(records.start + start..records.start + end, bounds, out)?;
            }
            Found::Events(events) => out.extend(&events[start as usize..end as usize]),
        }
        Ok(())
    }
}
