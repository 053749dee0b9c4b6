//! What every engine is asked, R1 to R4.

use super::board::{Board, Unit, Work, work};
use super::peer::Peer;
use super::workload::Questions;

pub const STREAM_LOOKUPS: usize = 10_000;
const PAGES: usize = 1_000;
const WINDOWS: usize = 20;
/// So many bytes an event takes at most in an answer.
const ANSWER_BYTES: usize = 600;

/// Targets are ratios to SQLite, but where they say something else.
pub fn works(events: usize) -> Vec<Work> {
    vec![
        work("R1 scan", events, Unit::PerSecond, "5"),
        work("R1 scan again", events, Unit::PerSecond, "5"),
        work("R1b one buffer", events, Unit::PerSecond, "limit 0.85"),
        work("R2 streams", STREAM_LOOKUPS, Unit::PerSecond, "6, limit 0.5"),
        work("R3 page at 0", PAGES, Unit::Micros, "at most 30 us"),
        work("R3 page at half", PAGES, Unit::Micros, "15, at most 30 us"),
        work("R4 window", WINDOWS, Unit::Micros, "5"),
    ]
}

/// Asks a store everything.
pub fn read(peer: &mut dyn Peer, questions: &Questions, board: &mut Board, column: usize) {
    let [_, of_type, _] = peer.counts(questions);
    board.time("R1 scan", column, || peer.scan());
    board.time("R1 scan again", column, || peer.scan());
    if board.wants("R1b") {
        touch(questions.events * ANSWER_BYTES);
        board.time("R1b one buffer", column, || peer.read_all());
    }
    board.time("R2 streams", column, || streams(peer, questions));
    for (name, offset) in [("R3 page at 0", 0), ("R3 page at half", of_type / 2)] {
        board.time(name, column, || {
            for _ in 0..PAGES {
                peer.page(Questions::PAGE_TYPE, offset);
            }
        });
    }
    board.time("R4 window", column, || {
        for window in 0..WINDOWS {
            peer.window(questions.window(window));
        }
    });
}

/// Touches so much memory and gives it back. A virtual machine may have given its free memory to the host, and whoever is the
/// first to ask for some would wait until it is there again.
fn touch(bytes: usize) {
    std::hint::black_box(vec![1_u8; bytes]);
}

/// Reads random streams.
pub fn streams(peer: &mut dyn Peer, questions: &Questions) {
    for lookup in 0..STREAM_LOOKUPS {
        let (domain, instance_id) = questions.stream(lookup);
        peer.stream(&domain, &instance_id);
    }
}

/// They must all have given the same answers.
pub fn compare(peers: &mut [Box<dyn Peer>], questions: &Questions) {
    let counts: Vec<[usize; 3]> = peers.iter_mut().map(|peer| peer.counts(questions)).collect();
    assert!(counts.iter().all(|answer| *answer == counts[0]), "not the same answers: {counts:?}");
}
