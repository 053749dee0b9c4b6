//! An answer of the server that never arrives: the append was made, or it was not, and the store finds out which.
//!
//! A store sends a batch, the server commits it, and the connection breaks before the answer is through. Whoever sends it
//! again stores it twice; whoever does not may lose it. The batch is sent again with its ids looked up, in the same store,
//! so its caller notices nothing; an append without events is known by a token. Where the server stays away until time is
//! up, the error is `indeterminate`, and the same batch with the same ids settles it later.

mod support;

use runestore::ErrorKind;
use runestore_postgres_tests::{Proxy, Wire, shared};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{all, append, detail, event, open, refused, schema};

#[test]
fn a_batch_whose_answer_is_lost_is_stored_once() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    for round in 0..20 {
        // Among what is lost are answers to statements that prepare, too.
        proxy.set(Wire::CutOnce);
        let options = if round % 2 == 0 { json!({}) } else { json!({"expected_version": round + 1}) };
        let stored = append(&store, &event("a"), options).unwrap();
        assert_eq!(stored[0]["sequence_number"], json!(round + 2));
        assert_eq!(stored[0]["stream_version"], json!(round + 2));
        assert_eq!(stored[0]["data"], json!({"secret": "payload-words"}));
    }
    assert_eq!(proxy.cuts(), 20);
    assert_eq!(all(&store).len(), 21);
}

#[test]
fn what_is_recorded_beside_the_events_is_recorded_once() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({})).unwrap();
    for position in 1..=20 {
        proxy.set(Wire::CutOnce);
        let events = if position % 2 == 0 { event("a") } else { String::from("[]") };
        append(&store, &events, json!({"tracking": {"source": "s", "position": position}})).unwrap();
        assert_eq!(store.tracking("s").unwrap(), position);
    }
    assert_eq!((proxy.cuts(), all(&store).len()), (20, 10));
    let again = append(&store, "[]", json!({"tracking": {"source": "s", "position": 20}}));
    assert_eq!(detail(&refused(again, ErrorKind::Conflict), "reason"), "tracking");
}

#[test]
fn a_check_that_failed_fails_once_more() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    let checks = [
        json!({"expected_version": 7}),
        json!({"expect": [{"domain": "d", "instance_id": "a", "version": 0}]}),
        json!({"condition": {"fail_if_events_match": {"type": "T"}}}),
    ];
    for options in checks {
        proxy.set(Wire::CutOnce);
        refused(append(&store, &event("a"), options), ErrorKind::Conflict);
    }
    assert_eq!((proxy.cuts(), all(&store).len()), (3, 1));
}

#[test]
fn appends_of_many_threads_whose_answers_are_lost_are_stored_once_each() {
    const THREADS: usize = 8;
    const APPENDS: usize = 400;
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({})).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let store = &store;
                scope.spawn(move || {
                    for version in 0..APPENDS {
                        let options = if version % 3 == 0 { json!({"expected_version": version}) } else { json!({}) };
                        append(store, &event(&format!("i{thread}")), options).unwrap();
                    }
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            proxy.set(Wire::CutOnce);
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    assert!(proxy.cuts() > 3, "{} cuts", proxy.cuts());
    let events = all(&store);
    assert_eq!(events.len(), THREADS * APPENDS);
    let positions: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
    assert!(positions.into_iter().eq(1..=(THREADS * APPENDS) as u64));
}

#[test]
fn where_the_server_stays_away_the_outcome_is_unknown_and_the_same_ids_settle_it() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({"timeout_ms": 400, "connect_timeout_ms": 200})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    proxy.set(Wire::Cut);
    let error = refused(append(&store, &event("a"), json!({})), ErrorKind::Indeterminate);
    let ids = detail(&error, "ids").as_array().unwrap().clone();
    assert_eq!(ids.len(), 1);
    assert!(error.message().contains("with the same ids"), "{error}");
    assert!(!error.to_string().contains("payload-words"), "{error}");
    let tracked = append(&store, "[]", json!({"tracking": {"source": "s", "position": 3}}));
    assert_eq!(refused(tracked, ErrorKind::Io).detail("ids"), None, "nothing was sent");
    proxy.set(Wire::Sound);
    let mut same: Value = serde_json::from_str(&event("a")).unwrap();
    same["id"] = ids[0].clone();
    let stored = append(&store, &same.to_string(), json!({})).unwrap();
    assert_eq!(stored[0]["sequence_number"], json!(2));
    assert_eq!(all(&store).len(), 2);
    assert_eq!(store.tracking("s").unwrap(), 0);
}

#[test]
fn a_position_whose_fate_is_unknown_is_no_conflict() {
    let proxy = Proxy::to(shared().port);
    let schema = schema();
    let store = open(&proxy.url(), &schema, json!({})).unwrap();
    let other = open(&shared().url(), &schema, json!({})).unwrap();
    append(&store, "[]", json!({"tracking": {"source": "s", "position": 1}})).unwrap();
    proxy.set(Wire::Held);
    let outcome = std::thread::scope(|scope| {
        let held = scope.spawn(|| append(&store, "[]", json!({"tracking": {"source": "s", "position": 2}})));
        while other.tracking("s").unwrap() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        // Somebody else is further by the time that it asks again, so its own token is gone.
        append(&other, "[]", json!({"tracking": {"source": "s", "position": 3}})).unwrap();
        proxy.set(Wire::CutOnce);
        held.join().unwrap()
    });
    let error = refused(outcome, ErrorKind::Indeterminate);
    assert!(error.message().contains("look it up"), "{error}");
}

