//! A wire between a store and its server that a test can cut, or hold.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to what the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// It is passed on.
    Sound = 0,
    /// The next that it says is lost, and the connection with it; after that, all is sound again.
    CutOnce = 1,
    /// The same for every connection.
    Cut = 2,
    /// Nothing is passed on, and nothing ends.
    Held = 3,
}

impl Wire {
    const ALL: [Wire; 4] = [Wire::Sound, Wire::CutOnce, Wire::Cut, Wire::Held];
}

/// See the module.
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    wire: AtomicU8,
    cuts: AtomicUsize,
    ended: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A proxy of the server at a port of this machine.
    pub fn to(server: u16) -> Proxy {
        let listener = TcpListener::bind("localhost:0").expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if shared.ended.load(SeqCst) {
                    return;
                }
                let client = client.expect("a connection");
                let Ok(server) = TcpStream::connect(("localhost", server)) else { continue };
                shared.join(client, server);
            }
        });
        Proxy { port, state }
    }

    /// What happens from now on.
    pub fn set(&self, wire: Wire) {
        self.state.wire.store(wire as u8, SeqCst);
    }

    /// How often what the server said was lost.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(SeqCst)
    }

    /// How a store behind it is named.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@localhost:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, SeqCst);
        let streams = self.state.streams.lock().expect("no thread panics");
        streams.iter().for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        // So that the listener sees that it has ended.
        let _ = TcpStream::connect(("localhost", self.port));
    }
}

impl State {
    fn join(self: &Arc<State>, client: TcpStream, server: TcpStream) {
        let clones = || [client.try_clone().expect("a socket"), server.try_clone().expect("a socket")];
        self.streams.lock().expect("no thread panics").extend(clones());
        let [mut from, mut to] = clones();
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
        let state = Arc::clone(self);
        std::thread::spawn(move || state.pass_on(server, client));
    }

    fn pass_on(&self, mut server: TcpStream, mut client: TcpStream) {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = server.read(&mut bytes) {
            while self.wire() == Wire::Held && !self.ended.load(SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let once = self.wire.compare_exchange(Wire::CutOnce as u8, Wire::Sound as u8, SeqCst, SeqCst).is_ok();
            if once || self.wire() == Wire::Cut {
                self.cuts.fetch_add(1, SeqCst);
                break;
            }
            if client.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = client.shutdown(Shutdown::Both);
        let _ = server.shutdown(Shutdown::Both);
    }

    fn wire(&self) -> Wire {
        Wire::ALL[usize::from(self.wire.load(SeqCst))]
    }
}
