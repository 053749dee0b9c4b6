//! Where a round is: what those who write and follow must know of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// Nothing in a round takes so long, however slow the machine is.
const OVER: Duration = Duration::from_secs(90);

/// See the module.
pub struct Stage {
    acknowledged: AtomicU64,
    ending: AtomicBool,
    anew: AtomicBool,
    /// The head that followers are to come to, one more than it.
    goal: AtomicU64,
    began: Instant,
}

impl Stage {
    pub fn new() -> Stage {
        Stage {
            acknowledged: AtomicU64::new(0),
            ending: AtomicBool::new(false),
            anew: AtomicBool::new(false),
            goal: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// A batch was acknowledged.
    pub fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, SeqCst);
    }

    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(SeqCst)
    }

    /// Waits until `more` batches are acknowledged: whether they are in time.
    pub fn goes_on(&self, more: u64) -> bool {
        let enough = self.acknowledged() + more;
        while self.acknowledged() < enough && !self.is_over() {
            std::thread::sleep(Duration::from_millis(2));
        }
        self.acknowledged() >= enough
    }

    /// Has the writers end, as soon as they know what became of what they sent.
    pub fn end(&self) {
        self.ending.store(true, SeqCst);
    }

    pub fn is_ending(&self) -> bool {
        self.ending.load(SeqCst)
    }

    /// Has the writers open their stores anew, and the followers end: what they have seen is no more.
    pub fn begin_anew(&self) {
        self.anew.store(true, SeqCst);
    }

    pub fn begins_anew(&self) -> bool {
        self.anew.load(SeqCst)
    }

    /// Has the followers end when they have come to the head.
    pub fn end_at(&self, head: u64) {
        self.goal.store(head + 1, SeqCst);
    }

    pub fn goal(&self) -> Option<u64> {
        self.goal.load(SeqCst).checked_sub(1)
    }

    /// Time is up: whatever does not come to an end is left.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() > OVER
    }
}
