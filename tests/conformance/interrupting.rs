//! `interrupt` and `cancel`: ending calls from another thread.

use crate::engines::Factory;
use crate::history::{EVENTS, history};
use crate::support::*;
use runestore::{ErrorKind, Next};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

scenarios![
    an_interrupt_ends_a_wait_and_not_the_next_one,
    an_interrupt_ends_every_call_in_progress,
    an_interrupt_with_no_call_in_progress_changes_nothing,
    an_interrupted_follower_goes_on_where_it_was,
    an_interrupted_read_is_whole_or_an_error,
    an_interrupted_piece_leaves_the_buffer_as_it_was_and_comes_whole_later,
    an_interrupted_append_is_stored_whole_or_not_at_all,
    a_cancelled_cursor_ends_its_call_and_all_later_ones,
    cancelling_one_cursor_leaves_the_others_and_the_store_alone,
    closing_a_cursor_ends_its_call,
];

fn an_interrupt_ends_a_wait_and_not_the_next_one(factory: &Factory) {
    let store = factory.fresh();
    let waiting = task("wait", {
        let store = store.clone();
        move || store.wait(0, None)
    });
    fails(ErrorKind::Interrupted, waiting.nudged(|| store.interrupt().unwrap()));
    assert_eq!(store.wait(0, Some(A_MOMENT)).unwrap(), 0, "a later call is not touched");
    append(&store, events(1));
    assert_eq!(store.wait(0, None).unwrap(), 1);
}

fn an_interrupt_ends_every_call_in_progress(factory: &Factory) {
    let store = factory.fresh();
    let waits = (0..5).map(|_| {
        let store = store.clone();
        task("wait", move || store.wait(0, None).map(|_| ()))
    });
    let nexts = (0..5).map(|_| {
        let follower = cursor(&store, "null", r#"{"follow":true}"#);
        task("next", move || follower.next(0, None, &mut Vec::new()).map(|_| ()))
    });
    let calls: Vec<_> = waits.chain(nexts).collect();
    for call in calls {
        fails(ErrorKind::Interrupted, call.nudged(|| store.interrupt().unwrap()));
    }
}

fn an_interrupt_with_no_call_in_progress_changes_nothing(factory: &Factory) {
    let store = factory.fresh();
    let follower = cursor(&store, "null", r#"{"follow":true}"#);
    for round in 1..=5 {
        store.interrupt().unwrap();
        assert_eq!(positions(&append(&store, events(1))), [round]);
        store.interrupt().unwrap();
        assert_eq!(read_all(&store).len() as u64, round);
        store.interrupt().unwrap();
        assert_eq!(positions(&next(&follower, 0, None).1), [round]);
        store.interrupt().unwrap();
        assert_eq!(store.tracking("s").unwrap(), 0);
    }
}

fn an_interrupted_follower_goes_on_where_it_was(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    let follower = Arc::new(cursor(&store, "null", r#"{"follow":true}"#));
    assert_eq!(positions(&next(&follower, 2, AT_ONCE).1), [1, 2]);
    for _ in 0..5 {
        let waiting = task("next", {
            let follower = follower.clone();
            // The first answers, and the ones after it wait.
            move || {
                loop {
                    let mut out = b"kept".to_vec();
                    match follower.next(0, None, &mut out) {
                        Ok(Next::Events { position }) => assert_eq!(position, 3),
                        outcome => return (outcome, out),
                    }
                }
            }
        });
        let (outcome, out) = waiting.nudged(|| store.interrupt().unwrap());
        fails(ErrorKind::Interrupted, outcome);
        assert_eq!(out, b"kept");
    }
    let found = match next(&follower, 0, AT_ONCE) {
        // Interrupted each time before it could answer.
        (Next::Events { .. }, events) => positions(&events),
        _ => vec![3],
    };
    assert_eq!(found, [3]);
    append(&store, events(1));
    assert_eq!(positions(&next(&follower, 0, AT_ONCE).1), [4]);
}

fn an_interrupted_read_is_whole_or_an_error(factory: &Factory) {
    let history = history(factory);
    let store = factory.fresh();
    append(&store, events(20_000));
    let whole = read_text(&store, "null", "null");
    let done = Arc::new(AtomicBool::new(false));
    let reader = task("the reader", {
        let (store, done) = (store.clone(), done.clone());
        move || {
            let mut interrupted = 0;
            let begin = Instant::now();
            while interrupted < 20 && begin.elapsed() < PATIENCE / 2 {
                match store.get_events_json(None, None) {
                    Ok(answer) => assert!(answer == whole.as_bytes()),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Interrupted);
                        interrupted += 1;
                    }
                }
            }
            done.store(true, Ordering::SeqCst);
            interrupted
        }
    });
    let begin = Instant::now();
    while !done.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
        store.interrupt().unwrap();
        // Another store's calls have nothing to do with it.
        assert_eq!(history.store.wait(0, None).unwrap(), EVENTS as u64);
    }
    assert_eq!(reader.outcome(), 20, "long reads can be interrupted");
}

fn an_interrupted_piece_leaves_the_buffer_as_it_was_and_comes_whole_later(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(20_000));
    let whole = read_text(&store, "null", r#"{"format":"ndjson"}"#);
    let done = Arc::new(AtomicBool::new(false));
    let reader = task("the reader", {
        let (store, done) = (store.clone(), done.clone());
        move || {
            let mut interrupted = 0;
            let begin = Instant::now();
            while interrupted < 20 && begin.elapsed() < PATIENCE / 2 {
                let options = Some(r#"{"format":"ndjson","max_bytes":1000000000}"#);
                let cursor = match store.cursor(None, options) {
                    Ok(cursor) => cursor,
                    // Where an engine is asked for its head over a network, that is a call like any other.
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Interrupted);
                        continue;
                    }
                };
                let mut text = Vec::new();
                loop {
                    let before = text.len();
                    match cursor.next(5000, AT_ONCE, &mut text) {
                        Ok(Next::Events { .. }) => {}
                        Ok(_) => break,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Interrupted);
                            assert_eq!(text.len(), before, "a part of a piece was left in the buffer");
                            interrupted += 1;
                        }
                    }
                }
                assert!(text == whole.as_bytes(), "after {interrupted} interruptions");
            }
            done.store(true, Ordering::SeqCst);
            interrupted
        }
    });
    let begin = Instant::now();
    while !done.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
        store.interrupt().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
    assert!(reader.outcome() >= 20, "long pieces can be interrupted");
}

