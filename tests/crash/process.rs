//! A process of the simulated machine: the seam's calls, each answered from the disk's state.

use crate::disk::{Disk, Failure, Fault, Inner, Kind, Which};
use runestore::simulation::{Access, Directory, File, Lock};
use std::io::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, PoisonError};

/// A process that sees the directory, until it is killed.
#[derive(Clone)]
pub struct Process(Arc<ProcessState>);

#[derive(Clone)]
struct ProcessState {
    disk: Disk,
    id: u64,
    killed: Arc<AtomicBool>,
}

impl Process {
    pub fn on(disk: &Disk) -> Process {
        Process(Arc::new(ProcessState { disk: disk.clone(), id: disk.new_process(), killed: Arc::default() }))
    }

    pub fn directory(&self) -> Arc<dyn Directory> {
        self.0.clone()
    }

    /// As `kill -9` does: what was written stays in the system's cache, the lock is free.
    pub fn kill(&self) {
        let mut inner = self.0.disk.inner();
        self.0.killed.store(true, SeqCst);
        inner.unlock(self.0.id);
        self.0.disk.0.news.notify_all();
    }
}

impl ProcessState {
    /// Makes a call. `work` is told how it is to fail, if it is.
    fn call<T>(&self, kind: Kind, len: u64, work: impl FnOnce(&mut Inner, Option<Failure>) -> Result<T>) -> Result<T> {
        let mut inner = self.disk.inner();
        let mut failure = None;
        let held = inner.gates.iter().position(|gate| gate.kind == kind && !gate.arrived && gate.opened.is_none());
        if let Some(number) = held {
            inner.gates[number].arrived = true;
            self.disk.0.news.notify_all();
            while inner.gates[number].opened.is_none() && !self.killed.load(SeqCst) {
                inner = self.disk.0.news.wait(inner).unwrap_or_else(PoisonError::into_inner);
            }
            failure = inner.gates[number].opened.flatten();
        }
        if inner.dead || self.killed.load(SeqCst) {
            return Err(eio());
        }
        inner.calls += 1;
        if inner.stop_at == Some(inner.calls) {
            inner.dead = true;
            return Err(eio());
        }
        let failure = failure.or_else(|| inner.planned(kind, len)).filter(|failure| can_fail(kind, *failure));
        if let Some(failure) = failure {
            *inner.delivered.entry((failure, kind)).or_default() += 1;
        }
        work(&mut inner, failure)
    }

    /// A call that fails whole or not at all.
    fn plain<T>(&self, kind: Kind, work: impl FnOnce(&mut Inner) -> Result<T>) -> Result<T> {
        self.call(kind, 0, |inner, failure| match failure {
            Some(failure) => Err(failure.error()),
            None => work(inner),
        })
    }
}

/// Not every call knows every way to fail.
fn can_fail(kind: Kind, failure: Failure) -> bool {
    match failure {
        Failure::Eio => !matches!(kind, Kind::Boot | Kind::IsLocked | Kind::Lock),
        Failure::Enospc => {
            matches!(kind, Kind::Write | Kind::Allocate | Kind::Create | Kind::Sync | Kind::SyncNames | Kind::Rename)
        }
        Failure::Short => matches!(kind, Kind::Write | Kind::Read),
        Failure::Eintr => matches!(kind, Kind::Write | Kind::Read | Kind::Sync | Kind::Allocate),
    }
}

impl Failure {
    fn error(self) -> Error {
        match self {
            Failure::Eio => eio(),
            Failure::Enospc => Error::from_raw_os_error(28),
            Failure::Eintr => ErrorKind::Interrupted.into(),
            Failure::Short => unreachable!("a short write or read is no error"),
        }
    }
}

fn eio() -> Error {
    Error::from_raw_os_error(5)
}

