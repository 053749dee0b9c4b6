//! SQLite as a skilled user would hold events in it: one table, prepared statements, an index for each
//! question; on a file in WAL mode, synced at each commit.

use super::peer::{Peer, Queries, THREADS};
use super::workload::{Batch, Questions, Row};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

pub struct Sqlite {
    connection: Connection,
    /// Whether appends from several threads share transactions.
    groups: bool,
}

impl Sqlite {
    /// An empty store in memory.
    pub fn in_memory() -> Sqlite {
        Sqlite::on(Connection::open_in_memory().expect("it opens"), false)
    }

    /// The store in a directory, durable; with SQLite's own settings for the rest.
    pub fn durable(directory: &Path) -> Sqlite {
        let connection = Connection::open(directory.join("events.db")).expect("it opens");
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").expect("sound SQL");
        Sqlite::on(connection, false)
    }

    /// The same with more memory, fewer checkpoints, and one thread that commits for all that wait.
    pub fn tuned(directory: &Path) -> Sqlite {
        let sqlite = Sqlite::durable(directory);
        let settings = "PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -65536; PRAGMA mmap_size = 2147418112;";
        sqlite.connection.execute_batch(settings).expect("sound SQL");
        Sqlite { groups: true, ..sqlite }
    }

    fn on(connection: Connection, groups: bool) -> Sqlite {
        connection
            .execute_batch(
                "CREATE TABLE IF NOT EXISTS events
                     (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, domain TEXT NOT NULL,
                      instance_id TEXT NOT NULL, ts INTEGER NOT NULL, json TEXT NOT NULL);
                 CREATE INDEX IF NOT EXISTS by_stream ON events (domain, instance_id);
                 CREATE INDEX IF NOT EXISTS by_type ON events (type);
                 CREATE INDEX IF NOT EXISTS by_time ON events (ts);",
            )
            .expect("sound SQL");
        Sqlite { connection, groups }
    }

    /// The texts of a query's events, one behind the other as an answer holds them; how many there are.
    fn collect(&self, sql: &str, parameters: impl rusqlite::Params) -> usize {
        let mut statement = self.connection.prepare_cached(sql).expect("sound SQL");
        let mut rows = statement.query(parameters).expect("it runs");
        let (mut answer, mut count) = (Vec::new(), 0);
        while let Some(row) = rows.next().expect("it runs") {
            answer.extend_from_slice(row.get_ref(0).expect("a column").as_str().expect("text").as_bytes());
            answer.push(b',');
            count += 1;
        }
        std::hint::black_box(&answer);
        count
    }
}

/// Stores an event, in a transaction of its own unless one has begun.
fn insert(connection: &Connection, row: &Row) {
    let sql = "INSERT INTO events (id, type, domain, instance_id, ts, json) VALUES (?, ?, ?, ?, ?, ?)";
    let mut insert = connection.prepare_cached(sql).expect("sound SQL");
    let Row { id, event_type, domain, instance_id, time, json } = row;
    insert.execute(params![id, event_type, domain, instance_id, *time as i64, json]).expect("it inserts");
}

/// Commits whatever waits, until nobody can send any more.
fn commit_groups(connection: &mut Connection, waiting: &Receiver<(&Row, SyncSender<()>)>) {
    while let Ok(first) = waiting.recv() {
        let transaction = connection.transaction().expect("it begins");
        let mut told = Vec::new();
        for (row, tell) in [first].into_iter().chain(waiting.try_iter()) {
            insert(&transaction, row);
            told.push(tell);
        }
        transaction.commit().expect("it commits");
        told.iter().for_each(|tell| tell.send(()).expect("it waits"));
    }
}

const OF_STREAM: &str = "SELECT json FROM events WHERE domain = ? AND instance_id = ? ORDER BY seq";
const OF_WINDOW: &str = "SELECT json FROM events WHERE ts >= ? AND ts < ? ORDER BY seq";

fn micros((from, to): (u64, u64)) -> [i64; 2] {
    [from, to].map(|seconds| seconds as i64 * 1_000_000)
}

impl Peer for Sqlite {
    fn append(&mut self, batches: &[Batch]) {
        for batch in batches {
            let transaction = self.connection.transaction().expect("it begins");
            batch.rows.iter().for_each(|row| insert(&transaction, row));
            transaction.commit().expect("it commits");
        }
    }

    fn append_singly(&mut self, rows: &[Row]) {
        rows.iter().for_each(|row| insert(&self.connection, row));
    }

    fn append_from_threads(&mut self, rows: &[Row]) {
        let shares = rows.chunks(rows.len().div_ceil(THREADS));
        if !self.groups {
            let connection = Mutex::new(&mut self.connection);
            return std::thread::scope(|scope| {
                for share in shares {
                    let connection = &connection;
                    scope.spawn(move || share.iter().for_each(|row| insert(&connection.lock().expect("sound"), row)));
                }
            });
        }
        let (send, waiting) = channel();
        std::thread::scope(|scope| {
            for share in shares {
                let send = send.clone();
                scope.spawn(move || {
                    for row in share {
                        let (tell, told) = sync_channel(1);
                        send.send((row, tell)).expect("the writer waits");
                        told.recv().expect("it is told");
                    }
                });
            }
            drop(send);
            commit_groups(&mut self.connection, &waiting);
        });
    }

    fn scan(&mut self) {
        const PIECE: usize = 300_000;
        let mut statement = self.connection.prepare_cached("SELECT json FROM events ORDER BY seq").expect("sound SQL");
        let mut rows = statement.query([]).expect("it runs");
        let mut piece = Vec::with_capacity(2 * PIECE);
        while let Some(row) = rows.next().expect("it runs") {
            piece.extend_from_slice(row.get_ref(0).expect("a column").as_str().expect("text").as_bytes());
            if piece.len() > PIECE {
                std::hint::black_box(&piece);
                piece.clear();
            }
        }
    }

    fn read_all(&mut self) {
        self.collect("SELECT json FROM events ORDER BY seq", []);
    }

    fn newest(&mut self) {
        self.collect("SELECT json FROM events ORDER BY seq DESC LIMIT 1", []);
    }

    fn queries(&mut self) -> Option<&mut dyn Queries> {
        Some(self)
    }
}

impl Queries for Sqlite {
    fn stream(&mut self, domain: &str, instance_id: &str) {
        self.collect(OF_STREAM, [domain, instance_id]);
    }

    fn page(&mut self, event_type: &str, offset: usize) {
        let sql = "SELECT json FROM events WHERE type = ? ORDER BY seq LIMIT 100 OFFSET ?";
        self.collect(sql, params![event_type, offset as i64]);
    }

    fn window(&mut self, window: (u64, u64)) {
        self.collect(OF_WINDOW, micros(window));
    }

    fn counts(&mut self, questions: &Questions) -> [usize; 3] {
        let (domain, instance_id) = questions.stream(7);
        [
            self.collect(OF_STREAM, [domain, instance_id]),
            self.collect("SELECT json FROM events WHERE type = ?", [Questions::PAGE_TYPE]),
            self.collect(OF_WINDOW, micros(questions.window(0))),
        ]
    }
}
