//! Does the steps to a store and to the oracle, and says where they differ.

use crate::compare::{Outcome, answered, is_now, is_uuid7, refused, same};
use crate::cursors::{Reading, State};
use crate::events::{Form, bulk, changed};
use crate::meaning::read_options;
use crate::oracle::{Event, Oracle, Refusal, Verdict, refusal};
use crate::samples::{EVENT_FAULTS, quoted};
use crate::steps::{Append, AppendOptions, Query, ReadOptions, Step};
use proptest::sample::Index;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Does the steps to a fresh store. An error tells all calls and what was wrong with the last.
pub fn run(config: &str, steps: &[Step]) -> Result<(), String> {
    let store = Store::open(config).map_err(|error| error.to_string())?;
    let mut world =
        World { config: config.into(), store, oracle: Oracle::default(), cursors: Vec::new(), calls: String::new() };
    // A panic is told like any other difference, with the calls that led to it.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        steps.iter().try_for_each(|step| world.step(step)).and_then(|()| world.end())
    }));
    let outcome = outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("without a text")))
    });
    outcome.map_err(|difference| format!("{difference}\nThe calls:\n{}", world.calls))
}

/// A store, and all that is known of it.
pub struct World {
    config: String,
    pub store: Arc<Store>,
    pub oracle: Oracle,
    pub cursors: Vec<Reading>,
    /// All calls so far, one a line.
    calls: String,
}

impl World {
    fn step(&mut self, step: &Step) -> Outcome {
        match step {
            Step::Append(append) => self.append(append),
            Step::Bulk { count, payload_bytes, inserted_at } => {
                let events = bulk(*count, *payload_bytes, *inserted_at);
                self.append_all(events, Form::default(), &AppendOptions { summary: Some(true), ..Default::default() })
            }
            Step::Again { first, count, change, form, options } => {
                self.again(first, *count, |events| changed(events, *change), *form, options)
            }
            Step::Read { query, options } => self.read(query, options),
            Step::Open { query, options, max_bytes, follow } => self.open(query, options, *max_bytes, *follow),
            Step::Next { cursor, max_events } => self.next(cursor, *max_events),
            Step::Cancel { cursor } => self.stop(cursor, State::Cancelled),
            Step::CloseCursor { cursor } => self.stop(cursor, State::Closed),
            Step::Tracking { source } => {
                self.called("tracking", &[&quoted(source)]);
                same("the position", &self.store.tracking(source), &Ok(self.oracle.tracking(source)))
            }
            Step::Wait { after } => {
                let after = after.resolve(self.oracle.head());
                self.called("wait", &[&after.to_string()]);
                same("the head", &self.store.wait(after, Some(Duration::ZERO)), &Ok(self.oracle.head()))
            }
            Step::Interrupt => {
                self.called("interrupt", &[]);
                same("interrupt", &self.store.interrupt(), &Ok(()))
            }
            Step::Info => {
                self.called("info", &[]);
                let info = self.store.info().map_err(|error| error.to_string())?;
                same("head", &info.get("head"), &Some(&json!(self.oracle.head())))?;
                same("events", &info.get("events"), &Some(&json!(self.oracle.head())))
            }
            Step::Reopen => {
                self.called("close, open", &[]);
                same("close", &self.store.close(), &Ok(()))?;
                self.open_again()
            }
            Step::Crash => {
                self.called("drop, open", &[]);
                // The configuration of the memory engine: any store will do, so that the old one goes.
                self.store = Store::open("{}").map_err(|error| error.to_string())?;
                self.open_again()
            }
        }
    }

    fn open_again(&mut self) -> Outcome {
        self.cursors.iter_mut().for_each(|reading| reading.state = State::Closed);
        self.store = Store::open(&self.config).map_err(|error| error.to_string())?;
        same("the head", &self.store.head(), &Ok(self.oracle.head()))
    }

    /// All is there, and after the close nothing is.
    fn end(&mut self) -> Outcome {
        self.read(&Query::Absent, &ReadOptions::default())?;
        self.called("close", &[]);
        same("close", &self.store.close(), &Ok(()))?;
        let closed = refusal(ErrorKind::Closed, json!({}));
        refused(self.store.get_events_json(None, None), &closed)?;
        refused(self.store.append_json("[]", None), &closed)?;
        for reading in &self.cursors {
            refused(reading.cursor.next(0, None, &mut Vec::new()), &closed)?;
        }
        Ok(())
    }

