//! The thread of `sync: {"interval_ms": N}`: so that the last batch of a program that has gone quiet is synced too.

use super::writer::Writer;
use crate::error::{Error, ErrorKind, Result};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread, until it is stopped.
pub(super) struct Interval {
    stopped: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Interval {
    /// Has the writer's log synced every so often.
    pub fn start(writer: &Arc<Writer>, interval: Duration) -> Result<Interval> {
        let stopped = Arc::new((Mutex::new(false), Condvar::new()));
        let (writer, stop) = (writer.clone(), stopped.clone());
        let thread = std::thread::Builder::new().name(String::from("runestore-sync")).spawn(move || {
            let (stopped, bell) = &*stop;
            let mut held = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            while !*held {
                held = bell.wait_timeout(held, interval).unwrap_or_else(PoisonError::into_inner).0;
                drop(held);
                writer.sync_now();
                held = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            }
        });
        let thread = thread.map_err(|error| {
            Error::new(ErrorKind::Io, format!("cannot start the thread that syncs: {error}: use `\"sync\":\"always\"`"))
        })?;
        Ok(Interval { stopped, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread, and returns when it is gone.
    pub fn stop(&self) {
        let (stopped, bell) = &*self.stopped;
        *stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Interval {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Writer {
    /// Syncs what was written by now. Appends go on meanwhile; after a failure no more do.
    fn sync_now(&self) {
        let (file, end) = {
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let end = tail.segment.log_offset(tail.written);
            if tail.poison.is_some() || tail.durable >= end {
                return;
            }
            tail.syncing = true;
            (tail.file.clone(), end)
        };
        let synced = file.sync();
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.syncing = false;
        self.flushed.notify_all();
        match synced {
            Ok(()) => {
                tail.durable = tail.durable.max(end);
                let (head, visible) = (self.view.head(), tail.segment.log_offset(tail.written));
                // Nothing new is visible.
                let _ = self.mark(head, visible, tail.durable);
            }
            Err(error) => tail.poison = Some(format!("it failed to sync the log: {error}")),
        }
    }
}
