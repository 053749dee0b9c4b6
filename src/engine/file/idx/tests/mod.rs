//! Index files against the log that they are of.

mod damage;
mod differential;
mod levels;

use super::super::checksum::crc32c;
use super::super::place::Place;
use super::super::storage::{File, write_all_at};
use super::{Binding, Content, Fault, Idx, Texts, write};
use crate::error::{Error, ErrorKind};
use crate::index::Index;
use crate::json::{Input, read_batch, read_query, write_numbered};
use crate::query::Query;
use crate::time::Timestamp;
use std::io::Result;
use std::sync::{Arc, RwLock};

/// A file in memory.
#[derive(Default)]
pub struct Memory(RwLock<Vec<u8>>);

impl Memory {
    pub fn of(bytes: Vec<u8>) -> Arc<Memory> {
        Arc::new(Memory(RwLock::new(bytes)))
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.read().unwrap().clone()
    }
}

impl File for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let bytes = self.0.read().unwrap();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, new: &[u8], offset: u64) -> Result<usize> {
        let mut bytes = self.0.write().unwrap();
        let end = offset as usize + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(new);
        Ok(new.len())
    }

    fn allocate(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.write().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        Ok(self.0.read().unwrap().len() as u64)
    }

    fn sync(&self) -> Result<()> {
        Ok(())
    }
}

/// A segment: its events, where they lie, and what the memory knows of them.
pub struct Segment {
    pub binding: Binding,
    pub index: Index,
    pub places: Vec<Place>,
    pub log: Vec<u8>,
}

impl Segment {
    /// The segment's first event has the position `first`. Each batch is a JSON array. A stream had, before this segment, the
    /// version that `base` tells.
    pub fn new(segment: u64, first: u64, batches: &[String], base: impl Fn(&str, &str) -> u64) -> Segment {
        let mut made = Segment {
            binding: Binding { store: [5; 16], segment, salt: 77 * segment, first, events: 0, end: 4096, chain: 9 },
            index: Index::default(),
            places: Vec::new(),
            log: vec![b' '; 4096],
        };
        for batch in batches {
            let batch = read_batch(Input::new("events", batch.as_bytes()).unwrap(), Timestamp::now()).unwrap();
            let mut versions = Vec::new();
            let bases: Vec<u64> = batch.iter().map(|event| base(event.domain, event.instance_id)).collect();
            let located = made.index.locate(&batch);
            made.index.extend(&batch, &located, |nth| bases[nth], &mut versions);
            for (event, version) in batch.iter().zip(versions) {
                let offset = made.log.len();
                let mut text = Vec::new();
                write_numbered(&event, first + made.places.len() as u64, version, &mut text);
                made.places.push(Place { offset: offset as u32, len: text.len() as u32, crc: crc32c(&text) });
                made.log.extend(text);
            }
        }
        made.binding.events = made.places.len() as u32;
        made.binding.end = made.log.len() as u64;
        made
    }

    pub fn file(&self, older: &[Arc<Idx>]) -> Arc<Memory> {
        let file = Memory::of(Vec::new());
        let Segment { binding, index, places, .. } = self;
        let content = Content { binding, index, places, state: b"a state", older, merge: true };
        assert_eq!(write(&*file, &content).unwrap(), file.len().unwrap());
        file
    }

    pub fn idx(&self, older: &[Arc<Idx>]) -> Arc<Idx> {
        let idx = Idx::open(self.file(older)).unwrap();
        idx.check_all().unwrap();
        Arc::new(idx)
    }
}

impl Texts for Segment {
    fn text(&self, place: Place) -> std::result::Result<Vec<u8>, Error> {
        let text = self.log.get(place.offset as usize..).and_then(|log| log.get(..place.len as usize));
        text.filter(|text| crc32c(text) == place.crc)
            .map(Vec::from)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "no text lies there"))
    }
}

pub fn query(text: &str) -> Query {
    read_query(Input::new("query", text.as_bytes()).unwrap()).unwrap()
}

/// Overwrites one byte.
pub fn overwrite(file: &Memory, at: usize, byte: u8) {
    write_all_at(file, &[byte], at as u64).unwrap();
}

pub fn is_damaged(fault: &Fault) -> bool {
    matches!(fault, Fault::Damaged { .. })
}
