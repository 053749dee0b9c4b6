//! How many events of each sealed part match a query: remembered for the queries asked last, so that a page far from the beginning,
//! and a count, ask each part once and not each time.

use super::sealed::Sealed;
use crate::query::{Direction, Filter, Query};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// So many queries are remembered.
const QUERIES_MAX: usize = 16;
/// A query that names more than this is not.
const NAMES_MAX: usize = 64;

/// See the module.
#[derive(Default)]
pub(super) struct Counts {
    /// The one asked last at the end.
    queries: Mutex<VecDeque<(Query, Known)>>,
}

/// What is known of a query: for each part how many of its events match.
type Known = Arc<RwLock<Vec<Option<u64>>>>;

/// One read that passes over parts.
pub(super) struct Passing {
    sealed: Arc<Sealed>,
    known: Known,
}

impl Counts {
    /// A read that asks this of these parts.
    pub fn passing(&self, query: &Query, sealed: Arc<Sealed>) -> Passing {
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        let found = queries.iter().position(|(known, _)| known == query);
        let (query, known) = match found.and_then(|at| queries.remove(at)) {
            Some(remembered) => remembered,
            None if names(query) > NAMES_MAX => return Passing { sealed, known: Known::default() },
            None => (query.clone(), Known::default()),
        };
        if queries.len() == QUERIES_MAX {
            queries.pop_front();
        }
        queries.push_back((query, known.clone()));
        Passing { sealed, known }
    }
}

impl Passing {
    /// Passes over whole parts at the beginning of what is left, or at its end, none of whose events reach beyond `skip`.
    pub fn pass_over(&self, left: &mut Range<u64>, skip: &mut u64, direction: Direction) {
        let parts = self.sealed.parts();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let count_of = |at: usize| known.get(at).copied().flatten();
        let positions = |at: usize| parts.get(at).map(|part| part.first()..part.bounds.next);
        match direction {
            Direction::Forward => {
                let mut at = parts.partition_point(|part| part.first() < left.start);
                while let (Some(part), Some(count)) = (positions(at), count_of(at)) {
                    if part.start != left.start || part.end > left.end || count > *skip {
                        break;
                    }
                    (left.start, *skip) = (part.end, *skip - count);
                    at += 1;
                }
            }
            Direction::Backward => {
                let mut behind = parts.partition_point(|part| part.bounds.next <= left.end);
                while let Some(at) = behind.checked_sub(1)
                    && let (Some(part), Some(count)) = (positions(at), count_of(at))
                {
                    if part.end != left.end || part.start < left.start || count > *skip {
                        break;
                    }
                    (left.end, *skip) = (part.start, *skip - count);
                    behind = at;
                }
            }
        }
    }

    /// Remembers how many events match at these positions, if they are all of a part.
    pub fn note(&self, positions: &Range<u64>, count: u64) {
        let parts = self.sealed.parts();
        let at = parts.partition_point(|part| part.first() < positions.start);
        if parts.get(at).is_some_and(|part| part.first() == positions.start && part.bounds.next == positions.end) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() <= at {
                known.resize(at + 1, None);
            }
            known[at] = Some(count);
        }
    }
}

/// How many names and ids a query holds.
fn names(query: &Query) -> usize {
    let len = |names: &Option<Vec<String>>| names.as_ref().map_or(0, Vec::len);
    let of = |filter: &Filter| {
        let ids = filter.ids.as_ref().map_or(0, Vec::len);
        1 + len(&filter.types) + len(&filter.domains) + len(&filter.instance_ids) + ids + filter.tags.len()
    };
    query.filters.iter().map(of).sum()
}
