//! Appends: those of several threads go to the server together, and what became of a lost commit is learnt by writing
//! it again with its ids.

use super::connection::Connection;
use super::elements::Elements;
use super::fault::Fault;
use super::migrate::in_schema;
use super::predicate::Values;
use super::servers::{PAUSE, Servers};
use crate::append::{Append, Expected};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::types::ToSql;

/// So many appends go together at most, unless they reach so many bytes before.
const GROUP_MAX: usize = 256;
const GROUP_BYTES: usize = 8 << 20;
/// How often an append that waits for its turn asks whether it is still wanted.
const TICK: Duration = Duration::from_millis(50);

const CALL: &str =
    "SELECT * FROM @.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

/// What the server made of an append. `head` is the one behind it.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Stored {
        first: u64,
        versions: Vec<i64>,
        head: u64,
    },
    /// Where each id is stored already, if it is.
    Known {
        positions: Vec<Option<u64>>,
        head: u64,
    },
    /// The expectation of that number does not hold, since the stream is at this version.
    Unexpected {
        index: usize,
        version: u64,
    },
    Matched {
        position: u64,
    },
    Tracked {
        position: u64,
    },
}

/// An append, made ready to be sent.
struct Request {
    ids: Elements,
    types: Elements,
    domains: Elements,
    instance_ids: Elements,
    times: Elements,
    tags: Elements,
    tails: Elements,
    look_up: bool,
    expects: [Elements; 3],
    condition: Option<(crate::query::Query, u64)>,
    tracking: Option<(String, u64)>,
    /// A retry records no position that is behind.
    ignore_behind: bool,
    names: Vec<Value>,
    outcome: Mutex<Option<Result<Outcome>>>,
}

impl Request {
    fn new(append: &Append, look_up: bool, ignore_behind: bool) -> Request {
        let mut request = Request {
            ids: Elements::default(),
            types: Elements::default(),
            domains: Elements::default(),
            instance_ids: Elements::default(),
            times: Elements::default(),
            tags: Elements::default(),
            tails: Elements::default(),
            look_up: look_up || append.batch.ids().any(|id| id.given),
            expects: Default::default(),
            condition: append.checks.condition.as_ref().map(|condition| (condition.query.clone(), condition.after)),
            tracking: append.checks.tracking.as_ref().map(|tracking| (tracking.source.clone(), tracking.position)),
            ignore_behind,
            names: append.batch.ids().map(|id| id.id.to_string().into()).collect(),
            outcome: Mutex::default(),
        };
        let mut literal = String::new();
        for (event, id) in append.batch.iter().zip(append.batch.ids()) {
            request.ids.id(id.id);
            request.types.text(event.event_type);
            request.domains.text(event.domain);
            request.instance_ids.text(event.instance_id);
            request.times.long(event.inserted_at.micros());
            array_literal(event.tags(), &mut literal);
            request.tags.text(&literal);
            let tail = &event.tail[..event.tail.len() - 1];
            request.tails.text(std::str::from_utf8(tail).unwrap_or_default());
        }
        for (domain, instance_id, expected) in expectations(append) {
            request.expects[0].text(domain);
            request.expects[1].text(instance_id);
            request.expects[2].long(match expected {
                Expected::Version(version) => version as i64,
                Expected::Exists | Expected::Any => -1,
            });
        }
        request
    }

    fn bytes(&self) -> usize {
        self.tails.bytes()
    }

    /// Nothing can make it fail, so it may be one part with its like.
    fn is_plain(&self) -> bool {
        !self.look_up
            && self.expects[0].len() == 0
            && self.condition.is_none()
            && self.tracking.is_none()
            && self.ids.len() > 0
    }

