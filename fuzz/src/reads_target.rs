//! Queries and options of reads and cursors, configurations, and tracking sources, as text.

use crate::c::{self, DONE, Handle, OK};
use crate::compare::{answered, refused};
use crate::events::{Form, bulk};
use crate::oracle::{ALL, Checks, Event, Oracle, Query};
use crate::reference::{self, Reading, is_name, json};
use crate::samples::{NAMES, PAYLOADS, TIMES, uuid};
use crate::store::Error;
use crate::texts::Texts;
use crate::verdict::{self, agree};
use library::ErrorKind;

/// Reads with a query and options, through a cursor as well, from a store that is always the same, and asks the query as
/// a condition. Opens a store with a configuration, and asks for the position of a source. Each answer is the oracle's.
pub fn reads_target(texts: &Texts<'_>) {
    STORE.with(|(store, oracle)| {
        let target = Target { store: *store, oracle, query: texts.get(0), options: texts.get(1) };
        target.read();
        // By bytes alone, and by numbers as well.
        [0, 3].into_iter().for_each(|events_max| target.read_by_cursor(events_max));
        target.append_on_condition();
        if let Some(source) = texts.get(3) {
            target.track(source);
        }
    });
    if let Some(config) = texts.get(2) {
        open(config);
    }
}

thread_local! {
    /// More than a block of the index, with every name and times that run backwards.
    static STORE: (Handle, Oracle) = {
        let mut events = bulk(300, 0, Some(4));
        let plain = events[0].clone();
        events.extend(NAMES.iter().zip(0..).map(|(name, number): (_, usize)| Event {
            event_type: String::from(*name),
            domain: String::from(*name),
            instance_id: String::from(*name),
            inserted_at: Some(String::from(TIMES[number % TIMES.len()])),
            tags: vec![String::from(*name), String::from("t")],
            payload: String::from(PAYLOADS[number % PAYLOADS.len()]),
            ..plain.clone()
        }));
        for (event, number) in events.iter_mut().zip(0..) {
            event.id = Some(uuid(number));
        }
        let texts: Vec<String> = events.iter().map(|event| Form::default().text(event, None)).collect();
        let store = c::init(None).expect("a store opens");
        let text = format!("[{}]", texts.join(","));
        c::append(store, Some(text.as_bytes()), None, true).expect("they are events");
        let mut oracle = Oracle::default();
        oracle.store(events);
        (store, oracle)
    };
}

struct Target<'a> {
    store: Handle,
    oracle: &'a Oracle,
    query: Option<&'a [u8]>,
    options: Option<&'a [u8]>,
}

