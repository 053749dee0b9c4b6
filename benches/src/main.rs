//! The scoreboard: the work of an event store, done by Runestore through its C interface and by its
//! peers, turn by turn in one run. What counts is the ratio: absolute figures drift with the machine.
//!
//! `make bench` runs it; `EVENTS=100000 ROUNDS=3 make bench` runs less. As a child process
//! (`memory runestore`, `memory sqlite`) it measures the peak of one store's memory.

mod runestore_c;
mod sqlite;
mod workload;

use std::hint::black_box;
use std::time::Instant;
use workload::Workload;

/// What is done with every store.
trait Peer {
    /// All batches, each an append or a transaction of its own.
    fn append(&mut self, workload: &Workload);
    /// All events, in pieces of about 300 KB.
    fn scan(&mut self);
    /// All events in one buffer.
    fn read_all(&mut self);
    /// The events of one stream.
    fn stream(&mut self, domain: &str, instance_id: &str);
    /// A hundred events of a type, behind `offset` others.
    fn page(&mut self, event_type: &str, offset: usize);
    /// The events from the one second up to the other.
    fn window(&mut self, window: (u64, u64));
    /// How many events a stream, a type and a window have.
    fn counts(&mut self, workload: &Workload) -> [usize; 3];
}

type Open = fn() -> Box<dyn Peer>;

/// Who takes part: a name, and an empty store. Ratios are those of the first to each of the others.
const PEERS: [(&str, Open); 2] =
    [("Runestore", || Box::new(runestore_c::Store::open())), ("SQLite :memory:", || Box::new(sqlite::Sqlite::open()))];

/// A line of the board: what is done, how often in one round, in which unit it is told, and the ratio to
/// SQLite that is aimed at.
struct Work {
    name: &'static str,
    times: fn(&Workload) -> usize,
    unit: Unit,
    target: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    PerSecond,
    Micros,
}

const STREAM_LOOKUPS: usize = 10_000;
const PAGES: usize = 1_000;
const WINDOWS: usize = 20;

const fn work(name: &'static str, times: fn(&Workload) -> usize, unit: Unit, target: &'static str) -> Work {
    Work { name, times, unit, target }
}

const WORKS: [Work; 9] = [
    work("A4 append", Workload::events, Unit::PerSecond, "10"),
    work("R1 scan", Workload::events, Unit::PerSecond, "5"),
    work("R1 scan again", Workload::events, Unit::PerSecond, "5"),
    work("R1b one buffer", Workload::events, Unit::PerSecond, ""),
    work("R1b plain copy", Workload::events, Unit::PerSecond, ""),
    work("R2 streams", |_| STREAM_LOOKUPS, Unit::PerSecond, "6"),
    work("R3 page at 0", |_| PAGES, Unit::Micros, ""),
    work("R3 page at half", |_| PAGES, Unit::Micros, "15"),
    work("R4 window", |_| WINDOWS, Unit::Micros, "5"),
];

fn main() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let events = number("EVENTS", 1_000_000);
    let rounds = number("ROUNDS", 5);
    let workload = Workload::new(events);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, peer] = &arguments[..]
        && what == "memory"
    {
        return memory_peak(peer, &workload);
    }
    println!(
        "{} events of {} bytes on average in batches of 1,000; {rounds} rounds, medians (lowest to highest)\n",
        events,
        workload.json_bytes() / events
    );
    let mut board = Board::default();
    for round in 0..=rounds {
        // Turn by turn, so that what else the machine does falls on all. The first turn is for nothing: memory that
        // nobody has touched since the machine was started is slow, and whoever came first would pay for it.
        let mut peers: Vec<Box<dyn Peer>> = Vec::new();
        for (column, (_, open)) in PEERS.iter().enumerate() {
            let mut peer = open();
            board.time("A4 append", column, &mut || peer.append(&workload));
            peers.push(peer);
        }
        let counts: Vec<[usize; 3]> = peers.iter_mut().map(|peer| peer.counts(&workload)).collect();
        assert!(counts.iter().all(|answer| *answer == counts[0]), "not the same answers: {counts:?}");
        for (column, peer) in peers.iter_mut().enumerate() {
            reads(&mut **peer, &workload, &mut board, column);
        }
        board.time("R1b plain copy", 0, &mut || plain_copy(&workload));
        if round == 0 {
            board = Board::default();
        }
    }
    board.print(&workload);
    for (peer, _) in PEERS {
        let program = std::env::current_exe().expect("this program has a path");
        let child =
            std::process::Command::new(program).args(["memory", peer]).env("EVENTS", events.to_string()).status();
        assert!(child.expect("it starts").success(), "the memory of {peer} could not be measured");
    }
}

