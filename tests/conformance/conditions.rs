//! `condition`: decisions that depend on more than one stream, made safe by what must not have
//! happened since.

use crate::engines::Factory;
use crate::history::{KEY_AFTER_VERSION, KEYS, KEYS_OF_A_STREAM, history, query};
use crate::support::*;
use runestore::{ErrorKind, Store};
use serde_json::{Value, json};
use std::sync::Arc;

scenarios![
    a_condition_fails_where_an_event_matches_and_names_the_first,
    a_condition_looks_only_behind_its_position,
    a_condition_does_not_see_its_own_batch,
    a_condition_on_all_events_demands_that_nothing_happened_since,
    a_username_is_taken_only_once,
    a_course_takes_no_more_students_than_it_has_seats,
    deciders_that_run_at_once_never_sell_a_seat_twice,
    a_condition_finds_what_a_look_at_every_event_finds,
];

fn guard(query: Value, after: u64) -> Value {
    json!({"condition": {"fail_if_events_match": query, "after": after}})
}

fn a_condition_fails_where_an_event_matches_and_names_the_first(factory: &Factory) {
    let store = factory.fresh();
    append(&store, json!([event("a", "d", "i"), event("b", "d", "j"), event("b", "d", "i"), event("c", "e", "i")]));
    for (query, first) in [
        (json!({"type": "a"}), 1),
        (json!({"type": "b"}), 2),
        (json!({"type": ["c", "b"]}), 2),
        (json!([{"type": "c"}, {"type": "b", "instance_id": "i"}]), 3),
        (json!({"domain": "e"}), 4),
        (json!({"domain": "d", "instance_id": "i", "after_version": 1}), 3),
        (json!({"after": 3}), 4),
        (json!(null), 1),
        (json!({}), 1),
    ] {
        let error = refuse(&store, ErrorKind::Conflict, event("x", "x", "x"), guard(query.clone(), 0));
        let wanted = json!({"reason": "condition", "expected": "none", "actual": first, "sequence_number": first});
        assert_eq!(details(&error), wanted, "{query}");
    }
    for query in [
        json!({"type": "x"}),
        json!({"type": "a", "domain": "e"}),
        json!({"type": []}),
        json!([{"type": "a", "instance_id": "j"}, {"tags": ["none"]}]),
        json!({"after": 4}),
        json!({"up_to": 0}),
    ] {
        append_with(&store, "[]", guard(query, 0));
    }
    assert_eq!(store.head().unwrap(), 4);
}

fn a_condition_looks_only_behind_its_position(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(5));
    for after in 0..5 {
        let error = refuse(&store, ErrorKind::Conflict, "[]", guard(json!({"type": "Counted"}), after));
        assert_eq!(error.detail("sequence_number"), Some(&json!(after + 1)));
    }
    for after in [5, 6, i64::MAX as u64] {
        append_with(&store, "[]", guard(json!({"type": "Counted"}), after));
    }
    // Without `after` it looks at everything.
    let options = json!({"condition": {"fail_if_events_match": {"type": "Counted"}, "after": null}});
    refuse(&store, ErrorKind::Conflict, "[]", options);
}

fn a_condition_does_not_see_its_own_batch(factory: &Factory) {
    let store = factory.fresh();
    let batch = json!([event("Taken", "name", "ada"), event("Taken", "name", "ada")]);
    let options = guard(json!({"type": "Taken"}), 0);
    assert_eq!(append_with(&store, &batch, &options).len(), 2);
    refuse(&store, ErrorKind::Conflict, &batch, &options);
}

fn a_condition_on_all_events_demands_that_nothing_happened_since(factory: &Factory) {
    let store = factory.fresh();
    for head in 0..3 {
        append_with(&store, event("t", "d", "i"), guard(json!(null), head));
        refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), guard(json!(null), head));
    }
    assert_eq!(store.head().unwrap(), 3);
}

fn a_username_is_taken_only_once(factory: &Factory) {
    let store = factory.fresh();
    let claim = |user: &str, name: &str| {
        let tag = format!("name:{name}");
        let claimed = json!({"type": "NameClaimed", "domain": "user", "instance_id": user, "tags": [tag]});
        let condition = guard(json!({"type": "NameClaimed", "tags": [tag]}), 0);
        store.append_json(claimed.to_string(), Some(&condition.to_string())).map(|_| ())
    };
    claim("1", "ada").unwrap();
    claim("2", "grace").unwrap();
    fails(ErrorKind::Conflict, claim("3", "ada"));
    claim("3", "ada2").unwrap();
    assert_eq!(strings(&read_all(&store), "instance_id"), ["1", "2", "3"]);
}

