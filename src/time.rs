//! Points in time, in microseconds: what `inserted_at`, `from` and `to` hold.

use chrono::{DateTime, Datelike, NaiveDate};
use std::time::{SystemTime, UNIX_EPOCH};

/// A point in time between the years 0000 and 9999 UTC, in microseconds.
///
/// ```
/// use runestore::Timestamp;
///
/// let time = Timestamp::parse("2026-11-23T04:50:00.1234569+01:00").unwrap();
/// assert_eq!(time.to_string(), "2026-11-23T03:50:00.123456Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// How every `inserted_at` is written.
pub(crate) type TimestampText = [u8; 27];

const MICROS_MIN: i64 = -62_167_219_200_000_000; // 0000-01-01T00:00:00Z
const DAY: i64 = 86_400_000_000;
const MICROS_MAX: i64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999Z

impl Timestamp {
    /// The system's clock. A clock set outside the years 0000 to 9999 counts as the nearest of these.
    pub fn now() -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => since.as_micros() as i64,
            Err(before) => -(before.duration().as_micros() as i64),
        };
        Timestamp(micros.clamp(MICROS_MIN, MICROS_MAX))
    }

    /// Reads RFC 3339 with any offset. Digits finer than a microsecond are cut. `None` for anything
    /// else, a leap second, and a time that lies outside the years 0000 to 9999 in UTC.
    pub fn parse(text: &str) -> Option<Timestamp> {
        parse_utc(text.as_bytes()).or_else(|| Timestamp::parse_slowly(text))
    }

    fn parse_slowly(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        // chrono also takes a blank for the T, a typographic minus sign, and second 60.
        let strict = bytes.is_ascii() && matches!(bytes.get(10), Some(b'T' | b't')) && bytes.get(17..19) != Some(b"60");
        let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| strict)?;
        let micros = time.timestamp_micros();
        (MICROS_MIN..=MICROS_MAX).contains(&micros).then_some(Timestamp(micros))
    }

    /// Microseconds since 1970-01-01T00:00:00Z, negative before.
    pub fn micros(self) -> i64 {
        self.0
    }
}

impl Timestamp {
    /// The same, and its text.
    pub(crate) fn parse_with_text(text: &str) -> Option<(Timestamp, TimestampText)> {
        let Some(time) = parse_utc(text.as_bytes()) else {
            return Timestamp::parse_slowly(text).map(|time| (time, time.text()));
        };
        // It stands there already, but for the number of its digits.
        let mut written = *b"0000-00-00T00:00:00.000000Z";
        let digits = text.len().min(written.len()) - 1;
        written[..digits].copy_from_slice(&text.as_bytes()[..digits]);
        Some((time, written))
    }

    /// The 27 characters that every `inserted_at` has. By hand: chrono's formatting took a sixth of the
    /// time of an append of events that bring their time.
    pub(crate) fn text(self) -> TimestampText {
        let date = DateTime::from_timestamp_micros(self.0).unwrap_or_default().date_naive();
        let micros = self.0.rem_euclid(DAY) as u64;
        let (second, micros) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        digits(date.year().unsigned_abs(), &mut text[0..4]);
        digits(date.month(), &mut text[5..7]);
        digits(date.day(), &mut text[8..10]);
        digits(second / 3600, &mut text[11..13]);
        digits(second / 60 % 60, &mut text[14..16]);
        digits(second % 60, &mut text[17..19]);
        digits(micros, &mut text[20..26]);
        text
    }
}

