//! Copies a store into another one, whatever their engines.

use crate::append::{Append, Batch, Checks, Condition, Tracking};
use crate::call::Call;
use crate::engine::{Engine, Progress, Read};
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Input, RecordedEvent, read_batch};
use crate::query::{Direction, Query, Sink};
use crate::time::Timestamp;
use serde_json::{Map, Value};

/// A piece, and so a batch of the target, has at most so many events,
const PIECE_EVENTS: u64 = 10_000;
/// and ends with the event that brings it to so many bytes.
const PIECE_BYTES: usize = 4 << 20;
/// An append whose outcome is not known is made again so often: its ids settle it.
const TRIES: usize = 3;

/// One side of a copy: an engine, and the call that asks whether it may go on.
pub(crate) type Side<'a> = (&'a dyn Engine, &'a Call<'a>);

/// Appends to `target` what it lacks of `source`, as `source` was at the beginning, and compares the two.
pub(crate) fn copy(source: Side<'_>, target: Side<'_>, progress: &mut Progress<'_>) -> Result<Map<String, Value>> {
    // Before the head: a reader that has handled what is not copied yet would miss it for ever.
    let tracked = source.0.trackings(source.1)?;
    let head = source.0.head(source.1)?;
    let begin = target.0.head(target.1)?;
    check_beginning(source, target, begin, head)?;
    let mut at = begin;
    while at < head {
        let piece = Piece::read(source, at, head)?;
        append(target, &piece, at)?;
        at += piece.ends.len() as u64;
        progress(at - begin, (head - begin) + head)?;
    }
    for (name, position) in tracked {
        track(target, name, position)?;
    }
    compare(source, target, head, &mut |compared| progress(head - begin + compared, (head - begin) + head))?;
    Ok([("copied", head - begin), ("events", head), ("head", head)]
        .into_iter()
        .map(|(name, number)| (String::from(name), number.into()))
        .collect())
}

/// Refuses a target that is not the beginning of the source, as far as its last event tells.
fn check_beginning(source: Side<'_>, target: Side<'_>, begin: u64, head: u64) -> Result<()> {
    if begin > head {
        let message = format!(
            "copy: the target has {begin} events, the source {head}: copy into an empty store, or into what an earlier copy began"
        );
        return Err(refused(message, head + 1));
    }
    if begin > 0 && Piece::read(source, begin - 1, begin)?.text != Piece::read(target, begin - 1, begin)?.text {
        return Err(differs(begin));
    }
    Ok(())
}

/// Reads both in step.
fn compare(source: Side<'_>, target: Side<'_>, head: u64, told: &mut dyn FnMut(u64) -> Result<()>) -> Result<()> {
    let mut at = 0;
    while at < head {
        let here = Piece::read(source, at, head)?;
        let end = at + here.ends.len() as u64;
        let mut there = Piece::read(target, at, end)?;
        // The sizes of pieces are those of the same texts, unless they differ.
        while at + (there.ends.len() as u64) < end && here.text.starts_with(&there.text) {
            there.extend(target, at + there.ends.len() as u64, end)?;
        }
        if here.text != there.text {
            let same = (0..here.ends.len()).take_while(|event| here.event(*event) == there.event(*event)).count();
            return Err(differs(at + same as u64 + 1));
        }
        at = end;
        told(at)?;
    }
    Ok(())
}

fn append(target: Side<'_>, piece: &Piece, at: u64) -> Result<()> {
    let mut text = Vec::with_capacity(piece.text.len());
    for event in 0..piece.ends.len() {
        text.push(if event == 0 { b'[' } else { b',' });
        RecordedEvent::stored(piece.event(event).unwrap_or_default()).write_given(&mut text);
    }
    text.push(b']');
    let batch = read_batch(Input::new("events", &text)?, Timestamp::now())?;
    // Whoever else writes to the target makes this a conflict, and no mixture.
    let condition = Some(Condition { query: Query::all(), after: at });
    let append = Append { batch, checks: Checks { condition, ..Checks::default() } };
    let appended = match settled(target, &append) {
        // Another copy into it, for one.
        Err(error) if error.kind() == ErrorKind::DuplicateId => {
            let message = format!(
                "copy: some of the events behind {at} are in the target already, and not where they are in the source: \
                 let nobody else append to it, or copy into an empty store"
            );
            return Err(refused(message, at + 1));
        }
        outcome => outcome?,
    };
    if appended != at + 1 {
        let message =
            format!("copy: the events behind {at} stand at {appended} of the target already: copy into an empty store");
        return Err(refused(message, appended));
    }
    Ok(())
}

/// Records a reader's position, unless the target has it already.
fn track(target: Side<'_>, source: String, position: u64) -> Result<()> {
    if target.0.tracking(&source, target.1)? < position {
        let tracking = Some(Tracking { source: source.clone(), position });
        match settled(target, &Append { batch: Batch::default(), checks: Checks { tracking, ..Checks::default() } }) {
            // An append whose outcome was not known may have been made.
            Err(error) if error.kind() == ErrorKind::Conflict && target.0.tracking(&source, target.1)? >= position => {}
            outcome => drop(outcome?),
        }
    }
    Ok(())
}

/// The position of the first event of an append, however often it must be made to learn it.
fn settled((engine, call): Side<'_>, append: &Append) -> Result<u64> {
    let mut tries = 1;
    loop {
        match engine.append(append, None, call) {
            Err(error) if error.kind() == ErrorKind::Indeterminate && tries < TRIES => tries += 1,
            outcome => return Ok(outcome?.first),
        }
    }
}

fn differs(position: u64) -> Error {
    let message = format!(
        "copy: the event at {position} is another one in the target than in the source: copy into an empty store, or into what an earlier copy began"
    );
    refused(message, position)
}

fn refused(message: String, position: u64) -> Error {
    Error::new(ErrorKind::Conflict, message).with("reason", "copy").with("sequence_number", position)
}

/// Events one after the other.
#[derive(Default)]
struct Piece {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Piece {
    /// The events behind `after`, at least one where there is one.
    fn read(side: Side<'_>, after: u64, up_to: u64) -> Result<Piece> {
        let mut piece = Piece::default();
        piece.extend(side, after, up_to)?;
        Ok(piece)
    }

    fn extend(&mut self, (engine, call): Side<'_>, after: u64, up_to: u64) -> Result<()> {
        let query = Query::all();
        let read = Read { query: &query, after, up_to, direction: Direction::Forward, skip: 0, limit: PIECE_EVENTS };
        let before = self.ends.len();
        call.check()?;
        engine.read(&read, self, call)?;
        if self.ends.len() == before {
            return Err(Error::internal(format_args!("the event at {} is missing", after + 1)));
        }
        Ok(())
    }

    fn event(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.text[start..end])
    }
}

impl Sink for Piece {
    fn reserve(&mut self, bytes: usize) {
        let _ = self.text.try_reserve(bytes.min(PIECE_BYTES));
    }

    fn room(&self) -> usize {
        PIECE_BYTES.saturating_sub(self.text.len())
    }

    fn push(&mut self, _sequence_number: u64, text: &[u8]) -> bool {
        if self.text.len() >= PIECE_BYTES {
            return false;
        }
        self.text.extend_from_slice(text);
        self.ends.push(self.text.len());
        true
    }
}
