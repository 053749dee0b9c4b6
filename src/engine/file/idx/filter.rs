//! The key table's filter: says of nearly every key that is not in the table that it is not, in one look at one place.
//!
//! A split-block Bloom filter as in Apache Parquet: a key's high half chooses one block of 32 bytes, its low
//! half one bit in each of the block's eight words. Since the table is sorted, its filter is written block after block
//! while the table is. It is kept in memory from its first use for appends on, if the memory for all filters of the process has
//! room for it; and is read from disk, a page for each look, if not.

use super::header::Part;
use super::page::{Records, u32_at};
use super::{Fault, Idx, Key};
use crate::huge;
use memmap2::MmapMut;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Of each key's bits there are so many: with 16, one look in 900 at an absent key is in vain; with 12, one in 200 was.
const BITS_PER_KEY: u64 = 16;
/// The bytes of a block.
pub const BLOCK: usize = 32;
/// All filters of the process together take so much memory at most.
pub const MEMORY_MAX: usize = 64 << 20;

/// The memory that filters take now.
pub static MEMORY: AtomicUsize = AtomicUsize::new(0);

/// Those of Parquet: odd numbers, one for each word of a block.
const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// One block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block([u32; 8]);

/// How many blocks a table with so many entries has.
pub fn blocks(entries: u32) -> u32 {
    (u64::from(entries) * BITS_PER_KEY).div_ceil(BLOCK as u64 * 8) as u32
}

/// Which of so many blocks a key is in. It ascends with the key.
pub fn block_of(key: u64, blocks: u32) -> u32 {
    (((key >> 32) * u64::from(blocks)) >> 32) as u32
}

impl Block {
    pub fn add(&mut self, key: u64) {
        for (word, bit) in self.0.iter_mut().zip(bits(key)) {
            *word |= bit;
        }
    }

    pub fn may_have(&self, key: u64) -> bool {
        self.0.iter().zip(bits(key)).fold(true, |all, (word, bit)| all & (word & bit != 0))
    }

    pub fn decode(bytes: &[u8]) -> Block {
        Block(std::array::from_fn(|word| u32_at(bytes, word * 4)))
    }

    pub fn encode(&self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        for (place, word) in bytes.chunks_exact_mut(4).zip(self.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

fn bits(key: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((key as u32).wrapping_mul(salt) >> 27))
}

/// A filter in memory. Whoever drops it gives the memory back.
pub struct Loaded {
    /// All blocks, as they are on disk.
    blocks: MmapMut,
    reserved: usize,
}

impl Loaded {
    fn block(&self, block: u32) -> Block {
        let start = block as usize * BLOCK;
        Block::decode(&self.blocks[start..start + BLOCK])
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        MEMORY.fetch_sub(self.reserved, Relaxed);
    }
}

impl Idx {
    /// Whether the key table may have this key: if not, it has not. `keep` asks for the filter to be in memory from now on.
    pub(super) fn may_have(&self, key: Key, keep: bool) -> Result<bool, Fault> {
        let mut may_have = [false];
        self.note_in_filter(&[key], &mut may_have, keep)?;
        Ok(may_have[0])
    }

    /// The same for many keys, each of which is noted in `may_have`, that stays as it is if the table has not the key.
    pub(super) fn note_in_filter(&self, keys: &[Key], may_have: &mut [bool], keep: bool) -> Result<(), Fault> {
        let section = self.header.section(Part::Filter);
        if section.records == 0 {
            return Ok(());
        }
        let mut loaded = self.filter.read().unwrap_or_else(PoisonError::into_inner);
        if loaded.is_none() && keep {
            drop(loaded);
            if let Some(filter) = self.load()? {
                *self.filter.write().unwrap_or_else(PoisonError::into_inner) = Some(filter);
            }
            loaded = self.filter.read().unwrap_or_else(PoisonError::into_inner);
        }
        let block_of = |key: &Key| block_of(key.0, section.records);
        if let Some(loaded) = &*loaded {
            // Without a branch on what was found, so that looks at memory overlap.
            for (key, may_have) in keys.iter().zip(may_have) {
                *may_have |= loaded.block(block_of(key)).may_have(key.0);
            }
            return Ok(());
        }
        let mut blocks = Records::new(&self.pages, section);
        for (key, may_have) in keys.iter().zip(may_have) {
            *may_have = *may_have || Block::decode(blocks.get(block_of(key))?).may_have(key.0);
        }
        Ok(())
    }

    /// Reads all of the filter; `None` if there is no room for it.
    fn load(&self) -> Result<Option<Loaded>, Fault> {
        let section = self.header.section(Part::Filter);
        let len = section.records as usize * BLOCK;
        let reserve = |taken: usize| Some(taken + len).filter(|taken| *taken <= MEMORY_MAX);
        if MEMORY.fetch_update(Relaxed, Relaxed, reserve).is_err() {
            return Ok(None);
        }
        let Some(blocks) = huge::memory(len) else {
            MEMORY.fetch_sub(len, Relaxed);
            return Ok(None);
        };
        // From here on whatever happens gives the memory back.
        let mut loaded = Loaded { blocks, reserved: len };
        let mut filled = 0;
        self.pages.each(&section, 0..section.records, |bytes| {
            loaded.blocks[filled..filled + bytes.len()].copy_from_slice(bytes);
            filled += bytes.len();
        })?;
        Ok(Some(loaded))
    }

    /// See [`Idx::unload`].
    pub(super) fn unload_filter(&self) {
        *self.filter.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_that_are_absent_seem_present() {
        let entries = 100_000;
        let key = |number: u64| {
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xd6e8_feb8_6659_fd93)
        };
        let blocks = blocks(entries);
        let mut filter = vec![Block::default(); blocks as usize];
        for number in 0..u64::from(entries) {
            filter[block_of(key(number), blocks) as usize].add(key(number));
        }
        let seems = |number: u64| filter[block_of(key(number), blocks) as usize].may_have(key(number));
        assert!((0..u64::from(entries)).all(seems));
        let vain = (1_000_000..1_100_000).filter(|number| seems(*number)).count();
        assert!(vain < 200, "{vain} of 100,000");
    }
}
