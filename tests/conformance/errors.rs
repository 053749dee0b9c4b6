//! Errors tell a person where, what and what to do, and a program the same in details.

use crate::atomicity::{furnish, refusals};
use crate::engines::Factory;
use crate::support::*;
use runestore::{Error, ErrorKind, Store};
use serde_json::{Value, json};
use std::collections::HashSet;

scenarios![
    an_error_names_the_event_the_field_and_the_remedy,
    an_error_names_the_option_and_the_remedy,
    an_error_names_the_query_the_key_and_the_remedy,
    an_error_tells_where_a_text_stops_being_json,
    a_conflict_names_what_was_expected_and_what_was_there,
    the_first_of_several_faults_is_told,
    syntax_comes_before_meaning,
    every_error_is_readable_and_the_same_as_json,
    odd_names_are_shown_as_they_are,
    long_names_do_not_make_long_messages,
    every_kind_has_a_name_of_its_own,
];

/// What no person wants to read in a message.
const NOISE: [&str; 14] = [
    "Some(",
    "None",
    "Ok(",
    "Err(",
    "ErrorKind",
    "Error {",
    "Error(",
    "::",
    "\\u{",
    "unwrap",
    "panicked",
    ".rs",
    "Utf8",
    "serde",
];

#[track_caller]
fn assert_readable(error: &Error) {
    let message = error.message();
    assert!(!message.is_empty());
    for noise in NOISE {
        assert!(!message.contains(noise), "{noise:?} in: {message}");
    }
    assert!(!message.contains(char::is_control), "a control character in: {message:?}");
    assert_eq!(error.to_string(), format!("{}: {message}", error.kind().code()));

    let json = parsed(error.to_json().as_bytes());
    let mut expected = details(error);
    expected["code"] = json!(error.kind().code());
    expected["message"] = json!(message);
    assert_eq!(json, expected);
    assert!(error.to_json().starts_with(&format!("{{\"code\":\"{}\",\"message\":", error.kind().code())));
}

#[track_caller]
fn assert_says(error: &Error, parts: &[&str]) {
    assert_readable(error);
    for part in parts {
        assert!(error.message().contains(part), "{part:?} is not in: {}", error.message());
    }
}

