//! Cursors, read piece by piece while the log grows.

use crate::compare::{Outcome, answered, refused, same};
use crate::meaning::read_options;
use crate::oracle::{self, refusal};
use crate::steps::{Bytes, Query, ReadOptions};
use crate::world::World;
use proptest::sample::Index;
use runestore::{Cursor, ErrorKind, Next};
use serde_json::json;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A cursor, and what is known of it.
pub struct Reading {
    pub cursor: Cursor,
    query: oracle::Query,
    options: ReadOptions,
    max_bytes: u64,
    follow: bool,
    /// The head when it was opened.
    snapshot: u64,
    /// What it returned, in this order.
    returned: Vec<u64>,
    /// The last position that it told.
    position: u64,
    pub state: State,
}

#[derive(Clone, Copy, PartialEq)]
pub enum State {
    Open,
    Cancelled,
    Closed,
}

impl World {
    pub fn open(
        &mut self,
        query: &Query,
        options: &ReadOptions,
        max_bytes: Option<Bytes>,
        follow: Option<bool>,
    ) -> Outcome {
        let max_bytes = max_bytes.map(|bytes| self.bytes(bytes, query, options));
        let mut more = Vec::new();
        more.extend(max_bytes.map(|bytes| format!(r#""max_bytes":{bytes}"#)));
        more.extend(follow.map(|follow| format!(r#""follow":{follow}"#)));
        let (options_text, mut wrong) = read_options(options, &more);
        let follow = follow == Some(true);
        let no_follower = options.backward == Some(true) || options.offset.unwrap_or(0) > 0;
        if options.pagination == Some(true) || follow && no_follower {
            wrong.get_or_insert(refusal(ErrorKind::InvalidOptions, json!({})));
        }
        let (query_text, filters) = self.query(if wrong.is_some() { &Query::Absent } else { query });
        self.called(&format!("cursor {}", self.cursors.len()), &[query_text.as_deref().unwrap_or(""), &options_text]);
        let cursor = self.store.cursor(query_text.as_deref(), Some(&options_text));
        let query = match wrong.map_or(filters, Err) {
            Err(wanted) => return refused(cursor, &wanted),
            Ok(filters) => filters,
        };
        self.cursors.push(Reading {
            cursor: cursor.map_err(|error| format!("no cursor: {error:?}"))?,
            query,
            options: options.clone(),
            max_bytes: max_bytes.unwrap_or(1 << 20),
            follow,
            snapshot: self.oracle.head(),
            returned: Vec::new(),
            position: 0,
            state: State::Open,
        });
        Ok(())
    }

    fn bytes(&self, bytes: Bytes, query: &Query, options: &ReadOptions) -> u64 {
        match bytes {
            Bytes::At(bytes) => bytes,
            Bytes::Events(count, more) => {
                let mut numbers = self.query(query).1.map_or(Vec::new(), |filters| self.oracle.matching(&filters));
                if options.backward == Some(true) {
                    numbers.reverse();
                }
                let first = numbers.into_iter().skip(options.offset.unwrap_or(0) as usize).take(count);
                let answer = self.texts(first, options.ndjson == Some(true));
                (answer.len() as u64).saturating_add_signed(more).max(1)
            }
        }
    }

    pub fn stop(&mut self, cursor: &Index, state: State) -> Outcome {
        if self.cursors.is_empty() {
            return Ok(());
        }
        let at = cursor.index(self.cursors.len());
        self.called(if state == State::Closed { "close cursor" } else { "cancel cursor" }, &[&at.to_string()]);
        let reading = &mut self.cursors[at];
        let done = if state == State::Closed { reading.cursor.close() } else { reading.cursor.cancel() };
        if reading.state == State::Closed {
            return refused(done, &refusal(ErrorKind::Closed, json!({})));
        }
        reading.state = state;
        same("stopped", &done, &Ok(()))
    }

    pub fn next(&mut self, cursor: &Index, max_events: usize) -> Outcome {
        if self.cursors.is_empty() {
            return Ok(());
        }
        let at = cursor.index(self.cursors.len());
        self.called("next of cursor", &[&at.to_string(), &format!("max_events {max_events}")]);
        let reading = &self.cursors[at];
        let mut out = b"before".to_vec();
        let next = reading.cursor.next(max_events, Some(Duration::ZERO), &mut out);
        if !out.starts_with(b"before") {
            return Err(String::from("what stood in the buffer is gone"));
        }
        out.drain(..b"before".len());
        match reading.state {
            State::Open => {}
            State::Cancelled => return refused(next, &refusal(ErrorKind::Interrupted, json!({}))),
            State::Closed => return refused(next, &refusal(ErrorKind::Closed, json!({}))),
        }
        let next = next.map_err(|error| format!("no next: {error:?}"))?;

        let head = if reading.follow { self.oracle.head() } else { reading.snapshot };
        let mut all: Vec<u64> = self.oracle.matching(&reading.query).into_iter().filter(|n| *n <= head).collect();
        if reading.options.backward == Some(true) {
            all.reverse();
        }
        let offset = reading.options.offset.unwrap_or(0) as usize;
        let limit = reading.options.limit.unwrap_or(u64::MAX) as usize;
        let behind: Vec<u64> = all.into_iter().skip(offset).skip(reading.returned.len()).collect();
        let left = limit - reading.returned.len();
        let ndjson = reading.options.ndjson == Some(true);
        let most = if max_events == 0 { usize::MAX } else { max_events };
        let mut given = Vec::new();
        let mut bytes = usize::from(!ndjson);
        for &number in behind.iter().take(left.min(most)) {
            bytes += self.oracle.text(number).len() + 1;
            if !given.is_empty() && bytes as u64 > reading.max_bytes {
                break;
            }
            given.push(number);
        }

        let upper = reading.query.iter().map(|filter| filter.up_to).max().unwrap_or(u64::MAX);
        let lower = reading.query.iter().map(|filter| filter.after).min().unwrap_or(0);
        let told = match next {
            Next::Events { position } | Next::Timeout { position } | Next::Done { position } => position,
        };
        let wanted = if !given.is_empty() {
            Next::Events { position: told }
        } else if !reading.follow || left == 0 || head.max(lower) >= upper {
            Next::Done { position: told }
        } else {
            Next::Timeout { position: told }
        };
        same("what came", &next, &wanted)?;
        let text = if given.is_empty() { String::new() } else { self.texts(given.iter().copied(), ndjson) };
        answered(Ok(out), &text)?;

        let rest = &behind[given.len()..];
        let reading = &mut self.cursors[at];
        reading.returned.extend(&given);
        let truth = match rest.first() {
            Some(next) => reading.true_before(*next, lower),
            None => reading.true_at_the_end(head, upper, lower, given.is_empty()),
        };
        if !truth.contains(&told) || told < reading.position {
            return Err(format!("position {told}, where {truth:?} is true and {} was told before", reading.position));
        }
        reading.position = told;
        Ok(())
    }
}

/// The positions of which it is true that everything up to them was returned or does not match.
impl Reading {
    /// While `next` is still to be returned.
    fn true_before(&self, next: u64, lower: u64) -> RangeInclusive<u64> {
        match (self.options.backward, self.returned.last()) {
            // The beginning comes last: until then nothing is known.
            (Some(true), _) => lower..=lower,
            (_, last) => last.copied().unwrap_or(lower)..=next - 1,
        }
    }

    /// When all is returned; `told` if this was to be told by now.
    fn true_at_the_end(&self, head: u64, upper: u64, lower: u64, told: bool) -> RangeInclusive<u64> {
        let limited = self.options.limit == Some(self.returned.len() as u64);
        let known = match (self.options.backward, self.returned.last()) {
            _ if told && !limited => lower.max(head.min(upper)),
            (Some(true), _) | (_, None) => lower,
            (_, Some(last)) => *last,
        };
        known..=lower.max(head)
    }
}
