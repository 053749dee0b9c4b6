//! The postgres engine: events in a database that many processes and machines share.
//!
//! One row holds the last position, and every append writes it first: so the order of commits is the order of positions,
//! and a reader sees no gap. All checks are made on the server, behind that row. There is no thread of its own: each
//! connection is driven inside the calls that use it.

mod address;
mod append;
mod connection;
mod elements;
mod fault;
mod migrate;
mod predicate;
mod read;
mod servers;

use super::checks::{condition_failed, duplicate, expectation_failed, tracking_failed};
use super::{Appended, End, Engine, Read};
use crate::append::{Append, Batch, Checks};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{PostgresOptions, same_event, write_numbered};
use crate::query::{Direction, Filter, Query, Sink};
use append::{Outcome, Writer, expectations};
use migrate::quoted;
use predicate::Values;
use read::{Pieces, arguments, conditions};
use serde_json::{Map, Value};
use servers::Servers;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use uuid::Uuid;

/// How often the server is asked whether others have written.
const POLL: Duration = Duration::from_millis(20);

/// See the module.
pub(crate) struct Postgres {
    servers: Servers,
    /// There is none where the store is only read.
    writer: Option<Writer>,
    schema: String,
    /// The largest head that was seen.
    seen: AtomicU64,
}

impl Postgres {
    pub fn open(options: &PostgresOptions) -> Result<Postgres> {
        let servers = Servers::new(options)?;
        let mut connection = servers.connect()?;
        migrate::migrate(&mut connection, options, options.timeout)?;
        let writer = (!options.read_only).then(|| Writer::new(options, connection));
        let engine = Postgres { servers, writer, schema: options.schema.clone(), seen: AtomicU64::new(0) };
        engine.head()?;
        Ok(engine)
    }

    /// Asks the server one thing.
    fn ask<T>(
        &self,
        call: Option<&Call<'_>>,
        mut work: impl AsyncFnMut(&Client, &str) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let wanted = || call.map_or(Ok(()), Call::check);
        let schema = quoted(&self.schema);
        self.servers.read(&wanted, |connection| {
            connection.run(self.servers.timeout, &wanted, async |client, _| work(client, &schema).await)
        })
    }

    fn saw(&self, head: u64) -> u64 {
        self.seen.fetch_max(head, SeqCst);
        head
    }

    /// The answer for ids that are stored already: all of this batch, or else `duplicate_id`.
    fn retried(
        &self,
        append: &Append,
        positions: &[Option<u64>],
        head: u64,
        sink: Option<&mut dyn Sink>,
        call: &Call<'_>,
    ) -> Result<Appended> {
        let texts = self.texts(append, positions, call)?;
        let first = positions.first().copied().flatten().unwrap_or(0);
        let same = append.batch.iter().zip(positions).zip(first..).all(|((event, position), expected)| {
            *position == Some(expected) && texts.get(&expected).is_some_and(|text| same_event(&event, text))
        });
        if !same {
            return Err(duplicate(append, positions));
        }
        if append.checks.tracking.is_some() {
            let checks = Checks { tracking: append.checks.tracking.clone(), ..Checks::default() };
            let only = Append { batch: Batch::default(), checks };
            self.writer()?.append(&only, true, &self.servers, call)?;
        }
        if let Some(sink) = sink {
            (first..).map_while(|position| Some((position, texts.get(&position)?))).for_each(|(position, text)| {
                sink.push(position, text.as_bytes());
            });
        }
        Ok(Appended { first, count: append.batch.len() as u64, head })
    }

    /// The stored events that have ids of a batch, by their positions.
    fn texts(&self, append: &Append, positions: &[Option<u64>], call: &Call<'_>) -> Result<HashMap<u64, String>> {
        let ids: Vec<Uuid> =
            append.batch.ids().zip(positions).filter(|(_, position)| position.is_some()).map(|(id, _)| id.id).collect();
        let query = Query { filters: vec![Filter { ids: Some(ids), ..Filter::default() }] };
        let up_to = crate::query::POSITION_MAX;
        let read = Read { query: &query, after: 0, up_to, direction: Direction::Forward, skip: 0, limit: u64::MAX };
        let mut texts = Texts::default();
        self.read(&read, &mut texts, call)?;
        Ok(texts.0)
    }

    fn writer(&self) -> Result<&Writer> {
        self.writer.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::ReadOnly, "the store was opened for reading only: open it without `read_only`")
        })
    }
}

#[derive(Default)]
struct Texts(HashMap<u64, String>);

