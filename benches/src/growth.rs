//! What grows with the log: the costs of a large file store beside those of a small one, which has a tenth of its events.
//!
//! `make bench-growth` runs it, `EVENTS=1000000 make bench-growth` with fewer events. Both stores are filled and asked turn by
//! turn: the small one gets its first events while the large one gets its last. What an append costs is told of whole
//! segments, as many for the one as for the other, since an event that begins a segment costs as much as thousands.

use super::board::{Board, Unit, work};
use super::child::{self, Task, memory, peak_memory};
use super::peer::Peer;
use super::reads::{self, STREAM_LOOKUPS};
use super::runestore_c::Store;
use super::scoreboard::{ENGINES, open_once};
use super::scratch::{self, Scratch};
use super::workload::{BATCH, Batches, Kind, Questions};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
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
/// Two stores that grow at once take turns of so many batches …
const TURN_BATCHES: usize = 10;
/// … until each has filled so many segments at least.
const SEGMENTS_MIN: usize = 2;
/// The names of the kinds of events for a child process.
const STANDARD: &str = "standard";
const UNIQUE: &str = "unique";

/// Prints the table.
pub fn main(child: &[String], events: usize) {
    if !child.is_empty() {
        return serve(child);
    }
    let small = events / 10;
    assert!(small > 0 && small.is_multiple_of(BATCH), "EVENTS must be a multiple of {}", 10 * BATCH);
    // What grows with the log would stop it one day. The rest is here to be seen.
    let flat = "at most 1.3";
    let mut board = Board::new(
        vec![(leaked(format!("{small} events")), ""), (leaked(format!("{events} events")), "ratio")],
        vec![
            work("A1 single", 1, Unit::Micros, flat),
            work("A2 16 threads", 1, Unit::Micros, flat),
            work("A3 batches", 1, Unit::Micros, flat),
            work("A3 new streams, random ids", 1, Unit::Micros, flat),
            work("A3 such, to 1000 segments", 1, Unit::Micros, flat),
            work("R1 scan, an event", 1, Unit::Micros, ""),
            work("R2 streams, an event", 1, Unit::Micros, ""),
            work("R3 page at half", 1, Unit::Micros, ""),
            work("R4 window, an event", 1, Unit::Micros, ""),
            work("O1 after close", 1, Unit::Micros, ""),
            work("O1 after kill -9", 1, Unit::Micros, ""),
            work("S1 on disk, an event", 1, Unit::Bytes, ""),
            work("M1 appending", 1, Unit::Mebibytes, ""),
            work("M1 new streams, random ids", 1, Unit::Mebibytes, ""),
            work("M1 reading", 1, Unit::Mebibytes, ""),
        ],
    );
    let scratch = Scratch::new("bench-growth");
    scratch.need(events as u64 * EVENT_BYTES_MAX * 12 / 10 + (KILLED_EVENTS as u64 * EVENT_BYTES_MAX) * 6);
    if ["A1", "A2", "A3 batches", "R", "O", "S", "M"].iter().any(|name| board.wants(name)) {
        let events = grow("A3 batches", STANDARD, SEGMENT_BYTES, events, &scratch, &mut board);
        ask(events, &scratch, &mut board);
    }
    if board.wants("A3 new") {
        grow("A3 new streams, random ids", UNIQUE, SEGMENT_BYTES, events, &scratch, &mut board);
        let half = events / 2;
        let segment_bytes = (half as u64 * EVENT_BYTES_MIN / SEGMENTS).max(SEGMENT_BYTES_MIN);
        grow("A3 such, to 1000 segments", UNIQUE, segment_bytes, half, &scratch, &mut board);
    }
    println!("\nfile engine, what an event, a page or an opening costs; medians (lowest to highest)\n");
    board.print();
}

fn leaked(name: String) -> &'static str {
    name.leak()
}

/// A store in a process of its own, so that its memory can be measured and no other store's counts.
struct Grown {
    name: &'static str,
    directory: PathBuf,
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
    events: usize,
}

/// What some appends cost: seconds of all, of the median and of the longest; and the process' peak memory in bytes.
#[derive(Clone, Copy)]
struct Cost {
    seconds: f64,
    median: f64,
    longest: f64,
    peak: f64,
}

