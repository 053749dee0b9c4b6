//! A long history, and the plainest way to query it: look at every event, keep what matches.
//!
//! 50,000 events of 20 types in 300 streams and 6 domains, with tags, over four weeks in which the
//! clock runs backwards and old events are imported. Ids and times are given, so the text of every
//! event is known before it is stored. It is stored once for each engine; whoever uses it must only
//! read.

use crate::engines::{Factory, Fresh};
use crate::support::{Dice, id};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

pub const EVENTS: usize = crate::engines::HISTORY_EVENTS;
const TYPES: usize = 20;
const DOMAINS: usize = 6;
/// Each stands in every domain: a stream is the pair.
const INSTANCES: usize = 50;
const TAGS: usize = 40;
const HOUR: u64 = 3_600_000_000;
const FOUR_WEEKS: u64 = 28 * 24 * HOUR;

pub struct History {
    pub store: Fresh,
    pub events: Vec<Event>,
    /// All events, one a line, as they must come out.
    pub text: String,
}

/// One event. Names are numbers here; [`type_name`] and its like tell them.
pub struct Event {
    pub sequence_number: u64,
    pub event_type: usize,
    pub domain: usize,
    pub instance: usize,
    pub stream_version: u64,
    /// Microseconds since the beginning of 2026.
    pub time: u64,
    pub tags: Vec<usize>,
    line: Range<usize>,
}

pub fn type_name(number: usize) -> String {
    // Some have what JSON must escape, and what it need not.
    match number {
        3 => String::from("say \"hello\"\\"),
        7 => String::from("größer\tals 🎈"),
        _ => format!("Type{number:02}"),
    }
}

pub fn domain_name(number: usize) -> String {
    format!("domain-{number}")
}

pub fn instance_name(number: usize) -> String {
    format!("{number:04}/\u{e9}")
}

pub fn tag_name(number: usize) -> String {
    format!("tag:{number}")
}

pub fn time_text(micros: u64) -> String {
    assert!(micros < FOUR_WEEKS + 24 * HOUR, "one month is enough");
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let (day, hour, minute, second) = (seconds / 86_400 + 1, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}Z")
}

/// The history in a store of this engine.
pub fn history(factory: &Factory) -> Arc<History> {
    static STORED: Mutex<Option<HashMap<&str, Arc<History>>>> = Mutex::new(None);
    let mut stored = STORED.lock().expect("no test failed while the history was stored");
    let stored = stored.get_or_insert_default();
    stored.entry(factory.name).or_insert_with(|| Arc::new(tell(factory))).clone()
}

