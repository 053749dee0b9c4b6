//! The engines, who is measured beside each, at what, and what is aimed at.

use super::board::{Unit, Work, work};
use super::limit::Limit;
use super::lmdb::Lmdb;
use super::peer::Peer;
use super::postgres::{self, Tables};
use super::reads;
use super::runestore_c::Store;
use super::sqlite::Sqlite;
use super::target::Target::{self, AtMost, Times};
use super::workload::BATCH;
use std::path::Path;

/// The single appends of a turn.
pub const SINGLE_APPENDS: usize = 300;

/// Who takes part, and how an empty directory becomes its store, or one with a store is opened.
pub struct Contender {
    pub name: &'static str,
    pub open: fn(&Path) -> Box<dyn Peer>,
}

/// An engine beside its peers. Ratios are those of the first to each of the others.
pub struct Engine {
    pub name: &'static str,
    /// So many events are appended unless somebody says how many.
    pub events: usize,
    pub contenders: &'static [Contender],
    /// Whether the last contender is no store but the limit.
    pub limited: bool,
    /// Whether the stores are in a PostgreSQL server.
    pub served: bool,
    /// The name of the work that fills a store.
    pub bulk: &'static str,
    works: fn(usize) -> Vec<Work>,
    targets: &'static [(&'static str, Target)],
}

pub const ENGINES: [Engine; 3] = [MEMORY, FILE, POSTGRES];

const MEMORY: Engine = Engine {
    name: "memory",
    events: 1_000_000,
    limited: true,
    served: false,
    bulk: "A4 append",
    contenders: &[
        Contender { name: "Runestore", open: |_| Box::new(Store::in_memory()) },
        Contender { name: "SQLite :memory:", open: |_| Box::new(Sqlite::in_memory()) },
        Contender { name: LIMIT, open: |_| Box::new(Limit::in_memory()) },
    ],
    works: |events| {
        let mut works = vec![work("A4 append", events, Unit::PerSecond)];
        works.extend(reads::works(events));
        works.push(work("M1 appending", 1, Unit::Mebibytes));
        works
    },
    targets: &[("A4 append", Times(10.0, &["SQLite :memory:"]))],
};

pub const FILE: Engine = Engine {
    name: "file",
    events: 1_000_000,
    limited: true,
    served: false,
    bulk: BULK_DURABLE,
    contenders: &[
        Contender { name: "Runestore", open: |directory| Box::new(Store::durable(directory)) },
        Contender { name: SQLITE, open: |directory| Box::new(Sqlite::durable(directory)) },
        Contender { name: TUNED, open: |directory| Box::new(Sqlite::tuned(directory)) },
        Contender { name: LMDB, open: |directory| Box::new(Lmdb::durable(directory)) },
        Contender { name: LIMIT, open: |directory| Box::new(Limit::durable(directory)) },
    ],
    works: |events| {
        let mut works = vec![
            work("A1 single", SINGLE_APPENDS, Unit::PerSecond),
            work("A2 16 threads", BATCH, Unit::PerSecond),
            work(BULK_DURABLE, events, Unit::PerSecond),
        ];
        works.extend(reads::works(events));
        works.extend([
            work("O1 after close", 1, Unit::Micros),
            work("O1 after kill -9", 1, Unit::Micros),
            work("S1 on disk", events, Unit::Bytes),
            work("M1 appending", 1, Unit::Mebibytes),
            work("M1 reading", 1, Unit::Mebibytes),
            work("M1 reading, with mapped files", 1, Unit::Mebibytes),
        ]);
        works
    },
    targets: &[
        ("A1 single", Times(1.35, &[SQLITE])),
        ("A1 single", Times(0.9, &[LIMIT])),
        ("A2 16 threads", Times(3.0, SQLITES)),
        ("A2 16 threads", Times(0.85, &[LIMIT])),
        (BULK_DURABLE, Times(12.0, SQLITES)),
        ("R1 scan", Times(5.0, &[SQLITE])),
        ("R1 scan", Times(1.0, &[LMDB])),
        ("R1 scan again", Times(5.0, &[SQLITE])),
        ("R1 scan again", Times(1.0, &[LMDB])),
        ("R1b one buffer", Times(0.85, &[LIMIT])),
        ("R2 streams", Times(6.0, &[SQLITE])),
        ("R2 streams", Times(0.5, &[LIMIT])),
        ("R3 page at 0", AtMost(30.0)),
        ("R3 page at half", AtMost(30.0)),
        ("R3 page at half", Times(15.0, &[SQLITE])),
        ("R4 window", Times(5.0, &[SQLITE])),
        ("O1 after close", AtMost(5_000.0)),
        ("S1 on disk", AtMost(560.0)),
        ("M1 appending", AtMost(150.0)),
        ("M1 reading", AtMost(150.0)),
    ],
};

pub const POSTGRES: Engine = Engine {
    name: "postgres",
    // What the others append in a second takes a server ten.
    events: 200_000,
    limited: false,
    served: true,
    bulk: BULK_DURABLE,
    contenders: &[
        Contender { name: "Runestore", open: |directory| Box::new(postgres::runestore(directory)) },
        Contender { name: BY_HAND, open: |directory| Box::new(Tables::by_hand(directory)) },
        Contender { name: BARE, open: |directory| Box::new(Tables::bare_in_one_order(directory)) },
        Contender { name: "bare in a sequence", open: |directory| Box::new(Tables::bare_in_sequence(directory)) },
    ],
    works: |events| {
        let mut works = vec![
            work("A1 single", SINGLE_APPENDS, Unit::PerSecond),
            work("A2 16 threads", BATCH, Unit::PerSecond),
            work(BULK_DURABLE, events, Unit::PerSecond),
        ];
        works.extend(reads::works(events));
        works.push(work("S1 on disk", events, Unit::Bytes));
        works
    },
    // The better of the two that keep the same order; a sequence does not, so there is the ratio alone.
    targets: &[
        ("A1 single", Times(1.0, IN_ONE_ORDER)),
        ("A2 16 threads", Times(2.0, IN_ONE_ORDER)),
        (BULK_DURABLE, Times(1.0, IN_ONE_ORDER)),
        ("R1 scan", Times(1.0, IN_ONE_ORDER)),
        ("R1 scan again", Times(1.0, IN_ONE_ORDER)),
        ("R2 streams", Times(1.0, IN_ONE_ORDER)),
    ],
};

pub const BULK_DURABLE: &str = "A3 batches";
const SQLITE: &str = "SQLite";
const TUNED: &str = "SQLite tuned";
const SQLITES: &[&str] = &[SQLITE, TUNED];
const LMDB: &str = "LMDB";
const BY_HAND: &str = "by hand";
const BARE: &str = "bare in one order";
const IN_ONE_ORDER: &[&str] = &[BY_HAND, BARE];
const LIMIT: &str = "limit";

impl Engine {
    /// The stores among the contenders.
    pub fn stores(&self) -> &[Contender] {
        &self.contenders[..self.contenders.len() - usize::from(self.limited)]
    }

    /// What is done with so many events, each work with its targets.
    pub fn works(&self, events: usize) -> Vec<Work> {
        (self.works)(events).into_iter().map(|work| work.aiming_at(self.targets)).collect()
    }
}
