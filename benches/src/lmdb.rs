//! LMDB: positions and the texts of their events in one ordered map, synced at each commit, and nothing else. It finds an event
//! by its position alone: what an index for each question costs, it does not pay.

use super::peer::{Peer, Queries, THREADS};
use super::workload::{Batch, Row, write_stored};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, PutFlags, RoTxn, RwTxn};
use std::hint::black_box;
use std::path::Path;

/// Addresses, not memory: a file may grow up to so many bytes.
const MAP_BYTES: usize = 64 << 30;
const PIECE_BYTES: usize = 300_000;

pub struct Lmdb {
    env: Env,
    events: Database<'static, U64<BigEndian>, Bytes>,
}

impl Lmdb {
    /// The store in a directory, durable, with LMDB's own settings.
    pub fn durable(directory: &Path) -> Lmdb {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        // SAFETY: the file is mapped, and nobody else changes it: the directory belongs to this run, on a local disk, and a
        // copy is opened only when it is whole.
        let env = unsafe { options.open(directory) }.expect("it opens");
        let transaction = env.write_txn().expect("it begins");
        let opened = env.create_databases_and_commit(transaction, |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        let events = opened.expect("it is made").unwrap_commit();
        Lmdb { env, events }
    }

    /// What is appended in one transaction.
    fn commit<'a>(&self, rows: impl IntoIterator<Item = &'a Row>) {
        let mut transaction = self.env.write_txn().expect("it begins");
        let mut position = self.head(&transaction);
        let mut text = String::new();
        for row in rows {
            position += 1;
            text.clear();
            write_stored(&mut text, row, position);
            self.put(&mut transaction, position, &text);
        }
        transaction.commit().expect("it commits");
    }

    /// At the end, where LMDB fills its pages and need not look for the place.
    fn put(&self, transaction: &mut RwTxn<'_>, position: u64, text: &str) {
        let put = self.events.put_with_flags(transaction, PutFlags::APPEND, &position, text.as_bytes());
        put.expect("it is stored");
    }

    fn head(&self, transaction: &RoTxn<'_>) -> u64 {
        self.events.last(transaction).expect("it is read").map_or(0, |(position, _)| position)
    }

    /// The texts of all events, one behind the other, in a buffer that is used again once it has so many bytes.
    fn read(&self, mut answer: Vec<u8>, bytes: usize) {
        let transaction = self.env.read_txn().expect("it begins");
        for event in self.events.iter(&transaction).expect("it is read") {
            let (_, text) = event.expect("it is read");
            answer.extend_from_slice(text);
            if answer.len() > bytes {
                black_box(&answer);
                answer.clear();
            }
        }
        black_box(&answer);
    }
}

impl Peer for Lmdb {
    fn append(&mut self, batches: &[Batch]) {
        batches.iter().for_each(|batch| self.commit(&batch.rows));
    }

    fn append_singly(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| self.commit([row]));
    }

    /// LMDB lets one transaction write at a time: the others wait.
    fn append_from_threads(&mut self, rows: &[Row]) {
        let lmdb = &*self;
        std::thread::scope(|scope| {
            for share in rows.chunks(rows.len().div_ceil(THREADS)) {
                scope.spawn(move || share.iter().for_each(|row| lmdb.commit([row])));
            }
        });
    }

    fn scan(&mut self) {
        self.read(Vec::with_capacity(2 * PIECE_BYTES), PIECE_BYTES);
    }

    fn read_all(&mut self) {
        self.read(Vec::new(), usize::MAX);
    }

    fn newest(&mut self) {
        let transaction = self.env.read_txn().expect("it begins");
        let (_, text) = self.events.last(&transaction).expect("it is read").expect("there is one");
        black_box(text.to_vec());
    }

    fn queries(&mut self) -> Option<&mut dyn Queries> {
        None
    }
}
