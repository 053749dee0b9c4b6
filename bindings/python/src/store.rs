//! A store, as the package's `Store` needs it.

use crate::cursor::Cursor;
use crate::encode;
use crate::engine::Engine;
use crate::error::{exception, refusal};
use crate::event;
use crate::progress::{Tell, telling};
use crate::wait;
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use runestore::{Error, ErrorKind, Format, Next};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

/// A store that is closed when nothing refers to it any more, neither a `Store` nor an iterator: as a file is in
/// Python. One that was merely dropped is left as by a process that died, and the next one to open it has more to read.
pub(crate) struct Open(Arc<runestore::Store>);

impl Deref for Open {
    type Target = Arc<runestore::Store>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // No call is in progress, since each has a reference. An error is nobody's any more: who wants to know closes.
        let close = || drop(self.0.close());
        if Python::try_attach(|py| py.detach(close)).is_none() {
            close();
        }
    }
}

/// An open store.
#[pyclass(frozen, module = "runestore._native")]
pub(crate) struct Store {
    store: Arc<Open>,
    /// The threads whose long work may call Python. One that closes the store there would wait for itself.
    telling: Mutex<Vec<ThreadId>>,
}

/// What verify and backup tell.
type Report = Map<String, Value>;

/// Something that Python gave, or None.
type Given<'a, 'py> = Option<&'a Bound<'py, PyAny>>;

/// Where a page stands: `runestore.Pagination` names the numbers.
type Pagination = (u64, u64, u64, u64, bool, bool, u64);

