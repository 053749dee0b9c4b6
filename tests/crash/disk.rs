//! The machine that the engine is made to believe in: one directory in memory, processes that use it,
//! and a hand that stops it at any system call.
//!
//! Each call of the seam is counted. A test says beforehand which call fails and how, and may have
//! every state in between recorded: a crash at call N is then made from the recording, without running
//! anything again.

use crate::dice::Dice;
use crate::platter::State;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Names,
    /// Opens a file that is there.
    Open,
    /// Makes a file.
    Create,
    Rename,
    Remove,
    SyncNames,
    Lock,
    IsLocked,
    Boot,
    Read,
    Write,
    Allocate,
    SetLen,
    Len,
    Sync,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The disk cannot. Of a write, any part may have been taken.
    Eio,
    /// The disk is full. Of a write, a first part may have been taken, as a short write.
    Enospc,
    /// Fewer bytes than asked for, and no error.
    Short,
    /// A signal came first.
    Eintr,
}

/// Which call fails.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// The Nth of all calls.
    Call(u64),
    /// The Nth of this kind, from 1 on, counted from when the fault was planned.
    Nth(Kind, u64),
    /// The next of this kind that is of at least so many bytes.
    Long(Kind, u64),
}

#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub which: Which,
    pub failure: Failure,
}

/// The state after each call of a recorded time that changed something.
pub struct Recording {
    states: Vec<(u64, State)>,
    last: u64,
}

impl Recording {
    /// The state after call `number`, 0 for before the first.
    pub fn state(&self, number: u64) -> &State {
        let behind = self.states.partition_point(|(call, _)| *call <= number);
        &self.states[behind.max(1) - 1].1
    }

    /// How many different states there are to stop in. Which they are does not hang on how often the
    /// engine reads, which may differ with the ids that it makes.
    pub fn moments(&self) -> usize {
        self.states.len()
    }

    /// The number of the last call that leaves this state as it is: when most is promised of it.
    pub fn moment(&self, at: usize) -> u64 {
        self.states.get(at + 1).map_or(self.last, |(next, _)| next - 1)
    }

    /// How many states came up by call `number`.
    pub fn moments_until(&self, number: u64) -> usize {
        self.states.partition_point(|(call, _)| *call <= number)
    }

    /// Whether anything was changed.
    pub fn changed(&self) -> bool {
        self.states.len() > 1
    }
}

#[derive(Clone)]
pub struct Disk(pub Arc<Shared>);

pub struct Shared {
    inner: Mutex<Inner>,
    /// A gate was reached or opened, or a process was killed.
    pub news: Condvar,
}

pub struct Inner {
    pub state: State,
    pub calls: u64,
    processes: u64,
    /// The power is off: nothing answers any more.
    pub dead: bool,
    pub stop_at: Option<u64>,
    pub faults: Vec<Fault>,
    pub delivered: BTreeMap<(Failure, Kind), u64>,
    /// So many bytes can files still grow by.
    room: Option<u64>,
    pub gates: Vec<GateState>,
    recording: Option<Vec<(u64, State)>>,
    /// What of a failing call is done.
    pub dice: Dice,
}

pub struct GateState {
    pub kind: Kind,
    /// A call has arrived.
    pub arrived: bool,
    /// It may go on, and then fail so.
    pub opened: Option<Option<Failure>>,
}

/// Holds the next call of a kind until it is let go. Calls behind it are not held.
#[must_use]
pub struct Gate {
    disk: Disk,
    number: usize,
}

/// Longer than any wait of a test that passes.
pub const PATIENCE: Duration = Duration::from_secs(20);

impl Disk {
    pub fn empty(seed: u64) -> Disk {
        Disk::with(State::default(), seed)
    }

    pub fn with(state: State, seed: u64) -> Disk {
        let inner = Inner {
            state,
            calls: 0,
            processes: 100,
            dead: false,
            stop_at: None,
            faults: Vec::new(),
            delivered: BTreeMap::new(),
            room: None,
            gates: Vec::new(),
            recording: None,
            dice: Dice::new(seed, 77),
        };
        Disk(Arc::new(Shared { inner: Mutex::new(inner), news: Condvar::new() }))
    }

    /// The number of a new process.
    pub fn new_process(&self) -> u64 {
        let mut inner = self.inner();
        inner.processes += 1;
        inner.processes
    }

    pub fn record(&self) {
        let mut inner = self.inner();
        inner.recording = Some(vec![(inner.calls, inner.state.clone())]);
    }

