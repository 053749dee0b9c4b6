//! Files that stay as they are, opened when they are read: a store may have more of them than a process may
//! have open.

use super::mapped::{Mapped, Maps};
use super::storage::{Access, Directory, File};
use std::collections::HashMap;
use std::io::{ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// So many files are open at once.
const OPEN_MAX: usize = 128;

/// See the module.
pub(super) struct Pool {
    directory: Arc<dyn Directory>,
    open: Mutex<Open>,
    maps: Maps,
}

#[derive(Default)]
struct Open {
    files: HashMap<String, (Arc<dyn File>, u64)>,
    clock: u64,
}

impl Pool {
    pub fn new(directory: &Arc<dyn Directory>) -> Arc<Pool> {
        Arc::new(Pool { directory: directory.clone(), open: Mutex::default(), maps: Maps::default() })
    }

    /// The file of this name, which must exist. To be read only.
    pub fn file(self: &Arc<Pool>, name: &str) -> Result<Arc<dyn File>> {
        self.get(name)?;
        Ok(Arc::new(Pooled { pool: self.clone(), name: name.into(), mapped: Mapped::default() }))
    }

    /// A piece of work begins that reads files: whether they still are as long as they were is looked at anew.
    pub fn look(&self) {
        self.maps.look();
    }

    /// Opens the file of this name anew the next time: another one has taken its name.
    pub fn forget(&self, name: &str) {
        self.lock().files.remove(name);
    }

    fn get(&self, name: &str) -> Result<Arc<dyn File>> {
        let mut open = self.lock();
        open.clock += 1;
        let now = open.clock;
        if let Some((file, used)) = open.files.get_mut(name) {
            *used = now;
            return Ok(file.clone());
        }
        let file = self.directory.open(name, Access::Read)?;
        if open.files.len() >= OPEN_MAX {
            let oldest = open.files.iter().min_by_key(|(_, (_, used))| *used).map(|(name, _)| name.clone());
            oldest.and_then(|name| open.files.remove(&name));
        }
        open.files.insert(name.into(), (file.clone(), now));
        Ok(file)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Pooled {
    pool: Arc<Pool>,
    name: String,
    mapped: Mapped,
}

impl File for Pooled {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        if self.mapped.copy(buffer, offset, &self.pool.maps, || self.len().ok()) {
            return Ok(buffer.len());
        }
        self.mapped.read(buffer, offset, &self.pool.maps, &*self.pool.get(&self.name)?)
    }

    fn expect(&self, ranges: &mut dyn Iterator<Item = std::ops::Range<u64>>) {
        self.mapped.expect(ranges, &self.pool.maps, || self.len().ok());
    }

    fn settle(&self, len: u64, is_end: bool) {
        self.mapped.settle(len, is_end);
    }

    fn len(&self) -> Result<u64> {
        self.pool.get(&self.name)?.len()
    }

    fn write_at(&self, _: &[u8], _: u64) -> Result<usize> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn allocate(&self, _: u64) -> Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn set_len(&self, _: u64) -> Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }

    fn sync(&self) -> Result<()> {
        Err(ErrorKind::PermissionDenied.into())
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.mapped.release(&self.pool.maps);
    }
}