    fn set(&self, outcome: Result<Outcome>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    fn take(&self) -> Option<Result<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an append expects of streams, in the order in which it is checked; `any` is no expectation.
pub(super) fn expectations(append: &Append) -> impl Iterator<Item = (&str, &str, Expected)> {
    let checks = &append.checks;
    let own = (!append.batch.is_empty() && checks.expected_version != Expected::Any)
        .then(|| {
            append.batch.streams().next().map(|(domain, instance_id)| (domain, instance_id, checks.expected_version))
        })
        .flatten();
    let named = checks.expect.iter().map(|one| (&*one.domain, &*one.instance_id, one.expected));
    own.into_iter().chain(named.filter(|(_, _, expected)| *expected != Expected::Any))
}

/// `{"a","b"}`
fn array_literal<'a>(items: impl Iterator<Item = &'a str>, out: &mut String) {
    out.clear();
    out.push('{');
    for (index, item) in items.enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        for character in item.chars() {
            if matches!(character, '"' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push('}');
}

/// The one connection that writes, and those who wait for it.
pub(super) struct Writer {
    sql: String,
    queue: Mutex<Queue>,
    turn: Condvar,
    connection: Mutex<Option<Connection>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Request>>,
    leading: bool,
}

impl Writer {
    pub fn new(options: &PostgresOptions, connection: Connection) -> Writer {
        Writer {
            sql: in_schema(CALL, &options.schema),
            queue: Mutex::default(),
            turn: Condvar::new(),
            connection: Mutex::new(Some(connection)),
        }
    }

    /// Has it appended. With `retried`, all its ids are looked for, and a tracking position that is behind is passed over.
    pub fn append(&self, append: &Append, retried: bool, servers: &Servers, call: &Call<'_>) -> Result<Outcome> {
        let request = Arc::new(Request::new(append, false, retried));
        let mut queue = self.queue();
        queue.waiting.push(Arc::clone(&request));
        loop {
            if let Some(outcome) = request.take() {
                return outcome;
            }
            if let Err(error) = call.check()
                && let Some(index) = queue.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, &request))
            {
                queue.waiting.remove(index);
                return Err(error);
            }
            if queue.leading {
                queue = self.turn.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let group = next_group(&mut queue.waiting);
            queue.leading = true;
            drop(queue);
            let leading = Leading(self);
            self.send(&group, servers);
            drop(leading);
            queue = self.queue();
        }
    }

    /// Closes the connection.
    pub fn close(&self) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, group: &[Arc<Request>], servers: &Servers) {
        let deadline = Instant::now() + servers.timeout;
        let mut kept = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        // Something was sent, and may be stored.
        let mut sent = false;
        let failure = loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => match servers.connect_until(deadline, &|| Ok(())) {
                    Ok(connection) => connection,
                    Err(error) => break error,
                },
            };
            let attempt = Attempt::new(group, sent);
            let answered = attempt.send(&mut connection, &self.sql, deadline.saturating_duration_since(Instant::now()));
            let doubtful = connection.take_doubt();
            let fault = match answered {
                Ok(outcomes) if !doubtful => {
                    *kept = Some(connection);
                    group.iter().zip(outcomes).for_each(|(request, outcome)| request.set(Ok(outcome)));
                    return;
                }
                Ok(_) => Fault::Late,
                Err(fault) => fault,
            };
            sent |= fault.is_lost();
            let again = fault.is_lost() || fault.is_passing() || fault.is_standby();
            if !again || Instant::now() + PAUSE >= deadline {
                break fault.into_error();
            }
            std::thread::sleep(PAUSE);
        };
        for request in group {
            request.set(Err(if sent { unknown(&failure, request) } else { failure.clone() }));
        }
    }
}

fn unknown(failure: &Error, request: &Request) -> Error {
    let message = format!(
        "{}; whether the batch was stored could not be learnt: append it again with the same ids to settle it",
        failure.message()
    );
    Error::new(ErrorKind::Indeterminate, message).with("ids", request.names.clone())
}

/// Lets the next one lead, however this one ends.
struct Leading<'a>(&'a Writer);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.queue().leading = false;
        self.0.turn.notify_all();
    }
}

fn next_group(waiting: &mut Vec<Arc<Request>>) -> Vec<Arc<Request>> {
    let mut bytes = 0;
    // Those that pass over a position are asked alone: it is said once for all.
    let alone = waiting.first().is_some_and(|first| first.ignore_behind);
    let count = waiting.iter().take(if alone { 1 } else { GROUP_MAX }).enumerate().take_while(|(index, request)| {
        bytes += request.bytes();
        *index == 0 || (bytes <= GROUP_BYTES && !request.ignore_behind)
    });
    let count = count.count();
    waiting.drain(..count).collect()
}

/// The arguments of one call.
struct Attempt<'a> {
    group: &'a [Arc<Request>],
    /// How many requests each part has.
    parts: Vec<usize>,
    arguments: [Elements; 19],
}

