//! Looks at an open store, and says where it is not what it must be.

use crate::dice::Dice;
use crate::events::{DOMAINS, Event, INSTANCES, SOURCES, StoredEvent, TAGS, TYPES, time};
use crate::promise::{Expect, Log, Outcome, broken, head, positions, shown};
use runestore::{Error, Store};
use std::fmt::Write as _;

/// A call that is not to fail.
pub fn fine<T>(what: &'static str, result: Result<T, Error>) -> Outcome<T> {
    result.or_else(|error| {
        // A store that is sound and called damaged is the worst of them.
        let check = if error.kind() == runestore::ErrorKind::Corrupt { "false alarm" } else { "unexpected error" };
        broken(check, format!("{what}: {error:?}"))
    })
}

/// All events, one a line.
pub fn lines(store: &Store) -> Result<Vec<u8>, Error> {
    let mut lines = Vec::new();
    store.get_events_into(None, Some(br#"{"format":"ndjson"}"#), &mut lines)?;
    Ok(lines)
}

/// The tracking position of each source.
pub fn tracking(store: &Store) -> Result<Vec<u64>, Error> {
    SOURCES.iter().map(|source| store.tracking(source)).collect()
}

/// Reads everything and compares it with what is expected; the log that is there.
pub fn contents(store: &Store, expect: &Expect) -> Outcome<Log> {
    let lines = fine("reading everything", lines(store))?;
    let log = expect.compare(&lines, &fine("reading the tracking", tracking(store))?)?;
    let shown = fine("the head", store.head())?;
    if shown != head(&log) {
        return broken("head", format!("the head is {shown}, the last event is {}", head(&log)));
    }
    Ok(log)
}

/// The store shows exactly this.
pub fn same(store: &Store, log: &Log) -> Outcome {
    let lines = fine("reading everything", lines(store))?;
    let mut rest = &lines[..];
    for stored in log {
        let Some(behind) = rest.strip_prefix(stored.text.as_bytes()) else {
            let number = stored.batch.number;
            return broken("read", format!("batch {number} is to be at {}, but: {}", stored.first, shown(rest)));
        };
        rest = behind;
    }
    if !rest.is_empty() {
        return broken("read", format!("nobody may see this: {}", shown(rest)));
    }
    let tracking = fine("reading the tracking", tracking(store))?;
    if tracking != positions(log) {
        return broken("tracking", format!("positions are {tracking:?}, and must be {:?}", positions(log)));
    }
    Ok(())
}

/// `verify` finds nothing, and as much as there is.
pub fn verified(store: &Store) -> Outcome {
    let report = fine("verify", store.verify())?;
    let events = report.get("events").and_then(|events| events.as_u64());
    let problems = report.get("problems").and_then(|problems| problems.as_array()).map(Vec::len);
    let head = fine("the head", store.head())?;
    if report.get("ok") != Some(&true.into()) || problems != Some(0) || events != Some(head) {
        return broken("verify", format!("of {head} sound events it says: {report:?}"));
    }
    Ok(())
}

/// The epoch that a writer was given is above all that were given before.
pub fn epoch(store: &Store, before: u64) -> Outcome<u64> {
    let info = fine("info", store.info())?;
    match info.get("epoch").and_then(|epoch| epoch.as_u64()) {
        Some(epoch) if epoch > before => Ok(epoch),
        epoch => broken("epoch", format!("the epoch is {epoch:?}, and was {before} before")),
    }
}

/// Some queries, each compared with a look at every event.
pub fn queries(store: &Store, log: &Log, count: usize, dice: &mut Dice) -> Outcome {
    for _ in 0..count {
        let filter = Filter::any(log, dice);
        let backward = dice.one_in(3);
        let limit = if dice.one_in(3) { 1 + dice.below(5) } else { usize::MAX };
        let mut wanted: Vec<&str> = Vec::new();
        for stored in log {
            for (index, (event, at)) in stored.batch.events.iter().zip(&stored.events).enumerate() {
                if filter.matches(event, at) {
                    wanted.push(stored.line(index));
                }
            }
        }
        if backward {
            wanted.reverse();
        }
        wanted.truncate(limit);
        let mut options =
            format!(r#"{{"format":"ndjson","direction":"{}""#, if backward { "backward" } else { "forward" });
        if limit != usize::MAX {
            let _ = write!(options, r#","limit":{limit}"#);
        }
        options.push('}');
        let query = filter.to_json();
        let mut answer = Vec::new();
        let outcome = store.get_events_into(Some(query.as_bytes()), Some(options.as_bytes()), &mut answer);
        fine("a query", outcome)?;
        if answer != wanted.concat().as_bytes() {
            let got = answer.iter().filter(|byte| **byte == b'\n').count();
            let wanted = wanted.len();
            return broken(
                "query",
                format!("{query} with {options} finds {got} events, and {wanted} match; or others"),
            );
        }
    }
    Ok(())
}

/// One object of a query: what is `None` is not asked.
#[derive(Debug, Default)]
struct Filter {
    event_type: Option<&'static str>,
    domain: Option<&'static str>,
    instance_id: Option<&'static str>,
    tags: Vec<&'static str>,
    ids: Option<Vec<String>>,
    from: Option<String>,
    to: Option<String>,
    after: Option<u64>,
    up_to: Option<u64>,
}

impl Filter {
    fn any(log: &Log, dice: &mut Dice) -> Filter {
        let mut filter = Filter::default();
        for _ in 0..1 + dice.below(2) {
            match dice.below(8) {
                0 => filter.event_type = Some(TYPES[dice.below(TYPES.len())]),
                1 => filter.domain = Some(DOMAINS[dice.below(DOMAINS.len())]),
                2 => filter.instance_id = Some(INSTANCES[dice.below(INSTANCES.len())]),
                3 => filter.tags = vec![TAGS[dice.below(TAGS.len())]],
                4 if !log.is_empty() => {
                    let ids = (0..1 + dice.below(3)).filter_map(|_| {
                        let stored = &log[dice.below(log.len())];
                        (stored.len() > 0).then(|| stored.events[dice.below(stored.events.len())].id.clone())
                    });
                    filter.ids = Some(ids.collect());
                }
                5 => filter.from = Some(time(dice.below(100_000) as u64)),
                6 => filter.to = Some(time(dice.below(100_000) as u64)),
                _ => {
                    let head = head(log) as usize;
                    filter.after = Some(dice.below(head + 1) as u64);
                    filter.up_to = dice.one_in(2).then(|| dice.below(head + 1) as u64);
                }
            }
        }
        filter
    }

    fn matches(&self, event: &Event, at: &StoredEvent) -> bool {
        self.event_type.is_none_or(|wanted| event.event_type == wanted)
            && self.domain.is_none_or(|wanted| event.domain == wanted)
            && self.instance_id.is_none_or(|wanted| event.instance_id == wanted)
            && self.tags.iter().all(|tag| event.tags.iter().any(|has| has == tag))
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&at.id))
            // Times of this form compare as texts.
            && self.from.as_ref().is_none_or(|from| at.inserted_at >= *from)
            && self.to.as_ref().is_none_or(|to| at.inserted_at < *to)
            && self.after.is_none_or(|after| at.number > after)
            && self.up_to.is_none_or(|up_to| at.number <= up_to)
    }

    fn to_json(&self) -> String {
        let mut keys: Vec<String> = Vec::new();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                keys.push(format!("\"{key}\":{value}"));
            }
        };
        let quoted = |text: &str| format!("\"{text}\"");
        put("type", self.event_type.map(quoted));
        put("domain", self.domain.map(quoted));
        put("instance_id", self.instance_id.map(quoted));
        put("tags", self.tags.first().map(|tag| format!("[\"{tag}\"]")));
        put(
            "id",
            self.ids.as_ref().map(|ids| match ids.as_slice() {
                [] => String::from("[]"),
                ids => format!("[\"{}\"]", ids.join("\",\"")),
            }),
        );
        put("from", self.from.as_deref().map(quoted));
        put("to", self.to.as_deref().map(quoted));
        put("after", self.after.map(|after| after.to_string()));
        put("up_to", self.up_to.map(|up_to| up_to.to_string()));
        format!("{{{}}}", keys.join(","))
    }
}
