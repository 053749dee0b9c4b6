//! The scoreboard: the work of an event store, done by Runestore through its C interface and by its
//! peers, turn by turn in one run. What counts is the ratio: absolute figures drift with the machine.
//!
//! `make bench` runs it; `EVENTS=100000 ROUNDS=1 ENGINE=file WORKS=A1,A3 make bench-c` runs less. `make bench-growth`
//! compares a large file store with a small one. As a child process it does what needs one of its own.

mod board;
mod child;
mod engines;
mod grown;
mod growth;
mod host;
mod instructions;
mod limit;
mod lmdb;
mod memory;
mod peer;
mod postgres;
mod reads;
mod runestore_c;
mod scoreboard;
mod scratch;
mod sqlite;
mod target;
mod workload;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("child") => child::main(&arguments[1..]),
        Some("instructions") => instructions::main(&arguments[1..]),
        Some("growth") => growth::main(&arguments[1..], number("EVENTS", 10_000_000)),
        _ => {
            let engine = std::env::var("ENGINE").ok();
            for known in engines::ENGINES {
                if engine.as_ref().is_none_or(|engine| engine == known.name) {
                    known.run(number("EVENTS", known.events), number("ROUNDS", 5));
                }
            }
            postgres::stop();
        }
    }
}

/// What a variable of the environment says.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
