//! Many threads on one store. The long runs are elsewhere; this is what each engine must do at least.

use crate::engines::Factory;
use crate::support::*;
use runestore::ErrorKind;
use serde_json::{Value, json};
use std::collections::HashMap;

scenarios![
    batches_of_many_threads_are_stored_whole_and_without_a_gap,
    each_threads_batches_keep_their_order,
    of_many_equal_expectations_one_wins,
    of_many_equal_conditions_one_wins,
    of_many_equal_retries_one_is_stored_and_all_get_the_same_answer,
    a_stream_version_is_never_given_twice,
];

const THREADS: usize = 8;

fn at_once<T: Send + 'static>(work: impl Fn(usize) -> T + Clone + Send + 'static) -> Vec<T> {
    let threads = (0..THREADS).map(|thread| {
        let work = work.clone();
        task("a thread", move || work(thread))
    });
    // All are begun before the first is waited for.
    threads.collect::<Vec<_>>().into_iter().map(|task| task.outcome()).collect()
}

fn batches_of_many_threads_are_stored_whole_and_without_a_gap(factory: &Factory) {
    let store = factory.fresh();
    let shared = store.clone();
    let answers = at_once(move |thread| {
        let mut answers = Vec::new();
        for batch in 0..100 {
            let size = 1 + (thread + batch) % 7;
            let drafts: Value = (0..size).map(|n| json!({"type": "t", "domain": "d", "instance_id": thread.to_string(), "data": [batch, n, size]})).collect();
            answers.push(append(&shared, drafts));
        }
        answers
    });
    let log = read_all(&store);
    assert_eq!(positions(&log), (1..=log.len() as u64).collect::<Vec<_>>());
    let mut events = 0;
    for answer in answers.iter().flatten() {
        // Each answer stands in the log as it was given, its events adjacent.
        let first = positions(answer)[0] as usize - 1;
        assert_eq!(&log[first..first + answer.len()], &answer[..]);
        events += answer.len();
    }
    assert_eq!(log.len(), events);
}

fn each_threads_batches_keep_their_order(factory: &Factory) {
    let store = factory.fresh();
    let shared = store.clone();
    at_once(move |thread| {
        for number in 0..100 {
            append(&shared, json!({"type": "t", "domain": "d", "instance_id": thread.to_string(), "data": number}));
        }
    });
    for thread in 0..THREADS {
        let own = read(&store, json!({"instance_id": thread.to_string()}), "null");
        assert_eq!(numbers(&own, "data"), (0..100).collect::<Vec<_>>());
        assert_eq!(numbers(&own, "stream_version"), (1..=100).collect::<Vec<_>>());
    }
}

fn of_many_equal_expectations_one_wins(factory: &Factory) {
    let store = factory.fresh();
    for version in 0..30 {
        let shared = store.clone();
        let outcomes = at_once(move |_| {
            let options = json!({"expected_version": version}).to_string();
            shared.append_json(event("t", "d", "i").to_string(), Some(&options))
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!(error.detail("actual"), Some(&json!(version + 1)));
        }
    }
    assert_eq!(store.head().unwrap(), 30);
}

fn of_many_equal_conditions_one_wins(factory: &Factory) {
    let store = factory.fresh();
    for round in 0..30 {
        let shared = store.clone();
        let outcomes = at_once(move |thread| {
            let tag = format!("name:{round}");
            let claim = json!([
                {"type": "Claimed", "domain": "user", "instance_id": thread.to_string(), "tags": [tag]},
                event("Greeted", "user", &thread.to_string()),
            ]);
            let options = json!({"condition": {"fail_if_events_match": {"type": "Claimed", "tags": [tag]}}});
            shared.append_json(claim.to_string(), Some(&options.to_string()))
        });
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!(error.detail("sequence_number"), Some(&json!(round * 2 + 1)));
        }
    }
    assert_eq!(store.head().unwrap(), 60);
}

fn of_many_equal_retries_one_is_stored_and_all_get_the_same_answer(factory: &Factory) {
    let store = factory.fresh();
    for round in 0..30 {
        let shared = store.clone();
        let answers = at_once(move |_| {
            let batch = json!([event_with_id(round * 2, "t", "d", "i"), event_with_id(round * 2 + 1, "t", "d", "j")]);
            shared.append_json(batch.to_string(), None).unwrap()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(store.head().unwrap(), round * 2 + 2);
    }
}

fn a_stream_version_is_never_given_twice(factory: &Factory) {
    let store = factory.fresh();
    let shared = store.clone();
    at_once(move |thread| {
        for batch in 0..50 {
            let mixed: Value = (0..5).map(|n| event("t", "d", &((thread + batch + n) % 3).to_string())).collect();
            append(&shared, mixed);
        }
    });
    let mut versions: HashMap<String, u64> = HashMap::new();
    for event in read_all(&store) {
        let version = versions.entry(event["instance_id"].to_string()).or_default();
        *version += 1;
        assert_eq!(event["stream_version"], json!(*version), "in the order of the log");
    }
    assert_eq!(versions.values().sum::<u64>(), THREADS as u64 * 250);
}
