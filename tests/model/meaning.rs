//! Queries and options as text for the store, and as what they mean for the oracle: a value, or the
//! error that must come.

use crate::oracle::{self, ALL, Checks, Event, Refusal, refusal};
use crate::samples::{APPEND_OPTION_FAULTS, QUERY_FAULTS, READ_OPTION_FAULTS, TIMES, quoted};
use crate::steps::{AppendOptions, Filter, Id, Names, Query, ReadOptions, Time};
use crate::world::World;
use runestore::ErrorKind;
use serde_json::{Value, json};

impl World {
    /// The options' text, and what they mean.
    pub fn append_options(&self, options: &AppendOptions, batch: &[Event]) -> (String, Result<Checks, Refusal>) {
        if let Some(fault) = options.fault {
            let (text, option) = APPEND_OPTION_FAULTS[fault];
            return (format!("{{{text}}}"), Err(refusal(ErrorKind::InvalidOptions, json!({"option": option}))));
        }
        let mut checks = Checks::default();
        let mut wrong = None;
        let mut members = Vec::new();
        let text = |expected| match expected {
            oracle::Expected::Any => String::from(r#""any""#),
            oracle::Expected::Exists => String::from(r#""exists""#),
            oracle::Expected::Version(version) => version.to_string(),
        };
        if let Some(wanted) = options.expected_version {
            let version = batch.first().map_or(0, |e| self.oracle.stream_version(&e.domain, &e.instance_id));
            let expected = wanted.resolve(version);
            checks.expected_version = Some(expected);
            members.push(format!(r#""expected_version":{}"#, text(expected)));
        }
        for (domain, instance_id, wanted) in &options.expect {
            let expected = wanted.resolve(self.oracle.stream_version(domain, instance_id));
            checks.expect.push((String::from(*domain), String::from(*instance_id), expected));
        }
        if !checks.expect.is_empty() {
            let object = |(domain, instance_id, expected): &(String, String, _)| {
                let (domain, instance_id) = (quoted(domain), quoted(instance_id));
                format!(r#"{{"domain":{domain},"instance_id":{instance_id},"version":{}}}"#, text(*expected))
            };
            let objects: Vec<String> = checks.expect.iter().map(object).collect();
            members.push(format!(r#""expect":[{}]"#, objects.join(",")));
        }
        if let Some((query, after)) = &options.condition {
            let (query, meaning) = self.query(query);
            let after = after.map(|after| after.resolve(self.oracle.head()));
            let mut parts = Vec::new();
            parts.extend(query.as_ref().map(|query| format!(r#""fail_if_events_match":{query}"#)));
            parts.extend(after.map(|after| format!(r#""after":{after}"#)));
            members.push(format!(r#""condition":{{{}}}"#, parts.join(",")));
            match meaning {
                _ if query.is_none() => wrong = Some(refusal(ErrorKind::InvalidOptions, json!({}))),
                Ok(filters) if filters.is_empty() => wrong = Some(refusal(ErrorKind::InvalidQuery, json!({}))),
                Ok(filters) => checks.condition = Some((filters, after.unwrap_or(0))),
                Err(refusal) => wrong = Some(refusal),
            }
        }
        if let Some((source, position)) = options.tracking {
            let position = position.resolve(self.oracle.tracking(source));
            checks.tracking = Some((String::from(source), position));
            members.push(format!(r#""tracking":{{"position":{position},"source":{}}}"#, quoted(source)));
        }
        let answers = options.summary.map(|summary| if summary { "summary" } else { "events" });
        members.extend(answers.map(|answers| format!(r#""return":"{answers}""#)));
        (format!("{{{}}}", members.join(",")), wrong.map_or(Ok(checks), Err))
    }

    /// The query's text, if it has one, and what it means.
    pub fn query(&self, query: &Query) -> (Option<String>, Result<oracle::Query, Refusal>) {
        match query {
            Query::Absent => (None, Ok(vec![ALL])),
            Query::Null => (Some(String::from("null")), Ok(vec![ALL])),
            Query::One(filter) => {
                let (text, meaning) = self.filter(filter, json!({}));
                (Some(text), meaning.map(|filter| vec![filter]))
            }
            Query::Any(filters) => {
                let filters =
                    filters.iter().enumerate().map(|(index, filter)| self.filter(filter, json!({"index": index})));
                let (texts, meanings): (Vec<String>, Vec<_>) = filters.unzip();
                (Some(format!("[{}]", texts.join(", "))), meanings.into_iter().collect())
            }
        }
    }

    fn filter(&self, filter: &Filter, mut place: Value) -> (String, Result<oracle::Filter, Refusal>) {
        let Filter { types, domains, instance_ids, ids, tags, from, to, after, up_to, after_version, fault } = filter;
        let mut members = Vec::new();
        let mut member = |name: &str, value: Value| members.push(format!("\"{name}\":{value}"));
        let mut names = |name: &str, names: &Option<Names>| {
            let list = names.as_ref()?.list();
            member(name, if let Some(Names::One(one)) = names { json!(one) } else { json!(list) });
            Some(list)
        };
        let (types, domains, instance_ids) =
            (names("type", types), names("domain", domains), names("instance_id", instance_ids));
        let ids = ids.as_ref().map(|ids| ids.iter().map(|id| self.id(id)).collect::<Vec<_>>());
        if let Some(ids) = &ids {
            member("id", json!(ids.iter().map(|id| id.to_uppercase()).collect::<Vec<_>>()));
        }
        if let Some(tags) = tags {
            member("tags", json!(tags));
        }
        let mut bounds = |name: &str, time: &Option<Time>| {
            let time = self.time(time.as_ref()?);
            member(name, json!(time));
            Some(time)
        };
        let (from, to) = (bounds("from", from), bounds("to", to));
        let mut number = |name: &str, number: Option<u64>, default| {
            number.inspect(|number| member(name, json!(number))).unwrap_or(default)
        };
        let head = self.oracle.head();
        let one = |names: &Option<Vec<String>>| names.as_ref().is_some_and(|names| names.len() == 1);
        let wrong = match (fault, after_version) {
            (Some(fault), _) => Some(QUERY_FAULTS[*fault].1),
            (None, Some(_)) if !(one(&domains) && one(&instance_ids)) => Some("after_version"),
            _ => None,
        };
        let meaning = oracle::Filter {
            types,
            domains,
            instance_ids,
            ids,
            tags: tags.iter().flatten().map(|tag| String::from(*tag)).collect(),
            from,
            to,
            after: number("after", after.map(|after| after.resolve(head)), ALL.after),
            up_to: number("up_to", up_to.map(|up_to| up_to.resolve(head)), ALL.up_to),
            after_version: number("after_version", *after_version, ALL.after_version),
        };
        members.extend(fault.map(|fault| String::from(QUERY_FAULTS[fault].0)));
        let meaning = match wrong {
            None => Ok(meaning),
            Some(key) => {
                place["key"] = json!(key);
                Err(refusal(ErrorKind::InvalidQuery, place))
            }
        };
        (format!("{{{}}}", members.join(",")), meaning)
    }

    fn id(&self, id: &Id) -> String {
        match (id, self.oracle.head()) {
            (Id::Known(id), _) => id.clone(),
            (Id::OfEvent(index), head @ 1..) => {
                let event = self.oracle.event(index.index(head as usize) as u64 + 1);
                event.id.clone().expect("a stored event has an id")
            }
            _ => String::from("no uuid"),
        }
    }

    fn time(&self, time: &Time) -> String {
        match (time, self.oracle.head()) {
            (Time::At(index), _) => String::from(TIMES[*index]),
            (Time::OfEvent(index), head @ 1..) => {
                let event = self.oracle.event(index.index(head as usize) as u64 + 1);
                event.inserted_at.clone().expect("a stored event has a time")
            }
            _ => String::from(TIMES[2]),
        }
    }
}

/// The text of the options of a read, and what is wrong with them on any read.
pub fn read_options(options: &ReadOptions, more: &[String]) -> (String, Option<Refusal>) {
    let ReadOptions { limit, offset, backward, ndjson, pagination, fault } = options;
    let mut members = more.to_vec();
    members.extend(limit.map(|limit| format!(r#""limit":{limit}"#)));
    members.extend(offset.map(|offset| format!(r#""offset":{offset}"#)));
    members.extend(backward.map(|back| format!(r#""direction":"{}""#, if back { "backward" } else { "forward" })));
    members.extend(ndjson.map(|ndjson| format!(r#""format":"{}""#, if ndjson { "ndjson" } else { "array" })));
    members.extend(pagination.map(|pagination| format!(r#""pagination":{pagination}"#)));
    let mut wrong = None;
    if *pagination == Some(true) && (*limit == Some(0) || *ndjson == Some(true)) {
        wrong = Some(refusal(ErrorKind::InvalidOptions, json!({})));
    }
    if let Some(fault) = fault {
        let (text, option) = READ_OPTION_FAULTS[*fault];
        members.push(String::from(text));
        wrong = Some(refusal(ErrorKind::InvalidOptions, json!({"option": option})));
    }
    (format!("{{{}}}", members.join(",")), wrong)
}
