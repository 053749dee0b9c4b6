//! Appends on threads of their own, which a test waits for, but never for ever.

use crate::check::lines;
use crate::disk::PATIENCE;
use crate::events::Batch;
use crate::promise::{Outcome, broken};
use crate::workload::options_text;
use runestore::{Error, Format, Store};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

type Answer = Result<Vec<u8>, Error>;

pub struct Append {
    answers: Receiver<Answer>,
    answer: RefCell<Option<Answer>>,
}

/// Appends the batch on another thread. The answer is one event a line.
pub fn append_elsewhere(store: &Arc<Store>, batch: &Arc<Batch>) -> Append {
    append_elsewhere_with(store, batch, "")
}

/// The same with options, members of an object.
pub fn append_elsewhere_with(store: &Arc<Store>, batch: &Arc<Batch>, options: &str) -> Append {
    let (sender, answers) = channel();
    let (store, events, options) = (store.clone(), batch.to_json(), options_text(batch, options));
    std::thread::spawn(move || {
        let mut out = Vec::new();
        let done = store.append_into(events.as_bytes(), Some(options.as_bytes()), Format::Ndjson, Some(&mut out));
        // Nobody listens any more where the test has failed.
        let _ = sender.send(done.map(|()| out));
    });
    Append { answers, answer: RefCell::new(None) }
}

impl Append {
    pub fn done_within(&self, time: Duration) -> bool {
        if self.answer.borrow().is_none() {
            *self.answer.borrow_mut() = self.answers.recv_timeout(time).ok();
        }
        self.answer.borrow().is_some()
    }

    /// What it came to.
    pub fn outcome(self) -> Outcome<Answer> {
        if !self.done_within(PATIENCE) {
            return broken("hangs", "an append does not return");
        }
        Ok(self.answer.into_inner().expect("it has just come"))
    }

    /// The answer of one that must be stored.
    pub fn ok(self) -> Outcome<Vec<u8>> {
        self.outcome()?.or_else(|error| broken("unexpected error", format!("an append: {error:?}")))
    }
}

/// All events of a store, one a line, read on another thread.
pub fn read_elsewhere(store: &Arc<Store>) -> Outcome<Vec<u8>> {
    let (sender, answers) = channel();
    let store = store.clone();
    std::thread::spawn(move || {
        let _ = sender.send(lines(&store));
    });
    match answers.recv_timeout(PATIENCE) {
        Ok(answer) => answer.or_else(|error| broken("unexpected error", format!("a read: {error:?}"))),
        Err(_) => broken("hangs", "a read waits for the disk"),
    }
}
