//! Queries and how their results are to be read: plain values, already checked.

use crate::time::Timestamp;
use uuid::Uuid;

/// The largest position that a store can reach.
pub const POSITION_MAX: u64 = i64::MAX as u64;

/// Which events are meant: those that match any of the filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Without a filter, nothing matches.
    pub filters: Vec<Filter>,
}

impl Query {
    /// Every event.
    pub fn all() -> Query {
        Query { filters: vec![Filter::default()] }
    }

    /// Every event that matches lies behind this position.
    pub(crate) fn lower_bound(&self) -> u64 {
        self.filters.iter().map(|filter| filter.after).min().unwrap_or(0)
    }

    /// No event behind this position matches. A query that matches nothing has no bound: nobody
    /// said where it ends.
    pub(crate) fn upper_bound(&self) -> u64 {
        self.filters.iter().map(|filter| filter.up_to).max().unwrap_or(POSITION_MAX)
    }
}

/// All conditions of a filter must hold. `None` and empty tags demand nothing; an empty list of
/// alternatives matches nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// The event's type is one of these.
    pub types: Option<Vec<String>>,
    /// The event's domain is one of these.
    pub domains: Option<Vec<String>>,
    /// The event's instance id is one of these.
    pub instance_ids: Option<Vec<String>>,
    /// The event's id is one of these.
    pub ids: Option<Vec<Uuid>>,
    /// The event carries all of these.
    pub tags: Vec<String>,
    /// `inserted_at` is not before this.
    pub from: Option<Timestamp>,
    /// `inserted_at` is before this.
    pub to: Option<Timestamp>,
    /// `sequence_number` is larger.
    pub after: u64,
    /// `sequence_number` is not larger.
    pub up_to: u64,
    /// `stream_version` is larger. Above 0 only where one domain and one instance id are given.
    pub after_version: u64,
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            types: None,
            domains: None,
            instance_ids: None,
            ids: None,
            tags: Vec::new(),
            from: None,
            to: None,
            after: 0,
            up_to: POSITION_MAX,
            after_version: 0,
        }
    }
}

/// The order of a result, by `sequence_number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Ascending.
    #[default]
    Forward,
    /// Descending.
    Backward,
}

/// How the events of an answer are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One JSON array.
    #[default]
    Array,
    /// One event a line, each line ended.
    Ndjson,
}

/// The options of a read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReadOptions {
    /// At most this many events; `None` is no limit.
    pub limit: Option<u64>,
    /// So many matching events are passed over first.
    pub offset: u64,
    /// The order.
    pub direction: Direction,
    /// The answer tells the total and the page as well.
    pub pagination: bool,
    /// How the answer is written.
    pub format: Format,
}

/// Where a page stands among all that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pagination {
    /// How many events match in all.
    pub total_count: u64,
    /// How many a page holds at most.
    pub page_size: u64,
    /// This page's number, from 1 on.
    pub page_number: u64,
    /// How many pages there are.
    pub total_pages: u64,
    /// Events follow after this page.
    pub has_next: bool,
    /// Events stand before this page.
    pub has_prev: bool,
    /// The store's head when the page was read: given back as `up_to`, it makes further pages stable.
    pub head: u64,
}

impl Pagination {
    /// `page_size` is at least 1.
    pub(crate) fn new(total_count: u64, page_size: u64, offset: u64, head: u64) -> Pagination {
        Pagination {
            total_count,
            page_size,
            page_number: offset / page_size + 1,
            total_pages: total_count.div_ceil(page_size),
            // Both are below 2^63, so the sum fits.
            has_next: offset + page_size < total_count,
            has_prev: offset > 0,
            head,
        }
    }
}

/// The options of a cursor.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CursorOptions {
    /// As for any read.
    pub read: ReadOptions,
    /// At most this many bytes in one answer, save that one event always comes.
    pub max_bytes: usize,
    /// Go on with new events as they are committed.
    pub follow: bool,
}

/// Takes the events of a read one by one, in order.
pub trait Sink {
    /// At least so many bytes of text are about to come. Only a hint.
    fn reserve(&mut self, bytes: usize);

    /// About how many bytes it still takes, so that not much more is fetched from far away. Only a hint; but where it is 0
    /// behind an event that was taken, the read may stop there.
    fn room(&self) -> usize {
        usize::MAX
    }

    /// Takes the event at `sequence_number`, whose `text` ends in a newline; or takes nothing and
    /// answers false, and the read stops before this event.
    fn push(&mut self, sequence_number: u64, text: &[u8]) -> bool;

    /// Takes events whose texts stand one behind the other, as `push` would one by one; how many it took. Of each event
    /// `events` has the number, and where its text ends in `texts`; the first begins at `start`.
    fn push_all(&mut self, texts: &[u8], start: usize, events: &[(u64, usize)]) -> usize {
        let starts = std::iter::once(start).chain(events.iter().map(|(_, end)| *end));
        let refused = starts.zip(events).position(|(start, (number, end))| !self.push(*number, &texts[start..*end]));
        refused.unwrap_or(events.len())
    }
}
