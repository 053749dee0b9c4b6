//! What was sent, answered and seen, and what is stored in the end.

use serde_json::Value;
use std::collections::BTreeMap;

/// All that a checker needs to know.
pub struct History<'a> {
    pub batches: Vec<&'a Batch>,
    /// What each follower was given.
    pub followers: Vec<&'a [Seen]>,
    /// What is stored, in the order of a read.
    pub log: &'a [Stored],
    pub head: u64,
    /// The position of each tracking source.
    pub tracking: &'a BTreeMap<String, u64>,
}

/// A position, and the id of the event that was there.
pub type Seen = (u64, String);

/// An event as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub position: u64,
    pub version: u64,
    pub id: String,
    pub event: Sent,
}

/// What a writer says of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// No two events of a run have the same.
    pub key: String,
    pub stream: String,
    pub tags: Vec<String>,
}

/// An append, with all that it took to learn what became of it.
#[derive(Debug, Clone)]
pub struct Batch {
    pub events: Vec<Sent>,
    /// Those of its events, where the writer gave them, or was told them.
    pub ids: Option<Vec<String>>,
    pub check: Check,
    pub outcome: Outcome,
    /// It was sent again, since nobody knew what had become of it.
    pub settled: bool,
}

/// What must hold where it is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    None,
    /// Its stream has this version before.
    Version(u64),
    /// No event behind this position carries the tag.
    NoTag {
        tag: String,
        after: u64,
    },
    /// The source moves on to this position.
    Tracking {
        source: String,
        position: u64,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Stored, each event at a position and with a version.
    Acknowledged(Vec<(u64, u64)>),
    /// Its check failed, because of what is said to be stored; so it is not.
    Refused(Evidence),
    /// It failed, and is not stored.
    Failed,
    /// Nobody knows.
    Unknown,
    /// What no failover explains.
    Odd(String),
}

/// Why a check failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// The stream has this version.
    Version(u64),
    /// An event there has the tag.
    Position(u64),
    /// The source is there.
    Tracking(u64),
}

impl Stored {
    pub fn read(event: &Value) -> Stored {
        let number = |name: &str| event[name].as_u64().expect("every event has its numbers");
        let text = |value: &Value| String::from(value.as_str().expect("it is a string"));
        let tags = event["tags"].as_array().expect("every event has tags").iter().map(text).collect();
        Stored {
            position: number("sequence_number"),
            version: number("stream_version"),
            id: text(&event["id"]),
            event: Sent { key: text(&event["data"]["key"]), stream: text(&event["instance_id"]), tags },
        }
    }
}
