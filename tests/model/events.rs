//! Events as they are given: the many texts of the same event, and events made from others.

use crate::oracle::Event;
use crate::samples::{METADATA, NAMES, PAYLOADS, TIMES, quoted, uuid};
use crate::steps::Change;

/// One of the texts in which the same event can be given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form {
    pub escaped: bool,
    pub spaced: bool,
    pub upper_id: bool,
    pub time: u8,
    /// Where `metadata` holds the stream, it stands only there.
    pub stream_in_metadata: bool,
    /// Absent fields are given as null or as their default.
    pub explicit: bool,
    pub rotated: usize,
}

impl Form {
    /// The event's text in this form, with `fault` among its members.
    pub fn text(&self, event: &Event, fault: Option<&str>) -> String {
        let string = |text: &str| match self.escaped {
            true => {
                text.encode_utf16().fold(String::from("\""), |quoted, unit| format!("{quoted}\\u{unit:04X}")) + "\""
            }
            false => quoted(text),
        };
        let in_metadata = event.metadata.contains(r#""instance_id":"#) && self.stream_in_metadata;
        let mut members = vec![format!(r#""type":{}"#, string(&event.event_type))];
        if !in_metadata {
            members.push(format!(r#""domain":{}"#, string(&event.domain)));
            let name = if self.escaped { r"inst\u0061nce_id" } else { "instance_id" };
            members.push(format!(r#""{name}":{}"#, string(&event.instance_id)));
        }
        match &event.id {
            Some(id) if self.upper_id => members.push(format!(r#""id":"{}""#, id.to_uppercase())),
            Some(id) => members.push(format!(r#""id":"{id}""#)),
            None if self.explicit && !fault.is_some_and(|fault| fault.starts_with(r#""id""#)) => {
                members.push(String::from(r#""id":null,"sequence_number":null,"stream_version":null"#));
            }
            None => {}
        }
        if event.version != 1 || self.explicit {
            members.push(format!(r#""version":{}"#, event.version));
        }
        if let Some(time) = &event.inserted_at {
            let digits = time.trim_end_matches('Z');
            let time = match self.time {
                0 => time.clone(),
                1 => format!("{digits}999z").replace('T', "t"),
                2 => format!("{digits}-00:00"),
                _ => format!("{digits}000000000000000000+00:00"),
            };
            members.push(format!(r#""inserted_at":"{time}""#));
        }
        if !event.tags.is_empty() || self.explicit {
            let tags: Vec<String> = event.tags.iter().map(|tag| string(tag)).collect();
            members.push(format!(r#""tags":[{}]"#, tags.join(",")));
        }
        if event.payload != PAYLOADS[0] || self.explicit {
            members.push(event.payload.clone());
        }
        if event.metadata != "{}" || self.explicit {
            members.push(format!(r#""metadata":{}"#, event.metadata));
        }
        members.extend(fault.map(String::from));
        let count = members.len();
        members.rotate_left(self.rotated % count);
        let text = format!("{{{}}}", members.join(","));
        if self.spaced { spread(&text) } else { text }
    }
}

/// White space around every token that can have it.
fn spread(json: &str) -> String {
    let mut spread = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        let token = !in_string && "{}[],:".contains(character);
        if token {
            spread.push_str(" \n");
        }
        spread.push(character);
        if token {
            spread.push_str("\t\r");
        }
        in_string ^= character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
    }
    spread
}

/// The events of [`Step::Bulk`]: cheap to make, and unlike each other.
pub fn bulk(count: usize, payload_bytes: usize, inserted_at: Option<usize>) -> Vec<Event> {
    let name = |number: usize| String::from(NAMES[number % 3]);
    let event = |number: usize| Event {
        id: None,
        event_type: name(number / 100),
        domain: name(number),
        instance_id: name(number / 7),
        version: 1,
        // Backwards, block by block.
        inserted_at: inserted_at
            .map(|time| String::from(TIMES[(time + TIMES.len() - number / 200 % TIMES.len()) % TIMES.len()])),
        tags: if number.is_multiple_of(11) { vec![name(number / 2)] } else { Vec::new() },
        payload: format!(r#""data":"{}""#, "x".repeat(payload_bytes)),
        metadata: String::from("{}"),
    };
    (0..count).map(event).collect()
}

/// `events`, changed as the step says.
pub fn changed(mut events: Vec<Event>, change: Change) -> Vec<Event> {
    let last = events.len() - 1;
    let event = &mut events[last];
    match change {
        Change::Nothing => {}
        Change::NoTimes => events.iter_mut().for_each(|event| event.inserted_at = None),
        Change::OtherTime => {
            let time = if event.inserted_at.as_deref() == Some(TIMES[2]) { TIMES[3] } else { TIMES[2] };
            event.inserted_at = Some(String::from(time));
        }
        Change::TagsReversed => events.iter_mut().for_each(|event| event.tags.reverse()),
        Change::TagDropped => drop(event.tags.pop()),
        Change::OtherType => event.event_type.push('!'),
        Change::OtherStream => {
            event.instance_id.push('!');
            event.metadata = String::from("{}");
        }
        Change::OtherVersion => event.version = event.version % 7 + 1,
        Change::OtherData if event.payload == PAYLOADS[1] => event.payload = String::from(PAYLOADS[0]),
        Change::OtherData => event.payload = String::from(PAYLOADS[1]),
        Change::OtherMetadata if event.metadata == METADATA[1] => event.metadata = String::from(METADATA[0]),
        Change::OtherMetadata => event.metadata = String::from(METADATA[1]),
        Change::Reversed => events.reverse(),
        Change::EventMissing if last >= 1 => drop(events.remove(last / 2)),
        Change::EventMissing => {}
        Change::EventAdded => {
            let added = Event { id: Some(uuid(u64::from(u32::MAX) << 32)), ..event.clone() };
            events.push(added);
        }
        Change::EventTwice => {
            let twice = event.clone();
            events.insert(0, twice);
        }
    }
    events
}
