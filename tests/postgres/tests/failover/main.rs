//! A primary and its synchronous standby, writers and followers with one URL for both, and servers that are lost while
//! all of them are at it. Nothing that was acknowledged may be lost, and nobody may see anything else than the one log.
//!
//! `FAILOVER_ROUNDS` sets how many rounds there are, `RUNESTORE_TEST_SEED` what they are drawn from. `loss.rs` is what
//! befalls the servers, `writers.rs` and `followers.rs` are those who use them, `history.rs` is what they note, and
//! `checker.rs` judges it. The control run acknowledges what the standby does not have: the checker must find it lost.

mod checker;
mod checker_tests;
mod dice;
mod followers;
mod history;
mod loss;
mod rounds;
mod stage;
mod writers;

use checker::{Violation, Wrong};
use dice::Dice;
use loss::Loss;
use rounds::Run;
use runestore_postgres_tests::Pair;
use std::time::Instant;

/// One of each kind.
const ROUNDS: u64 = 4;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error}")))
}

#[test]
fn what_was_acknowledged_survives_its_servers() {
    let rounds = number("FAILOVER_ROUNDS").unwrap_or(ROUNDS) as usize;
    let seed = number("RUNESTORE_TEST_SEED").unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64)
    });
    println!("failover: RUNESTORE_TEST_SEED={seed}");
    let mut dice = Dice::new(seed, 0);
    let losses = Loss::draw(rounds, &mut dice);
    let mut pair = Pair::start();
    let mut run = Run::new(&pair, "failover", seed);
    for (index, loss) in losses.iter().enumerate() {
        let began = Instant::now();
        let before = run.tally();
        let found = run.round(*loss, &mut pair, &mut dice);
        let tally = run.tally();
        println!(
            "failover: round {} of {rounds}: {}, {} batches acknowledged, {} settled, {} refused, {} failed, \
             {} reads failed, {:.1} s",
            index + 1,
            loss.name(),
            tally.acknowledged - before.acknowledged,
            tally.settled - before.settled,
            tally.refused - before.refused,
            tally.failed - before.failed,
            tally.unread - before.unread,
            began.elapsed().as_secs_f64(),
        );
        assert!(found.is_empty(), "RUNESTORE_TEST_SEED={seed}: {}", told(&found));
        if *loss == Loss::Standby {
            pair.wait_for_standby();
        } else {
            pair.join();
        }
    }
    let lost = control(&mut pair, seed, &mut dice);
    let count = |kinds: &[Loss]| losses.iter().filter(|loss| kinds.contains(loss)).count();
    let tally = run.tally();
    println!(
        "failover: {rounds} rounds (kill {}, stop {}, standby {}), {} batches acknowledged, 0 lost, 0 doubled, 0 gaps, \
         {} settled after an unknown outcome; control run: {lost} lost",
        count(&[Loss::Kill]),
        count(&[Loss::Stop, Loss::Haunt]),
        count(&[Loss::Standby]),
        tally.acknowledged,
        tally.settled,
    );
}

/// Where the primary does not wait for the standby, what it acknowledged is lost with it; how many batches the checker
/// misses.
fn control(pair: &mut Pair, seed: u64, dice: &mut Dice) -> usize {
    let mut run = Run::new(pair, "control", seed);
    pair.primary().sql("ALTER SYSTEM SET synchronous_commit = local");
    pair.primary().sql("SELECT pg_reload_conf()");
    let found = run.round(Loss::Lag, pair, dice);
    let lost = found.iter().filter(|violation| violation.wrong == Wrong::Lost).count();
    assert!(lost > 0, "acknowledged batches are lost, and the checker finds: {}", told(&found));
    lost
}

/// What is wrong, the first of many.
fn told(found: &[Violation]) -> String {
    let lines = found.iter().take(20).map(|violation| format!("{:?}: {}\n", violation.wrong, violation.words));
    format!("{} violations\n{}", found.len(), lines.collect::<String>())
}
