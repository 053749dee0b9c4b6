//! What is found on the disk is believed as far as it proves itself, and no further.

use crate::anatomy::{content, frame_with, frames, log_alone, newest_log, oldest_log};
use crate::campaign::{closed, survives};
use crate::check::queries;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::events::Batch;
use crate::outage::outage;
use crate::platter::State;
use crate::promise::{Expect, Outcome, broken};
use crate::rot::{look, with_content};
use crate::workload::{Life, Mode};
use runestore::simulation::Bug;
use std::sync::Arc;

/// A store that was closed, with some events in it, and the batches.
fn history(seed: u64, bug: Option<Bug>) -> Outcome<(Life, Vec<Arc<Batch>>, State, Expect)> {
    let mut life = Life::fresh(seed, bug);
    life.open_at_last(Mode::Always)?;
    let mut batches = Vec::new();
    for _ in 0..6 {
        let batch = life.sized(700);
        batches.push(life.append(batch)?);
    }
    let (state, expect) = closed(&mut life)?;
    Ok((life, batches, state, expect))
}

/// Flips one bit of the newest segment.
fn flipped(state: &State, at: usize, bit: usize) -> State {
    let name = newest_log(state);
    let mut content = content(state, &name);
    let mut byte = [0];
    content.read(&mut byte, at as u64);
    content.write(&[byte[0] ^ 1 << bit], at as u64);
    with_content(state, &name, content)
}

pub fn a_flipped_bit_is_never_returned_as_data(seed: u64, bug: Option<Bug>) -> Outcome {
    let (_, batches, state, expect) = history(seed, bug)?;
    let mut dice = Dice::new(seed, 31);
    let bytes = content(&state, &newest_log(&state)).to_vec();
    let batch = dice.pick(&batches);
    let Some(frame) = frame_with(&bytes, &batch.events[0].data) else {
        return broken("no frame", "an event's text does not stand in the log as it is read");
    };
    // Somewhere in the text, which is the end of the frame.
    let at = frame.end - 8 - dice.below(600);
    let damaged = flipped(&state, at, dice.below(8));
    if !look(&damaged, &expect, bug, &mut dice)? || !look(&log_alone(&damaged), &expect, bug, &mut dice)? {
        return broken("damage overlooked", "a bit of an event was flipped, and nothing found it");
    }
    Ok(())
}

pub fn a_frame_whose_header_is_damaged_is_found(seed: u64, bug: Option<Bug>) -> Outcome {
    let (_, batches, state, expect) = history(seed, bug)?;
    let mut dice = Dice::new(seed, 32);
    let bytes = content(&state, &newest_log(&state)).to_vec();
    for batch in &batches[..5] {
        let Some(frame) = frame_with(&bytes, &batch.events[0].data) else {
            return broken("no frame", "an event's text does not stand in the log as it is read");
        };
        let damaged = flipped(&state, frame.start + dice.below(80), dice.below(8));
        for damaged in [log_alone(&damaged), damaged] {
            if !look(&damaged, &expect, bug, &mut dice)? {
                return broken("damage overlooked", "a bit of a frame's header was flipped, and nothing found it");
            }
        }
    }
    Ok(())
}

/// Two histories of one store, which differ in one batch; and that batch of each.
fn two_histories(seed: u64, bug: Option<Bug>) -> Outcome<[(State, Expect, Arc<Batch>); 2]> {
    let (_, _, state, expect) = history(seed, bug)?;
    let fork = |salt: u64| -> Outcome<(State, Expect, Arc<Batch>)> {
        let disk = Disk::with(state.clone(), seed);
        let mut life = Life::new(disk, expect.clone().after_outage(), bug, Dice::new(seed, 33));
        life.open_at_last(Mode::Always)?;
        let mut batch = life.sized(700);
        // Of the same length, and another event nevertheless.
        let event = &mut batch.events[0];
        event.event_type = String::from(["Opened", "Closed"][salt as usize]);
        event.id = Some(format!("aaaaaaaa-0000-4000-8000-{:012}", salt + 1));
        event.tags = vec![String::from(["red", "y:1"][salt as usize])];
        let batch = life.append(batch)?;
        // Enough for a segment to be sealed, and its index written.
        for bytes in [700, 700, 700, 25_000, 25_000, 25_000] {
            let next = life.sized(bytes);
            life.append(next)?;
        }
        life.close()?;
        let mut state = life.disk.state();
        state.settle();
        Ok((state, life.now(), batch))
    };
    Ok([fork(0)?, fork(1)?])
}

