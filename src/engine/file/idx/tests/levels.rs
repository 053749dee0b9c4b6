//! Key tables over many segments.

use super::super::filter::{MEMORY, MEMORY_MAX};
use super::super::hash::KEPT;
use super::{Memory, Segment, is_damaged, overwrite};
use crate::engine::file::idx::{Content, Fault, Idx, Key, Texts, write};
use crate::json::RecordedEvent;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use uuid::Uuid;

const STORE: [u8; 16] = [5; 16];

/// A log of segments, each with its index, and the chain of tables at its end.
#[derive(Default)]
struct Log {
    segments: Vec<Segment>,
    indexes: Vec<Arc<Idx>>,
    head: u64,
    /// The positions of each stream's last event in each segment, the newest last.
    streams: BTreeMap<(String, String), Vec<u64>>,
    versions: BTreeMap<(String, String), u64>,
    ids: BTreeMap<Uuid, u64>,
}

impl Log {
    fn chain(&self) -> Vec<Arc<Idx>> {
        let mut chain = Vec::new();
        let mut left = self.indexes.len();
        while let Some(last) = left.checked_sub(1) {
            let idx = &self.indexes[last];
            chain.push(idx.clone());
            left -= idx.covers() as usize;
        }
        chain
    }

    fn push(&mut self, batches: &[String]) {
        let base =
            |domain: &str, instance: &str| self.versions.get(&(domain.into(), instance.into())).copied().unwrap_or(0);
        let segment = Segment::new(self.segments.len() as u64 + 1, self.head + 1, batches, base);
        let mut last = BTreeMap::new();
        for (place, position) in segment.places.iter().zip(self.head + 1..) {
            let text = segment.text(*place).unwrap();
            let event = RecordedEvent::stored(&text);
            let stream = (event.domain().into_owned(), event.instance_id().into_owned());
            *self.versions.entry(stream.clone()).or_default() += 1;
            last.insert(stream, position);
            self.ids.insert(Uuid::try_parse(&event.id()).unwrap(), position);
        }
        for (stream, position) in last {
            self.streams.entry(stream).or_default().push(position);
        }
        self.head += segment.places.len() as u64;
        let idx = segment.idx(&self.chain());
        self.segments.push(segment);
        self.indexes.push(idx);
    }

    fn candidates(&self, key: Key) -> Vec<u64> {
        self.chain().iter().flat_map(|idx| idx.candidates(key).unwrap()).collect()
    }

    /// Looks for an id as the engine does: in the tables, and in the segments whose span it is in.
    fn find_id(&self, id: Uuid) -> (Option<u64>, usize) {
        let is_it = |position: &u64| self.ids.get(&id) == Some(position);
        let mut asked = 0;
        let in_spans = self.indexes.iter().zip(&self.segments).find_map(|(idx, segment)| {
            if !idx.id_span()?.contains(&id) {
                return None;
            }
            asked += 1;
            Some(idx.binding().first + u64::from(idx.find_id(id, segment).unwrap()?))
        });
        (in_spans.or_else(|| self.candidates(Key::id(&STORE, id)).into_iter().find(is_it)), asked)
    }
}

