//! Where the fields of an event stand in its text, as a store writes it: in their order, without white space.
//!
//! Nothing is checked and nothing is parsed, so a field is found without a walk through the whole text. Where the text
//! is not as a store writes it, the answer is `None`, or what stands at that place: `RecordedEvent` is to be asked then.

/// A field that stands before the payload.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    SequenceNumber,
    Id,
    Type,
    Domain,
    InstanceId,
    StreamVersion,
    Version,
    InsertedAt,
    Tags,
}

/// What stands before the value of each [`Field`].
const BEFORE: [&[u8]; 9] = [
    br#"{"sequence_number":"#,
    br#","id":"#,
    br#","type":"#,
    br#","domain":"#,
    br#","instance_id":"#,
    br#","stream_version":"#,
    br#","version":"#,
    br#","inserted_at":"#,
    br#","tags":"#,
];

/// Ids and times have so many bytes, their quotes among them, and no escapes; the other fields vary.
const BYTES: [usize; 9] = [0, 38, 0, 0, 0, 0, 0, 29, 0];

/// The end of an event that has no metadata. Within a string its quotes would have escapes, and metadata that are not
/// empty end in another way.
const NO_METADATA: &[u8] = br#","metadata":{}}"#;

/// The JSON text of a field.
pub(crate) fn field(event: &[u8], wanted: Field) -> Option<&[u8]> {
    let (before, value) = reach(event, wanted)?;
    before.ends_with(BEFORE[wanted as usize]).then_some(value)
}

/// A field that is a number.
pub(crate) fn number(event: &[u8], wanted: Field) -> Option<u64> {
    field(event, wanted)?.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(digit.into()) }
    })
}

/// A field that is a string without escapes.
pub(crate) fn string(event: &[u8], wanted: Field) -> Option<&str> {
    let text = field(event, wanted)?.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if text.contains(&b'\\') { None } else { std::str::from_utf8(text).ok() }
}

/// The JSON text of the payload, unless that is binary.
pub(crate) fn data(event: &[u8]) -> Option<&[u8]> {
    let payload = after_tags(event)?.strip_prefix(br#","data":"#)?;
    match payload.strip_suffix(NO_METADATA) {
        Some(data) => Some(data),
        None => payload.get(..value_end(payload)?),
    }
}

/// The JSON text of the metadata.
pub(crate) fn metadata(event: &[u8]) -> Option<&[u8]> {
    if event.ends_with(NO_METADATA) {
        return Some(b"{}");
    }
    let rest = after_tags(event)?;
    let payload = rest.strip_prefix(br#","data":"#).or_else(|| rest.strip_prefix(br#","data_base64":"#))?;
    payload.get(value_end(payload)?..)?.strip_prefix(br#","metadata":"#)?.strip_suffix(b"}")
}

fn after_tags(event: &[u8]) -> Option<&[u8]> {
    let (before, tags) = reach(event, Field::Tags)?;
    event.get(before.len() + tags.len()..)
}

/// What stands before a field's value, and the value.
fn reach(event: &[u8], wanted: Field) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    for (before, bytes) in BEFORE[..wanted as usize].iter().zip(BYTES) {
        at += before.len();
        at += if bytes > 0 { bytes } else { value_end(event.get(at..)?)? };
    }
    at += BEFORE[wanted as usize].len();
    let rest = event.get(at..)?;
    Some((&event[..at], &rest[..value_end(rest)?]))
}

/// Where the value ends with which `text` begins.
fn value_end(text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'"' => string_end(text),
        b'{' | b'[' => container_end(text),
        _ => text.iter().position(|byte| matches!(byte, b',' | b'}' | b']')),
    }
}

fn string_end(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn container_end(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        match text.get(at)? {
            b'"' => {
                at += string_end(&text[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}
