//! What a store must answer, written so that one can see that it is right: a vector of events, and a
//! walk over all of it for every question. It knows no JSON but what it writes.

use runestore::ErrorKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;

/// An event, before or after it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// 36 characters in lower case; `None` until the store gave one.
    pub id: Option<String>,
    pub event_type: String,
    pub domain: String,
    pub instance_id: String,
    pub version: u32,
    /// 27 characters, of which the order is that of time; `None` until the store gave one.
    pub inserted_at: Option<String>,
    pub tags: Vec<String>,
    /// `"data":…` or `"data_base64":…`, without white space.
    pub payload: String,
    /// Without white space.
    pub metadata: String,
}

impl Event {
    fn stream(&self) -> (&str, &str) {
        (&self.domain, &self.instance_id)
    }

    /// The test of an idempotent retry: `self` is offered, `stored` was stored before.
    fn repeats(&self, stored: &Event) -> bool {
        let mut same = stored.clone();
        // Tags are a set, and a time counts only if it is given.
        if same_set(&self.tags, &stored.tags) {
            same.tags.clone_from(&self.tags);
        }
        if self.inserted_at.is_none() {
            same.inserted_at = None;
        }
        *self == same
    }
}

fn same_set(left: &[String], right: &[String]) -> bool {
    left.len() == right.len() && left.iter().all(|item| right.contains(item))
}

#[derive(Clone, Copy, PartialEq)]
pub enum Expected {
    Any,
    Exists,
    Version(u64),
}

#[derive(Clone, Default)]
pub struct Checks {
    pub expected_version: Option<Expected>,
    pub expect: Vec<(String, String, Expected)>,
    pub condition: Option<(Query, u64)>,
    pub tracking: Option<(String, u64)>,
}

/// An event matches a query if it matches any of the filters.
pub type Query = Vec<Filter>;

#[derive(Clone)]
pub struct Filter {
    pub types: Option<Vec<String>>,
    pub domains: Option<Vec<String>>,
    pub instance_ids: Option<Vec<String>>,
    /// In lower case.
    pub ids: Option<Vec<String>>,
    pub tags: Vec<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub after: u64,
    pub up_to: u64,
    pub after_version: u64,
}

pub const ALL: Filter = Filter {
    types: None,
    domains: None,
    instance_ids: None,
    ids: None,
    tags: Vec::new(),
    from: None,
    to: None,
    after: 0,
    up_to: i64::MAX as u64,
    after_version: 0,
};

/// An error that must come: its kind, and the details that are fixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub kind: ErrorKind,
    pub details: Value,
}

pub fn refusal(kind: ErrorKind, details: Value) -> Refusal {
    Refusal { kind, details }
}

/// What an append comes to. Ranges are of sequence numbers.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// To be stored with [`Oracle::store`].
    New,
    /// A retry: stored already.
    Known(Range<u64>),
}

struct Stored {
    event: Event,
    sequence_number: u64,
    stream_version: u64,
    /// The text that every answer shows.
    text: String,
}

#[derive(Default)]
pub struct Oracle {
    log: Vec<Stored>,
    tracking: BTreeMap<String, u64>,
}

impl Oracle {
    pub fn head(&self) -> u64 {
        self.log.len() as u64
    }

    pub fn event(&self, sequence_number: u64) -> &Event {
        &self.log[sequence_number as usize - 1].event
    }

    pub fn text(&self, sequence_number: u64) -> &str {
        &self.log[sequence_number as usize - 1].text
    }

    pub fn stream_version(&self, domain: &str, instance_id: &str) -> u64 {
        self.log.iter().filter(|stored| stored.event.stream() == (domain, instance_id)).count() as u64
    }

    pub fn tracking(&self, source: &str) -> u64 {
        self.tracking.get(source).copied().unwrap_or(0)
    }

    /// The sequence numbers of the matching events, ascending.
    pub fn matching(&self, query: &Query) -> Vec<u64> {
        self.log.iter().filter(|stored| stored.matches(query)).map(|stored| stored.sequence_number).collect()
    }

