//! The configuration of a store.

use super::json::{known, string};
use library::ErrorKind;

/// What opening a store with this sound configuration comes to.
pub fn config(text: &str) -> Result<(), ErrorKind> {
    if text == "null" {
        return Ok(());
    }
    let invalid = ErrorKind::InvalidOptions;
    let [store, store_opts] = known(text, ["store", "store_opts"]).ok_or(invalid)?;
    let store = match store {
        None | Some("null") => String::from("memory"),
        Some(text) => string(text).ok_or(invalid)?,
    };
    let no_options = store_opts.is_none_or(|text| text == "null" || known(text, []).is_some());
    match store.as_str() {
        "memory" if no_options => Ok(()),
        // A path is not tried here, and without one it cannot be opened.
        "file" => Err(invalid),
        "postgres" => Err(ErrorKind::Unsupported),
        _ => Err(invalid),
    }
}

/// Whether opening a store with this sound configuration may touch files.
pub fn touches_files(text: &str) -> bool {
    known(text, ["store", "store_opts"]).is_some_and(|[store, store_opts]| {
        store.and_then(string).is_some_and(|store| store == "file") && store_opts.is_some_and(|text| text != "null")
    })
}
