//! What a store is made of, found out from its files alone.
//!
//! The sealed segments are taken as their headers say. In the newest one the frames are walked, from where its
//! index ends, up to the first that is not sound, at X. Behind it headers are looked for that were written all the
//! same. The largest `durable_through` that anybody tells of is D. Where X lies before D, data is damaged that
//! was acknowledged; otherwise what follows X is a torn tail, which nobody was promised. Nothing is changed here:
//! to come to the same answer twice, and since a reader repairs nothing.

use super::bug::Bug;
use super::fault::{Damage, failed};
use super::hint::{self, Hint};
use super::idx::{Binding, Idx};
use super::log::Listing;
use super::part::Files;
use super::scan::{Cursor, probe};
use super::segment::{self, Segment};
use super::walk::Walked;
use super::watermark::Mark;
use crate::error::Result;
use std::sync::Arc;

/// The newest segment, as far as its frames are sound.
pub(super) struct Newest {
    pub segment: Arc<Segment>,
    /// The index of the segment's beginning, if there is one.
    pub prefix: Option<Arc<Idx>>,
    /// What is behind it.
    pub walked: Walked,
    /// D.
    pub durable: u64,
}

/// What was found.
pub(super) struct Recovered {
    /// The sealed segments.
    pub sealed: Vec<Arc<Segment>>,
    /// `None` where there is no segment at all.
    pub newest: Option<Newest>,
    pub damage: Option<Damage>,
    /// The largest position that anybody tells of.
    pub known: u64,
}

/// See the module. `visible` is where a reader stops, as an offset of the whole log.
pub(super) fn recover(files: &Files, listing: Listing, mark: Option<Mark>, visible: Option<u64>) -> Result<Recovered> {
    let (directory, bugs) = (&*files.directory, files.bugs);
    let Listing { segments: mut sealed, mut damage } = listing;
    let mark = mark.filter(|mark| sealed.first().is_none_or(|first| first.header.store == mark.store));
    if let Some(visible) = visible {
        // A segment that was begun behind the watermark is not there yet.
        while sealed.len() > 1
            && sealed.last().is_some_and(|last| last.log_offset(segment::HEADER_BYTES as u64) >= visible)
        {
            sealed.pop();
            damage = None;
        }
    }
    let Some(segment) = sealed.pop() else {
        if let Some(mark) = mark.filter(|mark| mark.visible > 0 && damage.is_none()) {
            let lost = Damage::new(&Segment::name_of(1), 0, "the segment is missing");
            damage = Some(if mark.head > 0 { lost.positions(1, mark.head) } else { lost });
        }
        return Ok(Recovered { sealed, newest: None, damage, known: mark.map_or(0, |mark| mark.head) });
    };
    let mut newest = Newest::open(files, segment)?;
    let len = newest.segment.file.len().map_err(failed(directory, "look at", &newest.segment.name()))?;
    let end = match visible {
        Some(visible) => len.min(visible.saturating_sub(newest.segment.header.base)),
        None => len,
    };
    let stopped = newest.walked.on(files, &newest.segment, end, |_| Ok(true))?;
    let cursor = newest.walked.cursor;
    let stopped_at = newest.segment.log_offset(cursor.offset);
    let mut durable = newest.walked.durable.max(mark.map_or(0, |mark| mark.durable)).max(visible.unwrap_or(0));
    let mut known = cursor.next - 1;
    known = known.max(mark.map_or(0, |mark| mark.head));
    if visible.is_none() && !bugs.has(Bug::NoProbe) {
        let evidence = probe(directory, &newest.segment, cursor.offset, len, cursor.epoch)?;
        durable = durable.max(evidence.durable_through);
        known = known.max(evidence.next.saturating_sub(1));
        if bugs.has(Bug::HoleIsCorruption) && evidence.next > 0 {
            durable = u64::MAX;
        }
    }
    // A segment comes with its first frame, and both were synced before it got its name.
    let beheaded = cursor.offset == segment::HEADER_BYTES as u64;
    if (stopped_at < durable || beheaded) && !bugs.has(Bug::TruncateBelowDurable) {
        let lost = Damage::new(&newest.segment.name(), cursor.offset, stopped);
        damage = Some(if known >= cursor.next { lost.positions(cursor.next, known) } else { lost.onward(cursor.next) });
    } else if let Some(damage) = &mut damage
        && damage.positions.is_none()
    {
        *damage = damage.clone().onward(cursor.next);
    }
    newest.durable = durable;
    Ok(Recovered { sealed, newest: Some(newest), damage, known })
}

impl Newest {
    /// The segment with what its index tells, if it has one that is true.
    fn open(files: &Files, segment: Arc<Segment>) -> Result<Newest> {
        let (walked, prefix) = match hint::open(files, &segment)? {
            Some(Hint { index, state, last }) => {
                let &Binding { end, chain, first, events, .. } = index.binding();
                let cursor = Cursor { offset: end, chain, next: first + u64::from(events), epoch: last.epoch };
                (Walked::behind(cursor, state, &last), Some(index))
            }
            None => (Walked::start(&segment), None),
        };
        Ok(Newest { segment, prefix, walked, durable: 0 })
    }
}
