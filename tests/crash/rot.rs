//! Damage to what was durable: bits that flip, sectors that come back empty, old or from elsewhere.
//!
//! One place at a time, in a store at rest. The answer is an error or right, whatever the place.

use crate::campaign::closed;
use crate::check::{lines, tracking};
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::disk::{Disk, Recording};
use crate::platter::{Content, Inode, SECTOR, State};
use crate::process::Process;
use crate::promise::{Expect, Outcome, broken};
use crate::workload::Life;
use runestore::simulation::{Bug, open};
use runestore::{ErrorKind, Store};
use std::sync::Arc;

/// How many damages one store at rest is given.
const DAMAGES: usize = 4;

/// Closes the store and damages it in some places, one after the other.
pub fn campaign(
    life: &mut Life,
    past: &Recording,
    bug: Option<Bug>,
    dice: &mut Dice,
    coverage: &mut Coverage,
) -> Outcome {
    let (state, expect) = closed(life)?;
    for _ in 0..DAMAGES {
        let names: Vec<Arc<str>> = state.names.keys().cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        let dice = &mut dice.fork();
        let name = dice.pick(&names).clone();
        let Some((damaged, class)) = damage(&state, &name, past, dice) else { continue };
        coverage.states += 1;
        coverage.count(class, 1);
        coverage.count("rot: index file", name.ends_with(".idx").into());
        let found = look(&damaged, &expect, bug, dice).map_err(|found| found.at(format_args!("{class} in {name}")))?;
        coverage.count("rot: found", found.into());
    }
    Ok(())
}

/// The state with one place of a file damaged; `None` where there is nothing to damage.
fn damage(state: &State, name: &str, past: &Recording, dice: &mut Dice) -> Option<(State, &'static str)> {
    let content = state.inode(name)?.seen.clone();
    if content.len() == 0 {
        return None;
    }
    // Mostly where something is written.
    let at =
        (0..8).map(|_| dice.roll() % content.len()).find(|at| content.sector(at / SECTOR as u64) != [0; SECTOR])?;
    let sector = at / SECTOR as u64;
    let mut new = content.clone();
    let class = match dice.below(3) {
        0 => {
            let mut byte = [0];
            content.read(&mut byte, at);
            new.write(&[byte[0] ^ 1 << dice.below(8)], at);
            "rot: bit flipped"
        }
        1 => {
            new.put_sector(sector, &[0; SECTOR]);
            "rot: sector zeroed"
        }
        _ => {
            let older = past.state(past.moment(dice.below(past.moments())));
            let stale = match older.inode(name) {
                Some(inode) if dice.one_in(2) => inode.seen.sector(sector),
                _ => content.sector(dice.roll() % content.len() / SECTOR as u64),
            };
            new.put_sector(sector, &stale);
            "rot: sector stale"
        }
    };
    (new.to_vec() != content.to_vec()).then(|| (with_content(state, name, new), class))
}

/// The state with another content of a file.
pub fn with_content(state: &State, name: &str, content: Content) -> State {
    let mut state = state.clone();
    let number = state.names[name];
    state.inodes.insert(number, Arc::new(Inode::settled(content)));
    state
}

/// Opens a damaged store in every way; whether the damage was found. What is answered must be right.
pub fn look(state: &State, expect: &Expect, bug: Option<Bug>, dice: &mut Dice) -> Outcome<bool> {
    let mut found = false;
    for options in [r#"{"read_only":true}"#, r#"{"segment_bytes":65536}"#] {
        let disk = Disk::with(state.clone(), dice.roll());
        let process = Process::on(&disk);
        let outcome = open(process.directory(), options, bug);
        match outcome {
            Err(error) => {
                is_corrupt("opening", &error)?;
                found = true;
            }
            Ok((store, _)) => found |= answers(&store, expect)?,
        }
        process.kill();
    }
    Ok(found)
}

/// Reads all of it, and beginnings of it.
fn answers(store: &Store, expect: &Expect) -> Outcome<bool> {
    let mut found = false;
    match lines(store).and_then(|lines| Ok((lines, tracking(store)?))) {
        Ok((lines, tracking)) => {
            expect.compare(&lines, &tracking)?;
        }
        Err(error) => {
            is_corrupt("reading", &error)?;
            found = true;
        }
    }
    let head = crate::promise::head(&expect.log);
    let whole: Vec<&str> =
        expect.log.iter().flat_map(|stored| (0..stored.events.len()).map(|at| stored.line(at))).collect();
    let mut readable = true;
    for up_to in [head / 4, head / 2, head - head / 4, head] {
        let query = format!(r#"{{"up_to":{up_to}}}"#);
        let mut answer = Vec::new();
        match store.get_events_into(Some(query.as_bytes()), Some(br#"{"format":"ndjson"}"#), &mut answer) {
            Ok(()) if answer != whole[..up_to as usize].concat().as_bytes() => {
                return broken("damage returned as data", format!("up to {up_to}: {}", crate::promise::shown(&answer)));
            }
            Ok(()) if !readable => return broken("damage", "less cannot be read, and more can"),
            Ok(()) => {}
            Err(error) => {
                is_corrupt("reading a beginning", &error)?;
                readable = false;
                found = true;
            }
        }
    }
    match store.verify() {
        Ok(report) if report.get("ok") == Some(&true.into()) && found => {
            return broken("verify", "it says that all is well, and reading does not");
        }
        Ok(report) => found |= report.get("ok") != Some(&true.into()),
        Err(error) => is_corrupt("verify", &error)?,
    }
    Ok(found)
}

fn is_corrupt(what: &str, error: &runestore::Error) -> Outcome {
    if error.kind() == ErrorKind::Corrupt {
        return Ok(());
    }
    broken("damage", format!("{what}: it is to be `corrupt`, and is {error:?}"))
}
