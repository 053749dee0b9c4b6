//! Which process this is, so that a forked child is told from its parent before any lock is touched:
//! a lock may be held by a thread that does not exist in the child.

use crate::error::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicU32, Ordering};

/// How often this process and its ancestors were forked, as far as somebody told.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A process. Its id alone would nearly do, but a child can have its parent's: as the first process
/// of a PID namespace of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    id: u32,
    forks: u32,
}

impl Process {
    /// This one.
    pub fn current() -> Process {
        Process { id: std::process::id(), forks: FORKS.load(Ordering::Relaxed) }
    }

    /// `forked` unless this is the one.
    pub fn check(self) -> Result<()> {
        if self == Process::current() { Ok(()) } else { Err(forked()) }
    }
}

/// Tells that this process is a forked child: for a language binding, to be called in the child before
/// anything else there. Handles of the parent process answer `forked` then, even where the child has
/// its parent's process id (as the first process of a PID namespace). The C API sees to it by itself.
///
/// It only adds to a number.
pub fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The error for a handle that belongs to the parent process.
pub(crate) fn forked() -> Error {
    Error::new(
        ErrorKind::Forked,
        "this handle was opened before a fork, in the parent process: open the store anew in the child",
    )
}
