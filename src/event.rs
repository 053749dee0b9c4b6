//! The event as a caller gives it: slices of JSON text, never a tree.

use crate::time::{Timestamp, TimestampText};
use std::borrow::Cow;
use uuid::Uuid;

/// A type, domain, instance id, tag or tracking source has at least one byte and at most this many.
pub const NAME_BYTES_MAX: usize = 1024;
/// The most tags an event can carry.
pub const TAGS_MAX: usize = 64;
/// The most bytes that one event's payload and metadata can have together.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;

/// What is wrong with a name, if anything.
pub(crate) fn name_fault(name: &str) -> Option<&'static str> {
    match name.len() {
        0 => Some("is empty"),
        1..=NAME_BYTES_MAX if name.contains('\0') => Some("holds U+0000"),
        1..=NAME_BYTES_MAX => None,
        _ => Some("is longer than 1024 bytes"),
    }
}

/// An event as its caller gave it: validated, not yet completed. Reused from event to event, so that
/// a batch costs no allocation for each.
#[derive(Debug)]
pub(crate) struct NewEvent<'a> {
    pub id: Option<Uuid>,
    pub event_type: Cow<'a, str>,
    pub domain: Cow<'a, str>,
    pub instance_id: Cow<'a, str>,
    pub version: u32,
    pub inserted_at: Option<(Timestamp, TimestampText)>,
    pub tags: Vec<Cow<'a, str>>,
    pub payload: Option<Payload<'a>>,
    pub metadata: Option<Json<'a>>,
}

impl Default for NewEvent<'_> {
    fn default() -> Self {
        NewEvent {
            id: None,
            event_type: Cow::Borrowed(""),
            domain: Cow::Borrowed(""),
            instance_id: Cow::Borrowed(""),
            version: 1,
            inserted_at: None,
            tags: Vec::new(),
            payload: None,
            metadata: None,
        }
    }
}

impl NewEvent<'_> {
    /// Forgets all but the room for tags.
    pub fn clear(&mut self) {
        let mut tags = std::mem::take(&mut self.tags);
        tags.clear();
        *self = NewEvent { tags, ..NewEvent::default() };
    }
}

/// A sound JSON value, and whether white space stands between its tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Json<'a> {
    pub text: &'a str,
    pub spaced: bool,
}

/// What an event carries: JSON, or bytes in base64.
#[derive(Debug)]
pub(crate) enum Payload<'a> {
    Data(Json<'a>),
    Base64(Cow<'a, str>),
}
