//! From a query to its events: for each filter the shortest list is read whole, and the others only where it leads.
//!
//! The answer is that of [`crate::index`]'s plan and scan, which a test compares. Where one list alone answers, not even that
//! is read, until somebody asks for a slice of it.

use super::hash::Kind;
use super::header::Part;
use super::names::lower_bound;
use super::page::Records;
use super::times::Spans;
use super::{Fault, Idx, Matches, Texts};
use crate::query::{Filter, Query};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Up to so many pairs of domain and instance, each stream is looked up; otherwise the domains' lists are met with the instances'.
const STREAMS_MAX: usize = 64;
/// A list is looked into for single events if it is at least so many times longer than they are many; else it is read whole.
/// A look reads some pages of a thousand events each.
const LOOKS_FROM: u64 = 4096;
/// So many events of several lists are sorted; more are marked in a set.
const SORTED_BELOW: usize = 4096;
/// After so many names it is asked whether the work is still wanted.
const NAMES_PER_CHECK: usize = 64;

/// What a filter found.
pub enum Found {
    /// All events of a range.
    Range(Range<u32>),
    /// All events on a part of a list, by its records; and the bounds in which they are.
    Slice(Range<u32>, Range<u32>),
    /// These, ascending.
    Events(Vec<u32>),
}

/// Lists of which an event must be on one; by their records, and none is empty.
struct Group(Vec<Range<u32>>);

impl Group {
    fn len(&self) -> u64 {
        self.0.iter().map(|list| list.len() as u64).sum()
    }
}

/// Finds a query's events.
struct Matcher<'a> {
    idx: &'a Idx,
    texts: &'a dyn Texts,
    bounds: Range<u32>,
    spans: OnceCell<Spans>,
}

/// See [`Idx::matching`].
pub fn matching(idx: &Arc<Idx>, query: &Query, bounds: Range<u32>, texts: &dyn Texts) -> Result<Matches, Fault> {
    // All that is read is in these bounds, or it is damaged.
    let bounds = bounds.start..bounds.end.min(idx.binding().events);
    let matches = |found| Ok(Matches { idx: idx.clone(), found });
    if bounds.start >= bounds.end {
        return matches(Found::Events(Vec::new()));
    }
    let matcher = Matcher { idx, texts, bounds: bounds.clone(), spans: OnceCell::new() };
    if let [filter] = &query.filters[..] {
        return matches(matcher.filter(filter)?);
    }
    let mut all = Bits::new(bounds.clone());
    let mut events = Vec::new();
    for filter in &query.filters {
        texts.check().map_err(Fault::Text)?;
        match matcher.filter(filter)? {
            Found::Range(range) if range == bounds => return matches(Found::Range(range)),
            Found::Range(range) => range.for_each(|ordinal| all.set(ordinal)),
            Found::Events(events) => events.into_iter().for_each(|ordinal| all.set(ordinal)),
            Found::Slice(records, bounds) => {
                events.clear();
                idx.postings(records, &bounds, &mut events)?;
                events.iter().for_each(|ordinal| all.set(*ordinal));
            }
        }
    }
    matches(Found::Events(all.ascending()))
}

