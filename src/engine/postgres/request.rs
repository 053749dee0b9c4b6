//! An append, made ready to be sent by whoever sends it.

use super::attempt::Outcome;
use super::elements::Elements;
use crate::append::{Append, BatchEvent, Expected};
use crate::error::{Error, Result};
use crate::json::body_of;
use crate::query::Query;
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// An array of no texts, as text.
const NO_TAGS: &str = "{}";

/// See the module.
pub(super) struct Request {
    pub ids: Elements,
    pub types: Elements,
    pub domains: Elements,
    pub instance_ids: Elements,
    pub times: Elements,
    pub tags: Elements,
    pub bodies: Elements,
    pub look_up: bool,
    pub expects: [Elements; 3],
    pub condition: Option<(Query, u64)>,
    pub tracking: Option<(String, u64)>,
    /// What it is known by where it records a position.
    pub token: Uuid,
    /// A retry records no position that is behind.
    pub ignore_behind: bool,
    outcome: Mutex<Option<Result<Outcome>>>,
}

impl Request {
    pub fn new(append: &Append, ignore_behind: bool) -> Result<Request> {
        let count = append.batch.len();
        let room = |bytes: fn(&BatchEvent<'_>) -> usize| {
            Elements::with_room(count, append.batch.iter().map(|event| bytes(&event)).sum())
        };
        let mut request = Request {
            ids: Elements::with_room(count, count * size_of::<Uuid>()),
            types: room(|event| event.event_type.len()),
            domains: room(|event| event.domain.len()),
            instance_ids: room(|event| event.instance_id.len()),
            times: Elements::with_room(count, count * size_of::<i64>()),
            tags: Elements::with_room(count, count * NO_TAGS.len()),
            bodies: room(|event| event.head.len() + event.tail.len()),
            look_up: append.batch.ids().any(|id| id.given),
            expects: Default::default(),
            condition: append.checks.condition.as_ref().map(|condition| (condition.query.clone(), condition.after)),
            tracking: append.checks.tracking.as_ref().map(|tracking| (tracking.source.clone(), tracking.position)),
            token: token(append)?,
            ignore_behind,
            outcome: Mutex::default(),
        };
        let mut literal = String::new();
        for (event, id) in append.batch.iter().zip(append.batch.ids()) {
            request.ids.id(id.id);
            request.types.text(event.event_type);
            request.domains.text(event.domain);
            request.instance_ids.text(event.instance_id);
            request.times.long(event.inserted_at.micros());
            if event.tags().len() == 0 {
                request.tags.text(NO_TAGS);
            } else {
                array_literal(event.tags(), &mut literal);
                request.tags.text(&literal);
            }
            request.bodies.text_of(&body_of(&event));
        }
        for (domain, instance_id, expected) in expectations(append) {
            request.expects[0].text(domain);
            request.expects[1].text(instance_id);
            request.expects[2].long(match expected {
                Expected::Version(version) => version as i64,
                Expected::Exists | Expected::Any => -1,
            });
        }
        Ok(request)
    }

    /// The ids of its events, for an error.
    pub fn names(&self) -> Vec<Value> {
        self.ids.ids().map(|id| id.to_string().into()).collect()
    }

    pub fn bytes(&self) -> usize {
        self.bodies.bytes()
    }

    /// Nothing can make it fail, so it may be one part with its like.
    pub fn is_plain(&self) -> bool {
        !self.look_up
            && self.expects[0].len() == 0
            && self.condition.is_none()
            && self.tracking.is_none()
            && self.ids.len() > 0
    }

    /// It stores nothing that it could be known by when it is sent again, but records a position.
    pub fn is_settled_by_token(&self) -> bool {
        self.ids.len() == 0 && self.tracking.is_some() && !self.ignore_behind
    }

    pub fn set(&self, outcome: Result<Outcome>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    pub fn take(&self) -> Option<Result<Outcome>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What an append expects of streams, in the order in which it is checked; `any` is no expectation.
pub(super) fn expectations(append: &Append) -> impl Iterator<Item = (&str, &str, Expected)> {
    let checks = &append.checks;
    let own = (!append.batch.is_empty() && checks.expected_version != Expected::Any)
        .then(|| {
            append.batch.streams().next().map(|(domain, instance_id)| (domain, instance_id, checks.expected_version))
        })
        .flatten();
    let named = checks.expect.iter().map(|one| (&*one.domain, &*one.instance_id, one.expected));
    own.into_iter().chain(named.filter(|(_, _, expected)| *expected != Expected::Any))
}

/// `{"a","b"}`
fn array_literal<'a>(items: impl Iterator<Item = &'a str>, out: &mut String) {
    out.clear();
    out.push('{');
    for (index, item) in items.enumerate() {
        out.push_str(if index == 0 { "\"" } else { ",\"" });
        for character in item.chars() {
            if matches!(character, '"' | '\\') {
                out.push('\\');
            }
            out.push(character);
        }
        out.push('"');
    }
    out.push('}');
}

/// What nobody else's append is known by.
fn token(append: &Append) -> Result<Uuid> {
    if let Some(first) = append.batch.ids().next() {
        return Ok(first.id);
    }
    random()
}

/// An id that nobody else has.
pub(super) fn random() -> Result<Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format_args!("no random numbers: {error}")))?;
    Ok(Uuid::from_bytes(bytes))
}
