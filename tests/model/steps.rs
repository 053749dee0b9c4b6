//! What can be done to a store.
//!
//! A step may speak of "the last event", "this stream's version and one more": what that is becomes
//! known when the step is done. So a sequence still makes sense when steps are taken out of it.

use crate::events::Form;
use crate::oracle::{Event, Expected};
use crate::samples::EVENT_FAULTS;
use proptest::sample::Index;
use std::fmt;

#[derive(Clone)]
pub enum Step {
    Append(Append),
    /// Many events at once, so that blocks and pieces inside an engine come to their ends.
    Bulk {
        count: usize,
        payload_bytes: usize,
        inserted_at: Option<usize>,
    },
    /// Events that are stored already, offered again.
    Again {
        first: Index,
        count: usize,
        change: Change,
        form: Form,
        options: AppendOptions,
    },
    Read {
        query: Query,
        options: ReadOptions,
    },
    Open {
        query: Query,
        options: ReadOptions,
        max_bytes: Option<Bytes>,
        follow: Option<bool>,
    },
    Next {
        cursor: Index,
        max_events: usize,
    },
    Cancel {
        cursor: Index,
    },
    CloseCursor {
        cursor: Index,
    },
    Tracking {
        source: &'static str,
    },
    Wait {
        after: Position,
    },
    Interrupt,
    Info,
    /// Only for engines that keep their events.
    Reopen,
    /// The same without a close before: as if the process had been killed.
    Crash,
}

#[derive(Clone, Debug)]
pub struct Append {
    pub events: Vec<(Event, Form)>,
    /// One event is given as such, not as an array.
    pub bare: bool,
    /// A wrong member in one of the events: one of [`EVENT_FAULTS`].
    pub fault: Option<(Index, usize)>,
    /// The text ends before its end.
    pub cut: Option<Index>,
    pub options: AppendOptions,
}

#[derive(Clone, Copy, Debug)]
pub enum Change {
    Nothing,
    NoTimes,
    OtherTime,
    TagsReversed,
    TagDropped,
    OtherType,
    OtherStream,
    OtherVersion,
    OtherData,
    OtherMetadata,
    Reversed,
    EventMissing,
    EventAdded,
    EventTwice,
}

#[derive(Clone, Default)]
pub struct AppendOptions {
    pub expected_version: Option<Wanted>,
    pub expect: Vec<(&'static str, &'static str, Wanted)>,
    pub condition: Option<(Query, Option<Position>)>,
    pub tracking: Option<(&'static str, Position)>,
    pub summary: Option<bool>,
    /// One of [`APPEND_OPTION_FAULTS`].
    pub fault: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    Any,
    Exists,
    Exactly(u64),
    /// The stream's version, and so many more.
    Actual(i64),
}

#[derive(Clone, Copy, Debug)]
pub enum Position {
    At(u64),
    /// The head, and so many more.
    Head(i64),
    Last,
}

#[derive(Clone, Copy, Debug)]
pub enum Bytes {
    At(u64),
    /// The answer with the first so many matching events, and so many bytes more.
    Events(usize, i64),
}

#[derive(Clone, Debug)]
pub enum Query {
    Absent,
    Null,
    One(Filter),
    Any(Vec<Filter>),
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub types: Option<Names>,
    pub domains: Option<Names>,
    pub instance_ids: Option<Names>,
    pub ids: Option<Vec<Id>>,
    pub tags: Option<Vec<&'static str>>,
    pub from: Option<Time>,
    pub to: Option<Time>,
    pub after: Option<Position>,
    pub up_to: Option<Position>,
    pub after_version: Option<u64>,
    /// One of [`QUERY_FAULTS`].
    pub fault: Option<usize>,
}

#[derive(Clone, Debug)]
pub enum Names {
    One(&'static str),
    AnyOf(Vec<&'static str>),
}

#[derive(Clone, Debug)]
pub enum Id {
    Known(String),
    OfEvent(Index),
    NoUuid,
}

#[derive(Clone, Copy, Debug)]
pub enum Time {
    At(usize),
    OfEvent(Index),
}

#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    pub limit: Option<u64>,
    pub offset: Option<u64>,
    pub backward: Option<bool>,
    pub ndjson: Option<bool>,
    pub pagination: Option<bool>,
    /// One of [`READ_OPTION_FAULTS`].
    pub fault: Option<usize>,
}

impl Names {
    pub fn list(&self) -> Vec<String> {
        match self {
            Names::One(name) => vec![String::from(*name)],
            Names::AnyOf(names) => names.iter().copied().map(String::from).collect(),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Append(append) => {
                let texts: Vec<String> = append.events.iter().map(|(event, form)| form.text(event, None)).collect();
                write!(f, "Append [{}]", texts.join(","))?;
                if let Some((index, fault)) = &append.fault {
                    let index = if texts.is_empty() { 0 } else { index.index(texts.len()) };
                    write!(f, " with {} in {index}", EVENT_FAULTS[*fault].0)?;
                }
                if append.cut.is_some() {
                    f.write_str(" cut short")?;
                }
                write!(f, " {:?}", append.options)
            }
            Step::Bulk { count, payload_bytes, inserted_at } => {
                write!(f, "Bulk {count} × {payload_bytes} bytes, {inserted_at:?}")
            }
            Step::Again { count, change, options, .. } => write!(f, "Again {count} events, {change:?} {options:?}"),
            Step::Read { query, options } => write!(f, "Read {query:?} {options:?}"),
            Step::Open { query, options, max_bytes, follow } => {
                write!(f, "Open {query:?} {options:?} max_bytes {max_bytes:?} follow {follow:?}")
            }
            Step::Next { max_events, .. } => write!(f, "Next {max_events}"),
            Step::Cancel { .. } => f.write_str("Cancel"),
            Step::CloseCursor { .. } => f.write_str("CloseCursor"),
            Step::Tracking { source } => write!(f, "Tracking {source:?}"),
            Step::Wait { after } => write!(f, "Wait {after:?}"),
            Step::Interrupt => f.write_str("Interrupt"),
            Step::Info => f.write_str("Info"),
            Step::Reopen => f.write_str("Reopen"),
            Step::Crash => f.write_str("Crash"),
        }
    }
}

impl fmt::Debug for AppendOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AppendOptions { expected_version, expect, condition, tracking, summary, fault } = self;
        write!(f, "{expected_version:?} {expect:?} {condition:?} {tracking:?} {summary:?} {fault:?}")
    }
}

impl Wanted {
    /// What is wanted of a stream whose version is `actual`.
    pub fn resolve(self, actual: u64) -> Expected {
        match self {
            Wanted::Any => Expected::Any,
            Wanted::Exists => Expected::Exists,
            Wanted::Exactly(version) => Expected::Version(version),
            Wanted::Actual(more) => Expected::Version(actual.saturating_add_signed(more)),
        }
    }
}

impl Position {
    pub fn resolve(self, head: u64) -> u64 {
        match self {
            Position::At(position) => position,
            Position::Head(more) => head.saturating_add_signed(more).min(i64::MAX as u64),
            Position::Last => i64::MAX as u64,
        }
    }
}
