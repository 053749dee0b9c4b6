//! What is copied from memory, and what is read.

use super::super::storage::{File, Memory};
use super::{AROUND, FILES_MAX, Mapped, Maps, PAGE, WINDOW};
use std::io::Result;
use std::ops::Range;
use std::sync::Mutex;

/// A file of which each byte tells where it is; what was read and what was mapped is noted.
#[derive(Default)]
struct Told {
    read: Mutex<Vec<Range<u64>>>,
    mapped: Mutex<Vec<Range<u64>>>,
    /// From here on the disk fails.
    fails_from: Option<u64>,
    cannot_map: bool,
}

impl Told {
    /// From and to of each.
    fn take(noted: &Mutex<Vec<Range<u64>>>) -> Vec<(u64, u64)> {
        noted.lock().expect("sound").drain(..).map(|range| (range.start, range.end)).collect()
    }
}

fn byte_at(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

impl File for Told {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let end = offset + buffer.len() as u64;
        if self.fails_from.is_some_and(|from| end > from) {
            return Err(std::io::Error::other("the disk fails"));
        }
        self.read.lock().expect("sound").push(offset..end);
        buffer.iter_mut().zip(offset..).for_each(|(byte, at)| *byte = byte_at(at));
        Ok(buffer.len())
    }

    fn map(&self, range: Range<u64>) -> Option<Box<dyn Memory>> {
        self.mapped.lock().expect("sound").push(range.clone());
        (!self.cannot_map).then(|| Box::new(ToldMemory(range)) as Box<dyn Memory>)
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<usize> {
        unreachable!("nobody writes")
    }

    fn allocate(&self, _: u64) -> Result<()> {
        unreachable!("nobody writes")
    }

    fn set_len(&self, _: u64) -> Result<()> {
        unreachable!("nobody writes")
    }

    fn len(&self) -> Result<u64> {
        unreachable!("its length is told")
    }

    fn sync(&self) -> Result<()> {
        unreachable!("nobody writes")
    }
}

struct ToldMemory(Range<u64>);

impl Memory for ToldMemory {
    fn copy(&self, offset: usize, buffer: &mut [u8]) -> bool {
        let from = self.0.start + offset as u64;
        buffer.iter_mut().zip(from..).for_each(|(byte, at)| *byte = byte_at(at));
        from + buffer.len() as u64 <= self.0.end
    }

    fn touch(&self, range: Range<usize>) {
        assert!(self.0.start + range.end as u64 <= self.0.end);
    }
}

/// A file of so many bytes.
struct Case {
    maps: Maps,
    mapped: Mapped,
    file: Told,
    len: u64,
}

impl Case {
    fn new(settled: u64, is_end: bool) -> Case {
        let case = Case { maps: Maps::default(), mapped: Mapped::default(), file: Told::default(), len: settled };
        case.mapped.settle(settled, is_end);
        case
    }

    /// Reads, and says whether it came from memory.
    fn get(&self, offset: u64, len: usize) -> bool {
        let mut bytes = vec![0; len];
        self.maps.look();
        let from_memory = self.mapped.copy(&mut bytes, offset, &self.maps, || Some(self.len));
        if !from_memory {
            assert_eq!(self.mapped.read(&mut bytes, offset, &self.maps, &self.file).expect("it reads"), len);
        }
        assert!(bytes.iter().zip(offset..).all(|(byte, at)| *byte == byte_at(at)), "not the bytes at {offset}");
        from_memory
    }
}

#[test]
fn what_was_read_once_comes_from_memory_and_its_neighbours_with_it() {
    let case = Case::new(1 << 20, true);
    assert!(!case.get(5_000, 300));
    assert!(case.get(5_000, 300));
    assert!(case.get(AROUND - 10, 10));
    assert!(!case.get(AROUND - 10, 11));
    assert!(case.get(2 * AROUND - 1, 1));
    assert_eq!(Told::take(&case.file.mapped), [(0, 1 << 20)]);
    assert_eq!(Told::take(&case.file.read), [(0, AROUND), (0, 2 * AROUND)]);
}

#[test]
fn a_long_piece_is_read_as_it_is() {
    let case = Case::new(1 << 20, true);
    assert!(!case.get(100, 40_000));
    assert!(case.get(0, 40_000));
    assert_eq!(Told::take(&case.file.read), [(100, 40_100)]);
    assert!(!case.get(10 * PAGE, 1));
}

#[test]
fn what_may_change_is_not_mapped() {
    let case = Case::new(WINDOW + 1_000, false);
    for _ in 0..2 {
        assert!(!case.get(WINDOW, 100), "the second window is not full");
        assert!(!case.get(WINDOW + 990, 20), "behind what is settled");
        assert!(!case.get(WINDOW - 10, 20), "across two windows");
    }
    assert!(Told::take(&case.file.mapped).is_empty());
    assert!(!case.get(0, 100) && case.get(0, 100));
    let case = Case { len: 2 * WINDOW, ..case };
    case.mapped.settle(case.len, false);
    assert!(!case.get(WINDOW, 100) && case.get(WINDOW, 100));
}

/// The beginning of a segment was all that there was, and then it grew.
#[test]
fn what_is_behind_the_memory_is_read() {
    let case = Case::new(10_000, true);
    assert!(!case.get(9_000, 1_000) && case.get(9_000, 1_000));
    case.mapped.settle(30_000, false);
    let case = Case { len: 30_000, ..case };
    for _ in 0..2 {
        assert!(!case.get(9_500, 1_000));
        assert!(!case.get(20_000, 100));
    }
    assert!(case.get(9_000, 1_000));
}

#[test]
fn a_file_that_became_shorter_is_read() {
    let case = Case::new(1 << 20, true);
    assert!(!case.get(0, 100) && case.get(0, 100));
    let case = Case { len: (1 << 20) - 1, ..case };
    assert!(!case.get(0, 100) && !case.get(0, 100));
}

#[test]
fn a_page_that_the_disk_does_not_give_is_an_error_each_time() {
    let mut case = Case::new(1 << 20, true);
    case.file.fails_from = Some(AROUND);
    for _ in 0..2 {
        let mut bytes = [0; 100];
        assert!(!case.mapped.copy(&mut bytes, AROUND, &case.maps, || Some(case.len)));
        assert!(case.mapped.read(&mut bytes, AROUND, &case.maps, &case.file).is_err());
    }
    assert!(!case.get(0, 100) && case.get(0, 100));
}

#[test]
fn what_cannot_be_mapped_is_read_without_its_neighbours() {
    let mut case = Case::new(1 << 20, true);
    case.file.cannot_map = true;
    assert!(!case.get(50, 100) && !case.get(50, 100));
    assert_eq!(Told::take(&case.file.read), [(50, 150), (50, 150)]);
}

#[test]
fn no_more_files_are_mapped_than_may_be() {
    let mut maps = Maps::default();
    let mut cases = Vec::new();
    for nth in 0..=FILES_MAX {
        let case = Case { maps, ..Case::new(1 << 20, true) };
        assert!(!case.get(0, 100));
        assert_eq!(case.get(0, 100), nth < FILES_MAX);
        maps = case.maps;
        cases.push((case.mapped, case.file));
    }
    cases[0].0.release(&maps);
    let case = Case { maps, ..Case::new(1 << 20, true) };
    assert!(!case.get(0, 100) && case.get(0, 100));
}
