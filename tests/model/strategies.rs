//! How proptest makes steps, and shrinks them.

use crate::events::Form;
use crate::oracle::Event;
use crate::samples::{
    APPEND_OPTION_FAULTS, EVENT_FAULTS, METADATA, NAMES, PAYLOADS, QUERY_FAULTS, READ_OPTION_FAULTS, TIMES, quoted,
    uuid,
};
use crate::steps::{
    Append, AppendOptions, Bytes, Change, Filter, Id, Names, Position, Query, ReadOptions, Step, Time, Wanted,
};
use proptest::collection::vec;
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Up to `longest` steps.
pub fn steps(longest: usize, reopens: bool) -> impl Strategy<Value = Vec<Step>> {
    vec(step(reopens), 1..=longest)
}

fn step(reopens: bool) -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => append().prop_map(Step::Append),
        1 => (256..700usize, select(vec![0, 3000usize]), weighted(0.7, 0..TIMES.len()))
            .prop_map(|(count, payload_bytes, inserted_at)| Step::Bulk { count, payload_bytes, inserted_at }),
        12 => (any::<Index>(), 1..4usize, change(), form(), append_options()).prop_map(
            |(first, count, change, form, options)| Step::Again { first, count, change, form, options }),
        25 => (query(), read_options(true)).prop_map(|(query, options)| Step::Read { query, options }),
        10 => (query(), read_options(false), of(bytes()), of(any::<bool>())).prop_map(
            |(query, options, max_bytes, follow)| Step::Open { query, options, max_bytes, follow }),
        25 => (any::<Index>(), select(vec![0usize, 1, 1, 2, 3, 5, 1000]))
            .prop_map(|(cursor, max_events)| Step::Next { cursor, max_events }),
        1 => any::<Index>().prop_map(|cursor| Step::Cancel { cursor }),
        1 => any::<Index>().prop_map(|cursor| Step::CloseCursor { cursor }),
        2 => name().prop_map(|source| Step::Tracking { source }),
        2 => position().prop_map(|after| Step::Wait { after }),
        1 => Just(Step::Interrupt),
        1 => Just(Step::Info),
        2 => Just(if reopens { Step::Reopen } else { Step::Info }),
        2 => Just(if reopens { Step::Crash } else { Step::Info }),
    ]
}

fn append() -> impl Strategy<Value = Append> {
    let events = prop_oneof![
        1 => Just(Vec::new()),
        // Each event in a stream of its own choice …
        5 => vec(event(), 1..5),
        // … or all in one.
        5 => (vec(event(), 1..5), name(), name()).prop_map(|(mut events, domain, instance_id)| {
            for event in &mut events {
                event.domain = domain.into();
                event.instance_id = instance_id.into();
            }
            events
        }),
    ];
    let events = (events, weighted(0.03, Just(()))).prop_map(|(mut events, mirrored)| {
        if mirrored.is_some() {
            // So that ids stand in it twice.
            events.extend_from_within(..);
            let middle = events.len() / 2;
            events[middle..].reverse();
        }
        events
    });
    let lifted = (events, vec((weighted(0.2, any::<bool>()), form()), 8)).prop_map(|(events, forms)| {
        let lift = |(mut event, (lift, form)): (Event, (Option<bool>, Form))| {
            if let Some(behind) = lift {
                lift_stream(&mut event, behind);
            }
            (event, form)
        };
        events.into_iter().zip(forms).map(lift).collect::<Vec<_>>()
    });
    let faults = (weighted(0.04, (any::<Index>(), 0..EVENT_FAULTS.len())), weighted(0.01, any::<Index>()));
    (lifted, any::<bool>(), faults, append_options()).prop_map(|(events, bare, (fault, cut), options)| Append {
        events,
        bare,
        fault,
        cut,
        options,
    })
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

fn event() -> impl Strategy<Value = Event> {
    let id = prop_oneof![
        6 => Just(None),
        3 => any::<u64>().prop_map(|number| Some(uuid(number))),
        // Few enough to come again.
        1 => (0..8u64).prop_map(|number| Some(uuid(number))),
    ];
    let tags = prop_oneof![
        2 => Just(Vec::new()),
        3 => proptest::sample::subsequence(&NAMES[..4], 1..4).prop_shuffle(),
        1 => proptest::sample::subsequence(&NAMES[..], 0..6).prop_shuffle(),
    ];
    let version = prop_oneof![5 => Just(1), 1 => Just(2), 1 => Just(u32::MAX)];
    let payload = prop_oneof![3 => Just(PAYLOADS[0]), 2 => select(&PAYLOADS[..])];
    let metadata = prop_oneof![3 => Just(METADATA[0]), 1 => select(&METADATA[..])];
    (id, name(), name(), name(), version, weighted(0.4, select(&TIMES[..])), tags, payload, metadata).prop_map(
        |(id, event_type, domain, instance_id, version, inserted_at, tags, payload, metadata)| Event {
            id,
            event_type: event_type.into(),
            domain: domain.into(),
            instance_id: instance_id.into(),
            version,
            inserted_at: inserted_at.map(String::from),
            tags: tags.into_iter().map(String::from).collect(),
            payload: payload.into(),
            metadata: metadata.into(),
        },
    )
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => select(&NAMES[..3]), 1 => select(&NAMES[..])]
}

