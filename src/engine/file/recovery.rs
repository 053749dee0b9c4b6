//! What a store is made of, found out from its files alone.
//!
//! The sealed segments are taken as their headers say. In the newest one the frames are walked, from where its
//! index ends, up to the first that is not sound, at X. Behind it headers are looked for that were written all the
//! same. The largest `durable_through` that anybody tells of is D. Where X lies before D, data is damaged that
//! was acknowledged; otherwise what follows X is a torn tail, which nobody was promised. Nothing is changed here:
//! to come to the same answer twice, and since a reader repairs nothing.

use super::bug::{Bug, Bugs};
use super::bytes::{put, u64_at};
use super::fault::{Damage, failed};
use super::frame::{self, Header, read_tracking, write_tracking};
use super::idx::{self, Binding, Idx};
use super::indexed::Indexed;
use super::log::Listing;
use super::pool::Pool;
use super::scan::{Cursor, Scanner, probe};
use super::segment::{self, Segment};
use super::storage::{Directory, read_exact_at};
use super::watermark::Mark;
use crate::error::Result;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the log had come to behind a frame, kept in the index file that ends there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Where the last frame begins in the segment's file.
    pub last: u64,
    /// The position recorded for each tracking source.
    pub tracking: BTreeMap<String, u64>,
}

impl State {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        put(&mut bytes, 0, &self.last.to_le_bytes());
        self.tracking.iter().for_each(|(source, position)| write_tracking(source, *position, &mut bytes));
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<State> {
        let last = bytes.get(..8).map(|last| u64_at(last, 0))?;
        let entries = read_tracking(&bytes[8..])?;
        let tracking = entries.into_iter().map(|(source, position)| (String::from(source), position)).collect();
        Some(State { last, tracking })
    }
}

