//! What the machine can do at most: the same bytes, written and synced without a question, and copied out of memory
//! with nothing to look up but the numbers of the events.

use super::peer::{Peer, Queries, THREADS};
use super::workload::{Batch, Questions, Row, write_stored};
use nix::fcntl::{FallocateFlags, fallocate};
use std::collections::HashMap;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex};

/// So much of the file was written before, so that a sync has nothing but the bytes to write.
const RING_BYTES: u64 = 8 << 20;
/// Room that is allocated in steps; bulk appends go into such.
const AHEAD_BYTES: u64 = 64 << 20;
const PIECE_BYTES: usize = 300_000;

#[derive(Default)]
pub struct Limit {
    file: Option<File>,
    /// Where single events go, round and round in what was written before.
    at: u64,
    /// Where batches go.
    end: u64,
    texts: Texts,
    times: Vec<u64>,
    streams: HashMap<(String, String), Vec<usize>>,
    types: HashMap<String, Vec<usize>>,
    answer: Vec<u8>,
}

/// The events' texts as a store keeps them, one behind the other.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    /// Of each, if they are to be compared.
    checksums: Option<Vec<u32>>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.starts.push(self.bytes.len());
        self.bytes.extend_from_slice(text.as_bytes());
        if let Some(checksums) = &mut self.checksums {
            checksums.push(crc_fast::crc32_iscsi(text.as_bytes()));
        }
    }

    fn copy(&self, event: usize, answer: &mut Vec<u8>) {
        let end = self.starts.get(event + 1).copied().unwrap_or(self.bytes.len());
        let text = &self.bytes[self.starts[event]..end];
        if let Some(checksums) = &self.checksums {
            assert_eq!(crc_fast::crc32_iscsi(text), checksums[event]);
        }
        answer.extend_from_slice(text);
    }

    /// The events, in a buffer that is used again.
    fn answer(&self, events: impl IntoIterator<Item = usize>, answer: &mut Vec<u8>) {
        answer.clear();
        events.into_iter().for_each(|event| self.copy(event, answer));
        black_box(answer);
    }
}

impl Limit {
    /// Of a store in memory.
    pub fn in_memory() -> Limit {
        Limit::default()
    }

    /// Of a durable store in a directory, which compares checksums.
    pub fn durable(directory: &Path) -> Limit {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(directory.join("limit"));
        let file = file.expect("it opens");
        file.write_all_at(&vec![0; RING_BYTES as usize], 0).expect("it writes");
        file.sync_all().expect("it syncs");
        Limit {
            file: Some(file),
            end: RING_BYTES,
            texts: Texts { checksums: Some(Vec::new()), ..Texts::default() },
            ..Limit::default()
        }
    }

    fn window_events(&self, (from, to): (u64, u64)) -> std::ops::Range<usize> {
        let [from, to] = [from, to].map(|seconds| self.times.partition_point(|time| *time < seconds * 1_000_000));
        from..to
    }
}

/// Where `len` bytes go, behind `at` in the ring.
fn ring(at: &mut u64, len: usize) -> u64 {
    if *at + len as u64 > RING_BYTES {
        *at = 0;
    }
    *at += len as u64;
    *at - len as u64
}

/// Events that wait to be written together, how many were ever queued and how many are written.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    queued: u64,
    written: u64,
    writes: bool,
}

impl Peer for Limit {
    fn append(&mut self, batches: &[Batch]) {
        let file = self.file.as_ref().expect("only what is durable has a limit");
        for batch in batches {
            let bytes = batch.text.as_bytes();
            if self.end % AHEAD_BYTES + bytes.len() as u64 > AHEAD_BYTES || self.end == RING_BYTES {
                let ahead = (self.end + bytes.len() as u64).next_multiple_of(AHEAD_BYTES) as i64;
                fallocate(file, FallocateFlags::empty(), 0, ahead).expect("there is room");
            }
            file.write_all_at(bytes, self.end).expect("it writes");
            file.sync_data().expect("it syncs");
            self.end += bytes.len() as u64;
        }
    }

