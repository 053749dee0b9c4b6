//! An engine of the user's own, made whole: it keeps events, and all else that callers rely on is done here, above it.
//!
//! One append at a time, and each is checked while nobody else may append, against what the engine answers. Nothing
//! that comes from the engine is passed on before it was looked at. When an append goes wrong, the engine is asked for its
//! head anew before anything else is believed.

mod above;
mod calls;
mod pull;

use super::{Appended, End, Engine, Progress, Read, Verdict, check};
use crate::append::{Append, Checks};
use crate::behaviour::{Abilities, Behaviour, Failure};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{read_answer, same_event, write_append_options, write_events};
use crate::query::{Direction, POSITION_MAX, Query, Sink};
use above::Above;
use calls::Calls;
use hashbrown::HashMap;
use pull::Pull;
use serde_json::{Map, Value};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The versions of so many streams are remembered.
const VERSIONS_MAX: usize = 1 << 16;
/// How often an engine is asked whether others have written.
const POLL: Duration = Duration::from_millis(50);

/// See the module.
pub(crate) struct Custom {
    name: String,
    calls: Calls,
    abilities: Abilities,
    /// Held by the one append that is under way.
    commit: Mutex<()>,
    /// The last position that was looked at. Of no use while `unsure`, or where others write.
    head: AtomicU64,
    /// What the engine last stored is not known.
    unsure: AtomicBool,
    versions: Mutex<HashMap<(String, String), u64>>,
    closed: AtomicBool,
}

/// What came of giving a batch to the engine.
struct Stored {
    appended: Appended,
    texts: Vec<(u64, Vec<u8>)>,
}

impl Custom {
    pub fn open(name: &str, behaviour: Arc<dyn Behaviour>) -> Result<Custom> {
        let abilities = behaviour.abilities();
        let custom = Custom {
            name: String::from(name),
            calls: Calls::new(behaviour, abilities.concurrent),
            abilities,
            commit: Mutex::new(()),
            head: AtomicU64::new(0),
            unsure: AtomicBool::new(true),
            versions: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        custom.known_head()?;
        Ok(custom)
    }

    /// Asks the engine; its failure is an `engine` error.
    fn ask<T>(
        &self,
        function: &'static str,
        work: impl FnOnce(&dyn Behaviour) -> std::result::Result<T, Failure>,
    ) -> Result<T> {
        self.calls.call(work)?.map_err(|failure| self.failed(function, failure))
    }

    fn failed(&self, function: &'static str, failure: Failure) -> Error {
        failure.into_error(&self.name, function)
    }

    /// The error for an answer that no engine may give.
    fn wrong(&self, function: &'static str, what: &str) -> Error {
        self.failed(function, Failure::new(format!("{what}: correct the engine")).with_code("wrong_answer"))
    }

    fn unsupported(&self, what: &str, why: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("engine `{}` has no {what}: {why}", self.name))
            .with("engine", self.name.as_str())
    }

    /// Asks the engine for its last position.
    fn asked_head(&self) -> Result<u64> {
        let mut head = 0;
        let everything = Query::all();
        let pull = Pull {
            query: &everything,
            after: 0,
            up_to: POSITION_MAX,
            direction: Direction::Backward,
            wanted: 1,
            complete: false,
        };
        self.pull(&pull, None, &mut |event, _| {
            head = event.sequence_number;
            false
        })?;
        Ok(head)
    }

    /// The last position, as far as nobody has to be held off to know it.
    fn known_head(&self) -> Result<u64> {
        if self.abilities.shared {
            return self.asked_head();
        }
        if !self.unsure.load(SeqCst) {
            return Ok(self.head.load(SeqCst));
        }
        // The append that is under way may still become sure. Until then, or if it is this thread's own, what was
        // seen before stands.
        match self.commit.try_lock() {
            Ok(commit) => self.settled_head(&commit),
            Err(_) => Ok(self.head.load(SeqCst)),
        }
    }

    /// The last position, to be relied on by whoever holds off other appends.
    fn settled_head(&self, _commit: &MutexGuard<'_, ()>) -> Result<u64> {
        if self.unsure.load(SeqCst) {
            self.head.store(self.asked_head()?, SeqCst);
            self.unsure.store(false, SeqCst);
        }
        Ok(self.head.load(SeqCst))
    }

    fn begin_commit(&self) -> Result<MutexGuard<'_, ()>> {
        self.calls.check_outside()?;
        Ok(self.commit.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn known_version(&self, domain: &str, instance_id: &str) -> Option<u64> {
        self.versions().get(&(String::from(domain), String::from(instance_id))).copied()
    }

    fn know_version(&self, domain: &str, instance_id: &str, version: u64) {
        let mut versions = self.versions();
        if versions.len() >= VERSIONS_MAX {
            versions.clear();
        }
        versions.insert((String::from(domain), String::from(instance_id)), version);
    }

    fn versions(&self) -> MutexGuard<'_, HashMap<(String, String), u64>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recorded(&self, source: &str) -> Result<u64> {
        if !self.abilities.tracking {
            return Err(self.unsupported("tracking", "keep the position beside what you derive from the events"));
        }
        self.ask("tracking", |engine| engine.tracking(source))
    }

