//! Rows as the readers of single formats hand them on.

use super::decompress::Fault;
use super::document::{BadRow, Markup};
use super::json::JsonLines;
use super::reason::BadReason;
use serde_json::{Map, Value};
use std::io;

/// One row of a file.
pub(super) enum RawRow {
    /// Its values by name.
    Fields { row: u64, bytes: u64, fields: Map<String, Value>, markup: Option<Markup> },
    /// A row that has none.
    Bad { row: u64, reason: BadReason, sample: String },
}

/// The rows of one shard; an error is the system's.
pub(super) type RawRows = Box<dyn Iterator<Item = io::Result<RawRow>> + Send>;

/// The same, those of lines told apart.
pub(super) enum Rows {
    /// One object a line.
    Lines(Box<JsonLines>),
    /// Of any other file.
    Other(RawRows),
}

impl Iterator for Rows {
    type Item = io::Result<RawRow>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Other(rows) => rows.next(),
        }
    }
}

impl RawRow {
    /// A row with `text` and what is known about it.
    pub(super) fn text(row: u64, text: String, about: Map<String, Value>) -> Self {
        let bytes = text.len() as u64;
        let mut fields = Map::new();
        fields.insert("text".to_owned(), Value::String(text));
        fields.extend(about);
        Self::Fields { row, bytes, fields, markup: None }
    }

    /// The same with markup in its text.
    pub(super) fn with_markup(mut self, found: Option<Markup>) -> Self {
        if let Self::Fields { markup, .. } = &mut self {
            *markup = found;
        }
        self
    }

    /// A bad row with the beginning of its bytes.
    pub(super) fn bad(row: u64, reason: BadReason, bytes: &[u8]) -> Self {
        Self::Bad { row, reason, sample: sample(bytes) }
    }

    /// The last row of a stream that broke.
    pub(super) fn broken(row: u64, error: io::Error) -> io::Result<Self> {
        match Fault::from(error) {
            Fault::System(error) => Err(error),
            Fault::Bad(reason) => Ok(Self::bad(row, reason, b"")),
        }
    }
}

/// The only row of a file.
pub(super) fn only(row: io::Result<RawRow>) -> RawRows {
    Box::new(std::iter::once(row))
}

/// A bad row in place of a whole file.
pub(super) fn bad_file(reason: BadReason) -> RawRows {
    only(Ok(RawRow::bad(1, reason, b"")))
}

/// The beginning of some bytes as text.
pub(super) fn sample(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(BadRow::SAMPLE_CHARS * 4)];
    String::from_utf8_lossy(head).chars().take(BadRow::SAMPLE_CHARS).collect()
}

/// What a JSON value is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
