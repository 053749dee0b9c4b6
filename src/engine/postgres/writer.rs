//! Appends: those of several threads go to the server together, and what became of a lost commit is learnt by writing
//! it again with its ids.

use super::attempt::{Attempt, Caller, Calls, Outcome};
use super::connection::Connection;
use super::fault::Fault;
use super::migrate::{place, quoted};
use super::request::{Request, random};
use super::servers::{PAUSE, Servers, Use};
use crate::append::Append;
use crate::call::Call;
use crate::error::{Error, ErrorKind, Result};
use serde_json::Value;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// So many appends go together at most, unless they reach so many bytes before.
const GROUP_MAX: usize = 256;
const GROUP_BYTES: usize = 8 << 20;
/// How often an append that waits for its turn asks whether it is still wanted.
const TICK: Duration = Duration::from_millis(50);
/// Those whom the last call answered are likely to append again: they are waited for, so long at most.
const GATHER: Duration = Duration::from_micros(60);
/// Followers elsewhere are told of new events so often at most; they ask by themselves as well.
const TELL: Duration = Duration::from_millis(5);

/// The one connection that writes, and those who wait for it.
pub(super) struct Writer {
    /// The schema, quoted, and a dot.
    place: String,
    calls: Calls,
    notify: String,
    queue: Mutex<Queue>,
    turn: Condvar,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Request>>,
    leading: bool,
    /// How many wait for their turn, asleep.
    asleep: usize,
    /// How many the last call was for.
    last: usize,
}

struct Line {
    connection: Option<Connection>,
    session: Uuid,
    /// Sessions that were given up while something was under way in them. What comes after must keep them from storing it
    /// still, or an answer that was given meanwhile would not hold.
    lost: Vec<Uuid>,
    told: Option<Instant>,
}

impl Writer {
    pub fn new(schema: &str, connection: Connection) -> Result<Writer> {
        let session = random()?;
        Ok(Writer {
            place: place(schema),
            calls: Calls::new(schema),
            // In a transaction of its own behind the commit, since a commit that notifies holds a lock of the whole server.
            notify: format!("SET LOCAL synchronous_commit = off; NOTIFY {}", quoted(schema)),
            queue: Mutex::default(),
            turn: Condvar::new(),
            line: Mutex::new(Line { connection: Some(connection), session, lost: Vec::new(), told: None }),
        })
    }

