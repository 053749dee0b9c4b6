//! Many threads on one store: nothing lost, nothing doubled, nothing half; every call returns, and
//! whoever waits is woken.
//!
//! `RUNESTORE_EVENTS` sets how many events the sixteen appenders store, `RUNESTORE_SEED` the seed of
//! all that is left to chance (which every test prints).

use runestore::{Cursor, ErrorKind, Next, Store};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread::{self, sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// No test takes as long as this. A wait that ends by it was not woken.
const LONG: Duration = Duration::from_secs(60);

/// Numbers by chance, the same for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    /// A fresh seed, printed.
    fn new(test: &str) -> Chance {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let seed = setting("RUNESTORE_SEED").unwrap_or_else(now);
        println!("{test}: RUNESTORE_SEED={seed}");
        Chance(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    /// For another thread.
    fn branch(&mut self) -> Chance {
        Chance(self.below(u64::MAX))
    }

    fn nap(&mut self, micros_max: u64) {
        sleep(Duration::from_micros(self.below(micros_max)));
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs a test in a thread of its own, and fails if it does not come back.
fn returns(test: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = spawn(move || {
        test();
        done.send(()).ok();
    });
    if finished.recv_timeout(2 * LONG) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("a call did not return");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn memory() -> Arc<Store> {
    Store::open("{}").unwrap()
}

/// A batch that can be recognised, event by event: the writer, which of its batches, which event of how many.
fn batch(writer: u64, number: u64, count: u64) -> String {
    let event = |index| {
        format!(
            r#"{{"type":"w{writer}","domain":"d{}","instance_id":"i{}","data":{{"w":{writer},"b":{number},"i":{index},"n":{count}}}}}"#,
            writer % 3,
            (number + index) % 5
        )
    };
    let events: Vec<String> = (0..count).map(event).collect();
    format!("[{}]", events.join(","))
}

/// What [`batch`] put into an event, and where the store put the event.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    sequence_number: u64,
    stream: String,
    stream_version: u64,
    writer: u64,
    batch: u64,
    index: u64,
    count: u64,
}

impl Seen {
    fn new(line: &str) -> Seen {
        let number = |name: &str| {
            let rest = line.split_once(name).unwrap_or_else(|| panic!("no {name} in {line}")).1;
            rest.split_once(|c: char| !c.is_ascii_digit()).unwrap().0.parse().unwrap()
        };
        assert!(line.starts_with("{\"sequence_number\":") && line.ends_with("\"metadata\":{}}"), "{line}");
        let stream = line.split_once(",\"domain\":").unwrap().1.split_once(",\"stream_version\"").unwrap().0;
        Seen {
            sequence_number: number("\"sequence_number\":"),
            stream: String::from(stream),
            stream_version: number("\"stream_version\":"),
            writer: number("\"w\":"),
            batch: number("\"b\":"),
            index: number("\"i\":"),
            count: number("\"n\":"),
        }
    }
}

fn seen(ndjson: &[u8]) -> Vec<Seen> {
    assert!(ndjson.is_empty() || ndjson.ends_with(b"\n"));
    std::str::from_utf8(ndjson).unwrap().lines().map(Seen::new).collect()
}

/// Follows the whole log and fails at the first event that does not fit behind the one before.
#[derive(Default)]
struct Log {
    events: u64,
    last: Option<Seen>,
    streams: HashMap<String, u64>,
    /// The next batch of each writer that is to come.
    writers: HashMap<u64, u64>,
}

impl Log {
    fn add(&mut self, event: Seen) {
        self.events += 1;
        assert_eq!(event.sequence_number, self.events, "a gap before, or out of order: {event:?}");
        let version = self.streams.entry(event.stream.clone()).or_default();
        *version += 1;
        assert_eq!(event.stream_version, *version, "{event:?}");
        match &self.last {
            Some(last) if last.index + 1 < last.count => {
                let next = (last.writer, last.batch, last.index + 1, last.count);
                assert_eq!((event.writer, event.batch, event.index, event.count), next, "inside of a batch");
            }
            _ => {
                assert_eq!(event.index, 0, "a batch without its beginning: {event:?}");
                let next = self.writers.entry(event.writer).or_default();
                assert_eq!(event.batch, *next, "one appender's batches are in its order");
                *next += 1;
            }
        }
        self.last = Some(event);
    }

    fn is_whole(&self) -> bool {
        self.last.as_ref().is_none_or(|last| last.index + 1 == last.count)
    }
}

#[test]
fn sixteen_appenders_and_their_followers() {
    returns(|| {
        const WRITERS: u64 = 16;
        let mut chance = Chance::new("appenders and followers");
        let each = setting("RUNESTORE_EVENTS").unwrap_or(60_000) / WRITERS;
        let total = each * WRITERS;
        let store = memory();
        let mut threads = Vec::new();

        for (options, most) in
            [(r#"{"follow":true,"format":"ndjson"}"#, 0), (r#"{"follow":true,"format":"ndjson","max_bytes":5000}"#, 7)]
        {
            let (store, mut chance) = (store.clone(), chance.branch());
            threads.push(spawn(move || {
                let cursor = store.cursor(None, Some(options)).unwrap();
                let mut log = Log::default();
                while log.events < total {
                    let most = if most == 0 { 0 } else { chance.below(most) as usize + 1 };
                    let (events, position) = follow(&cursor, most);
                    events.into_iter().for_each(|event| log.add(event));
                    assert_eq!(position, log.events);
                }
                assert!(log.is_whole());
                let rest = cursor.next(0, Some(Duration::ZERO), &mut Vec::new());
                assert_eq!(rest, Ok(Next::Timeout { position: total }));
            }));
        }
        for writer in [0, 7] {
            let store = store.clone();
            threads.push(spawn(move || {
                let query = format!(r#"{{"type":"w{writer}"}}"#);
                let cursor = store.cursor(Some(&query), Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
                let mut events: Vec<Seen> = Vec::new();
                while (events.len() as u64) < each {
                    let (more, position) = follow(&cursor, 0);
                    events.extend(more);
                    assert!(position >= events.last().unwrap().sequence_number);
                }
                assert!(events.is_sorted_by_key(|event| event.sequence_number));
                assert!(events.is_sorted_by_key(|event| (event.batch, event.index)));
                assert!(events.iter().all(|event| event.writer == writer));
            }));
        }
        let positions = Arc::new(Mutex::new(HashSet::new()));
        for writer in 0..WRITERS {
            let (store, mut chance, positions) = (store.clone(), chance.branch(), positions.clone());
            threads.push(spawn(move || {
                let (mut stored, mut number) = (0, 0);
                let mut mine = Vec::new();
                while stored < each {
                    let count = (chance.below(8) + 1).min(each - stored);
                    let answer = store.append_json(batch(writer, number, count), None).unwrap();
                    let answer = String::from_utf8(answer).unwrap();
                    let events: Vec<Seen> =
                        answer[1..answer.len() - 1].split(",{\"seq").map(|text| Seen::new(&with_start(text))).collect();
                    assert_eq!(events.len() as u64, count);
                    for (index, event) in events.iter().enumerate() {
                        assert_eq!(event.sequence_number, events[0].sequence_number + index as u64);
                        assert_eq!((event.writer, event.batch, event.index), (writer, number, index as u64));
                        mine.push(event.sequence_number);
                    }
                    assert!(store.head().unwrap() >= *mine.last().unwrap(), "acknowledged, so visible");
                    stored += count;
                    number += 1;
                }
                assert!(mine.is_sorted());
                positions.lock().unwrap().extend(mine);
            }));
        }
        threads.into_iter().for_each(join);
        assert_eq!(store.head(), Ok(total));
        let positions = positions.lock().unwrap();
        assert!(positions.len() as u64 == total && (1..=total).all(|position| positions.contains(&position)));
    });
}

fn with_start(text: &str) -> String {
    if text.starts_with('{') { String::from(text) } else { format!("{{\"seq{text}") }
}

/// The next events of a follower, which must not need its time-out.
fn follow(cursor: &Cursor, most: usize) -> (Vec<Seen>, u64) {
    let mut out = Vec::new();
    match woken(|| cursor.next(most, Some(LONG), &mut out).unwrap()) {
        Next::Events { position } => (seen(&out), position),
        other => panic!("it was not woken: {other:?}"),
    }
}

/// The head behind `known`, waited for likewise.
fn wait(store: &Store, known: u64) -> u64 {
    let head = woken(|| store.wait(known, Some(LONG)).unwrap());
    assert!(head > known, "it was not woken");
    head
}

/// What was missed shows at the end of a time-out as well: so the time is looked at.
fn woken<T>(call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let outcome = call();
    assert!(start.elapsed() < LONG / 2, "it was not woken");
    outcome
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

#[test]
fn a_read_sees_whole_batches_up_to_one_moment() {
    returns(|| {
        let mut chance = Chance::new("readers");
        let store = memory();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (store, mut chance) = (store.clone(), chance.branch());
                spawn(move || {
                    for number in 0..400 {
                        store.append_json(batch(writer, number, chance.below(6) + 1), None).unwrap();
                        if number % 16 == 0 {
                            chance.nap(500);
                        }
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..4)
            .map(|reader| {
                let (store, stop) = (store.clone(), stop.clone());
                spawn(move || {
                    let mut reads = 0;
                    loop {
                        let last_one = stop.load(SeqCst);
                        let before = store.head().unwrap();
                        let count = match reader {
                            0 | 1 => whole_log(&store),
                            2 => backward(&store),
                            _ => pages(&store),
                        };
                        let after = store.head().unwrap();
                        assert!((before..=after).contains(&count), "{before} <= {count} <= {after}");
                        reads += 1;
                        if last_one {
                            return reads;
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(join);
        stop.store(true, SeqCst);
        let reads: Vec<u32> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        println!("reads: {reads:?}");
    });
}

/// Reads all events; how many, after checking that they are a sound beginning of the log.
fn whole_log(store: &Store) -> u64 {
    let events = seen(&store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).unwrap());
    let mut log = Log::default();
    events.into_iter().for_each(|event| log.add(event));
    assert!(log.is_whole(), "a part of a batch: {:?}", log.last);
    log.events
}

fn backward(store: &Store) -> u64 {
    let options = r#"{"format":"ndjson","direction":"backward","limit":20}"#;
    let events = seen(&store.get_events_json(None, Some(options)).unwrap());
    let Some(last) = events.first() else { return 0 };
    assert_eq!(last.index + 1, last.count, "a part of a batch: {last:?}");
    assert!(events.iter().zip((1..=last.sequence_number).rev()).all(|(event, number)| event.sequence_number == number));
    last.sequence_number
}

/// What a page tells is of the same moment as its events.
fn pages(store: &Store) -> u64 {
    let options = r#"{"pagination":true,"limit":1,"direction":"backward"}"#;
    let page: serde_json::Value =
        serde_json::from_slice(&store.get_events_json(Some(r#"{"domain":["d0","d1","d2"]}"#), Some(options)).unwrap())
            .unwrap();
    let last = page["events"][0]["sequence_number"].as_u64().unwrap_or(0);
    assert_eq!(page["pagination"]["head"], last);
    assert_eq!(page["pagination"]["total_count"], last);
    last
}

#[test]
fn ping_pong_by_wait_loses_no_wake_up() {
    returns(|| {
        const ROUNDS: u64 = 4000;
        let store = memory();
        let players: Vec<_> = (0..2)
            .map(|player| {
                let store = store.clone();
                spawn(move || {
                    for round in 0..ROUNDS {
                        let turn = 2 * round + player;
                        // It is my turn when this many events are there.
                        if turn > 0 {
                            assert_eq!(wait(&store, turn - 1), turn);
                        }
                        store.append_json(batch(player, round, 1), None).unwrap();
                    }
                })
            })
            .collect();
        players.into_iter().for_each(join);
        assert_eq!(store.head(), Ok(2 * ROUNDS));
    });
}

#[test]
fn ping_pong_by_follower_loses_no_wake_up() {
    returns(|| {
        const ROUNDS: u64 = 3000;
        let store = memory();
        let players: Vec<_> = (0..2)
            .map(|player| {
                let store = store.clone();
                // Only the other one's events: what I append wakes me for nothing.
                let query = format!(r#"{{"type":"w{}"}}"#, 1 - player);
                let cursor = store.cursor(Some(&query), Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
                spawn(move || {
                    for round in 0..ROUNDS {
                        if player == 0 {
                            store.append_json(batch(player, round, 1), None).unwrap();
                        }
                        let (events, _) = follow(&cursor, 0);
                        assert_eq!((events.len(), events[0].batch), (1, round));
                        if player == 1 {
                            store.append_json(batch(player, round, 1), None).unwrap();
                        }
                    }
                })
            })
            .collect();
        players.into_iter().for_each(join);
    });
}

/// The append comes while the waiter is on its way to sleep: now before, now behind its last look.
#[test]
fn an_append_at_the_moment_of_falling_asleep_wakes() {
    returns(|| {
        const ROUNDS: u64 = 20_000;
        let mut chance = Chance::new("falling asleep");
        let store = memory();
        let asleep = Arc::new(AtomicU64::new(0));
        let (sleeper, falls) = (store.clone(), asleep.clone());
        let waiter = spawn(move || {
            for known in 0..ROUNDS {
                falls.store(known + 1, SeqCst);
                assert_eq!(wait(&sleeper, known), known + 1);
            }
        });
        for number in 0..ROUNDS {
            while asleep.load(SeqCst) <= number && !waiter.is_finished() {
                std::hint::spin_loop();
            }
            for _ in 0..chance.below(300) {
                std::hint::spin_loop();
            }
            store.append_json(batch(0, number, 1), Some(r#"{"return":"summary"}"#)).unwrap();
        }
        join(waiter);
    });
}

/// Every waiter waits for the next event behind the last one it knows.
#[test]
fn a_crowd_of_waiters_is_woken_by_every_append() {
    returns(|| {
        const EVENTS: u64 = 500;
        let store = memory();
        let waiters: Vec<_> = (0..12)
            .map(|_| {
                let store = store.clone();
                spawn(move || {
                    let mut known = 0;
                    while known < EVENTS {
                        known = wait(&store, known);
                    }
                })
            })
            .collect();
        for number in 0..EVENTS {
            store.append_json(batch(0, number, 1), None).unwrap();
            if number % 8 == 0 {
                sleep(Duration::from_micros(200));
            }
        }
        waiters.into_iter().for_each(join);
    });
}

#[test]
fn timeouts_are_kept() {
    let store = memory();
    let cursor = store.cursor(None, Some(r#"{"follow":true}"#)).unwrap();
    for millis in [0, 1, 30] {
        let timeout = Duration::from_millis(millis);
        let start = Instant::now();
        assert_eq!(store.wait(0, Some(timeout)), Ok(0));
        assert_eq!(cursor.next(0, Some(timeout), &mut Vec::new()), Ok(Next::Timeout { position: 0 }));
        assert!(start.elapsed() >= 2 * timeout && start.elapsed() < 2 * timeout + LONG / 4);
    }
    store.append_json(batch(0, 0, 1), None).unwrap();
    assert_eq!(store.wait(0, None), Ok(1));
}

/// What an append came to: acknowledged, or refused with this.
type Batches = Arc<Mutex<HashMap<(u64, u64), Result<(), ErrorKind>>>>;

/// Appends until told to stop, or refused with anything but `interrupted`.
fn append_on(store: &Store, writer: u64, batches: &Batches, stop: &AtomicBool, mut chance: Chance) {
    for number in 0.. {
        let outcome = store.append_json(batch(writer, number, chance.below(5) + 1), None);
        let outcome = outcome.map(drop).map_err(|error| error.kind());
        batches.lock().unwrap().insert((writer, number), outcome);
        match outcome {
            Ok(()) | Err(ErrorKind::Interrupted) if !stop.load(SeqCst) => {}
            _ => return,
        }
    }
}

#[test]
fn close_at_any_moment() {
    returns(|| {
        let mut chance = Chance::new("close");
        let (mut refused, mut acknowledged) = (0, 0);
        for _ in 0..60 {
            let store = memory();
            for number in 0..10 {
                store.append_json(batch(99, number, 1000), Some(r#"{"return":"summary"}"#)).unwrap();
            }
            let batches = Batches::default();
            let never = Arc::new(AtomicBool::new(false));
            let followed = Arc::new(Mutex::new(Vec::new()));
            let mut threads = Vec::new();
            for writer in 0..4 {
                let (store, batches, never, chance) = (store.clone(), batches.clone(), never.clone(), chance.branch());
                threads.push(spawn(move || append_on(&store, writer, &batches, &never, chance)));
            }
            for options in [r#"{"format":"ndjson"}"#, r#"{"direction":"backward"}"#, r#"{"pagination":true}"#] {
                let store = store.clone();
                threads.push(spawn(move || {
                    let query = r#"[{"type":"w99"},{"domain":"d1"}]"#;
                    let error = loop {
                        match store.get_events_json(Some(query), Some(options)) {
                            Ok(answer) => assert!(answer.len() > 100),
                            Err(error) => break error,
                        }
                    };
                    assert_eq!(error.kind(), ErrorKind::Closed);
                }));
            }
            for timeout in [None, Some(Duration::from_micros(50))] {
                let (waiter, follower, followed) = (store.clone(), store.clone(), followed.clone());
                threads.push(spawn(move || {
                    // Far ahead, so that only the close ends it, or the time-out.
                    let error = loop {
                        match waiter.wait(u64::MAX >> 1, timeout) {
                            Ok(_) => assert!(timeout.is_some(), "it was to wait for ever"),
                            Err(error) => break error,
                        }
                    };
                    assert_eq!(error.kind(), ErrorKind::Closed);
                }));
                threads.push(spawn(move || {
                    let cursor = follower.cursor(None, Some(r#"{"follow":true,"format":"ndjson","max_bytes":20000}"#));
                    let Ok(cursor) = cursor else { return };
                    let mut log = Log::default();
                    let mut out = Vec::new();
                    let error = loop {
                        out.clear();
                        match cursor.next(0, timeout, &mut out) {
                            Ok(Next::Done { .. }) => panic!("a follower is never done"),
                            Ok(_) => seen(&out).into_iter().for_each(|event| {
                                followed.lock().unwrap().push((event.writer, event.batch));
                                log.add(event);
                            }),
                            Err(error) => break error,
                        }
                    };
                    assert!(out.is_empty());
                    assert_eq!(error.kind(), ErrorKind::Closed);
                    assert_eq!(cursor.next(0, None, &mut out).unwrap_err().kind(), ErrorKind::Closed);
                }));
            }
            chance.nap(4000);
            assert_eq!(store.close(), Ok(()));
            // Whoever was inside is gone by now; whoever comes is told at once.
            for kind in [
                store.append_json("[]", None).unwrap_err().kind(),
                store.get_events_json(None, None).unwrap_err().kind(),
                store.wait(0, None).unwrap_err().kind(),
                store.head().unwrap_err().kind(),
                store.close().unwrap_err().kind(),
            ] {
                assert_eq!(kind, ErrorKind::Closed);
            }
            threads.into_iter().for_each(join);
            let batches = batches.lock().unwrap();
            assert!(batches.values().all(|outcome| matches!(outcome, Ok(()) | Err(ErrorKind::Closed))), "{batches:?}");
            for stored in followed.lock().unwrap().iter().filter(|(writer, _)| *writer != 99) {
                assert_eq!(batches.get(stored), Some(&Ok(())), "{stored:?} was read, so it was stored");
            }
            refused += batches.values().filter(|outcome| outcome.is_err()).count();
            acknowledged += batches.values().filter(|outcome| outcome.is_ok()).count();
        }
        println!("{acknowledged} batches acknowledged, {refused} refused");
        assert!(acknowledged > 0 && refused > 0);
    });
}

#[test]
fn interrupt_at_any_moment() {
    returns(|| {
        let mut chance = Chance::new("interrupt");
        let store = memory();
        let stop = Arc::new(AtomicBool::new(false));
        let batches = Batches::default();
        let interrupted = Arc::new([const { AtomicU64::new(0) }; 3]);
        let mut threads = Vec::new();
        for writer in 0..4 {
            let (store, batches, stop, mut chance) = (store.clone(), batches.clone(), stop.clone(), chance.branch());
            threads.push(spawn(move || {
                // Another writer's name each time, so that a batch that was refused leaves no gap.
                for writer in (writer..).step_by(4) {
                    append_once(&store, writer, &batches, &mut chance);
                    if stop.load(SeqCst) {
                        return;
                    }
                    chance.nap(50);
                }
            }));
        }
        // A call that is interrupted has done nothing: it is made again.
        let again = |which: usize, mut call: Box<dyn FnMut() -> Result<(), ErrorKind> + Send>| {
            let (stop, interrupted) = (stop.clone(), interrupted.clone());
            spawn(move || {
                while !stop.load(SeqCst) {
                    match call() {
                        Ok(()) => {}
                        Err(ErrorKind::Interrupted) => drop(interrupted[which].fetch_add(1, SeqCst)),
                        Err(other) => panic!("{other:?}"),
                    }
                }
            })
        };
        let reader = store.clone();
        threads.push(again(
            0,
            Box::new(move || {
                let answer =
                    reader.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).map_err(|error| error.kind())?;
                let events = seen(&answer);
                assert!(events.iter().zip(1..).all(|(event, number)| event.sequence_number == number));
                assert!(events.last().is_none_or(|last| last.index + 1 == last.count));
                Ok(())
            }),
        ));
        let waiter = store.clone();
        threads.push(again(
            1,
            Box::new(move || {
                let head = waiter.wait(u64::MAX >> 1, None).map_err(|error| error.kind())?;
                panic!("it was to wait for ever: {head}");
            }),
        ));
        let cursor = store.cursor(None, Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
        let mut log = Log::default();
        threads.push(again(
            2,
            Box::new(move || {
                let mut out = Vec::new();
                let next = cursor.next(3, None, &mut out).map_err(|error| {
                    assert!(out.is_empty());
                    error.kind()
                })?;
                assert!(matches!(next, Next::Events { .. }), "{next:?}");
                seen(&out).into_iter().for_each(|event| log.add(event));
                Ok(())
            }),
        ));
        for _ in 0..400 {
            chance.nap(2000);
            store.interrupt().unwrap();
            // It ends the calls in progress, and none that begins now.
            assert!(store.wait(u64::MAX >> 1, Some(Duration::ZERO)).is_ok());
        }
        stop.store(true, SeqCst);
        // Those that wait for ever may have begun to after the last interruption.
        while threads.iter().any(|thread| !thread.is_finished()) {
            store.interrupt().unwrap();
            sleep(Duration::from_micros(100));
        }
        threads.into_iter().for_each(join);

        let stored: HashSet<(u64, u64)> = seen(&store.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).unwrap())
            .into_iter()
            .map(|event| (event.writer, event.batch))
            .collect();
        let batches = batches.lock().unwrap();
        for (batch, outcome) in &*batches {
            assert_eq!(stored.contains(batch), outcome.is_ok(), "{batch:?}: {outcome:?}");
            assert!(matches!(outcome, Ok(()) | Err(ErrorKind::Interrupted)), "{outcome:?}");
        }
        let [reads, waits, follows] = [0, 1, 2].map(|which: usize| interrupted[which].load(SeqCst));
        println!("{} appends; interrupted: {reads} reads, {waits} waits, {follows} follows", batches.len());
        assert!(waits >= 20 && follows >= 20, "interruptions are lost");
    });
}

/// Without appends, which would wake them anyway.
#[test]
fn in_a_quiet_store_interrupt_and_close_wake_all() {
    returns(|| {
        for round in 0..50 {
            let store = memory();
            let interrupted = Arc::new([const { AtomicU64::new(0) }; 2]);
            let (waiter, count) = (store.clone(), interrupted.clone());
            let cursor = store.cursor(None, Some(r#"{"follow":true}"#)).unwrap();
            let cursors_count = interrupted.clone();
            let threads = [
                spawn(move || quietly(&count[0], || waiter.wait(0, None).unwrap_err().kind())),
                spawn(move || {
                    quietly(&cursors_count[1], || cursor.next(0, None, &mut Vec::new()).unwrap_err().kind());
                }),
            ];
            // Each is ended once, and again; one that was just between two calls by the next attempt.
            for times in 1..=round % 3 {
                while interrupted.iter().any(|count| count.load(SeqCst) < times) {
                    store.interrupt().unwrap();
                    sleep(Duration::from_micros(100));
                }
            }
            sleep(Duration::from_micros(100 * (round % 5)));
            store.close().unwrap();
            threads.into_iter().for_each(join);
        }
    });
}

/// Calls again and again until the store is closed, and counts the interruptions.
fn quietly(interrupted: &AtomicU64, mut call: impl FnMut() -> ErrorKind) {
    loop {
        match call() {
            ErrorKind::Interrupted => drop(interrupted.fetch_add(1, SeqCst)),
            kind => return assert_eq!(kind, ErrorKind::Closed),
        }
    }
}

fn append_once(store: &Store, writer: u64, batches: &Batches, chance: &mut Chance) {
    let outcome = store.append_json(batch(writer, 0, chance.below(5) + 1), None);
    batches.lock().unwrap().insert((writer, 0), outcome.map(drop).map_err(|error| error.kind()));
}

const RIVALS: usize = 8;

/// Lets all rivals make the same attempt at the same moment, round after round; `judge` gets what
/// came of each round.
fn contest<T: Send + 'static>(
    rounds: u64,
    attempt: impl Fn(u64, usize) -> T + Send + Sync + 'static,
    mut judge: impl FnMut(u64, Vec<T>),
) {
    let attempt = Arc::new(attempt);
    let start = Arc::new(Barrier::new(RIVALS));
    let (told, outcomes) = mpsc::channel();
    let rivals: Vec<_> = (0..RIVALS)
        .map(|rival| {
            let (attempt, start, told) = (attempt.clone(), start.clone(), told.clone());
            spawn(move || {
                for round in 0..rounds {
                    start.wait();
                    told.send((round, attempt(round, rival))).unwrap();
                    start.wait();
                }
            })
        })
        .collect();
    drop(told);
    for round in 0..rounds {
        let outcomes = outcomes.iter().take(RIVALS).map(|(of, outcome)| {
            assert_eq!(of, round);
            outcome
        });
        judge(round, outcomes.collect());
    }
    rivals.into_iter().for_each(join);
}

#[test]
fn equal_attempts_have_exactly_one_winner() {
    returns(|| {
        const ROUNDS: u64 = 400;
        /// The options of a round's attempts; all of them hold for one only.
        type Options = fn(round: u64) -> String;
        let kinds: [(&str, Options); 4] = [
            ("expected_version", |round| format!(r#"{{"expected_version":{round}}}"#)),
            ("expect", |round| format!(r#"{{"expect":[{{"domain":"d","instance_id":"i","version":{round}}}]}}"#)),
            ("condition", |round| {
                format!(r#"{{"condition":{{"fail_if_events_match":{{"type":"t"}},"after":{round}}}}}"#)
            }),
            ("tracking", |round| format!(r#"{{"tracking":{{"source":"s","position":{}}}}}"#, round + 1)),
        ];
        for (reason, options) in kinds {
            let store = memory();
            let rivals = store.clone();
            let attempt = move |round, rival| {
                let event = format!(r#"{{"type":"t","domain":"d","instance_id":"i","data":{rival}}}"#);
                rivals.append_json(event, Some(&options(round)))
            };
            contest(ROUNDS, attempt, |round, outcomes| {
                let winners = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
                assert_eq!(winners, 1, "{reason}, round {round}: {outcomes:?}");
                for error in outcomes.into_iter().filter_map(Result::err) {
                    assert_eq!(error.kind(), ErrorKind::Conflict);
                    assert_eq!(error.detail("reason").unwrap(), reason);
                    // The winner's event is the round's: that is what the losers met.
                    assert_eq!(error.detail("actual").unwrap(), round + 1, "{error:?}");
                }
            });
            assert_eq!(store.head(), Ok(ROUNDS));
            assert_eq!(store.tracking("s"), Ok(if reason == "tracking" { ROUNDS } else { 0 }));
        }
    });
}

#[test]
fn equal_ids_are_stored_once() {
    returns(|| {
        const ROUNDS: u64 = 400;
        let id = |round: u64| format!("0192f3a4-5b6c-7d8e-9f00-{round:012x}");
        let event =
            |id: &str, data| format!(r#"{{"id":"{id}","type":"t","domain":"d","instance_id":"i","data":{data}}}"#);

        // The same event: a retry, whoever is first.
        let store = memory();
        let rivals = store.clone();
        let attempt = move |round, _| rivals.append_json(event(&id(round), 7), Some(r#"{"expected_version":"any"}"#));
        contest(ROUNDS, attempt, |_, outcomes| {
            assert!(outcomes.iter().all(|outcome| outcome.is_ok() && *outcome == outcomes[0]), "{outcomes:?}");
        });
        assert_eq!(store.head(), Ok(ROUNDS));

        // Another event by the same id: one is stored.
        let store = memory();
        let rivals = store.clone();
        let attempt = move |round, rival| rivals.append_json(event(&id(round), rival), None);
        contest(ROUNDS, attempt, |round, outcomes| {
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "round {round}: {outcomes:?}");
            for error in outcomes.into_iter().filter_map(Result::err) {
                assert_eq!(error.kind(), ErrorKind::DuplicateId);
                assert_eq!(error.detail("ids").unwrap()[0], id(round));
            }
        });
        assert_eq!(store.head(), Ok(ROUNDS));
    });
}

#[test]
fn two_nexts_at_once_are_misuse() {
    returns(|| {
        let store = memory();
        let cursor = Arc::new(store.cursor(None, Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap());
        for round in 0..50 {
            let waiting = cursor.clone();
            let waiter = spawn(move || {
                loop {
                    let mut out = Vec::new();
                    match waiting.next(0, Some(LONG), &mut out) {
                        Ok(next) => return (next, seen(&out)),
                        // The other thread's look came in between.
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
                    }
                }
            });
            let mut out = Vec::new();
            let error = loop {
                match cursor.next(0, Some(Duration::ZERO), &mut out) {
                    Ok(next) => assert_eq!(next, Next::Timeout { position: round }, "the other one is not in yet"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), ErrorKind::Misuse);
            assert!(out.is_empty());
            store.append_json(batch(0, round, 1), None).unwrap();
            let (next, events) = waiter.join().unwrap();
            assert_eq!(next, Next::Events { position: round + 1 });
            assert_eq!(events[0].batch, round);
        }
    });
}

#[test]
fn a_cursor_is_cancelled_or_closed_at_any_moment() {
    returns(|| {
        let mut chance = Chance::new("cancel");
        let store = memory();
        for number in 0..5 {
            store.append_json(batch(0, number, 1000), Some(r#"{"return":"summary"}"#)).unwrap();
        }
        let bystander = store.cursor(None, Some(r#"{"follow":true,"format":"ndjson"}"#)).unwrap();
        for round in 0..300 {
            let close = round % 2 == 0;
            let kind = if close { ErrorKind::Closed } else { ErrorKind::Interrupted };
            let cursor =
                Arc::new(store.cursor(None, Some(r#"{"follow":true,"format":"ndjson","max_bytes":100000}"#)).unwrap());
            let reading = cursor.clone();
            let reader = spawn(move || {
                let mut log = Log::default();
                let mut out = Vec::new();
                loop {
                    out.clear();
                    match reading.next(0, None, &mut out) {
                        Ok(next) => {
                            seen(&out).into_iter().for_each(|event| log.add(event));
                            assert_eq!(next, Next::Events { position: log.events });
                        }
                        Err(error) => return error.kind(),
                    }
                }
            });
            // Some in the middle of the reading, some when all is read and the follower waits.
            chance.nap(20_000);
            if close {
                cursor.close().unwrap()
            } else {
                cursor.cancel().unwrap()
            }
            assert_eq!(reader.join().unwrap(), kind);
            for _ in 0..2 {
                assert_eq!(cursor.next(0, None, &mut Vec::new()).unwrap_err().kind(), kind);
            }
            // What was cancelled stays so, and can still be closed; what is closed is closed for good.
            let closed = Err(ErrorKind::Closed);
            let outcomes = [cursor.cancel(), cursor.close(), cursor.close(), cursor.cancel()];
            let wanted = [if close { closed } else { Ok(()) }, if close { closed } else { Ok(()) }, closed, closed];
            assert_eq!(outcomes.map(|outcome| outcome.map_err(|error| error.kind())), wanted);
            assert_eq!(cursor.next(0, None, &mut Vec::new()).unwrap_err().kind(), ErrorKind::Closed);
        }
        // Nobody else was disturbed.
        let (events, position) = follow(&bystander, 4000);
        assert_eq!((events.len(), position), (4000, 4000));
    });
}
