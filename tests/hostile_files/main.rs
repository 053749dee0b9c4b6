//! Every byte of a small store is damaged, and every file of it taken away, cut off, exchanged.
//!
//! The store was closed cleanly, so that all of it is known to be durable. Whatever happens to it then: an error, or the
//! right answer. Never wrong data, never fewer events and no error, no panic.

mod files;
mod flips;
mod judge;
mod layout;
mod mixed;
mod sample;
mod sandbox;
mod under;
