//! Cursors over an engine that counts what it is asked for, beside the same over one that is near.

use super::Ahead;
use crate::append::Append;
use crate::call::{Call, Cancel};
use crate::cursor::{Cursor, Next};
use crate::engine::{Appended, End, Engine, Read};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Direction, POSITION_MAX, Query, Sink};
use crate::store::Store;
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

/// A memory store, and another store whose engine has it far away.
struct Pair {
    near: Arc<Store>,
    far: Arc<Store>,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    reads: Vec<Asked>,
    waits: usize,
    /// The next read fails behind so many events.
    fails_behind: Option<u64>,
    /// Whoever is asked now has events up to here alone: a standby that is behind.
    has_up_to: Option<u64>,
}

/// A read, and what it gave.
#[derive(Clone, Copy, Default)]
struct Asked {
    limit: u64,
    events: u64,
    bytes: usize,
}

impl Pair {
    /// Each read of one that has `moments` is of a moment that was asked for before.
    fn new(read_ahead: usize, moments: bool) -> Pair {
        let near = Store::open("{}").unwrap();
        let log = Arc::new(Mutex::new(Log::default()));
        let far = Store::over(Box::new(Far { near: near.clone(), log: log.clone(), read_ahead, moments }));
        Pair { near, far, log }
    }

    /// Appends events, one for each length.
    fn append(&self, kind: &str, lengths: impl IntoIterator<Item = usize>) {
        let event = |length| json!({"type": kind, "domain": "d", "instance_id": "i", "data": String::from_utf8(vec![b'x'; length]).unwrap()});
        let events: Value = lengths.into_iter().map(event).collect();
        self.far.append_json(events.to_string(), None).unwrap();
    }

