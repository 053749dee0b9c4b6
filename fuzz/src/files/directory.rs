//! A whole directory: a small store to which things are done.

use super::base::{BOOT, segment_name, store};
use super::fix::{self, FRAME_FLAGS, FRAME_HEADER, Link, SEGMENT_FLAGS, SEGMENT_HEADER, u32_at, u64_at};
use super::home::Files;
use arbitrary::{Arbitrary, Unstructured};
use std::sync::LazyLock;

static OURS: LazyLock<Files> = LazyLock::new(|| store(0x11));
static THEIRS: LazyLock<Files> = LazyLock::new(|| store(0x22));
const DEEDS_MAX: usize = 12;
/// Fields of a segment's header, of a frame's and of a watermark's slot: where, and how many bytes.
const SEGMENT_FIELDS: [(usize, usize); 13] = [
    (8, 4),
    (12, 4),
    (16, 8),
    (24, 8),
    (32, 8),
    (40, 8),
    (56, 8),
    (64, 8),
    (72, 8),
    (80, 8),
    (88, 8),
    (96, 8),
    (104, 4),
];
const FRAME_FIELDS: [(usize, usize); 12] =
    [(4, 1), (8, 4), (12, 4), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8), (56, 8), (64, 4), (68, 4), (72, 4)];
const MARK_FIELDS: [(usize, usize); 7] = [(8, 8), (16, 8), (32, 8), (48, 8), (56, 8), (64, 8), (72, 8)];
const NAMES: [&str; 9] = [
    "00000000000000000001.log",
    "00000000000000000002.log",
    "00000000000000000003.log",
    "00000000000000000004.log",
    "watermark",
    "lock",
    "spare.tmp",
    "00000000000000000001.idx",
    "00000000000000000003.idx",
];

/// What is done to the store, in this order.
#[derive(Debug)]
pub struct Directory(Vec<Deed>);

#[derive(Debug)]
enum Deed {
    /// A number is written into the header of a segment, and what it says must be left (see [`fix`]).
    Segment {
        name: &'static str,
        field: usize,
        number: Number,
        keep: u8,
    },
    /// The same for a frame.
    Frame {
        name: &'static str,
        nth: usize,
        field: usize,
        number: Number,
        keep: u8,
    },
    /// The same for a slot of the watermark.
    Mark {
        slot: usize,
        field: usize,
        number: Number,
        keep: bool,
    },
    /// Bytes of a file are changed.
    Bytes {
        name: &'static str,
        at: usize,
        with: Vec<u8>,
    },
    Cut {
        name: &'static str,
        len: usize,
    },
    Longer {
        name: &'static str,
        by: usize,
        with: u8,
    },
    /// A frame is put in once more, before another one.
    Again {
        name: &'static str,
        nth: usize,
        before: usize,
    },
    Remove {
        name: &'static str,
    },
    Copy {
        from: &'static str,
        to: &'static str,
    },
    Foreign {
        name: &'static str,
    },
}

/// A number that means something, or any.
#[derive(Debug)]
enum Number {
    Plus(u64),
    Is(u64),
}

impl Number {
    fn of(&self, now: u64) -> u64 {
        match self {
            Number::Plus(number) => now.wrapping_add(*number),
            Number::Is(number) => *number,
        }
    }
}

impl<'a> Arbitrary<'a> for Directory {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Directory> {
        let mut deeds = Vec::new();
        while !input.is_empty() && deeds.len() < DEEDS_MAX {
            deeds.push(deed(input)?);
        }
        Ok(Directory(deeds))
    }
}

fn deed(input: &mut Unstructured<'_>) -> arbitrary::Result<Deed> {
    let kind = input.arbitrary::<u8>()? % 12;
    let name = NAMES[usize::from(input.arbitrary::<u8>()?) % NAMES.len()];
    let small = |input: &mut Unstructured<'_>| input.arbitrary::<u8>().map(usize::from);
    Ok(match kind {
        0 | 1 => Deed::Segment { name, field: small(input)?, number: number(input)?, keep: input.arbitrary()? },
        2..=4 => Deed::Frame {
            name,
            nth: small(input)?,
            field: small(input)?,
            number: number(input)?,
            keep: input.arbitrary()?,
        },
        5 => Deed::Mark {
            slot: small(input)? % 2 * 512,
            field: small(input)?,
            number: number(input)?,
            keep: input.arbitrary()?,
        },
        6 => {
            let len = small(input)? % 16;
            let at = usize::from(input.arbitrary::<u16>()?);
            Deed::Bytes { name, at, with: input.bytes(len.min(input.len()))?.to_vec() }
        }
        7 => Deed::Cut { name, len: usize::from(input.arbitrary::<u16>()?) },
        8 => Deed::Longer { name, by: small(input)? * 8, with: input.arbitrary()? },
        9 => Deed::Again { name, nth: small(input)?, before: small(input)? },
        10 => Deed::Copy { from: name, to: NAMES[small(input)? % NAMES.len()] },
        _ if input.arbitrary()? => Deed::Remove { name },
        _ => Deed::Foreign { name },
    })
}

