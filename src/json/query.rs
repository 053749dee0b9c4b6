//! From a caller's query to [`Query`].

use super::Input;
use super::members::{items, members, string, unsigned};
use crate::error::{Error, ErrorKind, Result};
use crate::id::parse_id;
use crate::query::{Filter, POSITION_MAX, Query};
use crate::time::Timestamp;

/// The most filters in a query: each is asked of every event that another has found.
const FILTERS_MAX: usize = 10_000;
/// The most strings in all filters of a query together.
const STRINGS_MAX: usize = 100_000;

/// Reads null, an object, or an array of objects.
pub(crate) fn read_query(input: Input<'_>) -> Result<Query> {
    query(input.name, input.checked()?)
}

/// The same for a text that is known to be sound JSON; `name` is the query's in errors.
pub(super) fn query(name: &'static str, text: &str) -> Result<Query> {
    if text == "null" {
        return Ok(Query::all());
    }
    let mut reader = Reader { name, index: None, strings: 0 };
    let Some(items) = items(text) else {
        return Ok(Query { filters: vec![reader.filter(text)?] });
    };
    let mut filters = Vec::new();
    for (index, text) in items.enumerate() {
        if index == FILTERS_MAX {
            return Err(too_large(name, "objects", FILTERS_MAX));
        }
        reader.index = Some(index);
        filters.push(reader.filter(text)?);
    }
    // One that demands nothing makes the others idle.
    Ok(if filters.contains(&Filter::default()) { Query::all() } else { Query { filters } })
}

const KEYS: [&str; 10] =
    ["type", "domain", "instance_id", "id", "tags", "from", "to", "after", "up_to", "after_version"];

/// Reads filter by filter.
struct Reader {
    name: &'static str,
    /// The filter's place in an array, if it is in one.
    index: Option<usize>,
    /// How many strings there were in all filters so far.
    strings: usize,
}

impl Reader {
    fn filter(&mut self, text: &str) -> Result<Filter> {
        let values = members(text, &KEYS)
            .map_err(|complaint| self.error(Some(&complaint.key), complaint.message))?
            .ok_or_else(|| self.error(None, "must be null, an object, or an array of objects"))?;
        if let Some(index) = values.iter().position(|value| *value == Some("null")) {
            return Err(
                self.error(Some(KEYS[index]), format!("`{}` is null: leave it out to demand nothing", KEYS[index]))
            );
        }
        let [types, domains, instance_ids, ids, tags, from, to, after, up_to, after_version] = values;
        let filter = Filter {
            types: self.alternatives("type", types)?,
            domains: self.alternatives("domain", domains)?,
            instance_ids: self.alternatives("instance_id", instance_ids)?,
            // A string that is no UUID is no event's id.
            ids: self.alternatives("id", ids)?.map(|ids| ids.iter().filter_map(|id| parse_id(id)).collect()),
            tags: self.tags(tags)?,
            from: self.time("from", from)?,
            to: self.time("to", to)?,
            after: self.number("after", after)?.unwrap_or(0),
            up_to: self.number("up_to", up_to)?.unwrap_or(POSITION_MAX),
            after_version: self.number("after_version", after_version)?.unwrap_or(0),
        };
        let one = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| names.len() == 1);
        if after_version.is_some() && !(one(&filter.domains) && one(&filter.instance_ids)) {
            return Err(self.error(
                Some("after_version"),
                "`after_version` counts in one stream: give exactly one `domain` and one `instance_id` with it",
            ));
        }
        Ok(filter)
    }

    fn alternatives(&mut self, key: &'static str, value: Option<&str>) -> Result<Option<Vec<String>>> {
        let Some(text) = value else { return Ok(None) };
        match string(text) {
            Some(name) => Ok(Some(vec![name.into_owned()])),
            None => self.strings(key, text, "must be a string or an array of strings").map(Some),
        }
    }

    fn tags(&mut self, value: Option<&str>) -> Result<Vec<String>> {
        let Some(text) = value else { return Ok(Vec::new()) };
        self.strings("tags", text, "must be an array of strings, all of which an event must carry")
    }

    fn strings(&mut self, key: &'static str, text: &str, demand: &str) -> Result<Vec<String>> {
        let wrong = || self.error(Some(key), format!("`{key}` {demand}"));
        let mut names = Vec::new();
        for item in items(text).ok_or_else(wrong)? {
            names.push(string(item).ok_or_else(wrong)?.into_owned());
            if self.strings + names.len() > STRINGS_MAX {
                return Err(too_large(self.name, "strings", STRINGS_MAX));
            }
        }
        self.strings += names.len();
        Ok(names)
    }

    fn time(&self, key: &'static str, value: Option<&str>) -> Result<Option<Timestamp>> {
        let Some(text) = value else { return Ok(None) };
        let time = string(text).and_then(|text| Timestamp::parse(&text));
        time.map(Some).ok_or_else(|| {
            self.error(
                Some(key),
                format!(
                    "`{key}` must be an RFC 3339 time between the years 0000 and 9999, such as 2026-11-23T03:50:00Z"
                ),
            )
        })
    }

    fn number(&self, key: &'static str, value: Option<&str>) -> Result<Option<u64>> {
        let Some(text) = value else { return Ok(None) };
        unsigned(text)
            .map(Some)
            .ok_or_else(|| self.error(Some(key), format!("`{key}` must be an integer from 0 to {POSITION_MAX}")))
    }

    fn error(&self, key: Option<&str>, message: impl std::fmt::Display) -> Error {
        let place = match self.index {
            Some(index) => format!("{}[{index}]", self.name),
            None => String::from(self.name),
        };
        let mut error = Error::new(ErrorKind::InvalidQuery, format!("{place}: {message}"));
        if let Some(key) = key {
            error = error.with("key", key);
        }
        match self.index {
            Some(index) => error.with("index", index),
            None => error,
        }
    }
}

fn too_large(name: &str, what: &str, limit: usize) -> Error {
    let message = format!(
        "{name}: more than {limit} {what}: split the query, or mark the events that belong together with a tag"
    );
    Error::new(ErrorKind::TooLarge, message).with("limit", limit)
}
