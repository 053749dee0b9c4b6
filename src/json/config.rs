//! The configuration of a store: which engine, and that engine's own options.

use super::Input;
use super::members::string;
use super::options::{invalid, object, options};
use crate::error::{Result, shown};

/// A configuration, its engine not yet looked up.
pub(crate) struct Config<'a> {
    /// The engine's name.
    pub store: String,
    /// The engine's options, sound JSON, if any are given.
    pub store_opts: Option<&'a str>,
}

/// Reads `{"store": NAME, "store_opts": {…}}`; nothing means the memory engine.
pub(crate) fn read_config(input: Option<Input<'_>>) -> Result<Config<'_>> {
    let [store, store_opts] = options(input, &["store", "store_opts"])?;
    let store = match store {
        None => String::from("memory"),
        Some(text) => string(text)
            .ok_or_else(|| invalid("store", "`store` must be the name of an engine, such as \"memory\""))?
            .into_owned(),
    };
    Ok(Config { store, store_opts })
}

/// Refuses any option of an engine that has none.
pub(crate) fn no_options(config: &Config<'_>) -> Result<()> {
    if let Some(text) = config.store_opts {
        object(text, "store_opts", &[])?;
    }
    Ok(())
}

/// The error for an engine that nobody knows.
pub(crate) fn unknown_engine(name: &str, known: &[&str]) -> crate::error::Error {
    invalid("store", format!("{} is no engine{}", shown(name), super::suggestion(name, known)))
}
