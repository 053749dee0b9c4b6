//! PostgreSQL servers that a test starts for itself and that go away with it.
//!
//! The binaries are looked for in the folder that `PG_BIN` names, on the `PATH`, and where Debian has them. Where the
//! tests run as root, the server runs as Debian's user `postgres`, since it refuses to be root.

mod outage;
mod pair;
mod proxy;

pub use pair::Pair;
pub use proxy::{Proxy, Wire};

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The one server that the tests of a process share.
pub fn shared() -> &'static Server {
    static SHARED: OnceLock<Server> = OnceLock::new();
    // What it has is lost with the machine, and so is whoever asks.
    SHARED.get_or_init(|| Server::start(&["max_connections=400", "fsync=off"]))
}

/// A server with one superuser, `postgres`, whom it trusts, on the loopback.
pub struct Server {
    home: PathBuf,
    pub port: u16,
    /// Ends the server as soon as its input ends: when this is dropped, and however this process dies.
    keeper: Child,
}

impl Server {
    /// Makes a cluster and starts it. `settings` are lines of `postgresql.conf`.
    pub fn start(settings: &[&str]) -> Server {
        Server::start_in(&std::env::temp_dir(), settings)
    }

    /// The same, with all that it keeps somewhere in this folder, which its user must be able to enter.
    pub fn start_in(folder: &Path, settings: &[&str]) -> Server {
        let server = Server::vacant_in(folder, free_port());
        server.make_cluster(&[]);
        server.configure(settings);
        server.launch();
        server
    }

    /// A folder and a port for a server, and no cluster yet.
    fn vacant(port: u16) -> Server {
        Server::vacant_in(&std::env::temp_dir(), port)
    }

    fn vacant_in(folder: &Path, port: u16) -> Server {
        let home = tempfile::Builder::new().prefix("runestore-postgres-").tempdir_in(folder).expect("a folder").keep();
        let keeper = keeper(&home);
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&home));
        }
        Server { home, port, keeper }
    }

    fn make_cluster(&self, options: &[&str]) {
        run(as_user("initdb")
            .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"])
            .args(options)
            .arg("-D")
            .arg(self.data()));
    }

    /// Adds lines to `postgresql.conf`, for the next start.
    pub fn configure(&self, settings: &[&str]) {
        let path = self.data().join("postgresql.conf");
        let mut text = std::fs::read_to_string(&path).expect("a cluster has settings");
        settings.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        std::fs::write(path, text).expect("the settings can be written");
    }

    /// Starts it again, and waits until it answers.
    pub fn launch(&self) {
        let options = format!("-p {} -c listen_addresses=localhost -k {}", self.port, self.home.display());
        let log = self.home.join("log");
        let mut start = as_user("pg_ctl");
        start.args(["-w", "-t", "60", "-o", &options, "-l"]).arg(&log).arg("-D").arg(self.data()).arg("start");
        let (started, printed) = attempt(&mut start);
        // What `pg_ctl` says of a server that does not start is to look there.
        assert!(started, "{start:?}: {printed}\n{}", std::fs::read_to_string(log).unwrap_or_default());
    }

    /// Stops it, letting what is under way end, and starts it again.
    pub fn restart(&self) {
        run(as_user("pg_ctl").args(["-w", "-m", "fast", "-D"]).arg(self.data()).arg("stop"));
        self.launch();
    }

    /// Has lines of `pg_hba.conf` stand before all others, from now on.
    pub fn authenticate(&self, lines: &str) {
        let path = self.data().join("pg_hba.conf");
        let text = std::fs::read_to_string(&path).expect("a cluster has rules");
        std::fs::write(path, format!("{lines}\n{text}")).expect("the rules can be written");
        self.sql("SELECT pg_reload_conf()");
    }

    /// Puts a copy of a file into the cluster's folder, for the server alone.
    pub fn install(&self, file: &Path, name: &str) {
        let path = self.data().join(name);
        std::fs::copy(file, &path).expect("the file can be copied");
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&path));
        }
        run(Command::new("chmod").arg("600").arg(&path));
    }

    /// How a store in it is named; add `schema` to the options.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub fn url_of(&self, user: &str) -> String {
        format!("postgresql://{user}@localhost:{}/postgres?sslmode=disable", self.port)
    }

    /// What `psql` prints for some SQL, run as the superuser.
    pub fn sql(&self, sql: &str) -> String {
        let port = self.port.to_string();
        run(as_user("psql").args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "localhost",
            "-p",
            &port,
            "-c",
            sql,
        ]))
    }

    /// The process that all of its processes come from.
    pub fn pid(&self) -> u32 {
        let path = self.data().join("postmaster.pid");
        let text = std::fs::read_to_string(path).expect("a server that runs says so");
        text.lines().next().and_then(|line| line.parse().ok()).expect("its first line is its number")
    }

    pub fn data(&self) -> PathBuf {
        self.home.join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Runs until its input ends, then stops the server, which may be halted, and removes its folder.
fn keeper(home: &Path) -> Child {
    let script = r#"
        trap '' INT TERM HUP
        cat >/dev/null
        if pid=$(head -n 1 "$0/data/postmaster.pid"); then
            kill -CONT $pid $(grep -lsx "PPid:.$pid" /proc/[0-9]*/status | cut -d / -f 3)
            "$@" -m immediate -D "$0/data" stop
        fi
        rm -rf "$0""#;
    let stop = as_user("pg_ctl");
    let mut keeper = Command::new("sh");
    keeper.args(["-c", script]).arg(home).arg(stop.get_program()).args(stop.get_args());
    keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh runs")
}

/// A program of PostgreSQL, as the user whom the server is to run as.
fn as_user(program: &str) -> Command {
    let program = binaries().join(program);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.current_dir("/");
    command
}

fn is_root() -> bool {
    Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0)
}

fn binaries() -> &'static Path {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        let named = std::env::var_os("PG_BIN").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|version| Some(version.ok()?.path().join("bin")))
            .collect();
        debian.sort_by_key(|bin| bin.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
        let folders = named.into_iter().chain(std::env::split_paths(&path)).chain(debian.into_iter().rev());
        // A folder of the `PATH` may have links to some of them: all are where the links lead.
        let programs = folders.filter_map(|folder| folder.join("initdb").canonicalize().ok());
        programs.filter_map(|program| Some(program.parent()?.to_path_buf())).next().expect(
            "these tests need PostgreSQL: install Debian's postgresql, or name the folder of its programs in PG_BIN",
        )
    })
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("localhost:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// Runs a program to its end, which must be a good one, and answers what it printed.
fn run(command: &mut Command) -> String {
    let (succeeded, printed) = attempt(command);
    assert!(succeeded, "{command:?}: {printed}");
    printed
}

/// Runs a program to its end: whether it was a good one, and what it printed.
fn attempt(command: &mut Command) -> (bool, String) {
    // What it leaves running must not hold on to a pipe of ours.
    let output = tempfile::NamedTempFile::new().expect("a file");
    let file = || Stdio::from(output.reopen().expect("the file is there"));
    let status = command.stdin(Stdio::null()).stdout(file()).stderr(file()).status().expect("the program is there");
    let printed = std::fs::read_to_string(output.path()).expect("the file is there");
    (status.success(), String::from(printed.trim_end()))
}
