//! Index files beside their segments: believed as far as the log bears them out, and made anew where it does not.

use super::bug::Bug;
use super::fault::failed;
use super::frame::{self, Header};
use super::idx::{self, Binding, Content, Fault, Idx};
use super::indexed::Indexed;
use super::part::{Bounds, Files};
use super::segment::Segment;
use super::storage::{Access, read_exact_at};
use super::walk::State;
use crate::error::Result;
use std::io;
use std::sync::{Arc, PoisonError};

/// An index file until it is whole.
pub(super) const SPARE: &str = "index.tmp";

/// An index of the segment, or of its beginning.
pub(super) struct Hint {
    pub index: Arc<Idx>,
    /// What the log had come to where it ends.
    pub state: State,
    /// The last frame that it covers.
    pub last: Header,
}

/// The index file of a segment, if there is one that is true of the log as it is: the frame that it ends with stands
/// where it says, and is the one that it was made behind.
pub(super) fn open(files: &Files, segment: &Segment) -> Result<Option<Hint>> {
    let directory = &*files.directory;
    let name = idx::name_of(segment.header.ordinal);
    let file = match files.pool.file(&name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(directory, "open", &name)(error)),
    };
    let index = match Idx::open(file) {
        Ok(index) => index,
        Err(Fault::Io(error)) => return Err(failed(directory, "read", &name)(error)),
        Err(_) => return Ok(None),
    };
    let Some(state) = index.state().ok().and_then(|state| State::decode(&state)) else { return Ok(None) };
    let mut bytes = [0; frame::HEADER_BYTES];
    if read_exact_at(&*segment.file, &mut bytes, state.last).is_err() {
        return Ok(None);
    }
    let believed = files.bugs.has(Bug::BelieveIndex);
    let Some((last, crc)) = Header::decode(&bytes, segment.header.salt, believed) else { return Ok(None) };
    let (binding, header) = (index.binding(), &segment.header);
    let is_true = binding.store == header.store
        && binding.segment == header.ordinal
        && binding.salt == header.salt
        && binding.first == header.first
        && binding.chain == crc
        && last.offset == segment.log_offset(state.last)
        && state.last.checked_add(last.frame_bytes()) == Some(binding.end)
        && last.first.checked_add(last.events.into()) == binding.first.checked_add(binding.events.into());
    Ok((is_true || believed).then(|| Hint { index: Arc::new(index), state, last }))
}

/// Writes the index file of a segment that ends at `bounds`. `older` are the key tables before it, which it takes in if it is
/// to `merge`. `None` where it could not be written: it can be at any other time.
pub(super) fn write(
    files: &Files,
    segment: &Segment,
    bounds: &Bounds,
    indexed: &Indexed,
    state: &State,
    older: &[Arc<Idx>],
    merge: bool,
) -> Option<Arc<Idx>> {
    let header = &segment.header;
    let binding = Binding {
        store: header.store,
        segment: header.ordinal,
        salt: header.salt,
        first: header.first,
        events: indexed.places.len() as u32,
        end: bounds.end,
        chain: bounds.chain,
    };
    let state = state.encode();
    let content =
        Content { binding: &binding, index: &indexed.index, places: &indexed.places, state: &state, older, merge };
    let name = idx::name_of(header.ordinal);
    let _held = files.hints.lock().unwrap_or_else(PoisonError::into_inner);
    let written = match make(files, &name, &content) {
        // One of the older tables: then this one begins anew.
        Err(Fault::Damaged { .. }) => make(files, &name, &Content { older: &[], merge: false, ..content }),
        made => made,
    };
    if written.is_err() {
        let _ = remove(files, SPARE);
        return None;
    }
    files.pool.forget(&name);
    files.pool.file(&name).map_err(Fault::Io).and_then(Idx::open).ok().map(Arc::new)
}

fn make(files: &Files, name: &str, content: &Content<'_>) -> std::result::Result<(), Fault> {
    remove(files, SPARE).map_err(Fault::Io)?;
    let file = files.directory.open(SPARE, Access::Create).map_err(Fault::Io)?;
    idx::write(&*file, content)?;
    // After a power cut the name may be there: then so is the file.
    file.sync().map_err(Fault::Io)?;
    files.directory.rename(SPARE, name).map_err(Fault::Io)
}

/// Removes a file, if it is there.
pub(super) fn remove(files: &Files, name: &str) -> io::Result<()> {
    match files.directory.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
