//! The functions of a cursor.

use super::buffer::{Out, OutNumber, input, misuse, write};
use super::guard::{guard, guard_status, guard_without_answer};
use super::handle::{issue, look_up, store_cursor_t, store_t, take_back};
use super::status::{STORE_DONE, STORE_OK, STORE_TIMEOUT};
use crate::cursor::{Cursor, Next};
use crate::error::Result;
use crate::store::Store;
use std::ffi::c_char;
use std::sync::Arc;
use std::time::Duration;

/// Opens a cursor over the events that match a query, to read them piece by piece in bounded memory.
///
/// query is as for store_get_events. opts may hold limit, offset, direction, format, max_bytes (of
/// one answer, default 1 MiB) and follow. Without follow the cursor gives the events of this moment
/// and is done. With {"follow":true} it goes on with new events as they are committed: catch-up and
/// live are one ordered sequence, nothing skipped and nothing twice, however slow the reader; it is
/// done after limit events, or when it has passed the query's up_to.
///
/// Errors: misuse, closed, invalid_json, invalid_query, invalid_options, too_large, no_space (too many
/// handles are open), io, forked.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_open(
    store: *mut store_t,
    query: *const c_char,
    query_len: usize,
    opts: *const c_char,
    opts_len: usize,
    cursor: *mut *mut store_cursor_t,
    error: *mut *mut c_char,
    error_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that error and error_len are NULL or writable.
    let error = unsafe { Out::new(error, error_len) };
    write(cursor, std::ptr::null_mut());
    guard_without_answer(error, || {
        if cursor.is_null() {
            return Err(misuse("cursor is NULL: give the address of a store_cursor_t *"));
        }
        let store = look_up::<Store, _>(store)?;
        // SAFETY: the caller promised query_len and opts_len readable bytes.
        let (query, opts) = unsafe { (input("query", query, query_len)?, input("opts", opts, opts_len)?) };
        write(cursor, issue(Arc::new(store.cursor_over(query, opts, 0)?))?);
        Ok(STORE_OK)
    })
}

/// The cursor's next events: at most max_events (0: by bytes alone), at most max_bytes of the
/// cursor's options, but always one. A follower that has no event to give waits for one, at most
/// timeout_ms milliseconds: -1 waits for ever, 0 looks and returns.
///
/// Returns STORE_OK with a buffer, STORE_TIMEOUT or STORE_DONE without. *position says that
/// everything up to it was returned or does not match: the number to keep as a checkpoint, and to
/// begin behind another time with {"after":N} in the query. (A backward cursor reaches the beginning
/// last; it says 0, or the query's after, until it is done.)
///
/// After an error the cursor stands where it stood: nothing is skipped.
///
/// Errors: misuse (also for another store_cursor_next in progress on this cursor, and for a timeout
/// below -1), closed, no_space (of memory), corrupt, io, interrupted, forked.
/// Thread: any, one at a time for each cursor.
///
/// Example:
///
///     while (store_cursor_next(cursor, 0, -1, &position, &out, &out_len) == STORE_OK) {
///         handle(out, out_len);
///         store_free(out);
///     }
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_next(
    cursor: *mut store_cursor_t,
    max_events: usize,
    timeout_ms: i64,
    position: *mut u64,
    out: *mut *mut c_char,
    out_len: *mut usize,
) -> i32 {
    // SAFETY: the caller promised that position, out and out_len are NULL or writable.
    let (out, position_out) = unsafe { (Out::new(out, out_len), OutNumber::new(position)) };
    guard(out, |answer| {
        let cursor = look_up::<Cursor, _>(cursor)?;
        let (status, position) = match cursor.next(max_events, timeout(timeout_ms)?, answer)? {
            Next::Events { position } => (STORE_OK, position),
            Next::Timeout { position } => (STORE_TIMEOUT, position),
            Next::Done { position } => (STORE_DONE, position),
        };
        position_out.give(position);
        Ok(status)
    })
}

/// Ends the store_cursor_next in progress with interrupted, and all later ones. The cursor is still
/// to be closed.
///
/// Errors: misuse, closed, forked.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_cancel(cursor: *mut store_cursor_t) -> i32 {
    guard_status(|| {
        look_up::<Cursor, _>(cursor)?.cancel()?;
        Ok(STORE_OK)
    })
}

/// Closes a cursor; a store_cursor_next in progress ends with closed. Whatever this returns, the
/// handle is gone.
///
/// Errors: misuse, closed (also where the store was closed before; the cursor is released), forked.
/// Thread: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn store_cursor_close(cursor: *mut store_cursor_t) -> i32 {
    guard_status(|| {
        take_back::<Cursor, _>(cursor)?.close()?;
        Ok(STORE_OK)
    })
}

/// How long a call may wait, `None` for ever.
pub(super) fn timeout(milliseconds: i64) -> Result<Option<Duration>> {
    match u64::try_from(milliseconds) {
        Ok(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
        Err(_) if milliseconds == -1 => Ok(None),
        Err(_) => Err(misuse(format!(
            "timeout_ms is {milliseconds}: give milliseconds, 0 to look once, or -1 to wait for ever"
        ))),
    }
}
