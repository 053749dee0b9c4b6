//! What texts mean by docs/EVENTS.md, read with `serde_json` and without a line of the library's own.

mod config;
mod event;
pub mod json;
mod options;
mod query;
mod time;

pub use config::{config, touches_files};
pub use event::{Fault, batch};
pub use options::{Reading, append_options, reading};
pub use query::query;

/// What is wrong with a name, if anything: a type, a domain, an instance id, a tag, a tracking source.
pub fn is_name(name: &str) -> bool {
    (1..=1024).contains(&name.len()) && !name.contains('\0')
}