/// Enrols a student as a decider does: read what the decision rests on, decide, append under the
/// condition that it has not changed. Whether a seat was got.
fn enrol(store: &Store, student: &str, course: &str, seats: usize, courses_max: usize) -> bool {
    let (of_course, of_student) = (format!("course:{course}"), format!("student:{student}"));
    let relevant = json!([
        {"type": ["Enrolled", "Left"], "tags": [of_course]},
        {"type": ["Enrolled", "Left"], "tags": [of_student]},
    ]);
    for _ in 0..1000 {
        let (events, page) = page(store, &relevant, r#"{"pagination":true,"limit":100000}"#);
        let balance = |tag: &str| {
            let of = |kind| {
                let mine =
                    |event: &&Value| event["type"] == kind && event["tags"].as_array().unwrap().contains(&json!(tag));
                events.iter().filter(mine).count()
            };
            of("Enrolled") - of("Left")
        };
        if balance(&of_course) >= seats || balance(&of_student) >= courses_max {
            return false;
        }
        let enrolled =
            json!({"type": "Enrolled", "domain": "enrolment", "instance_id": student, "tags": [of_course, of_student]});
        let options = guard(relevant.clone(), page["head"].as_u64().unwrap());
        match store.append_json(enrolled.to_string(), Some(&options.to_string())) {
            Ok(_) => return true,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
        }
    }
    panic!("a thousand decisions in a row were overtaken");
}

fn a_course_takes_no_more_students_than_it_has_seats(factory: &Factory) {
    let store = factory.fresh();
    let got = |student: &str, course: &str| enrol(&store, student, course, 2, 2);
    assert_eq!([got("ada", "logic"), got("grace", "logic"), got("alan", "logic")], [true, true, false]);
    assert_eq!([got("ada", "sets"), got("ada", "graphs")], [true, false], "two courses a student");
    let left =
        json!({"type": "Left", "domain": "enrolment", "instance_id": "ada", "tags": ["course:logic", "student:ada"]});
    append(&store, left);
    assert_eq!([got("alan", "logic"), got("ada", "graphs"), got("grace", "logic")], [true, true, false]);
}

fn deciders_that_run_at_once_never_sell_a_seat_twice(factory: &Factory) {
    let store = factory.fresh();
    let deciders: Vec<_> = (0..6)
        .map(|student| {
            let store: Arc<Store> = store.clone();
            task("a decider", move || {
                (0..8).filter(|course| enrol(&store, &format!("s{student}"), &format!("c{course}"), 3, 5)).count()
            })
        })
        .collect();
    let got: Vec<usize> = deciders.into_iter().map(|decider| decider.outcome()).collect();
    // 8 courses of 3 seats and 6 students of 5 courses: all 24 seats go, or nearly, and no more.
    for course in 0..8 {
        let taken = read(&store, json!({"tags": [format!("course:c{course}")]}), "null").len();
        assert!(taken <= 3, "course {course} has {taken} students");
    }
    for (student, got) in got.iter().enumerate() {
        let taken = read(&store, json!({"tags": [format!("student:s{student}")]}), "null").len();
        assert!(taken == *got && taken <= 5, "student {student} has {taken} courses and was told {got}");
    }
    assert!(got.iter().sum::<usize>() >= 20, "only {got:?} seats were sold: deciders give up too early");
}

fn a_condition_finds_what_a_look_at_every_event_finds(factory: &Factory) {
    let history = history(factory);
    let mut dice = Dice(2);
    let mut found = 0;
    for round in 0..400_u32 {
        let mut keys = dice.roll() as u32 % (1 << KEYS);
        if keys & KEY_AFTER_VERSION != 0 {
            keys |= KEYS_OF_A_STREAM;
        }
        let mut filters = vec![history.filter(keys, &mut dice)];
        if round % 4 == 0 {
            filters.push(history.filter(0b1_0001, &mut dice));
        }
        let after = if dice.one_in(2) { 0 } else { dice.below(history.events.len()) as u64 };
        let first = history.matching(&filters).into_iter().map(|event| event.sequence_number).find(|at| *at > after);
        // An empty batch stores nothing even where the condition holds.
        let options = guard(query(&filters), after);
        match history.store.append_json("[]", Some(&options.to_string())) {
            Ok(_) => assert_eq!(first, None, "{options}"),
            Err(error) => {
                assert_eq!(error.detail("sequence_number").and_then(Value::as_u64), first, "{options}: {error}");
                found += 1;
            }
        }
    }
    assert!((100..350).contains(&found), "{found} of 400 conditions failed: neither all nor none should");
}
