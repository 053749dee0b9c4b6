//! Several appends that share a flush, and its fate.
//!
//! The disk holds a sync until the story lets it go: what is appended meanwhile queues up behind it, and goes
//! to the disk together.

use crate::campaign::survives;
use crate::dice::Dice;
use crate::disk::{Failure, Gate, Kind, Which};
use crate::events::Batch;
use crate::outage::outage;
use crate::promise::{Outcome, Violation, What, broken};
use crate::task::{Append, append_elsewhere, append_elsewhere_with};
use crate::workload::{Life, Mode, Wanted};
use runestore::ErrorKind;
use runestore::simulation::Bug;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Long enough for a thread that does not wait to be done.
const A_MOMENT: Duration = Duration::from_millis(30);

/// Batches, and what becomes of each.
type Waiting = Vec<(Arc<Batch>, Append)>;

/// A store with a first append at the disk, whose sync is held, and others in the queue behind it.
struct Queue {
    life: Life,
    first: (Arc<Batch>, Append),
    gate: Gate,
    queued: Waiting,
    begun: u64,
}

impl Queue {
    /// The queued batches have about so many bytes each.
    fn behind_a_held_sync(seed: u64, bug: Option<Bug>, sizes: &[usize]) -> Outcome<Queue> {
        let mut life = Life::fresh(seed, bug);
        life.segment_bytes = 4 << 20;
        life.open_at_last(Mode::Always)?;
        let batch = life.small();
        life.append(batch)?;
        let begun = life.disk.calls();
        let gate = life.disk.hold(Kind::Sync);
        let first = Arc::new(life.small());
        let append = append_elsewhere(life.store(), &first);
        if !gate.arrived() {
            return broken("no sync", "an append was made, and nothing is synced");
        }
        let mut queue = Queue { life, first: (first, append), gate, queued: Vec::new(), begun };
        for bytes in sizes {
            let batch = Arc::new(queue.life.sized(*bytes));
            let append = append_elsewhere(queue.life.store(), &batch);
            queue.queued.push((batch, append));
            queue.wait_for_queued()?;
        }
        Ok(queue)
    }

