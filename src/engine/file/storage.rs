//! The seam between the engine and the machine: one directory of files, and nothing else.
//!
//! Everything that the file engine asks of an operating system goes through these two traits, each
//! method one system call. [`super::os`] answers them with a real directory; the tests of crashes
//! answer them with a disk of their own, which loses what a disk may lose.
//!
//! What may be believed: what was written and then covered by a [`File::sync`] that returned well is
//! on the disk, and so is the file's length. A name is, once [`Directory::sync`] has returned well. All
//! else may be there after a crash, or not, in any mixture of 512 bytes.

use std::io::Result;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A directory. Names hold no `/`.
pub trait Directory: Send + Sync {
    /// The names of all files, in any order.
    fn names(&self) -> Result<Vec<String>>;

    /// Opens a file; never one behind a symbolic link.
    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn File>>;

    /// Gives a file another name, and takes that from whatever had it, in one step.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes what was done to names outlive a crash.
    fn sync(&self) -> Result<()>;

    /// Locks the store for one writer, until the answer is dropped; `None` if somebody else has it.
    /// The end of the process releases it too.
    fn lock(&self) -> Result<Option<Box<dyn Lock>>>;

    /// Whether somebody has the lock. Takes nothing.
    fn is_locked(&self) -> Result<bool>;

    /// What changes when the machine starts anew, and only then.
    fn boot(&self) -> Result<[u8; 16]>;

    /// Copies a piece of a file to the same place in the one at `path`, which the piece at 0 makes; the piece outlives
    /// a crash then. How many bytes there were.
    fn copy_out(&self, _name: &str, _path: &Path, _piece: Range<u64>) -> Result<u64> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// How the directory is called in messages.
    fn shown(&self) -> String;
}

/// Holds the store for one writer.
pub trait Lock: Send + Sync {}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read. It must exist.
    Read,
    /// To read and write. It must exist.
    Write,
    /// To read and write. Made anew; it must not exist.
    Create,
}

/// An open file. Any number of threads may use it at once.
#[allow(clippy::len_without_is_empty, reason = "nobody asks whether a file is empty")]
pub trait File: Send + Sync {
    /// Reads into `buffer` from `offset` on; how many bytes came, 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;

    /// Writes at `offset`, which may lie behind the end; how many bytes were written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize>;

    /// Makes the file at least `len` long, with room on the disk for all of it. New bytes are 0.
    fn allocate(&self, len: u64) -> Result<()>;

    /// Cuts the file off, or lengthens it with zeros that have no room on the disk yet.
    fn set_len(&self, len: u64) -> Result<()>;

    /// How long it is.
    fn len(&self) -> Result<u64>;

    /// Makes all that was written, and the length, outlive a crash.
    fn sync(&self) -> Result<()>;

    /// A range of the file as memory; `None` where that cannot be, or is not wanted. To touch what the disk does not give, or what
    /// is behind the end, may end the process.
    fn map(&self, _range: Range<u64>) -> Option<Box<dyn Memory>> {
        None
    }

    /// The first `len` bytes stay as they are as long as the file is open; with `is_end`, nobody asks for what is behind them.
    /// Only a hint.
    fn settle(&self, _len: u64, _is_end: bool) {}

    /// These ranges are read next. Only a hint.
    fn expect(&self, _ranges: &mut dyn Iterator<Item = Range<u64>>) {}
}

/// Memory that is a file.
pub trait Memory: Send + Sync {
    /// Copies what is at an offset; whether all of it is there.
    fn copy(&self, offset: usize, buffer: &mut [u8]) -> bool;

    /// Looks at a range, so that the processor has it at hand.
    fn touch(&self, range: Range<usize>);
}

/// Reads exactly `buffer`, wherever the system stops in between. `UnexpectedEof` where the file ends first.
pub(super) fn read_exact_at(file: &dyn File, mut buffer: &mut [u8], mut offset: u64) -> Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset) {
            Ok(0) => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `bytes`, wherever the system stops in between.
pub(super) fn write_all_at(file: &dyn File, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    while !bytes.is_empty() {
        match file.write_at(bytes, offset) {
            Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