fn event(instance: u32, id: Option<Uuid>) -> String {
    let id = id.map_or(String::new(), |id| format!(r#","id":"{id}""#));
    format!(r#"{{"type":"t","domain":"d{}","instance_id":"i{instance}"{id}}}"#, instance % 2)
}

fn random_id(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) ^ 0x1234)
}

fn log(segments: u32) -> Log {
    let mut log = Log::default();
    for segment in 0..segments {
        let batches: Vec<String> = (0..4)
            .map(|batch| {
                let number = segment * 8 + batch * 2;
                // One stream of all segments, one of some, new ones; given ids and others.
                format!(
                    "[{},{},{},{}]",
                    event(0, Some(random_id(number))),
                    event(1 + segment % 5, None),
                    event(100 + number, None),
                    event(101 + number, Some(random_id(number + 1)))
                )
            })
            .collect();
        log.push(&batches);
    }
    log
}

fn all_are_found(log: &Log, exact: bool) {
    for ((domain, instance), positions) in &log.streams {
        let mut found = log.candidates(Key::stream(&STORE, domain, instance));
        assert!(found.is_sorted_by(|newer, older| newer >= older), "the newest first");
        if exact {
            found.reverse();
            assert_eq!(&found, positions, "{domain} {instance}");
        } else {
            assert!(positions.iter().all(|position| found.contains(position)), "{domain} {instance}");
        }
    }
    for (id, position) in &log.ids {
        assert_eq!(log.find_id(*id).0, Some(*position), "{id}");
    }
    assert_eq!(log.find_id(random_id(1_000_000)).0, None);
    if exact {
        assert_eq!(log.candidates(Key::stream(&STORE, "d0", "i1")), Vec::<u64>::new(), "a stream that is not there");
    }
}

#[test]
fn a_log_of_many_segments_has_few_tables_and_forgets_nothing() {
    let mut covered = Vec::new();
    for segments in [1, 2, 3, 4, 7, 8, 21] {
        let log = log(segments);
        covered.push(log.chain().iter().map(|idx| idx.covers()).collect::<Vec<u64>>());
        all_are_found(&log, true);
    }
    assert_eq!(covered, [vec![1], vec![1, 1], vec![1, 1, 1], vec![4], vec![1, 1, 1, 4], vec![4, 4], vec![1, 4, 16]]);
}

#[test]
fn without_memory_for_filters_they_are_read_from_disk() {
    let log = log(5);
    all_are_found(&log, true);
    let loaded = || log.indexes.iter().filter(|idx| idx.filter.read().unwrap().is_some()).count();
    assert_eq!(loaded(), log.chain().len(), "those of the chain, and no other");
    log.indexes.iter().for_each(|idx| idx.unload());
    MEMORY.fetch_add(MEMORY_MAX, Relaxed);
    all_are_found(&log, true);
    assert_eq!(loaded(), 0);
    MEMORY.fetch_sub(MEMORY_MAX, Relaxed);
}

#[test]
fn nothing_is_forgotten_where_all_hashes_are_the_same() {
    for kept in [0, 1 << 63, 0b1] {
        KEPT.set(kept);
        all_are_found(&log(7), false);
    }
    KEPT.set(u64::MAX);
}

#[test]
fn ids_that_a_store_makes_are_looked_for_in_one_segment() {
    let mut log = Log::default();
    for _ in 0..6 {
        // Of one event each: their ids do not follow on each other, but ascend with the clock.
        let batches: Vec<String> = (0..5).map(|instance| event(instance, None)).collect();
        log.push(&batches);
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    for (id, position) in &log.ids {
        let (found, asked) = log.find_id(*id);
        assert_eq!(found, Some(*position));
        assert!(asked <= 1, "{asked} segments were asked for {id}");
    }
}

#[test]
fn old_ids_that_come_late_do_not_make_spans_overlap() {
    let mut log = Log::default();
    let made_before = |micros: i64, number: u32| {
        let millis = (crate::time::Timestamp::now().micros() - micros) / 1000;
        uuid::Builder::from_unix_timestamp_millis(millis as u64, &[number as u8 * 7; 10]).into_uuid()
    };
    for number in 0..3 {
        let old = made_before(3_600_000_000, number);
        log.push(&[event(1, None), event(2, Some(old)), event(3, None)]);
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    for (id, position) in &log.ids {
        let (found, asked) = log.find_id(*id);
        assert_eq!(found, Some(*position));
        assert!(asked <= 1, "{asked} segments were asked for {id}");
    }
}

#[test]
fn an_id_far_ahead_of_its_time_does_not_spoil_the_spans() {
    let mut log = Log::default();
    let ahead = Uuid::parse_str("c0000000-0000-7000-8000-000000000001").unwrap();
    log.push(&[event(1, Some(ahead))]);
    assert_eq!(log.indexes[0].id_span(), None);
    log.push(&[event(1, None)]);
    assert!(log.indexes[1].id_span().is_some());
    all_are_found(&log, true);
}

#[test]
fn a_chain_that_does_not_fit_is_not_taken_in() {
    let log = log(4);
    let covers = |older: &[&Arc<Idx>]| {
        let older: Vec<Arc<Idx>> = older.iter().map(|idx| Arc::clone(idx)).collect();
        log.segments[3].idx(&older).covers()
    };
    let [one, two, three, _] = &log.indexes[..] else { panic!("four segments have four indexes") };
    assert_eq!(covers(&[]), 1);
    assert_eq!(covers(&[three, two]), 1, "too few");
    assert_eq!(covers(&[two, one, one]), 1, "not the segment before");
    assert_eq!(covers(&[three, three, two]), 1, "the same once more");
    assert_eq!(covers(&[three, two, one]), 4);
    // An index of the beginning of the segment before lacks its end.
    let mut shorter = Segment::new(3, three.binding().first, &[event(1, None)], |_, _| 0);
    shorter.binding.segment = 3;
    assert_eq!(covers(&[&shorter.idx(&[]), two, one]), 1);
}

#[test]
fn damage_in_an_older_table_is_told_with_its_segment() {
    let log = log(3);
    let file: Arc<Memory> = log.segments[0].file(&[]);
    let oldest = Arc::new(Idx::open(file.clone()).unwrap());
    let keys = oldest.header.section(super::super::header::Part::Keys);
    overwrite(&file, keys.page as usize * 4096 + 1, 0xaa);
    let newer = Segment::new(4, log.head + 1, &[event(1, None)], |_, _| 0);
    let Segment { binding, index, places, .. } = &newer;
    let older = [log.indexes[2].clone(), log.indexes[1].clone(), oldest];
    let content = Content { binding, index, places, state: b"", older: &older, merge: true };
    let fault = write(&*Memory::of(Vec::new()), &content).unwrap_err();
    assert!(is_damaged(&fault) && matches!(fault, Fault::Damaged { segment: 1, .. }), "{fault:?}");
}