    /// Judges an append, check by check in the order that is promised.
    pub fn judge(&self, batch: &[Event], checks: &Checks) -> Result<Verdict, Refusal> {
        let expected_version = checks.expected_version.unwrap_or(Expected::Any);
        let streams = batch.iter().map(Event::stream);
        if expected_version != Expected::Any
            && (batch.is_empty() || streams.clone().any(|s| Some(s) != streams.clone().next()))
        {
            return Err(refusal(ErrorKind::InvalidOptions, json!({"option": "expected_version"})));
        }

        let ids: Vec<&String> = batch.iter().filter_map(|event| event.id.as_ref()).collect();
        let mut twice: Vec<&String> = Vec::new();
        for id in &ids {
            if ids.iter().filter(|other| *other == id).count() > 1 && !twice.contains(id) {
                twice.push(id);
            }
        }
        if !twice.is_empty() {
            return Err(refusal(ErrorKind::DuplicateId, json!({"ids": twice})));
        }

        if let Some(known) = self.retried(batch) {
            return Ok(Verdict::Known(known));
        }
        let stored: Vec<&String> = ids.into_iter().filter(|id| self.find(id).is_some()).collect();
        if !stored.is_empty() {
            return Err(refusal(ErrorKind::DuplicateId, json!({"ids": stored})));
        }

        if let Some(event) = batch.first() {
            self.expect("expected_version", &event.domain, &event.instance_id, expected_version)?;
        }
        for (domain, instance_id, expected) in &checks.expect {
            self.expect("expect", domain, instance_id, *expected)?;
        }
        if let Some((query, after)) = &checks.condition
            && let Some(found) = self.matching(query).into_iter().find(|number| number > after)
        {
            let details = json!({"reason": "condition", "expected": "none", "actual": found, "sequence_number": found});
            return Err(refusal(ErrorKind::Conflict, details));
        }
        if let Some((source, position)) = &checks.tracking
            && *position <= self.tracking(source)
        {
            let actual = self.tracking(source);
            let details = json!({"reason": "tracking", "expected": position, "actual": actual, "source": source});
            return Err(refusal(ErrorKind::Conflict, details));
        }
        Ok(Verdict::New)
    }

    /// Stores a batch whose ids and times are all known by now.
    pub fn store(&mut self, batch: Vec<Event>) -> Range<u64> {
        let first = self.head() + 1;
        for event in batch {
            let sequence_number = self.head() + 1;
            let stream_version = self.stream_version(&event.domain, &event.instance_id) + 1;
            let text = written(&event, sequence_number, stream_version);
            self.log.push(Stored { event, sequence_number, stream_version, text });
        }
        first..self.head() + 1
    }

    /// Records a position that is larger than the one recorded; a retry may offer another.
    pub fn track(&mut self, checks: &Checks) {
        if let Some((source, position)) = &checks.tracking {
            let recorded = self.tracking.entry(source.clone()).or_default();
            *recorded = (*recorded).max(*position);
        }
    }

    fn find(&self, id: &str) -> Option<&Stored> {
        self.log.iter().find(|stored| stored.event.id.as_deref() == Some(id))
    }

    /// Where the batch is, if all of it is stored already: adjacent, in this order, the same.
    fn retried(&self, batch: &[Event]) -> Option<Range<u64>> {
        let first = self.find(batch.first()?.id.as_ref()?)?.sequence_number;
        let stored = self.log[first as usize - 1..].get(..batch.len())?;
        let all = batch.iter().zip(stored).all(|(event, stored)| event.repeats(&stored.event));
        all.then_some(first..first + batch.len() as u64)
    }

    fn expect(&self, reason: &str, domain: &str, instance_id: &str, expected: Expected) -> Result<(), Refusal> {
        let actual = self.stream_version(domain, instance_id);
        let (holds, expected) = match expected {
            Expected::Any => (true, json!("any")),
            Expected::Exists => (actual > 0, json!("exists")),
            Expected::Version(version) => (actual == version, json!(version)),
        };
        if holds {
            return Ok(());
        }
        let details = json!({"reason": reason, "expected": expected, "actual": actual, "domain": domain, "instance_id": instance_id});
        Err(refusal(ErrorKind::Conflict, details))
    }
}

impl Stored {
    fn matches(&self, query: &Query) -> bool {
        let event = &self.event;
        let one_of = |wanted: &Option<Vec<String>>, value| wanted.as_ref().is_none_or(|wanted| wanted.contains(value));
        let (id, inserted_at) = (event.id.as_ref().unwrap(), event.inserted_at.as_ref().unwrap());
        query.iter().any(|filter| {
            one_of(&filter.types, &event.event_type)
                && one_of(&filter.domains, &event.domain)
                && one_of(&filter.instance_ids, &event.instance_id)
                && one_of(&filter.ids, id)
                && filter.tags.iter().all(|tag| event.tags.contains(tag))
                && filter.from.as_ref().is_none_or(|from| inserted_at >= from)
                && filter.to.as_ref().is_none_or(|to| inserted_at < to)
                && self.sequence_number > filter.after
                && self.sequence_number <= filter.up_to
                && self.stream_version > filter.after_version
        })
    }
}

/// The text of a stored event, in the order of fields that is promised.
fn written(event: &Event, sequence_number: u64, stream_version: u64) -> String {
    let Event { event_type, domain, instance_id, version, tags, payload, metadata, .. } = event;
    format!(
        "{{\"sequence_number\":{sequence_number},\"id\":{},\"type\":{},\"domain\":{},\"instance_id\":{},\
         \"stream_version\":{stream_version},\"version\":{version},\"inserted_at\":{},\"tags\":{},{payload},\
         \"metadata\":{metadata}}}",
        json!(event.id),
        json!(event_type),
        json!(domain),
        json!(instance_id),
        json!(event.inserted_at),
        json!(tags),
    )
}