fn an_interrupted_append_is_stored_whole_or_not_at_all(factory: &Factory) {
    let store = factory.fresh();
    let done = Arc::new(AtomicBool::new(false));
    let writer = task("the writer", {
        let (store, done) = (store.clone(), done.clone());
        move || {
            let mut stored = 0;
            for _ in 0..300 {
                match store.append_json(events(20).to_string(), Some(r#"{"return":"summary"}"#)) {
                    Ok(_) => stored += 20,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
                }
            }
            done.store(true, Ordering::SeqCst);
            stored
        }
    });
    let begin = Instant::now();
    while !done.load(Ordering::SeqCst) && begin.elapsed() < PATIENCE {
        store.interrupt().unwrap();
    }
    // `interrupted` means that nothing was stored, the answer that all was.
    assert_eq!(store.head().unwrap(), writer.outcome());
}

fn a_cancelled_cursor_ends_its_call_and_all_later_ones(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    let follower = Arc::new(cursor(&store, "null", r#"{"follow":true}"#));
    assert_eq!(next(&follower, 0, AT_ONCE).1.len(), 3);
    let waiting = task("next", {
        let follower = follower.clone();
        move || follower.next(0, None, &mut Vec::new())
    });
    waiting.still_runs();
    follower.cancel().unwrap();
    fails(ErrorKind::Interrupted, waiting.outcome());
    append(&store, events(1));
    for _ in 0..3 {
        next_fails(&follower, ErrorKind::Interrupted);
        follower.cancel().unwrap();
    }
    // Before its first call, and in the middle of a result that is there.
    let fresh = cursor(&store, "null", "{}");
    fresh.cancel().unwrap();
    next_fails(&fresh, ErrorKind::Interrupted);
    let begun = cursor(&store, "null", "{}");
    assert_eq!(positions(&next(&begun, 1, AT_ONCE).1), [1]);
    begun.cancel().unwrap();
    next_fails(&begun, ErrorKind::Interrupted);
}

fn cancelling_one_cursor_leaves_the_others_and_the_store_alone(factory: &Factory) {
    let store = factory.fresh();
    let (one, other) = (cursor(&store, "null", r#"{"follow":true}"#), cursor(&store, "null", r#"{"follow":true}"#));
    let waiting_next = task("next", move || next(&other, 0, None));
    let waiting = task("wait", {
        let store = store.clone();
        move || store.wait(0, None)
    });
    waiting_next.still_runs();
    one.cancel().unwrap();
    waiting_next.still_runs();
    waiting.still_runs();
    append(&store, events(1));
    assert_eq!(positions(&waiting_next.outcome().1), [1]);
    assert_eq!(waiting.outcome().unwrap(), 1);
}

fn closing_a_cursor_ends_its_call(factory: &Factory) {
    let store = factory.fresh();
    let follower = Arc::new(cursor(&store, "null", r#"{"follow":true}"#));
    let waiting = task("next", {
        let follower = follower.clone();
        move || follower.next(0, None, &mut Vec::new())
    });
    waiting.still_runs();
    follower.close().unwrap();
    fails(ErrorKind::Closed, waiting.outcome());
    next_fails(&follower, ErrorKind::Closed);
    // Cancelled or not, closed is closed.
    fails(ErrorKind::Closed, follower.cancel());
    fails(ErrorKind::Closed, follower.close());
    next_fails(&follower, ErrorKind::Closed);
    let cancelled = cursor(&store, "null", "{}");
    cancelled.cancel().unwrap();
    cancelled.close().unwrap();
    next_fails(&cancelled, ErrorKind::Closed);
    assert_eq!(positions(&append(&store, events(1))), [1], "the store lives on");
}