    fn cursor(&self, options: Value) -> Cursor {
        self.far.cursor(None, Some(&options.to_string())).unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(self.near.get_events_json(None, Some(r#"{"format":"ndjson"}"#)).unwrap()).unwrap()
    }

    fn reads(&self) -> Vec<Asked> {
        self.log.lock().unwrap().reads.clone()
    }

    fn fail_behind(&self, events: Option<u64>) {
        self.log.lock().unwrap().fails_behind = events;
    }
}

/// All that comes of a cursor now, and how many pieces it was.
fn drain(cursor: &Cursor, max_events: usize) -> (String, usize) {
    let mut out = Vec::new();
    let mut pieces = 0;
    while let Next::Events { .. } = cursor.next(max_events, AT_ONCE, &mut out).unwrap() {
        pieces += 1;
    }
    (String::from_utf8(out).unwrap(), pieces)
}

/// The memory that a cursor has for texts.
fn held(cursor: &Cursor) -> usize {
    cursor.state.lock().unwrap().ahead.held.texts.capacity()
}

#[test]
fn the_first_piece_is_read_alone_and_reads_double_up_to_the_bound() {
    const MOST: usize = 64 << 10;
    for direction in ["forward", "backward"] {
        let pair = Pair::new(MOST, true);
        pair.append("t", [300; 2000]);
        let all = pair.text();
        let cursor = pair.cursor(json!({"format": "ndjson", "max_bytes": 4096, "direction": direction}));
        let (text, pieces) = drain(&cursor, 0);
        assert_eq!(text.len(), all.len());
        let reads = pair.reads();
        assert!(reads[0].bytes <= 4096, "{} bytes", reads[0].bytes);
        let mut size = reads[0].bytes;
        for read in &reads[1..reads.len() - 1] {
            size = (size * 2).min(MOST);
            // It stops where a little is left, and what the piece took may be an event less than was to be expected.
            assert!(read.bytes <= size && read.bytes > size * 3 / 4, "{} bytes of {size}", read.bytes);
        }
        assert_eq!(size, MOST);
        assert!(reads.len() < pieces / 8, "{} reads for {pieces} pieces", reads.len());
    }
}

#[test]
fn a_read_is_for_all_that_the_cursor_will_give_and_a_piece_for_what_was_asked() {
    let pair = Pair::new(1 << 20, true);
    pair.append("t", [10; 100]);
    let cursor = pair.cursor(json!({"format": "ndjson", "limit": 50}));
    let (text, pieces) = drain(&cursor, 4);
    assert_eq!(text.lines().count(), 50);
    assert!(pair.text().starts_with(&text));
    assert_eq!(pieces, 13);
    let reads = pair.reads();
    // The third is for what the second has not brought.
    assert_eq!(reads.iter().take(3).map(|read| read.limit).collect::<Vec<_>>(), [4, 46, 46 - reads[1].events]);
    assert_eq!(reads.iter().map(|read| read.events).sum::<u64>(), 50, "nothing is read twice");
}

#[test]
fn an_engine_that_is_near_is_asked_for_each_piece() {
    let pair = Pair::new(0, true);
    pair.append("t", [10; 20]);
    let cursor = pair.cursor(json!({"format": "ndjson"}));
    for _ in 0..4 {
        cursor.next(3, AT_ONCE, &mut Vec::new()).unwrap();
    }
    assert_eq!(pair.reads().iter().map(|read| (read.limit, read.events)).collect::<Vec<_>>(), [(3, 3); 4]);
    assert_eq!(held(&cursor), 0);
}

#[test]
fn pieces_as_large_as_a_read_may_be_are_read_alone() {
    let pair = Pair::new(8 << 10, true);
    pair.append("t", [300; 200]);
    let cursor = pair.cursor(json!({"format": "ndjson", "max_bytes": 16384}));
    let mut text = Vec::new();
    let mut pieces = 0;
    while let Next::Events { .. } = cursor.next(0, AT_ONCE, &mut text).unwrap() {
        pieces += 1;
        assert_eq!(held(&cursor), 0);
    }
    assert_eq!(String::from_utf8(text).unwrap(), pair.text());
    assert_eq!(pair.reads().len(), pieces);
}

#[test]
fn memory_is_bounded_and_given_back_when_the_cursor_is_done_or_closed() {
    const MOST: usize = 8 << 10;
    let pair = Pair::new(MOST, true);
    pair.append("t", [200; 500]);
    for ending in ["all", "limit", "closed"] {
        let mut options = json!({"format": "ndjson", "max_bytes": 1000});
        if ending == "limit" {
            options["limit"] = json!(400);
        }
        let cursor = pair.cursor(options);
        let mut most = 0;
        let mut pieces = 0;
        while let Next::Events { .. } = cursor.next(0, AT_ONCE, &mut Vec::new()).unwrap() {
            assert!(held(&cursor) <= MOST, "{} bytes", held(&cursor));
            most = most.max(held(&cursor));
            pieces += 1;
            if ending == "closed" && pieces == 50 {
                assert!(held(&cursor) > 0);
                cursor.close().unwrap();
                break;
            }
        }
        assert!(most > MOST / 2, "{most} bytes");
        assert_eq!(held(&cursor), 0, "{ending}");
    }
}

#[test]
fn an_event_that_is_larger_than_all_bounds_comes() {
    let pair = Pair::new(4 << 10, true);
    for _ in 0..10 {
        pair.append("t", [10, 10, 10, 10, 10, 50_000, 10, 10, 50_000, 50_000]);
    }
    for max_bytes in [1, 1000, 3000] {
        let cursor = pair.cursor(json!({"format": "ndjson", "max_bytes": max_bytes}));
        let (text, _) = drain(&cursor, 0);
        assert!(text == pair.text(), "pieces of {max_bytes}");
    }
}

#[test]
fn a_read_that_fails_leaves_the_cursor_where_it_was() {
    for direction in ["forward", "backward"] {
        let pair = Pair::new(4 << 10, true);
        pair.append("t", [100; 300]);
        let options = json!({"format": "ndjson", "max_bytes": 1000, "direction": direction});
        let whole = drain(&pair.near.cursor(None, Some(&options.to_string())).unwrap(), 0).0;
        let cursor = pair.cursor(options);
        let mut out = Vec::new();
        let mut failures = 0;
        loop {
            pair.fail_behind(Some(failures % 7));
            let before = out.len();
            match cursor.next(0, AT_ONCE, &mut out) {
                Ok(Next::Events { .. }) => continue,
                Ok(_) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Io),
            }
            failures += 1;
            assert_eq!(out.len(), before);
            assert_eq!(held(&cursor), 0);
            pair.fail_behind(None);
            // It goes on with what failed, read alone again, and with what comes ahead of the next.
            for _ in 0..2 {
                cursor.next(0, AT_ONCE, &mut out).unwrap();
            }
        }
        assert!(failures > 5, "{failures} failures");
        assert!(String::from_utf8(out).unwrap() == whole);
    }
}

/// As where an answer does not fit into memory: its events were given, and the cursor has not moved.
#[test]
fn who_goes_on_from_elsewhere_is_given_nothing_of_what_is_held() {
    let pair = Pair::new(64 << 10, true);
    pair.append("t", [100; 60]);
    let (query, cancel) = (Query::all(), Cancel::default());
    let call = pair.far.enter(&cancel).unwrap();
    for direction in [Direction::Forward, Direction::Backward] {
        let mut ahead = Ahead::default();
        for (passed, skip) in [(0, 0), (5, 0), (10, 0), (10, 0), (15, 0), (5, 0), (10, 0), (40, 0), (45, 0), (50, 3)] {
            let (after, up_to) = match direction {
                Direction::Forward => (passed, 60),
                Direction::Backward => (0, 60 - passed),
            };
            let read = Read { query: &query, after, up_to, direction, skip, limit: 5 };
            let mut given = Positions(Vec::new());
            let end = ahead.read(pair.far.engine(), &read, 60 - passed, &mut given, &call).unwrap();
            let expected = (1..=5).map(|number| match direction {
                Direction::Forward => passed + skip + number,
                Direction::Backward => 61 - passed - skip - number,
            });
            assert_eq!((end, given.0), (End::Full, expected.collect()), "{direction:?}, {passed} passed");
        }
    }
    let reads = pair.reads().len();
    assert!(reads < 20, "{reads} reads: something was held");
}

struct Positions(Vec<u64>);

impl Sink for Positions {
    fn reserve(&mut self, _bytes: usize) {}

    fn push(&mut self, position: u64, _text: &[u8]) -> bool {
        self.0.push(position);
        true
    }
}

#[test]
fn a_follower_skips_nothing_of_what_it_held_when_one_that_is_behind_answers_next() {
    let pair = Pair::new(64 << 10, false);
    pair.append("t", [100; 10]);
    let follower = pair.cursor(json!({"format": "ndjson", "follow": true}));
    pair.append("t", [100; 190]);
    let mut text = Vec::new();
    let last = loop {
        let Next::Events { position } = follower.next(5, AT_ONCE, &mut text).unwrap() else { panic!("there are more") };
        if position > 10 && !follower.state.lock().unwrap().ahead.is_empty() {
            break position;
        }
    };
    // As an error does.
    follower.state.lock().unwrap().ahead.forget();
    pair.log.lock().unwrap().has_up_to = Some(last + 2);
    let mut position = last;
    while let Next::Events { position: at } = follower.next(50, AT_ONCE, &mut text).unwrap() {
        position = at;
    }
    assert_eq!(position, last + 2);
    pair.log.lock().unwrap().has_up_to = None;
    while let Next::Events { .. } = follower.next(50, AT_ONCE, &mut text).unwrap() {}
    assert_eq!(String::from_utf8(text).unwrap(), pair.text());
}

#[test]
fn a_follower_waits_for_nothing_while_something_is_held_and_is_given_what_comes_later() {
    for moments in [true, false] {
        let pair = Pair::new(64 << 10, moments);
        pair.append("t", [100; 10]);
        let follower = pair.cursor(json!({"format": "ndjson", "follow": true}));
        let mut text = Vec::new();
        follower.next(10, AT_ONCE, &mut text).unwrap();
        // It falls behind.
        pair.append("t", [100; 190]);
        for _ in 0..3 {
            follower.next(20, AT_ONCE, &mut text).unwrap();
        }
        pair.append("t", [100; 20]);
        let mut quick = 0;
        loop {
            let holds = !follower.state.lock().unwrap().ahead.is_empty();
            let waits = pair.log.lock().unwrap().waits;
            let next = follower.next(20, AT_ONCE, &mut text).unwrap();
            if holds {
                assert_eq!(pair.log.lock().unwrap().waits, waits);
                quick += 1;
            }
            if let Next::Timeout { position } = next {
                assert_eq!(position, 220);
                break;
            }
        }
        assert!(quick > 3, "{quick} pieces were held");
        assert_eq!(held(&follower), 0, "what has caught up holds nothing");
        pair.append("t", [100; 3]);
        follower.next(0, AT_ONCE, &mut text).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), pair.text());
    }
}

