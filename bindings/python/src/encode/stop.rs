//! Why a value cannot be written.

use crate::error::refusal;
use pyo3::prelude::*;
use runestore::ErrorKind;

/// In a box, since values are many and faults are few.
pub(super) type Written<T = ()> = Result<T, Box<Stop>>;

/// Why a value cannot be written.
pub(super) enum Stop {
    /// It is no JSON. The way to it is gathered from the inside out.
    /// `kind` is what it is wherever it stands.
    Fault { what: String, path: Vec<Step>, kind: Option<ErrorKind> },
    /// Python code raised while it was looked at.
    Raised(PyErr),
}

pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Stop {
    #[cold]
    pub fn fault(what: impl Into<String>) -> Box<Stop> {
        Box::new(Stop::Fault { what: what.into(), path: Vec::new(), kind: None })
    }

    /// What some reader of JSON could not read back, as the core calls it.
    #[cold]
    pub fn poison(what: impl Into<String>) -> Box<Stop> {
        Box::new(Stop::Fault { what: what.into(), path: Vec::new(), kind: Some(ErrorKind::InvalidJson) })
    }

    #[cold]
    pub fn within(mut self: Box<Stop>, step: impl FnOnce() -> Step) -> Box<Stop> {
        if let Stop::Fault { path, .. } = &mut *self {
            path.push(step());
        }
        self
    }

    pub fn raise(self, py: Python<'_>, root: &str, kind: ErrorKind, index: Option<usize>) -> PyErr {
        let (what, path, kind) = match self {
            Stop::Raised(error) => return error,
            Stop::Fault { what, path, kind: own } => (what, path, own.unwrap_or(kind)),
        };
        let mut place = String::from(root);
        // A structure that holds itself has a long way to its fault.
        for step in path.iter().rev().take(20) {
            match step {
                Step::Key(key) => place.extend([".", key]),
                Step::Index(index) => place.push_str(&format!("[{index}]")),
            }
        }
        let mut details = Vec::new();
        if let Some(index) = index {
            details.push(("index", index.into()));
            if let Some(Step::Key(field)) = path.last() {
                details.push(("field", field.as_str().into()));
            }
        }
        refusal(py, kind, &format!("{place}: {what}"), &details)
    }
}

impl From<PyErr> for Box<Stop> {
    fn from(error: PyErr) -> Box<Stop> {
        Box::new(Stop::Raised(error))
    }
}
