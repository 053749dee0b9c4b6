//! JSON texts as `serde_json` takes them, and the one thing in which Runestore is stricter.

use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// How deep `data`, `metadata`, a query or an option may nest.
pub const LEVELS_MAX: usize = 128;

/// Why a text is `invalid_json`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// `serde_json` refuses it, too: this holds for unpaired surrogates, numbers beyond a double's range, what is not
    /// UTF-8, and a byte order mark as it does for what breaks the grammar.
    Unsound,
    /// The rule of Runestore alone: nested deeper than [`LEVELS_MAX`].
    TooDeep,
}

/// The text, if it is sound, without the white space around it.
pub fn sound(text: &[u8]) -> Result<&str, Reason> {
    // What is nested so deep is too deep wherever it stands, and `serde_json` would recurse into it.
    if depth(text) > 8 * LEVELS_MAX {
        return Err(Reason::TooDeep);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    deserializer.disable_recursion_limit();
    let mut values = deserializer.into_iter::<Value>();
    if !matches!(values.next(), Some(Ok(_))) || values.next().is_some() {
        return Err(Reason::Unsound);
    }
    Ok(std::str::from_utf8(text).expect("serde_json took it").trim_matches(SPACE))
}

/// The same for a text that counts as a whole.
pub fn acceptable(text: &[u8]) -> Result<&str, Reason> {
    let sound = sound(text)?;
    if depth(text) > LEVELS_MAX { Err(Reason::TooDeep) } else { Ok(sound) }
}

const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// How deep the brackets of a text nest, whatever else it is.
pub fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    tokens(text, |byte, in_string| {
        match byte {
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    });
    deepest
}

/// A sound text without the white space between its tokens.
pub fn compact(text: &str) -> String {
    let mut kept = Vec::with_capacity(text.len());
    tokens(text.as_bytes(), |byte, in_string| {
        if in_string || !b" \t\n\r".contains(&byte) {
            kept.push(byte);
        }
    });
    String::from_utf8(kept).expect("white space is ASCII")
}

/// Each byte, and whether it stands in a string.
fn tokens(text: &[u8], mut each: impl FnMut(u8, bool)) {
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        each(byte, in_string);
        if escaped {
            escaped = false;
        } else if byte == b'"' {
            in_string = !in_string;
        } else {
            escaped = in_string && byte == b'\\';
        }
    }
}

/// The members of a sound object in their order, names unescaped, values as they stand; `None` for anything else.
pub fn members(text: &str) -> Option<Vec<(String, &str)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de str)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                members.push((name, value.get()));
            }
            Ok(members)
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut deserializer, Members).ok()
}

/// The values of an object's `known` keys; `None` if it is no object, has another key, or one twice.
pub fn known<'a, const N: usize>(text: &'a str, known: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    for (name, value) in members(text)? {
        let index = known.iter().position(|known| *known == name)?;
        if values[index].replace(value).is_some() {
            return None;
        }
    }
    Some(values)
}

/// The items of a sound array as they stand.
pub fn items(text: &str) -> Option<Vec<&str>> {
    if !text.starts_with('[') {
        return None;
    }
    serde_json::from_str::<Vec<&RawValue>>(text).ok().map(|items| items.into_iter().map(RawValue::get).collect())
}

/// The string that is meant.
pub fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// An integer from 0 to 2^63-1, without sign, fraction or exponent.
pub fn unsigned(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|number| *number <= i64::MAX as u64)
}