    /// What was recorded. The recording ends.
    pub fn recorded(&self) -> Recording {
        let mut inner = self.inner();
        let states = inner.recording.take().expect("it was told to record");
        Recording { states, last: inner.calls }
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    pub fn state(&self) -> State {
        self.inner().state.clone()
    }

    /// Turns the power off at call `number`: it is not made, and no later one.
    pub fn stop_at(&self, number: u64) {
        self.inner().stop_at = Some(number);
    }

    pub fn plan(&self, which: Which, failure: Failure) {
        let mut inner = self.inner();
        inner.faults.push(Fault { which, failure });
    }

    /// Faults that were planned and did not come to pass are not to come any more.
    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.faults.clear();
        inner.room = None;
    }

    /// Files can grow by so many bytes together.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.inner().room = bytes;
    }

    /// How many calls failed for good: what is merely to be tried again is not counted.
    pub fn failures(&self) -> u64 {
        let again = |failure: Failure, kind: Kind| {
            failure == Failure::Short || failure == Failure::Eintr && matches!(kind, Kind::Read | Kind::Write)
        };
        self.count(|failure, kind| !again(failure, kind))
    }

    /// How many syncs failed, of files or of names.
    pub fn failed_syncs(&self) -> u64 {
        self.count(|_, kind| matches!(kind, Kind::Sync | Kind::SyncNames))
    }

    fn count(&self, counts: impl Fn(Failure, Kind) -> bool) -> u64 {
        let inner = self.inner();
        let counted = inner.delivered.iter().filter(|((failure, kind), _)| counts(*failure, *kind));
        counted.map(|(_, times)| times).sum()
    }

    /// How many calls of each kind failed in each way.
    pub fn delivered(&self) -> BTreeMap<(Failure, Kind), u64> {
        self.inner().delivered.clone()
    }

    /// Holds the next call of this kind.
    pub fn hold(&self, kind: Kind) -> Gate {
        let mut inner = self.inner();
        inner.gates.push(GateState { kind, arrived: false, opened: None });
        Gate { disk: self.clone(), number: inner.gates.len() - 1 }
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner> {
        // A test that failed elsewhere leaves nothing half done here.
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Whether a call has arrived, after waiting for it.
    pub fn arrived(&self) -> bool {
        let begin = Instant::now();
        let mut inner = self.disk.inner();
        while !inner.gates[self.number].arrived && begin.elapsed() < PATIENCE {
            let waited = self.disk.0.news.wait_timeout(inner, PATIENCE);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.gates[self.number].arrived
    }

    /// Lets the call go.
    pub fn open(&self) {
        self.let_go(None);
    }

    /// Lets it go, and it fails.
    pub fn fail(&self, failure: Failure) {
        self.let_go(Some(failure));
    }

    fn let_go(&self, failure: Option<Failure>) {
        let mut inner = self.disk.inner();
        let gate = &mut inner.gates[self.number];
        if gate.opened.is_none() {
            gate.opened = Some(failure);
        }
        self.disk.0.news.notify_all();
    }
}

impl Drop for Gate {
    /// Nobody is to wait for ever for a test that has failed.
    fn drop(&mut self) {
        self.open();
    }
}

impl Inner {
    /// The process has the lock no more, if it had it.
    pub fn unlock(&mut self, process: u64) {
        if self.state.writer == Some(process) {
            self.state.writer = None;
            self.changed();
        }
    }

    /// Records the state after the call that was just made.
    pub fn changed(&mut self) {
        let Some(recording) = &mut self.recording else { return };
        match recording.last_mut() {
            Some((call, state)) if *call == self.calls => *state = self.state.clone(),
            _ => recording.push((self.calls, self.state.clone())),
        }
    }

    /// How the call that is being made is to fail.
    pub fn planned(&mut self, kind: Kind, len: u64) -> Option<Failure> {
        let mut found = None;
        let calls = self.calls;
        self.faults.retain_mut(|fault| {
            let due = match &mut fault.which {
                Which::Call(number) => *number == calls,
                Which::Nth(of, left) if *of == kind => {
                    *left -= 1;
                    *left == 0
                }
                Which::Long(of, least) => *of == kind && len >= *least,
                Which::Nth(..) => false,
            };
            if due {
                found = Some(fault.failure);
            }
            !due
        });
        found
    }

    /// Whether files can grow by `bytes`; if so, they do.
    pub fn grow(&mut self, bytes: u64) -> bool {
        match &mut self.room {
            Some(room) if *room < bytes => false,
            Some(room) => {
                *room -= bytes;
                true
            }
            None => true,
        }
    }
}
