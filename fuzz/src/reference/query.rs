//! Queries as they are meant.

use super::json::{items, known, string, unsigned};
use super::time::time;
use crate::oracle::{ALL, Filter, Query};

/// A sound text as a query; `None` where it is none.
pub fn query(text: &str) -> Option<Query> {
    match items(text) {
        _ if text == "null" => Some(vec![ALL]),
        Some(filters) => filters.into_iter().map(filter).collect(),
        None => filter(text).map(|filter| vec![filter]),
    }
}

fn filter(text: &str) -> Option<Filter> {
    let keys = ["type", "domain", "instance_id", "id", "tags", "from", "to", "after", "up_to", "after_version"];
    let values = known(text, keys)?;
    if values.contains(&Some("null")) {
        return None;
    }
    let [types, domains, instance_ids, ids, tags, from, to, after, up_to, after_version] = values;
    let filter = Filter {
        types: given(types, alternatives)?,
        domains: given(domains, alternatives)?,
        instance_ids: given(instance_ids, alternatives)?,
        ids: given(ids, alternatives)?.map(|ids| ids.iter().map(|id| id.to_ascii_lowercase()).collect()),
        tags: given(tags, strings)?.unwrap_or_default(),
        from: given(from, instant)?,
        to: given(to, instant)?,
        after: given(after, unsigned)?.unwrap_or(ALL.after),
        up_to: given(up_to, unsigned)?.unwrap_or(ALL.up_to),
        after_version: given(after_version, unsigned)?.unwrap_or(ALL.after_version),
    };
    let one = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| names.len() == 1);
    let one_stream = one(&filter.domains) && one(&filter.instance_ids);
    (after_version.is_none() || one_stream).then_some(filter)
}

/// `None` where a value is given that is none, `Some(None)` where there is nothing.
pub fn given<'a, T>(value: Option<&'a str>, read: impl FnOnce(&'a str) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn alternatives(text: &str) -> Option<Vec<String>> {
    string(text).map(|one| vec![one]).or_else(|| strings(text))
}

fn strings(text: &str) -> Option<Vec<String>> {
    items(text)?.into_iter().map(string).collect()
}

fn instant(text: &str) -> Option<String> {
    time(&string(text)?)
}
