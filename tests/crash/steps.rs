//! What a program does to its store, at random.

use crate::dice::Dice;
use crate::disk::{Failure, Kind, Which};
use crate::events::{Batch, SOURCES, Shape};
use crate::promise::{Outcome, head, positions, versions};
use crate::workload::{Life, Mode, SEGMENT_BYTES_MIN, Wanted};
use runestore::ErrorKind;
use std::sync::Arc;

/// Opens a store some times and uses it. It is left open at the end, or closed.
pub fn long_life(life: &mut Life) -> Outcome {
    life.segment_bytes = if life.dice.one_in(4) { 4 * SEGMENT_BYTES_MIN } else { SEGMENT_BYTES_MIN };
    let sessions = life.dice.between(1, 3);
    for _ in 0..sessions {
        if life.dice.one_in(6) {
            let number = life.disk.calls() + life.dice.between(1, 40) as u64;
            life.disk.plan(Which::Call(number), Failure::Eio);
        }
        let mode = Mode::any(&mut life.dice);
        life.open_at_last(mode)?;
        life.settle_unknown()?;
        let steps = life.dice.between(4, 22);
        for _ in 0..steps {
            if life.dice.one_in(14) {
                plan_failure(life);
            }
            step(life)?;
            if life.poisoned() {
                stay_poisoned(life)?;
                break;
            }
        }
        life.disk.heal();
        match life.dice.below(3) {
            0 => life.close()?,
            1 => life.kill(),
            _ => {}
        }
        if life.open.is_some() {
            life.read()?;
            if life.poisoned() || life.dice.one_in(2) {
                life.kill();
            } else {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The disk fails soon, in one of the ways that disks have.
fn plan_failure(life: &mut Life) {
    let (kind, failure, within) = *life.dice.pick(&[
        (Kind::Write, Failure::Eio, 4),
        (Kind::Write, Failure::Enospc, 4),
        (Kind::Write, Failure::Short, 3),
        (Kind::Write, Failure::Short, 3),
        (Kind::Write, Failure::Eintr, 3),
        (Kind::Write, Failure::Eintr, 3),
        (Kind::Sync, Failure::Eio, 4),
        (Kind::Sync, Failure::Eio, 4),
        (Kind::Sync, Failure::Enospc, 3),
        (Kind::Sync, Failure::Eintr, 3),
        (Kind::Allocate, Failure::Enospc, 2),
        (Kind::Allocate, Failure::Eio, 2),
        (Kind::SetLen, Failure::Eio, 1),
        (Kind::SyncNames, Failure::Eio, 1),
        (Kind::Rename, Failure::Eio, 1),
        (Kind::Create, Failure::Enospc, 1),
        (Kind::Read, Failure::Short, 3),
        (Kind::Read, Failure::Eintr, 3),
        (Kind::Read, Failure::Eio, 3),
    ]);
    let nth = life.dice.between(1, within);
    life.disk.plan(Which::Nth(kind, nth as u64), failure);
}

fn step(life: &mut Life) -> Outcome {
    match life.dice.below(40) {
        0..=11 => fresh(life, 1, 300),
        12..=15 => {
            let events = life.dice.between(2, 12);
            fresh(life, events, 200)
        }
        16..=20 => fresh(life, 1, 9_000),
        21 => fresh(life, 6, 14_000),
        22 => fresh(life, 400, 10),
        23..=25 => track(life),
        26 | 27 => expecting(life),
        28..=30 => refused(life),
        31 | 32 => retry(life),
        33 => duplicate(life),
        34 => full_disk(life),
        35 => life.look_closely(2),
        36 | 37 => life.read_elsewhere(),
        _ => life.read(),
    }
}

fn fresh(life: &mut Life, events: usize, data_bytes: usize) -> Outcome {
    let given = !life.dice.one_in(4);
    let one_stream = life.dice.one_in(2);
    let mut batch = life.new_batch(Shape { events, data_bytes, given, one_stream });
    if life.dice.one_in(6) {
        batch = with_next_position(life, batch);
    }
    life.append_with(&Arc::new(batch), "", Wanted::Stored)
}

fn with_next_position(life: &mut Life, batch: Batch) -> Batch {
    let source = life.dice.below(SOURCES.len());
    let position = positions(&life.log)[source] + life.dice.between(1, 1000) as u64;
    batch.with_tracking(SOURCES[source], position)
}

fn track(life: &mut Life) -> Outcome {
    let batch = life.new_batch(Shape { events: 0, data_bytes: 0, given: true, one_stream: true });
    let batch = with_next_position(life, batch);
    life.append_with(&Arc::new(batch), "", Wanted::Stored)
}

fn one_of_a_stream(life: &mut Life) -> (Arc<Batch>, u64) {
    let batch = life.new_batch(Shape { events: 2, data_bytes: 80, given: true, one_stream: true });
    let stream = (batch.events[0].domain.clone(), batch.events[0].instance_id.clone());
    let version = versions(&life.log).get(&stream).copied().unwrap_or(0);
    (Arc::new(batch), version)
}

/// An append whose checks hold.
fn expecting(life: &mut Life) -> Outcome {
    let (batch, version) = one_of_a_stream(life);
    let head = head(&life.log);
    let options = match life.dice.below(3) {
        0 => format!(r#""expected_version":{version}"#),
        1 => format!(r#""condition":{{"fail_if_events_match":{{"domain":"account"}},"after":{head}}}"#),
        _ => {
            let event = &batch.events[0];
            let (domain, instance) = (&event.domain, &event.instance_id);
            format!(r#""expect":[{{"domain":"{domain}","instance_id":"{instance}","version":{version}}}]"#)
        }
    };
    life.append_with(&batch, &options, Wanted::Stored)
}

/// An append whose checks do not hold.
fn refused(life: &mut Life) -> Outcome {
    let (batch, version) = one_of_a_stream(life);
    let conflict = Wanted::Refused(ErrorKind::Conflict);
    match life.dice.below(3) {
        0 => life.append_with(&batch, &format!(r#""expected_version":{}"#, version + 1), conflict),
        1 if head(&life.log) > 0 => {
            let options = format!(r#""condition":{{"fail_if_events_match":{{}},"after":{}}}"#, head(&life.log) - 1);
            life.append_with(&batch, &options, conflict)
        }
        _ => {
            let source = life.dice.below(SOURCES.len());
            let position = positions(&life.log)[source];
            let batch = Batch { number: batch.number, events: batch.events.clone(), tracking: None };
            life.append_with(&Arc::new(batch.with_tracking(SOURCES[source], position)), "", conflict)
        }
    }
}

/// Where a batch stands that can be found again by its ids.
fn known(life: &mut Life) -> Option<usize> {
    let start = life.dice.below(life.log.len().max(1));
    (start..life.log.len()).find(|at| life.log[*at].len() > 0 && life.log[*at].batch.given())
}

fn retry(life: &mut Life) -> Outcome {
    let Some(index) = known(life) else { return fresh(life, 1, 100) };
    let Batch { number, events, .. } = &*life.log[index].batch;
    let mut batch = Batch { number: *number, events: events.clone(), tracking: None };
    if life.dice.one_in(3) {
        batch = with_next_position(life, batch);
    }
    life.append_with(&Arc::new(batch), "", Wanted::Known(index))
}

fn duplicate(life: &mut Life) -> Outcome {
    let Some(index) = known(life) else { return fresh(life, 1, 100) };
    let id = life.log[index].events[0].id.clone();
    let mut batch = life.new_batch(Shape { events: 2, data_bytes: 50, given: true, one_stream: false });
    batch.events[1].id = Some(id);
    life.append_with(&Arc::new(batch), "", Wanted::Refused(ErrorKind::DuplicateId))
}

/// The disk is full for a while. What does not fit is refused, and all is well when there is room.
pub fn full_disk(life: &mut Life) -> Outcome {
    life.disk.heal();
    let room = life.dice.below(60_000) as u64;
    life.disk.set_room(Some(room));
    for _ in 0..life.dice.between(2, 6) {
        let bytes = *life.dice.pick(&[100, 3_000, 12_000, 70_000]);
        let batch = Arc::new(life.sized(bytes));
        life.append_with(&batch, "", Wanted::Stored)?;
        if life.poisoned() {
            life.disk.set_room(None);
            return Ok(());
        }
        if life.dice.one_in(3) {
            life.read()?;
        }
    }
    life.disk.set_room(None);
    life.read()?;
    let batch = life.sized(500);
    life.append(batch).map(|_| ())
}

/// After a failed sync: no append is taken, and what was published is still read.
pub fn stay_poisoned(life: &mut Life) -> Outcome {
    life.disk.heal();
    life.read()?;
    let batch = Arc::new(life.small());
    life.append_with(&batch, "", Wanted::Stored)?;
    life.read()
}

/// What is done to a store that has just come through a crash: everything is looked at, and it goes on.
pub fn short_life(life: &mut Life, dice: &mut Dice) -> Outcome {
    life.open_at_last(Mode::any(dice))?;
    if dice.one_in(2) {
        life.look_closely(2)?;
    }
    life.settle_unknown()?;
    for _ in 0..dice.between(1, 2) {
        step(life)?;
    }
    if life.poisoned() {
        return stay_poisoned(life);
    }
    match dice.below(4) {
        0 => life.close()?,
        1 => life.kill(),
        _ => return Ok(()),
    }
    life.disk.heal();
    life.open_at_last(Mode::any(dice))?;
    let batch = life.small();
    life.append(batch)?;
    life.read()
}
