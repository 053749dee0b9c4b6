//! Cursors: a result piece by piece, and what comes after it.

mod ahead;

use crate::call::{Call, Cancel};
use crate::engine::{End, Read};
use crate::error::{Error, ErrorKind, Result};
use crate::json::Answers;
use crate::query::{CursorOptions, Direction, POSITION_MAX, Query};
use crate::store::{Store, deadline};
use ahead::Ahead;
use std::sync::{Arc, Mutex, TryLockError, Weak};
use std::time::{Duration, Instant};

/// A result that is read piece by piece, in memory that does not grow with it.
///
/// It may move between threads, one [`Cursor::next`] at a time. It does not keep its store open.
///
/// ```
/// use runestore::{Next, Store};
///
/// let store = Store::open("{}")?;
/// store.append_json(r#"{"type":"Opened","domain":"account","instance_id":"a-1"}"#, None)?;
/// let cursor = store.cursor(None, Some(r#"{"format":"ndjson"}"#))?;
/// let mut events = Vec::new();
/// while let Next::Events { position } = cursor.next(100, None, &mut events)? {
///     assert_eq!(position, 1);
/// }
/// assert!(events.ends_with(b"\n"));
/// # Ok::<(), runestore::Error>(())
/// ```
pub struct Cursor {
    store: Weak<Store>,
    query: Query,
    options: CursorOptions,
    cancel: Cancel,
    state: Mutex<State>,
}

/// What one `next` leaves to the one after it.
struct State {
    progress: Progress,
    ahead: Ahead,
}

/// What a [`Cursor::next`] came to. Everything up to `position` was returned or does not match: the
/// number that a follower keeps, to go on behind it another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// At least one event came.
    Events {
        /// See [`Next`].
        position: u64,
    },
    /// Nothing new came in time.
    Timeout {
        /// See [`Next`].
        position: u64,
    },
    /// There is no more, and never will be.
    Done {
        /// See [`Next`].
        position: u64,
    },
}

#[derive(Clone, Copy)]
struct Progress {
    /// Forward: all up to here is dealt with. Backward: all from here on, so one more than head at first.
    at: u64,
    /// The head that the cursor reads up to; a follower's moves on.
    head: u64,
    /// Matching events still to be passed over.
    skip: u64,
    /// Events still to be returned.
    left: u64,
    /// Nothing is left to return.
    done: bool,
}

impl Cursor {
    pub(crate) fn new(store: &Arc<Store>, query: Query, options: CursorOptions, head: u64) -> Cursor {
        let left = options.read.limit.unwrap_or(u64::MAX);
        let at = match options.read.direction {
            Direction::Forward => query.lower_bound(),
            Direction::Backward => head + 1,
        };
        let progress = Progress { at, head, skip: options.read.offset, left, done: left == 0 };
        Cursor {
            store: Arc::downgrade(store),
            query,
            options,
            cancel: Cancel::default(),
            state: Mutex::new(State { progress, ahead: Ahead::default() }),
        }
    }

