//! The checks of an append, in the order that every engine keeps.

use crate::append::{Append, Condition, Expected, Tracking};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result, shown};
use crate::json::same_event;
use crate::query::Query;
use serde_json::Value;
use std::borrow::Cow;
use uuid::Uuid;

/// All that was committed before, as the checks look at it. The caller holds off other commits.
pub(crate) trait Committed {
    /// For each id, the position of the event that has it.
    fn positions_of(&self, ids: &[Uuid]) -> Result<Vec<Option<u64>>>;
    /// The text of the event at `position`.
    fn text(&self, position: u64) -> Result<Cow<'_, str>>;
    /// The stream's version, 0 if it does not exist.
    fn stream_version(&self, domain: &str, instance_id: &str) -> Result<u64>;
    /// The first event behind `after` that matches. Asks `call` now and then.
    fn first_match(&self, query: &Query, after: u64, call: &Call<'_>) -> Result<Option<u64>>;
    /// The position recorded for a source, 0 if there is none.
    fn tracking(&self, source: &str) -> Result<u64>;
}

/// What an append comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The batch is to be stored, and its tracking recorded.
    Store,
    /// The batch is stored already, from this position on.
    Stored {
        first: u64,
        /// Its tracking is still to be recorded.
        track: bool,
    },
}

/// Judges an append. `call` may end it, since nothing is written yet.
pub(crate) fn check(append: &Append, committed: &impl Committed, call: &Call<'_>) -> Result<Verdict> {
    let batch = &append.batch;
    let checks = &append.checks;
    let stored = positions(append, committed)?;
    if stored.iter().any(Option::is_some) {
        let first = retried(append, &stored, committed)?.ok_or_else(|| duplicate(append, &stored))?;
        let track = match &checks.tracking {
            Some(tracking) => tracking.position > committed.tracking(&tracking.source)?,
            None => false,
        };
        return Ok(Verdict::Stored { first, track });
    }
    // An expectation other than `any` was accepted only for a batch of one stream.
    if checks.expected_version != Expected::Any && !batch.is_empty() {
        let event = batch.event(0);
        stream("expected_version", event.domain, event.instance_id, checks.expected_version, committed)?;
    }
    for expectation in &checks.expect {
        stream("expect", &expectation.domain, &expectation.instance_id, expectation.expected, committed)?;
    }
    if let Some(condition) = &checks.condition
        && let Some(position) = committed.first_match(&condition.query, condition.after, call)?
    {
        return Err(condition_failed(condition, position));
    }
    if let Some(tracking) = &checks.tracking {
        track(tracking, committed)?;
    }
    Ok(Verdict::Store)
}

/// Where each event's id is stored, if it is. An id that was made for this append is not.
fn positions(append: &Append, committed: &impl Committed) -> Result<Vec<Option<u64>>> {
    let given: Vec<Uuid> = append.batch.ids().filter(|id| id.given).map(|id| id.id).collect();
    if given.is_empty() {
        return Ok(vec![None; append.batch.len()]);
    }
    let mut stored = committed.positions_of(&given)?.into_iter();
    Ok(append.batch.ids().map(|id| if id.given { stored.next().flatten() } else { None }).collect())
}

/// The position of the first event, if the whole batch is stored as it is.
fn retried(append: &Append, stored: &[Option<u64>], committed: &impl Committed) -> Result<Option<u64>> {
    let Some(first) = stored[0] else { return Ok(None) };
    for ((event, position), expected) in append.batch.iter().zip(stored).zip(first..) {
        if *position != Some(expected) || !same_event(&event, &committed.text(expected)?) {
            return Ok(None);
        }
    }
    Ok(Some(first))
}

pub(crate) fn duplicate(append: &Append, stored: &[Option<u64>]) -> Error {
    let known =
        || append.batch.ids().zip(stored).filter_map(|(id, position)| position.map(|position| (id.id, position)));
    let ids: Vec<Value> = known().map(|(id, _)| id.to_string().into()).collect();
    let (id, position) = known().next().unwrap_or_default();
    let message = format!(
        "{} of {} ids are stored already ({id} at {position}), and not as exactly this batch: \
         send the batch as it was first sent, or give new events new ids",
        ids.len(),
        stored.len()
    );
    Error::new(ErrorKind::DuplicateId, message).with("ids", ids)
}

fn stream(
    reason: &'static str,
    domain: &str,
    instance_id: &str,
    expected: Expected,
    committed: &impl Committed,
) -> Result<()> {
    let actual = committed.stream_version(domain, instance_id)?;
    match expected {
        Expected::Any => Ok(()),
        Expected::Exists if actual > 0 => Ok(()),
        Expected::Version(version) if actual == version => Ok(()),
        _ => Err(expectation_failed(reason, domain, instance_id, expected, actual)),
    }
}

/// The error for a stream at another version than was expected.
pub(crate) fn expectation_failed(
    reason: &'static str,
    domain: &str,
    instance_id: &str,
    expected: Expected,
    actual: u64,
) -> Error {
    let (expected, wanted): (Value, _) = match expected {
        Expected::Any => ("any".into(), String::from("any")),
        Expected::Exists => ("exists".into(), String::from("an existing stream")),
        Expected::Version(0) => (0.into(), String::from("no such stream")),
        Expected::Version(version) => (version.into(), format!("version {version}")),
    };
    let message = format!(
        "{reason}: stream ({}, {}) is at version {actual}, expected was {wanted}: \
         read what was added, decide again, append again",
        shown(domain),
        shown(instance_id),
    );
    conflict(reason, expected, actual, message).with("domain", domain).with("instance_id", instance_id)
}

/// The error for an event that a condition forbids.
pub(crate) fn condition_failed(condition: &Condition, position: u64) -> Error {
    let message = format!(
        "the event at {position} matches the condition's query (looked for behind {}): read again, decide again, append again",
        condition.after
    );
    conflict("condition", "none", position, message).with("sequence_number", position)
}

fn track(tracking: &Tracking, committed: &impl Committed) -> Result<()> {
    let recorded = committed.tracking(&tracking.source)?;
    if tracking.position > recorded { Ok(()) } else { Err(tracking_failed(tracking, recorded)) }
}

/// The error for a position that a reader has handled already.
pub(crate) fn tracking_failed(tracking: &Tracking, recorded: u64) -> Error {
    let message = format!(
        "tracking: source {} is at {recorded} already, so {} was handled before: skip it",
        shown(&tracking.source),
        tracking.position
    );
    conflict("tracking", tracking.position, recorded, message).with("source", tracking.source.as_str())
}

fn conflict(reason: &'static str, expected: impl Into<Value>, actual: u64, message: String) -> Error {
    Error::new(ErrorKind::Conflict, message).with("reason", reason).with("expected", expected).with("actual", actual)
}
