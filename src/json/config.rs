//! The configuration of a store: which engine, and that engine's own options.

use super::Input;
use super::members::{string, unsigned};
use super::options::{flag, invalid, object, options};
use crate::error::{Result, shown};
use std::ops::RangeInclusive;
use std::time::Duration;

/// A configuration, its engine not yet looked up.
pub(crate) struct Config<'a> {
    /// The engine's name.
    pub store: String,
    /// The engine's options, sound JSON, if any are given.
    pub store_opts: Option<&'a str>,
}

/// Reads `{"store": NAME, "store_opts": {…}}`; nothing means the memory engine.
pub(crate) fn read_config(input: Option<Input<'_>>) -> Result<Config<'_>> {
    let [store, store_opts] = options(input, &["store", "store_opts"])?;
    let store = match store {
        None => String::from("memory"),
        Some(text) => string(text)
            .ok_or_else(|| invalid("store", "`store` must be the name of an engine, such as \"memory\""))?
            .into_owned(),
    };
    Ok(Config { store, store_opts })
}

/// Where a file store is, and how it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileOptions {
    /// Its directory.
    pub path: String,
    pub sync: Sync,
    pub read_only: bool,
    /// Makes the store if there is none.
    pub create: bool,
    /// A segment holds about so much.
    pub segment_bytes: u64,
    /// What does not change any more may be read as memory.
    pub mmap: bool,
}

/// When appended events are made to outlive a crash of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Sync {
    /// Before they are acknowledged, and before anybody sees them.
    #[default]
    Always,
    /// At the latest so long after they were acknowledged.
    Interval(Duration),
    /// When the operating system does it, and when a segment is full or the store is closed.
    Never,
}

/// What `segment_bytes` can be, and what it is where nobody says.
const SEGMENT_BYTES: RangeInclusive<u64> = 64 << 10..=2 << 30;
const SEGMENT_BYTES_DEFAULT: u64 = 256 << 20;
/// What `interval_ms` can be: up to a day.
const INTERVAL_MS: RangeInclusive<u64> = 1..=86_400_000;

/// Reads the options of the file engine; `path` alone must be given.
pub(crate) fn read_file_options(text: Option<&str>) -> Result<FileOptions> {
    let known = ["sync", "path", "read_only", "create", "segment_bytes", "mmap"];
    let [sync, path, read_only, create, segment_bytes, mmap] = object(text.unwrap_or("{}"), "store_opts", &known)?;
    let path = path.map(|text| match string(text) {
        Some(path) if !path.is_empty() && !path.contains('\0') => Ok(path.into_owned()),
        _ => Err(invalid("path", "`path` must be the name of a directory, a string without U+0000")),
    });
    let path = path.unwrap_or_else(|| {
        Err(invalid("path", "`path` is missing: name the directory of the store, such as {\"path\":\"ledger.runes\"}"))
    })?;
    let segment_bytes = match segment_bytes {
        None => SEGMENT_BYTES_DEFAULT,
        Some(text) => within("segment_bytes", text, SEGMENT_BYTES)?,
    };
    Ok(FileOptions {
        path,
        sync: sync.map(read_sync).transpose()?.unwrap_or_default(),
        read_only: read_only.map(|text| flag("read_only", text)).transpose()?.unwrap_or(false),
        create: create.map(|text| flag("create", text)).transpose()?.unwrap_or(true),
        segment_bytes,
        mmap: mmap.map(|text| flag("mmap", text)).transpose()?.unwrap_or(true),
    })
}

fn read_sync(text: &str) -> Result<Sync> {
    if text.starts_with('{') {
        let [interval] = object(text, "sync", &["interval_ms"])?;
        let interval =
            interval.ok_or_else(|| invalid("sync", "`sync` names no `interval_ms`: give {\"interval_ms\":100}"))?;
        return Ok(Sync::Interval(Duration::from_millis(within("interval_ms", interval, INTERVAL_MS)?)));
    }
    match string(text).as_deref() {
        Some("always") => Ok(Sync::Always),
        Some("never") => Ok(Sync::Never),
        _ => Err(invalid("sync", "`sync` must be \"always\", {\"interval_ms\":N} or \"never\"")),
    }
}

