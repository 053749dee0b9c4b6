//! From a query to the lists that answer it: for each filter the shortest list drives, and what the
//! list does not say is asked of each event on it.

use super::Index;
use crate::query::{Direction, Filter, Query};
use std::collections::BTreeSet;
use std::ops::Range;

/// A piece has about so many candidates, some 100 us of work …
const PIECE_CANDIDATES: u32 = 1 << 16;
/// … but never fewer events than this, since each piece looks into every list anew.
const PIECE_EVENTS_MIN: u32 = 1 << 8;

/// A query's way through an index. It holds interned numbers, no references.
pub(crate) struct Plan {
    pub(super) parts: Vec<Part>,
}

/// One filter of the query.
pub(super) struct Part {
    /// Only ordinals in here.
    pub bounds: Range<u32>,
    pub driver: Driver,
    pub rest: Rest,
}

/// Where candidates come from.
pub(super) enum Driver {
    /// All events whose time lies in the window, every event if there is none.
    All(Option<Range<i64>>),
    /// The events on any of these lists, of which no two share one.
    Lists(Vec<List>),
    /// Exactly these, ascending.
    Events(Vec<u32>),
}

/// A posting list, by the number of what it belongs to.
#[derive(Clone, Copy)]
pub(super) enum List {
    Type(u32),
    Domain(u32),
    Tag(u32),
    Stream(u32),
}

/// What a candidate must be asked, since the driver does not imply it. Lists of numbers ascend.
#[derive(Default)]
pub(super) struct Rest {
    pub events: Option<Vec<u32>>,
    pub types: Option<Vec<u32>>,
    pub domains: Option<Vec<u32>>,
    pub streams: Option<Vec<u32>>,
    pub tags: Vec<u32>,
    pub window: Option<Range<i64>>,
}

impl Rest {
    /// Whether every candidate matches.
    pub fn is_nothing(&self) -> bool {
        let Rest { events, types, domains, streams, tags, window } = self;
        events.is_none()
            && types.is_none()
            && domains.is_none()
            && streams.is_none()
            && tags.is_empty()
            && window.is_none()
    }
}

impl Plan {
    /// The plan for the events that `index` holds now. Later events may carry names that it does not know.
    pub fn new(query: &Query, index: &Index) -> Plan {
        Plan { parts: query.filters.iter().filter_map(|filter| part(filter, index)).collect() }
    }

    /// The bounds of the next piece of `left`: so much as can be walked without keeping others
    /// waiting, although every candidate may be passed over.
    pub fn piece(&self, left: &Range<u32>, direction: Direction) -> Range<u32> {
        let plain = match &self.parts[..] {
            [] => true,
            [part] => part.rest.is_nothing() && !matches!(part.driver, Driver::All(Some(_))),
            // What several filters find is passed over all but once.
            _ => false,
        };
        if plain {
            return left.clone();
        }
        let length = (PIECE_CANDIDATES / self.parts.len() as u32).max(PIECE_EVENTS_MIN);
        match direction {
            Direction::Forward => left.start..left.end.min(left.start.saturating_add(length)),
            Direction::Backward => left.start.max(left.end.saturating_sub(length))..left.end,
        }
    }
}

impl Index {
    pub(super) fn list(&self, list: List) -> &[u32] {
        match list {
            List::Type(number) => self.types.postings(number),
            List::Domain(number) => self.domains.postings(number),
            List::Tag(number) => self.tags.postings(number),
            List::Stream(number) => self.streams.get(number).postings(),
        }
    }
}

