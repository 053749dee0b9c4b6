//! Engines of a user's own, from Rust: names, failures, and the least that an engine can be. The whole of what a store
//! does is run over one in `tests/conformance`; what a broken one is told, in `tests/c/engine.c`.

use runestore::{Abilities, Behaviour, ErrorKind, Failure, Store, register_engine, unregister_engine};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Lines, and of a read nothing is heeded but what must be; not even the direction of what is one event.
#[derive(Default)]
struct Lines {
    lines: Mutex<Vec<String>>,
    /// What the next append comes to, in place of storing.
    fault: Mutex<Option<Failure>>,
    /// It stores, and fails all the same.
    stores_all_the_same: bool,
    reads: AtomicUsize,
    closed: AtomicUsize,
}

impl Behaviour for Lines {
    fn append(&self, events: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        let fault = self.fault.lock().unwrap().take();
        if let (Some(fault), false) = (&fault, self.stores_all_the_same) {
            return Err(fault.clone());
        }
        let options: Value = serde_json::from_slice(options).unwrap();
        let mut lines = self.lines.lock().unwrap();
        let mut answer = String::new();
        let events = std::str::from_utf8(events).unwrap();
        for (index, event) in events[1..events.len() - 1].lines().enumerate() {
            let (position, version) = (lines.len() + 1, &options["stream_versions"][index]);
            let event = event.strip_suffix(',').unwrap_or(event);
            lines.push(format!("{{\"sequence_number\":{position},\"stream_version\":{version},{}\n", &event[1..]));
            answer.push_str(&lines[position - 1]);
        }
        fault.map_or(Ok(answer.into_bytes()), Err)
    }

    fn get_events(&self, _query: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        self.reads.fetch_add(1, SeqCst);
        let options: Value = serde_json::from_slice(options).unwrap();
        let number = |name: &str| options[name].as_u64().unwrap() as usize;
        let lines = self.lines.lock().unwrap();
        let (after, up_to) = (number("after").min(lines.len()), number("up_to").min(lines.len()));
        let part = &lines[after..up_to.max(after)];
        let limit = number("limit").min(part.len());
        let answer: String = match options["direction"].as_str() {
            Some("backward") => part.iter().rev().take(limit).map(String::as_str).collect(),
            _ => part[..limit].concat(),
        };
        Ok(answer.into_bytes())
    }

    fn close(&self) -> Result<(), Failure> {
        self.closed.fetch_add(1, SeqCst);
        Ok(())
    }
}

fn event(event_type: &str, instance_id: &str) -> String {
    json!({"type": event_type, "domain": "d", "instance_id": instance_id}).to_string()
}

fn positions(store: &Store, query: &str, options: &str) -> Vec<u64> {
    let answer: Value = serde_json::from_slice(&store.get_events_json(Some(query), Some(options)).unwrap()).unwrap();
    answer.as_array().unwrap().iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect()
}

