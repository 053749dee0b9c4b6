//! What the tests of the postgres engine share.

use runestore::{Error, ErrorKind, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// A name for a schema that no other test has.
#[allow(dead_code, reason = "not every test asks for one")]
pub fn schema() -> String {
    static SCHEMAS: AtomicU64 = AtomicU64::new(0);
    format!("s{}_{}", std::process::id(), SCHEMAS.fetch_add(1, SeqCst))
}

/// Opens a store; `more` are further options.
pub fn open(url: &str, schema: &str, more: Value) -> Result<Arc<Store>, Error> {
    let mut options = json!({"url": url, "schema": schema});
    for (name, value) in more.as_object().expect("an object") {
        options[name] = value.clone();
    }
    Store::open(&json!({"store": "postgres", "store_opts": options}).to_string())
}

/// The error that something must be.
#[allow(dead_code, reason = "not every test has one")]
pub fn refused<T>(outcome: Result<T, Error>, kind: ErrorKind) -> Error {
    match outcome {
        Ok(_) => panic!("it succeeded, where {kind:?} was to come"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            error
        }
    }
}

/// An event of a stream.
#[allow(dead_code, reason = "not every test appends")]
pub fn event(instance: &str) -> String {
    json!({"type": "T", "domain": "d", "instance_id": instance, "data": {"secret": "payload-words"}}).to_string()
}

/// What an append answered, as a value.
#[allow(dead_code, reason = "not every test appends")]
pub fn append(store: &Store, events: &str, options: Value) -> Result<Value, Error> {
    let answer = store.append_json(events, Some(&options.to_string()))?;
    Ok(serde_json::from_slice(&answer).expect("an answer is JSON"))
}

/// All events, as values.
#[allow(dead_code, reason = "not every test reads")]
pub fn all(store: &Store) -> Vec<Value> {
    serde_json::from_slice(&store.get_events_json(None, None).expect("it reads")).expect("an answer is JSON")
}

/// What an error says beside its message.
#[allow(dead_code, reason = "not every test asks")]
pub fn detail<'e>(error: &'e Error, name: &str) -> &'e Value {
    error.detail(name).unwrap_or_else(|| panic!("{error} has no {name}"))
}
