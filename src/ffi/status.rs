//! Status numbers. They are fixed for ever: a retired one stays here as a comment.

use crate::error::ErrorKind;
use std::ffi::{CStr, c_char};

/// The call succeeded.
pub const STORE_OK: i32 = 0;
/// The cursor has given all there is; there is no buffer.
pub const STORE_DONE: i32 = 1;
/// Nothing new came in time.
pub const STORE_TIMEOUT: i32 = 2;

/// The call itself is wrong: NULL where it may not be, a handle that was never issued, two
/// store_cursor_next at once on one cursor. Correct the program.
pub const STORE_ERR_MISUSE: i32 = -1;
/// The store or the cursor is closed, or was during the call. An append that says so stored nothing.
pub const STORE_ERR_CLOSED: i32 = -2;
/// A text is not JSON that every parser can read back. Details: in, offset.
pub const STORE_ERR_INVALID_JSON: i32 = -3;
/// The JSON is sound, but it is no event. Details: index, field.
pub const STORE_ERR_INVALID_EVENT: i32 = -4;
/// The JSON is sound, but it is no query. Details: index, key.
pub const STORE_ERR_INVALID_QUERY: i32 = -5;
/// An option or configuration is unknown, of the wrong type or out of range. Details: option.
pub const STORE_ERR_INVALID_OPTIONS: i32 = -6;
/// A check made inside the commit failed; nothing was stored. Read again, decide again. Details:
/// reason, expected, actual, and domain and instance_id, or sequence_number, or source.
pub const STORE_ERR_CONFLICT: i32 = -7;
/// An id is stored already, or stands twice in the batch; nothing was stored. Details: ids.
pub const STORE_ERR_DUPLICATE_ID: i32 = -8;
/// A limit on size or number was passed; nothing was stored. Details: limit, actual.
pub const STORE_ERR_TOO_LARGE: i32 = -9;
/// What was asked for does not exist.
pub const STORE_ERR_NOT_FOUND: i32 = -10;
/// The store was opened for reading only.
pub const STORE_ERR_READ_ONLY: i32 = -11;
/// Another writer holds the store.
pub const STORE_ERR_LOCKED: i32 = -12;
/// The operating system refused.
pub const STORE_ERR_IO: i32 = -13;
/// There is no room left; nothing was stored. Try again once there is.
pub const STORE_ERR_NO_SPACE: i32 = -14;
/// Stored data is damaged.
pub const STORE_ERR_CORRUPT: i32 = -15;
/// This engine or this build cannot do it.
pub const STORE_ERR_UNSUPPORTED: i32 = -16;
/// An engine that the user registered failed.
pub const STORE_ERR_ENGINE: i32 = -17;
/// It could not be learnt whether the batch was stored. Append it again with its ids. Details: ids.
pub const STORE_ERR_INDETERMINATE: i32 = -18;
/// The call was interrupted or cancelled from another thread. An append that says so stored nothing.
pub const STORE_ERR_INTERRUPTED: i32 = -19;
/// The handle belongs to the parent process of a fork. Open the store anew in the child.
pub const STORE_ERR_FORKED: i32 = -20;
/// A defect in Runestore. The process lives on; close the store and report it.
pub const STORE_ERR_INTERNAL: i32 = -99;

/// The number of an error.
pub(super) fn status(kind: ErrorKind) -> i32 {
    match kind {
        ErrorKind::Misuse => STORE_ERR_MISUSE,
        ErrorKind::Closed => STORE_ERR_CLOSED,
        ErrorKind::InvalidJson => STORE_ERR_INVALID_JSON,
        ErrorKind::InvalidEvent => STORE_ERR_INVALID_EVENT,
        ErrorKind::InvalidQuery => STORE_ERR_INVALID_QUERY,
        ErrorKind::InvalidOptions => STORE_ERR_INVALID_OPTIONS,
        ErrorKind::Conflict => STORE_ERR_CONFLICT,
        ErrorKind::DuplicateId => STORE_ERR_DUPLICATE_ID,
        ErrorKind::TooLarge => STORE_ERR_TOO_LARGE,
        ErrorKind::NotFound => STORE_ERR_NOT_FOUND,
        ErrorKind::ReadOnly => STORE_ERR_READ_ONLY,
        ErrorKind::Locked => STORE_ERR_LOCKED,
        ErrorKind::Io => STORE_ERR_IO,
        ErrorKind::NoSpace => STORE_ERR_NO_SPACE,
        ErrorKind::Corrupt => STORE_ERR_CORRUPT,
        ErrorKind::Unsupported => STORE_ERR_UNSUPPORTED,
        ErrorKind::Engine => STORE_ERR_ENGINE,
        ErrorKind::Indeterminate => STORE_ERR_INDETERMINATE,
        ErrorKind::Interrupted => STORE_ERR_INTERRUPTED,
        ErrorKind::Forked => STORE_ERR_FORKED,
        ErrorKind::Internal => STORE_ERR_INTERNAL,
    }
}

/// The name of a status number: "ok", "done", "timeout", or an error's "code"; "unknown" for any
/// other number. The text is static: do not free it. Any thread, never fails.
#[unsafe(no_mangle)]
pub extern "C" fn store_status_name(status: i32) -> *const c_char {
    name(status).as_ptr()
}

fn name(status: i32) -> &'static CStr {
    match status {
        STORE_OK => c"ok",
        STORE_DONE => c"done",
        STORE_TIMEOUT => c"timeout",
        STORE_ERR_MISUSE => c"misuse",
        STORE_ERR_CLOSED => c"closed",
        STORE_ERR_INVALID_JSON => c"invalid_json",
        STORE_ERR_INVALID_EVENT => c"invalid_event",
        STORE_ERR_INVALID_QUERY => c"invalid_query",
        STORE_ERR_INVALID_OPTIONS => c"invalid_options",
        STORE_ERR_CONFLICT => c"conflict",
        STORE_ERR_DUPLICATE_ID => c"duplicate_id",
        STORE_ERR_TOO_LARGE => c"too_large",
        STORE_ERR_NOT_FOUND => c"not_found",
        STORE_ERR_READ_ONLY => c"read_only",
        STORE_ERR_LOCKED => c"locked",
        STORE_ERR_IO => c"io",
        STORE_ERR_NO_SPACE => c"no_space",
        STORE_ERR_CORRUPT => c"corrupt",
        STORE_ERR_UNSUPPORTED => c"unsupported",
        STORE_ERR_ENGINE => c"engine",
        STORE_ERR_INDETERMINATE => c"indeterminate",
        STORE_ERR_INTERRUPTED => c"interrupted",
        STORE_ERR_FORKED => c"forked",
        STORE_ERR_INTERNAL => c"internal",
        _ => c"unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_own_number_and_the_name_of_its_code() {
        let mut numbers = std::collections::BTreeSet::new();
        for kind in ErrorKind::ALL {
            let number = status(kind);
            assert!(number < 0 && numbers.insert(number), "{kind:?} has {number}");
            assert_eq!(name(number).to_str(), Ok(kind.code()));
        }
        assert_eq!(name(3), c"unknown");
        assert_eq!(name(i32::MIN), c"unknown");
    }
}
