//! Every golden store of every version: opened, read, verified, written, opened again. `tests/golden/README.md` says
//! what they are.

use runestore::Store;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A store, and what it holds.
struct Golden {
    path: PathBuf,
    events: String,
    about: Value,
}

/// All of them.
fn goldens() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut goldens = Vec::new();
    for version in folders(&folder) {
        for path in folders(&version) {
            let read = |suffix| fs::read_to_string(path.with_extension(suffix)).expect("what it holds is beside it");
            let about = serde_json::from_str(&read("json")).expect("it is JSON");
            goldens.push(Golden { events: read("ndjson"), about, path });
        }
    }
    // A test that finds nothing to open must not pass. These were there when it was written.
    assert!(goldens.len() >= 10, "only {} golden stores", goldens.len());
    goldens
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).expect("it can be listed").map(|entry| entry.expect("it can be listed").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(path).expect("it can be listed").map(|entry| entry.expect("it can be listed").path());
    let name = |path: &Path| path.file_name().expect("it has a name").to_string_lossy().into_owned();
    entries.map(|path| (name(&path), fs::read(&path).expect("it can be read"))).collect()
}

impl Golden {
    /// A copy of the store, to do with as one likes.
    fn copy(&self) -> (tempfile::TempDir, PathBuf) {
        let home = tempfile::tempdir().expect("there is room for a directory");
        let path = home.path().join("store");
        fs::create_dir(&path).expect("it can be made");
        for (name, content) in files(&self.path) {
            fs::write(path.join(name), content).expect("it can be written");
        }
        (home, path)
    }

    /// Everything in the store is as it was written, byte for byte.
    fn compare(&self, store: &Store, more: &str) {
        let name = self.path.display();
        let wanted = format!("{}{more}", self.events);
        for (direction, wanted) in [("forward", wanted.clone()), ("backward", reversed(&wanted))] {
            let options = format!(r#"{{"format":"ndjson","direction":"{direction}"}}"#);
            let got = store.get_events_json(None, Some(&options)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(got == wanted.as_bytes(), "{name}: its events, {direction}");
        }
        // Each is found by what is indexed, too.
        for text in wanted.lines() {
            let event: Value = serde_json::from_str(text).expect("it is JSON");
            let query = json!({
                "id": event["id"], "type": event["type"], "domain": event["domain"], "tags": event["tags"],
                "instance_id": event["instance_id"], "from": event["inserted_at"],
            });
            let got = store.get_events_json(Some(&query.to_string()), Some(r#"{"format":"ndjson"}"#));
            let got = got.unwrap_or_else(|error| panic!("{name}: {query}: {error}"));
            assert_eq!(String::from_utf8_lossy(&got), format!("{text}\n"), "{name}: {query}");
        }
        for (source, position) in self.about["tracking"].as_object().expect("its tracking is told") {
            assert_eq!(store.tracking(source).ok(), position.as_u64(), "{name}: {source}");
        }
        let report = store.verify().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(report["ok"], true, "{name}: {report:?}");
        assert_eq!(report["events"], wanted.lines().count(), "{name}");
        let info = store.info().expect("it has information");
        assert_eq!(info["head"], wanted.lines().count(), "{name}");
    }
}

fn reversed(lines: &str) -> String {
    lines.lines().rev().map(|line| format!("{line}\n")).collect()
}

fn open(path: &Path, read_only: bool) -> Arc<Store> {
    let options = json!({ "path": path, "read_only": read_only, "create": false });
    let config = json!({ "store": "file", "store_opts": options }).to_string();
    Store::open(&config).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_golden_store_is_read_and_left_as_it_is() {
    for golden in goldens() {
        let (_home, path) = golden.copy();
        let store = open(&path, true);
        golden.compare(&store, "");
        assert_eq!(
            store.info().expect("it has information")["epoch"],
            golden.about["epoch"],
            "{}",
            golden.path.display()
        );
        store.close().expect("it closes");
        assert!(files(&path) == files(&golden.path), "{}: a reader changes nothing", golden.path.display());
    }
}

#[test]
fn every_golden_store_is_written_and_opened_again() {
    for golden in goldens() {
        let (_home, path) = golden.copy();
        let store = open(&path, false);
        golden.compare(&store, "");
        let epoch = golden.about["epoch"].as_u64().map(|epoch| epoch + 1);
        assert_eq!(store.info().expect("it has information")["epoch"].as_u64(), epoch, "{}", golden.path.display());
        let event = json!({ "type": "new", "domain": "new", "instance_id": "ü", "data": "after all these years" });
        let stored = store.append_json(event.to_string(), None).expect("it is stored");
        let stored = String::from_utf8(stored).expect("it is UTF-8");
        let more = format!("{}\n", stored.trim_start_matches('[').trim_end_matches(']'));
        golden.compare(&store, &more);
        store.close().expect("it closes");
        for read_only in [true, false] {
            let store = open(&path, read_only);
            golden.compare(&store, &more);
            store.close().expect("it closes");
        }
    }
}
