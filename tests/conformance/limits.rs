//! The limits, at the last value that is accepted and the first that is not.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};

scenarios![
    an_append_holds_100_000_events_and_no_more,
    an_append_holds_64_mib_of_text_and_no_more,
    queries_and_options_hold_64_mib_of_text_and_no_more,
    data_and_metadata_are_together_16_mib_and_no_more,
    data_and_metadata_nest_128_levels_each_and_no_more,
    queries_and_options_nest_128_levels_and_are_refused_for_what_they_mean,
    a_name_has_1024_bytes_and_no_more,
    an_event_carries_64_tags_and_no_more,
    an_events_version_is_1_to_4294967295,
    the_largest_position_is_2_to_the_63_minus_1,
];

const MIB: usize = 1 << 20;

/// The append is refused as too large, with these numbers, and nothing is stored.
#[track_caller]
fn too_large(store: &Store, events: &str, limit: usize, actual: usize) {
    let before = (store.head().unwrap(), store.info().unwrap());
    let error = match store.append_json(events, None) {
        Err(error) => error,
        Ok(answer) => panic!("{} bytes are answered, {actual} are more than {limit}", answer.len()),
    };
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert_eq!(error.detail("limit"), Some(&json!(limit)), "{error}");
    assert_eq!(error.detail("actual"), Some(&json!(actual)), "{error}");
    assert!(error.message().contains(&limit.to_string()), "{error}");
    assert_eq!((store.head().unwrap(), store.info().unwrap()), before);
}

