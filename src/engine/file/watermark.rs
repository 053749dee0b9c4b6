//! The watermark: how other processes see how far the log may be read.
//!
//! Two slots in one small file, written in turn, each with a checksum, so that one is whole whatever
//! happens to the other. It is written after the sync and before the acknowledgement, and never synced:
//! after the machine has started anew nothing depends on it, save that what it says was durable, was.

use super::bytes::{array_at, put, u32_at, u64_at};
use super::checksum::crc32c;
use super::storage::{Access, Directory, File, read_exact_at, write_all_at};
use crate::query::POSITION_MAX;
use std::io::Result;
use std::sync::Arc;

/// The file's name.
pub(super) const NAME: &str = "watermark";
const MAGIC: [u8; 8] = *b"\xF5RUNEWM1";
const SLOT_BYTES: usize = 512;

/// What the watermark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub store: [u8; 16],
    pub boot: [u8; 16],
    pub epoch: u64,
    /// The last position that may be shown.
    pub head: u64,
    /// Where the log ends behind it.
    pub visible: u64,
    /// Everything before this offset of the log was synced.
    pub durable: u64,
}

impl Mark {
    fn encode(&self, number: u64) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        put(&mut bytes, 0, &MAGIC);
        put(&mut bytes, 8, &number.to_le_bytes());
        put(&mut bytes, 16, &self.store);
        put(&mut bytes, 32, &self.boot);
        put(&mut bytes, 48, &self.epoch.to_le_bytes());
        put(&mut bytes, 56, &self.head.to_le_bytes());
        put(&mut bytes, 64, &self.visible.to_le_bytes());
        put(&mut bytes, 72, &self.durable.to_le_bytes());
        let crc = crc32c(&bytes[..SLOT_BYTES - 4]);
        put(&mut bytes, SLOT_BYTES - 4, &crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(u64, Mark)> {
        if !bytes.starts_with(&MAGIC) || crc32c(&bytes[..SLOT_BYTES - 4]) != u32_at(bytes, SLOT_BYTES - 4) {
            return None;
        }
        let mark = Mark {
            store: array_at(bytes, 16),
            boot: array_at(bytes, 32),
            epoch: u64_at(bytes, 48),
            head: u64_at(bytes, 56),
            visible: u64_at(bytes, 64),
            durable: u64_at(bytes, 72),
        };
        let is_possible =
            [u64_at(bytes, 8), mark.head, mark.visible, mark.durable].into_iter().all(|number| number <= POSITION_MAX);
        is_possible.then_some((u64_at(bytes, 8), mark))
    }
}

/// The watermark of a store that is being written.
pub(super) struct Watermark {
    file: Arc<dyn File>,
    number: u64,
    said: Option<Mark>,
}

impl Watermark {
    /// Opens the file, or makes it.
    pub fn open(directory: &dyn Directory) -> Result<Watermark> {
        let file = match directory.open(NAME, Access::Write) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => directory.open(NAME, Access::Create)?,
            opened => opened?,
        };
        let number = slots(&*file)?.into_iter().filter_map(Slot::whole).map(|(number, _)| number).max().unwrap_or(0);
        Ok(Watermark { file, number, said: None })
    }

    /// Says how far the log may be read now. What was said before is not taken back: two threads may come here in any order.
    pub fn write(&mut self, mark: Mark) -> Result<()> {
        let said = self.said.unwrap_or(mark);
        let mark = Mark {
            head: mark.head.max(said.head),
            visible: mark.visible.max(said.visible),
            durable: mark.durable.max(said.durable),
            ..mark
        };
        // The next attempt takes the same slot, so that the other one stays whole.
        let number = self.number + 1;
        let (bytes, offset) = (mark.encode(number), (number % 2) * SLOT_BYTES as u64);
        if let Err(error) = write_all_at(&*self.file, &bytes, offset) {
            // Whoever was told that it failed may take back what it says: so it counts what stands there now.
            let mut found = [0; SLOT_BYTES];
            if read_exact_at(&*self.file, &mut found, offset).is_err() || found != bytes {
                return Err(error);
            }
        }
        self.number = number;
        self.said = Some(mark);
        Ok(())
    }
}

/// What was read of a watermark.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    /// What it says, as far as it is whole.
    pub mark: Option<Mark>,
    /// The other slot is the one before, so this is the last that was written. Without that, a later one may be lost, and
    /// only what it says of durability holds.
    pub is_last: bool,
}

/// So often the slots are read again while a writer is at them.
const READS_MAX: u32 = 8;

/// Reads a store's watermark.
pub(super) fn read(file: &dyn File) -> Result<Reading> {
    let mut reading = Reading::default();
    for _ in 0..READS_MAX {
        let [first, second] = slots(file)?;
        let number = |slot: Slot| match slot {
            Slot::Whole(number, _) => Some(number),
            // The first slot that was ever written is 1: before it there is nothing.
            Slot::Blank => Some(0),
            Slot::Damaged => None,
        };
        let newest = [first, second].into_iter().filter_map(Slot::whole).max_by_key(|(number, _)| *number);
        reading.mark = newest.map(|(_, mark)| mark);
        reading.is_last = match (number(first), number(second)) {
            (Some(first), Some(second)) => first.abs_diff(second) == 1,
            _ => false,
        };
        if reading.is_last || newest.is_none() {
            break;
        }
    }
    Ok(reading)
}

#[derive(Clone, Copy)]
enum Slot {
    Whole(u64, Mark),
    Blank,
    Damaged,
}

impl Slot {
    fn whole(self) -> Option<(u64, Mark)> {
        if let Slot::Whole(number, mark) = self { Some((number, mark)) } else { None }
    }
}

fn slots(file: &dyn File) -> Result<[Slot; 2]> {
    let slot = |slot: u64| {
        let mut bytes = [0; SLOT_BYTES];
        match read_exact_at(file, &mut bytes, slot * SLOT_BYTES as u64) {
            Ok(()) if bytes.iter().all(|byte| *byte == 0) => Ok(Slot::Blank),
            Ok(()) => Ok(Mark::decode(&bytes).map_or(Slot::Damaged, |(number, mark)| Slot::Whole(number, mark))),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Slot::Blank),
            Err(error) => Err(error),
        }
    };
    Ok([slot(0)?, slot(1)?])
}
