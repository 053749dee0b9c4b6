//! The calls in progress on a store: who may still enter, who must stop, who waits for what.

use crate::error::{Error, ErrorKind, Result};
use crate::process::Process;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The gate that every call on a store passes.
///
/// The counters are sequentially consistent throughout: each of the protocols below is of the kind
/// "I write mine, then read yours", which nothing weaker keeps.
pub(crate) struct Gate {
    /// The process that opened the store. A forked child has no part in it.
    process: Process,
    closed: AtomicBool,
    interrupts: AtomicU64,
    active: AtomicUsize,
    bell: Bell,
}

impl Gate {
    pub fn new() -> Gate {
        Gate {
            process: Process::current(),
            closed: AtomicBool::new(false),
            interrupts: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            bell: Bell::default(),
        }
    }

    /// Begins a call. It counts as in progress until the [`Call`] is dropped. From now on an interrupt is for it to
    /// notice, if it is one that can stop.
    pub fn enter<'a>(&'a self, cancel: Option<&'a Cancel>) -> Result<Call<'a>> {
        // Before any lock: in a forked child the locks may be held by threads that do not exist there.
        self.process.check()?;
        self.active.fetch_add(1, SeqCst);
        let call = Call { gate: self, interrupts: self.interrupts.load(SeqCst), cancel };
        self.check_open()?;
        Ok(call)
    }

    /// Ends the calls in progress with `interrupted`, those that can still stop.
    pub fn interrupt(&self) -> Result<()> {
        self.process.check()?;
        self.check_open()?;
        self.interrupts.fetch_add(1, SeqCst);
        self.bell.ring();
        Ok(())
    }

    /// Lets nobody in any more, ends the calls in progress with `closed`, and returns when the last
    /// is gone.
    pub fn close(&self) -> Result<()> {
        self.process.check()?;
        if self.closed.swap(true, SeqCst) {
            return Err(Error::closed());
        }
        self.bell.ring();
        self.bell.wait_until(None, || (self.active.load(SeqCst) == 0).then_some(()));
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(SeqCst) { Err(Error::closed()) } else { Ok(()) }
    }

    /// Wakes all that wait, to look again: something was committed, cancelled or closed.
    pub fn ring(&self) {
        self.bell.ring();
    }
}

/// A call in progress. Long work asks [`Call::check`] now and then whether it is still wanted.
pub struct Call<'a> {
    gate: &'a Gate,
    interrupts: u64,
    cancel: Option<&'a Cancel>,
}

impl Call<'_> {
    /// `closed` or `interrupted` if the call is to stop.
    pub fn check(&self) -> Result<()> {
        let cancel = self.cancel.map_or(State::Open, Cancel::state);
        if cancel == State::Closed {
            return Err(cursor_closed());
        }
        self.gate.check_open()?;
        if cancel == State::Cancelled || self.gate.interrupts.load(SeqCst) != self.interrupts {
            return Err(Error::interrupted());
        }
        Ok(())
    }

    /// Waits until `ready`, the deadline, or the end of the call; whether it is ready. `ready` is
    /// asked again after every commit and [`Call::ring`]; it must be quick and must not wait.
    pub fn wait_until(&self, deadline: Option<Instant>, ready: impl Fn() -> bool) -> Result<bool> {
        let outcome = self.gate.bell.wait_until(deadline, || match (ready(), self.check()) {
            (_, Err(error)) => Some(Err(error)),
            (true, Ok(())) => Some(Ok(true)),
            (false, Ok(())) => None,
        });
        outcome.unwrap_or(Ok(false))
    }

    /// Has all that wait on the store ask again whether they are ready.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only there others append from elsewhere"))]
    pub fn ring(&self) {
        self.gate.ring();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.gate.active.fetch_sub(1, SeqCst);
        if self.gate.closed.load(SeqCst) {
            self.gate.bell.ring();
        }
    }
}

/// How a cursor is stopped from another thread.
#[derive(Default)]
pub(crate) struct Cancel(AtomicU8);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Cancelled,
    Closed,
}

impl Cancel {
    /// The call in progress and all later ones are `interrupted`.
    pub fn cancel(&self) -> Result<()> {
        // A cursor that was closed stays so.
        match self.0.compare_exchange(State::Open as u8, State::Cancelled as u8, SeqCst, SeqCst) {
            Err(state) if state == State::Closed as u8 => Err(cursor_closed()),
            _ => Ok(()),
        }
    }

    /// The call in progress is `closed`, and all later ones.
    pub fn close(&self) -> Result<()> {
        if self.0.swap(State::Closed as u8, SeqCst) == State::Closed as u8 { Err(cursor_closed()) } else { Ok(()) }
    }

    fn state(&self) -> State {
        match self.0.load(SeqCst) {
            0 => State::Open,
            1 => State::Cancelled,
            _ => State::Closed,
        }
    }
}

/// The error for a cursor that was closed.
pub(crate) fn cursor_closed() -> Error {
    Error::new(ErrorKind::Closed, "the cursor is closed: open another with store_cursor_open")
}

/// Wakes waiting threads. Ringing costs one load while nobody waits.
#[derive(Default)]
struct Bell {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    condvar: Condvar,
}

impl Bell {
    fn ring(&self) {
        // Whoever begins to wait after this load sees what happened before it, and does not wait.
        if self.waiting.load(SeqCst) > 0 {
            // Under the lock, so that no thread is between its look and its sleep.
            let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.condvar.notify_all();
        }
    }

    /// The first `Some` that `ready` gives, `None` at the deadline.
    fn wait_until<T>(&self, deadline: Option<Instant>, ready: impl Fn() -> Option<T>) -> Option<T> {
        if let Some(value) = ready() {
            return Some(value);
        }
        self.waiting.fetch_add(1, SeqCst);
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = loop {
            if let Some(value) = ready() {
                break Some(value);
            }
            held = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => self.condvar.wait(held).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => break None,
                Some(left) => self.condvar.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        };
        drop(held);
        self.waiting.fetch_sub(1, SeqCst);
        outcome
    }
}
