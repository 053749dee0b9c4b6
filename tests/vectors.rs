//! The vectors on every engine.

// Both suites run on the same engines.
#[macro_use]
#[path = "conformance/engines.rs"]
mod engines;

#[path = "vectors/runner.rs"]
mod runner;
