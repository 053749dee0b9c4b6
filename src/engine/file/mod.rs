//! The file engine: an append-only log of segments in one directory.

mod bug;
mod idx;
mod place;
mod storage;

pub use bug::Bug;
pub use storage::{Access, Directory, File, Lock};

use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use std::sync::Arc;

/// What a test may ask of an engine.
pub struct Probe;

impl Probe {
    /// How many appends wait for a flush that has not begun.
    pub fn queued(&self) -> usize {
        0
    }
}

pub(crate) fn open_on(
    _directory: Arc<dyn Directory>,
    _options: &str,
    _bug: Option<Bug>,
) -> Result<(Box<dyn Engine>, Probe)> {
    Err(Error::new(ErrorKind::Unsupported, "not yet"))
}
