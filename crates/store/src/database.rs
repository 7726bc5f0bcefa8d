//! One SQLite file behind one handle.

use crate::error::StoreError;
use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, params_from_iter};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a writer waits for another process before [`StoreError::Busy`].
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// One step of a component's schema; versions count from 1 without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Version of the component's tables after this step.
    pub version: u32,
    /// Statements that make the step, run in one transaction with the version mark.
    pub sql: &'static str,
}

/// A value bound to or read from a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A float.
    Real(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::ToSqlOutput::Borrowed;
        Ok(Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// One row of a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(Vec<Value>);

impl Row {
    /// The value of a column, by position.
    ///
    /// # Panics
    /// If the statement returns fewer columns.
    pub fn value(&self, column: usize) -> &Value {
        &self.0[column]
    }

    /// A text column.
    pub fn text(&self, column: usize) -> Result<&str, StoreError> {
        let value = self.value(column);
        if let Value::Text(text) = value {
            Ok(text)
        } else {
            Err(wrong_type(column, "text", value))
        }
    }

    /// An integer column.
    pub fn integer(&self, column: usize) -> Result<i64, StoreError> {
        let value = self.value(column);
        if let Value::Integer(number) = value {
            Ok(*number)
        } else {
            Err(wrong_type(column, "integer", value))
        }
    }

    /// A float column; an integer is converted.
    pub fn real(&self, column: usize) -> Result<f64, StoreError> {
        match self.value(column) {
            Value::Real(number) => Ok(*number),
            Value::Integer(number) => Ok(*number as f64),
            other @ (Value::Null | Value::Text(_) | Value::Blob(_)) => {
                Err(wrong_type(column, "real", other))
            }
        }
    }
}

fn wrong_type(column: usize, expected: &'static str, found: &Value) -> StoreError {
    let found = match found {
        Value::Null => "null",
        Value::Integer(_) => "integer",
        Value::Real(_) => "real",
        Value::Text(_) => "text",
        Value::Blob(_) => "blob",
    };
    StoreError::ColumnType { column, expected, found }
}

/// A database handle, shared between threads; statements run one at a time.
///
/// The file is in write-ahead mode, so other processes may read while one writes. A transaction
/// is on disk when [`Database::write`] returns.
#[derive(Debug)]
pub struct Database {
    connection: Mutex<Connection>,
    path: Utf8PathBuf,
}

impl Database {
    /// Opens the file at `path`, making it and its folder if need be.
    ///
    /// # Errors
    /// [`StoreError::CorruptDatabase`] if the file is damaged or is something else.
    pub fn open(path: &Utf8Path) -> Result<Self, StoreError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| crate::error::io_error(e, "create", parent))?;
        }
        let connection = Connection::open(path).map_err(|e| sql_error(e, path))?;
        let database = Self { connection: Mutex::new(connection), path: path.to_owned() };
        database.prepare().map_err(|e| sql_error(e, path))?;
        Ok(database)
    }

    fn prepare(&self) -> rusqlite::Result<()> {
        let connection = self.lock();
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS migration (
                component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
        )
    }

    /// The database file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Brings `component`'s tables to the last of `migrations`, which start at version 1.
    ///
    /// # Errors
    /// [`StoreError::NewerDatabase`] if the file was written by a newer program.
    ///
    /// # Panics
    /// If the versions are not 1, 2, 3, …
    pub fn migrate(&self, component: &str, migrations: &[Migration]) -> Result<(), StoreError> {
        for (position, migration) in migrations.iter().enumerate() {
            assert_eq!(migration.version as usize, position + 1, "migrations of {component}");
        }
        self.write(|tx| {
            let found = tx
                .query("SELECT version FROM migration WHERE component = ?", &[component.into()])?
                .first()
                .map_or(Ok(0), |row| row.integer(0))?;
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            let known = u32::try_from(migrations.len()).expect("few migrations");
            if found > known {
                let component = component.to_owned();
                let path = self.path.clone();
                return Err(StoreError::NewerDatabase { path, component, found, known });
            }
            for migration in &migrations[found as usize..] {
                tx.batch(migration.sql)?;
            }
            tx.execute(
                "INSERT INTO migration VALUES (?, ?)
                    ON CONFLICT (component) DO UPDATE SET version = excluded.version",
                &[component.into(), i64::from(known).into()],
            )?;
            Ok(())
        })
    }

    /// Runs `work` in one write transaction: all of it is on disk afterwards, or none of it.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.lock();
        let tx = connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(|e| sql_error(e, &self.path))?;
        let handle = Transaction { tx: &tx, path: &self.path };
        let value = work(&handle)?;
        tx.commit().map_err(|e| sql_error(e, &self.path))?;
        Ok(value)
    }

    /// Runs one reading statement.
    pub fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        query(&self.lock(), &self.path, sql, values)
    }

    /// Caps the file at `pages` pages, so that a test meets a full disk.
    #[cfg(test)]
    pub(crate) fn limit_pages(&self, pages: u32) {
        self.lock().pragma_update(None, "max_page_count", pages).unwrap();
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic inside a transaction rolled it back, so the connection is still good.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A write transaction in progress.
#[derive(Debug)]
pub struct Transaction<'a> {
    tx: &'a rusqlite::Transaction<'a>,
    path: &'a Utf8Path,
}

impl Transaction<'_> {
    /// Runs one statement and says how many rows it changed.
    pub fn execute(&self, sql: &str, values: &[Value]) -> Result<usize, StoreError> {
        self.tx.execute(sql, params_from_iter(values)).map_err(|e| sql_error(e, self.path))
    }

    /// Runs one reading statement.
    pub fn query(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        query(self.tx, self.path, sql, values)
    }

    fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.tx.execute_batch(sql).map_err(|e| sql_error(e, self.path))
    }
}

fn query(
    connection: &Connection,
    path: &Utf8Path,
    sql: &str,
    values: &[Value],
) -> Result<Vec<Row>, StoreError> {
    let run = || -> rusqlite::Result<Vec<Row>> {
        let mut statement = connection.prepare_cached(sql)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            (0..columns)
                .map(|i| row.get_ref(i).map(owned))
                .collect::<rusqlite::Result<_>>()
                .map(Row)
        })?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    run().map_err(|e| sql_error(e, path))
}

fn owned(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

fn sql_error(source: rusqlite::Error, path: &Utf8Path) -> StoreError {
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::DiskFull { path },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::CorruptDatabase { path, source }
        }
        _ => StoreError::Sql { path, source },
    }
}

#[cfg(test)]
mod tests;
