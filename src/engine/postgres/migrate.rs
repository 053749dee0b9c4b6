//! The store's tables: whether they are there, and how they get there.

use super::connection::Connection;
use super::fault::Fault;
use crate::error::{Error, ErrorKind, Result};
use crate::json::PostgresOptions;
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// What each version adds to the one before.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];
/// The newest.
pub(super) const VERSION: usize = MIGRATIONS.len();
/// So often a race with another process that makes the same store is run again.
const TRIES: usize = 10;

/// A schema's name in SQL.
pub(super) fn quoted(schema: &str) -> String {
    format!("\"{}\"", schema.replace('"', "\"\""))
}

/// What stands before a table's name in SQL.
pub(super) fn place(schema: &str) -> String {
    format!("{}.", quoted(schema))
}

/// SQL of ours for one store: the @ of each `@.name` becomes the schema's name.
pub(super) fn in_schema(sql: &str, schema: &str) -> String {
    sql.replace("@.", &place(schema))
}

/// Sees to it that the store is there, in this version.
pub(super) fn migrate(connection: &mut Connection, options: &PostgresOptions, patience: Duration) -> Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let outcome = connection.run(patience, &|| Ok(()), async |client, _| attempt(client, options).await);
        let raced = [
            SqlState::UNIQUE_VIOLATION,
            SqlState::DUPLICATE_SCHEMA,
            SqlState::DUPLICATE_TABLE,
            SqlState::DUPLICATE_OBJECT,
        ];
        match outcome {
            Ok(found) => return found,
            Err(fault)
                if tries < TRIES && (fault.is_passing() || fault.code().is_some_and(|code| raced.contains(code))) =>
            {
                roll_back(connection, patience).map_err(Fault::into_error)?;
            }
            Err(fault) => return Err(fault.into_error()),
        }
    }
}

fn roll_back(connection: &mut Connection, patience: Duration) -> std::result::Result<(), Fault> {
    connection.run(patience, &|| Ok(()), async |client, _| client.batch_execute("ROLLBACK").await)
}

async fn attempt(client: &Client, options: &PostgresOptions) -> std::result::Result<Result<()>, tokio_postgres::Error> {
    let encoding: String = client.query_one_scalar("SHOW server_encoding", &[]).await?;
    if encoding != "UTF8" {
        let message = format!("PostgreSQL: the database's encoding is {encoding}: make one with ENCODING 'UTF8'");
        return Ok(Err(Error::new(ErrorKind::Unsupported, message)));
    }
    let schema = &options.schema;
    let there = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = 'meta')";
    let version = in_schema("SELECT version FROM @.meta", schema);
    if client.query_one_scalar(there, &[schema]).await? {
        match client.query_one_scalar::<i32, _>(version.as_str(), &[]).await? {
            at if at as usize == MIGRATIONS.len() => return Ok(Ok(())),
            at if at as usize > MIGRATIONS.len() => return Ok(Err(newer(at))),
            _ => {}
        }
    } else if options.read_only || !options.create {
        let message =
            format!("PostgreSQL: there is no store in schema `{schema}`: name its schema, or open it with `create`");
        return Ok(Err(Error::new(ErrorKind::NotFound, message).with("schema", schema.as_str())));
    }
    client.batch_execute("BEGIN").await?;
    // It asks for a right on the database even where the schema is there.
    let known = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    if !client.query_one_scalar::<bool, _>(known, &[schema]).await? {
        client.batch_execute(&format!("CREATE SCHEMA {}", quoted(schema))).await?;
    }
    let meta =
        "CREATE TABLE IF NOT EXISTS @.meta (one boolean PRIMARY KEY DEFAULT true CHECK (one), version int NOT NULL);
                LOCK TABLE @.meta IN ACCESS EXCLUSIVE MODE;
                INSERT INTO @.meta (version) VALUES (0) ON CONFLICT DO NOTHING";
    client.batch_execute(&in_schema(meta, schema)).await?;
    let at: i32 = client.query_one_scalar(version.as_str(), &[]).await?;
    for migration in MIGRATIONS.iter().skip(at as usize) {
        client.batch_execute(&in_schema(migration, schema)).await?;
    }
    let now = format!("UPDATE @.meta SET version = {} WHERE version < {0}; COMMIT", MIGRATIONS.len());
    client.batch_execute(&in_schema(&now, schema)).await?;
    Ok(Ok(()))
}

fn newer(version: i32) -> Error {
    let message = format!(
        "PostgreSQL: the store has version {version} of its tables, this library knows {}: take a newer Runestore",
        MIGRATIONS.len()
    );
    Error::new(ErrorKind::Unsupported, message).with("format", version)
}
