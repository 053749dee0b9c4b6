//! `tracking`: how far a reader has come, recorded in the step that stores what it made of it.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Next, Store};
use serde_json::{Value, json};
use std::sync::Arc;

scenarios![
    a_source_begins_at_zero_and_keeps_what_was_recorded_last,
    a_position_that_is_not_larger_is_a_conflict_and_tells_the_recorded_one,
    sources_are_told_apart_byte_by_byte,
    a_source_has_1_to_1024_bytes_and_no_nul,
    tracking_is_recorded_with_the_events_or_not_at_all,
    an_empty_batch_can_record_a_position,
    a_projection_that_stops_anywhere_handles_every_event_once,
    two_instances_of_one_projection_do_not_handle_an_event_twice,
];

fn at(source: &str, position: u64) -> Value {
    json!({"tracking": {"source": source, "position": position}})
}

fn a_source_begins_at_zero_and_keeps_what_was_recorded_last(factory: &Factory) {
    let store = factory.fresh();
    assert_eq!(store.tracking("s").unwrap(), 0);
    for position in [1, 2, 10, 1_000_000_000_000, i64::MAX as u64] {
        append_with(&store, event("t", "d", "i"), at("s", position));
        assert_eq!(store.tracking("s").unwrap(), position);
    }
    append(&store, event("t", "d", "i"));
    assert_eq!(store.tracking("s").unwrap(), i64::MAX as u64);
    assert_eq!(store.tracking("t").unwrap(), 0);
}

fn a_position_that_is_not_larger_is_a_conflict_and_tells_the_recorded_one(factory: &Factory) {
    let store = factory.fresh();
    let error = refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), at("s", 0));
    assert_eq!(details(&error), json!({"reason": "tracking", "expected": 0, "actual": 0, "source": "s"}));
    append_with(&store, event("t", "d", "i"), at("s", 7));
    for position in [0, 1, 6, 7] {
        let error = refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), at("s", position));
        assert_eq!(details(&error), json!({"reason": "tracking", "expected": position, "actual": 7, "source": "s"}));
    }
    assert_eq!((store.head().unwrap(), store.tracking("s").unwrap()), (1, 7));
}

fn sources_are_told_apart_byte_by_byte(factory: &Factory) {
    let store = factory.fresh();
    let sources = ["s", "S", "s ", "\u{e9}", "e\u{301}", "\"quoted\"", "a\nb", "😀"];
    for (index, source) in sources.iter().enumerate() {
        append_with(&store, "[]", at(source, index as u64 + 1));
    }
    for (index, source) in sources.iter().enumerate() {
        assert_eq!(store.tracking(source).unwrap(), index as u64 + 1, "{source:?}");
    }
    append_with(&store, "[]", r#"{"tracking":{"source":"\u0073","position":99}}"#);
    assert_eq!(store.tracking("s").unwrap(), 99, "escapes are undone");
}

fn a_source_has_1_to_1024_bytes_and_no_nul(factory: &Factory) {
    let store = factory.fresh();
    let long = "é".repeat(512);
    append_with(&store, "[]", at(&long, 1));
    assert_eq!(store.tracking(&long).unwrap(), 1);
    for bad in [String::new(), format!("{long}x"), String::from("a\0b")] {
        refuse(&store, ErrorKind::InvalidOptions, "[]", at(&bad, 1));
        fails(ErrorKind::InvalidOptions, store.tracking(&bad));
    }
}

fn tracking_is_recorded_with_the_events_or_not_at_all(factory: &Factory) {
    let store = factory.fresh();
    append_with(&store, event("t", "d", "i"), at("s", 1));
    let mut options = at("s", 2);
    options["expected_version"] = json!(7);
    refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), &options);
    assert_eq!(store.tracking("s").unwrap(), 1);
    options["expected_version"] = json!(1);
    append_with(&store, event("t", "d", "i"), &options);
    assert_eq!(store.tracking("s").unwrap(), 2);
    // Checked last: what else fails is told first.
    options["expected_version"] = json!(1);
    options["tracking"]["position"] = json!(1);
    let error = refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), &options);
    assert_eq!(error.detail("reason"), Some(&json!("expected_version")));
}

fn an_empty_batch_can_record_a_position(factory: &Factory) {
    let store = factory.fresh();
    assert_eq!(append_with(&store, "[]", at("s", 5)), [] as [Value; 0]);
    assert_eq!((store.tracking("s").unwrap(), store.head().unwrap()), (5, 0));
    refuse(&store, ErrorKind::Conflict, "[]", at("s", 5));
}

/// Handles the source's next events, at most `most` of them, as a projection does: what comes of an
/// event is stored in one step with its position. It knows nothing but what is stored.
fn project(source: &Arc<Store>, target: &Store, most: usize) -> usize {
    let behind = target.tracking("orders").unwrap();
    let reader = cursor(source, json!({"type": "Ordered", "after": behind}), "{}");
    let mut handled = 0;
    while handled < most {
        let (next, events) = next(&reader, 1, AT_ONCE);
        let Next::Events { position } = next else { break };
        let made: Value = events
            .iter()
            .map(
                |ordered| json!({"type": "Shipped", "domain": "shipping", "instance_id": "1", "data": ordered["data"]}),
            )
            .collect();
        match target.append_json(made.to_string(), Some(&at("orders", position).to_string())) {
            Ok(_) => handled += 1,
            // Somebody else was faster: begin again behind what is recorded.
            Err(error) => {
                assert_eq!(error.detail("reason"), Some(&json!("tracking")), "{error}");
                return handled;
            }
        }
    }
    handled
}

fn order(store: &Store, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let ordered = json!({"type": "Ordered", "domain": "order", "instance_id": "o", "data": number});
        append(store, json!([event("Viewed", "order", "o"), ordered]));
    }
}

fn shipped(store: &Store) -> Vec<u64> {
    numbers(&read(store, json!({"type": "Shipped"}), "null"), "data")
}

fn a_projection_that_stops_anywhere_handles_every_event_once(factory: &Factory) {
    let (source, target) = (factory.fresh(), factory.fresh());
    let mut dice = Dice(4);
    let mut ordered = 0;
    while ordered < 100 {
        let more = dice.below(7);
        order(&source, ordered..ordered + more);
        ordered += more;
        project(&source, &target, dice.below(5));
    }
    project(&source, &target, usize::MAX);
    assert_eq!(shipped(&target), (0..ordered as u64).collect::<Vec<_>>());
    assert_eq!(project(&source, &target, usize::MAX), 0);
}

fn two_instances_of_one_projection_do_not_handle_an_event_twice(factory: &Factory) {
    let (source, target) = (factory.fresh(), factory.fresh());
    order(&source, 0..200);
    let instances: Vec<_> = (0..3)
        .map(|_| {
            let (source, target) = (source.clone(), target.clone());
            task("a projection", move || {
                while target.tracking("orders").unwrap() < 400 {
                    project(&source, &target, 10);
                }
            })
        })
        .collect();
    instances.into_iter().for_each(|instance| instance.outcome());
    assert_eq!(shipped(&target), (0..200).collect::<Vec<_>>());
}
