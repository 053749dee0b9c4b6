//! A table of what every work costs every peer, how many times more than the first, and whether that is what was aimed at.
//!
//! A ratio is the median of the ratios of each turn: on a machine that others use, what two peers cost one after the other
//! compares better than what each cost over all.

use super::target::Target;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// A line of the table.
pub struct Work {
    pub name: &'static str,
    /// How often it is done each time that it is measured.
    times: usize,
    unit: Unit,
    targets: Vec<Target>,
}

/// What a work is told in; what it costs is noted in seconds or bytes.
#[derive(Clone, Copy)]
pub enum Unit {
    PerSecond,
    Micros,
    Bytes,
    Mebibytes,
}

/// A work that has no target yet.
pub fn work(name: &'static str, times: usize, unit: Unit) -> Work {
    Work { name, times, unit, targets: Vec::new() }
}

impl Work {
    /// With those of the targets that are beside its name.
    pub fn aiming_at(mut self, targets: &[(&str, Target)]) -> Work {
        self.targets.extend(targets.iter().filter(|(name, _)| *name == self.name).map(|(_, target)| target.clone()));
        self
    }

    /// What each turn came to, in the unit.
    fn figures(&self, costs: &[f64]) -> Vec<f64> {
        costs.iter().map(|cost| self.unit.figure(cost / self.times as f64)).collect()
    }

    /// The median of costs, and the range.
    fn shown(&self, costs: &[f64]) -> String {
        let mut figures = self.figures(costs);
        let Some(median) = median(&figures) else { return String::new() };
        figures.sort_by(f64::total_cmp);
        let range = match figures[..] {
            [first, .., last] => format!(" ({} to {})", short(first), short(last)),
            _ => String::new(),
        };
        format!("{} {}{range}", short(median), self.unit.name())
    }
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::PerSecond => "/s",
            Unit::Micros => "us",
            Unit::Bytes => "B",
            Unit::Mebibytes => "MiB",
        }
    }

    fn figure(self, cost: f64) -> f64 {
        match self {
            Unit::PerSecond => 1.0 / cost,
            Unit::Micros => cost * 1e6,
            Unit::Bytes => cost,
            Unit::Mebibytes => cost / 1024.0 / 1024.0,
        }
    }
}

/// See the module.
pub struct Board {
    /// What is measured, and how much of it.
    title: String,
    about: String,
    peers: Vec<String>,
    works: Vec<Work>,
    /// By work and peer.
    costs: Vec<Vec<Vec<f64>>>,
}

impl Board {
    /// The works that the variable `WORKS` names by their first words, or all.
    pub fn new(
        title: impl Into<String>,
        about: String,
        peers: impl IntoIterator<Item = String>,
        mut works: Vec<Work>,
    ) -> Board {
        if let Ok(only) = std::env::var("WORKS") {
            works.retain(|work| only.split(',').any(|only| work.name.split(' ').next() == Some(only)));
        }
        let peers: Vec<String> = peers.into_iter().collect();
        let costs = vec![vec![Vec::new(); peers.len()]; works.len()];
        Board { title: title.into(), about, peers, works, costs }
    }

    /// Whether a work is to be done of which this is the name, or its beginning.
    pub fn wants(&self, name: &str) -> bool {
        self.works.iter().any(|work| work.name.starts_with(name))
    }

    /// Forgets what was measured.
    pub fn clear(&mut self) {
        self.costs.iter_mut().flatten().for_each(Vec::clear);
    }

    /// Does a work and notes its time; does it only if it is wanted.
    pub fn time(&mut self, name: &str, column: usize, work: impl FnOnce()) {
        if self.wants(name) {
            let begun = Instant::now();
            work();
            self.note(name, column, begun.elapsed().as_secs_f64());
        }
    }

    /// Notes what a work cost.
    pub fn note(&mut self, name: &str, column: usize, cost: f64) {
        if let Some(row) = self.works.iter().position(|work| work.name == name) {
            self.costs[row][column].push(cost);
        }
    }

