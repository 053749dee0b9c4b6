//! A program that uses a store on a simulated disk, and knows what every answer must be.

use crate::check::{contents, epoch, fine, lines, queries, same, tracking, verified};
use crate::dice::Dice;
use crate::disk::Disk;
use crate::events::{Batch, Shape};
use crate::process::Process;
use crate::promise::{Expect, Journal, Log, Outcome, What, broken, head, place, shown, versions, without_events};
use runestore::simulation::{Bug, Probe, open};
use runestore::{Error, ErrorKind, Format, Store};
use serde_json::Value;
use std::sync::Arc;

/// When the store is to sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Always,
    /// So seldom that a test decides when.
    Interval,
    Never,
}

impl Mode {
    fn option(self) -> &'static str {
        match self {
            Mode::Always => r#""always""#,
            Mode::Interval => r#"{"interval_ms":3600000}"#,
            Mode::Never => r#""never""#,
        }
    }

    pub fn any(dice: &mut Dice) -> Mode {
        match dice.below(10) {
            0 => Mode::Interval,
            1 => Mode::Never,
            _ => Mode::Always,
        }
    }
}

/// A store that is open, and the process that has it.
pub struct Opened {
    pub store: Arc<Store>,
    pub probe: Probe,
    pub process: Process,
    pub health: Health,
}

/// Whether a handle still appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Well,
    /// The disk failed at something that may be tried again, or may not.
    Doubtful,
    /// A write or a sync failed: it must not append any more.
    Poisoned,
}

/// What an append must come to.
pub enum Wanted {
    Stored,
    /// It is stored already, as this element of the log.
    Known(usize),
    Refused(ErrorKind),
}

pub struct Life {
    pub disk: Disk,
    pub bug: Option<Bug>,
    pub dice: Dice,
    pub journal: Journal,
    pub open: Option<Opened>,
    /// What the store shows.
    pub log: Log,
    /// Batches of which nobody knows.
    pub unknown: Vec<Arc<Batch>>,
    pub segment_bytes: u64,
    /// How it was opened so far.
    pub modes: Vec<Mode>,
    epoch: u64,
    next_batch: u64,
    reader: Option<Opened>,
}

pub const SEGMENT_BYTES_MIN: u64 = 65_536;

impl Life {
    /// On a machine of which this is known.
    pub fn new(disk: Disk, expect: Expect, bug: Option<Bug>, dice: Dice) -> Life {
        let (epoch, next_batch) = (expect.epoch, expect.next_batch);
        let unknown = expect.maybe.clone();
        let journal = Journal { base: expect, entries: Vec::new() };
        Life {
            disk,
            bug,
            dice,
            journal,
            open: None,
            log: Log::new(),
            unknown,
            segment_bytes: SEGMENT_BYTES_MIN,
            modes: Vec::new(),
            epoch,
            next_batch,
            reader: None,
        }
    }

    /// A store that nobody opened before.
    pub fn fresh(seed: u64, bug: Option<Bug>) -> Life {
        let disk = Disk::empty(seed);
        disk.record();
        Life::new(disk, Expect::default(), bug, Dice::new(seed, 1))
    }

    /// What must hold if the machine stops after call `number`.
    pub fn at(&self, number: u64) -> Expect {
        Expect { next_batch: self.next_batch, ..self.journal.at(number) }
    }

    /// What happened up to call `number`, and how the disk failed, for a message.
    pub fn told(&self, number: u64) -> String {
        let failed: Vec<String> = self
            .disk
            .delivered()
            .iter()
            .map(|((failure, kind), times)| format!("{failure:?} on {kind:?} {times}x"))
            .collect();
        format!("{} [{}]", self.journal.told(number), failed.join(", "))
    }

    /// What must hold now, if the machine stops.
    pub fn now(&self) -> Expect {
        self.at(u64::MAX)
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.open.as_ref().expect("a store is open").store
    }

