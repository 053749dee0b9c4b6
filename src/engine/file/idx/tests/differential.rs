//! An index file answers as the index in memory does, whatever is asked, and also where most names share a hash.

use super::super::hash::KEPT;
use super::{Memory, Segment, query};
use crate::engine::file::idx::{Idx, Matches};
use crate::engine::file::place::Place;
use crate::index::{Plan, Scan};
use crate::query::{Direction, POSITION_MAX, Query};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// A hash keeps these bits.
const KEPT_BITS: [u64; 5] = [u64::MAX, 0, 1 << 63, 0b11, 0xff00_0000_0000_0000];

#[derive(Debug, Clone)]
struct Event {
    event_type: u32,
    domain: u32,
    instance: u32,
    tags: Vec<u32>,
    id: Option<u32>,
    time: Option<u32>,
}

/// An id of one of several kinds, the same for the same number.
fn id(number: u32) -> Uuid {
    let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let v7 = |millis: u128, rest: u128| {
        Uuid::from_u128(
            millis << 80 | 0x7 << 76 | (rest >> 64 & 0xfff) << 64 | 0b10 << 62 | rest & (u64::MAX >> 2) as u128,
        )
    };
    match number % 4 {
        0 => Uuid::from_u128(spread),
        // Near the events' times, and sometimes counting up.
        1 => v7(1_700_000_000_000 + u128::from(number / 64), u128::from(number / 4)),
        2 => v7(1_700_000_000_000 + u128::from(number), spread),
        // Far ahead of any event.
        _ => v7(200_000_000_000_000, spread),
    }
}

fn time(number: u32) -> String {
    format!("2023-11-14T22:{:02}:{:02}.000000Z", number / 60 % 60, number % 60)
}

