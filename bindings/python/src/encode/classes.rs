//! Classes that the encoder looks for, and how it names values in errors.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyType};

/// Classes of Python's library that are looked for.
pub(super) struct Classes {
    pub datetime: Py<PyType>,
    pub uuid: Py<PyType>,
    pub utc: Py<PyAny>,
    pub dataclass_fields: Py<PyAny>,
    pub int_repr: Py<PyAny>,
}

impl Classes {
    pub fn get(py: Python<'_>) -> PyResult<&Classes> {
        static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();
        CLASSES.get_or_try_init(py, || {
            let datetime = py.import("datetime")?;
            Ok(Classes {
                datetime: datetime.getattr("datetime")?.cast_into::<PyType>()?.unbind(),
                uuid: py.import("uuid")?.getattr("UUID")?.cast_into::<PyType>()?.unbind(),
                utc: datetime.getattr("timezone")?.getattr("utc")?.unbind(),
                dataclass_fields: py.import("dataclasses")?.getattr("fields")?.unbind(),
                int_repr: py.get_type::<PyInt>().getattr("__repr__")?.unbind(),
            })
        })
    }
}

pub(super) fn is_dataclass(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    // The class has the fields as well, but is no event.
    Ok(!value.is_instance_of::<PyType>() && value.get_type().hasattr("__dataclass_fields__")?)
}

pub(super) fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().qualname().map_or_else(|_| String::from("value"), |name| name.to_string())
}

/// A value in an error's message, short.
pub(super) fn shown(value: &Bound<'_, PyAny>) -> String {
    value.str().map_or_else(|_| String::from("?"), |text| clipped(&text.to_string_lossy()))
}

pub(super) fn clipped(text: &str) -> String {
    text.chars().take(64).collect()
}
