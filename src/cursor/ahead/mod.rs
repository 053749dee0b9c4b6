//! Reading ahead, over an engine that is far away: more is fetched at once than a piece takes, and the pieces behind it
//! are copies out of memory.
//!
//! Nothing is under way between two calls: what is held is what a read within a call has brought. Events never change,
//! so those that are held are right whenever they are given. That none follow is true of a moment only.

use crate::call::Call;
use crate::engine::{End, Engine, Read};
use crate::error::Result;
use crate::query::{Direction, POSITION_MAX, Sink};

/// What comes next, as far as it was fetched.
#[derive(Default)]
pub(super) struct Ahead {
    /// Where the last piece ended. Whoever goes on from elsewhere is given nothing of what is held.
    at: Option<u64>,
    held: Held,
    /// A read up to here has nothing behind what is held.
    complete_up_to: Option<u64>,
    /// How many bytes the last read was to bring, the piece that it was made for among them.
    size: usize,
    /// How many bytes an event has, as the last piece saw it.
    event_bytes: usize,
}

impl Ahead {
    /// Does what `engine.read` does; `left` is how many events all reads together are still to give.
    pub fn read(
        &mut self,
        engine: &dyn Engine,
        read: &Read<'_>,
        left: u64,
        sink: &mut dyn Sink,
        call: &Call<'_>,
    ) -> Result<End> {
        let most = engine.read_ahead();
        if most == 0 {
            return engine.read(read, sink, call);
        }
        if read.skip > 0 || self.at != Some(place(read)) {
            self.forget();
        }
        let mut piece = Piece { read: *read, sink, refused: false, events: 0, bytes: 0 };
        self.held.give(&mut piece);
        let end = if piece.is_full() {
            Ok(End::Full)
        } else if self.complete_up_to.is_some_and(|up_to| up_to >= piece.read.up_to) {
            Ok(End::Complete)
        } else {
            self.fetch(engine, &mut piece, left, most, call)
        };
        match end {
            Ok(End::Full) => self.note(&piece),
            // A follower that has caught up begins anew: its next event is to come as soon as it can.
            Ok(End::Complete) | Err(_) => self.forget(),
        }
        end
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.events.is_empty()
    }

    /// Lets go of all that is held, and of its memory.
    pub fn forget(&mut self) {
        *self = Ahead::default();
    }

    /// Reads the rest of a piece, and what comes behind it as far as there is room. Nothing is held.
    fn fetch(
        &mut self,
        engine: &dyn Engine,
        piece: &mut Piece<'_, '_>,
        left: u64,
        most: usize,
        call: &Call<'_>,
    ) -> Result<End> {
        // Nothing at first, so the first piece comes as soon as it can, and whoever wants no other pays for none.
        self.size = self.size.saturating_mul(2).min(most);
        let room = self.size.saturating_sub(piece.expects(self.event_bytes));
        let read = piece.read;
        if room == 0 || !self.held.reserve(room) {
            return engine.read(&read, piece, call);
        }
        let read = Read { limit: left - piece.events, ..read };
        let mut fetch = Fetch { piece, held: &mut self.held, room, event_bytes: self.event_bytes };
        let end = engine.read(&read, &mut fetch, call)?;
        let all_given = !piece.refused && self.held.events.is_empty();
        let of_its_moment = read.up_to == POSITION_MAX;
        self.complete_up_to = (end == End::Complete && !of_its_moment).then_some(read.up_to);
        Ok(if all_given { end } else { End::Full })
    }

    fn note(&mut self, piece: &Piece<'_, '_>) {
        self.at = Some(place(&piece.read));
        self.size = self.size.max(piece.bytes);
        if let Some(mean) = piece.bytes.checked_div(piece.events as usize) {
            self.event_bytes = mean;
        }
    }
}

/// Where a read goes on.
fn place(read: &Read<'_>) -> u64 {
    match read.direction {
        Direction::Forward => read.after,
        Direction::Backward => read.up_to,
    }
}

/// A piece on its way to the one who asked for it.
struct Piece<'s, 'q> {
    /// What is still to be read.
    read: Read<'q>,
    sink: &'s mut dyn Sink,
    refused: bool,
    events: u64,
    bytes: usize,
}

