//! From a caller's query to [`Query`].

use super::Input;
use super::members::{items, members, string, unsigned};
use crate::error::{Error, ErrorKind, Result};
use crate::id::parse_id;
use crate::query::{Filter, POSITION_MAX, Query};
use crate::time::Timestamp;

/// Reads null, an object, or an array of objects.
pub(crate) fn read_query(input: Input<'_>) -> Result<Query> {
    query(input.checked()?)
}

/// The same for a text that is known to be sound JSON.
pub(super) fn query(text: &str) -> Result<Query> {
    if text == "null" {
        return Ok(Query::all());
    }
    let filters = match items(text) {
        Some(filters) => filters
            .iter()
            .enumerate()
            .map(|(index, text)| Place(Some(index)).filter(text))
            .collect::<Result<Vec<_>>>()?,
        None => vec![Place(None).filter(text)?],
    };
    Ok(Query { filters })
}

const KEYS: [&str; 10] =
    ["type", "domain", "instance_id", "id", "tags", "from", "to", "after", "up_to", "after_version"];

/// Which filter an error is about: its index in the array, or the only one.
struct Place(Option<usize>);

impl Place {
    fn filter(&self, text: &str) -> Result<Filter> {
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

    fn alternatives(&self, key: &'static str, value: Option<&str>) -> Result<Option<Vec<String>>> {
        let Some(text) = value else { return Ok(None) };
        let names = match string(text) {
            Some(name) => Some(vec![name.into_owned()]),
            None => strings(text),
        };
        names.map(Some).ok_or_else(|| self.error(Some(key), format!("`{key}` must be a string or an array of strings")))
    }

    fn tags(&self, value: Option<&str>) -> Result<Vec<String>> {
        let Some(text) = value else { return Ok(Vec::new()) };
        strings(text).ok_or_else(|| {
            self.error(Some("tags"), "`tags` must be an array of strings, all of which an event must carry")
        })
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
        let place = match self.0 {
            Some(index) => format!("query[{index}]"),
            None => String::from("query"),
        };
        let mut error = Error::new(ErrorKind::InvalidQuery, format!("{place}: {message}"));
        if let Some(key) = key {
            error = error.with("key", key);
        }
        match self.0 {
            Some(index) => error.with("index", index),
            None => error,
        }
    }
}

fn strings(text: &str) -> Option<Vec<String>> {
    items(text)?.into_iter().map(|item| string(item).map(|name| name.into_owned())).collect()
}
