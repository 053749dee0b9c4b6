//! The store: validates, completes, hands to the engine, and puts answers together.

use crate::append::{Answer, Append, Expected};
use crate::call::{Call, Cancel, Gate};
use crate::copy::copy;
use crate::cursor::Cursor;
use crate::engine::{Appended, Engine, Read};
use crate::error::{Error, ErrorKind, Result};
use crate::event::name_fault;
use crate::json::{self, Answers, Input};
use crate::query::{Format, Pagination, Query, ReadOptions};
use crate::time::Timestamp;
use serde_json::{Map, Value};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An open store.
///
/// Any number of threads may use it at once, [`Store::close`] included. Texts go in and come out as
/// JSON; `docs/EVENTS.md` describes them.
///
/// ```
/// use runestore::Store;
///
/// let store = Store::open("{}")?;
/// store.append_json(
///     r#"{"type":"Opened","domain":"account","instance_id":"a-1","data":{"owner":"Ada"}}"#,
///     Some(r#"{"expected_version":0}"#),
/// )?;
/// let events = store.get_events_json(Some(r#"{"domain":"account"}"#), None)?;
/// assert!(events.starts_with(br#"[{"sequence_number":1,"id":""#));
/// store.close()?;
/// # Ok::<(), runestore::Error>(())
/// ```
pub struct Store {
    pub(crate) gate: Gate,
    engine: Box<dyn Engine>,
}

impl Store {
    pub(crate) fn over(engine: Box<dyn Engine>) -> Arc<Store> {
        Arc::new(Store { gate: Gate::new(), engine })
    }

    /// Stores one event or an array of them, all or nothing.
    ///
    /// The answer is the JSON array of the stored events, or with `{"return":"summary"}` where they
    /// are.
    ///
    /// # Errors
    ///
    /// `invalid_json`, `invalid_event`, `invalid_options`, `invalid_query` (of a condition) and
    /// `too_large` for what was given; `duplicate_id` and `conflict` for what is stored; `closed`
    /// and `interrupted` from other threads; and what the engine has to say. After any of them but
    /// `indeterminate`, nothing was stored.
    pub fn append_json(&self, events: impl AsRef<[u8]>, options: Option<&str>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.append_into(events.as_ref(), options.map(str::as_bytes), Format::Array, Some(&mut out))?;
        Ok(out)
    }

    /// The same for bytes as another language has them: the answer is appended to `out`, its events
    /// put together as `format` says, or not made at all.
    ///
    /// # Errors
    ///
    /// As [`Store::append_json`].
    pub fn append_into(
        &self,
        events: &[u8],
        options: Option<&[u8]>,
        format: Format,
        out: Option<&mut Vec<u8>>,
    ) -> Result<()> {
        let call = self.gate.enter(None)?;
        let events = Input::new("events", events)?;
        let options = options.map(|bytes| Input::new("options", bytes)).transpose()?;
        let (checks, answer) = json::read_append_options(options)?;
        let batch = json::read_batch(events, Timestamp::now())?;
        if checks.expected_version != Expected::Any && batch.only_stream().is_none() {
            return Err(Error::new(
                ErrorKind::InvalidOptions,
                "`expected_version` is for a batch of exactly one stream: use `expect` to name the streams one by one",
            )
            .with("option", "expected_version"));
        }
        batch.check_ids()?;
        self.append(&Append { batch, checks }, answer, format, out, &call)
    }

    fn append(
        &self,
        append: &Append,
        answer: Answer,
        format: Format,
        out: Option<&mut Vec<u8>>,
        call: &Call<'_>,
    ) -> Result<()> {
        match (out, answer) {
            (None, _) => {
                self.commit(append, None, call)?;
            }
            (Some(out), Answer::Summary) => {
                let Appended { first, count, head } = self.commit(append, None, call)?;
                json::summary(first, count, head, out);
            }
            (Some(out), Answer::Events) => {
                // Beforehand, since an append that was stored must not fail for want of memory.
                json::reserve_for(&append.batch, out)?;
                let mut answers = Answers::new(out, format, usize::MAX);
                self.commit(append, Some(&mut answers), call)?;
                answers.finish()?;
            }
        }
        Ok(())
    }

