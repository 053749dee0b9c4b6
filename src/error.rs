//! One error type for the whole crate. Each language maps [`ErrorKind`] mechanically: the C API to a
//! status number, Python to an exception class.

use serde_json::Value;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What went wrong, as far as a program can act on it.
///
/// The list is closed and its names never change: they are the `code` of every error in every
/// language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The call itself is wrong: a null pointer, a handle that was never issued, two `next` at once.
    Misuse,
    /// The store or cursor was closed before or during the call. Nothing was stored.
    Closed,
    /// A text is not JSON that every parser can read back.
    InvalidJson,
    /// The JSON is sound, but it is no event.
    InvalidEvent,
    /// The JSON is sound, but it is no query.
    InvalidQuery,
    /// An option or a configuration is unknown, of the wrong type or out of range.
    InvalidOptions,
    /// A check made inside the commit failed. Nothing was stored.
    Conflict,
    /// An event with this id is stored already, or stands twice in the batch. Nothing was stored.
    DuplicateId,
    /// A limit on size or number was passed. Nothing was stored.
    TooLarge,
    /// What was asked for does not exist.
    NotFound,
    /// The store was opened for reading only.
    ReadOnly,
    /// Another writer holds the store.
    Locked,
    /// The operating system refused to read or write.
    Io,
    /// There is no room left. Nothing was stored; the append may be tried again once there is.
    NoSpace,
    /// Stored data is damaged.
    Corrupt,
    /// This engine or this build cannot do it.
    Unsupported,
    /// An engine that the user registered failed.
    Engine,
    /// It could not be learnt whether the batch was stored; appending it again with its ids settles it.
    Indeterminate,
    /// The call was interrupted or cancelled from another thread.
    Interrupted,
    /// The handle belongs to the parent process of a fork.
    Forked,
    /// A defect in Runestore. The process lives on; the store should be closed.
    Internal,
}

impl ErrorKind {
    /// Every kind, in the order of their C status numbers.
    pub const ALL: [ErrorKind; 21] = [
        ErrorKind::Misuse,
        ErrorKind::Closed,
        ErrorKind::InvalidJson,
        ErrorKind::InvalidEvent,
        ErrorKind::InvalidQuery,
        ErrorKind::InvalidOptions,
        ErrorKind::Conflict,
        ErrorKind::DuplicateId,
        ErrorKind::TooLarge,
        ErrorKind::NotFound,
        ErrorKind::ReadOnly,
        ErrorKind::Locked,
        ErrorKind::Io,
        ErrorKind::NoSpace,
        ErrorKind::Corrupt,
        ErrorKind::Unsupported,
        ErrorKind::Engine,
        ErrorKind::Indeterminate,
        ErrorKind::Interrupted,
        ErrorKind::Forked,
        ErrorKind::Internal,
    ];

    /// The name used in every language, such as `"invalid_event"`.
    ///
    /// ```
    /// assert_eq!(runestore::ErrorKind::NoSpace.code(), "no_space");
    /// ```
    pub const fn code(self) -> &'static str {
        match self {
            ErrorKind::Misuse => "misuse",
            ErrorKind::Closed => "closed",
            ErrorKind::InvalidJson => "invalid_json",
            ErrorKind::InvalidEvent => "invalid_event",
            ErrorKind::InvalidQuery => "invalid_query",
            ErrorKind::InvalidOptions => "invalid_options",
            ErrorKind::Conflict => "conflict",
            ErrorKind::DuplicateId => "duplicate_id",
            ErrorKind::TooLarge => "too_large",
            ErrorKind::NotFound => "not_found",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Locked => "locked",
            ErrorKind::Io => "io",
            ErrorKind::NoSpace => "no_space",
            ErrorKind::Corrupt => "corrupt",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::Engine => "engine",
            ErrorKind::Indeterminate => "indeterminate",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Forked => "forked",
            ErrorKind::Internal => "internal",
        }
    }
}

/// An error: a kind to act on, a message for a person, and details for a program.
///
/// ```
/// use runestore::{ErrorKind, Store};
///
/// let store = Store::open("{}")?;
/// let error = store.append_json(r#"{"tpye":"Opened"}"#, None).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidEvent);
/// assert!(error.message().contains("did you mean `type`"));
/// assert_eq!(error.detail("field").and_then(|field| field.as_str()), Some("tpye"));
/// # Ok::<(), runestore::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    details: Vec<(&'static str, Value)>,
    cause: Option<Cause>,
}

/// What made an engine of the user's own fail, in the terms of its own language.
#[derive(Clone)]
pub(crate) struct Cause(Arc<dyn Any + Send + Sync>);

impl Cause {
    pub fn new<T: Send + Sync + 'static>(cause: T) -> Cause {
        Cause(Arc::new(cause))
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The result of every fallible call.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), details: Vec::new(), cause: None }))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Error {
        self.0.details.push((name, value.into()));
        self
    }

    pub(crate) fn into_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }

    pub(crate) fn caused_by(mut self, cause: Option<Cause>) -> Error {
        self.0.cause = cause;
        self
    }

    pub(crate) fn closed() -> Error {
        Error::new(ErrorKind::Closed, "the store is closed: open it again")
    }

    pub(crate) fn interrupted() -> Error {
        Error::new(ErrorKind::Interrupted, "the call was interrupted from another thread: call again to go on")
    }

    pub(crate) fn internal(what: impl fmt::Display) -> Error {
        Error::new(ErrorKind::Internal, format!("{what}: this is a defect in Runestore; close the store and report it"))
    }

    /// What went wrong, for a program.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What went wrong, where, and what to do, for a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The named detail, if this error has it. `docs/ABI.md` lists the details of each kind.
    pub fn detail(&self, name: &str) -> Option<&Value> {
        self.0.details.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All details, in the order in which [`Error::to_json`] writes them.
    pub fn details(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.details.iter().map(|(name, value)| (*name, value))
    }

    /// What an engine of the user's own gave with its failure ([`crate::Failure::with_cause`]), if it was a `T`.
    pub fn cause<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.cause.as_ref()?.0.downcast_ref()
    }

    /// The error as the C API hands it out: `{"code":…,"message":…,…details}`.
    pub fn to_json(&self) -> String {
        let mut text = format!(r#"{{"code":"{}","message":{}"#, self.kind().code(), Value::from(self.message()));
        for (name, value) in self.details() {
            text.push_str(&format!(r#","{name}":{value}"#));
        }
        text.push('}');
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind().code(), self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl std::error::Error for Error {}

/// A name that a caller wrote, for a detail: cut where it is longer than any that would be right.
pub(crate) fn clipped(name: &str) -> &str {
    let end = (0..=name.len().min(1024)).rev().find(|&at| name.is_char_boundary(at));
    &name[..end.unwrap_or(0)]
}

/// A name that a caller wrote, for a message: cut short where it is long, control characters replaced.
pub(crate) fn shown(name: &str) -> String {
    const SHOWN_MAX: usize = 64;
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut characters = name.chars();
    let mut start: String = characters.by_ref().take(SHOWN_MAX).map(visible).collect();
    if characters.next().is_some() {
        start.push('…');
    }
    format!("`{start}`")
}
