//! From a name to the list of its events: by hash, and then by looking at what the log says.

use super::hash::Kind;
use super::header::Part;
use super::page::{Records, u32_at};
use super::table::{Table, partition_point};
use super::{Fault, Idx, Texts};
use crate::json::RecordedEvent;
use std::ops::Range;

/// A list of ordinals that ascend, by the records that it is among all lists; not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct List {
    start: u32,
    count: u32,
    /// Its first event.
    first: u32,
}

impl Idx {
    /// The events of a type, domain, tag or instance.
    pub(super) fn named(&self, kind: Kind, name: &str, texts: &dyn Texts) -> Result<Option<List>, Fault> {
        self.find_list(kind, self.hash.name(kind, name), texts, |event| match kind {
            Kind::Type => event.event_type() == name,
            Kind::Domain => event.domain() == name,
            Kind::Instance => event.instance_id() == name,
            Kind::Tag => event.tags().any(|tag| tag == name),
            Kind::Stream | Kind::Id => false,
        })
    }

    /// The events of a stream.
    pub(super) fn stream(&self, domain: &str, instance_id: &str, texts: &dyn Texts) -> Result<Option<List>, Fault> {
        self.find_list(Kind::Stream, self.hash.stream(domain, instance_id), texts, |event| {
            event.domain() == domain && event.instance_id() == instance_id
        })
    }

    /// Those of the stream's events that are behind a version.
    pub(super) fn behind(&self, list: &List, version: u64, texts: &dyn Texts) -> Result<Range<u32>, Fault> {
        // Every event of the stream from its first one here on is on the list, so their versions count up.
        let first = self.event(list.first, texts, |event| event.stream_version())?;
        let passed = version.saturating_add(1).saturating_sub(first).min(list.count.into()) as u32;
        Ok(list.start + passed..list.start + list.count)
    }

    /// The list under a hash for which `is_it` holds for its first event.
    fn find_list(
        &self,
        kind: Kind,
        hash: u64,
        texts: &dyn Texts,
        is_it: impl Fn(&RecordedEvent<'_>) -> bool,
    ) -> Result<Option<List>, Fault> {
        let (buckets, entries) = match kind {
            Kind::Type => (Part::TypeBuckets, Part::Types),
            Kind::Domain => (Part::DomainBuckets, Part::Domains),
            Kind::Tag => (Part::TagBuckets, Part::Tags),
            Kind::Stream => (Part::StreamBuckets, Part::Streams),
            Kind::Instance => (Part::InstanceBuckets, Part::Instances),
            Kind::Id => return Ok(None),
        };
        let table = Table { buckets: self.header.section(buckets), entries: self.header.section(entries) };
        let postings = self.header.section(Part::Postings);
        let mut entries = Vec::new();
        table.find(&self.pages, hash, |entry| entries.push((u32_at(entry, 8), u32_at(entry, 12))))?;
        let mut lists = Vec::new();
        for (start, count) in entries {
            if count == 0 || start.checked_add(count).is_none_or(|end| end > postings.records) {
                return Err(self.pages.damaged(table.entries.page, "a list of events lies outside its section"));
            }
            let first = u32_at(Records::new(&self.pages, postings).get(start)?, 0);
            if self.event(first, texts, |event| is_it(&event))? {
                lists.push(List { start, count, first });
            }
        }
        match lists[..] {
            [] => Ok(None),
            [list] => Ok(Some(list)),
            _ => self.longest(lists, texts, is_it),
        }
    }

    /// Of lists of which one is meant, and the first event of each is as it should be, the right one. It takes two tags of one event
    /// that share a hash to come here. The right list has all events that carry the tag; a wrong one has others, or not all.
    fn longest(
        &self,
        lists: Vec<List>,
        texts: &dyn Texts,
        is_it: impl Fn(&RecordedEvent<'_>) -> bool,
    ) -> Result<Option<List>, Fault> {
        let mut longest: Option<List> = None;
        for list in lists {
            let mut events = Vec::new();
            self.postings(list.start..list.start + list.count, &(0..self.binding().events), &mut events)?;
            let mut all = longest.is_none_or(|longest| longest.count < list.count);
            for event in events {
                all = all && self.event(event, texts, |event| is_it(&event))?;
            }
            if all {
                longest = Some(list);
            }
        }
        Ok(longest)
    }

    /// The records of a list's events in `bounds`.
    pub(super) fn narrowed(&self, list: &List, bounds: &Range<u32>) -> Result<Range<u32>, Fault> {
        let all = list.start..list.start + list.count;
        if bounds.start <= list.first && bounds.end >= self.binding().events {
            return Ok(all);
        }
        let mut records = Records::new(&self.pages, self.header.section(Part::Postings));
        let start = lower_bound(&mut records, all.clone(), bounds.start)?;
        let end = if bounds.end >= self.binding().events {
            all.end
        } else {
            lower_bound(&mut records, start..all.end, bounds.end)?
        };
        Ok(start..end)
    }

    /// Appends the ordinals that these records hold, which are all in `bounds`.
    pub(super) fn postings(&self, range: Range<u32>, bounds: &Range<u32>, out: &mut Vec<u32>) -> Result<(), Fault> {
        let section = self.header.section(Part::Postings);
        let first = out.len();
        self.pages.each(&section, range.clone(), |bytes| {
            out.extend(bytes.chunks_exact(4).map(|ordinal| u32_at(ordinal, 0)));
        })?;
        let ordinals = &out[first..];
        let is_sound = match ordinals {
            [] => true,
            [first, .., last] => bounds.contains(first) && bounds.contains(last),
            [only] => bounds.contains(only),
        };
        if is_sound && ordinals.is_sorted_by(|one, next| one < next) {
            return Ok(());
        }
        out.truncate(first);
        Err(self.pages.damaged(section.page_of(range.start), "a list of events does not ascend"))
    }

    /// What an event's text tells.
    pub(super) fn event<T>(
        &self,
        ordinal: u32,
        texts: &dyn Texts,
        read: impl FnOnce(RecordedEvent<'_>) -> T,
    ) -> Result<T, Fault> {
        let text = texts.text(self.place(ordinal)?).map_err(Fault::Text)?;
        let event = RecordedEvent::stored(&text);
        if event.sequence_number() != self.binding().first + u64::from(ordinal) {
            let page = self.header.section(Part::Places).page_of(ordinal);
            return Err(self.pages.damaged(page, "a place leads to another event"));
        }
        Ok(read(event))
    }
}

/// The first record of a range whose ordinal is not smaller than `ordinal`.
pub fn lower_bound(records: &mut Records<'_>, range: Range<u32>, ordinal: u32) -> Result<u32, Fault> {
    let per_page = records.section.per_page();
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        // A page that has been read says all it can.
        let middle = low + (high - low) / 2;
        let page_start = middle / per_page * per_page;
        let from = page_start.max(low);
        let end = page_start.saturating_add(per_page).min(high);
        let bytes = records.page_with(middle)?;
        let at = |record: u32| u32_at(bytes, (record - page_start) as usize * 4);
        let passed = partition_point((end - from) as usize, |passed| at(from + passed as u32) < ordinal) as u32;
        match passed {
            0 if from > low => high = from,
            0 => return Ok(low),
            passed if from + passed == end => low = end,
            passed => return Ok(from + passed),
        }
    }
    Ok(low)
}
