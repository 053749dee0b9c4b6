//! What is done with every store.

use super::workload::{Batch, Questions, Row};

/// From so many threads events are appended at once.
pub const THREADS: usize = 16;

/// A store, or what stands for a physical limit.
pub trait Peer {
    /// All batches, each an append or a transaction of its own.
    fn append(&mut self, batches: &[Batch]);
    /// All events, each an append or a transaction of its own.
    fn append_singly(&mut self, rows: &[Row]);
    /// The same from several threads, each with its share.
    fn append_from_threads(&mut self, rows: &[Row]);
    /// Gets ready to be asked for what was appended; nobody measures that.
    fn prepare(&mut self, _: &[Batch]) {}
    /// All events, in pieces of about 300 KB.
    fn scan(&mut self);
    /// All events in one buffer.
    fn read_all(&mut self);
    /// The event that was appended last.
    fn newest(&mut self);
    /// The same store for whoever asks for some of the events, or nothing where it finds them by their positions alone.
    fn queries(&mut self) -> Option<&mut dyn Queries>;
}

/// A store that finds events by what they say.
pub trait Queries {
    /// The events of one stream.
    fn stream(&mut self, domain: &str, instance_id: &str);
    /// A hundred events of a type, behind `offset` others.
    fn page(&mut self, event_type: &str, offset: usize);
    /// The events from the one second up to the other.
    fn window(&mut self, window: (u64, u64));
    /// How many events a stream, a type and a window have.
    fn counts(&mut self, questions: &Questions) -> [usize; 3];
}
