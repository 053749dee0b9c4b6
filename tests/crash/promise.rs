//! What must be there after a crash, what may be, and which of it was.

use crate::events::{Batch, SOURCES, Stored, StoredEvent};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

/// What a store shows: its batches in order.
pub type Log = Vec<Arc<Stored>>;

/// A promise that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which check found it, in a word or two.
    pub check: &'static str,
    pub what: String,
}

impl Violation {
    /// Says where it was found.
    pub fn at(self, place: impl fmt::Display) -> Violation {
        Violation { what: format!("{}; {place}", self.what), ..self }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

pub type Outcome<T = ()> = Result<T, Violation>;

pub fn broken<T>(check: &'static str, what: impl Into<String>) -> Outcome<T> {
    Err(Violation { check, what: what.into() })
}

/// What is known of a store that nobody has looked at yet.
#[derive(Clone, Default)]
pub struct Expect {
    /// All batches that were acknowledged, and in their places.
    pub log: Log,
    /// So many of them must be there. Of the others any number, from the beginning on.
    pub promised: usize,
    /// Batches of which nobody knows: each is there whole, behind all others, or not at all.
    pub maybe: Vec<Arc<Batch>>,
    /// The highest epoch that a writer was given.
    pub epoch: u64,
    /// The number of the next batch.
    pub next_batch: u64,
    /// A writer has it open.
    pub open: bool,
    /// It syncs always.
    pub always: bool,
    /// A writer has shown the log since the machine started: as long as it runs, all of it is there.
    pub shown: bool,
}

impl Expect {
    /// A store that shows exactly this.
    pub fn exactly(log: Log, epoch: u64, next_batch: u64) -> Expect {
        Expect { promised: log.len(), log, epoch, next_batch, ..Expect::default() }
    }

    /// What is promised while the machine runs, whatever happens to its processes.
    pub fn while_it_runs(mut self) -> Expect {
        if self.shown {
            self.promised = self.log.len();
        }
        self
    }

    /// What is promised when the machine starts again.
    pub fn after_outage(mut self) -> Expect {
        (self.shown, self.open, self.always) = (false, false, false);
        self
    }

    /// Compares with all events of a store, one a line, and its tracking positions; the log that it has.
    pub fn compare(&self, lines: &[u8], tracking: &[u64]) -> Outcome<Log> {
        let mut rest = lines;
        let mut found = 0;
        // Behind the last batch of which something can be seen.
        let mut certain = self.promised;
        for (index, stored) in self.log.iter().enumerate() {
            let Some(behind) = rest.strip_prefix(stored.text.as_bytes()) else { break };
            rest = behind;
            found = index + 1;
            if stored.len() > 0 {
                certain = certain.max(found);
            }
        }
        if found < self.promised {
            let Stored { batch, first, events, .. } = &*self.log[found];
            let number = batch.number;
            let there = shown(rest);
            return broken(
                if rest.is_empty() { "acknowledged lost" } else { "acknowledged altered" },
                format!("batch {number} of {} events is promised at {first}; there is: {there}", events.len()),
            );
        }
        let mut log: Log = self.log[..found].to_vec();
        let acknowledged = log.len();
        if !rest.is_empty() && found < self.log.len() {
            let number = self.log[found].batch.number;
            return broken("no prefix", format!("batch {number} is not there as it was; there is: {}", shown(rest)));
        }
        let mut versions = versions(&log);
        let mut missing: Vec<&Arc<Batch>> = self.maybe.iter().filter(|batch| !batch.events.is_empty()).collect();
        while !rest.is_empty() {
            let number = batch_number(rest);
            let Some(index) = missing.iter().position(|batch| Some(batch.number) == number) else {
                return broken(
                    "never acknowledged",
                    format!("nobody appended this, or it was refused: {}", shown(rest)),
                );
            };
            let stored = place(missing.remove(index), head(&log) + 1, &mut versions, rest)?;
            rest = &rest[stored.text.len()..];
            log.push(Arc::new(stored));
            certain = acknowledged;
        }
        self.settle_tracking(log, acknowledged, certain, tracking)
    }

    /// A batch without events shows in nothing but its tracking position. Batches between `certain` and
    /// `acknowledged` are such: finds out how many of them are there.
    fn settle_tracking(&self, mut log: Log, acknowledged: usize, certain: usize, tracking: &[u64]) -> Outcome<Log> {
        let behind = log.split_off(acknowledged);
        let unseen = || self.maybe.iter().filter(|batch| batch.events.is_empty());
        for end in (certain..=acknowledged).rev() {
            let seen: Log = log[..end].iter().chain(&behind).cloned().collect();
            if positions(&seen) == tracking {
                return Ok(seen);
            }
            if end < self.log.len() {
                continue;
            }
            // Any of those that were under way.
            for mask in 1..1u32 << unseen().count().min(6) {
                let chosen = unseen().enumerate().filter(|(at, _)| mask & 1 << at != 0);
                let mut seen = seen.clone();
                for (_, batch) in chosen {
                    seen.push(Arc::new(without_events(batch, head(&seen) + 1)));
                }
                if positions(&seen) == tracking {
                    return Ok(seen);
                }
            }
        }
        let wanted = positions(&log);
        broken("tracking", format!("positions of {SOURCES:?} are {tracking:?}; what is there makes {wanted:?}"))
    }
}

/// The last position.
pub fn head(log: &[Arc<Stored>]) -> u64 {
    log.last().map_or(0, |stored| stored.first + stored.len() - 1)
}

/// The tracking position of each source.
pub fn positions(log: &[Arc<Stored>]) -> Vec<u64> {
    let of =
        |source| log.iter().filter_map(|stored| stored.batch.tracking.as_ref()).filter(move |(of, _)| of == source);
    SOURCES.iter().map(|source| of(source).map(|(_, position)| *position).max().unwrap_or(0)).collect()
}

pub type Versions = HashMap<(String, String), u64>;

/// The version of each stream.
pub fn versions(log: &[Arc<Stored>]) -> Versions {
    let mut versions = Versions::new();
    for event in log.iter().flat_map(|stored| &stored.batch.events) {
        *versions.entry((event.domain.clone(), event.instance_id.clone())).or_default() += 1;
    }
    versions
}

pub fn without_events(batch: &Arc<Batch>, first: u64) -> Stored {
    Stored { batch: batch.clone(), first, events: Vec::new(), text: String::new(), ends: Vec::new() }
}

/// The batch as it is stored from `first` on, compared with the beginning of `lines`, from which ids
/// and times come that the store made.
pub fn place(batch: &Arc<Batch>, first: u64, versions: &mut Versions, lines: &[u8]) -> Outcome<Stored> {
    let mut stored = without_events(batch, first);
    for (event, number) in batch.events.iter().zip(first..) {
        let rest = &lines[stored.text.len().min(lines.len())..];
        let line = &rest[..rest.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1)];
        if line.is_empty() {
            let there = stored.events.len();
            return broken("torn batch", format!("batch {} has {there} of its events", batch.number));
        }
        let line = String::from_utf8_lossy(line);
        let id = event.id.clone().or_else(|| field(&line, "id")).unwrap_or_default();
        let inserted_at = event.inserted_at.clone().or_else(|| field(&line, "inserted_at")).unwrap_or_default();
        let version = versions.entry((event.domain.clone(), event.instance_id.clone())).or_default();
        *version += 1;
        event.stored_text(number, *version, &id, &inserted_at, &mut stored.text);
        stored.ends.push(stored.text.len());
        let index = stored.events.len();
        stored.events.push(StoredEvent { number, id, inserted_at });
        if stored.line(index) != line {
            let wanted = shown(stored.line(index).as_bytes());
            return broken("altered", format!("{wanted} was to be at {number}; there is: {}", shown(line.as_bytes())));
        }
    }
    Ok(stored)
}

/// What an event's text says of a field that is a plain string, as ids and times are.
fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0.into())
}

