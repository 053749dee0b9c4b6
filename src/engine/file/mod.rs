//! The file engine: an append-only log of segments in one directory.
//!
//! `docs/FORMAT.md` describes the files, `docs/DURABILITY.md` what is promised. From the bottom up: `storage` is
//! the seam to the machine and `os` the machine behind it; `segment`, `frame` and `watermark` are what files hold; `scan` walks
//! frames, `recovery` finds out what a directory holds, `open` makes it a store. `part`, `sealed`, `counts` and `view` answer reads,
//! `writer`, `queue`, `flush` and `roll` take appends, `follow` reads what another process writes.

mod backup;
mod bug;
mod bytes;
mod checksum;
mod counts;
mod fault;
mod flush;
mod follow;
mod frame;
mod hint;
mod idx;
mod indexed;
mod interval;
mod log;
mod mapped;
mod open;
mod os;
mod part;
mod place;
mod pool;
mod queue;
mod reach;
mod recovery;
mod roll;
mod scan;
mod sealed;
mod segment;
mod storage;
mod verify;
mod view;
mod walk;
mod watermark;
mod writer;

#[cfg(feature = "simulation")]
pub use bug::Bug;
pub(crate) use bug::Bugs;
#[cfg(feature = "simulation")]
pub use storage::{Access, Directory, File, Lock, Memory};

use super::{Appended, End, Engine, Progress, Read};
use crate::append::Append;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{FileOptions, Sync};
use crate::query::Sink;
use fault::io_error;
use follow::Follower;
use interval::Interval;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use view::{View, Visible};
use writer::Writer;

/// See the module.
pub(crate) struct FileStore {
    view: Arc<View>,
    role: Role,
}

enum Role {
    Writer(Arc<Writer>, Option<Interval>),
    Reader(Follower),
}

impl FileStore {
    /// Opens the store in a directory.
    pub fn open(options: &FileOptions) -> Result<FileStore> {
        let path = Path::new(&options.path);
        let create = options.create && !options.read_only;
        let directory = os::OsDirectory::open(path, create, options.mmap).map_err(|error| {
            let what = format!("cannot open {}", path.display());
            match error.kind() {
                std::io::ErrorKind::NotFound if !create => Error::new(
                    ErrorKind::NotFound,
                    format!("{what}: it does not exist: open it for writing with `\"create\":true` to make a store"),
                )
                .with("path", path.display().to_string()),
                _ => io_error(&what, &error),
            }
        })?;
        FileStore::on(Arc::new(directory), options, Bugs::default())
    }

    /// The same for a directory however it is made.
    pub fn on(directory: Arc<dyn storage::Directory>, options: &FileOptions, bugs: Bugs) -> Result<FileStore> {
        let files = open::files(directory, !options.read_only, bugs);
        if options.read_only {
            let follower = Follower::open(files)?;
            return Ok(FileStore { view: follower.view.clone(), role: Role::Reader(follower) });
        }
        let writer = Arc::new(open::write(files, options)?);
        let interval = match options.sync {
            Sync::Interval(interval) => Some(Interval::start(&writer, interval)?),
            Sync::Always | Sync::Never => None,
        };
        Ok(FileStore { view: writer.view.clone(), role: Role::Writer(writer, interval) })
    }

    fn visible_head(&self) -> Result<u64> {
        match &self.role {
            Role::Writer(..) => Ok(self.view.head()),
            Role::Reader(follower) => follower.head(),
        }
    }

    /// How far the log is visible now.
    fn visible(&self) -> Result<Visible> {
        match &self.role {
            Role::Writer(writer, _) => {
                // Whoever has the tail finds the head where the log ends.
                let tail = writer.tail()?;
                let segment = tail.segment.header.ordinal;
                Ok(Visible { segment, offset: tail.written, next: self.view.head() + 1 })
            }
            Role::Reader(follower) => follower.visible(),
        }
    }

    /// What a test of crashes asks.
    #[cfg(feature = "simulation")]
    pub fn probe(&self) -> Probe {
        match &self.role {
            Role::Writer(writer, _) => Probe(Some(writer.clone())),
            Role::Reader(_) => Probe(None),
        }
    }
}

