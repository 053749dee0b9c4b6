//! Interned names, each with its postings.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Names, and the events that carry each.
#[derive(Default)]
pub(crate) struct Names {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    entries: Vec<Entry>,
}

struct Entry {
    name: Box<str>,
    postings: Vec<u32>,
}

impl Names {
    /// The number of `name`, if it has one.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.table.find(self.hasher.hash_one(name), |&number| &*self.entries[number as usize].name == name).copied()
    }

    /// Makes room for so many more names, `None` if there is no memory.
    pub fn try_reserve(&mut self, names: usize) -> Option<()> {
        let Names { table, hasher, entries } = self;
        entries.try_reserve(names).ok()?;
        table.try_reserve(names, |&number| hasher.hash_one(&*entries[number as usize].name)).ok()
    }

    /// The number of `name`, which gets the next one if it has none.
    pub fn intern(&mut self, name: &str) -> u32 {
        let Names { table, hasher, entries } = self;
        let entry = table.entry(
            hasher.hash_one(name),
            |&number| &*entries[number as usize].name == name,
            |&number| hasher.hash_one(&*entries[number as usize].name),
        );
        match entry {
            hashbrown::hash_table::Entry::Occupied(known) => *known.get(),
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let number = entries.len() as u32;
                vacant.insert(number);
                entries.push(Entry { name: name.into(), postings: Vec::new() });
                number
            }
        }
    }

    /// Appends `item`, larger than all before, to the postings of `number`.
    pub fn post(&mut self, number: u32, item: u32) {
        self.entries[number as usize].postings.push(item);
    }

    /// Forgets the last of its postings, those from `len` on.
    pub fn retract(&mut self, number: u32, len: u32) {
        retract(&mut self.entries[number as usize].postings, len);
    }

    /// The same for every name.
    pub fn retract_all(&mut self, len: u32) {
        for entry in &mut self.entries {
            retract(&mut entry.postings, len);
        }
    }

    /// A name.
    pub fn name(&self, number: u32) -> &str {
        &self.entries[number as usize].name
    }

    pub fn postings(&self, number: u32) -> &[u32] {
        &self.entries[number as usize].postings
    }

    /// All that carry at least one event.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u32])> {
        self.entries.iter().map(|entry| (&*entry.name, &*entry.postings)).filter(|(_, postings)| !postings.is_empty())
    }
}

/// Forgets the end of a list, from `len` on.
pub(super) fn retract(postings: &mut Vec<u32>, len: u32) {
    while postings.last().is_some_and(|last| *last >= len) {
        postings.pop();
    }
}
