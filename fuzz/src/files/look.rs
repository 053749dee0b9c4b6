//! Looks at a store in files that anybody may have made: an error, or answers that agree with each other.

use crate::c::{self, Handle};
use crate::store::Error;
use library::ErrorKind;
use serde_json::{Map, Value, json};

/// Opens the store in `path`; `None` is an error that files deserve.
pub fn open(path: &str, read_only: bool) -> Option<Handle> {
    let options = json!({ "path": path, "read_only": read_only, "create": false, "segment_bytes": 65536 });
    let config = json!({ "store": "file", "store_opts": options }).to_string();
    let kinds = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::NotFound, ErrorKind::Io];
    deserved(c::init(Some(config.as_bytes())), &kinds)
}

fn deserved<T>(answer: Result<T, Error>, kinds: &[ErrorKind]) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) if kinds.contains(&error.kind) => None,
        Err(error) => panic!("no files deserve {error}"),
    }
}

/// Events of a query, a line each; `None` where the store is damaged.
pub fn read(store: Handle, query: &Value, direction: &str) -> Option<String> {
    let options = json!({ "format": "ndjson", "direction": direction }).to_string();
    let answer = c::get_events(store, Some(query.to_string().as_bytes()), Some(options.as_bytes()));
    let lines = deserved(answer, &[ErrorKind::Corrupt, ErrorKind::Io])?;
    Some(String::from_utf8(lines).expect("it was UTF-8"))
}

/// All events, a line each.
pub fn all(store: Handle) -> Option<String> {
    read(store, &Value::Null, "forward")
}

/// The report; `None` where not even that can be made.
pub fn verify(store: Handle) -> Option<Value> {
    let report = deserved(c::verify(store), &[ErrorKind::Corrupt, ErrorKind::Io])?;
    Some(serde_json::from_slice(&report).expect("the report is JSON"))
}

/// Reads all of an open store, and asks for some of it by everything that is indexed; all events, if they could be read.
pub fn at(store: Handle) -> Option<String> {
    let all = all(store);
    let backward = read(store, &Value::Null, "backward");
    let report = verify(store);
    let is_sound = report.as_ref().is_some_and(|report| report["ok"] == true);
    let _ = deserved(c::info(store), &[ErrorKind::Corrupt, ErrorKind::Io]);
    let _ = deserved(c::tracking(store, Some(b"mailer")), &[ErrorKind::Corrupt, ErrorKind::Io]);
    let events: Vec<Map<String, Value>> = all.iter().flat_map(|all| all.lines()).map_while(event).collect();
    for (event, position) in events.iter().zip(1_u64..) {
        assert_eq!(event["sequence_number"], position, "positions have no gap");
    }
    if is_sound {
        let all = all.as_ref().expect("what is sound can be read");
        let report = report.expect("it has nothing to say");
        assert_eq!(events.len(), all.lines().count(), "what verify calls sound are events: {all}");
        assert_eq!(report["events"], events.len(), "verify counts as many as can be read");
        assert_eq!(backward.as_ref(), Some(&reversed(all)), "backward is the other way round");
    }
    ask(store, all.as_deref(), &events, is_sound);
    all
}

/// Whether an event is one of a query's.
type Matches<'a> = dyn Fn(&Map<String, Value>) -> bool + 'a;

/// Queries that are made of the events that there are.
fn ask(store: Handle, all: Option<&str>, events: &[Map<String, Value>], is_sound: bool) {
    let empty = Map::new();
    let event = |nth: usize| events.get(nth).unwrap_or(&empty);
    let (first, middle, last) = (event(0), event(events.len() / 2), event(events.len().saturating_sub(1)));
    let name = |event: &Map<String, Value>, field: &str| match event.get(field) {
        Some(Value::String(name)) => Value::from(name.as_str()),
        _ => Value::from("x"),
    };
    let cases: [(Value, &Matches<'_>); 6] = [
        (json!({ "type": name(first, "type") }), &|event| event["type"] == name(first, "type")),
        (json!({ "domain": name(middle, "domain"), "instance_id": name(middle, "instance_id") }), &|event| {
            event["domain"] == name(middle, "domain") && event["instance_id"] == name(middle, "instance_id")
        }),
        (json!({ "id": name(last, "id") }), &|event| event["id"] == name(last, "id")),
        (json!({ "tags": ["all"] }), &|event| {
            event["tags"].as_array().is_some_and(|tags| tags.contains(&"all".into()))
        }),
        (json!({ "from": "2000-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z" }), &|event| {
            let time = event["inserted_at"].as_str().unwrap_or("");
            ("2000-01-01T00:00:00.000000Z".."2025-01-01T00:00:00.000000Z").contains(&time)
        }),
        (json!({ "after": 2, "up_to": 4 }), &|event| (3..=4).contains(&event["sequence_number"].as_u64().unwrap_or(0))),
    ];
    for (query, matches) in cases {
        // A name of a file may be none that a query can have: then that is the answer.
        let Some(found) = read(store, &query, "forward") else {
            assert!(!is_sound, "what is sound can be asked");
            continue;
        };
        if let (true, Some(all)) = (is_sound, all) {
            let wanted: String = all
                .lines()
                .zip(events)
                .filter(|(_, event)| matches(event))
                .map(|(line, _)| format!("{line}\n"))
                .collect();
            assert_eq!(found, wanted, "{query}");
        }
    }
}

/// Appends an event; its line.
pub fn append(store: Handle) -> Option<String> {
    let event = br#"{"type":"fuzz","domain":"fuzz","instance_id":"fuzz","data":1}"#;
    let kinds = [ErrorKind::Corrupt, ErrorKind::Io, ErrorKind::TooLarge];
    let stored = deserved(c::append(store, Some(event), None, true), &kinds)?;
    let stored = String::from_utf8(stored).expect("it was UTF-8");
    let line = stored.strip_prefix('[').and_then(|stored| stored.strip_suffix(']')).expect("it is an array");
    Some(format!("{line}\n"))
}

/// An event's fields; `None` where it is none.
fn event(line: &str) -> Option<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_str(line);
    reader.disable_recursion_limit();
    let fields: Map<String, Value> = serde::Deserialize::deserialize(&mut reader).ok()?;
    ["sequence_number", "type", "domain", "instance_id", "id", "inserted_at", "tags"]
        .iter()
        .all(|name| fields.contains_key(*name))
        .then_some(fields)
}

fn reversed(lines: &str) -> String {
    lines.lines().rev().map(|line| format!("{line}\n")).collect()
}
