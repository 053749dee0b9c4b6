//! Pages, and the numbers around them.

use crate::engines::Factory;
use crate::history::{EVENTS, Filter, history};
use crate::support::*;
use runestore::ErrorKind;
use serde_json::{Value, json};

scenarios![
    the_pages_of_a_result_tile_and_their_numbers_fit,
    pages_can_begin_anywhere,
    pages_stay_right_while_the_log_grows,
    a_page_has_a_hundred_events_if_nothing_is_said,
    the_head_of_the_first_page_makes_the_others_stable,
    a_page_is_not_for_lines_and_never_empty_by_wish,
];

fn the_pages_of_a_result_tile_and_their_numbers_fit(factory: &Factory) {
    let history = history(factory);
    let filter = Filter { types: Some(vec![11, 12]), tags: Some(vec![2]), ..Filter::default() };
    let matching = history.matching(std::slice::from_ref(&filter));
    let total = matching.len();
    assert!(total > 50, "{total} events are enough for some pages");
    for size in [1, 7, 50, total - 1, total, total + 1] {
        for backward in [false, true] {
            let direction = if backward { "backward" } else { "forward" };
            let mut text = Vec::new();
            let mut pages = 0;
            loop {
                let offset = pages * size;
                let options = json!({"pagination": true, "limit": size, "offset": offset, "direction": direction});
                let answer = read_text(&history.store, filter.to_json(), options);
                let (events, numbers) = answer
                    .strip_prefix("{\"events\":[")
                    .and_then(|rest| rest.strip_suffix('}'))
                    .and_then(|rest| rest.split_once("],\"pagination\":"))
                    .expect("a page has its events first and its numbers then");
                pages += 1;
                text.push(String::from(events));
                let total_pages = total.div_ceil(size);
                let (has_next, has_prev) = (pages < total_pages, pages > 1);
                let expected = format!(
                    r#"{{"total_count":{total},"page_size":{size},"page_number":{pages},"total_pages":{total_pages},"has_next":{has_next},"has_prev":{has_prev},"head":{EVENTS}}}"#
                );
                assert_eq!(numbers, expected);
                if !has_next {
                    break;
                }
            }
            let mut expected = matching.clone();
            if backward {
                expected.reverse();
            }
            assert!(format!("[{}]", text.join(",")) == history.array(expected), "pages of {size}, {direction}");
        }
    }
}

fn pages_can_begin_anywhere(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(10));
    for (offset, limit, number, has_next) in [
        (0, 3, 1, true),
        (1, 3, 1, true),
        (2, 3, 1, true),
        (3, 3, 2, true),
        (7, 3, 3, false),
        (9, 3, 4, false),
        (10, 3, 4, false),
        (100, 3, 34, false),
    ] {
        let (events, page) = page(&store, "null", json!({"pagination": true, "offset": offset, "limit": limit}));
        assert_eq!(events.len(), 10_usize.saturating_sub(offset).min(limit));
        let wanted = json!({
            "total_count": 10, "page_size": limit, "page_number": number, "total_pages": 4,
            "has_next": has_next, "has_prev": offset > 0, "head": 10,
        });
        assert_eq!(page, wanted, "offset {offset}");
    }
    let (_, page) = page(&store, "null", json!({"pagination": true, "offset": i64::MAX, "limit": i64::MAX}));
    assert_eq!((&page["page_number"], &page["has_next"], &page["total_pages"]), (&json!(2), &json!(false), &json!(1)));
}

fn pages_stay_right_while_the_log_grows(factory: &Factory) {
    let store = factory.fresh();
    let mut matching: Vec<u64> = Vec::new();
    let mut position = 0_u64;
    for round in 0..40 {
        let batch: Vec<Value> = (0..40)
            .map(|_| {
                position += 1;
                // Whole segments have none.
                let is_one = position.is_multiple_of(3) && position / 300 % 3 != 1;
                matching.extend(is_one.then_some(position));
                json!({
                    "type": if is_one { "One" } else { "Other" },
                    "domain": "d", "instance_id": "i", "data": "x".repeat(300),
                })
            })
            .collect();
        append(&store, json!(batch));
        let count = matching.len();
        // The second time nothing is asked that was not asked before.
        for _ in 0..2 {
            for offset in [1, count / 3, count / 2, count.saturating_sub(1), count, count + 5] {
                for direction in ["forward", "backward"] {
                    // What is bounded by nothing stays the same query.
                    for (after, up_to) in [(0, i64::MAX as u64), (position / 5, position - 7)] {
                        let mut wanted: Vec<u64> =
                            matching.iter().copied().filter(|at| (after + 1..=up_to).contains(at)).collect();
                        let total = wanted.len();
                        if direction == "backward" {
                            wanted.reverse();
                        }
                        let wanted: Vec<u64> = wanted.into_iter().skip(offset).take(4).collect();
                        let query = json!({"type": "One", "after": after, "up_to": up_to});
                        let options = json!({"pagination": true, "offset": offset, "limit": 4, "direction": direction});
                        let (events, page) = page(&store, query, options);
                        assert_eq!(positions(&events), wanted, "round {round}, offset {offset}, {direction}");
                        assert_eq!(page["total_count"], total, "round {round}");
                    }
                }
            }
        }
    }
}

fn a_page_has_a_hundred_events_if_nothing_is_said(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(101));
    let (events, numbers) = page(&store, "null", r#"{"pagination":true}"#);
    assert_eq!(positions(&events), (1..=100).collect::<Vec<_>>());
    assert_eq!((&numbers["page_size"], &numbers["has_next"]), (&json!(100), &json!(true)));
    // Without pagination the same number is no limit.
    assert_eq!(read(&store, "null", r#"{"pagination":false}"#).len(), 101);
}

fn the_head_of_the_first_page_makes_the_others_stable(factory: &Factory) {
    for direction in ["forward", "backward"] {
        let store = factory.fresh();
        let of = |name: &str, count: usize| (0..count).map(|_| event(name, "d", "i")).collect::<Value>();
        append(&store, of("Wanted", 25));
        let mut query = json!({"type": "Wanted"});
        let mut found = Vec::new();
        for offset in (0..).step_by(4) {
            let options = json!({"pagination": true, "limit": 4, "offset": offset, "direction": direction});
            let (events, numbers) = page(&store, &query, options);
            assert_eq!((&numbers["total_count"], &numbers["total_pages"]), (&json!(25), &json!(7)), "{direction}");
            found.extend(positions(&events));
            if offset == 0 {
                query["up_to"] = numbers["head"].clone();
            }
            if numbers["has_next"] == json!(false) {
                break;
            }
            // More comes between any two pages.
            append(&store, of("Wanted", 3));
        }
        if direction == "backward" {
            found.reverse();
        }
        assert_eq!(found, (1..=25).collect::<Vec<_>>(), "{direction}");
    }
}

fn a_page_is_not_for_lines_and_never_empty_by_wish(factory: &Factory) {
    let store = factory.fresh();
    for (options, option) in [
        (r#"{"pagination":true,"limit":0}"#, "limit"),
        (r#"{"pagination":true,"format":"ndjson"}"#, "format"),
        (r#"{"pagination":1}"#, "pagination"),
        (r#"{"pagination":true,"page_size":5}"#, "page_size"),
    ] {
        let error = fails(ErrorKind::InvalidOptions, store.get_events_json(None, Some(options)));
        assert_eq!(error.detail("option"), Some(&json!(option)), "{options}");
    }
}
