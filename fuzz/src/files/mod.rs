//! Stores in files that anybody may have made: one segment (`segment`), an index file beside a sound log (`index`), and
//! a whole directory (`directory`).

mod base;
mod crc;
mod directory;
mod fix;
mod home;
mod index;
mod look;
mod segment;

pub use directory::{Directory, directory_target};
pub use index::index_target;
pub use segment::segment_target;

use home::Files;

/// Opens a store to read, and a copy of it to write; appends, and opens that again.
fn both_ways(files: &Files) {
    let path = home::fill("read", files);
    let seen = look::open(&path, true).map(|store| {
        let seen = look::at(store);
        crate::c::close(store).expect("it is open");
        seen
    });
    let path = home::fill("write", files);
    let Some(store) = look::open(&path, false) else { return };
    let (all, is_sound) = (look::all(store), look::verify(store).is_some_and(|report| report["ok"] == true));
    if let Some((seen, all)) = seen.as_ref().and_then(|seen| seen.as_ref()).zip(all.as_ref()) {
        assert!(all.starts_with(seen.as_str()), "a reader saw events that a writer does not have");
    }
    let line = look::append(store);
    let longer = all.zip(line).filter(|_| is_sound).map(|(all, line)| all + &line);
    if longer.is_some() {
        assert_eq!(look::all(store), longer, "what was appended is there at once");
    }
    crate::c::close(store).expect("it is open");
    if longer.is_none() {
        return;
    }
    let store = look::open(&path, true).expect("what was sound and closed can be opened");
    assert_eq!(look::all(store), longer, "what was appended is there, and all before it");
    crate::c::close(store).expect("it is open");
}
