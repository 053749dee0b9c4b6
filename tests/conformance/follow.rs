//! Followers: catch-up and live as one ordered sequence, nothing skipped and nothing twice.

use crate::engines::Factory;
use crate::support::*;
use runestore::{Cursor, Next, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

scenarios![
    catching_up_and_going_on_is_one_sequence,
    a_follower_waits_until_there_is_something_to_give,
    a_follower_answers_as_soon_as_there_is_one_event,
    a_time_out_is_kept_and_tells_how_far_the_follower_is,
    a_time_out_is_kept_while_events_that_do_not_match_keep_coming,
    a_follower_passes_over_what_does_not_match,
    a_follower_that_stops_at_any_position_goes_on_without_gap_or_repetition,
    a_follower_of_a_busy_store_gets_every_event_once_in_pieces_of_any_size,
    a_follower_is_done_after_its_limit,
    a_follower_is_done_at_the_position_where_its_query_ends,
    a_follower_may_begin_behind_the_head,
    names_that_come_later_are_found,
    a_follower_of_a_window_of_time_takes_late_arrivals,
    a_slow_follower_gets_a_batch_in_bounded_pieces,
    every_follower_gets_everything,
    an_empty_batch_is_nothing_to_follow,
];

const FOLLOW: &str = r#"{"follow":true}"#;

fn catching_up_and_going_on_is_one_sequence(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(5));
    let follower = cursor(&store, "null", FOLLOW);
    let mut found = Vec::new();
    for round in 0..10 {
        while let (Next::Events { .. }, events) = next(&follower, 3, AT_ONCE) {
            found.extend(positions(&events));
        }
        assert_eq!(found, (1..=5 + round * 2).collect::<Vec<_>>());
        append(&store, events(2));
    }
}

fn a_follower_waits_until_there_is_something_to_give(factory: &Factory) {
    let store = factory.fresh();
    for round in 1..=5 {
        let follower = cursor(&store, json!({"after": round - 1}), FOLLOW);
        let waiting = task("next", move || next(&follower, 0, None));
        waiting.still_runs();
        append(&store, event("t", "d", "i"));
        let (next, events) = waiting.outcome();
        assert_eq!((next, positions(&events)), (Next::Events { position: round }, vec![round]));
    }
}

fn a_follower_answers_as_soon_as_there_is_one_event(factory: &Factory) {
    let store = factory.fresh();
    append(&store, event("t", "d", "i"));
    let follower = cursor(&store, "null", FOLLOW);
    // It could hold a thousand more, and does not wait for them.
    let begin = Instant::now();
    let (_, events) = next(&follower, 1000, Some(PATIENCE));
    assert_eq!(positions(&events), [1]);
    assert!(begin.elapsed() < PATIENCE / 2);
}

fn a_time_out_is_kept_and_tells_how_far_the_follower_is(factory: &Factory) {
    let store = factory.fresh();
    append(&store, json!([event("Yes", "d", "i"), event("No", "d", "i"), event("No", "d", "i")]));
    let follower = cursor(&store, json!({"type": "Yes"}), FOLLOW);
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [1]);
    for timeout in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(120)] {
        let begin = Instant::now();
        assert_eq!(next(&follower, 0, Some(timeout)).0, Next::Timeout { position: 3 });
        let took = begin.elapsed();
        assert!(took >= timeout && took < timeout + PATIENCE / 4, "{timeout:?} took {took:?}");
    }
}

