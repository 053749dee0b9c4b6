//! Checks all of an index file that can be checked without the log: every page, and whatever one section says of another.

use super::filter::{Block, block_of};
use super::header::Part;
use super::page::{PAGE, PAGES_AT_ONCE, Records, Section, array_at, u32_at, u64_at};
use super::table::bucket;
use super::times::{EVENTS_PER_SPAN, time_at};
use super::{Fault, Idx, place_at};
use uuid::Uuid;

/// No more faults are told.
const FAULTS_MAX: usize = 16;

type Check = fn(&Idx) -> Result<(), Fault>;

/// See [`Idx::check_all`].
pub fn check_all(idx: &Idx) -> Result<(), Vec<Fault>> {
    let mut faults = damaged_pages(idx);
    // What damaged pages say of each other is of no interest.
    if faults.is_empty() {
        let checks: [Check; 7] = [places, stream_places, times, directories, runs, keys, buckets];
        faults.extend(checks.into_iter().filter_map(|check| check(idx).err()));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn damaged_pages(idx: &Idx) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut buffer = vec![0; PAGES_AT_ONCE as usize * PAGE];
    let mut page = 1;
    while page < idx.header.pages && faults.len() < FAULTS_MAX {
        let pages = (idx.header.pages - page).min(PAGES_AT_ONCE);
        if idx.pages.read(page, &mut buffer[..pages as usize * PAGE]).is_err() {
            let one_by_one = (page..page + pages).filter_map(|page| idx.pages.read(page, &mut buffer[..PAGE]).err());
            faults.extend(one_by_one.take(FAULTS_MAX - faults.len()));
        }
        page += pages;
    }
    faults
}

/// Gives each record of a section; the first complaint becomes the answer.
fn each(idx: &Idx, part: Part, mut check: impl FnMut(u32, &[u8]) -> Result<(), &'static str>) -> Result<(), Fault> {
    let section = idx.header.section(part);
    let mut number = 0;
    let mut complaint = None;
    idx.pages.each(&section, 0..section.records, |bytes| {
        for record in bytes.chunks_exact(section.size as usize) {
            if let (None, Err(what)) = (&complaint, check(number, record)) {
                complaint = Some(idx.pages.damaged(section.page_of(number), what));
            }
            number += 1;
        }
    })?;
    complaint.map_or(Ok(()), Err)
}

/// Texts follow on each other, before the end of what is indexed.
fn places(idx: &Idx) -> Result<(), Fault> {
    let mut last_end = 0;
    each(idx, Part::Places, |_, place| {
        let (offset, len) = (u64::from(u32_at(place, 0)), u64::from(u32_at(place, 4)));
        let is_sound = offset >= last_end && len > 0 && offset + len <= idx.binding().end;
        last_end = offset + len;
        if is_sound { Ok(()) } else { Err("a text would lie outside of its place in the log") }
    })
}

/// The places by stream are those of the events on the streams' lists.
fn stream_places(idx: &Idx) -> Result<(), Fault> {
    let (events, streams_at) = (idx.binding().events, idx.header.streams_at);
    let mut places = Vec::new();
    idx.places(0..events, &mut places)?;
    let mut ordinals = Vec::new();
    let postings = idx.header.section(Part::Postings);
    idx.pages.each(&postings, streams_at..streams_at + events, |bytes| {
        ordinals.extend(bytes.chunks_exact(4).map(|ordinal| u32_at(ordinal, 0)));
    })?;
    each(idx, Part::StreamPlaces, |number, place| {
        let ordinal = ordinals[number as usize];
        match places.get(ordinal as usize) == Some(&place_at(place)) {
            true => Ok(()),
            false => Err("a place by stream is not that of its event"),
        }
    })
}

/// The spans are those of the times.
fn times(idx: &Idx) -> Result<(), Fault> {
    let mut spans = vec![(i64::MAX, i64::MIN); idx.header.section(Part::Spans).records as usize];
    each(idx, Part::Times, |number, time| {
        let (time, (earliest, latest)) = (time_at(time, 0), &mut spans[(number / EVENTS_PER_SPAN) as usize]);
        *earliest = time.min(*earliest);
        *latest = time.max(*latest);
        Ok(())
    })?;
    each(idx, Part::Spans, |number, span| match spans[number as usize] == (time_at(span, 0), time_at(span, 8)) {
        true => Ok(()),
        false => Err("a span of time is not that of its events"),
    })?;
    let all = spans.iter().copied().reduce(|all, span| (all.0.min(span.0), all.1.max(span.1)));
    match all.unwrap_or((0, 0)) == idx.header.times {
        true => Ok(()),
        false => Err(idx.pages.damaged(0, "the header's span of time is not that of the events")),
    }
}

/// Directories ascend, and each of their lists is a list.
fn directories(idx: &Idx) -> Result<(), Fault> {
    let postings = idx.header.section(Part::Postings);
    // Each event has one type, domain, stream and instance.
    let parts = [
        (Part::Types, true),
        (Part::Domains, true),
        (Part::Tags, false),
        (Part::Streams, true),
        (Part::Instances, true),
    ];
    for (part, each_once) in parts {
        let mut last = 0;
        let mut lists = Vec::new();
        each(idx, part, |_, entry| {
            let (hash, start, count) = (u64_at(entry, 0), u32_at(entry, 8), u32_at(entry, 12));
            lists.push((start, count));
            let ascends = std::mem::replace(&mut last, hash) <= hash;
            let is_sound = count > 0 && start.checked_add(count).is_some_and(|end| end <= postings.records);
            match (ascends, is_sound) {
                (false, _) => Err("the hashes of names do not ascend"),
                (_, false) => Err("a list of events lies outside its section"),
                _ => Ok(()),
            }
        })?;
        let total: u64 = lists.iter().map(|(_, count)| u64::from(*count)).sum();
        if each_once && total != u64::from(idx.binding().events) {
            return Err(idx
                .pages
                .damaged(idx.header.section(part).page, "the lists of events hold not each event once"));
        }
        let mut events = Vec::new();
        // In the file's order, so that the page which is read last is kept.
        lists.sort_unstable();
        for (start, count) in lists {
            events.clear();
            idx.postings(start..start + count, &(0..idx.binding().events), &mut events)?;
        }
    }
    Ok(())
}

/// Runs ascend, within the header's span, and the fences are the first of each page.
fn runs(idx: &Idx) -> Result<(), Fault> {
    let section = idx.header.section(Part::Runs);
    let mut fences = Vec::new();
    let mut last = None;
    each(idx, Part::Runs, |number, run| {
        let (first, ordinal) = (Uuid::from_bytes(array_at(run, 0)), u32_at(run, 16));
        if number % section.per_page() == 0 {
            fences.push(first);
        }
        let ascends = last.replace(first).is_none_or(|last| last < first);
        match ascends && ordinal < idx.binding().events && idx.id_span().is_some_and(|span| span.contains(&first)) {
            true => Ok(()),
            false => Err("the runs of ids do not ascend, or lie outside their bounds"),
        }
    })?;
    each(idx, Part::RunFences, |number, fence| match fences[number as usize].as_bytes() == fence {
        true => Ok(()),
        false => Err("the fences of the runs of ids are not their first ids"),
    })
}

/// Keys ascend, their positions are those of the segments covered, and the filter has them all.
fn keys(idx: &Idx) -> Result<(), Fault> {
    let filter = idx.header.section(Part::Filter);
    let mut blocks = Records::new(&idx.pages, filter);
    let mut fault = None;
    let mut last = (0, 0);
    let reach = idx.binding().first + u64::from(idx.binding().events) - idx.header.keys_base;
    each(idx, Part::Keys, |_, entry| {
        let key = (u64_at(entry, 0), u32_at(entry, 8));
        if std::mem::replace(&mut last, key) > key {
            return Err("the keys do not ascend");
        }
        if u64::from(key.1) >= reach {
            return Err("a key leads behind the last event");
        }
        match blocks.get(block_of(key.0, filter.records)) {
            Ok(block) if Block::decode(block).may_have(key.0) => Ok(()),
            Ok(_) => Err("the filter lacks a key of its table"),
            Err(error) => {
                fault.get_or_insert(error);
                Ok(())
            }
        }
    })?;
    fault.map_or(Ok(()), Err)
}

/// Each bucket begins where its hashes do.
fn buckets(idx: &Idx) -> Result<(), Fault> {
    let parts = [
        (Part::TypeBuckets, Part::Types),
        (Part::DomainBuckets, Part::Domains),
        (Part::TagBuckets, Part::Tags),
        (Part::StreamBuckets, Part::Streams),
        (Part::InstanceBuckets, Part::Instances),
        (Part::KeyBuckets, Part::Keys),
    ];
    for (buckets, entries) in parts {
        let Section { records, .. } = idx.header.section(buckets);
        if records == 0 {
            continue;
        }
        let mut starts = vec![0; records as usize];
        each(idx, entries, |_, entry| {
            starts[bucket(u64_at(entry, 0), records) as usize + 1] += 1;
            Ok(())
        })?;
        let mut start: u32 = 0;
        each(idx, buckets, |number, stored| {
            start += starts[number as usize];
            if u32_at(stored, 0) == start { Ok(()) } else { Err("a bucket does not begin where its hashes do") }
        })?;
    }
    Ok(())
}
