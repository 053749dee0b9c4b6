//! Many programs, each stopped at many calls, each stop with several ways in which a disk could have
//! come through it.
//!
//! A program runs once and is recorded. A crash state is made from the recording: the state after call
//! N, and what an outage leaves of it. Each is opened, compared with what was promised at N, and used;
//! that too is recorded, and stopped in turn, while it recovers and later.

use crate::check::contents;
use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::disk::{Disk, Failure, Which};
use crate::outage::outage;
use crate::platter::State;
use crate::process::Process;
use crate::promise::{Expect, Outcome, Violation, What, broken};
use crate::rot;
use crate::steps::{long_life, short_life};
use crate::workload::{Life, Mode};
use runestore::simulation::{Bug, open};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How much of the campaign is run.
#[derive(Clone, Copy)]
pub struct Extent {
    /// At least so many crash states for each seed.
    pub states: u64,
    pub bug: Option<Bug>,
}

/// All that follows from one seed. A panic is a violation like any other.
pub fn run(seed: u64, extent: Extent, coverage: &mut Coverage) -> Outcome {
    let outcome = catch_unwind(AssertUnwindSafe(|| story(seed, extent, coverage)));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        broken("panic", text.unwrap_or("without a text"))
    })
}

/// How often a crash state's own recording is stopped again, and that of those once more.
const NESTED: [usize; 3] = [2, 1, 0];
/// Crash states that are made from one program's recording, without those in recovery.
const FROM_ONE: u64 = 40;

fn story(seed: u64, extent: Extent, coverage: &mut Coverage) -> Outcome {
    let mut dice = Dice::new(seed, 2);
    let begin = coverage.states;
    let mut next = None;
    let mut generation = 0;
    while coverage.states - begin < extent.states {
        generation += 1;
        let seed = seed.wrapping_mul(1_000_003) + generation;
        let mut life = match next.take() {
            Some((state, expect)) => Life::new(Disk::with(state, seed), expect, extent.bug, Dice::new(seed, 1)),
            None => Life::fresh(seed, extent.bug),
        };
        life.disk.record();
        let outcome = long_life(&mut life);
        outcome.map_err(|found| found.at(format_args!("program {generation}, living: {}", life.told(u64::MAX))))?;
        coverage.program(&life);
        let recording = life.disk.recorded();
        let moments = recording.moments();
        for _ in 0..FROM_ONE {
            let dice = &mut dice.fork();
            let number = recording.moment(dice.below(moments));
            let state = recording.state(number);
            let expect = life.at(number);
            let (how, outcome) = match dice.below(12) {
                0 | 1 => ("read", read_only(state, expect, extent.bug, dice, coverage)),
                2 => ("killed", killed(state, expect, extent.bug, dice, coverage)),
                _ => {
                    let (state, losses) = outage(state, &mut dice.fork());
                    coverage.outage(losses);
                    ("stopped", crashed(state, expect.after_outage(), extent.bug, 0, dice, coverage))
                }
            };
            let told = || life.told(number);
            outcome
                .map_err(|found| found.at(format_args!("program {generation} {how} at call {number}: {}", told())))?;
        }
        for _ in 0..2 {
            let outcome = rot::campaign(&mut life, &recording, extent.bug, &mut dice.fork(), coverage);
            outcome.map_err(|found| found.at(format_args!("program {generation}, closed")))?;
        }
        // The store grows older with some of its crashes behind it, and then another begins.
        if generation % 4 != 0 {
            let number = recording.moment(moments - 1 - dice.below(moments.div_ceil(3)));
            let (state, _) = outage(recording.state(number), &mut dice.fork());
            next = Some((state, life.at(number).after_outage()));
        }
    }
    Ok(())
}

/// A machine starts with this on its disk.
fn crashed(
    state: State,
    expect: Expect,
    bug: Option<Bug>,
    depth: usize,
    dice: &mut Dice,
    coverage: &mut Coverage,
) -> Outcome {
    coverage.states += 1;
    let disk = Disk::with(state, dice.roll());
    disk.record();
    let mut life = Life::new(disk, expect, bug, Dice::new(dice.roll(), 3));
    if dice.one_in(8) {
        let number = dice.between(1, 40) as u64;
        let failure = *dice.pick(&[Failure::Eio, Failure::Enospc, Failure::Eintr]);
        life.disk.plan(Which::Call(number), failure);
    }
    short_life(&mut life, &mut dice.fork()).map_err(|found| found.at(life.told(u64::MAX)))?;
    again(&mut life, depth, dice, coverage)
}

