//! Tables sorted by hash: a look-up reads a page or two, however many entries there are.
//!
//! In front of a table stands a list of buckets: for each value that the first bits of a hash can have, the entry
//! at which its hashes begin. A small table has none.

use super::Fault;
use super::page::{Pages, Records, Section, u32_at, u64_at};

/// A bucket has about so many entries, a third of a page: so most look-ups read one page of entries.
const BUCKET_ENTRIES: u32 = 128;
/// No table has more than 2 to the power of this many buckets.
const BITS_MAX: u32 = 24;

/// How many records the list of buckets has for so many entries.
pub fn bucket_records(entries: u32) -> u32 {
    match entries.div_ceil(BUCKET_ENTRIES).next_power_of_two().min(1 << BITS_MAX) {
        1 => 0,
        buckets => buckets + 1,
    }
}

/// The bucket of a hash; `records` are those of the list of buckets, more than 2.
pub fn bucket(hash: u64, records: u32) -> u32 {
    let bits = (records - 1).trailing_zeros();
    (hash >> (64 - bits)) as u32
}

/// A sorted table. Each entry begins with its hash.
#[derive(Clone, Copy)]
pub struct Table {
    pub buckets: Section,
    pub entries: Section,
}

impl Table {
    /// Gives each entry with this hash, in their order.
    pub fn find(&self, pages: &Pages, hash: u64, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
        let (mut from, end) = match self.buckets.records {
            0 => (0, self.entries.records),
            records => {
                let mut buckets = Records::new(pages, self.buckets);
                let bucket = bucket(hash, records);
                (u32_at(buckets.get(bucket)?, 0), u32_at(buckets.get(bucket + 1)?, 0))
            }
        };
        if from > end || end > self.entries.records {
            return Err(pages.damaged(self.buckets.page, "a bucket points outside its table"));
        }
        let (per_page, size) = (self.entries.per_page(), self.entries.size as usize);
        let mut entries = Records::new(pages, self.entries);
        // To the last page that begins with a smaller hash: before it there is none like this one.
        let (mut low, mut high) = (from / per_page, end.div_ceil(per_page));
        while high.saturating_sub(low) > 1 {
            let middle = low + (high - low) / 2;
            if u64_at(entries.get(middle * per_page)?, 0) < hash {
                low = middle;
            } else {
                high = middle;
            }
        }
        from = from.max(low * per_page);
        while from < end {
            let page_end = end.min((from / per_page + 1).saturating_mul(per_page));
            let bytes = entries.page_with(from)?;
            let first = (from % per_page) as usize;
            let bytes = &bytes[first * size..(first + (page_end - from) as usize) * size];
            let count = bytes.len() / size;
            let hash_at = |entry: usize| u64_at(bytes, entry * size);
            for entry in partition_point(count, |entry| hash_at(entry) < hash)..count {
                if hash_at(entry) != hash {
                    return Ok(());
                }
                take(&bytes[entry * size..(entry + 1) * size]);
            }
            from = page_end;
        }
        Ok(())
    }
}

/// The first of `count` for which `before` does not hold.
pub fn partition_point(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
