//! What grows with the log: the costs of a large file store beside those of a small one, which has a tenth of its events, and
//! those of a log of 1,000 segments beside those of one that has the same events in few.
//!
//! `make bench-growth` runs it, `EVENTS=1000000 make bench-growth` with fewer events. Both stores are filled and asked turn by
//! turn: the small one gets its first events while the large one gets its last. What an append costs is told of whole
//! segments, as many for the one as for the other, since an event that begins a segment costs as much as thousands.

use super::board::{self, Board, Unit, Work, work};
use super::child::{self, Task};
use super::engines::FILE;
use super::grown::{Grown, STANDARD, Span, UNIQUE, serve};
use super::peer::Peer;
use super::reads::{self, STREAM_LOOKUPS};
use super::scoreboard::open_once;
use super::scratch::{self, Scratch};
use super::target::Target::{self, Growth};
use super::workload::{BATCH, Batches, Kind, Questions};
use std::path::PathBuf;
use std::time::Instant;

/// An event takes less than so many bytes on the disk, …
const EVENT_BYTES_MAX: u64 = 700;
/// … and its segment grows by more than so many: by fewer where its id is made, with those of its batch.
const UNIQUE_BYTES_MIN: u64 = 500;
const STANDARD_BYTES_MIN: u64 = 400;
/// The least that a segment may have.
const SEGMENT_BYTES_MIN: u64 = 64 << 10;
const SEGMENT_BYTES: u64 = 256 << 20;
/// So many segments the log comes to that is made of small ones.
const SEGMENTS: u64 = 1_000;
/// So much is appended before a process is killed: most of a segment.
const KILLED_EVENTS: usize = 400_000;
const SINGLE_APPENDS: usize = 300;
const TURNS: usize = 10;
const ROUNDS: usize = 3;
/// Two stores that grow at once take turns of so many batches …
const TURN_BATCHES: usize = 10;
/// … until each has filled so many segments at least.
const SEGMENTS_MIN: usize = 2;

/// What grows with the log would stop it one day: an event, a page or a stream costs at most so many times as much.
const FLAT: Target = Growth(1.3);
const TARGETS: &[(&str, Target)] = &[
    ("A1 single", FLAT),
    ("A2 16 threads", FLAT),
    ("A3 batches", FLAT),
    ("A3 new streams, random ids", FLAT),
    ("A3 such, to 1000 segments", FLAT),
    ("R1 scan, an event", FLAT),
    ("R2 streams, an event", FLAT),
    ("R3 page at half", FLAT),
    ("R4 window, an event", FLAT),
];

/// Measures, prints and saves both tables.
pub fn main(child: &[String], events: usize) {
    if !child.is_empty() {
        return serve(child);
    }
    let small = events / 10;
    assert!(small > 0 && small.is_multiple_of(BATCH), "EVENTS must be a multiple of {}", 10 * BATCH);
    let boards = [by_events(small, events), by_segments(small)];
    println!();
    boards.iter().for_each(Board::print);
    board::save("growth", &boards.each_ref());
}

/// A large store beside a small one.
fn by_events(small: usize, events: usize) -> Board {
    let mut works = asked();
    works.insert(3, work("A3 new streams, random ids", 1, Unit::Micros));
    works.insert(4, work("A3 such, to 1000 segments", 1, Unit::Micros));
    works.push(work("M1 new streams, random ids", 1, Unit::Mebibytes));
    let mut board = Board::new(
        "How costs grow with the log",
        "the file engine; what an event, a page or an opening costs".into(),
        [small, events].map(|events| format!("{} events", board::thousands(events))),
        works.into_iter().map(|work| work.aiming_at(TARGETS)).collect(),
    );
    let scratch = Scratch::new("bench-growth");
    scratch.need(events as u64 * EVENT_BYTES_MAX * 12 / 10 + (KILLED_EVENTS as u64 * EVENT_BYTES_MAX) * 6);
    if ["A1", "A2", "A3 batches", "R", "O", "S", "M"].iter().any(|name| board.wants(name)) {
        let [small, large] = grow("A3 batches", STANDARD, SEGMENT_BYTES, events, &scratch, &mut board);
        ask([(scratch.path("small"), small), (scratch.path("large"), large)], &mut board);
    }
    if board.wants("A3 new") {
        grow("A3 new streams, random ids", UNIQUE, SEGMENT_BYTES, events, &scratch, &mut board);
        let half = events / 2;
        let segment_bytes = small_segments(half, UNIQUE_BYTES_MIN);
        grow("A3 such, to 1000 segments", UNIQUE, segment_bytes, half, &scratch, &mut board);
    }
    board
}

