//! The C API: the only unsafe code of the crate, and the source of `include/runestore.h`.
//!
//! Every export has one shape: clear the out-parameters, then, inside the panic guard, look up the
//! handle, borrow the inputs, call the core, hand out the buffer. What holds for all functions is
//! said once, at the head of the header (`cbindgen.toml`); `docs/ABI.md` has the policy behind it.

mod buffer;
mod cursor;
mod engine;
mod guard;
mod handle;
mod info;
mod status;
mod store;
