//! What an engine of the user's own does: texts in, texts out. Everything else is made above it.

use crate::error::{Cause, Error, ErrorKind, shown};
use std::fmt;
use std::time::Duration;

/// An engine that somebody else wrote: it numbers events, keeps them, and gives them back.
///
/// Runestore validates and completes the events before they come here, makes every check of an append while it
/// holds off other appends of its store, and looks at all that comes back. Unless the engine is
/// [`Abilities::shared`], nobody else may write to its storage while the store is open.
///
/// `docs/ENGINES.md` describes the texts. [`crate::register_engine`] gives an engine a name.
pub trait Behaviour: Send + Sync {
    /// What it can do beside the three functions. Asked once.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// Stores `events`, a JSON array with one event a line and without their two numbers, in one atomic step behind
    /// all others; the answer is the array with `sequence_number` and `stream_version` in each. `options` is a JSON
    /// object: `head`, the last position so far, and `tracking` where a position is to be recorded in the same step.
    /// Never called twice at once, and never with nothing to do.
    ///
    /// # Errors
    ///
    /// A [`Failure`] says that nothing was stored, unless it is [`Failure::indeterminate`].
    fn append(&self, events: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure>;

    /// The events that match `query`, an array of filters or null, in the order that `options` says, as a JSON array
    /// or one a line. It may give more than match: what does not is passed over. It must heed `after`, `up_to`,
    /// `limit` and `direction` of `options`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in its own words.
    fn get_events(&self, query: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure>;

    /// Waits at most `timeout` for an event behind `after`. Only of use where others write as well.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in its own words.
    fn wait(&self, after: u64, timeout: Duration) -> Result<(), Failure> {
        let _ = (after, timeout);
        Ok(())
    }

    /// The position recorded for a tracking source, 0 if there is none.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in its own words.
    fn tracking(&self, source: &str) -> Result<u64, Failure> {
        let _ = source;
        Ok(0)
    }

    /// Releases what it holds. Called once, after everything else.
    ///
    /// # Errors
    ///
    /// A [`Failure`] in its own words.
    fn close(&self) -> Result<(), Failure>;
}

/// What an engine can do beside its three functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities {
    /// Its functions may run in several threads at once. Without, one runs at a time.
    pub concurrent: bool,
    /// Others may write to its storage while a store is open. Checks cannot be made above it then, so expectations,
    /// conditions, tracking and given ids are `unsupported`.
    pub shared: bool,
    /// [`Behaviour::wait`] waits.
    pub wait: bool,
    /// [`Behaviour::tracking`] answers, and [`Behaviour::append`] records `tracking`.
    pub tracking: bool,
}

/// How an engine failed.
#[derive(Clone)]
pub struct Failure {
    pub(crate) message: String,
    pub(crate) code: Option<String>,
    pub(crate) indeterminate: bool,
    pub(crate) cause: Option<Cause>,
}

impl Failure {
    /// It failed, and stored nothing. `message` is for a person.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), code: None, indeterminate: false, cause: None }
    }

    /// It does not know whether the batch was stored.
    pub fn indeterminate(message: impl Into<String>) -> Failure {
        Failure { indeterminate: true, ..Failure::new(message) }
    }

    /// A word of its own by which a program can tell what happened: the detail `engine_code` of the error.
    #[must_use]
    pub fn with_code(self, code: impl Into<String>) -> Failure {
        Failure { code: Some(code.into()), ..self }
    }

    /// Something that travels with the error, such as an exception of another language: [`Error::cause`].
    #[must_use]
    pub fn with_cause<T: Send + Sync + 'static>(self, cause: T) -> Failure {
        Failure { cause: Some(Cause::new(cause)), ..self }
    }
}

impl Failure {
    /// What the callers of a store are told: the engine's own words, and whose they are.
    pub(crate) fn into_error(self, engine: &str, function: &'static str) -> Error {
        let message = format!("engine {}, {function}: {}", shown(engine), self.message);
        let error = Error::new(ErrorKind::Engine, message).with("engine", engine).with("function", function);
        let error = match self.code {
            Some(code) => error.with("engine_code", code),
            None => error,
        };
        error.caused_by(self.cause)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure").field("message", &self.message).field("code", &self.code).finish_non_exhaustive()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::new(error.message()).with_code(error.kind().code())
    }
}
