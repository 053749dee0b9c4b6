//! The key table: which streams and ids there are, in this segment and in older ones.
//!
//! An append asks what version a stream has, and whether an id is known. It cannot ask every segment. So where an index file
//! would be the fourth that covers so many segments, it takes the three tables before it into its own, and goes on with what
//! it covers then: a log of n segments has at most 3 log4(n) tables to ask, each begins where another ends, and an
//! entry is written about log4(n) times. No entry is ever dropped: a stream has one for each segment it occurs in.
//!
//! Why four: to write an entry costs as much as to ask dozens of filters, and the append that begins a segment waits for it.

use super::super::storage::File;
use super::filter::{Block, block_of};
use super::header::{Header, Part};
use super::page::{Pages, Section, u32_at, u64_at};
use super::sink::Sink;
use super::table::{Table, bucket};
use super::{Binding, Fault, Idx, Key};
use std::sync::Arc;

/// A table takes in so many others of its size at once.
const OTHERS: usize = 3;
/// So many entries are read at once: those of 16 pages.
const PIECE_ENTRIES: u32 = 16 * 341;
/// No table takes in so many that it has more entries.
const ENTRIES_MAX: u64 = 8_000_000;

impl Idx {
    /// See [`Idx::candidates`]; `keep_filter` if the table will be asked often.
    pub(super) fn find_key(&self, key: Key, keep_filter: bool) -> Result<Vec<u64>, Fault> {
        let mut positions = Vec::new();
        if self.may_have(key, keep_filter)? {
            let table =
                Table { buckets: self.header.section(Part::KeyBuckets), entries: self.header.section(Part::Keys) };
            table.find(&self.pages, key.0, |entry| {
                positions.push(self.header.keys_base.saturating_add(u32_at(entry, 8).into()));
            })?;
            positions.reverse();
        }
        Ok(positions)
    }

    /// The position behind the last one that the table covers.
    fn keys_end(&self) -> u64 {
        self.header.binding.first + u64::from(self.header.binding.events)
    }
}

/// The tables that an index takes in.
pub struct Merge<'a> {
    pub tables: &'a [Arc<Idx>],
    pub covers: u64,
    pub keys_base: u64,
    /// How many entries they have together.
    pub entries: u32,
}