/// Whatever is asked, appended and lost in between: the same pieces, to the byte, as without reading ahead, which
/// together are the answer of one read.
#[test]
fn pieces_are_those_of_a_cursor_that_reads_nothing_ahead() {
    for seed in 0..1000 {
        let mut dice = Dice(seed);
        let moments = dice.below(2) == 0;
        let pair = Pair::new([1, 500, 3000, 20_000][dice.below(4)], moments);
        append_some(&pair, &mut dice);
        append_some(&pair, &mut dice);
        let follow = dice.below(2) == 0;
        let query = [
            json!({}),
            json!({"type": "A"}),
            json!({"after": dice.below(60)}),
            json!({"up_to": dice.below(120)}),
            json!([{"type": "B", "up_to": 40}, {"type": "A"}]),
        ][dice.below(5)]
        .to_string();
        let mut read = json!({"format": "ndjson"});
        if !follow {
            read["direction"] = json!(["forward", "backward"][dice.below(2)]);
            read["offset"] = json!([0, 1, 30][dice.below(3)]);
        }
        if dice.below(2) == 0 {
            read["limit"] = json!([0, 1, 25, 100][dice.below(4)]);
        }
        let mut options = read.clone();
        options["follow"] = json!(follow);
        options["max_bytes"] = json!([1, 300, 1000, 10_000, 1 << 20][dice.below(5)]);
        let what = format!("seed {seed}: {query} {options}");
        let answer = || pair.near.get_events_json(Some(&query), Some(&read.to_string())).unwrap();
        let opened = answer();
        let far = pair.far.cursor(Some(&query), Some(&options.to_string())).unwrap();
        let near = pair.near.cursor(Some(&query), Some(&options.to_string())).unwrap();
        let mut out = Vec::new();
        let mut rounds = 0;
        loop {
            rounds += 1;
            if dice.below(6) == 0 && rounds < 200 {
                append_some(&pair, &mut dice);
            }
            let max_events = [0, 0, 1, 3, 20][dice.below(5)];
            let start = out.len();
            let fails = dice.below(8) == 0;
            pair.fail_behind(fails.then(|| dice.below(12) as u64));
            let next = match far.next(max_events, AT_ONCE, &mut out) {
                Err(_) if fails => {
                    assert_eq!(out.len(), start, "{what}");
                    continue;
                }
                next => next.unwrap(),
            };
            let mut expected = Vec::new();
            let next_near = near.next(max_events, AT_ONCE, &mut expected).unwrap();
            assert!(out[start..] == expected, "{what}");
            assert_eq!(std::mem::discriminant(&next), std::mem::discriminant(&next_near), "{what}");
            // It may know sooner that no more match; of those that do not match it hears only where reads have moments.
            assert!(position(next) >= position(next_near) || (follow && !moments), "{what}: {next:?}, {next_near:?}");
            let whole = if follow { answer() } else { opened.clone() };
            assert!(first_number(&whole[out.len()..]).is_none_or(|first| first > position(next)), "{what}: {next:?}");
            match next {
                Next::Events { .. } => {}
                Next::Timeout { .. } if rounds < 200 => append_some(&pair, &mut dice),
                _ => break,
            }
        }
        assert!(out == if follow { answer() } else { opened }, "{what}");
    }
}