    fn commit(&self, append: &Append, sink: Option<&mut dyn crate::query::Sink>, call: &Call<'_>) -> Result<Appended> {
        let appended = self.engine.append(append, sink, call);
        // Whatever it came to: an error in putting the answer together does not unmake a commit.
        self.gate.ring();
        appended
    }

    /// The events that match a query (all, if there is none), as its options say.
    ///
    /// The answer is of one moment: every batch acknowledged before the call, no part of a batch, no
    /// gap.
    ///
    /// # Errors
    ///
    /// `invalid_json`, `invalid_query`, `invalid_options`, `too_large` for what was given; `closed`
    /// and `interrupted` from other threads; and what the engine has to say.
    pub fn get_events_json(&self, query: Option<&str>, options: Option<&str>) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        self.get_events_into(query.map(str::as_bytes), options.map(str::as_bytes), &mut out)?;
        Ok(out)
    }

    /// The same for bytes as another language has them, the answer appended to `out`.
    ///
    /// # Errors
    ///
    /// As [`Store::get_events_json`].
    pub fn get_events_into(&self, query: Option<&[u8]>, options: Option<&[u8]>, out: &mut Vec<u8>) -> Result<()> {
        let call = self.gate.enter(None)?;
        let query = read_query(query)?;
        let options = read_options(options)?;
        if options.pagination {
            out.extend_from_slice(b"{\"events\":");
        }
        let page = self.read(&query, &options, options.format, out, &call)?;
        if let Some(page) = page {
            json::end_page(&page, out)?;
        }
        Ok(())
    }

    /// One page: its events are appended to `out`, one a line, and what comes back says where the
    /// page stands. `options` are those of [`Store::get_events_json`]; `pagination` must be among
    /// them.
    ///
    /// ```
    /// # let store = runestore::Store::open("{}")?;
    /// store.append_json(r#"{"type":"Opened","domain":"account","instance_id":"a-1"}"#, None)?;
    /// let mut lines = Vec::new();
    /// let page = store.get_page_into(None, Some(br#"{"pagination":true,"limit":10}"#), &mut lines)?;
    /// assert_eq!((page.total_count, page.total_pages, page.has_next), (1, 1, false));
    /// # Ok::<(), runestore::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Store::get_events_json`], and `invalid_options` without `pagination`.
    pub fn get_page_into(&self, query: Option<&[u8]>, options: Option<&[u8]>, out: &mut Vec<u8>) -> Result<Pagination> {
        let call = self.gate.enter(None)?;
        let query = read_query(query)?;
        let options = read_options(options)?;
        self.read(&query, &options, Format::Ndjson, out, &call)?.ok_or_else(|| {
            Error::new(ErrorKind::InvalidOptions, "a page needs `\"pagination\":true`").with("option", "pagination")
        })
    }

    /// Appends the events to `out`, and tells the page if the options ask for it.
    fn read(
        &self,
        query: &Query,
        options: &ReadOptions,
        format: Format,
        out: &mut Vec<u8>,
        call: &Call<'_>,
    ) -> Result<Option<Pagination>> {
        let head = if options.pagination { self.engine.head(call)? } else { self.engine.moment(call)? };
        let read = Read {
            query,
            after: 0,
            up_to: head,
            direction: options.direction,
            skip: options.offset,
            limit: options.limit.unwrap_or(u64::MAX),
        };
        let mut answers = Answers::new(out, format, usize::MAX);
        self.engine.read(&read, &mut answers, call)?;
        answers.finish()?;
        if !options.pagination {
            return Ok(None);
        }
        let total = self.engine.count(&read, call)?;
        Ok(Some(Pagination::new(total, read.limit, options.offset, head)))
    }

    /// Opens a cursor: the same events piece by piece, and with `{"follow":true}` new ones as they
    /// are committed.
    ///
    /// # Errors
    ///
    /// As [`Store::get_events_json`].
    pub fn cursor(self: &Arc<Self>, query: Option<&str>, options: Option<&str>) -> Result<Cursor> {
        self.cursor_over(query.map(str::as_bytes), options.map(str::as_bytes), 0)
    }

    /// The same for bytes as another language has them, and for events behind `after` only, whatever
    /// the query says.
    ///
    /// # Errors
    ///
    /// As [`Store::get_events_json`].
    pub fn cursor_over(self: &Arc<Self>, query: Option<&[u8]>, options: Option<&[u8]>, after: u64) -> Result<Cursor> {
        let call = self.gate.enter(None)?;
        let mut query = read_query(query)?;
        for filter in &mut query.filters {
            filter.after = filter.after.max(after);
        }
        let options = json::read_cursor_options(options.map(|bytes| Input::new("options", bytes)).transpose()?)?;
        Ok(Cursor::new(self, query, options, self.engine.head(&call)?))
    }

    /// The last position, 0 in an empty store.
    ///
    /// # Errors
    ///
    /// `closed`, `forked`, and what the engine has to say.
    pub fn head(&self) -> Result<u64> {
        let call = self.gate.enter(None)?;
        self.engine.head(&call)
    }

    /// Waits until the head is larger than `after`, or `timeout` has passed (`None` waits for ever);
    /// the head then.
    ///
    /// # Errors
    ///
    /// `closed` and `interrupted` from other threads, and what the engine has to say.
    pub fn wait(&self, after: u64, timeout: Option<Duration>) -> Result<u64> {
        let call = self.gate.enter(None)?;
        self.engine.wait(after, deadline(timeout), &call)
    }

    /// The position recorded for a tracking source, 0 if there is none.
    ///
    /// # Errors
    ///
    /// `invalid_options` where `source` cannot be a source's name; `closed`, and what the engine has
    /// to say.
    pub fn tracking(&self, source: &str) -> Result<u64> {
        let call = self.gate.enter(None)?;
        if let Some(fault) = name_fault(source) {
            let message = format!("source {fault}: give a string of 1 to 1024 bytes without U+0000");
            return Err(Error::new(ErrorKind::InvalidOptions, message).with("option", "source"));
        }
        self.engine.tracking(source, &call)
    }

    /// Ends the calls in progress with `interrupted`; later calls are not touched. An append whose
    /// commit has begun still finishes.
    ///
    /// # Errors
    ///
    /// `closed`.
    pub fn interrupt(&self) -> Result<()> {
        self.gate.interrupt()
    }

    /// What is known about the store: `engine`, `head`, `events`, `version`, and more as far as the
    /// engine has it.
    ///
    /// # Errors
    ///
    /// `closed`, and what the engine has to say.
    pub fn info(&self) -> Result<Map<String, Value>> {
        let call = self.gate.enter(None)?;
        let mut info = self.engine.info(&call)?;
        info.insert(String::from("version"), env!("CARGO_PKG_VERSION").into());
        Ok(info)
    }

    /// Reads all that is stored and checks it.
    ///
    /// # Errors
    ///
    /// `unsupported` where the engine keeps nothing that could be damaged; `closed`.
    pub fn verify(&self) -> Result<Map<String, Value>> {
        self.verify_with(&mut |_, _| ControlFlow::Continue(()))
    }

    /// The same, and `progress` is told how far it has come: so many bytes of so many, from this thread, for the last
    /// time when all is done. It is called often, so it must be quick; its break ends the work. It must not close the
    /// store, which would wait for this call.
    ///
    /// # Errors
    ///
    /// As [`Store::verify`], and `interrupted` where `progress` breaks.
    pub fn verify_with(&self, progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Map<String, Value>> {
        let call = self.gate.enter(None)?;
        self.engine.verify(&mut |done, total| went_on(progress(done, total)), &call)
    }

    /// Copies the store into the new directory `path`, where it opens as a store of its own.
    ///
    /// # Errors
    ///
    /// `unsupported` where the engine cannot; `closed`.
    pub fn backup(&self, path: &str) -> Result<Map<String, Value>> {
        self.backup_with(path, &mut |_, _| ControlFlow::Continue(()))
    }

    /// The same, and `progress` is told how far it has come, as [`Store::verify_with`] tells it. The copy is read to
    /// check it, so there are about twice as many bytes as the store has. What was ended leaves no copy.
    ///
    /// # Errors
    ///
    /// As [`Store::backup`], and `interrupted` where `progress` breaks.
    pub fn backup_with(
        &self,
        path: &str,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Map<String, Value>> {
        let call = self.gate.enter(None)?;
        self.engine.backup(path, &mut |done, total| went_on(progress(done, total)), &call)
    }

    /// Copies the store into another one, whatever the engines of the two: events with their positions, ids and times,
    /// and the positions of tracking sources (an engine of your own cannot list them, so from there none). What `target`
    /// has already must be the beginning of this store: so a copy that ended early is gone on with by copying again. At
    /// the end all that was there when the call began is read in both and compared. The borders of batches are not kept.
    ///
    /// The answer is `copied`, the events that this call appended, `events` and `head`.
    ///
    /// ```
    /// # let (source, target) = (runestore::Store::open("{}")?, runestore::Store::open("{}")?);
    /// source.append_json(r#"{"type":"Opened","domain":"account","instance_id":"a-1"}"#, None)?;
    /// assert_eq!(source.copy_to(&target)?["copied"], 1);
    /// assert_eq!(source.get_events_json(None, None)?, target.get_events_json(None, None)?);
    /// assert_eq!(source.copy_to(&target)?["copied"], 0);
    /// # Ok::<(), runestore::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `conflict` with `reason` `copy` and the position where `target` is not the beginning of this store, or somebody
    /// else writes to it; `misuse` where both are one store; and what either engine has to say. What was appended
    /// stays.
    pub fn copy_to(&self, target: &Store) -> Result<Map<String, Value>> {
        self.copy_to_with(target, &mut |_, _| ControlFlow::Continue(()))
    }

    /// The same, and `progress` is told how far it has come, as [`Store::verify_with`] tells it, in events: those to be
    /// appended, and then all to be compared.
    ///
    /// # Errors
    ///
    /// As [`Store::copy_to`], and `interrupted` where `progress` breaks.
    pub fn copy_to_with(
        &self,
        target: &Store,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Map<String, Value>> {
        if std::ptr::eq(self, target) {
            return Err(Error::new(ErrorKind::Misuse, "copy: both are one store: open another one to copy into"));
        }
        let (here, there) = (self.gate.enter(None)?, target.gate.enter(None)?);
        let copied = copy((&*self.engine, &here), (&*target.engine, &there), &mut |done, total| {
            target.gate.ring();
            here.check()?;
            there.check()?;
            went_on(progress(done, total))
        });
        target.gate.ring();
        copied
    }

    /// Closes the store: stops reads at the next event, lets a begun commit finish, wakes all that
    /// wait with `closed`, and returns when all of it is done. Its cursors end.
    ///
    /// # Errors
    ///
    /// `closed` if it was closed before; `misuse` from inside a function of the engine that it serves.
    pub fn close(&self) -> Result<()> {
        self.check_outside()?;
        self.gate.close()?;
        self.engine.close()
    }

    /// Refuses what would wait for the call of its engine that it is inside of.
    pub(crate) fn check_outside(&self) -> Result<()> {
        self.engine.check_outside()
    }

    /// Begins a cursor's call.
    pub(crate) fn enter<'a>(&'a self, cancel: &'a Cancel) -> Result<Call<'a>> {
        self.gate.enter(Some(cancel))
    }

    /// The engine, for a cursor that has entered.
    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

fn went_on(answer: ControlFlow<()>) -> Result<()> {
    if answer.is_break() { Err(Error::interrupted()) } else { Ok(()) }
}

fn read_query(query: Option<&[u8]>) -> Result<Query> {
    match query {
        Some(bytes) => json::read_query(Input::new("query", bytes)?),
        None => Ok(Query::all()),
    }
}

fn read_options(options: Option<&[u8]>) -> Result<ReadOptions> {
    json::read_options(options.map(|bytes| Input::new("options", bytes)).transpose()?)
}

/// The moment when `timeout` has passed; `None` where that is for ever, or as good as.
pub(crate) fn deadline(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|timeout| Instant::now().checked_add(timeout))
}
