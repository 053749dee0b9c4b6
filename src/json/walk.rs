//! Walks JSON text once, from front to back, and builds nothing: what comes out are slices of the
//! text that went in. `serde_json` cannot serve here, since it keeps neither the bytes of a payload
//! nor duplicate keys; the two are compared input by input in `tests/walker.rs`.
//!
//! Stricter than the grammar in one respect: what is accepted must be readable by every parser, so
//! an unpaired surrogate escape and a number outside a double's range are refused.

use super::number::is_in_range;
use std::borrow::Cow;

/// How deep a payload, a query or an option may nest. The open containers fit one `u128`.
pub(crate) const LEVELS_MAX: u32 = 128;

/// Why a text is not acceptable JSON, and the byte where it stops being so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub at: usize,
    pub what: &'static str,
}

/// A string's text between its quotes, escapes and all. It is known to be sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quoted<'a> {
    pub raw: &'a str,
    pub escaped: bool,
}

impl<'a> Quoted<'a> {
    /// The string that is meant.
    #[inline(always)]
    pub fn unescape(self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(self.unescape_slowly()) } else { Cow::Borrowed(self.raw) }
    }

    #[cold]
    fn unescape_slowly(self) -> String {
        let mut plain = String::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            plain.push_str(&rest[..at]);
            let (character, length) = unescape_one(&rest.as_bytes()[at..]);
            plain.push(character);
            rest = &rest[at + length..];
        }
        plain.push_str(rest);
        plain
    }
}

/// The character that a sound escape stands for, and the escape's length.
fn unescape_one(escape: &[u8]) -> (char, usize) {
    let unit = |at: usize| escape.get(at..at + 4).and_then(hex4).unwrap_or(0);
    match escape[1] {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => match unit(2) {
            high @ 0xD800..=0xDBFF => {
                let scalar = 0x10000 + ((high - 0xD800) << 10) + (unit(8).wrapping_sub(0xDC00) & 0x3FF);
                (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
            }
            scalar => (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
        },
        itself => (itself as char, 2),
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)?))
}

/// A position in a text, moving forward over whole tokens.
pub(crate) struct Walker<'a> {
    text: &'a str,
    at: usize,
    /// Set where white space was passed over. Whoever cares clears it first.
    pub spaced: bool,
}

/// The fault in a box: so that what a walk comes to, nearly always something small, fits into registers.
pub(super) type Walk<T> = std::result::Result<T, Box<Fault>>;

impl<'a> Walker<'a> {
    pub fn new(text: &'a str) -> Walker<'a> {
        Walker { text, at: 0, spaced: false }
    }

    /// Checks that `text` is one value and nothing else but white space around it: that value.
    pub fn check(text: &'a str) -> Walk<&'a str> {
        let mut walker = Walker::new(text);
        let value = walker.value(LEVELS_MAX)?;
        walker.end()?;
        Ok(value)
    }

    /// The next token's first byte, 0 at the end (which no token begins with).
    #[inline]
    pub fn peek(&mut self) -> u8 {
        self.skip_space();
        self.byte()
    }

    /// Where the walk stands: behind the last token, or behind the white space that [`Walker::peek`] passed over.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text from `start` to here.
    pub fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.at]
    }

    /// Passes over `token` if it is next.
    #[inline]
    pub fn take(&mut self, token: u8) -> bool {
        let next = self.peek() == token;
        self.at += next as usize;
        next
    }

    #[inline]
    pub fn expect(&mut self, token: u8, what: &'static str) -> Walk<()> {
        if self.take(token) { Ok(()) } else { self.fault(what) }
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Walk<()> {
        self.skip_space();
        if self.at == self.text.len() { Ok(()) } else { self.fault("expected the end of the text") }
    }

    /// The next key of an object whose `{` was taken, its colon taken too; `None` after the `}`.
    /// `first` is true before the first key and cleared by it.
    // Inlined, since its result is too large for registers, and waiting for it to come back from memory took
    // half of the time of whoever called.
    #[inline(always)]
    pub fn key(&mut self, first: &mut bool) -> Walk<Option<Quoted<'a>>> {
        if self.take(b'}') {
            return Ok(None);
        }
        if !std::mem::take(first) {
            self.expect(b',', "expected a comma or `}`")?;
        }
        let key = self.string("expected a key in double quotes")?;
        self.expect(b':', "expected a colon")?;
        Ok(Some(key))
    }

    /// Whether an array whose `[` was taken has another item, its comma taken; the `]` is taken too.
    pub fn item(&mut self, first: &mut bool) -> Walk<bool> {
        if self.take(b']') {
            return Ok(false);
        }
        if !std::mem::take(first) {
            self.expect(b',', "expected a comma or `]`")?;
        }
        Ok(true)
    }

