//! From a server's name to sockets that are connected to it.

use super::address::Address;
use super::connection::Wanted;
use super::fault::Fault;
use super::socket::{Socket, TICK};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// A place that a name stands for.
pub(super) enum Place {
    Network(SocketAddr),
    Directory(PathBuf),
}

/// Looks names up and connects. What it began and did not end goes on behind its back and disturbs nobody.
pub(super) struct Dial<'a> {
    config: &'a Config,
    deadline: Instant,
    wanted: &'a Wanted<'a>,
    runtime: Option<Runtime>,
}

impl<'a> Dial<'a> {
    pub fn new(address: &'a Address, deadline: Instant, wanted: &'a Wanted<'a>) -> Result<Dial<'a>, Fault> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| Fault::system(&error))?;
        Ok(Dial { config: &address.config, deadline, wanted, runtime: Some(runtime) })
    }

    /// Where the server may be: one after the other is to be tried.
    pub fn places(&self) -> Result<Vec<Place>, Fault> {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        if let Some(address) = self.config.get_hostaddrs().first() {
            return Ok(vec![Place::Network(SocketAddr::new(*address, port))]);
        }
        match self.config.get_hosts().first() {
            Some(Host::Unix(path)) => Ok(vec![Place::Directory(path.join(format!(".s.PGSQL.{port}")))]),
            Some(Host::Tcp(name)) => {
                let found = self.done(self.deadline, lookup_host((name.as_str(), port)))?;
                Ok(found.map(Place::Network).collect())
            }
            None => Ok(Vec::new()),
        }
    }

    /// Connects.
    pub fn connect(&self, place: &Place) -> Result<Arc<Socket>, Fault> {
        let own = self.config.get_connect_timeout().map(|timeout| Instant::now() + *timeout);
        let deadline = own.map_or(self.deadline, |own| own.min(self.deadline));
        let descriptor: OwnedFd = match place {
            Place::Network(address) => {
                let stream = self.done(deadline, TcpStream::connect(address))?;
                let stream = stream.into_std().map_err(|error| refused(&error))?;
                self.keep_alive(&stream).map_err(|error| refused(&error))?;
                stream.into()
            }
            Place::Directory(path) => {
                let stream = self.done(deadline, UnixStream::connect(path))?;
                stream.into_std().map_err(|error| refused(&error))?.into()
            }
        };
        Socket::new(descriptor).map_err(|error| refused(&error))
    }

    fn keep_alive(&self, stream: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_tcp_nodelay(true)?;
        #[cfg(target_os = "linux")]
        if let Some(timeout) = self.config.get_tcp_user_timeout() {
            socket.set_tcp_user_timeout(Some(*timeout))?;
        }
        if self.config.get_keepalives() {
            let mut keepalive = TcpKeepalive::new().with_time(self.config.get_keepalives_idle());
            if let Some(interval) = self.config.get_keepalives_interval() {
                keepalive = keepalive.with_interval(interval);
            }
            if let Some(retries) = self.config.get_keepalives_retries() {
                keepalive = keepalive.with_retries(retries);
            }
            socket.set_tcp_keepalive(&keepalive)?;
        }
        Ok(())
    }

    /// Waits for something of the network.
    fn done<T>(&self, deadline: Instant, work: impl Future<Output = io::Result<T>>) -> Result<T, Fault> {
        let Some(runtime) = &self.runtime else { return Err(Fault::Lost) };
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            loop {
                let left = deadline.saturating_duration_since(Instant::now());
                if let Ok(done) = tokio::time::timeout(TICK.min(left), &mut work).await {
                    return done.map_err(|error| refused(&error));
                }
                (self.wanted)().map_err(Fault::Unwanted)?;
                if Instant::now() >= deadline {
                    return Err(Fault::Late);
                }
            }
        })
    }
}

impl Drop for Dial<'_> {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may still be looking up the name.
            runtime.shutdown_background();
        }
    }
}

fn refused(error: &io::Error) -> Fault {
    Fault::System(format!("it cannot be connected to: {error}"))
}
