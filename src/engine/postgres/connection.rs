//! A connection that is driven inside the calls that use it: no thread of its own, and no call that waits for ever.

use super::address::Address;
use super::dial::{Dial, Place};
use super::fault::Fault;
use super::socket::{Socket, Stream, TICK};
use crate::process::Process;
use std::cell::Cell;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage, Statement};

/// Asked at each tick; its error ends the wait.
pub(super) type Wanted<'a> = dyn Fn() -> crate::error::Result<()> + 'a;

type Messages = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> + Send>;

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
    socket: Arc<Socket>,
    /// By which others end a wait; made for the first one that they may end.
    bell: Option<Arc<Bell>>,
    /// Few, so they are looked through.
    prepared: Vec<(String, Statement)>,
}

/// What comes from the server without being asked for.
struct Link {
    messages: Messages,
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
        let deadline = Instant::now() + patience;
        let dial = Dial { config: &address.config, deadline, wanted };
        let mut failure = Fault::System(String::from("its name stands for no address"));
        for place in dial.places()? {
            match Connection::open_at(&dial, &place, address, server, deadline, wanted) {
                Ok(mut connection) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    connection.run(left, wanted, async |client, _| client.batch_execute(settings).await)?;
                    return Ok(connection);
                }
                Err(fault @ Fault::Unwanted(_)) => return Err(fault),
                Err(fault) => failure = fault,
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Err(failure)
    }

    /// A session as the address asks for it.
    fn open_at(
        dial: &Dial<'_>,
        place: &Place,
        address: &Address,
        server: usize,
        deadline: Instant,
        wanted: &Wanted<'_>,
    ) -> Result<Connection, Fault> {
        let config = &address.config;
        let socket = dial.connect(place)?;
        let stream = Stream(Arc::clone(&socket));
        let mut session: Pin<Box<dyn Future<Output = _>>> = match (&address.tls, config.get_hosts().first()) {
            (Some(tls), Some(Host::Tcp(name))) => {
                let tls = MakeTlsConnect::<Stream>::make_tls_connect(&mut tls.connector.clone(), name);
                Box::pin(session(config, stream, tls.map_err(|error| Fault::System(error.to_string()))?))
            }
            _ => Box::pin(session(config, stream, NoTls)),
        };
        let late = || Instant::now() >= deadline;
        let (client, messages) =
            drive(&socket, late, wanted, |context| session.as_mut().poll(context).map_err(Fault::Server))?;
        let link = Link { messages, doubtful: false, notified: false };
        let parts = Parts { client, link, socket, bell: None, prepared: Vec::new() };
        let mut connection = Connection { parts: Some(parts), process: Process::current(), server, head: 0 };
        connection.check_role(config.get_target_session_attrs(), deadline, wanted)?;
        Ok(connection)
    }

    /// Whether the server may be written to, where the address asks for that or the contrary.
    fn check_role(&mut self, target: TargetSessionAttrs, deadline: Instant, wanted: &Wanted<'_>) -> Result<(), Fault> {
        if target == TargetSessionAttrs::Any {
            return Ok(());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let answer =
            self.run(left, wanted, async |client, _| client.simple_query("SHOW transaction_read_only").await)?;
        let read_only = answer.iter().any(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
            _ => false,
        });
        match target {
            TargetSessionAttrs::ReadWrite if read_only => Err(Fault::System(String::from("it does not take writes"))),
            TargetSessionAttrs::ReadOnly if !read_only => {
                Err(Fault::System(String::from("it is not for reading only")))
            }
            _ => Ok(()),
        }
    }