    /// Has it appended. With `retried`, a tracking position that is behind is passed over.
    pub fn append(&self, append: &Append, retried: bool, servers: &Servers, call: &Call<'_>) -> Result<Outcome> {
        let request = Arc::new(Request::new(append, retried)?);
        let mut queue = self.queue();
        queue.waiting.push(Arc::clone(&request));
        loop {
            if let Some(outcome) = request.take() {
                return outcome;
            }
            if let Err(error) = call.check()
                && let Some(index) = queue.waiting.iter().position(|waiting| Arc::ptr_eq(waiting, &request))
            {
                queue.waiting.remove(index);
                return Err(error);
            }
            if queue.leading {
                queue.asleep += 1;
                queue = self.turn.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
                queue.asleep -= 1;
                continue;
            }
            queue.leading = true;
            let mut leading = Leading { writer: self, group: Vec::new() };
            let mut queue_then = self.gathered(queue);
            leading.group = next_group(&mut queue_then.waiting);
            queue_then.last = leading.group.len();
            drop(queue_then);
            if let Err(unsent) = self.send(&leading.group, servers, call) {
                // Each of the others looks for itself whether it is still wanted, and one of them leads.
                let others = std::mem::take(&mut leading.group);
                let mut queue = self.queue();
                queue.waiting.splice(0..0, others);
                // Its own may have been behind the group.
                queue.waiting.retain(|waiting| !Arc::ptr_eq(waiting, &request));
                drop(queue);
                return Err(unsent);
            }
            drop(leading);
            queue = self.queue();
        }
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.line().connection = None;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until as many are there as the last call had, or a moment has passed.
    fn gathered<'q>(&'q self, mut queue: MutexGuard<'q, Queue>) -> MutexGuard<'q, Queue> {
        let until = Instant::now() + GATHER;
        while queue.waiting.len() < queue.last && Instant::now() < until {
            drop(queue);
            std::thread::yield_now();
            queue = self.queue();
        }
        queue
    }

    /// Has a group appended, and answers each of it. Where the leader is not wanted any more before anything was sent, it
    /// is as if nobody had tried.
    fn send(&self, group: &[Arc<Request>], servers: &Servers, call: &Call<'_>) -> Result<()> {
        let deadline = Instant::now() + servers.timeout;
        let mut line = self.line();
        // Something was sent, and may be stored.
        let mut sent = false;
        let failure = loop {
            let wanted = || call.check();
            let mut connection = match line.connection.take() {
                Some(connection) => connection,
                None => match servers.connect_until(Use::Write, deadline, &wanted) {
                    Ok(connection) => {
                        line.session = random()?;
                        connection
                    }
                    Err(_) if !sent && call.check().is_err() => return call.check(),
                    Err(error) => break error,
                },
            };
            let left = deadline.saturating_duration_since(Instant::now()).min(servers.patience);
            let before = std::mem::take(&mut sent);
            let Line { session, lost, .. } = &mut *line;
            let mut caller = Caller { connection: &mut connection, session: *session, fence: lost };
            let answered = Attempt::new(group, before, &self.place).send(&mut caller, &self.calls, left, &mut sent);
            let doubtful = connection.take_doubt();
            let fault = match answered {
                Ok((outcomes, head)) if !doubtful => {
                    line.lost.clear();
                    // Before anybody reads on account of what it answers.
                    servers.saw(head);
                    group.iter().zip(outcomes).for_each(|(request, outcome)| request.set(Ok(outcome)));
                    if line.told.is_none_or(|told| told.elapsed() >= TELL) {
                        connection.tell(&self.notify);
                        line.told = Some(Instant::now());
                    }
                    line.connection = Some(connection);
                    return Ok(());
                }
                Ok(_) => Fault::Late,
                Err(fault) => fault,
            };
            if fault.is_lost() || fault.is_standby() {
                servers.avoid(connection.server);
            } else {
                line.connection = Some(connection);
            }
            if sent && fault.is_lost() {
                let session = line.session;
                line.lost.push(session);
            }
            // Where the server has answered, nothing of this attempt was stored.
            sent = before || (sent && fault.is_lost());
            let again = fault.is_lost() || fault.is_passing() || fault.is_standby();
            if !again && !sent && group.len() > 1 {
                // Whose fault it is shows when each goes alone.
                drop(line);
                for request in group {
                    if let Err(unsent) = self.send(std::slice::from_ref(request), servers, call) {
                        request.set(Err(unsent));
                    }
                }
                return Ok(());
            }
            if !again || Instant::now() + PAUSE >= deadline {
                break fault.into_error();
            }
            std::thread::sleep(PAUSE);
        };
        for request in group {
            request.set(Err(if sent { doubtful(&failure, request.names()) } else { failure.clone() }));
        }
        Ok(())
    }
}

/// The error for a batch of which nobody knows.
pub(super) fn unknown(failure: &Error, append: &Append) -> Error {
    let ids = append.batch.ids().map(|id| id.id.to_string().into()).collect();
    doubtful(failure, ids)
}

fn doubtful(failure: &Error, ids: Vec<Value>) -> Error {
    if ids.is_empty() {
        return unsettled(failure.message());
    }
    let message = format!(
        "{}; whether the batch was stored could not be learnt: append it again with the same ids to settle it",
        failure.message()
    );
    Error::new(ErrorKind::Indeterminate, message).with("ids", ids)
}

/// The error for a position of which nobody knows, recorded by an append without events.
pub(super) fn unsettled(failure: &str) -> Error {
    let message = format!(
        "{failure}; whether the tracking position was recorded could not be learnt: look it up, and append again if it is not"
    );
    Error::new(ErrorKind::Indeterminate, message).with("ids", Vec::<Value>::new())
}

/// Lets the next one lead, however this one ends, and leaves nobody of its group without an answer.
struct Leading<'a> {
    writer: &'a Writer,
    group: Vec<Arc<Request>>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let failure = Error::internal("the thread that sent it has panicked");
            self.group.iter().for_each(|request| request.set(Err(doubtful(&failure, request.names()))));
        }
        let mut queue = self.writer.queue();
        queue.leading = false;
        if queue.asleep > 0 {
            self.writer.turn.notify_all();
        }
    }
}

fn next_group(waiting: &mut Vec<Arc<Request>>) -> Vec<Arc<Request>> {
    let mut bytes = 0;
    // Those that pass over a position are asked alone: it is said once for all.
    let alone = waiting.first().is_some_and(|first| first.ignore_behind);
    let count = waiting.iter().take(if alone { 1 } else { GROUP_MAX }).enumerate().take_while(|(index, request)| {
        bytes += request.bytes();
        *index == 0 || (bytes <= GROUP_BYTES && !request.ignore_behind)
    });
    let count = count.count();
    waiting.drain(..count).collect()
}
