//! Stored events, looked at again.

use super::Input;
use super::fields::{
    DATA, DATA_BASE64, DOMAIN, FIELDS, ID, INSERTED_AT, INSTANCE_ID, METADATA, SEQUENCE_NUMBER, STREAM_VERSION, TAGS,
    TYPE, VERSION, field,
};
use super::members::{items, string, unsigned};
use super::walk::{LEVELS_MAX, Walk, Walker, compact};
use super::write::{write_numbered, write_string};
use crate::append::{BatchEvent, StoredHead};
use crate::error::{Error, ErrorKind, Result, clipped, shown};
use crate::event::{TAGS_MAX, name_fault};
use crate::id::parse_id;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// The fields of one stored event: slices of its JSON text.
///
/// ```
/// use runestore::{RecordedEvent, Store};
///
/// let store = Store::open("{}")?;
/// store.append_json(r#"{"type":"Opened","domain":"account","instance_id":"a-1","data":{"a":1}}"#, None)?;
/// let lines = store.get_events_json(None, Some(r#"{"format":"ndjson"}"#))?;
/// for line in lines.split_inclusive(|byte| *byte == b'\n') {
///     let event = RecordedEvent::parse(line)?;
///     assert_eq!((event.sequence_number(), &*event.event_type()), (1, "Opened"));
///     assert_eq!(event.data(), Some(r#"{"a":1}"#));
/// }
/// # Ok::<(), runestore::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RecordedEvent<'a> {
    text: &'a str,
}

impl<'a> RecordedEvent<'a> {
    /// Reads the text of one event, wherever it comes from; white space around it is fine.
    ///
    /// # Errors
    ///
    /// `invalid_json` where it is no JSON, `invalid_event` where a field is unknown, missing, or not
    /// of its kind.
    pub fn parse(text: &'a [u8]) -> Result<RecordedEvent<'a>> {
        let input = Input { name: "event", bytes: text };
        let text = input.text()?;
        let fields = fields(text).map_err(|fault| input.fault(&fault))??;
        match (0..FIELDS.len()).find(|field| !is_sound(*field, &fields)) {
            Some(field) => Err(refused(Some(FIELDS[field]), "is missing, or not as a store writes it")),
            None => Ok(RecordedEvent { text }),
        }
    }

    /// The same for a text that a store gave: nothing is checked. In any other text, what is not there
    /// reads as 0 or as empty.
    pub fn stored(text: &'a [u8]) -> RecordedEvent<'a> {
        RecordedEvent { text: simdutf8::basic::from_utf8(text).unwrap_or_default() }
    }

    /// The position in the whole store, from 1 on.
    pub fn sequence_number(&self) -> u64 {
        self.number(SEQUENCE_NUMBER)
    }

    /// The id: a UUID in its 36 characters.
    pub fn id(&self) -> Cow<'a, str> {
        self.string(ID)
    }

    /// The type.
    pub fn event_type(&self) -> Cow<'a, str> {
        self.string(TYPE)
    }