fn tell(factory: &Factory) -> History {
    let store = factory.fresh();
    let mut dice = Dice(1);
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS);
    let mut text = String::new();
    let mut versions = HashMap::new();
    while events.len() < EVENTS {
        let most = if dice.one_in(4) { 2000 } else { 5 };
        let batch = (1 + dice.below(most)).min(EVENTS - events.len());
        let mut drafts = Vec::with_capacity(batch);
        for _ in 0..batch {
            let number = events.len();
            // Low numbers are frequent and high ones rare, as names are.
            let event_type = dice.below(TYPES).min(dice.below(TYPES));
            let (domain, instance) = (dice.below(DOMAINS), dice.below(INSTANCES));
            let mut tags: Vec<usize> = (0..dice.below(5)).map(|_| dice.below(TAGS).min(dice.below(TAGS))).collect();
            tags.sort_unstable();
            tags.dedup();
            if dice.one_in(2) {
                tags.reverse();
            }
            let time = time_of(number, &mut dice);
            let version = versions.entry((domain, instance)).or_insert(0);
            *version += 1;
            let start = text.len();
            let data = json!({"number": number, "text": "x".repeat(dice.below(40))}).to_string();
            let (head, tail) = fields(number, event_type, domain, instance, time, &tags, &data);
            text.push_str(&format!(
                "{{\"sequence_number\":{},{head},\"stream_version\":{version},{tail}}}\n",
                number + 1
            ));
            drafts.push(format!("{{{head},{tail}}}"));
            let (stream_version, line) = (*version, start..text.len());
            let sequence_number = number as u64 + 1;
            events.push(Event { sequence_number, event_type, domain, instance, stream_version, time, tags, line });
        }
        let summary = store.append_json(format!("[{}]", drafts.join(",")), Some(r#"{"return":"summary"}"#)).unwrap();
        let (first, last) = (events.len() + 1 - batch, events.len());
        let expected = format!(r#"{{"first":{first},"last":{last},"count":{batch},"head":{last}}}"#);
        assert_eq!(String::from_utf8(summary).unwrap(), expected);
    }
    History { store, events, text }
}

fn time_of(number: usize, dice: &mut Dice) -> u64 {
    let steady = number as u64 * (FOUR_WEEKS / EVENTS as u64);
    if dice.one_in(97) {
        // An import, from any time.
        return dice.roll() % FOUR_WEEKS;
    }
    if (20_000..24_000).contains(&number) {
        // The clock was set back, and runs backwards too.
        return steady - 72 * HOUR - (number as u64 - 20_000) * 30_000_000;
    }
    // Many events share a time.
    (steady + dice.below(600) as u64 * 1_000_000) / 5_000_000 * 5_000_000 + (dice.below(3) as u64)
}

/// The text of an event before and behind its stream version.
fn fields(
    number: usize,
    event_type: usize,
    domain: usize,
    instance: usize,
    time: u64,
    tags: &[usize],
    data: &str,
) -> (String, String) {
    let tags: Vec<String> = tags.iter().map(|tag| tag_name(*tag)).collect();
    let head = format!(
        "\"id\":\"{}\",\"type\":{},\"domain\":{},\"instance_id\":{}",
        id(number as u64 + 1),
        json!(type_name(event_type)),
        json!(domain_name(domain)),
        json!(instance_name(instance)),
    );
    let tail = format!(
        "\"version\":{},\"inserted_at\":\"{}\",\"tags\":{},\"data\":{data},\"metadata\":{{\"n\":{number}}}",
        number % 3 + 1,
        time_text(time),
        json!(tags),
    );
    (head, tail)
}

impl History {
    /// What a query must find, forward: every event is looked at.
    pub fn matching(&self, filters: &[Filter]) -> Vec<&Event> {
        self.events.iter().filter(|event| filters.iter().any(|filter| filter.matches(event))).collect()
    }

    pub fn line(&self, event: &Event) -> &str {
        &self.text[event.line.clone()]
    }

    /// The answer as lines.
    pub fn ndjson<'e>(&self, events: impl IntoIterator<Item = &'e Event>) -> String {
        events.into_iter().map(|event| self.line(event)).collect()
    }

    /// The answer as an array.
    pub fn array<'e>(&self, events: impl IntoIterator<Item = &'e Event>) -> String {
        let lines: Vec<&str> = events.into_iter().map(|event| self.line(event).trim_end_matches('\n')).collect();
        format!("[{}]", lines.join(","))
    }

    /// A filter with these keys, as bits in the order of [`Filter`]'s fields, that mostly finds
    /// something: its values are those of one event, and some others.
    pub fn filter(&self, keys: u32, dice: &mut Dice) -> Filter {
        let witness = &self.events[dice.below(EVENTS)];
        let has = |key: u32| keys & 1 << key != 0;
        // After a version of one stream there is one domain and one instance.
        let one_stream = has(9);
        let mut alternatives = |own: usize, count: usize, single: bool| {
            let mut numbers = vec![own];
            if !single {
                // One past the last is a name that no event has.
                numbers.extend((0..dice.below(4)).map(|_| dice.below(count + 1)));
            }
            if dice.one_in(20) {
                numbers = vec![count];
            }
            numbers
        };
        let types = has(0).then(|| alternatives(witness.event_type, TYPES, false));
        let domains = has(1).then(|| alternatives(witness.domain, DOMAINS, one_stream));
        let instances = has(2).then(|| alternatives(witness.instance, INSTANCES, one_stream));
        let ids = has(3).then(|| {
            let own = witness.sequence_number as usize - 1;
            let mut ids = vec![own];
            for _ in 0..dice.below(200) {
                // Neighbours have ids that are close by, and there are ids that no event has.
                ids.push(if dice.one_in(2) { own + dice.below(50) } else { dice.below(EVENTS + 500) });
            }
            ids
        });
        let tags = has(4).then(|| {
            let mut tags = witness.tags.clone();
            tags.truncate(dice.below(tags.len() + 1));
            if dice.one_in(10) {
                tags.push(dice.below(TAGS + 1));
            }
            tags
        });
        let span = [1, HOUR, 24 * HOUR, FOUR_WEEKS][dice.below(4)];
        let from = has(5).then(|| witness.time.saturating_sub(dice.roll() % span));
        let to = has(6).then(|| witness.time + 1 + dice.roll() % span);
        let after = has(7).then(|| witness.sequence_number.saturating_sub(1 + dice.below(EVENTS) as u64));
        let up_to = has(8).then(|| witness.sequence_number + dice.below(EVENTS) as u64);
        let after_version = has(9).then(|| witness.stream_version.saturating_sub(1 + dice.below(20) as u64));
        Filter { types, domains, instances, ids, tags, from, to, after, up_to, after_version }
    }
}

