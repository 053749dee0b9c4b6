//! What is visible of a store: the sealed parts, and the growing one up to the head.
//!
//! Reads hold no lock while they read files, so no writer waits for a disk that a reader reads from. The log
//! only grows, so a read up to a fixed head sees one moment, however often it looks again.

use super::counts::Counts;
use super::fault::Damage;
use super::indexed::Indexed;
use super::part::{Files, Found, Part, relative};
use super::place::Place;
use super::reach::Reach;
use super::sealed::Sealed;
use super::segment::Segment;
use crate::call::Call;
use crate::engine::{End, Read};
use crate::error::{Error, Result};
use crate::index::{Plan, Scan};
use crate::query::{Direction, Query, Sink};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// So many events are located at once, and no more bytes than this are fetched for them.
const PIECE_EVENTS: u64 = 1024;
/// A reader that goes backwards fetches so many texts at once.
const BACKWARD_EVENTS: usize = 32;

/// See the module.
pub(super) struct View {
    pub files: Files,
    live: RwLock<Live>,
    /// The last visible position.
    head: AtomicU64,
    counts: Counts,
}

/// The parts of the log.
pub(super) struct Live {
    pub sealed: Arc<Sealed>,
    pub segment: Arc<Segment>,
    /// The events of `segment` that no part has. It may hold more than is visible: what was appended and not yet flushed.
    pub growing: Indexed,
    pub tracking: BTreeMap<String, u64>,
    /// What is wrong behind the last event.
    pub damage: Option<Damage>,
}

/// Where what is visible ends.
pub(super) struct Visible {
    /// The ordinal of the newest segment …
    pub segment: u64,
    /// … the offset behind its last visible frame …
    pub offset: u64,
    /// … and one position more than that of the last event.
    pub next: u64,
}

/// A plan for the growing part, good as long as that begins at the same position.
struct Planned {
    first: u64,
    plan: Plan,
}

/// A piece of the log that was worked through.
enum Piece {
    /// Of a part that does not change: the work still has to be done, without a lock.
    Sealed(Arc<Part>, Range<u64>),
    /// Of the growing one: what it holds, and the positions that were worked through.
    Growing(Arc<Segment>, Range<u64>, Vec<(u64, Place)>),
}

impl View {
    pub fn new(files: Files, live: Live, head: u64) -> View {
        View { files, live: RwLock::new(live), head: AtomicU64::new(head), counts: Counts::default() }
    }

    /// The last visible position.
    pub fn head(&self) -> u64 {
        self.head.load(SeqCst)
    }

    /// Everything up to `head` is visible from now on.
    pub fn publish(&self, head: u64) {
        self.head.store(head, SeqCst);
    }

