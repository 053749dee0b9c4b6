//! The composition root: the only file that names the engines.

use crate::engine::file::FileStore;
#[cfg(feature = "simulation")]
use crate::engine::file::{Bug, Directory, Probe};
use crate::engine::memory::Memory;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Input, no_options, read_config, read_file_options, unknown_engine};
use crate::store::Store;
use std::sync::Arc;

const ENGINES: [&str; 2] = ["memory", "file"];
/// Names that are reserved for engines which this version does not have yet.
const RESERVED: [&str; 1] = ["postgres"];

impl Store {
    /// Opens a store by its configuration, `{"store": NAME, "store_opts": {…}}`; `{}` is the memory
    /// engine.
    ///
    /// # Errors
    ///
    /// `invalid_json` and `invalid_options` for what was given; `unsupported` for an engine that
    /// this build does not have; and what the engine has to say.
    pub fn open(config: &str) -> Result<Arc<Store>> {
        Store::open_bytes(Some(config.as_bytes()))
    }

    /// The same for bytes as another language has them; without any it is the memory engine.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_bytes(config: Option<&[u8]>) -> Result<Arc<Store>> {
        let config = read_config(config.map(|bytes| Input::new("config", bytes)).transpose()?)?;
        match &*config.store {
            "memory" => {
                no_options(&config)?;
                Ok(Store::over(Box::new(Memory::new())))
            }
            "file" => Ok(Store::over(Box::new(FileStore::open(&read_file_options(config.store_opts)?)?))),
            name if RESERVED.contains(&name) => {
                let message = format!("this version has no `{name}` engine: it has `{}`", ENGINES.join("`, `"));
                Err(Error::new(ErrorKind::Unsupported, message).with("option", "store"))
            }
            name => Err(unknown_engine(name, &ENGINES)),
        }
    }
}

/// Opens a file store on `directory`; `options` are its `store_opts`, without a path.
///
/// # Errors
///
/// As [`Store::open`].
#[cfg(feature = "simulation")]
pub fn open_simulated(directory: Arc<dyn Directory>, options: &str, bug: Option<Bug>) -> Result<(Arc<Store>, Probe)> {
    let options = read_file_options(Some(&options.replacen('{', r#"{"path":"simulated","#, 1).replace(",}", "}")))?;
    let store = FileStore::on(directory, &options, crate::engine::file::Bugs::with(bug))?;
    let probe = store.probe();
    Ok((Store::over(Box::new(store)), probe))
}
