//! What grows with the log: the costs of a large file store beside those of a small one, which has a tenth of its events.
//!
//! `make bench-growth` runs it, `EVENTS=1000000 make bench-growth` with fewer events. Both stores are filled and asked turn by
//! turn: the small one gets its first events while the large one gets its last.

use super::board::{Board, Unit, work};
use super::child::{self, Task, memory, peak_memory};
use super::peer::Peer;
use super::reads::{self, STREAM_LOOKUPS};
use super::runestore_c::Store;
use super::scoreboard::{ENGINES, open_once};
use super::scratch::{self, Scratch};
use super::workload::{BATCH, Batch, Batches, Kind, Questions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// An event takes less than so many bytes on the disk, …
const EVENT_BYTES_MAX: u64 = 700;
/// … and its segment grows by more than so many.
const EVENT_BYTES_MIN: u64 = 500;
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

/// Prints the table.
pub fn main(child: &[String], events: usize) {
    if !child.is_empty() {
        return fill(child);
    }
    let small = events / 10;
    assert!(small > 0 && small.is_multiple_of(BATCH), "EVENTS must be a multiple of {}", 10 * BATCH);
    let flat = "at most 1.3";
    let mut board = Board::new(
        vec![(leaked(format!("{small} events")), ""), (leaked(format!("{events} events")), "ratio")],
        vec![
            work("A1 single", 1, Unit::Micros, flat),
            work("A2 16 threads", 1, Unit::Micros, flat),
            work("A3 batches", 1, Unit::Micros, flat),
            work("A3 new streams, random ids", 1, Unit::Micros, flat),
            work("A3 the same, to 1000 segments", 1, Unit::Micros, flat),
            work("R1 scan, an event", 1, Unit::Micros, flat),
            work("R2 streams, an event", 1, Unit::Micros, flat),
            work("R3 page at half", 1, Unit::Micros, flat),
            work("R4 window, an event", 1, Unit::Micros, flat),
            work("O1 after close", 1, Unit::Micros, flat),
            work("O1 after kill -9", 1, Unit::Micros, flat),
            work("S1 on disk, an event", 1, Unit::Bytes, flat),
            work("M1 appending", 1, Unit::Mebibytes, flat),
            work("M1 reading", 1, Unit::Mebibytes, flat),
        ],
    );
    let scratch = Scratch::new("bench-growth");
    scratch.need(events as u64 * EVENT_BYTES_MAX * 12 / 10 + (KILLED_EVENTS as u64 * EVENT_BYTES_MAX) * 6);
    if ["A1", "A2", "A3 batches", "R", "O", "S", "M"].iter().any(|name| board.wants(name)) {
        fill_in_child("A3 batches", "standard", SEGMENT_BYTES, events, &scratch, &mut board);
        ask(small, events, &scratch, &mut board);
    }
    if board.wants("A3 new") {
        fill_in_child("A3 new streams, random ids", "unique", SEGMENT_BYTES, events, &scratch, &mut board);
        let half = events / 2;
        let segment_bytes = (half as u64 * EVENT_BYTES_MIN / SEGMENTS).max(SEGMENT_BYTES_MIN);
        fill_in_child("A3 the same, to 1000 segments", "unique", segment_bytes, half, &scratch, &mut board);
    }
    println!("\nfile engine, what an event, a page or an opening costs; medians (lowest to highest)\n");
    board.print();
}

fn leaked(name: String) -> &'static str {
    name.leak()
}

/// Fills the two stores in a process of their own, so that its memory can be measured.
fn fill_in_child(name: &str, kind: &str, segment_bytes: u64, events: usize, scratch: &Scratch, board: &mut Board) {
    eprintln!("{name}: {events} events, segments of {} KiB", segment_bytes >> 10);
    let (small, large) = (scratch.fresh("small"), scratch.fresh("large"));
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(program);
    command.args(["growth", kind]).args([&small, &large]).args([segment_bytes.to_string(), events.to_string()]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    for line in BufReader::new(child.stdout.take().expect("it has one")).lines() {
        let line = line.expect("it is read");
        let [what, column, cost] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("it says {line}") };
        let row = if what == "cost" { name } else { "M1 appending" };
        if what == "cost" || kind == "standard" {
            board.note(row, column.parse().expect("a number"), cost.parse().expect("a number"));
        }
    }
    assert!(child.wait().expect("it ran").success(), "the stores could not be filled");
}

