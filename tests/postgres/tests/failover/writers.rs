//! Writers: each appends by a handle of its own, and notes what it sent and what was answered.

use crate::dice::Dice;
use crate::history::{Batch, Check, Evidence, Outcome, Sent};
use crate::stage::Stage;
use runestore::{Error, ErrorKind, Store};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DOMAIN: &str = "failover";
/// All writers write to these, so they meet there.
const SHARED: u64 = 3;
/// The tracking source that all of them move on.
const SOURCE: &str = "relay";
/// So many seats are fought for at once.
const SEATS: u64 = 6;

/// See the module.
pub struct Writer {
    number: usize,
    store: Arc<Store>,
    dice: Dice,
    pub batches: Vec<Batch>,
    /// Nobody knows yet what became of these.
    open: Vec<Batch>,
    sent: u64,
    /// How often there was nobody to read from.
    pub failures: u64,
    /// Opens the store.
    opened: Box<dyn Fn() -> Arc<Store> + Send>,
    anew: bool,
}

impl Writer {
    pub fn new(number: usize, seed: u64, opened: impl Fn() -> Arc<Store> + Send + 'static) -> Writer {
        let dice = Dice::new(seed, number as u64 + 1);
        Writer {
            number,
            store: opened(),
            dice,
            batches: Vec::new(),
            open: Vec::new(),
            sent: 0,
            failures: 0,
            opened: Box::new(opened),
            anew: false,
        }
    }

    fn heed(&mut self, stage: &Stage) {
        if stage.begins_anew() && !self.anew {
            self.anew = true;
            self.store = (self.opened)();
        }
    }

    /// Appends until the stage ends.
    pub fn run(&mut self, stage: &Stage) {
        while !stage.is_ending() {
            self.heed(stage);
            if self.dice.one_in(3) {
                self.settle(stage);
            }
            let prepared = match self.dice.below(10) {
                0..4 => Ok(Some((self.events(None), Check::None))),
                4..6 => self.versioned(),
                6..8 => self.seat(),
                _ => self.tracking(),
            };
            match prepared {
                Ok(Some((events, check))) => self.append(events, check, stage),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::Io => self.failures += 1,
                Err(error) => panic!("a read fails, and no failover explains it: {error}"),
            }
            // Many appends make a long log, which takes long to check, and show nothing more.
            std::thread::sleep(Duration::from_millis(self.dice.below(5)));
        }
        self.settle(stage);
    }