impl Directory for ProcessState {
    fn names(&self) -> Result<Vec<String>> {
        self.plain(Kind::Names, |inner| Ok(inner.state.names.keys().rev().map(|name| name.to_string()).collect()))
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn File>> {
        let kind = if access == Access::Create { Kind::Create } else { Kind::Open };
        let inode = self.plain(kind, |inner| {
            let known = inner.state.names.get(name).copied();
            match (access, known) {
                (Access::Create, Some(_)) => Err(ErrorKind::AlreadyExists.into()),
                (Access::Create, None) => {
                    let inode = inner.state.create(name);
                    inner.changed();
                    Ok(inode)
                }
                (_, known) => known.ok_or_else(|| ErrorKind::NotFound.into()),
            }
        })?;
        Ok(Arc::new(Handle { process: self.clone(), inode, writes: access != Access::Read }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.plain(Kind::Rename, |inner| {
            let found = inner.state.rename(from, to);
            inner.changed();
            found.then_some(()).ok_or_else(|| ErrorKind::NotFound.into())
        })
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.plain(Kind::Remove, |inner| {
            let found = inner.state.remove(name);
            inner.changed();
            found.then_some(()).ok_or_else(|| ErrorKind::NotFound.into())
        })
    }

    fn sync(&self) -> Result<()> {
        self.plain(Kind::SyncNames, |inner| {
            inner.state.names_synced();
            inner.changed();
            Ok(())
        })
    }

    fn lock(&self) -> Result<Option<Box<dyn Lock>>> {
        let free = self.plain(Kind::Lock, |inner| {
            let free = inner.state.writer.is_none();
            if free {
                inner.state.writer = Some(self.id);
                inner.changed();
            }
            Ok(free)
        })?;
        Ok(free.then(|| Box::new(Held { disk: self.disk.clone(), process: self.id }) as Box<dyn Lock>))
    }

    fn is_locked(&self) -> Result<bool> {
        self.plain(Kind::IsLocked, |inner| Ok(inner.state.writer.is_some()))
    }

    fn boot(&self) -> Result<[u8; 16]> {
        self.plain(Kind::Boot, |inner| {
            let mut boot = [0xB0; 16];
            boot[8..].copy_from_slice(&inner.state.boot.to_le_bytes());
            Ok(boot)
        })
    }

    fn shown(&self) -> String {
        String::from("the simulated disk")
    }
}

struct Held {
    disk: Disk,
    process: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        self.disk.inner().unlock(self.process);
    }
}

/// An open file.
struct Handle {
    process: ProcessState,
    inode: u64,
    writes: bool,
}

impl Handle {
    fn check_writes(&self) -> Result<()> {
        // EBADF: opened for reading only.
        if self.writes { Ok(()) } else { Err(Error::from_raw_os_error(9)) }
    }
}

impl File for Handle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.process.call(Kind::Read, buffer.len() as u64, |inner, failure| {
            let buffer = match failure {
                Some(Failure::Short) if buffer.len() > 1 => {
                    let part = inner.dice.between(1, buffer.len() - 1);
                    &mut buffer[..part]
                }
                Some(Failure::Short) | None => buffer,
                Some(failure) => return Err(failure.error()),
            };
            Ok(inner.state.inodes[&self.inode].seen.read(buffer, offset))
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        self.check_writes()?;
        self.process.call(Kind::Write, bytes.len() as u64, |inner, failure| {
            let part = inner.dice.below(bytes.len().max(1)).min(bytes.len());
            let (taken, outcome) = match failure {
                None => (bytes.len(), Ok(bytes.len())),
                Some(Failure::Short) => (part.max(1), Ok(part.max(1))),
                Some(Failure::Enospc) if part > 0 => {
                    // The system takes what there is room for, and has no room for the rest.
                    inner.faults.push(Fault { which: Which::Nth(Kind::Write, 1), failure: Failure::Enospc });
                    (part, Ok(part))
                }
                Some(Failure::Eio) => (part, Err(eio())),
                Some(failure) => (0, Err(failure.error())),
            };
            let len = inner.state.inodes[&self.inode].seen.len();
            let end = offset + taken as u64;
            if !inner.grow(end.saturating_sub(len)) {
                *inner.delivered.entry((Failure::Enospc, Kind::Write)).or_default() += 1;
                return Err(Failure::Enospc.error());
            }
            let call = inner.calls;
            inner.state.inode_mut(self.inode).write(&bytes[..taken], offset, call);
            inner.changed();
            outcome
        })
    }

    fn allocate(&self, len: u64) -> Result<()> {
        self.check_writes()?;
        self.process.call(Kind::Allocate, 0, |inner, failure| {
            if let Some(failure) = failure {
                return Err(failure.error());
            }
            let before = inner.state.inodes[&self.inode].seen.len();
            if !inner.grow(len.saturating_sub(before)) {
                *inner.delivered.entry((Failure::Enospc, Kind::Allocate)).or_default() += 1;
                return Err(Failure::Enospc.error());
            }
            let call = inner.calls;
            inner.state.inode_mut(self.inode).set_len(len.max(before), call);
            inner.changed();
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.check_writes()?;
        self.process.call(Kind::SetLen, 0, |inner, failure| {
            if let Some(failure) = failure {
                return Err(failure.error());
            }
            let call = inner.calls;
            inner.state.inode_mut(self.inode).set_len(len, call);
            inner.changed();
            Ok(())
        })
    }

    fn len(&self) -> Result<u64> {
        self.process.call(Kind::Len, 0, |inner, failure| match failure {
            Some(failure) => Err(failure.error()),
            None => Ok(inner.state.inodes[&self.inode].seen.len()),
        })
    }

    fn sync(&self) -> Result<()> {
        self.process.call(Kind::Sync, 0, |inner, failure| {
            let inode = inner.state.inode_mut(self.inode);
            match failure {
                Some(_) => inode.sync_failed(),
                None => inode.synced(),
            }
            inner.changed();
            failure.map_or(Ok(()), |failure| Err(failure.error()))
        })
    }
}
