//! From a caller's options to [`Checks`], [`ReadOptions`] and [`CursorOptions`].

use super::Input;
use super::members::{boolean, items, members, string, unsigned};
use super::query::query;
use crate::append::{Answer, Checks, Condition, Expectation, Expected, Tracking};
use crate::error::{Error, ErrorKind, Result};
use crate::event::name_fault;
use crate::query::{CursorOptions, Direction, Format, POSITION_MAX, ReadOptions};

/// The most bytes of one cursor answer, where its options do not say.
const CURSOR_BYTES: usize = 1 << 20;
/// The most streams that one append can name in `expect`.
const EXPECTATIONS_MAX: usize = 100_000;
/// The size of a page, where the options do not say.
const PAGE_EVENTS: u64 = 100;

/// Reads the options of an append.
pub(crate) fn read_append_options(input: Option<Input<'_>>) -> Result<(Checks, Answer)> {
    let [expected_version, expect, condition, tracking, answer] =
        options(input, &["expected_version", "expect", "condition", "tracking", "return"])?;
    let checks = Checks {
        expected_version: expected_version
            .map(|text| expected("expected_version", text))
            .transpose()?
            .unwrap_or_default(),
        expect: expect.map(expectations).transpose()?.unwrap_or_default(),
        condition: condition.map(read_condition).transpose()?,
        tracking: tracking.map(read_tracking).transpose()?,
    };
    let answer = match answer {
        None => Answer::default(),
        Some(text) => choice("return", text, &[("events", Answer::Events), ("summary", Answer::Summary)])?,
    };
    Ok((checks, answer))
}

/// Reads the options of a read.
pub(crate) fn read_options(input: Option<Input<'_>>) -> Result<ReadOptions> {
    reading(options(input, &["limit", "offset", "direction", "pagination", "format"])?)
}

/// Reads the options of a cursor.
pub(crate) fn read_cursor_options(input: Option<Input<'_>>) -> Result<CursorOptions> {
    let [limit, offset, direction, pagination, format, max_bytes, follow] =
        options(input, &["limit", "offset", "direction", "pagination", "format", "max_bytes", "follow"])?;
    let read = reading([limit, offset, direction, pagination, format])?;
    let max_bytes = match max_bytes.map(|text| number("max_bytes", text)).transpose()? {
        None => CURSOR_BYTES,
        Some(0) => return Err(invalid("max_bytes", "`max_bytes` must be at least 1")),
        Some(bytes) => usize::try_from(bytes).unwrap_or(usize::MAX),
    };
    let follow = follow.map(|text| flag("follow", text)).transpose()?.unwrap_or(false);
    if read.pagination {
        return Err(invalid(
            "pagination",
            "`pagination` is for store_get_events: a cursor is read piece by piece already",
        ));
    }
    if follow && read.direction == Direction::Backward {
        return Err(invalid("direction", "`follow` goes forward: leave `direction` out, or `follow`"));
    }
    if follow && read.offset > 0 {
        return Err(invalid("offset", "`follow` takes no `offset`: begin behind a position with `after` in the query"));
    }
    Ok(CursorOptions { read, max_bytes, follow })
}

fn reading([limit, offset, direction, pagination, format]: [Option<&str>; 5]) -> Result<ReadOptions> {
    let mut options = ReadOptions {
        limit: limit.map(|text| number("limit", text)).transpose()?,
        offset: offset.map(|text| number("offset", text)).transpose()?.unwrap_or(0),
        direction: direction
            .map(|text| {
                choice("direction", text, &[("forward", Direction::Forward), ("backward", Direction::Backward)])
            })
            .transpose()?
            .unwrap_or_default(),
        pagination: pagination.map(|text| flag("pagination", text)).transpose()?.unwrap_or(false),
        format: format
            .map(|text| choice("format", text, &[("array", Format::Array), ("ndjson", Format::Ndjson)]))
            .transpose()?
            .unwrap_or_default(),
    };
    if options.pagination {
        if options.format == Format::Ndjson {
            return Err(invalid("format", "`pagination` answers one JSON object: leave `format` out, or `pagination`"));
        }
        if *options.limit.get_or_insert(PAGE_EVENTS) == 0 {
            return Err(invalid("limit", "`limit` is the size of a page: with `pagination` it must be at least 1"));
        }
    }
    Ok(options)
}

/// The values of the `known` options. Nothing, and null in any place, is as if left out.
pub(super) fn options<'a, const N: usize>(
    input: Option<Input<'a>>,
    known: &[&'static str; N],
) -> Result<[Option<&'a str>; N]> {
    let Some(input) = input else { return Ok([None; N]) };
    let text = input.checked()?;
    if text == "null" {
        return Ok([None; N]);
    }
    let values = object(text, input.name, known)?;
    Ok(values.map(|value| value.filter(|text| *text != "null")))
}

