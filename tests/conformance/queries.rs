//! Every key and every combination of keys, compared with a look at every event.

use crate::engines::Factory;
use crate::history::{
    EVENTS, Event, Filter, KEY_AFTER_VERSION, KEYS, KEYS_OF_A_STREAM, history, query, tag_name, time_text, type_name,
};
use crate::support::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

scenarios![
    every_combination_of_keys_finds_what_a_look_at_every_event_finds,
    an_event_comes_once_however_many_filters_match_it,
    every_type_domain_and_tag_is_found_alone,
    a_stream_is_found_behind_each_of_its_versions,
    events_are_found_by_their_ids_in_the_order_of_the_log,
    windows_of_time_tile_where_the_clock_ran_backwards,
    windows_of_positions_tile,
    a_query_that_no_event_can_match_finds_nothing,
    null_and_an_empty_object_find_everything,
];

fn every_combination_of_keys_finds_what_a_look_at_every_event_finds(factory: &Factory) {
    let history = history(factory);
    let mut dice = Dice(5);
    let (mut combinations, mut found_something) = (0, 0);
    for keys in 0..1_u32 << KEYS {
        if keys & KEY_AFTER_VERSION != 0 && keys & KEYS_OF_A_STREAM != KEYS_OF_A_STREAM {
            continue;
        }
        let filters = [history.filter(keys, &mut dice)];
        let query = query(&filters);
        let matching = history.matching(&filters);
        combinations += 1;
        found_something += !matching.is_empty() as u32;

        let forward = read_text(&history.store, &query, r#"{"format":"ndjson"}"#);
        assert!(forward == history.ndjson(matching.iter().copied()), "forward: {query}");
        let backward = read_text(&history.store, &query, r#"{"direction":"backward"}"#);
        assert!(backward == history.array(matching.iter().rev().copied()), "backward: {query}");

        let (offset, limit) = (dice.below(matching.len() + 2), dice.below(matching.len() + 2));
        let part = matching.iter().skip(offset).take(limit).copied();
        let options = json!({"offset": offset, "limit": limit});
        assert!(read_text(&history.store, &query, &options) == history.array(part), "{options}: {query}");
        let part = matching.iter().rev().skip(offset).take(limit).copied();
        let options = json!({"offset": offset, "limit": limit, "direction": "backward", "format": "ndjson"});
        assert!(read_text(&history.store, &query, &options) == history.ndjson(part), "{options}: {query}");

        let (_, page) = page(&history.store, &query, json!({"pagination": true, "limit": 1, "offset": offset}));
        assert_eq!(page["total_count"], json!(matching.len()), "{query}");
    }
    assert_eq!(combinations, (1 << (KEYS - 1)) + (1 << (KEYS - 3)), "all subsets of the ten keys");
    assert!(found_something > combinations / 2, "only {found_something} of {combinations} found anything");
}

fn an_event_comes_once_however_many_filters_match_it(factory: &Factory) {
    let history = history(factory);
    let mut dice = Dice(6);
    let mut overlaps = 0;
    for count in (2..6).cycle().take(100) {
        let filters: Vec<Filter> = (0..count)
            .map(|_| {
                // Few keys each, so that the filters overlap.
                let mut keys = 1 << dice.below(KEYS as usize) | 1 << dice.below(KEYS as usize);
                if keys & KEY_AFTER_VERSION != 0 {
                    keys |= KEYS_OF_A_STREAM;
                }
                history.filter(keys, &mut dice)
            })
            .collect();
        let query = query(&filters);
        let matching = history.matching(&filters);
        let one_by_one: usize = filters.iter().map(|filter| history.matching(std::slice::from_ref(filter)).len()).sum();
        overlaps += (one_by_one > matching.len()) as u32;
        let forward = read_text(&history.store, &query, r#"{"format":"ndjson"}"#);
        assert!(forward == history.ndjson(matching.iter().copied()), "forward: {query}");
        let (offset, limit) = (dice.below(matching.len() + 2), dice.below(500));
        let options = json!({"direction": "backward", "offset": offset, "limit": limit});
        let part = matching.iter().rev().skip(offset).take(limit).copied();
        assert!(read_text(&history.store, &query, &options) == history.array(part), "{options}: {query}");
        let (_, page) = page(&history.store, &query, json!({"pagination": true, "limit": 1}));
        assert_eq!(page["total_count"], json!(matching.len()), "{query}");
    }
    assert!(overlaps > 50, "only {overlaps} of 100 queries overlapped");
}

fn every_type_domain_and_tag_is_found_alone(factory: &Factory) {
    let history = history(factory);
    let mut counts = [0; 3];
    let mut find = |key: usize, filter: Filter| {
        let matching = history.matching(std::slice::from_ref(&filter));
        assert!(!matching.is_empty(), "{filter:?} is in the history");
        let found = read_text(&history.store, filter.to_json(), r#"{"format":"ndjson"}"#);
        assert!(found == history.ndjson(matching.iter().copied()), "{filter:?}");
        counts[key] += matching.len();
    };
    (0..20).for_each(|number| find(0, Filter { types: Some(vec![number]), ..Filter::default() }));
    (0..6).for_each(|number| find(1, Filter { domains: Some(vec![number]), ..Filter::default() }));
    (0..40).for_each(|number| find(2, Filter { tags: Some(vec![number]), ..Filter::default() }));
    assert_eq!(counts[..2], [EVENTS, EVENTS], "each event has one type and one domain");
    assert_eq!(counts[2], history.events.iter().map(|event| event.tags.len()).sum::<usize>());
}

fn a_stream_is_found_behind_each_of_its_versions(factory: &Factory) {
    let history = history(factory);
    let mut streams = 0;
    for domain in 0..6 {
        for instance in 0..50 {
            let all = Filter { domains: Some(vec![domain]), instances: Some(vec![instance]), ..Filter::default() };
            let versions = history.matching(std::slice::from_ref(&all));
            streams += 1;
            let last = versions.len() as u64;
            for after_version in [0, 1, 2, last / 2, last - 1, last, last + 1, i64::MAX as u64] {
                let mut query = all.to_json();
                query["after_version"] = json!(after_version);
                let rest = versions.iter().skip(usize::try_from(after_version).unwrap()).copied();
                assert!(read_text(&history.store, &query, "null") == history.array(rest), "{query}");
            }
        }
    }
    assert_eq!(streams, 300);
}

fn events_are_found_by_their_ids_in_the_order_of_the_log(factory: &Factory) {
    let history = history(factory);
    let mut dice = Dice(7);
    for count in [1, 2, 10, 1000] {
        let wanted: Vec<usize> = (0..count).map(|_| dice.below(EVENTS)).collect();
        let ordered: BTreeSet<usize> = wanted.iter().copied().collect();
        let mut ids: Vec<Value> = wanted.iter().map(|number| json!(id(*number as u64 + 1))).collect();
        // Asked for twice, in capitals, and among strings that are no event's id.
        ids.push(json!(ids[0].as_str().unwrap().to_uppercase()));
        ids.extend([json!(""), json!("no uuid"), json!(id(999_999))]);
        let found = read_text(&history.store, json!({"id": ids}), "null");
        assert!(found == history.array(ordered.into_iter().map(|number| &history.events[number])), "{count} ids");
    }
}

fn windows_of_time_tile_where_the_clock_ran_backwards(factory: &Factory) {
    let history = history(factory);
    let backwards = history.events.windows(2).filter(|pair| pair[0].time > pair[1].time).count();
    assert!(backwards * 25 > EVENTS * 2, "the clock ran backwards only {backwards} times");
    // Borders at times that events have, so that it matters to which window a border belongs.
    let mut borders: Vec<u64> = history.events.iter().step_by(1777).map(|event| event.time).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut found = 0;
    let ends = borders.iter().map(|border| Some(*border)).chain([None]);
    let begins = [None].into_iter().chain(borders.iter().map(|border| Some(*border)));
    for (from, to) in begins.zip(ends) {
        let window = Filter { from, to, ..Filter::default() };
        let matching = history.matching(std::slice::from_ref(&window));
        let text = read_text(&history.store, window.to_json(), r#"{"format":"ndjson"}"#);
        assert!(text == history.ndjson(matching.iter().copied()), "{window:?}");
        found += matching.len();
    }
    assert_eq!(found, EVENTS, "each event lies in one window");
    // Where times turn, whatever summary of times an engine keeps has its edges.
    let mut moments: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for event in &history.events {
        moments.entry(event.time).or_default().push(event);
    }
    let times: Vec<u64> = history.events.iter().map(|event| event.time).collect();
    let turns: BTreeSet<u64> =
        times.chunks(64).flat_map(|chunk| [chunk.iter().min(), chunk.iter().max()]).flatten().copied().collect();
    assert!(turns.len() * 50 > EVENTS, "{} times", turns.len());
    for time in turns {
        let moment = Filter { from: Some(time), to: Some(time + 1), ..Filter::default() };
        let forward = read_text(&history.store, moment.to_json(), "null");
        assert!(forward == history.array(moments[&time].iter().copied()), "forward: {moment:?}");
        let backward = read_text(&history.store, moment.to_json(), r#"{"direction":"backward"}"#);
        assert!(backward == history.array(moments[&time].iter().rev().copied()), "backward: {moment:?}");
    }
    // One microsecond, an empty window, and one that is the wrong way round.
    let time = history.events[history.events.len() * 21 / 50].time;
    for (from, to) in [(time, time + 1), (time, time), (time + 1, time)] {
        let window = Filter { from: Some(from), to: Some(to), ..Filter::default() };
        let matching = history.matching(std::slice::from_ref(&window));
        assert_eq!(matching.is_empty(), to <= from);
        assert!(read_text(&history.store, window.to_json(), "null") == history.array(matching), "{window:?}");
    }
    // Finer digits are cut.
    let exact = time_text(time);
    let finer = format!("{}9Z", exact.trim_end_matches('Z'));
    assert_eq!(
        read_text(&history.store, json!({"from": finer}), r#"{"limit":1000}"#),
        read_text(&history.store, json!({"from": exact}), r#"{"limit":1000}"#),
    );
}

fn windows_of_positions_tile(factory: &Factory) {
    let history = history(factory);
    let mut text = String::new();
    let mut after = 0;
    for up_to in [0, 1, 2, 100, 4095, 4096, 4097, 33_333, 49_999, 50_000, 60_000] {
        text.push_str(&read_text(&history.store, json!({"after": after, "up_to": up_to}), r#"{"format":"ndjson"}"#));
        after = up_to;
    }
    assert!(text == history.text);
    let empty = |query: Value| assert_eq!(read_text(&history.store, query, "null"), "[]");
    empty(json!({"after": 50_000}));
    empty(json!({"after": i64::MAX}));
    empty(json!({"up_to": 0}));
    empty(json!({"after": 10, "up_to": 10}));
    empty(json!({"after": 11, "up_to": 10}));
}

fn a_query_that_no_event_can_match_finds_nothing(factory: &Factory) {
    let history = history(factory);
    for query in [
        json!([]),
        json!({"type": []}),
        json!({"domain": []}),
        json!({"instance_id": []}),
        json!({"id": []}),
        json!({"type": ""}),
        json!({"type": "x".repeat(5000)}),
        json!({"type": "a\u{0}b"}),
        json!({"id": "0190a000"}),
        json!({"tags": ["no such tag"]}),
        json!({"tags": [tag_name(1), "no such tag"]}),
        json!({"type": type_name(1), "domain": "no such domain"}),
        json!([{"type": []}, {"domain": []}]),
        json!({"from": "9999-12-31T23:59:59Z"}),
        json!({"to": "0000-01-01T00:00:00Z"}),
    ] {
        assert_eq!(read_text(&history.store, &query, "null"), "[]", "{query}");
        assert_eq!(read_text(&history.store, &query, r#"{"format":"ndjson","direction":"backward"}"#), "", "{query}");
        let (_, page) = page(&history.store, &query, r#"{"pagination":true}"#);
        assert_eq!((&page["total_count"], &page["head"]), (&json!(0), &json!(EVENTS)), "{query}");
    }
}

fn null_and_an_empty_object_find_everything(factory: &Factory) {
    let history = history(factory);
    let whole = history.store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).unwrap();
    assert!(whole == history.text.as_bytes());
    for query in ["null", "{}", "[{}]", "[{},{}]", r#"{"tags":[]}"#, " {\n} "] {
        assert!(read_text(&history.store, query, r#"{"format":"ndjson"}"#) == history.text, "{query}");
    }
}