    /// Appends the next events to `out`: at most `max_events` (0: by bytes alone), at most as many
    /// bytes as the options say, but always one. It answers as soon as there is one event to give;
    /// a follower waits for it until `timeout` has passed (`None` waits for ever).
    ///
    /// Unless the answer is [`Next::Events`], `out` is as it was.
    ///
    /// # Errors
    ///
    /// `misuse` if another `next` is in progress on this cursor; `interrupted` once it is cancelled;
    /// `closed` once it or its store is closed; and what the engine has to say. The cursor has not
    /// moved then.
    pub fn next(&self, max_events: usize, timeout: Option<Duration>, out: &mut Vec<u8>) -> Result<Next> {
        let store = self.store.upgrade().ok_or_else(Error::closed)?;
        let call = store.enter(&self.cancel)?;
        call.check()?;
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::WouldBlock) => {
                // It may be `close` that looks at it just now.
                call.check()?;
                return Err(overlap());
            }
            Err(TryLockError::Poisoned(_)) => return Err(Error::internal("an earlier call on this cursor panicked")),
        };
        // The cursor moves only when the call has succeeded. What was read ahead knows by itself where it belongs.
        let before = state.progress;
        let start = out.len();
        let next = self.advance(&mut state, max_events, deadline(timeout), out, &store, &call);
        if next.is_err() {
            state.progress = before;
            out.truncate(start);
        }
        next
    }

    fn advance(
        &self,
        state: &mut State,
        max_events: usize,
        deadline: Option<Instant>,
        out: &mut Vec<u8>,
        store: &Store,
        call: &Call<'_>,
    ) -> Result<Next> {
        let mut last_look = false;
        loop {
            let State { progress, ahead } = state;
            if progress.done {
                return Ok(Next::Done { position: self.position(progress) });
            }
            let bounded = progress.at >= self.query.upper_bound();
            if self.options.follow && progress.at >= progress.head && ahead.is_empty() && !bounded {
                // All up to its head is dealt with. Events that do not match may come faster than it looks, so time
                // alone decides when it stops looking.
                let head =
                    if last_look { progress.head } else { store.engine().wait(progress.head, deadline, call)? };
                if head == progress.head {
                    return Ok(Next::Timeout { position: self.position(progress) });
                }
                progress.head = head;
                last_look = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            }
            if self.read(state, max_events, out, store, call)? {
                return Ok(Next::Events { position: self.position(&state.progress) });
            }
        }
    }

    /// Reads on up to the progress' head; whether any event came.
    fn read(
        &self,
        state: &mut State,
        max_events: usize,
        out: &mut Vec<u8>,
        store: &Store,
        call: &Call<'_>,
    ) -> Result<bool> {
        let State { progress, ahead } = state;
        let direction = self.options.read.direction;
        // A follower is given all that is there by now, whatever it has heard of.
        let head = if self.options.follow { store.engine().moment(call)? } else { progress.head };
        let (after, up_to) = match direction {
            Direction::Forward => (progress.at, head),
            Direction::Backward => (0, progress.at - 1),
        };
        let limit = if max_events == 0 { progress.left } else { progress.left.min(max_events as u64) };
        let start = out.len();
        let mut answers = Answers::new(out, self.options.read.format, self.options.max_bytes);
        let read = Read { query: &self.query, after, up_to, direction, skip: progress.skip, limit };
        let end = ahead.read(store.engine(), &read, progress.left, &mut answers, call)?;
        let (events, last) = (answers.events(), answers.last());
        answers.finish()?;
        if events == 0 {
            out.truncate(start);
        }
        progress.left -= events;
        if self.options.follow {
            // Where the read itself was of one moment, as far as it was seen.
            progress.head = progress.head.max(if head < POSITION_MAX { head } else { last });
        }
        match (end, direction) {
            (End::Complete, Direction::Forward) => progress.at = progress.at.max(progress.head),
            (End::Complete, Direction::Backward) => progress.at = 1,
            (End::Full, _) => {
                progress.at = last;
                progress.skip = 0;
            }
        }
        let complete = match end {
            End::Complete => !self.options.follow || progress.at >= self.query.upper_bound(),
            End::Full => false,
        };
        progress.done = complete || progress.left == 0;
        if progress.done {
            ahead.forget();
        }
        Ok(events > 0)
    }

    /// Everything up to here was returned or does not match.
    fn position(&self, progress: &Progress) -> u64 {
        let (lower, upper) = (self.query.lower_bound(), self.query.upper_bound());
        match self.options.read.direction {
            Direction::Forward => progress.at.min(upper.max(lower)),
            // The beginning comes last: until then nothing can be said of it.
            Direction::Backward if progress.at > 1 => lower,
            Direction::Backward => progress.head.min(upper).max(lower),
        }
    }

    /// Ends the `next` in progress with `interrupted`, and all later ones.
    ///
    /// # Errors
    ///
    /// `closed` if it is closed, or its store.
    pub fn cancel(&self) -> Result<()> {
        self.cancel.cancel()?;
        self.wake()
    }

    /// Ends the `next` in progress with `closed`, and all later ones.
    ///
    /// # Errors
    ///
    /// `closed` if it was closed before, or its store is; the cursor is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.cancel.close()?;
        // What a `next` in progress holds goes with the cursor.
        if let Ok(mut state) = self.state.try_lock() {
            state.ahead.forget();
        }
        self.wake()
    }

    fn wake(&self) -> Result<()> {
        let store = self.store.upgrade().ok_or_else(Error::closed)?;
        let _call = store.gate.enter(None)?;
        store.gate.ring();
        Ok(())
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("query", &self.query).field("options", &self.options).finish_non_exhaustive()
    }
}

fn overlap() -> Error {
    Error::new(
        ErrorKind::Misuse,
        "another thread is inside `next` of this cursor: one at a time, or open a cursor for each thread",
    )
}