pub fn a_frame_of_another_history_is_not_taken(seed: u64, bug: Option<Bug>) -> Outcome {
    let [(state, expect, batch), (other, _, foreign)] = two_histories(seed, bug)?;
    let name = oldest_log(&state);
    let mut mixed = content(&state, &name);
    let theirs = content(&other, &name).to_vec();
    let ours = mixed.to_vec();
    let text = |batch: &Batch| batch.events[0].id.clone().expect("it is given");
    let (Some(from), Some(to)) = (frame_with(&theirs, &text(&foreign)), frame_with(&ours, &text(&batch))) else {
        return broken("no frame", "an event's text does not stand in the log as it is read");
    };
    if from != to {
        return broken("no frame", format!("the same appends, and their frames are {from:?} and {to:?}"));
    }
    mixed.write(&theirs[from], to.start as u64);
    let mixed = with_content(&state, &name, mixed);
    let mut dice = Dice::new(seed, 34);
    if !look(&log_alone(&mixed), &expect, bug, &mut dice)? || !look(&mixed, &expect, bug, &mut dice)? {
        return broken("damage overlooked", "a frame was replaced by one of another history, and nothing found it");
    }
    Ok(())
}

pub fn each_writer_has_an_epoch_of_its_own(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = Life::fresh(seed, bug);
    let mut dice = Dice::new(seed, 35);
    // Every opening compares its epoch with those before, whatever became of them.
    for round in 0..4 {
        life.open_at_last(Mode::Always)?;
        let batch = life.small();
        life.append(batch)?;
        match round % 2 {
            0 => life.kill(),
            _ => life.close()?,
        }
        let (left, _) = outage(&life.disk.state(), &mut dice);
        life = survives(left, life.now(), bug, &mut dice)?;
        life.kill();
    }
    Ok(())
}

/// A store whose program was killed, long ago, with a flipped bit in an event that is not the last.
fn damaged_in_the_middle(seed: u64, bug: Option<Bug>) -> Outcome<(State, Expect)> {
    let mut life = Life::fresh(seed, bug);
    life.open_at_last(Mode::Always)?;
    let mut batches = Vec::new();
    for _ in 0..5 {
        let batch = life.sized(700);
        batches.push(life.append(batch)?);
    }
    life.kill();
    let mut state = life.disk.state();
    state.settle();
    let mut dice = Dice::new(seed, 36);
    let batch = &batches[dice.below(3)];
    let bytes = content(&state, &newest_log(&state)).to_vec();
    let Some(frame) = frame_with(&bytes, &batch.events[0].data) else {
        return broken("no frame", "an event's text does not stand in the log as it is read");
    };
    Ok((flipped(&state, frame.end - 8 - dice.below(300), dice.below(8)), life.now()))
}

pub fn a_log_that_ends_too_early_is_corrupt(seed: u64, bug: Option<Bug>) -> Outcome {
    let (damaged, expect) = damaged_in_the_middle(seed, bug)?;
    let mut dice = Dice::new(seed, 37);
    if !look(&damaged, &expect, bug, &mut dice)? {
        return broken("damage overlooked", "acknowledged events are damaged, and nothing found it");
    }
    Ok(())
}

pub fn a_log_that_goes_on_behind_the_damage_is_corrupt(seed: u64, bug: Option<Bug>) -> Outcome {
    let (damaged, expect) = damaged_in_the_middle(seed, bug)?;
    // Nothing is left but the log to tell how long it was.
    let damaged = log_alone(&damaged);
    if frames(&content(&damaged, &newest_log(&damaged)).to_vec()).len() < 5 {
        return broken("no frame", "the log has fewer frames than appends");
    }
    let mut dice = Dice::new(seed, 38);
    if !look(&damaged, &expect, bug, &mut dice)? {
        return broken("damage overlooked", "acknowledged events are damaged, and nothing found it");
    }
    Ok(())
}

pub fn an_index_of_another_history_changes_no_answer(seed: u64, bug: Option<Bug>) -> Outcome {
    let [(state, expect, _), (other, ..)] = two_histories(seed, bug)?;
    let mut mixed = state.clone();
    let shared: Vec<Arc<str>> =
        state.names.keys().filter(|name| name.ends_with(".idx") && other.names.contains_key(*name)).cloned().collect();
    if shared.is_empty() {
        return broken("no index", "a segment was sealed, and has no index");
    }
    for name in shared {
        mixed = with_content(&mixed, &name, content(&other, &name));
    }
    let mut dice = Dice::new(seed, 39);
    let disk = Disk::with(mixed, seed);
    let mut life = Life::new(disk, expect.after_outage(), bug, Dice::new(seed, 40));
    life.open_at_last(Mode::Always)?;
    queries(life.store(), &life.log, 60, &mut dice)
}
