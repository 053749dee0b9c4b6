//! What is read and verified while the log grows and goes on in another segment.

use runestore::Store;
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

fn open(path: &Path, options: Value) -> Arc<Store> {
    let mut options = options;
    options["path"] = json!(path);
    Store::open(&json!({ "store": "file", "store_opts": options }).to_string()).expect("it opens")
}

fn append(store: &Store, events: usize, bytes: usize) {
    let event = json!({ "type": "T", "domain": "d", "instance_id": "i", "data": "x".repeat(bytes) });
    store.append_json(json!(vec![event; events]).to_string(), None).expect("it is stored");
}

fn segments(store: &Store) -> u64 {
    store.info().expect("it tells")["segments"].as_u64().expect("a number")
}

/// The page of one event that begins at `offset`: its position, and how many there are.
fn page(store: &Store, offset: u64, direction: &str) -> (u64, u64) {
    let options = json!({ "pagination": true, "limit": 1, "offset": offset, "direction": direction }).to_string();
    let page = store.get_events_json(Some(r#"{"type":"T"}"#), Some(&options)).expect("it is a page");
    let page: Value = serde_json::from_slice(&page).expect("it is JSON");
    let number = |value: &Value| value.as_u64().expect("a number");
    (number(&page["events"][0]["sequence_number"]), number(&page["pagination"]["total_count"]))
}

/// A store that was closed has the index of its newest segment's beginning, and goes on in that segment: then the beginning gives
/// way to all of it, and what was counted in it is not what the segment has.
#[test]
fn what_was_counted_of_the_beginning_of_a_segment_is_not_taken_for_all_of_it() {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let path = home.path().join("store");
    let store = open(&path, json!({ "segment_bytes": 4 << 20 }));
    (0..40).for_each(|_| append(&store, 10, 1000));
    store.close().expect("it closes");
    let store = open(&path, json!({ "segment_bytes": 4 << 20 }));
    let reader = open(&path, json!({ "read_only": true }));
    for store in [&store, &reader] {
        assert_eq!((page(store, 399, "forward"), page(store, 0, "backward")), ((400, 400), (400, 400)));
    }
    while segments(&store) < 3 {
        append(&store, 10, 1000);
        let head = store.head().expect("it has one");
        for store in [&store, &reader] {
            for offset in [0, 399, 400, head / 2, head - 1] {
                assert_eq!(page(store, offset, "forward"), (offset + 1, head));
                assert_eq!(page(store, offset, "backward"), (head - offset, head));
            }
        }
    }
}

/// The segment that was the newest when the walk began is full when it comes to it.
#[test]
fn verify_finds_nothing_where_the_log_goes_on_meanwhile() {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let store = open(&home.path().join("store"), json!({ "segment_bytes": 65536 }));
    (0..4).for_each(|_| append(&store, 1, 14_500));
    assert_eq!(segments(&store), 1);
    let mut is_first = true;
    let report = store.verify_with(&mut |_, _| {
        if std::mem::take(&mut is_first) {
            append(&store, 1, 14_500);
        }
        ControlFlow::Continue(())
    });
    assert_eq!(segments(&store), 2);
    assert_eq!(report.expect("it is verified")["problems"], json!([]));
}

/// Writers that append events, and positions alone, through many segments, while this process and a reader verify.
#[test]
fn verify_finds_nothing_while_others_append() {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let path = home.path().join("store");
    let store = open(&path, json!({ "segment_bytes": 65536, "sync": "never" }));
    append(&store, 1, 10);
    let reader = open(&path, json!({ "read_only": true }));
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let store = &store;
                scope.spawn(move || {
                    for position in 1..=300 {
                        append(store, 5, 700);
                        let options =
                            json!({ "tracking": { "source": format!("writer {writer}"), "position": position } });
                        store.append_json("[]", Some(&options.to_string())).expect("it is recorded");
                    }
                })
            })
            .collect();
        let mut verified = 0;
        while verified < 20 || writers.iter().any(|writer| !writer.is_finished()) {
            for store in [&store, &reader] {
                let before = store.head().expect("it has one");
                let report = store.verify().expect("it is verified");
                assert_eq!(report["problems"], json!([]));
                assert!(report["events"].as_u64() >= Some(before), "{report:?}: {before} were visible before");
            }
            verified += 1;
        }
    });
    assert!(segments(&store) > 20);
}

/// What was acknowledged is checked to its end, where no event stands any more.
#[test]
fn verify_of_an_open_store_finds_damage_behind_the_last_event() {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let path = home.path().join("store");
    let store = open(&path, json!({}));
    append(&store, 1, 100);
    let tracking = json!({ "tracking": { "source": "the-mailer", "position": 1 } }).to_string();
    store.append_json("[]", Some(&tracking)).expect("it is recorded");
    let reader = open(&path, json!({ "read_only": true }));
    for store in [&store, &reader] {
        assert_eq!(store.verify().expect("it is verified")["problems"], json!([]));
    }
    let log = path.join("00000000000000000001.log");
    let at = find(&std::fs::read(&log).expect("it is read"), b"the-mailer");
    let file = std::fs::File::options().write(true).open(&log).expect("it is there");
    file.write_all_at(b"T", at).expect("it is written");
    for store in [&store, &reader] {
        let report = store.verify().expect("it is verified");
        assert_eq!(report["events"], 1);
        let problems = report["problems"].as_array().expect("they are a list");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0]["file"], "00000000000000000001.log");
        assert!(problems[0]["offset"].as_u64() < Some(at), "{problems:?}");
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> u64 {
    bytes.windows(wanted.len()).position(|window| window == wanted).expect("it stands there") as u64
}

/// The writer acknowledges, and goes on in another segment, while a reader is being opened. What the reader looked at first is
/// not all then, and what came since is no damage.
#[test]
fn a_reader_is_opened_while_events_are_appended() {
    for (events, bytes) in [(1, 10), (5, 50_000)] {
        let home = tempfile::tempdir().expect("there is room for a directory");
        let path = home.path().join("store");
        let store = open(&path, json!({ "segment_bytes": 4 << 20 }));
        append(&store, 1, 10);
        let ended = AtomicBool::new(false);
        let broken = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(SeqCst) {
                    append(&store, events, bytes);
                }
            });
            let found = (0..200).find_map(|_| opened_beside(&store, &path));
            ended.store(true, SeqCst);
            found
        });
        assert_eq!(broken, None);
    }
}

/// What is wrong with a reader that is opened now.
fn opened_beside(store: &Store, path: &Path) -> Option<String> {
    let acknowledged = store.head().expect("it has one");
    let reader = open(path, json!({ "read_only": true }));
    let head = reader.head().expect("it has one");
    match reader.get_events_json(None, Some(r#"{"direction":"backward","limit":1}"#)) {
        Ok(_) if head >= acknowledged => None,
        Ok(_) => Some(format!("{head} events, where {acknowledged} were acknowledged before")),
        Err(error) => Some(error.to_string()),
    }
}
