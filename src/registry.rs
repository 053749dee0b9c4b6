//! The names that programs gave to engines of their own.

use crate::behaviour::{Behaviour, Failure};
use crate::error::{Error, ErrorKind, Result, clipped, shown};
use crate::event::name_fault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

/// Opens an engine by its `store_opts`, a JSON object's text.
pub type Init = dyn Fn(&str) -> std::result::Result<Arc<dyn Behaviour>, Failure> + Send + Sync;

static ENGINES: Mutex<BTreeMap<String, Arc<Init>>> = Mutex::new(BTreeMap::new());

/// How long a look-up waits for another. In a forked child the lock may be held by a thread that is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Gives an engine a name. The names of `built_in` engines are taken.
pub(crate) fn register(name: &str, built_in: &[&str], init: Arc<Init>) -> Result<()> {
    if let Some(fault) = name_fault(name) {
        return Err(misuse(format!("an engine's name {fault}: give a string of 1 to 1024 bytes without U+0000")));
    }
    let mut engines = engines()?;
    if engines.contains_key(name) || built_in.contains(&name) {
        return Err(misuse(format!(
            "{} is the name of an engine already: choose another, or unregister that one first",
            shown(name)
        ))
        .with("name", clipped(name)));
    }
    engines.insert(String::from(name), init);
    Ok(())
}

/// Takes a name back. Stores that are open stay so.
///
/// # Errors
///
/// `not_found` where no engine of that name is registered.
pub fn unregister_engine(name: &str) -> Result<()> {
    let init = engines()?.remove(name);
    // It is dropped when the lock is free again: that may call the user's own code.
    init.map(drop).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("no engine {} is registered", shown(name))).with("name", clipped(name))
    })
}

/// The engine of that name.
pub(crate) fn registered(name: &str) -> Result<Option<Arc<Init>>> {
    Ok(engines()?.get(name).cloned())
}

/// All names.
pub(crate) fn names() -> Result<Vec<String>> {
    Ok(engines()?.keys().cloned().collect())
}

fn engines() -> Result<MutexGuard<'static, BTreeMap<String, Arc<Init>>>> {
    let since = Instant::now();
    loop {
        match ENGINES.try_lock() {
            Ok(engines) => return Ok(engines),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => std::thread::yield_now(),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Forked,
                    "the process was forked while another thread registered an engine: fork earlier, or register later",
                ));
            }
        }
    }
}

fn misuse(message: String) -> Error {
    Error::new(ErrorKind::Misuse, message)
}
