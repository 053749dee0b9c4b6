//! Limit, offset, direction and format; and that a read is of one moment.

use crate::engines::Factory;
use crate::history::{EVENTS, history};
use crate::support::*;
use runestore::ErrorKind;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

scenarios![
    the_whole_log_comes_back_as_it_was_written_in_both_directions,
    every_offset_and_limit_gives_that_part_of_the_result,
    lines_and_an_array_hold_the_same_events,
    options_that_are_null_are_left_out,
    an_empty_store_answers_empty_results,
    a_read_sees_whole_batches_and_all_that_was_acknowledged,
    reading_changes_nothing,
];

fn the_whole_log_comes_back_as_it_was_written_in_both_directions(factory: &Factory) {
    let history = history(factory);
    assert!(read_text(&history.store, "null", "null") == history.array(&history.events));
    let backward = read_text(&history.store, "null", r#"{"direction":"backward"}"#);
    assert!(backward == history.array(history.events.iter().rev()));
    let lines = read_text(&history.store, "null", r#"{"direction":"backward","format":"ndjson"}"#);
    assert!(lines == history.ndjson(history.events.iter().rev()));
    assert_eq!(history.text.lines().count(), EVENTS);
}

fn every_offset_and_limit_gives_that_part_of_the_result(factory: &Factory) {
    const COUNT: usize = 9;
    let store = factory.fresh();
    let all = append(&store, events(COUNT));
    let huge = i64::MAX as usize;
    for offset in (0..COUNT + 2).chain([huge]) {
        for limit in (0..COUNT + 2).chain([huge]) {
            let options = json!({"offset": offset, "limit": limit});
            let part: Vec<Value> = all.iter().skip(offset).take(limit).cloned().collect();
            assert_eq!(read(&store, "null", &options), part, "{options}");
            let options = json!({"offset": offset, "limit": limit, "direction": "backward"});
            let part: Vec<Value> = all.iter().rev().skip(offset).take(limit).cloned().collect();
            assert_eq!(read(&store, "null", &options), part, "{options}");
        }
        let options = json!({"offset": offset});
        assert_eq!(read(&store, "null", &options), all.iter().skip(offset).cloned().collect::<Vec<_>>());
    }
    // Far into a long result, where the way is long.
    let history = history(factory);
    for offset in [1, 4096, 25_000, EVENTS - 1, EVENTS] {
        let options = json!({"offset": offset, "limit": 3});
        assert_eq!(
            read_text(&history.store, "null", &options),
            history.array(history.events.iter().skip(offset).take(3))
        );
        let options = json!({"offset": offset, "limit": 3, "direction": "backward"});
        let part = history.events.iter().rev().skip(offset).take(3);
        assert_eq!(read_text(&history.store, "null", &options), history.array(part));
    }
}

fn lines_and_an_array_hold_the_same_events(factory: &Factory) {
    let store = factory.fresh();
    append(
        &store,
        r#"[{"type":"a\nb","domain":"d","instance_id":"i","data":"line\nbreak"},
                       {"type":"t","domain":"d","instance_id":"i","data":[1,
                        2]}]"#,
    );
    let array = read_text(&store, "null", r#"{"format":"array"}"#);
    let lines = read_text(&store, "null", r#"{"format":"ndjson"}"#);
    assert_eq!(lines.matches('\n').count(), 2, "no line break stands inside an event");
    assert!(lines.ends_with('\n'));
    let joined: Vec<&str> = lines.lines().collect();
    assert_eq!(array, format!("[{}]", joined.join(",")));
    assert_eq!(read_text(&store, json!({"type": "x"}), r#"{"format":"ndjson"}"#), "");
}

fn options_that_are_null_are_left_out(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    let all = read_text(&store, "null", "{}");
    let nulls = r#"{"limit":null,"offset":null,"direction":null,"pagination":null,"format":null}"#;
    assert_eq!(read_text(&store, "null", nulls), all);
    assert_eq!(store.get_events_json(None, None).unwrap(), all.as_bytes());
    assert_eq!(read_text(&store, "null", " null "), all);
}

fn an_empty_store_answers_empty_results(factory: &Factory) {
    let store = factory.fresh();
    assert_eq!(store.head().unwrap(), 0);
    for direction in ["forward", "backward"] {
        assert_eq!(read_text(&store, "null", json!({"direction": direction})), "[]");
        assert_eq!(read_text(&store, "null", json!({"direction": direction, "format": "ndjson"})), "");
        let (events, page) = page(&store, "null", json!({"direction": direction, "pagination": true, "limit": 7}));
        assert_eq!(events, [] as [Value; 0]);
        let wanted = json!({
            "total_count": 0, "page_size": 7, "page_number": 1, "total_pages": 0, "has_next": false, "has_prev": false, "head": 0,
        });
        assert_eq!(page, wanted);
    }
}

fn a_read_sees_whole_batches_and_all_that_was_acknowledged(factory: &Factory) {
    let store = factory.fresh();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for size in (1..=20).cycle().take(300) {
                let batch: Value = (0..size)
                    .map(|n| json!({"type": "t", "domain": "d", "instance_id": "i", "data": [n, size]}))
                    .collect();
                store.append_json(batch.to_string(), Some(r#"{"return":"summary"}"#)).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let mut seen_while_writing = 0;
        loop {
            let last_round = done.load(Ordering::SeqCst);
            let acknowledged = store.head().unwrap();
            let events = read_all(&store);
            assert_eq!(positions(&events), (1..=events.len() as u64).collect::<Vec<_>>());
            assert!(events.len() as u64 >= acknowledged);
            if let Some(last) = events.last() {
                assert_eq!(
                    last["data"][0].as_u64().unwrap() + 1,
                    last["data"][1].as_u64().unwrap(),
                    "a part of a batch"
                );
            }
            let (events, page) = page(&store, "null", r#"{"pagination":true,"limit":100000,"direction":"backward"}"#);
            assert_eq!(page["head"], json!(events.len()), "page and head are of one moment");
            assert_eq!(page["total_count"], json!(events.len()));
            if last_round {
                break;
            }
            seen_while_writing += 1;
        }
        assert!(seen_while_writing > 0, "no read overlapped with the writes");
    });
    assert_eq!(store.head().unwrap(), 3150);
}

fn reading_changes_nothing(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(5));
    let before = Snapshot::of(&store, &["s"]);
    for query in ["null", r#"{"type":"unheard of"}"#, r#"{"domain":"new","instance_id":"new"}"#] {
        read(&store, query, r#"{"direction":"backward"}"#);
        next(&cursor(&store, query, "{}"), 0, AT_ONCE);
    }
    fails(ErrorKind::InvalidQuery, store.get_events_json(Some(r#"{"typ":"t"}"#), None));
    assert_eq!(Snapshot::of(&store, &["s"]), before);
    append_with(&store, event("t", "new", "new"), r#"{"expected_version":0}"#);
}
