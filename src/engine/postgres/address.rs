//! Where the servers are, taken from a URL.

use super::tls::Tls;
use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use std::borrow::Cow;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// What a URL can ask for beside what the library knows: read here, and taken out.
const OURS: [&str; 2] = ["sslmode", "sslrootcert"];
/// What other clients know and this one does not: certificates of clients, and secrets in files.
const UNKNOWN: [&str; 4] = ["sslcert", "sslkey", "sslcrl", "passfile"];

/// One host of a URL.
pub(super) struct Address {
    /// For a message.
    pub name: String,
    pub config: Config,
    pub tls: Option<Tls>,
}

/// Each host of the URL, in its order.
pub(super) fn addresses(options: &PostgresOptions) -> Result<Vec<Address>> {
    check_escapes(&options.url)?;
    let (url, [sslmode, sslrootcert]) = taken_apart(&options.url)?;
    // What the library says of a URL may quote it, and a password with it.
    let config: Config = url.parse().map_err(|_| {
        invalid(
            "`url` is no PostgreSQL URL: give postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters as %XX, and behind \
             a ? parameters as the PostgreSQL manual has them for connections",
        )
    })?;
    let tls = Tls::new(sslmode.as_deref(), sslrootcert.as_deref())?;
    let (hosts, addresses) = (config.get_hosts(), config.get_hostaddrs());
    let count = hosts.len().max(addresses.len());
    let ports = config.get_ports();
    if count == 0 {
        return Err(invalid("`url` names no host: give postgresql://HOST/DATABASE"));
    }
    if (!hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len())
        || (ports.len() > 1 && ports.len() != count)
    {
        return Err(invalid("`url` has not as many hosts as ports, or as addresses: give each host its own"));
    }
    let one = |index: usize| {
        let mut one = general(&config, options);
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        one.port(port);
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        let mut tls = tls.clone();
        let name = match hosts.get(index) {
            Some(Host::Tcp(name)) => {
                one.host(name.as_str());
                format!("{name}:{port}")
            }
            // Nobody listens in between there.
            Some(Host::Unix(path)) => {
                one.host_path(path);
                tls = None;
                format!("{}, port {port}", path.display())
            }
            // For what TLS asks; where to is known.
            None => {
                one.host(addresses[index].to_string());
                format!("{}:{port}", addresses[index])
            }
        };
        one.ssl_mode(tls.as_ref().map_or(SslMode::Disable, |tls| tls.mode));
        Address { name, config: one, tls }
    };
    Ok((0..count).map(one).collect())
}

/// A password with an `@` or a `/` as it is would be taken for a host's name, and be told in messages.
fn check_escapes(url: &str) -> Result<()> {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let place = place.split_once('?').map_or(place, |(place, _)| place);
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    if authority.matches('@').count() > 1 || path.contains('@') {
        return Err(invalid(
            "`url` has an `@` too many: write those of a name or password as %40, and each `/` as %2F",
        ));
    }
    Ok(())
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOptions, what).with("option", "url")
}

/// All of a configuration but for hosts and TLS.
fn general(config: &Config, options: &PostgresOptions) -> Config {
    let mut one = Config::new();
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
    one.channel_binding(config.get_channel_binding()).ssl_negotiation(config.get_ssl_negotiation());
    one.connect_timeout(config.get_connect_timeout().copied().unwrap_or(options.connect_timeout));
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    // A writer is of use only where it may write.
    let wanted = config.get_target_session_attrs();
    one.target_session_attrs(if options.read_only { wanted } else { TargetSessionAttrs::ReadWrite });
    one
}

/// A URL without our parameters, and their values.
fn taken_apart(url: &str) -> Result<(String, [Option<String>; OURS.len()])> {
    let mut values = [const { None }; OURS.len()];
    let Some((place, parameters)) = url.split_once('?') else { return Ok((String::from(url), values)) };
    let mut kept: Vec<&str> = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if UNKNOWN.contains(&name) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("`url`: {name} is not supported: log in with a password, and verify the server by sslrootcert"),
            )
            .with("option", "url"));
        }
        match OURS.iter().position(|ours| *ours == name) {
            None => kept.push(parameter),
            Some(index) => {
                let value = percent_encoding::percent_decode_str(value).decode_utf8();
                values[index] = Some(value.map(Cow::into_owned).map_err(|_| invalid("`url` is not UTF-8"))?);
            }
        }
    }
    let parameters = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{place}{parameters}"), values))
}