#[test]
fn reads_go_on_where_their_connection_broke() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({})).unwrap();
    for _ in 0..30 {
        let batch: Vec<String> = (0..4_000).map(|at| event(&format!("i{at}"))).collect();
        append(&store, &format!("[{}]", batch.join(",")), json!({"return": "summary"})).unwrap();
    }
    let sound = store.get_events_json(None, None).unwrap();
    for direction in ["forward", "backward"] {
        let options = json!({"direction": direction, "offset": 7}).to_string();
        let sound = store.get_events_json(None, Some(&options)).unwrap();
        std::thread::scope(|scope| {
            let read = scope.spawn(|| store.get_events_json(None, Some(&options)).unwrap());
            while !read.is_finished() {
                proxy.set(Wire::CutOnce);
                // Time enough to connect again in between.
                std::thread::sleep(Duration::from_millis(200));
            }
            assert!(read.join().unwrap() == sound);
        });
        proxy.set(Wire::Sound);
    }
    assert!(proxy.cuts() > 2, "{} cuts", proxy.cuts());
    assert!(store.get_events_json(None, None).unwrap() == sound);
}

#[test]
fn a_server_that_hangs_holds_nobody_who_is_not_wanted_any_more() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({"timeout_ms": 60_000})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    let cursor = store.cursor(None, Some(r#"{"follow":true}"#)).unwrap();
    let mut out = Vec::new();
    cursor.next(0, None, &mut out).unwrap();
    proxy.set(Wire::Held);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let calls = [
            scope.spawn(|| store.head().map(drop)),
            scope.spawn(|| store.tracking("s").map(drop)),
            scope.spawn(|| store.info().map(drop)),
            scope.spawn(|| store.get_events_json(None, None).map(drop)),
            scope.spawn(|| store.wait(1, None).map(drop)),
            scope.spawn(|| cursor.next(0, None, &mut Vec::new()).map(drop)),
        ];
        std::thread::sleep(Duration::from_millis(300));
        assert!(calls.iter().all(|call| !call.is_finished()));
        store.interrupt().unwrap();
        for call in calls {
            refused(call.join().unwrap(), ErrorKind::Interrupted);
        }
        let waits = [scope.spawn(|| store.head().map(drop)), scope.spawn(|| store.wait(1, None).map(drop))];
        std::thread::sleep(Duration::from_millis(100));
        store.close().unwrap();
        for wait in waits {
            refused(wait.join().unwrap(), ErrorKind::Closed);
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn an_append_that_was_interrupted_while_it_waited_is_not_stored_later() {
    let proxy = Proxy::to(shared().port);
    let store = open(&proxy.url(), &schema(), json!({"timeout_ms": 60_000})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    // So large that no two go together: whoever leads is not in the group that it leads for.
    let large = |instance: &str| {
        json!({"type": "T", "domain": "d", "instance_id": instance, "data": "x".repeat(5 << 20)}).to_string()
    };
    proxy.set(Wire::Cut);
    // The connection that there is must be found broken first.
    std::thread::scope(|scope| {
        let first = scope.spawn(|| append(&store, &event("first"), json!({})));
        std::thread::sleep(Duration::from_millis(200));
        let later = ["b", "c", "d"].map(|name| {
            let store = &store;
            scope.spawn(move || append(store, &large(name), json!({"return": "summary"})))
        });
        std::thread::sleep(Duration::from_millis(300));
        store.interrupt().unwrap();
        refused(first.join().unwrap(), ErrorKind::Indeterminate);
        for thread in later {
            refused(thread.join().unwrap(), ErrorKind::Interrupted);
        }
    });
    proxy.set(Wire::Sound);
    append(&store, &event("after"), json!({})).unwrap();
    let instances: Vec<Value> = all(&store).iter().map(|event| event["instance_id"].clone()).collect();
    let interrupted = ["b", "c", "d"].map(Value::from);
    assert!(!instances.iter().any(|instance| interrupted.contains(instance)), "{instances:?}");
}

#[test]
fn a_session_that_the_server_ended_for_its_idleness_is_replaced() {
    let schema = schema();
    let role = format!("idle_{schema}");
    shared().sql(&format!(
        "CREATE ROLE {role} LOGIN; CREATE SCHEMA {schema} AUTHORIZATION {role}; ALTER ROLE {role} SET idle_session_timeout = '150ms'"
    ));
    let store = open(&shared().url_of(&role), &schema, json!({})).unwrap();
    for version in 0..3 {
        append(&store, &event("a"), json!({"expected_version": version})).unwrap();
        assert_eq!(all(&store).len(), version + 1);
        assert_eq!(store.wait(0, Some(Duration::ZERO)).unwrap(), version as u64 + 1);
        std::thread::sleep(Duration::from_millis(400));
    }
}
