//! The texts between the store and an engine of the user's own. `docs/ENGINES.md` is their description.

use super::recorded::{RecordedEvent, read_head};
use super::walk::{LEVELS_MAX, Walk, Walker};
use super::write::{write_number, write_string};
use crate::append::{Batch, StoredHead, Tracking};
use crate::query::{Direction, Filter, POSITION_MAX, Query};

/// The events of a batch without their two numbers: an array, one event a line.
pub(crate) fn write_events(batch: &Batch) -> Vec<u8> {
    const BEHIND_HEAD: usize = ",\"stream_version\":".len();
    let mut out = Vec::with_capacity(batch.text_bytes() + 2);
    out.push(b'[');
    for (index, event) in batch.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",\n{" });
        // Without the comma behind the first number, the name of the second, the newline.
        out.extend_from_slice(&event.head[1..event.head.len() - BEHIND_HEAD]);
        out.extend_from_slice(&event.tail[..event.tail.len() - 1]);
    }
    out.push(b']');
    out
}

/// The options of an append: the numbers that its events are to get, where they are known, and what is to be
/// recorded with them.
pub(crate) fn write_append_options(numbers: Option<(u64, &[u64])>, tracking: Option<&Tracking>) -> Vec<u8> {
    let mut out = Vec::from(b"{");
    if let Some((first, versions)) = numbers {
        member("first", &mut out);
        write_number(first, &mut out);
        member("stream_versions", &mut out);
        list(versions, &mut out, |version, out| write_number(*version, out));
    }
    if let Some(tracking) = tracking {
        member("tracking", &mut out);
        out.extend_from_slice(b"{\"source\":");
        write_string(&tracking.source, &mut out);
        out.extend_from_slice(b",\"position\":");
        write_number(tracking.position, &mut out);
        out.push(b'}');
    }
    out.push(b'}');
    out
}

/// A part of a read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// Only events behind this position.
    pub after: u64,
    /// Only events up to this one.
    pub up_to: u64,
    /// At most so many.
    pub limit: u64,
    /// The order.
    pub direction: Direction,
}

/// A query, narrowed to a part: an array of filters, or null for everything.
pub(crate) fn write_query(query: &Query, part: Part) -> Vec<u8> {
    let mut out = Vec::new();
    if part.after == 0 && part.up_to >= POSITION_MAX && *query == Query::all() {
        out.extend_from_slice(b"null");
    } else {
        list(&query.filters, &mut out, |filter, out| write_filter(filter, part, out));
    }
    out
}

fn write_filter(filter: &Filter, part: Part, out: &mut Vec<u8>) {
    out.push(b'{');
    let names = [("type", &filter.types), ("domain", &filter.domains), ("instance_id", &filter.instance_ids)];
    for (key, names) in names {
        if let Some(names) = names {
            member(key, out);
            list(names, out, |name, out| write_string(name, out));
        }
    }
    if let Some(ids) = &filter.ids {
        member("id", out);
        list(ids, out, |id, out| write_string(&id.to_string(), out));
    }
    if !filter.tags.is_empty() {
        member("tags", out);
        list(&filter.tags, out, |tag, out| write_string(tag, out));
    }
    for (key, time) in [("from", filter.from), ("to", filter.to)] {
        if let Some(time) = time {
            member(key, out);
            write_string(&time.to_string(), out);
        }
    }
    let (after, up_to) = (filter.after.max(part.after), filter.up_to.min(part.up_to));
    for (key, number, idle) in
        [("after", after, 0), ("up_to", up_to, POSITION_MAX), ("after_version", filter.after_version, 0)]
    {
        if number != idle {
            member(key, out);
            write_number(number, out);
        }
    }
    out.push(b'}');
}

/// The options of a read.
pub(crate) fn write_read_options(part: Part) -> Vec<u8> {
    let mut out = Vec::from(b"{");
    for (key, number) in [("after", part.after), ("up_to", part.up_to), ("limit", part.limit)] {
        member(key, &mut out);
        write_number(number, &mut out);
    }
    member("direction", &mut out);
    let direction = if part.direction == Direction::Forward { "forward" } else { "backward" };
    write_string(direction, &mut out);
    out.push(b'}');
    out
}

fn member(key: &str, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    write_string(key, out);
    out.push(b':');
}

fn list<T>(items: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Gives each event of an engine's answer to `each`, as a store writes it; it says whether it wants more. What is
/// wrong with the answer, in words.
pub(crate) fn read_answer(
    answer: &[u8],
    mut each: impl FnMut(&StoredHead<'_>, &[u8]) -> Result<bool, String>,
) -> Result<(), String> {
    let text = simdutf8::compat::from_utf8(answer)
        .map_err(|error| format!("the answer is not UTF-8 at byte {}", error.valid_up_to()))?;
    let mut walker = Walker::new(text);
    let array = walker.take(b'[');
    let mut first = true;
    let mut written = Vec::new();
    for number in 1_u64.. {
        let more = if array { walker.item(&mut first) } else { Ok(walker.peek() != 0) };
        let event = match more {
            Ok(true) => one_event(&mut walker),
            Ok(false) => break,
            Err(fault) => Err(fault),
        };
        let event = event
            .map_err(|fault| format!("the answer is no JSON array of events: {} at byte {}", fault.what, fault.at))?;
        let sound = RecordedEvent::parse(event.as_bytes())
            .map_err(|error| format!("event {number} of the answer: {}", error.message()))?;
        written.clear();
        sound.write(&mut written);
        written.push(b'\n');
        let head = read_head(&written).ok_or_else(|| format!("event {number} of the answer is no stored event"))?;
        if !each(&head, &written)? {
            return Ok(());
        }
    }
    walker
        .end()
        .map_err(|fault| format!("the answer does not end with its events: {} at byte {}", fault.what, fault.at))
}

/// The text of the next value. An object is walked member by member, since its payload may be nested as deep as
/// anything that is walked as a whole.
fn one_event<'a>(walker: &mut Walker<'a>) -> Walk<&'a str> {
    if walker.peek() != b'{' {
        return walker.value(LEVELS_MAX);
    }
    let start = walker.position();
    walker.take(b'{');
    let mut first = true;
    while walker.key(&mut first)?.is_some() {
        walker.value(LEVELS_MAX)?;
    }
    Ok(walker.since(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Input, read_batch};
    use crate::time::Timestamp;

    #[test]
    fn events_are_written_one_a_line_and_without_numbers() {
        let text = br#"[{"type":"A","domain":"d","instance_id":"i","id":"0190a000-0000-7000-8000-000000000001","inserted_at":"2026-01-01T00:00:00Z"},
                        {"type":"B","domain":"d","instance_id":"i","id":"0190a000-0000-7000-8000-000000000002","inserted_at":"2026-01-01T00:00:00Z","data":[1, 2]}]"#;
        let batch = read_batch(Input::new("events", text).unwrap(), Timestamp::now()).unwrap();
        let lines = String::from_utf8(write_events(&batch)).unwrap();
        let expected = [
            r#"[{"id":"0190a000-0000-7000-8000-000000000001","type":"A","domain":"d","instance_id":"i","version":1,"inserted_at":"2026-01-01T00:00:00.000000Z","tags":[],"data":{},"metadata":{}},"#,
            r#"{"id":"0190a000-0000-7000-8000-000000000002","type":"B","domain":"d","instance_id":"i","version":1,"inserted_at":"2026-01-01T00:00:00.000000Z","tags":[],"data":[1,2],"metadata":{}}]"#,
        ];
        assert_eq!(lines, expected.join("\n"));
    }
}
