//! Whether a history keeps what the store promises. Nothing here knows a server.

use crate::history::{Batch, Check, Evidence, History, Outcome, Stored};
use std::collections::{BTreeMap, HashMap};

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Acknowledged, and not there.
    Lost,
    /// There twice.
    Doubled,
    /// A position or a version that nothing has.
    Gap,
    /// Positions or versions that do not ascend.
    Order,
    /// Part of a batch, or one with others between.
    Torn,
    /// Elsewhere than it was acknowledged, or other than it was sent.
    Changed,
    /// There, though it was said not to be, or nobody sent it.
    Phantom,
    /// A follower was given something other than the log.
    Follower,
    /// A check does not hold where its batch is.
    Check,
    /// A check was said to fail because of something that is not there.
    Evidence,
    Tracking,
    /// An answer that no failover explains.
    Odd,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    pub wrong: Wrong,
    pub words: String,
}

/// All that is wrong with a history.
pub fn check(history: &History<'_>) -> Vec<Violation> {
    let mut checker = Checker { history, by_key: HashMap::new(), versions: HashMap::new(), found: Vec::new() };
    for (index, stored) in history.log.iter().enumerate() {
        checker.by_key.entry(&stored.event.key).or_default().push(index);
    }
    checker.log();
    checker.followers();
    let mut places = Vec::new();
    for batch in &history.batches {
        if let Some(first) = checker.batch(batch) {
            places.push((first, *batch));
        }
        checker.evidence(batch);
    }
    places.sort_by_key(|(first, _)| *first);
    checker.checks(&places);
    checker.strangers();
    checker.found
}