/// The same events in few segments and in many.
fn by_segments(events: usize) -> Board {
    let scratch = Scratch::new("bench-segments");
    scratch.need(2 * events as u64 * EVENT_BYTES_MAX + (KILLED_EVENTS as u64 * EVENT_BYTES_MAX) * 6);
    let many_bytes = small_segments(events, STANDARD_BYTES_MIN);
    let mut stores = [("few", SEGMENT_BYTES), ("many", many_bytes)]
        .map(|(name, segment_bytes)| Grown::start(name, STANDARD, segment_bytes, scratch.fresh(name)));
    let mut costs = [[0.0_f64; 2]; 2];
    for _ in 0..events.div_ceil(TURN_BATCHES * BATCH) {
        for (store, [seconds, peak]) in stores.iter_mut().zip(&mut costs) {
            let cost = store.append(TURN_BATCHES);
            *seconds += cost.seconds;
            *peak = peak.max(cost.peak);
        }
    }
    let names = stores.each_ref().map(|store| format!("{} segments", board::thousands(store.segments())));
    let about =
        format!("the file engine, {} events; what an event, a page or an opening costs", board::thousands(events));
    let mut board = Board::new("How costs grow with the segments", about, names, asked());
    let stores = stores.map(Grown::close);
    for (column, (events, [seconds, peak])) in stores.into_iter().zip(costs).enumerate() {
        board.note("A3 batches", column, seconds / events as f64);
        board.note("M1 appending", column, peak);
    }
    let [few, many] = stores;
    ask([(scratch.path("few"), few), (scratch.path("many"), many)], &mut board);
    board
}

/// The works of both tables.
fn asked() -> Vec<Work> {
    vec![
        work("A1 single", 1, Unit::Micros),
        work("A2 16 threads", 1, Unit::Micros),
        work("A3 batches", 1, Unit::Micros),
        work("R1 scan, an event", 1, Unit::Micros),
        work("R2 streams, an event", 1, Unit::Micros),
        work("R3 page at half", 1, Unit::Micros),
        work("R4 window, an event", 1, Unit::Micros),
        work("O1 after close", 1, Unit::Micros),
        work("O1 after kill -9", 1, Unit::Micros),
        work("S1 on disk, an event", 1, Unit::Bytes),
        work("M1 appending", 1, Unit::Mebibytes),
        work("M1 reading", 1, Unit::Mebibytes),
    ]
}

/// So large that so many events make the segments.
fn small_segments(events: usize, event_bytes_min: u64) -> u64 {
    (events as u64 * event_bytes_min / SEGMENTS).max(SEGMENT_BYTES_MIN)
}

/// Fills the large store but for its last tenth, then that and the small one in turn. How many events each has then.
fn grow(name: &str, kind: &str, segment_bytes: u64, events: usize, scratch: &Scratch, board: &mut Board) -> [usize; 2] {
    eprintln!("{name}: {events} events, segments of {} KiB", segment_bytes >> 10);
    let tenth = events / BATCH / 10;
    let mut large = Grown::start("large", kind, segment_bytes, scratch.fresh("large"));
    for _ in 1..10 {
        let cost = large.append(tenth);
        large.tell(tenth, &cost);
    }
    let mut stores = [Grown::start("small", kind, segment_bytes, scratch.fresh("small")), large];
    let segments = (stores[1].segments() / 9).max(SEGMENTS_MIN);
    let mut spans = stores.each_ref().map(|store| Span::new(store, segments));
    let mut left = tenth;
    while left > 0 || spans.iter().any(|span| !span.is_over()) {
        left = left.saturating_sub(TURN_BATCHES);
        for (store, span) in stores.iter_mut().zip(&mut spans) {
            let cost = store.append(TURN_BATCHES);
            span.add(cost, store.segments());
        }
    }
    for (column, (store, span)) in stores.iter().zip(spans).enumerate() {
        let batches = span.turns.len() * TURN_BATCHES;
        let all = span.cost();
        store.tell(batches, &all);
        board.note(name, column, all.seconds / (batches * BATCH) as f64);
        // Small segments take less.
        if segment_bytes == SEGMENT_BYTES {
            board.note(if kind == UNIQUE { "M1 new streams, random ids" } else { "M1 appending" }, column, all.peak);
        }
    }
    stores.map(Grown::close)
}

