//! Copies a store, which may be written meanwhile.

use super::bug::Bugs;
use super::fault::{failed, io_error};
use super::follow::Follower;
use super::open::files;
use super::segment::Segment;
use super::view::View;
use super::{idx, os, verify};
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::Arc;

/// Copies all that is visible into the new directory `path`, and reads the copy to check it. `end` is where the
/// newest segment ends.
pub(super) fn backup(view: &View, end: (u64, u64), path: &str, call: &Call<'_>) -> Result<Map<String, Value>> {
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
    let target = Arc::new(os::OsDirectory::open(path, true).map_err(|error| io_error(&what, &error))?);
    let copied = copy(view, end, path, call).and_then(|()| {
        use super::storage::Directory as _;
        target.sync().map_err(|error| io_error(&what, &error))?;
        let follower = Follower::open(files(target, false, Bugs::default()))?;
        check(&follower.view, call)
    });
    if copied.is_err() {
        // What is not a whole copy must not be taken for one.
        let _ = std::fs::remove_dir_all(path);
    }
    copied
}

/// The newest segment first: until the first is there too, nobody can open the copy.
fn copy(view: &View, (newest, end): (u64, u64), path: &Path, call: &Call<'_>) -> Result<()> {
    let directory = &*view.files.directory;
    for ordinal in (1..=newest).rev() {
        call.check()?;
        let name = Segment::name_of(ordinal);
        let len = (ordinal == newest).then_some(end);
        directory.copy_out(&name, &path.join(&name), len).map_err(failed(directory, "copy", &name))?;
        let index = idx::name_of(ordinal);
        match directory.copy_out(&index, &path.join(&index), None) {
            // It can be made anew.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            copied => copied.map_err(failed(directory, "copy", &index))?,
        }
    }
    Ok(())
}

fn check(copy: &View, call: &Call<'_>) -> Result<Map<String, Value>> {
    let mut report = verify::verify(copy, call)?;
    if report.get("ok") != Some(&Value::Bool(true)) {
        let problem = report.get("problems").and_then(|problems| problems.get(0)).cloned().unwrap_or_default();
        let message =
            format!("the copy is damaged, so it was removed: {problem}: verify the store that was to be copied");
        return Err(Error::new(ErrorKind::Corrupt, message).with("problem", problem));
    }
    report.remove("ok");
    report.remove("problems");
    report.insert("head".into(), copy.head().into());
    report.insert("segments".into(), copy.live()?.segment.header.ordinal.into());
    Ok(report)
}