fn an_error_names_the_event_the_field_and_the_remedy(factory: &Factory) {
    let store = factory.fresh();
    let good = r#"{"type":"t","domain":"d","instance_id":"i"}"#;
    let with = |rest: &str| format!(r#"{{"type":"t","domain":"d","instance_id":"i",{rest}}}"#);
    let without_type = r#""domain":"d","instance_id":"i""#;
    for (event, field, parts) in [
        (format!(r#"{{"tpye":"t",{without_type}}}"#), "tpye", ["`tpye`", "did you mean `type`?"]),
        (with(r#""Data":1"#), "Data", ["`Data`", "did you mean `data`?"]),
        (with(r#""payload":1"#), "payload", ["`payload`", "known are"]),
        (format!("{{{without_type}}}"), "type", ["`type` is missing", "1 to 1024 bytes"]),
        (format!(r#"{{"type":null,{without_type}}}"#), "type", ["`type` is missing", "give"]),
        (r#"{"type":"t","instance_id":"i"}"#.into(), "domain", ["`domain` is missing", "give"]),
        (r#"{"type":"t","domain":"d"}"#.into(), "instance_id", ["`instance_id` is missing", "give"]),
        (with(r#""type":"u""#), "type", ["`type` stands twice", "give it once"]),
        (with(r#""data":1,"d\u0061ta":2"#), "data", ["`data` stands twice", "give it once"]),
        (with(r#""sequence_number":1"#), "sequence_number", ["`sequence_number` is assigned", "leave it out"]),
        (with(r#""stream_version":1"#), "stream_version", ["`stream_version` is assigned", "leave it out"]),
        (with(r#""id":"123""#), "id", ["`id` must be a UUID of 36 characters", "such as"]),
        (with(r#""id":7"#), "id", ["`id`", "must be a string"]),
        (with(r#""version":1.5"#), "version", ["`version` must be an integer", "1 to 4294967295"]),
        (with(r#""inserted_at":"yesterday""#), "inserted_at", ["`inserted_at` must be an RFC 3339 time", "such as"]),
        (with(r#""tags":"x""#), "tags", ["`tags`", "must be an array of strings"]),
        (with(r#""tags":["x","y","x"]"#), "tags", ["`tags` hold `x` twice", "once"]),
        (with(r#""tags":[5]"#), "tags", ["`tags`", "must be"]),
        (with(r#""data_base64":"A""#), "data_base64", ["`data_base64` must be base64", "padded"]),
        (with(r#""metadata":5"#), "metadata", ["`metadata`", "must be an object"]),
        (with(r#""metadata":{"domain":5}"#), "metadata.domain", ["`metadata.domain`", "must be a string"]),
        (with(r#""metadata":{"instance_id":"j"}"#), "instance_id", ["`instance_id` differs", "give it once"]),
    ] {
        let error = refuse(&store, ErrorKind::InvalidEvent, &event, "{}");
        assert_says(&error, &parts);
        assert_says(&error, &["event: "]);
        assert_eq!(details(&error), json!({"index": 0, "field": field}), "{event}");
        let error = refuse(&store, ErrorKind::InvalidEvent, format!("[{good},{good},{event},{good}]"), "{}");
        assert_says(&error, &parts);
        assert_says(&error, &["events[2]: "]);
        assert_eq!(details(&error), json!({"index": 2, "field": field}), "{event}");
    }
    let both = with(r#""data":1,"data_base64":"""#);
    assert_says(&refuse(&store, ErrorKind::InvalidEvent, both, "{}"), &["`data`", "`data_base64`", "one of them"]);
    let none = refuse(&store, ErrorKind::InvalidEvent, "[1]", "{}");
    assert_says(&none, &["events[0]", "must be a JSON object"]);
    assert_eq!(details(&none), json!({"index": 0}));
    assert_says(&refuse(&store, ErrorKind::InvalidEvent, "5", "{}"), &["an object or an array of objects"]);
    let twice = json!([event_with_id(1, "t", "d", "i"), event_with_id(1, "t", "d", "i")]);
    assert_says(
        &refuse(&store, ErrorKind::DuplicateId, twice, "{}"),
        &[&id(1), "twice in the batch", "an id of its own"],
    );
    append(&store, event_with_id(1, "t", "d", "i"));
    let other = refuse(&store, ErrorKind::DuplicateId, event_with_id(1, "u", "d", "i"), "{}");
    assert_says(&other, &[&id(1), "stored already", "new ids"]);
}

fn an_error_names_the_option_and_the_remedy(factory: &Factory) {
    let store = factory.fresh();
    for (options, option, parts) in [
        (r#"{"expected_verison":1}"#, "expected_verison", ["`expected_verison`", "did you mean `expected_version`?"]),
        (r#"{"expected_version":-1}"#, "expected_version", ["`expected_version`", "\"any\" or \"exists\""]),
        (r#"{"expected_version":"all"}"#, "expected_version", ["`expected_version`", "an integer from 0"]),
        (r#"{"expect":{}}"#, "expect", ["`expect`", "must be an array"]),
        (r#"{"expect":[{"domain":"d","instance_id":"i"}]}"#, "expect[0]", ["`expect[0]` has no `version`", "give"]),
        (
            r#"{"expect":[{"domain":"d","version":1}]}"#,
            "expect[0].instance_id",
            ["`expect[0].instance_id`", "must be given"],
        ),
        (
            r#"{"expect":[{"domain":"","instance_id":"i","version":1}]}"#,
            "expect[0].domain",
            ["`expect[0].domain` is empty", "1 to 1024 bytes"],
        ),
        (r#"{"expect":[{"domian":"d"}]}"#, "domian", ["`expect[0]`", "did you mean `domain`?"]),
        (r#"{"condition":{"after":1}}"#, "condition", ["no `fail_if_events_match`", "give the query"]),
        (
            r#"{"condition":{"fail_if_events_match":null,"after":-1}}"#,
            "condition.after",
            ["`condition.after`", "an integer from 0"],
        ),
        (r#"{"tracking":{"source":"s"}}"#, "tracking", ["`tracking` has no `position`", "give"]),
        (r#"{"tracking":{"position":1}}"#, "tracking.source", ["`tracking.source` must be given", "a string"]),
        (r#"{"return":"summry"}"#, "return", ["`return` must be", "\"events\" or \"summary\""]),
        (r#"{"return":"events","return":"events"}"#, "return", ["`return` stands twice", "give it once"]),
        ("[]", "options", ["`options`", "must be an object"]),
    ] {
        let error = refuse(&store, ErrorKind::InvalidOptions, event("t", "d", "i"), options);
        assert_says(&error, &parts);
        assert_eq!(details(&error), json!({"option": option}), "{options}");
    }
    for (options, option, parts) in [
        (r#"{"limt":1}"#, "limt", ["`limt`", "did you mean `limit`?"]),
        (r#"{"limit":-1}"#, "limit", ["`limit`", "an integer from 0"]),
        (r#"{"direction":"up"}"#, "direction", ["`direction`", "\"forward\" or \"backward\""]),
        (r#"{"format":"csv"}"#, "format", ["`format`", "\"array\" or \"ndjson\""]),
        (r#"{"pagination":"yes"}"#, "pagination", ["`pagination`", "true or false"]),
        (r#"{"pagination":true,"limit":0}"#, "limit", ["`limit`", "at least 1"]),
        (r#"{"pagination":true,"format":"ndjson"}"#, "format", ["`pagination`", "leave `format` out"]),
    ] {
        for error in [
            fails(ErrorKind::InvalidOptions, store.get_events_json(None, Some(options))),
            fails(ErrorKind::InvalidOptions, store.cursor(None, Some(options)).map(|_| ())),
        ] {
            // On a cursor, pagination is refused for its own sake.
            if error.detail("option") == Some(&json!("pagination")) && option != "pagination" {
                continue;
            }
            assert_says(&error, &parts);
            assert_eq!(details(&error), json!({"option": option}), "{options}");
        }
    }
    let several = json!([event("t", "d", "i"), event("t", "d", "j")]);
    let error = refuse(&store, ErrorKind::InvalidOptions, several, r#"{"expected_version":1}"#);
    assert_says(&error, &["`expected_version`", "one stream", "use `expect`"]);
    let error = fails(ErrorKind::InvalidOptions, store.cursor(None, Some(r#"{"follow":true,"offset":5}"#)).map(|_| ()));
    assert_says(&error, &["`offset`", "`after` in the query"]);
    assert_says(&fails(ErrorKind::InvalidOptions, store.tracking("")), &["source", "empty", "1 to 1024 bytes"]);
}

fn an_error_names_the_query_the_key_and_the_remedy(factory: &Factory) {
    let store = factory.fresh();
    for (query, key, parts) in [
        (r#"{"typ":"t"}"#, Some("typ"), ["`typ`", "did you mean `type`?"]),
        (r#"{"after_verison":1}"#, Some("after_verison"), ["`after_verison`", "did you mean `after_version`?"]),
        (r#"{"payload":1}"#, Some("payload"), ["`payload`", "known are"]),
        (r#"{"type":null}"#, Some("type"), ["`type` is null", "leave it out"]),
        (r#"{"type":5}"#, Some("type"), ["`type`", "a string or an array of strings"]),
        (r#"{"domain":["d",5]}"#, Some("domain"), ["`domain`", "a string or an array of strings"]),
        (r#"{"tags":"x"}"#, Some("tags"), ["`tags`", "an array of strings"]),
        (r#"{"from":"today"}"#, Some("from"), ["`from`", "RFC 3339"]),
        (r#"{"to":5}"#, Some("to"), ["`to`", "such as"]),
        (r#"{"after":-1}"#, Some("after"), ["`after`", "an integer from 0"]),
        (r#"{"up_to":1.0}"#, Some("up_to"), ["`up_to`", "an integer from 0"]),
        (r#"{"after_version":1}"#, Some("after_version"), ["`after_version`", "one `domain` and one `instance_id`"]),
        (r#"{"type":"t","type":"t"}"#, Some("type"), ["`type` stands twice", "give it once"]),
        ("5", None, ["must be null, an object", "or an array of objects"]),
    ] {
        let mut wanted = json!({});
        if let Some(key) = key {
            wanted["key"] = json!(key);
        }
        // In an array, the place of the object is told as well.
        let alone = fails(ErrorKind::InvalidQuery, store.get_events_json(Some(query), None));
        assert_says(&alone, &parts);
        assert_eq!(details(&alone), wanted, "{query}");
        let condition = format!(r#"{{"condition":{{"fail_if_events_match":{query}}}}}"#);
        let in_condition = refuse(&store, ErrorKind::InvalidQuery, event("t", "d", "i"), condition);
        assert_says(&in_condition, &parts);
        assert_says(&in_condition, &["condition.fail_if_events_match: "]);
        assert_eq!(details(&in_condition), wanted, "{query}");
        assert_eq!(fails(ErrorKind::InvalidQuery, store.cursor(Some(query), None).map(|_| ())), alone);

        wanted["index"] = json!(1);
        let second = fails(ErrorKind::InvalidQuery, store.get_events_json(Some(&format!("[{{}},{query}]")), None));
        assert_says(&second, &parts);
        assert_says(&second, &["query[1]"]);
        assert_eq!(details(&second), wanted, "{query}");
    }
    let nothing = r#"{"condition":{"fail_if_events_match":[]}}"#;
    let error = refuse(&store, ErrorKind::InvalidQuery, "[]", nothing);
    assert_says(&error, &["empty array", "null"]);
}

fn an_error_tells_where_a_text_stops_being_json(factory: &Factory) {
    let store = factory.fresh();
    for (text, offset) in [
        ("", 0),
        ("{", 1),
        (r#"{"type":}"#, 8),
        (r#"{"type":"t",}"#, 12),
        (r#"{"type":"a"#, 10),
        (r#"[{} {}]"#, 4),
        (r#"{"type":"\x"}"#, 9),
        (r#"{"data":1E400}"#, 8),
        (r#"{"data":"\ud800"}"#, 9),
        ("{\"data\":\"a\nb\"}", 10),
        (r#"{} {}"#, 3),
        ("{\"é\":'a'}", 6),
    ] {
        let error = refuse(&store, ErrorKind::InvalidJson, text, "{}");
        assert_says(&error, &["events", &format!("at byte {offset}")]);
        assert_eq!(details(&error), json!({"in": "events", "offset": offset}), "{text}");
    }
    let not_utf8 = fails(ErrorKind::InvalidJson, store.append_json(b"{\"type\":\"\xff\"}", None));
    assert_says(&not_utf8, &["UTF-8", "at byte 9"]);
    for (error, place) in [
        (refuse(&store, ErrorKind::InvalidJson, "[]", "{"), "options"),
        (fails(ErrorKind::InvalidJson, store.get_events_json(Some("{"), None)), "query"),
        (fails(ErrorKind::InvalidJson, store.get_events_json(None, Some("{"))), "options"),
        (fails(ErrorKind::InvalidJson, store.cursor(Some("{"), None).map(|_| ())), "query"),
        (fails(ErrorKind::InvalidJson, Store::open("{").map(|_| ())), "config"),
    ] {
        assert_says(&error, &[place, "at byte 1"]);
        assert_eq!(details(&error), json!({"in": place, "offset": 1}));
    }
}

fn a_conflict_names_what_was_expected_and_what_was_there(factory: &Factory) {
    let store = factory.fresh();
    append_with(
        &store,
        json!([event("t", "desk", "lamp"), event("u", "desk", "lamp")]),
        json!({"tracking": {"source": "inbox", "position": 41}}),
    );
    let error = refuse(&store, ErrorKind::Conflict, event("t", "desk", "lamp"), r#"{"expected_version":17}"#);
    assert_says(&error, &["expected_version", "desk", "lamp", "version 2", "version 17", "again"]);
    let options = json!({"expect": [{"domain": "shelf", "instance_id": "book", "version": "exists"}]});
    let error = refuse(&store, ErrorKind::Conflict, event("t", "desk", "lamp"), options);
    assert_says(&error, &["expect", "shelf", "book", "version 0", "existing", "again"]);
    let options = json!({"condition": {"fail_if_events_match": {"type": "u"}, "after": 1}});
    let error = refuse(&store, ErrorKind::Conflict, event("t", "desk", "lamp"), options);
    assert_says(&error, &["condition", "the event at 2", "behind 1", "again"]);
    let options = json!({"tracking": {"source": "inbox", "position": 40}});
    let error = refuse(&store, ErrorKind::Conflict, event("t", "desk", "lamp"), options);
    assert_says(&error, &["tracking", "inbox", "41", "40", "skip it"]);
}

fn the_first_of_several_faults_is_told(factory: &Factory) {
    let store = factory.fresh();
    let bad = |field: &str| format!(r#"{{"type":"t","domain":"d","instance_id":"i","{field}":1}}"#);
    let error = refuse(&store, ErrorKind::InvalidEvent, format!("[{},{}]", bad("one"), bad("two")), "{}");
    assert_eq!(details(&error), json!({"index": 0, "field": "one"}));
    // Options are read first of all.
    refuse(&store, ErrorKind::InvalidOptions, format!("[{}]", bad("one")), r#"{"limt":1}"#);
    fails(ErrorKind::InvalidQuery, store.get_events_json(Some(r#"{"typ":1}"#), Some(r#"{"limt":1}"#)));
}

fn syntax_comes_before_meaning(factory: &Factory) {
    let store = factory.fresh();
    refuse(&store, ErrorKind::InvalidJson, r#"[{"tpye":1},{"type":"t""#, "{}");
    refuse(&store, ErrorKind::InvalidJson, r#"[{"version":0},{"data":1E999}]"#, "{}");
    refuse(&store, ErrorKind::InvalidJson, r#"5 5"#, "{}");
    fails(ErrorKind::InvalidJson, store.get_events_json(Some(r#"[{"typ":1},{"type":"\ud800"}]"#), None));
    fails(ErrorKind::InvalidJson, store.get_events_json(None, Some(r#"{"limt":1,}"#)));
    let unsound = r#"{"condition":{"fail_if_events_match":[]},"x":"#;
    refuse(&store, ErrorKind::InvalidJson, "[]", unsound);
}

fn every_error_is_readable_and_the_same_as_json(factory: &Factory) {
    let store = factory.fresh();
    furnish(&store);
    let mut messages = HashSet::new();
    for (kind, events, options) in refusals() {
        let error = refuse(&store, kind, events, options);
        assert_readable(&error);
        messages.insert(String::from(error.message()));
    }
    assert!(messages.len() > 40, "{} different messages: each place has its own", messages.len());
    store.close().unwrap();
    assert_says(&fails(ErrorKind::Closed, store.head()), &["closed", "open it again"]);
}

fn odd_names_are_shown_as_they_are(factory: &Factory) {
    let store = factory.fresh();
    for name in [
        "größe",
        "say \"hi\"",
        "back\\slash",
        "it's",
        "tab\tand\nline",
        "zero\u{200b}width",
        "e\u{301}",
        "del\u{7f}",
        "🎈",
    ] {
        // No control character gets into a message; quotes and backslashes may be escaped as in JSON.
        let plain = name.replace(char::is_control, "\u{fffd}");
        let as_json = json!(name).to_string();
        let shown = |error: &Error| {
            assert_readable(error);
            let message = error.message();
            assert!(message.contains(&plain) || message.contains(&as_json), "{name:?} is not in: {message}");
        };
        shown(&refuse(&store, ErrorKind::Conflict, event("t", name, "i"), r#"{"expected_version":3}"#));
        shown(&refuse(&store, ErrorKind::Conflict, event("t", "d", name), r#"{"expected_version":3}"#));
        let options = json!({"tracking": {"source": name, "position": 0}});
        shown(&refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), options));
    }
    for name in ["größe", "say \"hi\"", "it's", "🎈"] {
        let error = refuse(&store, ErrorKind::InvalidEvent, json!({name: 1}), "{}");
        assert_says(&error, &[name]);
        assert_eq!(error.detail("field"), Some(&json!(name)));
        let error = fails(ErrorKind::InvalidQuery, store.get_events_json(Some(&json!({name: 1}).to_string()), None));
        assert_says(&error, &[name]);
        let error = refuse(&store, ErrorKind::InvalidOptions, "[]", json!({name: 1}));
        assert_says(&error, &[name]);
    }
}

fn long_names_do_not_make_long_messages(factory: &Factory) {
    let store = factory.fresh();
    let long = "n".repeat(1 << 20);
    let tags: Value =
        json!({"type": "t", "domain": "d", "instance_id": "i", "tags": ["y".repeat(1024), "y".repeat(1024)]});
    for error in [
        refuse(&store, ErrorKind::InvalidEvent, json!({long.clone(): 1}), "{}"),
        refuse(&store, ErrorKind::InvalidOptions, "[]", json!({long.clone(): 1})),
        fails(ErrorKind::InvalidQuery, store.get_events_json(Some(&json!({long.clone(): 1}).to_string()), None)),
        fails(ErrorKind::InvalidOptions, Store::open(&json!({long.clone(): 1}).to_string()).map(|_| ())),
        fails(ErrorKind::InvalidOptions, Store::open(&json!({"store": long}).to_string()).map(|_| ())),
        refuse(&store, ErrorKind::InvalidEvent, tags, "{}"),
    ] {
        assert_readable(&error);
        assert!(error.message().len() < 1000, "{} bytes", error.message().len());
    }
}

fn every_kind_has_a_name_of_its_own(_: &Factory) {
    let names: HashSet<&str> = ErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(names.len(), ErrorKind::ALL.len());
    for name in names {
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
    }
}
