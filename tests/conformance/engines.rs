//! The engines, and how each makes a fresh store. What is added here runs every test of this suite
//! and every vector.

use runestore::{Abilities, Behaviour, Failure, Format, Store};
use serde_json::{Value, json};
use std::sync::Arc;

#[path = "factory.rs"]
mod factory;

pub use factory::*;

/// Calls the macro `$make` once for each engine, with a name for its tests, its [`Factory`], and
/// whatever else it was given: one line an engine.
macro_rules! for_each_engine {
    ($make:ident! $($rest:tt)*) => {
        $make! { memory, $crate::engines::MEMORY; $($rest)* }
        $make! { file, $crate::engines::FILE; $($rest)* }
        $make! { behaviour, $crate::engines::BEHAVIOUR; $($rest)* }
        $make! { small_segments, $crate::engines::SMALL_SEGMENTS; $($rest)* }
    };
}

/// One of them.
#[allow(dead_code, reason = "the conformance suite asks for no certain one")]
pub static ANY: &Factory = &MEMORY;

/// Where the vectors are.
#[allow(dead_code, reason = "the conformance suite has none")]
pub const VECTORS: &str = "tests/vectors";

/// How long the history is that many scenarios read.
#[allow(dead_code, reason = "the vectors have none")]
pub const HISTORY_EVENTS: usize = 50_000;

pub static MEMORY: Factory = Factory { name: "memory", fresh: || Fresh::new("{}", ()), lacks: &[] };
pub static FILE: Factory = Factory { name: "file", fresh: || in_files("{}"), lacks: &[] };
/// Every few hundred events begin a new segment.
pub static SMALL_SEGMENTS: Factory =
    Factory { name: "file", fresh: || in_files(r#"{"segment_bytes":65536}"#), lacks: &[] };

/// The least that an engine of a user's own can be.
pub static BEHAVIOUR: Factory = Factory {
    name: "simple",
    fresh: || {
        let engine = Arc::new(Simple(Store::open("{}").expect("a memory store opens")));
        Fresh::over(Store::over_behaviour("simple", engine).expect("a fresh store opens"), ())
    },
    lacks: &["verify", "backup"],
};

fn in_files(options: &str) -> Fresh {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let mut options: Value = serde_json::from_str(options).expect("it is JSON");
    options["path"] = home.path().join("store").to_str().expect("its name is UTF-8").into();
    Fresh::new(&json!({ "store": "file", "store_opts": options }).to_string(), home)
}

/// Keeps its events in a memory store of its own, and does no more than it must: no check comes to it.
struct Simple(Arc<Store>);

const PIECE_BYTES: usize = 32 << 20;

impl Behaviour for Simple {
    fn abilities(&self) -> Abilities {
        Abilities { concurrent: true, tracking: true, ..Abilities::default() }
    }

    fn append(&self, events: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        let options: Value = serde_json::from_slice(options).map_err(|error| Failure::new(error.to_string()))?;
        let events = std::str::from_utf8(&events[1..events.len() - 1]).expect("it is JSON");
        // What was not given counts for nothing against the limit of an event.
        let shorter = |line: &str| {
            let line = line.replacen("],\"data\":{},", "],", 1);
            match line.trim_end_matches(',').strip_suffix(",\"metadata\":{}}") {
                Some(start) => format!("{start}}},"),
                None => line,
            }
        };
        let lines: Vec<String> = events.lines().map(shorter).collect();
        let events = lines.join("\n").into_bytes();
        let mut answer = Vec::new();
        let mut tracking = Some(json!({ "tracking": options["tracking"] }).to_string());
        let mut rest = &*events;
        // Completed, the events may be more text than one append of this store takes.
        while !rest.is_empty() || tracking.is_some() {
            let end = rest.iter().skip(PIECE_BYTES).position(|byte| *byte == b'\n');
            let (piece, behind) = rest.split_at(end.map_or(rest.len(), |end| PIECE_BYTES + end));
            rest = behind.trim_ascii_start();
            let piece = piece.strip_suffix(b",").unwrap_or(piece);
            let options = tracking.take();
            let array = [b"[", piece, b"]"].concat();
            self.0.append_into(&array, options.as_ref().map(String::as_bytes), Format::Ndjson, Some(&mut answer))?;
        }
        Ok(answer)
    }

    fn get_events(&self, query: &[u8], options: &[u8]) -> Result<Vec<u8>, Failure> {
        let options: Value = serde_json::from_slice(options).map_err(|error| Failure::new(error.to_string()))?;
        let options = json!({"limit": options["limit"], "direction": options["direction"], "format": "ndjson"});
        let mut answer = Vec::new();
        self.0.get_events_into(Some(query), Some(options.to_string().as_bytes()), &mut answer)?;
        Ok(answer)
    }

    fn tracking(&self, source: &str) -> Result<u64, Failure> {
        Ok(self.0.tracking(source)?)
    }

    fn close(&self) -> Result<(), Failure> {
        Ok(self.0.close()?)
    }
}
