//! A connection that is driven inside the calls that use it: no thread of its own, and no call that waits for ever.

use super::address::Address;
use super::fault::Fault;
use crate::process::Process;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Statement};

/// How often a call that waits for the server asks whether it is still wanted.
const TICK: Duration = Duration::from_millis(50);

/// Asked at each tick; its error ends the wait.
pub(super) type Wanted<'a> = dyn Fn() -> crate::error::Result<()> + 'a;

type Socket = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> + Send>;

/// See the module.
pub(super) struct Connection {
    /// There until it is dropped or discarded.
    parts: Option<Parts>,
    process: Process,
    /// Which of the servers it goes to.
    pub server: usize,
    /// The largest head that it was seen to have.
    pub head: u64,
}

struct Parts {
    client: Client,
    link: Link,
    /// One for all calls: to set a clock for each costs more than all else that is done for it here.
    ticks: Interval,
    runtime: Runtime,
    /// Few, so they are looked through.
    prepared: Vec<(String, Statement)>,
}

/// What comes from the server without being asked for.
struct Link {
    socket: Socket,
    doubtful: bool,
    notified: bool,
}

impl Connection {
    /// Connects and sets the session up; all of it must be done within `patience`.
    pub fn open(
        address: &Address,
        server: usize,
        settings: &str,
        patience: Duration,
        wanted: &Wanted<'_>,
    ) -> Result<Connection, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Fault::system(&error))?;
        let begun = Instant::now();
        let connected = runtime.block_on(async {
            let config = &address.config;
            let mut connecting: Pin<Box<dyn Future<Output = _>>> = match &address.tls {
                Some(tls) => Box::pin(connect(config, tls.connector.clone())),
                None => Box::pin(connect(config, NoTls)),
            };
            loop {
                if let Ok(connected) = tokio::time::timeout(TICK.min(patience), &mut connecting).await {
                    return connected.map_err(Fault::Server);
                }
                wanted().map_err(Fault::Unwanted)?;
                if begun.elapsed() >= patience {
                    return Err(Fault::Late);
                }
            }
        });
        let (client, socket) = match connected {
            Ok(connected) => connected,
            Err(fault) => {
                // It may still be looking up the name.
                runtime.shutdown_background();
                return Err(fault);
            }
        };
        let link = Link { socket, doubtful: false, notified: false };
        let mut ticks = runtime.block_on(async { interval(TICK) });
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let parts = Parts { client, link, ticks, runtime, prepared: Vec::new() };
        let mut connection = Connection { parts: Some(parts), process: Process::current(), server, head: 0 };
        let left = patience.saturating_sub(begun.elapsed());
        connection.run(left, wanted, async |client, _| client.batch_execute(settings).await)?;
        Ok(connection)
    }

    /// Does work on the server. `patience` is how long nothing may come from there: `work` sets the clock back by its
    /// second argument.
    pub fn run<T>(
        &mut self,
        patience: Duration,
        wanted: &Wanted<'_>,
        work: impl AsyncFnOnce(&Client, &Progress) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Fault> {
        let Parts { client, link, ticks, runtime, .. } = self.parts.as_mut().ok_or(Fault::Lost)?;
        let progress = Progress(Cell::new(Instant::now()));
        let mut work = pin!(work(client, &progress));
        runtime.block_on(poll_fn(|context| {
            loop {
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(done.map_err(Fault::Server));
                }
                if let Poll::Ready(ended) = link.poll(context) {
                    return Poll::Ready(Err(ended));
                }
                // What came may be what it waits for.
                if let Poll::Ready(done) = work.as_mut().poll(context) {
                    return Poll::Ready(done.map_err(Fault::Server));
                }
                ready!(ticks.poll_tick(context));
                wanted().map_err(Fault::Unwanted)?;
                if progress.0.get().elapsed() > patience {
                    return Poll::Ready(Err(Fault::Late));
                }
            }
        }))
    }

    /// Waits until a notification comes, or has come since this was asked last, or `until`, or `enough` is true. That is
    /// asked again at each tick, and whenever somebody wakes the waker that it is given.
    pub fn listen(
        &mut self,
        until: Instant,
        enough: impl Fn(&Waker) -> crate::error::Result<bool>,
    ) -> Result<(), Fault> {
        let Parts { link, runtime, .. } = self.parts.as_mut().ok_or(Fault::Lost)?;
        runtime.block_on(async {
            loop {
                let now = Instant::now();
                if now >= until {
                    return Ok(());
                }
                let step = poll_fn(|context| {
                    let ended = link.poll(context).map(Err);
                    if ended.is_ready() {
                        return ended;
                    }
                    match enough(context.waker()) {
                        Ok(false) if !std::mem::take(&mut link.notified) => Poll::Pending,
                        Ok(_) => Poll::Ready(Ok(())),
                        Err(error) => Poll::Ready(Err(Fault::Unwanted(error))),
                    }
                });
                if let Ok(outcome) = tokio::time::timeout(TICK.min(until - now), step).await {
                    return outcome;
                }
            }
        })
    }

    /// Sends a statement and does not wait for what comes of it.
    pub fn tell(&mut self, sql: &str) {
        let Some(Parts { client, link, runtime, .. }) = self.parts.as_mut() else { return };
        runtime.block_on(poll_fn(|context| {
            // The answer is passed over when it comes; where the connection breaks, its next use finds out.
            let _ = pin!(client.batch_execute(sql)).poll(context);
            let _ = link.poll(context);
            Poll::Ready(())
        }));
    }

    /// A statement, prepared once. Of parameters without a type the server is asked for it.
    pub fn prepared(
        &mut self,
        sql: &str,
        types: &[Type],
        patience: Duration,
        wanted: &Wanted<'_>,
    ) -> Result<Statement, Fault> {
        let known = self.parts.iter().flat_map(|parts| &parts.prepared).find(|(text, _)| text == sql);
        if let Some((_, statement)) = known {
            return Ok(statement.clone());
        }
        let statement = self.run(patience, wanted, async |client, _| client.prepare_typed(sql, types).await)?;
        if let Some(parts) = &mut self.parts {
            parts.prepared.push((String::from(sql), statement.clone()));
        }
        Ok(statement)
    }

    /// Whether the server said, since this was asked last, that a commit may not have reached its standbys.
    pub fn take_doubt(&mut self) -> bool {
        self.parts.as_mut().is_some_and(|parts| std::mem::take(&mut parts.link.doubtful))
    }

    /// Gives it up: what the server would still send is worth less than a new one.
    pub fn discard(&mut self) {
        if let Some(parts) = self.parts.take() {
            if self.process.check().is_err() {
                // It shares files with the parent's.
                std::mem::forget(parts);
                return;
            }
            let Parts { client, link, ticks, runtime, prepared } = parts;
            drop((prepared, client, link, ticks));
            runtime.shutdown_background();
        }
    }

    /// Moves it out of its place, which is as if it had been given up.
    pub fn take(&mut self) -> Connection {
        Connection { parts: self.parts.take(), process: self.process, server: self.server, head: self.head }
    }

    /// Whether it was given up.
    pub fn is_discarded(&self) -> bool {
        self.parts.is_none()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.discard();
    }
}

