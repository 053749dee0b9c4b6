//! Small interpreted texts (queries, options, configurations), which are known to be sound JSON:
//! objects with known keys, arrays, strings, numbers.

use super::suggestion;
use super::walk::{LEVELS_MAX, Walker};
use crate::error::{clipped, shown};
use std::borrow::Cow;

/// What is wrong with an object, and at which key.
pub(super) struct Complaint {
    pub key: String,
    pub message: String,
}

/// The values of an object's `known` keys, in the order of `known`. `Ok(None)` if `text` is no object.
pub(super) fn members<'a, const N: usize>(
    text: &'a str,
    known: &[&'static str; N],
) -> std::result::Result<Option<[Option<&'a str>; N]>, Complaint> {
    let mut walker = Walker::new(text);
    if !walker.take(b'{') {
        return Ok(None);
    }
    let mut values = [None; N];
    let mut first = true;
    // The text is sound, so the walk has no faults.
    while let Ok(Some(key)) = walker.key(&mut first) {
        let name = key.unescape();
        let Ok(value) = walker.value(LEVELS_MAX) else { break };
        let Some(index) = known.iter().position(|known| *known == name) else {
            let message = format!("{} is unknown here{}", shown(&name), suggestion(&name, known));
            return Err(complaint(&name, message));
        };
        if values[index].replace(value).is_some() {
            let message = format!("{} stands twice: give it once", shown(&name));
            return Err(complaint(&name, message));
        }
    }
    Ok(Some(values))
}

fn complaint(key: &str, message: String) -> Complaint {
    Complaint { key: String::from(clipped(key)), message }
}

/// The items of an array, `None` if `text` is no array.
pub(super) fn items(text: &str) -> Option<Items<'_>> {
    let mut walker = Walker::new(text);
    walker.take(b'[').then_some(Items { walker, first: true })
}

pub(super) struct Items<'a> {
    walker: Walker<'a>,
    first: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // The text is sound, so the walk has no faults.
        if self.walker.item(&mut self.first) == Ok(true) { self.walker.value(LEVELS_MAX).ok() } else { None }
    }
}

pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let mut walker = Walker::new(text);
    walker.string("").ok().map(|quoted| quoted.unescape())
}

/// An integer from 0 to 2^63-1, without fraction or exponent.
pub(super) fn unsigned(text: &str) -> Option<u64> {
    text.parse::<i64>().ok().filter(|number| *number >= 0 && !text.starts_with(['-', '+'])).map(|number| number as u64)
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}