fn form() -> impl Strategy<Value = Form> {
    let odd = (any::<[bool; 5]>(), 0..4u8, 0..12usize).prop_map(|(flags, time, rotated)| {
        let [escaped, spaced, upper_id, stream_in_metadata, explicit] = flags;
        Form { escaped, spaced, upper_id, time, stream_in_metadata, explicit, rotated }
    });
    prop_oneof![2 => Just(Form::default()), 1 => odd]
}

fn change() -> impl Strategy<Value = Change> {
    use Change::*;
    prop_oneof![
        10 => Just(Nothing),
        10 => select(vec![NoTimes, TagsReversed]),
        15 => select(vec![OtherTime, TagDropped, OtherType, OtherStream, OtherVersion, OtherData, OtherMetadata,
            Reversed, EventMissing, EventAdded, EventTwice]),
    ]
}

fn append_options() -> impl Strategy<Value = AppendOptions> {
    let given = (
        weighted(0.4, wanted()),
        prop_oneof![3 => Just(Vec::new()), 1 => vec((name(), name(), wanted()), 0..4)],
        weighted(0.3, (query(), of(position()))),
        weighted(0.3, (select(&NAMES[..4]), position())),
        of(any::<bool>()),
        weighted(0.02, 0..APPEND_OPTION_FAULTS.len()),
    )
        .prop_map(|(expected_version, expect, condition, tracking, summary, fault)| AppendOptions {
            expected_version,
            expect,
            condition,
            tracking,
            summary,
            fault,
        });
    prop_oneof![1 => Just(AppendOptions::default()), 1 => given]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        1 => Just(Wanted::Any),
        2 => Just(Wanted::Exists),
        2 => (0..3u64).prop_map(Wanted::Exactly),
        5 => Just(Wanted::Actual(0)),
        1 => select(vec![Wanted::Actual(-1), Wanted::Actual(1)]),
    ]
}

fn position() -> impl Strategy<Value = Position> {
    prop_oneof![
        4 => (0..12u64).prop_map(Position::At),
        5 => (-3..=2i64).prop_map(Position::Head),
        1 => Just(Position::Last),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        1 => select(vec![1, 700, 2000, 1 << 40]).prop_map(Bytes::At),
        2 => (1..4usize, -1..=1i64).prop_map(|(events, more)| Bytes::Events(events, more)),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    prop_oneof![
        1 => Just(Query::Absent),
        1 => Just(Query::Null),
        8 => filter().prop_map(Query::One),
        4 => vec(filter(), 0..4).prop_map(Query::Any),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let names = || {
        weighted(
            0.3,
            prop_oneof![
                2 => name().prop_map(Names::One),
                1 => vec(name(), 0..4).prop_map(Names::AnyOf),
            ],
        )
    };
    let id = prop_oneof![
        6 => any::<Index>().prop_map(Id::OfEvent),
        1 => (0..8u64).prop_map(|number| Id::Known(uuid(number))),
        1 => Just(Id::NoUuid),
    ];
    let time = || {
        weighted(
            0.15,
            prop_oneof![
                1 => (0..TIMES.len()).prop_map(Time::At),
                1 => any::<Index>().prop_map(Time::OfEvent),
            ],
        )
    };
    let bound = || weighted(0.2, position());
    let tags = prop_oneof![3 => vec(select(&NAMES[..4]), 0..3), 1 => vec(name(), 0..3)];
    let names = (names(), names(), names(), weighted(0.15, vec(id, 0..4)), weighted(0.3, tags));
    // As often as not in one stream, where versions count.
    let versions = weighted(0.2, (0..4u64, any::<bool>(), name(), name()));
    (names, (time(), time()), (bound(), bound()), versions, weighted(0.03, 0..QUERY_FAULTS.len())).prop_map(
        |((types, domains, instance_ids, ids, tags), (from, to), (after, up_to), versions, fault)| {
            let mut filter =
                Filter { types, domains, instance_ids, ids, tags, from, to, after, up_to, ..Filter::default() };
            match (fault, versions) {
                // One fault at a time: which is told first is nobody's business.
                (Some(_), _) => filter.fault = fault,
                (None, Some((version, in_stream, domain, instance_id))) => {
                    filter.after_version = Some(version);
                    if in_stream {
                        filter.domains = Some(Names::One(domain));
                        filter.instance_ids = Some(Names::AnyOf(vec![instance_id]));
                    }
                }
                (None, None) => {}
            }
            filter
        },
    )
}

fn read_options(paginates: bool) -> impl Strategy<Value = ReadOptions> {
    let pagination = if paginates { 0.3 } else { 0.02 };
    (
        weighted(0.4, prop_oneof![4 => 0..6u64, 1 => select(vec![100, i64::MAX as u64])]),
        weighted(0.2, prop_oneof![4 => 0..6u64, 1 => Just(i64::MAX as u64)]),
        weighted(0.4, any::<bool>()),
        weighted(0.3, any::<bool>()),
        weighted(pagination, prop_oneof![3 => Just(true), 1 => Just(false)]),
        weighted(0.02, 0..READ_OPTION_FAULTS.len()),
    )
        .prop_map(|(limit, offset, backward, ndjson, pagination, fault)| match fault {
            Some(_) => ReadOptions { fault, ..ReadOptions::default() },
            None => ReadOptions { limit, offset, backward, ndjson, pagination, fault },
        })
}
