//! Where the frames of a segment's file are, for stories that damage one of them. The layout is that of
//! `docs/FORMAT.md`; nothing is checked here.

use crate::platter::{Content, State};
use std::ops::Range;
use std::sync::Arc;

const MAGIC: [u8; 4] = *b"\xF5RF1";
const HEADER_BYTES: usize = 80;

/// The newest segment's file.
pub fn newest_log(state: &State) -> Arc<str> {
    state.names.keys().rev().find(|name| name.ends_with(".log")).expect("a store has a segment").clone()
}

/// The oldest segment's file.
pub fn oldest_log(state: &State) -> Arc<str> {
    state.names.keys().find(|name| name.ends_with(".log")).expect("a store has a segment").clone()
}

pub fn content(state: &State, name: &str) -> Content {
    state.inode(name).expect("it is there").seen.clone()
}

/// The range of each frame, header and body.
pub fn frames(bytes: &[u8]) -> Vec<Range<usize>> {
    let starts =
        (0..bytes.len().saturating_sub(HEADER_BYTES - 1)).step_by(8).filter(|at| bytes[*at..].starts_with(&MAGIC));
    let ranges = starts.map(|at| {
        let body = u32::from_le_bytes([bytes[at + 8], bytes[at + 9], bytes[at + 10], bytes[at + 11]]) as usize;
        at..at + (HEADER_BYTES + body).next_multiple_of(8)
    });
    ranges.filter(|range| range.end <= bytes.len()).collect()
}

/// The frame in which a text stands.
pub fn frame_with(bytes: &[u8], text: &str) -> Option<Range<usize>> {
    frames(bytes).into_iter().find(|frame| {
        let frame = &bytes[frame.clone()];
        frame.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

/// The state without the files that are only hints.
pub fn log_alone(state: &State) -> State {
    let mut state = state.clone();
    let hints: Vec<Arc<str>> = state.names.keys().filter(|name| !name.ends_with(".log")).cloned().collect();
    for name in hints {
        state.remove(&name);
    }
    state.settle();
    state
}
