//! Errors of the core as exceptions of the package.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use runestore::{Error, ErrorKind};

/// The exception for an error of the core.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let exception = from_json(py, error.to_json().as_bytes());
    match error.cause::<PyErr>() {
        // Ctrl-C and the like are not an engine's failure: they go on to whom they are meant for.
        Some(cause) if !cause.is_instance_of::<PyException>(py) => cause.clone_ref(py),
        Some(cause) => {
            exception.set_cause(py, Some(cause.clone_ref(py)));
            exception
        }
        None => exception,
    }
}

/// An exception for what the binding itself refuses.
pub(crate) fn refusal(py: Python<'_>, kind: ErrorKind, message: &str, details: &[(&str, serde_json::Value)]) -> PyErr {
    let mut error = format!(r#"{{"code":"{}","message":{}"#, kind.code(), serde_json::Value::from(message));
    for (name, value) in details {
        error.push_str(&format!(r#","{name}":{value}"#));
    }
    error.push('}');
    from_json(py, error.as_bytes())
}

/// `runestore._errors` knows the classes; an error is an object with `code`, `message` and details.
fn from_json(py: Python<'_>, error: &[u8]) -> PyErr {
    static FROM_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let make = || -> PyResult<Bound<'_, PyAny>> {
        let from_json = FROM_JSON
            .get_or_try_init(py, || py.import("runestore._errors")?.getattr("from_json").map(Bound::unbind))?
            .bind(py);
        from_json.call1((PyBytes::new(py, error),))
    };
    make().map_or_else(|error| error, PyErr::from_value)
}