/// The child's side: fills the large store but for its last tenth, then both in turn. Tells the memory of the large one
/// at first and at last, and what an event of each costs, as lines of what, column and number.
fn fill(arguments: &[String]) {
    let [kind, small_at, large_at, segment_bytes, events] = arguments else { panic!("not for people: {arguments:?}") };
    let kind = if kind == "unique" { Kind::Unique } else { Kind::Standard };
    let (segment_bytes, events) =
        (segment_bytes.parse().expect("a number"), events.parse::<usize>().expect("a number"));
    let (small_at, large_at) = (Path::new(small_at), Path::new(large_at));
    let before = memory();
    let mut batches = Batches::new(kind);
    let mut large = Store::in_segments(large_at, segment_bytes);
    let tenth = events / BATCH / 10;
    for part in 1..10 {
        let mut seconds = Vec::new();
        for batch in batches.by_ref().take(tenth) {
            seconds.push(append(&mut large, &batch));
        }
        progress("large", part * events / 10, large_at, &mut seconds, peak_memory() - before);
        if part == 1 || part == 9 {
            println!("peak {} {}", part / 9, peak_memory() - before);
        }
    }
    let mut small = Store::in_segments(small_at, segment_bytes);
    let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
    for (first, last) in Batches::new(kind).zip(batches).take(tenth) {
        of_large.push(append(&mut large, &last));
        of_small.push(append(&mut small, &first));
    }
    for (column, (name, at, seconds)) in
        [("small", small_at, &mut of_small), ("large", large_at, &mut of_large)].into_iter().enumerate()
    {
        println!("cost {column} {}", seconds.iter().sum::<f64>() / (tenth * BATCH) as f64);
        progress(name, if column == 0 { tenth * BATCH } else { events }, at, seconds, peak_memory() - before);
    }
    for (name, store) in [("small", small), ("large", large)] {
        let begun = Instant::now();
        drop(store);
        eprintln!("  {name}: closed in {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    }
}

fn append(store: &mut Store, batch: &Batch) -> f64 {
    let begun = Instant::now();
    store.append(std::slice::from_ref(batch));
    begun.elapsed().as_secs_f64()
}

/// The mean is what counts; the median tells of the machine, and the longest append of what a new segment costs.
fn progress(name: &str, events: usize, directory: &Path, seconds: &mut [f64], peak: u64) {
    seconds.sort_by(f64::total_cmp);
    let micros = |seconds: f64| seconds / BATCH as f64 * 1e6;
    eprintln!(
        "  {name}: {events} events in {} segments: {:.2} us an event (median {:.2}), longest append {:.0} ms, peak {} MiB",
        scratch::count(directory, ".log"),
        micros(seconds.iter().sum::<f64>() / seconds.len() as f64),
        micros(seconds[seconds.len() / 2]),
        seconds[seconds.len() - 1] * 1e3,
        peak >> 20
    );
}

/// Everything but A3, of the stores of standard events.
fn ask(small: usize, large: usize, scratch: &Scratch, board: &mut Board) {
    let engine = ENGINES.iter().find(|engine| engine.name == "file").expect("there is one");
    let contender = &engine.contenders[0];
    let stores =
        [(scratch.path("small"), Questions { events: small }), (scratch.path("large"), Questions { events: large })];
    for (column, (directory, questions)) in stores.iter().enumerate() {
        board.note("S1 on disk, an event", column, scratch::disk_bytes(directory) as f64 / questions.events as f64);
        if board.wants("M1") {
            board.note("M1 reading", column, child::peak(engine, contender, Task::Read, directory, questions.events));
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
    let [_, of_type, in_window] = peer.counts(questions);
    let time = |peer: &mut dyn Peer, work: &dyn Fn(&mut dyn Peer), times: usize| {
        let begun = Instant::now();
        work(peer);
        begun.elapsed().as_secs_f64() / times as f64
    };
    let pages = |peer: &mut dyn Peer| (0..PAGES).for_each(|_| peer.page(Questions::PAGE_TYPE, of_type / 2));
    let windows = |peer: &mut dyn Peer| (0..WINDOWS).for_each(|window| peer.window(questions.window(window)));
    let in_streams = questions.events / Questions::STREAMS * STREAM_LOOKUPS;
    [
        ("R1 scan, an event", time(peer, &|peer| peer.scan(), questions.events)),
        ("R2 streams, an event", time(peer, &|peer| reads::streams(peer, questions), in_streams)),
        ("R3 page at half", time(peer, &pages, PAGES)),
        ("R4 window, an event", time(peer, &windows, WINDOWS * in_window)),
    ]
}
