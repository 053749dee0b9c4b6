//! What befalls the servers in a round.

use crate::dice::Dice;
use crate::rounds::{Patience, open};
use crate::stage::Stage;
use runestore::ErrorKind;
use runestore_postgres_tests::{Pair, Server};
use serde_json::json;
use std::thread::sleep;
use std::time::Duration;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The primary is killed.
    Kill,
    /// The primary stands still, until it is killed when another has its place.
    Stop,
    /// The primary stands still, and goes on as if nothing had happened when another has its place.
    Haunt,
    /// The standby is killed, and comes back.
    Standby,
    /// For the control run: the primary is killed, and acknowledged what the standby did not have.
    Lag,
}

impl Loss {
    /// What a round is; the first ones are of each kind, so that few rounds show all.
    pub fn draw(rounds: usize, dice: &mut Dice) -> Vec<Loss> {
        let mut all = vec![Loss::Kill, Loss::Stop, Loss::Haunt, Loss::Standby];
        for last in (1..all.len()).rev() {
            all.swap(last, dice.below(last as u64 + 1) as usize);
        }
        let more = (all.len()..rounds).map(|_| match dice.below(10) {
            0..6 => Loss::Kill,
            6 => Loss::Stop,
            7 => Loss::Haunt,
            _ => Loss::Standby,
        });
        all.extend(more.collect::<Vec<_>>());
        all.truncate(rounds);
        all
    }

    pub fn name(self) -> &'static str {
        match self {
            Loss::Kill => "kill",
            Loss::Stop => "stop",
            Loss::Haunt => "stop and go on",
            Loss::Standby => "standby",
            Loss::Lag => "control",
        }
    }

    /// Lets it happen while batches are acknowledged, and sees that they are again.
    pub fn befall(self, pair: &mut Pair, schema: &str, stage: &Stage, dice: &mut Dice) {
        assert!(stage.goes_on(60), "nothing is acknowledged, though nothing has happened yet");
        sleep(Duration::from_millis(dice.below(200)));
        match self {
            Loss::Kill => {
                pair.primary().kill();
                vacancy(dice);
                pair.promote();
            }
            Loss::Stop => {
                pair.primary().freeze();
                vacancy(dice);
                pair.promote();
                assert!(stage.goes_on(30), "the handles stay with a server that stands still");
                pair.standby().kill();
            }
            Loss::Haunt => {
                pair.primary().freeze();
                vacancy(dice);
                pair.promote();
                assert!(stage.goes_on(10), "the handles stay with a server that stands still");
                pair.standby().thaw();
                is_mute(pair.standby(), schema);
                pair.standby().kill();
            }
            Loss::Standby => {
                pair.standby().kill();
                pair.wait_for_loss();
                // For what the standby had confirmed just before, and a writer has not noted yet.
                sleep(Duration::from_millis(200));
                let before = stage.acknowledged();
                // Calls wait 1.5 seconds: in some rounds they see the standby come back, in others they give up before.
                sleep(Duration::from_millis(if dice.one_in(2) { 500 } else { 2_000 }));
                assert_eq!(stage.acknowledged(), before, "something was acknowledged without the standby");
                pair.standby().launch();
            }
            Loss::Lag => {
                pair.standby().freeze_receiver();
                assert!(stage.goes_on(30), "it waits for the standby, though it was told not to");
                pair.primary().kill();
                // What was sent is still in the system's buffers, where the standby would find it.
                pair.standby().kill();
                pair.standby().launch();
                pair.promote();
                // A store that is open does not go back behind what it has seen.
                stage.begin_anew();
            }
        }
        assert!(stage.goes_on(100), "nothing is acknowledged any more");
    }
}

/// How long nobody is the primary: less than a call waits; longer, so that it cannot be learnt what became of some; and so
/// long that calls begin and end meanwhile.
fn vacancy(dice: &mut Dice) {
    sleep(Duration::from_millis(match dice.below(6) {
        0..4 => dice.below(400),
        4 => dice.between(1_600, 2_000),
        _ => dice.between(3_200, 3_600),
    }));
}

/// A primary of old, whose standby has gone its own way, acknowledges nothing: no append, and no refusal either, which
/// would rest on what it alone has.
fn is_mute(server: &Server, schema: &str) {
    let store = open(&server.url(), schema, Patience(5_000, 500));
    let event = json!({"type": "Written", "domain": "failover", "instance_id": "haunted", "data": {"key": "none"}});
    for options in [None, Some(r#"{"condition":{"fail_if_events_match":null}}"#)] {
        let answer = store.append_json(event.to_string(), options).map_err(|error| error.kind());
        let silent = matches!(answer, Err(ErrorKind::Indeterminate | ErrorKind::Io));
        assert!(silent, "a primary that was replaced answers: {answer:?}");
    }
}
