//! What the fuzz targets do with an input: events, queries and options as text (`events`, `reads`), sequences of
//! calls (`calls`), and files of a store (`segment`, `index`, `directory`), all through the C functions. The first three
//! are compared with an oracle.
//!
//! The oracle is the one of `tests/model`, whose modules are included as they are. They name the crates
//! `runestore` and `proptest`; here both names stand for this crate, so that the same comparison runs over
//! the C functions ([`Store`], [`Cursor`], [`Error`]), and steps are made from a fuzzer's bytes
//! ([`sample::Index`]).

extern crate self as proptest;
extern crate self as runestore;

mod c;
mod events_target;
mod files;
mod reads_target;
mod reference;
pub mod sample;
mod sequence;
mod store;
mod strays;
mod texts;
mod verdict;

#[path = "../../tests/model/compare.rs"]
mod compare;
#[path = "../../tests/model/cursors.rs"]
mod cursors;
#[path = "../../tests/model/events.rs"]
mod events;
#[path = "../../tests/model/meaning.rs"]
mod meaning;
#[path = "../../tests/model/oracle.rs"]
mod oracle;
#[path = "../../tests/model/samples.rs"]
mod samples;
// `Step::Reopen` is for engines whose events outlive their store.
#[expect(dead_code)]
#[path = "../../tests/model/steps.rs"]
mod steps;
#[path = "../../tests/model/world.rs"]
mod world;

pub use events_target::events_target;
pub use files::{Directory, directory_target, index_target, segment_target};
pub use library::{ErrorKind, Next, Timestamp};
pub use reads_target::reads_target;
pub use sequence::{Sequence, calls_target};
pub use store::{Cursor, Error, Store};
pub use texts::Texts;