    /// Opens the store and compares it with what is promised; whether it opened. It may fail to where
    /// the disk failed.
    pub fn open(&mut self, mode: Mode) -> Outcome<bool> {
        let expect = self.now().while_it_runs();
        let (begin, failures) = (self.disk.calls(), self.disk.failures());
        let process = Process::on(&self.disk);
        let options = format!(r#"{{"sync":{},"segment_bytes":{}}}"#, mode.option(), self.segment_bytes);
        let opened = open(process.directory(), &options, self.bug);
        let (store, probe) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                process.kill();
                return self.excused("opening", error, failures).map(|()| false);
            }
        };
        let shown = contents(&store, &expect);
        let log = match shown {
            Ok(log) => log,
            Err(violation) if violation.check == "unexpected error" && self.disk.failures() > failures => {
                process.kill();
                return Ok(false);
            }
            Err(violation) => return Err(violation),
        };
        self.epoch = epoch(&store, self.epoch)?;
        let always = mode == Mode::Always;
        let what = What::Opened { always, log: log.clone(), epoch: self.epoch };
        self.journal.note(begin, self.disk.calls(), what);
        self.log = log;
        self.modes.push(mode);
        self.open = Some(Opened { store, probe, process, health: Health::Well });
        Ok(true)
    }

    /// The same, and once more where the disk failed.
    pub fn open_at_last(&mut self, mode: Mode) -> Outcome {
        for _ in 0..2 {
            if self.open(mode)? {
                return Ok(());
            }
            self.disk.heal();
        }
        broken("does not open", "the disk has recovered, and the store has not")
    }

    /// An error that the disk's failure explains.
    fn excused(&self, what: &'static str, error: Error, failures: u64) -> Outcome {
        let failed = self.disk.failures() > failures;
        let kinds = [ErrorKind::Io, ErrorKind::NoSpace, ErrorKind::Indeterminate];
        if failed && kinds.contains(&error.kind()) { Ok(()) } else { fine(what, Err(error)) }
    }

    /// As `kill -9` ends a program.
    pub fn kill(&mut self) {
        if let Some(opened) = self.open.take() {
            opened.process.kill();
        }
    }

    pub fn close(&mut self) -> Outcome {
        let Some(opened) = self.open.take() else { return Ok(()) };
        let (begin, failures) = (self.disk.calls(), self.disk.failures());
        let outcome = opened.store.close();
        match outcome {
            Ok(()) if opened.health == Health::Poisoned => {}
            Ok(()) => self.journal.note(begin, self.disk.calls(), What::Closed),
            Err(error) if opened.health != Health::Well && error.kind() == ErrorKind::Io => {}
            Err(error) => self.excused("closing", error, failures)?,
        }
        opened.process.kill();
        Ok(())
    }

    pub fn new_batch(&mut self, shape: Shape) -> Batch {
        self.next_batch += 1;
        Batch::new(self.next_batch, shape, &mut self.dice)
    }

    /// A small event with a given id.
    pub fn small(&mut self) -> Batch {
        self.new_batch(Shape { events: 1, data_bytes: 60, given: true, one_stream: true })
    }

    /// One event of about so many bytes.
    pub fn sized(&mut self, data_bytes: usize) -> Batch {
        self.new_batch(Shape { events: 1, data_bytes, given: true, one_stream: true })
    }

    /// Appends, and the answer must be that it is stored. Batches come back to be looked at.
    pub fn append(&mut self, batch: Batch) -> Outcome<Arc<Batch>> {
        let batch = Arc::new(batch);
        self.append_with(&batch, "", Wanted::Stored)?;
        Ok(batch)
    }

    /// Appends with options, members of an object, beside the batch's tracking.
    pub fn append_with(&mut self, batch: &Arc<Batch>, options: &str, wanted: Wanted) -> Outcome {
        let (begin, failures, syncs) = (self.disk.calls(), self.disk.failures(), self.disk.failed_syncs());
        let mut answer = Vec::new();
        let options = options_text(batch, options);
        let opened = self.open.as_mut().expect("a store is open");
        let events = batch.to_json();
        let outcome =
            opened.store.append_into(events.as_bytes(), Some(options.as_bytes()), Format::Ndjson, Some(&mut answer));
        let end = self.disk.calls();
        let failed = self.disk.failures() > failures;
        // Of a retry, nothing is new but the position.
        let new = match wanted {
            Wanted::Known(_) => &tracking_alone(batch),
            _ => batch,
        };
        match (outcome, wanted) {
            (Ok(()), _) if opened.health == Health::Poisoned => {
                broken("append after a failed sync", format!("batch {} was taken", batch.number))
            }
            (Ok(()), Wanted::Refused(kind)) => {
                broken("refusal", format!("batch {} with {options} is to be {}", batch.number, kind.code()))
            }
            (Ok(()), Wanted::Stored) => self.stored(batch, &answer, begin, end),
            (Ok(()), Wanted::Known(index)) => {
                if answer != self.log[index].text.as_bytes() {
                    return broken("retry", format!("of batch {}: {}", batch.number, shown(&answer)));
                }
                if new.tracking.is_some() {
                    let stored = Arc::new(without_events(new, head(&self.log) + 1));
                    self.log.push(stored.clone());
                    self.journal.note(begin, end, What::Stored(stored));
                }
                Ok(())
            }
            (Err(error), Wanted::Refused(kind)) if error.kind() == kind => {
                self.journal.note(begin, end, What::Refused);
                Ok(())
            }
            (Err(error), _) => match error.kind() {
                ErrorKind::Indeterminate if failed && opened.health != Health::Poisoned => {
                    opened.health = Health::Poisoned;
                    check_ids(&error, batch)?;
                    self.unknown.push(new.clone());
                    self.journal.note(begin, end, What::Unknown(new.clone()));
                    Ok(())
                }
                ErrorKind::Io if failed || opened.health != Health::Well => {
                    if opened.health == Health::Well {
                        opened.health = Health::Doubtful;
                    }
                    self.journal.note(begin, end, What::Failed(new.clone()));
                    Ok(())
                }
                ErrorKind::NoSpace if failed => {
                    // There was no room, and that is all; unless it was a sync that said so.
                    if self.disk.failed_syncs() > syncs && opened.health == Health::Well {
                        opened.health = Health::Doubtful;
                    }
                    self.journal.note(begin, end, What::Failed(new.clone()));
                    Ok(())
                }
                _ => fine("an append", Err(error)),
            },
        }
    }

    /// Takes note of an append that was answered so.
    pub fn stored(&mut self, batch: &Arc<Batch>, answer: &[u8], begin: u64, end: u64) -> Outcome {
        let stored = match batch.events.is_empty() {
            true => without_events(batch, head(&self.log) + 1),
            false => place(batch, head(&self.log) + 1, &mut versions(&self.log), answer)?,
        };
        if stored.text.len() != answer.len() {
            return broken("answer", format!("of batch {}: {}", batch.number, shown(answer)));
        }
        let stored = Arc::new(stored);
        self.log.push(stored.clone());
        self.journal.note(begin, end, What::Stored(stored));
        Ok(())
    }

    /// Settles what nobody knows, by appending it again.
    pub fn settle_unknown(&mut self) -> Outcome {
        for batch in std::mem::take(&mut self.unknown) {
            if !batch.given() || batch.events.is_empty() || batch.tracking.is_some() {
                continue;
            }
            let known = self.log.iter().position(|stored| stored.batch.number == batch.number && stored.len() > 0);
            self.append_with(&batch, "", known.map_or(Wanted::Stored, Wanted::Known))?;
        }
        Ok(())
    }

    /// The store shows what it must, though the disk may fail meanwhile.
    pub fn read(&mut self) -> Outcome {
        let failures = self.disk.failures();
        match same(self.store(), &self.log) {
            Err(violation) if violation.check == "unexpected error" && self.disk.failures() > failures => Ok(()),
            other => other,
        }
    }

    /// Looks at everything there is to see.
    pub fn look_closely(&mut self, count: usize) -> Outcome {
        let failures = self.disk.failures();
        let store = self.store().clone();
        let seen = queries(&store, &self.log, count, &mut self.dice).and_then(|()| verified(&store));
        match seen {
            // What cannot be read is a problem, for `verify`.
            Err(violation)
                if ["unexpected error", "verify"].contains(&violation.check) && self.disk.failures() > failures =>
            {
                Ok(())
            }
            other => other,
        }
    }

    /// Another process, which stays, reads what the writer has acknowledged.
    pub fn read_elsewhere(&mut self) -> Outcome {
        let failures = self.disk.failures();
        let read = || -> Result<Opened, Error> {
            let process = Process::on(&self.disk);
            let (store, probe) = open(process.directory(), r#"{"read_only":true}"#, self.bug)?;
            Ok(Opened { store, probe, process, health: Health::Well })
        };
        let reader = match self.reader.take() {
            Some(reader) => Ok(reader),
            None => read(),
        };
        let seen = reader.and_then(|reader| Ok((lines(&reader.store)?, tracking(&reader.store)?, reader)));
        let (lines, tracking, reader) = match seen {
            Ok(seen) => seen,
            Err(error) => return self.excused("reading from another process", error, failures),
        };
        self.reader = Some(reader);
        let log = Expect::exactly(self.log.clone(), 0, 0).compare(&lines, &tracking);
        log.map(|_| ()).or_else(|violation| broken("reader", violation.to_string()))
    }

    /// Whether the open store takes no more appends.
    pub fn poisoned(&self) -> bool {
        self.open.as_ref().is_some_and(|opened| opened.health == Health::Poisoned)
    }
}

fn tracking_alone(batch: &Batch) -> Arc<Batch> {
    Arc::new(Batch { number: batch.number, events: Vec::new(), tracking: batch.tracking.clone() })
}

pub fn options_text(batch: &Batch, options: &str) -> String {
    let tracking = batch
        .tracking
        .as_ref()
        .map(|(source, position)| format!(r#""tracking":{{"source":"{source}","position":{position}}}"#));
    let members: Vec<&str> = tracking.as_deref().into_iter().chain((!options.is_empty()).then_some(options)).collect();
    format!("{{{}}}", members.join(","))
}

/// What is indeterminate tells the ids with which to find out.
pub fn check_ids(error: &Error, batch: &Batch) -> Outcome {
    let told: Vec<&str> = match error.detail("ids") {
        Some(Value::Array(ids)) => ids.iter().filter_map(|id| id.as_str()).collect(),
        _ => Vec::new(),
    };
    let as_given = batch.events.iter().zip(&told).all(|(event, told)| event.id.as_deref().is_none_or(|id| id == *told));
    if told.len() != batch.events.len() || !as_given {
        return broken("indeterminate without ids", format!("batch {}: {error:?}", batch.number));
    }
    Ok(())
}
