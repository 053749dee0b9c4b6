//! The store that is damaged: several segments, as small as segments can be, closed cleanly, and all that it must answer.

use runestore::Store;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Small batches, one that fills a segment of its own, small batches again.
const BATCHES: [(usize, usize); 10] =
    [(1, 20), (3, 40), (1, 300), (2, 0), (30, 1900), (2, 10), (1, 500), (3, 33), (1, 0), (1, 61)];

/// A store's files by name, and what is in it.
pub struct Sample {
    pub files: BTreeMap<String, Vec<u8>>,
    pub truth: Truth,
}

/// What a store must answer.
pub struct Truth {
    /// The events' texts, each with its newline.
    pub texts: Vec<String>,
    pub tracking: BTreeMap<String, u64>,
    pub asked: Vec<Asked>,
}

/// A query with its answer.
pub struct Asked {
    pub query: String,
    pub options: String,
    pub answer: String,
}

/// What opens a store.
pub fn open(path: &Path, read_only: bool) -> runestore::Result<Arc<Store>> {
    let options = json!({ "path": path, "read_only": read_only, "create": false, "segment_bytes": 65536 });
    Store::open(&json!({ "store": "file", "store_opts": options }).to_string())
}

/// The files of a directory, links and folders left out.
pub fn files_of(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).expect("the store can be listed");
    let names = entries.map(|entry| entry.expect("the store can be listed").path());
    let name = |path: &Path| path.file_name().expect("it has a name").to_string_lossy().into_owned();
    names.map(|path| (name(&path), std::fs::read(&path).expect("the file can be read"))).collect()
}

impl Sample {
    /// Writes the store; `nth` tells two of them apart.
    pub fn new(nth: usize) -> Sample {
        let home = tempfile::tempdir().expect("there is room for a directory");
        let path = home.path().join("store");
        let options = json!({ "path": path, "segment_bytes": 65536 });
        let store = Store::open(&json!({ "store": "file", "store_opts": options }).to_string()).expect("it opens");
        let mut number = 0;
        let mut tracking = BTreeMap::new();
        for (batch, (events, bytes)) in BATCHES.into_iter().enumerate() {
            let events: Vec<Value> = (0..events).map(|_| event(nth, &mut number, bytes)).collect();
            let source = format!("quelle-ä{}", batch % 3);
            let options = json!({ "tracking": { "source": source, "position": batch + 1 }, "return": "summary" });
            // Every other one only: a frame has tracking or has none.
            let options = (batch % 2 == 0).then(|| options.to_string());
            store.append_json(Value::from(events).to_string(), options.as_deref()).expect("it is stored");
            if options.is_some() {
                tracking.insert(source, batch as u64 + 1);
            }
        }
        let all = store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).expect("all can be read");
        let all = String::from_utf8(all).expect("it is UTF-8");
        store.close().expect("it closes");
        let texts: Vec<String> = all.lines().map(|line| format!("{line}\n")).collect();
        assert_eq!(texts.len(), number);
        let asked = asked(&texts);
        let files = files_of(&path);
        assert_eq!(files.keys().filter(|name| name.ends_with(".log")).count(), 3, "three segments");
        Sample { files, truth: Truth { texts, tracking, asked } }
    }
}

fn event(nth: usize, number: &mut usize, bytes: usize) -> Value {
    *number += 1;
    let (n, padding) = (*number, "é日x".repeat(bytes / 6));
    let mut event = json!({
        "type": format!("Type{}", n % 3),
        "domain": "konto",
        "instance_id": format!("i-{}", n % 4),
        "inserted_at": format!("2024-02-{:02}T00:00:00.000001Z", 1 + (n * 7) % 28),
        "tags": if n.is_multiple_of(5) { json!(["five", "größe"]) } else { json!([]) },
        "data": { "n": n, "store": nth, "text": padding },
    });
    // The store makes the ids of the others.
    if n.is_multiple_of(2) {
        event["id"] = format!("00000000-0000-4000-8000-{:012x}", n).into();
    }
    event
}

/// Queries by everything that is indexed, and their answers as the texts themselves tell them.
fn asked(texts: &[String]) -> Vec<Asked> {
    type Matches<'a> = dyn Fn(&Value) -> bool + 'a;
    let events: Vec<Value> = texts.iter().map(|text| serde_json::from_str(text).expect("it is JSON")).collect();
    let id = events[4]["id"].as_str().expect("it has an id");
    let made = events[6]["id"].clone();
    let cases: [(Value, &Matches<'_>); 9] = [
        (Value::Null, &|_| true),
        (json!({ "type": "Type1" }), &|event| event["type"] == "Type1"),
        (json!({ "domain": "konto", "instance_id": "i-2" }), &|event| event["instance_id"] == "i-2"),
        (json!({ "tags": ["größe"] }), &|event| event["tags"][1] == "größe"),
        (json!({ "id": id }), &|event| event["id"] == id),
        (json!({ "id": made }), &|event| event["id"] == made),
        (json!({ "from": "2024-02-05T00:00:00Z", "to": "2024-02-11T00:00:00Z" }), &|event| {
            ("2024-02-05".."2024-02-11").contains(&event["inserted_at"].as_str().unwrap_or(""))
        }),
        (json!({ "domain": "konto", "instance_id": "i-1", "after_version": 3 }), &|event| {
            event["instance_id"] == "i-1" && event["stream_version"].as_u64() > Some(3)
        }),
        (json!({ "type": "none of them" }), &|_| false),
    ];
    let mut asked = Vec::new();
    for (query, matches) in cases {
        let found: Vec<&str> =
            texts.iter().zip(&events).filter(|(_, event)| matches(event)).map(|(text, _)| text.as_str()).collect();
        let forward = Asked { query: query.to_string(), options: options("forward"), answer: found.concat() };
        let answer = found.iter().rev().copied().collect();
        asked.extend([forward, Asked { query: query.to_string(), options: options("backward"), answer }]);
    }
    asked
}

fn options(direction: &str) -> String {
    json!({ "format": "ndjson", "direction": direction }).to_string()
}
