//! What a sync is for, and what its failure means.

use crate::campaign::{read_only, survives};
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::disk::{Failure, Kind, Which};
use crate::outage::{Mood, outage, outage_in};
use crate::promise::{Expect, Outcome, broken, positions};
use crate::steps::stay_poisoned;
use crate::task::{append_elsewhere, read_elsewhere};
use crate::workload::{Life, Mode};
use runestore::simulation::Bug;
use std::sync::Arc;
use std::time::Duration;

/// Long enough for a thread that does not wait to be done.
const A_MOMENT: Duration = Duration::from_millis(30);

/// A store with some events in it, open.
fn begun(seed: u64, bug: Option<Bug>) -> Outcome<Life> {
    let mut life = Life::fresh(seed, bug);
    life.open_at_last(Mode::Always)?;
    for _ in 0..3 {
        let batch = life.small();
        life.append(batch)?;
    }
    Ok(life)
}

pub fn what_is_acknowledged_outlives_a_power_cut(seed: u64, bug: Option<Bug>) -> Outcome {
    let life = begun(seed, bug)?;
    let mut dice = Dice::new(seed, 11);
    let (left, _) = outage_in(&life.disk.state(), Mood::None, Mood::None, Mood::None, &mut dice);
    survives(left, life.now(), bug, &mut dice)?;
    Ok(())
}

pub fn a_new_segments_name_outlives_a_power_cut(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    let mut dice = Dice::new(seed, 12);
    for _ in 0..6 {
        let batch = life.sized(30_000);
        life.append(batch)?;
        let names = if dice.one_in(2) { Mood::None } else { Mood::Mixed(4) };
        let (left, _) = outage_in(&life.disk.state(), Mood::All, Mood::All, names, &mut dice);
        survives(left, life.now(), bug, &mut dice)?;
    }
    Ok(())
}

pub fn nothing_is_read_while_the_disk_still_syncs(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    let gate = life.disk.hold(Kind::Sync);
    let batch = Arc::new(life.small());
    let append = append_elsewhere(life.store(), &batch);
    if !gate.arrived() {
        return broken("no sync", "an append was made, and nothing is synced");
    }
    std::thread::sleep(A_MOMENT);
    // Exactly what was acknowledged, and without waiting for the disk.
    let lines = read_elsewhere(life.store())?;
    Expect::exactly(life.log.clone(), 0, 0)
        .compare(&lines, &positions(&life.log))
        .or_else(|found| broken("read too early", found.to_string()))?;
    life.read_elsewhere()?;
    gate.open();
    let answer = append.ok()?;
    let calls = life.disk.calls();
    life.stored(&batch, &answer, calls, calls)?;
    life.read()?;
    life.read_elsewhere()
}

pub fn another_process_sees_nothing_that_a_power_cut_takes_back(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    let before = life.disk.calls();
    let batch = life.small();
    life.append(batch)?;
    let recording = life.disk.recorded();
    let mut dice = Dice::new(seed, 13);
    for number in (0..recording.moments()).map(|at| recording.moment(at)).filter(|number| *number >= before) {
        for _ in 0..4 {
            read_only(recording.state(number), life.at(number), bug, &mut dice, &mut Coverage::default())?;
        }
    }
    Ok(())
}

pub fn a_sync_that_failed_is_never_believed_again(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    let failure = [Failure::Eio, Failure::Enospc, Failure::Eintr][seed as usize % 3];
    life.disk.plan(Which::Nth(Kind::Sync, 1), failure);
    let batch = life.small();
    life.append(batch)?;
    if life.disk.failures() == 0 {
        return broken("no sync", "an append was made, and nothing was synced");
    }
    let mut dice = Dice::new(seed, 14);
    let (left, _) = outage_in(&life.disk.state(), Mood::None, Mood::None, Mood::None, &mut dice);
    survives(left, life.now(), bug, &mut dice)?;
    if life.poisoned() {
        return stay_poisoned(&mut life);
    }
    broken("failed sync", "the append was not answered with `indeterminate`")
}

pub fn after_a_failed_sync_nothing_is_appended(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    life.disk.plan(Which::Nth(Kind::Sync, 1), Failure::Eio);
    let batch = life.small();
    life.append(batch)?;
    stay_poisoned(&mut life)?;
    // What the handle does not know, the next one finds out.
    life.kill();
    life.open_at_last(Mode::Always)?;
    life.settle_unknown()?;
    life.read()
}

pub fn a_tail_from_the_cache_alone_is_made_durable_before_it_is_read(seed: u64, bug: Option<Bug>) -> Outcome {
    let mut life = begun(seed, bug)?;
    life.disk.plan(Which::Nth(Kind::Sync, 1), Failure::Eio);
    let batch = life.sized(2_000);
    life.append(batch)?;
    life.kill();
    // The cache has it, and the disk does not; from now on it is read, so it has to stay.
    life.open_at_last(Mode::Always)?;
    if seed.is_multiple_of(2) {
        let batch = life.small();
        life.append(batch)?;
    }
    let mut dice = Dice::new(seed, 15);
    for _ in 0..4 {
        let (left, _) = outage(&life.disk.state(), &mut dice);
        survives(left, life.now(), bug, &mut dice)?;
    }
    let (left, _) = outage_in(&life.disk.state(), Mood::None, Mood::None, Mood::None, &mut dice);
    survives(left, life.now(), bug, &mut dice)?;
    Ok(())
}
