//! Strings as JSON has them, eight bytes at a time: most are short and have nothing to escape.

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Appends a string.
#[inline]
pub(super) fn write(text: &str, out: &mut Vec<u8>) {
    let begin = out.len();
    // Room for the quotes, and for the rest of the last word.
    out.reserve(text.len() + 16);
    out.push(b'"');
    if !write_plain(text.as_bytes(), out) {
        out.truncate(begin);
        write_escaped(text, out);
    }
}

#[cold]
fn write_escaped(text: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends the bytes and the closing quote, and tells whether that was right, since none of them has an escape.
#[inline]
fn write_plain(bytes: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        let bits = 8 * bytes.len() as u32;
        let word = short(bytes);
        out.extend_from_slice(&(word | u64::from(b'"') << bits).to_le_bytes());
        out.truncate(out.len() - 7 + bytes.len());
        return escaped(word | SPACES << bits) == 0;
    };
    let last = u64::from_le_bytes(*last);
    if bytes.len() <= 24 {
        // Without the call that copies a longer one.
        let mut escapes = escaped(last);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            escapes |= escaped(u64::from_le_bytes(*word));
            out.extend_from_slice(word);
        }
        let bits = 8 * rest.len() as u32;
        // Without the bytes that were in the word before: where none are left, all.
        let rest_alone = last.checked_shr(64 - bits).unwrap_or(0);
        out.extend_from_slice(&(rest_alone | u64::from(b'"') << bits).to_le_bytes());
        out.truncate(out.len() - 7 + rest.len());
        return escapes == 0;
    }
    let words = bytes.as_chunks::<8>().0;
    let escapes = words.iter().fold(escaped(last), |any, word| any | escaped(u64::from_le_bytes(*word)));
    out.extend_from_slice(bytes);
    out.push(b'"');
    escapes == 0
}

/// Fewer than eight bytes as a number.
fn short(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (bytes.len() - 4));
    }
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;
const SPACES: u64 = ONES * b' ' as u64;

/// Not 0 if any of eight bytes must be escaped: a control character, a quote or a backslash.
fn escaped(word: u64) -> u64 {
    // A byte below n borrows when n is taken from it, and what it borrows shows in its highest bit. Bytes from 128 on
    // have that bit themselves. A byte above one that borrows may show it wrongly, which does not matter.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGHS
}

/// The keys of the objects written so far, as they are written. The dicts of a batch have the same few keys, and those
/// are the same objects: what made the dicts keeps them.
#[derive(Default)]
pub(super) struct Keys<'py> {
    places: Vec<Option<Known<'py>>>,
}

struct Known<'py> {
    key: Bound<'py, PyString>,
    /// The comma, the key and the colon, as far as `bytes`.
    text: [u8; KNOWN_BYTES],
    bytes: usize,
}

const KNOWN_BYTES: usize = 32;
const PLACES_BITS: u32 = 7;

impl<'py> Keys<'py> {
    /// Begins to remember keys.
    pub fn remember(&mut self) {
        if self.places.is_empty() {
            self.places.resize_with(1 << PLACES_BITS, || None);
        }
    }

    /// Appends a comma, the key and a colon; `false` where the key has an unpaired surrogate.
    #[inline]
    pub fn write(&mut self, key: &Bound<'py, PyString>, out: &mut Vec<u8>) -> bool {
        let spread = (key.as_ptr() as usize as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = (spread >> (64 - PLACES_BITS)) as usize;
        for place in [place, place ^ 1] {
            if let Some(Some(known)) = self.places.get(place)
                && known.key.is(key)
            {
                out.extend_from_slice(&known.text);
                out.truncate(out.len() - KNOWN_BYTES + known.bytes);
                return true;
            }
        }
        self.write_anew(place, key, out)
    }

    #[cold]
    fn write_anew(&mut self, place: usize, key: &Bound<'py, PyString>, out: &mut Vec<u8>) -> bool {
        let Ok(text) = key.to_str() else { return false };
        let begin = out.len();
        out.push(b',');
        write(text, out);
        out.push(b':');
        let bytes = out.len() - begin;
        let free = [place, place ^ 1].into_iter().find(|place| matches!(self.places.get(*place), Some(None)));
        // A place is the first key's: many keys would only push each other out.
        if let Some(place) = free
            && bytes <= KNOWN_BYTES
        {
            let mut text = [0; KNOWN_BYTES];
            text[..bytes].copy_from_slice(&out[begin..]);
            self.places[place] = Some(Known { key: key.clone(), text, bytes });
        }
        true
    }
}
