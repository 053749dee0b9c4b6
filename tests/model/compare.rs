//! Where an answer differs from the one that is wanted.

use crate::oracle::Refusal;
use runestore::{Error, ErrorKind, Timestamp};
use serde_json::{Map, Value};
use std::time::{SystemTime, UNIX_EPOCH};

/// An error is a difference, told.
pub type Outcome = Result<(), String>;

pub fn same<T: std::fmt::Debug + PartialEq>(what: &str, got: &T, wanted: &T) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("{what}: got {got:?}, wanted {wanted:?}")) }
}

/// The bytes are all the same.
pub fn answered(answer: Result<Vec<u8>, Error>, wanted: &str) -> Outcome {
    let got = answer.map_err(|error| format!("{error:?}\nwanted {wanted}"))?;
    if got == wanted.as_bytes() {
        return Ok(());
    }
    let at = got.iter().zip(wanted.as_bytes()).take_while(|(got, wanted)| got == wanted).count();
    let around =
        |text: &[u8]| String::from_utf8_lossy(&text[at.saturating_sub(300)..text.len().min(at + 700)]).into_owned();
    Err(format!("different from byte {at} on\n   got …{}\nwanted …{}", around(&got), around(wanted.as_bytes())))
}

/// The kind is right, and so are the details that are fixed. Where the state of the store is told,
/// all of them are.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, wanted: &Refusal) -> Outcome {
    let error = match answer {
        Ok(answer) => return Err(format!("got {answer:?}, wanted {wanted:?}")),
        Err(error) => error,
    };
    let details: Map<String, Value> = error.details().map(|(name, value)| (name.into(), value.clone())).collect();
    let fixed = wanted.details.as_object().expect("details are an object");
    let told = match wanted.kind {
        ErrorKind::Conflict | ErrorKind::DuplicateId => details == *fixed,
        _ => fixed.iter().all(|(name, value)| details.get(name) == Some(value)),
    };
    let json: Value = serde_json::from_str(&error.to_json()).map_err(|fault| fault.to_string())?;
    let sound = json["code"] == wanted.kind.code() && json["message"] == error.message() && !error.message().is_empty();
    if error.kind() == wanted.kind && told && sound { Ok(()) } else { Err(format!("got {error:?}, wanted {wanted:?}")) }
}

/// A UUIDv7 in lower case.
pub fn is_uuid7(id: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match byte {
            b'-' => hyphens.contains(&at),
            byte => !hyphens.contains(&at) && matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
        && id.as_bytes()[14] == b'7'
        && b"89ab".contains(&id.as_bytes()[19])
}

/// A time as it comes out, about now.
pub fn is_now(time: &str) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    let parsed = Timestamp::parse(time);
    time.len() == 27 && time.ends_with('Z') && parsed.is_some_and(|time| (time.micros() - now).abs() < 300_000_000)
}
