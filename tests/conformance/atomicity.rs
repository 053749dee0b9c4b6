//! A refused batch stores nothing: not an event, not a position, not a stream, not a tracking.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};

scenarios![
    whatever_the_reason_a_refused_batch_leaves_the_store_as_it_was,
    one_bad_event_at_any_place_refuses_the_whole_batch,
    followers_and_waiters_see_nothing_of_a_refused_batch,
    what_a_refused_batch_held_may_be_used_afresh,
];

/// A store with something of everything: three events of two streams, and a tracked source.
pub fn furnish(store: &Store) {
    let stored = json!([
        event_with_id(1, "Opened", "account", "a"),
        event_with_id(2, "Opened", "account", "b"),
        event_with_id(3, "Paid", "account", "a"),
    ]);
    append_with(store, stored, json!({"tracking": {"source": "bank", "position": 5}}));
}

/// Every kind of refusal that a caller can cause, with good events and a good tracking all around.
pub fn refusals() -> Vec<(ErrorKind, String, String)> {
    use ErrorKind::*;
    let good = [event_with_id(11, "Paid", "account", "a"), event_with_id(12, "Opened", "account", "new")];
    let good_and = |bad: Value| json!([good[0], bad, good[1]]).to_string();
    let with = |member: &str, value: Value| {
        let mut bad = event_with_id(13, "Paid", "account", "a");
        bad[member] = value;
        good_and(bad)
    };
    let tracked = json!({"source": "bank", "position": 6});
    let only_tracked = json!({"tracking": tracked}).to_string();
    let options = |name: &str, value: Value| json!({"tracking": tracked, name: value}).to_string();
    let one = good[0].to_string();
    let all = json!(good).to_string();
    let mut refusals = Vec::new();
    let mut add = |kind, events: String, options: &str| refusals.push((kind, events, String::from(options)));

    for bad in ["", " ", "[", "[{}", "nul", "{\"type\":\"t\",}", "[{},]", "\"\\ud800\"", "[1E400]", "{\"a\":01}"] {
        add(InvalidJson, String::from(bad), &only_tracked);
    }
    add(InvalidJson, format!("{all} x"), &only_tracked);
    add(InvalidJson, all.clone(), "{");
    for bad in ["1", "null", "\"t\"", "true"] {
        add(InvalidEvent, String::from(bad), &only_tracked);
    }
    add(InvalidEvent, good_and(json!(null)), &only_tracked);
    add(InvalidEvent, good_and(json!([])), &only_tracked);
    add(InvalidEvent, good_and(json!({"type": "t", "domain": "d"})), &only_tracked);
    for (member, value) in [
        ("tpye", json!("t")),
        ("id", json!("no uuid")),
        ("type", json!("")),
        ("domain", json!("x".repeat(1025))),
        ("instance_id", json!("a\u{0}b")),
        ("sequence_number", json!(4)),
        ("stream_version", json!(3)),
        ("version", json!(0)),
        ("inserted_at", json!("2026-02-30T00:00:00Z")),
        ("tags", json!(["x", "x"])),
        ("data_base64", json!("A")),
        ("metadata", json!([])),
        ("metadata", json!({"domain": "other"})),
    ] {
        add(InvalidEvent, with(member, value), &only_tracked);
    }
    for bad in ["[]", "1", "{\"retrun\":\"summary\"}", "{\"return\":\"all\"}", "{\"expected_version\":-1}"] {
        add(InvalidOptions, all.clone(), bad);
    }
    add(InvalidOptions, all.clone(), &options("expected_version", json!(2)));
    add(InvalidOptions, one.clone(), &options("expect", json!([{"domain": "account"}])));
    add(InvalidOptions, one.clone(), &options("condition", json!({"after": 1})));
    add(InvalidOptions, one.clone(), "{\"tracking\":{\"source\":\"\",\"position\":6}}");
    add(InvalidQuery, one.clone(), &options("condition", json!({"fail_if_events_match": []})));
    add(InvalidQuery, one.clone(), &options("condition", json!({"fail_if_events_match": {"typ": "t"}})));
    add(DuplicateId, json!([good[0], good[1], good[0]]).to_string(), &only_tracked);
    add(DuplicateId, good_and(event_with_id(2, "Opened", "account", "b")), &only_tracked);
    add(DuplicateId, event_with_id(2, "Opened", "account", "other").to_string(), &only_tracked);
    add(Conflict, one.clone(), &options("expected_version", json!(1)));
    add(Conflict, one.clone(), &options("expected_version", json!(0)));
    add(Conflict, good[1].to_string(), &options("expected_version", json!("exists")));
    let expect = json!([
        {"domain": "account", "instance_id": "a", "version": 2},
        {"domain": "account", "instance_id": "b", "version": 2},
    ]);
    add(Conflict, all.clone(), &options("expect", expect));
    add(Conflict, all.clone(), &options("condition", json!({"fail_if_events_match": {"type": "Paid"}, "after": 2})));
    add(Conflict, all.clone(), "{\"tracking\":{\"source\":\"bank\",\"position\":5}}");
    add(Conflict, String::from("[]"), &options("condition", json!({"fail_if_events_match": null})));
    add(Conflict, String::from("[]"), "{\"tracking\":{\"source\":\"bank\",\"position\":4}}");
    refusals
}

