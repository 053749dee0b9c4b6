//! A connection that is driven inside the calls that use it: no thread of its own, and no call that waits for ever.

use super::fault::Fault;
use crate::process::Process;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Statement};

/// How often a call that waits for the server asks whether it is still wanted.
const TICK: Duration = Duration::from_millis(50);

/// Asked at each tick; its error ends the wait.
pub(super) type Wanted<'a> = dyn Fn() -> crate::error::Result<()> + 'a;

type Socket = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> + Send>;

/// See the module.
pub(super) struct Connection {
    /// There until it is dropped.
    parts: Option<Parts>,
    process: Process,
}

struct Parts {
    client: Client,
    socket: Socket,
    runtime: Runtime,
    prepared: Option<Statement>,
    doubtful: bool,
}

impl Connection {
    /// Connects; all of it must be done within `patience`.
    pub fn open(config: &Config, read_only: bool, patience: Duration) -> Result<Connection, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Fault::system(&error))?;
        let connected = runtime.block_on(async {
            let connect = async {
                let (client, mut connection) = config.connect(NoTls).await?;
                let socket: Socket = Box::new(move |context| connection.poll_message(context));
                Ok((client, socket))
            };
            tokio::time::timeout(patience, connect).await
        });
        let (client, socket) = connected.map_err(|_| Fault::Late)?.map_err(Fault::Server)?;
        let parts = Parts { client, socket, runtime, prepared: None, doubtful: false };
        let mut connection = Connection { parts: Some(parts), process: Process::current() };
        // Whatever the role's settings are: a statement must see what was committed before it.
        let settings = if read_only {
            "SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = on"
        } else {
            "SET default_transaction_isolation = 'read committed'"
        };
        connection.run(patience, &|| Ok(()), async |client, _| client.batch_execute(settings).await)?;
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
        let Parts { client, socket, runtime, doubtful, .. } = self.parts.as_mut().ok_or(Fault::Lost)?;
        let progress = Progress(std::cell::Cell::new(Instant::now()));
        runtime.block_on(async {
            let mut work = pin!(work(client, &progress));
            loop {
                let step = std::future::poll_fn(|context| {
                    if let Poll::Ready(done) = work.as_mut().poll(context) {
                        return Poll::Ready(done.map_err(Fault::Server));
                    }
                    loop {
                        match socket(context) {
                            Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                                // A commit that was told not to wait for a standby is reported as if it had.
                                let cut = [SqlState::QUERY_CANCELED, SqlState::ADMIN_SHUTDOWN];
                                *doubtful |= cut.contains(notice.code());
                            }
                            Poll::Ready(Some(Ok(_))) => {}
                            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Fault::Server(error))),
                            Poll::Ready(None) => return Poll::Ready(Err(Fault::Lost)),
                            Poll::Pending => return Poll::Pending,
                        }
                    }
                });
                match tokio::time::timeout(TICK, step).await {
                    Ok(outcome) => return outcome,
                    Err(_) => wanted().map_err(Fault::Unwanted)?,
                }
                if progress.0.get().elapsed() > patience {
                    return Err(Fault::Late);
                }
            }
        })
    }

    /// The statement that this connection is for, prepared once.
    pub fn prepared(&mut self, sql: &str, patience: Duration) -> Result<Statement, Fault> {
        if let Some(statement) = self.parts.as_ref().and_then(|parts| parts.prepared.as_ref()) {
            return Ok(statement.clone());
        }
        let statement = self.run(patience, &|| Ok(()), async |client, _| client.prepare(sql).await)?;
        if let Some(parts) = &mut self.parts {
            parts.prepared = Some(statement.clone());
        }
        Ok(statement)
    }

    /// Whether the server said, since this was asked last, that a commit may not have reached its standbys.
    pub fn take_doubt(&mut self) -> bool {
        self.parts.as_mut().is_some_and(|parts| std::mem::take(&mut parts.doubtful))
    }
}

impl Drop for Connection {
    /// In a forked child it is left alone: it shares files with the parent's.
    fn drop(&mut self) {
        if self.process.check().is_err() {
            std::mem::forget(self.parts.take());
        }
    }
}

/// When something last came from the server.
pub(super) struct Progress(std::cell::Cell<Instant>);

impl Progress {
    /// Something came.
    pub fn made(&self) {
        self.0.set(Instant::now());
    }
}
