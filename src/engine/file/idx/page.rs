//! Pages: what an index file is made of, and how records lie in them.
//!
//! Each page ends in a checksum that begins with the header's and with the page's number. So a page that
//! stands in the wrong place, or comes from another index file, is found out as surely as one that is damaged.

use super::super::checksum::{crc32c, crc32c_append};
use super::super::storage::{File, read_exact_at};
use super::Fault;
use std::ops::Range;
use std::sync::Arc;

/// The bytes of a page.
pub const PAGE: usize = 4096;
/// The bytes that a page has for records; its checksum has the rest.
pub const ROOM: usize = PAGE - 4;
/// So many pages are read and written at once where there are many.
pub const PAGES_AT_ONCE: u32 = 16;

/// The checksum of the header, page 0.
pub fn header_checksum(room: &[u8]) -> u32 {
    crc32c(room)
}

/// The checksum of any other page; `seed` is that of the header.
pub fn checksum(seed: u32, page: u32, room: &[u8]) -> u32 {
    crc32c_append(crc32c_append(seed, &page.to_le_bytes()), room)
}

/// Records of one size, one after the other. None reaches over the end of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    /// Its first page.
    pub page: u32,
    /// How many records there are.
    pub records: u32,
    /// The bytes of each.
    pub size: u32,
}

impl Section {
    /// How many records a page has room for.
    pub fn per_page(&self) -> u32 {
        ROOM as u32 / self.size
    }

    /// How many pages it takes.
    pub fn pages(&self) -> u32 {
        self.records.div_ceil(self.per_page())
    }

    /// The page in which a record lies.
    pub fn page_of(&self, record: u32) -> u32 {
        self.page + record / self.per_page()
    }
}

/// The pages of an open index file.
pub struct Pages {
    pub file: Arc<dyn File>,
    /// The header's checksum.
    pub seed: u32,
    /// The segment whose index it is.
    pub segment: u64,
}

impl Pages {
    /// Reads pages that follow on each other, and checks each.
    pub fn read(&self, first: u32, pages: &mut [u8]) -> Result<(), Fault> {
        read_exact_at(&*self.file, pages, u64::from(first) * PAGE as u64).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.damaged(first, "the file ends too early"),
            _ => Fault::Io(error),
        })?;
        for (bytes, page) in pages.chunks_exact(PAGE).zip(first..) {
            let (room, stored) = bytes.split_at(ROOM);
            if checksum(self.seed, page, room) != u32_at(stored, 0) {
                return Err(self.damaged(page, "the checksum of a page does not hold"));
            }
        }
        Ok(())
    }

    /// Gives the bytes of the records of a range, in pieces of whole records.
    pub fn each(&self, section: &Section, range: Range<u32>, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
        if range.start >= range.end {
            return Ok(());
        }
        if range.end > section.records {
            return Err(self.damaged(section.page, "what leads into a section points behind its end"));
        }
        let (per_page, size) = (section.per_page(), section.size as usize);
        let last = section.page_of(range.end - 1);
        let mut page = section.page_of(range.start);
        let mut buffer = vec![0; (last - page + 1).min(PAGES_AT_ONCE) as usize * PAGE];
        while page <= last {
            let pages = (last - page + 1).min(PAGES_AT_ONCE);
            let bytes = &mut buffer[..pages as usize * PAGE];
            self.read(page, bytes)?;
            for (bytes, number) in bytes.chunks_exact(PAGE).zip(page..) {
                let first = (number - section.page) * per_page;
                let start = range.start.saturating_sub(first) as usize;
                let end = (range.end - first).min(per_page) as usize;
                take(&bytes[start * size..end * size]);
            }
            page += pages;
        }
        Ok(())
    }

    /// What was found in a page.
    pub fn damaged(&self, page: u32, what: &'static str) -> Fault {
        Fault::Damaged { segment: self.segment, offset: u64::from(page) * PAGE as u64, what }
    }
}

/// Reads single records, and keeps the page that was read last.
pub struct Records<'p> {
    pub pages: &'p Pages,
    pub section: Section,
    page: Option<u32>,
    bytes: [u8; PAGE],
}

impl<'p> Records<'p> {
    pub fn new(pages: &'p Pages, section: Section) -> Records<'p> {
        Records { pages, section, page: None, bytes: [0; PAGE] }
    }

    /// A record.
    pub fn get(&mut self, record: u32) -> Result<&[u8], Fault> {
        let size = self.section.size as usize;
        let at = (record % self.section.per_page()) as usize * size;
        Ok(&self.page_with(record)?[at..at + size])
    }

    /// All of the page in which a record lies. Behind the last record of the section it is not of interest.
    pub fn page_with(&mut self, record: u32) -> Result<&[u8], Fault> {
        if record >= self.section.records {
            return Err(self.pages.damaged(self.section.page, "what leads into a section points behind its end"));
        }
        let page = self.section.page_of(record);
        if self.page != Some(page) {
            // Not kept if it cannot be read.
            self.page = None;
            self.pages.read(page, &mut self.bytes)?;
            self.page = Some(page);
        }
        Ok(&self.bytes)
    }
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// The bytes at `at`, which must be there: records have a fixed size.
pub fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0; N])
}
