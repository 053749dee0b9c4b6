//! A server and its standby: what waits for one, and what reads from one.

mod support;

use runestore::{ErrorKind, Next};
use runestore_postgres_tests::{Pair, Server};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{all, append, event, open, refused};

#[test]
fn appends_that_wait_for_a_standby_leave_no_sessions_behind() {
    let server = Server::start(&["synchronous_standby_names = 'nobody'", "synchronous_commit = local"]);
    let url = format!("{}&application_name=waiting", server.url());
    let store = open(&url, "s", json!({"timeout_ms": 900})).unwrap();
    append(&store, &event("a"), json!({})).unwrap();
    server.sql("ALTER SYSTEM SET synchronous_commit = on");
    server.sql("SELECT pg_reload_conf()");
    let stores: Vec<_> = (0..4).map(|_| open(&url, "s", json!({"timeout_ms": 900})).unwrap()).collect();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for store in &stores {
            scope.spawn(move || {
                while begun.elapsed() < Duration::from_secs(6) {
                    let error = append(store, &event("a"), json!({})).expect_err("nobody confirms it");
                    assert!([ErrorKind::Io, ErrorKind::Indeterminate].contains(&error.kind()), "{error}");
                }
            });
        }
    });
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiting'";
    let sessions: usize = server.sql(sessions).parse().unwrap();
    // One for each store, one that waits for the standby, and those whose end the server has not noticed yet.
    assert!(sessions <= 14, "{sessions} sessions");
    // Nobody has seen what is not confirmed.
    assert_eq!(all(&store).len(), 1);
    server.sql("ALTER SYSTEM SET synchronous_standby_names = ''");
    server.sql("SELECT pg_reload_conf()");
    append(&store, &event("b"), json!({})).unwrap();
}

#[test]
fn a_standby_is_read_and_followed() {
    let pair = Pair::start();
    let writer = open(&pair.url(), "s", json!({})).unwrap();
    append(&writer, &event("a"), json!({"tracking": {"source": "t", "position": 1}})).unwrap();
    let standby = pair.standby().url();
    refused(open(&standby, "s", json!({"connect_timeout_ms": 500})), ErrorKind::Io);
    let begun = Instant::now();
    let reader = loop {
        match open(&standby, "s", json!({"read_only": true})) {
            Ok(reader) => break reader,
            // It may not have replayed the tables yet.
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
        }
    };
    assert!(reader.wait(0, Some(Duration::from_secs(20))).unwrap() >= 1);
    assert_eq!(reader.tracking("t").unwrap(), 1);
    refused(append(&reader, &event("a"), json!({})), ErrorKind::ReadOnly);
    let cursor = reader.cursor(None, Some(r#"{"follow":true,"format":"ndjson","limit":20}"#)).unwrap();
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut lines = Vec::new();
            while let Next::Events { .. } = cursor.next(0, None, &mut lines).unwrap() {}
            lines.iter().filter(|byte| **byte == b'\n').count()
        });
        for _ in 0..19 {
            append(&writer, &event("b"), json!({})).unwrap();
        }
        assert_eq!(follower.join().unwrap(), 20);
    });
    assert_eq!(all(&reader), all(&writer));
}
