//! Random sequences of calls, each answer compared byte for byte with what a simple oracle says.
//!
//! `PROPTEST_CASES` sets the number of sequences. What ever failed is tried first from then on, by
//! its seed in `regressions.txt`.

mod compare;
mod cursors;
mod events;
mod meaning;
mod oracle;
mod samples;
mod steps;
mod strategies;
mod world;

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of store that is put to the test.
struct Engine {
    /// The configuration of the store of a case; cases have different numbers.
    config: fn(home: &Path, case: u64) -> String,
    /// Whether events outlive the close of their store, so that it can be opened again.
    reopens: bool,
    cases: u32,
}

#[test]
fn memory() {
    agrees_with_the_oracle(&Engine {
        config: |_, _| String::from(r#"{"store":"memory"}"#),
        reopens: false,
        cases: 20_000,
    });
}

#[test]
fn file() {
    agrees_with_the_oracle(&Engine { config: |home, case| in_files(home, case, json!({})), reopens: true, cases: 500 });
}

/// Every few steps begin a new segment.
#[test]
fn small_segments() {
    agrees_with_the_oracle(&Engine {
        config: |home, case| in_files(home, case, json!({ "segment_bytes": 65536, "sync": "never" })),
        reopens: true,
        cases: 1_500,
    });
}

/// A store of its own for each case; the one before is not needed any more.
fn in_files(home: &Path, case: u64, mut options: Value) -> String {
    let _ = std::fs::remove_dir_all(home.join(case.wrapping_sub(1).to_string()));
    options["path"] = home.join(case.to_string()).to_str().expect("its name is UTF-8").into();
    json!({ "store": "file", "store_opts": options }).to_string()
}

const STEPS_MAX: usize = 40;

fn agrees_with_the_oracle(engine: &Engine) {
    let mut config = Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt"))),
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = engine.cases;
    }
    let home = tempfile::tempdir().expect("there is room for a directory");
    let case = AtomicU64::new(0);
    let calls = AtomicU64::new(0);
    let outcome = TestRunner::new(config).run(&strategies::steps(STEPS_MAX, engine.reopens), |steps| {
        let config = (engine.config)(home.path(), case.fetch_add(1, Ordering::Relaxed));
        calls.fetch_add(steps.len() as u64, Ordering::Relaxed);
        world::run(&config, &steps).map_err(TestCaseError::fail)
    });
    println!("{} sequences, {} steps", case.into_inner(), calls.into_inner());
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
