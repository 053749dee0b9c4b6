//! The most memory that a process had, sampled while it works.
//!
//! The kernel keeps the peak of all resident pages, but files that a process maps count among them: clean pages of the page
//! cache, which it takes back when somebody else needs them. What a process has for itself is its anonymous memory, and of
//! that nobody keeps the peak.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SAMPLE_EVERY: Duration = Duration::from_millis(2);

/// Watches this process until it ends.
pub struct Peak {
    resident_before: u64,
    anonymous_before: u64,
    anonymous_most: Arc<AtomicU64>,
}

/// How much more than at the beginning, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Its own pages: heap, stacks, private mappings without a file.
    pub anonymous: f64,
    /// These and the pages of mapped files.
    pub resident: f64,
}

impl Peak {
    pub fn watch() -> Peak {
        let anonymous_most = Arc::new(AtomicU64::new(0));
        let most = Arc::clone(&anonymous_most);
        std::thread::spawn(move || {
            loop {
                most.fetch_max(bytes("RssAnon:"), Relaxed);
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        Peak { resident_before: bytes("VmRSS:"), anonymous_before: bytes("RssAnon:"), anonymous_most }
    }

    /// The peak until now.
    pub fn so_far(&self) -> Memory {
        let anonymous = self.anonymous_most.load(Relaxed).max(bytes("RssAnon:"));
        Memory {
            anonymous: anonymous.saturating_sub(self.anonymous_before) as f64,
            resident: bytes("VmHWM:").saturating_sub(self.resident_before) as f64,
        }
    }
}

/// A line of the process' status.
fn bytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let value = status.lines().find_map(|text| text.strip_prefix(line)).expect("it has this line");
    value.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}