impl<'a> Attempt<'a> {
    fn new(group: &'a [Arc<Request>], look_up: bool) -> Attempt<'a> {
        let mut parts = Vec::new();
        let mut at = 0;
        while at < group.len() {
            let plain = if look_up { 0 } else { group[at..].iter().take_while(|request| request.is_plain()).count() };
            parts.push(plain.max(1));
            at += plain.max(1);
        }
        let mut values = Values::default();
        let [mut sizes, mut look_ups, mut expects, mut conditions, mut sources, mut positions] =
            std::array::from_fn(|_| Elements::default());
        let columns: [fn(&Request) -> &Elements; 7] = [
            |request| &request.ids,
            |request| &request.types,
            |request| &request.domains,
            |request| &request.instance_ids,
            |request| &request.times,
            |request| &request.tags,
            |request| &request.tails,
        ];
        let [ids, types, domains, instance_ids, times, tags, tails] = columns.map(|column| joined(group, column));
        let mut at = 0;
        for part in &parts {
            let requests = &group[at..at + part];
            at += part;
            sizes.int(requests.iter().map(|request| request.ids.len()).sum::<usize>() as i32);
            let first = &requests[0];
            look_ups.flag((look_up || first.look_up) && first.ids.len() > 0);
            expects.int(first.expects[0].len() as i32);
            match &first.condition {
                None => conditions.null(),
                Some((query, after)) => {
                    let (matches, after) = (values.query(query), values.number(*after));
                    conditions.text(&format!("{matches} AND position > {after}"));
                }
            }
            match &first.tracking {
                None => {
                    sources.null();
                    positions.null();
                }
                Some((source, position)) => {
                    sources.text(source);
                    positions.long(*position as i64);
                }
            }
        }
        let [expect_domains, expect_instance_ids, expect_versions] =
            [0, 1, 2].map(|index| joined(group, move |request| &request.expects[index]));
        let Values { names, numbers, ids: condition_ids } = values;
        let arguments = [
            sizes,
            look_ups,
            ids,
            types,
            domains,
            instance_ids,
            times,
            tags,
            tails,
            expects,
            expect_domains,
            expect_instance_ids,
            expect_versions,
            conditions,
            names,
            numbers,
            condition_ids,
            sources,
            positions,
        ];
        Attempt { group, parts, arguments }
    }

    fn send(
        &self,
        connection: &mut Connection,
        sql: &str,
        patience: Duration,
    ) -> std::result::Result<Vec<Outcome>, Fault> {
        let statement = connection.prepared(sql, patience)?;
        let ignore_behind = self.group[0].ignore_behind;
        let mut arguments: Vec<&(dyn ToSql + std::marker::Sync)> = Vec::with_capacity(20);
        arguments.extend(self.arguments.iter().map(|argument| argument as &(dyn ToSql + std::marker::Sync)));
        arguments.push(&ignore_behind);
        let rows =
            connection.run(patience, &|| Ok(()), async |client, _| client.query(&statement, &arguments).await)?;
        let mut outcomes = Vec::with_capacity(self.group.len());
        for (row, part) in rows.iter().zip(&self.parts) {
            let (outcome, number, head): (i16, i64, i64) = (row.get(0), row.get(1), row.get(3));
            let (number, head) = (number as u64, head as u64);
            let requests = &self.group[outcomes.len()..outcomes.len() + part];
            match outcome {
                0 => {
                    let mut versions: Vec<i64> = row.get(2);
                    let mut first = number;
                    for (index, request) in requests.iter().enumerate() {
                        let behind = versions.split_off(request.ids.len().min(versions.len()));
                        let count = versions.len() as u64;
                        let head = if index + 1 == *part { head } else { first + count - 1 };
                        outcomes.push(Outcome::Stored { first, versions, head });
                        versions = behind;
                        first += count;
                    }
                }
                1 => {
                    let positions: Vec<Option<i64>> = row.get(2);
                    let positions =
                        positions.into_iter().map(|position| position.map(|position| position as u64)).collect();
                    outcomes.push(Outcome::Known { positions, head });
                }
                2 => {
                    let versions: Vec<i64> = row.get(2);
                    outcomes.push(Outcome::Unexpected { index: number as usize, version: versions[0] as u64 });
                }
                3 => outcomes.push(Outcome::Matched { position: number }),
                _ => outcomes.push(Outcome::Tracked { position: number }),
            }
        }
        Ok(outcomes)
    }
}

fn joined<'r>(group: &'r [Arc<Request>], column: impl Fn(&'r Request) -> &'r Elements) -> Elements {
    let mut all = Elements::default();
    group.iter().for_each(|request| all.join(column(request)));
    all
}