    /// A string.
    #[inline(always)]
    pub fn string(&mut self, what: &'static str) -> Walk<Quoted<'a>> {
        self.expect(b'"', what)?;
        let start = self.at;
        let escaped = self.string_rest()?;
        Ok(Quoted { raw: &self.text[start..self.at - 1], escaped })
    }

    /// Any value that nests at most `levels` deep (at most [`LEVELS_MAX`]): its text, white space between its tokens included.
    pub fn value(&mut self, levels: u32) -> Walk<&'a str> {
        self.skip_space();
        let start = self.at;
        let mut depth = 0;
        // One bit for each open container, the innermost lowest: 1 is an object.
        let mut objects: u128 = 0;
        'value: loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    self.string_rest()?;
                }
                open @ (b'{' | b'[') => {
                    if depth == levels {
                        return self.fault("nested too deeply");
                    }
                    self.at += 1;
                    depth += 1;
                    objects = objects << 1 | (open == b'{') as u128;
                    let close = if open == b'{' { b'}' } else { b']' };
                    if self.take(close) {
                        depth -= 1;
                        objects >>= 1;
                    } else if open == b'{' {
                        self.inner_key()?;
                        continue 'value;
                    } else {
                        continue 'value;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return self.fault("expected a value"),
            }
            loop {
                if depth == 0 {
                    return Ok(&self.text[start..self.at]);
                }
                let in_object = objects & 1 == 1;
                match self.peek() {
                    b',' => {
                        self.at += 1;
                        if in_object {
                            self.inner_key()?;
                        }
                        continue 'value;
                    }
                    b'}' if in_object => {}
                    b']' if !in_object => {}
                    _ => {
                        return self.fault(if in_object {
                            "expected a comma or `}`"
                        } else {
                            "expected a comma or `]`"
                        });
                    }
                }
                self.at += 1;
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    #[inline]
    fn inner_key(&mut self) -> Walk<()> {
        self.expect(b'"', "expected a key in double quotes")?;
        self.string_rest()?;
        self.expect(b':', "expected a colon")
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn skip_space(&mut self) {
        if self.byte() <= b' ' {
            self.skip_space_slowly();
        }
    }

    fn skip_space_slowly(&mut self) {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
            self.spaced = true;
        }
    }

    #[cold]
    fn fault<T>(&self, what: &'static str) -> Walk<T> {
        Err(Box::new(Fault {
            at: self.at,
            what: if self.at == self.text.len() { "the text ends too early" } else { what },
        }))
    }

    /// Passes over the string whose opening quote was taken; true where it holds an escape.
    #[inline(always)]
    fn string_rest(&mut self) -> Walk<bool> {
        // Most strings end within eight bytes, keys above all.
        let rest = &self.text.as_bytes()[self.at..];
        if let Some(word) = rest.first_chunk::<8>() {
            let length = (marks(u64::from_le_bytes(*word)).trailing_zeros() / 8) as usize;
            if rest.get(length) == Some(&b'"') && length < 8 {
                self.at += length + 1;
                return Ok(false);
            }
        }
        self.long_string_rest()
    }

    fn long_string_rest(&mut self) -> Walk<bool> {
        let bytes = self.text.as_bytes();
        let mut escaped = false;
        loop {
            // Eight bytes at a time up to the next quote, backslash or control character.
            while let Some(word) = bytes[self.at..].first_chunk::<8>() {
                let marks = marks(u64::from_le_bytes(*word));
                if marks != 0 {
                    self.at += (marks.trailing_zeros() / 8) as usize;
                    break;
                }
                self.at += 8;
            }
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..=0x1f => return self.fault("a control character must be escaped in a string"),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Walk<()> {
        let bytes = self.text.as_bytes();
        match bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let unit = |at: usize| bytes.get(at..at + 4).and_then(hex4);
                match unit(self.at + 2) {
                    None => return self.fault("`\\u` needs four hexadecimal digits"),
                    Some(0xD800..=0xDBFF) => {
                        let low = bytes[self.at + 6..].starts_with(b"\\u").then(|| unit(self.at + 8)).flatten();
                        if !matches!(low, Some(0xDC00..=0xDFFF)) {
                            return self.fault("unpaired surrogate escape");
                        }
                        self.at += 12;
                    }
                    Some(0xDC00..=0xDFFF) => return self.fault("unpaired surrogate escape"),
                    Some(_) => self.at += 6,
                }
            }
            _ => return self.fault("unknown escape in a string"),
        }
        Ok(())
    }

    fn number(&mut self) -> Walk<()> {
        let start = self.at;
        if self.byte() == b'-' {
            self.at += 1;
        }
        let whole = self.at;
        match self.byte() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return self.fault("expected a digit"),
        }
        let whole_digits = self.at - whole;
        if self.byte().is_ascii_digit() {
            return self.fault("a number may not begin with 0");
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        let mut exponent = false;
        if matches!(self.byte(), b'e' | b'E') {
            exponent = true;
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
        }
        // Up to 308 digits and no exponent is below 1e308: only the rest needs the exact answer.
        if (exponent || whole_digits > 308) && !is_in_range(&self.text[start..self.at]) {
            return Err(Box::new(Fault { at: start, what: "number outside the range of a double" }));
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Walk<()> {
        if !self.byte().is_ascii_digit() {
            return self.fault("expected a digit");
        }
        self.digits();
        Ok(())
    }

    fn literal(&mut self, word: &'static str) -> Walk<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.fault("expected a value");
        }
        self.at += word.len();
        Ok(())
    }
}

/// The high bit of each byte that is a quote, a backslash or a control character. Bytes above the
/// lowest such may be marked wrongly (a borrow runs upwards), so only the lowest counts.
#[inline]
fn marks(word: u64) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    let quote = word ^ (LOW * b'"' as u64);
    let backslash = word ^ (LOW * b'\\' as u64);
    let quote = quote.wrapping_sub(LOW) & !quote;
    let backslash = backslash.wrapping_sub(LOW) & !backslash;
    let control = word.wrapping_sub(LOW * 0x20) & !word;
    (quote | backslash | control) & (LOW * 0x80)
}

/// Appends `json`, a sound text, without the white space between its tokens.
pub(crate) fn compact(json: &str, out: &mut Vec<u8>) {
    let mut walker = Walker::new(json);
    let mut from = 0;
    while walker.at < json.len() {
        match walker.byte() {
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.extend_from_slice(&json.as_bytes()[from..walker.at]);
                walker.skip_space();
                from = walker.at;
            }
            b'"' => {
                walker.at += 1;
                // The text is sound, so the string ends.
                let _ = walker.string_rest();
            }
            _ => walker.at += 1,
        }
    }
    out.extend_from_slice(&json.as_bytes()[from..]);
}
