//! What the frames of a segment come to, one after the other.

use super::bytes::{put, u64_at};
use super::frame::{Header, Kind, read_tracking, write_tracking};
use super::indexed::Indexed;
use super::part::Files;
use super::scan::{Cursor, Frame, Scanner};
use super::segment::{self, Segment};
use crate::error::Result;
use std::collections::BTreeMap;

/// What the log had come to behind a frame. An index file that ends there keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Where the last frame begins in the segment's file.
    pub last: u64,
    /// The position recorded for each tracking source.
    pub tracking: BTreeMap<String, u64>,
}

impl State {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        put(&mut bytes, 0, &self.last.to_le_bytes());
        self.tracking.iter().for_each(|(source, position)| write_tracking(source, *position, &mut bytes));
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<State> {
        let last = bytes.get(..8).map(|last| u64_at(last, 0))?;
        let entries = read_tracking(&bytes[8..])?;
        let tracking = entries.into_iter().map(|(source, position)| (String::from(source), position)).collect();
        Some(State { last, tracking })
    }
}

/// How far a segment was walked, and what was found.
pub(super) struct Walked {
    /// Behind the last frame.
    pub cursor: Cursor,
    /// The events.
    pub indexed: Indexed,
    pub state: State,
    /// The largest `durable_through` that a frame told.
    pub durable: u64,
    /// The last frame says that the store was closed.
    pub closed: bool,
}

impl Walked {
    /// Before the first frame.
    pub fn start(segment: &Segment) -> Walked {
        Walked {
            cursor: Cursor::start(segment),
            indexed: Indexed::new(segment.header.first),
            state: State { last: segment::HEADER_BYTES as u64, ..State::default() },
            durable: segment.header.base,
            closed: false,
        }
    }

    /// Behind the frame that begins at `state.last`, and nothing of what is before it.
    pub fn behind(cursor: Cursor, state: State, last: &Header) -> Walked {
        Walked {
            cursor,
            indexed: Indexed::new(cursor.next),
            state,
            durable: last.durable_through,
            closed: last.kind == Kind::Close,
        }
    }

    /// Goes on up to `end`, or to the first frame that is not sound; why it stopped. `look` is shown each frame first, and can
    /// stop as well.
    pub fn on(
        &mut self,
        files: &Files,
        segment: &Segment,
        end: u64,
        mut look: impl FnMut(&Frame<'_>) -> Result<bool>,
    ) -> Result<&'static str> {
        let end = segment.end(&*files.directory, end)?;
        let mut scanner = Scanner::new(&*files.directory, segment, self.cursor, end, files.bugs);
        loop {
            let start = scanner.cursor.offset;
            let Some(frame) = scanner.next()? else { return Ok(scanner.stopped) };
            if !look(&frame)? {
                return Ok("");
            }
            // First, since what was absorbed stays.
            let Some(tracking) = frame.tracking() else { return Ok("the tracking in a frame cannot be read") };
            if let Err(why) = self.indexed.absorb(&frame) {
                return Ok(why);
            }
            self.state.tracking.extend(tracking.into_iter().map(|(source, position)| (source.into(), position)));
            self.state.last = start;
            self.durable = self.durable.max(frame.header.durable_through);
            self.closed = frame.header.kind == Kind::Close;
            self.cursor = scanner.cursor;
        }
    }
}
