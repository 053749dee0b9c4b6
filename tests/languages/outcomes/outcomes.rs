//! What docs/LANGUAGES.md says of closing, threads and cancelling, from Rust.

use runestore::{Cursor, Error, Next, Store};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::{scope, sleep};
use std::time::Duration;

const EVENT: &str = r#"{"type":"T","domain":"d","instance_id":"i"}"#;

fn opened() -> Arc<Store> {
    let config = r#"{"store":"file","store_opts":{"path":"outcomes.runes"}}"#;
    Store::open(config).expect("it opens")
}

fn outcome<T>(result: Result<T, Error>) -> &'static str {
    result.map_or_else(|error| error.kind().code(), |_| "nothing")
}

fn closed_meanwhile(store: &Store, work: impl FnOnce() -> Result<(), Error> + Send) -> &'static str {
    scope(|threads| {
        let running = threads.spawn(work);
        sleep(Duration::from_millis(100));
        store.close().expect("it closes");
        outcome(running.join().expect("it does not panic"))
    })
}

/// Reads to the end, which a follower has none of.
fn read_on(cursor: &Cursor) -> Result<(), Error> {
    while let Next::Events { .. } = cursor.next(100, None, &mut Vec::new())? {}
    Ok(())
}

fn head_of(store: &Store) -> u64 {
    store.head().expect("it is open")
}

fn two_threads(store: &Arc<Store>) {
    let before = head_of(store);
    scope(|threads| {
        for name in ["0", "1"] {
            threads.spawn(move || {
                for data in 1..=1000 {
                    let event = format!(r#"{{"type":"T","domain":"two","instance_id":"{name}","data":{data}}}"#);
                    store.append_json(&event, None).expect("it is appended");
                }
            });
        }
    });
    let answer = store.get_events_json(Some(r#"{"domain":"two"}"#), None).expect("it is read");
    let events: Vec<Value> = serde_json::from_slice(answer.as_ref()).expect("it is JSON");
    let gapless = events.iter().zip(before + 1..).all(|(event, position)| event["sequence_number"] == position);
    let ordered = ["0", "1"].iter().all(|name| {
        let own = events.iter().filter(|event| event["instance_id"] == *name);
        own.zip(1..).all(|(event, data)| event["data"] == data)
    });
    let (gap, order) = (if gapless { "no" } else { "a" }, if ordered { "its" } else { "another" });
    println!("two threads on one store: {} events, {gap} gap, each thread's in {order} order", events.len());
}

pub fn main() {
    let store = opened();
    store.append_json(EVENT, None).expect("it is appended");
    let cursor = store.cursor(None, None).expect("it is open");
    store.close().expect("it closes");
    println!("append after close: {}", outcome(store.append_json(EVENT, None)));
    println!("get_events after close: {}", outcome(store.get_events_json(None, None)));
    println!("a cursor after close: {}", outcome(read_on(&cursor)));
    let harmless = matches!(outcome(store.close()), "nothing" | "closed");
    println!("close again: {}", if harmless { "no harm" } else { "harm" });

    let store = opened();
    println!("a wait, closed meanwhile: {}", closed_meanwhile(&store, || store.wait(1_000_000, None).map(drop)));

    let store = opened();
    let cursor = store.cursor(None, Some(r#"{"follow":true}"#)).expect("it is open");
    println!("a follower, closed meanwhile: {}", closed_meanwhile(&store, || read_on(&cursor)));

    let store = opened();
    let acknowledged = AtomicU64::new(head_of(&store));
    let append_for_ever = || {
        loop {
            store.append_json(EVENT, None)?;
            acknowledged.fetch_add(1, SeqCst);
        }
    };
    println!("appends, closed meanwhile: {}", closed_meanwhile(&store, append_for_ever));
    let store = opened();
    let acknowledged = acknowledged.load(SeqCst);
    let all_there = acknowledged > 1 && acknowledged == head_of(&store);
    println!("what was acknowledged: {}", if all_there { "all there" } else { "not what is there" });

    two_threads(&store);

    let cursor = store.cursor(None, Some(r#"{"follow":true}"#)).expect("it is open");
    let ending = scope(|threads| {
        let running = threads.spawn(|| read_on(&cursor));
        sleep(Duration::from_millis(100));
        cursor.cancel().expect("it is open");
        outcome(running.join().expect("it does not panic"))
    });
    let ending = if ending == "interrupted" { "ends" } else { ending };
    let goes_on = if store.append_json(EVENT, None).is_ok() { "goes on" } else { "does not" };
    println!("a follower, cancelled: it {ending}, and the store {goes_on}");
    store.close().expect("it closes");
}
