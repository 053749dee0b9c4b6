//! The engines, and how each makes a fresh store. What is added here runs every test of this suite
//! and every vector.

use runestore::Store;
use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

/// An engine under test.
pub struct Factory {
    /// The name that its configuration and `info` use.
    pub name: &'static str,
    /// Makes an empty store.
    pub fresh: fn() -> Fresh,
}

impl Factory {
    pub fn fresh(&self) -> Fresh {
        (self.fresh)()
    }
}

/// A store of its own for one test.
pub struct Fresh {
    store: Arc<Store>,
    /// What must outlive the store, and goes away with it: a directory, a schema.
    _home: Box<dyn Any + Send + Sync>,
}

impl Fresh {
    fn new(config: &str, home: impl Any + Send + Sync) -> Fresh {
        let store = Store::open(config).expect("a fresh store opens");
        Fresh { store, _home: Box::new(home) }
    }
}

impl Deref for Fresh {
    type Target = Arc<Store>;

    fn deref(&self) -> &Arc<Store> {
        &self.store
    }
}

/// Calls the macro `$make` once for each engine, with a name for its tests, its [`Factory`], and
/// whatever else it was given: one line an engine.
macro_rules! for_each_engine {
    ($make:ident! $($rest:tt)*) => {
        $make! { memory, $crate::engines::MEMORY; $($rest)* }
        $make! { file, $crate::engines::FILE; $($rest)* }
        $make! { small_segments, $crate::engines::SMALL_SEGMENTS; $($rest)* }
    };
}

pub static MEMORY: Factory = Factory { name: "memory", fresh: || Fresh::new("{}", ()) };
pub static FILE: Factory = Factory { name: "file", fresh: || in_files("{}") };
/// Every few hundred events begin a new segment.
pub static SMALL_SEGMENTS: Factory = Factory { name: "file", fresh: || in_files(r#"{"segment_bytes":65536}"#) };

fn in_files(options: &str) -> Fresh {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let mut options: serde_json::Value = serde_json::from_str(options).expect("it is JSON");
    options["path"] = home.path().join("store").to_str().expect("its name is UTF-8").into();
    Fresh::new(&serde_json::json!({ "store": "file", "store_opts": options }).to_string(), home)
}