fn json(events: &[Event], first: &mut u32) -> String {
    let mut text = String::from("[");
    for event in events {
        *first += 1;
        let tags: Vec<String> = event.tags.iter().map(|tag| format!("\"tag\\n{tag}\"")).collect();
        write!(
            text,
            r#"{}{{"type":"type-{}","domain":"d{}","instance_id":"i{}","tags":[{}]"#,
            if text.len() > 1 { "," } else { "" },
            event.event_type,
            event.domain,
            event.instance,
            tags.join(",")
        )
        .unwrap();
        if let Some(kind) = event.id {
            // No id stands twice: the number of the event is in it.
            write!(text, r#","id":"{}""#, id(*first * 4 + kind)).unwrap();
        }
        if let Some(number) = event.time {
            write!(text, r#","inserted_at":"{}""#, time(number)).unwrap();
        }
        text.push('}');
    }
    text.push(']');
    text
}

fn event() -> impl Strategy<Value = Event> {
    let tags = prop_oneof![3 => Just(Vec::new()), 1 => proptest::sample::subsequence(vec![0, 1, 2, 3, 4, 5], 0..4)];
    (0..6u32, 0..4u32, 0..12u32, tags, weighted(0.4, 0..4u32), weighted(0.8, 0..3000u32)).prop_map(
        |(event_type, domain, instance, tags, id, time)| Event { event_type, domain, instance, tags, id, time },
    )
}

fn names(prefix: &'static str, count: u32) -> impl Strategy<Value = String> {
    vec(0..count, 0..4).prop_map(move |numbers| {
        let names: Vec<String> = numbers.iter().map(|number| format!("\"{prefix}{number}\"")).collect();
        format!("[{}]", names.join(","))
    })
}

/// A filter, and which of the segment's own ids it asks for.
fn filter(events: u64) -> impl Strategy<Value = String> {
    let stream = (0..5u32, 0..14u32, weighted(0.7, 0..20u64));
    let plain = (
        weighted(0.4, names("type-", 7)),
        weighted(0.3, names("d", 5)),
        weighted(0.3, names("i", 14)),
        weighted(0.3, names("tag\\n", 7)),
        weighted(0.1, vec((0..(events as u32 + 2), 0..4u32), 0..6)),
        weighted(0.3, 0..3600u32),
        weighted(0.3, 0..3600u32),
        weighted(0.3, 0..events + 5),
        weighted(0.3, 0..events + 5),
        of(stream),
    );
    plain.prop_map(|(types, domains, instances, tags, ids, from, to, after, up_to, stream)| {
        let mut keys = Vec::new();
        keys.extend(types.map(|names| format!(r#""type":{names}"#)));
        match stream {
            Some((domain, instance, version)) => {
                keys.push(format!(r#""domain":"d{domain}","instance_id":"i{instance}""#));
                keys.extend(version.map(|version| format!(r#""after_version":{version}"#)));
            }
            None => {
                keys.extend(domains.map(|names| format!(r#""domain":{names}"#)));
                keys.extend(instances.map(|names| format!(r#""instance_id":{names}"#)));
            }
        }
        keys.extend(tags.map(|names| format!(r#""tags":{names}"#)));
        keys.extend(ids.map(|ids| {
            let ids: Vec<String> = ids.iter().map(|(event, kind)| format!("\"{}\"", id(event * 4 + kind))).collect();
            format!(r#""id":[{}]"#, ids.join(","))
        }));
        keys.extend(from.map(|number| format!(r#""from":"{}""#, time(number))));
        keys.extend(to.map(|number| format!(r#""to":"{}""#, time(number))));
        keys.extend(after.map(|number| format!(r#""after":{number}"#)));
        keys.extend(up_to.map(|number| format!(r#""up_to":{number}"#)));
        format!("{{{}}}", keys.join(","))
    })
}

fn queries(events: u64) -> impl Strategy<Value = Vec<(String, Range<u32>)>> {
    let filters = prop_oneof![3 => filter(events).prop_map(|filter| vec![filter]), 1 => vec(filter(events), 0..4)];
    let bound = 0..events as u32 + 3;
    let bounds = prop_oneof![1 => Just(0..u32::MAX), 1 => (bound.clone(), bound).prop_map(|(start, end)| start..end)];
    vec((filters.prop_map(|filters| format!("[{}]", filters.join(","))), bounds), 1..30)
}

/// The segment begins at the position `first`; an index in memory knows of no positions before it.
fn moved(query: &Query, first: u64) -> Query {
    let mut query = query.clone();
    for filter in &mut query.filters {
        filter.after += first - 1;
        filter.up_to = filter.up_to.saturating_add(first - 1).min(POSITION_MAX);
    }
    query
}

/// Every way to ask for the events of a query gives the same, and the same as the index in memory.
fn compare(segment: &Segment, idx: &Arc<Idx>, text: &str, bounds: &Range<u32>) {
    let query = query(text);
    let expected: Vec<u32> = if bounds.start < bounds.end.min(segment.binding.events) {
        let bounds = bounds.start..bounds.end.min(segment.binding.events);
        let plan = Plan::new(&query, &segment.index);
        Scan::new(&plan, &segment.index, &bounds, Direction::Forward).collect()
    } else {
        Vec::new()
    };
    let matches = idx.matching(&moved(&query, segment.binding.first), bounds.clone(), segment).unwrap();
    let slice = |matches: &Matches, range: Range<u64>| {
        let mut events = vec![u32::MAX];
        matches.get(range, &mut events).unwrap();
        events.split_off(1)
    };
    assert_eq!(slice(&matches, 0..u64::MAX), expected, "{text} in {bounds:?}");
    assert_eq!(matches.len(), expected.len() as u64, "{text} in {bounds:?}");
    if let Some(range) = matches.range() {
        assert_eq!(range.collect::<Vec<u32>>(), expected);
    }
    let (half, third) = (expected.len() / 2, expected.len() / 3);
    assert_eq!(slice(&matches, third as u64..half as u64), expected[third..half]);

    let (mut places, mut by_matches) = (Vec::new(), Vec::new());
    idx.places_of(&expected, &mut places).unwrap();
    matches.places(0..u64::MAX, &mut by_matches).unwrap();
    assert_eq!(places, by_matches, "{text} in {bounds:?}");
    let expected: Vec<Place> = expected.iter().map(|event| segment.places[*event as usize]).collect();
    assert_eq!(places, expected);
}

fn check(batches: &[Vec<Event>], first: u64, kept: u64, queries: &[(String, Range<u32>)]) {
    KEPT.set(kept);
    let mut number = 0;
    let batches: Vec<String> = batches.iter().map(|events| json(events, &mut number)).collect();
    let base = |domain: &str, instance: &str| (domain.len() + instance.len()) as u64 % 3 * 4;
    let segment = Segment::new(3, first, &batches, base);
    let idx = segment.idx(&[]);
    assert_eq!(idx.binding(), &segment.binding);
    assert_eq!(idx.state().unwrap(), b"a state");
    let times = segment.index.times();
    assert_eq!(idx.times().map(|range| *range.start()), times.iter().min().copied());
    assert_eq!(idx.times().map(|range| *range.end()), times.iter().max().copied());
    for (text, bounds) in queries {
        compare(&segment, &idx, text, bounds);
    }
    // Ids that the store made are known to the log alone.
    for ordinal in (0..segment.binding.events).step_by(1 + segment.places.len() / 50) {
        let place = segment.places[ordinal as usize];
        let text = &segment.log[place.offset as usize..][..place.len as usize];
        let id = Uuid::try_parse(&crate::json::RecordedEvent::stored(text).id()).unwrap();
        assert_eq!(idx.find_id(id, &segment).unwrap(), Some(ordinal));
        let next = Uuid::from_u128(id.as_u128() + 1);
        assert_eq!(idx.find_id(next, &segment).unwrap(), segment.index.find_id(next));
    }
    let mut all = Vec::new();
    idx.places(0..segment.binding.events, &mut all).unwrap();
    assert_eq!(all, segment.places);
    KEPT.set(u64::MAX);
}

#[test]
fn an_index_file_answers_as_the_index_in_memory() {
    let file = "src/engine/file/idx/tests/regressions.txt";
    let config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300),
        ..Config::default()
    };
    let case = (vec(vec(event(), 1..20), 0..20), select(&[1, 2, 500][..]), select(&KEPT_BITS[..]), queries(150));
    let outcome = TestRunner::new(config).run(&case, |(batches, first, kept, queries)| {
        check(&batches, first, kept, &queries);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn it_does_so_where_lists_and_tables_have_many_pages() {
    let config = Config { failure_persistence: None, cases: 4, ..Config::default() };
    let case = (vec(vec(event(), 1..400), 60..80), select(&[u64::MAX, 0xff << 56][..]), vec(queries(12_000), 8));
    let outcome = TestRunner::new(config).run(&case, |(mut batches, kept, queries)| {
        // Streams of their own, for tables of many entries.
        for (number, event) in batches.iter_mut().flatten().enumerate().filter(|(number, _)| number % 3 == 0) {
            event.instance = number as u32;
        }
        check(&batches, 1000, kept, &queries.concat());
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn a_long_list_is_looked_into_where_a_short_one_leads() {
    let event = |number: u32| Event {
        event_type: number % 2,
        domain: 0,
        // Three events of each: together, and far apart.
        instance: if number.is_multiple_of(4) { number % 13_333 } else { number / 3 },
        tags: if number % 1000 < 990 { vec![1] } else { vec![] },
        id: number.is_multiple_of(100).then_some(0),
        time: None,
    };
    let batches: Vec<Vec<Event>> =
        (0..40).map(|batch| (0..1000).map(|number| event(batch * 1000 + number)).collect()).collect();
    let queries: Vec<(String, Range<u32>)> = (0..60)
        .map(|number| {
            let instance = number * 217;
            match number % 3 {
                0 => format!(r#"{{"instance_id":"i{instance}","type":"type-1","tags":["tag\n1"]}}"#),
                1 => format!(
                    r#"{{"id":["{}","{}"],"tags":["tag\n1"]}}"#,
                    id((instance * 3 / 100 * 100 + 1) * 4),
                    id(404)
                ),
                _ => format!(r#"{{"domain":"d0","instance_id":"i{instance}","type":["type-0","type-5"],"after":200}}"#),
            }
        })
        .map(|text| (text, 100..39_000))
        .collect();
    check(&batches, 1, u64::MAX, &queries);
}

#[test]
fn windows_that_begin_or_end_with_a_span_of_events_are_exact() {
    let event =
        |number| Event { event_type: number % 3, domain: 0, instance: 0, tags: vec![], id: None, time: Some(number) };
    let batches: Vec<Vec<Event>> = vec![(0..1000).map(event).collect()];
    let edges = [0, 1, 255, 256, 257, 511, 512, 700, 999, 1000];
    let mut queries = Vec::new();
    for (from, to) in edges.iter().flat_map(|from| edges.iter().map(move |to| (*from, *to))) {
        for types in ["", r#""type":["type-0","type-1"],"#] {
            queries.push((format!(r#"{{{types}"from":"{}","to":"{}"}}"#, time(from), time(to)), 0..u32::MAX));
        }
    }
    check(&batches, 1, u64::MAX, &queries);
}

#[test]
fn an_index_of_no_events_answers_nothing() {
    check(&[], 1, u64::MAX, &[(String::from("[{}]"), 0..u32::MAX), (String::from(r#"{"type":"type-1"}"#), 0..5)]);
}

#[test]
fn many_filters_take_no_more_memory_than_one() {
    let batches: Vec<Vec<Event>> = (0..10)
        .map(|_| {
            (0..100)
                .map(|number| Event {
                    event_type: number % 2,
                    domain: 0,
                    instance: 0,
                    tags: vec![],
                    id: None,
                    time: None,
                })
                .collect()
        })
        .collect();
    let filters: Vec<String> = (0..1000).map(|after| format!(r#"{{"type":"type-1","after":{after}}}"#)).collect();
    check(&batches, 1, u64::MAX, &[(format!("[{}]", filters.join(",")), 3..900)]);
}

#[test]
fn a_list_alone_is_read_only_as_far_as_asked() {
    let event = Event { event_type: 1, domain: 0, instance: 0, tags: vec![], id: None, time: None };
    let batch = vec![event; 50_000];
    let segment = Segment::new(1, 1, &[json(&batch, &mut 0)], |_, _| 0);
    let file: Arc<Memory> = segment.file(&[]);
    let idx = Arc::new(Idx::open(file.clone()).unwrap());
    // Damage a page in the middle of the type's list.
    let postings = idx.header.section(super::super::header::Part::Postings);
    super::overwrite(&file, postings.page_of(25_000) as usize * 4096 + 9, 0xee);
    let matches = idx.matching(&query(r#"{"type":"type-1"}"#), 0..u32::MAX, &segment).unwrap();
    assert_eq!(matches.len(), 50_000);
    let mut events = Vec::new();
    matches.get(40_000..40_100, &mut events).unwrap();
    assert_eq!(events, (40_000..40_100).collect::<Vec<u32>>());
    assert!(super::is_damaged(&matches.get(24_999..25_001, &mut events).unwrap_err()));
    assert_eq!(events.len(), 100, "nothing of what could not be read");
}