fn position(next: Next) -> u64 {
    match next {
        Next::Events { position } | Next::Timeout { position } | Next::Done { position } => position,
    }
}

/// The position of the first of these events.
fn first_number(lines: &[u8]) -> Option<u64> {
    let line = lines.split(|byte| *byte == b'\n').next().filter(|line| !line.is_empty())?;
    serde_json::from_slice::<Value>(line).unwrap()["sequence_number"].as_u64()
}

fn append_some(pair: &Pair, dice: &mut Dice) {
    for _ in 0..dice.below(4) {
        let kind = ["A", "B"][dice.below(2)];
        let count = 1 + dice.below(15);
        let lengths: Vec<usize> = (0..count).map(|_| [0, 20, 100, 400, 5000][dice.below(5)]).collect();
        pair.append(kind, lengths);
    }
}

/// Numbers that look random and are the same in each run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }
}

struct Far {
    near: Arc<Store>,
    log: Arc<Mutex<Log>>,
    read_ahead: usize,
    moments: bool,
}

impl Engine for Far {
    fn append(&self, append: &Append, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        self.near.engine().append(append, sink, call)
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        let fails_behind = self.log.lock().unwrap().fails_behind.take();
        let asked = Asked { limit: read.limit, ..Asked::default() };
        let mut watched = Watched { sink, asked, fails_behind };
        let has_up_to = self.log.lock().unwrap().has_up_to.unwrap_or(POSITION_MAX);
        let end = self.near.engine().read(&Read { up_to: read.up_to.min(has_up_to), ..*read }, &mut watched, call);
        let asked = watched.asked;
        self.log.lock().unwrap().reads.push(asked);
        match fails_behind {
            Some(events) if asked.events == events => Err(Error::new(ErrorKind::Io, "the way is cut")),
            _ => end,
        }
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        self.near.engine().count(read, call)
    }