/// The newest segment, as far as its frames are sound.
pub(super) struct Newest {
    pub segment: Arc<Segment>,
    /// The index of the segment's beginning, if there is one, and what it covers.
    pub prefix: Option<Arc<Idx>>,
    /// The events behind it.
    pub indexed: Indexed,
    pub state: State,
    /// Behind the last sound frame.
    pub cursor: Cursor,
    /// Where sound frames begin of which nobody knows that they were synced, in the segment's file.
    pub proven: u64,
    /// The largest `durable_through`, D.
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
pub(super) fn recover(
    directory: &Arc<dyn Directory>,
    pool: &Arc<Pool>,
    listing: Listing,
    mark: Option<Mark>,
    visible: Option<u64>,
    bugs: Bugs,
) -> Result<Recovered> {
    let Listing { segments: mut sealed, mut damage } = listing;
    let mark = mark.filter(|mark| sealed.first().is_none_or(|first| first.header.store == mark.store));
    if let Some(visible) = visible {
        // A segment that was begun behind the watermark is not there yet.
        while sealed.len() > 1 && sealed.last().is_some_and(|last| last.log_offset(segment::HEADER_BYTES as u64) >= visible) {
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
    let mut newest = Newest::open(&**directory, pool, segment, bugs)?;
    let len = newest.segment.file.len().map_err(failed(&**directory, "look at", &newest.segment.name()))?;
    let end = match visible {
        Some(visible) => len.min(visible.saturating_sub(newest.segment.header.base)),
        None => len,
    };
    let stopped = newest.walk(&**directory, end, bugs)?;
    let stopped_at = newest.segment.log_offset(newest.cursor.offset);
    let mut durable = newest.durable.max(mark.map_or(0, |mark| mark.durable)).max(visible.unwrap_or(0));
    let mut known = newest.cursor.next - 1;
    known = known.max(mark.map_or(0, |mark| mark.head));
    if visible.is_none() && !bugs.has(Bug::NoProbe) {
        let evidence = probe(&**directory, &newest.segment, newest.cursor.offset, len, newest.cursor.epoch)?;
        durable = durable.max(evidence.durable_through);
        known = known.max(evidence.next.saturating_sub(1));
        if bugs.has(Bug::HoleIsCorruption) && evidence.next > 0 {
            durable = u64::MAX;
        }
    }
    // A segment comes with its first frame, and both were synced before it got its name.
    let beheaded = newest.cursor.offset == segment::HEADER_BYTES as u64;
    if (stopped_at < durable || beheaded) && !bugs.has(Bug::TruncateBelowDurable) {
        let lost = Damage::new(&newest.segment.name(), newest.cursor.offset, stopped);
        damage = Some(if known >= newest.cursor.next { lost.positions(newest.cursor.next, known) } else { lost });
    } else if let Some(damage) = &mut damage
        && damage.positions.is_none()
    {
        *damage = damage.clone().from_position(newest.cursor.next);
    }
    newest.durable = durable;
    let known = known.max(damage.as_ref().and_then(|damage| damage.positions).map_or(0, |(first, last)| last.unwrap_or(first)));
    Ok(Recovered { sealed, newest: Some(newest), damage, known })
}

impl Newest {
    /// The segment with what its index tells, if it has one that is true.
    fn open(directory: &dyn Directory, pool: &Arc<Pool>, segment: Arc<Segment>, bugs: Bugs) -> Result<Newest> {
        let prefix = prefix(directory, pool, &segment, bugs)?;
        let mut newest = Newest {
            prefix: None,
            indexed: Indexed::new(segment.header.first),
            state: State::default(),
            cursor: Cursor::start(&segment),
            proven: segment::HEADER_BYTES as u64,
            durable: segment.header.base,
            segment,
        };
        if let Some((index, state, last)) = prefix {
            let &Binding { end, chain, first, events, .. } = index.binding();
            newest.cursor = Cursor { offset: end, chain, next: first + u64::from(events), epoch: last.epoch };
            newest.indexed = Indexed::new(newest.cursor.next);
            newest.state = state;
            newest.note(&last);
            newest.prefix = Some(index);
        }
        Ok(newest)
    }

    /// Walks the frames up to `end`; why it stopped.
    pub fn walk(&mut self, directory: &dyn Directory, end: u64, bugs: Bugs) -> Result<&'static str> {
        let segment = self.segment.clone();
        let mut scanner = Scanner::new(directory, &segment, self.cursor, end, bugs);
        loop {
            let start = scanner.cursor.offset;
            let Some(frame) = scanner.next()? else { return Ok(scanner.stopped) };
            if let Err(why) = self.indexed.absorb(&frame) {
                return Ok(why);
            }
            let Some(tracking) = frame.tracking() else { return Ok("the tracking in a frame cannot be read") };
            for (source, position) in tracking {
                self.state.tracking.insert(source.into(), position);
            }
            let header = frame.header;
            self.state.last = start;
            self.cursor = scanner.cursor;
            self.note(&header);
        }
    }

    fn note(&mut self, header: &Header) {
        self.durable = self.durable.max(header.durable_through);
        self.proven = self.proven.max(self.durable.saturating_sub(self.segment.header.base));
    }
}

/// The index file of a segment that may still grow, if it is of this segment as it is; with the state and the frame that
/// it ends with.
fn prefix(
    directory: &dyn Directory,
    pool: &Arc<Pool>,
    segment: &Segment,
    bugs: Bugs,
) -> Result<Option<(Arc<Idx>, State, Header)>> {
    let name = idx::name_of(segment.header.ordinal);
    let file = match pool.file(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(directory, "open", &name)(error)),
    };
    // Whatever is wrong with an index, the log tells the same.
    let Ok(index) = Idx::open(file) else { return Ok(None) };
    let Some(state) = index.state().ok().and_then(|state| State::decode(&state)) else { return Ok(None) };
    let binding = index.binding();
    let mut bytes = [0; frame::HEADER_BYTES];
    if read_exact_at(&*segment.file, &mut bytes, state.last).is_err() {
        return Ok(None);
    }
    let Some((last, crc)) = Header::decode(&bytes, segment.header.salt, bugs.has(Bug::BelieveIndex)) else { return Ok(None) };
    let is_it = binding.store == segment.header.store
        && binding.segment == segment.header.ordinal
        && binding.salt == segment.header.salt
        && binding.first == segment.header.first
        && binding.chain == crc
        && last.offset == segment.log_offset(state.last)
        && state.last.checked_add(last.frame_bytes()) == Some(binding.end)
        && last.first + u64::from(last.events) == binding.first + u64::from(binding.events);
    Ok((is_it || bugs.has(Bug::BelieveIndex)).then(|| (Arc::new(index), state, last)))
}