/// A machine starts with this on its disk: everything promised is there, and the store goes on.
pub fn survives(state: State, expect: Expect, bug: Option<Bug>, dice: &mut Dice) -> Outcome<Life> {
    let disk = Disk::with(state, dice.roll());
    disk.record();
    let mut life = Life::new(disk, expect.after_outage(), bug, Dice::new(dice.roll(), 3));
    life.open_at_last(Mode::Always)?;
    life.look_closely(3)?;
    let batch = life.small();
    life.append(batch)?;
    life.read()?;
    Ok(life)
}

/// Only the process was killed: nothing is lost, and the lock is free. What recovery then shows must
/// outlive the machine, too.
fn killed(state: &State, expect: Expect, bug: Option<Bug>, dice: &mut Dice, coverage: &mut Coverage) -> Outcome {
    coverage.states += 1;
    coverage.count("process killed", 1);
    let state = State { writer: None, ..state.clone() };
    let disk = Disk::with(state, dice.roll());
    disk.record();
    let mut life = Life::new(disk, expect, bug, Dice::new(dice.roll(), 3));
    short_life(&mut life, &mut dice.fork()).map_err(|found| found.at(life.told(u64::MAX)))?;
    again(&mut life, 0, dice, coverage)
}

/// Stops what was just done in the middle.
fn again(life: &mut Life, depth: usize, dice: &mut Dice, coverage: &mut Coverage) -> Outcome {
    coverage.program(life);
    let recording = life.disk.recorded();
    let moments = recording.moments();
    let recovered = life
        .journal
        .entries
        .iter()
        .find(|entry| matches!(entry.what, What::Opened { .. }))
        .map_or(u64::MAX, |entry| entry.end);
    for _ in 0..NESTED[depth] {
        let until = if dice.one_in(2) { recording.moments_until(recovered) } else { moments };
        let number = recording.moment(dice.below(until));
        if number < recovered {
            coverage.count("crash in recovery", 1);
        }
        let (state, losses) = outage(recording.state(number), &mut dice.fork());
        coverage.outage(losses);
        let outcome = crashed(state, life.at(number).after_outage(), life.bug, depth + 1, &mut dice.fork(), coverage);
        outcome.map_err(|found| {
            let told = life.told(number);
            found.at(format_args!("stopped at {number}, recovered at {recovered}: {told}"))
        })?;
    }
    Ok(())
}

/// Another process reads at this moment; then the power fails, and what it saw is still there, if the
/// writer syncs always.
pub fn read_only(state: &State, expect: Expect, bug: Option<Bug>, dice: &mut Dice, coverage: &mut Coverage) -> Outcome {
    if state.writer.is_some() && !expect.open {
        // It would wait for the writer to come to an end, and here that stands still.
        return Ok(());
    }
    let disk = Disk::with(state.clone(), dice.roll());
    disk.record();
    let process = Process::on(&disk);
    let acknowledged = expect.clone().while_it_runs();
    let (store, _) = match open(process.directory(), r#"{"read_only":true}"#, bug) {
        Ok(opened) => opened,
        // There is no store yet.
        Err(error) if expect.epoch == 0 && error.kind() == runestore::ErrorKind::NotFound => return Ok(()),
        Err(error) => return broken("reader", format!("it does not open: {error:?}")),
    };
    coverage.count("read-only reader", 1);
    let log = contents(&store, &acknowledged).or_else(|Violation { check, what }| {
        broken(if check == "false alarm" { check } else { "reader" }, format!("{check}: {what}"))
    })?;
    if dice.one_in(2) {
        crate::check::queries(&store, &log, 1, &mut dice.fork())?;
    }
    drop(store);
    if disk.recorded().changed() {
        return broken("reader", "it changes what it reads");
    }
    // What the writer promises, it promises of all that can be read.
    let all = expect.promised == expect.log.len();
    if !all || !expect.always {
        return Ok(());
    }
    let taken: Vec<u64> = log[expect.log.len()..].iter().map(|stored| stored.batch.number).collect();
    let maybe = expect.maybe.iter().filter(|batch| !taken.contains(&batch.number)).cloned().collect();
    let seen = Expect { promised: log.len(), log, maybe, ..expect }.after_outage();
    let (state, losses) = outage(state, &mut dice.fork());
    coverage.outage(losses);
    crashed(state, seen, bug, NESTED.len() - 1, dice, coverage).or_else(|Violation { check, what }| match check {
        "acknowledged lost" => broken("taken back", format!("another process read it: {what}")),
        check => broken(check, what),
    })
}

/// A store that its program has closed, at rest.
pub fn closed(life: &mut Life) -> Outcome<(State, Expect)> {
    life.disk.heal();
    life.kill();
    life.open_at_last(Mode::Always)?;
    life.close()?;
    let mut state = life.disk.state();
    state.settle();
    Ok((state, life.now()))
}
