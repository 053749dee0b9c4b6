//! What a virtual machine adds to a measurement: memory that it has given back to its host.
//!
//! Where the host reclaims free memory (the balloon's free page reporting), whoever is the first to touch a page again waits for
//! the host: 2.4 s for a GiB that was free for three seconds, 0.05 s for one that was not. Programs would be charged for that by
//! how long the peer before them took.

use memmap2::{Advice, MmapMut};

/// More than anyone takes in a turn.
pub const TURN_BYTES: usize = 64 << 20;
const PAGE: usize = 4096;

/// Takes so much free memory from the host, and frees it: who asks for some next gets this.
pub fn fetch(bytes: usize) {
    // The host takes blocks as large as huge pages, and small pages come from what is left of others first.
    for advice in [Advice::HugePage, Advice::NoHugePage] {
        let mut memory = MmapMut::map_anon(bytes).expect("there is memory");
        let _ = memory.advise(advice);
        memory.chunks_mut(PAGE).for_each(|page| page[0] = 1);
        std::hint::black_box(&memory);
    }
}
