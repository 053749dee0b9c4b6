//! The panic guard around the body of every export.

use super::buffer::{Out, new_buffer};
use super::status::{STORE_OK, status};
use crate::error::{Error, Result};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs `body`, which appends its answer to the buffer it is given, and hands the answer or the error
/// out. A panic is `internal`. The status.
pub(super) fn guard(out: Out, body: impl FnOnce(&mut Vec<u8>) -> Result<i32>) -> i32 {
    match caught(|| {
        let mut buffer = new_buffer();
        body(&mut buffer).map(|status| (status, buffer))
    }) {
        Ok((status, buffer)) => {
            if status == STORE_OK {
                out.give(buffer);
            }
            status
        }
        Err(error) => failed(&out, &error),
    }
}

/// The same for an export whose only answer is its status and numbers.
pub(super) fn guard_without_answer(error_out: Out, body: impl FnOnce() -> Result<i32>) -> i32 {
    caught(body).unwrap_or_else(|error| failed(&error_out, &error))
}

/// The same for an export that hands out nothing but its status.
pub(super) fn guard_status(body: impl FnOnce() -> Result<i32>) -> i32 {
    caught(body).unwrap_or_else(|error| status(error.kind()))
}

fn failed(out: &Out, error: &Error) -> i32 {
    out.give_error(error);
    status(error.kind())
}

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    silence_panics();
    GUARDED.with(|guarded| guarded.set(guarded.get() + 1));
    // A panic may leave a store half changed: its own locks are poisoned then, and refuse.
    let outcome = catch_unwind(AssertUnwindSafe(body));
    GUARDED.with(|guarded| guarded.set(guarded.get() - 1));
    outcome.unwrap_or_else(|panic| {
        let what = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
            (Some(what), _) => what,
            (_, Some(what)) => what.as_str(),
            _ => "unknown",
        };
        Err(Error::internal(format_args!("panic: {what}")))
    })
}

thread_local! {
    /// How many guarded calls this thread is in. Only the panic hook asks.
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// A library does not print: the message of a caught panic goes into the error. Panics of the host
/// program, where it is written in Rust as well, go to the hook that was there.
fn silence_panics() {
    // No Once: a process that is forked while it runs would leave its child waiting for ever.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    // Where a panic is under way, in a host written in Rust, the hook cannot be changed.
    if std::thread::panicking() || BEGUN.swap(true, Ordering::Relaxed) {
        return;
    }
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if GUARDED.with(Cell::get) == 0 {
            previous(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::super::buffer::store_free;
    use super::super::status::STORE_ERR_INTERNAL;
    use super::*;
    use std::ffi::c_char;

    #[test]
    fn a_panic_becomes_an_internal_error_that_says_what_happened() {
        let mut buffer: *mut c_char = std::ptr::null_mut();
        let mut length = 0;
        // SAFETY: both are variables of this test.
        let out = unsafe { Out::new(&raw mut buffer, &raw mut length) };
        let status = guard(out, |_| panic!("the {} broke", "shelf"));
        assert_eq!(status, STORE_ERR_INTERNAL);
        // SAFETY: the guard handed out `length` bytes.
        let text = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), length) };
        let text = std::str::from_utf8(text).unwrap();
        assert!(text.contains("the shelf broke") && text.starts_with(r#"{"code":"internal""#), "{text}");
        // SAFETY: the buffer is ours, and freed once.
        unsafe { store_free(buffer.cast()) };
        assert_eq!(guard_status(|| panic!("again")), STORE_ERR_INTERNAL);
    }
}
