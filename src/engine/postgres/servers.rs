//! The servers of a store, and the connections for reading that are kept to them.

use super::address::addresses;
use super::connection::{Connection, Wanted};
use super::fault::Fault;
use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_postgres::Config;

/// So long after a failure it is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// See the module.
pub(super) struct Servers {
    addresses: Vec<(String, Config)>,
    read_only: bool,
    connect_timeout: Duration,
    /// How long a call waits for the server.
    pub timeout: Duration,
    pool_size: usize,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Connection>,
    lent: usize,
}

impl Servers {
    pub fn new(options: &PostgresOptions) -> Result<Servers> {
        Ok(Servers {
            addresses: addresses(options)?,
            read_only: options.read_only,
            connect_timeout: options.connect_timeout,
            timeout: options.timeout,
            pool_size: options.pool_size,
            pool: Mutex::default(),
            returned: Condvar::new(),
        })
    }

    /// Connects to the first server that lets it in.
    pub fn connect(&self) -> Result<Connection> {
        let mut tried = Vec::new();
        for (name, config) in &self.addresses {
            match Connection::open(config, self.read_only, self.connect_timeout) {
                Ok(connection) => return Ok(connection),
                Err(fault) => tried.push(format!("{name}: {}", fault.words())),
            }
        }
        let message =
            format!("PostgreSQL: no server lets it in ({}): look at `url` and at the servers", tried.join("; "));
        Err(Error::new(ErrorKind::Io, message).with("hosts", tried.len()))
    }

    /// The same, tried until the deadline.
    pub fn connect_until(&self, deadline: Instant, wanted: &Wanted<'_>) -> Result<Connection> {
        loop {
            match self.connect() {
                Err(error) if Instant::now() + PAUSE >= deadline => return Err(error),
                Err(_) => {
                    wanted()?;
                    std::thread::sleep(PAUSE);
                }
                connected => return connected,
            }
        }
    }

    /// Reads something by a connection of the pool. What fails for a connection's sake is done again by another one
    /// until time is up, so `work` must be fit for that.
    pub fn read<T>(
        &self,
        wanted: &Wanted<'_>,
        mut work: impl FnMut(&mut Connection) -> std::result::Result<T, Fault>,
    ) -> Result<T> {
        let deadline = Instant::now() + self.timeout;
        loop {
            wanted()?;
            let mut lent = self.lend(deadline, wanted)?;
            let Some(connection) = &mut lent.connection else { continue };
            match work(connection) {
                Ok(value) => return Ok(value),
                Err(fault) => {
                    let again = fault.is_lost() || fault.is_passing();
                    let sound = fault.code().is_some() && !fault.is_lost();
                    if !sound {
                        lent.connection = None;
                    }
                    if fault.is_lost() {
                        // The others go to the same server.
                        self.pool().idle.clear();
                    }
                    if !again || Instant::now() + PAUSE >= deadline {
                        return Err(fault.into_error());
                    }
                }
            }
            drop(lent);
            std::thread::sleep(PAUSE);
        }
    }

    /// Closes what is kept.
    pub fn close(&self) {
        self.pool().idle.clear();
    }

    fn lend(&self, deadline: Instant, wanted: &Wanted<'_>) -> Result<Lent<'_>> {
        let mut pool = self.pool();
        let connection = loop {
            if let Some(connection) = pool.idle.pop() {
                break Some(connection);
            }
            if pool.lent < self.pool_size {
                break None;
            }
            wanted()?;
            if Instant::now() >= deadline {
                let message = format!(
                    "all {} connections for reading were in use for too long: give `pool_size` or `timeout_ms` more",
                    self.pool_size
                );
                return Err(Error::new(ErrorKind::Io, message));
            }
            pool = self.returned.wait_timeout(pool, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
        };
        pool.lent += 1;
        drop(pool);
        let mut lent = Lent { servers: self, connection };
        if lent.connection.is_none() {
            lent.connection = Some(self.connect_until(deadline, wanted)?);
        }
        Ok(lent)
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan.
struct Lent<'a> {
    servers: &'a Servers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = self.servers.pool();
        pool.lent -= 1;
        pool.idle.extend(self.connection.take());
        drop(pool);
        self.servers.returned.notify_one();
    }
}
