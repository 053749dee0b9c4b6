//! Reading: piece by piece, so that no statement outlives a call and memory stays bounded.

use super::connection::{Connection, Progress};
use super::fault::Fault;
use super::predicate::Sql;
use super::servers::Servers;
use crate::call::Call;
use crate::engine::{End, Read};
use crate::error::Error;
use crate::json::{StoredParts, write_stored};
use crate::query::{Direction, POSITION_MAX, Query, Sink};
use futures_util::TryStreamExt;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio_postgres::types::{FromSql, Type, accepts};
use tokio_postgres::{Client, Row, Statement};

/// A piece has about so many bytes at most, and so many events.
const PIECE_BYTES: usize = 4 << 20;
const PIECE_EVENTS: usize = 16_384;
/// What comes behind the last event that was taken is read and dropped; where it is more than this, the connection is.
const DRAIN_BYTES: usize = 1 << 20;

/// How many bytes an event has, as far as reads have seen.
pub(super) struct EventBytes(AtomicUsize);

impl EventBytes {
    pub fn new() -> EventBytes {
        EventBytes(AtomicUsize::new(512))
    }

    fn note(&self, bytes: usize, events: u64) {
        if let Some(mean) = bytes.checked_div(events as usize) {
            self.0.store(mean.max(64), Relaxed);
        }
    }

    /// So many events make so many bytes, and one.
    fn events(&self, bytes: usize) -> u64 {
        (bytes / self.0.load(Relaxed)).min(PIECE_EVENTS) as u64 + 1
    }
}

/// A read under way: it goes on where it was when a connection breaks.
pub(super) struct Pieces<'a> {
    read: Read<'a>,
    /// The schema, quoted, and a dot.
    place: &'a str,
    event_bytes: &'a EventBytes,
    /// Of the stream that is read, if it is one: what was given last.
    version: Option<u64>,
    end: Option<End>,
}

