//! Ids for events that come without one: UUIDv7 (RFC 9562, section 5.7).

use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;
use uuid::{Builder, Uuid};

/// The ids of one batch, in ascending order: a common millisecond, then a 74-bit number that begins
/// at random and goes up by one (RFC 9562, section 6.2, method 2).
///
/// The random start comes from the operating system for each batch. A generator kept in the process
/// would repeat itself in a forked child.
pub(crate) struct Ids {
    unix_millis: u64,
    next: u128,
}

impl Ids {
    pub fn new(now: Timestamp) -> Result<Ids> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(ErrorKind::Io, format!("the operating system gave no random bytes: {error}"))
        })?;
        // The highest of the 74 bits stays clear, so that counting up never overflows.
        let next = u128::from_le_bytes(random) >> (128 - 73);
        Ok(Ids { unix_millis: (now.micros() / 1000).max(0) as u64, next })
    }

    pub fn next(&mut self) -> Uuid {
        let number = self.next;
        self.next += 1;
        let mut bits = [0; 10];
        bits[..2].copy_from_slice(&((number >> 62) as u16).to_be_bytes());
        bits[2..].copy_from_slice(&(number as u64 & (u64::MAX >> 2)).to_be_bytes());
        Builder::from_unix_timestamp_millis(self.unix_millis, &bits).into_uuid()
    }
}

/// Reads the one form that an event's id may have: 36 characters, four hyphens, either case.
pub(crate) fn parse_id(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_batch_ascend_and_carry_its_time() {
        let now = Timestamp::parse("2026-11-23T03:50:00.123456Z").unwrap();
        let mut ids = Ids::new(now).unwrap();
        // Across the carry from the low 62 bits into the high 12.
        ids.next = (1 << 62) - 2;
        let made: Vec<Uuid> = (0..1000).map(|_| ids.next()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        for id in made {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
            assert_eq!(id.as_u128() >> 80, (now.micros() / 1000) as u128);
        }
    }

    #[test]
    fn two_batches_of_one_millisecond_differ() {
        let now = Timestamp::now();
        assert_ne!(Ids::new(now).unwrap().next(), Ids::new(now).unwrap().next());
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let id = "0192F3A4-5B6C-7D8E-9F00-112233445566";
        assert_eq!(parse_id(id).unwrap().to_string(), id.to_lowercase());
        for text in [
            "",
            "0192f3a45b6c7d8e9f00112233445566",
            "{0192f3a4-5b6c-7d8e-9f00-112233445566}",
            "urn:uuid:0192f3a4-5b6c-7d8e-9f00-112233445566",
            "0192f3a4-5b6c-7d8e-9f00-11223344556g",
            "0192f3a45-b6c-7d8e-9f00-112233445566",
            "0192f3a4-5b6c-7d8e-9f00-1122334455é",
        ] {
            assert_eq!(parse_id(text), None, "{text}");
        }
    }
}
