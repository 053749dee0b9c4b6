//! When each event was inserted, with the range of every block of events, so that a window of time
//! is found without looking at all of them. Nothing is assumed of the order: clocks run backwards,
//! and imports carry old times.

use std::ops::Range;

const BLOCK: usize = 256;
const SUPERBLOCK: usize = 64 * BLOCK;

#[derive(Default)]
pub(super) struct Times {
    micros: Vec<i64>,
    blocks: Vec<Span>,
    superblocks: Vec<Span>,
}

/// The earliest and the latest time of a block.
#[derive(Clone, Copy)]
struct Span {
    min: i64,
    max: i64,
}

impl Times {
    pub fn try_reserve(&mut self, events: usize) -> Option<()> {
        self.micros.try_reserve(events).ok()
    }

    pub fn push(&mut self, micros: i64) {
        widen(&mut self.blocks, self.micros.len() / BLOCK, micros);
        widen(&mut self.superblocks, self.micros.len() / SUPERBLOCK, micros);
        self.micros.push(micros);
    }

    /// Forgets all from `len` on.
    pub fn truncate(&mut self, len: u32) {
        let kept = len as usize;
        let rest = kept / SUPERBLOCK * SUPERBLOCK;
        let micros = self.micros[rest..kept].to_vec();
        self.micros.truncate(rest);
        self.blocks.truncate(rest / BLOCK);
        self.superblocks.truncate(rest / SUPERBLOCK);
        micros.into_iter().for_each(|micros| self.push(micros));
    }

    /// All of them.
    pub fn all(&self) -> &[i64] {
        &self.micros
    }

    pub fn get(&self, ordinal: u32) -> i64 {
        self.micros[ordinal as usize]
    }

    /// The first event of `range` whose time lies in `window`.
    pub fn first_in(&self, range: Range<u32>, window: &Range<i64>) -> Option<u32> {
        let (mut at, end) = (range.start as usize, range.end as usize);
        while at < end {
            if at.is_multiple_of(SUPERBLOCK) && self.superblocks[at / SUPERBLOCK].misses(window) {
                at += SUPERBLOCK;
            } else if at.is_multiple_of(BLOCK) && self.blocks[at / BLOCK].misses(window) {
                at += BLOCK;
            } else if window.contains(&self.micros[at]) {
                return Some(at as u32);
            } else {
                at += 1;
            }
        }
        None
    }

    /// The last event of `range` whose time lies in `window`.
    pub fn last_in(&self, range: Range<u32>, window: &Range<i64>) -> Option<u32> {
        let (start, mut end) = (range.start as usize, range.end as usize);
        while end > start {
            let last = end - 1;
            if end.is_multiple_of(SUPERBLOCK) && self.superblocks[last / SUPERBLOCK].misses(window) {
                end -= SUPERBLOCK;
            } else if end.is_multiple_of(BLOCK) && self.blocks[last / BLOCK].misses(window) {
                end -= BLOCK;
            } else if window.contains(&self.micros[last]) {
                return Some(last as u32);
            } else {
                end = last;
            }
        }
        None
    }
}

impl Span {
    fn misses(&self, window: &Range<i64>) -> bool {
        self.max < window.start || self.min >= window.end
    }
}

fn widen(spans: &mut Vec<Span>, block: usize, micros: i64) {
    match spans.get_mut(block) {
        Some(span) => *span = Span { min: span.min.min(micros), max: span.max.max(micros) },
        None => spans.push(Span { min: micros, max: micros }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_passed_over_only_where_nothing_matches() {
        // Mostly ascending, with outliers in both directions, over several superblocks.
        let count = 3 * SUPERBLOCK + 777;
        let time = |ordinal: usize| match ordinal % 1009 {
            0 => 5,
            1 => 1_000_000,
            _ => ordinal as i64,
        };
        let mut times = Times::default();
        (0..count).for_each(|ordinal| times.push(time(ordinal)));
        for window in [0..10, 5..6, 300..301, 20_000..20_700, 999_999..1_000_001, 2_000_000..3_000_000, 40..40] {
            for range in [0..count as u32, 1..2, 255..257, 16_383..33_000, 48_000..count as u32, 7..7] {
                let expected: Vec<u32> =
                    range.clone().filter(|&ordinal| window.contains(&time(ordinal as usize))).collect();
                let mut forward = Vec::new();
                let mut rest = range.clone();
                while let Some(found) = times.first_in(rest.clone(), &window) {
                    forward.push(found);
                    rest.start = found + 1;
                }
                assert_eq!(forward, expected, "{range:?} {window:?}");
                let mut backward = Vec::new();
                let mut rest = range.clone();
                while let Some(found) = times.last_in(rest.clone(), &window) {
                    backward.push(found);
                    rest.end = found;
                }
                backward.reverse();
                assert_eq!(backward, expected, "backward {range:?} {window:?}");
            }
        }
    }
}
