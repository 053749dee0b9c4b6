//! What every engine does, told through the public API: one suite, run whole for each engine.
//!
//! A scenario is a plain function of a [`Factory`]; each theme lists its own in `scenarios!`, which
//! makes one test of it for each engine of `engines.rs`. A scenario that is in no list is dead code,
//! and the compiler says so.

#[macro_use]
mod engines;

/// Makes a test of each scenario on each engine.
macro_rules! scenarios {
    ($($scenario:ident),+ $(,)?) => {
        for_each_engine! { tests_on! $($scenario)+ }
    };
}

macro_rules! tests_on {
    ($engine:ident, $factory:path; $($scenario:ident)+) => {
        mod $engine {
            $(
                #[test]
                fn $scenario() {
                    super::$scenario(&$factory);
                }
            )+
        }
    };
}

mod history;
mod support;

mod append;
mod atomicity;
mod closing;
mod concurrency;
mod conditions;
mod cursors;
mod errors;
mod expectations;
mod follow;
mod info;
mod interrupting;
mod limits;
mod pagination;
mod queries;
mod reading;
mod retry;
mod tracking;
mod waiting;
