//! The engine's errors, each with its place and what to do.

use super::storage::Directory;
use crate::error::{Error, ErrorKind};
use std::io;

/// Damage to stored data: where it is, and what it took away.
#[derive(Debug, Clone)]
pub(super) struct Damage {
    pub file: String,
    pub offset: u64,
    pub what: String,
    /// The first and the last position that are lost, as far as it is known.
    pub positions: Option<(u64, Option<u64>)>,
}

impl Damage {
    pub fn new(file: &str, offset: u64, what: impl Into<String>) -> Damage {
        Damage { file: file.into(), offset, what: what.into(), positions: None }
    }

    /// The positions that are lost.
    pub fn positions(self, first: u64, last: u64) -> Damage {
        Damage { positions: Some((first, Some(last))), ..self }
    }

    /// The positions from here on are lost; nobody knows how many there were.
    pub fn onward(self, first: u64) -> Damage {
        Damage { positions: Some((first, None)), ..self }
    }

    /// The damage as an error.
    pub fn error(&self, directory: &dyn Directory) -> Error {
        let Damage { file, offset, what, positions } = self;
        let lost = match positions {
            Some((first, Some(last))) if first == last => format!(", position {first}"),
            Some((first, Some(last))) => format!(", positions {first} to {last}"),
            Some((first, None)) => format!(", positions from {first} on"),
            None => String::new(),
        };
        let message = format!(
            "{}/{file} is damaged at byte {offset}{lost}: {what}: restore the store from a backup, \
             or open it with `\"read_only\":true` and read what lies before the damage",
            directory.shown()
        );
        let error = Error::new(ErrorKind::Corrupt, message)
            .with("file", file.as_str())
            .with("offset", *offset)
            .with("what", what.as_str());
        match positions {
            Some((first, Some(last))) => error.with("first", *first).with("last", *last),
            Some((first, None)) => error.with("first", *first),
            None => error,
        }
    }
}

/// The error for what the operating system refused.
pub(super) fn failed<'a>(
    directory: &'a dyn Directory,
    what: &'a str,
    name: &'a str,
) -> impl FnOnce(io::Error) -> Error + 'a {
    move |error| io_error(&format!("cannot {what} {}/{name}", directory.shown()), &error)
}

/// The error for what the operating system refused, in its own words.
pub(super) fn io_error(what: &str, error: &io::Error) -> Error {
    if is_no_space(error) {
        let message = format!("{what}: {error}: nothing was stored; free space on the disk and append again");
        return Error::new(ErrorKind::NoSpace, message);
    }
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied => "give this process the right to it",
        io::ErrorKind::NotFound => "do not take files out of a store",
        io::ErrorKind::ReadOnlyFilesystem => "open it with `\"read_only\":true`, or make the file system writable",
        _ => "look after the disk and the file system",
    };
    let failure = Error::new(ErrorKind::Io, format!("{what}: {error}: {remedy}"));
    match error.raw_os_error() {
        Some(number) => failure.with("errno", number),
        None => failure,
    }
}

/// Whether there is no room on the disk, or none left for this user.
pub(super) fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The error for files that a later version wrote.
pub(super) fn newer(directory: &dyn Directory, name: &str, format: u32, features: u64) -> Error {
    let message = format!(
        "{}/{name} has format {format} with features {features:#x}, which this version does not know: \
         open the store with the version of Runestore that wrote it, or a later one",
        directory.shown()
    );
    Error::new(ErrorKind::Unsupported, message).with("file", name).with("format", format)
}
