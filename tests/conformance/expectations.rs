//! `expected_version` and `expect`: a stream is as the caller believes it to be, or nothing is stored.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};

scenarios![
    the_expected_version_is_the_one_before_the_append,
    an_expectation_that_fails_tells_what_was_there,
    two_who_read_the_same_version_cannot_both_append,
    an_expected_version_is_for_a_batch_of_one_stream,
    streams_that_are_not_written_to_can_be_expected_too,
    expectations_are_checked_in_the_order_given,
    an_empty_batch_can_hold_expectations,
];

fn version(store: &Store, domain: &str, instance_id: &str) -> u64 {
    read(store, json!({"domain": domain, "instance_id": instance_id}), "null").len() as u64
}

fn expect(domain: &str, instance_id: &str, version: impl Into<Value>) -> Value {
    json!({"domain": domain, "instance_id": instance_id, "version": version.into()})
}

fn the_expected_version_is_the_one_before_the_append(factory: &Factory) {
    let store = factory.fresh();
    // For each version that the stream has in turn: what may be expected, and nothing else.
    for there in 0..4_u64 {
        let events = json!([event("t", "d", "i"), event("u", "d", "i")]);
        for expected in 0..8 {
            if expected != there * 2 {
                refuse(&store, ErrorKind::Conflict, &events, json!({"expected_version": expected}));
            }
        }
        refuse(&store, ErrorKind::Conflict, &events, json!({"expected_version": i64::MAX}));
        if there == 0 {
            refuse(&store, ErrorKind::Conflict, &events, json!({"expected_version": "exists"}));
        } else {
            let empty = json!({"expect": [expect("d", "i", "exists"), expect("d", "i", "any")]});
            assert_eq!(append_with(&store, "[]", empty), [] as [Value; 0]);
        }
        let stored = append_with(&store, &events, json!({"expected_version": there * 2}));
        assert_eq!(numbers(&stored, "stream_version"), [there * 2 + 1, there * 2 + 2]);
    }
    append_with(&store, event("t", "d", "i"), json!({"expected_version": "exists"}));
    append_with(&store, event("t", "d", "i"), json!({"expected_version": "any"}));
    append_with(&store, event("t", "d", "i"), json!({"expected_version": null}));
    append_with(&store, event("t", "d", "other"), json!({"expected_version": "any"}));
    assert_eq!(version(&store, "d", "i"), 11);
}

fn an_expectation_that_fails_tells_what_was_there(factory: &Factory) {
    let store = factory.fresh();
    append(&store, json!([event("t", "d", "i"), event("t", "d", "i")]));
    for (instance_id, expected, actual) in
        [("i", json!(1), 2), ("i", json!(0), 2), ("i", json!(3), 2), ("j", json!("exists"), 0), ("j", json!(1), 0)]
    {
        let stream = json!({"expected": expected, "actual": actual, "domain": "d", "instance_id": instance_id});
        let mut wanted = stream.clone();
        wanted["reason"] = json!("expected_version");
        let error =
            refuse(&store, ErrorKind::Conflict, event("t", "d", instance_id), json!({"expected_version": expected}));
        assert_eq!(details(&error), wanted);

        wanted["reason"] = json!("expect");
        let options = json!({"expect": [expect("d", instance_id, expected)]});
        let error = refuse(&store, ErrorKind::Conflict, event("t", "e", "other"), options);
        assert_eq!(details(&error), wanted);
    }
}

fn two_who_read_the_same_version_cannot_both_append(factory: &Factory) {
    let store = factory.fresh();
    append(&store, event("Opened", "account", "a"));
    let (first, second) = (version(&store, "account", "a"), version(&store, "account", "a"));
    append_with(&store, event("Paid", "account", "a"), json!({"expected_version": first}));
    let error = refuse(&store, ErrorKind::Conflict, event("Paid", "account", "a"), json!({"expected_version": second}));
    // It reads again what it did not know, and comes through.
    let behind = error.detail("expected").and_then(Value::as_u64).unwrap();
    let missed = read(&store, json!({"domain": "account", "instance_id": "a", "after_version": behind}), "null");
    assert_eq!(strings(&missed, "type"), ["Paid"]);
    let actual = error.detail("actual").and_then(Value::as_u64).unwrap();
    append_with(&store, event("Paid", "account", "a"), json!({"expected_version": actual}));
    assert_eq!(version(&store, "account", "a"), 3);
}

