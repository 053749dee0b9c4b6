//! One segment, from bytes.

use super::fix::{self, Link, SEGMENT_HEADER};
use super::home::Files;

/// So many bytes of a segment's header are in an input; the rest is zeros.
const GIVEN: usize = 112;

/// The bytes are the beginning of a segment's header and all that follows on it. Checksums and links are put right, save
/// where the bytes say otherwise (see [`fix`]).
pub fn segment_target(bytes: &[u8]) {
    let (header, frames) = bytes.split_at(bytes.len().min(GIVEN));
    let mut content = header.to_vec();
    content.resize(SEGMENT_HEADER, 0);
    content.extend_from_slice(frames);
    fix::segment(&mut content, &Link::start([7; 16]));
    let name = String::from("00000000000000000001.log");
    super::both_ways(&Files::from([(name, content)]));
}
