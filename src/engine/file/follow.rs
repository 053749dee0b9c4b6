//! A reader of a store that another process may be writing: it looks at the watermark, and reads on.

use super::fault::{Damage, failed, io_error};
use super::idx;
use super::log::misfit;
use super::open::{parts, read};
use super::part::{Bounds, Files, Part};
use super::recovery::Recovered;
use super::scan::{Cursor, Scanner};
use super::sealed::Sealed;
use super::segment::Segment;
use super::storage::{Access, File};
use super::view::{Live, View, Visible, broken};
use super::watermark::{self, Mark, Reading};
use crate::call::Call;
use crate::error::{ErrorKind, Result};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A waiting reader looks again after so long, then after twice as long each time …
const LOOK_MIN: Duration = Duration::from_millis(1);
/// … up to this.
const LOOK_MAX: Duration = Duration::from_millis(16);

/// See the module.
pub(super) struct Follower {
    pub view: Arc<View>,
    boot: [u8; 16],
    at: Mutex<At>,
}

/// How far the log was read.
struct At {
    segment: Arc<Segment>,
    cursor: Cursor,
    /// Behind the last byte that was looked at because the watermark said so.
    visible: Option<u64>,
    watermark: Option<Arc<dyn File>>,
}

impl Follower {
    /// Opens a store for reading.
    pub fn open(files: Files) -> Result<Follower> {
        let boot = files.directory.boot().map_err(|error| io_error("cannot learn when the machine started", &error))?;
        let (Recovered { sealed, newest, damage, known }, mark) = read(&files)?;
        let Some(newest) = newest else { return Err(broken()) };
        let parts = parts(&sealed, &newest);
        let head = if damage.is_some() { known } else { newest.walked.cursor.next - 1 };
        let at = At {
            segment: newest.segment.clone(),
            cursor: newest.walked.cursor,
            visible: mark.map(|mark| mark.visible),
            watermark: None,
        };
        let live = Live {
            sealed: Arc::new(Sealed::new(parts)),
            segment: newest.segment,
            growing: newest.walked.indexed,
            tracking: newest.walked.state.tracking,
            damage,
        };
        Ok(Follower { view: Arc::new(View::new(files, live, head)), boot, at: Mutex::new(at) })
    }

    /// The last position that is visible now.
    pub fn head(&self) -> Result<u64> {
        self.refresh()?;
        Ok(self.view.head())
    }