struct Checker<'a> {
    history: &'a History<'a>,
    /// Where in the log each key is.
    by_key: HashMap<&'a str, Vec<usize>>,
    /// The last version of each stream.
    versions: HashMap<&'a str, u64>,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn find(&mut self, wrong: Wrong, words: String) {
        self.found.push(Violation { wrong, words });
    }

    /// Positions and versions go 1, 2, 3, and no id comes twice.
    fn log(&mut self) {
        let mut last = 0;
        let mut ids: HashMap<&str, u64> = HashMap::new();
        for stored in self.history.log {
            let position = stored.position;
            self.next(last, position, &format!("position {position}"));
            last = position;
            let before = self.versions.insert(&stored.event.stream, stored.version).unwrap_or(0);
            self.next(before, stored.version, &format!("version {} of {}", stored.version, stored.event.stream));
            if let Some(other) = ids.insert(&stored.id, position) {
                self.find(Wrong::Doubled, format!("id {} is at {other} and {position}", stored.id));
            }
        }
        if last != self.history.head {
            self.find(Wrong::Gap, format!("the head is {}, the last event at {last}", self.history.head));
        }
    }

    fn next(&mut self, before: u64, now: u64, what: &str) {
        if now <= before {
            self.find(Wrong::Order, format!("{what} comes behind {before}"));
        } else if now > before + 1 {
            self.find(Wrong::Gap, format!("{what} comes behind {before}"));
        }
    }

    /// Each was given the beginning of the log, in its order.
    fn followers(&mut self) {
        for (number, seen) in self.history.followers.iter().enumerate() {
            let stored = self.history.log.iter().map(Some).chain(std::iter::repeat(None));
            let other = seen.iter().zip(stored).find(|((position, id), stored)| {
                stored.is_none_or(|stored| stored.position != *position || stored.id != *id)
            });
            if let Some(((position, id), stored)) = other {
                let instead = stored.map_or(String::from("nothing"), |stored| format!("{stored:?}"));
                self.find(Wrong::Follower, format!("follower {number} was given {id} at {position}, not {instead}"));
            }
        }
    }

    /// Where a batch is stored, if all of it is.
    fn batch(&mut self, batch: &Batch) -> Option<u64> {
        let history = self.history;
        let name = &batch.events[0].key;
        let mut there: Vec<&Stored> = Vec::new();
        for event in &batch.events {
            let places = self.by_key.get(&*event.key).map_or(&[][..], Vec::as_slice);
            there.extend(places.first().map(|index| &history.log[*index]));
            if places.len() > 1 {
                self.find(Wrong::Doubled, format!("{} is there {} times", event.key, places.len()));
            }
        }
        let all = there.len() == batch.events.len();
        match &batch.outcome {
            Outcome::Acknowledged(_) if !all => {
                let missing = batch.events.len() - there.len();
                self.find(Wrong::Lost, format!("{missing} of {} events of batch {name}", batch.events.len()));
            }
            Outcome::Refused(_) | Outcome::Failed if !there.is_empty() => {
                self.find(Wrong::Phantom, format!("batch {name} is there: {:?}", batch.outcome));
            }
            Outcome::Odd(answer) => self.find(Wrong::Odd, format!("batch {name}: {answer}")),
            _ => {}
        }
        if !all {
            if !there.is_empty() {
                self.find(Wrong::Torn, format!("{} of {} events of batch {name}", there.len(), batch.events.len()));
            }
            return None;
        }
        if there.windows(2).any(|two| two[0].position + 1 != two[1].position) {
            self.find(Wrong::Torn, format!("the events of batch {name} are not side by side"));
        }
        if there.iter().zip(&batch.events).any(|(stored, sent)| stored.event != *sent) {
            self.find(Wrong::Changed, format!("batch {name} is not what was sent"));
        }
        if batch.ids.as_ref().is_some_and(|ids| there.iter().zip(ids).any(|(stored, id)| stored.id != *id)) {
            self.find(Wrong::Changed, format!("batch {name} has not the ids that were sent"));
        }
        if let Outcome::Acknowledged(places) = &batch.outcome {
            let stored: Vec<_> = there.iter().map(|stored| (stored.position, stored.version)).collect();
            if stored != *places {
                self.find(Wrong::Changed, format!("batch {name} was acknowledged at {places:?}, and is at {stored:?}"));
            }
        }
        Some(there[0].position)
    }

    /// What a refusal rested on is in the log.
    fn evidence(&mut self, batch: &Batch) {
        let Outcome::Refused(evidence) = &batch.outcome else { return };
        let history = self.history;
        let holds = match (&batch.check, evidence) {
            (Check::Version(expected), Evidence::Version(actual)) => {
                let reached = self.versions.get(&*batch.events[0].stream).copied().unwrap_or(0);
                actual != expected && *actual <= reached
            }
            (Check::NoTag { tag, after }, Evidence::Position(position)) => {
                let index = history.log.partition_point(|stored| stored.position < *position);
                let there = history.log.get(index).filter(|stored| stored.position == *position);
                position > after && there.is_some_and(|stored| stored.event.tags.contains(tag))
            }
            (Check::Tracking { source, position }, Evidence::Tracking(recorded)) => {
                recorded >= position && history.tracking.get(source).is_some_and(|last| last >= recorded)
            }
            _ => false,
        };
        if !holds {
            self.find(Wrong::Evidence, format!("batch {}: {:?}: {evidence:?}", batch.events[0].key, batch.check));
        }
    }

    /// Replays the batches: each check holds where its batch is.
    fn checks(&mut self, places: &[(u64, &Batch)]) {
        let mut tracked: BTreeMap<&str, u64> = BTreeMap::new();
        for (first, batch) in places {
            let name = &batch.events[0].key;
            let before = &self.history.log[..self.history.log.partition_point(|stored| stored.position < *first)];
            match &batch.check {
                Check::None => {}
                Check::Version(expected) => {
                    let stream = &batch.events[0].stream;
                    let version =
                        before.iter().rev().find(|one| one.event.stream == *stream).map_or(0, |one| one.version);
                    if version != *expected {
                        self.find(Wrong::Check, format!("batch {name} expects version {expected}, behind {version}"));
                    }
                }
                Check::NoTag { tag, after } => {
                    let taken = before.iter().rev().take_while(|stored| stored.position > *after);
                    if let Some(taken) = taken.filter(|stored| stored.event.tags.contains(tag)).last() {
                        let words = format!("batch {name} wants no {tag} behind {after}: {taken:?}");
                        self.find(Wrong::Check, words);
                    }
                }
                Check::Tracking { source, position } => {
                    let last = tracked.insert(source, *position).unwrap_or(0);
                    if *position <= last {
                        self.find(Wrong::Tracking, format!("batch {name} moves {source} from {last} to {position}"));
                    }
                }
            }
        }
        for (source, position) in self.history.tracking {
            let last = tracked.get(&**source).copied().unwrap_or(0);
            if *position != last {
                self.find(Wrong::Tracking, format!("{source} is at {position}, its last event says {last}"));
            }
        }
        let mut seats: HashMap<&str, u64> = HashMap::new();
        for stored in self.history.log {
            for seat in stored.event.tags.iter().filter(|tag| tag.starts_with("seat:")) {
                if let Some(other) = seats.insert(seat, stored.position) {
                    self.find(Wrong::Check, format!("{seat} is taken at {other} and {}", stored.position));
                }
            }
        }
    }

    /// Nothing is there that nobody sent.
    fn strangers(&mut self) {
        let sent = self.history.batches.iter().flat_map(|batch| &batch.events).map(|event| &*event.key);
        let sent: std::collections::HashSet<&str> = sent.collect();
        for stored in self.history.log {
            if !sent.contains(&*stored.event.key) {
                self.find(Wrong::Phantom, format!("nobody sent {stored:?}"));
            }
        }
    }
}