/// The number of the batch that the first line's event says it is of.
fn batch_number(lines: &[u8]) -> Option<u64> {
    let line = &lines[..lines.iter().position(|byte| *byte == b'\n').unwrap_or(lines.len())];
    let line = String::from_utf8_lossy(line);
    let (_, rest) = line.split_once(r#""data":{"batch":"#)?;
    rest.split_once(',')?.0.parse().ok()
}

/// The beginning of an answer, for a message.
pub fn shown(lines: &[u8]) -> String {
    let text = String::from_utf8_lossy(&lines[..lines.len().min(700)]);
    match text.lines().next() {
        None => String::from("nothing"),
        Some(line) => format!("{:.330}", line),
    }
}

/// What happened, and between which system calls.
#[derive(Clone)]
pub struct Entry {
    pub begin: u64,
    pub end: u64,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    /// A store was opened for writing, and showed this.
    Opened {
        always: bool,
        log: Log,
        epoch: u64,
    },
    Stored(Arc<Stored>),
    /// An append that a check refused: it never comes near the disk.
    Refused,
    /// An append that the disk refused.
    Failed(Arc<Batch>),
    /// An append of which nobody knows.
    Unknown(Arc<Batch>),
    Closed,
}

/// All that happened since the machine started.
#[derive(Clone, Default)]
pub struct Journal {
    pub base: Expect,
    pub entries: Vec<Entry>,
}

impl Journal {
    /// What must hold if the machine stops after call `number`.
    pub fn at(&self, number: u64) -> Expect {
        let mut expect = self.base.clone();
        let mut synced = self.base.always;
        for Entry { begin, end, what } in &self.entries {
            let ended = *end <= number;
            if !ended && *begin >= number {
                continue;
            }
            if matches!(what, What::Opened { .. } | What::Closed) {
                expect.open = false;
            }
            match what {
                What::Opened { always, log, epoch } if ended => {
                    synced = *always;
                    (expect.shown, expect.open) = (true, true);
                    expect.log.clone_from(log);
                    expect.maybe.clear();
                    expect.epoch = *epoch;
                    if synced {
                        // It can be read, so it must not be taken back.
                        expect.promised = log.len();
                    }
                }
                What::Stored(stored) if ended => {
                    expect.log.push(stored.clone());
                    if synced {
                        expect.promised = expect.log.len();
                    }
                }
                What::Stored(stored) => expect.maybe.push(stored.batch.clone()),
                What::Failed(batch) if !ended => expect.maybe.push(batch.clone()),
                What::Unknown(batch) => expect.maybe.push(batch.clone()),
                What::Closed if ended => {
                    synced = false;
                    expect.promised = expect.log.len();
                }
                _ => {}
            }
        }
        expect.always = synced;
        expect
    }

    /// What happened up to call `number`, the last of it, for a message.
    pub fn told(&self, number: u64) -> String {
        let begun: Vec<&Entry> = self.entries.iter().filter(|entry| entry.begin < number).collect();
        let told = |entry: &&Entry| {
            let Entry { begin, end, what } = entry;
            let what = match what {
                What::Opened { always, log, epoch } => {
                    let how = if *always { "always" } else { "seldom" };
                    format!("opened in epoch {epoch} to sync {how}, head {}", head(log))
                }
                What::Stored(stored) => format!("batch {} at {}+{}", stored.batch.number, stored.first, stored.len()),
                What::Refused => String::from("refused"),
                What::Failed(batch) => format!("batch {} failed", batch.number),
                What::Unknown(batch) => format!("batch {} unknown", batch.number),
                What::Closed => String::from("closed"),
            };
            format!("{begin}-{end} {what}")
        };
        let last: Vec<String> = begun[begun.len().saturating_sub(8)..].iter().map(told).collect();
        format!("[{}]", last.join(", "))
    }

    pub fn note(&mut self, begin: u64, end: u64, what: What) {
        self.entries.push(Entry { begin, end, what });
    }
}

/// How many of each there are, for a table.
pub type Counts<K> = BTreeMap<K, u64>;