    /// Refuses what cannot be judged where others write as well, and what the engine cannot record.
    fn check_supported(&self, append: &Append) -> Result<()> {
        let Checks { expected_version, expect, condition, tracking } = &append.checks;
        if tracking.is_some() && !self.abilities.tracking {
            return Err(self.unsupported("tracking", "keep the position beside what you derive from the events"));
        }
        let checked = [
            (*expected_version != Default::default(), "expected_version"),
            (!expect.is_empty(), "expect"),
            (condition.is_some(), "condition"),
            (tracking.is_some(), "tracking"),
            (append.batch.ids().any(|id| id.given), "ids of the caller's own"),
        ];
        match checked.iter().find(|(asked, _)| *asked && self.abilities.shared) {
            Some((_, what)) => Err(self.unsupported(what, "others may write between a check and the append")),
            None => Ok(()),
        }
    }

    /// Gives a batch to the engine and looks at what it says it has stored.
    fn store(&self, append: &Append, head: u64, versions: Option<&[u64]>) -> Result<Stored> {
        let batch = &append.batch;
        let events = write_events(batch);
        let options =
            write_append_options(versions.map(|versions| (head + 1, versions)), append.checks.tracking.as_ref());
        self.unsure.store(true, SeqCst);
        let answer = match self.calls.call(|engine| engine.append(&events, &options))? {
            Ok(answer) => answer,
            Err(failure) => return Err(self.not_stored(append, head, failure)),
        };
        let mut texts: Vec<(u64, Vec<u8>)> = Vec::with_capacity(batch.len());
        let read = read_answer(&answer, |stored, text| {
            let index = texts.len();
            if index == batch.len() {
                return Err(format!("it answered more events than the {} of the batch", batch.len()));
            }
            let position = match texts.last() {
                Some((last, _)) => last + 1,
                None if versions.is_some() => head + 1,
                None => stored.sequence_number,
            };
            if stored.sequence_number != position || position > POSITION_MAX {
                return Err(format!("event {index} got position {} where {position} is next", stored.sequence_number));
            }
            if let Some(version) =
                versions.map(|versions| versions[index]).filter(|version| *version != stored.stream_version)
            {
                return Err(format!(
                    "event {index} got stream version {} where {version} is next",
                    stored.stream_version
                ));
            }
            let event = batch.event(index);
            let same = std::str::from_utf8(text).is_ok_and(|text| same_event(&event, text));
            if !same || event.inserted_at != stored.inserted_at {
                return Err(format!(
                    "event {index} is not the one that was given: every field must come back as it was, byte for byte"
                ));
            }
            texts.push((position, text.to_vec()));
            Ok(true)
        });
        let counted = read.and_then(|()| match texts.len() {
            count if count == batch.len() => Ok(()),
            count => Err(format!("it answered {count} events of the {} of the batch", batch.len())),
        });
        if let Err(what) = counted {
            let failure = Failure::new(format!("{what}: correct the engine")).with_code("wrong_answer");
            return Err(self.not_stored(append, head, failure));
        }
        let first = texts.first().map_or(head + 1, |(first, _)| *first);
        let head = texts.last().map_or(head, |(last, _)| *last);
        for ((domain, instance_id), version) in batch.streams().zip(versions.unwrap_or_default()) {
            self.know_version(domain, instance_id, *version);
        }
        self.head.store(head, SeqCst);
        self.unsure.store(false, SeqCst);
        Ok(Stored { appended: Appended { first, count: batch.len() as u64, head }, texts })
    }

    /// The error for an append that failed: whether something was stored is asked of the engine itself.
    fn not_stored(&self, append: &Append, head: u64, failure: Failure) -> Error {
        self.versions().clear();
        let unknown = failure.indeterminate;
        let error = self.failed("append", failure);
        if !unknown && !self.abilities.shared && self.asked_head().is_ok_and(|now| now == head) {
            self.unsure.store(false, SeqCst);
            return error.with("stored", false);
        }
        let ids: Vec<Value> = append.batch.ids().map(|id| id.id.to_string().into()).collect();
        let error = error.with("stored", "unknown").with("ids", ids);
        if unknown { error.into_kind(ErrorKind::Indeterminate) } else { error }
    }
}

