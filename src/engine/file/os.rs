//! The operating system's files, as [`super::storage`] asks for them.
//!
//! All names are looked up in the directory that was opened, wherever that is moved to, and no symbolic link below
//! it is followed.

use super::storage::{Access, Directory, File, Lock, Memory};
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl, openat, renameat};
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::fs;
use std::io::{self, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vm_memory::{FileOffset, MmapRegion, VolatileMemory};

const LOCK: &str = "lock";

/// A directory of the operating system.
pub(super) struct OsDirectory {
    path: PathBuf,
    fd: fs::File,
    /// Files may be mapped.
    maps: bool,
}

impl OsDirectory {
    /// Opens the directory at `path`, and makes it if that is asked for and it is not there. `maps` says whether files
    /// may be mapped.
    pub fn open(path: &Path, create: bool, maps: bool) -> Result<OsDirectory> {
        if create {
            make_all(path)?;
        }
        let fd = fs::File::open(path)?;
        if !fd.metadata()?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        Ok(OsDirectory { path: path.into(), fd, maps })
    }
}

/// Makes a directory and those above it that are missing, each so that it outlives a crash.
fn make_all(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_all(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::File::open(parent)?.sync_all(),
    }
}

impl Directory for OsDirectory {
    fn names(&self) -> Result<Vec<String>> {
        let mut directory = nix::dir::Dir::openat(
            &self.fd,
            ".",
            OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?;
        let mut names = Vec::new();
        for entry in directory.iter() {
            // What is no UTF-8 is no name of ours.
            if let Ok(name) = entry?.file_name().to_str() {
                names.push(name.into());
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn File>> {
        let flags = match access {
            Access::Read => OFlag::O_RDONLY,
            Access::Write => OFlag::O_RDWR,
            Access::Create => OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL,
        };
        // A pipe of that name must not make us wait.
        let safe = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = fs::File::from(openat(&self.fd, name, flags | safe, Mode::from_bits_truncate(0o600))?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Arc::new(OsFile { file: Arc::new(file), maps: self.maps }))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        Ok(renameat(&self.fd, from, &self.fd, to)?)
    }

    fn remove(&self, name: &str) -> Result<()> {
        Ok(unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir)?)
    }

    fn sync(&self) -> Result<()> {
        self.fd.sync_all()
    }

    fn lock(&self) -> Result<Option<Box<dyn Lock>>> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = fs::File::from(openat(&self.fd, LOCK, flags, Mode::from_bits_truncate(0o600))?);
        match fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))) {
            Ok(_) => Ok(Some(Box::new(OsLock(crate::process::Unforked::new(file))))),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn is_locked(&self) -> Result<bool> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = match openat(&self.fd, LOCK, flags, Mode::empty()) {
            Ok(file) => fs::File::from(file),
            Err(nix::errno::Errno::ENOENT) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut lock = whole_file(libc::F_WRLCK);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut lock))?;
        Ok(i32::from(lock.l_type) != libc::F_UNLCK)
    }

    fn boot(&self) -> Result<[u8; 16]> {
        let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        uuid::Uuid::try_parse(text.trim()).map(uuid::Uuid::into_bytes).map_err(io::Error::other)
    }

    fn copy_out(&self, name: &str, path: &Path, piece: Range<u64>) -> Result<u64> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let mut from = fs::File::from(openat(&self.fd, name, flags, Mode::empty())?);
        let mut to = fs::File::options().write(true).create_new(piece.start == 0).mode(0o600).open(path)?;
        from.seek(SeekFrom::Start(piece.start))?;
        to.seek(SeekFrom::Start(piece.start))?;
        // The kernel copies, or shares the blocks where the file system can.
        let copied = io::copy(&mut (&from).take(piece.end - piece.start), &mut &to)?;
        to.sync_all()?;
        Ok(copied)
    }

    fn shown(&self) -> String {
        self.path.display().to_string()
    }
}

/// A lock on all of a file, of the kind that belongs to the open file: two of one process exclude each other, and
/// it ends with the last descriptor.
fn whole_file(kind: i32) -> libc::flock {
    libc::flock { l_type: kind as i16, l_whence: libc::SEEK_SET as i16, l_start: 0, l_len: 0, l_pid: 0 }
}

struct OsLock(crate::process::Unforked);

impl Lock for OsLock {}

impl Drop for OsLock {
    fn drop(&mut self) {
        // By word and not just by closing: a forked child may have the file open as well.
        if let Some(file) = self.0.file() {
            let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_UNLCK)));
        }
    }
}

struct OsFile {
    file: Arc<fs::File>,
    maps: bool,
}

impl File for OsFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn allocate(&self, len: u64) -> Result<()> {
        let len = i64::try_from(len).map_err(|_| io::Error::from(ErrorKind::FileTooLarge))?;
        loop {
            return match fallocate(self.file.as_fd(), FallocateFlags::empty(), 0, len) {
                Ok(()) => Ok(()),
                Err(nix::errno::Errno::EINTR) => continue,
                // Not every file system can: then room is found, or not, when it is written to.
                Err(nix::errno::Errno::EOPNOTSUPP) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> Result<u64> {
        Ok(nix::sys::stat::fstat(&self.file)?.st_size as u64)
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_data()
    }

    fn map(&self, range: Range<u64>) -> Option<Box<dyn Memory>> {
        // Where addresses are scarce they are the program's.
        if !self.maps || usize::BITS < 64 {
            return None;
        }
        let len = (range.end - range.start) as usize;
        let range = FileOffset::from_arc(self.file.clone(), range.start);
        let region = MmapRegion::build(Some(range), len, libc::PROT_READ, libc::MAP_SHARED);
        Some(Box::new(OsMemory(region.ok()?)))
    }
}

/// Other processes may change it: it is copied from, and nothing refers to it.
struct OsMemory(MmapRegion);

impl Memory for OsMemory {
    fn copy(&self, offset: usize, buffer: &mut [u8]) -> bool {
        self.0.get_slice(offset, buffer.len()).is_ok_and(|slice| slice.copy_to(buffer) == buffer.len())
    }

    fn touch(&self, range: Range<usize>) {
        const LINE: usize = 64;
        let Ok(slice) = self.0.get_slice(range.start, range.len()) else { return };
        for line in (0..range.len()).step_by(LINE) {
            // Volatile: it is read although nobody wants it, and the next is begun before it has come.
            let _ = slice.get_ref::<u8>(line).map(|byte| byte.load());
        }
    }
}
