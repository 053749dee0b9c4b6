//! Ids that count up with their events, as those do that a store makes: one entry for each run of them, sorted by the
//! run's first id. They need no hash and no key table: a segment's runs span a time that hardly any other segment's do.
//!
//! A single id goes here too, as a run of one, if it is a UUIDv7, if it is larger than all that are in the runs
//! of earlier segments, and if it is not far ahead of its event. So the spans of segments keep apart, and one wrong
//! clock does not spoil them for ever. All other ids are in the key table.

use super::header::Part;
use super::page::{Records, array_at, u32_at};
use super::{Fault, Idx, Texts};
use crate::index::IdRun;
use std::ops::Range;
use uuid::{Uuid, Variant};

/// An id may be so many milliseconds ahead of its event.
const AHEAD_MAX_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// Whether a UUIDv7 is at most a day ahead of `micros`, the time of its event; false for any other id.
pub fn is_timely(id: Uuid, micros: i64) -> bool {
    let is_v7 = id.get_version_num() == 7 && id.get_variant() == Variant::RFC4122;
    let millis = (id.as_u128() >> 80) as i64;
    is_v7 && millis <= (micros / 1000).saturating_add(AHEAD_MAX_MILLIS)
}

/// An entry: the run's first id, and that event's ordinal.
pub fn encode_run(first: Uuid, ordinal: u32) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..16].copy_from_slice(first.as_bytes());
    bytes[16..].copy_from_slice(&ordinal.to_le_bytes());
    bytes
}

impl Idx {
    /// The event with this id, if it is in a run.
    pub(super) fn find_in_runs(&self, id: Uuid, texts: &dyn Texts) -> Result<Option<u32>, Fault> {
        if !self.id_span().is_some_and(|span| span.contains(&id)) {
            return Ok(None);
        }
        let mut runs = Records::new(&self.pages, self.header.section(Part::Runs));
        let mut fences = Records::new(&self.pages, self.header.section(Part::RunFences));
        let (records, per_page, pages) = (runs.section.records, runs.section.per_page(), fences.section.records);
        // The last page that begins at or before the id, and there the last run that does.
        let Some(page) = last_up_to(&mut fences, 0..pages, id)? else { return Ok(None) };
        let from = page * per_page;
        let Some(run) = last_up_to(&mut runs, from..records.min(from.saturating_add(per_page)), id)? else {
            return Ok(None);
        };
        let entry = runs.get(run)?;
        let (first, ordinal) = (Uuid::from_bytes(array_at(entry, 0)), u32_at(entry, 16));
        // The entry does not tell how long the run is. The event at the place in question does.
        let Some(count) = self.binding().events.checked_sub(ordinal) else {
            return Err(self.pages.damaged(runs.section.page_of(run), "a run of ids begins behind the last event"));
        };
        match (IdRun { first, ordinal, count }).find(id) {
            Some(ordinal) if self.has_id(ordinal, id, texts)? => Ok(Some(ordinal)),
            _ => Ok(None),
        }
    }

    /// Whether the event at this ordinal has this id.
    pub(super) fn has_id(&self, ordinal: u32, id: Uuid, texts: &dyn Texts) -> Result<bool, Fault> {
        self.event(ordinal, texts, |event| Uuid::try_parse(&event.id()).is_ok_and(|found| found == id))
    }
}

/// Of records that begin with ids and ascend, the last in this range that is not larger than `id`; if all are, the one before
/// the range.
fn last_up_to(records: &mut Records<'_>, range: Range<u32>, id: Uuid) -> Result<Option<u32>, Fault> {
    let (mut low, mut high) = (range.start, range.end);
    while low < high {
        let middle = low + (high - low) / 2;
        if array_at(records.get(middle)?, 0) <= *id.as_bytes() {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low.checked_sub(1))
}
