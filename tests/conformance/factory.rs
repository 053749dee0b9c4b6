//! What the suites know of an engine, and how a scenario is run on it.

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
    /// What `info` says that it cannot do.
    #[allow(dead_code, reason = "the vectors do not ask")]
    pub lacks: &'static [&'static str],
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
    pub fn new(config: &str, home: impl Any + Send + Sync) -> Fresh {
        Fresh::over(Store::open(config).expect("a fresh store opens"), home)
    }

    pub fn over(store: Arc<Store>, home: impl Any + Send + Sync) -> Fresh {
        Fresh { store, _home: Box::new(home) }
    }
}

impl Deref for Fresh {
    type Target = Arc<Store>;

    fn deref(&self) -> &Arc<Store> {
        &self.store
    }
}
