//! Reading: piece by piece, so that no statement outlives a call and memory stays bounded.

use super::connection::{Connection, Progress};
use super::fault::Fault;
use super::migrate::quoted;
use super::predicate::Values;
use crate::call::Call;
use crate::engine::{End, Read};
use crate::json::{StoredParts, write_stored};
use crate::query::{Direction, Sink};
use futures_util::TryStreamExt;
use std::pin::pin;
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The first piece has at most so many events, and each next one four times as many.
const PIECE_FIRST: u64 = 256;
const PIECE_MAX: u64 = 8192;
/// A piece of more bytes makes the next one smaller.
const PIECE_BYTES: usize = 4 << 20;

/// A read under way: it goes on where it was when a connection breaks.
pub(super) struct Pieces<'a> {
    read: Read<'a>,
    schema: &'a str,
    piece: u64,
    end: Option<End>,
}

impl<'a> Pieces<'a> {
    pub fn new(read: &Read<'a>, schema: &'a str) -> Pieces<'a> {
        let end = if read.limit == 0 {
            Some(End::Full)
        } else if read.query.filters.is_empty() || read.after >= read.up_to {
            Some(End::Complete)
        } else {
            None
        };
        Pieces { read: *read, schema, piece: PIECE_FIRST, end }
    }

    /// How the read ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Reads the next piece.
    pub fn next(
        &mut self,
        connection: &mut Connection,
        patience: Duration,
        sink: &mut dyn Sink,
        call: &Call<'_>,
    ) -> std::result::Result<(), Fault> {
        let limit = self.piece.min(self.read.limit);
        let (sql, values) = statement(&self.read, self.schema, limit);
        let mut taken = Taken { read: &mut self.read, sink, rows: 0, bytes: 0, full: false };
        connection.run(patience, &|| call.check(), async |client, progress| {
            taken.stream(client, progress, &sql, &values).await
        })?;
        let Taken { rows, bytes, full, .. } = taken;
        if full || self.read.limit == 0 {
            self.end = Some(End::Full);
        } else if rows < limit || self.read.after >= self.read.up_to {
            self.end = Some(End::Complete);
        }
        self.piece = if bytes > PIECE_BYTES { (self.piece / 4).max(1) } else { (self.piece * 4).min(PIECE_MAX) };
        Ok(())
    }
}

fn statement(read: &Read<'_>, schema: &str, limit: u64) -> (String, Values) {
    let mut values = Values::default();
    let order = if read.direction == Direction::Forward { "" } else { " DESC" };
    let sql = format!(
        "SELECT position, id, type, domain, instance_id, stream_version, tail FROM {}.events WHERE {} ORDER BY position{order} \
         OFFSET {} LIMIT {limit}",
        quoted(schema),
        conditions(read, &mut values),
        read.skip,
    );
    (sql, values)
}

/// Which events a read means.
pub(super) fn conditions(read: &Read<'_>, values: &mut Values) -> String {
    let mut sql = values.query(read.query);
    if read.after > 0 {
        sql.push_str(&format!(" AND position > {}", values.number(read.after)));
    }
    if read.up_to < crate::query::POSITION_MAX {
        sql.push_str(&format!(" AND position <= {}", values.number(read.up_to)));
    }
    sql
}

/// The arguments of a statement with values.
pub(super) fn arguments(values: &Values) -> [(&(dyn ToSql + std::marker::Sync), Type); 3] {
    let [names, numbers, ids] = Values::TYPES;
    [(&values.names, names), (&values.numbers, numbers), (&values.ids, ids)]
}

/// What a piece has given so far.
struct Taken<'p, 'a> {
    read: &'p mut Read<'a>,
    sink: &'p mut dyn Sink,
    rows: u64,
    bytes: usize,
    full: bool,
}

impl Taken<'_, '_> {
    /// Gives the events of a statement to the sink, as they come. What comes behind the last that it took is read and
    /// dropped.
    async fn stream(
        &mut self,
        client: &Client,
        progress: &Progress,
        sql: &str,
        values: &Values,
    ) -> Result<(), tokio_postgres::Error> {
        let mut rows = pin!(client.query_typed_raw(sql, arguments(values)).await?);
        let mut text = Vec::new();
        while let Some(row) = rows.try_next().await? {
            progress.made();
            if self.full || self.read.limit == 0 {
                continue;
            }
            self.rows += 1;
            let position = event_text(&row, &mut text)?;
            if !self.sink.push(position, &text) {
                self.full = true;
                continue;
            }
            self.bytes += text.len();
            // From here on it goes on, wherever this connection breaks.
            self.read.skip = 0;
            self.read.limit -= 1;
            match self.read.direction {
                Direction::Forward => self.read.after = position,
                Direction::Backward => self.read.up_to = position - 1,
            }
        }
        Ok(())
    }
}

/// The position of an event, and its text in `out`.
fn event_text(row: &Row, out: &mut Vec<u8>) -> Result<u64, tokio_postgres::Error> {
    let (position, version): (i64, i64) = (row.try_get(0)?, row.try_get(5)?);
    let event = StoredParts {
        sequence_number: position as u64,
        id: row.try_get(1)?,
        event_type: row.try_get(2)?,
        domain: row.try_get(3)?,
        instance_id: row.try_get(4)?,
        stream_version: version as u64,
        tail: row.try_get(6)?,
    };
    out.clear();
    write_stored(&event, out);
    Ok(position as u64)
}
