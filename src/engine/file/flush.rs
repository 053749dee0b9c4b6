//! Group commit: whoever waits and finds nobody writing, writes for all.
//!
//! One write for everything in the queue, one sync, then the watermark, the head, and the acknowledgements. The
//! next flush begins when this one has ended, so a failed one is always the last.

use super::bug::Bug;
use super::fault::is_no_space;
use super::queue::{Failure, Fill, Flush, Queue};
use super::storage::{File, write_all_at};
use super::watermark::Mark;
use super::writer::{Tail, Writer, refused, unknown};
use crate::json::Sync;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A flush waits for more appends at most so long.
const GATHER_MAX: Duration = Duration::from_micros(200);

impl Writer {
    /// Waits until a flush is decided, and does it if nobody else does.
    pub fn wait<'a>(
        &'a self,
        mut tail: MutexGuard<'a, Tail>,
        flush: &Flush,
    ) -> (MutexGuard<'a, Tail>, Result<(), Failure>) {
        loop {
            if let Some(outcome) = flush.outcome.get() {
                return (tail, outcome.clone());
            }
            tail = if tail.flushing.is_none() && !tail.gathers {
                self.lead(self.gather(tail))
            } else {
                self.flushed.wait(tail).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }

    /// Waits a moment for those whom the last flush has answered, since they may be about to append again: otherwise two halves
    /// of all writers take turns, and each sync serves one half. No longer than that flush took, and only as long as some come.
    fn gather<'a>(&'a self, mut tail: MutexGuard<'a, Tail>) -> MutexGuard<'a, Tail> {
        if self.sync != Sync::Always {
            return tail;
        }
        let longest = tail.took.min(GATHER_MAX);
        let begun = Instant::now();
        let (mut queued, mut came) = (tail.queue.len(), begun);
        tail.gathers = true;
        while tail.queue.len() < tail.crowd {
            drop(tail);
            std::thread::yield_now();
            tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            if tail.queue.len() > queued {
                (queued, came) = (tail.queue.len(), now);
            }
            if now - came > longest / 4 || now - begun > longest {
                break;
            }
        }
        tail.gathers = false;
        tail
    }

    /// Writes what is queued.
    fn lead<'a>(&'a self, mut tail: MutexGuard<'a, Tail>) -> MutexGuard<'a, Tail> {
        let queue = std::mem::take(&mut tail.queue);
        let group = queue.len();
        let turn = Turn {
            file: tail.file.clone(),
            start: tail.written,
            log_start: tail.segment.log_offset(tail.written),
            salt: tail.segment.header.salt,
            head: tail.next - 1,
            fill: Fill {
                offset: tail.segment.log_offset(tail.written),
                epoch: self.epoch,
                flush: tail.flushes,
                durable_through: tail.durable,
                previous: tail.chain,
            },
        };
        tail.flushes += 1;
        tail.flushing = Some(queue.flush.clone());
        tail.flushing_tracking = queue.tracking.clone();
        drop(tail);
        let begun = Instant::now();
        let flush = queue.flush.clone();
        // Where this panics, those who wait must not wait for ever.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.write(&turn, queue)));
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match outcome {
            Ok(Ok(written)) => {
                self.advance(&mut tail, &turn, written);
                Ok(())
            }
            Ok(Err(error)) => Err(self.take_back(&mut tail, &turn, &error)),
            Err(_) => {
                let why = String::from("it panicked while it wrote the log");
                tail.poison = Some(why.clone());
                Err(Failure::Unknown(why))
            }
        };
        tail.flushing = None;
        tail.crowd = group + tail.queue.len();
        tail.took = begun.elapsed();
        tail.flushing_tracking.clear();
        if let Err(failure) = &outcome {
            // What was queued behind it rests on it.
            let queue = std::mem::take(&mut tail.queue);
            let _ = queue.flush.outcome.set(Err(failure.clone()));
        }
        let _ = flush.outcome.set(outcome);
        self.flushed.notify_all();
        tail
    }

    fn write(&self, turn: &Turn, mut queue: Queue) -> Result<Written, Broke> {
        let bugs = self.bugs();
        let chain = queue.finish(&turn.fill, turn.salt);
        let written = Written {
            len: queue.bytes.len() as u64,
            last: queue.last_frame(),
            chain,
            tracking: queue.tracking,
            synced: self.sync == Sync::Always,
        };
        let bytes = Arc::new(queue.bytes);
        let _ = queue.flush.bytes.set(bytes.clone());
        let end = turn.log_start + written.len;
        write_all_at(&*turn.file, &bytes, turn.start).map_err(Broke::Write)?;
        if bugs.has(Bug::PublishBeforeSync) {
            self.mark(turn.head, end, turn.fill.durable_through).map_err(Broke::Write)?;
            self.view.publish(turn.head);
        }
        if bugs.has(Bug::WatermarkBeforeSync) {
            self.mark(turn.head, end, end).map_err(Broke::Write)?;
        }
        if bugs.has(Bug::AcknowledgeBeforeSync) {
            let _ = queue.flush.outcome.set(Ok(()));
            self.flushed.notify_all();
        }
        if written.synced && !bugs.has(Bug::SkipSync) {
            let synced = turn.file.sync();
            let synced = if bugs.has(Bug::RetrySync) { synced.or_else(|_| turn.file.sync()) } else { synced };
            synced.map_err(Broke::Sync)?;
        }
        // What other processes are not told cannot be acknowledged.
        let durable = if written.synced { end } else { turn.fill.durable_through };
        self.mark(turn.head, end, durable).map_err(Broke::Write)?;
        Ok(written)
    }

    /// Writes the watermark.
    pub fn mark(&self, head: u64, visible: u64, durable: u64) -> std::io::Result<()> {
        let mark = Mark { store: self.store, boot: self.boot, epoch: self.epoch, head, visible, durable };
        self.watermark.lock().unwrap_or_else(PoisonError::into_inner).write(mark)
    }

    /// After a flush that went well: its events are visible.
    fn advance(&self, tail: &mut Tail, turn: &Turn, written: Written) {
        tail.last = turn.start + written.last as u64;
        tail.written = turn.start + written.len;
        tail.chain = written.chain;
        if written.synced {
            tail.durable = tail.durable.max(turn.log_start + written.len);
        }
        if !written.tracking.is_empty() {
            let mut live = self.view.live_mut_anyway();
            live.tracking.extend(written.tracking);
        }
        tail.segment.file.settle(tail.written, false);
        self.view.publish(turn.head);
    }

    /// After a flush that failed: nobody sees its events, and if that can be, they are erased.
    fn take_back(&self, tail: &mut Tail, turn: &Turn, broke: &Broke) -> Failure {
        let bugs = self.bugs();
        {
            let mut live = self.view.live_mut_anyway();
            live.growing.truncate(self.view.head() + 1);
        }
        tail.next = self.view.head() + 1;
        tail.end = tail.written;
        let failure = match broke {
            Broke::Write(error) if is_no_space(error) => {
                let erased = if bugs.has(Bug::KeepFailedFlush) { Ok(()) } else { turn.erase() };
                tail.allocated = tail.written;
                match erased {
                    Ok(()) => return refused("cannot write the log", error),
                    Err(error) => unknown("to erase what did not fit on the disk", &error),
                }
            }
            Broke::Write(error) => unknown("to write the log", error),
            Broke::Sync(error) => unknown("to sync the log", error),
        };
        if let Failure::Unknown(why) = &failure
            && !bugs.has(Bug::NoPoison)
        {
            tail.poison = Some(why.clone());
        }
        failure
    }
}

/// What a flush needs to know of the tail.
struct Turn {
    file: Arc<dyn File>,
    /// Where it begins in the segment's file, and in the whole log.
    start: u64,
    log_start: u64,
    salt: u64,
    /// The head when it is done.
    head: u64,
    fill: Fill,
}

impl Turn {
    /// Takes away what was written of the flush, so that no crash can bring it back.
    fn erase(&self) -> std::io::Result<()> {
        self.file.set_len(self.start)?;
        self.file.sync()
    }
}

/// What was written.
struct Written {
    len: u64,
    /// Where the last frame begins in it.
    last: usize,
    chain: u32,
    tracking: std::collections::BTreeMap<String, u64>,
    synced: bool,
}

/// Where a flush failed.
enum Broke {
    Write(std::io::Error),
    Sync(std::io::Error),
}
