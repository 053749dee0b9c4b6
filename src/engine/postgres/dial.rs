//! From a server's name to sockets that are connected to it.

use super::connection::Wanted;
use super::fault::Fault;
use super::socket::{Socket, TICK};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, TcpKeepalive, Type};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// A place that a name stands for.
pub(super) enum Place {
    Network(SocketAddr),
    Directory(PathBuf),
}

/// Looks names up and connects, until a deadline and as long as it is wanted.
pub(super) struct Dial<'a> {
    pub config: &'a Config,
    pub deadline: Instant,
    pub wanted: &'a Wanted<'a>,
}

impl Dial<'_> {
    /// Where the server may be: one after the other is to be tried.
    pub fn places(&self) -> Result<Vec<Place>, Fault> {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        if let Some(address) = self.config.get_hostaddrs().first() {
            return Ok(vec![Place::Network(SocketAddr::new(*address, port))]);
        }
        match self.config.get_hosts().first() {
            Some(Host::Unix(path)) => Ok(vec![Place::Directory(path.join(format!(".s.PGSQL.{port}")))]),
            Some(Host::Tcp(name)) => Ok(self.look_up(name, port)?.into_iter().map(Place::Network).collect()),
            None => Ok(Vec::new()),
        }
    }

    /// The system may take its time for a name, so a thread asks it, and goes on alone where nobody waits any more.
    fn look_up(&self, name: &str, port: u16) -> Result<Vec<SocketAddr>, Fault> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let (sender, receiver) = channel();
        let name = String::from(name);
        let ask = move || sender.send((name.as_str(), port).to_socket_addrs().map(Vec::from_iter));
        std::thread::Builder::new()
            .name(String::from("runestore-name"))
            .spawn(ask)
            .map_err(|error| Fault::system(&error))?;
        loop {
            match receiver.recv_timeout(TICK.min(self.left(self.deadline))) {
                Ok(found) => return found.map_err(|error| refused(&error)),
                Err(RecvTimeoutError::Timeout) => self.ask(self.deadline)?,
                Err(RecvTimeoutError::Disconnected) => return Err(Fault::Lost),
            }
        }
    }

    /// Connects.
    pub fn connect(&self, place: &Place) -> Result<Arc<Socket>, Fault> {
        let own = self.config.get_connect_timeout().map(|timeout| Instant::now() + *timeout);
        let deadline = own.map_or(self.deadline, |own| own.min(self.deadline));
        let address = match place {
            Place::Network(address) => SockAddr::from(*address),
            Place::Directory(path) => SockAddr::unix(path).map_err(|error| refused(&error))?,
        };
        let socket = self.begun(&address).map_err(|error| refused(&error))?;
        loop {
            match socket.connect(&address) {
                Ok(()) => break,
                Err(error) if error.raw_os_error() == Some(Errno::EISCONN as i32) => break,
                Err(error) if is_under_way(&error) => {
                    self.wait(&socket, deadline)?;
                    if let Some(error) = socket.take_error().map_err(|error| refused(&error))? {
                        return Err(refused(&error));
                    }
                }
                // A socket of the file system whose server does not keep up.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(TICK.min(self.left(deadline)));
                    self.ask(deadline)?;
                }
                Err(error) => return Err(refused(&error)),
            }
        }
        Socket::new(socket).map_err(|error| refused(&error))
    }

    /// A socket with the options that it is to have.
    fn begun(&self, address: &SockAddr) -> io::Result<socket2::Socket> {
        let socket = socket2::Socket::new(Domain::from(i32::from(address.family())), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if address.is_unix() {
            return Ok(socket);
        }
        socket.set_tcp_nodelay(true)?;
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
        Ok(socket)
    }

    /// Waits until the system has connected it, or has failed.
    fn wait(&self, socket: &socket2::Socket, deadline: Instant) -> Result<(), Fault> {
        loop {
            let millis = TICK.min(self.left(deadline)).as_millis();
            let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::ZERO);
            if let Ok(1) = poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], timeout) {
                return Ok(());
            }
            self.ask(deadline)?;
        }
    }

    fn left(&self, deadline: Instant) -> Duration {
        deadline.saturating_duration_since(Instant::now())
    }

    /// Whether to go on.
    fn ask(&self, deadline: Instant) -> Result<(), Fault> {
        (self.wanted)().map_err(Fault::Unwanted)?;
        if self.left(deadline).is_zero() { Err(Fault::Late) } else { Ok(()) }
    }
}

fn is_under_way(error: &io::Error) -> bool {
    let under_way = [Errno::EINPROGRESS, Errno::EALREADY, Errno::EINTR];
    error.raw_os_error().is_some_and(|code| under_way.contains(&Errno::from_raw(code)))
}

fn refused(error: &io::Error) -> Fault {
    Fault::System(format!("it cannot be connected to: {error}"))
}
