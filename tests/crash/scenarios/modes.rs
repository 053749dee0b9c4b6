//! What each way to sync promises, without a bug.

use crate::campaign::survives;
use crate::dice::Dice;
use crate::disk::{Disk, PATIENCE};
use crate::outage::{Mood, outage_in};
use crate::process::Process;
use crate::promise::{Expect, Outcome};
use crate::workload::{Life, Mode};
use runestore::ErrorKind;
use runestore::simulation::open;
use std::time::{Duration, Instant};

/// Nothing is kept that was not synced.
fn after_the_worst(life: &Life, expect: Expect) -> Outcome<Life> {
    let mut dice = Dice::new(1, 41);
    let (left, _) = outage_in(&life.disk.state(), Mood::None, Mood::None, Mood::None, &mut dice);
    survives(left, expect, None, &mut dice)
}

#[test]
fn a_clean_close_syncs_in_every_mode() {
    for mode in [Mode::Always, Mode::Interval, Mode::Never] {
        let told = || -> Outcome {
            let mut life = Life::fresh(1, None);
            life.open_at_last(mode)?;
            for bytes in [100, 3_000, 40_000, 40_000] {
                let batch = life.sized(bytes);
                life.append(batch)?;
            }
            life.close()?;
            assert_eq!(life.now().promised, 4);
            after_the_worst(&life, life.now()).map(|_| ())
        };
        told().unwrap_or_else(|violation| panic!("{mode:?}: {violation}"));
    }
}

#[test]
fn what_an_idle_program_appended_last_is_synced_when_its_interval_is_over() {
    let told = || -> Outcome {
        let disk = Disk::empty(1);
        let process = Process::on(&disk);
        let (store, _) = open(process.directory(), r#"{"sync":{"interval_ms":5}}"#, None).expect("the disk is well");
        store.append_json(r#"{"type":"T","domain":"d","instance_id":"i"}"#, None).expect("the disk is well");
        let begin = Instant::now();
        loop {
            let mut dice = Dice::new(1, 42);
            let (left, _) = outage_in(&disk.state(), Mood::None, Mood::None, Mood::None, &mut dice);
            let after = Process::on(&Disk::with(left, 1));
            let (left, _) = open(after.directory(), "{}", None).expect("a crash is no damage");
            if left.head().expect("it is open") == 1 {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "nothing is synced behind the program's back");
            std::thread::sleep(Duration::from_millis(1));
        }
        store.close().expect("the disk is well");
        Ok(())
    };
    told().unwrap_or_else(|violation| panic!("{violation}"));
}

/// The thread that syncs, and the program, end in whatever order they like.
#[test]
fn a_program_that_is_killed_takes_its_syncing_thread_along() {
    for seed in 0..200 {
        let disk = Disk::empty(seed);
        let process = Process::on(&disk);
        let (store, _) = open(process.directory(), r#"{"sync":{"interval_ms":1}}"#, None).expect("the disk is well");
        for _ in 0..seed % 5 {
            store.append_json(r#"{"type":"T","domain":"d","instance_id":"i"}"#, None).expect("the disk is well");
        }
        if seed % 3 == 0 {
            store.close().expect("the disk is well");
        }
        process.kill();
        drop(store);
        let next = Process::on(&disk);
        let (store, _) = open(next.directory(), "{}", None).expect("the lock is free");
        assert_eq!(store.head().expect("it is open"), seed % 5);
    }
}

#[test]
fn a_second_writer_is_told_at_once_that_the_store_is_locked() {
    let mut life = Life::fresh(1, None);
    life.open_at_last(Mode::Always).unwrap_or_else(|violation| panic!("{violation}"));
    let second = Process::on(&life.disk);
    let refused = open(second.directory(), "{}", None).err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::Locked));
    life.kill();
    open(second.directory(), "{}", None).expect("the lock is free");
}
