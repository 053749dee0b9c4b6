//! `close`: every call returns, and none comes after.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Next, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

scenarios![
    every_call_on_a_closed_store_is_closed,
    a_store_is_closed_once,
    closing_wakes_all_who_wait,
    calls_that_a_close_overtakes_return,
    what_was_acknowledged_before_a_close_was_stored_and_nothing_else,
    cursors_end_with_their_store,
    a_cursor_does_not_keep_its_store_open,
    stores_are_closed_one_by_one,
];

/// Closes the store, which must not take for ever.
fn close(store: &Arc<Store>) {
    let store = store.clone();
    task("close", move || store.close()).outcome().unwrap();
}

fn every_call_on_a_closed_store_is_closed(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    let cursor = cursor(&store, "null", "{}");
    store.close().unwrap();
    let errors = [
        fails(ErrorKind::Closed, store.append_json(events(1).to_string(), None)),
        fails(ErrorKind::Closed, store.append_json("[]", None)),
        fails(ErrorKind::Closed, store.append_json("not JSON", Some("{"))),
        fails(ErrorKind::Closed, store.get_events_json(None, None)),
        fails(ErrorKind::Closed, store.get_events_json(Some("{"), None)),
        fails(ErrorKind::Closed, store.cursor(None, None)),
        fails(ErrorKind::Closed, store.head()),
        fails(ErrorKind::Closed, store.wait(0, None)),
        fails(ErrorKind::Closed, store.wait(100, AT_ONCE)),
        fails(ErrorKind::Closed, store.tracking("s")),
        fails(ErrorKind::Closed, store.interrupt()),
        fails(ErrorKind::Closed, store.info()),
        fails(ErrorKind::Closed, store.verify()),
        fails(ErrorKind::Closed, store.backup("somewhere")),
        fails(ErrorKind::Closed, store.close()),
        next_fails(&cursor, ErrorKind::Closed),
        fails(ErrorKind::Closed, cursor.cancel()),
        fails(ErrorKind::Closed, cursor.close()),
    ];
    for error in errors {
        assert!(error.message().contains("closed") && error.message().contains("open"), "{error}");
        assert_eq!(error.details().count(), 0, "{error:?}");
    }
}

fn a_store_is_closed_once(factory: &Factory) {
    let store = factory.fresh();
    let closers: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            task("close", move || store.close())
        })
        .collect();
    let outcomes: Vec<_> = closers.into_iter().map(|closer| closer.outcome()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
}

fn closing_wakes_all_who_wait(factory: &Factory) {
    let store = factory.fresh();
    let waits: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            task("wait", move || store.wait(0, None))
        })
        .collect();
    let nexts: Vec<_> = (0..10)
        .map(|_| {
            let follower = cursor(&store, "null", r#"{"follow":true}"#);
            task("next", move || follower.next(0, None, &mut Vec::new()))
        })
        .collect();
    nexts[9].still_runs();
    close(&store);
    waits.into_iter().for_each(|wait| drop(fails(ErrorKind::Closed, wait.outcome())));
    nexts.into_iter().for_each(|next| drop(fails(ErrorKind::Closed, next.outcome())));
}

fn calls_that_a_close_overtakes_return(factory: &Factory) {
    for round in 0..20 {
        let store = factory.fresh();
        append(&store, events(2000));
        let readers = (0..2).map(|_| {
            let store = store.clone();
            task("the reader", move || {
                loop {
                    match store.get_events_json(None, None) {
                        Ok(answer) => assert!(answer.ends_with(b"}]")),
                        Err(error) => return error.kind(),
                    }
                }
            })
        });
        let followers = (0..2).map(|_| {
            let follower = cursor(&store, "null", r#"{"follow":true,"max_bytes":5000}"#);
            task("the follower", move || {
                loop {
                    if let Err(error) = follower.next(0, None, &mut Vec::new()) {
                        return error.kind();
                    }
                }
            })
        });
        let writers = (0..2).map(|_| {
            let store = store.clone();
            task("the writer", move || {
                loop {
                    if let Err(error) = store.append_json(events(3).to_string(), None) {
                        return error.kind();
                    }
                }
            })
        });
        let calls: Vec<_> = readers.chain(followers).chain(writers).collect();
        std::thread::sleep(std::time::Duration::from_micros(500 * round));
        close(&store);
        for call in calls {
            assert_eq!(call.outcome(), ErrorKind::Closed);
        }
    }
}

fn what_was_acknowledged_before_a_close_was_stored_and_nothing_else(factory: &Factory) {
    for round in 0..20 {
        let store = factory.fresh();
        let highest_seen = Arc::new(AtomicU64::new(0));
        let follower = cursor(&store, "null", r#"{"follow":true}"#);
        let reader = task("the follower", move || {
            let mut found = 0;
            while let Ok(Next::Events { position }) = follower.next(0, None, &mut Vec::new()) {
                found = position;
            }
            found
        });
        let writers: Vec<_> = (0..3)
            .map(|_| {
                let (store, highest_seen) = (store.clone(), highest_seen.clone());
                task("the writer", move || {
                    let mut acknowledged = 0;
                    loop {
                        match store.append_json(events(5).to_string(), Some(r#"{"return":"summary"}"#)) {
                            Ok(answer) => {
                                acknowledged += 5;
                                let last = parsed(&answer)["last"].as_u64().unwrap();
                                highest_seen.fetch_max(last, Ordering::SeqCst);
                            }
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::Closed);
                                return acknowledged;
                            }
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_micros(300 * round));
        close(&store);
        let acknowledged: u64 = writers.into_iter().map(|writer| writer.outcome()).sum();
        // Positions without a gap: were an event stored behind a `closed`, the last would be higher.
        assert_eq!(highest_seen.load(Ordering::SeqCst), acknowledged);
        assert!(reader.outcome() <= acknowledged);
    }
}

fn cursors_end_with_their_store(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(5));
    let begun = cursor(&store, "null", "{}");
    assert_eq!(next(&begun, 2, AT_ONCE).1.len(), 2);
    let ended = cursor(&store, "null", r#"{"limit":1}"#);
    while let (Next::Events { .. }, _) = next(&ended, 0, AT_ONCE) {}
    let cancelled = cursor(&store, "null", "{}");
    cancelled.cancel().unwrap();
    store.close().unwrap();
    for cursor in [&begun, &ended, &cancelled] {
        next_fails(cursor, ErrorKind::Closed);
    }
}

fn a_cursor_does_not_keep_its_store_open(factory: &Factory) {
    let fresh = factory.fresh();
    append(&fresh, events(2));
    let cursor = cursor(&fresh, "null", r#"{"follow":true}"#);
    assert_eq!(next(&cursor, 0, AT_ONCE).1.len(), 2);
    drop(fresh);
    next_fails(&cursor, ErrorKind::Closed);
}

fn stores_are_closed_one_by_one(factory: &Factory) {
    let (one, other) = (factory.fresh(), factory.fresh());
    append(&one, events(1));
    append(&other, events(2));
    one.close().unwrap();
    assert_eq!(positions(&append(&other, events(1))), [3]);
    assert_eq!(factory.fresh().head().unwrap(), 0);
}
