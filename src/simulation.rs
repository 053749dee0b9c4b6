//! For the tests of crashes: file stores on a disk that the test brings.
//!
//! Not part of what Runestore promises; it is there with the feature `simulation` alone.

pub use crate::config::open_simulated as open;
pub use crate::engine::file::{Access, Bug, Directory, File, Lock, Memory, Probe};
