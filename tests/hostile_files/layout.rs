//! What each byte of a sound segment is, as docs/FORMAT.md says.

use std::ops::Range;

/// What a byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Region {
    SegmentHeader,
    FrameHeader,
    Table,
    Tracking,
    Text,
    Padding,
    /// Of an index file: no error, and no other answer.
    Index,
}

/// A part of a segment's file.
pub struct Stretch {
    pub region: Region,
    pub bytes: Range<usize>,
    /// The last position before the frame that it belongs to.
    pub before: u64,
}

/// The parts of a segment's file, without gaps.
pub fn stretches(content: &[u8]) -> Vec<Stretch> {
    let number = |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().expect("four bytes")) as usize;
    let position = |at: usize| u64::from_le_bytes(content[at..at + 8].try_into().expect("eight bytes"));
    let mut stretches = vec![Stretch { region: Region::SegmentHeader, bytes: 0..4096, before: position(64) - 1 }];
    let mut at = 4096;
    while at < content.len() {
        let (body, events, tracking) = (number(at + 8), number(at + 12), number(at + 64));
        let before = position(at + 16) - 1;
        let ends = [
            (Region::FrameHeader, at + 80),
            (Region::Table, at + 80 + events * 8),
            (Region::Tracking, at + 80 + events * 8 + tracking),
            (Region::Text, at + 80 + body),
            (Region::Padding, at + (80 + body).next_multiple_of(8)),
        ];
        for (region, end) in ends {
            stretches.push(Stretch { region, bytes: at..end, before });
            at = end;
        }
    }
    assert_eq!(at, content.len(), "the frames fill the file");
    stretches
}