/// The values of an object's `known` keys; `place` names the object.
pub(super) fn object<'a, const N: usize>(
    text: &'a str,
    place: &str,
    known: &[&'static str; N],
) -> Result<[Option<&'a str>; N]> {
    match members(text, known) {
        Ok(Some(values)) => Ok(values),
        Ok(None) => Err(invalid(place, format!("`{place}` must be an object"))),
        Err(complaint) => Err(invalid(&complaint.key, format!("`{place}`: {}", complaint.message))),
    }
}

fn expectations(text: &str) -> Result<Vec<Expectation>> {
    let items = items(text).ok_or_else(|| invalid("expect", "`expect` must be an array of objects"))?;
    let mut expectations = Vec::new();
    for (index, text) in items.enumerate() {
        if index == EXPECTATIONS_MAX {
            let message = format!("`expect` names more than {EXPECTATIONS_MAX} streams: guard them with a `condition`");
            return Err(Error::new(ErrorKind::TooLarge, message).with("limit", EXPECTATIONS_MAX));
        }
        expectations.push(expectation(&format!("expect[{index}]"), text)?);
    }
    Ok(expectations)
}

fn expectation(place: &str, text: &str) -> Result<Expectation> {
    let [domain, instance_id, version] = object(text, place, &["domain", "instance_id", "version"])?;
    let version = version.ok_or_else(|| invalid(place, format!("`{place}` has no `version`: {EXPECTED}")))?;
    Ok(Expectation {
        domain: name(&format!("{place}.domain"), domain)?,
        instance_id: name(&format!("{place}.instance_id"), instance_id)?,
        expected: expected(&format!("{place}.version"), version)?,
    })
}

const EXPECTED: &str = "give an integer from 0 (the stream must not exist), \"any\" or \"exists\"";

fn expected(place: &str, text: &str) -> Result<Expected> {
    match string(text).as_deref() {
        Some("any") => Ok(Expected::Any),
        Some("exists") => Ok(Expected::Exists),
        _ => unsigned(text)
            .map(Expected::Version)
            .ok_or_else(|| invalid(place, format!("`{place}` is none of its values: {EXPECTED}"))),
    }
}

fn read_condition(text: &str) -> Result<Condition> {
    let [fail_if_events_match, after] = object(text, "condition", &["fail_if_events_match", "after"])?;
    let text = fail_if_events_match.ok_or_else(|| {
        invalid("condition", "`condition` has no `fail_if_events_match`: give the query that no event may match")
    })?;
    let query = query("condition.fail_if_events_match", text)?;
    if query.filters.is_empty() {
        let message = "condition.fail_if_events_match: an empty array matches nothing, so that the condition would guard nothing: give null for all events";
        return Err(Error::new(ErrorKind::InvalidQuery, message).with("key", "fail_if_events_match"));
    }
    let after =
        after.filter(|text| *text != "null").map(|text| number("condition.after", text)).transpose()?.unwrap_or(0);
    Ok(Condition { query, after })
}

fn read_tracking(text: &str) -> Result<Tracking> {
    let [source, position] = object(text, "tracking", &["source", "position"])?;
    let position = position
        .ok_or_else(|| invalid("tracking", "`tracking` has no `position`: give the position that was handled"))?;
    Ok(Tracking { source: name("tracking.source", source)?, position: number("tracking.position", position)? })
}

fn name(place: &str, value: Option<&str>) -> Result<String> {
    let name = value
        .and_then(string)
        .ok_or_else(|| invalid(place, format!("`{place}` must be given: a string of 1 to 1024 bytes")))?;
    match name_fault(&name) {
        Some(fault) => {
            Err(invalid(place, format!("`{place}` {fault}: give a string of 1 to 1024 bytes without U+0000")))
        }
        None => Ok(name.into_owned()),
    }
}

fn number(place: &str, text: &str) -> Result<u64> {
    unsigned(text).ok_or_else(|| invalid(place, format!("`{place}` must be an integer from 0 to {POSITION_MAX}")))
}

pub(super) fn flag(place: &str, text: &str) -> Result<bool> {
    boolean(text).ok_or_else(|| invalid(place, format!("`{place}` must be true or false")))
}

fn choice<T: Copy>(place: &str, text: &str, values: &[(&str, T)]) -> Result<T> {
    let given = string(text).unwrap_or_default();
    match values.iter().find(|(name, _)| *name == given) {
        Some((_, value)) => Ok(*value),
        None => {
            let names: Vec<String> = values.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            Err(invalid(place, format!("`{place}` must be {}", names.join(" or "))))
        }
    }
}

pub(super) fn invalid(option: &str, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).with("option", option)
}
