//! The vectors on the example engine.

#[macro_use]
mod engines;

#[path = "../../vectors/runner.rs"]
mod runner;
