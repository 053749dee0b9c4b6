//! From a caller's events to a batch that is ready to commit: one walk over the text.

use super::fields::{
    DATA, DATA_BASE64, DOMAIN, FIELDS, ID, INSERTED_AT, INSTANCE_ID, SEQUENCE_NUMBER, STREAM_VERSION, TAGS, TYPE,
    VERSION, field,
};
use super::walk::{LEVELS_MAX, Quoted, Walk, Walker};
use super::{Input, suggestion, write};
use crate::append::{BATCH_EVENTS_MAX, Batch};
use crate::error::{Error, ErrorKind, Result, clipped, shown};
use crate::event::{Json, NAME_BYTES_MAX, NewEvent, PAYLOAD_BYTES_MAX, Payload, TAGS_MAX, name_fault};
use crate::id::{Ids, parse_id};
use crate::time::{Timestamp, TimestampText};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::borrow::Cow;

/// Reads one event or an array of them; `now` and fresh ids complete what the caller left open.
pub(crate) fn read_batch(input: Input<'_>, now: Timestamp) -> Result<Batch> {
    let text = input.text()?;
    let mut reader = Reader {
        walker: Walker::new(text),
        batch: Batch::for_text(text.len()).ok_or_else(out_of_memory)?,
        in_array: false,
        index: 0,
        refused: None,
        now,
        now_text: now.text(),
        ids: Ids::new(now)?,
        seen: 0,
        lifted: Lifted::default(),
        base64: Vec::new(),
    };
    reader.events().map_err(|fault| input.fault(&fault))?;
    if reader.index > BATCH_EVENTS_MAX {
        return Err(too_many(reader.index));
    }
    match reader.refused {
        Some(error) => Err(error),
        None => Ok(reader.batch),
    }
}

/// What a caller may set, for suggestions.
const SETTABLE: [&str; 10] =
    ["id", "type", "domain", "instance_id", "version", "inserted_at", "tags", "data", "data_base64", "metadata"];

/// `domain` and `instance_id` where they stand inside `metadata`.
#[derive(Default)]
struct Lifted<'a> {
    domain: Option<Cow<'a, str>>,
    instance_id: Option<Cow<'a, str>>,
}