/// Everything but A3, of stores of standard events: of each its directory, and how many events it has.
fn ask(stores: [(PathBuf, usize); 2], board: &mut Board) {
    let engine = &FILE;
    let contender = &engine.contenders[0];
    // What they are asked for is as much in a large store as in a small one.
    let window_events = stores.iter().map(|(_, events)| events / 100).min().unwrap_or(0);
    let stores = stores.map(|(directory, events)| (directory, Questions::with_windows_of(window_events, events)));
    for (column, (directory, questions)) in stores.iter().enumerate() {
        board.note("S1 on disk, an event", column, scratch::disk_bytes(directory) as f64 / questions.events as f64);
        if board.wants("M1") {
            let peak = child::peak(engine, contender, Task::Read, directory, questions.events);
            board.note("M1 reading", column, peak.anonymous);
        }
    }
    for _ in 0..ROUNDS {
        for (column, (directory, _)) in stores.iter().enumerate() {
            open_once("O1 after close", contender, directory, board, column);
        }
    }
    if board.wants("R") {
        let mut peers = stores.each_ref().map(|(directory, _)| (contender.open)(directory));
        // The first round warms.
        for round in 0..=ROUNDS {
            for (column, (peer, (_, questions))) in peers.iter_mut().zip(&stores).enumerate() {
                for (name, cost) in reads(&mut **peer, questions) {
                    if round > 0 {
                        board.note(name, column, cost);
                    }
                }
            }
        }
    }
    eprintln!("read");
    if board.wants("A1") || board.wants("A2") {
        let mut peers = stores.each_ref().map(|(directory, _)| (contender.open)(directory));
        for batch in Batches::new(Kind::Standard).take(TURNS) {
            for (column, peer) in peers.iter_mut().enumerate() {
                let begun = Instant::now();
                peer.append_singly(&batch.rows[..SINGLE_APPENDS]);
                board.note("A1 single", column, begun.elapsed().as_secs_f64() / SINGLE_APPENDS as f64);
                let begun = Instant::now();
                peer.append_from_threads(&batch.rows);
                board.note("A2 16 threads", column, begun.elapsed().as_secs_f64() / BATCH as f64);
            }
        }
    }
    if board.wants("O1") {
        for _ in 0..ROUNDS {
            for (column, (directory, _)) in stores.iter().enumerate() {
                child::kill(engine, contender, directory, KILLED_EVENTS);
                open_once("O1 after kill -9", contender, directory, board, column);
            }
        }
    }
    eprintln!("killed and opened");
}

/// What each read costs, for one event that it gives where that is what counts.
fn reads(peer: &mut dyn Peer, questions: &Questions) -> [(&'static str, f64); 4] {
    const PAGES: usize = 1_000;
    const WINDOWS: usize = 20;
    fn time(work: impl FnOnce(), times: usize) -> f64 {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64() / times as f64
    }
    let scan = time(|| peer.scan(), questions.events);
    let queries = peer.queries().expect("Runestore can be asked");
    let [_, of_type, in_window] = queries.counts(questions);
    let in_streams = questions.events / Questions::STREAMS * STREAM_LOOKUPS;
    [
        ("R1 scan, an event", scan),
        ("R2 streams, an event", time(|| reads::streams(queries, questions), in_streams)),
        ("R3 page at half", time(|| (0..PAGES).for_each(|_| queries.page(Questions::PAGE_TYPE, of_type / 2)), PAGES)),
        (
            "R4 window, an event",
            time(|| (0..WINDOWS).for_each(|window| queries.window(questions.window(window))), WINDOWS * in_window),
        ),
    ]
}