impl<'a> Pieces<'a> {
    pub fn new(read: &Read<'a>, place: &'a str, event_bytes: &'a EventBytes) -> Pieces<'a> {
        let end = if read.limit == 0 {
            Some(End::Full)
        } else if read.query.filters.is_empty() || read.after >= read.up_to {
            Some(End::Complete)
        } else {
            None
        };
        Pieces { read: *read, place, event_bytes, version: None, end }
    }

    /// How the read ended, if it has.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// What a server must have to be asked: all that is read, as far as that is known.
    pub fn needs(&self, servers: &Servers) -> u64 {
        if self.read.up_to < POSITION_MAX { self.read.up_to } else { servers.seen() }
    }

    /// Reads the next piece.
    pub fn next(
        &mut self,
        connection: &mut Connection,
        servers: &Servers,
        sink: &mut dyn Sink,
        call: &Call<'_>,
    ) -> std::result::Result<(), Fault> {
        let limit = self.event_bytes.events(PIECE_BYTES.min(sink.room())).min(self.read.limit);
        let sql = self.sql(limit);
        // Worth preparing: it will be asked again, and whatever its values are, one plan is good for all.
        let statement = match is_common(self.read.query) {
            true => Some(connection.prepared(&sql.text, &Sql::TYPES, servers.patience, &|| call.check())?),
            false => None,
        };
        let mut taken = Taken { pieces: self, sink, call, rows: 0, bytes: 0, full: false, dropped: 0, unwanted: None };
        let drained = connection.run(servers.patience, &|| call.check(), async |client, progress| {
            taken.stream(client, progress, &sql, statement.as_ref()).await
        });
        let drained = match drained {
            // A link so slow that the server lost patience while it sent: the next piece goes on behind what came.
            Err(fault) if fault.is_cut() && taken.rows > 0 && !taken.full => return Ok(()),
            drained => drained?,
        };
        let Taken { sink, rows, bytes, full, unwanted, .. } = taken;
        let room = sink.room();
        if !drained {
            connection.discard();
        }
        if let Some(error) = unwanted {
            return Err(Fault::Unwanted(error));
        }
        self.event_bytes.note(bytes, rows - u64::from(full));
        if full || self.read.limit == 0 {
            self.end = Some(End::Full);
        } else if rows < limit || self.read.after >= self.read.up_to {
            self.end = Some(End::Complete);
        } else if room == 0 {
            // Asking for one event more, only to be refused, would be a round trip.
            self.end = Some(End::Full);
        } else if self.read.direction == Direction::Forward && self.read.up_to == POSITION_MAX {
            // A statement is of one moment, several are not: so they end where the store does now.
            self.read.up_to = servers.head(connection, servers.patience, &|| call.check())?;
        }
        Ok(())
    }

    fn sql(&self, limit: u64) -> Sql<'a> {
        const COLUMNS: &str = "SELECT position, id, stream_version, body FROM ";
        let read = &self.read;
        let forward = read.direction == Direction::Forward;
        let order = match (self.order(), forward) {
            (Order::Stream, true) => " ORDER BY stream_version",
            (Order::Stream, false) => " ORDER BY stream_version DESC",
            (Order::Store, true) => " ORDER BY position",
            (Order::Store, false) => " ORDER BY position DESC",
        };
        let mut sql = Sql::new(self.place);
        sql.push(COLUMNS);
        if self.walks_far() {
            // The fence has it find the window first, and sort what is in it.
            sql.push("(");
            sql.push(COLUMNS);
            sql.push_events();
            sql.push(" WHERE ");
            self.matches(&mut sql);
            sql.push(" OFFSET 0) AS found");
        } else {
            sql.push_events();
            sql.push(" WHERE ");
            self.matches(&mut sql);
            if read.skip > 0 && is_common(read.query) && matches!(self.order(), Order::Store) {
                // The index alone knows where the first one is.
                sql.push(if forward { " AND position >= " } else { " AND position <= " });
                sql.push("(SELECT position FROM ");
                sql.push_events();
                sql.push(" WHERE ");
                self.matches(&mut sql);
                sql.push(order);
                sql.push(" OFFSET ");
                sql.number(read.skip);
                sql.push(" LIMIT 1)");
                sql.push(order);
                sql.push(" LIMIT ");
                sql.number(limit);
                return sql;
            }
        }
        sql.push(order);
        sql.push(" OFFSET ");
        sql.number(read.skip);
        sql.push(" LIMIT ");
        sql.number(limit);
        sql
    }

    /// Adds which events are still to be read.
    fn matches(&self, sql: &mut Sql<'_>) {
        conditions(&self.read, sql);
        if let (Order::Stream, Some(version)) = (self.order(), self.version) {
            let forward = self.read.direction == Direction::Forward;
            sql.push(if forward { " AND stream_version > " } else { " AND stream_version < " });
            sql.number(version);
        }
    }

    /// Whether a walk in the order of positions would pass over much to come to the window of time that is asked for, or
    /// behind it. The planner does not know that times ascend with positions, and takes the events of a window for strewn
    /// among all others. A read that goes on is in its window already.
    fn walks_far(&self) -> bool {
        let read = &self.read;
        let begins = match read.direction {
            Direction::Forward => read.after == 0,
            Direction::Backward => read.up_to == POSITION_MAX,
        };
        read.query.filters.iter().any(|filter| match (read.direction, filter.from, filter.to) {
            (_, Some(_), Some(_)) => true,
            (Direction::Forward, Some(_), None) | (Direction::Backward, None, Some(_)) => begins,
            _ => false,
        })
    }

    /// The events of a stream are in the same order by their versions, and there is an index for those. Behind a position
    /// there may be few of many.
    fn order(&self) -> Order {
        let one = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| names.len() == 1);
        let begins = match self.read.direction {
            Direction::Forward => self.read.after == 0,
            Direction::Backward => self.read.up_to == POSITION_MAX,
        };
        match &self.read.query.filters[..] {
            [only] if one(&only.domains) && one(&only.instance_ids) && (begins || self.version.is_some()) => {
                Order::Stream
            }
            _ => Order::Store,
        }
    }
}

