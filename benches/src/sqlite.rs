//! SQLite as a skilled user would hold events in it: one table, prepared statements, an index for each
//! question.

use super::Peer;
use super::workload::Workload;
use rusqlite::{Connection, params};

pub struct Sqlite(Connection);

impl Sqlite {
    /// An empty store.
    pub fn open() -> Sqlite {
        let connection = Connection::open_in_memory().expect("it opens");
        connection
            .execute_batch(
                "CREATE TABLE events (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, domain TEXT NOT NULL,
                                      instance_id TEXT NOT NULL, ts INTEGER NOT NULL, json TEXT NOT NULL);
                 CREATE INDEX by_stream ON events (domain, instance_id);
                 CREATE INDEX by_type ON events (type);
                 CREATE INDEX by_time ON events (ts);",
            )
            .expect("sound SQL");
        Sqlite(connection)
    }

    /// The texts of a query's events, one behind the other as an answer holds them; how many there are.
    fn collect(&self, sql: &str, parameters: impl rusqlite::Params) -> usize {
        let mut statement = self.0.prepare(sql).expect("sound SQL");
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

const OF_STREAM: &str = "SELECT json FROM events WHERE domain = ? AND instance_id = ? ORDER BY seq";
const OF_WINDOW: &str = "SELECT json FROM events WHERE ts >= ? AND ts < ? ORDER BY seq";

fn micros((from, to): (u64, u64)) -> [i64; 2] {
    [from, to].map(|seconds| seconds as i64 * 1_000_000)
}

impl Peer for Sqlite {
    fn append(&mut self, workload: &Workload) {
        for batch in &workload.rows {
            let transaction = self.0.transaction().expect("it begins");
            {
                let sql = "INSERT INTO events (id, type, domain, instance_id, ts, json) VALUES (?, ?, ?, ?, ?, ?)";
                let mut insert = transaction.prepare(sql).expect("sound SQL");
                for row in batch {
                    insert
                        .execute(params![
                            row.id,
                            row.event_type,
                            row.domain,
                            row.instance_id,
                            row.time as i64,
                            row.json
                        ])
                        .expect("it inserts");
                }
            }
            transaction.commit().expect("it commits");
        }
    }

    fn scan(&mut self) {
        const PIECE: usize = 300_000;
        let mut statement = self.0.prepare("SELECT json FROM events ORDER BY seq").expect("sound SQL");
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

    fn counts(&mut self, workload: &Workload) -> [usize; 3] {
        let (domain, instance_id) = workload.stream(7);
        [
            self.collect(OF_STREAM, [domain, instance_id]),
            self.collect("SELECT json FROM events WHERE type = ?", [workload.page_type()]),
            self.collect(OF_WINDOW, micros(workload.window(0))),
        ]
    }
}
