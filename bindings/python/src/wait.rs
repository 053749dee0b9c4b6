//! Waiting that Ctrl-C can end.

use crate::error::{exception, refusal};
use pyo3::prelude::*;
use runestore::{Error, ErrorKind};
use std::time::{Duration, Instant};

/// Python runs its signal handlers in the main thread, when that comes by: so often it does.
const LOOK: Duration = Duration::from_millis(50);

/// A time-out in seconds, as Python has it; `None` is for ever.
pub(crate) fn timeout(py: Python<'_>, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds >= 0.0 => Ok(Duration::try_from_secs_f64(seconds).ok()),
        Some(seconds) => {
            let message = format!("the timeout is {seconds}: give seconds from 0 on, or None to wait for ever");
            Err(refusal(py, ErrorKind::InvalidOptions, &message, &[("option", "timeout".into())]))
        }
    }
}

/// Calls `wait`, without the interpreter lock, until it has an answer or `timeout` has passed. It gets
/// the time that it may take, and answers `None` when nothing came in that time.
pub(crate) fn until<T: Send>(
    py: Python<'_>,
    timeout: Option<Duration>,
    mut wait: impl FnMut(Option<Duration>) -> Result<Option<T>, Error> + Send,
) -> PyResult<Option<T>> {
    let mut turn = |py: Python<'_>, time| py.detach(|| wait(time)).map_err(|error| exception(py, &error));
    if let Some(answer) = turn(py, Some(Duration::ZERO))? {
        return Ok(Some(answer));
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let look = in_main_thread(py)?.then_some(LOOK);
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        let time = match (left, look) {
            (Some(left), Some(look)) => Some(left.min(look)),
            (left, look) => left.or(look),
        };
        if let Some(answer) = turn(py, time)? {
            return Ok(Some(answer));
        }
        py.check_signals()?;
    }
}

fn in_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let ident = threading.call_method0("main_thread")?.getattr("ident")?;
    ident.eq(threading.call_method0("get_ident")?)
}