fn an_expected_version_is_for_a_batch_of_one_stream(factory: &Factory) {
    let store = factory.fresh();
    for events in [
        json!([event("t", "d", "a"), event("t", "d", "b")]),
        json!([event("t", "d", "a"), event("t", "e", "a")]),
        json!([event("t", "d", "a"), event("t", "d", "a"), event("t", "d", "b")]),
        json!([]),
    ] {
        for expected in [json!(0), json!("exists")] {
            let error = refuse(&store, ErrorKind::InvalidOptions, &events, json!({"expected_version": expected}));
            assert_eq!(error.detail("option"), Some(&json!("expected_version")));
        }
        // What demands nothing can be said of any batch.
        append_with(&store, &events, json!({"expected_version": "any"}));
    }
    assert_eq!(store.head().unwrap(), 7);
}

fn streams_that_are_not_written_to_can_be_expected_too(factory: &Factory) {
    let store = factory.fresh();
    append(&store, json!([event("Opened", "account", "a"), event("Opened", "account", "b")]));
    let transfer = json!([event("Out", "account", "a"), event("In", "account", "b")]);
    let options = json!({"expect": [
        expect("account", "a", 1), expect("account", "b", 1), expect("limits", "today", 0), expect("rates", "eur", "any"),
    ]});
    let stored = append_with(&store, &transfer, &options);
    assert_eq!(numbers(&stored, "stream_version"), [2, 2]);
    append(&store, event("Set", "limits", "today"));
    let options = json!({"expect": [
        expect("account", "a", 2), expect("account", "b", 2), expect("limits", "today", 0),
    ]});
    let error = refuse(&store, ErrorKind::Conflict, &transfer, &options);
    let wanted = json!({"reason": "expect", "expected": 0, "actual": 1, "domain": "limits", "instance_id": "today"});
    assert_eq!(details(&error), wanted);
    // A batch is not before itself.
    let options = json!({"expect": [expect("fresh", "x", 1)]});
    refuse(&store, ErrorKind::Conflict, json!([event("t", "fresh", "x")]), options);
}

fn expectations_are_checked_in_the_order_given(factory: &Factory) {
    let store = factory.fresh();
    let streams = ["a", "b", "c", "d"];
    for turn in 0..streams.len() {
        let order: Vec<&str> = streams.iter().cycle().skip(turn).take(4).copied().collect();
        // The first of them holds, the second is the first to fail.
        let mut expectations: Vec<Value> = order.iter().map(|stream| expect("x", stream, "exists")).collect();
        expectations[0]["version"] = json!(0);
        let error = refuse(&store, ErrorKind::Conflict, event("t", "x", "y"), json!({"expect": expectations}));
        assert_eq!(error.detail("instance_id"), Some(&json!(order[1])));
        let expected_first = json!({"expected_version": 9, "expect": expectations});
        let error = refuse(&store, ErrorKind::Conflict, event("t", "x", "y"), expected_first);
        assert_eq!(error.detail("reason"), Some(&json!("expected_version")), "it is checked before them all");
    }
}

fn an_empty_batch_can_hold_expectations(factory: &Factory) {
    let store = factory.fresh();
    append(&store, event("t", "d", "i"));
    append_with(&store, "[]", json!({"expect": [expect("d", "i", 1), expect("d", "j", 0)]}));
    refuse(&store, ErrorKind::Conflict, "[]", json!({"expect": [expect("d", "i", 1), expect("d", "j", "exists")]}));
    append_with(&store, "[]", json!({"expect": []}));
    assert_eq!(store.head().unwrap(), 1);
}