fn number(input: &mut Unstructured<'_>) -> arbitrary::Result<Number> {
    const EDGES: [u64; 16] = [
        0,
        1,
        2,
        8,
        79,
        80,
        4095,
        4096,
        4176,
        65535,
        65536,
        u32::MAX as u64,
        1 << 32,
        i64::MAX as u64,
        u64::MAX - 7,
        u64::MAX,
    ];
    let byte = input.arbitrary::<u8>()?;
    Ok(match byte % 4 {
        0 => Number::Is(EDGES[usize::from(byte / 4) % EDGES.len()]),
        1 => Number::Plus(u64::from(byte / 4)),
        2 => Number::Plus(u64::from(byte / 4).wrapping_neg()),
        _ => Number::Is(input.arbitrary()?),
    })
}

/// Does all this to a store, puts checksums and links right, and looks at what became of it.
pub fn directory_target(directory: &Directory) {
    let mut files = OURS.clone();
    directory.0.iter().for_each(|deed| deed.apply(&mut files));
    let mut link = Link::start([0x11; 16]);
    for ordinal in 1..=4 {
        if let Some(content) = files.get_mut(&segment_name(ordinal)).filter(|content| content.len() >= SEGMENT_HEADER) {
            link = fix::segment(content, &Link { ordinal, ..link });
        }
    }
    if let Some(mark) = files.get_mut("watermark") {
        fix::watermark(mark);
    }
    // Of other sizes nothing is behind the length.
    files.retain(|_, content| content.len() <= 1 << 16);
    super::both_ways(&files);
}

impl Deed {
    fn apply(&self, files: &mut Files) {
        match self {
            Deed::Segment { name, field, number, keep } => {
                if let Some(content) = files.get_mut(*name).filter(|content| content.len() >= SEGMENT_HEADER) {
                    change(content, SEGMENT_FIELDS[field % SEGMENT_FIELDS.len()], number);
                    content[SEGMENT_FLAGS] |= keep;
                }
            }
            Deed::Frame { name, nth, field, number, keep } => {
                let Some(content) = files.get_mut(*name) else { return };
                let starts = starts(content);
                if let Some(start) = nth.checked_rem(starts.len()).map(|nth| starts[nth]) {
                    change(&mut content[start..], FRAME_FIELDS[field % FRAME_FIELDS.len()], number);
                    content[start + FRAME_FLAGS] |= keep;
                }
            }
            Deed::Mark { slot, field, number, keep } => {
                if let Some(content) = files.get_mut("watermark").filter(|content| content.len() == 1024) {
                    content[slot + 80] |= u8::from(*keep);
                    change(&mut content[*slot..], MARK_FIELDS[field % MARK_FIELDS.len()], number);
                    // Most marks of another boot are the same.
                    if field % 16 != 2 {
                        content[slot + 32..slot + 48].copy_from_slice(&*BOOT);
                    }
                }
            }
            Deed::Bytes { name, at, with } => {
                if let Some(content) = files.get_mut(*name) {
                    let at = at.checked_rem(content.len()).unwrap_or(0);
                    content.iter_mut().skip(at).zip(with).for_each(|(byte, with)| *byte = *with);
                }
            }
            Deed::Cut { name, len } => {
                if let Some(content) = files.get_mut(*name) {
                    content.truncate(*len);
                }
            }
            Deed::Longer { name, by, with } => {
                let content = files.entry(String::from(*name)).or_default();
                content.resize(content.len() + by, *with);
            }
            Deed::Again { name, nth, before } => {
                let Some(content) = files.get_mut(*name) else { return };
                let mut starts = starts(content);
                starts.push(content.len());
                if let (Some(nth), [_, _, ..]) = (nth.checked_rem(starts.len() - 1), &starts[..]) {
                    let frame = content[starts[nth]..starts[nth + 1]].to_vec();
                    let at = starts[before % starts.len()];
                    content.splice(at..at, frame);
                }
            }
            Deed::Remove { name } => {
                files.remove(*name);
            }
            Deed::Copy { from, to } => {
                if let Some(content) = files.get(*from).cloned() {
                    files.insert(String::from(*to), content);
                }
            }
            Deed::Foreign { name } => {
                if let Some(content) = THEIRS.get(*name) {
                    let mut content = content.clone();
                    if name.ends_with(".log") {
                        content[SEGMENT_FLAGS] |= fix::header::STORE;
                    }
                    files.insert(String::from(*name), content);
                }
            }
        }
    }
}

/// Writes a number into a field.
fn change(bytes: &mut [u8], (at, len): (usize, usize), number: &Number) {
    let now = match len {
        1 => u64::from(bytes[at]),
        4 => u64::from(u32_at(bytes, at)),
        _ => u64_at(bytes, at),
    };
    bytes[at..at + len].copy_from_slice(&number.of(now).to_le_bytes()[..len]);
}

/// Where the frames of a segment begin, as far as they follow on each other.
fn starts(content: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = SEGMENT_HEADER;
    while at + FRAME_HEADER <= content.len() {
        starts.push(at);
        at += (FRAME_HEADER + u32_at(content, at + 8) as usize).next_multiple_of(8);
    }
    starts
}
