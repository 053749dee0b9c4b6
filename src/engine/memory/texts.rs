//! The events' texts, back to back in chunks that never move.

use crate::huge;
use memmap2::MmapMut;
use std::ops::Range;

/// The first chunk has so many bytes, each next one twice as many as the one before.
const CHUNK_BYTES_MIN: usize = 1 << 16;
/// No chunk is larger, unless a batch is.
const CHUNK_BYTES_MAX: usize = 1 << 26;

/// See the module.
#[derive(Default)]
pub(super) struct Texts {
    chunks: Vec<Chunk>,
    /// Where each event begins: its chunk, and the byte in it.
    places: Vec<(u32, u32)>,
}

struct Chunk {
    memory: MmapMut,
    len: usize,
}

impl Texts {
    /// Makes room for `bytes` more in one chunk, of `events` events; `None` if there is no memory.
    pub fn try_reserve(&mut self, bytes: usize, events: usize) -> Option<()> {
        self.places.try_reserve(events).ok()?;
        let room = self.chunks.last().map_or(0, |chunk| chunk.memory.len() - chunk.len);
        if bytes > room {
            let last = self.chunks.last().map_or(0, |chunk| chunk.memory.len());
            let next = (last * 2).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
            self.chunks.push(Chunk { memory: huge::memory(bytes.max(next))?, len: 0 });
        }
        Some(())
    }

    /// Adds an event, whose text `write` writes: it gets the room, and says how much of it is left.
    pub fn push(&mut self, write: impl FnOnce(&mut &mut [u8])) {
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        self.places.push((number as u32, chunk.len as u32));
        let mut room = &mut chunk.memory[chunk.len..];
        write(&mut room);
        let left = room.len();
        chunk.len = chunk.memory.len() - left;
    }

    /// The text of the event at `ordinal`.
    pub fn get(&self, ordinal: u32) -> &[u8] {
        let (chunk, start) = self.places[ordinal as usize];
        &self.chunks[chunk as usize].memory[start as usize..self.end(ordinal)]
    }

    /// Where the event ends in its chunk.
    fn end(&self, ordinal: u32) -> usize {
        let chunk = self.places[ordinal as usize].0;
        match self.places.get(ordinal as usize + 1) {
            Some((next, start)) if *next == chunk => *start as usize,
            _ => self.chunks[chunk as usize].len,
        }
    }

    /// How long the texts of a range are together.
    pub fn bytes(&self, range: &Range<u32>) -> usize {
        let Some(last) = range.clone().next_back() else { return 0 };
        let (first_chunk, start) = self.places[range.start as usize];
        let last_chunk = self.places[last as usize].0;
        let whole: usize = self.chunks[first_chunk as usize..last_chunk as usize].iter().map(|chunk| chunk.len).sum();
        whole + self.end(last) - start as usize
    }
}
