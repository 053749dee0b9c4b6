//! Work whose instructions callgrind counts: they repeat where times do not.
//!
//! `tools/perf-check.sh` runs this once for each work, and counts what happens inside of the C function alone that does it.

use super::peer::{Peer, Queries};
use super::runestore_c::Store;
use super::scratch::Scratch;
use super::workload::{BATCH, Batches, Kind, Questions};

const BATCHES: usize = 20;
/// The log comes to some ten segments, so that sealing one and reading sealed ones count too.
const SEGMENT_BYTES: u64 = 1 << 20;
const LOOKUPS: usize = 200;

/// The works, each with the C function that does it, and how many times.
const WORKS: [(&str, &str, usize); 3] = [
    ("append", "store_append", BATCHES * BATCH),
    ("stream", "store_get_events", LOOKUPS),
    ("scan", "store_cursor_next", BATCHES * BATCH),
];

/// Does a work of an engine, or lists all: engine, work, function, times.
pub fn main(arguments: &[String]) {
    let [engine, work] = arguments else {
        for engine in ["memory", "file"] {
            for (work, function, times) in WORKS {
                println!("{engine} {work} {function} {times}");
            }
        }
        return;
    };
    let scratch = Scratch::new("instructions");
    let mut store = match engine.as_str() {
        "memory" => Store::in_memory(),
        "file" => Store::in_segments(&scratch.fresh("store"), SEGMENT_BYTES),
        _ => panic!("there is no engine {engine}"),
    };
    let batches: Vec<_> = Batches::new(Kind::Standard).take(BATCHES).collect();
    store.append(&batches);
    let questions = Questions::about(BATCHES * BATCH);
    match work.as_str() {
        "append" => {}
        "stream" => {
            for lookup in 0..LOOKUPS {
                let (domain, instance_id) = questions.stream(lookup);
                store.stream(&domain, &instance_id);
            }
        }
        "scan" => store.scan(),
        _ => panic!("there is no work {work}"),
    }
}
