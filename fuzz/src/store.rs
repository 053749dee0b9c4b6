//! Stands in for `runestore` in the modules of the model: the same names and methods, behind which are the C functions.

use crate::c::{self, DONE, Handle, OK};
use crate::strays;
use library::{ErrorKind, Next};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// An error as its buffer tells it.
#[derive(Clone, PartialEq)]
pub struct Error {
    pub(crate) kind: ErrorKind,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Error {
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or_default()
    }

    pub fn details(&self) -> impl Iterator<Item = (&str, &Value)> {
        let members = self.json.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), value)).filter(|(name, _)| !["code", "message"].contains(name))
    }

    pub fn to_json(&self) -> String {
        self.text.clone()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An open store, or one that was closed and whose handle is used all the same.
pub struct Store(Handle);

impl Store {
    pub fn open(config: &str) -> Result<Arc<Store>, Error> {
        c::init(Some(config.as_bytes())).map(|handle| Arc::new(Store(handle)))
    }

    pub fn close(&self) -> Result<(), Error> {
        strays::next();
        c::close(self.0)
    }

    pub fn append_json(&self, events: impl AsRef<[u8]>, options: Option<&str>) -> Result<Vec<u8>, Error> {
        strays::next();
        c::append(self.0, Some(events.as_ref()), options.map(str::as_bytes), true)
    }

    pub fn get_events_json(&self, query: Option<&str>, options: Option<&str>) -> Result<Vec<u8>, Error> {
        strays::next();
        c::get_events(self.0, query.map(str::as_bytes), options.map(str::as_bytes))
    }

    pub fn cursor(&self, query: Option<&str>, options: Option<&str>) -> Result<Cursor, Error> {
        strays::next();
        c::cursor_open(self.0, query.map(str::as_bytes), options.map(str::as_bytes)).map(Cursor)
    }

    pub fn head(&self) -> Result<u64, Error> {
        self.wait(0, Some(Duration::ZERO))
    }

    pub fn wait(&self, after: u64, timeout: Option<Duration>) -> Result<u64, Error> {
        let (reached, head) = c::wait(self.0, after, milliseconds(timeout))?;
        assert_eq!(reached, head > after, "head {head}, waited for more than {after}");
        Ok(head)
    }

    pub fn tracking(&self, source: &str) -> Result<u64, Error> {
        strays::next();
        c::tracking(self.0, Some(source.as_bytes()))
    }

    pub fn interrupt(&self) -> Result<(), Error> {
        c::interrupt(self.0)
    }

    pub fn info(&self) -> Result<Map<String, Value>, Error> {
        c::info(self.0).map(|info| serde_json::from_slice(&info).expect("info is a JSON object"))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = c::close(self.0);
        assert_eq!(c::close(self.0).map_err(|error| error.kind), Err(ErrorKind::Closed));
    }
}

/// An open cursor, or one that was closed and whose handle is used all the same.
pub struct Cursor(Handle);

impl Cursor {
    pub fn next(&self, max_events: usize, timeout: Option<Duration>, out: &mut Vec<u8>) -> Result<Next, Error> {
        strays::next();
        let (status, position, answer) = c::cursor_next(self.0, max_events, milliseconds(timeout))?;
        out.extend(answer);
        Ok(match status {
            OK => Next::Events { position },
            DONE => Next::Done { position },
            _ => Next::Timeout { position },
        })
    }

    pub fn cancel(&self) -> Result<(), Error> {
        c::cursor_cancel(self.0)
    }

    pub fn close(&self) -> Result<(), Error> {
        c::cursor_close(self.0)
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cursor({:x})", self.0)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let _ = c::cursor_close(self.0);
        assert_eq!(c::cursor_close(self.0).map_err(|error| error.kind), Err(ErrorKind::Closed));
    }
}

fn milliseconds(timeout: Option<Duration>) -> i64 {
    timeout.map_or(-1, |timeout| timeout.as_millis() as i64)
}
