//! The checker finds what is planted: it is shown a sound history, and then the same with one thing wrong.

use crate::checker::{Wrong, check};
use crate::history::{Batch, Check, Evidence, History, Outcome, Seen, Sent, Stored};
use std::collections::BTreeMap;

/// A history that nobody borrows from.
struct Told {
    batches: Vec<Batch>,
    followers: Vec<Vec<Seen>>,
    log: Vec<Stored>,
    head: u64,
    tracking: BTreeMap<String, u64>,
}

impl Told {
    /// Nine events: two batches of two, an expectation, a seat, two positions of a source, and one that was never settled.
    fn sound() -> Told {
        let mut told =
            Told { batches: Vec::new(), followers: Vec::new(), log: Vec::new(), head: 0, tracking: BTreeMap::new() };
        told.store("a", &[1, 2], "ledger", Check::None);
        told.store("b", &[1, 2], "orders", Check::None);
        told.store("c", &[3], "ledger", Check::Version(2));
        told.store("d", &[3], "orders", Check::NoTag { tag: String::from("seat:1"), after: 4 });
        told.store("e", &[4], "orders", tracking(1));
        told.store("f", &[5], "orders", tracking(2));
        told.store("g", &[4], "ledger", Check::None);
        told.log[5].event.tags.push(String::from("seat:1"));
        told.batches[3].events[0].tags.push(String::from("seat:1"));
        told.batches[6].outcome = Outcome::Unknown;
        told.refuse("h", Check::Version(0), Evidence::Version(3));
        told.refuse("i", Check::NoTag { tag: String::from("seat:1"), after: 2 }, Evidence::Position(6));
        told.refuse("j", tracking(2), Evidence::Tracking(2));
        told.add("k", &[1], "ledger", Check::None, Outcome::Failed);
        told.tracking.insert(String::from("relay"), 2);
        let seen: Vec<Seen> = told.log.iter().map(|stored| (stored.position, stored.id.clone())).collect();
        told.followers = vec![seen.clone(), seen[..4].to_vec(), Vec::new()];
        told
    }

    fn store(&mut self, name: &str, versions: &[u64], stream: &str, check: Check) {
        let places: Vec<_> = (self.head + 1..).zip(versions.iter().copied()).collect();
        self.add(name, versions, stream, check, Outcome::Acknowledged(places));
        for event in self.batches.last().map(|batch| batch.events.clone()).unwrap_or_default() {
            let index = self.log.len() as u64 - self.head;
            let version = versions[index as usize];
            let position = self.log.len() as u64 + 1;
            self.log.push(Stored { position, version, id: format!("id-{}", event.key), event });
        }
        self.head = self.log.len() as u64;
    }

    fn refuse(&mut self, name: &str, check: Check, evidence: Evidence) {
        self.add(name, &[1], "ledger", check, Outcome::Refused(evidence));
    }

    fn add(&mut self, name: &str, versions: &[u64], stream: &str, check: Check, outcome: Outcome) {
        let event = |index| Sent { key: format!("{name}-{index}"), stream: String::from(stream), tags: Vec::new() };
        let events: Vec<Sent> = (0..versions.len()).map(event).collect();
        let ids = Some(events.iter().map(|event| format!("id-{}", event.key)).collect());
        self.batches.push(Batch { events, ids, check, outcome, settled: false });
    }

    /// Takes an event out, and lets those behind it move up where `closing`.
    fn remove(&mut self, index: usize, closing: bool) {
        let gone = self.log.remove(index);
        self.followers.clear();
        if closing {
            self.head -= 1;
            for stored in &mut self.log[index..] {
                stored.position -= 1;
                stored.version -= u64::from(stored.event.stream == gone.event.stream);
            }
        }
    }

    fn found(&self) -> Vec<Wrong> {
        let mut found: Vec<Wrong> = check(&History {
            batches: self.batches.iter().collect(),
            followers: self.followers.iter().map(Vec::as_slice).collect(),
            log: &self.log,
            head: self.head,
            tracking: &self.tracking,
        })
        .into_iter()
        .map(|violation| violation.wrong)
        .collect();
        found.sort();
        found.dedup();
        found
    }
}

fn tracking(position: u64) -> Check {
    Check::Tracking { source: String::from("relay"), position }
}

/// What the checker finds in the sound history after `plant` was at it.
fn planted(plant: impl FnOnce(&mut Told)) -> Vec<Wrong> {
    let mut told = Told::sound();
    plant(&mut told);
    told.found()
}

#[test]
fn a_sound_history_is_sound() {
    assert_eq!(planted(|_| ()), []);
    // What was never settled may be there or not.
    assert_eq!(planted(|told| told.remove(8, true)), []);
}

#[test]
fn a_loss_is_found() {
    // The last one is simply not there; nothing else shows it.
    assert_eq!(
        planted(|told| {
            told.batches[6].outcome = Outcome::Acknowledged(vec![(9, 4)]);
            told.remove(8, true)
        }),
        [Wrong::Lost]
    );
    let half = planted(|told| told.remove(1, true));
    assert!(half.contains(&Wrong::Lost) && half.contains(&Wrong::Torn), "{half:?}");
    // Nor is a batch lost quietly that nobody was sure of, in part.
    assert!(
        planted(|told| {
            told.batches[0].outcome = Outcome::Unknown;
            told.remove(1, true)
        })
        .contains(&Wrong::Torn)
    );
}