impl Grown {
    fn start(name: &'static str, kind: &str, segment_bytes: u64, directory: PathBuf) -> Grown {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(["growth", kind, &segment_bytes.to_string()]).arg(&directory);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let answers = BufReader::new(child.stdout.take().expect("it has one")).lines();
        Grown { name, directory, child, answers, events: 0 }
    }

    /// Appends so many batches.
    fn append(&mut self, batches: usize) -> Cost {
        self.events += batches * BATCH;
        writeln!(self.child.stdin.as_ref().expect("it has one"), "{batches}").expect("it listens");
        let answer = self.answers.next().expect("it answers").expect("it is read");
        let mut numbers = answer.split(' ').map(|number| number.parse().expect("a number"));
        let [seconds, median, longest, peak] = std::array::from_fn(|_| numbers.next().expect("four of them"));
        Cost { seconds, median, longest, peak }
    }

    /// The mean is what counts; the median tells of the machine, and the longest append of what a new segment costs.
    fn tell(&self, batches: usize, cost: &Cost) {
        let micros = |seconds: f64| seconds / BATCH as f64 * 1e6;
        eprintln!(
            "  {}: {} events in {} segments: {:.2} us an event (median {:.2}), longest append {:.0} ms, peak {:.0} MiB",
            self.name,
            self.events,
            self.segments(),
            micros(cost.seconds / batches as f64),
            micros(cost.median),
            cost.longest * 1e3,
            cost.peak / 1024.0 / 1024.0
        );
    }

    fn segments(&self) -> usize {
        scratch::count(&self.directory, ".log")
    }

    /// Ends it; how many events it has.
    fn close(mut self) -> usize {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        assert!(self.child.wait().expect("it ran").success(), "a store could not be closed");
        eprintln!("  {}: closed in {:.0} ms", self.name, begun.elapsed().as_secs_f64() * 1e3);
        self.events
    }
}

/// The turns that count: from the beginning of a segment on, until so many have been filled.
struct Span {
    segments: usize,
    /// How many segments the store had when it was begun; and where it begins, if it has.
    before: usize,
    begun: Option<usize>,
    last: usize,
    turns: Vec<Cost>,
}

impl Span {
    fn new(store: &Grown, segments: usize) -> Span {
        let before = store.segments();
        // An empty store begins a segment.
        let begun = (store.events == 0).then_some(before);
        Span { segments, before, begun, last: before, turns: Vec::new() }
    }

    fn is_over(&self) -> bool {
        self.begun.is_some_and(|begun| self.last >= begun + self.segments)
    }

    /// Adds a turn, behind which the store has so many segments.
    fn add(&mut self, cost: Cost, segments: usize) {
        if self.begun.is_some() && !self.is_over() {
            self.turns.push(cost);
        }
        self.last = segments;
        if self.begun.is_none() && segments > self.before {
            self.begun = Some(segments);
        }
    }

    fn cost(mut self) -> Cost {
        self.turns.sort_by(|one, other| one.median.total_cmp(&other.median));
        let costs = self.turns.iter();
        Cost {
            seconds: costs.clone().map(|cost| cost.seconds).sum(),
            median: self.turns[self.turns.len() / 2].median,
            longest: costs.clone().map(|cost| cost.longest).fold(0.0, f64::max),
            peak: costs.map(|cost| cost.peak).fold(0.0, f64::max),
        }
    }
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

/// The child's side: for each number that is read, appends so many batches and tells what they cost.
fn serve(arguments: &[String]) {
    let [kind, segment_bytes, directory] = arguments else { panic!("not for people: {arguments:?}") };
    let mut batches = Batches::new(if kind == UNIQUE { Kind::Unique } else { Kind::Standard });
    let before = memory();
    let mut store = Store::in_segments(Path::new(directory), segment_bytes.parse().expect("a number"));
    for line in std::io::stdin().lines() {
        let count = line.expect("it is read").parse().expect("a number");
        let mut seconds = Vec::new();
        for batch in batches.by_ref().take(count) {
            let begun = Instant::now();
            store.append(std::slice::from_ref(&batch));
            seconds.push(begun.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (all, median, longest): (f64, _, _) =
            (seconds.iter().sum(), seconds[seconds.len() / 2], seconds[seconds.len() - 1]);
        println!("{all} {median} {longest} {}", peak_memory() - before);
    }
}

/// Everything but A3, of the stores of standard events.
fn ask([small, large]: [usize; 2], scratch: &Scratch, board: &mut Board) {
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