fn a_time_out_is_kept_while_events_that_do_not_match_keep_coming(factory: &Factory) {
    let store = factory.fresh();
    let begin = Instant::now();
    let busy = Duration::from_millis(1500);
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let store = store.clone();
            task("the writer", move || {
                let draft = event("No", "d", "i").to_string();
                while begin.elapsed() < busy {
                    store.append_json(&draft, Some(r#"{"return":"summary"}"#)).unwrap();
                }
            })
        })
        .collect();
    let follower = cursor(&store, json!({"type": "Yes"}), FOLLOW);
    let mut slowest = Duration::ZERO;
    while begin.elapsed() < busy {
        let call = Instant::now();
        let (next, _) = next(&follower, 0, Some(Duration::from_millis(5)));
        assert!(matches!(next, Next::Timeout { .. }), "{next:?}");
        slowest = slowest.max(call.elapsed());
    }
    writers.into_iter().for_each(|writer| writer.outcome());
    assert!(slowest < Duration::from_millis(700), "a time-out of 5 ms took {slowest:?}");
}

fn a_follower_passes_over_what_does_not_match(factory: &Factory) {
    let store = factory.fresh();
    let follower = cursor(&store, json!({"type": "Yes"}), FOLLOW);
    let waiting = task("next", move || next(&follower, 0, None));
    for _ in 0..20 {
        append(&store, event("No", "d", "i"));
    }
    waiting.still_runs();
    append(&store, json!([event("No", "d", "i"), event("Yes", "d", "i"), event("No", "d", "i")]));
    let (next, events) = waiting.outcome();
    assert_eq!(positions(&events), [22]);
    assert!((22..=23).contains(&position(next)), "{next:?}");
}

/// Follows up to `end` with a cursor that is dropped and opened again, at the position where the last
/// one stopped, after every `pieces` answers.
fn follow_with_stops(store: &Arc<Store>, query: &Value, end: u64, size: usize, pieces: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut stopped_at = 0;
    while stopped_at < end {
        let mut behind = query.clone();
        behind["after"] = json!(stopped_at);
        let follower = cursor(store, behind, FOLLOW);
        for _ in 0..pieces {
            let (next, events) = next(&follower, size, Some(Duration::from_millis(5)));
            found.extend(events);
            assert!(position(next) >= stopped_at, "{next:?} behind {stopped_at}");
            stopped_at = position(next);
        }
    }
    found
}