struct Reader<'a> {
    walker: Walker<'a>,
    batch: Batch,
    in_array: bool,
    index: usize,
    /// The first thing that is wrong with the events. The walk goes on all the same: a text that is
    /// no JSON is reported as that, wherever else it is wrong.
    refused: Option<Error>,
    now: Timestamp,
    now_text: TimestampText,
    ids: Ids,
    /// One bit for each of [`FIELDS`] that the current event has, null included.
    seen: u32,
    lifted: Lifted<'a>,
    base64: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn events(&mut self) -> Walk<()> {
        let mut event = NewEvent::default();
        match self.walker.peek() {
            b'{' => self.event(&mut event)?,
            b'[' => {
                self.in_array = true;
                self.walker.take(b'[');
                let mut first = true;
                while self.walker.item(&mut first)? {
                    self.event(&mut event)?;
                    self.index += 1;
                }
            }
            _ => {
                self.walker.value(LEVELS_MAX)?;
                self.refuse(|_| Error::new(ErrorKind::InvalidEvent, "events must be an object or an array of objects"));
            }
        }
        self.walker.end()
    }

    fn event(&mut self, event: &mut NewEvent<'a>) -> Walk<()> {
        if !self.walker.take(b'{') {
            self.walker.value(LEVELS_MAX)?;
            self.refuse(|place| place.error(None, "an event must be a JSON object"));
            return Ok(());
        }
        event.clear();
        self.seen = 0;
        self.lifted = Lifted::default();
        let mut first = true;
        while let Some(key) = self.walker.key(&mut first)? {
            self.field(key, event)?;
        }
        self.lift(event);
        self.require(event);
        if self.refused.is_none() && self.index < BATCH_EVENTS_MAX {
            self.complete(event);
        }
        Ok(())
    }

    fn field(&mut self, key: Quoted<'a>, event: &mut NewEvent<'a>) -> Walk<()> {
        let name = key.unescape();
        let Some(field) = field(&name) else {
            self.walker.value(LEVELS_MAX)?;
            self.refuse(|place| {
                let message = format!("{} is not a field of an event{}", shown(&name), suggestion(&name, &SETTABLE));
                place.error(Some(clipped(&name)), message)
            });
            return Ok(());
        };
        if self.seen & 1 << field != 0 {
            self.refuse_field(field, "stands twice: give it once");
        }
        self.seen |= 1 << field;
        if field != DATA && self.walker.peek() == b'n' {
            // null: the field is absent.
            self.walker.value(LEVELS_MAX)?;
            return Ok(());
        }
        match field {
            SEQUENCE_NUMBER | STREAM_VERSION => {
                self.walker.value(LEVELS_MAX)?;
                self.refuse_field(field, "is assigned by the store: leave it out");
            }
            ID => {
                if let Some(text) = self.string(field)? {
                    event.id = parse_id(&text);
                    if event.id.is_none() {
                        self.refuse_field(
                            field,
                            "must be a UUID of 36 characters, such as 0192f3a4-5b6c-7d8e-9f00-112233445566",
                        );
                    }
                }
            }
            TYPE => event.event_type = self.name(field)?,
            DOMAIN => event.domain = self.name(field)?,
            INSTANCE_ID => event.instance_id = self.name(field)?,
            VERSION => {
                let text = self.walker.value(LEVELS_MAX)?;
                match text.parse::<u32>() {
                    Ok(version @ 1..) => event.version = version,
                    _ => self
                        .refuse_field(field, "must be an integer from 1 to 4294967295, without fraction or exponent"),
                }
            }
            INSERTED_AT => {
                if let Some(text) = self.string(field)? {
                    event.inserted_at = Timestamp::parse_with_text(&text);
                    if event.inserted_at.is_none() {
                        self.refuse_field(
                            field,
                            "must be an RFC 3339 time between the years 0000 and 9999, such as 2026-11-23T03:50:00.123456Z, and no leap second",
                        );
                    }
                }
            }
            TAGS => self.tags(field, event)?,
            DATA => {
                let data = self.json()?;
                self.payload(Payload::Data(data), event);
            }
            DATA_BASE64 => {
                if let Some(text) = self.string(field)? {
                    self.base64.clear();
                    if BASE64_STANDARD.decode_vec(text.as_bytes(), &mut self.base64).is_err() {
                        self.refuse_field(
                            field,
                            "must be base64 in the standard alphabet, padded with `=`, its unused bits 0 (RFC 4648, section 4)",
                        );
                    }
                    self.payload(Payload::Base64(text), event);
                }
            }
            _ => self.metadata(field, event)?,
        }
        Ok(())
    }

    /// A string's text; anything else is refused, and passed over.
    fn string(&mut self, field: usize) -> Walk<Option<Cow<'a, str>>> {
        if self.walker.peek() == b'"' {
            return Ok(Some(self.walker.string("expected a string")?.unescape()));
        }
        self.walker.value(LEVELS_MAX)?;
        self.refuse_field(field, "must be a string");
        Ok(None)
    }

    fn name(&mut self, field: usize) -> Walk<Cow<'a, str>> {
        let name = self.string(field)?.unwrap_or_default();
        let fault = match &name {
            // In JSON, U+0000 is an escape.
            Cow::Borrowed(name) if (1..=NAME_BYTES_MAX).contains(&name.len()) => None,
            name => name_fault(name),
        };
        if let Some(fault) = fault {
            self.refuse_name(FIELDS[field], fault);
        }
        Ok(name)
    }

    fn tags(&mut self, field: usize, event: &mut NewEvent<'a>) -> Walk<()> {
        if !self.walker.take(b'[') {
            self.walker.value(LEVELS_MAX)?;
            self.refuse_field(field, "must be an array of strings");
            return Ok(());
        }
        let mut first = true;
        let mut count = 0;
        while self.walker.item(&mut first)? {
            let tag = self.name(field)?;
            count += 1;
            if count > TAGS_MAX {
                self.refuse_field(field, "are more than 64: give fewer, or put the rest into `metadata`");
            } else if event.tags.contains(&tag) {
                self.refuse_field(field, &format!("hold {} twice: give each tag once", shown(&tag)));
            } else {
                event.tags.push(tag);
            }
        }
        Ok(())
    }

    /// Any value, and whether it holds white space.
    fn json(&mut self) -> Walk<Json<'a>> {
        self.walker.peek();
        self.walker.spaced = false;
        let text = self.walker.value(LEVELS_MAX)?;
        Ok(Json { text, spaced: self.walker.spaced })
    }

    fn payload(&mut self, payload: Payload<'a>, event: &mut NewEvent<'a>) {
        if event.payload.replace(payload).is_some() {
            self.refuse_name("data_base64", "and `data` are both given: an event carries one of them");
        }
    }

    /// Metadata is an object like any payload, save that it may hold the event's stream.
    fn metadata(&mut self, field: usize, event: &mut NewEvent<'a>) -> Walk<()> {
        if self.walker.peek() != b'{' {
            self.walker.value(LEVELS_MAX)?;
            self.refuse_field(field, "must be an object");
            return Ok(());
        }
        let start = self.walker.position();
        self.walker.spaced = false;
        self.walker.take(b'{');
        let (mut domains, mut instance_ids) = (0, 0);
        let mut first = true;
        while let Some(key) = self.walker.key(&mut first)? {
            match &*key.unescape() {
                "domain" => {
                    domains += 1;
                    self.lifted.domain = self.lifted_name("metadata.domain", domains)?;
                }
                "instance_id" => {
                    instance_ids += 1;
                    self.lifted.instance_id = self.lifted_name("metadata.instance_id", instance_ids)?;
                }
                _ => {
                    self.walker.value(LEVELS_MAX - 1)?;
                }
            }
        }
        event.metadata = Some(Json { text: self.walker.since(start), spaced: self.walker.spaced });
        Ok(())
    }

    fn lifted_name(&mut self, place: &'static str, times: u32) -> Walk<Option<Cow<'a, str>>> {
        if times > 1 {
            self.refuse_name(place, "stands twice: give it once");
        }
        match self.walker.peek() {
            b'"' => {
                let name = self.walker.string("expected a string")?.unescape();
                if let Some(fault) = name_fault(&name) {
                    self.refuse_name(place, fault);
                }
                Ok(Some(name))
            }
            b'n' => self.walker.value(LEVELS_MAX - 1).map(|_| None),
            _ => {
                self.walker.value(LEVELS_MAX - 1)?;
                self.refuse_name(place, "must be a string");
                Ok(None)
            }
        }
    }

    fn lift(&mut self, event: &mut NewEvent<'a>) {
        let Lifted { domain, instance_id } = std::mem::take(&mut self.lifted);
        for (top, lifted, name) in
            [(&mut event.domain, domain, "domain"), (&mut event.instance_id, instance_id, "instance_id")]
        {
            match lifted {
                Some(lifted) if top.is_empty() => *top = lifted,
                Some(lifted) if *top != lifted => {
                    self.refuse_name(name, "differs from the one in `metadata`: give it once, or the same twice");
                }
                _ => {}
            }
        }
    }

    fn require(&mut self, event: &NewEvent<'a>) {
        for (name, value) in
            [("type", &event.event_type), ("domain", &event.domain), ("instance_id", &event.instance_id)]
        {
            if value.is_empty() {
                self.refuse_name(name, "is missing: give a string of 1 to 1024 bytes");
            }
        }
    }

    /// Writes the event's text into the batch.
    fn complete(&mut self, event: &NewEvent<'a>) {
        let id = event.id.unwrap_or_else(|| self.ids.next());
        let (inserted_at, inserted_at_text) = event.inserted_at.unwrap_or((self.now, self.now_text));
        let written = write::write_new_event(event, id, &inserted_at_text, &mut self.batch.text);
        if written.payload_bytes > PAYLOAD_BYTES_MAX {
            let bytes = written.payload_bytes;
            self.refuse(|place| {
                let message = format!(
                    "{place}: `data` and `metadata` together are {bytes} bytes; at most {PAYLOAD_BYTES_MAX} (16 MiB) are allowed: \
                     store the payload elsewhere and its address here"
                );
                place.detailed(Error::new(ErrorKind::TooLarge, message)).with("limit", PAYLOAD_BYTES_MAX).with("actual", bytes)
            });
            return;
        }
        self.batch.push(event, id, inserted_at, written.head_at, written.tail_at);
    }

    #[cold]
    fn refuse(&mut self, error: impl FnOnce(Place) -> Error) {
        if self.refused.is_none() {
            self.refused = Some(error(Place(self.in_array.then_some(self.index))));
        }
    }

    #[cold]
    fn refuse_field(&mut self, field: usize, fault: &str) {
        self.refuse_name(FIELDS[field], fault);
    }

    #[cold]
    fn refuse_name(&mut self, field: &str, fault: &str) {
        self.refuse(|place| place.error(Some(field), format!("`{field}` {fault}")));
    }
}

/// Which event an error is about: its index in the array, or the only one.
struct Place(Option<usize>);

impl Place {
    fn error(&self, field: Option<&str>, message: impl std::fmt::Display) -> Error {
        let error = self.detailed(Error::new(ErrorKind::InvalidEvent, format!("{self}: {message}")));
        match field {
            Some(field) => error.with("field", field),
            None => error,
        }
    }

    fn detailed(&self, error: Error) -> Error {
        error.with("index", self.0.unwrap_or(0))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(index) => write!(f, "events[{index}]"),
            None => f.write_str("event"),
        }
    }
}

fn too_many(count: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("events: {count} in one append; at most {BATCH_EVENTS_MAX} are allowed: split the batch"),
    )
    .with("limit", BATCH_EVENTS_MAX)
    .with("actual", count)
}

fn out_of_memory() -> Error {
    Error::new(ErrorKind::NoSpace, "there is no memory left to read the batch: append fewer events at once")
}
