//! Interned names, each with its postings.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

#[derive(Default)]
pub(super) struct Names {
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

    pub fn postings(&self, number: u32) -> &[u32] {
        &self.entries[number as usize].postings
    }
}
