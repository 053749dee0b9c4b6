//! Cursors: a result piece by piece, the same bytes as in one piece, and a position to go on from.

use crate::engines::Factory;
use crate::history::{KEY_AFTER_VERSION, KEYS, KEYS_OF_A_STREAM, history, query};
use crate::support::*;
use runestore::{Cursor, ErrorKind, Next};
use serde_json::{Value, json};
use std::sync::Arc;

scenarios![
    pieces_of_every_size_are_together_the_answer_of_one_read,
    every_combination_of_keys_streams_what_a_read_answers,
    a_piece_is_as_large_as_its_bounds_allow_and_holds_at_least_one_event,
    the_default_bound_is_one_mebibyte,
    a_cursor_reads_the_moment_at_which_it_was_opened,
    limit_and_offset_count_over_all_pieces,
    a_reader_that_stops_at_any_position_goes_on_without_gap_or_repetition,
    positions_never_fall_and_never_pass_an_event_that_was_not_returned,
    backward_nothing_is_dealt_with_until_all_is,
    a_cursor_that_has_ended_stays_ended,
    a_piece_is_appended_to_what_the_buffer_holds,
    cursors_do_not_disturb_each_other,
    two_threads_cannot_be_in_one_next,
    a_cursor_may_move_between_threads,
    options_that_make_no_sense_on_a_cursor_are_refused,
];

/// All that a cursor gives, its pieces put together, and the position after each.
fn drain(cursor: &Cursor, max_events: usize, ndjson: bool) -> (String, Vec<u64>) {
    let mut text = String::from(if ndjson { "" } else { "[" });
    let mut positions = Vec::new();
    let mut out = Vec::new();
    loop {
        out.clear();
        let next = cursor.next(max_events, None, &mut out).unwrap();
        positions.push(position(next));
        match next {
            Next::Events { .. } => {}
            Next::Done { .. } => break,
            Next::Timeout { .. } => panic!("nothing was to be waited for"),
        }
        let piece = std::str::from_utf8(&out).expect("a piece is UTF-8");
        if ndjson {
            assert!(max_events == 0 || piece.matches('\n').count() <= max_events);
            text.push_str(piece);
        } else {
            let inner = piece.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).expect("a piece is an array");
            assert!(!inner.is_empty());
            text.push_str(if text.len() == 1 { "" } else { "," });
            text.push_str(inner);
        }
    }
    if !ndjson {
        text.push(']');
    }
    (text, positions)
}

fn pieces_of_every_size_are_together_the_answer_of_one_read(factory: &Factory) {
    let history = history(factory);
    for (query, sizes) in [
        (json!(null), vec![(0, 1 << 20), (0, 100_000), (997, 1 << 30), (0, 1 << 30), (10_000, 1 << 20)]),
        (
            json!({"type": "Type01", "tags": ["tag:1"]}),
            vec![(0, 1), (1, 1 << 20), (2, 1 << 20), (7, 1000), (0, 1000), (0, 350)],
        ),
        (json!({"from": "2026-01-10T00:00:00Z", "to": "2026-01-10T06:00:00Z"}), vec![(1, 1), (3, 700), (0, 5000)]),
        (json!([{"type": "Type15"}, {"tags": ["tag:9"]}]), vec![(0, 1), (5, 1 << 20), (0, 10_000)]),
        (json!({"type": "unheard of"}), vec![(0, 1), (1, 1 << 20)]),
    ] {
        for (direction, ndjson) in [("forward", true), ("forward", false), ("backward", true), ("backward", false)] {
            let format = if ndjson { "ndjson" } else { "array" };
            let whole = read_text(&history.store, &query, json!({"direction": direction, "format": format}));
            for (max_events, max_bytes) in &sizes {
                let options = json!({"direction": direction, "format": format, "max_bytes": max_bytes});
                let (pieces, _) = drain(&cursor(&history.store, &query, &options), *max_events, ndjson);
                assert!(pieces == whole, "at most {max_events} events at once of {query} with {options}");
            }
        }
    }
}

fn every_combination_of_keys_streams_what_a_read_answers(factory: &Factory) {
    let history = history(factory);
    let mut dice = Dice(8);
    let mut pieces = 0;
    for _ in 0..150 {
        let mut keys = dice.roll() as u32 % (1 << KEYS);
        if keys & KEY_AFTER_VERSION != 0 {
            keys |= KEYS_OF_A_STREAM;
        }
        let mut filters = vec![history.filter(keys, &mut dice)];
        if dice.one_in(3) {
            filters.push(history.filter(0b1_0001, &mut dice));
        }
        let matching = history.matching(&filters);
        let size = 1 + dice.below(matching.len().max(1));
        let (offset, limit) = (dice.below(matching.len() / 2 + 1), dice.below(matching.len() + 2));
        let direction = if dice.one_in(2) { "forward" } else { "backward" };
        let mut expected = matching.clone();
        if direction == "backward" {
            expected.reverse();
        }
        let expected = history.ndjson(expected.into_iter().skip(offset).take(limit));
        let options =
            json!({"format": "ndjson", "direction": direction, "offset": offset, "limit": limit, "max_bytes": 1 << 30});
        let (text, positions) = drain(&cursor(&history.store, query(&filters), &options), size, true);
        assert!(text == expected, "at most {size} events at once of {} with {options}", query(&filters));
        pieces += positions.len() - 1;
    }
    assert!(pieces > 150, "{pieces} pieces of 150 results");
}