/// The plan of one filter, `None` where it matches nothing.
fn part(filter: &Filter, index: &Index) -> Option<Part> {
    let mut bounds = position_bound(filter.after, index)..position_bound(filter.up_to, index);
    let window = window(filter);
    let events = filter.ids.as_ref().map(|ids| ascending(ids.iter().filter_map(|id| index.find_id(*id))));
    let types = filter.types.as_ref().map(|names| ascending(names.iter().filter_map(|name| index.types.find(name))));
    let domains =
        filter.domains.as_ref().map(|names| ascending(names.iter().filter_map(|name| index.domains.find(name))));
    let streams = filter.instance_ids.as_ref().map(|names| streams(names, domains.as_deref(), index));
    let tags: Vec<u32> = ascending(filter.tags.iter().map_while(|name| index.tags.find(name)));
    if filter.tags.iter().any(|name| index.tags.find(name).is_none()) {
        return None;
    }
    if filter.after_version > 0 {
        // Versions ascend with positions: behind a version is behind its event.
        let [stream] = streams.as_deref()? else { return None };
        let first = *index.streams.get(*stream).behind(filter.after_version).first()?;
        bounds.start = bounds.start.max(first);
    }
    if bounds.is_empty() {
        return None;
    }

    let lists =
        |numbers: &[u32], list: fn(u32) -> List| -> Vec<List> { numbers.iter().map(|&number| list(number)).collect() };
    let mut candidates: Vec<(Which, Vec<List>)> = Vec::new();
    if let Some(types) = &types {
        candidates.push((Which::Types, lists(types, List::Type)));
    }
    if let Some(streams) = &streams {
        candidates.push((Which::Streams, lists(streams, List::Stream)));
    } else if let Some(domains) = &domains {
        candidates.push((Which::Domains, lists(domains, List::Domain)));
    }
    candidates.extend(tags.iter().map(|&tag| (Which::Tag(tag), vec![List::Tag(tag)])));
    let shortest = candidates
        .into_iter()
        .map(|(which, lists)| {
            (lists.iter().map(|&list| within(index.list(list), &bounds).len()).sum::<usize>(), which, lists)
        })
        .min_by_key(|(length, _, _)| *length);

    let has_streams = streams.is_some();
    let mut rest = Rest { events, types, domains: domains.filter(|_| !has_streams), streams, tags, window };
    let driver = match (rest.events.take(), shortest) {
        (Some(events), shortest) if shortest.as_ref().is_none_or(|(length, _, _)| events.len() <= *length) => {
            Driver::Events(events)
        }
        (events, Some((_, which, lists))) => {
            rest.events = events;
            match which {
                Which::Types => rest.types = None,
                Which::Domains => rest.domains = None,
                Which::Streams => rest.streams = None,
                Which::Tag(driving) => rest.tags.retain(|&tag| tag != driving),
            }
            Driver::Lists(lists)
        }
        // Without ids and without a list there is nothing but the time left to ask.
        (_, None) => Driver::All(rest.window.take()),
    };
    Some(Part { bounds, driver, rest })
}

enum Which {
    Types,
    Domains,
    Streams,
    Tag(u32),
}

/// The streams of these instances, in these domains if any are given.
fn streams(instances: &[String], domains: Option<&[u32]>, index: &Index) -> Vec<u32> {
    // Each once, so that there are no more streams than the index has.
    let names: BTreeSet<&str> = instances.iter().map(String::as_str).collect();
    ascending(names.into_iter().flat_map(|name| {
        let all = index.streams.of_instance(name).iter().copied();
        all.filter(|&stream| {
            domains.is_none_or(|domains| domains.binary_search(&index.streams.get(stream).domain).is_ok())
        })
    }))
}

fn window(filter: &Filter) -> Option<Range<i64>> {
    (filter.from.is_some() || filter.to.is_some())
        .then(|| filter.from.map_or(i64::MIN, |time| time.micros())..filter.to.map_or(i64::MAX, |time| time.micros()))
}

/// How many events stand at or before `position`.
fn position_bound(position: u64, index: &Index) -> u32 {
    position.min(index.len() as u64) as u32
}

/// The part of an ascending list that lies within `bounds`.
pub(super) fn within<'a>(list: &'a [u32], bounds: &Range<u32>) -> &'a [u32] {
    let start = list.partition_point(|&ordinal| ordinal < bounds.start);
    let end = start + list[start..].partition_point(|&ordinal| ordinal < bounds.end);
    &list[start..end]
}

fn ascending(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}
