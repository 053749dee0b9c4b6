//! Appending again what may have been stored: the answer is the stored events, and nothing is stored
//! twice.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};

scenarios![
    the_same_batch_again_answers_the_stored_events_and_stores_nothing,
    a_retry_differs_in_any_field_and_is_a_duplicate,
    what_is_the_same_may_be_written_differently,
    a_time_is_compared_only_where_it_is_given,
    tags_are_compared_as_a_set,
    any_run_of_stored_events_can_be_retried,
    out_of_order_apart_or_with_more_is_a_duplicate,
    duplicates_are_listed_in_the_order_of_the_batch,
    an_id_that_stands_twice_in_the_batch_comes_before_all_else,
    a_retry_is_not_held_to_its_expectations_again,
    a_retry_is_still_validated,
    a_retry_records_a_larger_tracking_and_ignores_any_other,
    events_without_ids_are_new_each_time,
    a_producer_that_never_hears_back_stores_each_batch_once,
    a_retry_wakes_nobody,
];

fn full_event() -> Value {
    json!({
        "id": id(1), "type": "Paid", "domain": "account", "instance_id": "a", "version": 2,
        "inserted_at": "2026-01-01T00:00:00.000001Z", "tags": ["x", "y"], "data": {"sum": 5}, "metadata": {"by": "Ada"},
    })
}

/// The batch is a retry of what is stored: the answer is just that, and nothing changes.
#[track_caller]
fn retried(store: &Store, events: impl ToString, stored_at: &[u64]) {
    let before = Snapshot::of(store, &[]);
    let answer = append(store, events);
    assert_eq!(positions(&answer), stored_at);
    let all = read_all(store);
    let stored: Vec<Value> = stored_at.iter().map(|at| all[*at as usize - 1].clone()).collect();
    assert_eq!(answer, stored);
    assert_eq!(Snapshot::of(store, &[]), before);
}

#[track_caller]
fn duplicate(store: &Store, events: impl ToString, ids: &[u64]) {
    let before = Snapshot::of(store, &[]);
    let error = refuse(store, ErrorKind::DuplicateId, events, "{}");
    assert_eq!(details(&error), json!({"ids": ids.iter().map(|number| id(*number)).collect::<Vec<_>>()}));
    assert_eq!(Snapshot::of(store, &[]), before);
}

fn numbered(range: std::ops::RangeInclusive<u64>) -> Value {
    range.map(|number| event_with_id(number, "t", "d", "i")).collect()
}

