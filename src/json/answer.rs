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

    /// All that fits in one go.
    fn push_all(&mut self, texts: &[u8], start: usize, events: &[(u64, usize)]) -> usize {
        let room = self.room();
        let fitting = events.partition_point(|(_, end)| end - start <= room);
        // The first is taken however long it is.
        let count = fitting.max(usize::from(self.events == 0)).min(events.len());
        let Some((last, end)) = count.checked_sub(1).map(|last| events[last]) else { return 0 };
        if self.out.try_reserve(end - start + 1).is_err() {
            self.out_of_memory = true;
            return 0;
        }
        let before = self.out.len();
        self.out.extend_from_slice(&texts[start..end]);
        if self.format == Format::Array {
            events[..count].iter().for_each(|(_, end)| self.out[before + end - start - 1] = b',');
        }
        self.events += count as u64;
        self.last = last;
        count
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 4] = ["{\"a\":1}\n", "{\"b\":\"long\"}\n", "{}\n", "{\"c\":null}\n"];

    /// The answer and what `answers` says of it, after `take` was called once with nothing and once with something in it.
    fn answer(
        format: Format,
        bytes_max: usize,
        begun: usize,
        take: impl Fn(&mut Answers<'_>, &[u8], usize, &[(u64, usize)]) -> usize,
    ) -> (Vec<u8>, usize, u64, u64) {
        let mut texts = Vec::new();
        let mut events = Vec::new();
        for (at, text) in TEXTS.iter().enumerate() {
            texts.extend_from_slice(text.as_bytes());
            events.push((at as u64 + 11, texts.len()));
        }
        let mut out = b"before".to_vec();
        let mut answers = Answers::new(&mut out, format, bytes_max);
        let start = begun.checked_sub(1).map_or(0, |last| events[last].1);
        let first = take(&mut answers, &texts, 0, &events[..begun]);
        let second = if first == begun { take(&mut answers, &texts, start, &events[begun..]) } else { 0 };
        let (count, last) = (answers.events(), answers.last());
        answers.finish().expect("there is memory");
        (out, first + second, count, last)
    }

    #[test]
    fn what_comes_in_one_go_is_what_comes_one_by_one() {
        let all: usize = TEXTS.iter().map(|text| text.len()).sum();
        for format in [Format::Array, Format::Ndjson] {
            for bytes_max in 0..all + 3 {
                for begun in 0..TEXTS.len() {
                    let together = answer(format, bytes_max, begun, |sink, texts, start, events| {
                        sink.push_all(texts, start, events)
                    });
                    let single = answer(format, bytes_max, begun, |sink, texts, mut start, events| {
                        let taken = events.iter().take_while(|(number, end)| {
                            let text = &texts[std::mem::replace(&mut start, *end)..*end];
                            sink.push(*number, text)
                        });
                        taken.count()
                    });
                    assert_eq!(together, single, "{format:?}, at most {bytes_max} bytes, {begun} events before");
                }
            }
        }
        let (out, ..) =
            answer(Format::Array, all + 1, 2, |sink, texts, start, events| sink.push_all(texts, start, events));
        assert_eq!(out, br#"before[{"a":1},{"b":"long"},{},{"c":null}]"#);
    }
}
