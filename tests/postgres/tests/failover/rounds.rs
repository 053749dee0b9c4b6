//! Rounds: each loses a server while everybody writes and follows, and looks at all that there is in the end.

use crate::checker::{Violation, Wrong, check};
use crate::dice::Dice;
use crate::followers::Follower;
use crate::history::{History, Outcome, Stored};
use crate::loss::Loss;
use crate::stage::Stage;
use crate::writers::Writer;
use runestore::Store;
use runestore_postgres_tests::Pair;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const WRITERS: usize = 4;
const FOLLOWERS: usize = 2;

/// A store in a pair, and all who use it. Their handles are opened once, and stay.
pub struct Run {
    writers: Vec<Writer>,
    followers: Vec<Follower>,
    reader: Arc<Store>,
    schema: &'static str,
}

/// What has happened so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub acknowledged: usize,
    pub settled: usize,
    pub refused: usize,
    pub failed: usize,
    /// Reads without a server.
    pub unread: u64,
}

/// How long a handle waits for a server to let it in, and for an answer, in milliseconds.
#[derive(Clone, Copy)]
pub struct Patience(pub u64, pub u64);

/// So little that much goes wrong in a short time.
const SHORT: Patience = Patience(250, 1_500);
const LONG: Patience = Patience(5_000, 30_000);

/// Opens a store, however long the servers take to answer.
pub fn open(url: &str, schema: &str, Patience(connect, answer): Patience) -> Arc<Store> {
    let options = json!({"url": url, "schema": schema, "connect_timeout_ms": connect, "timeout_ms": answer});
    let config = json!({"store": "postgres", "store_opts": options}).to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match Store::open(&config) {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < deadline, "a server is there: {error}"),
        }
    }
}

impl Run {
    pub fn new(pair: &Pair, schema: &'static str, seed: u64) -> Run {
        let url = pair.url();
        let writer = |number| {
            let url = url.clone();
            Writer::new(number, seed, move || open(&url, schema, SHORT))
        };
        Run {
            writers: (0..WRITERS).map(writer).collect(),
            followers: (0..FOLLOWERS).map(|_| Follower::new(open(&url, schema, SHORT))).collect(),
            reader: open(&url, schema, LONG),
            schema,
        }
    }

    /// Plays a round; everything that is wrong then.
    pub fn round(&mut self, loss: Loss, pair: &mut Pair, dice: &mut Dice) -> Vec<Violation> {
        let stage = Stage::new();
        thread::scope(|scope| {
            let curtain = Curtain(&stage);
            let writing: Vec<_> = self.writers.iter_mut().map(|writer| scope.spawn(|| writer.run(&stage))).collect();
            self.followers.iter_mut().for_each(|follower| {
                scope.spawn(|| follower.run(&stage));
            });
            loss.befall(pair, self.schema, &stage, dice);
            stage.end();
            writing.into_iter().for_each(|writer| writer.join().expect("a writer goes to its end"));
            stage.end_at(head(pair, self.schema));
            std::mem::forget(curtain);
        });
        if stage.begins_anew() {
            self.reader = open(&pair.url(), self.schema, LONG);
        }
        self.look(pair)
    }

    fn look(&self, pair: &Pair) -> Vec<Violation> {
        let events = self.reader.get_events_json(None, None).expect("the handle finds the primary");
        let events: Vec<Value> = serde_json::from_slice(&events).expect("an answer is an array of events");
        let log: Vec<Stored> = events.iter().map(Stored::read).collect();
        let sources = pair.primary().sql(&format!("SELECT source, position FROM {}.tracking", self.schema));
        let tracking: BTreeMap<String, u64> = sources
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(source, position)| (String::from(source), position.parse().expect("a position")))
            .collect();
        let mut found = check(&History {
            batches: self.writers.iter().flat_map(|writer| &writer.batches).collect(),
            followers: self.followers.iter().map(|follower| &*follower.seen).collect(),
            log: &log,
            head: head(pair, self.schema),
            tracking: &tracking,
        });
        let odd = self.followers.iter().filter_map(|follower| follower.odd.clone());
        found.extend(odd.map(|words| Violation { wrong: Wrong::Odd, words: format!("a follower: {words}") }));
        found
    }

    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for batch in self.writers.iter().flat_map(|writer| &writer.batches) {
            match batch.outcome {
                Outcome::Acknowledged(_) => tally.acknowledged += 1,
                Outcome::Refused(_) => tally.refused += 1,
                Outcome::Failed => tally.failed += 1,
                Outcome::Unknown | Outcome::Odd(_) => {}
            }
            tally.settled += usize::from(batch.settled);
        }
        tally.unread = self.writers.iter().map(|writer| writer.failures).sum::<u64>()
            + self.followers.iter().map(|follower| follower.failures).sum::<u64>();
        tally
    }
}

/// Asked of the primary itself, not through a store.
fn head(pair: &Pair, schema: &str) -> u64 {
    pair.primary().sql(&format!("SELECT position FROM {schema}.head")).parse().expect("a position")
}

/// Falls when a round fails: all who are on the stage must leave it, or nobody would hear of it.
struct Curtain<'a>(&'a Stage);

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        self.0.end();
        self.0.end_at(0);
    }
}