fn whatever_the_reason_a_refused_batch_leaves_the_store_as_it_was(factory: &Factory) {
    let store = factory.fresh();
    furnish(&store);
    let before = Snapshot::of(&store, &["bank", "other"]);
    for (kind, events, options) in refusals() {
        refuse(&store, kind, &events, &options);
        assert_eq!(Snapshot::of(&store, &["bank", "other"]), before, "after {events:.300} with {options}");
    }
    // What no answer shows shows in the next batch.
    let next = json!([event("t", "account", "a"), event("t", "account", "new"), event("t", "account", "b")]);
    let options = json!({"expect": [
        {"domain": "account", "instance_id": "a", "version": 2},
        {"domain": "account", "instance_id": "b", "version": 1},
        {"domain": "account", "instance_id": "new", "version": 0},
        {"domain": "account", "instance_id": "other", "version": 0},
    ], "tracking": {"source": "bank", "position": 6}});
    let stored = append_with(&store, next, options);
    assert_eq!(positions(&stored), [4, 5, 6]);
    assert_eq!(numbers(&stored, "stream_version"), [3, 1, 2]);
}

fn one_bad_event_at_any_place_refuses_the_whole_batch(factory: &Factory) {
    const COUNT: usize = 12;
    let store = factory.fresh();
    furnish(&store);
    let before = Snapshot::of(&store, &["bank"]);
    for place in 0..COUNT {
        let mut batch = events(COUNT);
        batch[place]["version"] = json!(1.5);
        let error = refuse(&store, ErrorKind::InvalidEvent, &batch, "{}");
        assert_eq!(details(&error), json!({"index": place, "field": "version"}));
        assert!(error.message().contains(&format!("events[{place}]")), "{error}");

        batch[place] = event_with_id(3, "Paid", "account", "b");
        let error = refuse(&store, ErrorKind::DuplicateId, &batch, "{}");
        assert_eq!(details(&error), json!({"ids": [id(3)]}));
        assert_eq!(Snapshot::of(&store, &["bank"]), before, "bad at {place}");
    }
}

fn followers_and_waiters_see_nothing_of_a_refused_batch(factory: &Factory) {
    let store = factory.fresh();
    furnish(&store);
    let follower = cursor(&store, "null", r#"{"follow":true}"#);
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [1, 2, 3]);
    let waiter = task("wait", {
        let store = store.clone();
        move || store.wait(3, Some(PATIENCE))
    });
    for (kind, events, options) in refusals() {
        refuse(&store, kind, events, options);
        let (next, _) = next(&follower, 0, AT_ONCE);
        assert_eq!(next, runestore::Next::Timeout { position: 3 });
    }
    waiter.still_runs();
    append(&store, event("t", "d", "i"));
    assert_eq!(waiter.outcome().unwrap(), 4);
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [4]);
}

fn what_a_refused_batch_held_may_be_used_afresh(factory: &Factory) {
    let store = factory.fresh();
    let batch = json!([event_with_id(1, "t", "d", "i"), event_with_id(2, "t", "d", "i")]);
    let tracking = json!({"source": "s", "position": 1});
    let refused = json!({"expected_version": 5, "tracking": tracking});
    refuse(&store, ErrorKind::Conflict, &batch, refused);
    // Were the ids known, this would be a retry or a duplicate; were the tracking, a conflict.
    let stored = append_with(&store, &batch, json!({"expected_version": 0, "tracking": tracking}));
    assert_eq!(positions(&stored), [1, 2]);
    assert_eq!(store.tracking("s").unwrap(), 1);
}
