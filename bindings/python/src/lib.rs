//! The module `runestore._native`: the Rust core as the package `runestore` needs it. What users see
//! is in `python/runestore`; here is what Python could not do, or not fast enough.
//!
//! Every call into the core lets go of the interpreter lock.

mod cursor;
mod encode;
mod engine;
mod error;
mod event;
mod place;
mod progress;
mod quiet;
mod store;
mod wait;

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// How many forks lie between this process and the first one.
static FORKS: AtomicU64 = AtomicU64::new(0);

// It has not been tried without the interpreter lock, so a free-threaded interpreter that imports it is to switch that on.
#[pymodule(gil_used = true)]
mod _native {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::cursor::Cursor;
    #[pymodule_export]
    use super::engine::encode_event;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::note_fork;
    #[pymodule_export]
    use super::store::Store;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::in_the_first_interpreter(module.py())
    }

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

/// Classes and functions of Python are kept once for the process: those of one interpreter are not those of
/// another.
fn in_the_first_interpreter(py: Python<'_>) -> PyResult<()> {
    static FIRST: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let sys = py.import("sys")?;
    if FIRST.get_or_init(py, || sys.clone().unbind()).bind(py).is(&sys) {
        return Ok(());
    }
    Err(PyImportError::new_err(
        "runestore works in one interpreter of a process, and another one has imported it: use the main interpreter \
         (for mod_wsgi: WSGIApplicationGroup %{GLOBAL})",
    ))
}
