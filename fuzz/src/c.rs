//! The C functions, and what holds for every call of them, asserted on each.

use crate::store::Error;
use library::ErrorKind;
use serde_json::Value;
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::ptr::null;

unsafe extern "C" {
    fn store_status_name(status: i32) -> *const c_char;
    fn store_free(buffer: *mut c_void);
    fn store_init(
        config: *const c_char,
        config_len: usize,
        store: *mut *mut c_void,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_close(store: *mut c_void, error: *mut *mut c_char, error_len: *mut usize) -> i32;
    fn store_append(
        store: *mut c_void,
        events: *const c_char,
        events_len: usize,
        opts: *const c_char,
        opts_len: usize,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_get_events(
        store: *mut c_void,
        query: *const c_char,
        query_len: usize,
        opts: *const c_char,
        opts_len: usize,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_wait(
        store: *mut c_void,
        after: u64,
        timeout_ms: i64,
        head: *mut u64,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_tracking(
        store: *mut c_void,
        source: *const c_char,
        source_len: usize,
        position: *mut u64,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_interrupt(store: *mut c_void) -> i32;
    fn store_verify(
        store: *mut c_void,
        opts: *const c_char,
        opts_len: usize,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_info(store: *mut c_void, out: *mut *mut c_char, out_len: *mut usize) -> i32;
    fn store_cursor_open(
        store: *mut c_void,
        query: *const c_char,
        query_len: usize,
        opts: *const c_char,
        opts_len: usize,
        cursor: *mut *mut c_void,
        error: *mut *mut c_char,
        error_len: *mut usize,
    ) -> i32;
    fn store_cursor_next(
        cursor: *mut c_void,
        max_events: usize,
        timeout_ms: i64,
        position: *mut u64,
        out: *mut *mut c_char,
        out_len: *mut usize,
    ) -> i32;
    fn store_cursor_cancel(cursor: *mut c_void) -> i32;
    fn store_cursor_close(cursor: *mut c_void) -> i32;
}

pub const OK: i32 = 0;
pub const DONE: i32 = 1;
pub const TIMEOUT: i32 = 2;

/// A handle as C has it: a number that is only ever given back.
pub type Handle = usize;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Store,
    Cursor,
}

thread_local! {
    /// The handles that are open, so that none is invented by accident.
    static OPEN: RefCell<Vec<(Kind, Handle)>> = const { RefCell::new(Vec::new()) };
}

/// The open handles, in the order in which they were opened.
pub fn open_handles() -> Vec<(Kind, Handle)> {
    OPEN.with_borrow(Clone::clone)
}

pub fn init(config: Option<&[u8]>) -> Result<Handle, Error> {
    let config = Given::new(config);
    let mut out = Out::new();
    let mut store = UNWRITTEN as *mut c_void;
    let (at, length) = config.parts();
    // SAFETY: the text and the out-parameters live until the call returns.
    let status = unsafe { store_init(at, length, &mut store, &mut out.buffer, &mut out.length) };
    opened(Kind::Store, store, out.without_answer(status))
}

pub fn close(store: Handle) -> Result<(), Error> {
    closed(Kind::Store, store);
    let mut out = Out::new();
    // SAFETY: as in `init`. No handle is followed: an invented one is an error.
    let status = unsafe { store_close(store as *mut c_void, &mut out.buffer, &mut out.length) };
    out.without_answer(status).map(only_ok)
}

/// The answer, empty where `wanted` is false.
pub fn append(store: Handle, events: Option<&[u8]>, options: Option<&[u8]>, wanted: bool) -> Result<Vec<u8>, Error> {
    let (events, options) = (Given::new(events), Given::new(options));
    let mut out = Out::new();
    let ((events_at, events_len), (options_at, options_len)) = (events.parts(), options.parts());
    let store = store as *mut c_void;
    if wanted {
        // SAFETY: as in `close`.
        let status = unsafe {
            store_append(store, events_at, events_len, options_at, options_len, &mut out.buffer, &mut out.length)
        };
        return out.answer(status).map(|(status, answer)| {
            only_ok(status);
            answer
        });
    }
    // SAFETY: as in `close`.
    let status = unsafe {
        let no_buffer = std::ptr::null_mut();
        store_append(store, events_at, events_len, options_at, options_len, no_buffer, &mut out.length)
    };
    assert_eq!(out.length, 0, "the length without a buffer");
    plain(status).map(|()| Vec::new())
}

pub fn get_events(store: Handle, query: Option<&[u8]>, options: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (query, options) = (Given::new(query), Given::new(options));
    let mut out = Out::new();
    let ((query_at, query_len), (options_at, options_len)) = (query.parts(), options.parts());
    // SAFETY: as in `close`.
    let status = unsafe {
        store_get_events(
            store as *mut c_void,
            query_at,
            query_len,
            options_at,
            options_len,
            &mut out.buffer,
            &mut out.length,
        )
    };
    out.answer(status).map(|(status, answer)| {
        only_ok(status);
        answer
    })
}

/// The head, and whether it is larger than `after`.
pub fn wait(store: Handle, after: u64, timeout_ms: i64) -> Result<(bool, u64), Error> {
    let mut out = Out::new();
    let mut head = UNWRITTEN as u64;
    // SAFETY: as in `close`.
    let status =
        unsafe { store_wait(store as *mut c_void, after, timeout_ms, &mut head, &mut out.buffer, &mut out.length) };
    let status = out.without_answer(status).inspect_err(|_| assert_eq!(head, 0, "the head beside an error"))?;
    assert!(status == OK || status == TIMEOUT, "status {status} of wait");
    Ok((status == OK, head))
}

pub fn tracking(store: Handle, source: Option<&[u8]>) -> Result<u64, Error> {
    let source = Given::new(source);
    let mut out = Out::new();
    let mut position = UNWRITTEN as u64;
    let (at, length) = source.parts();
    // SAFETY: as in `close`.
    let status =
        unsafe { store_tracking(store as *mut c_void, at, length, &mut position, &mut out.buffer, &mut out.length) };
    let status = out.without_answer(status).inspect_err(|_| assert_eq!(position, 0, "the position beside an error"));
    status.map(only_ok)?;
    Ok(position)
}

pub fn interrupt(store: Handle) -> Result<(), Error> {
    // SAFETY: as in `close`.
    plain(unsafe { store_interrupt(store as *mut c_void) })
}

pub fn info(store: Handle) -> Result<Vec<u8>, Error> {
    let mut out = Out::new();
    // SAFETY: as in `close`.
    let status = unsafe { store_info(store as *mut c_void, &mut out.buffer, &mut out.length) };
    out.answer(status).map(|(status, answer)| {
        only_ok(status);
        answer
    })
}

/// The report.
pub fn verify(store: Handle) -> Result<Vec<u8>, Error> {
    let mut out = Out::new();
    // SAFETY: as in `close`.
    let status = unsafe { store_verify(store as *mut c_void, null(), 0, &mut out.buffer, &mut out.length) };
    out.answer(status).map(|(status, answer)| {
        only_ok(status);
        answer
    })
}

pub fn cursor_open(store: Handle, query: Option<&[u8]>, options: Option<&[u8]>) -> Result<Handle, Error> {
    let (query, options) = (Given::new(query), Given::new(options));
    let mut out = Out::new();
    let mut cursor = UNWRITTEN as *mut c_void;
    let ((query_at, query_len), (options_at, options_len)) = (query.parts(), options.parts());
    // SAFETY: as in `close`.
    let status = unsafe {
        store_cursor_open(
            store as *mut c_void,
            query_at,
            query_len,
            options_at,
            options_len,
            &mut cursor,
            &mut out.buffer,
            &mut out.length,
        )
    };
    opened(Kind::Cursor, cursor, out.without_answer(status))
}

/// The status, the position, and the answer, which is empty unless the status is [`OK`].
pub fn cursor_next(cursor: Handle, max_events: usize, timeout_ms: i64) -> Result<(i32, u64, Vec<u8>), Error> {
    let mut out = Out::new();
    let mut position = UNWRITTEN as u64;
    // SAFETY: as in `close`.
    let status = unsafe {
        store_cursor_next(
            cursor as *mut c_void,
            max_events,
            timeout_ms,
            &mut position,
            &mut out.buffer,
            &mut out.length,
        )
    };
    let (status, answer) =
        out.answer(status).inspect_err(|_| assert_eq!(position, 0, "the position beside an error"))?;
    Ok((status, position, answer))
}

pub fn cursor_cancel(cursor: Handle) -> Result<(), Error> {
    // SAFETY: as in `close`.
    plain(unsafe { store_cursor_cancel(cursor as *mut c_void) })
}

pub fn cursor_close(cursor: Handle) -> Result<(), Error> {
    closed(Kind::Cursor, cursor);
    // SAFETY: as in `close`.
    plain(unsafe { store_cursor_close(cursor as *mut c_void) })
}

/// What an out-parameter holds before the call: no pointer, no length, and no number that is told.
const UNWRITTEN: usize = 0x5a5a_5a5a_5a5a_5a5a;

/// A text in an allocation of exactly its size, so that AddressSanitizer sees each byte that is read behind it.
struct Given(Option<Box<[u8]>>);

impl Given {
    fn new(text: Option<&[u8]>) -> Given {
        Given(text.map(Box::from))
    }

    fn parts(&self) -> (*const c_char, usize) {
        self.0.as_ref().map_or((null(), 0), |text| (text.as_ptr().cast(), text.len()))
    }
}

/// A buffer that is handed out.
struct Out {
    buffer: *mut c_char,
    length: usize,
}

impl Out {
    fn new() -> Out {
        Out { buffer: UNWRITTEN as *mut c_char, length: UNWRITTEN }
    }

    /// Of a function whose buffer is its answer. The answer is empty where the status is no error and comes without one.
    fn answer(self, status: i32) -> Result<(i32, Vec<u8>), Error> {
        if status == OK {
            return Ok((status, self.take().expect("OK comes with an answer")));
        }
        self.without_answer(status).map(|status| (status, Vec::new()))
    }

    /// Of a function whose buffer is only for errors.
    fn without_answer(self, status: i32) -> Result<i32, Error> {
        let name = status_name(status);
        let text = self.take();
        if status >= 0 {
            assert!(matches!(status, OK | DONE | TIMEOUT), "unknown status {status}");
            assert_eq!(text, None, "a buffer beside {name}");
            return Ok(status);
        }
        let text = String::from_utf8(text.expect("an error comes with a buffer")).expect("UTF-8");
        let kind = kind(status, &text);
        let json: Value = serde_json::from_str(&text).expect("an error is JSON");
        assert_eq!(json["code"], name, "{text}");
        assert!(json["message"].as_str().is_some_and(|message| !message.is_empty()), "{text}");
        Err(Error { kind, json, text })
    }

    fn take(self) -> Option<Vec<u8>> {
        assert!(self.buffer as usize != UNWRITTEN && self.length != UNWRITTEN, "an out-parameter was not written");
        if self.buffer.is_null() {
            assert_eq!(self.length, 0, "a length without a buffer");
            return None;
        }
        // SAFETY: the library hands out so many bytes and a NUL behind them, until they are freed, once.
        let text = unsafe {
            let text = std::slice::from_raw_parts(self.buffer.cast::<u8>(), self.length + 1).to_vec();
            store_free(self.buffer.cast());
            text
        };
        let (end, text) = text.split_last().expect("one byte at least");
        assert_eq!(*end, 0, "no NUL behind {}", String::from_utf8_lossy(text));
        assert!(std::str::from_utf8(text).is_ok(), "no UTF-8: {}", String::from_utf8_lossy(text));
        Some(text.to_vec())
    }
}

fn only_ok(status: i32) {
    assert_eq!(status, OK);
}

/// The status of a function that hands out nothing else.
fn plain(status: i32) -> Result<(), Error> {
    if status >= 0 {
        only_ok(status);
        return Ok(());
    }
    // As an error that comes with a buffer has it, as far as there is anything to say.
    let name = status_name(status);
    let json = serde_json::json!({"code": name, "message": name});
    Err(Error { kind: kind(status, name), text: json.to_string(), json })
}

/// The error that a status stands for: one of those that are possible here.
fn kind(status: i32, text: &str) -> ErrorKind {
    let kind = match status {
        -99 => Some(ErrorKind::Internal),
        _ => usize::try_from(-1 - i64::from(status)).ok().and_then(|index| ErrorKind::ALL.get(index).copied()),
    };
    let kind = kind.unwrap_or_else(|| panic!("unknown status {status}"));
    assert_eq!(kind.code(), status_name(status));
    match kind {
        ErrorKind::Misuse
        | ErrorKind::Closed
        | ErrorKind::InvalidJson
        | ErrorKind::InvalidEvent
        | ErrorKind::InvalidQuery
        | ErrorKind::InvalidOptions
        | ErrorKind::Conflict
        | ErrorKind::DuplicateId
        | ErrorKind::TooLarge
        | ErrorKind::Unsupported
        | ErrorKind::Interrupted
        // Of files alone; those targets say what may come of what.
        | ErrorKind::NotFound
        | ErrorKind::Io
        | ErrorKind::ReadOnly
        | ErrorKind::Corrupt => kind,
        _ => panic!("nothing here can come to {text}"),
    }
}

fn status_name(status: i32) -> &'static str {
    // SAFETY: the library's names are static and end in NUL.
    unsafe { CStr::from_ptr(store_status_name(status)) }.to_str().expect("a name is ASCII")
}

fn opened(kind: Kind, handle: *mut c_void, status: Result<i32, Error>) -> Result<Handle, Error> {
    let handle = handle as usize;
    assert_ne!(handle, UNWRITTEN, "the handle was not written");
    assert_eq!(handle == 0, status.is_err(), "a handle, or an error: {status:?}");
    status.map(only_ok)?;
    OPEN.with_borrow_mut(|open| open.push((kind, handle)));
    Ok(handle)
}

fn closed(kind: Kind, handle: Handle) {
    OPEN.with_borrow_mut(|open| open.retain(|entry| *entry != (kind, handle)));
}