    /// Waits until the head is larger than `after`.
    pub fn wait(&self, after: u64, deadline: Option<Instant>, call: &Call<'_>) -> Result<u64> {
        let mut pause = LOOK_MIN;
        loop {
            let head = self.head()?;
            if head > after || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                call.check()?;
                return Ok(head);
            }
            let next = Instant::now() + pause;
            call.wait_until(Some(deadline.map_or(next, |deadline| deadline.min(next))), || false)?;
            pause = (pause * 2).min(LOOK_MAX);
        }
    }

    /// How long the log is, as far as it was read.
    pub fn bytes(&self) -> Result<u64> {
        let at = self.at.lock().map_err(|_| broken())?;
        Ok(at.segment.log_offset(at.cursor.offset))
    }

    /// The epoch of the last frame that was read.
    pub fn epoch(&self) -> Result<u64> {
        Ok(self.at.lock().map_err(|_| broken())?.cursor.epoch)
    }

    /// How far the log was read.
    pub fn visible(&self) -> Result<Visible> {
        let at = self.at.lock().map_err(|_| broken())?;
        Ok(Visible { segment: at.segment.header.ordinal, offset: at.cursor.offset, next: at.cursor.next })
    }

    /// Reads on as far as the watermark goes.
    fn refresh(&self) -> Result<()> {
        let mut at = self.at.lock().map_err(|_| broken())?;
        if self.view.live()?.damage.is_some() {
            return Ok(());
        }
        self.view.files.pool.look();
        let Ok(mark) = self.mark(&mut at)? else { return Ok(()) };
        let visible = mark.map(|mark| mark.visible);
        // It can be one that was read before, where the last is whole no more.
        if visible.is_some() && visible <= at.visible {
            return Ok(());
        }
        let why = loop {
            let why = self.walk(&mut at, visible)?;
            let here = at.segment.log_offset(at.cursor.offset);
            if visible.is_some_and(|visible| here >= visible) || !self.next_segment(&mut at, visible)? {
                break why;
            }
        };
        let here = at.segment.log_offset(at.cursor.offset);
        match visible {
            Some(visible) if here < visible => {
                let head = mark.map_or(0, |mark| mark.head);
                let lost = Damage::new(&at.segment.name(), at.cursor.offset, why);
                let next = at.cursor.next;
                self.view.live_mut()?.damage =
                    Some(if head >= next { lost.positions(next, head) } else { lost.onward(next) });
                self.view.publish(head.max(next - 1));
            }
            _ => self.view.publish(at.cursor.next - 1),
        }
        at.visible = visible;
        Ok(())
    }

    /// The watermark, `None` where there is none that says what is visible. `Err` says to look again later: a writer is
    /// there, and its watermark cannot be read now.
    fn mark(&self, at: &mut At) -> Result<std::result::Result<Option<Mark>, ()>> {
        let directory = &*self.view.files.directory;
        if at.watermark.is_none() {
            at.watermark = match directory.open(watermark::NAME, Access::Read) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(failed(directory, "open", watermark::NAME)(error)),
            };
        }
        let reading = match &at.watermark {
            Some(file) => watermark::read(&**file).map_err(failed(directory, "read", watermark::NAME))?,
            None => Reading::default(),
        };
        let mark = reading.mark.filter(|mark| mark.boot == self.boot && mark.store == at.segment.header.store);
        if mark.is_some() && reading.is_last {
            return Ok(Ok(mark));
        }
        let is_locked = directory.is_locked().map_err(failed(directory, "look at the lock of", ""))?;
        // A writer whose watermark failed has acknowledged nothing since the one that is whole.
        Ok(if is_locked { mark.map(Some).ok_or(()) } else { Ok(None) })
    }

    /// Takes in the frames of the segment that came; why it stopped.
    fn walk(&self, at: &mut At, visible: Option<u64>) -> Result<&'static str> {
        let files = &self.view.files;
        let segment = at.segment.clone();
        let len = segment.file.len().map_err(failed(&*files.directory, "look at", &segment.name()))?;
        let end = visible.map_or(len, |visible| len.min(visible.saturating_sub(segment.header.base)));
        let mut scanner = Scanner::new(&*files.directory, &segment, at.cursor, end, files.bugs);
        while let Some(frame) = scanner.next()? {
            let Some(tracking) = frame.tracking() else { return Ok("the tracking in a frame cannot be read") };
            let mut live = self.view.live_mut()?;
            if let Err(why) = live.growing.absorb(&frame) {
                return Ok(why);
            }
            live.tracking.extend(tracking.into_iter().map(|(source, position)| (source.into(), position)));
            drop(live);
            at.cursor = scanner.cursor;
        }
        Ok(scanner.stopped)
    }

    /// Goes on to the next segment, if there is one that follows here.
    fn next_segment(&self, at: &mut At, visible: Option<u64>) -> Result<bool> {
        let files = &self.view.files;
        let directory = &*files.directory;
        let ordinal = at.segment.header.ordinal + 1;
        let exists = match files.pool.file(&Segment::name_of(ordinal)) {
            Ok(_) => true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => return Err(failed(directory, "open", &Segment::name_of(ordinal))(error)),
        };
        if !exists {
            return Ok(false);
        }
        let next = match Segment::open(directory, &files.pool, ordinal) {
            Ok(next) => Arc::new(next),
            // Without a watermark nobody said that it should be there.
            Err(error) if error.kind() == ErrorKind::Corrupt && visible.is_none() => return Ok(false),
            Err(error) => return Err(error),
        };
        let header = &next.header;
        let follows = misfit(directory, &at.segment, &next)?.is_none()
            && header.previous_end == at.cursor.offset
            && header.previous_chain == at.cursor.chain;
        if !follows {
            return Ok(false);
        }
        let bounds = Bounds { end: at.cursor.offset, chain: at.cursor.chain, next: at.cursor.next };
        files.pool.forget(&idx::name_of(at.segment.header.ordinal));
        let part = Part::new(at.segment.clone(), bounds);
        let has_index = part.has_index(files)?;
        {
            let mut live = self.view.live_mut()?;
            let growing = std::mem::replace(&mut live.growing, super::indexed::Indexed::new(bounds.next));
            let part = match growing.first == at.segment.header.first && !has_index {
                true => Part::in_memory(at.segment.clone(), bounds, growing),
                false => part,
            };
            let mut parts = live.sealed.before(at.segment.header.ordinal);
            parts.push(Arc::new(part));
            live.sealed = Arc::new(Sealed::new(parts));
            live.segment = next.clone();
        }
        at.cursor = Cursor::start(&next);
        at.segment = next;
        Ok(true)
    }
}
