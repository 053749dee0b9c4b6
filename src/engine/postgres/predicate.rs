//! Queries as SQL: its structure is text of our own, and every value stands in an array beside it.

use super::elements::Elements;
use super::migrate::in_schema;
use crate::query::{Filter, Query};
use std::fmt::Write;
use tokio_postgres::types::Type;

/// All domains, one look into the index of streams for each: that index has a stream's domain first.
const DOMAINS: &str = "WITH RECURSIVE known AS ((SELECT domain FROM @.events ORDER BY domain LIMIT 1) \
     UNION ALL SELECT (SELECT e.domain FROM @.events AS e WHERE e.domain > known.domain ORDER BY e.domain LIMIT 1) \
     FROM known WHERE known.domain IS NOT NULL) SELECT domain FROM known WHERE domain IS NOT NULL";

/// The values that predicates refer to, as `$1`, `$2` and `$3`.
#[derive(Debug)]
pub(super) struct Values {
    schema: String,
    pub names: Elements,
    pub numbers: Elements,
    pub ids: Elements,
}

impl Values {
    /// Their types.
    pub const TYPES: [Type; 3] = [Type::TEXT_ARRAY, Type::INT8_ARRAY, Type::UUID_ARRAY];

    /// None yet, for queries of a schema.
    pub fn new(schema: &str) -> Values {
        let [names, numbers, ids] = std::array::from_fn(|_| Elements::default());
        Values { schema: String::from(schema), names, numbers, ids }
    }

    /// The expression for a number.
    pub fn number(&mut self, number: u64) -> String {
        self.numbers.long(number.min(i64::MAX as u64) as i64);
        format!("$2[{}]", self.numbers.len())
    }

    /// Whether an event matches the query.
    pub fn query(&mut self, query: &Query) -> String {
        let filters: Vec<String> = query.filters.iter().map(|filter| self.filter(filter)).collect();
        if filters.is_empty() { String::from("false") } else { format!("({})", filters.join(" OR ")) }
    }

    fn filter(&mut self, filter: &Filter) -> String {
        let mut sql = String::from("(true");
        let mut and = |part: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = write!(sql, " AND {part}");
        };
        let columns = [("type", &filter.types), ("domain", &filter.domains), ("instance_id", &filter.instance_ids)];
        for (column, names) in columns {
            // No stored name holds U+0000, and the server takes no text that does.
            let sound: Option<Vec<&str>> = names
                .as_ref()
                .map(|names| names.iter().map(String::as_str).filter(|name| !name.contains('\0')).collect());
            match sound.as_deref() {
                None => {}
                Some([]) => and(format_args!("false")),
                Some([name]) => and(format_args!("{column} = {}", self.name(name))),
                Some(names) => and(format_args!("{column} = ANY({})", self.names(names))),
            }
        }
        if filter.instance_ids.is_some() && filter.domains.is_none() {
            and(format_args!("domain = ANY (ARRAY({}))", in_schema(DOMAINS, &self.schema)));
        }
        match filter.ids.as_deref() {
            None => {}
            Some([]) => and(format_args!("false")),
            Some(ids) => {
                let first = self.ids.len() + 1;
                ids.iter().for_each(|id| self.ids.id(*id));
                and(format_args!("id = ANY($3[{first}:{}])", self.ids.len()));
            }
        }
        let tags: Vec<&str> = filter.tags.iter().map(String::as_str).collect();
        if tags.iter().any(|tag| tag.contains('\0')) {
            and(format_args!("false"));
        } else if !tags.is_empty() {
            // The index has no events without tags.
            and(format_args!("tags <> '{{}}' AND tags @> {}", self.names(&tags)));
        }
        for (time, compared) in [(filter.from, ">="), (filter.to, "<")] {
            if let Some(time) = time {
                self.numbers.long(time.micros());
                and(format_args!("inserted_at {compared} $2[{}]", self.numbers.len()));
            }
        }
        let Filter { after, up_to, after_version, .. } = *filter;
        if after > 0 {
            and(format_args!("position > {}", self.number(after)));
        }
        if up_to < i64::MAX as u64 {
            and(format_args!("position <= {}", self.number(up_to)));
        }
        if after_version > 0 {
            and(format_args!("stream_version > {}", self.number(after_version)));
        }
        sql.push(')');
        sql
    }

    fn name(&mut self, name: &str) -> String {
        self.names.text(name);
        format!("$1[{}]", self.names.len())
    }

    fn names(&mut self, names: &[&str]) -> String {
        let first = self.names.len() + 1;
        names.iter().for_each(|name| self.names.text(name));
        format!("$1[{first}:{}]", self.names.len())
    }
}
