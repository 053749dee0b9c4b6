//! Answers: stored events copied one behind the other, nothing parsed or printed again.

use super::write::write_number;
use crate::append::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Format, Pagination, Sink};

/// Makes room in `out` for the answer to an append.
pub(crate) fn reserve_for(batch: &Batch, out: &mut Vec<u8>) -> Result<()> {
    // An event's two numbers have up to 19 digits, the rest is in its text.
    out.try_reserve(batch.text_bytes() + batch.len() * 64 + 2).map_err(|_| {
        Error::new(
            ErrorKind::NoSpace,
            "the answer does not fit in memory: append fewer events at once, or ask for `\"return\":\"summary\"`",
        )
    })
}

/// Collects events into an answer, as many as its bounds allow.
pub(crate) struct Answers<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    format: Format,
    bytes_max: usize,
    events: u64,
    last: u64,
    out_of_memory: bool,
}

impl<'o> Answers<'o> {
    /// Appends to `out`, at most `bytes_max` bytes unless the first event alone is longer.
    pub fn new(out: &'o mut Vec<u8>, format: Format, bytes_max: usize) -> Answers<'o> {
        let start = out.len();
        if format == Format::Array {
            out.push(b'[');
        }
        Answers { out, start, format, bytes_max, events: 0, last: 0, out_of_memory: false }
    }

    /// How many events came.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The position of the last event that came, 0 if none did.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Ends the answer.
    pub fn finish(self) -> Result<()> {
        if self.out_of_memory {
            return Err(no_memory(self.out.len()));
        }
        if self.format == Format::Array {
            match self.events {
                0 => self.out.push(b']'),
                // Over the last event's comma.
                _ => *self.out.last_mut().expect("an event was written") = b']',
            }
        }
        Ok(())
    }
}

impl Sink for Answers<'_> {
    fn reserve(&mut self, bytes: usize) {
        let written = self.out.len() - self.start;
        // One byte more for the bracket of an empty array.
        // Where this fails, so will the event that does not fit.
        let _ = self.out.try_reserve(bytes.min(self.bytes_max.saturating_sub(written)) + 1);
    }

    fn room(&self) -> usize {
        self.bytes_max.saturating_sub(self.out.len() - self.start)
    }

    fn push(&mut self, sequence_number: u64, text: &[u8]) -> bool {
        let bytes = self.out.len() - self.start + text.len();
        if bytes > self.bytes_max && self.events > 0 {
            return false;
        }
        // One byte more for the bracket that may follow.
        if self.out.try_reserve(text.len() + 1).is_err() {
            self.out_of_memory = true;
            return false;
        }
        self.out.extend_from_slice(text);
        if self.format == Format::Array {
            // Every stored text ends in a newline: here it becomes the comma.
            *self.out.last_mut().expect("a stored text is not empty") = b',';
        }
        self.events += 1;
        self.last = sequence_number;
        true
    }
}

/// Appends the end of a paginated answer, whose beginning is `{"events":` and the array.
pub(crate) fn end_page(page: &Pagination, out: &mut Vec<u8>) -> Result<()> {
    let Pagination { total_count, page_size, page_number, total_pages, has_next, has_prev, head } = page;
    let text = format!(
        r#","pagination":{{"total_count":{total_count},"page_size":{page_size},"page_number":{page_number},"total_pages":{total_pages},"has_next":{has_next},"has_prev":{has_prev},"head":{head}}}}}"#
    );
    // Exactly so much, and a NUL: the events before it may fill half of the memory.
    out.try_reserve_exact(text.len() + 1).map_err(|_| no_memory(out.len()))?;
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends the summary of an append of `count` events that begin at `first`.
pub(crate) fn summary(first: u64, count: u64, head: u64, out: &mut Vec<u8>) {
    // Four numbers and their names.
    out.reserve(128);
    if count == 0 {
        out.extend_from_slice(br#"{"first":null,"last":null"#);
    } else {
        out.extend_from_slice(br#"{"first":"#);
        write_number(first, out);
        out.extend_from_slice(br#","last":"#);
        write_number(first + count - 1, out);
    }
    out.extend_from_slice(br#","count":"#);
    write_number(count, out);
    out.extend_from_slice(br#","head":"#);
    write_number(head, out);
    out.push(b'}');
}

fn no_memory(bytes: usize) -> Error {
    let message = format!(
        "the answer does not fit in memory, {bytes} bytes of it were put together: \
         read it piece by piece with a cursor, or give a `limit`"
    );
    Error::new(ErrorKind::NoSpace, message)
}
