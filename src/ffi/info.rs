//! What a program can ask of the library itself.

use std::ffi::c_char;

/// The version of this interface, major << 16 | minor: 1.0. A program that was built with this header
/// runs with every library of the same major and of the same or a later minor version.
pub const STORE_ABI_VERSION: u32 = 65536;

/// The version of the interface that the library has, major << 16 | minor: compare it with
/// STORE_ABI_VERSION, which your program was built with. Any thread, never fails.
#[unsafe(no_mangle)]
pub extern "C" fn store_abi_version() -> u32 {
    STORE_ABI_VERSION
}

/// The version of the library, such as "0.1.0". The text is static: do not free it. Any thread,
/// never fails.
#[unsafe(no_mangle)]
pub extern "C" fn store_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}
