//! The servers of a store, and the connections for reading that are kept to them.

use super::address::{Address, addresses};
use super::connection::{Connection, Wanted};
use super::fault::Fault;
use super::migrate::in_schema;
use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long after a failure it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

/// See the module.
pub(super) struct Servers {
    addresses: Vec<Address>,
    /// The one that let us in last, and is tried first.
    preferred: AtomicUsize,
    /// The largest head that was seen, anywhere.
    seen: AtomicU64,
    head_sql: String,
    /// The store's tables are known to be there.
    made: AtomicBool,
    pub connect_timeout: Duration,
    /// How long a call waits for the server, through all failures.
    pub timeout: Duration,
    /// How long one server may say nothing before another is tried.
    pub patience: Duration,
    pool_size: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
    /// Who waits for one to come back.
    waiting: usize,
}

impl Servers {
    pub fn new(options: &PostgresOptions) -> Result<Servers> {
        Ok(Servers {
            addresses: addresses(options)?,
            preferred: AtomicUsize::new(0),
            seen: AtomicU64::new(0),
            head_sql: in_schema("SELECT position FROM @.head", &options.schema),
            made: AtomicBool::new(false),
            connect_timeout: options.connect_timeout,
            timeout: options.timeout,
            patience: options.timeout / 3,
            pool_size: options.pool_size,
            pool: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// The tables are there from now on.
    pub fn set_made(&self) {
        self.made.store(true, SeqCst);
    }

    /// Notes a head, and gives it back.
    pub fn saw(&self, head: u64) -> u64 {
        self.seen.fetch_max(head, SeqCst);
        head
    }

    /// The largest head that was noted.
    pub fn seen(&self) -> u64 {
        self.seen.load(SeqCst)
    }

    /// Asks a server for the head. One that is behind what was seen is no server to ask.
    pub fn head(
        &self,
        connection: &mut Connection,
        patience: Duration,
        wanted: &Wanted<'_>,
    ) -> std::result::Result<u64, Fault> {
        let seen = self.seen();
        let head = connection.run(patience, wanted, async |client, _| {
            client.query_typed_one(&self.head_sql, &[]).await?.try_get::<_, i64>(0)
        })? as u64;
        if head < seen {
            return Err(Fault::Behind { head, seen });
        }
        connection.head = head;
        Ok(self.saw(head))
    }

    /// Connects to the first server that lets it in and knows all that was seen.
    pub fn connect(&self, purpose: Use, patience: Duration, wanted: &Wanted<'_>) -> Result<Connection> {
        let preferred = self.preferred.load(SeqCst);
        let mut tried = Vec::new();
        for index in (0..self.addresses.len()).map(|index| (preferred + index) % self.addresses.len()) {
            wanted()?;
            let address = &self.addresses[index];
            let patience = self.connect_timeout.min(patience);
            let opened = Connection::open(address, index, &self.settings(purpose), patience, wanted);
            let checked = opened.and_then(|mut connection| {
                if self.made.load(SeqCst) {
                    self.head(&mut connection, patience, wanted)?;
                }
                Ok(connection)
            });
            match checked {
                Ok(connection) => {
                    self.preferred.store(index, SeqCst);
                    return Ok(connection);
                }
                Err(Fault::Unwanted(error)) => return Err(error),
                // It answers, and will not answer anything else.
                Err(fault) if fault.is_gone() => return Err(fault.into_error()),
                Err(fault) => tried.push(format!("{}: {}", address.name, fault.words())),
            }
        }
        let message =
            format!("PostgreSQL: no server lets it in ({}): look at `url` and at the servers", tried.join("; "));
        Err(Error::new(ErrorKind::Io, message))
    }

    /// The same, tried until the deadline.
    pub fn connect_until(&self, purpose: Use, deadline: Instant, wanted: &Wanted<'_>) -> Result<Connection> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(PAUSE);
            match self.connect(purpose, left, wanted) {
                Ok(connection) => return Ok(connection),
                Err(error) if error.kind() == ErrorKind::NotFound || Instant::now() + PAUSE >= deadline => {
                    return Err(error);
                }
                Err(_) => {
                    wanted()?;
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// A server has failed: others are tried before it.
    pub fn avoid(&self, server: usize) {
        let next = (server + 1) % self.addresses.len();
        // Unless somebody has found a better one already.
        let _ = self.preferred.compare_exchange(server, next, SeqCst, SeqCst);
        let mut pool = self.pool();
        pool.idle.retain(|connection| connection.server != server);
    }

    /// Reads something by a connection of the pool, whose server has all up to a position: one that another has replaced
    /// would answer as if there were nothing behind its last event. What fails for a connection's sake is done again by
    /// another one until time is up, so `work` must be fit for that.
    pub fn read<T>(
        &self,
        position: u64,
        wanted: &Wanted<'_>,
        mut work: impl FnMut(&mut Connection) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let deadline = Instant::now() + self.timeout;
        loop {
            wanted()?;
            let mut lent = self.lend(deadline, wanted)?;
            let connection = &mut lent.connection;
            let up_to_date = if connection.head < position {
                self.head(connection, self.patience, wanted).map(drop)
            } else {
                Ok(())
            };
            let fault = match up_to_date.and_then(|()| work(connection)) {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            if !fault.leaves_sound() {
                lent.connection.discard();
            }
            if fault.is_lost() {
                self.avoid(lent.connection.server);
            }
            if !(fault.is_lost() || fault.is_passing()) || Instant::now() + PAUSE >= deadline {
                return Err(fault.into_error());
            }
            drop(lent);
            std::thread::sleep(PAUSE);
        }
    }

    /// Closes what is kept.
    pub fn close(&self) {
        self.pool().idle.clear();
    }

    /// Whatever the role's own settings are.
    fn settings(&self, purpose: Use) -> String {
        // A statement must see what was committed before it; names are those of the server, not somebody's; and what is
        // read is little, however much the planner fears.
        let common =
            "SET default_transaction_isolation = 'read committed'; SET search_path = pg_catalog; SET jit = off";
        match purpose {
            Use::Read => format!(
                "{common}; SET default_transaction_read_only = on; SET statement_timeout = {}",
                self.patience.as_millis().max(1)
            ),
            // A commit that waits for its standbys must not be cut short, and where it is, the warning must come. What only
            // waits for its turn ends before it is given up, so that no sessions pile up behind one that does not end. Plans are
            // made once, maybe while the store is small, and are for the store that it grows to.
            Use::Write => format!(
                "{common}; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                 SET statement_timeout = 0; SET lock_timeout = {}; SET client_min_messages = 'warning'; \
                 SELECT set_config('client_connection_check_interval', '1s', false) \
                 WHERE current_setting('server_version_num')::int >= 140000",
                (self.patience.as_millis() / 2).max(1)
            ),
        }
    }

    fn lend(&self, deadline: Instant, wanted: &Wanted<'_>) -> Result<Lent<'_>> {
        let mut pool = self.pool();
        loop {
            if let Some(connection) = pool.idle.pop() {
                pool.lent += 1;
                return Ok(Lent { servers: self, connection });
            }
            if pool.lent < self.pool_size {
                break;
            }
            wanted()?;
            if Instant::now() >= deadline {
                let message = format!(
                    "PostgreSQL: all {} connections for reading were in use for too long: give `pool_size` or `timeout_ms` more",
                    self.pool_size
                );
                return Err(Error::new(ErrorKind::Io, message));
            }
            pool.waiting += 1;
            pool = self.returned.wait_timeout(pool, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            pool.waiting -= 1;
        }
        pool.lent += 1;
        drop(pool);
        match self.connect_until(Use::Read, deadline, wanted) {
            Ok(connection) => Ok(Lent { servers: self, connection }),
            Err(error) => {
                self.take_back(None);
                Err(error)
            }
        }
    }

    fn take_back(&self, connection: Option<Connection>) {
        let mut pool = self.pool();
        pool.lent -= 1;
        pool.idle.extend(connection.filter(|connection| !connection.is_discarded()));
        let waited_for = pool.waiting > 0;
        drop(pool);
        // To wake nobody is a call of the system, too.
        if waited_for {
            self.returned.notify_one();
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan.
struct Lent<'a> {
    servers: &'a Servers,
    connection: Connection,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.servers.take_back(Some(self.connection.take()));
    }
}
