//! Followers: each reads all that is appended, by one cursor, whatever becomes of the servers.

use crate::history::{Seen, Stored};
use crate::stage::Stage;
use runestore::{Cursor, ErrorKind, Next, Store};
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub struct Follower {
    cursor: Cursor,
    pub seen: Vec<Seen>,
    /// How often the cursor had no server.
    pub failures: u64,
    /// An answer that no failover explains.
    pub odd: Option<String>,
    /// A cursor does not keep its store open.
    _store: Arc<Store>,
}

impl Follower {
    pub fn new(store: Arc<Store>) -> Follower {
        let cursor = store.cursor(None, Some(r#"{"follow":true,"format":"ndjson"}"#)).expect("a server is there");
        Follower { cursor, seen: Vec::new(), failures: 0, odd: None, _store: store }
    }

    /// Follows until it is told how far, and has come there.
    pub fn run(&mut self, stage: &Stage) {
        let mut lines = Vec::new();
        while stage.goal().is_none_or(|goal| self.position() < goal) {
            match self.cursor.next(0, Some(Duration::from_millis(50)), &mut lines) {
                Ok(Next::Events { .. }) => {
                    let events = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                    self.seen.extend(events.map(|line| {
                        let event = serde_json::from_slice(line).expect("every line is an event");
                        let stored = Stored::read(&event);
                        (stored.position, stored.id)
                    }));
                    lines.clear();
                }
                Ok(Next::Timeout { .. }) => {}
                Ok(Next::Done { .. }) => return self.ends("done"),
                // The cursor has not moved, so the same call goes on.
                Err(error) if error.kind() == ErrorKind::Io => self.failures += 1,
                Err(error) => return self.ends(&error.to_string()),
            }
            if stage.begins_anew() {
                return;
            }
            if stage.is_over() {
                return self.ends("it does not get to the head");
            }
        }
    }

    fn position(&self) -> u64 {
        self.seen.last().map_or(0, |(position, _)| *position)
    }

    fn ends(&mut self, why: &str) {
        self.odd = Some(String::from(why));
    }
}
