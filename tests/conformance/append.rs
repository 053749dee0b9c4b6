//! What is stored, and what it looks like.

use crate::engines::Factory;
use crate::support::*;
use runestore::{ErrorKind, Timestamp};
use serde_json::{Value, json};
use std::collections::HashSet;

scenarios![
    the_positions_of_all_batches_are_one_sequence_without_a_gap,
    refused_batches_use_up_no_position_and_no_version,
    each_stream_counts_its_own_versions,
    a_stream_is_the_pair_of_domain_and_instance_id,
    one_event_and_an_array_of_it_are_stored_alike,
    an_append_answers_what_reads_answer_from_then_on,
    a_summary_tells_where_the_events_are_and_stores_the_same,
    an_empty_batch_stores_nothing_and_tells_the_head,
    what_was_left_out_is_completed,
    a_batch_without_times_shares_one_and_the_clock_told_it,
    made_ids_are_uuid7s_that_ascend_within_a_batch_and_never_repeat,
    times_that_are_given_are_kept_even_where_they_run_backwards,
    payloads_come_back_byte_for_byte_without_the_space_between_tokens,
    names_are_compared_after_unescaping_and_byte_by_byte,
    a_stream_inside_metadata_is_the_events_stream,
    an_event_that_was_read_can_be_appended_elsewhere_and_is_the_same,
];

fn the_positions_of_all_batches_are_one_sequence_without_a_gap(factory: &Factory) {
    let store = factory.fresh();
    let mut head = 0;
    for count in [1, 1, 2, 10, 0, 1, 1000, 3, 0, 257] {
        let stored = append(&store, events(count));
        let expected: Vec<u64> = (head + 1..=head + count as u64).collect();
        assert_eq!(positions(&stored), expected);
        head += count as u64;
        assert_eq!(store.head().unwrap(), head);
    }
    assert_eq!(positions(&read_all(&store)), (1..=head).collect::<Vec<u64>>());
}

fn refused_batches_use_up_no_position_and_no_version(factory: &Factory) {
    let store = factory.fresh();
    for round in 1..=20 {
        refuse(&store, ErrorKind::InvalidEvent, r#"[{"type":"t","domain":"d","instance_id":"i"},{"type":"t"}]"#, "{}");
        refuse(&store, ErrorKind::Conflict, event("t", "d", "i"), json!({"expected_version": 1000}));
        let twice = json!([event_with_id(7, "t", "d", "i"), event_with_id(7, "t", "d", "i")]);
        refuse(&store, ErrorKind::DuplicateId, twice, "{}");
        let stored = append(&store, event("t", "d", "i"));
        assert_eq!((positions(&stored), numbers(&stored, "stream_version")), (vec![round], vec![round]));
    }
}

fn each_stream_counts_its_own_versions(factory: &Factory) {
    let store = factory.fresh();
    let mixed = json!([event("t", "d", "a"), event("t", "d", "b"), event("t", "d", "a"), event("t", "e", "a")]);
    assert_eq!(numbers(&append(&store, &mixed), "stream_version"), [1, 1, 2, 1]);
    assert_eq!(numbers(&append(&store, &mixed), "stream_version"), [3, 2, 4, 2]);
    let in_a = read(&store, json!({"domain": "d", "instance_id": "a"}), "null");
    assert_eq!(numbers(&in_a, "stream_version"), [1, 2, 3, 4]);
    assert_eq!(positions(&in_a), [1, 3, 5, 7]);
}

fn a_stream_is_the_pair_of_domain_and_instance_id(factory: &Factory) {
    let store = factory.fresh();
    // Pairs that would be one, were the two only put together.
    for (domain, instance_id) in [("a", "bc"), ("ab", "c"), ("bc", "a"), ("a:b", "c"), ("a", "b:c"), ("A", "bc")] {
        let stored = append_with(&store, event("t", domain, instance_id), json!({"expected_version": 0}));
        assert_eq!(numbers(&stored, "stream_version"), [1], "{domain} {instance_id}");
        let alone = read(&store, json!({"domain": domain, "instance_id": instance_id}), "null");
        assert_eq!(alone, stored);
    }
}

fn one_event_and_an_array_of_it_are_stored_alike(factory: &Factory) {
    let (one, array) = (factory.fresh(), factory.fresh());
    let draft =
        json!({"id": id(1), "type": "t", "domain": "d", "instance_id": "i", "inserted_at": "2026-01-01T00:00:00Z"});
    let stored = append(&one, &draft);
    assert_eq!(stored, append(&array, json!([draft])));
    assert_eq!(read_text(&one, "null", "null"), read_text(&array, "null", "null"));
}

fn an_append_answers_what_reads_answer_from_then_on(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    let draft = r#"[{"type":"t","domain":"d","instance_id":"i","data":{"b":1,"a":[1.50,"\u0041"]}},
                    {"type":"u","domain":"d","instance_id":"j","tags":["x","y"],"data_base64":"AAE="}]"#;
    let answer = store.append_json(draft, None).unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), read_text(&store, r#"{"after":3}"#, "null"));
}

