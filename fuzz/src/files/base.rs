//! Small stores to begin with.

use super::fix::{self, FRAME_HEADER, Link, SEGMENT_HEADER, put};
use super::home::Files;
use std::sync::LazyLock;

/// The boot id of this machine, as a watermark has it.
pub static BOOT: LazyLock<[u8; 16]> = LazyLock::new(|| {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("the machine has a boot id");
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    u128::from_str_radix(&digits, 16).expect("it is a UUID").to_be_bytes()
});

pub fn segment_name(ordinal: u64) -> String {
    format!("{ordinal:020}.log")
}

/// A frame whose checksums and links are still to be put right.
pub fn frame(kind: u8, epoch: u64, durable_through: u64, tracking: &[(&str, u64)], texts: &[String]) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER + texts.len() * 8];
    for (event, text) in texts.iter().enumerate() {
        put(&mut frame, FRAME_HEADER + event * 8, (text.len() as u32).to_le_bytes());
    }
    for (source, position) in tracking {
        frame.extend_from_slice(&position.to_le_bytes());
        frame.extend_from_slice(&(source.len() as u16).to_le_bytes());
        frame.extend_from_slice(source.as_bytes());
    }
    let tracking = frame.len() - FRAME_HEADER - texts.len() * 8;
    texts.iter().for_each(|text| frame.extend_from_slice(text.as_bytes()));
    let body = frame.len() - FRAME_HEADER;
    frame.resize(frame.len().next_multiple_of(8), 0);
    frame[4] = kind;
    put(&mut frame, 8, (body as u32).to_le_bytes());
    put(&mut frame, 12, (texts.len() as u32).to_le_bytes());
    put(&mut frame, 32, epoch.to_le_bytes());
    put(&mut frame, 48, durable_through.to_le_bytes());
    put(&mut frame, 64, (tracking as u32).to_le_bytes());
    frame
}

/// An event's text.
pub fn text(position: u64, stream: u64, version: u64) -> String {
    format!(
        "{{\"sequence_number\":{position},\"id\":\"00000000-0000-4000-8000-{position:012x}\",\"type\":\"T{}\",\
         \"domain\":\"d\",\"instance_id\":\"i{stream}\",\"stream_version\":{version},\"version\":1,\
         \"inserted_at\":\"{}-01-01T00:00:00.000000Z\",\"tags\":[\"all\"],\"data\":{{}},\"metadata\":{{}}}}\n",
        position % 2,
        2030 - position
    )
}

/// A segment that begins so, with these frames.
pub fn segment(salt: u8, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut content = vec![0; SEGMENT_HEADER];
    content[80..88].fill(salt);
    frames.iter().for_each(|frame| content.extend_from_slice(frame));
    content
}

/// Three segments, of an event or two in each frame, closed cleanly, with a watermark of this boot.
pub fn store(id: u8) -> Files {
    let mut link = Link::start([id; 16]);
    let mut files = Files::new();
    let mut position = 0;
    for ordinal in 1..=3_u64 {
        let mut next = |count: u64| -> Vec<String> {
            (0..count)
                .map(|_| {
                    position += 1;
                    text(position, position % 2, position.div_ceil(2))
                })
                .collect()
        };
        let base = link.base + link.end;
        let tracking: &[(&str, u64)] = &[("mailer", ordinal)];
        let (one, two) = (next(1), next(2));
        let frames = [
            frame(2, 1, base, if ordinal == 1 { &[] } else { tracking }, &[]),
            frame(1, 1, base, &[("mailer", ordinal + 1)], &one),
            frame(3, 2, base + 4096, &[], &[]),
            frame(1, 2, base + 4096, &[], &two),
            // Closed, or sealed.
            frame(if ordinal == 3 { 4 } else { 5 }, 2, base + 4096, &[], &[]),
        ];
        let mut content = segment(id ^ ordinal as u8, &frames);
        link = fix::segment(&mut content, &link);
        files.insert(segment_name(ordinal), content);
    }
    let mut mark = vec![0; 1024];
    for (slot, number) in [(0, 2_u64), (512, 1)] {
        put(&mut mark, slot, *b"\xf5RUNEWM1");
        put(&mut mark, slot + 8, number.to_le_bytes());
        put(&mut mark, slot + 16, [id; 16]);
        put(&mut mark, slot + 32, *BOOT);
        put(&mut mark, slot + 48, 2_u64.to_le_bytes());
        put(&mut mark, slot + 56, position.to_le_bytes());
        put(&mut mark, slot + 64, (link.base + link.end).to_le_bytes());
        put(&mut mark, slot + 72, (link.base + link.end).to_le_bytes());
    }
    fix::watermark(&mut mark);
    files.insert(String::from("watermark"), mark);
    files
}