fn a_follower_that_stops_at_any_position_goes_on_without_gap_or_repetition(factory: &Factory) {
    let store = factory.fresh();
    let writer = task("the writer", {
        let store = store.clone();
        move || {
            let mut dice = Dice(9);
            while store.head().unwrap() < 1500 {
                let batch = (0..1 + dice.below(7)).map(|_| event(["A", "B", "C"][dice.below(3)], "d", "i"));
                append(&store, batch.collect::<Value>());
                if dice.one_in(20) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            store.head().unwrap()
        }
    });
    let reader = |query: Value, size, pieces| {
        let store = store.clone();
        task("the reader", move || (query.clone(), follow_with_stops(&store, &query, 1500, size, pieces)))
    };
    let readers = [
        reader(json!({}), 1, 1),
        reader(json!({}), 10, 3),
        reader(json!({"type": "A"}), 1, 1),
        reader(json!({"type": ["B", "C"]}), 4, 2),
        reader(json!({"type": "never"}), 0, 1),
    ];
    writer.outcome();
    for reader in readers {
        let (query, found) = reader.outcome();
        // It may have come further than 1500, and stopped somewhere there.
        let mut whole = read(&store, &query, "null");
        let count = whole.iter().filter(|event| event["sequence_number"].as_u64().unwrap() <= 1500).count();
        assert!(found.len() >= count, "{query}: {} of {count} events", found.len());
        whole.truncate(found.len());
        assert_eq!(positions(&found), positions(&whole), "{query}");
        assert_eq!(found, whole);
    }
}

fn a_follower_of_a_busy_store_gets_every_event_once_in_pieces_of_any_size(factory: &Factory) {
    const EVENTS: usize = 6000;
    let store = factory.fresh();
    let followers: Vec<_> = [(0, 1 << 20), (1, 1 << 20), (50, 1 << 20), (0, 1), (0, 3000)]
        .into_iter()
        .map(|(max_events, max_bytes)| {
            let options = json!({"follow": true, "format": "ndjson", "max_bytes": max_bytes, "limit": EVENTS});
            let follower = cursor(&store, "null", options);
            task("the follower", move || {
                let mut text = Vec::new();
                while let Next::Events { .. } = follower.next(max_events, Some(PATIENCE), &mut text).unwrap() {}
                text
            })
        })
        .collect();
    let writers: Vec<_> = (0..3)
        .map(|writer| {
            let store = store.clone();
            task("a writer", move || {
                for size in [1, 3, 2, 10, 4].into_iter().cycle().take(500) {
                    let batch: Value = (0..size).map(|_| event("t", "d", &writer.to_string())).collect();
                    store.append_json(batch.to_string(), Some(r#"{"return":"summary"}"#)).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.outcome());
    assert_eq!(store.head().unwrap(), EVENTS as u64);
    let whole = read_text(&store, "null", r#"{"format":"ndjson"}"#);
    for follower in followers {
        assert!(follower.outcome() == whole.as_bytes(), "a follower got something else than the log");
    }
}

fn a_follower_is_done_after_its_limit(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(2));
    let follower = cursor(&store, "null", r#"{"follow":true,"limit":5}"#);
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [1, 2]);
    assert_eq!(next(&follower, 0, AT_ONCE).0, Next::Timeout { position: 2 });
    append(&store, events(7));
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [3, 4, 5]);
    assert_eq!(next(&follower, 0, None).0, Next::Done { position: 5 });
    append(&store, events(1));
    assert_eq!(next(&follower, 0, None).0, Next::Done { position: 5 });
    let nothing = cursor(&store, "null", r#"{"follow":true,"limit":0}"#);
    assert!(matches!(next(&nothing, 0, None).0, Next::Done { .. }));
}

fn a_follower_is_done_at_the_position_where_its_query_ends(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(2));
    let bounded = |query: Value| cursor(&store, query, FOLLOW);
    let all = bounded(json!({"up_to": 4}));
    let none = bounded(json!({"up_to": 4, "type": "unheard of"}));
    let widest = bounded(json!([{"up_to": 1}, {"up_to": 4, "type": "Counted"}]));
    for follower in [&all, &widest] {
        assert_eq!(positions(&next(follower, 0, AT_ONCE).1), [1, 2]);
        assert_eq!(next(follower, 0, AT_ONCE).0, Next::Timeout { position: 2 });
    }
    let waiting = task("next", move || next(&none, 0, None).0);
    waiting.still_runs();
    append(&store, events(1));
    waiting.still_runs();
    append(&store, events(3));
    // No event of its own came, but none can come any more.
    assert_eq!(waiting.outcome(), Next::Done { position: 4 });
    for follower in [&all, &widest] {
        assert_eq!(positions(&next(follower, 0, None).1), [3, 4]);
        assert_eq!(next(follower, 0, None).0, Next::Done { position: 4 });
    }
    // The head is just there: nothing is waited for.
    let exact = bounded(json!({"up_to": 6}));
    assert_eq!(positions(&next(&exact, 0, AT_ONCE).1), [1, 2, 3, 4, 5, 6]);
    assert_eq!(next(&exact, 0, Some(PATIENCE)).0, Next::Done { position: 6 });
    // Ended before it began.
    assert_eq!(next(&bounded(json!({"up_to": 0})), 0, None).0, Next::Done { position: 0 });
    assert_eq!(next(&bounded(json!({"up_to": 3, "type": "unheard of"})), 0, None).0, Next::Done { position: 3 });
}

fn a_follower_may_begin_behind_the_head(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(2));
    let follower = cursor(&store, json!({"after": 5}), FOLLOW);
    assert_eq!(next(&follower, 0, AT_ONCE).0, Next::Timeout { position: 5 });
    append(&store, events(2));
    assert_eq!(next(&follower, 0, AT_ONCE).0, Next::Timeout { position: 5 });
    append(&store, events(3));
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [6, 7]);
}

fn names_that_come_later_are_found(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(1));
    let queries = [
        json!({"type": "New"}),
        json!({"domain": "new"}),
        json!({"instance_id": ["nobody", "new"]}),
        json!({"domain": "new", "instance_id": "new", "after_version": 1}),
        json!({"tags": ["new", "d"]}),
        json!({"id": id(77)}),
    ];
    let followers: Vec<Cursor> = queries.iter().map(|query| cursor(&store, query, FOLLOW)).collect();
    for follower in &followers {
        assert_eq!(next(follower, 0, AT_ONCE).0, Next::Timeout { position: 1 });
    }
    let mut new = event_with_id(77, "New", "new", "new");
    new["tags"] = json!(["d", "new"]);
    append(&store, json!([event("Counted", "new", "new"), new]));
    for (query, follower) in queries.iter().zip(&followers) {
        let expected = positions(&read(&store, query, "null"));
        assert_eq!(expected.last(), Some(&3), "{query}");
        assert_eq!(positions(&next(follower, 0, AT_ONCE).1), expected, "{query}");
    }
}

fn a_follower_of_a_window_of_time_takes_late_arrivals(factory: &Factory) {
    let store = factory.fresh();
    let at = |time: &str| {
        let mut draft = event("t", "d", "i");
        draft["inserted_at"] = json!(time);
        append(&store, draft);
    };
    let window = json!({"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"});
    let follower = cursor(&store, window, FOLLOW);
    for (time, inside) in [
        ("2026-01-02T00:00:00Z", true),
        ("2026-01-03T00:00:00Z", false),
        ("2026-01-05T00:00:00Z", false),
        ("2026-01-02T23:59:59.999999Z", true),
        ("2026-01-01T23:59:59.999999Z", false),
    ] {
        at(time);
        let (next, events) = next(&follower, 0, AT_ONCE);
        assert_eq!(matches!(next, Next::Events { .. }), inside, "{time}");
        assert_eq!(position(next), store.head().unwrap());
        assert_eq!(events.len(), inside as usize);
    }
}

fn a_slow_follower_gets_a_batch_in_bounded_pieces(factory: &Factory) {
    let store = factory.fresh();
    let follower = cursor(&store, "null", r#"{"follow":true,"max_bytes":2000,"format":"ndjson"}"#);
    append(&store, events(1000));
    let mut text = Vec::new();
    let mut pieces = 0;
    loop {
        let mut out = Vec::new();
        let Next::Events { .. } = follower.next(0, AT_ONCE, &mut out).unwrap() else { break };
        assert!(out.len() <= 2000, "{} bytes", out.len());
        text.extend(out);
        pieces += 1;
    }
    assert!(pieces > 50, "{pieces} pieces");
    assert!(text == read_text(&store, "null", r#"{"format":"ndjson"}"#).as_bytes());
}

fn every_follower_gets_everything(factory: &Factory) {
    let store = factory.fresh();
    let followers: Vec<_> = (0..20)
        .map(|_| {
            let follower = cursor(&store, "null", r#"{"follow":true,"limit":100}"#);
            task("a follower", move || {
                let mut found = Vec::new();
                while let (Next::Events { .. }, events) = next(&follower, 0, None) {
                    found.extend(positions(&events));
                }
                found
            })
        })
        .collect();
    for _ in 0..100 {
        append(&store, event("t", "d", "i"));
    }
    for follower in followers {
        assert_eq!(follower.outcome(), (1..=100).collect::<Vec<_>>());
    }
}

fn an_empty_batch_is_nothing_to_follow(factory: &Factory) {
    let store = factory.fresh();
    let follower = cursor(&store, "null", FOLLOW);
    let waiting = task("next", move || next(&follower, 0, None));
    for position in 1..=10 {
        append_with(&store, "[]", json!({"tracking": {"source": "s", "position": position}}));
    }
    waiting.still_runs();
    append(&store, events(1));
    assert_eq!(positions(&waiting.outcome().1), [1]);
}
