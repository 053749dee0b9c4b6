//! Where the servers are, taken from a URL.

use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// Each host of the URL, in its order: its name for a message, and how to connect to it.
pub(super) fn addresses(options: &PostgresOptions) -> Result<Vec<(String, Config)>> {
    let invalid = |what: String| Error::new(ErrorKind::InvalidOptions, what).with("option", "url");
    // What the library says of a URL may quote it, and a password with it.
    let config: Config = options.url.parse().map_err(|_| {
        invalid(String::from(
            "`url` is no PostgreSQL URL: give postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %XX; known behind \
             a ? are those of the PostgreSQL manual for connections, but for client certificates",
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        let message = "this version has no TLS: reach the server through a socket or a tunnel, with sslmode=disable";
        return Err(Error::new(ErrorKind::Unsupported, message).with("option", "url"));
    }
    if config.get_hosts().is_empty() {
        return Err(invalid(String::from("`url` names no host: give postgresql://HOST/DATABASE")));
    }
    let ports = config.get_ports();
    let addresses = config.get_hosts().iter().enumerate().map(|(index, host)| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let mut one = Config::new();
        let name = match host {
            Host::Tcp(name) => one.host(name.as_str()).port(port).get_hosts().first().map(|_| format!("{name}:{port}")),
            Host::Unix(path) => one.host_path(path).port(port).get_hosts().first().map(|_| path.display().to_string()),
        };
        if let Some(user) = config.get_user() {
            one.user(user);
        }
        if let Some(password) = config.get_password() {
            one.password(password);
        }
        if let Some(dbname) = config.get_dbname() {
            one.dbname(dbname);
        }
        if let Some(parameters) = config.get_options() {
            one.options(parameters);
        }
        one.application_name(config.get_application_name().unwrap_or("runestore"));
        one.ssl_mode(SslMode::Disable).connect_timeout(options.connect_timeout);
        one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
        // A writer is of use only where it may write.
        let wanted = config.get_target_session_attrs();
        let any = wanted == TargetSessionAttrs::Any && !options.read_only;
        one.target_session_attrs(if any { TargetSessionAttrs::ReadWrite } else { wanted });
        (name.unwrap_or_default(), one)
    });
    Ok(addresses.collect())
}
