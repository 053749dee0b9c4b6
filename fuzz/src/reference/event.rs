//! Events as they are meant.

use super::is_name;
use super::json::{LEVELS_MAX, Reason, compact, depth, items, members, sound, string};
use super::time::time;
use crate::oracle::Event;
use library::ErrorKind;

/// Why a batch is refused.
#[derive(Debug, PartialEq)]
pub struct Fault {
    /// More than one where the rules leave it open.
    pub kinds: Vec<ErrorKind>,
    /// The first event that is none.
    pub index: Option<usize>,
}

/// A text as a batch of events.
pub fn batch(text: &[u8]) -> Result<Vec<Event>, Fault> {
    let fault = |kinds: &[ErrorKind], index| Fault { kinds: kinds.to_vec(), index };
    let text = sound(text).map_err(|reason| match reason {
        Reason::Unsound => fault(&[ErrorKind::InvalidJson], None),
        // Somewhere, perhaps where no payload is.
        Reason::TooDeep => fault(&[ErrorKind::InvalidJson, ErrorKind::InvalidEvent], None),
    })?;
    let texts = items(text).unwrap_or_else(|| vec![text]);
    let events: Vec<Option<Event>> = texts.iter().map(|text| event(text)).collect();
    let too_deep: Vec<String> = texts
        .iter()
        .flat_map(|text| members(text).unwrap_or_else(|| vec![(String::new(), *text)]))
        .filter(|(_, value)| depth(value.as_bytes()) > LEVELS_MAX)
        .map(|(name, _)| name)
        .collect();
    if too_deep.iter().any(|name| name == "data" || name == "metadata") {
        return Err(fault(&[ErrorKind::InvalidJson], None));
    }
    match events.iter().position(Option::is_none) {
        None => Ok(events.into_iter().flatten().collect()),
        // The rule speaks of payloads: what is as deep elsewhere is no event, or no JSON.
        Some(_) if !too_deep.is_empty() => Err(fault(&[ErrorKind::InvalidJson, ErrorKind::InvalidEvent], None)),
        Some(index) => Err(fault(&[ErrorKind::InvalidEvent], text.starts_with(['[', '{']).then_some(index))),
    }
}

fn event(text: &str) -> Option<Event> {
    let mut event = Event {
        id: None,
        event_type: String::new(),
        domain: String::new(),
        instance_id: String::new(),
        version: 1,
        inserted_at: None,
        tags: Vec::new(),
        payload: String::from(r#""data":{}"#),
        metadata: String::from("{}"),
    };
    let mut lifted = [None, None];
    let (mut seen, mut payloads) = (Vec::new(), 0);
    for (name, value) in members(text)? {
        if seen.contains(&name) {
            return None;
        }
        match name.as_str() {
            "data" => {
                event.payload = format!(r#""data":{}"#, compact(value));
                payloads += 1;
            }
            "sequence_number" | "id" | "type" | "domain" | "instance_id" | "stream_version" | "version"
            | "inserted_at" | "tags" | "data_base64" | "metadata"
                if value == "null" => {}
            "id" => event.id = Some(string(value).filter(|id| is_uuid(id))?.to_ascii_lowercase()),
            "type" => event.event_type = name_in(value)?,
            "domain" => event.domain = name_in(value)?,
            "instance_id" => event.instance_id = name_in(value)?,
            "version" => event.version = version(value)?,
            "inserted_at" => event.inserted_at = Some(time(&string(value)?)?),
            "tags" => event.tags = tags(value)?,
            "data_base64" => {
                let text = string(value).filter(|text| is_base64(text))?;
                event.payload = format!(r#""data_base64":"{text}""#);
                payloads += 1;
            }
            "metadata" => {
                lifted = lift(value)?;
                event.metadata = compact(value);
            }
            _ => return None,
        }
        seen.push(name);
    }
    for (top, lifted) in [&mut event.domain, &mut event.instance_id].into_iter().zip(lifted) {
        match lifted {
            Some(lifted) if top.is_empty() => *top = lifted,
            Some(lifted) if *top != lifted => return None,
            _ => {}
        }
    }
    let whole = ![&event.event_type, &event.domain, &event.instance_id].iter().any(|name| name.is_empty());
    (whole && payloads <= 1).then_some(event)
}

fn name_in(text: &str) -> Option<String> {
    string(text).filter(|name| is_name(name))
}

fn version(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|version| *version > 0)
}

fn tags(text: &str) -> Option<Vec<String>> {
    let tags = items(text)?.into_iter().map(name_in).collect::<Option<Vec<String>>>()?;
    let twice = |(index, tag): (usize, &String)| tags[..index].contains(tag);
    (tags.len() <= 64 && !tags.iter().enumerate().any(twice)).then_some(tags)
}

/// The `domain` and the `instance_id` in metadata.
fn lift(text: &str) -> Option<[Option<String>; 2]> {
    let members = members(text)?;
    let mut lifted = [None, None];
    for (place, wanted) in lifted.iter_mut().zip(["domain", "instance_id"]) {
        let mut found = members.iter().filter(|(name, _)| name == wanted).map(|(_, value)| *value);
        *place = match (found.next(), found.next()) {
            (_, Some(_)) => return None,
            (None | Some("null"), None) => None,
            (Some(value), None) => Some(name_in(value)?),
        };
    }
    Some(lifted)
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 4648 section 4: padded, and the bits that stand for nothing are 0.
fn is_base64(text: &str) -> bool {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.strip_suffix("==").or(text.strip_suffix('=')).unwrap_or(text);
    let last = digits.chars().last().and_then(|digit| ALPHABET.find(digit)).unwrap_or(0);
    let unused = match text.len() - digits.len() {
        0 => 0,
        1 => 0b11,
        _ => 0b1111,
    };
    text.len().is_multiple_of(4) && digits.chars().all(|digit| ALPHABET.contains(digit)) && last & unused == 0
}
