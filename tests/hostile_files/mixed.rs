//! Stores that were not closed, and copies of a store that went different ways.

use crate::sample::{files_of, open};
use runestore::{ErrorKind, Store};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

type Files = BTreeMap<String, Vec<u8>>;

fn write(path: &Path, files: &Files) {
    let _ = fs::remove_dir_all(path);
    fs::create_dir(path).expect("it can be made");
    for (name, content) in files {
        fs::write(path.join(name), content).expect("it can be written");
    }
}

fn make(path: &Path) -> Arc<Store> {
    let options = json!({ "path": path, "segment_bytes": 65536 });
    Store::open(&json!({ "store": "file", "store_opts": options }).to_string()).expect("it opens")
}

fn append(store: &Store, text: &str) {
    let event = json!({ "type": "T", "domain": "d", "instance_id": "i", "data": text });
    store.append_json(event.to_string(), None).expect("it is stored");
}

fn all(store: &Store) -> runestore::Result<String> {
    let all = store.get_events_json(None, Some(r#"{"format":"ndjson"}"#))?;
    Ok(String::from_utf8(all).expect("it is UTF-8"))
}

/// A writer was killed, and one of its watermark's slots was damaged: the older slot is right about what is
/// durable, and says nothing about what came later.
#[test]
fn a_damaged_slot_of_the_watermark_hides_no_acknowledged_event() {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let path = home.path().join("store");
    let store = make(&path);
    (0..7).for_each(|nth| append(&store, &format!("event {nth}")));
    let files = files_of(&path);
    let wanted = all(&store).expect("all can be read");
    store.close().expect("it closes");
    let copy = home.path().join("copy");
    for slot in [0, 512] {
        for byte in [3, 9, 20, 40, 60, 70, 78, 100, 510] {
            for read_only in [true, false] {
                let mut files = files.clone();
                files.get_mut("watermark").expect("it is there")[slot + byte] ^= 1;
                write(&copy, &files);
                let what = format!("slot at {slot}, byte {byte}, read_only {read_only}");
                match open(&copy, read_only) {
                    Ok(store) => match all(&store) {
                        Ok(got) => assert_eq!(got.lines().count(), wanted.lines().count(), "{what}"),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
                    },
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}"),
                }
            }
        }
    }
}

/// Two copies of one store have the same UUID, the same first segment's salt, the same epochs. Only the chain tells them apart.
#[test]
fn segments_of_a_copy_that_went_another_way_are_found_out() {
    // Of the same lengths, so that both segments end at the same place, at the same position.
    mix(|store| {
        (0..5).for_each(|_| append(store, &"b".repeat(14_000)));
        (0..2).for_each(|_| append(store, "b"));
    });
}

/// What the segment before holds reaches beyond the first position of the next one.
#[test]
fn a_segment_of_a_copy_with_more_events_is_found_out() {
    mix(|store| (0..300).for_each(|_| append(store, "b")));
}

/// Puts the files of two copies together that were one store, in every way.
fn mix(fill_other: impl Fn(&Store)) {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let (one, other) = (home.path().join("one"), home.path().join("other"));
    let store = make(&one);
    append(&store, "common");
    store.close().expect("it closes");
    write(&other, &files_of(&one));
    let filled = |path: &Path, fill: &dyn Fn(&Store)| {
        let store = make(path);
        fill(&store);
        store.close().expect("it closes");
        files_of(path)
    };
    let fill_one = |store: &Store| {
        (0..5).for_each(|_| append(store, &"a".repeat(14_000)));
        (0..2).for_each(|_| append(store, "a"));
    };
    let (ours, theirs) = (filled(&one, &fill_one), filled(&other, &fill_other));
    let names: Vec<&String> = ours.keys().collect();
    for files in [&ours, &theirs] {
        assert_eq!(files.keys().filter(|name| name.ends_with(".log")).count(), 2, "{names:?}");
    }
    let texts = |path: &Path| all(&open(path, true).expect("it opens")).expect("all can be read");
    let right = [texts(&one), texts(&other)];
    let mixed = home.path().join("mixed");
    for taken in 1_usize..1 << names.len() {
        let mut files = Files::new();
        for (nth, name) in names.iter().enumerate() {
            let content = if taken >> nth & 1 == 1 { theirs.get(*name) } else { ours.get(*name) };
            files.extend(content.map(|content| ((*name).clone(), content.clone())));
        }
        for read_only in [true, false] {
            write(&mixed, &files);
            let Ok(store) = open(&mixed, read_only) else { continue };
            let found_by_verify = store.verify().is_ok_and(|report| report["ok"] == false);
            let read = all(&store);
            let is_right = read.as_ref().is_ok_and(|read| right.contains(read));
            assert!(
                found_by_verify || is_right,
                "{taken:b}, read_only {read_only}: verify finds nothing, and {read:?}"
            );
        }
    }
}
