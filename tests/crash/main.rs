//! The file engine on a disk that loses what a disk may lose.
//!
//! `disk.rs` is the machine, `platter.rs` what it keeps, `outage.rs` what is left when the power fails,
//! `rot.rs` what time does. `workload.rs` and `steps.rs` are programs that use a store and know every
//! answer, `promise.rs` is what must be there after a crash, `check.rs` compares. `campaign.rs` stops the
//! programs at every call; `scenarios/` tells, bug by bug, what would go wrong.
//!
//! `CRASH_STATES` sets how many crash states there are, `CRASH_SEED` runs one seed alone.

mod anatomy;
mod campaign;
mod check;
mod coverage;
mod dice;
mod disk;
mod disk_tests;
mod events;
mod outage;
mod platter;
mod process;
mod promise;
mod rot;
mod scenarios;
mod steps;
mod task;
mod workload;

use campaign::Extent;
use coverage::Coverage;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const STATES: u64 = 50_000;
/// Crash states of one seed.
const STATES_OF_A_SEED: u64 = 500;

/// No seed takes so long.
const HANGS: Duration = Duration::from_secs(300);

/// How to run one seed alone.
fn again(seed: u64) -> String {
    format!("CRASH_SEED={seed} cargo test --features simulation --test crash crash_states -- --nocapture")
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn crash_states() {
    let states = number("CRASH_STATES").unwrap_or(STATES);
    let extent = Extent { states: STATES_OF_A_SEED, bug: None };
    if let Some(seed) = number("CRASH_SEED") {
        let mut coverage = Coverage::default();
        let outcome = campaign::run(seed, extent, &mut coverage);
        println!("seed {seed}: {}", coverage.table());
        outcome.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        return;
    }
    let next = AtomicU64::new(1);
    let stop = AtomicBool::new(false);
    let total = Mutex::new((Coverage::default(), Vec::new()));
    // Which seeds are being told, and since when.
    let running: Mutex<BTreeMap<u64, Instant>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let seed = next.fetch_add(1, SeqCst);
                    running.lock().expect("nobody panics with it").insert(seed, Instant::now());
                    let mut coverage = Coverage::default();
                    let outcome = campaign::run(seed, extent, &mut coverage);
                    running.lock().expect("nobody panics with it").remove(&seed);
                    let mut total = total.lock().expect("a campaign's panic is caught");
                    total.0.add(&coverage);
                    if let Err(violation) = outcome {
                        println!("seed {seed}: {violation}");
                        println!("  {}", again(seed));
                        total.1.push(seed);
                    }
                    if total.0.states >= states || total.1.len() >= 10 {
                        stop.store(true, SeqCst);
                    }
                }
            });
        }
        // A store that never returns is a violation too, and the worst to find.
        while !stop.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(100));
            let running = running.lock().expect("nobody panics with it");
            if let Some((seed, _)) = running.iter().find(|(_, begun)| begun.elapsed() > HANGS) {
                println!("seed {seed} does not come to an end\n  {}", again(*seed));
                std::process::exit(1);
            }
        }
    });
    let (coverage, failed) = total.into_inner().expect("a campaign's panic is caught");
    println!("{}", coverage.table());
    assert!(failed.is_empty(), "promises were broken at the seeds {failed:?}");
    assert_eq!(coverage.missing(), [] as [&str; 0], "these were never tried");
}