fn a_summary_tells_where_the_events_are_and_stores_the_same(factory: &Factory) {
    let (whole, summary) = (factory.fresh(), factory.fresh());
    for (round, count) in [1_u64, 5, 2].into_iter().enumerate() {
        let drafts: Value = (0..count)
            .map(|n| {
                let mut draft = event_with_id(round as u64 * 100 + n, "t", "d", "i");
                draft["inserted_at"] = json!("2026-02-03T04:05:06.000007Z");
                draft
            })
            .collect();
        let stored = positions(&append(&whole, &drafts));
        let answer = summary.append_json(drafts.to_string(), Some(r#"{"return":"summary"}"#)).unwrap();
        let (first, last) = (stored[0], stored[stored.len() - 1]);
        let expected = format!(r#"{{"first":{first},"last":{last},"count":{count},"head":{last}}}"#);
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
    }
    assert_eq!(read_text(&whole, "null", "null"), read_text(&summary, "null", "null"));
}

fn an_empty_batch_stores_nothing_and_tells_the_head(factory: &Factory) {
    let store = factory.fresh();
    let summary = |head: u64| {
        let answer = store.append_json("[]", Some(r#"{"return":"summary"}"#)).unwrap();
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            format!(r#"{{"first":null,"last":null,"count":0,"head":{head}}}"#)
        );
    };
    assert_eq!(store.append_json("[]", None).unwrap(), b"[]");
    summary(0);
    append(&store, events(2));
    assert_eq!(store.append_json(" [ ] ", None).unwrap(), b"[]");
    summary(2);
    assert_eq!(store.head().unwrap(), 2);
}

fn what_was_left_out_is_completed(factory: &Factory) {
    let store = factory.fresh();
    let answer = store.append_json(r#"{"instance_id":"i","domain":"d","type":"t"}"#, None).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let stored = &parsed(answer.as_bytes())[0];
    let (id, time) = (stored["id"].as_str().unwrap(), stored["inserted_at"].as_str().unwrap());
    // The order of the fields is part of the answer.
    let expected = format!(
        r#"[{{"sequence_number":1,"id":"{id}","type":"t","domain":"d","instance_id":"i","stream_version":1,"version":1,"inserted_at":"{time}","tags":[],"data":{{}},"metadata":{{}}}}]"#
    );
    assert_eq!(answer, expected);

    let nulls = r#"{"sequence_number":null,"id":null,"type":"t","domain":"d","instance_id":"i","stream_version":null,
                    "version":null,"inserted_at":null,"tags":null,"data_base64":null,"metadata":null}"#;
    let mut stored = append(&store, nulls).remove(0);
    for (field, of_the_store) in [("sequence_number", json!(2)), ("stream_version", json!(2))] {
        assert_eq!(stored[field].take(), of_the_store);
    }
    for (field, default) in [("version", json!(1)), ("tags", json!([])), ("data", json!({})), ("metadata", json!({}))] {
        assert_eq!(stored[field], default, "{field}: null is absent");
    }
    assert_eq!(stored.get("data_base64"), None);
    let data_null = append(&store, r#"{"type":"t","domain":"d","instance_id":"i","data":null}"#).remove(0);
    assert_eq!(data_null.get("data"), Some(&Value::Null), "null is a payload like any other");
}

fn a_batch_without_times_shares_one_and_the_clock_told_it(factory: &Factory) {
    let store = factory.fresh();
    let before = Timestamp::now();
    let mut drafts = events(5);
    drafts[2]["inserted_at"] = json!("1999-12-31T23:59:59Z");
    let stored = append(&store, drafts);
    let after = Timestamp::now();
    let times = strings(&stored, "inserted_at");
    let time = Timestamp::parse(times[0]).unwrap();
    assert!((before..=after).contains(&time), "{before} <= {time} <= {after}");
    assert_eq!(times, [times[0], times[0], "1999-12-31T23:59:59.000000Z", times[0], times[0]]);
}

fn made_ids_are_uuid7s_that_ascend_within_a_batch_and_never_repeat(factory: &Factory) {
    let store = factory.fresh();
    let mut known = HashSet::new();
    for count in [1000, 1, 1, 500] {
        let stored = append(&store, events(count));
        let ids = strings(&stored, "id");
        assert!(ids.is_sorted_by(|a, b| a < b), "a batch's ids ascend");
        for id in ids {
            assert_eq!(id.len(), 36);
            assert_eq!((&id[14..15], id.to_lowercase().as_str()), ("7", id));
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "the variant of {id}");
            assert!(known.insert(String::from(id)), "{id} was made twice");
        }
    }
}

fn times_that_are_given_are_kept_even_where_they_run_backwards(factory: &Factory) {
    let store = factory.fresh();
    for (given, kept) in [
        ("2026-11-23T03:50:00Z", "2026-11-23T03:50:00.000000Z"),
        ("2026-11-23T04:49:59.9999999+01:00", "2026-11-23T03:49:59.999999Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.500000Z"),
    ] {
        let mut draft = event("t", "d", "i");
        draft["inserted_at"] = json!(given);
        assert_eq!(strings(&append(&store, draft), "inserted_at"), [kept]);
    }
    assert_eq!(positions(&read_all(&store)), [1, 2, 3, 4, 5], "positions are the order, times are not");
}

fn payloads_come_back_byte_for_byte_without_the_space_between_tokens(factory: &Factory) {
    let store = factory.fresh();
    for (given, kept) in [
        (r#"{"z":1,"a":2,"z":3}"#, r#"{"z":1,"a":2,"z":3}"#),
        ("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890"),
        ("-0.0e-999", "-0.0e-999"),
        (r#""\u0041\/\ud83d\ude00 two  blanks""#, r#""\u0041\/\ud83d\ude00 two  blanks""#),
        (" [ 1 ,\t2 ,\r\n { } , \"a b\" ] ", r#"[1,2,{},"a b"]"#),
        (r#""\u0000""#, r#""\u0000""#),
        ("true", "true"),
    ] {
        let draft =
            format!(r#"{{"type":"t","domain":"d","instance_id":"i","data":{given},"metadata":{{"m":{given}}}}}"#);
        let answer = String::from_utf8(store.append_json(&draft, None).unwrap()).unwrap();
        let end = format!(r#","data":{kept},"metadata":{{"m":{kept}}}}}]"#);
        assert!(answer.ends_with(&end), "{answer}\ndoes not end in\n{end}");
        let read = read_text(&store, "null", r#"{"direction":"backward","limit":1}"#);
        assert_eq!(read, answer);
    }
}

fn names_are_compared_after_unescaping_and_byte_by_byte(factory: &Factory) {
    let store = factory.fresh();
    append(&store, r#"{"type":"\u0074","domain":"\ud83d\ude00","instance_id":"a\/b","tags":["\u00e9"]}"#);
    let written = r#""type":"t","domain":"😀","instance_id":"a/b","stream_version":1,"#;
    assert!(read_text(&store, "null", "null").contains(written), "only the mandatory escapes are written");
    assert_eq!(
        read(&store, json!({"type": "t", "domain": "😀", "instance_id": "a/b", "tags": ["é"]}), "null").len(),
        1
    );
    // The same to the eye, other bytes.
    assert_eq!(read(&store, json!({"tags": ["e\u{301}"]}), "null").len(), 0);
    append(&store, json!({"type": "T", "domain": "😀", "instance_id": "a/b"}));
    assert_eq!(positions(&read(&store, json!({"type": "T"}), "null")), [2]);
}

fn a_stream_inside_metadata_is_the_events_stream(factory: &Factory) {
    let store = factory.fresh();
    let inside = r#"{"type":"t","metadata":{"domain":"d","instance_id":"i","by":"Ada"}}"#;
    let stored = append(&store, inside);
    assert_eq!((&stored[0]["domain"], &stored[0]["instance_id"]), (&json!("d"), &json!("i")));
    assert_eq!(stored[0]["metadata"], json!({"domain": "d", "instance_id": "i", "by": "Ada"}), "they stay there too");
    let stored = append_with(&store, event("t", "d", "i"), json!({"expected_version": 1}));
    assert_eq!(numbers(&stored, "stream_version"), [2], "it is the same stream");
    let differs = json!({"type": "t", "domain": "d", "metadata": {"domain": "e", "instance_id": "i"}});
    refuse(&store, ErrorKind::InvalidEvent, differs, "{}");
}

fn an_event_that_was_read_can_be_appended_elsewhere_and_is_the_same(factory: &Factory) {
    let (source, copy) = (factory.fresh(), factory.fresh());
    append(
        &source,
        r#"[{"type":"t","domain":"d","instance_id":"i","tags":["x"],"data":[1e2,"\u00e9"],"version":7},
                        {"type":"u","domain":"d","instance_id":"i","data_base64":"AAEC","metadata":{"k":"v"}}]"#,
    );
    let mut drafts = read_all(&source);
    for draft in &mut drafts {
        let draft = draft.as_object_mut().unwrap();
        draft.remove("sequence_number");
        draft.remove("stream_version");
    }
    // This test's own parser rewrites the payload: only that differs.
    append(&copy, json!(drafts));
    assert_eq!(read_all(&copy), read_all(&source));
}
