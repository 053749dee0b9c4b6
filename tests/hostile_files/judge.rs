//! Looks at a store that may be damaged: what it says must be right, or an error.

use crate::sample::{Truth, open};
use runestore::{ErrorKind, Store};
use std::path::Path;

/// Where damage was found.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub by_opening: bool,
    /// By reading everything.
    pub by_reading: bool,
    pub by_verify: bool,
}

impl Found {
    pub fn anywhere(self) -> bool {
        self.by_opening || self.by_reading || self.by_verify
    }
}

/// What the damage may lead to.
pub struct Allowed<'a> {
    pub kinds: &'a [ErrorKind],
    /// Events up to this position lie before the damage: a reader gives them.
    pub sound_up_to: u64,
    /// So many of the queries are asked; the first two are for everything.
    pub queries: usize,
}

/// For flips: a checksum finds them, and that is corruption.
pub const CORRUPT: &[ErrorKind] = &[ErrorKind::Corrupt];
/// Where files are not what they were.
pub const FILES: &[ErrorKind] = &[ErrorKind::Corrupt, ErrorKind::Io, ErrorKind::NotFound];

/// Opens the store, reads everything, asks every query, verifies, closes.
pub fn judge(truth: &Truth, path: &Path, read_only: bool, allowed: &Allowed<'_>) -> Result<Found, String> {
    let mut found = Found::default();
    let store = match open(path, read_only) {
        Ok(store) => store,
        Err(error) if allowed.kinds.contains(&error.kind()) => {
            let must_open = read_only && allowed.sound_up_to > 0;
            let found = Found { by_opening: true, ..found };
            return if must_open { Err(format!("a reader must open it, but: {error}")) } else { Ok(found) };
        }
        Err(error) => return Err(format!("opening: {error}")),
    };
    for (nth, asked) in truth.asked.iter().enumerate().take(allowed.queries) {
        match store.get_events_json(Some(&asked.query), Some(&asked.options)) {
            Ok(answer) if answer == asked.answer.as_bytes() => {}
            Ok(answer) => {
                let (got, wanted) = (lines(&answer), asked.answer.lines().count());
                return Err(format!("{} gives {got} events where {wanted} are right, or other ones", asked.query));
            }
            Err(error) if allowed.kinds.contains(&error.kind()) => found.by_reading |= nth < 2,
            Err(error) => return Err(format!("{}: {error}", asked.query)),
        }
    }
    if allowed.sound_up_to > 0 {
        prefix(truth, &store, allowed.sound_up_to)?;
    }
    match store.verify() {
        Ok(report) if report["ok"] == true => {
            if report["events"] != truth.texts.len() {
                return Err(format!("verify says ok, and {} events", report["events"]));
            }
        }
        Ok(report) if report["problems"].as_array().is_some_and(|problems| !problems.is_empty()) => {
            found.by_verify = true;
        }
        Ok(report) => return Err(format!("verify is not ok and names no problem: {report:?}")),
        Err(error) if allowed.kinds.contains(&error.kind()) => found.by_verify = true,
        Err(error) => return Err(format!("verify: {error}")),
    }
    if !found.anywhere() {
        all_is_there(truth, &store)?;
    }
    match store.close() {
        Err(error) if !allowed.kinds.contains(&error.kind()) => Err(format!("closing: {error}")),
        _ => Ok(found),
    }
}

/// The events before the damage can be read.
fn prefix(truth: &Truth, store: &Store, up_to: u64) -> Result<(), String> {
    let query = format!(r#"{{"up_to":{up_to}}}"#);
    match store.get_events_json(Some(&query), Some(r#"{"format":"ndjson"}"#)) {
        Ok(answer) if answer == truth.texts[..up_to as usize].concat().as_bytes() => Ok(()),
        Ok(answer) => Err(format!("{query} gives {} events, or other ones", lines(&answer))),
        Err(error) => Err(format!("{query} ends before the damage, but: {error}")),
    }
}

fn all_is_there(truth: &Truth, store: &Store) -> Result<(), String> {
    let head = store.head().map_err(|error| format!("head: {error}"))?;
    if head != truth.texts.len() as u64 {
        return Err(format!("the head is {head}"));
    }
    for (source, position) in &truth.tracking {
        let told = store.tracking(source).map_err(|error| format!("tracking: {error}"))?;
        if told != *position {
            return Err(format!("{source} is said to be at {told}, and is at {position}"));
        }
    }
    Ok(())
}

fn lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}
