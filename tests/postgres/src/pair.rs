//! A primary and a standby that it waits for, which change places.

use super::outage::wait_until;
use super::{Server, as_user, run};
use std::io::ErrorKind;
use std::net::TcpListener;

/// The processes alone are killed, never the machine, so nothing is lost with the page cache: syncing it would only take
/// time. Memory that is shared through files of the cluster goes with the cluster.
const SETTINGS: &[&str] = &[
    "fsync=off",
    "dynamic_shared_memory_type=mmap",
    "shared_buffers=16MB",
    "max_connections=200",
    "wal_keep_size=64MB",
    "min_wal_size=2MB",
    "wal_retrieve_retry_interval=100ms",
];
/// What a standby calls itself.
const STANDBY: &str = "standby";

/// See the module.
pub struct Pair {
    servers: [Server; 2],
    primary: usize,
}

impl Pair {
    /// Starts both, and waits until the primary waits for the standby.
    pub fn start() -> Pair {
        let servers = quiet_ports().map(Server::vacant);
        // Small segments make small clusters, which are soon copied.
        servers[0].make_cluster(&["--wal-segsize=1"]);
        servers[0].configure(SETTINGS);
        servers[0].launch();
        let pair = Pair { servers, primary: 0 };
        pair.join();
        pair
    }

    /// One URL for both: where it leads to depends on who is the primary.
    pub fn url(&self) -> String {
        let [one, other] = &self.servers;
        let hosts = format!("localhost:{},localhost:{}", one.port, other.port);
        format!("postgresql://postgres@{hosts}/postgres?sslmode=disable&target_session_attrs=read-write")
    }

    pub fn primary(&self) -> &Server {
        &self.servers[self.primary]
    }

    pub fn standby(&self) -> &Server {
        &self.servers[1 - self.primary]
    }

    /// Makes the standby the primary, which waits for nobody at first. What was the primary is called standby from now on,
    /// and must be dead before it joins.
    pub fn promote(&mut self) {
        run(as_user("pg_ctl").args(["-w", "-t", "60", "-D"]).arg(self.standby().data()).arg("promote"));
        self.primary = 1 - self.primary;
    }

    /// Makes the standby anew, whatever it was, and waits until the primary waits for it.
    pub fn join(&self) {
        let (primary, standby) = (self.primary(), self.standby());
        if standby.data().exists() {
            std::fs::remove_dir_all(standby.data()).expect("its folder can go");
        }
        let conninfo =
            format!("host=localhost port={} user=postgres application_name={STANDBY} sslmode=disable", primary.port);
        run(as_user("pg_basebackup")
            .args(["-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", &conninfo, "-D"])
            .arg(standby.data()));
        // Once it is promoted there is nobody to wait for.
        standby.configure_over("synchronous_standby_names = ''");
        standby.launch();
        primary.sql(&format!("ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'"));
        primary.sql("SELECT pg_reload_conf()");
        self.wait_for_standby();
    }

    /// Waits until the standby has all that the primary has, and the primary waits for it.
    pub fn wait_for_standby(&self) {
        let joined = "SELECT count(*) FROM pg_stat_replication
            WHERE sync_state = 'sync' AND state = 'streaming' AND flush_lsn >= pg_current_wal_lsn()";
        wait_until("the standby has joined", || self.primary().sql(joined) == "1");
    }

    /// Waits until the primary knows that its standby is gone.
    pub fn wait_for_loss(&self) {
        let alone = "SELECT count(*) FROM pg_stat_replication";
        wait_until("the standby is gone", || self.primary().sql(alone) == "0");
    }
}

impl Server {
    /// Adds a line to the settings that go before `postgresql.conf`.
    fn configure_over(&self, line: &str) {
        let path = self.data().join("postgresql.auto.conf");
        let text = std::fs::read_to_string(&path).expect("a cluster has it");
        std::fs::write(path, format!("{text}{line}\n")).expect("it can be written");
    }
}

/// Two free ports that the system gives to no client. While a server is down its clients keep knocking, and where the system
/// chooses a client's own port from the same numbers it hits the one that is knocked at some day: the client is then
/// connected to itself, and the server cannot start.
fn quiet_ports() -> [u16; 2] {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(32768u16);
    let quiet = 1024..lowest.max(2048);
    // Tests that run at once begin at different places.
    let start = std::process::id() as usize * 16 % quiet.len();
    let mut free = quiet.clone().cycle().skip(start).take(quiet.len()).filter(|port| is_free(*port));
    [(); 2].map(|()| free.next().expect("a port is free"))
}

fn is_free(port: u16) -> bool {
    ["127.0.0.1", "::1"].iter().all(|host| match TcpListener::bind((*host, port)) {
        Ok(_) => true,
        // There need not be both kinds of addresses.
        Err(error) => error.kind() == ErrorKind::AddrNotAvailable,
    })
}
