//! `wait`: until the head is larger than some position.

use crate::engines::Factory;
use crate::support::*;
use std::time::{Duration, Instant};

scenarios![
    nothing_is_waited_for_where_the_head_is_larger_already,
    a_wait_polls_with_a_time_out_of_zero,
    a_wait_lasts_until_its_time_out_and_tells_the_head,
    an_append_wakes_whoever_waits_for_its_position,
    everybody_who_waits_is_woken,
    no_wake_up_is_lost_however_close_the_append,
];

fn nothing_is_waited_for_where_the_head_is_larger_already(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(3));
    for after in 0..3 {
        assert_eq!(store.wait(after, None).unwrap(), 3);
        assert_eq!(store.wait(after, AT_ONCE).unwrap(), 3);
    }
}

fn a_wait_polls_with_a_time_out_of_zero(factory: &Factory) {
    let store = factory.fresh();
    assert_eq!(store.wait(0, AT_ONCE).unwrap(), 0);
    append(&store, events(2));
    for after in [2, 3, i64::MAX as u64, u64::MAX] {
        assert_eq!(store.wait(after, AT_ONCE).unwrap(), 2, "the head, though it is not behind {after}");
    }
}

fn a_wait_lasts_until_its_time_out_and_tells_the_head(factory: &Factory) {
    let store = factory.fresh();
    append(&store, events(2));
    for timeout in [Duration::from_millis(1), Duration::from_millis(150)] {
        let begin = Instant::now();
        assert_eq!(store.wait(2, Some(timeout)).unwrap(), 2);
        let took = begin.elapsed();
        assert!(took >= timeout && took < timeout + PATIENCE / 4, "{timeout:?} took {took:?}");
    }
    // Longer than any clock goes is as good as for ever.
    let waiting = task("wait", {
        let store = store.clone();
        move || store.wait(2, Some(Duration::MAX))
    });
    waiting.still_runs();
    append(&store, events(1));
    assert_eq!(waiting.outcome().unwrap(), 3);
}

fn an_append_wakes_whoever_waits_for_its_position(factory: &Factory) {
    let store = factory.fresh();
    let wait_for = |after: u64| {
        let store = store.clone();
        task("wait", move || store.wait(after, Some(PATIENCE)))
    };
    let (first, third) = (wait_for(0), wait_for(2));
    first.still_runs();
    append(&store, events(1));
    assert_eq!(first.outcome().unwrap(), 1);
    append(&store, events(1));
    third.still_runs();
    append(&store, events(5));
    assert_eq!(third.outcome().unwrap(), 7, "the head, not only the next position");
}

fn everybody_who_waits_is_woken(factory: &Factory) {
    let store = factory.fresh();
    let waiting: Vec<_> = (0..30)
        .map(|_| {
            let store = store.clone();
            task("wait", move || store.wait(0, None))
        })
        .collect();
    waiting[29].still_runs();
    append(&store, events(1));
    for waiting in waiting {
        assert_eq!(waiting.outcome().unwrap(), 1);
    }
}

fn no_wake_up_is_lost_however_close_the_append(factory: &Factory) {
    const ROUNDS: u64 = 3000;
    let (ping, pong) = (factory.fresh(), factory.fresh());
    // Each waits for the other's event, so that one lost wake-up ends the game.
    let other = task("the other player", {
        let (ping, pong) = (ping.clone(), pong.clone());
        move || {
            for round in 0..ROUNDS {
                assert_eq!(ping.wait(round, None).unwrap(), round + 1);
                append(&pong, event("t", "d", "i"));
            }
        }
    });
    let one = task("the one player", {
        let (ping, pong) = (ping.clone(), pong.clone());
        move || {
            for round in 0..ROUNDS {
                append(&ping, event("t", "d", "i"));
                assert_eq!(pong.wait(round, None).unwrap(), round + 1);
            }
        }
    });
    one.outcome();
    other.outcome();
    assert_eq!((ping.head().unwrap(), pong.head().unwrap()), (ROUNDS, ROUNDS));
}
