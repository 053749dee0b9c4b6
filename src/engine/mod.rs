//! What an engine is: something that keeps events in one gapless order.

mod checks;
pub(crate) mod custom;
pub(crate) mod file;
pub(crate) mod memory;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;

pub(crate) use checks::{Committed, Verdict, check};

use crate::append::Append;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Direction, Query, Sink};
use serde_json::{Map, Value};
use std::time::Instant;

/// An engine keeps the events. It is called from any number of threads at once.
///
/// Everything that an engine is given has been validated: it judges the log, not the input. An
/// engine that panics has failed for good: its later calls answer `internal`.
pub trait Engine: Send + Sync {
    /// Stores the batch in one atomic step, or nothing of it.
    ///
    /// All checks are made inside the commit, against all that was committed before it, in this
    /// order: idempotent retry, `duplicate_id`, `expected_version`, `expect`, `condition`,
    /// `tracking`. A failed check leaves nothing written. An empty batch stores no event, and its
    /// checks and tracking apply all the same.
    ///
    /// The stored events go to `sink`, if there is one; for a retry, those that were stored before.
    ///
    /// `call` is asked while the checks are made; from then on the append finishes whatever happens. When this returns the events are visible to every later read.
    fn append(&self, append: &Append, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended>;

    /// Gives the events of a read to `sink`, each exactly once and in order, until there are no more
    /// or the sink takes no more. `call` is asked between events.
    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End>;

    /// How many events a read would give, but for its `skip` and `limit`.
    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64>;

    /// The last position, 0 in an empty store. Waits for no append.
    fn head(&self, call: &Call<'_>) -> Result<u64>;

    /// Up to where a read that begins now looks: all that was acknowledged before, and no part of a batch. By default the
    /// head; an engine whose every read is of one moment by itself bounds nothing.
    fn moment(&self, call: &Call<'_>) -> Result<u64> {
        self.head(call)
    }

    /// How many bytes of what comes next a cursor may hold: where each read has a long way, few reads serve many pieces. By
    /// default nothing, and each piece is a read.
    fn read_ahead(&self) -> usize {
        0
    }

    /// Waits until the head is larger than `after`, or the deadline has passed; the head then.
    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64>;

    /// The position recorded for a tracking source, 0 if there is none.
    fn tracking(&self, source: &str, call: &Call<'_>) -> Result<u64>;

    /// All tracking sources and their positions. By default there are none to tell.
    fn trackings(&self, _call: &Call<'_>) -> Result<Vec<(String, u64)>> {
        Ok(Vec::new())
    }

    /// What is known about the store, as `store_info` answers it.
    fn info(&self, call: &Call<'_>) -> Result<Map<String, Value>>;

    /// Checks all that is stored. By default `unsupported`.
    fn verify(&self, _progress: &mut Progress<'_>, _call: &Call<'_>) -> Result<Map<String, Value>> {
        Err(unsupported("verify", "it keeps nothing that could be damaged"))
    }

    /// Copies the store into a new directory. By default `unsupported`.
    fn backup(&self, _path: &str, _progress: &mut Progress<'_>, _call: &Call<'_>) -> Result<Map<String, Value>> {
        Err(unsupported("backup", "read the events and append them to another store instead"))
    }

    /// Refuses a call from inside the engine's own code, which would wait for itself.
    fn check_outside(&self) -> Result<()> {
        Ok(())
    }

    /// Releases all that the engine holds. No call is in progress, and none comes after.
    fn close(&self) -> Result<()>;
}

fn unsupported(what: &str, why: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("this store's engine has no {what}: {why}"))
}

/// Told how far long work has come, so many bytes of so many, by the thread that called. An error ends the work, and
/// is what came of it.
pub type Progress<'a> = dyn FnMut(u64, u64) -> Result<()> + 'a;

/// What to read.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// Which events.
    pub query: &'a Query,
    /// Only events behind this position, beside what the query says.
    pub after: u64,
    /// Only events up to this position: a head that was seen before, so that the read is of one
    /// moment however long it takes.
    pub up_to: u64,
    /// The order.
    pub direction: Direction,
    /// So many matching events are passed over first.
    pub skip: u64,
    /// At most so many are given then.
    pub limit: u64,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every event was given.
    Complete,
    /// The sink took no more, or the limit was reached: there may be more.
    Full,
}

/// Where an append's events are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The first event's position; meaningless where `count` is 0.
    pub first: u64,
    /// How many events.
    pub count: u64,
    /// The head behind the append.
    pub head: u64,
}
