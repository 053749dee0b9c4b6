//! Long work that tells how far it is, and that Ctrl-C can end.

use crate::error::exception;
use pyo3::prelude::*;
use runestore::Error;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// So often the interpreter hears of the work, and the work of a signal.
const LOOK: Duration = Duration::from_millis(50);

/// How the core tells of its work.
pub(crate) type Tell<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

/// Does `work` without the interpreter lock. `callable` is called with the bytes done and the bytes in all, in this
/// thread: what it raises ends the work, and comes out.
pub(crate) fn telling<T: Send>(
    py: Python<'_>,
    callable: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&mut Tell<'_>) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let callable = callable.map(|callable| callable.clone().unbind());
    let mut raised = None;
    let (mut told, mut looked) = (None, None::<Instant>);
    let worked = py.detach(|| {
        work(&mut |done, total| {
            let is_due = done == total || looked.is_none_or(|looked| looked.elapsed() >= LOOK);
            if !is_due || told == Some(done) {
                return ControlFlow::Continue(());
            }
            let heard = Python::attach(|py| {
                py.check_signals()?;
                if let Some(callable) = &callable {
                    callable.call1(py, (done, total))?;
                }
                Ok(())
            });
            // From now on, so that the work goes on beside a callable that takes long.
            (told, looked) = (Some(done), Some(Instant::now()));
            match heard {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    raised = Some(error);
                    ControlFlow::Break(())
                }
            }
        })
    });
    match (raised, worked) {
        (Some(raised), _) => Err(raised),
        (None, worked) => worked.map_err(|error| exception(py, &error)),
    }
}
