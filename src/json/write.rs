//! The final text of an event, in the order of fields that the wire schema fixes.

use super::walk::compact;
use crate::append::BatchEvent;
use crate::event::{Json, NewEvent, Payload};
use crate::time::TimestampText;
use std::borrow::Cow;
use uuid::Uuid;

/// Where a written event's parts lie in the text, and how large its payload is.
pub(super) struct Written {
    pub head_at: usize,
    pub tail_at: usize,
    /// Payload and metadata, as far as they were given.
    pub payload_bytes: usize,
}

/// Appends the head of `event` (what stands between the sequence number and the stream version),
/// then its tail (what stands behind that, the newline included).
pub(super) fn write_new_event(
    event: &NewEvent<'_>,
    id: Uuid,
    inserted_at: &TimestampText,
    out: &mut Vec<u8>,
) -> Written {
    let head_at = out.len();
    let mut id_text = *b",\"id\":\"00000000-0000-0000-0000-000000000000\",\"type\":";
    id.hyphenated().encode_lower(&mut id_text[7..43]);
    out.extend_from_slice(&id_text);
    write_name(&event.event_type, out);
    out.extend_from_slice(b",\"domain\":");
    write_name(&event.domain, out);
    out.extend_from_slice(b",\"instance_id\":");
    write_name(&event.instance_id, out);
    out.extend_from_slice(b",\"stream_version\":");

    let tail_at = out.len();
    out.extend_from_slice(b",\"version\":");
    write_number(event.version.into(), out);
    let mut time_text = *b",\"inserted_at\":\"0000-00-00T00:00:00.000000Z\",\"tags\":[";
    time_text[16..43].copy_from_slice(inserted_at);
    out.extend_from_slice(&time_text);
    for (index, tag) in event.tags.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_name(tag, out);
    }
    let payload_bytes = match &event.payload {
        None => {
            out.extend_from_slice(b"],\"data\":{}");
            0
        }
        Some(Payload::Data(data)) => {
            out.extend_from_slice(b"],\"data\":");
            write_json(data, out)
        }
        Some(Payload::Base64(text)) => {
            out.extend_from_slice(b"],\"data_base64\":");
            let start = out.len();
            write_string(text, out);
            out.len() - start
        }
    };
    let metadata_bytes = match &event.metadata {
        None => {
            out.extend_from_slice(b",\"metadata\":{}}\n");
            0
        }
        Some(metadata) => {
            out.extend_from_slice(b",\"metadata\":");
            let bytes = write_json(metadata, out);
            out.extend_from_slice(b"}\n");
            bytes
        }
    };
    Written { head_at, tail_at, payload_bytes: payload_bytes + metadata_bytes }
}

/// Writes the final text of `event`, now that its numbers are known. `out` has room for it.
pub(crate) fn write_numbered(
    event: &BatchEvent<'_>,
    sequence_number: u64,
    stream_version: u64,
    out: &mut impl std::io::Write,
) {
    let mut digits = [0; DIGITS_MAX];
    let mut write = |text: &[u8]| out.write_all(text).expect("the room was made before");
    write(b"{\"sequence_number\":");
    write(decimal(sequence_number, &mut digits));
    write(event.head);
    write(decimal(stream_version, &mut digits));
    write(event.tail);
}

/// A stored event as a database has it.
#[cfg(feature = "postgres")]
pub(crate) struct StoredParts<'a> {
    pub sequence_number: u64,
    pub id: Uuid,
    pub stream_version: u64,
    /// The rest: what stands between id and stream version, and what stands behind that, without the newline.
    pub body: &'a str,
}

/// What stands before an id, and its length.
#[cfg(feature = "postgres")]
const ID: (&str, usize) = (",\"id\":\"", 36);
#[cfg(feature = "postgres")]
const VERSION: &str = ",\"stream_version\":";

/// The two parts of the body of an event that is to be stored.
#[cfg(feature = "postgres")]
pub(crate) fn body_of<'e>(event: &BatchEvent<'e>) -> [&'e [u8]; 2] {
    // Behind the id and its quote.
    let names = &event.head[ID.0.len() + ID.1 + 1..event.head.len() - VERSION.len()];
    [names, &event.tail[..event.tail.len() - 1]]
}

/// So many bytes stand around the body of a stored event: its id, two numbers, and what names them.
#[cfg(feature = "postgres")]
const NUMBERED_BYTES_MAX: usize = 160;

/// Appends the text of a stored event, and the newline.
#[cfg(feature = "postgres")]
pub(crate) fn write_stored(event: &StoredParts<'_>, out: &mut Vec<u8>) {
    // Before it there are names alone, and within a string the quotes would be escaped.
    let body = event.body.as_bytes();
    let version = (0..body.len()).find(|at| body[*at] == b',' && body[*at..].starts_with(b",\"version\":"));
    let (names, rest) = event.body.split_at(version.unwrap_or(event.body.len()));
    out.reserve(event.body.len() + NUMBERED_BYTES_MAX);
    out.extend_from_slice(b"{\"sequence_number\":");
    write_number(event.sequence_number, out);
    out.extend_from_slice(ID.0.as_bytes());
    let mut id_text = [0; ID.1];
    event.id.hyphenated().encode_lower(&mut id_text);
    out.extend_from_slice(&id_text);
    out.push(b'"');
    out.extend_from_slice(names.as_bytes());
    out.extend_from_slice(VERSION.as_bytes());
    write_number(event.stream_version, out);
    out.extend_from_slice(rest.as_bytes());
    out.push(b'\n');
}

/// Appends `json` without white space; the number of bytes appended.
fn write_json(json: &Json<'_>, out: &mut Vec<u8>) -> usize {
    let start = out.len();
    if json.spaced {
        compact(json.text, out);
    } else {
        out.extend_from_slice(json.text.as_bytes());
    }
    out.len() - start
}

/// Appends a name of an event that was read from JSON.
#[expect(clippy::ptr_arg, reason = "it matters whether it is borrowed")]
fn write_name(name: &Cow<'_, str>, out: &mut Vec<u8>) {
    match name {
        // It stood there as it is: nothing in it needs an escape.
        Cow::Borrowed(name) => {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
        }
        Cow::Owned(name) => write_string(name, out),
    }
}

/// Appends `text` as a JSON string with the mandatory escapes only.
pub(super) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[(control >> 4) as usize]);
                out.push(HEX[(control & 15) as usize]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Appends a number in decimal.
pub(super) fn write_number(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(decimal(number, &mut [0; DIGITS_MAX]));
}

/// The largest number has so many digits.
const DIGITS_MAX: usize = 20;

fn decimal(mut number: u64, digits: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