impl Store {
    /// Calls the core without the interpreter lock.
    fn call<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Arc<runestore::Store>) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        py.detach(|| work(&self.store)).map_err(|error| exception(py, &error))
    }

    /// The answer to a call that appends it to a buffer.
    fn answer(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Arc<runestore::Store>, &mut Vec<u8>) -> Result<(), Error> + Send,
    ) -> PyResult<Vec<u8>> {
        self.call(py, |store| {
            let mut out = Vec::new();
            work(store, &mut out)?;
            Ok(out)
        })
    }

    /// Long work; what came of it, as JSON text.
    fn telling(
        &self,
        py: Python<'_>,
        progress: Given<'_, '_>,
        work: impl FnOnce(&Arc<runestore::Store>, &mut Tell<'_>) -> Result<Report, Error> + Send,
    ) -> PyResult<String> {
        let thread = std::thread::current().id();
        self.tellers(|tellers| tellers.push(thread));
        let worked = telling(py, progress, |tell| work(&self.store, tell));
        self.tellers(|tellers| {
            let last = tellers.iter().rposition(|teller| *teller == thread);
            last.map(|last| tellers.swap_remove(last));
        });
        worked.map(|report| Value::from(report).to_string())
    }

    fn tellers<T>(&self, look: impl FnOnce(&mut Vec<ThreadId>) -> T) -> T {
        look(&mut self.telling.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Store {
    #[new]
    fn new(py: Python<'_>, config: Option<&Bound<'_, PyAny>>) -> PyResult<Store> {
        let config = encode::json(config, "config", ErrorKind::InvalidOptions)?;
        let opened = py.detach(|| runestore::Store::open_bytes(config.as_deref()));
        let store = opened.map_err(|error| exception(py, &error))?;
        Ok(Store { store: Arc::new(Open(store)), telling: Mutex::default() })
    }

    /// Opens a store over an engine of Python's, by its adapter.
    #[staticmethod]
    fn over(py: Python<'_>, adapter: &Bound<'_, PyAny>, name: &str) -> PyResult<Store> {
        let engine = Arc::new(Engine::new(adapter)?);
        let opened = py.detach(|| runestore::Store::over_behaviour(name, engine));
        let store = opened.map_err(|error| exception(py, &error))?;
        Ok(Store { store: Arc::new(Open(store)), telling: Mutex::default() })
    }

    /// Stores events; the stored ones.
    fn append<'py>(
        &self,
        py: Python<'py>,
        events: &Bound<'py, PyAny>,
        options: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let events = encode::events(events)?;
        let options = encode::json(options, "options", ErrorKind::InvalidOptions)?;
        let lines =
            self.answer(py, |store, out| store.append_into(&events, options.as_deref(), Format::Ndjson, Some(out)))?;
        event::list(py, &lines)
    }

    /// Stores the events of a JSON text; the answer's text.
    fn append_json<'py>(
        &self,
        py: Python<'py>,
        events: &Bound<'py, PyAny>,
        options: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let Some(events) = encode::text(events) else {
            let message = "events must be JSON text, a str or bytes: for Python values there is append";
            return Err(refusal(py, ErrorKind::InvalidEvent, message, &[("index", 0.into())]));
        };
        let events = events?;
        let options = encode::json(options, "options", ErrorKind::InvalidOptions)?;
        let answer =
            self.answer(py, |store, out| store.append_into(&events, options.as_deref(), Format::Array, Some(out)))?;
        bytes(py, &answer)
    }

    /// The events that match. Of the options, `format` must be `ndjson`.
    fn get_events<'py>(
        &self,
        py: Python<'py>,
        query: Given<'_, 'py>,
        options: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyList>> {
        let (query, options) = question(query, options)?;
        let cursor = self.call(py, |store| store.cursor_over(query.as_deref(), options.as_deref(), 0))?;
        // Piece by piece through one small buffer: the events are copied out of it at once.
        let events = PyList::empty(py);
        let mut lines = Vec::new();
        loop {
            lines.clear();
            let next = py.detach(|| cursor.next(0, None, &mut lines)).map_err(|error| exception(py, &error))?;
            if let Next::Done { .. } = next {
                return Ok(events);
            }
            event::extend(&events, &lines)?;
            py.check_signals()?;
        }
    }

    /// The answer's text.
    fn get_events_json<'py>(
        &self,
        py: Python<'py>,
        query: Given<'_, 'py>,
        options: Given<'_, 'py>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let (query, options) = question(query, options)?;
        let answer = self.answer(py, |store, out| store.get_events_into(query.as_deref(), options.as_deref(), out))?;
        bytes(py, &answer)
    }

    /// One page and where it stands. Of the options, `pagination` must be true.
    fn get_page<'py>(
        &self,
        py: Python<'py>,
        query: Given<'_, 'py>,
        options: Given<'_, 'py>,
    ) -> PyResult<(Bound<'py, PyList>, Pagination)> {
        let (query, options) = question(query, options)?;
        let (lines, page) = self.call(py, |store| {
            let mut out = Vec::new();
            let page = store.get_page_into(query.as_deref(), options.as_deref(), &mut out)?;
            Ok((out, page))
        })?;
        let runestore::Pagination { total_count, page_size, page_number, total_pages, has_next, has_prev, head } = page;
        Ok((event::list(py, &lines)?, (total_count, page_size, page_number, total_pages, has_next, has_prev, head)))
    }

    /// An iterator over the events behind `after` that match. Of the options, `format` must be `ndjson`.
    fn cursor(
        &self,
        py: Python<'_>,
        query: Given<'_, '_>,
        options: Given<'_, '_>,
        after: &Bound<'_, PyAny>,
    ) -> PyResult<Cursor> {
        let (query, options) = question(query, options)?;
        let after = position("after", after)?;
        let cursor = self.call(py, |store| store.cursor_over(query.as_deref(), options.as_deref(), after))?;
        Ok(Cursor::new(cursor, self.store.clone(), after))
    }

    /// The last position, 0 in an empty store.
    fn head(&self, py: Python<'_>) -> PyResult<u64> {
        self.call(py, |store| store.head())
    }

    /// The head, as soon as it is larger than `after`; `None` when that did not happen in time.
    fn wait(&self, py: Python<'_>, after: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<Option<u64>> {
        let after = position("after", after)?;
        let timeout = wait::timeout(py, timeout)?;
        wait::until(py, timeout, |time| {
            let head = self.store.wait(after, time)?;
            Ok((head > after).then_some(head))
        })
    }

    /// The position recorded for a source, 0 if there is none.
    fn tracking(&self, py: Python<'_>, source: &Bound<'_, PyString>) -> PyResult<u64> {
        let source = encode::utf8(source)?;
        self.call(py, |store| store.tracking(source))
    }

    /// What is known about the store, as JSON text.
    fn info(&self, py: Python<'_>) -> PyResult<String> {
        self.call(py, |store| store.info().map(|info| Value::from(info).to_string()))
    }

    /// What a check of everything found, as JSON text.
    fn verify(&self, py: Python<'_>, progress: Given<'_, '_>) -> PyResult<String> {
        self.telling(py, progress, |store, tell| store.verify_with(tell))
    }

    /// Copies the store into a new directory; what it did, as JSON text.
    fn backup(&self, py: Python<'_>, path: &Bound<'_, PyString>, progress: Given<'_, '_>) -> PyResult<String> {
        let path = encode::utf8(path)?;
        self.telling(py, progress, |store, tell| store.backup_with(path, tell))
    }

    /// Copies the store into another one; what it did, as JSON text.
    fn copy_to(&self, py: Python<'_>, target: &Store, progress: Given<'_, '_>) -> PyResult<String> {
        let (thread, to) = (std::thread::current().id(), Arc::clone(&target.store));
        target.tellers(|tellers| tellers.push(thread));
        let copied = self.telling(py, progress, |store, tell| store.copy_to_with(&to, tell));
        target.tellers(|tellers| {
            let last = tellers.iter().rposition(|teller| *teller == thread);
            last.map(|last| tellers.swap_remove(last));
        });
        copied
    }

    /// Closes the store.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.tellers(|tellers| tellers.contains(&std::thread::current().id())) {
            let message = "the store cannot be closed by what its own verify, backup or copy calls: raise an exception there, \
                           which ends the work, and close it then";
            return Err(refusal(py, ErrorKind::Misuse, message, &[]));
        }
        self.call(py, |store| match store.close() {
            Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
            closed => closed,
        })
    }
}

/// A text for the core, or none.
type Text<'a> = Option<Cow<'a, [u8]>>;

/// The texts of a query and its options.
fn question<'a>(query: Given<'a, '_>, options: Given<'a, '_>) -> PyResult<(Text<'a>, Text<'a>)> {
    let query = encode::json(query, "query", ErrorKind::InvalidQuery)?;
    Ok((query, encode::json(options, "options", ErrorKind::InvalidOptions)?))
}

/// An answer as Python has it; MemoryError where it does not fit a second time.
fn bytes<'py>(py: Python<'py>, answer: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, answer.len(), |bytes| {
        bytes.copy_from_slice(answer);
        Ok(())
    })
}

/// A position that Python gave.
fn position(name: &'static str, value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract().map_err(|error: PyErr| {
        if !error.is_instance_of::<PyOverflowError>(value.py()) {
            return error;
        }
        let message = format!("`{name}` must be a position, an integer from 0 to 18446744073709551615");
        refusal(value.py(), ErrorKind::InvalidOptions, &message, &[("option", name.into())])
    })
}