#[test]
fn a_double_is_found() {
    let again = |told: &mut Told, id: &str| {
        let event = told.log[8].event.clone();
        told.log.push(Stored { position: 10, version: 5, id: String::from(id), event });
        told.head = 10;
    };
    assert_eq!(planted(|told| again(told, "another")), [Wrong::Doubled]);
    assert_eq!(planted(|told| again(told, "id-g-0")), [Wrong::Doubled]);
}

#[test]
fn a_gap_is_found() {
    let behind = planted(|told| told.head = 10);
    assert_eq!(behind, [Wrong::Gap]);
    let position = planted(|told| told.remove(8, false));
    assert_eq!(position, [Wrong::Gap]);
    let version = planted(|told| {
        told.log[8].version = 5;
        told.batches[6].outcome = Outcome::Acknowledged(vec![(9, 5)]);
    });
    assert_eq!(version, [Wrong::Gap]);
}

#[test]
fn another_order_is_found() {
    assert!(planted(|told| told.log.swap(0, 1)).contains(&Wrong::Order));
    // In the log's own order all is well, but it is not the order that was acknowledged.
    let exchanged = planted(|told| {
        let (one, other) = (told.log[6].event.clone(), told.log[7].event.clone());
        (told.log[6].event, told.log[7].event) = (other, one);
    });
    assert!(exchanged.contains(&Wrong::Changed) && exchanged.contains(&Wrong::Tracking), "{exchanged:?}");
    let between = planted(|told| {
        let (one, other) = (told.log[1].event.clone(), told.log[2].event.clone());
        (told.log[1].event, told.log[2].event) = (other, one);
    });
    assert!(between.contains(&Wrong::Torn), "{between:?}");
}

#[test]
fn what_was_changed_is_found() {
    assert_eq!(planted(|told| told.log[4].id = String::from("another")), [Wrong::Changed, Wrong::Follower]);
    assert_eq!(planted(|told| told.log[4].event.tags.push(String::from("red"))), [Wrong::Changed]);
    let elsewhere = planted(|told| told.batches[2].outcome = Outcome::Acknowledged(vec![(6, 3)]));
    assert_eq!(elsewhere, [Wrong::Changed]);
}

#[test]
fn what_was_said_not_to_be_stored_is_found() {
    assert_eq!(planted(|told| told.batches[6].outcome = Outcome::Failed), [Wrong::Phantom]);
    let refused = planted(|told| {
        told.batches[4].outcome = Outcome::Refused(Evidence::Tracking(2));
    });
    assert_eq!(refused, [Wrong::Phantom]);
    assert!(planted(|told| told.log[8].event.key = String::from("z-0")).contains(&Wrong::Phantom));
}

#[test]
fn a_follower_that_sees_something_else_is_found() {
    let skipped = planted(|told| drop(told.followers[1].remove(1)));
    assert_eq!(skipped, [Wrong::Follower]);
    let twice = planted(|told| {
        let last = told.followers[1][3].clone();
        told.followers[1].push(last);
    });
    assert_eq!(twice, [Wrong::Follower]);
    let swapped = planted(|told| told.followers[0].swap(2, 3));
    assert_eq!(swapped, [Wrong::Follower]);
    let too_much = planted(|told| told.followers[0].push((10, String::from("id-z-0"))));
    assert_eq!(too_much, [Wrong::Follower]);
}

#[test]
fn a_check_that_does_not_hold_is_found() {
    assert_eq!(planted(|told| told.batches[2].check = Check::Version(1)), [Wrong::Check]);
    let taken = planted(|told| {
        told.log[4].event.tags.push(String::from("seat:1"));
        told.batches[2].events[0].tags.push(String::from("seat:1"));
    });
    assert_eq!(taken, [Wrong::Check]);
    // It was there when the position was read, so the condition says nothing of it, but the seat is taken twice.
    let twice = planted(|told| {
        told.log[0].event.tags.push(String::from("seat:1"));
        told.batches[0].events[0].tags.push(String::from("seat:1"));
    });
    assert_eq!(twice, [Wrong::Check]);
}

#[test]
fn a_refusal_for_nothing_is_found() {
    for evidence in [Evidence::Version(4 + 1), Evidence::Version(0), Evidence::Position(1)] {
        let found = planted(|told| told.batches[7].outcome = Outcome::Refused(evidence));
        assert_eq!(found, [Wrong::Evidence]);
    }
    for position in [1, 5, 10] {
        let found = planted(|told| told.batches[8].outcome = Outcome::Refused(Evidence::Position(position)));
        assert_eq!(found, [Wrong::Evidence]);
    }
    for recorded in [1, 3] {
        let found = planted(|told| told.batches[9].outcome = Outcome::Refused(Evidence::Tracking(recorded)));
        assert_eq!(found, [Wrong::Evidence]);
    }
}

#[test]
fn tracking_that_goes_back_or_astray_is_found() {
    assert_eq!(planted(|told| told.batches[5].check = tracking(1)), [Wrong::Tracking]);
    let further = planted(|told| told.tracking.extend([(String::from("relay"), 3)]));
    assert_eq!(further, [Wrong::Tracking]);
}

#[test]
fn an_odd_answer_is_found() {
    assert_eq!(planted(|told| told.batches[10].outcome = Outcome::Odd(String::from("duplicate_id"))), [Wrong::Odd]);
}
