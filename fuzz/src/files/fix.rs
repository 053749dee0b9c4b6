//! Puts right what a checksum or a link would give away, so that what is behind it is reached. docs/FORMAT.md says where
//! everything lies. Bytes that a reader does not look at tell what is to be left as it is.

use super::crc::crc32c;

pub const SEGMENT_HEADER: usize = 4096;
pub const FRAME_HEADER: usize = 80;
/// Where a segment's header is not looked at: the flags of [`segment`].
pub const SEGMENT_FLAGS: usize = 108;
/// The same of a frame's header.
pub const FRAME_FLAGS: usize = 5;

/// What of a segment's header is left as it is.
pub mod header {
    pub const MAGIC: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const ORDINAL: u8 = 4;
    pub const BASE: u8 = 8;
    pub const FIRST: u8 = 16;
    pub const PREVIOUS: u8 = 32;
    pub const STORE: u8 = 64;
    pub const CRC: u8 = 128;
}

/// What of a frame is left as it is.
pub mod frame {
    pub const MAGIC: u8 = 1;
    pub const LENGTHS: u8 = 2;
    pub const TABLE: u8 = 4;
    pub const KIND: u8 = 8;
    pub const FIRST: u8 = 16;
    pub const OFFSET: u8 = 32;
    pub const PREVIOUS: u8 = 64;
    pub const CRC: u8 = 128;
}

/// How the log has come so far: what the next segment must follow on.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    pub store: [u8; 16],
    pub ordinal: u64,
    pub first: u64,
    pub base: u64,
    pub end: u64,
    pub chain: u32,
}

impl Link {
    /// Before the first segment.
    pub fn start(store: [u8; 16]) -> Link {
        Link { store, ordinal: 1, first: 1, base: 0, end: 0, chain: 0 }
    }
}

pub fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    bytes[at..at + N].copy_from_slice(&value);
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Puts a segment right, which must have a header; what the next one follows on.
pub fn segment(bytes: &mut [u8], link: &Link) -> Link {
    let keep = bytes[SEGMENT_FLAGS];
    let fix = |what: u8| keep & what == 0;
    if fix(header::MAGIC) {
        put(bytes, 0, *b"\xf5RUNESEG");
    }
    if fix(header::VERSION) {
        put(bytes, 8, 1_u32.to_le_bytes());
        put(bytes, 12, 4096_u32.to_le_bytes());
        put(bytes, 16, [0; 24]);
    }
    if fix(header::STORE) {
        put(bytes, 40, link.store);
    }
    for (what, at, value) in [
        (header::ORDINAL, 56, link.ordinal),
        (header::FIRST, 64, link.first),
        (header::BASE, 72, link.base.wrapping_add(link.end)),
    ] {
        if fix(what) {
            put(bytes, at, value.to_le_bytes());
        }
    }
    if fix(header::PREVIOUS) {
        put(bytes, 96, link.end.to_le_bytes());
        put(bytes, 104, link.chain.to_le_bytes());
    }
    if fix(header::CRC) {
        let crc = crc32c(0, &bytes[..SEGMENT_HEADER - 4]);
        put(bytes, SEGMENT_HEADER - 4, crc.to_le_bytes());
    }
    frames(bytes)
}

/// Puts the frames right, as far as there are any.
fn frames(bytes: &mut [u8]) -> Link {
    let salt = crc32c(0, &bytes[80..88]);
    let (base, mut next) = (u64_at(bytes, 72), u64_at(bytes, 64));
    let mut chain = u32_at(bytes, SEGMENT_HEADER - 4);
    let mut at = SEGMENT_HEADER;
    while at + FRAME_HEADER <= bytes.len() {
        let is_first = at == SEGMENT_HEADER;
        let rest = bytes.len() - at - FRAME_HEADER;
        let frame = &mut bytes[at..];
        let keep = frame[FRAME_FLAGS];
        let fix = |what: u8| keep & what == 0;
        if fix(frame::LENGTHS) {
            // The last frame of a file ends with it.
            let body = (u32_at(frame, 8) as usize).min(rest & !7);
            let events = (u32_at(frame, 12) as usize).min(body / 8);
            let tracking = (u32_at(frame, 64) as usize).min(body - events * 8);
            put(frame, 8, (body as u32).to_le_bytes());
            put(frame, 12, (events as u32).to_le_bytes());
            put(frame, 64, (tracking as u32).to_le_bytes());
        }
        if fix(frame::MAGIC) {
            put(frame, 0, *b"\xf5RF1");
        }
        if fix(frame::KIND) {
            frame[4] = if is_first {
                2
            } else if matches!(frame[4], 3 | 4) {
                frame[4]
            } else {
                1
            };
        }
        if fix(frame::FIRST) {
            put(frame, 16, next.to_le_bytes());
        }
        if fix(frame::OFFSET) {
            put(frame, 24, base.wrapping_add(at as u64).to_le_bytes());
        }
        if fix(frame::PREVIOUS) {
            put(frame, 68, chain.to_le_bytes());
        }
        let (body, events, tracking) = (u32_at(frame, 8), u64::from(u32_at(frame, 12)), u32_at(frame, 64));
        let head = events * 8 + u64::from(tracking);
        let is_whole = head <= u64::from(body) && body as usize <= rest;
        if is_whole && fix(frame::TABLE) {
            table(&mut frame[FRAME_HEADER..FRAME_HEADER + body as usize], events as usize, head as usize);
        }
        if fix(frame::CRC) {
            if is_whole {
                let crc = crc32c(salt, &frame[FRAME_HEADER..FRAME_HEADER + head as usize]);
                put(frame, 72, crc.to_le_bytes());
            }
            let crc = crc32c(salt, &frame[..76]);
            put(frame, 76, crc.to_le_bytes());
        }
        if !is_whole {
            break;
        }
        let end = (FRAME_HEADER + body as usize).next_multiple_of(8);
        if end > frame.len() {
            break;
        }
        frame[FRAME_HEADER + body as usize..end].fill(0);
        (chain, next) = (u32_at(frame, 76), u64_at(frame, 16).wrapping_add(events));
        at += end;
    }
    Link {
        store: bytes[40..56].try_into().expect("sixteen bytes"),
        ordinal: u64_at(bytes, 56).wrapping_add(1),
        first: next,
        base,
        end: at as u64,
        chain,
    }
}

/// Lengths that add up, and the texts' checksums.
fn table(body: &mut [u8], events: usize, head: usize) {
    let mut at = head;
    for event in 0..events {
        let rest = body.len() - at;
        let len = if event + 1 == events { rest } else { (u32_at(body, event * 8) as usize).min(rest) };
        let crc = crc32c(0, &body[at..at + len]);
        put(body, event * 8, (len as u32).to_le_bytes());
        put(body, event * 8 + 4, crc.to_le_bytes());
        at += len;
    }
}

/// Puts both slots of a watermark right, as far as there are any; a slot whose byte 80 is odd is left as it is.
pub fn watermark(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(512) {
        if slot[80] & 1 == 0 {
            let crc = crc32c(0, &slot[..508]);
            put(slot, 508, crc.to_le_bytes());
        }
    }
}

/// Puts the pages of an index file right.
pub fn index(bytes: &mut [u8]) {
    let mut seed = 0;
    for (number, page) in (0_u32..).zip(bytes.chunks_exact_mut(4096)) {
        let before = if number == 0 { 0 } else { crc32c(seed, &number.to_le_bytes()) };
        let crc = crc32c(before, &page[..4092]);
        put(page, 4092, crc.to_le_bytes());
        if number == 0 {
            seed = crc;
        }
    }
}
