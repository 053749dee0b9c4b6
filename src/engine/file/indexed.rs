//! Events of one segment with their index in memory: those of the segment that is growing, and those
//! of a segment whose index file is missing or damaged.

use super::place::Place;
use super::scan::Frame;
use crate::append::Batch;
use crate::index::Index;
use crate::json::read_head;

/// See the module. Ordinal 0 is the event at `first`.
pub(super) struct Indexed {
    pub first: u64,
    pub index: Index,
    pub places: Vec<Place>,
}

impl Indexed {
    /// Nothing yet; the next event is the one at `first`.
    pub fn new(first: u64) -> Indexed {
        Indexed { first, index: Index::default(), places: Vec::new() }
    }

    /// The position that the next event gets.
    pub fn next(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    /// Where the text of the event at `position` lies, if it is one of these.
    pub fn place(&self, position: u64) -> Option<Place> {
        self.places.get(usize::try_from(position.checked_sub(self.first)?).ok()?).copied()
    }

    /// Adds the events of a frame, which follow on those that are there. An error says why they are none, and nothing
    /// was added.
    pub fn absorb(&mut self, frame: &Frame<'_>) -> Result<(), &'static str> {
        let mut batch = Batch::default();
        let mut places = Vec::with_capacity(frame.header.events as usize);
        let mut stored_versions = Vec::with_capacity(frame.header.events as usize);
        for ((place, text), position) in frame.events().zip(frame.header.first..) {
            let head = read_head(text).filter(|_| text.ends_with(b"}\n")).ok_or("a text in it is no event")?;
            if head.sequence_number != position {
                return Err("an event in it has the number of another");
            }
            stored_versions.push(head.stream_version);
            batch.push_stored(&head);
            places.push(place);
        }
        let len = self.index.len() as u32;
        let mut versions = Vec::with_capacity(batch.len());
        let located = self.index.locate(&batch);
        self.index.extend(&batch, &located, |nth| stored_versions[nth] - 1, &mut versions);
        if versions != stored_versions {
            self.index.truncate(len);
            return Err("an event in it has a version that its stream has not come to");
        }
        self.places.extend(places);
        Ok(())
    }

    /// Forgets the events from `position` on.
    pub fn truncate(&mut self, position: u64) {
        let len = position.saturating_sub(self.first) as u32;
        self.index.truncate(len);
        self.places.truncate(len as usize);
    }
}