impl<'a> Merge<'a> {
    /// Takes in as many of `older` as the rule says, beside `own` entries.
    pub fn new(binding: &Binding, own: u32, older: &'a [Arc<Idx>]) -> Merge<'a> {
        let mut merge = Merge { tables: &[], covers: 1, keys_base: binding.first, entries: own };
        while let Some(next) = merge.with_next(binding, older) {
            merge = next;
        }
        merge
    }

    /// With the next tables of the size that it has.
    fn with_next(&self, binding: &Binding, older: &'a [Arc<Idx>]) -> Option<Merge<'a>> {
        let tables = older.get(..self.tables.len() + OTHERS)?;
        let mut with = Merge { tables, ..*self };
        for next in &tables[self.tables.len()..] {
            let adjoins = next.binding().store == binding.store
                && next.binding().segment.checked_add(with.covers) == Some(binding.segment)
                && next.keys_end() == with.keys_base;
            let entries = u64::from(with.entries) + u64::from(next.header.section(Part::Keys).records);
            // Positions in the table count in 32 bits.
            let reach = (binding.first + u64::from(binding.events)).saturating_sub(next.header.keys_base);
            let fits = entries <= ENTRIES_MAX && u32::try_from(reach).is_ok();
            if !adjoins || !fits || next.covers() > self.covers {
                return None;
            }
            with.covers += next.covers();
            with.keys_base = next.header.keys_base;
            with.entries = entries as u32;
        }
        Some(with)
    }

    /// Writes the table, its buckets and its filter in one pass. `own` ascends and holds ordinals.
    pub fn write(&self, file: &dyn File, seed: u32, header: &Header, own: &[(u64, u32)]) -> Result<(), Fault> {
        let mut out = Writer::new(file, seed, header);
        let shift = (header.binding.first - self.keys_base) as u32;
        let mut sources = vec![Source::new(Origin::Own(own), shift)];
        for table in self.tables {
            let shift = (table.header.keys_base - self.keys_base) as u32;
            sources.push(Source::new(Origin::Table(&table.pages, table.header.section(Part::Keys)), shift));
        }
        // Up to the least of what the sources' pieces end with, all entries are at hand. A sort finds that they are sorted pieces.
        let mut sorted = Vec::new();
        loop {
            let mut through = None;
            for source in &mut sources {
                through = through.into_iter().chain(source.fill()?).min();
            }
            let Some(through) = through else { break };
            sorted.clear();
            sources.iter_mut().for_each(|source| source.take(through, &mut sorted));
            sorted.sort();
            sorted.iter().try_for_each(|entry| out.push(*entry))?;
        }
        out.finish()
    }
}

/// Sorted entries, a piece in memory at a time: hashes, and positions as the new table counts them.
struct Source<'a> {
    from: Origin<'a>,
    /// What is added to a position.
    shift: u32,
    piece: Vec<(u64, u32)>,
    /// How many of the piece were taken, and how many of all were read.
    taken: usize,
    read: u32,
}

enum Origin<'a> {
    Own(&'a [(u64, u32)]),
    Table(&'a Pages, Section),
}

impl<'a> Source<'a> {
    fn new(from: Origin<'a>, shift: u32) -> Source<'a> {
        Source { from, shift, piece: Vec::new(), taken: 0, read: 0 }
    }

    /// Makes sure that there is a piece, unless all were taken; the last of it.
    fn fill(&mut self) -> Result<Option<(u64, u32)>, Fault> {
        let records = match self.from {
            Origin::Own(own) => own.len() as u32,
            Origin::Table(_, section) => section.records,
        };
        if self.taken < self.piece.len() || self.read == records {
            return Ok(self.piece[self.taken..].last().copied());
        }
        let range = self.read..records.min(self.read.saturating_add(PIECE_ENTRIES));
        let before = self.piece.last().copied();
        self.piece.clear();
        self.taken = 0;
        self.read = range.end;
        let Source { piece, shift, .. } = self;
        let mut add = |hash: u64, position: u32| piece.push((hash, position.saturating_add(*shift)));
        match self.from {
            Origin::Own(own) => {
                own[range.start as usize..range.end as usize].iter().for_each(|(hash, ordinal)| add(*hash, *ordinal));
            }
            Origin::Table(pages, section) => {
                pages.each(&section, range.clone(), |bytes| {
                    bytes.chunks_exact(12).for_each(|entry| add(u64_at(entry, 0), u32_at(entry, 8)));
                })?;
                if before > self.piece.first().copied() || !self.piece.is_sorted() {
                    return Err(pages.damaged(section.page_of(range.start), "the keys do not ascend"));
                }
            }
        }
        Ok(self.piece.last().copied())
    }

    /// Gives what there is of the piece up to an entry.
    fn take(&mut self, through: (u64, u32), out: &mut Vec<(u64, u32)>) {
        let left = &self.piece[self.taken..];
        let count = left.partition_point(|entry| *entry <= through);
        out.extend(&left[..count]);
        self.taken += count;
    }
}

/// Writes the three sections side by side.
struct Writer<'f> {
    buckets: Sink<'f>,
    entries: Sink<'f>,
    filter: Sink<'f>,
    bucket_records: u32,
    next_bucket: u32,
    written: u32,
    blocks: u32,
    block: u32,
    bits: Block,
}

impl<'f> Writer<'f> {
    fn new(file: &'f dyn File, seed: u32, header: &Header) -> Writer<'f> {
        let sink = |part| Sink::new(file, seed, header.section(part));
        Writer {
            buckets: sink(Part::KeyBuckets),
            entries: sink(Part::Keys),
            filter: sink(Part::Filter),
            bucket_records: header.section(Part::KeyBuckets).records,
            next_bucket: 0,
            written: 0,
            blocks: header.section(Part::Filter).records,
            block: 0,
            bits: Block::default(),
        }
    }

    fn push(&mut self, (hash, position): (u64, u32)) -> Result<(), Fault> {
        if self.bucket_records > 0 {
            self.begin_buckets(bucket(hash, self.bucket_records) + 1)?;
        }
        self.end_blocks(block_of(hash, self.blocks))?;
        self.bits.add(hash);
        let mut entry = [0; 12];
        entry[..8].copy_from_slice(&hash.to_le_bytes());
        entry[8..].copy_from_slice(&position.to_le_bytes());
        self.written += 1;
        self.entries.push(&entry)
    }

    /// All buckets before `end` begin at or before the entry that comes.
    fn begin_buckets(&mut self, end: u32) -> Result<(), Fault> {
        while self.next_bucket < end {
            self.buckets.push(&self.written.to_le_bytes())?;
            self.next_bucket += 1;
        }
        Ok(())
    }

    /// All blocks before `end` are complete.
    fn end_blocks(&mut self, end: u32) -> Result<(), Fault> {
        while self.block < end {
            self.filter.push(&std::mem::take(&mut self.bits).encode())?;
            self.block += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), Fault> {
        self.begin_buckets(self.bucket_records)?;
        self.end_blocks(self.blocks)?;
        self.buckets.finish()?;
        self.entries.finish()?;
        self.filter.finish()
    }
}
