//! The disk itself: one that loses nothing would prove nothing.

use crate::dice::Dice;
use crate::disk::{Disk, Failure, Kind, Which};
use crate::outage::{Losses, Mood, outage, outage_in};
use crate::platter::State;
use crate::process::Process;
use runestore::simulation::{Access, Directory, File};
use std::collections::BTreeSet;
use std::sync::Arc;

fn machine() -> (Disk, Process, Arc<dyn Directory>) {
    let disk = Disk::empty(1);
    let process = Process::on(&disk);
    let directory = process.directory();
    (disk, process, directory)
}

fn created(directory: &Arc<dyn Directory>, name: &str) -> Arc<dyn File> {
    directory.open(name, Access::Create).expect("the name is free")
}

fn content(state: &State, name: &str) -> Option<Vec<u8>> {
    state.inode(name).map(|inode| inode.seen.to_vec())
}

/// All different states of a file that outages leave, as texts in which a letter stands for 512 bytes of it.
fn outcomes(state: &State, name: &str) -> BTreeSet<String> {
    let letters = |bytes: Vec<u8>| -> String {
        let letter = |sector: &[u8]| {
            assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
            if sector[0] == 0 { '.' } else { sector[0] as char }
        };
        bytes.chunks(512).map(letter).collect()
    };
    (0..2000)
        .map(|seed| {
            let (left, _) = outage(state, &mut Dice::new(seed, 9));
            content(&left, name).map_or(String::from("gone"), letters)
        })
        .collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| String::from(*text)).collect()
}

/// A file of two sectors that is on the disk whole.
fn durable(directory: &Arc<dyn Directory>) -> Arc<dyn File> {
    let file = created(directory, "f");
    file.write_at(&[b'a'; 1024], 0).expect("the disk is well");
    file.sync().expect("the disk is well");
    directory.sync().expect("the disk is well");
    file
}

#[test]
fn what_was_synced_stays_and_what_was_not_may_be_lost_in_any_sector() {
    let (disk, _, directory) = machine();
    let file = durable(&directory);
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa"]));
    file.write_at(&[b'b'; 1024], 0).expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "ab", "ba", "bb"]));
    file.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["bb"]));
}

#[test]
fn a_later_write_may_be_kept_and_an_earlier_one_lost() {
    let (disk, _, directory) = machine();
    let file = durable(&directory);
    file.write_at(&[b'b'; 512], 0).expect("the disk is well");
    file.write_at(&[b'c'; 512], 512).expect("the disk is well");
    file.write_at(&[b'd'; 512], 0).expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "ac", "ba", "bc", "da", "dc"]));
}

#[test]
fn a_length_is_lost_apart_from_what_lies_in_it() {
    let (disk, _, directory) = machine();
    let file = durable(&directory);
    file.write_at(&[b'b'; 512], 1024).expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "aa.", "aab"]));
    file.set_len(512).expect("the disk is well");
    let left = outcomes(&disk.state(), "f");
    assert!(left.is_superset(&set(&["a", "aa", "aab", "a.", "aa."])), "{left:?}");
    file.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["a"]));
}

#[test]
fn a_name_that_was_not_synced_may_vanish_with_all_that_was() {
    let (disk, _, directory) = machine();
    let file = created(&directory, "f");
    file.write_at(&[b'a'; 512], 0).expect("the disk is well");
    file.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["a", "gone"]));
    directory.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["a"]));
}

#[test]
fn a_rename_leaves_the_old_file_or_the_new_one_and_says_nothing_of_content() {
    let (disk, _, directory) = machine();
    durable(&directory);
    let new = created(&directory, "new");
    new.write_at(&[b'n'; 512], 0).expect("the disk is well");
    directory.rename("new", "f").expect("there is such a file");
    assert_eq!(content(&disk.state(), "new"), None);
    // The old file; the new one, as it is, and without what was not synced.
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "n", ".", ""]));
    new.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "n"]));
    directory.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["n"]));
    assert_eq!(outcomes(&disk.state(), "new"), set(&["gone"]));
}

#[test]
fn a_removed_file_may_come_back() {
    let (disk, _, directory) = machine();
    durable(&directory);
    directory.remove("f").expect("there is such a file");
    assert!(directory.open("f", Access::Read).is_err());
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "gone"]));
    directory.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["gone"]));
}

#[test]
fn after_a_failed_sync_the_next_one_returns_well_and_writes_nothing() {
    let (disk, _, directory) = machine();
    let file = durable(&directory);
    file.write_at(&[b'b'; 1024], 0).expect("the disk is well");
    disk.plan(Which::Nth(Kind::Sync, 1), Failure::Eio);
    assert_eq!(file.sync().expect_err("it was planned").raw_os_error(), Some(5));
    assert_eq!(content(&disk.state(), "f"), Some(vec![b'b'; 1024]), "it stays readable");
    file.sync().expect("it has nothing to do");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["aa", "ab", "ba", "bb"]));
    // What is written anew, be it the same, is synced.
    file.write_at(&[b'b'; 512], 0).expect("the disk is well");
    file.sync().expect("the disk is well");
    assert_eq!(outcomes(&disk.state(), "f"), set(&["ba", "bb"]));
}

