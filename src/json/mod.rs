//! The wire schema, both ways: the only place that knows what events, queries, options and answers
//! look like as JSON. `docs/EVENTS.md` is its description for callers.

mod answer;
mod batch;
mod behaviour;
mod config;
mod fields;
mod members;
mod number;
mod options;
mod query;
mod recorded;
mod walk;
mod write;

pub(crate) use answer::{Answers, end_page, reserve_for, summary};
pub(crate) use batch::read_batch;
pub(crate) use behaviour::{Part, read_answer, write_append_options, write_events, write_query, write_read_options};
pub(crate) use config::{FileOptions, Sync, no_options, read_config, read_file_options, unknown_engine};
#[cfg(feature = "postgres")]
pub(crate) use config::{PostgresOptions, read_postgres_options};
pub(crate) use options::{read_append_options, read_cursor_options, read_options};
pub(crate) use query::read_query;
pub use recorded::RecordedEvent;
pub(crate) use recorded::{read_head, same_event};
pub(crate) use write::write_numbered;
#[cfg(feature = "postgres")]
pub(crate) use write::{StoredParts, body_of, write_stored};

use crate::error::{Error, ErrorKind, Result};
use walk::{Fault, Walker};

/// The most bytes that any text given to a call can have.
pub const INPUT_BYTES_MAX: usize = 64 << 20;

/// A text that a caller gave, and its name in errors.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    name: &'static str,
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    /// Accepts `bytes` as to their number.
    pub fn new(name: &'static str, bytes: &'a [u8]) -> Result<Input<'a>> {
        if bytes.len() > INPUT_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "{name}: {} bytes of text; at most {INPUT_BYTES_MAX} (64 MiB) are allowed in one call: give less at once",
                    bytes.len()
                ),
            )
            .with("limit", INPUT_BYTES_MAX)
            .with("actual", bytes.len()));
        }
        Ok(Input { name, bytes })
    }

    /// Accepts the bytes as UTF-8.
    fn text(self) -> Result<&'a str> {
        simdutf8::compat::from_utf8(self.bytes)
            .map_err(|error| invalid_json(self.name, error.valid_up_to(), "the text is not UTF-8"))
    }

    /// Accepts the text as JSON.
    fn checked(self) -> Result<&'a str> {
        Walker::check(self.text()?).map_err(|fault| self.fault(&fault))
    }

    fn fault(self, fault: &Fault) -> Error {
        invalid_json(self.name, fault.at, fault.what)
    }
}

fn invalid_json(input: &'static str, offset: usize, what: &str) -> Error {
    Error::new(ErrorKind::InvalidJson, format!("{input}: {what} at byte {offset}"))
        .with("in", input)
        .with("offset", offset)
}

/// `; did you mean …?`, or else what is known.
fn suggestion(name: &str, known: &[&str]) -> String {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name.to_lowercase(), candidate);
    // One slip in three letters at most: any two short names are near each other.
    let near = |candidate: &str| distance(candidate) <= (name.len().min(candidate.len()) / 3).max(1);
    // The distance takes time with the square of the length.
    let nearest = (name.len() <= 64)
        .then(|| known.iter().filter(|candidate| near(candidate)).min_by_key(|candidate| distance(candidate)))
        .flatten();
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => String::from("; there is none to give"),
        None => format!("; known are `{}`", known.join("`, `")),
    }
}