impl Target<'_> {
    fn read(&self) {
        let answer = c::get_events(self.store, self.query, self.options);
        let (numbers, reading) = match self.meaning(false) {
            Ok(meaning) => meaning,
            Err(kinds) => return self.refused(answer, &kinds),
        };
        let total = numbers.len() as u64;
        let texts = written(&self.chosen(numbers, &reading), reading.ndjson);
        if !reading.pagination {
            return agree(answered(answer, &texts));
        }
        let (limit, offset) = (reading.limit.unwrap_or(100), reading.offset);
        let (number, pages) = (offset / limit + 1, total.div_ceil(limit));
        let (has_next, has_prev) = (u128::from(offset) + u128::from(limit) < u128::from(total), offset > 0);
        let head = self.oracle.head();
        let wanted = format!(
            "{{\"events\":{texts},\"pagination\":{{\"total_count\":{total},\"page_size\":{limit},\"page_number\":{number},\
             \"total_pages\":{pages},\"has_next\":{has_next},\"has_prev\":{has_prev},\"head\":{head}}}}}"
        );
        agree(answered(answer, &wanted));
    }

    /// Piece by piece it is the same.
    fn read_by_cursor(&self, events_max: usize) {
        let cursor = c::cursor_open(self.store, self.query, self.options);
        let (numbers, reading) = match self.meaning(true) {
            Ok(meaning) => meaning,
            Err(kinds) => return self.refused(cursor, &kinds),
        };
        let wanted = self.chosen(numbers, &reading);
        let cursor = cursor.unwrap_or_else(|error| panic!("no cursor: {error:?}"));
        let mut left = wanted.as_slice();
        let mut reached = 0;
        loop {
            let (status, position, answer) = c::cursor_next(cursor, events_max, 0).expect("a piece");
            assert!(position >= reached, "position {position} behind {reached}");
            reached = position;
            if status != OK {
                assert!(left.is_empty(), "{} events did not come", left.len());
                assert!(status == DONE || reading.follow, "a timeout of a cursor that does not follow");
                break;
            }
            // Each event and its comma or newline; the first bracket is the only byte more.
            let mut bytes = usize::from(!reading.ndjson);
            let is_short = |text: &&&str| {
                bytes += text.len() + 1;
                bytes <= answer.len()
            };
            let (came, rest) = left.split_at(left.iter().take_while(is_short).count());
            agree(answered(Ok(answer.clone()), &written(came, reading.ndjson)));
            assert!(!came.is_empty() && (events_max == 0 || came.len() <= events_max), "{} events", came.len());
            assert!(came.len() == 1 || answer.len() as u64 <= reading.max_bytes, "{} bytes", answer.len());
            left = rest;
        }
        c::cursor_close(cursor).expect("the cursor is open");
    }

    /// A batch without an event stores nothing, whether or not the condition holds.
    fn append_on_condition(&self) {
        // Deeper ones are too deep in the options: they are asked alone.
        let Some(query) = self.query.filter(|query| json::depth(query) < json::LEVELS_MAX - 8) else { return };
        let Ok(query) = json::sound(query) else { return };
        let options = format!(r#"{{"condition":{{"fail_if_events_match":{query}}}}}"#);
        let answer = c::append(self.store, Some(b"[]"), Some(options.as_bytes()), true);
        match reference::query(query) {
            Some(query) if !query.is_empty() => {
                let checks = Checks { condition: Some((query, 0)), ..Checks::default() };
                match self.oracle.judge(&[], &checks) {
                    Ok(_) => agree(answered(answer, "[]")),
                    Err(wanted) => agree(refused(answer, &wanted)),
                }
            }
            _ => drop(verdict::expect(answer, &[ErrorKind::InvalidQuery], &[("options", Some(options.as_bytes()))])),
        }
    }

    fn track(&self, source: &[u8]) {
        let position = c::tracking(self.store, Some(source));
        let kind = match std::str::from_utf8(source) {
            Ok(name) if is_name(name) => return assert_eq!(position, Ok(0)),
            Ok(_) => ErrorKind::InvalidOptions,
            Err(_) => ErrorKind::InvalidJson,
        };
        verdict::expect(position, &[kind], &[("source", Some(source))]);
    }

    /// The events that match, and the options; or the errors, any of which may be told.
    fn meaning(&self, of_cursor: bool) -> Result<(Vec<u64>, Reading), Vec<ErrorKind>> {
        let query: Result<Query, ErrorKind> = match self.query.map(json::acceptable).transpose() {
            Err(_) => Err(ErrorKind::InvalidJson),
            Ok(None) => Ok(vec![ALL]),
            Ok(Some(text)) => reference::query(text).ok_or(ErrorKind::InvalidQuery),
        };
        let options = match self.options.map(json::acceptable).transpose() {
            Err(_) => Err(ErrorKind::InvalidJson),
            Ok(text) => reference::reading(text, of_cursor).ok_or(ErrorKind::InvalidOptions),
        };
        match (query, options) {
            (Ok(query), Ok(options)) => Ok((self.oracle.matching(&query), options)),
            (query, options) => Err(query.err().into_iter().chain(options.err()).collect()),
        }
    }

    fn chosen(&self, mut numbers: Vec<u64>, reading: &Reading) -> Vec<&str> {
        if reading.backward {
            numbers.reverse();
        }
        let (offset, limit) = (reading.offset as usize, reading.limit.unwrap_or(u64::MAX) as usize);
        numbers.into_iter().skip(offset).take(limit).map(|number| self.oracle.text(number)).collect()
    }

    fn refused<T: std::fmt::Debug>(&self, outcome: Result<T, Error>, kinds: &[ErrorKind]) {
        verdict::expect(outcome, kinds, &[("query", self.query), ("options", self.options)]);
    }
}

fn open(config: &[u8]) {
    if json::acceptable(config).is_ok_and(reference::touches_files) {
        return;
    }
    let store = c::init(Some(config));
    let wanted = match json::acceptable(config) {
        Err(_) => Err(ErrorKind::InvalidJson),
        Ok(text) => reference::config(text),
    };
    match wanted {
        Ok(()) => c::close(store.unwrap_or_else(|error| panic!("no store: {error:?}"))).expect("it is open"),
        Err(kind) => drop(verdict::expect(store, &[kind], &[("config", Some(config))])),
    }
}

fn written(texts: &[&str], ndjson: bool) -> String {
    match ndjson {
        true => texts.iter().fold(String::new(), |lines, text| lines + text + "\n"),
        false => format!("[{}]", texts.join(",")),
    }
}
