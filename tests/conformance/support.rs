//! Short words for what the scenarios do again and again.

use runestore::{Cursor, Error, ErrorKind, Next, Store};
use serde_json::{Map, Value, json};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// No call that is to return soon may take longer, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// For calls that are to find nothing: they must not find it a while later either.
pub const A_MOMENT: Duration = Duration::from_millis(50);
/// A time-out of zero polls.
pub const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// The least that an event can be.
pub fn event(event_type: &str, domain: &str, instance_id: &str) -> Value {
    json!({"type": event_type, "domain": domain, "instance_id": instance_id})
}

/// The same with the id that [`id`] gives.
pub fn event_with_id(number: u64, event_type: &str, domain: &str, instance_id: &str) -> Value {
    json!({"id": id(number), "type": event_type, "domain": domain, "instance_id": instance_id})
}

pub fn id(number: u64) -> String {
    format!("0190a000-0000-7000-8000-{number:012x}")
}

/// `count` events of one stream.
pub fn events(count: usize) -> Value {
    (0..count).map(|number| json!({"type": "Counted", "domain": "d", "instance_id": "i", "data": number})).collect()
}

pub fn parsed(answer: &[u8]) -> Value {
    serde_json::from_slice(answer).expect("an answer is JSON")
}

fn list(answer: &[u8]) -> Vec<Value> {
    match parsed(answer) {
        Value::Array(events) => events,
        other => panic!("no array of events: {other}"),
    }
}

pub fn append(store: &Store, events: impl ToString) -> Vec<Value> {
    append_with(store, events, "{}")
}

pub fn append_with(store: &Store, events: impl ToString, options: impl ToString) -> Vec<Value> {
    list(&store.append_json(events.to_string(), Some(&options.to_string())).expect("the append is accepted"))
}

/// The error of an append that must be refused in this way.
#[track_caller]
pub fn refuse(store: &Store, kind: ErrorKind, events: impl ToString, options: impl ToString) -> Error {
    let (events, options) = (events.to_string(), options.to_string());
    match store.append_json(&events, Some(&options)) {
        Err(error) if error.kind() == kind => error,
        other => panic!("{} was expected, but: {other:?}\nof {events:.500} with {options:.500}", kind.code()),
    }
}

/// The error of a call that must fail in this way.
#[track_caller]
pub fn fails<T: std::fmt::Debug>(kind: ErrorKind, result: runestore::Result<T>) -> Error {
    match result {
        Err(error) if error.kind() == kind => error,
        other => panic!("{} was expected, but: {other:?}", kind.code()),
    }
}

/// The reason and the details of a conflict, its code and message left out.
pub fn details(error: &Error) -> Value {
    Value::Object(error.details().map(|(name, value)| (String::from(name), value.clone())).collect())
}

pub fn read(store: &Store, query: impl ToString, options: impl ToString) -> Vec<Value> {
    list(read_text(store, query, options).as_bytes())
}

pub fn read_all(store: &Store) -> Vec<Value> {
    read(store, "null", "null")
}

pub fn read_text(store: &Store, query: impl ToString, options: impl ToString) -> String {
    let answer = store.get_events_json(Some(&query.to_string()), Some(&options.to_string()));
    String::from_utf8(answer.expect("the read is accepted")).expect("an answer is UTF-8")
}

pub fn page(store: &Store, query: impl ToString, options: impl ToString) -> (Vec<Value>, Value) {
    let mut answer = parsed(read_text(store, query, options).as_bytes());
    let pagination = answer["pagination"].take();
    (answer["events"].as_array().expect("a page has events").clone(), pagination)
}

/// One field of each event, as numbers.
pub fn numbers(events: &[Value], field: &str) -> Vec<u64> {
    events.iter().map(|event| event[field].as_u64().expect("the field is a number")).collect()
}

pub fn positions(events: &[Value]) -> Vec<u64> {
    numbers(events, "sequence_number")
}

