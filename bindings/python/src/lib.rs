//! The module `runestore._native`: the Rust core as the package `runestore` needs it. What users see
//! is in `python/runestore`; here is what Python could not do, or not fast enough.
//!
//! Every call into the core lets go of the interpreter lock.

mod cursor;
mod encode;
mod error;
mod event;
mod store;
mod wait;

use pyo3::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many forks lie between this process and the first one.
static FORKS: AtomicU64 = AtomicU64::new(0);

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::cursor::Cursor;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::note_fork;
    #[pymodule_export]
    use super::store::Store;

    /// The version of the core.
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}

/// To be called in a forked child, before anything else there.
#[pyfunction]
fn note_fork() {
    FORKS.fetch_add(1, SeqCst);
    runestore::note_fork();
}
