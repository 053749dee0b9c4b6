//! Events and options of appends, as text.

use crate::c::{self, Handle};
use crate::compare::{answered, is_now, is_uuid7, refused};
use crate::events::{Form, changed};
use crate::oracle::{Checks, Event, Oracle, Verdict};
use crate::reference::{self, Fault, json};
use crate::steps::Change;
use crate::store::Error;
use crate::texts::Texts;
use crate::verdict::{self, agree};
use library::ErrorKind;

const APPENDS_MAX: usize = 4;

/// Appends each pair of texts, events and options, to one store. What is accepted is what docs/EVENTS.md calls an
/// event, and comes back byte for byte as the oracle writes it; what is refused leaves the head where it was. Then all
/// that is stored is offered again.
pub fn events_target(texts: &Texts<'_>) {
    let store = c::init(None).expect("a store opens");
    let mut target = Target { store, oracle: Oracle::default() };
    for at in (0..texts.places()).step_by(2).take(APPENDS_MAX) {
        if let Some(events) = texts.get(at) {
            target.append(events, texts.get(at + 1));
        }
    }
    target.again(texts.get(0).map_or(0, <[u8]>::len));
    c::close(store).expect("the store is open");
}

struct Target {
    store: Handle,
    oracle: Oracle,
}

impl Target {
    fn append(&mut self, events: &[u8], options: Option<&[u8]>) {
        let batch = reference::batch(events);
        let checks = match options.map(json::acceptable).transpose() {
            Ok(options) => reference::append_options(options),
            Err(_) => Err(vec![ErrorKind::InvalidJson]),
        };
        let answer = c::append(self.store, Some(events), options, true);
        match (batch, checks) {
            (Ok(batch), Ok((checks, summary))) => self.judge(answer, batch, &checks, summary),
            (batch, checks) => {
                let fault = batch.err().unwrap_or(Fault { kinds: Vec::new(), index: None });
                let of_options = checks.err().unwrap_or_default();
                let kinds = [fault.kinds, of_options.clone()].concat();
                let error = verdict::expect(answer, &kinds, &[("events", Some(events)), ("options", options)]);
                if let (true, Some(index)) = (of_options.is_empty(), fault.index) {
                    assert_eq!(error.json["index"], index, "{error:?} {}", String::from_utf8_lossy(events));
                }
            }
        }
        self.check_head();
    }

    /// Compares the answer to a batch and checks that mean something.
    fn judge(&mut self, answer: Result<Vec<u8>, Error>, batch: Vec<Event>, checks: &Checks, summary: bool) {
        let range = match self.oracle.judge(&batch, checks) {
            Err(wanted) => return agree(refused(answer, &wanted)),
            Ok(Verdict::Known(range)) => range,
            Ok(Verdict::New) => {
                let answer = answer.as_ref().unwrap_or_else(|error| panic!("it was to be stored, but: {error:?}"));
                assert!(!answer.is_empty(), "an answer");
                let batch = self.completed(batch);
                self.oracle.store(batch)
            }
        };
        self.oracle.track(checks);
        let head = self.oracle.head();
        let wanted = match (summary, range.is_empty()) {
            (false, _) => self.texts(range),
            (true, true) => format!(r#"{{"first":null,"last":null,"count":0,"head":{head}}}"#),
            (true, false) => {
                let (first, last, count) = (range.start, range.end - 1, range.end - range.start);
                format!(r#"{{"first":{first},"last":{last},"count":{count},"head":{head}}}"#)
            }
        };
        agree(answered(answer, &wanted));
    }

    /// The batch that was just stored, with the ids and times that the store gave.
    fn completed(&self, mut batch: Vec<Event>) -> Vec<Event> {
        let query = format!(r#"{{"after":{}}}"#, self.oracle.head());
        let stored = c::get_events(self.store, Some(query.as_bytes()), None).expect("a read");
        let stored = json::sound(&stored).expect("every parser can read what was accepted");
        let stored = json::items(stored).expect("an answer is an array");
        assert_eq!(stored.len(), batch.len(), "the number of events stored");
        for (event, stored) in batch.iter_mut().zip(stored) {
            let members = json::members(stored).expect("an event is an object");
            let given =
                |name: &str| members.iter().find(|(known, _)| known == name).and_then(|(_, text)| json::string(text));
            if event.id.is_none() {
                event.id = given("id").filter(|id| is_uuid7(id));
                assert!(event.id.is_some(), "{stored}");
            }
            if event.inserted_at.is_none() {
                event.inserted_at = given("inserted_at").filter(|time| is_now(time));
                assert!(event.inserted_at.is_some(), "{stored}");
            }
        }
        batch
    }

    /// What is stored is answered, not stored again, when its own text comes back; and refused where that differs.
    fn again(&mut self, number: usize) {
        let head = self.oracle.head();
        let wanted = self.texts(1..head + 1);
        agree(answered(c::get_events(self.store, None, None), &wanted));
        if head == 0 {
            return;
        }
        let as_given = |text: &str| {
            let members = json::members(text).expect("an event is an object").into_iter();
            let members = members.filter(|(name, _)| name != "sequence_number" && name != "stream_version");
            let members: Vec<String> = members.map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let items = json::items(&wanted).expect("an answer is an array");
        let events = format!("[{}]", items.into_iter().map(as_given).collect::<Vec<_>>().join(","));
        agree(answered(c::append(self.store, Some(events.as_bytes()), None, true), &wanted));
        c::append(self.store, Some(events.as_bytes()), None, false).expect("a retry without an answer");
        self.check_head();

        let batch = (1..=head).map(|number| self.oracle.event(number).clone()).collect();
        let batch = changed(batch, CHANGES[number % CHANGES.len()]);
        let texts: Vec<String> = batch.iter().map(|event| Form::default().text(event, None)).collect();
        self.append(format!("[{}]", texts.join(",")).as_bytes(), None);
    }

    fn texts(&self, numbers: std::ops::Range<u64>) -> String {
        let texts: Vec<&str> = numbers.map(|number| self.oracle.text(number)).collect();
        format!("[{}]", texts.join(","))
    }

    fn check_head(&self) {
        let head = c::wait(self.store, 0, 0).expect("the head").1;
        assert_eq!(head, self.oracle.head(), "the head");
    }
}

const CHANGES: [Change; 12] = [
    Change::NoTimes,
    Change::OtherTime,
    Change::TagsReversed,
    Change::TagDropped,
    Change::OtherType,
    Change::OtherStream,
    Change::OtherVersion,
    Change::OtherData,
    Change::OtherMetadata,
    Change::Reversed,
    Change::EventMissing,
    Change::EventTwice,
];
