//! Stores that share a database: what one appends, others wait for and follow.

mod support;

use runestore::{ErrorKind, Next};
use runestore_postgres_tests::shared;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use support::{all, append, event, open, refused, schema};

fn connections(schema: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = '{schema}'");
    shared().sql(&sql).parse().unwrap()
}

#[test]
fn followers_in_other_stores_see_every_event_once_and_in_order() {
    const EVENTS: usize = 600;
    const WRITERS: usize = 3;
    let schema = schema();
    let writers: Vec<_> = (0..WRITERS).map(|_| open(&shared().url(), &schema, json!({})).unwrap()).collect();
    let readers: Vec<_> = (0..2).map(|_| open(&shared().url(), &schema, json!({})).unwrap()).collect();
    std::thread::scope(|scope| {
        let followers: Vec<_> = (0..6)
            .map(|at| {
                let store = &readers[at % 2];
                scope.spawn(move || {
                    let query = (at >= 4).then_some(r#"{"instance_id":"i1"}"#);
                    let cursor = store.cursor(query, Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
                    let (mut out, mut seen) = (Vec::new(), Vec::new());
                    let wanted = if at >= 4 { EVENTS / WRITERS } else { EVENTS };
                    while seen.len() < wanted {
                        out.clear();
                        let Next::Events { .. } = cursor.next(0, None, &mut out).unwrap() else { panic!("no end") };
                        for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                            let event: Value = serde_json::from_slice(line).unwrap();
                            seen.push(event["sequence_number"].as_u64().unwrap());
                        }
                    }
                    seen
                })
            })
            .collect();
        for (at, writer) in writers.iter().enumerate() {
            scope.spawn(move || {
                for _ in 0..EVENTS / WRITERS {
                    append(writer, &event(&format!("i{at}")), json!({})).unwrap();
                }
            });
        }
        for (at, follower) in followers.into_iter().enumerate() {
            let seen = follower.join().unwrap();
            assert!(seen.is_sorted_by(|a, b| a < b));
            assert!(at >= 4 || seen.into_iter().eq(1..=EVENTS as u64));
        }
    });
    assert_eq!(all(&readers[0]).len(), EVENTS);
}

#[test]
fn however_many_wait_one_connection_watches() {
    let schema = schema();
    let writer = open(&shared().url(), &schema, json!({})).unwrap();
    let url = format!("{}&application_name={schema}", shared().url());
    let reader = open(&url, &schema, json!({})).unwrap();
    let woken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                assert_eq!(reader.wait(0, None).unwrap(), 1);
                woken.fetch_add(1, SeqCst);
            });
        }
        std::thread::sleep(Duration::from_millis(400));
        assert_eq!(woken.load(SeqCst), 0);
        // One that writes, and one that watches.
        assert_eq!(connections(&schema), 2);
        append(&writer, &event("a"), json!({})).unwrap();
    });
    assert_eq!(woken.load(SeqCst), 24);
    reader.close().unwrap();
    let begun = Instant::now();
    while connections(&schema) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "a closed store has connections");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_notification_is_only_a_hint() {
    let schema = schema();
    let store = open(&shared().url(), &schema, json!({})).unwrap();
    let reader = open(&shared().url(), &schema, json!({})).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(0, Some(Duration::from_secs(20))).unwrap());
        std::thread::sleep(Duration::from_millis(300));
        // Hints that mean nothing, and an event that nobody hints at.
        shared().sql(&format!("NOTIFY {schema}; NOTIFY {schema}, 'x'"));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!waiting.is_finished());
        shared().sql(&format!(
            "BEGIN; UPDATE {schema}.head SET position = 1; \
             INSERT INTO {schema}.events (position, id, type, domain, instance_id, stream_version, inserted_at, tags, body) \
             VALUES (1, gen_random_uuid(), 'T', 'd', 'i', 1, 0, \
             '{{}}', ',\"version\":1,\"inserted_at\":\"1970-01-01T00:00:00.000000Z\",\"tags\":[],\"data\":{{}},\"metadata\":{{}}}}'); COMMIT"
        ));
        assert_eq!(waiting.join().unwrap(), 1);
    });
    assert_eq!(all(&store).len(), 1);
}

#[test]
fn a_connection_that_the_server_ends_is_replaced() {
    let schema = schema();
    let url = format!("{}&application_name={schema}", shared().url());
    let store = open(&url, &schema, json!({})).unwrap();
    let kill =
        format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{schema}'");
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let cursor = store.cursor(None, Some(r#"{"follow":true,"limit":40,"format":"ndjson"}"#)).unwrap();
            let mut out = Vec::new();
            while let Next::Events { .. } = cursor.next(0, None, &mut out).unwrap() {}
            out.iter().filter(|byte| **byte == b'\n').count()
        });
        for _ in 0..40 {
            append(&store, &event("a"), json!({})).unwrap();
            shared().sql(&kill);
        }
        assert_eq!(follower.join().unwrap(), 40);
    });
    assert_eq!(all(&store).len(), 40);
}

#[test]
fn a_store_does_not_go_back_behind_what_it_has_seen() {
    let schema = schema();
    let url = format!("{}&application_name={schema}", shared().url());
    let store = open(&url, &schema, json!({"timeout_ms": 600})).unwrap();
    for _ in 0..5 {
        append(&store, &event("a"), json!({})).unwrap();
    }
    assert_eq!(all(&store).len(), 5);
    // As after a restore from an older backup, or on a server whose place another has taken.
    shared().sql(&format!(
        "DELETE FROM {schema}.events WHERE position > 3; UPDATE {schema}.head SET position = 3; \
         SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = '{schema}'"
    ));
    let calls = [
        store.get_events_json(None, None).map(drop),
        store.head().map(drop),
        store.tracking("s").map(drop),
        store.wait(5, Some(Duration::from_millis(100))).map(drop),
    ];
    for call in calls {
        let error = refused(call, ErrorKind::Io);
        assert!(error.message().contains("it has 3 events, and 5 were seen before"), "{error}");
    }
    // It was sent to a session that had ended, and that is all that it knows.
    refused(store.append_json(event("a"), None), ErrorKind::Indeterminate);
    let anew = open(&url, &schema, json!({})).unwrap();
    assert_eq!(all(&anew).len(), 3);
    append(&anew, &event("a"), json!({"expected_version": 3})).unwrap();
}