    pub fn live(&self) -> Result<RwLockReadGuard<'_, Live>> {
        self.live.read().map_err(|_| broken())
    }

    pub fn live_mut(&self) -> Result<RwLockWriteGuard<'_, Live>> {
        self.live.write().map_err(|_| broken())
    }

    /// The same for whoever puts it right after a failure.
    pub fn live_mut_anyway(&self) -> RwLockWriteGuard<'_, Live> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the events of a read to `sink`.
    pub fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        let (mut skip, mut limit) = (read.skip, read.limit);
        if limit == 0 {
            return Ok(End::Full);
        }
        let mut buffer = Vec::new();
        let mut planned = None;
        let mut left = self.range(read)?;
        let sealed = self.live()?.sealed.clone();
        let reach = Reach::of(read.query, &sealed, &self.files)?;
        let passing = (skip > 0).then(|| self.counts.passing(read.query, sealed));
        loop {
            call.check()?;
            reach.pass_over(&mut left, read.direction);
            if let Some(passing) = passing.as_ref().filter(|_| skip > 0) {
                passing.pass_over(&mut left, &mut skip, read.direction);
            }
            if left.is_empty() {
                break;
            }
            self.check_damage(&left, read.direction)?;
            self.files.pool.look();
            let end = match self.piece(read, &left, &mut planned, &mut skip, limit)? {
                Piece::Sealed(part, range) => {
                    let found = part.matching(&self.files, read.query, range.clone(), call)?;
                    if let Some(passing) = &passing {
                        passing.note(&range, found.len());
                    }
                    let end =
                        self.read_part(&part, found, read.direction, &mut skip, &mut limit, &mut buffer, sink, call)?;
                    advance(&mut left, &range, read.direction);
                    end
                }
                Piece::Growing(segment, range, places) => {
                    let end = self.give(&segment, &places, read.direction, &mut limit, &mut buffer, sink, call)?;
                    advance(&mut left, &range, read.direction);
                    end
                }
            };
            if end == End::Full {
                return Ok(End::Full);
            }
        }
        Ok(End::Complete)
    }

    /// How many events a read would give, but for its `skip` and `limit`.
    pub fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        let mut count = 0;
        let mut planned = None;
        let mut left = self.range(read)?;
        let sealed = self.live()?.sealed.clone();
        let reach = Reach::of(read.query, &sealed, &self.files)?;
        let passing = self.counts.passing(read.query, sealed);
        loop {
            call.check()?;
            reach.pass_over(&mut left, Direction::Forward);
            let mut passed = u64::MAX;
            passing.pass_over(&mut left, &mut passed, Direction::Forward);
            count += u64::MAX - passed;
            if left.is_empty() {
                break;
            }
            self.check_damage(&left, Direction::Forward)?;
            self.files.pool.look();
            // To pass over all is to count.
            let mut passed = u64::MAX;
            let read = Read { direction: Direction::Forward, ..*read };
            let range = match self.piece(&read, &left, &mut planned, &mut passed, 0)? {
                Piece::Sealed(part, range) => {
                    let found = part.matching(&self.files, read.query, range.clone(), call)?.len();
                    passing.note(&range, found);
                    count += found;
                    range
                }
                Piece::Growing(_, range, _) => {
                    count += u64::MAX - passed;
                    range
                }
            };
            advance(&mut left, &range, Direction::Forward);
        }
        Ok(count)
    }

    /// The first event behind `after` that matches, those that are not visible yet included.
    pub fn first_match(&self, query: &Query, after: u64, end: u64, call: &Call<'_>) -> Result<Option<u64>> {
        let read = Read { query, after, up_to: end - 1, direction: Direction::Forward, skip: 0, limit: 1 };
        let mut planned = None;
        let mut left = self.range(&read)?;
        let reach = Reach::of(query, &self.live()?.sealed.clone(), &self.files)?;
        while reach.pass_over(&mut left, Direction::Forward) {
            call.check()?;
            self.files.pool.look();
            let range = match self.piece(&read, &left, &mut planned, &mut 0, 1)? {
                Piece::Sealed(part, range) => {
                    let mut found = part.matching(&self.files, query, range.clone(), call)?;
                    if found.len() > 0 {
                        let mut places = Vec::new();
                        found.places(0..1, &mut places)?;
                        return Ok(places.first().map(|(position, _)| *position));
                    }
                    range
                }
                Piece::Growing(_, range, places) => match places.first() {
                    Some((position, _)) => return Ok(Some(*position)),
                    None => range,
                },
            };
            advance(&mut left, &range, Direction::Forward);
        }
        Ok(None)
    }

    /// The positions of a read, from the first to one more than the last.
    fn range(&self, read: &Read<'_>) -> Result<Range<u64>> {
        let start = read.after.max(read.query.lower_bound()).saturating_add(1);
        // Where data is lost nobody knows how far it went: who does not say where to stop is told.
        let up_to = if self.live()?.damage.is_some() { u64::MAX - 1 } else { read.up_to };
        let mut end = up_to.min(read.query.upper_bound()).saturating_add(1);
        if read.query.filters.is_empty() {
            end = start;
        }
        Ok(start..end.max(start))
    }

    /// An error where the next events of a read are lost.
    fn check_damage(&self, left: &Range<u64>, direction: Direction) -> Result<()> {
        let live = self.live()?;
        let Some(damage) = &live.damage else { return Ok(()) };
        let next = live.growing.next();
        let is_reached = match direction {
            Direction::Forward => left.start >= next,
            Direction::Backward => left.end > next,
        };
        if is_reached { Err(damage.error(&*self.files.directory)) } else { Ok(()) }
    }

    /// The next piece of `left`. In the growing part it is worked through at once, under the lock: `skip` events
    /// are passed over, and so many are located as are wanted.
    fn piece(
        &self,
        read: &Read<'_>,
        left: &Range<u64>,
        planned: &mut Option<Planned>,
        skip: &mut u64,
        limit: u64,
    ) -> Result<Piece> {
        let live = self.live()?;
        let (first, next) = (live.growing.first, live.growing.next());
        let at = match read.direction {
            Direction::Forward => left.start,
            Direction::Backward => left.end - 1,
        };
        if at < first {
            let part = live.sealed.part_of(at).ok_or_else(|| Error::internal("a position is in no part"))?;
            return Ok(Piece::Sealed(part.clone(), left.start.max(part.first())..left.end.min(part.bounds.next)));
        }
        if at >= next {
            return Err(Error::internal("a position was asked for that no event has"));
        }
        let within = left.start.max(first)..left.end.min(next);
        let bounds = (within.start - first) as u32..(within.end.max(within.start) - first) as u32;
        if planned.as_ref().is_none_or(|planned| planned.first != first) {
            // Names that come later belong to events behind `up_to`, so the plan stays good.
            *planned = Some(Planned { first, plan: Plan::new(&relative(read.query, first), &live.growing.index) });
        }
        let Some(Planned { plan, .. }) = planned else { return Err(broken()) };
        let piece = plan.piece(&bounds, read.direction);
        let mut scan = Scan::new(plan, &live.growing.index, &piece, read.direction);
        let mut done = piece.clone();
        if *skip > 0 {
            *skip -= scan.pass_over(*skip);
        }
        let mut places = Vec::new();
        if *skip == 0 {
            let wanted = limit.min(PIECE_EVENTS) as usize;
            for ordinal in scan.by_ref().take(wanted) {
                places.push((first + u64::from(ordinal), live.growing.places[ordinal as usize]));
            }
            if places.len() == wanted
                && let Some((last, _)) = places.last()
            {
                let last = (last - first) as u32;
                match read.direction {
                    Direction::Forward => done.end = last + 1,
                    Direction::Backward => done.start = last,
                }
            }
        }
        Ok(Piece::Growing(live.segment.clone(), first + u64::from(done.start)..first + u64::from(done.end), places))
    }

    /// Gives the events of a part.
    #[expect(clippy::too_many_arguments, reason = "the state of one read, in parts")]
    fn read_part(
        &self,
        part: &Part,
        mut found: Found<'_>,
        direction: Direction,
        skip: &mut u64,
        limit: &mut u64,
        buffer: &mut Vec<u8>,
        sink: &mut dyn Sink,
        call: &Call<'_>,
    ) -> Result<End> {
        let passed = (*skip).min(found.len());
        *skip -= passed;
        let wanted = match direction {
            Direction::Forward => passed..found.len().min(passed.saturating_add(*limit)),
            Direction::Backward => (found.len() - passed).saturating_sub(*limit)..found.len() - passed,
        };
        let mut left = wanted;
        let mut places = Vec::new();
        if found.is_range() && !left.is_empty() {
            // They lie side by side, so their ends tell how long they are.
            found.places(left.start..left.start + 1, &mut places)?;
            found.places(left.end - 1..left.end, &mut places)?;
            if let [(_, first), (_, last)] = places[..] {
                let end = (u64::from(last.offset) + u64::from(last.len)).min(part.bounds.end);
                sink.reserve(end.saturating_sub(first.offset.into()) as usize);
            }
        }
        while !left.is_empty() {
            call.check()?;
            let slice = match direction {
                Direction::Forward => left.start..left.end.min(left.start + PIECE_EVENTS),
                Direction::Backward => left.start.max(left.end.saturating_sub(PIECE_EVENTS))..left.end,
            };
            places.clear();
            found.places(slice.clone(), &mut places)?;
            if direction == Direction::Backward {
                places.reverse();
            }
            if self.give(&part.segment, &places, direction, limit, buffer, sink, call)? == End::Full {
                return Ok(End::Full);
            }
            advance(&mut left, &slice, direction);
        }
        Ok(End::Complete)
    }

    /// Reads texts and gives them to `sink`.
    #[expect(clippy::too_many_arguments, reason = "the state of one read, in parts")]
    fn give(
        &self,
        segment: &Segment,
        places: &[(u64, Place)],
        direction: Direction,
        limit: &mut u64,
        buffer: &mut Vec<u8>,
        sink: &mut dyn Sink,
        call: &Call<'_>,
    ) -> Result<End> {
        let directory = &*self.files.directory;
        let mut push = |position: u64, text: &[u8]| {
            call.check()?;
            if *limit == 0 || !sink.push(position, text) {
                return Ok(false);
            }
            *limit -= 1;
            Ok(*limit > 0)
        };
        let all = match direction {
            Direction::Forward => {
                let only: Vec<Place> = places.iter().map(|(_, place)| *place).collect();
                segment.texts(
                    directory,
                    &only,
                    |index| places[index].0,
                    buffer,
                    |index, text| push(places[index].0, text),
                )?
            }
            Direction::Backward => {
                let mut all = true;
                for some in places.chunks(BACKWARD_EVENTS) {
                    // Read as they lie in the file, and given the other way round.
                    let only: Vec<Place> = some.iter().rev().map(|(_, place)| *place).collect();
                    let position = |index: usize| some[some.len() - 1 - index].0;
                    let (mut texts, mut ends) = (Vec::new(), vec![0]);
                    segment.texts(directory, &only, position, buffer, |_, text| {
                        texts.extend_from_slice(text);
                        ends.push(texts.len());
                        Ok(true)
                    })?;
                    for index in (0..some.len()).rev() {
                        all = push(position(index), &texts[ends[index]..ends[index + 1]])?;
                        if !all {
                            break;
                        }
                    }
                    if !all {
                        break;
                    }
                }
                all
            }
        };
        Ok(if all { End::Complete } else { End::Full })
    }
}

fn advance(left: &mut Range<u64>, done: &Range<u64>, direction: Direction) {
    match direction {
        Direction::Forward => left.start = left.end.min(done.end),
        Direction::Backward => left.end = left.start.max(done.start),
    }
}

/// After a panic inside the lock the state may be half done.
pub(super) fn broken() -> Error {
    Error::internal("an earlier call on this store panicked")
}
