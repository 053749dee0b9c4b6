//! Ids, each with its event.
//!
//! The ids that a store makes count up within a batch, so that one entry is enough for all of them;
//! the others are hashed one by one. Which kind an id is of is seen from the ids alone: a log that is
//! read again comes to the same.

use crate::append::Batch;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Range;
use uuid::{Uuid, Variant};

/// Ids that follow on each other, of events that do so too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRun {
    /// The first of them.
    pub first: Uuid,
    /// Its event.
    pub ordinal: u32,
    /// How many there are, at least 2.
    pub count: u32,
}

impl IdRun {
    /// The ordinal of the event with this id.
    pub fn find(&self, id: Uuid) -> Option<u32> {
        let distance = counted(id)?.checked_sub(counted(self.first)?)?;
        (distance < self.count.into()).then(|| self.ordinal + distance as u32)
    }

    /// The last of them.
    pub fn last(&self) -> Uuid {
        counted(self.first).map_or(self.first, |first| uncounted(first + u128::from(self.count - 1)))
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Ids {
    singles: HashTable<(Uuid, u32)>,
    /// By the first id. No two reach into each other: they hold every id between their ends, and no id stands twice.
    runs: BTreeMap<Uuid, Range<u32>>,
    hasher: DefaultHashBuilder,
}

impl Ids {
    /// Makes room, `None` if there is no memory.
    pub fn try_reserve(&mut self, batch: &Batch) -> Option<()> {
        let singles = batch.ids().filter(|id| id.given).count() + 1;
        let hasher = &self.hasher;
        self.singles.try_reserve(singles, |(id, _)| hasher.hash_one(id)).ok()
    }

    /// Adds the ids of a batch whose first event is at `first`.
    pub fn extend(&mut self, batch: &Batch, first: u32) {
        let mut run: Option<(Uuid, Range<u32>)> = None;
        let mut next = None;
        for (id, ordinal) in batch.ids().map(|id| id.id).zip(first..) {
            let number = counted(id);
            match &mut run {
                Some((_, ordinals)) if number.is_some() && number == next => ordinals.end = ordinal + 1,
                _ => {
                    self.insert(run.replace((id, ordinal..ordinal + 1)));
                }
            }
            next = number.map(|number| number + 1);
        }
        self.insert(run);
    }

    fn insert(&mut self, run: Option<(Uuid, Range<u32>)>) {
        match run {
            Some((id, ordinals)) if ordinals.len() == 1 => {
                let hasher = &self.hasher;
                self.singles.insert_unique(hasher.hash_one(id), (id, ordinals.start), |(id, _)| hasher.hash_one(id));
            }
            Some((id, ordinals)) => {
                self.runs.insert(id, ordinals);
            }
            None => {}
        }
    }

    /// Forgets all from `len` on.
    pub fn truncate(&mut self, len: u32) {
        self.singles.retain(|(_, ordinal)| *ordinal < len);
        // A batch is forgotten whole, so no run is cut.
        self.runs.retain(|_, ordinals| ordinals.start < len);
    }

    /// The ordinal of the event with this id.
    pub fn find(&self, id: Uuid) -> Option<u32> {
        let single = self.singles.find(self.hasher.hash_one(id), |(known, _)| *known == id);
        single.map(|(_, ordinal)| *ordinal).or_else(|| {
            let (&first, ordinals) = self.runs.range(..=id).next_back()?;
            run(first, ordinals).find(id)
        })
    }

    pub fn runs(&self) -> impl Iterator<Item = IdRun> {
        self.runs.iter().map(|(&first, ordinals)| run(first, ordinals))
    }

    pub fn singles(&self) -> impl Iterator<Item = (Uuid, u32)> {
        self.singles.iter().copied()
    }
}

fn run(first: Uuid, ordinals: &Range<u32>) -> IdRun {
    IdRun { first, ordinal: ordinals.start, count: ordinals.len() as u32 }
}

/// The number that a UUIDv7 is, but for its version and variant; it counts up from one id to the next.
fn counted(id: Uuid) -> Option<u128> {
    if id.get_version_num() != 7 || id.get_variant() != Variant::RFC4122 {
        return None;
    }
    let id = id.as_u128();
    let (time, high, low) = (id >> 80, id >> 64 & 0xfff, id & (u64::MAX >> 2) as u128);
    Some(time << 74 | high << 62 | low)
}

/// The UUIDv7 that is this number.
fn uncounted(number: u128) -> Uuid {
    let (time, high, low) = (number >> 74, number >> 62 & 0xfff, number & (u64::MAX >> 2) as u128);
    Uuid::from_u128(time << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_up_over_its_version_and_variant() {
        let id = |text: &str| Uuid::parse_str(text).expect("it is a UUID");
        let last = id("0192f3a4-5b6c-7d8e-bfff-ffffffffffff");
        let next = id("0192f3a4-5b6c-7d8f-8000-000000000000");
        let run = IdRun { first: last, ordinal: 7, count: 2 };
        assert_eq!((run.find(last), run.find(next)), (Some(7), Some(8)));
        assert_eq!(run.last(), next);
        assert_eq!(run.find(id("0192f3a4-5b6c-7d8f-8000-000000000001")), None);
        assert_eq!(run.find(id("0192f3a4-5b6c-4d8f-8000-000000000000")), None, "of another version");
    }
}
