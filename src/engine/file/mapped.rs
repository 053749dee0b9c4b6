//! What of a file stays as it is, as memory: a page that was read once is copied from there, without a call of the system.
//!
//! A text that is read by `pread` costs 0.66 us, most of it not for its bytes; from memory that is the file, a tenth of that. But
//! such memory ends the process (SIGBUS) where the disk does not give the bytes, or the file has become shorter. So a page is taken
//! from there only after `pread` has read it well, and before each piece of work ([`Maps::look`]) the file's length is looked at.
//! `docs/DURABILITY.md` says what is left, and how to do without.

use super::storage::{File, Memory};
use std::io::Result;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A file is mapped in windows of so many bytes, so that one that grows is mapped as it grows.
const WINDOW: u64 = 32 << 20;
/// What is behind so many is read by `pread`. No segment is that large.
const WINDOWS: usize = 128;
/// Whether bytes are readable is known of pages.
const PAGE: u64 = 4096;
const PAGES: usize = (WINDOW / PAGE) as usize;
/// A short piece that nobody has read yet is read with what lies around it, in such steps.
const AROUND: u64 = 16 << 10;
/// A mapped file is an open file: so many are mapped at once, the first that are asked for.
const FILES_MAX: usize = 128;

/// What the mapped files of a store share.
#[derive(Default)]
pub(super) struct Maps {
    /// Counts pieces of work: before each, the length of every file that it reads is looked at once.
    clock: AtomicU64,
    /// How many files are mapped.
    files: AtomicUsize,
}

impl Maps {
    /// Another piece of work begins.
    pub fn look(&self) {
        self.clock.fetch_add(1, Relaxed);
    }

    /// Whether one file more may be mapped, which then counts.
    fn take(&self) -> bool {
        self.files.fetch_update(Relaxed, Relaxed, |files| (files < FILES_MAX).then_some(files + 1)).is_ok()
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Mapped {
    /// Twice the length that stays as it is, and one more if nobody asks for what is behind it.
    settled: AtomicU64,
    /// When the file's length was looked at, by the clock of [`Maps`], and found enough.
    looked: AtomicU64,
    /// `None` where there are too many others.
    windows: OnceLock<Option<Windows>>,
}

/// Each where it was asked for, and `None` where it cannot be mapped.
type Windows = Box<[OnceLock<Option<Window>>]>;

/// A piece of a file as memory.
struct Window {
    memory: Box<dyn Memory>,
    len: u64,
    /// A bit for each page that was read well.
    read: Box<[AtomicU64]>,
}

impl Mapped {
    /// See [`File::settle`].
    pub fn settle(&self, len: u64, is_end: bool) {
        self.settled.fetch_max(len << 1 | u64::from(is_end), Relaxed);
    }

    /// Copies bytes at an offset, if all of them are known to be readable as memory. `len` tells how long the file is.
    pub fn copy(&self, buffer: &mut [u8], offset: u64, maps: &Maps, len: impl Fn() -> Option<u64>) -> bool {
        self.known(offset, buffer.len(), maps, len)
            .is_some_and(|(window, range)| window.memory.copy(range.start, buffer))
    }

    /// Reads from `file` by `pread`, and remembers what can be copied from now on.
    pub fn read(&self, buffer: &mut [u8], offset: u64, maps: &Maps, file: &dyn File) -> Result<usize> {
        let Some((window, range)) = self.window(offset, buffer.len(), maps, file) else {
            return file.read_at(buffer, offset);
        };
        if buffer.len() as u64 >= AROUND {
            let read = file.read_at(buffer, offset)?;
            window.note(&(range.start..range.start + read));
            return Ok(read);
        }
        let start = range.start as u64 - range.start as u64 % AROUND;
        let end = (range.end as u64).next_multiple_of(AROUND).min(window.len);
        let mut bytes = vec![0; (end - start) as usize];
        let read = file.read_at(&mut bytes, offset - (range.start as u64 - start))?;
        window.note(&(start as usize..start as usize + read));
        let bytes = bytes[..read].get(range.start - start as usize..).unwrap_or_default();
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    /// See [`File::expect`].
    pub fn expect(&self, ranges: &mut dyn Iterator<Item = Range<u64>>, maps: &Maps, len: impl Fn() -> Option<u64>) {
        for range in ranges {
            if let Some((window, range)) = self.known(range.start, (range.end - range.start) as usize, maps, &len) {
                window.memory.touch(range);
            }
        }
    }

    /// Lets another file have its place.
    pub fn release(&self, maps: &Maps) {
        if let Some(Some(_)) = self.windows.get() {
            maps.files.fetch_sub(1, Relaxed);
        }
    }

    /// How much stays as it is, and whether that is all.
    fn settled(&self) -> (u64, bool) {
        let settled = self.settled.load(Relaxed);
        (settled >> 1, settled & 1 == 1)
    }

    /// The window that has a range of which every page was read well, and where, if the file still has it.
    fn known(
        &self,
        offset: u64,
        len: usize,
        maps: &Maps,
        file_len: impl Fn() -> Option<u64>,
    ) -> Option<(&Window, Range<usize>)> {
        let (window, range) = self.place(offset, len)?;
        let window = self.windows.get()?.as_ref()?[window].get()?.as_ref()?;
        if !window.knows(&range) {
            return None;
        }
        let now = maps.clock.load(Relaxed);
        if self.looked.load(Relaxed) != now {
            if file_len()? < self.settled().0 {
                return None;
            }
            self.looked.store(now, Relaxed);
        }
        Some((window, range))
    }

    /// The window that has a range, mapped now if it can be, and where.
    fn window(&self, offset: u64, len: usize, maps: &Maps, file: &dyn File) -> Option<(&Window, Range<usize>)> {
        let (window, range) = self.place(offset, len)?;
        let (settled, is_all) = self.settled();
        let start = window as u64 * WINDOW;
        let end = (start + WINDOW).min(settled);
        // The rest of a file that grows is mapped when it is full.
        if end < start + WINDOW && !is_all {
            return None;
        }
        let make = || maps.take().then(|| (0..WINDOWS).map(|_| OnceLock::new()).collect());
        let windows = self.windows.get_or_init(make).as_ref()?;
        let map = || {
            let read = (0..PAGES.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
            Some(Window { memory: file.map(start..end)?, len: end - start, read })
        };
        let window = windows[window].get_or_init(map).as_ref()?;
        (range.end as u64 <= window.len).then_some((window, range))
    }

    /// The number of the window that has a range which stays as it is, and where.
    fn place(&self, offset: u64, len: usize) -> Option<(usize, Range<usize>)> {
        let end = offset.checked_add(len as u64)?;
        let window = offset / WINDOW;
        let start = window * WINDOW;
        let is_inside = len > 0 && end <= self.settled().0 && end <= start + WINDOW && window < WINDOWS as u64;
        is_inside.then(|| (window as usize, (offset - start) as usize..(end - start) as usize))
    }
}

impl Window {
    fn knows(&self, range: &Range<usize>) -> bool {
        pages(range).all(|page| self.read[page / 64].load(Relaxed) >> (page % 64) & 1 == 1)
    }

    /// A page of which a part was read was read by the system as a whole.
    fn note(&self, range: &Range<usize>) {
        pages(range).for_each(|page| _ = self.read[page / 64].fetch_or(1 << (page % 64), Relaxed));
    }
}

/// The pages that a range has bytes of.
fn pages(range: &Range<usize>) -> Range<usize> {
    match range.is_empty() {
        true => 0..0,
        false => range.start / PAGE as usize..(range.end - 1) / PAGE as usize + 1,
    }
}

#[cfg(test)]
mod tests;