    fn head(&self, call: &Call<'_>) -> Result<u64> {
        self.near.engine().head(call)
    }

    fn moment(&self, call: &Call<'_>) -> Result<u64> {
        if self.moments { self.head(call) } else { Ok(POSITION_MAX) }
    }

    fn read_ahead(&self) -> usize {
        self.read_ahead
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        self.log.lock().unwrap().waits += 1;
        match self.log.lock().unwrap().has_up_to {
            Some(has_up_to) => Ok(has_up_to.max(after)),
            None => self.near.engine().wait(after, deadline, call),
        }
    }

    fn tracking(&self, source: &str, call: &Call<'_>) -> Result<u64> {
        self.near.engine().tracking(source, call)
    }

    fn info(&self, call: &Call<'_>) -> Result<Map<String, Value>> {
        self.near.engine().info(call)
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Counts what a sink takes, and stops as an engine that is far away does.
struct Watched<'s> {
    sink: &'s mut dyn Sink,
    asked: Asked,
    fails_behind: Option<u64>,
}

impl Sink for Watched<'_> {
    fn reserve(&mut self, bytes: usize) {
        self.sink.reserve(bytes);
    }

    fn push(&mut self, position: u64, text: &[u8]) -> bool {
        let stops = self.asked.events > 0 && self.sink.room() == 0;
        if stops || self.fails_behind == Some(self.asked.events) || !self.sink.push(position, text) {
            return false;
        }
        self.asked.events += 1;
        self.asked.bytes += text.len();
        true
    }
}
