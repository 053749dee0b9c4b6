//! A connection's socket, without an event loop: who waits for the server sleeps in the read itself, so a question takes
//! two calls of the system. Whatever can be done without waiting comes first, since a read needs leave each time.

use nix::libc::{MSG_DONTWAIT, MSG_NOSIGNAL};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How long a wait lasts at most, before whoever waits looks around: within twice that, since what comes may hold it up.
pub(super) const TICK: Duration = Duration::from_millis(25);
/// How much is read at once. Room is filled with zeros before, and after a large event the client library has much of it.
const READ: usize = 64 << 10;

/// An answer that is longer than this is not waited for each time that the next few KiB of it are there: to be woken for
/// each costs both sides more than the work on them.
const LONG: usize = 64 << 10;
/// So long it is left to gather instead.
const NAP: Duration = Duration::from_micros(50);

/// See the module. As a waker it notes that there is more to do before anybody waits.
pub(super) struct Socket {
    inner: socket2::Socket,
    /// The next read is made, and may wait.
    leave: AtomicBool,
    /// The last write did not get rid of everything.
    full: AtomicBool,
    woken: AtomicBool,
    /// How much has come since the last write, and whether the last read took all that was there.
    come: AtomicUsize,
    drained: AtomicBool,
}

impl Socket {
    /// For one that is connected.
    pub fn new(inner: socket2::Socket) -> io::Result<Arc<Socket>> {
        inner.set_nonblocking(false)?;
        inner.set_read_timeout(Some(TICK))?;
        let (leave, full, woken, come, drained) = Default::default();
        Ok(Arc::new(Socket { inner, leave, full, woken, come, drained }))
    }

    /// Whether it was woken since this was asked last.
    pub fn take_woken(&self) -> bool {
        self.woken.swap(false, Relaxed)
    }

    /// Does a step whose read may wait, since nothing else is to be done. Where there is still something to write, it waits
    /// for either.
    pub fn waiting<T>(&self, step: impl FnOnce() -> T) -> T {
        if self.full.load(Relaxed) {
            self.wait(None, TICK);
        } else {
            if self.come.load(Relaxed) > LONG && self.drained.load(Relaxed) {
                std::thread::sleep(NAP);
            }
            self.leave.store(true, Relaxed);
        }
        let done = step();
        self.leave.store(false, Relaxed);
        done
    }

    /// Waits until something can be read here, or from `other`, or written, so long at most. The next read takes what is
    /// there.
    pub fn wait(&self, other: Option<BorrowedFd<'_>>, at_most: Duration) {
        let full = self.full.swap(false, Relaxed);
        let wanted = if full { PollFlags::POLLIN | PollFlags::POLLOUT } else { PollFlags::POLLIN };
        let mut both = [
            PollFd::new(self.inner.as_fd(), wanted),
            PollFd::new(other.unwrap_or(self.inner.as_fd()), PollFlags::POLLIN),
        ];
        let asked = if other.is_some() { &mut both[..] } else { &mut both[..1] };
        // To the next millisecond, so that it does not turn in circles for the last.
        let millis = at_most.as_nanos().div_ceil(1_000_000);
        let found = poll(asked, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX));
        // Where it is interrupted, whoever waits looks around and comes back. What has failed is found out by reading.
        let readable = both[0].revents().is_some_and(|events| events.intersects(!PollFlags::POLLOUT));
        self.leave.store(found.is_ok() && readable, Relaxed);
    }
}

impl Wake for Socket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Relaxed);
    }
}

