//! How many events of each sealed part match a query: remembered for the queries asked last, so that a page far from the beginning,
//! and a count, ask each part once and not each time.

use super::part::Part;
use super::sealed::Sealed;
use crate::query::{Direction, Filter, Query};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// So many queries are remembered.
const QUERIES_MAX: usize = 16;
/// A query is not whose names and ids take more than this.
const BYTES_MAX: usize = 16 << 10;

/// See the module.
#[derive(Default)]
pub(super) struct Counts {
    /// The one asked last at the end.
    queries: Mutex<VecDeque<(Query, Known)>>,
}

/// What is known of a query, for each part.
type Known = Arc<RwLock<Vec<Option<Count>>>>;

/// So many events of a part match.
#[derive(Clone, Copy)]
struct Count {
    /// Where the part ended: the last one may be the beginning of a segment, in whose place all of it comes.
    next: u64,
    events: u64,
}

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
            None if bytes(query) > BYTES_MAX => return Passing { sealed, known: Known::default() },
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
        let count_of = |at: usize, part: &Part| match part.first() == part.bounds.next {
            true => Some(0),
            false => known
                .get(at)
                .copied()
                .flatten()
                .filter(|count| count.next == part.bounds.next)
                .map(|count| count.events),
        };
        match direction {
            Direction::Forward => {
                let mut at = parts.partition_point(|part| part.bounds.next <= left.start);
                while let Some(part) = parts.get(at)
                    && let Some(count) = count_of(at, part)
                    && part.first() == left.start
                    && part.bounds.next <= left.end
                    && count <= *skip
                {
                    (left.start, *skip) = (part.bounds.next, *skip - count);
                    at += 1;
                }
            }
            Direction::Backward => {
                let mut behind = parts.partition_point(|part| part.bounds.next <= left.end);
                while let Some(at) = behind.checked_sub(1)
                    && let part = &parts[at]
                    && let Some(count) = count_of(at, part)
                    && part.bounds.next == left.end
                    && part.first() >= left.start
                    && count <= *skip
                {
                    (left.end, *skip) = (part.first(), *skip - count);
                    behind = at;
                }
            }
        }
    }

    /// Remembers how many events match at these positions, if they are all of a part.
    pub fn note(&self, positions: &Range<u64>, events: u64) {
        let parts = self.sealed.parts();
        let at = parts.partition_point(|part| part.bounds.next <= positions.start);
        if parts.get(at).is_some_and(|part| (part.first()..part.bounds.next) == *positions) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() <= at {
                known.resize(at + 1, None);
            }
            known[at] = Some(Count { next: positions.end, events });
        }
    }
}

/// How many bytes a query's names and ids take.
fn bytes(query: &Query) -> usize {
    let len = |names: &[String]| names.iter().map(|name| size_of::<String>() + name.len()).sum::<usize>();
    let of = |filter: &Filter| {
        let lists = [&filter.types, &filter.domains, &filter.instance_ids];
        let ids = filter.ids.as_ref().map_or(0, |ids| size_of_val(&ids[..]));
        size_of::<Filter>()
            + lists.into_iter().flatten().map(|names| len(names)).sum::<usize>()
            + ids
            + len(&filter.tags)
    };
    query.filters.iter().map(of).sum()
}
