//! An index file beside a sound log.

use super::base::{frame, segment, segment_name, text};
use super::fix::{self, Link, put, u32_at, u64_at};
use super::home::{self, Files};
use super::look::{self, read};
use crate::c;
use serde_json::{Value, json};
use std::sync::LazyLock;

const LOG: &[u8] = include_bytes!("../../../tests/golden/v1/segments/00000000000000000001.log");
const NEXT: &[u8] = include_bytes!("../../../tests/golden/v1/segments/00000000000000000002.log");
const IDX: &[u8] = include_bytes!("../../../tests/golden/v1/segments/00000000000000000001.idx");
const PAGE: usize = 4096;
const PAGES_MAX: usize = 40;
/// The binding, in the header of an index file.
const BINDING: std::ops::Range<usize> = 24..80;

/// The segment is the newest, and the index that of its beginning.
const NEWEST: u8 = 1;
/// Magic, version, length and binding are as the input has them.
const KEEP_HEADER: u8 = 2;
/// The checksums are those of the sound file: then whatever another page says must not matter.
const KEEP_CHECKSUMS: u8 = 4;

/// Opened to write, and not to read.
const WRITE: u8 = 8;

/// The ids in the log, each as it is and with another end.
static IDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let log = String::from_utf8_lossy(LOG);
    let ids = log.split(",\"id\":\"").skip(1).map(|rest| &rest[..36]);
    ids.flat_map(|id| [String::from(id), format!("{}0", &id[..35])]).collect()
});

/// A log without any index, and what it answers.
struct Truth {
    files: Files,
    answers: Vec<Option<String>>,
}

static SEALED: LazyLock<Truth> = LazyLock::new(|| {
    let first = u64_at(NEXT, 64);
    let texts = [text(first, 1000, 1), text(first + 1, 1000, 2)];
    let base = u64_at(NEXT, 72);
    let frames = [frame(2, 1, base, &[], &[]), frame(1, 1, base, &[], &texts), frame(4, 1, base, &[], &[])];
    let mut next = segment(9, &frames);
    let store = NEXT[40..56].try_into().expect("sixteen bytes");
    let (end, chain) = (u64_at(NEXT, 96), u32_at(NEXT, 104));
    fix::segment(&mut next, &Link { store, ordinal: 2, first, base: 0, end, chain });
    Truth::of([(segment_name(1), LOG.to_vec()), (segment_name(2), next)].into())
});

static NEWEST_ALONE: LazyLock<Truth> = LazyLock::new(|| Truth::of([(segment_name(1), LOG.to_vec())].into()));

impl Truth {
    fn of(files: Files) -> Truth {
        let path = home::fill("truth", &files);
        let store = look::open(&path, true).expect("it can be opened");
        assert!(look::verify(store).is_some_and(|report| report["ok"] == true), "the log is sound");
        let answers = answers(store);
        assert!(answers.iter().all(Option::is_some), "the log answers");
        c::close(store).expect("it is open");
        Truth { files, answers }
    }
}

/// The answers to queries by all that an index knows.
fn answers(store: c::Handle) -> Vec<Option<String>> {
    let queries = [
        Value::Null,
        json!({ "type": "Type1" }),
        json!({ "type": ["Type2", "a", "none"], "domain": "d" }),
        json!({ "domain": ["a", "日本", "größe"] }),
        json!({ "domain": "d", "instance_id": "i-2" }),
        json!({ "domain": "d", "instance_id": "i-1", "after_version": 1 }),
        json!({ "instance_id": ["i-0", "i-3"] }),
        json!({ "tags": ["all"] }),
        json!({ "tags": ["all", "größe"] }),
        json!({ "id": ["00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-00000000000b"] }),
        json!({ "id": *IDS }),
        json!({ "from": "2020-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z" }),
        json!({ "from": "2020-01-01T00:00:00Z", "type": "Type0" }),
        json!([{ "type": "Type1", "tags": ["all"] }, { "instance_id": "i-3", "after": 3, "up_to": 9 }]),
    ];
    let forward = queries.iter().map(|query| read(store, query, "forward"));
    let backward = queries[..3].iter().map(|query| read(store, query, "backward"));
    forward.chain(backward).collect()
}

/// An input: a byte of flags, then the pages, each as its length in two bytes and so many bytes of its content; the rest of a page is
/// zeros.
pub fn index_target(input: &[u8]) {
    let Some((&flags, pages)) = input.split_first() else { return };
    let truth = if flags & NEWEST == 0 { &SEALED } else { &NEWEST_ALONE };
    let index = unpacked(pages, flags);
    let must_agree = index == IDX || flags & KEEP_CHECKSUMS != 0;
    let mut files = truth.files.clone();
    files.insert(String::from("00000000000000000001.idx"), index);
    let path = home::fill("index", &files);
    // A lie that has the right checksums is taken for the truth, and must do no more harm than that.
    let Some(store) = look::open(&path, flags & WRITE == 0) else {
        assert!(!must_agree, "a sound log can be opened");
        return;
    };
    if must_agree {
        assert_eq!(answers(store), truth.answers, "the answers of the log");
    } else {
        unchecked(store);
    }
    if flags & WRITE != 0 {
        let event = br#"{"type":"fuzz","domain":"d","instance_id":"i-2","id":"00000000-0000-4000-8000-000000000003"}"#;
        let _ = c::append(store, Some(event), None, true);
        let _ = c::append(store, Some(br#"{"type":"fuzz","domain":"d","instance_id":"i-2"}"#), None, true);
    }
    let _ = c::verify(store);
    c::close(store).expect("it is open");
}

/// Asks everything, and takes every answer.
fn unchecked(store: c::Handle) {
    answers(store);
    let paged = br#"{"pagination":true,"limit":3,"offset":2}"#;
    let _ = c::get_events(store, Some(br#"{"tags":["all"]}"#), Some(paged));
}

fn unpacked(mut pages: &[u8], flags: u8) -> Vec<u8> {
    let mut index = Vec::new();
    while let Some((len, rest)) = pages.split_first_chunk::<2>() {
        if index.len() == PAGES_MAX * PAGE {
            break;
        }
        let len = usize::from(u16::from_le_bytes(*len)).min(rest.len()).min(PAGE);
        index.extend_from_slice(&rest[..len]);
        index.resize(index.len().next_multiple_of(PAGE).max(PAGE), 0);
        pages = &rest[len..];
    }
    if index.len() >= PAGE && flags & KEEP_HEADER == 0 {
        index[..24].copy_from_slice(&IDX[..24]);
        index[BINDING].copy_from_slice(&IDX[BINDING]);
        let count = (index.len() / PAGE) as u32;
        put(&mut index, 80, count.to_le_bytes());
        put::<4>(&mut index, 84, IDX[84..88].try_into().expect("four bytes"));
    }
    if flags & KEEP_CHECKSUMS == 0 {
        fix::index(&mut index);
    } else {
        for (page, sound) in index.chunks_exact_mut(PAGE).zip(IDX.chunks_exact(PAGE)) {
            page[PAGE - 4..].copy_from_slice(&sound[PAGE - 4..]);
        }
    }
    index
}
