//! Runestore is an event store that a program links: atomic batches in, filtered events out, in one
//! gapless order.
//!
//! ```
//! use runestore::Store;
//!
//! let store = Store::open("{}")?; // in memory
//! store.append_json(r#"{"type":"Opened","domain":"account","instance_id":"a-1"}"#, None)?;
//! let opened = store.get_events_json(Some(r#"{"type":"Opened"}"#), None)?;
//! assert!(opened.starts_with(b"[{\"sequence_number\":1,"));
//! # Ok::<(), runestore::Error>(())
//! ```
//!
//! A [`Store`] is an open handle, an engine keeps the events, a stream is the pair of `domain` and
//! `instance_id`. Texts are JSON both ways; `docs/EVENTS.md` describes events, queries and options.
//! The C functions of `include/runestore.h` are in the shared library of the feature `capi`.

mod append;
mod behaviour;
mod call;
mod config;
mod copy;
mod cursor;
mod engine;
mod error;
mod event;
// Its examples are C, and tests/c runs them.
#[cfg(all(feature = "capi", not(doctest)))]
#[allow(unsafe_code)]
mod ffi;
mod huge;
mod id;
mod index;
mod json;
mod process;
mod query;
mod registry;
#[cfg(feature = "simulation")]
pub mod simulation;
mod store;
mod time;

pub use behaviour::{Abilities, Behaviour, Failure};
pub use config::register_engine;
pub use cursor::{Cursor, Next};
pub use error::{Error, ErrorKind, Result};
pub use json::RecordedEvent;
pub use process::note_fork;
pub use query::{Format, Pagination};
pub use registry::unregister_engine;
pub use store::Store;
pub use time::Timestamp;
