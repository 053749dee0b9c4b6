//! One call of the server's function `append`: the appends of a group as its arguments, its answers as theirs.

use super::connection::Connection;
use super::elements::{Elements, Only};
use super::fault::Fault;
use super::migrate::in_schema;
use super::predicate::Sql;
use super::request::Request;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// The calls, for one schema.
pub(super) struct Calls {
    function: String,
    single: String,
}

impl Calls {
    pub fn new(schema: &str) -> Calls {
        let arguments: Vec<String> = (1..=23).map(|number| format!("${number}")).collect();
        let function = format!("SELECT * FROM @.append({})", arguments.join(", "));
        // What most programs do most often: the function takes twice the time for it. Its checks are one, that the session
        // was not given up, which is looked at anew once the row is held. The stream's version is not, so where somebody else
        // appends to the stream just then, it fails on its number, and the function does it.
        let single = "WITH head AS (UPDATE @.head SET position = position + 1 WHERE NOT fenced @> ARRAY[$1] RETURNING position) \
             INSERT INTO @.events (position, id, type, domain, instance_id, stream_version, inserted_at, tags, body) \
             SELECT head.position, $2, $3, $4, $5, 1 + coalesce((SELECT max(e.stream_version) FROM @.events AS e \
                 WHERE e.domain = $4 AND e.instance_id = $5), 0), $6, $7::text[], $8 FROM head \
             RETURNING position, stream_version";
        Calls { function: in_schema(&function, schema), single: in_schema(single, schema) }
    }
}

/// Who calls: a session, and those before it that were given up while something was under way.
pub(super) struct Caller<'c> {
    pub connection: &'c mut Connection,
    pub session: Uuid,
    pub fence: &'c [Uuid],
}

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
    /// Whether an append without events was done before its connection broke cannot be told any more.
    Unsettled,
}

/// See the module.
pub(super) struct Attempt<'a> {
    group: &'a [Arc<Request>],
    /// It may be stored already, so all ids are looked up.
    look_up: bool,
    /// The schema, quoted, and a dot.
    place: &'a str,
}

