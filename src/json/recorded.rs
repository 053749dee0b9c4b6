//! Stored events, looked at again.

use super::batch::FIELDS;
use super::members::{items, members};
use super::write::write_numbered;
use crate::append::BatchEvent;

/// Whether `event` is the one stored as `stored`: the test of an idempotent retry. Same id, stream,
/// type, version and tags (in any order), same text of payload and metadata, and the same time if
/// the caller gave one.
pub(crate) fn same_event(event: &BatchEvent<'_>, stored: &str) -> bool {
    let mut text = Vec::new();
    write_numbered(event, 0, 0, &mut text);
    let fields = |text| members(text, &FIELDS).ok().flatten();
    let (Some(given), Some(stored)) = (std::str::from_utf8(&text).ok().and_then(fields), fields(stored)) else {
        return false;
    };
    // Every stored string has the mandatory escapes only, so equal texts are equal values.
    FIELDS.iter().zip(given).zip(stored).all(|((field, given), stored)| match *field {
        "sequence_number" | "stream_version" => true,
        "inserted_at" => !event.inserted_at_given || given == stored,
        "tags" => sorted_items(given) == sorted_items(stored),
        _ => given == stored,
    })
}

fn sorted_items(array: Option<&str>) -> Option<Vec<&str>> {
    let mut items: Vec<&str> = items(array?)?.collect();
    items.sort_unstable();
    Some(items)
}
