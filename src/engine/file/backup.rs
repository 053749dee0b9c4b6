//! Copies a store, which may be written meanwhile.

use super::bug::Bugs;
use super::fault::{failed, io_error};
use super::follow::Follower;
use super::open::files;
use super::segment::Segment;
use super::view::{View, Visible};
use super::{idx, os, verify};
use crate::call::Call;
use crate::engine::Progress;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// So much is copied and made to last at once: it is what an end of the work waits for.
const PIECE_BYTES: u64 = 8 << 20;

/// Copies all that is visible into the new directory `path`, and reads the copy to check it.
pub(super) fn backup(
    view: &View,
    visible: &Visible,
    path: &str,
    progress: &mut Progress<'_>,
    call: &Call<'_>,
) -> Result<Map<String, Value>> {
    let path = Path::new(path);
    let what = format!("cannot copy to {}", path.display());
    match std::fs::read_dir(path) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                let message = format!("{what}: it is not empty: name a directory that does not exist yet");
                return Err(Error::new(ErrorKind::InvalidOptions, message).with("option", "path"));
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(&what, &error)),
    }
    let target = Arc::new(os::OsDirectory::open(path, true, true).map_err(|error| io_error(&what, &error))?);
    let copied = copy(view, visible, path, progress, call).and_then(|bytes| {
        use super::storage::Directory as _;
        target.sync().map_err(|error| io_error(&what, &error))?;
        let follower = Follower::open(files(target, false, Bugs::default()))?;
        let total = 2 * bytes;
        let report = check(&follower, &mut |done, _| progress((bytes + done).min(total), total), call)?;
        progress(total, total)?;
        Ok(report)
    });
    if copied.is_err() {
        // What is not a whole copy must not be taken for one.
        let _ = std::fs::remove_dir_all(path);
    }
    copied
}

/// The newest segment first: until the first is there too, nobody can open the copy. How many bytes the log has.
fn copy(
    view: &View,
    &Visible { segment: newest, offset: end, .. }: &Visible,
    path: &Path,
    progress: &mut Progress<'_>,
    call: &Call<'_>,
) -> Result<u64> {
    let directory = &*view.files.directory;
    let total = Segment::open(directory, &view.files.pool, newest)?.log_offset(end);
    let mut copied = 0;
    for ordinal in (1..=newest).rev() {
        let name = Segment::name_of(ordinal);
        let end = if ordinal == newest { end } else { u64::MAX };
        let mut at = 0;
        loop {
            call.check()?;
            progress(copied.min(total), 2 * total)?;
            let piece = at..end.min(at + PIECE_BYTES);
            let bytes =
                directory.copy_out(&name, &path.join(&name), piece).map_err(failed(directory, "copy", &name))?;
            (at, copied) = (at + bytes, copied + bytes);
            if bytes < PIECE_BYTES {
                break;
            }
        }
        let index = idx::name_of(ordinal);
        // At once, since a writer may put another in its place.
        match directory.copy_out(&index, &path.join(&index), 0..u64::MAX) {
            // It can be made anew.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => drop(copied.map_err(failed(directory, "copy", &index))?),
        }
    }
    Ok(total)
}

fn check(copy: &Follower, progress: &mut Progress<'_>, call: &Call<'_>) -> Result<Map<String, Value>> {
    let mut report = verify::verify(&copy.view, &copy.visible()?, progress, call)?;
    if report.get("ok") != Some(&Value::Bool(true)) {
        let problem = report.get("problems").and_then(|problems| problems.get(0)).cloned().unwrap_or_default();
        let message =
            format!("the copy is damaged, so it was removed: {problem}: verify the store that was to be copied");
        return Err(Error::new(ErrorKind::Corrupt, message).with("problem", problem));
    }
    report.remove("ok");
    report.remove("problems");
    report.insert("head".into(), copy.view.head().into());
    report.insert("segments".into(), copy.view.live()?.segment.header.ordinal.into());
    Ok(report)
}
