//! Events as the tests make them, and the text in which a store must give them back.

use crate::dice::Dice;
use std::fmt::Write as _;
use std::sync::Arc;

/// An event before it is stored.
#[derive(Debug, Clone)]
pub struct Event {
    /// `None` where the store makes it.
    pub id: Option<String>,
    pub event_type: String,
    pub domain: String,
    pub instance_id: String,
    /// `None` where the store's clock gives it.
    pub inserted_at: Option<String>,
    pub tags: Vec<String>,
    /// JSON text. It begins with the batch's number, so that a stored event tells where it comes from.
    pub data: String,
}

/// The events of one append.
#[derive(Debug)]
pub struct Batch {
    /// No other batch of a test has it.
    pub number: u64,
    pub events: Vec<Event>,
    pub tracking: Option<(String, u64)>,
}

pub const TYPES: [&str; 5] = ["Opened", "Moved", "Paid", "Closed", "Renamed \\\"é\\\""];
pub const DOMAINS: [&str; 3] = ["account", "flight", "d"];
pub const INSTANCES: [&str; 5] = ["a-1", "a-2", "b", "c", "the fifth"];
pub const TAGS: [&str; 6] = ["red", "green", "blue", "x:1", "x:2", "y"];
pub const SOURCES: [&str; 3] = ["mail", "ledger", "search"];

/// How a batch is to be.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub events: usize,
    /// About how long each event's data is.
    pub data_bytes: usize,
    /// Ids and times are given by the caller.
    pub given: bool,
    pub one_stream: bool,
}

impl Batch {
    pub fn new(number: u64, shape: Shape, dice: &mut Dice) -> Batch {
        let stream = (dice.below(DOMAINS.len()), dice.below(INSTANCES.len()));
        let events = (0..shape.events)
            .map(|index| {
                let (domain, instance) = match shape.one_stream {
                    true => stream,
                    false => (dice.below(DOMAINS.len()), dice.below(INSTANCES.len())),
                };
                let bytes = dice.between(shape.data_bytes / 2, shape.data_bytes + shape.data_bytes / 2);
                Event {
                    id: shape.given.then(|| id(number, index, dice.roll())),
                    event_type: TYPES[dice.below(TYPES.len())].into(),
                    domain: DOMAINS[domain].into(),
                    instance_id: INSTANCES[instance].into(),
                    inserted_at: shape.given.then(|| time(dice.below(100_000) as u64)),
                    tags: some_tags(dice),
                    data: format!(r#"{{"batch":{number},"index":{index},"text":"{}"}}"#, filler(bytes, dice)),
                }
            })
            .collect();
        Batch { number, events, tracking: None }
    }

    pub fn with_tracking(mut self, source: &str, position: u64) -> Batch {
        self.tracking = Some((source.into(), position));
        self
    }

    /// Whether a retry can find it again.
    pub fn given(&self) -> bool {
        self.events.iter().all(|event| event.id.is_some())
    }

    /// As an append takes it.
    pub fn to_json(&self) -> String {
        let mut text = String::from("[");
        for (index, event) in self.events.iter().enumerate() {
            text.push_str(if index > 0 { "," } else { "" });
            text.push('{');
            if let Some(id) = &event.id {
                let _ = write!(text, r#""id":"{id}","#);
            }
            if let Some(time) = &event.inserted_at {
                let _ = write!(text, r#""inserted_at":"{time}","#);
            }
            let Event { event_type, domain, instance_id, data, .. } = event;
            let tags = tags_text(&event.tags);
            let _ = write!(
                text,
                r#""type":"{event_type}","domain":"{domain}","instance_id":"{instance_id}","tags":{tags},"data":{data}}}"#
            );
        }
        text.push(']');
        text
    }
}

impl Event {
    /// As a store must give it back, in one line. `id` and `inserted_at` are those that it made.
    pub fn stored_text(&self, number: u64, version: u64, id: &str, inserted_at: &str, out: &mut String) {
        let Event { event_type, domain, instance_id, data, .. } = self;
        let _ = write!(
            out,
            r#"{{"sequence_number":{number},"id":"{id}","type":"{event_type}","domain":"{domain}","instance_id":"{instance_id}","stream_version":{version},"version":1,"inserted_at":"{inserted_at}","tags":"#
        );
        out.push_str(&tags_text(&self.tags));
        let _ = writeln!(out, r#","data":{data},"metadata":{{}}}}"#);
    }
}

/// An event that is stored, or must be.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    pub number: u64,
    pub id: String,
    pub inserted_at: String,
}

/// A batch in its place in the log; one without events stands where it was handled.
#[derive(Debug)]
pub struct Stored {
    pub batch: Arc<Batch>,
    /// The position of its first event, or where that would be.
    pub first: u64,
    pub events: Vec<StoredEvent>,
    /// All events, each in a line of its own.
    pub text: String,
    /// Where each line ends.
    pub ends: Vec<usize>,
}

impl Stored {
    pub fn line(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }
}

fn some_tags(dice: &mut Dice) -> Vec<String> {
    let mask = dice.below(1 << TAGS.len()) & dice.below(1 << TAGS.len());
    (0..TAGS.len()).filter(|at| mask & 1 << at != 0).map(|at| TAGS[at].into()).collect()
}

fn tags_text(tags: &[String]) -> String {
    match tags {
        [] => String::from("[]"),
        tags => format!("[\"{}\"]", tags.join("\",\"")),
    }
}

/// UUIDs of version 4 and 7 alike, so that their order is not that of the log.
fn id(batch: u64, index: usize, random: u64) -> String {
    let version = if random & 1 == 0 { 4 } else { 7 };
    let high = if version == 4 { (random >> 16) as u32 } else { 0x0190_a000 };
    format!(
        "{high:08x}-{:04x}-{version}{:03x}-8{:03x}-{batch:08x}{index:04x}",
        random >> 48,
        index & 0xFFF,
        batch & 0xFFF
    )
}

/// Times of a day and some, not in the order of the log.
pub fn time(second: u64) -> String {
    let (day, second) = (1 + second / 86_400, second % 86_400);
    format!("2026-03-{day:02}T{:02}:{:02}:{:02}.000001Z", second / 3600, second / 60 % 60, second % 60)
}

fn filler(bytes: usize, dice: &mut Dice) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        let _ = write!(text, "{:016x}", dice.roll());
    }
    text
}