/// What the client library reads and writes.
pub(super) struct Stream(pub Arc<Socket>);

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.0.leave.swap(false, Relaxed) {
            return Poll::Pending;
        }
        let most = buffer.remaining().min(READ);
        match (&self.0.inner).read(buffer.initialize_unfilled_to(most)) {
            Ok(count) => {
                self.0.come.fetch_add(count, Relaxed);
                self.0.drained.store(count < most, Relaxed);
                buffer.advance(count);
                Poll::Ready(Ok(()))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.come.store(0, Relaxed);
        loop {
            match self.0.inner.send_with_flags(bytes, MSG_DONTWAIT | MSG_NOSIGNAL) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.0.full.store(true, Relaxed);
                    return Poll::Pending;
                }
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The descriptor is closed with the connection.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::task::Waker;
    use std::time::Instant;

    fn pair() -> (Stream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("there are sockets");
        (Stream(Socket::new(ours.into()).expect("it is one")), theirs)
    }

    fn read(stream: &mut Stream) -> Poll<usize> {
        let mut bytes = [0; 100];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = Pin::new(stream).poll_read(&mut Context::from_waker(Waker::noop()), &mut buffer);
        read.map(|done| done.map(|()| buffer.filled().len()).expect("it reads"))
    }

    fn write(stream: &mut Stream, bytes: &[u8]) -> Poll<usize> {
        let written = Pin::new(stream).poll_write(&mut Context::from_waker(Waker::noop()), bytes);
        written.map(|done| done.expect("it writes"))
    }

    #[test]
    fn each_read_needs_leave() {
        let (mut ours, mut theirs) = pair();
        theirs.write_all(b"seven b").expect("it writes");
        assert_eq!(read(&mut ours), Poll::Pending);
        let socket = Arc::clone(&ours.0);
        assert_eq!(socket.waiting(|| read(&mut ours)), Poll::Ready(7));
        theirs.write_all(b"four").expect("it writes");
        assert_eq!(read(&mut ours), Poll::Pending);
        // What was not used does not last.
        socket.waiting(|| ());
        assert_eq!(read(&mut ours), Poll::Pending);
        socket.wait(None, Duration::from_secs(60));
        assert_eq!(read(&mut ours), Poll::Ready(4));
    }

    #[test]
    fn a_wait_ends_after_a_tick() {
        let (mut ours, _theirs) = pair();
        let begun = Instant::now();
        let socket = Arc::clone(&ours.0);
        assert_eq!(socket.waiting(|| read(&mut ours)), Poll::Pending);
        assert!(begun.elapsed() >= TICK / 2);
    }

    #[test]
    fn a_read_behind_the_end_gives_nothing_and_a_write_is_an_error() {
        let (mut ours, theirs) = pair();
        drop(theirs);
        let socket = Arc::clone(&ours.0);
        assert_eq!(socket.waiting(|| read(&mut ours)), Poll::Ready(0));
        let written = Pin::new(&mut ours).poll_write(&mut Context::from_waker(Waker::noop()), b"lost");
        assert!(matches!(written, Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    }

    #[test]
    fn what_finds_no_room_is_waited_for_beside_what_comes() {
        let (mut ours, mut theirs) = pair();
        let socket = Arc::clone(&ours.0);
        let block = [0; 1 << 16];
        let mut written = 0;
        while let Poll::Ready(count) = write(&mut ours, &block) {
            written += count;
        }
        // It waits no longer than for what comes.
        theirs.write_all(b"busy").expect("it writes");
        assert_eq!(socket.waiting(|| read(&mut ours)), Poll::Ready(4));
        assert_eq!(write(&mut ours, &block), Poll::Pending);
        let reader = std::thread::spawn(move || {
            let mut all = vec![0; written];
            theirs.read_exact(&mut all).expect("all comes");
            theirs
        });
        while write(&mut ours, b"!").is_pending() {
            assert_eq!(socket.waiting(|| read(&mut ours)), Poll::Pending);
        }
        let mut last = [0];
        reader.join().expect("it ends").read_exact(&mut last).expect("it comes");
        assert_eq!(&last, b"!");
    }

    #[test]
    fn who_is_woken_does_not_wait() {
        let (ours, _theirs) = pair();
        let waker = Waker::from(Arc::clone(&ours.0));
        assert!(!ours.0.take_woken());
        waker.wake_by_ref();
        assert!(ours.0.take_woken());
        assert!(!ours.0.take_woken());
    }
}