fn a_piece_is_as_large_as_its_bounds_allow_and_holds_at_least_one_event(factory: &Factory) {
    let store = factory.fresh();
    let mut sizes = Vec::new();
    for length in [10, 5000, 10, 10, 10, 300, 300, 10] {
        let mut draft = event("t", "d", "i");
        draft["data"] = json!("x".repeat(length));
        append(&store, draft);
    }
    for line in read_text(&store, "null", r#"{"format":"ndjson"}"#).lines() {
        sizes.push(line.len() + 1);
    }
    for max_bytes in [1, sizes[0] - 1, sizes[0], sizes[0] + sizes[2], 2 * sizes[0] + 200, 5000, 100_000] {
        for max_events in [0, 1, 2, 3] {
            let options = json!({"format": "ndjson", "max_bytes": max_bytes});
            let cursor = cursor(&store, "null", options);
            let mut at = 0;
            let mut out = Vec::new();
            while let Next::Events { position } = cursor.next(max_events, None, &mut out).unwrap() {
                let piece = &sizes[at..position as usize];
                assert_eq!(out.len(), piece.iter().sum::<usize>());
                assert!(piece.len() == 1 || out.len() <= max_bytes, "{} bytes, {max_bytes} allowed", out.len());
                assert!(max_events == 0 || piece.len() <= max_events);
                // It stopped only because the next event did not fit.
                at = position as usize;
                let full = piece.len() == max_events || at == sizes.len() || out.len() + sizes[at] > max_bytes;
                assert!(full, "{} bytes of {max_bytes}, {} events of {max_events}", out.len(), piece.len());
                out.clear();
            }
            assert_eq!(at, sizes.len());
        }
    }
    // An array's brackets and commas count as well: the answer is never longer than asked for.
    let cursor = cursor(&store, r#"{"after":2,"up_to":5}"#, json!({"max_bytes": 2 * sizes[0] + 1}));
    let mut out = Vec::new();
    while let Next::Events { .. } = cursor.next(0, None, &mut out).unwrap() {
        assert!(out.len() <= 2 * sizes[0] + 1);
        out.clear();
    }
}

fn the_default_bound_is_one_mebibyte(factory: &Factory) {
    let history = history(factory);
    let cursor = cursor(&history.store, "null", r#"{"format":"ndjson"}"#);
    let mut bytes = 0;
    loop {
        let mut out = Vec::new();
        let Next::Events { .. } = cursor.next(0, None, &mut out).unwrap() else { break };
        bytes += out.len();
        assert!(out.len() <= 1 << 20, "{} bytes", out.len());
        // No event of the history is longer than 1000 bytes.
        assert!(out.len() > (1 << 20) - 1000 || bytes == history.text.len(), "{} bytes", out.len());
    }
    assert_eq!(bytes, history.text.len());
}

fn a_cursor_reads_the_moment_at_which_it_was_opened(factory: &Factory) {
    for direction in ["forward", "backward"] {
        let store = factory.fresh();
        append(&store, events(10));
        let cursor = cursor(&store, "null", json!({"direction": direction}));
        let mut found = Vec::new();
        loop {
            append(&store, events(2));
            let (next, events) = next(&cursor, 3, AT_ONCE);
            found.extend(positions(&events));
            if let Next::Done { position } = next {
                assert_eq!(position, 10);
                break;
            }
        }
        found.sort_unstable();
        assert_eq!(found, (1..=10).collect::<Vec<_>>(), "{direction}");
    }
}

fn limit_and_offset_count_over_all_pieces(factory: &Factory) {
    let store = factory.fresh();
    let all = append(&store, events(20));
    for direction in ["forward", "backward"] {
        let mut ordered = all.clone();
        if direction == "backward" {
            ordered.reverse();
        }
        for (offset, limit, size) in [(0, 0, 1), (0, 1, 1), (0, 7, 3), (5, 7, 2), (19, 5, 1), (20, 5, 1), (3, 100, 4)] {
            let options = json!({"direction": direction, "offset": offset, "limit": limit});
            let cursor = cursor(&store, "null", &options);
            let mut found = Vec::new();
            while let (Next::Events { .. }, events) = next(&cursor, size, AT_ONCE) {
                found.extend(events);
            }
            assert_eq!(found, ordered.iter().skip(offset).take(limit).cloned().collect::<Vec<_>>(), "{options}");
        }
    }
}

fn a_reader_that_stops_at_any_position_goes_on_without_gap_or_repetition(factory: &Factory) {
    let history = history(factory);
    // One that matches rarely, one that matches often, one whose matches come in lumps.
    for query in [
        json!({"type": "Type16", "tags": ["tag:1"]}),
        json!({"domain": "domain-1", "up_to": 600}),
        json!({"to": "2026-01-01T01:00:00Z"}),
    ] {
        let whole = read_text(&history.store, &query, r#"{"format":"ndjson"}"#);
        assert!(whole.lines().count() > 10, "{query}");
        for size in [1, 3] {
            let mut text = String::new();
            let mut stopped_at = 0;
            // Each piece is read by a cursor of its own, which knows nothing but the last position.
            loop {
                let mut behind = query.clone();
                behind["after"] = json!(stopped_at);
                let cursor = cursor(&history.store, behind, r#"{"format":"ndjson"}"#);
                let mut out = Vec::new();
                let next = cursor.next(size, AT_ONCE, &mut out).unwrap();
                text.push_str(std::str::from_utf8(&out).unwrap());
                assert!(position(next) >= stopped_at);
                stopped_at = position(next);
                if let Next::Done { .. } = next {
                    break;
                }
            }
            assert!(text == whole, "{query} in pieces of {size}");
        }
    }
}

fn positions_never_fall_and_never_pass_an_event_that_was_not_returned(factory: &Factory) {
    let store = factory.fresh();
    // Every third event matches.
    let kinds: Vec<&str> = (0..30).map(|n| if n % 3 == 1 { "Yes" } else { "No" }).collect();
    append(&store, kinds.iter().map(|kind| event(kind, "d", "i")).collect::<Value>());
    let matching: Vec<u64> = (1..=30).filter(|at| kinds[*at as usize - 1] == "Yes").collect();
    for after in [0, 1, 2, 14, 29, 30, 50] {
        for size in [1, 4, 0] {
            let cursor = cursor(&store, json!({"type": "Yes", "after": after}), "{}");
            let mut returned: Vec<u64> = matching.iter().copied().filter(|at| *at <= after).collect();
            let mut before = after;
            loop {
                let (next, events) = next(&cursor, size, AT_ONCE);
                returned.extend(positions(&events));
                let now = position(next);
                assert!(now >= before, "the position fell from {before} to {now}");
                let up_to_here: Vec<u64> = matching.iter().copied().filter(|at| *at <= now).collect();
                assert_eq!(up_to_here, returned, "at {now}, after {after}, in pieces of {size}");
                before = now;
                if let Next::Done { .. } = next {
                    break;
                }
            }
            assert_eq!(before, after.max(30), "at the end all is dealt with");
        }
    }
}

fn backward_nothing_is_dealt_with_until_all_is(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(6));
    for (query, from, end) in [(json!(null), 0, 6), (json!({"after": 2}), 2, 6), (json!({"type": "none"}), 0, 6)] {
        let cursor = cursor(&store, &query, r#"{"direction":"backward"}"#);
        let mut expected: Vec<u64> = (from + 1..=6).rev().collect();
        if query["type"] == "none" {
            expected.clear();
        }
        let mut found = Vec::new();
        loop {
            let (next, events) = next(&cursor, 1, AT_ONCE);
            found.extend(positions(&events));
            match next {
                Next::Events { position } if found.len() < expected.len() => assert_eq!(position, from, "{query}"),
                Next::Events { position } => assert!(position == from || position == end, "{position} of {query}"),
                Next::Done { position } => {
                    assert_eq!(position, end, "{query}");
                    break;
                }
                Next::Timeout { .. } => panic!("nothing was to be waited for"),
            }
        }
        assert_eq!(found, expected, "{query}");
    }
}

fn a_cursor_that_has_ended_stays_ended(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    for options in ["{}", r#"{"direction":"backward"}"#, r#"{"limit":2}"#, r#"{"limit":0}"#, r#"{"offset":9}"#] {
        let cursor = cursor(&store, "null", options);
        while let (Next::Events { .. }, _) = next(&cursor, 2, AT_ONCE) {}
        let (end, _) = next(&cursor, 0, AT_ONCE);
        append(&store, events(1));
        for timeout in [AT_ONCE, None, Some(A_MOMENT)] {
            assert_eq!(next(&cursor, 0, timeout).0, end, "{options}");
        }
        assert!(matches!(end, Next::Done { .. }), "{options}: {end:?}");
    }
}

fn a_piece_is_appended_to_what_the_buffer_holds(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(5));
    let cursor = cursor(&store, "null", r#"{"format":"ndjson"}"#);
    let mut out = b"# events\n".to_vec();
    while let Next::Events { .. } = cursor.next(2, None, &mut out).unwrap() {}
    let whole = read_text(&store, "null", r#"{"format":"ndjson"}"#);
    assert_eq!(String::from_utf8(out).unwrap(), format!("# events\n{whole}"));
}

fn cursors_do_not_disturb_each_other(factory: &Factory) {
    let history = history(factory);
    let types = ["Type10", "Type11", "Type12"];
    let open = |name: &&str| cursor(&history.store, json!({"type": name}), r#"{"format":"ndjson"}"#);
    let cursors: Vec<Cursor> = types.iter().map(open).collect();
    let mut texts = vec![Vec::new(); types.len()];
    let mut open = types.len();
    for turn in 0.. {
        let which = turn % types.len();
        let size = 1 + turn % 50;
        match cursors[which].next(size, None, &mut texts[which]).unwrap() {
            Next::Events { .. } => open = types.len(),
            _ => open -= 1,
        }
        if open == 0 {
            break;
        }
    }
    for (name, text) in types.iter().zip(texts) {
        assert!(
            text == read_text(&history.store, json!({"type": name}), r#"{"format":"ndjson"}"#).into_bytes(),
            "{name}"
        );
    }
}

fn two_threads_cannot_be_in_one_next(factory: &Factory) {
    let store = factory.fresh();
    let cursor = Arc::new(cursor(&store, "null", r#"{"follow":true}"#));
    let inside = task("next", {
        let cursor = cursor.clone();
        move || {
            loop {
                let mut out = Vec::new();
                match cursor.next(0, Some(PATIENCE), &mut out) {
                    // The other thread was in just then.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Misuse),
                    Ok(next) => return (next, out),
                }
            }
        }
    });
    let begin = std::time::Instant::now();
    let error = loop {
        // Until the other thread is in, this one finds nothing.
        match cursor.next(0, AT_ONCE, &mut Vec::new()) {
            Ok(next) => assert_eq!(next, Next::Timeout { position: 0 }),
            Err(error) => break error,
        }
        assert!(begin.elapsed() < PATIENCE, "both threads are in `next` at once");
    };
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.message().contains("one at a time"), "{error}");
    // The thread that was first is not disturbed, and afterwards the cursor is free again.
    append(&store, events(2));
    let (outcome, out) = inside.outcome();
    assert_eq!(outcome, Next::Events { position: 2 });
    assert_eq!(parsed(&out), json!(read_all(&store)));
    append(&store, events(1));
    assert_eq!(positions(&next(&cursor, 0, AT_ONCE).1), [3]);
}

fn a_cursor_may_move_between_threads(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(6));
    let mut cursor = cursor(&store, "null", "{}");
    for expected in [[1, 2], [3, 4], [5, 6]] {
        let (moved, found) = task("next", move || {
            let found = next(&cursor, 2, AT_ONCE).1;
            (cursor, positions(&found))
        })
        .outcome();
        cursor = moved;
        assert_eq!(found, expected);
    }
}

fn options_that_make_no_sense_on_a_cursor_are_refused(factory: &Factory) {
    let store = factory.fresh();
    for (options, option) in [
        (r#"{"pagination":true}"#, "pagination"),
        (r#"{"max_bytes":0}"#, "max_bytes"),
        (r#"{"max_bytes":-1}"#, "max_bytes"),
        (r#"{"max_byte":1}"#, "max_byte"),
        (r#"{"follow":1}"#, "follow"),
        (r#"{"follow":true,"direction":"backward"}"#, "direction"),
        (r#"{"follow":true,"offset":1}"#, "offset"),
        (r#"{"follow":true,"pagination":true}"#, "pagination"),
    ] {
        let error = fails(ErrorKind::InvalidOptions, store.cursor(None, Some(options)));
        assert_eq!(error.detail("option"), Some(&json!(option)), "{options}");
    }
    // What a reader may not say, a cursor may, and the other way round.
    for options in [r#"{"max_bytes":5}"#, r#"{"follow":false}"#] {
        fails(ErrorKind::InvalidOptions, store.get_events_json(None, Some(options)));
        cursor(&store, "null", options);
    }
    for options in [r#"{"follow":true,"offset":0,"direction":"forward","pagination":false}"#, r#"{"follow":null}"#] {
        cursor(&store, "null", options);
    }
    fails(ErrorKind::InvalidQuery, store.cursor(Some(r#"{"typ":"t"}"#), None));
    fails(ErrorKind::InvalidJson, store.cursor(Some("{"), None));
}
