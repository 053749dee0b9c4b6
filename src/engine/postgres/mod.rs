//! The postgres engine: events in a database that many processes and machines share.
//!
//! One row holds the last position, and every append writes it first: so the order of commits is the order of positions,
//! and a reader sees no gap. All checks are made on the server, behind that row. There is no thread of its own: each
//! connection is driven inside the calls that use it.

mod address;
mod attempt;
mod connection;
mod dial;
mod elements;
mod fault;
mod migrate;
mod predicate;
mod read;
mod request;
mod servers;
mod socket;
mod tls;
mod watch;
mod writer;

use super::checks::{condition_failed, duplicate, expectation_failed, tracking_failed};
use super::{Appended, End, Engine, Read};
use crate::append::{Append, Batch, Checks};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{PostgresOptions, same_event, write_numbered};
use crate::query::{Direction, Filter, POSITION_MAX, Query, Sink};
use attempt::Outcome;
use connection::Wanted;
use migrate::{in_schema, place};
use predicate::Sql;
use read::{EventBytes, Pieces, conditions};
use request::expectations;
use serde_json::{Map, Value};
use servers::{Servers, Use};
use std::collections::HashMap;
use std::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;
use watch::Watch;
use writer::{Writer, unknown, unsettled};

/// How many bytes a cursor holds of what comes next: enough that the way to the server is short beside what comes over it.
const READ_AHEAD: usize = 2 << 20;

/// See the module.
pub(crate) struct Postgres {
    servers: Servers,
    /// There is none where the store is only read.
    writer: Option<Writer>,
    watch: Watch,
    schema: String,
    /// What stands before a table's name in SQL.
    place: String,
    event_bytes: EventBytes,
}

impl Postgres {
    pub fn open(options: &PostgresOptions) -> Result<Postgres> {
        let servers = Servers::new(options)?;
        let wanted = || Ok(());
        let purpose = if options.read_only { Use::Read } else { Use::Write };
        let mut connection = servers.connect(purpose, options.timeout, &wanted)?;
        migrate::migrate(&mut connection, options, options.timeout)?;
        servers.set_made();
        servers.head(&mut connection, options.timeout, &wanted).map_err(fault::Fault::into_error)?;
        let writer = if options.read_only { None } else { Some(Writer::new(&options.schema, connection)?) };
        Ok(Postgres {
            servers,
            writer,
            watch: Watch::default(),
            schema: options.schema.clone(),
            place: place(&options.schema),
            event_bytes: EventBytes::new(),
        })
    }

    /// Asks the server one thing; the @ of each `@.name` of the SQL stands for the schema.
    fn ask<T>(
        &self,
        sql: &str,
        call: &Call<'_>,
        mut work: impl AsyncFnMut(&Client, &str) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let wanted: &Wanted<'_> = &|| call.check();
        let sql = in_schema(sql, &self.schema);
        self.servers.read(self.servers.seen(), wanted, |connection| {
            connection.run(self.servers.patience, wanted, async |client, _| work(client, &sql).await)
        })
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
        let first = positions.first().copied().flatten().unwrap_or(0);
        if !positions.iter().zip(first..).all(|(position, expected)| *position == Some(expected)) {
            return Err(duplicate(append, positions));
        }
        let texts = self.texts(append, positions, call).map_err(|error| unknown(&error, append))?;
        let mut events = append.batch.iter().zip(first..);
        let same = events.all(|(event, position)| texts.get(&position).is_some_and(|text| same_event(&event, text)));
        if !same {
            return Err(duplicate(append, positions));
        }
        if append.checks.tracking.is_some() {
            let checks = Checks { tracking: append.checks.tracking.clone(), ..Checks::default() };
            let only = Append { batch: Batch::default(), checks };
            self.writer()?.append(&only, true, &self.servers, call).map_err(|error| unknown(&error, append))?;
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
        let up_to = POSITION_MAX;
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
            Outcome::Unsettled => return Err(unsettled("PostgreSQL: the connection broke")),
            Outcome::Tracked { position } => {
                let tracking = append.checks.tracking.as_ref();
                return Err(tracking.map_or_else(
                    || Error::internal("no tracking was sent"),
                    |tracking| tracking_failed(tracking, position),
                ));
            }
        };
        self.servers.saw(appended.head);
        self.watch.wake();
        Ok(appended)
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        let mut pieces = Pieces::new(read, &self.place, &self.event_bytes);
        while pieces.end().is_none() {
            let position = pieces.needs(&self.servers);
            self.servers
                .read(position, &|| call.check(), |connection| pieces.next(connection, &self.servers, sink, call))?;
        }
        Ok(pieces.end().unwrap_or(End::Complete))
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        let mut sql = Sql::new(&self.place);
        sql.push("SELECT count(*) FROM ");
        sql.push_events();
        sql.push(" WHERE ");
        conditions(read, &mut sql);
        let count: i64 = self.ask(&sql.text, call, async |client, text| {
            client.query_typed_one(text, &sql.arguments()).await?.try_get(0)
        })?;
        Ok(count as u64)
    }

    fn head(&self, call: &Call<'_>) -> Result<u64> {
        let wanted = || call.check();
        self.servers.read(0, &wanted, |connection| self.servers.head(connection, self.servers.patience, &wanted))
    }

    /// A statement sees one moment, and a read that needs several ends where the store did at the first.
    fn moment(&self, _call: &Call<'_>) -> Result<u64> {
        Ok(POSITION_MAX)
    }

    fn read_ahead(&self) -> usize {
        READ_AHEAD
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        self.watch.wait(&self.servers, &self.schema, after, deadline, call)
    }

    fn tracking(&self, source: &str, call: &Call<'_>) -> Result<u64> {
        let sql = "SELECT max(position) FROM @.tracking WHERE source = $1";
        let position: Option<i64> = self.ask(sql, call, async |client, sql| {
            client.query_typed_one(sql, &[(&source, Type::TEXT)]).await?.try_get(0)
        })?;
        Ok(position.unwrap_or(0) as u64)
    }

    fn trackings(&self, call: &Call<'_>) -> Result<Vec<(String, u64)>> {
        self.ask("SELECT source, position FROM @.tracking", call, async |client, sql| {
            let rows = client.query_typed(sql, &[]).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get::<_, i64>(1)? as u64))).collect()
        })
    }

    fn info(&self, call: &Call<'_>) -> Result<Map<String, Value>> {
        let head = self.head(call)?;
        let sync: String = self.ask("SELECT current_setting('synchronous_commit')", call, async |client, sql| {
            client.query_typed_one(sql, &[]).await?.try_get(0)
        })?;
        let info: [(&str, Value); 8] = [
            ("engine", "postgres".into()),
            ("head", head.into()),
            ("events", head.into()),
            ("sync", sync.into()),
            ("read_only", self.writer.is_none().into()),
            ("schema", self.schema.as_str().into()),
            ("format", migrate::VERSION.into()),
            ("unsupported", vec![Value::from("verify"), "backup".into()].into()),
        ];
        Ok(info.into_iter().map(|(name, value)| (String::from(name), value)).collect())
    }

    fn close(&self) -> Result<()> {
        if let Some(writer) = &self.writer {
            writer.close();
        }
        self.watch.close();
        self.servers.close();
        Ok(())
    }
}
