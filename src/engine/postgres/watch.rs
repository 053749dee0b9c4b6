//! Waiting for events that others append: one of those who wait watches for all, so that however many follow, the server
//! is asked by one.

use super::connection::Connection;
use super::fault::Fault;
use super::migrate::quoted;
use super::servers::{PAUSE, Servers, Use};
use crate::call::Call;
use crate::error::Result;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How often the server is asked for the head: while events come, and where it cannot tell of them,
const BUSY: Duration = Duration::from_millis(10);
/// and where it tells of them and none come. A notification is a hint that may be lost, so it is asked all the same.
const QUIET: Duration = Duration::from_millis(100);
/// So long after the last event it is quiet.
const CALM: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Default)]
pub(super) struct Watch {
    line: Mutex<Line>,
    watched: AtomicBool,
    /// Of the one that watches, while it sleeps.
    waker: Mutex<Option<Waker>>,
}

#[derive(Default)]
struct Line {
    connection: Option<Connection>,
    /// The server tells of new events.
    listening: bool,
    moved: Option<Instant>,
}

impl Watch {
    /// Waits until the head is larger than `after`, or the deadline has passed; the head then.
    pub fn wait(
        &self,
        servers: &Servers,
        schema: &str,
        after: u64,
        deadline: Option<Instant>,
        call: &Call<'_>,
    ) -> Result<u64> {
        loop {
            call.check()?;
            let line = match self.line.try_lock() {
                Ok(line) => Some(line),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(line) = line {
                self.watched.store(true, SeqCst);
                let mut watching = Watching { line: Some(line), watch: self, call };
                return watching.watch(servers, schema, after, deadline);
            }
            let passed = deadline.is_some_and(|deadline| deadline <= Instant::now());
            if passed {
                return servers.read(0, &|| call.check(), |connection| {
                    servers.head(connection, servers.patience, &|| call.check())
                });
            }
            call.wait_until(deadline, || servers.seen() > after || !self.watched.load(SeqCst))?;
            if servers.seen() > after {
                return Ok(servers.seen());
            }
        }
    }

    /// This store has appended: whoever watches for others' events looks at it.
    pub fn wake(&self) {
        if let Some(waker) = self.waker().take() {
            waker.wake();
        }
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn close(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).connection = None;
        *self.waker() = None;
    }
}

/// The one that watches. It lets another one do so, however it ends.
struct Watching<'a> {
    line: Option<MutexGuard<'a, Line>>,
    watch: &'a Watch,
    call: &'a Call<'a>,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        // Before the next one can say that it watches.
        self.watch.watched.store(false, SeqCst);
        self.line = None;
        self.call.ring();
    }
}

impl Watching<'_> {
    fn watch(&mut self, servers: &Servers, schema: &str, after: u64, deadline: Option<Instant>) -> Result<u64> {
        let call = self.call;
        let Some(line) = &mut self.line else { return Ok(servers.seen()) };
        // With a server that fails.
        let mut patience = Instant::now() + servers.timeout;
        // However short the wait, a connection must have time to come about.
        let enough = Instant::now() + servers.connect_timeout;
        loop {
            let before = servers.seen();
            let until = deadline.map_or(patience, |deadline| deadline.max(enough).min(patience));
            let head = match line.look(servers, schema, until, call) {
                Ok(head) => head,
                Err(fault) if fault.is_lost() && Instant::now() < until => {
                    if let Some(connection) = line.connection.take() {
                        servers.avoid(connection.server);
                        std::thread::sleep(PAUSE);
                    }
                    continue;
                }
                Err(fault) => {
                    line.connection = None;
                    return Err(fault.into_error());
                }
            };
            let now = Instant::now();
            patience = now + servers.timeout;
            if head > before {
                line.moved = Some(now);
                call.ring();
            }
            if head > after || deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(head);
            }
            let watch = self.watch;
            line.listen(deadline, |waker| {
                // Before it is asked, so that no event comes in between.
                *watch.waker() = Some(waker.clone());
                call.check().map(|()| servers.seen() > after)
            })?;
        }
    }
}

impl Line {
    /// The head, by the connection that listens.
    fn look(
        &mut self,
        servers: &Servers,
        schema: &str,
        until: Instant,
        call: &Call<'_>,
    ) -> std::result::Result<u64, Fault> {
        let wanted = || call.check();
        if self.connection.is_none() {
            let mut connection = servers.connect_until(Use::Read, until, &wanted).map_err(Fault::Unwanted)?;
            let listen = format!("LISTEN {}", quoted(schema));
            let listening =
                connection.run(servers.patience, &wanted, async |client, _| client.batch_execute(&listen).await);
            // A standby cannot, nor can some that only speak like PostgreSQL.
            self.listening = match listening {
                Ok(()) => true,
                Err(fault) if fault.leaves_sound() => false,
                Err(fault) => return Err(fault),
            };
            self.connection = Some(connection);
        }
        let Some(connection) = &mut self.connection else { return Err(Fault::Lost) };
        servers.head(connection, servers.patience, &wanted)
    }

    /// Waits for a notification, or until it is time to look again.
    fn listen(&mut self, deadline: Option<Instant>, enough: impl Fn(&Waker) -> Result<bool>) -> Result<()> {
        let calm = self.moved.is_none_or(|moved| moved.elapsed() > CALM);
        let pause = if self.listening && calm { QUIET } else { BUSY };
        let until = Instant::now() + pause;
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match connection.listen(until, enough) {
            Err(fault @ (Fault::Unwanted(_) | Fault::System(_))) => Err(fault.into_error()),
            // What else goes wrong is found out by the next look.
            _ => Ok(()),
        }
    }
}