/// Which database a store is in, and how it is reached.
#[cfg(feature = "postgres")]
pub(crate) struct PostgresOptions {
    /// Where the server is, and who asks: it may hold a password, so it is never shown.
    pub url: String,
    /// The schema that the store has for itself.
    pub schema: String,
    pub read_only: bool,
    /// Makes the store if there is none.
    pub create: bool,
    /// So many connections for reading, at most.
    pub pool_size: usize,
    /// How long a server may take to let a connection in.
    pub connect_timeout: Duration,
    /// How long a call waits for the server.
    pub timeout: Duration,
}

/// Reads the options of the postgres engine; `url` alone must be given.
#[cfg(feature = "postgres")]
pub(crate) fn read_postgres_options(text: Option<&str>) -> Result<PostgresOptions> {
    const POOL: RangeInclusive<u64> = 1..=64;
    const MILLIS: RangeInclusive<u64> = 1..=86_400_000;
    let known = ["url", "schema", "read_only", "create", "pool_size", "connect_timeout_ms", "timeout_ms"];
    let [url, schema, read_only, create, pool_size, connect_timeout, timeout] =
        object(text.unwrap_or("{}"), "store_opts", &known)?;
    let example = "such as {\"url\":\"postgresql://ledger@db1.example:5432/ledger\"}";
    let url = url
        .ok_or_else(|| invalid("url", format!("`url` is missing: name the database, {example}")))
        .map(|text| string(text).filter(|url| url.starts_with("postgresql://") || url.starts_with("postgres://")))?
        .ok_or_else(|| invalid("url", format!("`url` must be a URL that begins with postgresql://, {example}")))?;
    let schema = match schema {
        None => String::from("runestore"),
        Some(text) => string(text)
            .filter(|name| (1..=63).contains(&name.len()) && !name.contains(['\0', '$', '@']))
            .ok_or_else(|| {
                invalid(
                    "schema",
                    "`schema` must be a name of 1 to 63 bytes without U+0000, `$` and `@`, such as \"runestore\"",
                )
            })?
            .into_owned(),
    };
    let millis = |name, text: Option<&str>, default| -> Result<Duration> {
        Ok(Duration::from_millis(text.map_or(Ok(default), |text| within(name, text, MILLIS))?))
    };
    Ok(PostgresOptions {
        url: url.into_owned(),
        schema,
        read_only: read_only.map(|text| flag("read_only", text)).transpose()?.unwrap_or(false),
        create: create.map(|text| flag("create", text)).transpose()?.unwrap_or(true),
        pool_size: pool_size.map_or(Ok(4), |text| within("pool_size", text, POOL))? as usize,
        connect_timeout: millis("connect_timeout_ms", connect_timeout, 5_000)?,
        timeout: millis("timeout_ms", timeout, 30_000)?,
    })
}

fn within(name: &'static str, text: &str, range: RangeInclusive<u64>) -> Result<u64> {
    unsigned(text)
        .filter(|number| range.contains(number))
        .ok_or_else(|| invalid(name, format!("`{name}` must be an integer from {} to {}", range.start(), range.end())))
}

/// Refuses any option of an engine that has none.
pub(crate) fn no_options(config: &Config<'_>) -> Result<()> {
    if let Some(text) = config.store_opts {
        object(text, "store_opts", &[])?;
    }
    Ok(())
}

/// The error for an engine that nobody knows.
pub(crate) fn unknown_engine(name: &str, known: &[&str]) -> crate::error::Error {
    invalid("store", format!("{} is no engine{}", shown(name), super::suggestion(name, known)))
}
