//! What was tried, counted: a kind of fault that was never tried proves nothing.

use crate::disk::{Failure, Kind};
use crate::outage::Losses;
use crate::promise::Counts;
use crate::workload::{Life, Mode};

/// Every class that a campaign must have tried.
const CLASSES: [&str; 34] = [
    "torn write",
    "dropped write",
    "reordered writes",
    "length lost",
    "directory operation lost",
    "nothing unsure",
    "crash in recovery",
    "process killed",
    "EIO on write",
    "EIO on sync",
    "EIO on allocate",
    "EIO on read",
    "EIO on a directory operation",
    "ENOSPC on write",
    "ENOSPC on allocate",
    "ENOSPC on sync",
    "ENOSPC on making a file",
    "short write",
    "short read",
    "EINTR on write",
    "EINTR on read",
    "EINTR on sync",
    "rot: bit flipped",
    "rot: sector zeroed",
    "rot: sector stale",
    "rot: index file",
    "rot: found",
    "read-only reader",
    "sync always",
    "sync interval",
    "sync never",
    "several segments",
    "indeterminate append",
    "clean close",
];

#[derive(Default)]
pub struct Coverage {
    /// How many crash states were opened.
    pub states: u64,
    classes: Counts<&'static str>,
}

impl Coverage {
    pub fn count(&mut self, class: &'static str, times: u64) {
        debug_assert!(CLASSES.contains(&class), "{class} is in the table");
        *self.classes.entry(class).or_default() += times;
    }

    pub fn outage(&mut self, losses: Losses) {
        for (class, happened) in [
            ("torn write", losses.torn),
            ("dropped write", losses.dropped),
            ("reordered writes", losses.reordered),
            ("length lost", losses.length),
            ("directory operation lost", losses.name),
            ("nothing unsure", !losses.unsure),
        ] {
            self.count(class, happened.into());
        }
    }

    /// What a program went through.
    pub fn program(&mut self, life: &Life) {
        for ((failure, kind), times) in life.disk.delivered() {
            if let Some(class) = class(failure, kind) {
                self.count(class, times);
            }
        }
        for mode in &life.modes {
            let class = match mode {
                Mode::Always => "sync always",
                Mode::Interval => "sync interval",
                Mode::Never => "sync never",
            };
            self.count(class, 1);
        }
        use crate::promise::What;
        let has =
            |wanted: fn(&What) -> bool| life.journal.entries.iter().filter(|entry| wanted(&entry.what)).count() as u64;
        self.count("indeterminate append", has(|what| matches!(what, What::Unknown(_))));
        self.count("clean close", has(|what| matches!(what, What::Closed)));
        let logs = life.disk.state().names.keys().filter(|name| name.ends_with(".log")).count();
        self.count("several segments", (logs > 1).into());
    }

    pub fn add(&mut self, other: &Coverage) {
        self.states += other.states;
        for (class, times) in &other.classes {
            *self.classes.entry(class).or_default() += times;
        }
    }

    /// A line for each class.
    pub fn table(&self) -> String {
        let line = |class: &&'static str| format!("  {class:<32}{:>10}\n", self.times(class));
        format!("{} crash states\n{}", self.states, CLASSES.iter().map(line).collect::<String>())
    }

    /// The classes that were never tried.
    pub fn missing(&self) -> Vec<&'static str> {
        CLASSES.into_iter().filter(|class| self.times(class) == 0).collect()
    }

    fn times(&self, class: &str) -> u64 {
        self.classes.get(class).copied().unwrap_or(0)
    }
}

fn class(failure: Failure, kind: Kind) -> Option<&'static str> {
    Some(match (failure, kind) {
        (Failure::Eio, Kind::Write) => "EIO on write",
        (Failure::Eio, Kind::Sync) => "EIO on sync",
        (Failure::Eio, Kind::Allocate) => "EIO on allocate",
        (Failure::Eio, Kind::Read) => "EIO on read",
        (Failure::Eio, Kind::Open | Kind::Create | Kind::Names | Kind::Rename | Kind::Remove | Kind::SyncNames) => {
            "EIO on a directory operation"
        }
        (Failure::Enospc, Kind::Write) => "ENOSPC on write",
        (Failure::Enospc, Kind::Allocate) => "ENOSPC on allocate",
        (Failure::Enospc, Kind::Sync) => "ENOSPC on sync",
        (Failure::Enospc, Kind::Create) => "ENOSPC on making a file",
        (Failure::Short, Kind::Write) => "short write",
        (Failure::Short, Kind::Read) => "short read",
        (Failure::Eintr, Kind::Write) => "EINTR on write",
        (Failure::Eintr, Kind::Read) => "EINTR on read",
        (Failure::Eintr, Kind::Sync) => "EINTR on sync",
        _ => return None,
    })
}