impl Engine for Custom {
    fn append(&self, append: &Append, mut sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        self.check_supported(append)?;
        let commit = self.begin_commit()?;
        call.check()?;
        let shared = self.abilities.shared;
        let head = if shared { 0 } else { self.settled_head(&commit)? };
        let above = Above::new(self, head, call);
        let verdict = if shared { Verdict::Store } else { check(append, &above, call)? };
        let count = append.batch.len() as u64;
        match verdict {
            Verdict::Store if count == 0 && append.checks.tracking.is_none() => {
                let head = if shared { self.asked_head()? } else { head };
                Ok(Appended { first: head + 1, count, head })
            }
            Verdict::Store => {
                let versions = if shared { None } else { Some(above.versions(&append.batch)?) };
                let stored = self.store(append, head, versions.as_deref())?;
                drop(commit);
                if let Some(sink) = &mut sink {
                    for (position, text) in &stored.texts {
                        sink.push(*position, text);
                    }
                }
                Ok(stored.appended)
            }
            Verdict::Stored { first, track } => {
                if let Some(tracking) = append.checks.tracking.as_ref().filter(|_| track) {
                    let checks = Checks { tracking: Some(tracking.clone()), ..Checks::default() };
                    self.store(&Append { batch: Default::default(), checks }, head, Some(&[]))?;
                }
                drop(commit);
                if let Some(sink) = &mut sink {
                    let everything = Query::all();
                    let last = first - 1 + count;
                    let pull = Pull {
                        query: &everything,
                        after: first - 1,
                        up_to: last,
                        direction: Direction::Forward,
                        wanted: count,
                        complete: true,
                    };
                    self.pull(&pull, None, &mut |event, text| sink.push(event.sequence_number, text))?;
                }
                Ok(Appended { first, count, head })
            }
        }
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        self.calls.check_outside()?;
        let (mut skip, mut left) = (read.skip, read.limit);
        if left == 0 {
            return Ok(End::Full);
        }
        let wanted = left.saturating_add(skip);
        let complete = self.pull(&self.of(read, wanted), Some(call), &mut |event, text| {
            if skip > 0 {
                skip -= 1;
                return true;
            }
            if !sink.push(event.sequence_number, text) {
                return false;
            }
            left -= 1;
            left > 0
        })?;
        Ok(if complete { End::Complete } else { End::Full })
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        let mut count = 0;
        self.pull(&self.of(read, u64::MAX), Some(call), &mut |_, _| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    fn head(&self, _call: &Call<'_>) -> Result<u64> {
        self.known_head()
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        if !self.abilities.shared {
            call.wait_until(deadline, || self.head.load(SeqCst) > after)?;
            return self.known_head();
        }
        loop {
            let head = self.known_head()?;
            let now = Instant::now();
            if head > after || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(head);
            }
            call.check()?;
            let pause = deadline.map_or(POLL, |deadline| POLL.min(deadline - now));
            if self.abilities.wait {
                self.ask("wait", |engine| engine.wait(after, pause))?;
            } else {
                let known = self.head.load(SeqCst);
                call.wait_until(Some(now + pause), || self.head.load(SeqCst) != known)?;
            }
        }
    }

    fn tracking(&self, source: &str, _call: &Call<'_>) -> Result<u64> {
        self.recorded(source)
    }

    fn info(&self, _call: &Call<'_>) -> Result<Map<String, Value>> {
        let head = self.known_head()?;
        let Abilities { shared, tracking, .. } = self.abilities;
        let lacking = [
            (shared, "expected_version"),
            (shared, "expect"),
            (shared, "condition"),
            (shared, "retry"),
            (shared || !tracking, "tracking"),
            (true, "verify"),
            (true, "backup"),
        ];
        let lacking: Vec<Value> = lacking.iter().filter(|(lacks, _)| *lacks).map(|(_, what)| (*what).into()).collect();
        let info: [(&str, Value); 5] = [
            ("engine", self.name.as_str().into()),
            ("head", head.into()),
            ("events", head.into()),
            ("read_only", false.into()),
            ("unsupported", lacking.into()),
        ];
        Ok(info.into_iter().map(|(name, value)| (String::from(name), value)).collect())
    }

    fn verify(&self, _progress: &mut Progress<'_>, _call: &Call<'_>) -> Result<Map<String, Value>> {
        Err(self.unsupported("verify", "what it keeps is its own; every read is looked at all the same"))
    }

    fn check_outside(&self) -> Result<()> {
        self.calls.check_outside()
    }

    fn close(&self) -> Result<()> {
        if self.closed.swap(true, SeqCst) {
            return Ok(());
        }
        self.ask("close", |engine| engine.close())
    }
}

impl Custom {
    fn of<'r>(&self, read: &Read<'r>, wanted: u64) -> Pull<'r> {
        let complete = !self.abilities.shared;
        // Where others write, nothing is known of what lies behind the head.
        let up_to = if complete { read.up_to.min(self.head.load(SeqCst)) } else { read.up_to };
        Pull { query: read.query, after: read.after, up_to, direction: read.direction, wanted, complete }
    }
}

impl Drop for Custom {
    /// A store that nobody closed lets go of its engine all the same; of its parent's, a forked child does not.
    fn drop(&mut self) {
        if self.calls.is_ours() {
            let _ = self.close();
        }
    }
}