    /// Does work on the server. `patience` is how long nothing may come from there: `work` sets the clock back by its
    /// second argument.
    pub fn run<T>(
        &mut self,
        patience: Duration,
        wanted: &Wanted<'_>,
        work: impl AsyncFnOnce(&Client, &Progress) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Fault> {
        let Parts { client, link, socket, .. } = self.parts.as_mut().ok_or(Fault::Lost)?;
        let progress = Progress(Cell::new(false));
        let mut work = pin!(work(client, &progress));
        let heard = Cell::new(Instant::now());
        let late = || {
            if progress.0.take() {
                heard.set(Instant::now());
            }
            heard.get().elapsed() > patience
        };
        drive(socket, late, wanted, |context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done.map_err(Fault::Server));
            }
            // What it has to say is about to be sent; what counts is what comes now.
            socket.take_woken();
            link.poll(context).map(Err)
        })
    }

    /// Waits until a notification comes, or has come since this was asked last, or `until`, or `enough` is true. That is
    /// asked again at each tick, and whenever somebody wakes the waker that it is given.
    pub fn listen(
        &mut self,
        until: Instant,
        enough: impl Fn(&Waker) -> crate::error::Result<bool>,
    ) -> Result<(), Fault> {
        let Parts { link, socket, bell, .. } = self.parts.as_mut().ok_or(Fault::Lost)?;
        let bell = match bell {
            Some(bell) => bell,
            None => bell.insert(Bell::new().map_err(|error| Fault::system(&error))?),
        };
        let (own, theirs) = (Waker::from(Arc::clone(socket)), Waker::from(Arc::clone(bell)));
        loop {
            if let Poll::Ready(ended) = link.poll(&mut Context::from_waker(&own)) {
                return Err(ended);
            }
            let enough = enough(&theirs).map_err(Fault::Unwanted)?;
            let left = until.saturating_duration_since(Instant::now());
            if std::mem::take(&mut link.notified) || enough || left.is_zero() {
                return Ok(());
            }
            socket.wait(Some(bell.reader.as_fd()), TICK.min(left));
            bell.silence();
        }
    }

    /// Sends a statement and does not wait for what comes of it.
    pub fn tell(&mut self, sql: &str) {
        let Some(Parts { client, link, socket, .. }) = self.parts.as_mut() else { return };
        let waker = Waker::from(Arc::clone(socket));
        let mut context = Context::from_waker(&waker);
        // The answer is passed over when it comes; where the connection breaks, its next use finds out.
        let _ = pin!(client.batch_execute(sql)).poll(&mut context);
        let _ = link.poll(&mut context);
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
        if let Some(parts) = self.parts.take()
            && self.process.check().is_err()
        {
            // It shares files with the parent's.
            std::mem::forget(parts);
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
            match (self.messages)(context) {
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

async fn session<T>(config: &Config, stream: Stream, tls: T) -> Result<(Client, Messages), tokio_postgres::Error>
where
    T: TlsConnect<Stream>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = config.connect_raw(stream, tls).await?;
    Ok((client, Box::new(move |context| connection.poll_message(context))))
}

/// Takes step after step until one is the last, and waits for the socket where a step has woken nobody. At each tick it is
/// asked whether it is late, and still wanted.
fn drive<T>(
    socket: &Arc<Socket>,
    late: impl Fn() -> bool,
    wanted: &Wanted<'_>,
    mut step: impl FnMut(&mut Context<'_>) -> Poll<Result<T, Fault>>,
) -> Result<T, Fault> {
    let waker = Waker::from(Arc::clone(socket));
    let mut context = Context::from_waker(&waker);
    let mut asked = Instant::now();
    loop {
        if let Poll::Ready(done) = step(&mut context) {
            return done;
        }
        if socket.take_woken() {
            continue;
        }
        // Before it waits, so that what came is looked at before it is too late for it.
        if asked.elapsed() >= TICK {
            asked = Instant::now();
            wanted().map_err(Fault::Unwanted)?;
            if late() {
                return Err(Fault::Late);
            }
        }
        if let Poll::Ready(done) = socket.waiting(|| step(&mut context)) {
            return done;
        }
    }
}

/// By it another thread ends a wait.
struct Bell {
    rung: AtomicBool,
    reader: PipeReader,
    writer: PipeWriter,
}

impl Bell {
    fn new() -> std::io::Result<Arc<Bell>> {
        let (reader, writer) = pipe()?;
        Ok(Arc::new(Bell { rung: AtomicBool::new(false), reader, writer }))
    }

    /// Makes it fit for the next time.
    fn silence(&self) {
        if self.rung.swap(false, SeqCst) {
            // There is one byte in it, or about to be.
            let _ = (&self.reader).read_exact(&mut [0]);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if !self.rung.swap(true, SeqCst) {
            let _ = (&self.writer).write_all(&[0]);
        }
    }
}

/// Whether something has come from the server since that was asked last.
pub(super) struct Progress(Cell<bool>);

impl Progress {
    /// Something came.
    pub fn made(&self) {
        self.0.set(true);
    }
}
