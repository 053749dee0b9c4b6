//! What the campaign has found, told once more, each by itself.

use crate::campaign::survives;
use crate::dice::Dice;
use crate::disk::{Disk, Failure, Kind, Which};
use crate::events::Batch;
use crate::outage::{Mood, outage_in};
use crate::platter::State;
use crate::promise::Outcome;
use crate::workload::{Life, Mode, Wanted};
use std::sync::Arc;

fn tell(story: impl Fn() -> Outcome) {
    story().unwrap_or_else(|violation| panic!("{violation}"));
}

/// A writer rolls to a new segment and is killed between the rename and the sync of the directory. The next
/// one sees the name in the cache, and acknowledges events in that file; then the power fails.
#[test]
fn a_name_that_a_killed_writer_left_unsynced_is_synced_before_anything_rests_on_it() {
    tell(|| {
        let mut life = Life::fresh(1, None);
        life.open_at_last(Mode::Always)?;
        for _ in 0..4 {
            let batch = life.sized(30_000);
            life.append(batch)?;
        }
        let recording = life.disk.recorded();
        let mut dice = Dice::new(1, 51);
        for number in (0..recording.moments()).map(|at| recording.moment(at)) {
            let cache = State { writer: None, ..recording.state(number).clone() };
            let mut next = Life::new(Disk::with(cache, 1), life.at(number), None, Dice::new(1, 52));
            next.open_at_last(Mode::Always)?;
            let batch = next.small();
            next.append(batch)?;
            let (left, _) = outage_in(&next.disk.state(), Mood::All, Mood::All, Mood::None, &mut dice);
            let survived = survives(left, next.now(), None, &mut dice);
            survived.map_err(|found| found.at(format_args!("killed at call {number}: {}", life.told(number))))?;
        }
        Ok(())
    });
}

/// A retry records a larger position, and its answer cannot be read. What is refused has not happened.
#[test]
fn a_retry_whose_answer_cannot_be_read_has_recorded_nothing() {
    tell(|| {
        for nth in 1..8 {
            let mut life = Life::fresh(1, None);
            life.open_at_last(Mode::Always)?;
            let batch = life.sized(300);
            let batch = life.append(batch)?;
            life.disk.plan(Which::Nth(Kind::Read, nth), Failure::Eio);
            let retry = Batch { number: batch.number, events: batch.events.clone(), tracking: None };
            life.append_with(&Arc::new(retry.with_tracking("mail", 7)), "", Wanted::Known(0))?;
            life.disk.heal();
            life.read()?;
        }
        Ok(())
    });
}

/// The disk is full from the first byte on: what is acknowledged is seen by other processes all the same, or it
/// is not acknowledged.
#[test]
fn on_a_full_disk_other_processes_see_what_is_acknowledged() {
    tell(|| {
        for room in [0, 100, 600, 1_000, 5_000, 70_000, 80_000, 200_000] {
            let mut life = Life::fresh(1, None);
            life.disk.set_room(Some(room));
            if !life.open(Mode::Always)? {
                life.disk.set_room(None);
                life.open_at_last(Mode::Always)?;
            }
            for _ in 0..4 {
                let batch = Arc::new(life.small());
                life.append_with(&batch, "", Wanted::Stored)?;
                life.read_elsewhere()?;
                life.read()?;
            }
        }
        Ok(())
    });
}

/// A reader has not looked since the last acknowledgement, and then the writer's watermark is written in part and fails:
/// the one before it still tells what was acknowledged.
#[test]
fn half_a_watermark_does_not_stop_a_reader_that_stays() {
    tell(|| {
        for seed in 1..20 {
            for failure in [Failure::Enospc, Failure::Eio] {
                let mut life = Life::fresh(seed, None);
                life.open_at_last(Mode::Always)?;
                life.read_elsewhere()?;
                for fails in [false, true] {
                    if fails {
                        // The first write is the log's.
                        life.disk.plan(Which::Nth(Kind::Write, 2), failure);
                    }
                    let batch = Arc::new(life.small());
                    life.append_with(&batch, "", Wanted::Stored)?;
                }
                life.disk.heal();
                life.read_elsewhere()?;
            }
        }
        Ok(())
    });
}