/// How many keys a filter has.
pub const KEYS: u32 = 10;
pub const KEY_AFTER_VERSION: u32 = 1 << 9;
pub const KEYS_OF_A_STREAM: u32 = 1 << 1 | 1 << 2;

/// One object of a query.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub types: Option<Vec<usize>>,
    pub domains: Option<Vec<usize>>,
    pub instances: Option<Vec<usize>>,
    /// By the event's place in the history.
    pub ids: Option<Vec<usize>>,
    pub tags: Option<Vec<usize>>,
    pub from: Option<u64>,
    pub to: Option<u64>,
    pub after: Option<u64>,
    pub up_to: Option<u64>,
    pub after_version: Option<u64>,
}

impl Filter {
    pub fn matches(&self, event: &Event) -> bool {
        let among = |names: &Option<Vec<usize>>, name| names.as_ref().is_none_or(|names| names.contains(&name));
        self.after.is_none_or(|after| event.sequence_number > after)
            && self.up_to.is_none_or(|up_to| event.sequence_number <= up_to)
            && among(&self.types, event.event_type)
            && among(&self.domains, event.domain)
            && among(&self.instances, event.instance)
            && self.after_version.is_none_or(|version| event.stream_version > version)
            && self.from.is_none_or(|from| event.time >= from)
            && self.to.is_none_or(|to| event.time < to)
            && self.tags.iter().flatten().all(|tag| event.tags.contains(tag))
            && among(&self.ids, event.sequence_number as usize - 1)
    }

    /// The filter as a caller writes it: a lone name as a string, several as an array.
    pub fn to_json(&self) -> Value {
        let names = |numbers: &Vec<usize>, name: &dyn Fn(usize) -> String| match numbers[..] {
            [number] => json!(name(number)),
            _ => numbers.iter().map(|number| name(*number)).collect(),
        };
        let mut object = serde_json::Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(String::from(key), value);
            }
        };
        put("type", self.types.as_ref().map(|types| names(types, &type_name)));
        put("domain", self.domains.as_ref().map(|domains| names(domains, &domain_name)));
        put("instance_id", self.instances.as_ref().map(|instances| names(instances, &instance_name)));
        put("id", self.ids.as_ref().map(|ids| names(ids, &|number| id(number as u64 + 1).to_uppercase())));
        put("tags", self.tags.as_ref().map(|tags| tags.iter().map(|tag| tag_name(*tag)).collect()));
        put("from", self.from.map(|time| time_text(time).into()));
        put("to", self.to.map(|time| time_text(time.min(FOUR_WEEKS + 23 * HOUR)).into()));
        put("after", self.after.map(Value::from));
        put("up_to", self.up_to.map(Value::from));
        put("after_version", self.after_version.map(Value::from));
        Value::Object(object)
    }
}

/// Several filters as a caller writes them: one alone as an object, several as an array.
pub fn query(filters: &[Filter]) -> Value {
    match filters {
        [filter] => filter.to_json(),
        _ => filters.iter().map(Filter::to_json).collect(),
    }
}