#[test]
fn an_engine_that_ignores_the_query_is_read_through() {
    let engine = Arc::new(Lines::default());
    let store = Store::over_behaviour("lines", engine.clone()).unwrap();
    for number in 0..3000 {
        store.append_json(event(if number % 500 == 0 { "Rare" } else { "Common" }, "i"), None).unwrap();
    }
    assert_eq!(positions(&store, r#"{"type":"Rare"}"#, "{}"), [1, 501, 1001, 1501, 2001, 2501]);
    assert_eq!(
        positions(&store, r#"{"type":"Rare"}"#, r#"{"direction":"backward","limit":2,"offset":1}"#),
        [2001, 1501]
    );
    assert_eq!(positions(&store, r#"{"type":"Rare","after":1,"up_to":1001}"#, "{}"), [501, 1001]);
    let before = engine.reads.load(SeqCst);
    store.append_json(event("Common", "i"), Some(r#"{"expected_version":3000}"#)).unwrap();
    assert_eq!(engine.reads.load(SeqCst), before, "the stream's version is remembered");
    let before = engine.reads.load(SeqCst);
    positions(&store, "{}", "{}");
    assert!(engine.reads.load(SeqCst) - before < 10, "pieces grow");
}

#[test]
fn a_name_opens_an_engine_until_it_is_taken_back() {
    let name = "lines of tests/behaviour.rs";
    let engine = Arc::new(Lines::default());
    let opened = engine.clone();
    register_engine(name, move |opts| {
        if opts.contains("broken") { Err(Failure::new("no such shelf").with_code("shelf")) } else { Ok(opened.clone()) }
    })
    .unwrap();
    for taken in [name, "memory", "file", "postgres"] {
        let error = register_engine(taken, |_| Err(Failure::new("never"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{taken}");
    }
    assert_eq!(register_engine("", |_| Err(Failure::new("never"))).unwrap_err().kind(), ErrorKind::Misuse);

    let store = Store::open(&json!({ "store": name, "store_opts": {"any": 1} }).to_string()).unwrap();
    assert_eq!(store.info().unwrap()["engine"], json!(name));
    let error = Store::open(&json!({"store": name, "store_opts": {"broken": 1}}).to_string()).unwrap_err();
    assert_eq!((error.kind(), error.detail("engine_code")), (ErrorKind::Engine, Some(&json!("shelf"))));
    assert!(error.message().contains("init: no such shelf"), "{error}");
    let error = Store::open(r#"{"store":"lines of tests/behavior.rs"}"#).unwrap_err();
    assert!(error.message().contains("did you mean `lines of tests/behaviour.rs`"), "{error}");

    unregister_engine(name).unwrap();
    assert_eq!(unregister_engine(name).unwrap_err().kind(), ErrorKind::NotFound);
    store.append_json(event("T", "i"), None).unwrap();
    store.close().unwrap();
    assert_eq!(engine.closed.load(SeqCst), 1);
    assert_eq!(Store::open(&json!({ "store": name }).to_string()).unwrap_err().kind(), ErrorKind::InvalidOptions);
}

#[test]
fn a_store_that_nobody_closes_closes_its_engine() {
    let engine = Arc::new(Lines::default());
    drop(Store::over_behaviour("lines", engine.clone()).unwrap());
    assert_eq!(engine.closed.load(SeqCst), 1);
}

#[test]
fn a_failure_carries_its_cause_and_says_whether_something_was_stored() {
    let engine = Arc::new(Lines::default());
    let store = Store::over_behaviour("lines", engine.clone()).unwrap();
    *engine.fault.lock().unwrap() = Some(Failure::new("the ink is dry").with_code("ink").with_cause(17_u8));
    let error = store.append_json(event("T", "i"), None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Engine);
    assert_eq!((error.cause::<u8>(), error.cause::<u16>()), (Some(&17), None));
    let details: Vec<_> = error.details().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(details, [r#"engine="lines""#, r#"function="append""#, r#"engine_code="ink""#, "stored=false"]);
    store.append_json(event("T", "i"), None).unwrap();

    let engine = Arc::new(Lines { stores_all_the_same: true, ..Lines::default() });
    let store = Store::over_behaviour("lines", engine.clone()).unwrap();
    for (fault, kind) in
        [(Failure::new("too late"), ErrorKind::Engine), (Failure::indeterminate("who knows"), ErrorKind::Indeterminate)]
    {
        let head = store.head().unwrap();
        *engine.fault.lock().unwrap() = Some(fault);
        let error = store.append_json(event("T", "i"), None).unwrap_err();
        assert_eq!((error.kind(), error.detail("stored")), (kind, Some(&json!("unknown"))), "{error}");
        let id = error.detail("ids").unwrap()[0].as_str().unwrap();
        // The batch again, with its ids, settles it.
        let again = json!({"id": id, "type": "T", "domain": "d", "instance_id": "i"}).to_string();
        let answer = store.append_json(again, Some(r#"{"return":"summary"}"#)).unwrap();
        let summary: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(summary, json!({"first": head + 1, "last": head + 1, "count": 1, "head": head + 1}));
    }
}

#[test]
fn what_an_engine_cannot_do_is_unsupported_by_name() {
    let store = Store::over_behaviour("lines", Arc::new(Lines::default())).unwrap();
    assert_eq!(store.info().unwrap()["unsupported"], json!(["tracking", "verify", "backup"]));
    let tracking = r#"{"tracking":{"source":"s","position":1}}"#;
    let refused = [
        store.append_json(event("T", "i"), Some(tracking)).map(drop),
        store.tracking("s").map(drop),
        store.verify().map(drop),
        store.backup("somewhere").map(drop),
    ];
    for error in refused.into_iter().map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    assert_eq!(store.head().unwrap(), 0);
    assert_eq!(Abilities::default(), Lines::default().abilities());
}
