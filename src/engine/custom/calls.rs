//! Calls into an engine of the user's own: one at a time where it asks for that, and none from inside another.

use crate::behaviour::{Behaviour, Failure};
use crate::error::{Error, ErrorKind, Result};
use crate::process::Process;
use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An engine, and who may call it when.
pub(super) struct Calls {
    behaviour: Arc<dyn Behaviour>,
    /// Held for each call of an engine that is not concurrent.
    turn: Option<Mutex<()>>,
    process: Process,
}

thread_local! {
    /// The engines that this thread is inside of, by the address of their [`Calls`].
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

impl Calls {
    pub fn new(behaviour: Arc<dyn Behaviour>, concurrent: bool) -> Calls {
        Calls { behaviour, turn: (!concurrent).then(|| Mutex::new(())), process: Process::current() }
    }

    /// Refuses a call that comes from inside one of this engine's own functions: it would wait for itself.
    pub fn check_outside(&self) -> Result<()> {
        if INSIDE.with_borrow(|inside| inside.contains(&self.address())) {
            return Err(Error::new(
                ErrorKind::Misuse,
                "an engine called the store that it serves, from inside one of its functions: \
                 use another store, or another thread after the function has returned",
            ));
        }
        Ok(())
    }

    /// Makes one call.
    pub fn call<T>(
        &self,
        work: impl FnOnce(&dyn Behaviour) -> std::result::Result<T, Failure>,
    ) -> Result<std::result::Result<T, Failure>> {
        self.check_outside()?;
        // A panic inside the engine is no reason to refuse its later calls: what it says is looked at anyway.
        let _turn: Option<MutexGuard<'_, ()>> =
            self.turn.as_ref().map(|turn| turn.lock().unwrap_or_else(PoisonError::into_inner));
        let _inside = Inside::enter(self.address());
        Ok(work(&*self.behaviour))
    }

    /// Whether this is the process that opened the engine.
    pub fn is_ours(&self) -> bool {
        self.process.check().is_ok()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        // In a forked child the engine is its parent's: letting go of it would run the user's own code there.
        if !self.is_ours() {
            std::mem::forget(Arc::clone(&self.behaviour));
        }
    }
}

struct Inside;

impl Inside {
    fn enter(address: usize) -> Inside {
        INSIDE.with_borrow_mut(|inside| inside.push(address));
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| inside.pop());
    }
}
