//! A store that grows in a process of its own, so that its memory can be measured and no other store's counts.

use super::host;
use super::memory::Peak;
use super::peer::Peer;
use super::runestore_c::Store;
use super::scratch;
use super::workload::{BATCH, Batches, Kind};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

/// The names of the kinds of events for a child process.
pub const STANDARD: &str = "standard";
pub const UNIQUE: &str = "unique";

/// See the module.
pub struct Grown {
    name: &'static str,
    directory: PathBuf,
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
    pub events: usize,
}

/// What some appends cost: seconds of all, of the median and of the longest; and the process' peak of anonymous memory in bytes.
#[derive(Clone, Copy)]
pub struct Cost {
    pub seconds: f64,
    pub median: f64,
    pub longest: f64,
    pub peak: f64,
}

impl Grown {
    pub fn start(name: &'static str, kind: &str, segment_bytes: u64, directory: PathBuf) -> Grown {
        let program = std::env::current_exe().expect("this program has a path");
        let mut command = Command::new(program);
        command.args(["growth", kind, &segment_bytes.to_string()]).arg(&directory);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let answers = BufReader::new(child.stdout.take().expect("it has one")).lines();
        Grown { name, directory, child, answers, events: 0 }
    }

    /// Appends so many batches.
    pub fn append(&mut self, batches: usize) -> Cost {
        host::fetch(host::TURN_BYTES);
        self.events += batches * BATCH;
        writeln!(self.child.stdin.as_ref().expect("it has one"), "{batches}").expect("it listens");
        let answer = self.answers.next().expect("it answers").expect("it is read");
        let mut numbers = answer.split(' ').map(|number| number.parse().expect("a number"));
        let [seconds, median, longest, peak] = std::array::from_fn(|_| numbers.next().expect("four of them"));
        Cost { seconds, median, longest, peak }
    }

    /// The mean is what counts; the median tells of the machine, and the longest append of what a new segment costs.
    pub fn tell(&self, batches: usize, cost: &Cost) {
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

    pub fn segments(&self) -> usize {
        scratch::count(&self.directory, ".log")
    }

    /// Ends it; how many events it has.
    pub fn close(mut self) -> usize {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        assert!(self.child.wait().expect("it ran").success(), "a store could not be closed");
        eprintln!("  {}: closed in {:.0} ms", self.name, begun.elapsed().as_secs_f64() * 1e3);
        self.events
    }
}

/// The child's side: for each number that is read, appends so many batches and tells what they cost.
pub fn serve(arguments: &[String]) {
    let [kind, segment_bytes, directory] = arguments else { panic!("not for people: {arguments:?}") };
    let mut batches = Batches::new(if kind == UNIQUE { Kind::Unique } else { Kind::Standard });
    let memory = Peak::watch();
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
        println!("{all} {median} {longest} {}", memory.so_far().anonymous);
    }
}

/// The turns that count: from the beginning of a segment on, until so many have been filled.
pub struct Span {
    segments: usize,
    /// How many segments the store had when it was begun; and where it begins, if it has.
    before: usize,
    begun: Option<usize>,
    last: usize,
    pub turns: Vec<Cost>,
}

impl Span {
    pub fn new(store: &Grown, segments: usize) -> Span {
        let before = store.segments();
        // An empty store begins a segment.
        let begun = (store.events == 0).then_some(before);
        Span { segments, before, begun, last: before, turns: Vec::new() }
    }

    pub fn is_over(&self) -> bool {
        self.begun.is_some_and(|begun| self.last >= begun + self.segments)
    }

    /// Adds a turn, behind which the store has so many segments.
    pub fn add(&mut self, cost: Cost, segments: usize) {
        if self.begun.is_some() && !self.is_over() {
            self.turns.push(cost);
        }
        self.last = segments;
        if self.begun.is_none() && segments > self.before {
            self.begun = Some(segments);
        }
    }

    pub fn cost(mut self) -> Cost {
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
