//! Steps of the model test, made from a fuzzer's bytes. An input that ends early goes on with zeros, so 0 is always
//! the plain choice.

use crate::events::Form;
use crate::oracle::Event;
use crate::sample::Index;
use crate::samples::{
    APPEND_OPTION_FAULTS, EVENT_FAULTS, METADATA, NAMES, PAYLOADS, QUERY_FAULTS, READ_OPTION_FAULTS, TIMES, quoted,
    uuid,
};
use crate::steps::{
    Append, AppendOptions, Bytes, Change, Filter, Id, Names, Position, Query, ReadOptions, Step, Time, Wanted,
};
use crate::strays::{self, Invented, Stray};
use crate::verdict::agree;
use crate::world;
use arbitrary::{Arbitrary, Unstructured};

/// Calls on one store, and the wrong ones between them.
#[derive(Debug)]
pub struct Sequence {
    steps: Vec<Step>,
    strays: Vec<Stray>,
}

/// Every answer is byte for byte the oracle's.
pub fn calls_target(sequence: Sequence) {
    strays::set(sequence.strays);
    agree(world::run(r#"{"store":"memory"}"#, &sequence.steps));
    // Freed here: libFuzzer looks for leaks where an execution frees less than it allocates.
    strays::set(Vec::new());
}

const STEPS_MAX: usize = 40;
/// A bulk takes as long as all other steps together.
const BULKS_MAX: usize = 1;

impl<'a> Arbitrary<'a> for Sequence {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Sequence> {
        let mut draw = Draw { input, bulks: 0 };
        let mut sequence = Sequence { steps: Vec::new(), strays: Vec::new() };
        while !draw.input.is_empty() && sequence.steps.len() < STEPS_MAX {
            sequence.steps.push(draw.step());
            if draw.one_in(8) {
                sequence.strays.push(draw.stray());
            }
        }
        Ok(sequence)
    }
}

struct Draw<'u, 'a> {
    input: &'u mut Unstructured<'a>,
    bulks: usize,
}

impl Draw<'_, '_> {
    fn byte(&mut self) -> u8 {
        self.input.arbitrary().unwrap_or(0)
    }

    /// A number below `end`, which is at most 256.
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    fn number(&mut self) -> u64 {
        self.input.arbitrary().unwrap_or(0)
    }

    fn coin(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// True for one in `count` bytes, and never for 0.
    fn one_in(&mut self, count: u8) -> bool {
        self.byte() % count == count - 1
    }

    fn index(&mut self) -> Index {
        Index(self.byte())
    }

    fn among<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Something for one in `count` bytes.
    fn maybe<T>(&mut self, count: u8, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(count).then(|| make(self))
    }

    /// Fewer than `end` of them.
    fn few<T>(&mut self, end: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(end)).map(|_| make(self)).collect()
    }

    fn step(&mut self) -> Step {
        match self.below(116) {
            0..30 => Step::Append(self.append()),
            30..42 => Step::Again {
                first: self.index(),
                count: 1 + self.below(3),
                change: self.change(),
                form: self.form(),
                options: self.append_options(),
            },
            42..67 => Step::Read { query: self.query(), options: self.read_options(3) },
            67..77 => Step::Open {
                query: self.query(),
                options: self.read_options(50),
                max_bytes: self.maybe(2, Self::bytes),
                follow: self.maybe(2, Self::coin),
            },
            77..104 => Step::Next { cursor: self.index(), max_events: self.among(&[0, 1, 1, 2, 3, 5, 1000]) },
            104 => Step::Cancel { cursor: self.index() },
            105 => Step::CloseCursor { cursor: self.index() },
            106..108 => Step::Tracking { source: self.name() },
            108..110 => Step::Wait { after: self.position() },
            110..112 => Step::Interrupt,
            112 if self.bulks < BULKS_MAX => {
                self.bulks += 1;
                Step::Bulk {
                    // Just over a block of the index, and in one of eight over a piece of a long read.
                    count: 256 + self.below(64),
                    payload_bytes: if self.one_in(8) { 4200 } else { 0 },
                    inserted_at: self.maybe(2, |draw| draw.below(TIMES.len())),
                }
            }
            _ => Step::Info,
        }
    }

    fn stray(&mut self) -> Stray {
        let handle = match self.below(5) {
            0 => Invented::Null,
            1 => Invented::OtherKind,
            2 => Invented::Flipped(self.byte()),
            3 => Invented::Number(self.number()),
            _ => Invented::WrongArgument,
        };
        Stray { function: self.byte(), handle }
    }

    fn append(&mut self) -> Append {
        let mut events = self.few(5, Self::event);
        // As often as not all in one stream.
        if self.coin() {
            let (domain, instance_id) = (self.name(), self.name());
            for event in &mut events {
                event.domain = domain.into();
                event.instance_id = instance_id.into();
            }
        }
        if self.one_in(32) {
            // So that ids stand in it twice.
            events.extend_from_within(..);
            let middle = events.len() / 2;
            events[middle..].reverse();
        }
        let events = events.into_iter().map(|mut event| {
            if self.one_in(5) {
                let behind = self.coin();
                lift_stream(&mut event, behind);
            }
            (event, self.form())
        });
        let events = events.collect();
        Append {
            events,
            bare: self.coin(),
            fault: self.maybe(24, |draw| (draw.index(), draw.below(EVENT_FAULTS.len()))),
            cut: self.maybe(64, Self::index),
            options: self.append_options(),
        }
    }

    fn event(&mut self) -> Event {
        let id = match self.below(10) {
            0..6 => None,
            6..9 => Some(uuid(self.number())),
            // Few enough to come again.
            _ => Some(uuid(self.below(8) as u64)),
        };
        Event {
            id,
            event_type: self.name().into(),
            domain: self.name().into(),
            instance_id: self.name().into(),
            version: self.among(&[1, 1, 1, 1, 1, 2, u32::MAX]),
            inserted_at: self.maybe(2, |draw| draw.among(&TIMES).into()),
            tags: self.tags(),
            payload: if self.coin() { self.among(&PAYLOADS) } else { PAYLOADS[0] }.into(),
            metadata: if self.one_in(4) { self.among(&METADATA) } else { METADATA[0] }.into(),
        }
    }

    /// No tag twice, in any order.
    fn tags(&mut self) -> Vec<String> {
        let mut tags: Vec<String> = self.few(6, |draw| draw.name().into());
        let mut seen = Vec::new();
        tags.retain(|tag| {
            !seen.contains(tag) && {
                seen.push(tag.clone());
                true
            }
        });
        tags
    }

    fn name(&mut self) -> &'static str {
        if self.one_in(9) { self.among(&NAMES) } else { self.among(&NAMES[..3]) }
    }

    fn form(&mut self) -> Form {
        if !self.one_in(3) {
            return Form::default();
        }
        let flags = self.byte();
        let flag = |bit: u8| flags >> bit & 1 == 1;
        Form {
            escaped: flag(0),
            spaced: flag(1),
            upper_id: flag(2),
            stream_in_metadata: flag(3),
            explicit: flag(4),
            time: flags >> 5 & 3,
            rotated: self.below(12),
        }
    }

    fn change(&mut self) -> Change {
        use Change::*;
        self.among(&[
            Nothing,
            Nothing,
            Nothing,
            Nothing,
            NoTimes,
            NoTimes,
            TagsReversed,
            TagsReversed,
            OtherTime,
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
        ])
    }

    fn append_options(&mut self) -> AppendOptions {
        if !self.coin() {
            return AppendOptions::default();
        }
        AppendOptions {
            expected_version: self.maybe(3, Self::wanted),
            expect: if self.one_in(4) {
                self.few(4, |draw| (draw.name(), draw.name(), draw.wanted()))
            } else {
                Vec::new()
            },
            condition: self.maybe(3, |draw| (draw.query(), draw.maybe(2, Self::position))),
            tracking: self.maybe(3, |draw| (draw.among(&NAMES[..4]), draw.position())),
            summary: self.maybe(2, Self::coin),
            fault: self.maybe(48, |draw| draw.below(APPEND_OPTION_FAULTS.len())),
        }
    }

    fn wanted(&mut self) -> Wanted {
        match self.below(11) {
            0..5 => Wanted::Actual(0),
            5 => Wanted::Any,
            6..8 => Wanted::Exists,
            8 => Wanted::Actual(1),
            9 => Wanted::Actual(-1),
            _ => Wanted::Exactly(self.below(3) as u64),
        }
    }

    fn position(&mut self) -> Position {
        match self.below(10) {
            0..5 => Position::Head(self.below(6) as i64 - 3),
            5..9 => Position::At(self.below(12) as u64),
            _ => Position::Last,
        }
    }

    fn bytes(&mut self) -> Bytes {
        match self.below(3) {
            0 => Bytes::At(self.among(&[1, 700, 2000, 1 << 40])),
            _ => Bytes::Events(1 + self.below(3), self.below(3) as i64 - 1),
        }
    }

    fn query(&mut self) -> Query {
        match self.below(14) {
            0 => Query::Absent,
            1 => Query::Null,
            2..10 => Query::One(self.filter()),
            _ => Query::Any(self.few(4, Self::filter)),
        }
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter {
            types: self.maybe(3, Self::names),
            domains: self.maybe(3, Self::names),
            instance_ids: self.maybe(3, Self::names),
            ids: self.maybe(7, |draw| draw.few(4, Self::id)),
            tags: self.maybe(3, |draw| draw.few(3, Self::name)),
            from: self.maybe(7, Self::time),
            to: self.maybe(7, Self::time),
            after: self.maybe(5, Self::position),
            up_to: self.maybe(5, Self::position),
            ..Filter::default()
        };
        // One fault at a time: which is told first is nobody's business.
        filter.fault = self.maybe(32, |draw| draw.below(QUERY_FAULTS.len()));
        if filter.fault.is_none() && self.one_in(5) {
            filter.after_version = Some(self.below(4) as u64);
            if !self.one_in(3) {
                filter.domains = Some(Names::One(self.name()));
                filter.instance_ids = Some(Names::AnyOf(vec![self.name()]));
            }
        }
        filter
    }

    fn names(&mut self) -> Names {
        if self.one_in(3) { Names::AnyOf(self.few(4, Self::name)) } else { Names::One(self.name()) }
    }

    fn id(&mut self) -> Id {
        match self.below(8) {
            0..6 => Id::OfEvent(self.index()),
            6 => Id::Known(uuid(self.below(8) as u64)),
            _ => Id::NoUuid,
        }
    }

    fn time(&mut self) -> Time {
        if self.coin() { Time::OfEvent(self.index()) } else { Time::At(self.below(TIMES.len())) }
    }

    /// Paginated in one of `count` cases.
    fn read_options(&mut self, count: u8) -> ReadOptions {
        if self.one_in(48) {
            return ReadOptions { fault: Some(self.below(READ_OPTION_FAULTS.len())), ..ReadOptions::default() };
        }
        ReadOptions {
            limit: self.maybe(3, |draw| draw.among(&[0, 1, 2, 3, 4, 5, 100, i64::MAX as u64])),
            offset: self.maybe(4, |draw| draw.among(&[0, 1, 2, 3, 4, 5, 300, i64::MAX as u64])),
            backward: self.maybe(3, Self::coin),
            ndjson: self.maybe(4, Self::coin),
            pagination: self.maybe(count, |draw| !draw.one_in(4)),
            fault: None,
        }
    }
}

/// Puts the stream into the metadata as well.
fn lift_stream(event: &mut Event, behind: bool) {
    let (domain, instance_id) = (quoted(&event.domain), quoted(&event.instance_id));
    event.metadata = if behind {
        format!(r#"{{"x":[{{}}],"instance_id":{instance_id},"domain":{domain}}}"#)
    } else {
        format!(r#"{{"\u0064omain":{domain},"instance_id":{instance_id},"x":0}}"#)
    };
}