impl Link {
    /// Passes on what has come, and sends what is to be sent; ready only when the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Fault> {
        loop {
            match (self.socket)(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => self.doubtful |= is_doubt(&notice),
                Poll::Ready(Some(Ok(AsyncMessage::Notification(_)))) => self.notified = true,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Fault::Server(error)),
                Poll::Ready(None) => return Poll::Ready(Fault::Lost),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// A commit that was told not to wait for its standbys is reported as if it had, with a warning. Its code is that of any
/// warning and its words are in the server's language, but not the place in the server that it comes from.
fn is_doubt(notice: &DbError) -> bool {
    let cut = [SqlState::QUERY_CANCELED, SqlState::ADMIN_SHUTDOWN];
    notice.routine() == Some("SyncRepWaitForLSN") || cut.contains(notice.code())
}

async fn connect<T>(config: &Config, tls: T) -> Result<(Client, Socket), tokio_postgres::Error>
where
    T: MakeTlsConnect<tokio_postgres::Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = config.connect(tls).await?;
    Ok((client, Box::new(move |context| connection.poll_message(context))))
}

/// When something last came from the server.
pub(super) struct Progress(Cell<Instant>);

impl Progress {
    /// Something came.
    pub fn made(&self) {
        self.0.set(Instant::now());
    }
}
