//! Takes the rows of one file, within the limits.

use super::limits::RowLimits;
use super::place::{Row, RowPlace};
use crate::error::DataError;
use camino::Utf8Path;
use serde_json::{Map, Value};

/// Takes the rows of one file.
pub(super) struct Sink<'a> {
    pub(super) path: &'a Utf8Path,
    pub(super) file: usize,
    pub(super) limits: &'a RowLimits,
    pub(super) rows: &'a mut Vec<Row>,
}

impl Sink<'_> {
    /// Refuses a row of `bytes` that begins at `line`, if that is too long.
    pub(super) fn check(&self, line: usize, bytes: usize) -> Result<(), DataError> {
        let limit = self.limits.max_row_bytes;
        if bytes > limit {
            return Err(DataError::RowTooLong { path: self.path.to_owned(), line, bytes, limit });
        }
        if self.rows.len() >= self.limits.max_rows {
            let (what, limit) = ("number of rows", self.limits.max_rows as u64);
            return Err(DataError::TooLarge { path: self.path.to_owned(), what, limit });
        }
        Ok(())
    }

    /// Takes a row.
    pub(super) fn push(&mut self, line: usize, fields: Map<String, Value>) {
        self.rows.push(Row { place: RowPlace { file: self.file, line }, fields });
    }

    /// Takes a JSON value, which must be an object.
    pub(super) fn push_value(&mut self, line: usize, value: Value) -> Result<(), DataError> {
        let found = match value {
            Value::Object(fields) => {
                self.push(line, fields);
                return Ok(());
            }
            Value::Null => "null",
            Value::Bool(_) => "a truth value",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
        };
        Err(DataError::NotAnObject { path: self.path.to_owned(), line, found })
    }
}