fn reads(peer: &mut dyn Peer, workload: &Workload, board: &mut Board, column: usize) {
    board.time("R1 scan", column, &mut || peer.scan());
    board.time("R1 scan again", column, &mut || peer.scan());
    board.time("R1b one buffer", column, &mut || peer.read_all());
    board.time("R2 streams", column, &mut || {
        for lookup in 0..STREAM_LOOKUPS {
            let (domain, instance_id) = workload.stream(lookup);
            peer.stream(&domain, &instance_id);
        }
    });
    for (name, offset) in [("R3 page at 0", 0), ("R3 page at half", workload.count_of_page_type() / 2)] {
        board.time(name, column, &mut || {
            for _ in 0..PAGES {
                peer.page(workload.page_type(), offset);
            }
        });
    }
    board.time("R4 window", column, &mut || {
        for window in 0..WINDOWS {
            peer.window(workload.window(window));
        }
    });
}

/// The limit of one buffer: the same bytes, copied slice by slice into fresh memory.
fn plain_copy(workload: &Workload) {
    // An event's stored text is longer than its JSON by about this much.
    let text = vec![b'x'; workload.json_bytes() / workload.events() + 130];
    let mut copy = Vec::with_capacity(text.len() * workload.events());
    for _ in 0..workload.events() {
        copy.extend_from_slice(black_box(&text));
    }
    black_box(&copy);
}

/// Fills one store and prints what the process needed beyond the workload itself.
fn memory_peak(peer: &str, workload: &Workload) {
    let before = resident("VmRSS:");
    let (name, open) = PEERS.iter().find(|(name, _)| *name == peer).expect("a peer's name");
    open().append(workload);
    println!("M1 peak memory of the store, {name}: {} MiB", (resident("VmHWM:") - before) / 1024);
}

/// A line of `/proc/self/status`, in KiB.
fn resident(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let value = status.lines().find_map(|text| text.strip_prefix(line)).expect("it has this line");
    value.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Seconds by work and peer.
#[derive(Default)]
struct Board([[Vec<f64>; PEERS.len()]; WORKS.len()]);

impl Board {
    fn time(&mut self, name: &str, column: usize, work: &mut dyn FnMut()) {
        let row = WORKS.iter().position(|work| work.name == name).expect("a work of the board");
        let begun = Instant::now();
        work();
        self.0[row][column].push(begun.elapsed().as_secs_f64());
    }

    fn print(&mut self, workload: &Workload) {
        print!("{:<16}", "work");
        PEERS.iter().for_each(|(name, _)| print!(" {name:>26}"));
        PEERS.iter().skip(1).for_each(|_| print!(" {:>8}", "ratio"));
        println!(" {:>8}", "target");
        for (work, columns) in WORKS.iter().zip(&mut self.0) {
            let times = (work.times)(workload);
            columns.iter_mut().for_each(|seconds| seconds.sort_by(f64::total_cmp));
            let median = |seconds: &Vec<f64>| seconds.get(seconds.len() / 2).copied();
            print!("{:<16}", work.name);
            for seconds in columns.iter() {
                print!(
                    " {:>26}",
                    median(seconds).map_or(String::new(), |median| shown(work.unit, times, median, seconds))
                );
            }
            for other in &columns[1..] {
                let ratio = median(other).zip(median(&columns[0])).map(|(theirs, ours)| theirs / ours);
                print!(" {:>8}", ratio.map_or(String::new(), |ratio| format!("{ratio:.1}")));
            }
            println!(" {:>8}", work.target);
        }
        println!();
    }
}

/// The median of ascending `seconds`, and the range.
fn shown(unit: Unit, times: usize, median: f64, seconds: &[f64]) -> String {
    let value = |seconds: f64| match unit {
        Unit::PerSecond => times as f64 / seconds,
        Unit::Micros => seconds / times as f64 * 1e6,
    };
    let name = if unit == Unit::PerSecond { "/s" } else { "us" };
    let (first, last) = (value(seconds[0]), value(seconds[seconds.len() - 1]));
    format!("{} {name} ({} to {})", short(value(median)), short(first.min(last)), short(first.max(last)))
}

/// Three digits and a unit.
fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.0}k", value / 1e3),
        1e2.. => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}