impl<'a> Attempt<'a> {
    pub fn new(group: &'a [Arc<Request>], look_up: bool, place: &'a str) -> Attempt<'a> {
        Attempt { group, look_up, place }
    }

    /// It is one event without checks.
    fn is_single(&self) -> bool {
        !self.look_up && matches!(self.group, [only] if only.is_plain() && only.ids.len() == 1)
    }

    /// How many requests each part has.
    fn parts(&self) -> Vec<usize> {
        let mut parts = Vec::new();
        let mut at = 0;
        while at < self.group.len() {
            let plain =
                if self.look_up { 0 } else { self.group[at..].iter().take_while(|request| request.is_plain()).count() };
            parts.push(plain.max(1));
            at += plain.max(1);
        }
        parts
    }

    /// What the function takes between the sessions and the last of its arguments.
    fn arguments(&self, parts: &[usize]) -> [Elements; 20] {
        let mut sql = Sql::new(self.place);
        let [mut sizes, mut look_ups, mut expects, mut conditions, mut sources, mut positions, mut tokens] =
            std::array::from_fn(|_| Elements::default());
        let columns: [fn(&Request) -> &Elements; 7] = [
            |request| &request.ids,
            |request| &request.types,
            |request| &request.domains,
            |request| &request.instance_ids,
            |request| &request.times,
            |request| &request.tags,
            |request| &request.bodies,
        ];
        let [ids, types, domains, instance_ids, times, tags, bodies] = columns.map(|column| joined(self.group, column));
        let mut at = 0;
        for part in parts {
            let requests = &self.group[at..at + part];
            at += part;
            sizes.int(requests.iter().map(|request| request.ids.len()).sum::<usize>() as i32);
            let first = &requests[0];
            look_ups.flag(first.look_up || (self.look_up && (first.ids.len() > 0 || first.is_settled_by_token())));
            expects.int(first.expects[0].len() as i32);
            match &first.condition {
                None => conditions.null(),
                Some((query, after)) => {
                    sql.text.clear();
                    sql.push_events();
                    sql.push(" WHERE ");
                    sql.query(query);
                    sql.push(" AND position > ");
                    sql.number(*after);
                    conditions.text(&sql.text);
                }
            }
            match &first.tracking {
                None => {
                    sources.null();
                    positions.null();
                    tokens.null();
                }
                Some((source, position)) => {
                    sources.text(source);
                    positions.long(*position as i64);
                    tokens.id(first.token);
                }
            }
        }
        let [expect_domains, expect_instance_ids, expect_versions] =
            [0, 1, 2].map(|index| joined(self.group, move |request| &request.expects[index]));
        let Sql { names, numbers, ids: condition_ids, .. } = sql;
        [
            sizes,
            look_ups,
            ids,
            types,
            domains,
            instance_ids,
            times,
            tags,
            bodies,
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
            tokens,
        ]
    }

    /// Has it done: the outcomes, and the head then. From the moment when it may be done, `sent` says so.
    pub fn send(
        &self,
        caller: &mut Caller<'_>,
        calls: &Calls,
        patience: Duration,
        sent: &mut bool,
    ) -> std::result::Result<(Vec<Outcome>, u64), Fault> {
        if self.is_single() && caller.fence.is_empty() {
            match self.send_single(caller, calls, patience, sent) {
                Ok(Some(stored)) => return Ok(stored),
                Ok(None) => {}
                Err(fault) if fault.code() == Some(&SqlState::UNIQUE_VIOLATION) => {}
                Err(fault) => return Err(fault),
            }
        }
        let statement = caller.connection.prepared(&calls.function, &[], patience, &|| Ok(()))?;
        let parts = self.parts();
        let (own, ignore_behind) = (self.arguments(&parts), self.group[0].ignore_behind);
        let mut arguments: Vec<&(dyn ToSql + std::marker::Sync)> = Vec::with_capacity(23);
        arguments.extend([&caller.session as &(dyn ToSql + std::marker::Sync), &caller.fence]);
        arguments.extend(own.iter().map(|argument| argument as &(dyn ToSql + std::marker::Sync)));
        arguments.push(&ignore_behind);
        *sent = true;
        let rows = caller
            .connection
            .run(patience, &|| Ok(()), async |client, _| client.query(&statement, &arguments).await)?;
        let mut outcomes = Vec::with_capacity(self.group.len());
        let mut head_now = 0;
        for (row, part) in rows.iter().zip(&parts) {
            let (outcome, number, head): (i16, i64, i64) = (row.get(0), row.get(1), row.get(3));
            let (number, head) = (number as u64, head as u64);
            head_now = head;
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
                4 => outcomes.push(Outcome::Tracked { position: number }),
                _ => outcomes.push(Outcome::Unsettled),
            }
        }
        // Answers that are not there are as good as lost.
        if outcomes.len() == self.group.len() { Ok((outcomes, head_now)) } else { Err(Fault::Lost) }
    }

    fn send_single(
        &self,
        caller: &mut Caller<'_>,
        calls: &Calls,
        patience: Duration,
        sent: &mut bool,
    ) -> std::result::Result<Option<(Vec<Outcome>, u64)>, Fault> {
        let types = [Type::UUID, Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT, Type::INT8, Type::TEXT, Type::TEXT];
        let statement = caller.connection.prepared(&calls.single, &types, patience, &|| Ok(()))?;
        let Request { ids, types, domains, instance_ids, times, tags, bodies, .. } = &*self.group[0];
        let only = [ids, types, domains, instance_ids, times, tags, bodies].map(Only);
        let mut arguments: Vec<&(dyn ToSql + std::marker::Sync)> = vec![&caller.session];
        arguments.extend(only.iter().map(|only| only as &(dyn ToSql + std::marker::Sync)));
        *sent = true;
        let row = caller
            .connection
            .run(patience, &|| Ok(()), async |client, _| client.query_opt(&statement, &arguments).await)?;
        Ok(row.map(|row| {
            let (first, version): (i64, i64) = (row.get(0), row.get(1));
            let head = first as u64;
            (vec![Outcome::Stored { first: head, versions: vec![version], head }], head)
        }))
    }
}

fn joined<'r>(group: &'r [Arc<Request>], column: impl Fn(&'r Request) -> &'r Elements) -> Elements {
    let mut all = Elements::default();
    group.iter().for_each(|request| all.join(column(request)));
    all
}
