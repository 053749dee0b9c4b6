//! Queries as SQL: its structure is text of our own, and every value stands in an array beside it.

use super::elements::Elements;
use crate::query::{Filter, Query};
use std::fmt::Write;
use tokio_postgres::types::{ToSql, Type};

/// All domains, one look into the index of streams for each: that index has a stream's domain first.
const DOMAINS: &str = "WITH RECURSIVE known AS ((SELECT domain FROM @.events ORDER BY domain LIMIT 1) \
     UNION ALL SELECT (SELECT e.domain FROM @.events AS e WHERE e.domain > known.domain ORDER BY e.domain LIMIT 1) \
     FROM known WHERE known.domain IS NOT NULL) SELECT domain FROM known WHERE domain IS NOT NULL";

/// Which parameter each array is.
const NAMES: usize = 1;
const NUMBERS: usize = 2;
const IDS: usize = 3;

/// A statement under way, and the values that it refers to as `$1`, `$2` and `$3`.
#[derive(Debug)]
pub(super) struct Sql<'a> {
    pub text: String,
    pub names: Elements,
    pub numbers: Elements,
    pub ids: Elements,
    place: &'a str,
}

impl<'a> Sql<'a> {
    /// The values' types.
    pub const TYPES: [Type; 3] = [Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::UUID_ARRAY];

    /// An empty one, on the tables of a place: the schema, quoted, and a dot.
    pub fn new(place: &'a str) -> Sql<'a> {
        let (names, numbers) = (Elements::with_room(2, 64), Elements::with_room(4, 32));
        Sql { text: String::with_capacity(512), names, numbers, ids: Elements::default(), place }
    }

    /// Adds a piece of SQL.
    pub fn push(&mut self, sql: &str) {
        self.text.push_str(sql);
    }

    /// Adds a piece of SQL, the @ of each `@.name` of which stands for the schema.
    pub fn push_placed(&mut self, sql: &str) {
        let mut pieces = sql.split("@.");
        self.text.extend(pieces.next());
        for piece in pieces {
            self.text.push_str(self.place);
            self.text.push_str(piece);
        }
    }

    /// Adds the table of events.
    pub fn push_events(&mut self) {
        self.text.push_str(self.place);
        self.text.push_str("events");
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        self.long(number.min(i64::MAX as u64) as i64);
    }

    /// Adds whether an event matches the query.
    pub fn query(&mut self, query: &Query) {
        if query.filters.is_empty() {
            self.push("false");
            return;
        }
        for (index, filter) in query.filters.iter().enumerate() {
            self.push(if index == 0 { "(" } else { " OR " });
            self.filter(filter);
        }
        self.push(")");
    }

    /// The arguments of the statement.
    pub fn arguments(&self) -> [(&(dyn ToSql + std::marker::Sync), Type); 3] {
        let [names, numbers, ids] = Self::TYPES;
        [(&self.names, names), (&self.numbers, numbers), (&self.ids, ids)]
    }

    fn filter(&mut self, filter: &Filter) {
        self.push("(true");
        let columns = [("type", &filter.types), ("domain", &filter.domains), ("instance_id", &filter.instance_ids)];
        for (column, names) in columns {
            let Some(names) = names else { continue };
            self.push(" AND ");
            // No stored name holds U+0000, and the server takes no text that does.
            let first = self.names.len() + 1;
            names.iter().filter(|name| !name.contains('\0')).for_each(|name| self.names.text(name));
            match self.names.len() + 1 - first {
                0 => self.push("false"),
                1 => {
                    self.push(column);
                    self.push(" = ");
                    self.element(NAMES, first);
                }
                _ => {
                    self.push(column);
                    self.push(" = ANY(");
                    self.elements(NAMES, first, self.names.len());
                    self.push(")");
                }
            }
        }
        if filter.instance_ids.is_some() && filter.domains.is_none() {
            self.push(" AND domain = ANY (ARRAY(");
            self.push_placed(DOMAINS);
            self.push("))");
        }
        match filter.ids.as_deref() {
            None => {}
            Some([]) => self.push(" AND false"),
            Some(ids) => {
                let first = self.ids.len() + 1;
                ids.iter().for_each(|id| self.ids.id(*id));
                self.push(" AND id = ANY(");
                self.elements(IDS, first, self.ids.len());
                self.push(")");
            }
        }
        if filter.tags.iter().any(|tag| tag.contains('\0')) {
            self.push(" AND false");
        } else if !filter.tags.is_empty() {
            let first = self.names.len() + 1;
            filter.tags.iter().for_each(|tag| self.names.text(tag));
            // The index has no events without tags.
            self.push(" AND tags <> '{}' AND tags @> ");
            self.elements(NAMES, first, self.names.len());
        }
        for (time, compared) in [(filter.from, " AND inserted_at >= "), (filter.to, " AND inserted_at < ")] {
            if let Some(time) = time {
                self.push(compared);
                self.long(time.micros());
            }
        }
        let Filter { after, up_to, after_version, .. } = *filter;
        if after > 0 {
            self.push(" AND position > ");
            self.number(after);
        }
        if up_to < i64::MAX as u64 {
            self.push(" AND position <= ");
            self.number(up_to);
        }
        if after_version > 0 {
            self.push(" AND stream_version > ");
            self.number(after_version);
        }
        self.push(")");
    }

    fn long(&mut self, number: i64) {
        self.numbers.long(number);
        self.element(NUMBERS, self.numbers.len());
    }

    // Writing to a string does not fail.
    fn element(&mut self, array: usize, index: usize) {
        let _ = write!(self.text, "${array}[{index}]");
    }

    fn elements(&mut self, array: usize, first: usize, last: usize) {
        let _ = write!(self.text, "${array}[{first}:{last}]");
    }
}