    /// Notes a call.
    pub fn called(&mut self, name: &str, arguments: &[&str]) {
        let _ = write!(self.calls, "  {name}");
        for argument in arguments {
            match argument.char_indices().nth(2000) {
                None => write!(self.calls, " {argument}"),
                Some((end, _)) => write!(self.calls, " {}…", &argument[..end]),
            }
            .expect("a string takes everything");
        }
        self.calls.push('\n');
    }

    fn append(&mut self, append: &Append) -> Outcome {
        let count = append.events.len();
        let fault = append.fault.filter(|_| count > 0).map(|(index, fault)| (index.index(count), EVENT_FAULTS[fault]));
        let texts: Vec<String> = (append.events.iter().enumerate())
            .map(|(index, (event, form))| {
                form.text(event, fault.filter(|(at, _)| *at == index).map(|(_, (text, _))| text))
            })
            .collect();
        let text = if append.bare && count == 1 { texts[0].clone() } else { format!("[{}]", texts.join(",")) };
        let (text, wrong) = match (&append.cut, fault) {
            // No beginning of an object or array is one itself.
            (Some(cut), _) => {
                let end = cut.index(text.trim_end().len());
                (&text.as_bytes()[..end], Some(refusal(ErrorKind::InvalidJson, json!({"in": "events"}))))
            }
            (None, Some((index, (_, field)))) => {
                (text.as_bytes(), Some(refusal(ErrorKind::InvalidEvent, json!({"index": index, "field": field}))))
            }
            (None, None) => (text.as_bytes(), None),
        };
        let batch = append.events.iter().map(|(event, _)| event.clone()).collect();
        self.append_text(text, batch, wrong, &append.options)
    }

    fn again(
        &mut self,
        first: &Index,
        count: usize,
        change: impl FnOnce(Vec<Event>) -> Vec<Event>,
        form: Form,
        options: &AppendOptions,
    ) -> Outcome {
        let head = self.oracle.head();
        if head == 0 {
            return Ok(());
        }
        let first = first.index(head as usize) as u64 + 1;
        let last = head.min(first + count as u64 - 1);
        let events = (first..=last).map(|number| self.oracle.event(number).clone()).collect();
        self.append_all(change(events), form, options)
    }

    fn append_all(&mut self, batch: Vec<Event>, form: Form, options: &AppendOptions) -> Outcome {
        let texts: Vec<String> = batch.iter().map(|event| form.text(event, None)).collect();
        self.append_text(format!("[{}]", texts.join(",")).as_bytes(), batch, None, options)
    }