/// One field of each event, as strings.
pub fn strings<'e>(events: &'e [Value], field: &str) -> Vec<&'e str> {
    events.iter().map(|event| event[field].as_str().expect("the field is a string")).collect()
}

pub fn cursor(store: &std::sync::Arc<Store>, query: impl ToString, options: impl ToString) -> Cursor {
    store.cursor(Some(&query.to_string()), Some(&options.to_string())).expect("the cursor opens")
}

/// One `next` of a cursor that answers arrays: what it came to, and the events.
#[track_caller]
pub fn next(cursor: &Cursor, max_events: usize, timeout: Option<Duration>) -> (Next, Vec<Value>) {
    let mut out = Vec::new();
    let next = cursor.next(max_events, timeout, &mut out).expect("the cursor goes on");
    match next {
        Next::Events { .. } => {
            let events = list(&out);
            assert!(!events.is_empty(), "`next` answered no event, and said that it did");
            (next, events)
        }
        _ => {
            assert_eq!(out, b"", "{next:?} comes without an answer");
            (next, Vec::new())
        }
    }
}

/// One `next` that must fail in this way, and must not touch the buffer.
#[track_caller]
pub fn next_fails(cursor: &Cursor, kind: ErrorKind) -> Error {
    let mut out = b"as it was".to_vec();
    let error = fails(kind, cursor.next(0, AT_ONCE, &mut out));
    assert_eq!(out, b"as it was");
    error
}

pub fn position(next: Next) -> u64 {
    match next {
        Next::Events { position } | Next::Timeout { position } | Next::Done { position } => position,
    }
}

/// All that a caller can see of a store. What an append must leave alone is equal before and after.
#[derive(PartialEq)]
pub struct Snapshot {
    head: u64,
    info: Map<String, Value>,
    events: String,
    tracking: Vec<u64>,
}

impl Snapshot {
    pub fn of(store: &Store, sources: &[&str]) -> Snapshot {
        Snapshot {
            head: store.head().unwrap(),
            info: store.info().unwrap(),
            events: read_text(store, "null", r#"{"format":"ndjson"}"#),
            tracking: sources.iter().map(|source| store.tracking(source).unwrap()).collect(),
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Snapshot { head, info, events, tracking } = self;
        write!(f, "head {head}, tracking {tracking:?}, info {}, events\n{events:.2000}", Value::from(info.clone()))
    }
}

/// A call on a thread of its own, which must end within [`PATIENCE`]: a wake-up that is lost fails a
/// test, and does not hang it.
pub struct Task<T> {
    outcome: Receiver<T>,
    what: &'static str,
}

pub fn task<T: Send + 'static>(what: &'static str, work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    let (sender, outcome) = channel();
    std::thread::spawn(move || {
        // Nobody listens any more where the test has failed.
        let _ = sender.send(work());
    });
    Task { outcome, what }
}

impl<T> Task<T> {
    #[track_caller]
    pub fn outcome(self) -> T {
        self.outcome.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{} did not return: {error}", self.what))
    }

    /// The outcome of a task that ends because of `nudge`, which is repeated: nobody can know when a
    /// thread has begun to wait.
    #[track_caller]
    pub fn nudged(self, mut nudge: impl FnMut()) -> T {
        let begin = Instant::now();
        std::thread::sleep(Duration::from_millis(20));
        loop {
            nudge();
            match self.outcome.recv_timeout(Duration::from_millis(20)) {
                Ok(outcome) => return outcome,
                Err(error) => assert!(begin.elapsed() < PATIENCE, "{} did not return: {error}", self.what),
            }
        }
    }

    /// Nothing has come of it after a moment.
    #[track_caller]
    pub fn still_runs(&self) {
        assert!(self.outcome.recv_timeout(A_MOMENT).is_err(), "{} returned", self.what);
    }
}

/// Numbers that look random and are the same in each run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    /// True in one of `of` cases.
    pub fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}
