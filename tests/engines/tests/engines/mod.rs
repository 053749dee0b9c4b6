//! The one engine of these suites: examples/engines/jsonl.c.

#[path = "../../../conformance/factory.rs"]
mod factory;

pub use factory::*;

macro_rules! for_each_engine {
    ($make:ident! $($rest:tt)*) => {
        $make! { jsonl, $crate::engines::JSONL; $($rest)* }
    };
}

pub static JSONL: Factory = Factory {
    name: "jsonl",
    fresh: || {
        runestore_engines_tests::register();
        let home = tempfile::tempdir().expect("there is room for a directory");
        let path = home.path().join("events.jsonl");
        let config = serde_json::json!({"store": "jsonl", "store_opts": {"path": path.to_str()}});
        Fresh::new(&config.to_string(), home)
    },
    lacks: &["verify", "backup"],
};

/// One of them.
#[allow(dead_code, reason = "the conformance suite asks for no certain one")]
pub static ANY: &Factory = &JSONL;

/// Where the vectors are.
#[allow(dead_code, reason = "the conformance suite has none")]
pub const VECTORS: &str = "../vectors";

/// Each read for a filter reads the whole history, so it is shorter than that of the built-in engines.
#[allow(dead_code, reason = "the vectors have none")]
pub const HISTORY_EVENTS: usize = 12_000;
