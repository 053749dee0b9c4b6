//! Copies from engine to engine: everything kept, compared, gone on with where one ended.

use runestore::{ErrorKind, Store};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

fn export(store: &Store) -> Vec<u8> {
    store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).unwrap()
}

fn file(path: &Path) -> Arc<Store> {
    Store::open(&json!({"store": "file", "store_opts": {"path": path.to_str(), "segment_bytes": 1 << 20}}).to_string())
        .unwrap()
}

fn memory() -> Arc<Store> {
    Store::open("{}").unwrap()
}

/// Batches of many sizes, odd payloads, old times, and two readers' progress.
fn history(events: usize) -> Arc<Store> {
    let store = memory();
    let odd = [
        r#"{"type":"é\u0000","domain":"d","instance_id":"i","data":1}"#.replace("\\u0000", "\\u0001"),
        String::from(
            r#"{"type":"T","domain":"d","instance_id":"i","data":{"a":1.50,"a":1e2,"big":1234567890123456789012345678901234567890}}"#,
        ),
        String::from(
            r#"{"type":"T","domain":"d","instance_id":"i","data_base64":"AAEC","inserted_at":"1999-12-31T23:59:59.999999+01:00"}"#,
        ),
        String::from(
            r#"{"type":"T","metadata":{"domain":"m","instance_id":"j","x":[]},"tags":["b","a"],"version":7,"data":null}"#,
        ),
        String::from(r#"{"type":"T","domain":"d","instance_id":"k","data":{ },"metadata":{ }}"#),
    ];
    store.append_json(format!("[{}]", odd.join(",")), Some(r#"{"tracking":{"source":"one","position":3}}"#)).unwrap();
    let mut stored = odd.len();
    for size in (1..).map(|size| size % 700 + 1) {
        let size = size.min(events - stored);
        let batch: Vec<Value> = (0..size)
            .map(|at| json!({"type": "N", "domain": "d", "instance_id": format!("s{}", at % 50), "data": {"n": stored + at}}))
            .collect();
        store.append_json(Value::from(batch).to_string(), Some(r#"{"return":"summary"}"#)).unwrap();
        stored += size;
        if stored == events {
            break;
        }
    }
    store.append_json("[]", Some(r#"{"tracking":{"source":"two\n","position":9}}"#)).unwrap();
    store
}

#[test]
fn a_store_moves_from_engine_to_engine_and_is_the_same() {
    let home = tempfile::tempdir().unwrap();
    let source = history(60_000);
    let before = export(&source);
    let stores = [file(&home.path().join("one")), memory(), file(&home.path().join("two"))];
    let mut from = &source;
    for to in &stores {
        let copied = from.copy_to(to).unwrap();
        assert_eq!(Value::from(copied), json!({"copied": 60_000, "events": 60_000, "head": 60_000}));
        assert!(export(to) == before);
        assert_eq!((to.tracking("one").unwrap(), to.tracking("two\n").unwrap()), (3, 9));
        from = to;
    }
    // And goes on from there.
    let stream = r#"{"type":"N","domain":"d","instance_id":"i"}"#;
    from.append_json(stream, Some(r#"{"expected_version":3}"#)).unwrap();
    assert_eq!(from.copy_to(&stores[1]).unwrap()["copied"], json!(1));
    assert!(export(&stores[1]) == export(from));
    assert_eq!(from.verify().unwrap()["ok"], json!(true));
}

#[test]
fn a_copy_that_ended_half_way_is_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let source = history(60_000);
    let target = file(&home.path().join("copy"));
    let mut told = Vec::new();
    let error = source
        .copy_to_with(&target, &mut |done, total| {
            told.push((done, total));
            if done >= 20_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let half = target.head().unwrap();
    assert!((20_000..60_000).contains(&half), "{half}");
    assert!(told.iter().all(|(_, total)| *total == 120_000), "{told:?}");
    target.close().unwrap();

    let target = file(&home.path().join("copy"));
    let mut told = Vec::new();
    let copied = source
        .copy_to_with(&target, &mut |done, total| {
            told.push((done, total));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(copied["copied"], json!(60_000 - half));
    assert!(told.is_sorted() && told.last() == Some(&(120_000 - half, 120_000 - half)), "{told:?}");
    assert!(export(&target) == export(&source));
}

#[test]
fn what_is_not_the_beginning_of_the_source_is_refused_and_left_alone() {
    let source = history(2_000);
    let other = memory();
    other.append_json(r#"{"type":"Other","domain":"d","instance_id":"i"}"#, None).unwrap();
    let before = export(&other);
    let error = source.copy_to(&other).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!((error.detail("reason"), error.detail("sequence_number")), (Some(&json!("copy")), Some(&json!(1))));
    assert!(export(&other) == before);

    // A target that is ahead.
    let copy = memory();
    source.copy_to(&copy).unwrap();
    copy.append_json(r#"{"type":"More","domain":"d","instance_id":"i"}"#, None).unwrap();
    let error = source.copy_to(&copy).unwrap_err();
    assert!(error.message().contains("the target has 2001 events, the source 2000"), "{error}");

    // Another one in the middle, which only the comparison at the end can find.
    let changed = memory();
    let lines = export(&source);
    let lines: Vec<&[u8]> = lines.split_inclusive(|byte| *byte == b'\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let mut event: Value = if at == 1_000 {
            json!({"type": "N", "domain": "d", "instance_id": "s0"})
        } else {
            serde_json::from_slice(line).unwrap()
        };
        let fields = event.as_object_mut().unwrap();
        fields.remove("sequence_number");
        fields.remove("stream_version");
        changed.append_json(event.to_string(), None).unwrap();
    }
    let error = source.copy_to(&changed).unwrap_err();
    let position = error.detail("sequence_number").and_then(Value::as_u64).unwrap();
    assert!(error.kind() == ErrorKind::Conflict && position <= 1001, "{error}");
}

#[test]
fn somebody_else_who_writes_to_the_target_makes_it_a_conflict() {
    let source = history(60_000);
    let target = memory();
    let error = source
        .copy_to_with(&target, &mut |done, _| {
            if done < 20_000 {
                target.append_json(r#"{"type":"Mine","domain":"d","instance_id":"i"}"#, None).unwrap();
            }
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert_eq!((error.kind(), error.detail("reason")), (ErrorKind::Conflict, Some(&json!("condition"))));
}

#[test]
fn a_copy_beside_another_one_is_a_conflict_too() {
    let source = history(60_000);
    let target = memory();
    let later = source.get_events_json(Some(r#"{"after":14999,"up_to":15000}"#), None).unwrap();
    let mut later: Value = serde_json::from_slice(&later).unwrap();
    let fields = later[0].as_object_mut().unwrap();
    fields.remove("sequence_number");
    fields.remove("stream_version");
    let error = source
        .copy_to_with(&target, &mut |done, _| {
            if done == 10_000 {
                target.append_json(later.to_string(), None).unwrap();
            }
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert_eq!((error.kind(), error.detail("reason")), (ErrorKind::Conflict, Some(&json!("copy"))));
    assert_eq!((error.detail("sequence_number"), target.head().unwrap()), (Some(&json!(10_001)), 10_001));
}

#[test]
fn an_event_as_large_as_can_be_is_copied() {
    let source = memory();
    for event in [
        format!(r#"{{"type":"T","domain":"d","instance_id":"i","data":"{}"}}"#, "x".repeat((16 << 20) - 2)),
        format!(r#"{{"type":"T","domain":"d","instance_id":"i","metadata":{{"a":"{}"}}}}"#, "x".repeat((16 << 20) - 8)),
    ] {
        source.append_json(event, Some(r#"{"return":"summary"}"#)).unwrap();
    }
    let target = memory();
    assert_eq!(source.copy_to(&target).unwrap()["events"], json!(2));
}

#[test]
fn what_cannot_be_copied_says_why() {
    let source = history(10);
    assert_eq!(source.copy_to(&source).unwrap_err().kind(), ErrorKind::Misuse);
    let (empty, target) = (memory(), memory());
    assert_eq!(Value::from(empty.copy_to(&target).unwrap()), json!({"copied": 0, "events": 0, "head": 0}));
    target.close().unwrap();
    assert_eq!(source.copy_to(&target).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(target.copy_to(&source).unwrap_err().kind(), ErrorKind::Closed);
    let target = memory();
    let error = source
        .copy_to_with(&target, &mut |_, _| {
            let _ = target.interrupt();
            ControlFlow::Continue(())
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}
