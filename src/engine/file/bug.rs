//! Bugs that can be planted, to prove that the tests of crashes would find them.

/// A bug, planted by a test of crashes; see [`crate::simulation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A flush is not synced.
    SkipSync,
    /// A new segment's name is not synced before anything in it is acknowledged.
    SkipDirectorySync,
    /// An append is acknowledged before its flush is synced.
    AcknowledgeBeforeSync,
    /// An append is visible to readers before its flush is synced.
    PublishBeforeSync,
    /// A conflict, a duplicate or a retry is answered while what it rests on is still queued.
    AnswerFromQueue,
    /// No checksum is compared, neither of headers nor of events.
    NoChecksum,
    /// A frame's lengths are believed although its header's checksum does not hold.
    TrustLength,
    /// A frame is taken although its predecessor is not the one that it names.
    IgnoreChain,
    /// Opening for write does not raise the epoch.
    ReuseEpoch,
    /// A sync that failed is tried again, and believed when it succeeds.
    RetrySync,
    /// A recovered tail is exposed without being written and synced anew.
    KeepUnprovenTail,
    /// A hole inside a flush that nobody acknowledged is reported as corruption.
    HoleIsCorruption,
    /// A log that ends before what is known to have been durable is cut there, and no error is given.
    TruncateBelowDurable,
    /// The watermark is written before the sync.
    WatermarkBeforeSync,
    /// An index file is believed although it belongs to another state of its segment.
    BelieveIndex,
    /// A flush that found no room is not erased.
    KeepFailedFlush,
    /// After a failed sync the store goes on.
    NoPoison,
    /// The frames of the log's end are not looked for behind the first invalid one.
    NoProbe,
}

#[cfg(feature = "simulation")]
impl Bug {
    /// All of them.
    pub const ALL: [Bug; 18] = [
        Bug::SkipSync,
        Bug::SkipDirectorySync,
        Bug::AcknowledgeBeforeSync,
        Bug::PublishBeforeSync,
        Bug::AnswerFromQueue,
        Bug::NoChecksum,
        Bug::TrustLength,
        Bug::IgnoreChain,
        Bug::ReuseEpoch,
        Bug::RetrySync,
        Bug::KeepUnprovenTail,
        Bug::HoleIsCorruption,
        Bug::TruncateBelowDurable,
        Bug::WatermarkBeforeSync,
        Bug::BelieveIndex,
        Bug::KeepFailedFlush,
        Bug::NoPoison,
        Bug::NoProbe,
    ];
}

/// The bug that a store has, if any. Without the feature `simulation` it has none, and asking costs nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bugs {
    #[cfg(feature = "simulation")]
    planted: Option<Bug>,
}

impl Bugs {
    /// With this bug.
    #[cfg(feature = "simulation")]
    pub fn with(planted: Option<Bug>) -> Bugs {
        Bugs { planted }
    }

    /// Whether it is there.
    pub fn has(self, bug: Bug) -> bool {
        #[cfg(feature = "simulation")]
        return self.planted == Some(bug);
        #[cfg(not(feature = "simulation"))]
        {
            let _ = bug;
            false
        }
    }
}
