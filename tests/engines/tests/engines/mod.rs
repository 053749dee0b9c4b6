//! The engines of these suites: examples/engines/jsonl.c, and postgres on a server of its own.

#[path = "../../../conformance/factory.rs"]
mod factory;

pub use factory::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

macro_rules! for_each_engine {
    ($make:ident! $($rest:tt)*) => {
        $make! { jsonl, $crate::engines::JSONL; $($rest)* }
        $make! { postgres, $crate::engines::POSTGRES; $($rest)* }
    };
}

pub static JSONL: Factory = Factory {
    name: "jsonl",
    fresh: || {
        runestore_engines_tests::register();
        let home = in_memory().expect("there is room for a directory");
        let path = home.path().join("events.jsonl");
        let config = serde_json::json!({"store": "jsonl", "store_opts": {"path": path.to_str()}});
        Fresh::new(&config.to_string(), home)
    },
    lacks: &["verify", "backup"],
};

/// A folder whose files are synced in no time: what a crash leaves is not tested here.
fn in_memory() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

pub static POSTGRES: Factory = Factory {
    name: "postgres",
    fresh: || {
        static SCHEMAS: AtomicU64 = AtomicU64::new(0);
        let url = runestore_postgres_tests::shared().url();
        let schema = format!("t{}_{}", std::process::id(), SCHEMAS.fetch_add(1, SeqCst));
        let config = serde_json::json!({"store": "postgres", "store_opts": {"url": url, "schema": schema}});
        Fresh::new(&config.to_string(), ())
    },
    lacks: &["verify", "backup"],
};

/// One of them.
#[allow(dead_code, reason = "the conformance suite asks for no certain one")]
pub static ANY: &Factory = &JSONL;

/// Where the vectors are.
#[allow(dead_code, reason = "the conformance suite has none")]
pub const VECTORS: &str = "../vectors";

/// One reads the whole history for each filter, the other sends each event over a connection: so it is shorter than that
/// of the engines of the root's suite.
#[allow(dead_code, reason = "the vectors have none")]
pub const HISTORY_EVENTS: usize = 12_000;
