//! Many objects at once, without the garbage collector in between.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Does work that makes objects and runs no other code of Python; the garbage collector rests meanwhile.
///
/// It would come after every 700 objects, look through all that are there, and find nothing: an event refers to
/// nothing. From CPython 3.12 on it waits for the end of such work by itself. Nobody sees that it is switched off,
/// since this thread holds the interpreter lock until it is on again.
pub(crate) fn quietly<T>(py: Python<'_>, work: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    static COLLECTOR: PyOnceLock<[Py<PyAny>; 3]> = PyOnceLock::new();
    let [enabled, disable, enable] = COLLECTOR.get_or_try_init(py, || {
        let gc = py.import("gc")?;
        let function = |name| PyResult::Ok(gc.getattr(name)?.unbind());
        PyResult::Ok([function("isenabled")?, function("disable")?, function("enable")?])
    })?;
    if !enabled.bind(py).call0()?.is_truthy()? {
        return work();
    }
    disable.bind(py).call0()?;
    let made = work();
    enable.bind(py).call0()?;
    made
}
