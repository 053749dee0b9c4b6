//! The key table: which streams and ids there are, in this segment and in older ones.
//!
//! An append asks what version a stream has, and whether an id is known. It cannot ask every segment. So an index file
//! takes the tables before it into its own, as long as the next covers no more segments than it covers itself: a
//! log of n segments then has about log2(n) tables to ask, each begins where another ends, and an entry
//! is written about log2(n) times. No entry is ever dropped: a stream has one for each segment it occurs in.

use super::super::storage::File;
use super::filter::{Block, block_of};
use super::header::{Header, Part};
use super::page::{Pages, Section, u32_at, u64_at};
use super::sink::Sink;
use super::table::{Table, bucket};
use super::{Binding, Fault, Idx, Key};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

/// No table takes in so many that it has more entries.
const ENTRIES_MAX: u64 = 16_000_000;

impl Idx {
    /// See [`Idx::candidates`]; `keep_filter` if the table will be asked often.
    pub(super) fn find_key(&self, key: Key, keep_filter: bool) -> Result<Vec<u64>, Fault> {
        let mut positions = Vec::new();
        if self.may_have(key.0, keep_filter)? {
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
        for (taken, next) in older.iter().enumerate() {
            let adjoins = next.binding().store == binding.store
                && next.binding().segment.checked_add(merge.covers) == Some(binding.segment)
                && next.keys_end() == merge.keys_base;
            let entries = u64::from(merge.entries) + u64::from(next.header.section(Part::Keys).records);
            // Positions in the table count in 32 bits.
            let reach = (binding.first + u64::from(binding.events)).saturating_sub(next.header.keys_base);
            let fits = entries <= ENTRIES_MAX && u32::try_from(reach).is_ok();
            if !adjoins || !fits || next.covers() > merge.covers {
                break;
            }
            merge = Merge {
                tables: &older[..=taken],
                covers: merge.covers + next.covers(),
                keys_base: next.header.keys_base,
                entries: entries as u32,
            };
        }
        merge
    }

    /// Writes the table, its buckets and its filter in one pass. `own` ascends and holds ordinals.
    pub fn write(&self, file: &dyn File, seed: u32, header: &Header, own: &[(u64, u32)]) -> Result<(), Fault> {
        let mut out = Writer::new(file, seed, header);
        let shift = (header.binding.first - self.keys_base) as u32;
        let mut sources = vec![Source::Own(own, shift)];
        for table in self.tables {
            let shift = (table.header.keys_base - self.keys_base) as u32;
            sources.push(Source::Table(Entries::new(&table.pages, table.header.section(Part::Keys), shift)));
        }
        let mut heap = BinaryHeap::with_capacity(sources.len());
        for (number, source) in sources.iter_mut().enumerate() {
            heap.extend(source.next()?.map(|entry| Reverse((entry, number))));
        }
        while let Some(mut top) = heap.peek_mut() {
            let Reverse((entry, number)) = *top;
            out.push(entry)?;
            match sources[number].next()? {
                Some(next) => *top = Reverse((next, number)),
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        out.finish()
    }
}

/// Where sorted entries come from: hashes, and positions as the new table counts them.
enum Source<'a> {
    Own(&'a [(u64, u32)], u32),
    Table(Entries<'a>),
}

impl Source<'_> {
    fn next(&mut self) -> Result<Option<(u64, u32)>, Fault> {
        match self {
            Source::Own(own, shift) => Ok(own.split_off_first().map(|(hash, ordinal)| (*hash, ordinal + *shift))),
            Source::Table(entries) => entries.next(),
        }
    }
}

/// The entries of an older table, a piece in memory at a time.
struct Entries<'a> {
    pages: &'a Pages,
    section: Section,
    shift: u32,
    piece: std::vec::IntoIter<(u64, u32)>,
    read: u32,
    last: (u64, u32),
}

impl<'a> Entries<'a> {
    fn new(pages: &'a Pages, section: Section, shift: u32) -> Entries<'a> {
        Entries { pages, section, shift, piece: Vec::new().into_iter(), read: 0, last: (0, 0) }
    }

    fn next(&mut self) -> Result<Option<(u64, u32)>, Fault> {
        if self.piece.len() == 0 && self.read < self.section.records {
            let end = self.section.records.min(self.read.saturating_add(16 * self.section.per_page()));
            let mut piece = Vec::with_capacity((end - self.read) as usize);
            self.pages.each(&self.section, self.read..end, |bytes| {
                piece.extend(bytes.chunks_exact(12).map(|entry| (u64_at(entry, 0), u32_at(entry, 8))));
            })?;
            self.piece = piece.into_iter();
            self.read = end;
        }
        let Some((hash, position)) = self.piece.next() else { return Ok(None) };
        let entry = (hash, position.saturating_add(self.shift));
        if std::mem::replace(&mut self.last, entry) > entry {
            return Err(self.pages.damaged(self.section.page_of(self.read - 1), "the keys do not ascend"));
        }
        Ok(Some(entry))
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
