//! A result that is read piece by piece, handed out event by event.

use crate::FORKS;
use crate::error::{exception, refusal};
use crate::event::Event;
use crate::store::Open;
use crate::wait::{self, until};
use pyo3::prelude::*;
use runestore::{Error, ErrorKind, Next};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// An iterator over events.
#[pyclass(frozen, module = "runestore._native")]
pub(crate) struct Cursor {
    cursor: runestore::Cursor,
    /// A cursor alone does not keep its store open.
    store: Arc<Open>,
    /// In which process it was made: `FORKS` there.
    forks: u64,
    stopped: AtomicBool,
    /// Everything up to here was handed out or does not match. For any thread, also while one reads.
    position: AtomicU64,
    piece: Mutex<Piece>,
}

/// What was read and not yet handed out.
struct Piece {
    /// One event a line.
    lines: Vec<u8>,
    /// Where the next event begins.
    at: usize,
    /// Everything up to here was handed out or does not match, once all lines are.
    position: u64,
}

/// What a turn came to.
enum Turn {
    Events,
    Done,
}

impl Cursor {
    pub fn new(cursor: runestore::Cursor, store: Arc<Open>, position: u64) -> Cursor {
        let piece = Mutex::new(Piece { lines: Vec::new(), at: 0, position });
        let (stopped, position) = (AtomicBool::new(false), AtomicU64::new(position));
        Cursor { cursor, store, forks: FORKS.load(SeqCst), stopped, position, piece }
    }

    /// The piece, for one thread at a time: who comes second would only get every other event.
    fn piece(&self, py: Python<'_>) -> PyResult<MutexGuard<'_, Piece>> {
        if self.forks != FORKS.load(SeqCst) {
            // The core says so. Neither the lock nor what was read is the child's: a thread that is not there may
            // hold the one, and the parent hands out the other.
            self.store.head().map_err(|error| exception(py, &error))?;
        }
        if let Ok(piece) = self.piece.try_lock() {
            return Ok(piece);
        }
        let message = "another call is reading from this iterator: one at a time, or make one for each thread";
        Err(refusal(py, ErrorKind::Misuse, message, &[]))
    }

    /// Reads the next piece over the one before; `None` when nothing came in time.
    fn read(&self, py: Python<'_>, piece: &mut Piece, timeout: Option<Duration>) -> PyResult<Option<Turn>> {
        piece.lines.clear();
        piece.at = 0;
        until(py, timeout, |time| {
            let next = self.cursor.next(0, time, &mut piece.lines);
            let (turn, position) = match next {
                Ok(Next::Events { position }) => (Some(Turn::Events), position),
                Ok(Next::Timeout { position }) => (None, position),
                Ok(Next::Done { position }) => (Some(Turn::Done), position),
                Err(error) if self.was_stopped(&error) => return Ok(Some(Turn::Done)),
                Err(error) => return Err(error),
            };
            piece.position = position;
            if !matches!(turn, Some(Turn::Events)) {
                self.position.store(position, SeqCst);
            }
            Ok(turn)
        })
    }

    /// Hands out the next event of the piece.
    fn hand_out(&self, piece: &mut Piece) -> Option<Event> {
        let event = piece.next()?;
        let position = if piece.is_empty() { piece.position } else { event.position() };
        self.position.store(position, SeqCst);
        Some(event)
    }

    fn was_stopped(&self, error: &Error) -> bool {
        error.kind() == ErrorKind::Interrupted && self.stopped.load(SeqCst)
    }
}

impl Piece {
    fn is_empty(&self) -> bool {
        self.at == self.lines.len()
    }

    fn next(&mut self) -> Option<Event> {
        let rest = &self.lines[self.at..];
        let text = &rest[..memchr::memchr(b'\n', rest)?];
        let event = Event::new(text);
        self.at += text.len() + 1;
        Some(event)
    }
}

#[pymethods]
impl Cursor {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        let mut piece = self.piece(py)?;
        loop {
            if self.stopped.load(SeqCst) {
                return Ok(None);
            }
            if let Some(event) = self.hand_out(&mut piece) {
                return Ok(Some(event));
            }
            // Without a time-out this is always an answer.
            if let None | Some(Turn::Done) = self.read(py, &mut piece, None)? {
                return Ok(None);
            }
        }
    }

    /// Reads on unless events are left from before: whether there are events to `take`, or `None` when
    /// nothing came within `timeout` seconds.
    fn fill(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<bool>> {
        let timeout = wait::timeout(py, timeout)?;
        let mut piece = self.piece(py)?;
        if self.stopped.load(SeqCst) {
            return Ok(Some(false));
        }
        if piece.is_empty() {
            let turn = self.read(py, &mut piece, timeout)?;
            return Ok(turn.map(|turn| matches!(turn, Turn::Events)));
        }
        Ok(Some(true))
    }

    /// The next of the events that are there, or `None`.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Event>> {
        let mut piece = self.piece(py)?;
        Ok(if self.stopped.load(SeqCst) { None } else { self.hand_out(&mut piece) })
    }

    /// Everything up to here was handed out or does not match.
    #[getter]
    fn position(&self) -> u64 {
        self.position.load(SeqCst)
    }

    /// Ends the iteration, from any thread: the `next` in progress, and all later ones.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        self.stopped.store(true, SeqCst);
        match py.detach(|| self.cursor.cancel()) {
            Err(error) if error.kind() != ErrorKind::Closed => Err(exception(py, &error)),
            _ => Ok(()),
        }
    }
}