fn summary(store: &Store, events: &str) -> Value {
    parsed(&store.append_json(events, Some(r#"{"return":"summary"}"#)).unwrap())
}

fn an_append_holds_100_000_events_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    let batch = |count: usize| {
        let one = r#"{"type":"t","domain":"d","instance_id":"i"}"#;
        format!("[{one}{}]", format!(",{one}").repeat(count - 1))
    };
    too_large(&store, &batch(100_001), 100_000, 100_001);
    let expected = json!({"first": 1, "last": 100_000, "count": 100_000, "head": 100_000});
    assert_eq!(summary(&store, &batch(100_000)), expected);
    let last = read(&store, json!({"domain": "d", "instance_id": "i", "after_version": 99_999}), "null");
    assert_eq!((positions(&last), numbers(&last, "stream_version")), (vec![100_000], vec![100_000]));
    too_large(&store, &batch(150_000), 100_000, 150_000);
    // Not JSON further on: that is told first, however many events there are.
    fails(ErrorKind::InvalidJson, store.append_json(batch(100_001) + "}", None));
}

fn an_append_holds_64_mib_of_text_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    let mut text = String::from(r#"{"type":"t","domain":"d","instance_id":"i"}"#);
    text.push_str(&" ".repeat(64 * MIB - text.len()));
    assert_eq!(summary(&store, &text), json!({"first": 1, "last": 1, "count": 1, "head": 1}));
    text.push(' ');
    too_large(&store, &text, 64 * MIB, 64 * MIB + 1);
    // Before everything else, so that nobody has to read it.
    too_large(&store, &"x".repeat(64 * MIB + 7), 64 * MIB, 64 * MIB + 7);

    // Many payloads, each below its own limit.
    let filled = |bytes: usize| {
        let event =
            |data: usize| format!(r#"{{"type":"t","domain":"d","instance_id":"i","data":"{}"}}"#, "x".repeat(data));
        let four = vec![event(16 * MIB - 1000); 4].join(",");
        let rest = bytes - four.len() - 3 - event(0).len();
        format!("[{four},{}]", event(rest))
    };
    assert_eq!(summary(&store, &filled(64 * MIB)), json!({"first": 2, "last": 6, "count": 5, "head": 6}));
    too_large(&store, &filled(64 * MIB + 1), 64 * MIB, 64 * MIB + 1);
    let bytes = read_text(&store, r#"{"after":1}"#, "null").len();
    assert!(bytes > 63 * MIB, "what was stored is read: {bytes} bytes");
}

fn queries_and_options_hold_64_mib_of_text_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(1));
    let padded = |text: &str, bytes: usize| format!("{text}{}", " ".repeat(bytes - text.len()));
    let (full, more) = (padded("{}", 64 * MIB), padded("{}", 64 * MIB + 1));
    assert_eq!(read(&store, &full, "null").len(), 1);
    for error in [
        fails(ErrorKind::TooLarge, store.get_events_json(Some(&more), None)),
        fails(ErrorKind::TooLarge, store.get_events_json(None, Some(&more))),
        fails(ErrorKind::TooLarge, store.cursor(Some(&more), None)),
        fails(ErrorKind::TooLarge, store.cursor(None, Some(&more))),
        fails(ErrorKind::TooLarge, store.append_json("[]", Some(&more))),
        fails(ErrorKind::TooLarge, Store::open(&more)),
    ] {
        assert_eq!(details(&error), json!({"limit": 64 * MIB, "actual": 64 * MIB + 1}));
    }
    assert_eq!(store.append_json("[]", Some(&full)).unwrap(), b"[]");
}

fn data_and_metadata_are_together_16_mib_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    let event = |data: &str, metadata: &str| {
        format!(r#"{{"type":"t","domain":"d","instance_id":"i",{data},"metadata":{metadata}}}"#)
    };
    let string = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let object = |bytes: usize| format!("{{\"m\":{}}}", string(bytes - 6));
    let data = |bytes: usize| format!("\"data\":{}", string(bytes));
    let mut stored = 0;
    for (data_bytes, metadata_bytes) in [(16 * MIB - 10, 10), (10, 16 * MIB - 10), (8 * MIB, 8 * MIB)] {
        stored += 1;
        let summed = summary(&store, &event(&data(data_bytes), &object(metadata_bytes)));
        assert_eq!(summed["head"], json!(stored));
        too_large(&store, &event(&data(data_bytes + 1), &object(metadata_bytes)), 16 * MIB, 16 * MIB + 1);
        too_large(&store, &event(&data(data_bytes), &object(metadata_bytes + 1)), 16 * MIB, 16 * MIB + 1);
    }
    // White space between tokens is not stored, and does not count.
    let spaced = format!("\"data\": [{}{}]", " ".repeat(MIB), string(16 * MIB - 4));
    assert_eq!(summary(&store, &event(&spaced, "{ }"))["head"], json!(4));
    // Binary payloads count as they are written.
    let base64 = |bytes: usize| format!("\"data_base64\":\"{}\"", "A".repeat(bytes - 2));
    assert_eq!(summary(&store, &event(&base64(16 * MIB - 14), &object(10)))["head"], json!(5));
    too_large(&store, &event(&base64(16 * MIB - 2 + 4), "{}"), 16 * MIB, 16 * MIB + 4);
    // One event's payload, not all of them; the error names the event.
    let small = event("\"data\":1", "{}");
    let error = store.append_json(format!("[{small},{},{small}]", event(&data(16 * MIB), "{}")), None).unwrap_err();
    assert_eq!((error.kind(), error.detail("index")), (ErrorKind::TooLarge, Some(&json!(1))));
    assert!(error.message().contains("events[1]"), "{error}");
    assert_eq!(store.head().unwrap(), 5);
}

fn nested(levels: usize) -> String {
    // Arrays and objects in turn.
    let open: String = (0..levels).map(|level| if level % 2 == 0 { "[" } else { "{\"k\":" }).collect();
    let close: String = (0..levels).rev().map(|level| if level % 2 == 0 { "]" } else { "}" }).collect();
    format!("{open}{}{close}", if levels.is_multiple_of(2) { "1" } else { "" })
}

fn data_and_metadata_nest_128_levels_each_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    let event = |data: &str, metadata: &str| {
        format!(r#"[{{"type":"t","domain":"d","instance_id":"i","data":{data},"metadata":{metadata}}}]"#)
    };
    let object = |levels: usize| format!("{{\"m\":{}}}", nested(levels - 1));
    for (data, metadata) in [(128, 128), (1, 128), (128, 1), (127, 127)] {
        let text = event(&nested(data), &object(metadata));
        let answer = String::from_utf8(store.append_json(&text, None).unwrap()).unwrap();
        assert!(answer.contains(&format!("\"data\":{},\"metadata\":{}}}]", nested(data), object(metadata))));
    }
    let before = Snapshot::of(&store, &[]);
    for (data, metadata) in [(129, 1), (1, 129), (129, 129), (100_000, 1), (1, 100_000)] {
        let error = refuse(&store, ErrorKind::InvalidJson, event(&nested(data), &object(metadata)), "{}");
        assert!(error.message().contains("nested too deeply"), "{error}");
    }
    assert_eq!(Snapshot::of(&store, &[]), before);
}

fn queries_and_options_nest_128_levels_and_are_refused_for_what_they_mean(factory: &Factory) {
    let store = factory.fresh();
    fails(ErrorKind::InvalidQuery, store.get_events_json(Some(&nested(128)), None));
    fails(ErrorKind::InvalidOptions, store.get_events_json(None, Some(&nested(128))));
    for levels in [129, 10_000] {
        fails(ErrorKind::InvalidJson, store.get_events_json(Some(&nested(levels)), None));
        fails(ErrorKind::InvalidJson, store.get_events_json(None, Some(&nested(levels))));
        fails(ErrorKind::InvalidJson, store.append_json("[]", Some(&nested(levels))));
    }
    // An array of events is no payload: a level or two more stand around it.
    fails(ErrorKind::InvalidJson, store.append_json(nested(10_000), None));
}

fn a_name_has_1024_bytes_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    // Bytes of UTF-8, not characters, and of the string, not of its escapes.
    let (full, more) = ("é".repeat(512), "é".repeat(512) + "x");
    let escaped = "\\u0041".repeat(1024);
    let mut stored = 0;
    for name in ["type", "domain", "instance_id"] {
        let with = |value: &str| {
            let mut draft = event("t", "d", "i");
            draft[name] = json!(value);
            draft
        };
        append(&store, with(&full));
        append(&store, with("x").to_string().replace("\"x\"", &format!("\"{escaped}\"")));
        stored += 2;
        assert_eq!(read(&store, json!({name: full}), "null").len(), 1);
        assert_eq!(read(&store, json!({name: "A".repeat(1024)}), "null").len(), 1);
        for bad in [more.as_str(), "", "a\0b"] {
            let error = refuse(&store, ErrorKind::InvalidEvent, with(bad), "{}");
            assert_eq!(details(&error), json!({"index": 0, "field": name}));
            let mut tagged = event("t", "d", "i");
            tagged["tags"] = json!(["x", bad]);
            let error = refuse(&store, ErrorKind::InvalidEvent, tagged, "{}");
            assert_eq!(details(&error), json!({"index": 0, "field": "tags"}));
        }
    }
    assert_eq!(store.head().unwrap(), stored);
}

fn an_event_carries_64_tags_and_no_more(factory: &Factory) {
    let store = factory.fresh();
    let tagged = |count: usize| {
        let mut draft = event("t", "d", "i");
        draft["tags"] = (0..count).map(|n| format!("tag {n}")).collect();
        draft
    };
    append(&store, tagged(64));
    let error = refuse(&store, ErrorKind::InvalidEvent, tagged(65), "{}");
    assert_eq!(details(&error), json!({"index": 0, "field": "tags"}));
    assert!(error.message().contains("64"), "{error}");
    let all: Vec<String> = (0..64).map(|n| format!("tag {n}")).collect();
    assert_eq!(read(&store, json!({"tags": all}), "null").len(), 1);
}

fn an_events_version_is_1_to_4294967295(factory: &Factory) {
    let store = factory.fresh();
    let with = |version: &str| format!(r#"{{"type":"t","domain":"d","instance_id":"i","version":{version}}}"#);
    for version in [1_u64, 2, 4_294_967_295] {
        assert_eq!(append(&store, with(&version.to_string()))[0]["version"], json!(version));
    }
    for bad in ["0", "-1", "4294967296", "99999999999999999999", "1.0", "1e0", "\"1\"", "true", "[]", "-0"] {
        let error = refuse(&store, ErrorKind::InvalidEvent, with(bad), "{}");
        assert_eq!(details(&error), json!({"index": 0, "field": "version"}), "{bad}");
    }
    assert_eq!(store.head().unwrap(), 3);
}

fn the_largest_position_is_2_to_the_63_minus_1(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(2));
    let largest = i64::MAX as u64;
    for key in ["after", "up_to"] {
        let found = read(&store, json!({key: largest}), "null").len();
        assert_eq!(found, if key == "after" { 0 } else { 2 });
        for bad in [json!(largest + 1), json!(u64::MAX), json!(-1), json!(1.0), json!("1")] {
            let error =
                fails(ErrorKind::InvalidQuery, store.get_events_json(Some(&json!({key: bad}).to_string()), None));
            assert_eq!(details(&error), json!({"key": key}), "{bad}");
        }
    }
    for option in ["limit", "offset"] {
        read(&store, "null", json!({option: largest}));
        for bad in [json!(largest + 1), json!(-1), json!(1.5), json!("1"), json!(true)] {
            let options = json!({option: bad}).to_string();
            let error = fails(ErrorKind::InvalidOptions, store.get_events_json(None, Some(&options)));
            assert_eq!(details(&error), json!({"option": option}), "{bad}");
        }
    }
}
