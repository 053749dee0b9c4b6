//! The composition root: the only file that names the engines.

use crate::behaviour::{Behaviour, Failure};
use crate::engine::custom::Custom;
use crate::engine::file::FileStore;
#[cfg(feature = "simulation")]
use crate::engine::file::{Bug, Directory, Probe};
use crate::engine::memory::Memory;
#[cfg(feature = "postgres")]
use crate::engine::postgres::Postgres;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{Input, no_options, read_config, read_file_options, unknown_engine};
use crate::registry::{names, register, registered};
use crate::store::Store;
use std::sync::Arc;

const ENGINES: &[&str] = if cfg!(feature = "postgres") { &["memory", "file", "postgres"] } else { &["memory", "file"] };
/// Names of engines that this build may lack.
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
            #[cfg(feature = "postgres")]
            "postgres" => {
                Ok(Store::over(Box::new(Postgres::open(&crate::json::read_postgres_options(config.store_opts)?)?)))
            }
            name if RESERVED.contains(&name) => {
                let message = format!("this build has no `{name}` engine: it has `{}`", ENGINES.join("`, `"));
                Err(Error::new(ErrorKind::Unsupported, message).with("option", "store"))
            }
            name => match registered(name)? {
                Some(init) => {
                    let engine = init(config.store_opts.unwrap_or("{}"));
                    Store::over_behaviour(name, engine.map_err(|failure| failure.into_error(name, "init"))?)
                }
                None => {
                    let registered = names()?;
                    let known: Vec<&str> =
                        ENGINES.iter().copied().chain(registered.iter().map(String::as_str)).collect();
                    Err(unknown_engine(name, &known))
                }
            },
        }
    }
}

impl Store {
    /// Opens a store over an engine of your own, without a name in the registry. `name` is what errors and
    /// [`Store::info`] call it.
    ///
    /// # Errors
    ///
    /// `engine` where it cannot say which events it has.
    pub fn over_behaviour(name: &str, engine: Arc<dyn Behaviour>) -> Result<Arc<Store>> {
        Ok(Store::over(Box::new(Custom::open(name, engine)?)))
    }
}

/// Gives an engine of your own a name, by which `{"store": NAME, "store_opts": {…}}` opens it in this process. `init`
/// is called for each store, from any thread, with the text of `store_opts` as it is (`{}` where there is none).
///
/// # Errors
///
/// `misuse` where `name` is taken, or cannot be a name: 1 to 1024 bytes without U+0000.
pub fn register_engine(
    name: &str,
    init: impl Fn(&str) -> std::result::Result<Arc<dyn Behaviour>, Failure> + Send + Sync + 'static,
) -> Result<()> {
    let built_in: Vec<&str> = ENGINES.iter().copied().chain(RESERVED).collect();
    register(name, &built_in, Arc::new(init))
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
