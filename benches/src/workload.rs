//! The events that are appended: 20 types with Zipf weights, 10 domains, 20,000 instances with 50
//! events each on average, 8 data fields with some text that is not ASCII, a second between two events.

use std::fmt::Write;

/// The events of a batch.
pub const BATCH: usize = 1_000;
const INSTANCES: u64 = 20_000;
const TYPES: usize = 20;
const BEGIN: u64 = 1_767_225_600; // 2026-01-01T00:00:00Z

/// A batch of events.
pub struct Batch {
    /// As Runestore takes it.
    pub text: String,
    /// As a program that uses SQLite has it.
    pub rows: Vec<Row>,
}

pub struct Row {
    pub id: String,
    pub event_type: String,
    pub domain: String,
    pub instance_id: String,
    /// Microseconds.
    pub time: u64,
    pub json: String,
}

/// An event's text as a store keeps it: the caller's with id and numbers. As long as Runestore's, and in no other way like it.
pub fn write_stored(text: &mut String, row: &Row, position: u64) {
    let Row { id, json, .. } = row;
    let rest = &json[1..];
    write!(
        text,
        r#"{{"sequence_number":{position},"id":"{id}","stream_version":10,"version":1,"tags":[],"metadata":{{}},{rest}."#
    )
    .expect("a string takes all");
}

/// How the events of a log differ from each other.
#[derive(Clone, Copy)]
pub enum Kind {
    /// See the module.
    Standard,
    /// Each event opens a stream of its own and carries a random id.
    Unique,
}

/// Batches without end, the same in every run.
pub struct Batches {
    kind: Kind,
    chance: Chance,
    made: u64,
}

impl Batches {
    pub fn new(kind: Kind) -> Batches {
        Batches { kind, chance: Chance(0x9e37_79b9_7f4a_7c15), made: 0 }
    }

    /// The batches of so many events.
    pub fn of(events: usize) -> Vec<Batch> {
        assert!(events.is_multiple_of(BATCH), "a multiple of {BATCH}");
        Batches::new(Kind::Standard).take(events / BATCH).collect()
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let first = self.made;
        self.made += BATCH as u64;
        let rows: Vec<Row> = (first..self.made).map(|ordinal| row(&mut self.chance, ordinal, self.kind)).collect();
        let texts: Vec<&str> = rows.iter().map(|row| &*row.json).collect();
        Some(Batch { text: format!("[{}]", texts.join(",")), rows })
    }
}

/// What a log of so many standard events is asked.
#[derive(Clone, Copy)]
pub struct Questions {
    pub events: usize,
    /// A window of time has so many of them.
    window_events: usize,
}

impl Questions {
    /// About so many events, their windows a hundredth of the time.
    pub fn about(events: usize) -> Questions {
        Questions::with_windows_of(events / 100, events)
    }

    /// The same with windows of so many events.
    pub fn with_windows_of(window_events: usize, events: usize) -> Questions {
        Questions { events, window_events }
    }

    /// The type of the pages: the sixth most frequent has 4.6 % of the events.
    pub const PAGE_TYPE: &str = "EventType05";
    /// How many streams there are.
    pub const STREAMS: usize = INSTANCES as usize;

    /// A stream, another one for each lookup, in no order.
    pub fn stream(&self, lookup: usize) -> (String, String) {
        stream_of((lookup as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) % INSTANCES)
    }

    /// Some time, from and to in seconds since 1970, another one for each window.
    pub fn window(&self, window: usize) -> (u64, u64) {
        let from = BEGIN + window as u64 * 37 % 99 * (self.events as u64 / 100);
        (from, from + self.window_events as u64)
    }
}

/// RFC 3339 of seconds since 1970, within the years 2026 and 2027.
pub fn rfc3339(seconds: u64) -> String {
    let (days, second) = ((seconds - BEGIN) / 86_400, (seconds - BEGIN) % 86_400);
    let (year, mut day) = if days < 365 { (2026, days) } else { (2027, days - 365) };
    let mut month = 1;
    for length in [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}T{:02}:{:02}:{:02}Z", day + 1, second / 3600, second / 60 % 60, second % 60)
}

fn row(chance: &mut Chance, ordinal: u64, kind: Kind) -> Row {
    const WORDS: [&str; 10] =
        ["alpha", "bravo", "charlie", "delta", "echo", "føxtrot", "gölf", "hotel", "índia", "juliett"];
    let event_type = type_name(zipf(chance));
    let id = uuid(chance, if matches!(kind, Kind::Standard) { 7 } else { 4 });
    let (domain, instance_id) = match kind {
        Kind::Standard => stream_of(chance.below(INSTANCES)),
        Kind::Unique => (stream_of(ordinal).0, uuid(chance, 4)),
    };
    let given = if matches!(kind, Kind::Standard) { String::new() } else { format!(r#""id":"{id}","#) };
    let mut word = || WORDS[chance.below(10) as usize];
    let (customer, note) = (format!("{} {}", word(), word()), format!("{} {} {}", word(), word(), word()));
    let inserted_at = rfc3339(BEGIN + ordinal);
    let mut json = String::new();
    write!(
        json,
        r#"{{{given}"type":"{event_type}","domain":"{domain}","instance_id":"{instance_id}","inserted_at":"{inserted_at}","data":{{"customer":"{customer}","amount":{},"currency":"EUR","note":"{note}","ok":true,"ratio":0.{},"ref":"{:016x}","list":[1,2,3]}}}}"#,
        chance.below(1_000_000),
        chance.below(1_000_000),
        chance.next(),
    )
    .expect("a string takes all");
    Row { id, event_type, domain, instance_id, time: (BEGIN + ordinal) * 1_000_000, json }
}

fn uuid(chance: &mut Chance, version: u8) -> String {
    format!(
        "{:08x}-{:04x}-{version:x}{:03x}-8{:03x}-{:012x}",
        chance.below(1 << 32),
        chance.below(1 << 16),
        chance.below(1 << 12),
        chance.below(1 << 12),
        chance.below(1 << 48)
    )
}

fn type_name(number: usize) -> String {
    format!("EventType{number:02}")
}

fn stream_of(instance: u64) -> (String, String) {
    (format!("domain{}", instance % 10), format!("instance-{instance:06}"))
}

/// A type's number, the n-th with a weight of 1/n.
fn zipf(chance: &mut Chance) -> usize {
    let total: f64 = (1..=TYPES).map(|rank| 1.0 / rank as f64).sum();
    let mut left = chance.below(1 << 32) as f64 / (1u64 << 32) as f64 * total;
    for rank in 1..TYPES {
        left -= 1.0 / rank as f64;
        if left < 0.0 {
            return rank - 1;
        }
    }
    TYPES - 1
}

/// The same numbers in every run (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound
    }
}
