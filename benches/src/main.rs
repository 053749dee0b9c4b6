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
    /// An empty store.
    fn open() -> Self;
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

const STREAM_LOOKUPS: usize = 10_000;
const PAGES: usize = 1_000;
const WINDOWS: usize = 20;

fn main() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let events = number("EVENTS", 1_000_000);
    let rounds = number("ROUNDS", 5);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, peer] = &arguments[..]
        && what == "memory"
    {
        return memory_peak(peer, &Workload::new(events));
    }

    let workload = Workload::new(events);
    println!(
        "{} events of {} bytes on average in batches of 1,000; {rounds} rounds, medians (lowest to highest)\n",
        events,
        workload.json_bytes() / events
    );
    let mut board = Board::default();
    for _ in 0..rounds {
        // Turn by turn, so that what else the machine does falls on both.
        let mut ours: runestore_c::Store = appended(&workload, &mut board, 0);
        let mut theirs: sqlite::Sqlite = appended(&workload, &mut board, 1);
        // Both must answer the same questions.
        assert_eq!(ours.counts(&workload), theirs.counts(&workload));
        reads(&mut ours, &workload, &mut board, 0);
        reads(&mut theirs, &workload, &mut board, 1);
        board.add("R1b plain copy", 0, plain_copy(&workload));
    }
    board.print(events);
    for peer in ["runestore", "sqlite"] {
        let program = std::env::current_exe().expect("this program has a path");
        let child =
            std::process::Command::new(program).args(["memory", peer]).env("EVENTS", events.to_string()).status();
        assert!(child.expect("it starts").success(), "the memory of {peer} could not be measured");
    }
}

fn appended<P: Peer>(workload: &Workload, board: &mut Board, column: usize) -> P {
    let mut peer = P::open();
    let begun = Instant::now();
    peer.append(workload);
    board.add("A4 append", column, begun.elapsed().as_secs_f64());
    peer
}

fn reads<P: Peer>(peer: &mut P, workload: &Workload, board: &mut Board, column: usize) {
    let mut time = |name, work: &mut dyn FnMut(&mut P)| {
        let begun = Instant::now();
        work(peer);
        board.add(name, column, begun.elapsed().as_secs_f64());
    };
    time("R1 scan", &mut |peer| peer.scan());
    time("R1 scan again", &mut |peer| peer.scan());
    // Memory that nobody has touched for a while is slow the first time, whoever comes first.
    plain_copy(workload);
    time("R1b one buffer", &mut |peer| peer.read_all());
    time("R2 streams", &mut |peer| {
        for lookup in 0..STREAM_LOOKUPS {
            let (domain, instance_id) = workload.stream(lookup);
            peer.stream(&domain, &instance_id);
        }
    });
    for (name, offset) in [("R3 page at 0", 0), ("R3 page at half", workload.count_of_page_type() / 2)] {
        time(name, &mut |peer| {
            for _ in 0..PAGES {
                peer.page(workload.page_type(), offset);
            }
        });
    }
    time("R4 window", &mut |peer| {
        for window in 0..WINDOWS {
            peer.window(workload.window(window));
        }
    });
}

/// The limit of one buffer: the same bytes, copied slice by slice into fresh memory.
fn plain_copy(workload: &Workload) -> f64 {
    // An event's stored text is longer than its JSON by about this much.
    let text = vec![b'x'; workload.json_bytes() / workload.events() + 130];
    let begun = Instant::now();
    let mut copy = Vec::with_capacity(text.len() * workload.events());
    for _ in 0..workload.events() {
        copy.extend_from_slice(black_box(&text));
    }
    black_box(&copy);
    begun.elapsed().as_secs_f64()
}

/// Fills one store and prints what the process needed beyond the workload itself.
fn memory_peak(peer: &str, workload: &Workload) {
    let before = resident("VmRSS:");
    match peer {
        "runestore" => runestore_c::Store::open().append(workload),
        _ => sqlite::Sqlite::open().append(workload),
    }
    println!("M1 peak memory of the store, {peer}: {} MiB", (resident("VmHWM:") - before) / 1024);
}

/// A line of `/proc/self/status`, in KiB.
fn resident(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let value = status.lines().find_map(|text| text.strip_prefix(line)).expect("it has this line");
    value.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Seconds by name and column.
#[derive(Default)]
struct Board(Vec<(&'static str, [Vec<f64>; 2])>);

impl Board {
    fn add(&mut self, name: &'static str, column: usize, seconds: f64) {
        if !self.0.iter().any(|(known, _)| *known == name) {
            self.0.push((name, Default::default()));
        }
        let row = self.0.iter_mut().find(|(known, _)| *known == name).expect("it was just added");
        row.1[column].push(seconds);
    }

    fn print(&mut self, events: usize) {
        println!("{:<18} {:>28} {:>28} {:>8} {:>8}", "work", "Runestore", "SQLite :memory:", "ratio", "target");
        for (name, columns) in &mut self.0 {
            let (per, unit, target) = match *name {
                "A4 append" => (events, "/s", "10"),
                "R1 scan" | "R1 scan again" => (events, "/s", "5"),
                "R1b one buffer" | "R1b plain copy" => (events, "/s", ""),
                "R2 streams" => (STREAM_LOOKUPS, "/s", "6"),
                "R3 page at 0" => (PAGES, "us", ""),
                "R3 page at half" => (PAGES, "us", "15"),
                _ => (WINDOWS, "us", "5"),
            };
            let [ours, theirs] = columns.each_mut().map(|seconds| {
                seconds.sort_by(f64::total_cmp);
                seconds.get(seconds.len() / 2).copied()
            });
            let shown = |seconds: &[f64], median: Option<f64>| {
                let value = |seconds: f64| if unit == "us" { seconds / per as f64 * 1e6 } else { per as f64 / seconds };
                let Some(median) = median else { return String::new() };
                let (first, last) = (value(seconds[0]), value(seconds[seconds.len() - 1]));
                format!("{} {unit} ({} to {})", short(value(median)), short(first.min(last)), short(first.max(last)))
            };
            let ratio = match (ours, theirs) {
                (Some(ours), Some(theirs)) => format!("{:.1}", theirs / ours),
                _ => String::new(),
            };
            println!(
                "{name:<18} {:>28} {:>28} {ratio:>8} {target:>8}",
                shown(&columns[0], ours),
                shown(&columns[1], theirs)
            );
        }
        println!();
    }
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
