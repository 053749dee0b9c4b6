//! What is aimed at, and whether it was reached.

use super::board::Unit;
use serde_json::{Value, json};

/// A target of a work; of one work there may be several.
#[derive(Clone)]
pub enum Target {
    /// At least so many times as good as the best of these columns.
    Times(f64, &'static [&'static str]),
    /// At most so many of the work's unit.
    AtMost(f64),
    /// The second column costs at most so many times as much as the first.
    Growth(f64),
}

/// A figure beside its target.
pub struct Verdict {
    pub holds: bool,
    /// What was reached: a ratio, or a figure in the work's unit.
    pub reached: f64,
}

impl Target {
    /// Of a work whose first column has this figure and whose columns have these ratios, each where it was measured. Nothing
    /// where what the target is about was not.
    pub fn verdict(&self, figure: Option<f64>, ratio_to: impl Fn(&str) -> Option<f64>) -> Option<Verdict> {
        let (holds, reached): (fn(f64, f64) -> bool, _) = match self {
            Target::Times(_, columns) => (
                |reached, limit| reached >= limit,
                columns.iter().filter_map(|column| ratio_to(column)).reduce(f64::min),
            ),
            Target::AtMost(_) => (|reached, limit| reached <= limit, figure),
            Target::Growth(_) => (|reached, limit| reached <= limit, ratio_to("")),
        };
        reached.map(|reached| Verdict { holds: holds(reached, self.limit()), reached })
    }

    /// In words.
    pub fn told(&self, unit: Unit) -> String {
        let limit = self.limit();
        match self {
            Target::Times(_, [column]) => format!("at least {limit} x {column}"),
            Target::Times(_, columns) => format!("at least {limit} x the best of {}", columns.join(", ")),
            Target::AtMost(_) => format!("at most {limit} {}", unit.name()),
            Target::Growth(_) => format!("grows at most {limit} x"),
        }
    }

    pub fn json(&self) -> Value {
        let limit = self.limit();
        match self {
            Target::Times(_, columns) => json!({"kind": "times", "limit": limit, "columns": columns}),
            Target::AtMost(_) => json!({"kind": "at most", "limit": limit}),
            Target::Growth(_) => json!({"kind": "growth", "limit": limit}),
        }
    }

    fn limit(&self) -> f64 {
        let (Target::Times(limit, _) | Target::AtMost(limit) | Target::Growth(limit)) = self;
        *limit
    }
}