#[test]
fn a_killed_process_loses_its_lock_and_nothing_else() {
    let (disk, process, directory) = machine();
    let file = created(&directory, "f");
    file.write_at(&[b'a'; 512], 0).expect("the disk is well");
    let lock = directory.lock().expect("the disk is well").expect("nobody has it");
    let other = Process::on(&disk).directory();
    assert!(other.lock().expect("the disk is well").is_none());
    assert!(other.is_locked().expect("the disk is well"));
    let boot = other.boot().expect("the disk is well");
    process.kill();
    assert!(file.read_at(&mut [0], 0).is_err() && directory.names().is_err(), "it makes no call any more");
    let second = other.lock().expect("the disk is well").expect("nobody has it");
    drop(lock);
    assert!(other.is_locked().expect("the disk is well"), "what is dropped late takes nothing away");
    drop(second);
    assert!(!other.is_locked().expect("the disk is well"));
    assert_eq!(other.boot().expect("the disk is well"), boot);
    let mut bytes = [0; 600];
    assert_eq!(
        other.open("f", Access::Read).expect("it is there").read_at(&mut bytes, 0).expect("the disk is well"),
        512
    );
    let (left, _) = outage(&disk.state(), &mut Dice::new(1, 1));
    let restarted = Process::on(&Disk::with(left, 1)).directory();
    assert_ne!(restarted.boot().expect("the disk is well"), boot);
}

#[test]
fn calls_fail_as_they_were_told_to() {
    let (disk, _, directory) = machine();
    let file = created(&directory, "f");
    disk.plan(Which::Nth(Kind::Write, 1), Failure::Short);
    disk.plan(Which::Nth(Kind::Write, 2), Failure::Eintr);
    let short = file.write_at(&[b'a'; 1000], 0).expect("a short write is no error");
    assert!((1..1000).contains(&short), "{short}");
    assert_eq!(file.len().expect("the disk is well"), short as u64);
    let interrupted = file.write_at(&[b'a'; 1000], 0).expect_err("it was planned");
    assert_eq!(interrupted.kind(), std::io::ErrorKind::Interrupted);
    assert_eq!(file.write_at(&[b'a'; 1000], 0).expect("the disk is well"), 1000);
    disk.set_room(Some(100));
    assert_eq!(file.allocate(1101).expect_err("there is no room").raw_os_error(), Some(28));
    file.allocate(1100).expect("there is room");
    assert_eq!(file.write_at(&[1; 8], 1098).expect_err("there is no room").raw_os_error(), Some(28));
    assert_eq!(file.write_at(&[1; 8], 1000).expect("there is room"), 8);
    disk.stop_at(disk.calls() + 2);
    assert_eq!(file.len().expect("the power is on"), 1100);
    assert!(file.len().is_err());
    assert!(directory.names().is_err());
}

#[test]
fn a_recording_has_the_state_after_each_call() {
    let (disk, _, directory) = machine();
    disk.record();
    let file = created(&directory, "f");
    file.write_at(b"one", 0).expect("the disk is well");
    file.len().expect("the disk is well");
    file.write_at(b"two", 0).expect("the disk is well");
    let recording = disk.recorded();
    let moments: Vec<u64> = (0..recording.moments()).map(|at| recording.moment(at)).collect();
    assert_eq!((moments, recording.changed()), (vec![0, 1, 3, 4], true));
    let texts: Vec<Option<Vec<u8>>> = (0..=4).map(|call| content(recording.state(call), "f")).collect();
    let text = |text: &str| Some(text.as_bytes().to_vec());
    assert_eq!(texts, [None, text(""), text("one"), text("one"), text("two")]);
}

#[test]
fn outages_tell_what_they_did() {
    let (disk, _, directory) = machine();
    let file = durable(&directory);
    let losses = |state: &State, mood| outage_in(state, mood, mood, mood, &mut Dice::new(3, 3)).1;
    assert_eq!(losses(&disk.state(), Mood::None), Losses::default());
    file.write_at(&[b'b'; 1024], 0).expect("the disk is well");
    file.write_at(&[b'c'; 512], 1024).expect("the disk is well");
    let unsure = Losses { unsure: true, ..Losses::default() };
    assert_eq!(losses(&disk.state(), Mood::All), unsure);
    assert_eq!(losses(&disk.state(), Mood::None), Losses { dropped: true, length: true, ..unsure });
    let kept_last = (0..50).any(|seed| {
        let moods = (Mood::Suffix, Mood::All, Mood::All);
        let (_, losses) = outage_in(&disk.state(), moods.0, moods.1, moods.2, &mut Dice::new(seed, 3));
        losses.torn && losses.reordered
    });
    assert!(kept_last, "the end of the first write and all of the second");
}
