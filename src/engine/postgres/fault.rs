//! What goes wrong between here and the server, as this crate's errors.

use crate::error::{Error, ErrorKind};
use tokio_postgres::error::{Severity, SqlState};

/// See the module.
pub(super) enum Fault {
    /// The server refused, or the connection to it broke.
    Server(tokio_postgres::Error),
    /// The server ended the connection.
    Lost,
    /// Nothing came in time.
    Late,
    /// The server does not know all that was seen: a standby that lags, or a primary that another one has replaced.
    Behind { head: u64, seen: u64 },
    /// The call is not wanted any more.
    Unwanted(Error),
    /// The operating system refused.
    System(String),
}

impl Fault {
    pub fn system(error: &std::io::Error) -> Fault {
        Fault::System(error.to_string())
    }

    /// What the server answered, if it did.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Fault::Server(error) => error.code(),
            _ => None,
        }
    }

    /// Another connection, to this server or another, may do better; what this one was doing may have been done.
    pub fn is_lost(&self) -> bool {
        let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW];
        match self {
            Fault::Lost | Fault::Late | Fault::Behind { .. } => true,
            // What ends a session may have come behind a commit, whatever its code says.
            Fault::Server(error) => error.as_db_error().is_none_or(|refusal| {
                matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
                    || ended.contains(refusal.code())
                    || refusal.code().code().starts_with("08")
            }),
            Fault::Unwanted(_) | Fault::System(_) => false,
        }
    }

    /// The store is not there.
    pub fn is_gone(&self) -> bool {
        self.code().is_some_and(|code| [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION].contains(code))
    }

    /// Whether the connection can be used for something else: the server has answered.
    pub fn leaves_sound(&self) -> bool {
        self.code().is_some() && !self.is_lost()
    }

    /// Nothing was done, and doing it again may succeed.
    pub fn is_passing(&self) -> bool {
        let passing =
            [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE];
        !self.is_lost() && self.code().is_some_and(|code| passing.contains(code))
    }

    /// The statement took too long, or was cancelled.
    pub fn is_cut(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// This server takes no writes, since another one is to.
    pub fn is_standby(&self) -> bool {
        self.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
    }

    /// In words, without anything that was sent.
    pub fn words(&self) -> String {
        match self {
            Fault::Server(error) => match error.as_db_error() {
                Some(refusal) => format!("{} (SQLSTATE {})", refusal.message(), refusal.code().code()),
                None => chain(error),
            },
            Fault::Lost => String::from("the server closed the connection"),
            Fault::Late => String::from("nothing came in time"),
            Fault::Behind { head, seen } => format!("it has {head} events, and {seen} were seen before"),
            Fault::Unwanted(error) => String::from(error.message()),
            Fault::System(words) => words.clone(),
        }
    }

    /// As an error of a call.
    pub fn into_error(self) -> Error {
        let words = self.words();
        let sqlstate = self.code().map(|code| String::from(code.code()));
        let gone = self.is_gone();
        let (kind, remedy) = match self {
            Fault::Unwanted(error) => return error,
            Fault::Late => (ErrorKind::Io, "look at the server, or give `timeout_ms` more"),
            Fault::Behind { .. } => {
                (ErrorKind::Io, "name a server that is up to date; after a restore from a backup, open the store anew")
            }
            _ => match self.code() {
                Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => (
                    ErrorKind::Io,
                    "an append before it has not ended: see whether a standby that it waits for is away",
                ),
                Some(code) if *code == SqlState::QUERY_CANCELED => {
                    (ErrorKind::Io, "give `timeout_ms` more, or ask for less at once")
                }
                Some(code) if *code == SqlState::DISK_FULL => (ErrorKind::NoSpace, "make room on the server"),
                Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                    (ErrorKind::Io, "name a server in `url` that takes writes")
                }
                Some(_) if gone => (ErrorKind::NotFound, "the store is not there any more, or its schema is another's"),
                Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => {
                    (ErrorKind::Io, "let the role own the schema, or name another role in `url`")
                }
                _ => (ErrorKind::Io, "look at the server and its log"),
            },
        };
        let error = Error::new(kind, format!("PostgreSQL: {words}: {remedy}"));
        match sqlstate {
            Some(sqlstate) => error.with("sqlstate", sqlstate),
            None => error,
        }
    }
}

/// An error and what it came from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    words
}
