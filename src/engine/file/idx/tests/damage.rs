//! Damaged index files: an access gives the right answer or says so, and never panics.

use super::super::header::Part;
use super::super::page::{PAGE, ROOM, checksum, header_checksum};
use super::{Memory, Segment, is_damaged, overwrite, query};
use crate::engine::file::idx::{Fault, Idx, Key};
use std::sync::Arc;
use uuid::Uuid;

fn segment(segment: u64, first: u64, events: u32) -> Segment {
    let batches: Vec<String> = (0..events)
        .map(|number| {
            let id = if number % 3 == 0 { format!(r#","id":"{}""#, given(number)) } else { String::new() };
            let event = format!(
                r#"{{"type":"t{}","domain":"d{}","instance_id":"i{}","tags":["tag{}"]{id}}}"#,
                number % 3,
                number % 2,
                number % 7,
                number % 2
            );
            format!(r#"[{event},{{"type":"other","domain":"d","instance_id":"i"}}]"#)
        })
        .collect();
    Segment::new(segment, first, &batches, |_, _| 0)
}

fn given(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) << 90 | 77)
}

/// The answers of an index to all that can be asked, each as text.
fn answers(idx: &Arc<Idx>, segment: &Segment) -> Vec<Result<String, Fault>> {
    let mut answers: Vec<Result<String, Fault>> = Vec::new();
    let shown = |shown: &dyn std::fmt::Debug| format!("{shown:?}");
    answers.push(Ok(shown(&(idx.binding(), idx.covers(), idx.times(), idx.id_span()))));
    answers.push(idx.state().map(|state| shown(&state)));
    let mut places = Vec::new();
    answers.push(idx.places(0..segment.binding.events, &mut places).map(|()| shown(&places)));
    answers.push(idx.place(3).map(|place| shown(&place)));
    for text in [
        r#"{}"#,
        r#"{"type":"t1"}"#,
        r#"{"type":["t1","t2"],"domain":"d1"}"#,
        r#"{"instance_id":"i3","tags":["tag1"]}"#,
        r#"{"domain":"d1","instance_id":"i3","after_version":1}"#,
        r#"{"from":"2020-01-01T00:00:00Z"}"#,
        r#"{"to":"2020-01-01T00:00:00Z"}"#,
        r#"[{"type":"t0","after":5},{"type":"nothing"}]"#,
    ] {
        let matches = idx.matching(&query(text), 0..u32::MAX, segment);
        answers.push(matches.and_then(|matches| {
            let (mut events, mut places) = (Vec::new(), Vec::new());
            matches.get(0..u64::MAX, &mut events)?;
            matches.places(1..u64::MAX, &mut places)?;
            Ok(shown(&(matches.len(), events, places)))
        }));
    }
    for number in [0, 1, 3] {
        answers.push(idx.find_id(given(number), segment).map(|found| shown(&found)));
        answers.push(idx.candidates(Key::id(&[5; 16], given(number))).map(|found| shown(&found)));
    }
    answers.push(idx.candidates(Key::stream(&[5; 16], "d1", "i3")).map(|found| shown(&found)));
    answers.push(idx.candidates(Key::stream(&[5; 16], "d1", "nobody")).map(|found| shown(&found)));
    answers
}

/// Opens the file and asks it everything: each answer is right, or tells of the damage. Whether there was damage.
fn right_or_told(file: Arc<Memory>, segment: &Segment, right: &[String]) -> bool {
    let idx = match Idx::open(file) {
        Ok(idx) => Arc::new(idx),
        Err(fault) => {
            assert!(is_damaged(&fault), "{fault:?}");
            return true;
        }
    };
    each_right_or_told(&idx, segment, right) > 0
}

/// How many answers tell of damage; all others are right.
fn each_right_or_told(idx: &Arc<Idx>, segment: &Segment, right: &[String]) -> usize {
    let mut told = 0;
    for (answer, right) in answers(idx, segment).into_iter().zip(right) {
        match answer {
            Ok(answer) => assert_eq!(&answer, right),
            Err(fault) => {
                assert!(is_damaged(&fault), "{fault:?}");
                told += 1;
            }
        }
    }
    told
}

fn right(segment: &Segment) -> Vec<String> {
    answers(&segment.idx(&[]), segment).into_iter().map(|answer| answer.unwrap()).collect()
}

#[test]
fn every_byte_that_is_overwritten_is_found_by_who_meets_it() {
    let segment = segment(1, 1, 20);
    let (right, bytes) = (right(&segment), segment.file(&[]).bytes());
    let file = Memory::of(bytes.clone());
    // In each page the bytes at its ends and every one that is not 0; the zeros between them are all alike.
    let of_interest = |at: &usize| bytes[*at] != 0 || at % PAGE < 40 || at % PAGE > ROOM - 8 || at.is_multiple_of(61);
    for at in (0..bytes.len()).filter(of_interest) {
        for flip in [0x01, 0x80] {
            overwrite(&file, at, bytes[at] ^ flip);
            right_or_told(file.clone(), &segment, &right);
            let idx = Idx::open(file.clone());
            assert!(idx.is_err() || idx.is_ok_and(|idx| idx.check_all().is_err()), "byte {at} is not checked");
        }
        overwrite(&file, at, bytes[at]);
    }
    assert!(!right_or_told(file, &segment, &right), "nothing is left damaged");
}

#[test]
fn a_file_of_any_other_length_is_refused() {
    let segment = segment(1, 1, 20);
    let (right, bytes) = (right(&segment), segment.file(&[]).bytes());
    for len in 0..bytes.len() {
        assert!(right_or_told(Memory::of(bytes[..len].to_vec()), &segment, &right), "{len} bytes");
    }
    for more in [1, PAGE] {
        let longer = [&bytes[..], &vec![0; more]].concat();
        assert!(right_or_told(Memory::of(longer), &segment, &right));
    }
}

#[test]
fn a_file_that_is_cut_off_while_it_is_open_tells_so() {
    let segment = segment(1, 1, 20);
    let (right, file) = (right(&segment), segment.file(&[]));
    let idx = Arc::new(Idx::open(file.clone()).unwrap());
    file.0.write().unwrap().truncate(PAGE);
    // All but what the header alone answers.
    assert_eq!(each_right_or_told(&idx, &segment, &right), right.len() - 2);
}

#[test]
fn pages_of_another_index_or_from_another_place_are_refused() {
    let (one, other) = (segment(1, 1, 20), segment(2, 41, 20));
    let (right, bytes, others) = (right(&one), one.file(&[]).bytes(), other.file(&[]).bytes());
    assert_eq!(bytes.len(), others.len());
    let pages = bytes.len() / PAGE;
    for page in 1..pages {
        let range = page * PAGE..(page + 1) * PAGE;
        let mut mixed = bytes.clone();
        mixed[range.clone()].copy_from_slice(&others[range.clone()]);
        assert!(Idx::open(Memory::of(mixed.clone())).unwrap().check_all().is_err(), "page {page} of another index");
        right_or_told(Memory::of(mixed), &one, &right);
        let mut moved = bytes.clone();
        moved.copy_within(range, (page % (pages - 1) + 1) * PAGE);
        assert!(Idx::open(Memory::of(moved.clone())).unwrap().check_all().is_err(), "page {page} in another place");
        right_or_told(Memory::of(moved), &one, &right);
    }
    let mut header = bytes.clone();
    header[..PAGE].copy_from_slice(&others[..PAGE]);
    let idx = Idx::open(Memory::of(header)).unwrap();
    assert_eq!(idx.binding(), &other.binding, "what the caller compares");
    assert_eq!(idx.check_all().unwrap_err().len(), pages - 1, "and no page belongs to this header");
}

/// Makes all checksums hold again.
fn fix_up(bytes: &mut [u8]) {
    let seed = header_checksum(&bytes[..ROOM]);
    bytes[ROOM..PAGE].copy_from_slice(&seed.to_le_bytes());
    for (page, bytes) in bytes.chunks_exact_mut(PAGE).enumerate().skip(1) {
        let (room, stored) = bytes.split_at_mut(ROOM);
        stored.copy_from_slice(&checksum(seed, page as u32, room).to_le_bytes());
    }
}

#[test]
fn what_is_forged_with_right_checksums_makes_no_panic() {
    let segment = segment(1, 1, 20);
    let bytes = segment.file(&[]).bytes();
    let of_interest =
        |at: &usize| at % PAGE < 340 && (*at < PAGE || bytes[*at] != 0 || at % PAGE < 16) || at.is_multiple_of(509);
    let mut answered = 0;
    for at in (0..bytes.len()).filter(of_interest) {
        for byte in [0, 1, 0x7f, 0xff, bytes[at] ^ 1] {
            let mut forged = bytes.clone();
            forged[at] = byte;
            fix_up(&mut forged);
            if let Ok(idx) = Idx::open(Memory::of(forged)) {
                let idx = Arc::new(idx);
                answered += answers(&idx, &segment).len();
                let _ = idx.check_all();
                // Taken in by a newer index, or refused.
                let newer =
                    Segment::new(2, 41, &[String::from(r#"{"type":"t","domain":"d","instance_id":"i"}"#)], |_, _| 0);
                let content = crate::engine::file::idx::Content {
                    binding: &newer.binding,
                    index: &newer.index,
                    places: &newer.places,
                    state: b"",
                    older: &[idx],
                    merge: true,
                };
                let _ = crate::engine::file::idx::write(&*Memory::of(Vec::new()), &content);
            }
        }
    }
    assert!(answered > 10_000, "{answered}");
}

#[test]
fn other_formats_and_features_are_refused_cleanly() {
    let bytes = segment(1, 1, 3).file(&[]).bytes();
    for (at, readable) in [(0, false), (8, false), (12, true), (16, true), (20, false), (84, false)] {
        let mut changed = bytes.clone();
        changed[at] ^= 2;
        fix_up(&mut changed);
        let opened = Idx::open(Memory::of(changed));
        assert_eq!(opened.is_ok(), readable, "byte {at}");
    }
}

#[test]
fn a_place_that_leads_to_another_event_is_told() {
    let segment = segment(1, 1, 20);
    let file = segment.file(&[]);
    let idx = Idx::open(file.clone()).unwrap();
    let places = idx.header.section(Part::Places);
    let mut bytes = file.bytes();
    let at = places.page as usize * PAGE;
    let (first, second) = bytes[at..at + 24].split_at_mut(12);
    first.swap_with_slice(second);
    fix_up(&mut bytes);
    let idx = Arc::new(Idx::open(Memory::of(bytes)).unwrap());
    let fault = idx.matching(&query(r#"{"type":"t0"}"#), 0..u32::MAX, &segment).err().unwrap();
    assert!(is_damaged(&fault), "{fault:?}");
}