fn the_same_batch_again_answers_the_stored_events_and_stores_nothing(factory: &Factory) {
    let store = factory.fresh();
    append(&store, event("Opened", "account", "a"));
    let batch = json!([full_event(), event_with_id(2, "Paid", "account", "b")]);
    let stored = store.append_json(batch.to_string(), None).unwrap();
    assert_eq!(store.append_json(batch.to_string(), None).unwrap(), stored);
    append(&store, events(3));
    // However much has come since.
    assert_eq!(store.append_json(batch.to_string(), None).unwrap(), stored);
    let summary = store.append_json(batch.to_string(), Some(r#"{"return":"summary"}"#)).unwrap();
    assert_eq!(String::from_utf8(summary).unwrap(), r#"{"first":2,"last":3,"count":2,"head":6}"#);
    assert_eq!(store.head().unwrap(), 6);
}

fn a_retry_differs_in_any_field_and_is_a_duplicate(factory: &Factory) {
    let store = factory.fresh();
    append(&store, full_event());
    for (field, other) in [
        ("type", json!("paid")),
        ("domain", json!("order")),
        ("instance_id", json!("b")),
        ("version", json!(3)),
        ("version", json!(null)),
        ("inserted_at", json!("2026-01-01T00:00:00.000002Z")),
        ("tags", json!(["x"])),
        ("tags", json!(["x", "y", "z"])),
        ("tags", json!(["x", "Y"])),
        ("tags", json!(null)),
        ("data", json!({"sum": 5.0})),
        ("data", json!({})),
        ("data", json!(null)),
        ("metadata", json!({"by": "Ada", "also": 1})),
        ("metadata", json!(null)),
        ("metadata", json!({"domain": "account", "by": "Ada"})),
    ] {
        let mut changed = full_event();
        changed[field] = other;
        duplicate(&store, changed, &[1]);
    }
    let mut as_binary = full_event();
    as_binary.as_object_mut().unwrap().remove("data");
    as_binary["data_base64"] = json!("");
    duplicate(&store, as_binary, &[1]);
    retried(&store, full_event(), &[1]);
}

fn what_is_the_same_may_be_written_differently(factory: &Factory) {
    let store = factory.fresh();
    append(
        &store,
        r#"[{"id":"0190A000-0000-7000-8000-000000000001","type":"t","domain":"d","instance_id":"i","data":{"a":1,"b":"é"}},
                       {"id":"0190a000-0000-7000-8000-000000000002","type":"t","domain":"d","instance_id":"i"}]"#,
    );
    let one = |rest: &str| format!(r#"{{"id":"0190a000-0000-7000-8000-000000000001",{rest}}}"#);
    // White space, the order of fields, escapes in names, the case of the id, a lone event for an array.
    for same in [
        r#""type":"t","domain":"d","instance_id":"i","data":{"a":1,"b":"é"}"#,
        r#""data" : { "a" : 1 , "b" : "é" }, "instance_id" : "i" , "domain" : "d" , "type" : "t""#,
        r#""\u0074ype":"\u0074","domain":"d","instance_id":"\u0069","data":{"a":1,"b":"é"}"#,
        r#""type":"t","domain":"d","instance_id":"i","data":{"a":1,"b":"é"},"version":1,"tags":[],"metadata":{}"#,
        r#""type":"t","domain":"d","instance_id":"i","data":{"a":1,"b":"é"},"version":null,"tags":null,"metadata":null"#,
    ] {
        retried(&store, one(same), &[1]);
        retried(&store, format!("[{}]", one(same)).replace("0190a000", "0190A000"), &[1]);
    }
    // The text of a payload is compared, not what it means.
    for other in [r#"{"b":"é","a":1}"#, r#"{"a":1,"b":"\u00e9"}"#, r#"{"a":1.0,"b":"é"}"#, r#"{"a":1,"a":1,"b":"é"}"#]
    {
        duplicate(&store, one(&format!(r#""type":"t","domain":"d","instance_id":"i","data":{other}"#)), &[1]);
    }
    // What was left out is `{}`.
    retried(
        &store,
        r#"{"id":"0190a000-0000-7000-8000-000000000002","type":"t","domain":"d","instance_id":"i","data":{ }}"#,
        &[2],
    );
}

fn a_time_is_compared_only_where_it_is_given(factory: &Factory) {
    let store = factory.fresh();
    append(&store, full_event());
    let mut again = full_event();
    again["inserted_at"] = json!(null);
    retried(&store, &again, &[1]);
    again["inserted_at"] = json!("2026-01-01T01:00:00.0000019+01:00");
    retried(&store, &again, &[1]);
    // A time that the clock gave is kept, and may be given back.
    let stored = append(&store, event_with_id(2, "t", "d", "i"));
    retried(&store, event_with_id(2, "t", "d", "i"), &[2]);
    let mut again = event_with_id(2, "t", "d", "i");
    again["inserted_at"] = stored[0]["inserted_at"].clone();
    retried(&store, &again, &[2]);
    again["inserted_at"] = json!("2001-01-01T00:00:00Z");
    duplicate(&store, &again, &[2]);
}

fn tags_are_compared_as_a_set(factory: &Factory) {
    let store = factory.fresh();
    append(&store, full_event());
    let mut again = full_event();
    again["tags"] = json!(["y", "x"]);
    retried(&store, again, &[1]);
    assert_eq!(read_all(&store)[0]["tags"], json!(["x", "y"]), "they stay as they were given first");
}

fn any_run_of_stored_events_can_be_retried(factory: &Factory) {
    let store = factory.fresh();
    append(&store, numbered(1..=3));
    append(&store, numbered(4..=6));
    for first in 1..=6 {
        for last in first..=6 {
            // Within one batch or across two.
            retried(&store, numbered(first..=last), &(first..=last).collect::<Vec<_>>());
        }
    }
}

fn out_of_order_apart_or_with_more_is_a_duplicate(factory: &Factory) {
    let store = factory.fresh();
    append(&store, numbered(1..=3));
    append(&store, event("other", "d", "i"));
    append(&store, numbered(4..=4));
    let batch = |numbers: &[u64]| numbers.iter().map(|n| event_with_id(*n, "t", "d", "i")).collect::<Value>();
    duplicate(&store, batch(&[2, 1]), &[2, 1]);
    duplicate(&store, batch(&[1, 3]), &[1, 3]);
    duplicate(&store, batch(&[3, 4]), &[3, 4]);
    duplicate(&store, batch(&[1, 2, 3, 9]), &[1, 2, 3]);
    duplicate(&store, batch(&[9, 1, 2, 3]), &[1, 2, 3]);
    duplicate(&store, batch(&[1, 9, 2]), &[1, 2]);
    duplicate(&store, json!([event_with_id(1, "t", "d", "i"), event("t", "d", "i")]), &[1]);
    duplicate(&store, json!([event("t", "d", "i"), event_with_id(1, "t", "d", "i")]), &[1]);
    // One that differs spoils the others.
    duplicate(&store, json!([event_with_id(1, "t", "d", "i"), event_with_id(2, "u", "d", "i")]), &[1, 2]);
    retried(&store, batch(&[1, 2, 3]), &[1, 2, 3]);
}

fn duplicates_are_listed_in_the_order_of_the_batch(factory: &Factory) {
    let store = factory.fresh();
    append(&store, numbered(1..=5));
    let batch: Value = [20, 5, 21, 2, 3, 22].map(|n| event_with_id(n, "t", "d", "i")).into();
    duplicate(&store, batch, &[5, 2, 3]);
}

fn an_id_that_stands_twice_in_the_batch_comes_before_all_else(factory: &Factory) {
    let store = factory.fresh();
    append(&store, numbered(1..=2));
    let twice: Value = [7, 1, 8, 7, 9, 8].map(|n| event_with_id(n, "t", "d", "i")).into();
    for options in ["{}", r#"{"expected_version":77}"#, r#"{"condition":{"fail_if_events_match":null}}"#] {
        let error = refuse(&store, ErrorKind::DuplicateId, &twice, options);
        assert_eq!(details(&error), json!({"ids": [id(7), id(8)]}));
    }
    // In another case of letters it is the same id.
    let mut cases = json!([event_with_id(0xabc, "t", "d", "i"), event_with_id(0xabc, "t", "d", "i")]);
    cases[1]["id"] = json!(id(0xabc).to_uppercase());
    duplicate(&store, cases, &[0xabc]);
}

fn a_retry_is_not_held_to_its_expectations_again(factory: &Factory) {
    let store = factory.fresh();
    let options = json!({
        "expected_version": 0,
        "expect": [{"domain": "d", "instance_id": "i", "version": 0}],
        "condition": {"fail_if_events_match": null},
    });
    let stored = append_with(&store, numbered(1..=2), &options);
    append(&store, events(2));
    assert_eq!(append_with(&store, numbered(1..=2), &options), stored);
    // For other events it would have failed.
    refuse(&store, ErrorKind::Conflict, numbered(3..=4), &options);
    // A duplicate is told before what the options demand.
    refuse(&store, ErrorKind::DuplicateId, numbered(2..=3), &options);
}

fn a_retry_is_still_validated(factory: &Factory) {
    let store = factory.fresh();
    let batch = json!([event_with_id(1, "t", "d", "i"), event_with_id(2, "t", "d", "j")]);
    append(&store, &batch);
    refuse(&store, ErrorKind::InvalidOptions, &batch, r#"{"expected_version":0}"#);
    refuse(&store, ErrorKind::InvalidQuery, &batch, r#"{"condition":{"fail_if_events_match":[]}}"#);
    refuse(&store, ErrorKind::InvalidEvent, json!([batch[0], {"type": "t"}]), "{}");
}

fn a_retry_records_a_larger_tracking_and_ignores_any_other(factory: &Factory) {
    let store = factory.fresh();
    let at = |position: u64| json!({"tracking": {"source": "s", "position": position}});
    let stored = append_with(&store, numbered(1..=2), at(10));
    for (position, recorded) in [(10, 10), (3, 10), (0, 10), (11, 11), (11, 11), (500, 500), (12, 500)] {
        assert_eq!(append_with(&store, numbered(1..=2), at(position)), stored);
        assert_eq!(store.tracking("s").unwrap(), recorded, "after {position}");
    }
    assert_eq!(store.head().unwrap(), 2);
    // A duplicate records nothing.
    refuse(&store, ErrorKind::DuplicateId, numbered(2..=3), at(1000));
    assert_eq!(store.tracking("s").unwrap(), 500);
}

fn events_without_ids_are_new_each_time(factory: &Factory) {
    let store = factory.fresh();
    for round in 1..=3 {
        let stored = append(&store, json!([event("t", "d", "i")]));
        assert_eq!(positions(&stored), [round]);
    }
}

fn a_producer_that_never_hears_back_stores_each_batch_once(factory: &Factory) {
    let store = factory.fresh();
    let mut dice = Dice(3);
    let mut sent = 0;
    let mut recent: Vec<Value> = Vec::new();
    while sent < 300 {
        let count = 1 + dice.below(5) as u64;
        let batch = numbered(sent + 1..=sent + count);
        sent += count;
        // Sent up to four times, and older batches again in between.
        for _ in 0..1 + dice.below(4) {
            append(&store, &batch);
            if !recent.is_empty() && dice.one_in(3) {
                append(&store, &recent[dice.below(recent.len())]);
            }
        }
        recent.push(batch);
    }
    let stored = read_all(&store);
    let expected: Vec<String> = (1..=sent).map(id).collect();
    assert_eq!(strings(&stored, "id"), expected);
    assert_eq!(numbers(&stored, "stream_version"), (1..=sent).collect::<Vec<_>>());
}

fn a_retry_wakes_nobody(factory: &Factory) {
    let store = factory.fresh();
    append(&store, numbered(1..=2));
    let follower = cursor(&store, "null", r#"{"follow":true}"#);
    assert_eq!(next(&follower, 0, AT_ONCE).1.len(), 2);
    let waiter = task("wait", {
        let store = store.clone();
        move || store.wait(2, Some(PATIENCE))
    });
    waiter.still_runs();
    append(&store, numbered(1..=2));
    waiter.still_runs();
    assert_eq!(next(&follower, 0, AT_ONCE).0, runestore::Next::Timeout { position: 2 });
    append(&store, numbered(3..=3));
    assert_eq!(waiter.outcome().unwrap(), 3);
}
