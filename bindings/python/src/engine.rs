//! Engines that are written in Python: what `runestore._engine.Adapter` is to the core.

use crate::encode;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use runestore::{Abilities, Behaviour, Failure};
use std::time::Duration;

/// An engine of Python's, by its adapter.
pub(crate) struct Engine {
    adapter: Py<PyAny>,
    abilities: Abilities,
}

impl Engine {
    pub fn new(adapter: &Bound<'_, PyAny>) -> PyResult<Engine> {
        let (concurrent, shared, wait, tracking) = adapter.getattr("abilities")?.extract()?;
        let abilities = Abilities { concurrent, shared, wait, tracking };
        Ok(Engine { adapter: adapter.clone().unbind(), abilities })
    }

    /// Calls the adapter; an exception becomes a failure that carries it.
    fn call<T>(&self, work: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Result<T, Failure> {
        Python::try_attach(|py| {
            let adapter = self.adapter.bind(py);
            work(adapter).map_err(|error| failure(adapter, error))
        })
        .unwrap_or_else(|| Err(Failure::new("the interpreter is shutting down: close the store before")))
    }
}

fn failure(adapter: &Bound<'_, PyAny>, error: PyErr) -> Failure {
    let told = adapter.call_method1("failure", (error.value(adapter.py()),));
    let told: PyResult<(String, String, bool)> = told.and_then(|told| told.extract());
    let (message, code, indeterminate) = told.unwrap_or_else(|_| (error.to_string(), String::from("Exception"), false));
    let failure = if indeterminate { Failure::indeterminate(message) } else { Failure::new(message) };
    failure.with_code(code).with_cause(error)
}

impl Behaviour for Engine {
    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn append(&self, events: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        self.call(|adapter| {
            let py = adapter.py();
            let answer = adapter.call_method1("append", (PyBytes::new(py, events), PyBytes::new(py, options)))?;
            Ok(answer.cast::<PyBytes>()?.as_bytes().to_vec())
        })
    }

    fn get_events(&self, query: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        self.call(|adapter| {
            let py = adapter.py();
            let answer = adapter.call_method1("get_events", (PyBytes::new(py, query), PyBytes::new(py, options)))?;
            Ok(answer.cast::<PyBytes>()?.as_bytes().to_vec())
        })
    }

    fn wait(&self, after: u64, timeout: Duration) -> Result<(), Failure> {
        self.call(|adapter| adapter.call_method1("wait", (after, timeout.as_secs_f64())).map(drop))
    }

    fn tracking(&self, source: &str) -> Result<u64, Failure> {
        self.call(|adapter| adapter.call_method1("tracking", (source,))?.extract())
    }

    fn close(&self) -> Result<(), Failure> {
        self.call(|adapter| adapter.call_method0("close").map(drop))
    }
}

/// The text of an event that an engine answers as a mapping.
#[pyfunction]
pub(crate) fn encode_event<'py>(py: Python<'py>, event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(py, &encode::events(event)?))
}
