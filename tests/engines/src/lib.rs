//! The example engine of `examples/engines/jsonl.c`, registered as `jsonl`.

use std::ffi::c_char;
use std::sync::Once;

// It is C that calls the library.
use runestore as _;

unsafe extern "C" {
    fn jsonl_register(error: *mut *mut c_char, error_len: *mut usize) -> i32;
}

/// Registers it, once.
pub fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: both outputs may be NULL.
        let status = unsafe { jsonl_register(std::ptr::null_mut(), std::ptr::null_mut()) };
        assert_eq!(status, 0, "jsonl is registered");
    });
}