impl Piece<'_, '_> {
    fn is_full(&self) -> bool {
        self.refused || self.read.limit == 0
    }

    /// About how many bytes it still takes.
    fn expects(&self, event_bytes: usize) -> usize {
        if self.is_full() {
            return 0;
        }
        let limit = usize::try_from(self.read.limit).unwrap_or(usize::MAX);
        self.sink.room().min(limit.saturating_mul(event_bytes))
    }

    /// The sink took so many more, the last of them at `position`.
    fn note(&mut self, position: u64, events: u64, bytes: usize) {
        self.events += events;
        self.bytes += bytes;
        self.read.skip = 0;
        self.read.limit -= events;
        match self.read.direction {
            Direction::Forward => self.read.after = position,
            Direction::Backward => self.read.up_to = position - 1,
        }
    }
}

impl Sink for Piece<'_, '_> {
    fn reserve(&mut self, bytes: usize) {
        self.sink.reserve(bytes);
    }

    fn room(&self) -> usize {
        self.sink.room()
    }

    fn push(&mut self, position: u64, text: &[u8]) -> bool {
        if self.is_full() {
            return false;
        }
        if !self.sink.push(position, text) {
            self.refused = true;
            return false;
        }
        self.note(position, 1, text.len());
        true
    }

    fn push_all(&mut self, texts: &[u8], start: usize, events: &[(u64, usize)]) -> usize {
        let limit = usize::try_from(self.read.limit).unwrap_or(usize::MAX).min(events.len());
        let Some(wanted) = limit.checked_sub(1) else { return 0 };
        self.reserve(events[wanted].1 - start);
        let count = self.sink.push_all(texts, start, &events[..limit]);
        self.refused |= count < limit;
        if let Some((position, end)) = count.checked_sub(1).map(|last| events[last]) {
            self.note(position, count as u64, end - start);
        }
        count
    }
}

/// A read for a piece and for what comes behind it: what the piece does not take is held.
struct Fetch<'f, 's, 'q> {
    piece: &'f mut Piece<'s, 'q>,
    held: &'f mut Held,
    room: usize,
    event_bytes: usize,
}

impl Sink for Fetch<'_, '_, '_> {
    fn reserve(&mut self, _bytes: usize) {}

    fn room(&self) -> usize {
        let free = self.room - self.held.texts.len();
        // A little is not worth another round trip.
        let free = if free < self.room / 8 { 0 } else { free };
        self.piece.expects(self.event_bytes).saturating_add(free)
    }

    fn push(&mut self, position: u64, text: &[u8]) -> bool {
        self.piece.push(position, text) || self.held.push(position, text, self.room)
    }
}

/// Events in the order in which they are to be given.
#[derive(Default)]
struct Held {
    texts: Vec<u8>,
    /// The position of each, and where its text ends.
    events: Vec<(u64, usize)>,
    /// So many of them were given.
    given: usize,
}

impl Held {
    /// Gives what the piece takes.
    fn give(&mut self, piece: &mut Piece<'_, '_>) {
        let start = self.end_of(self.given);
        self.given += piece.push_all(&self.texts, start, &self.events[self.given..]);
        if self.given == self.events.len() {
            // Its memory is used again.
            self.texts.clear();
            self.events.clear();
            self.given = 0;
        }
    }

    /// Where the texts of the first `count` events end.
    fn end_of(&self, count: usize) -> usize {
        count.checked_sub(1).map_or(0, |last| self.events[last].1)
    }

    /// Makes room for so many bytes of text; whether there is memory for it.
    fn reserve(&mut self, bytes: usize) -> bool {
        self.texts.try_reserve_exact(bytes).is_ok()
    }

    /// Takes an event, unless its text would be more than there is room for.
    fn push(&mut self, position: u64, text: &[u8], room: usize) -> bool {
        let end = self.texts.len() + text.len();
        if end > room || self.events.try_reserve(1).is_err() {
            return false;
        }
        self.texts.extend_from_slice(text);
        self.events.push((position, end));
        true
    }
}

#[cfg(test)]
mod tests;