    /// Prints the table and what came of the targets, unless there is no work.
    pub fn print(&self) {
        if self.works.is_empty() {
            return;
        }
        println!("{}: {}; medians (lowest to highest)\n", self.title, self.about);
        let name_width = self.works.iter().map(|work| work.name.len()).max().unwrap_or(0);
        print!("{:<name_width$}", "work");
        self.peers.iter().for_each(|name| print!(" {name:>26}"));
        self.peers.iter().skip(1).for_each(|name| print!("  / {name}"));
        println!();
        for (work, columns) in self.works.iter().zip(&self.costs) {
            print!("{:<name_width$}", work.name);
            columns.iter().for_each(|costs| print!(" {:>26}", work.shown(costs)));
            for (other, name) in columns.iter().zip(&self.peers).skip(1) {
                let ratio = ratio(&columns[0], other).map_or(String::new(), |ratio| format!("{ratio:.2}"));
                print!("  {ratio:>width$}", width = name.len() + 2);
            }
            println!();
        }
        println!();
        self.print_verdicts(name_width);
    }

    fn print_verdicts(&self, name_width: usize) {
        let (mut hold, mut judged) = (0, 0);
        for (work, columns) in self.works.iter().zip(&self.costs) {
            let figure = median(&work.figures(&columns[0]));
            for target in &work.targets {
                let Some(verdict) = target.verdict(figure, |name| self.ratio_to(name, columns)) else { continue };
                let word = if verdict.holds { "holds" } else { "misses" };
                let reached = short(verdict.reached);
                println!("{:<name_width$} {word:<6} {reached:>6}  {}", work.name, target.told(work.unit));
                judged += 1;
                hold += usize::from(verdict.holds);
            }
        }
        if judged > 0 {
            println!("{hold} of {judged} targets hold\n");
        }
    }

    /// The ratio to the column of this name, without one to the second.
    fn ratio_to(&self, name: &str, columns: &[Vec<f64>]) -> Option<f64> {
        let column = if name.is_empty() { 1 } else { self.peers.iter().position(|known| known == name)? };
        ratio(&columns[0], &columns[column])
    }

    /// Everything that was measured, in each work's unit, and the targets.
    fn json(&self) -> Value {
        let works = self.works.iter().zip(&self.costs).map(|(work, columns)| {
            json!({
                "name": work.name,
                "unit": work.unit.name(),
                "more_is_better": matches!(work.unit, Unit::PerSecond),
                "targets": work.targets.iter().map(Target::json).collect::<Vec<Value>>(),
                "figures": columns.iter().map(|costs| work.figures(costs)).collect::<Vec<_>>(),
            })
        });
        json!({
            "title": self.title,
            "about": self.about,
            "columns": self.peers,
            "works": works.collect::<Vec<Value>>(),
        })
    }
}

/// Writes boards into the directory that the variable `FIGURES` names, if it does, for the report that puts several runs together.
pub fn save(name: &str, boards: &[&Board]) {
    if let Ok(directory) = std::env::var("FIGURES") {
        let boards: Vec<Value> = boards.iter().map(|board| board.json()).collect();
        let text = serde_json::to_string_pretty(&boards).expect("numbers and texts");
        std::fs::create_dir_all(&directory).expect("it is made");
        std::fs::write(Path::new(&directory).join(format!("{name}.json")), text).expect("it is written");
    }
}

/// With commas.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

/// How many times as much theirs cost, turn by turn.
fn ratio(ours: &[f64], theirs: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = theirs.iter().zip(ours).map(|(theirs, ours)| theirs / ours).collect();
    median(&ratios)
}

/// The one in the middle, or half-way between two.
fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    Some((values[(values.len() - 1) / 2] + upper) / 2.0)
}

/// Three digits and a unit.
fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.0}k", value / 1e3),
        1e2.. => format!("{value:.0}"),
        1e1.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