    /// Appends `text`, which says `batch`, or is `wrong`.
    fn append_text(
        &mut self,
        text: &[u8],
        batch: Vec<Event>,
        wrong: Option<Refusal>,
        options: &AppendOptions,
    ) -> Outcome {
        let (options_text, checks) = self.append_options(options, &batch);
        let verdict = checks.and_then(|checks| match wrong {
            Some(wrong) => Err(wrong),
            None => self.oracle.judge(&batch, &checks).map(|verdict| (verdict, checks)),
        });
        self.called("append", &[&String::from_utf8_lossy(text), &options_text]);
        let before = self.oracle.head();
        // No options at all are as good as an object without any.
        let answer = self.store.append_json(text, Some(&*options_text).filter(|text| *text != "{}"));
        let (range, checks) = match verdict {
            Err(wanted) => {
                refused(answer, &wanted)?;
                return same("the head", &self.store.head(), &Ok(before));
            }
            Ok((Verdict::Known(range), checks)) => (range, checks),
            Ok((Verdict::New, checks)) => {
                if let Err(error) = answer {
                    return Err(format!("it was to be stored, but: {error:?}"));
                }
                let batch = self.completed(batch)?;
                (self.oracle.store(batch), checks)
            }
        };
        self.oracle.track(&checks);
        let head = self.oracle.head();
        let wanted = match (options.summary, range.is_empty()) {
            (Some(true), true) => format!(r#"{{"first":null,"last":null,"count":0,"head":{head}}}"#),
            (Some(true), false) => {
                let (first, last) = (range.start, range.end - 1);
                format!(r#"{{"first":{first},"last":{last},"count":{},"head":{head}}}"#, range.end - range.start)
            }
            _ => self.texts(range, false),
        };
        answered(answer, &wanted)?;
        same("the head", &self.store.head(), &Ok(head))
    }

    /// The batch that was just stored, with the ids and times that the store made, once their form is checked.
    fn completed(&self, mut batch: Vec<Event>) -> Result<Vec<Event>, String> {
        if batch.iter().all(|event| event.id.is_some() && event.inserted_at.is_some()) {
            return Ok(batch);
        }
        let query = format!(r#"{{"after":{}}}"#, self.oracle.head());
        let answer = self.store.get_events_json(Some(&query), None).map_err(|error| error.to_string())?;
        let stored: Vec<Value> = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
        same("the number of events stored", &stored.len(), &batch.len())?;
        let mut times: Vec<&str> = Vec::new();
        let mut ids: Vec<&str> = Vec::new();
        for (event, stored) in batch.iter_mut().zip(&stored) {
            if event.id.is_none() {
                let id = stored["id"].as_str().ok_or("no id")?;
                if !is_uuid7(id) {
                    return Err(format!("{id} is no UUIDv7 in lower case"));
                }
                event.id = Some(String::from(id));
                ids.push(id);
            }
            if event.inserted_at.is_none() {
                let time = stored["inserted_at"].as_str().ok_or("no inserted_at")?;
                if !is_now(time) {
                    return Err(format!("{time} is not the time of now"));
                }
                event.inserted_at = Some(String::from(time));
                times.push(time);
            }
        }
        if times.iter().any(|time| *time != times[0]) {
            return Err(format!("one batch, several times: {times:?}"));
        }
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("one id twice: {ids:?}"));
        }
        Ok(batch)
    }

    fn read(&mut self, query: &Query, options: &ReadOptions) -> Outcome {
        let (options_text, wrong) = read_options(options, &[]);
        // One fault at a time: which is told first is nobody's business.
        let (query_text, filters) = self.query(if wrong.is_some() { &Query::Absent } else { query });
        self.called("get_events", &[query_text.as_deref().unwrap_or(""), &options_text]);
        let answer = self.store.get_events_json(query_text.as_deref(), Some(&options_text));
        let filters = match wrong.map_or(filters, Err) {
            Err(wanted) => return refused(answer, &wanted),
            Ok(filters) => filters,
        };
        let pagination = options.pagination == Some(true);
        let offset = options.offset.unwrap_or(0);
        let limit = options.limit.unwrap_or(if pagination { 100 } else { u64::MAX });
        let mut numbers = self.oracle.matching(&filters);
        let total = numbers.len() as u64;
        if options.backward == Some(true) {
            numbers.reverse();
        }
        let wanted = numbers.into_iter().skip(offset as usize).take(limit as usize);
        let events = self.texts(wanted, options.ndjson == Some(true));
        if !pagination {
            return answered(answer, &events);
        }
        let (number, pages) = (offset / limit + 1, total.div_ceil(limit));
        let (has_next, has_prev) = (offset + limit < total, offset > 0);
        let wanted = format!(
            "{{\"events\":{events},\"pagination\":{{\"total_count\":{total},\"page_size\":{limit},\"page_number\":{number},\
             \"total_pages\":{pages},\"has_next\":{has_next},\"has_prev\":{has_prev},\"head\":{}}}}}",
            self.oracle.head()
        );
        answered(answer, &wanted)
    }

    /// The events as an answer shows them.
    pub fn texts(&self, numbers: impl IntoIterator<Item = u64>, ndjson: bool) -> String {
        let texts: Vec<&str> = numbers.into_iter().map(|number| self.oracle.text(number)).collect();
        match ndjson {
            true => texts.iter().fold(String::new(), |lines, text| lines + text + "\n"),
            false => format!("[{}]", texts.join(",")),
        }
    }
}