    /// The stream's domain.
    pub fn domain(&self) -> Cow<'a, str> {
        self.string(DOMAIN)
    }

    /// The stream's instance id.
    pub fn instance_id(&self) -> Cow<'a, str> {
        self.string(INSTANCE_ID)
    }

    /// The position in the stream, from 1 on.
    pub fn stream_version(&self) -> u64 {
        self.number(STREAM_VERSION)
    }

    /// The version of the event's schema, from 1 to 4294967295.
    pub fn version(&self) -> u32 {
        self.number(VERSION) as u32
    }

    /// When the event was inserted, in RFC 3339.
    pub fn inserted_at(&self) -> Cow<'a, str> {
        self.string(INSERTED_AT)
    }

    /// The tags, in the order given.
    pub fn tags(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        self.field(TAGS).and_then(items).into_iter().flatten().filter_map(string)
    }

    /// The JSON text of `data`; `None` where the payload is binary.
    pub fn data(&self) -> Option<&'a str> {
        self.field(DATA)
    }

    /// The binary payload in base64; `None` where the payload is JSON.
    pub fn data_base64(&self) -> Option<Cow<'a, str>> {
        self.field(DATA_BASE64).and_then(string)
    }

    /// The JSON text of `metadata`.
    pub fn metadata(&self) -> &'a str {
        self.field(METADATA).unwrap_or("{}")
    }

    /// Appends the event as a store writes it, without the newline: its fields in order, no white space.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_fields(|_| true, out);
    }

    /// Appends the event as it would be offered to a store: all its fields but the two numbers that
    /// a store assigns.
    pub fn write_new(&self, out: &mut Vec<u8>) {
        self.write_fields(|field| !matches!(field, SEQUENCE_NUMBER | STREAM_VERSION), out);
    }

    /// The same without `data` and `metadata` where they are empty objects, as they may not have been given: what a
    /// store adds counts for nothing against the limit of an event.
    pub(crate) fn write_given(&self, out: &mut Vec<u8>) {
        let is_idle = |field| matches!(field, DATA | METADATA) && self.field(field) == Some("{}");
        self.write_fields(|field| !matches!(field, SEQUENCE_NUMBER | STREAM_VERSION) && !is_idle(field), out);
    }

    fn write_fields(&self, wanted: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
        let fields = fields(self.text).ok().and_then(Result::ok).unwrap_or_default();
        let mut separator = b'{';
        for (field, text) in fields.iter().enumerate().filter(|(field, _)| wanted(*field)) {
            let Some(text) = text else { continue };
            out.push(separator);
            separator = b',';
            write_string(FIELDS[field], out);
            out.push(b':');
            match string(text) {
                // With the mandatory escapes only.
                Some(name) if text.starts_with('"') && field != DATA => write_string(&name, out),
                _ => compact(text, out),
            }
        }
        out.push(b'}');
    }

    /// The JSON text of a field. The walk stops there: most who ask want one of the first.
    fn field(&self, wanted: usize) -> Option<&'a str> {
        let mut walker = Walker::new(self.text);
        walker.take(b'{');
        let mut first = true;
        while let Ok(Some(key)) = walker.key(&mut first) {
            let value = walker.value(LEVELS_MAX).ok()?;
            if key.unescape() == FIELDS[wanted] {
                return Some(value);
            }
        }
        None
    }

    fn number(&self, field: usize) -> u64 {
        self.field(field).and_then(unsigned).unwrap_or_default()
    }

    fn string(&self, field: usize) -> Cow<'a, str> {
        self.field(field).and_then(string).unwrap_or_default()
    }
}

/// Reads the beginning of an event's text as a store writes it: the fields in their order, up to the tags, and not
/// what comes behind them. `None` where the text is no such thing.
pub(crate) fn read_head(text: &[u8]) -> Option<StoredHead<'_>> {
    let mut walker = Walker::new(simdutf8::basic::from_utf8(text).ok()?);
    if !walker.take(b'{') {
        return None;
    }
    let mut first = true;
    let mut next = |wanted: usize| {
        let key = walker.key(&mut first).ok()??;
        (key.unescape() == FIELDS[wanted]).then(|| walker.value(LEVELS_MAX).ok()).flatten()
    };
    let name = |text| string(text).filter(|name| name_fault(name).is_none());
    let head = StoredHead {
        sequence_number: next(SEQUENCE_NUMBER).and_then(unsigned)?,
        id: parse_id(&next(ID).and_then(string)?)?,
        event_type: next(TYPE).and_then(name)?,
        domain: next(DOMAIN).and_then(name)?,
        instance_id: next(INSTANCE_ID).and_then(name)?,
        stream_version: next(STREAM_VERSION).and_then(unsigned)?,
        inserted_at: {
            next(VERSION)?;
            Timestamp::parse(&next(INSERTED_AT).and_then(string)?)?
        },
        tags: items(next(TAGS)?)?.map(name).collect::<Option<_>>()?,
    };
    Some(head).filter(|head| head.stream_version > 0 && head.tags.len() <= TAGS_MAX)
}

