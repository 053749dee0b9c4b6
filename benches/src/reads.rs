//! What every engine is asked, R1 to R4.

use super::board::{Board, Unit, Work, work};
use super::host;
use super::peer::{Peer, Queries};
use super::workload::Questions;

pub const STREAM_LOOKUPS: usize = 10_000;
const PAGES: usize = 1_000;
const WINDOWS: usize = 20;
/// So many bytes an event takes at most in an answer.
const ANSWER_BYTES: usize = 600;

/// Without targets, which each engine has of its own.
pub fn works(events: usize) -> [Work; 7] {
    [
        work("R1 scan", events, Unit::PerSecond),
        work("R1 scan again", events, Unit::PerSecond),
        work("R1b one buffer", events, Unit::PerSecond),
        work("R2 streams", STREAM_LOOKUPS, Unit::PerSecond),
        work("R3 page at 0", PAGES, Unit::Micros),
        work("R3 page at half", PAGES, Unit::Micros),
        work("R4 window", WINDOWS, Unit::Micros),
    ]
}

/// Asks a store everything that it can answer.
pub fn read(peer: &mut dyn Peer, questions: &Questions, board: &mut Board, column: usize) {
    board.time("R1 scan", column, || peer.scan());
    board.time("R1 scan again", column, || peer.scan());
    if board.wants("R1b") {
        host::fetch(questions.events * ANSWER_BYTES);
        board.time("R1b one buffer", column, || peer.read_all());
    }
    let Some(queries) = peer.queries() else { return };
    board.time("R2 streams", column, || streams(queries, questions));
    let [_, of_type, _] = queries.counts(questions);
    for (name, offset) in [("R3 page at 0", 0), ("R3 page at half", of_type / 2)] {
        board.time(name, column, || {
            for _ in 0..PAGES {
                queries.page(Questions::PAGE_TYPE, offset);
            }
        });
    }
    board.time("R4 window", column, || {
        for window in 0..WINDOWS {
            queries.window(questions.window(window));
        }
    });
}

/// Reads random streams.
pub fn streams(queries: &mut dyn Queries, questions: &Questions) {
    for lookup in 0..STREAM_LOOKUPS {
        let (domain, instance_id) = questions.stream(lookup);
        queries.stream(&domain, &instance_id);
    }
}

/// Those that can be asked must all have given the same answers.
pub fn compare(peers: &mut [Box<dyn Peer>], questions: &Questions) {
    let counts: Vec<[usize; 3]> =
        peers.iter_mut().filter_map(|peer| peer.queries()).map(|queries| queries.counts(questions)).collect();
    assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "not the same answers: {counts:?}");
}