impl Engine for FileStore {
    fn append(&self, append: &Append, sink: Option<&mut dyn Sink>, call: &Call<'_>) -> Result<Appended> {
        match &self.role {
            Role::Writer(writer, _) => writer.append(append, sink, call),
            Role::Reader(_) => Err(Error::new(
                ErrorKind::ReadOnly,
                "the store was opened with `\"read_only\":true`: open it without that to append",
            )),
        }
    }

    fn read(&self, read: &Read<'_>, sink: &mut dyn Sink, call: &Call<'_>) -> Result<End> {
        self.view.read(read, sink, call)
    }

    fn count(&self, read: &Read<'_>, call: &Call<'_>) -> Result<u64> {
        self.view.count(read, call)
    }

    fn head(&self, _call: &Call<'_>) -> Result<u64> {
        self.visible_head()
    }

    fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        match &self.role {
            Role::Writer(..) => {
                call.wait_until(deadline, || self.view.head() > after)?;
                Ok(self.view.head())
            }
            Role::Reader(follower) => follower.wait(after, deadline, call),
        }
    }

    fn tracking(&self, source: &str, _call: &Call<'_>) -> Result<u64> {
        self.visible_head()?;
        let live = self.view.live()?;
        match &live.damage {
            // What is lost may have recorded more.
            Some(damage) => Err(damage.error(&*self.view.files.directory)),
            None => Ok(live.tracking.get(source).copied().unwrap_or(0)),
        }
    }

    fn trackings(&self, _call: &Call<'_>) -> Result<Vec<(String, u64)>> {
        self.visible_head()?;
        let live = self.view.live()?;
        match &live.damage {
            Some(damage) => Err(damage.error(&*self.view.files.directory)),
            None => Ok(live.tracking.iter().map(|(source, position)| (source.to_string(), *position)).collect()),
        }
    }

    fn info(&self, _call: &Call<'_>) -> Result<Map<String, Value>> {
        let head = self.visible_head()?;
        let segments = self.view.live()?.segment.header.ordinal;
        let mut info = Map::new();
        info.insert("engine".into(), "file".into());
        info.insert("head".into(), head.into());
        info.insert("events".into(), head.into());
        info.insert("segments".into(), segments.into());
        info.insert("format".into(), segment::FORMAT.into());
        info.insert("path".into(), self.view.files.directory.shown().into());
        match &self.role {
            Role::Writer(writer, _) => {
                let tail = writer.tail()?;
                info.insert("bytes".into(), tail.segment.log_offset(tail.written).into());
                info.insert(
                    "sync".into(),
                    match writer.sync {
                        Sync::Always => "always".into(),
                        Sync::Never => "never".into(),
                        Sync::Interval(interval) => serde_json::json!({ "interval_ms": interval.as_millis() as u64 }),
                    },
                );
                info.insert("read_only".into(), false.into());
                info.insert("epoch".into(), writer.epoch.into());
            }
            Role::Reader(follower) => {
                info.insert("bytes".into(), follower.bytes()?.into());
                info.insert("read_only".into(), true.into());
                info.insert("epoch".into(), follower.epoch()?.into());
            }
        }
        Ok(info)
    }

    fn verify(&self, progress: &mut Progress<'_>, call: &Call<'_>) -> Result<Map<String, Value>> {
        self.visible_head()?;
        verify::verify(&self.view, &self.visible()?, progress, call)
    }

    fn backup(&self, path: &str, progress: &mut Progress<'_>, call: &Call<'_>) -> Result<Map<String, Value>> {
        self.visible_head()?;
        if let Some(damage) = &self.view.live()?.damage {
            return Err(damage.error(&*self.view.files.directory));
        }
        backup::backup(&self.view, &self.visible()?, path, progress, call)
    }

    fn close(&self) -> Result<()> {
        let Role::Writer(writer, interval) = &self.role else { return Ok(()) };
        if let Some(interval) = interval {
            interval.stop();
        }
        let mut tail = writer.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = if tail.poison.is_none() { writer.finish(&mut tail) } else { Ok(()) };
        // Last, and whatever went wrong: the next writer may come.
        writer.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        finished
    }
}

/// What a test of crashes may ask of a store.
#[cfg(feature = "simulation")]
pub struct Probe(Option<Arc<Writer>>);

#[cfg(feature = "simulation")]
impl Probe {
    /// How many appends wait for a flush that has not begun.
    pub fn queued(&self) -> usize {
        self.0.as_ref().map_or(0, |writer| writer.queued())
    }
}
