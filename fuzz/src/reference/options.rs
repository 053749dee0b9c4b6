//! Options as they are meant. Null is as if left out.

use super::is_name;
use super::json::{items, known, string, unsigned};
use super::query::{given, query};
use crate::oracle::{Checks, Expected};
use library::ErrorKind;

/// The options of a read or of a cursor.
#[derive(Clone, Debug)]
pub struct Reading {
    pub limit: Option<u64>,
    pub offset: u64,
    pub backward: bool,
    pub ndjson: bool,
    pub pagination: bool,
    pub follow: bool,
    pub max_bytes: u64,
}

/// Sound options of a read, or of a cursor; `None` where they are `invalid_options`.
pub fn reading(text: Option<&str>, of_cursor: bool) -> Option<Reading> {
    let keys = ["limit", "offset", "direction", "pagination", "format", "max_bytes", "follow"];
    let [limit, offset, direction, pagination, format, max_bytes, follow] = options(text, keys)?;
    if !of_cursor && has_keys(text, &["max_bytes", "follow"]) {
        return None;
    }
    let flag = |text| serde_json::from_str(text).ok();
    let mut reading = Reading {
        limit: given(limit, unsigned)?,
        offset: given(offset, unsigned)?.unwrap_or(0),
        backward: given(direction, |text| choice(text, "forward", "backward"))?.unwrap_or(false),
        ndjson: given(format, |text| choice(text, "array", "ndjson"))?.unwrap_or(false),
        pagination: given(pagination, flag)?.unwrap_or(false),
        follow: given(follow, flag)?.unwrap_or(false),
        max_bytes: given(max_bytes, unsigned)?.unwrap_or(1 << 20),
    };
    if reading.pagination {
        let limit = *reading.limit.get_or_insert(100);
        if of_cursor || reading.ndjson || limit == 0 {
            return None;
        }
    }
    let no_follower = reading.backward || reading.offset > 0;
    (reading.max_bytes > 0 && !(reading.follow && no_follower)).then_some(reading)
}

fn has_keys(text: Option<&str>, keys: &[&str]) -> bool {
    let members = text.and_then(super::json::members).unwrap_or_default();
    members.iter().any(|(name, _)| keys.contains(&name.as_str()))
}

/// True for the second.
fn choice(text: &str, first: &str, second: &str) -> Option<bool> {
    let given = string(text)?;
    (given == first || given == second).then_some(given == second)
}

fn options<'a, const N: usize>(text: Option<&'a str>, keys: [&str; N]) -> Option<[Option<&'a str>; N]> {
    match text {
        None | Some("null") => Some([None; N]),
        Some(text) => known(text, keys).map(|values| values.map(|value| value.filter(|text| *text != "null"))),
    }
}

/// Sound options of an append: its checks, and whether only a summary is wanted. Or what is wrong with them: which of
/// several mistakes is told is nobody's business.
pub fn append_options(text: Option<&str>) -> Result<(Checks, bool), Vec<ErrorKind>> {
    let keys = ["expected_version", "expect", "condition", "tracking", "return"];
    let invalid = || vec![ErrorKind::InvalidOptions];
    let [expected_version, expect, condition, tracking, answer] = options(text, keys).ok_or_else(invalid)?;
    let mut wrong = Vec::new();
    let mut checks = Checks::default();
    match given(expected_version, expected) {
        Some(expected) => checks.expected_version = expected,
        None => wrong.push(ErrorKind::InvalidOptions),
    }
    match given(expect, |text| items(text)?.into_iter().map(expectation).collect()) {
        Some(expect) => checks.expect = expect.unwrap_or_default(),
        None => wrong.push(ErrorKind::InvalidOptions),
    }
    match given(tracking, read_tracking) {
        Some(tracking) => checks.tracking = tracking,
        None => wrong.push(ErrorKind::InvalidOptions),
    }
    let summary = given(answer, |text| choice(text, "events", "summary"));
    if summary.is_none() {
        wrong.push(ErrorKind::InvalidOptions);
    }
    if let Some(text) = condition {
        match known(text, ["fail_if_events_match", "after"]) {
            Some([Some(filters), after]) => {
                let after = given(after.filter(|after| *after != "null"), unsigned);
                match (query(filters).filter(|query| !query.is_empty()), after) {
                    (Some(query), Some(after)) => checks.condition = Some((query, after.unwrap_or(0))),
                    (None, Some(_)) => wrong.push(ErrorKind::InvalidQuery),
                    (Some(_), None) => wrong.push(ErrorKind::InvalidOptions),
                    (None, None) => wrong.extend([ErrorKind::InvalidQuery, ErrorKind::InvalidOptions]),
                }
            }
            _ => wrong.push(ErrorKind::InvalidOptions),
        }
    }
    match summary {
        Some(summary) if wrong.is_empty() => Ok((checks, summary.unwrap_or(false))),
        _ => Err(wrong),
    }
}

fn expected(text: &str) -> Option<Expected> {
    match string(text).as_deref() {
        Some("any") => Some(Expected::Any),
        Some("exists") => Some(Expected::Exists),
        _ => unsigned(text).map(Expected::Version),
    }
}

fn expectation(text: &str) -> Option<(String, String, Expected)> {
    let [domain, instance_id, version] = known(text, ["domain", "instance_id", "version"])?;
    Some((name(domain?)?, name(instance_id?)?, expected(version?)?))
}

fn read_tracking(text: &str) -> Option<(String, u64)> {
    let [source, position] = known(text, ["source", "position"])?;
    Some((name(source?)?, unsigned(position?)?))
}

fn name(text: &str) -> Option<String> {
    string(text).filter(|name| is_name(name))
}