enum Order {
    Store,
    Stream,
}

/// Everything, a stream or a type: an index has just those in the order that is asked for.
fn is_common(query: &Query) -> bool {
    let [only] = &query.filters[..] else { return false };
    let count = |names: &Option<Vec<String>>| names.as_ref().map(Vec::len);
    let indexed = matches!(
        (count(&only.types), count(&only.domains), count(&only.instance_ids)),
        (None, None, None) | (Some(1), None, None) | (None, Some(1), Some(1))
    );
    indexed && only.ids.is_none() && only.tags.is_empty() && only.from.is_none() && only.to.is_none()
}

/// Adds which events a read means.
pub(super) fn conditions(read: &Read<'_>, sql: &mut Sql<'_>) {
    sql.query(read.query);
    if read.after > 0 {
        sql.push(" AND position > ");
        sql.number(read.after);
    }
    if read.up_to < POSITION_MAX {
        sql.push(" AND position <= ");
        sql.number(read.up_to);
    }
}

/// What a piece has given so far.
struct Taken<'p, 'a> {
    pieces: &'p mut Pieces<'a>,
    sink: &'p mut dyn Sink,
    call: &'p Call<'p>,
    rows: u64,
    bytes: usize,
    full: bool,
    dropped: usize,
    /// The call is not wanted any more.
    unwanted: Option<Error>,
}

impl Taken<'_, '_> {
    /// Gives the events of a statement to the sink, as they come; whether the statement was read to its end.
    async fn stream(
        &mut self,
        client: &Client,
        progress: &Progress,
        sql: &Sql<'_>,
        statement: Option<&Statement>,
    ) -> Result<bool, tokio_postgres::Error> {
        let arguments = sql.arguments();
        let mut rows = pin!(match statement {
            Some(statement) => client.query_raw(statement, arguments.map(|(value, _)| value)).await?,
            None => client.query_typed_raw(&sql.text, arguments).await?,
        });
        let mut text = Vec::new();
        while let Some(row) = rows.try_next().await? {
            progress.made();
            let event = event(&row)?;
            if self.full {
                self.dropped += event.body.len();
                if self.dropped > DRAIN_BYTES {
                    return Ok(false);
                }
                continue;
            }
            if let Err(error) = self.call.check() {
                self.unwanted = Some(error);
                return Ok(false);
            }
            text.clear();
            write_stored(&event, &mut text);
            self.take(&event, &text);
        }
        Ok(true)
    }

    fn take(&mut self, event: &StoredParts<'_>, text: &[u8]) {
        self.rows += 1;
        let position = event.sequence_number;
        if !self.sink.push(position, text) {
            self.full = true;
            return;
        }
        self.bytes += text.len();
        // From here on it goes on, wherever this connection breaks.
        let read = &mut self.pieces.read;
        self.pieces.version = Some(event.stream_version);
        read.skip = 0;
        read.limit -= 1;
        match read.direction {
            Direction::Forward => read.after = position,
            Direction::Backward => read.up_to = position - 1,
        }
    }
}

fn event(row: &Row) -> Result<StoredParts<'_>, tokio_postgres::Error> {
    let (position, version): (i64, i64) = (row.try_get(0)?, row.try_get(2)?);
    Ok(StoredParts {
        sequence_number: position as u64,
        id: row.try_get(1)?,
        stream_version: version as u64,
        body: row.try_get::<_, Text<'_>>(3)?.0,
    })
}

/// A text whose UTF-8 is checked faster than by the client library.
struct Text<'a>(&'a str);

impl<'a> FromSql<'a> for Text<'a> {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Text(simdutf8::basic::from_utf8(bytes)?))
    }

    accepts!(TEXT);
}
