//! Reading through an engine of the user's own: piece by piece, and everything looked at that comes.

use super::Custom;
use crate::append::StoredHead;
use crate::call::Call;
use crate::error::Result;
use crate::json::{Part, read_answer, write_query, write_read_options};
use crate::query::{Direction, Filter, POSITION_MAX, Query};

/// The first piece has at most so many events, and each next one four times as many.
const PIECE_FIRST: u64 = 64;
const PIECE_MAX: u64 = 1024;
/// A piece of more bytes makes the next one smaller.
const PIECE_BYTES: usize = 4 << 20;

/// What is to be read.
pub(super) struct Pull<'a> {
    pub query: &'a Query,
    pub after: u64,
    pub up_to: u64,
    pub direction: Direction,
    /// No more than this is of use, as far as is known.
    pub wanted: u64,
    /// All events up to `up_to` are there.
    pub complete: bool,
}

/// Takes an event and its text; whether it wants more.
pub(super) type Take<'t> = dyn FnMut(&StoredHead<'_>, &[u8]) -> bool + 't;

impl Custom {
    /// Gives each event that matches to `take`, in order; whether all were taken.
    pub(super) fn pull(&self, pull: &Pull<'_>, call: Option<&Call<'_>>, take: &mut Take<'_>) -> Result<bool> {
        let mut part = Part {
            after: pull.after.max(pull.query.lower_bound()),
            up_to: pull.up_to.min(pull.query.upper_bound()).min(POSITION_MAX),
            limit: PIECE_FIRST.min(pull.wanted.max(1)),
            direction: pull.direction,
        };
        // Where everything is asked for, what is missing shows.
        let gapless = pull.complete && pull.query.filters.contains(&Filter::default());
        while part.after < part.up_to && !pull.query.filters.is_empty() {
            if let Some(call) = call {
                call.check()?;
            }
            let (query, options) = (write_query(pull.query, part), write_read_options(part));
            let answer = self.ask("get_events", |engine| engine.get_events(&query, &options))?;
            let mut piece = Piece { part, gapless, raw: 0, seen: 0, last: None };
            let mut enough = false;
            let read = read_answer(&answer, |head, text| {
                if piece.admit(head)? && pull.query.filters.iter().any(|filter| matches(filter, head)) {
                    enough = !take(head, text);
                }
                Ok(!enough)
            });
            read.and_then(|()| if enough { Ok(()) } else { piece.end() })
                .map_err(|what| self.wrong("get_events", &what))?;
            if enough {
                return Ok(false);
            }
            let Some(last) = piece.last.filter(|_| piece.raw >= part.limit) else { break };
            match part.direction {
                Direction::Forward => part.after = last,
                Direction::Backward => part.up_to = last - 1,
            }
            part.limit =
                if answer.len() > PIECE_BYTES { (part.limit / 2).max(1) } else { (part.limit * 4).min(PIECE_MAX) };
        }
        Ok(true)
    }
}

/// One answer of the engine.
struct Piece {
    part: Part,
    gapless: bool,
    /// Events that came.
    raw: u64,
    /// The position that came before.
    seen: u64,
    /// The last position that was asked for.
    last: Option<u64>,
}

impl Piece {
    /// Whether an event was asked for, as to its position.
    fn admit(&mut self, head: &StoredHead<'_>) -> std::result::Result<bool, String> {
        let (Part { after, up_to, direction, .. }, position) = (self.part, head.sequence_number);
        let in_order = match direction {
            Direction::Forward => position > self.seen,
            Direction::Backward => position < self.seen,
        };
        if self.raw > 0 && !in_order {
            let order = if direction == Direction::Forward { "ascending" } else { "descending" };
            return Err(format!("position {position} follows {}: positions must be {order}", self.seen));
        }
        self.raw += 1;
        self.seen = position;
        if position <= after || position > up_to {
            return Ok(false);
        }
        let expected = match (direction, self.last) {
            (Direction::Forward, None) => after + 1,
            (Direction::Forward, Some(last)) => last + 1,
            (Direction::Backward, None) => up_to,
            (Direction::Backward, Some(last)) => last - 1,
        };
        if self.gapless && position != expected {
            return Err(format!("position {expected} is missing before {position}"));
        }
        self.last = Some(position);
        Ok(true)
    }

    /// Judges an answer as a whole.
    fn end(&self) -> std::result::Result<(), String> {
        let Part { after, up_to, limit, direction } = self.part;
        if self.last.is_some() && self.raw >= limit {
            return Ok(());
        }
        let missing = match (direction, self.last) {
            (Direction::Forward, last) => Some(last.unwrap_or(after) + 1).filter(|next| *next <= up_to),
            (Direction::Backward, None) => Some(up_to),
            (Direction::Backward, Some(last)) => Some(last - 1).filter(|next| *next > after),
        };
        match missing {
            Some(position) if self.gapless => Err(format!("the event at position {position} is missing")),
            // Whoever heeds `limit` alone would give the same events for ever, and never those that were asked for.
            _ if self.raw == limit && self.last.is_none() => {
                Err(format!("it answered {limit} events, and none of positions {} to {up_to}", after + 1))
            }
            _ => Ok(()),
        }
    }
}

/// Whether an event matches, its position and version included.
fn matches(filter: &Filter, event: &StoredHead<'_>) -> bool {
    let among = |names: &Option<Vec<String>>, name: &str| {
        names.as_ref().is_none_or(|names| names.iter().any(|known| known == name))
    };
    among(&filter.types, &event.event_type)
        && among(&filter.domains, &event.domain)
        && among(&filter.instance_ids, &event.instance_id)
        && filter.ids.as_ref().is_none_or(|ids| ids.contains(&event.id))
        && filter.tags.iter().all(|tag| event.tags.iter().any(|carried| carried == tag))
        && filter.from.is_none_or(|from| event.inserted_at >= from)
        && filter.to.is_none_or(|to| event.inserted_at < to)
        && event.sequence_number > filter.after
        && event.sequence_number <= filter.up_to
        && event.stream_version > filter.after_version
}