    /// A stream's next events, if it has the version that it has now.
    fn versioned(&mut self) -> Result<Option<(Vec<Sent>, Check)>, Error> {
        let stream = format!("shared-{}", self.dice.below(SHARED));
        let query = json!({"domain": DOMAIN, "instance_id": stream}).to_string();
        let last = self.store.get_events_json(Some(&query), Some(r#"{"direction":"backward","limit":1}"#))?;
        let version = events_in(&last).first().map_or(0, |event| event["stream_version"].as_u64().unwrap_or(0));
        Ok(Some((self.events(Some(stream)), Check::Version(version))))
    }

    /// A seat that nobody has, if nobody takes it meanwhile.
    fn seat(&mut self) -> Result<Option<(Vec<Sent>, Check)>, Error> {
        let head = self.store.head()?;
        let near = self.store.get_events_json(
            Some(&json!({"type": "SeatTaken", "up_to": head}).to_string()),
            Some(r#"{"direction":"backward","limit":1}"#),
        )?;
        // Seats are let one row after the other.
        let row = events_in(&near).first().map_or(0, |event| {
            let tag = event["tags"][0].as_str().and_then(|tag| tag.strip_prefix("seat:"));
            tag.and_then(|seat| seat.parse::<u64>().ok()).map_or(0, |seat| seat / SEATS)
        });
        let tag = format!("seat:{}", (row + self.dice.below(2)) * SEATS + self.dice.below(SEATS));
        let taken = json!({"tags": [tag], "up_to": head}).to_string();
        if !events_in(&self.store.get_events_json(Some(&taken), None)?).is_empty() {
            return Ok(None);
        }
        let mut events = self.events(None);
        events.truncate(1);
        events[0].tags = vec![tag.clone()];
        Ok(Some((events, Check::NoTag { tag, after: head })))
    }

    fn tracking(&mut self) -> Result<Option<(Vec<Sent>, Check)>, Error> {
        let position = self.store.tracking(SOURCE)? + 1;
        Ok(Some((self.events(None), Check::Tracking { source: String::from(SOURCE), position })))
    }

    fn events(&mut self, stream: Option<String>) -> Vec<Sent> {
        self.sent += 1;
        let batch = self.sent;
        let count = if self.dice.one_in(2) { 1 } else { self.dice.between(2, 5) };
        let mut event = |index| Sent {
            key: format!("{}-{batch}-{index}", self.number),
            stream: stream.clone().unwrap_or_else(|| format!("own-{}-{}", self.number, self.dice.below(4))),
            tags: Vec::new(),
        };
        (0..count).map(&mut event).collect()
    }

    /// Appends. Where it cannot be learnt what became of it, it is sent again at once, or left for later.
    fn append(&mut self, events: Vec<Sent>, check: Check, stage: &Stage) {
        let ids = self.dice.one_in(2).then(|| events.iter().map(|_| self.dice.uuid()).collect());
        let mut batch = Batch { events, ids, check, outcome: Outcome::Unknown, settled: false };
        self.send(&mut batch);
        let known = batch.outcome != Outcome::Unknown;
        if matches!(batch.outcome, Outcome::Acknowledged(_)) {
            stage.acknowledge();
        }
        if known {
            self.batches.push(batch)
        } else {
            self.open.push(batch)
        }
        if !known && self.dice.one_in(2) {
            self.settle(stage);
        }
    }

    /// Sends again what nobody knows of, until its outcome is known.
    fn settle(&mut self, stage: &Stage) {
        for mut batch in std::mem::take(&mut self.open) {
            batch.settled = true;
            while batch.outcome == Outcome::Unknown {
                self.heed(stage);
                self.send(&mut batch);
                // That no server was there now says nothing of what was sent before.
                if batch.outcome == Outcome::Failed {
                    batch.outcome = Outcome::Unknown;
                }
                if stage.is_over() {
                    batch.outcome = Outcome::Odd(String::from("it is not settled"));
                }
            }
            if matches!(batch.outcome, Outcome::Acknowledged(_)) {
                stage.acknowledge();
            }
            self.batches.push(batch);
        }
    }

    /// Sends a batch, and notes what is known of it then.
    fn send(&self, batch: &mut Batch) {
        let answer = self.store.append_json(text(batch), options(&batch.check).as_deref());
        batch.outcome = match answer {
            Ok(answer) => Outcome::Acknowledged(places(&answer)),
            Err(error) => match (error.kind(), error.detail("ids")) {
                (ErrorKind::Indeterminate, Some(Value::Array(names))) => {
                    batch.ids = Some(names.iter().filter_map(|name| name.as_str().map(String::from)).collect());
                    Outcome::Unknown
                }
                (ErrorKind::Io, _) => Outcome::Failed,
                (ErrorKind::Conflict, _) => refused(&error),
                _ => Outcome::Odd(error.to_string()),
            },
        };
    }
}

fn events_in(answer: &[u8]) -> Vec<Value> {
    serde_json::from_slice(answer).expect("an answer is an array of events")
}

fn text(batch: &Batch) -> String {
    let events = batch.events.iter().enumerate().map(|(index, sent)| {
        let seat = sent.tags.iter().any(|tag| tag.starts_with("seat:"));
        let mut event = json!({
            "type": if seat { "SeatTaken" } else { "Written" },
            "domain": DOMAIN,
            "instance_id": sent.stream,
            "tags": sent.tags,
            "data": {"key": sent.key},
        });
        if let Some(ids) = &batch.ids {
            event["id"] = ids[index].clone().into();
        }
        event
    });
    Value::from_iter(events).to_string()
}

fn options(check: &Check) -> Option<String> {
    let options = match check {
        Check::None => return None,
        Check::Version(version) => json!({"expected_version": version}),
        Check::NoTag { tag, after } => {
            json!({"condition": {"fail_if_events_match": {"tags": [tag]}, "after": after}})
        }
        Check::Tracking { source, position } => json!({"tracking": {"source": source, "position": position}}),
    };
    Some(options.to_string())
}

fn places(answer: &[u8]) -> Vec<(u64, u64)> {
    let number = |value: &Value| value.as_u64().expect("every event has its numbers");
    events_in(answer)
        .iter()
        .map(|event| (number(&event["sequence_number"]), number(&event["stream_version"])))
        .collect()
}

fn refused(error: &Error) -> Outcome {
    let actual = error.detail("actual").and_then(Value::as_u64);
    match (error.detail("reason").and_then(Value::as_str), actual) {
        (Some("expected_version"), Some(version)) => Outcome::Refused(Evidence::Version(version)),
        (Some("condition"), Some(position)) => Outcome::Refused(Evidence::Position(position)),
        (Some("tracking"), Some(position)) => Outcome::Refused(Evidence::Tracking(position)),
        _ => Outcome::Odd(error.to_string()),
    }
}