    /// One after the other, so that their order is known.
    fn wait_for_queued(&self) -> Outcome {
        let begin = Instant::now();
        let probe = &self.life.open.as_ref().expect("the store is open").probe;
        while probe.queued() < self.queued.len() {
            if begin.elapsed() > crate::disk::PATIENCE {
                return broken("no queue", "an append does not queue up behind the one whose sync is held");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Lets the first append's sync go; it is acknowledged.
    fn go_on(self) -> Outcome<(Life, Waiting)> {
        let Queue { mut life, first: (batch, append), gate, queued, begun } = self;
        gate.open();
        let answer = append.ok()?;
        let calls = life.disk.calls();
        life.stored(&batch, &answer, begun, calls)?;
        Ok((life, queued))
    }
}

pub fn nothing_is_acknowledged_while_the_disk_still_syncs(seed: u64, bug: Option<Bug>) -> Outcome {
    // Neither the append that does the work, nor one that only waits for it.
    let queue = Queue::behind_a_held_sync(seed, bug, &[100, 300, 100])?;
    if queue.first.1.done_within(A_MOMENT) {
        return broken("acknowledged too early", "an append returned, and its sync has not");
    }
    let second = queue.life.disk.hold(Kind::Sync);
    let (mut life, waiting) = queue.go_on()?;
    if !second.arrived() {
        return broken("no sync", "what was queued is not synced");
    }
    if waiting.iter().any(|(_, append)| append.done_within(A_MOMENT)) {
        return broken("acknowledged too early", "an append returned, and the sync of its flush has not");
    }
    second.open();
    for (batch, append) in waiting {
        let answer = append.ok()?;
        let calls = life.disk.calls();
        life.stored(&batch, &answer, calls, calls)?;
    }
    life.read()
}

pub fn an_answer_waits_for_the_flush_that_it_rests_on(seed: u64, bug: Option<Bug>) -> Outcome {
    let queue = Queue::behind_a_held_sync(seed, bug, &[100])?;
    let second = queue.life.disk.hold(Kind::Sync);
    let (queued, _) = &queue.queued[0];
    let event = &queued.events[0];
    let (other, options) = match seed % 3 {
        // A retry, a duplicate, a conflict: each is right only if what is queued comes to the disk.
        0 => (queued.clone(), String::new()),
        1 => {
            let mut other = event.clone();
            other.data = String::from(r#"{"batch":0,"index":0}"#);
            (Arc::new(Batch { number: 0, events: vec![other], tracking: None }), String::new())
        }
        _ => {
            let (id, instance) = (&event.id, &event.instance_id);
            let after = r#""condition":{"fail_if_events_match":{"id":"ID"},"after":0}"#;
            let mut other = event.clone();
            other.instance_id = format!("{instance} too");
            other.id = None;
            let options = after.replace("ID", id.as_deref().expect("it is given"));
            (Arc::new(Batch { number: 0, events: vec![other], tracking: None }), options)
        }
    };
    let resting = append_elsewhere_with(queue.life.store(), &other, &options);
    if resting.done_within(A_MOMENT) {
        return broken("answer from the queue", "an append was answered from one that is not on the disk");
    }
    let (mut life, mut waiting) = queue.go_on()?;
    if !second.arrived() {
        return broken("no sync", "what was queued is not synced");
    }
    if resting.done_within(A_MOMENT) {
        return broken("answer from the queue", "an append was answered from one that is being synced");
    }
    second.fail(Failure::Eio);
    let (batch, append) = waiting.remove(0);
    fails(append, &[ErrorKind::Indeterminate])?;
    fails(resting, &[ErrorKind::Indeterminate, ErrorKind::Io])
        .map_err(|violation| Violation { check: "answer from the queue", ..violation })?;
    life.read()?;
    let calls = life.disk.calls();
    life.journal.note(0, calls, What::Unknown(batch));
    let mut dice = Dice::new(seed, 21);
    let (left, _) = outage(&life.disk.state(), &mut dice);
    survives(left, life.now(), bug, &mut dice)?;
    Ok(())
}

pub fn a_hole_in_what_nobody_acknowledged_is_a_torn_tail(seed: u64, bug: Option<Bug>) -> Outcome {
    // Each is several sectors long, so that some can be lost whole, and others kept.
    let queue = Queue::behind_a_held_sync(seed, bug, &[1500, 1500, 1500, 1500])?;
    let second = queue.life.disk.hold(Kind::Sync);
    let (mut life, waiting) = queue.go_on()?;
    if !second.arrived() {
        return broken("no sync", "what was queued is not synced");
    }
    let calls = life.disk.calls();
    for (batch, _) in &waiting {
        life.journal.note(calls - 1, calls, What::Unknown(batch.clone()));
    }
    let mut dice = Dice::new(seed, 22);
    for _ in 0..30 {
        let (left, _) = outage(&life.disk.state(), &mut dice);
        survives(left, life.now(), bug, &mut dice)?;
    }
    second.open();
    for (_, append) in waiting {
        append.ok()?;
    }
    Ok(())
}

pub fn a_flush_that_found_no_room_leaves_nothing_behind(seed: u64, bug: Option<Bug>) -> Outcome {
    // The first of them is written whole before the disk is full.
    let queue = Queue::behind_a_held_sync(seed, bug, &[100, 9_000, 9_000])?;
    queue.life.disk.plan(Which::Long(Kind::Write, 5_000), Failure::Enospc);
    let (mut life, waiting) = queue.go_on()?;
    let mut refused = Vec::new();
    for (batch, append) in waiting {
        match append.outcome()? {
            Ok(answer) => {
                let calls = life.disk.calls();
                life.stored(&batch, &answer, calls, calls)?;
            }
            Err(error) if error.kind() == ErrorKind::NoSpace => refused.push(batch),
            Err(error) => return broken("no room", format!("it is to be `no_space`: {error:?}")),
        }
    }
    if refused.is_empty() {
        return broken("no room", "no write failed");
    }
    life.disk.heal();
    life.read()?;
    let mut dice = Dice::new(seed, 23);
    for _ in 0..4 {
        let (left, _) = outage(&life.disk.state(), &mut dice);
        survives(left, life.now(), bug, &mut dice)?;
    }
    // There is room again: another handle finds nothing of it, or this one goes on.
    if seed.is_multiple_of(2) {
        life.kill();
        life.open_at_last(Mode::Always)?;
    }
    for batch in refused {
        life.append_with(&batch, "", Wanted::Stored)?;
    }
    life.read()?;
    life.kill();
    life.open_at_last(Mode::Always)?;
    Ok(())
}

fn fails(append: Append, kinds: &[ErrorKind]) -> Outcome {
    match append.outcome()? {
        Err(error) if kinds.contains(&error.kind()) => Ok(()),
        Err(error) => broken("failed flush", format!("it is to be one of {kinds:?}, and is {error:?}")),
        Ok(_) => broken("failed flush", "an append was stored whose sync failed"),
    }
}