/// Whether a field is as it must be in a stored event.
fn is_sound(field: usize, fields: &Fields<'_>) -> bool {
    let text = fields[field].unwrap_or("");
    match field {
        SEQUENCE_NUMBER | STREAM_VERSION => unsigned(text).is_some_and(|number| number > 0),
        VERSION => unsigned(text).is_some_and(|version| (1..=u32::MAX.into()).contains(&version)),
        ID => string(text).is_some_and(|id| parse_id(&id).is_some_and(|uuid| uuid.to_string() == id)),
        INSERTED_AT => {
            string(text).is_some_and(|time| Timestamp::parse(&time).is_some_and(|read| read.to_string() == time))
        }
        TYPE | DOMAIN | INSTANCE_ID => string(text).is_some_and(|name| name_fault(&name).is_none()),
        TAGS => tags(text).is_some_and(|tags| {
            let distinct: BTreeSet<&str> = tags.iter().map(|tag| &**tag).collect();
            distinct.len() == tags.len() && tags.len() <= TAGS_MAX && tags.iter().all(|tag| name_fault(tag).is_none())
        }),
        DATA => fields[DATA].is_some() != fields[DATA_BASE64].is_some(),
        DATA_BASE64 => fields[DATA_BASE64].is_none_or(|text| string(text).is_some_and(|text| is_base64(&text))),
        _ => text.starts_with('{'),
    }
}

/// The tags of an array, `None` where it is something else.
fn tags(array: &str) -> Option<Vec<Cow<'_, str>>> {
    items(array)?.map(string).collect()
}

fn is_base64(text: &str) -> bool {
    BASE64_STANDARD.decode(text.as_bytes()).is_ok()
}

type Fields<'a> = [Option<&'a str>; FIELDS.len()];

/// The texts of an event's fields; a fault where `text` is no JSON.
fn fields(text: &str) -> Walk<Result<Fields<'_>>> {
    let mut walker = Walker::new(text);
    let mut fields = [None; FIELDS.len()];
    let mut refusal = None;
    if walker.take(b'{') {
        let mut first = true;
        while let Some(key) = walker.key(&mut first)? {
            let name = key.unescape();
            let value = walker.value(LEVELS_MAX)?;
            match field(&name) {
                None => refusal = refusal.or(Some(refused(Some(&name), "is not a field of an event"))),
                Some(field) => {
                    if fields[field].replace(value).is_some() {
                        refusal = refusal.or(Some(refused(Some(&name), "stands twice")));
                    }
                }
            }
        }
    } else {
        walker.value(LEVELS_MAX)?;
        refusal = Some(refused(None, "must be a JSON object"));
    }
    walker.end()?;
    Ok(refusal.map_or(Ok(fields), Err))
}

fn refused(field: Option<&str>, fault: &str) -> Error {
    let remedy = "give the text of one event as a store gave it";
    match field {
        Some(field) => Error::new(ErrorKind::InvalidEvent, format!("event: {} {fault}: {remedy}", shown(field)))
            .with("field", clipped(field)),
        None => Error::new(ErrorKind::InvalidEvent, format!("event: it {fault}: {remedy}")),
    }
}

/// Whether `event` is the one stored as `stored`: the test of an idempotent retry. Same id, stream,
/// type, version and tags (in any order), same text of payload and metadata, and the same time if
/// the caller gave one.
pub(crate) fn same_event(event: &BatchEvent<'_>, stored: &str) -> bool {
    let mut text = Vec::new();
    write_numbered(event, 0, 0, &mut text);
    let sound = |text| fields(text).ok().and_then(Result::ok);
    let (Some(given), Some(stored)) = (std::str::from_utf8(&text).ok().and_then(sound), sound(stored)) else {
        return false;
    };
    // Every stored string has the mandatory escapes only, so equal texts are equal values.
    (0..FIELDS.len()).all(|field| match field {
        SEQUENCE_NUMBER | STREAM_VERSION => true,
        INSERTED_AT => !event.inserted_at_given || given[field] == stored[field],
        TAGS => sorted_items(given[field]) == sorted_items(stored[field]),
        _ => given[field] == stored[field],
    })
}

fn sorted_items(array: Option<&str>) -> Option<Vec<&str>> {
    let mut items: Vec<&str> = items(array?)?.collect();
    items.sort_unstable();
    Some(items)
}
