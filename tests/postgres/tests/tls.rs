//! TLS, as `sslmode` asks for it: against a server with a certificate for `localhost`, signed by a root of its own.

mod support;

use runestore::ErrorKind;
use runestore_postgres_tests::Server;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use support::{all, append, event, open, refused};

fn openssl(folder: &Path, arguments: &[&str]) {
    let output =
        Command::new("openssl").current_dir(folder).args(arguments).output().expect("these tests need openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A server that lets nobody in without TLS, and the files with its root, and with another.
fn server(folder: &Path) -> Server {
    for root in ["root", "other"] {
        let names = format!("/CN={root}");
        openssl(
            folder,
            &[
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                &names,
                "-keyout",
                &format!("{root}.key"),
                "-out",
                &format!("{root}.crt"),
                "-addext",
                "basicConstraints=critical,CA:TRUE",
            ],
        );
    }
    openssl(
        folder,
        &[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=localhost",
            "-keyout",
            "server.key",
            "-out",
            "server.csr",
        ],
    );
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        folder,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-CA",
            "root.crt",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-extfile",
            "names",
            "-out",
            "server.crt",
        ],
    );
    let server = Server::start(&[]);
    server.install(&folder.join("server.crt"), "server.crt");
    server.install(&folder.join("server.key"), "server.key");
    server.sql("CREATE ROLE ada LOGIN PASSWORD 'p'; CREATE SCHEMA runestore AUTHORIZATION ada");
    server.authenticate("hostssl all ada all scram-sha-256\nhostnossl all ada all reject");
    server.configure(&["ssl = on"]);
    server.restart();
    server
}

#[test]
fn each_mode_looks_at_what_it_promises() {
    let home = tempfile::tempdir().unwrap();
    let server = server(home.path());
    let [root, other] = ["root.crt", "other.crt"].map(|name| home.path().join(name).display().to_string());
    // `localhost` is the certificate's name; 127.0.0.1 is the same place under another.
    let try_url = |host: &str, parameters: &str| {
        open(&format!("postgresql://ada:p@{host}:{}/postgres?{parameters}", server.port), "runestore", json!({}))
    };
    let lets_in = |host: &str, parameters: &str| {
        let store = try_url(host, parameters).unwrap_or_else(|error| panic!("{host} {parameters}: {error}"));
        append(&store, &event("a"), json!({})).unwrap();
        assert!(!all(&store).is_empty());
    };
    let keeps_out = |host: &str, parameters: &str, kind: ErrorKind, words: &str| {
        let error = refused(try_url(host, parameters), kind);
        assert!(error.message().contains(words), "{host} {parameters}: {error}");
    };
    for mode in ["", "sslmode=prefer", "sslmode=require", "sslmode=require&channel_binding=require"] {
        lets_in("localhost", mode);
        lets_in("127.0.0.1", mode);
    }
    keeps_out("localhost", "sslmode=disable", ErrorKind::Io, "no encryption");
    for mode in ["sslmode=verify-full", "sslmode=verify-ca", "sslmode=require"] {
        lets_in("localhost", &format!("{mode}&sslrootcert={root}"));
        keeps_out("localhost", &format!("{mode}&sslrootcert={other}"), ErrorKind::Io, "certificate");
    }
    lets_in("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={root}"));
    keeps_out("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={root}"), ErrorKind::Io, "certificate");
    // The system knows neither root; one that knows none at all says so when it is asked.
    let error = try_url("localhost", "sslmode=verify-full").expect_err("nobody vouches for it");
    assert!(error.message().contains("certificate"), "{error}");
    keeps_out("localhost", "sslmode=perhaps", ErrorKind::InvalidOptions, "verify-full");
    keeps_out("localhost", "sslmode=verify-full&sslrootcert=no-such-file", ErrorKind::InvalidOptions, "no-such-file");
    let key = home.path().join("server.key").display().to_string();
    keeps_out(
        "localhost",
        &format!("sslmode=verify-full&sslrootcert={key}"),
        ErrorKind::InvalidOptions,
        "no certificate",
    );
    keeps_out("localhost", "sslcert=a&sslkey=b", ErrorKind::Unsupported, "sslcert");
}
