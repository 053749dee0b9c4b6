//! Writes sections, page by page, through a buffer of a few pages.

use super::super::storage::{File, write_all_at};
use super::Fault;
use super::page::{PAGE, PAGES_AT_ONCE, ROOM, Section, checksum};

/// Writes the records of one section in their order.
pub struct Sink<'f> {
    file: &'f dyn File,
    /// The header's checksum.
    seed: u32,
    size: usize,
    /// The page that stands first in the buffer.
    page: u32,
    /// The page behind the section.
    end: u32,
    buffer: Vec<u8>,
    /// Where the page that is being filled begins in the buffer.
    filling: usize,
}

impl<'f> Sink<'f> {
    pub fn new(file: &'f dyn File, seed: u32, section: Section) -> Sink<'f> {
        Sink {
            file,
            seed,
            size: section.size as usize,
            page: section.page,
            end: section.page + section.pages(),
            buffer: Vec::new(),
            filling: 0,
        }
    }

    /// Appends records.
    pub fn push(&mut self, mut records: &[u8]) -> Result<(), Fault> {
        while !records.is_empty() {
            let free = ROOM - (self.buffer.len() - self.filling);
            let (now, later) = records.split_at(records.len().min(free - free % self.size));
            self.buffer.extend(now);
            records = later;
            if free - now.len() < self.size {
                self.seal()?;
            }
        }
        Ok(())
    }

    /// Appends records that are numbers.
    pub fn push_numbers(&mut self, numbers: &[u32]) -> Result<(), Fault> {
        let mut bytes = [0; ROOM];
        for numbers in numbers.chunks(ROOM / 4) {
            let bytes = &mut bytes[..numbers.len() * 4];
            for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
                place.copy_from_slice(&number.to_le_bytes());
            }
            self.push(bytes)?;
        }
        Ok(())
    }

    /// Writes what is left. All records were given.
    pub fn finish(mut self) -> Result<(), Fault> {
        if self.buffer.len() > self.filling {
            self.seal()?;
        }
        self.flush()?;
        if self.page == self.end {
            Ok(())
        } else {
            Err(Fault::Io(std::io::Error::other("an index section has another length than was laid out")))
        }
    }

    /// Ends a page.
    fn seal(&mut self) -> Result<(), Fault> {
        self.buffer.resize(self.filling + ROOM, 0);
        let page = self.page + (self.filling / PAGE) as u32;
        let checksum = checksum(self.seed, page, &self.buffer[self.filling..]);
        self.buffer.extend(checksum.to_le_bytes());
        self.filling = self.buffer.len();
        if self.filling < PAGES_AT_ONCE as usize * PAGE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), Fault> {
        write_all_at(self.file, &self.buffer, u64::from(self.page) * PAGE as u64).map_err(Fault::Io)?;
        self.page += (self.buffer.len() / PAGE) as u32;
        self.buffer.clear();
        self.filling = 0;
        Ok(())
    }
}