/// The form that nearly all times have, in UTC and to the second or finer: a fifth of the steps that chrono takes, which reads
/// all others.
fn parse_utc(text: &[u8]) -> Option<Timestamp> {
    let (time, fraction) = text.strip_suffix(b"Z")?.split_first_chunk::<19>()?;
    let number = |from: usize, to: usize| {
        time[from..to]
            .iter()
            .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| time[*at] != *mark) {
        return None;
    }
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut micros = 0;
    if let Some((b'.', digits)) = fraction.split_first() {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        micros = (0..6).fold(0, |micros, at| micros * 10 + i64::from(digits.get(at).map_or(0, |digit| digit - b'0')));
    } else if !fraction.is_empty() {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(number(0, 4)? as i32, number(5, 7)?, number(8, 10)?)?;
    let days = i64::from(date.to_epoch_days());
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Some(Timestamp(days * DAY + seconds * 1_000_000 + micros))
}

/// Writes `number` over all of `place`, with leading zeros.
fn digits(mut number: u32, place: &mut [u8]) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl std::fmt::Display for Timestamp {
    /// The 27 characters that every `inserted_at` has: `2026-11-23T03:50:00.123456Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Option<String> {
        Timestamp::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn the_text_is_what_chrono_writes() {
        let step = 77_777_777_777_777;
        for micros in (MICROS_MIN..=MICROS_MAX).step_by(step).chain([MICROS_MIN, -1, 0, 1, MICROS_MAX]) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            assert_eq!(Timestamp(micros).to_string(), time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        }
    }

    /// Every way to write a time in UTC is read as chrono reads it.
    #[test]
    fn the_short_way_is_chronos() {
        let seconds = ["2026-11-23T03:50:00", "0000-01-01T00:00:00", "9999-12-31T23:59:59", "2024-02-29T12:00:59"];
        let fractions = ["", ".0", ".1", ".000001", ".0000019", ".999999999999", ".12345", "."];
        for (second, fraction) in seconds.iter().flat_map(|second| fractions.map(|fraction| (second, fraction))) {
            let text = format!("{second}{fraction}Z");
            let chrono = DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_micros());
            assert_eq!(parse_utc(text.as_bytes()).map(Timestamp::micros), chrono, "{text}");
            let told = Timestamp::parse_with_text(&text);
            assert_eq!(told, Timestamp::parse(&text).map(|time| (time, time.text())), "{text}");
            for at in 0..text.len() {
                for byte in [b'0', b'9', b':', b'-', b'T', b' ', b'/', b'Z'] {
                    let mut other = text.clone().into_bytes();
                    other[at] = byte;
                    let other = String::from_utf8(other).unwrap();
                    if let Some(time) = parse_utc(other.as_bytes()) {
                        let chrono = DateTime::parse_from_rfc3339(&other).ok().map(|time| time.timestamp_micros());
                        assert_eq!(Some(time.micros()), chrono, "{other}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_offset_comes_out_in_utc_with_six_digits() {
        for (text, expected) in [
            ("2026-11-23T03:50:00Z", "2026-11-23T03:50:00.000000Z"),
            ("2026-11-23t03:50:00.5z", "2026-11-23T03:50:00.500000Z"),
            ("2026-11-23T03:50:00.9999999999999-00:00", "2026-11-23T03:50:00.999999Z"),
            ("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00.000000Z"),
            ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("2024-02-29T23:59:59-23:59", "2024-03-01T23:58:59.000000Z"),
        ] {
            assert_eq!(written(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn whatever_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-11-23",
            "2026-11-23T03:50:00",
            "2026-11-23 03:50:00Z",
            "2026-11-23T03:50Z",
            "2026-11-23T03:50:00.Z",
            "2026-11-23T03:50:00,5Z",
            "2026-11-23T24:00:00Z",
            "2026-11-23T03:60:00Z",
            "2026-02-29T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5+00:00",
            "2026-11-23T03:50:00+0100",
            "2026-11-23T03:50:00+01",
            "2026-11-23T03:50:00+24:00",
            "2026-11-23T03:50:00+01:60",
            "2026-11-23T03:50:00\u{2212}01:00",
            "2026-11-23T03:50:00Z ",
            " 2026-11-23T03:50:00Z",
            "+2026-11-23T03:50:00Z",
            "12026-11-23T03:50:00Z",
            "0000-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(written(text), None, "{text}");
        }
    }
}