impl Sink for Texts {
    fn reserve(&mut self, _bytes: usize) {}

    fn push(&mut self, sequence_number: u64, text: &[u8]) -> bool {
        self.0.insert(sequence_number, String::from_utf8_lossy(text).into_owned());
        true
    }
}

impl Engine for Postgres {
    fn append(&self, append: &Append, mut sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        call.check()?;
        let outcome = self.writer()?.append(append, false, &self.servers, call)?;
        let count = append.batch.len() as u64;
        let appended = match outcome {
            Outcome::Stored { first, versions, head } => {
                if let Some(sink) = &mut sink {
                    let mut text = Vec::new();
                    for ((event, position), version) in append.batch.iter().zip(first..).zip(versions) {
                        text.clear();
                        write_numbered(&event, position, version as u64, &mut text);
                        sink.push(position, &text);
                    }
                }
                Appended { first, count, head }
            }
            Outcome::Known { positions, head } => self.retried(append, &positions, head, sink, call)?,
            Outcome::Unexpected { index, version } => {
                let own = usize::from(!append.batch.is_empty() && append.checks.expected_version != Default::default());
                let reason = if index < own { "expected_version" } else { "expect" };
                let (domain, instance_id, expected) = expectations(append).nth(index).unwrap_or_default();
                return Err(expectation_failed(reason, domain, instance_id, expected, version));
            }
            Outcome::Matched { position } => {
                let condition = append.checks.condition.as_ref();
                return Err(condition.map_or_else(
                    || Error::internal("no condition was sent"),
                    |condition| condition_failed(condition, position),
                ));
            }
            Outcome::Tracked { position } => {
                let tracking = append.checks.tracking.as_ref();
                return Err(tracking.map_or_else(
                    || Error::internal("no tracking was sent"),
                    |tracking| tracking_failed(tracking, position),
                ));
            }
        };
        self.saw(appended.head);
        Ok(appended)
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        let mut pieces = Pieces::new(read, &self.schema);
        while pieces.end().is_none() {
            self.servers
                .read(&|| call.check(), |connection| pieces.next(connection, self.servers.timeout, sink, call))?;
        }
        Ok(pieces.end().unwrap_or(End::Complete))
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        let mut values = Values::default();
        let matches = conditions(read, &mut values);
        let count: i64 = self.ask(Some(call), async |client, schema| {
            let sql = format!("SELECT count(*) FROM {schema}.events WHERE {matches}");
            client.query_typed_one(&sql, &arguments(&values)).await?.try_get(0)
        })?;
        Ok(count as u64)
    }

    fn head(&self) -> Result<u64> {
        let head: i64 = self.ask(None, async |client, schema| {
            client.query_typed_one(&format!("SELECT position FROM {schema}.head"), &[]).await?.try_get(0)
        })?;
        Ok(self.saw(head as u64))
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        loop {
            let head = self.head()?;
            let now = Instant::now();
            if head > after || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(head);
            }
            let pause = deadline.map_or(POLL, |deadline| POLL.min(deadline - now));
            call.wait_until(Some(now + pause), || self.seen.load(SeqCst) > after)?;
        }
    }

    fn tracking(&self, source: &str) -> Result<u64> {
        let position: Option<i64> = self.ask(None, async |client, schema| {
            let sql = format!("SELECT max(position) FROM {schema}.tracking WHERE source = $1");
            client.query_typed_one(&sql, &[(&source, tokio_postgres::types::Type::TEXT)]).await?.try_get(0)
        })?;
        Ok(position.unwrap_or(0) as u64)
    }

    fn trackings(&self) -> Result<Vec<(String, u64)>> {
        self.ask(None, async |client, schema| {
            let rows = client.query_typed(&format!("SELECT source, position FROM {schema}.tracking"), &[]).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)? as u64))).collect()
        })
    }

    fn info(&self) -> Result<Map<String, Value>> {
        let head = self.head()?;
        let sync: String = self.ask(None, async |client, _| {
            client.query_typed_one("SELECT current_setting('synchronous_commit')", &[]).await?.try_get(0)
        })?;
        let info: [(&str, Value); 6] = [
            ("engine", "postgres".into()),
            ("head", head.into()),
            ("events", head.into()),
            ("sync", sync.into()),
            ("read_only", self.writer.is_none().into()),
            ("unsupported", vec![Value::from("verify"), "backup".into()].into()),
        ];
        Ok(info.into_iter().map(|(name, value)| (String::from(name), value)).collect())
    }

    fn close(&self) -> Result<()> {
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.servers.close();
        Ok(())
    }
}
