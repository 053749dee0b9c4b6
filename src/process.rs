//! Which process this is, so that a forked child is told from its parent before any lock is touched:
//! a lock may be held by a thread that does not exist in the child.

use crate::error::{Error, ErrorKind, Result};
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

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
/// It adds to a number, and closes the child's copies of the files by which stores are locked: a child that
/// lives on when its parent has been killed does not keep the parent's stores locked.
pub fn note_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    // Nothing but atomics and close(2): it may run between fork and whatever the child does first.
    for kept in &KEPT {
        let descriptor = kept.swap(FREE, Ordering::Relaxed);
        if descriptor != FREE {
            let _ = nix::unistd::close(descriptor);
        }
    }
}

const FREE: i32 = -1;

/// Descriptors that no forked child is to keep.
static KEPT: [AtomicI32; 1024] = [const { AtomicI32::new(FREE) }; 1024];

/// A file that this process has open, and no child that it forks.
pub(crate) struct Unforked {
    /// In a child the descriptor is closed, and its number may be another file's by then.
    file: ManuallyDrop<File>,
    process: Process,
    kept: Option<&'static AtomicI32>,
}

impl Unforked {
    /// Watches over a file.
    pub fn new(file: File) -> Unforked {
        let descriptor = file.as_raw_fd();
        // Where there is no room, a child keeps it for as long as it lives.
        let kept = KEPT
            .iter()
            .find(|kept| kept.compare_exchange(FREE, descriptor, Ordering::Relaxed, Ordering::Relaxed).is_ok());
        Unforked { file: ManuallyDrop::new(file), process: Process::current(), kept }
    }

    /// The file, unless this is a child.
    pub fn file(&self) -> Option<&File> {
        self.process.check().is_ok().then_some(&*self.file)
    }
}

impl Drop for Unforked {
    fn drop(&mut self) {
        let Some(file) = self.file() else { return };
        let descriptor = file.as_raw_fd();
        if let Some(kept) = self.kept {
            let _ = kept.compare_exchange(descriptor, FREE, Ordering::Relaxed, Ordering::Relaxed);
        }
        let _ = nix::unistd::close(descriptor);
    }
}

/// The error for a handle that belongs to the parent process.
pub(crate) fn forked() -> Error {
    Error::new(
        ErrorKind::Forked,
        "this handle was opened before a fork, in the parent process: open the store anew in the child",
    )
}
