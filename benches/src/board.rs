//! A table of what every work costs every peer, and how many times more than the first.
//!
//! A ratio is the median of the ratios of each turn: on a machine that others use, what two peers cost one after the other
//! compares better than what each cost over all.

use std::time::Instant;

/// A line of the table.
pub struct Work {
    pub name: &'static str,
    /// How often it is done each time that it is measured.
    pub times: usize,
    pub unit: Unit,
    /// The ratios that are aimed at.
    pub target: &'static str,
}

/// What a work is told in; what it costs is noted in seconds or bytes.
#[derive(Clone, Copy)]
pub enum Unit {
    PerSecond,
    Micros,
    Bytes,
    Mebibytes,
}

pub fn work(name: &'static str, times: usize, unit: Unit, target: &'static str) -> Work {
    Work { name, times, unit, target }
}

/// See the module.
pub struct Board {
    /// A name for each peer, and one for the ratio to it.
    peers: Vec<(&'static str, &'static str)>,
    works: Vec<Work>,
    /// By work and peer.
    costs: Vec<Vec<Vec<f64>>>,
}

impl Board {
    /// The works that the variable `WORKS` names by their first words, or all.
    pub fn new(peers: Vec<(&'static str, &'static str)>, mut works: Vec<Work>) -> Board {
        if let Ok(only) = std::env::var("WORKS") {
            works.retain(|work| only.split(',').any(|only| work.name.split(' ').next() == Some(only)));
        }
        let costs = vec![vec![Vec::new(); peers.len()]; works.len()];
        Board { peers, works, costs }
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

    /// Prints the table, unless it is empty.
    pub fn print(&self) {
        if self.works.is_empty() {
            return;
        }
        let name_width = self.works.iter().map(|work| work.name.len()).max().unwrap_or(0);
        print!("{:<name_width$}", "work");
        self.peers.iter().for_each(|(name, _)| print!(" {name:>26}"));
        self.peers.iter().skip(1).for_each(|(_, ratio)| print!(" {ratio:>8}"));
        println!("  target");
        for (work, columns) in self.works.iter().zip(&self.costs) {
            print!("{:<name_width$}", work.name);
            columns.iter().for_each(|costs| print!(" {:>26}", work.shown(costs)));
            for other in &columns[1..] {
                let ratios = other.iter().zip(&columns[0]).map(|(theirs, ours)| theirs / ours).collect();
                print!(" {:>8}", median(&ascending(ratios)).map_or(String::new(), |ratio| format!("{ratio:.2}")));
            }
            println!("  {}", work.target);
        }
        println!();
    }
}

impl Work {
    /// The median of costs, and the range.
    fn shown(&self, costs: &[f64]) -> String {
        let costs = ascending(costs.to_vec());
        let Some(median) = median(&costs) else { return String::new() };
        let (value, name): (fn(f64) -> f64, _) = match self.unit {
            Unit::PerSecond => (|each| 1.0 / each, "/s"),
            Unit::Micros => (|each| each * 1e6, "us"),
            Unit::Bytes => (|each| each, "B"),
            Unit::Mebibytes => (|each| each / 1024.0 / 1024.0, "MiB"),
        };
        let value = |cost: &f64| value(cost / self.times as f64);
        let (first, last) = (value(&costs[0]), value(&costs[costs.len() - 1]));
        let range = if costs.len() > 1 {
            format!(" ({} to {})", short(first.min(last)), short(first.max(last)))
        } else {
            String::new()
        };
        format!("{} {name}{range}", short(value(&median)))
    }
}

fn ascending(mut costs: Vec<f64>) -> Vec<f64> {
    costs.sort_by(f64::total_cmp);
    costs
}

/// Of ascending costs.
fn median(costs: &[f64]) -> Option<f64> {
    costs.get(costs.len() / 2).copied()
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