    fn append_singly(&mut self, rows: &[Row]) {
        let file = self.file.as_ref().expect("only what is durable has a limit");
        for row in rows {
            file.write_all_at(row.json.as_bytes(), ring(&mut self.at, row.json.len())).expect("it writes");
            file.sync_data().expect("it syncs");
        }
    }

    /// Who finds nobody writing, writes for all.
    fn append_from_threads(&mut self, rows: &[Row]) {
        let file = self.file.as_ref().expect("only what is durable has a limit");
        let (group, turn, at) = (Mutex::new(Group::default()), Condvar::new(), Mutex::new(&mut self.at));
        let append = |row: &Row| {
            let mut waiting = group.lock().expect("sound");
            waiting.bytes.extend_from_slice(row.json.as_bytes());
            waiting.queued += 1;
            let mine = waiting.queued;
            while waiting.written < mine {
                if waiting.writes {
                    waiting = turn.wait(waiting).expect("sound");
                    continue;
                }
                waiting.writes = true;
                let (bytes, queued) = (std::mem::take(&mut waiting.bytes), waiting.queued);
                drop(waiting);
                file.write_all_at(&bytes, ring(&mut at.lock().expect("sound"), bytes.len())).expect("it writes");
                file.sync_data().expect("it syncs");
                waiting = group.lock().expect("sound");
                waiting.writes = false;
                waiting.written = queued;
                turn.notify_all();
            }
        };
        std::thread::scope(|scope| {
            for share in rows.chunks(rows.len().div_ceil(THREADS)) {
                scope.spawn(|| share.iter().for_each(append));
            }
        });
    }

    fn prepare(&mut self, batches: &[Batch]) {
        let mut text = String::new();
        for (ordinal, row) in batches.iter().flat_map(|batch| &batch.rows).enumerate() {
            let Row { event_type, domain, instance_id, time, .. } = row;
            text.clear();
            write_stored(&mut text, row, ordinal as u64 + 1);
            self.texts.push(&text);
            self.times.push(*time);
            self.streams.entry((domain.clone(), instance_id.clone())).or_default().push(ordinal);
            self.types.entry(event_type.clone()).or_default().push(ordinal);
        }
    }

    fn scan(&mut self) {
        self.answer.clear();
        for event in 0..self.times.len() {
            self.texts.copy(event, &mut self.answer);
            if self.answer.len() > PIECE_BYTES {
                black_box(&self.answer);
                self.answer.clear();
            }
        }
    }

    fn read_all(&mut self) {
        let mut answer = Vec::with_capacity(self.texts.bytes.len());
        self.texts.answer(0..self.times.len(), &mut answer);
    }

    fn newest(&mut self) {
        self.texts.answer([self.times.len() - 1], &mut self.answer);
    }

    fn queries(&mut self) -> Option<&mut dyn Queries> {
        Some(self)
    }
}

impl Queries for Limit {
    fn stream(&mut self, domain: &str, instance_id: &str) {
        let events = self.streams.get(&(domain.to_string(), instance_id.to_string()));
        self.texts.answer(events.into_iter().flatten().copied(), &mut self.answer);
    }

    fn page(&mut self, event_type: &str, offset: usize) {
        self.texts.answer(self.types[event_type][offset..offset + 100].iter().copied(), &mut self.answer);
    }

    fn window(&mut self, window: (u64, u64)) {
        self.texts.answer(self.window_events(window), &mut self.answer);
    }

    fn counts(&mut self, questions: &Questions) -> [usize; 3] {
        let stream = self.streams.get(&questions.stream(7)).map_or(0, Vec::len);
        [stream, self.types[Questions::PAGE_TYPE].len(), self.window_events(questions.window(0)).len()]
    }
}