impl Matcher<'_> {
    fn filter(&self, filter: &Filter) -> Result<Found, Fault> {
        let nothing = || Ok(Found::Events(Vec::new()));
        let bounds = self.positions(filter);
        if bounds.is_empty() {
            return nothing();
        }
        let window = match self.window(filter) {
            Window::All => None,
            Window::Nothing => return nothing(),
            Window::Some(window) => Some(window),
        };
        let bounds = match &window {
            Some(window) => self.spans()?.around(bounds, window),
            None => bounds,
        };
        let Some(mut groups) = self.groups(filter, &bounds)? else { return nothing() };
        groups.sort_by_key(Group::len);

        let mut events = match (&filter.ids, &groups[..], &window) {
            (Some(ids), ..) => self.with_ids(ids, &bounds)?,
            (None, [], None) => return Ok(Found::Range(bounds)),
            (None, [], Some(window)) => return self.only_window(bounds, window),
            (None, [group], None) if group.0.len() == 1 => return Ok(Found::Slice(group.0[0].clone(), bounds)),
            (None, [..], _) => self.union(&groups.remove(0))?,
        };
        for group in &groups {
            self.keep(&mut events, group)?;
        }
        if let Some(window) = &window
            && !events.is_empty()
        {
            self.idx.keep_in_window(self.spans()?, &mut events, window)?;
        }
        Ok(Found::Events(events))
    }

    /// The ordinals in the bounds whose positions the filter allows.
    fn positions(&self, filter: &Filter) -> Range<u32> {
        let ordinal =
            |position: u64| u32::try_from(position.saturating_sub(self.idx.binding().first)).unwrap_or(u32::MAX);
        let start = ordinal(filter.after.saturating_add(1)).max(self.bounds.start);
        let end = ordinal(filter.up_to.saturating_add(1)).min(self.bounds.end);
        start..end.max(start)
    }

    fn window(&self, filter: &Filter) -> Window {
        if filter.from.is_none() && filter.to.is_none() {
            return Window::All;
        }
        let window =
            filter.from.map_or(i64::MIN, |time| time.micros())..filter.to.map_or(i64::MAX, |time| time.micros());
        match self.idx.times() {
            Some(times) if window.contains(times.start()) && window.contains(times.end()) => Window::All,
            Some(times) if *times.end() >= window.start && *times.start() < window.end => Window::Some(window),
            _ => Window::Nothing,
        }
    }

    /// The lists that the filter's names lead to; `None` if nothing can match.
    fn groups(&self, filter: &Filter, bounds: &Range<u32>) -> Result<Option<Vec<Group>>, Fault> {
        let mut groups = Vec::new();
        let mut add = |lists: Vec<Range<u32>>| -> bool {
            let lists: Vec<_> = lists.into_iter().filter(|list| !list.is_empty()).collect();
            let some = !lists.is_empty();
            groups.push(Group(lists));
            some
        };
        for tag in distinct(&filter.tags) {
            if !add(self.lists(Kind::Tag, [tag].into(), bounds)?) {
                return Ok(None);
            }
        }
        match (&filter.domains, &filter.instance_ids) {
            (Some(domains), Some(instances)) if domains.len().saturating_mul(instances.len()) <= STREAMS_MAX => {
                if !add(self.streams(domains, instances, filter.after_version, bounds)?) {
                    return Ok(None);
                }
            }
            (domains, instances) => {
                for (kind, names) in [(Kind::Instance, instances), (Kind::Domain, domains)] {
                    if let Some(names) = names
                        && !add(self.lists(kind, distinct(names), bounds)?)
                    {
                        return Ok(None);
                    }
                }
            }
        }
        if let Some(types) = &filter.types
            && !add(self.lists(Kind::Type, distinct(types), bounds)?)
        {
            return Ok(None);
        }
        Ok(Some(groups))
    }

    fn lists(&self, kind: Kind, names: BTreeSet<&str>, bounds: &Range<u32>) -> Result<Vec<Range<u32>>, Fault> {
        let mut lists = Vec::new();
        for (number, name) in names.into_iter().enumerate() {
            if number % NAMES_PER_CHECK == NAMES_PER_CHECK - 1 {
                self.texts.check().map_err(Fault::Text)?;
            }
            if let Some(list) = self.idx.named(kind, name, self.texts)? {
                lists.push(self.idx.narrowed(&list, bounds)?);
            }
        }
        Ok(lists)
    }

    fn streams(
        &self,
        domains: &[String],
        instances: &[String],
        after_version: u64,
        bounds: &Range<u32>,
    ) -> Result<Vec<Range<u32>>, Fault> {
        let (domains, instances) = (distinct(domains), distinct(instances));
        let mut lists = Vec::new();
        for (domain, instance) in domains.iter().flat_map(|domain| instances.iter().map(move |name| (domain, name))) {
            if let Some(list) = self.idx.stream(domain, instance, self.texts)? {
                let mut records = self.idx.narrowed(&list, bounds)?;
                if after_version > 0 {
                    let behind = self.idx.behind(&list, after_version, self.texts)?;
                    records.start = records.start.max(behind.start).min(records.end);
                }
                lists.push(records);
            }
        }
        Ok(lists)
    }

    /// The events with these ids, ascending.
    fn with_ids(&self, ids: &[uuid::Uuid], bounds: &Range<u32>) -> Result<Vec<u32>, Fault> {
        let mut events = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            if number % NAMES_PER_CHECK == NAMES_PER_CHECK - 1 {
                self.texts.check().map_err(Fault::Text)?;
            }
            events.extend(self.idx.find_id(*id, self.texts)?.filter(|ordinal| bounds.contains(ordinal)));
        }
        events.sort_unstable();
        events.dedup();
        Ok(events)
    }

    fn only_window(&self, bounds: Range<u32>, window: &Range<i64>) -> Result<Found, Fault> {
        let ranges = self.idx.in_window(self.spans()?, bounds, window)?;
        Ok(match &ranges[..] {
            [range] => Found::Range(range.clone()),
            ranges => Found::Events(ranges.iter().cloned().flatten().collect()),
        })
    }

    /// The events on any of these lists, ascending.
    fn union(&self, group: &Group) -> Result<Vec<u32>, Fault> {
        // A type's, a domain's and an instance's lists share no event.
        if group.len() > u64::from(self.idx.binding().events) {
            let page = self.idx.header.section(Part::Postings).page;
            return Err(self.idx.pages.damaged(page, "lists of events overlap that cannot"));
        }
        let mut events = Vec::with_capacity(group.len() as usize);
        for list in &group.0 {
            self.idx.postings(list.clone(), &self.bounds, &mut events)?;
        }
        if group.0.len() == 1 {
            return Ok(events);
        }
        if events.len() < SORTED_BELOW {
            events.sort_unstable();
            events.dedup();
            return Ok(events);
        }
        let mut all = Bits::new(self.bounds.clone());
        events.into_iter().for_each(|event| all.set(event));
        Ok(all.ascending())
    }

    /// Keeps those events that are on one of the lists.
    fn keep(&self, events: &mut Vec<u32>, group: &Group) -> Result<(), Fault> {
        let looks = events.len() as u64 * group.0.len() as u64;
        if looks.saturating_mul(LOOKS_FROM) > group.len() {
            let mut marked = Bits::new(self.bounds.clone());
            let mut others = Vec::new();
            for list in &group.0 {
                others.clear();
                self.idx.postings(list.clone(), &self.bounds, &mut others)?;
                others.iter().for_each(|event| marked.set(*event));
            }
            events.retain(|event| marked.has(*event));
            return Ok(());
        }
        let mut is_on_one = vec![false; events.len()];
        for list in &group.0 {
            let mut records = Records::new(&self.idx.pages, self.idx.header.section(Part::Postings));
            let mut rest = list.clone();
            for (event, is_on_one) in events.iter().zip(&mut is_on_one) {
                rest.start = lower_bound(&mut records, rest.clone(), *event)?;
                if rest.is_empty() {
                    break;
                }
                *is_on_one |= super::page::u32_at(records.get(rest.start)?, 0) == *event;
            }
        }
        let mut is_on_one = is_on_one.into_iter();
        events.retain(|_| is_on_one.next() == Some(true));
        Ok(())
    }

    fn spans(&self) -> Result<&Spans, Fault> {
        match self.spans.get() {
            Some(spans) => Ok(spans),
            None => {
                let spans = self.idx.spans()?;
                Ok(self.spans.get_or_init(|| spans))
            }
        }
    }
}

/// What a filter's times mean for the events of this segment.
enum Window {
    All,
    Nothing,
    Some(Range<i64>),
}

fn distinct(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

/// A set of ordinals: the union of many filters takes no more memory than this.
struct Bits {
    first: u32,
    words: Vec<u64>,
}

impl Bits {
    fn new(bounds: Range<u32>) -> Bits {
        Bits { first: bounds.start, words: vec![0; bounds.len().div_ceil(64)] }
    }

    fn set(&mut self, ordinal: u32) {
        let bit = (ordinal - self.first) as usize;
        self.words[bit / 64] |= 1 << (bit % 64);
    }

    fn has(&self, ordinal: u32) -> bool {
        let bit = (ordinal - self.first) as usize;
        self.words[bit / 64] & 1 << (bit % 64) != 0
    }

    fn ascending(&self) -> Vec<u32> {
        let count: u32 = self.words.iter().map(|word| word.count_ones()).sum();
        let mut ordinals = Vec::with_capacity(count as usize);
        for (mut word, first) in self.words.iter().copied().zip((self.first..).step_by(64)) {
            while word != 0 {
                ordinals.push(first + word.trailing_zeros());
                word &= word - 1;
            }
        }
        ordinals
    }
}
