//! The conformance suite, on the engines of `engines.rs` beside this file.
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

#[path = "../../conformance/history.rs"]
mod history;
#[path = "../../conformance/support.rs"]
mod support;

#[path = "../../conformance/append.rs"]
mod append;
#[path = "../../conformance/atomicity.rs"]
mod atomicity;
#[path = "../../conformance/closing.rs"]
mod closing;
#[path = "../../conformance/concurrency.rs"]
mod concurrency;
#[path = "../../conformance/conditions.rs"]
mod conditions;
#[path = "../../conformance/cursors.rs"]
mod cursors;
#[path = "../../conformance/errors.rs"]
mod errors;
#[path = "../../conformance/expectations.rs"]
mod expectations;
#[path = "../../conformance/follow.rs"]
mod follow;
#[path = "../../conformance/info.rs"]
mod info;
#[path = "../../conformance/interrupting.rs"]
mod interrupting;
#[path = "../../conformance/limits.rs"]
mod limits;
#[path = "../../conformance/pagination.rs"]
mod pagination;
#[path = "../../conformance/queries.rs"]
mod queries;
#[path = "../../conformance/reading.rs"]
mod reading;
#[path = "../../conformance/retry.rs"]
mod retry;
#[path = "../../conformance/tracking.rs"]
mod tracking;
#[path = "../../conformance/waiting.rs"]
mod waiting;
