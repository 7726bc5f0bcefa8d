//! JSON and JSON Lines.

use super::sink::Sink;
use crate::error::DataError;
use serde::de::{Error as _, IgnoredAny};
use serde_json::{Deserializer, Value};

/// One object a line; blank lines are skipped.
pub(super) fn read_lines(text: &str, sink: &mut Sink<'_>) -> Result<(), DataError> {
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        sink.check(index + 1, line.len())?;
        let value = serde_json::from_str(line).map_err(|source| DataError::RowJson {
            path: sink.path.to_owned(),
            line: index + 1,
            source,
        })?;
        sink.push_value(index + 1, value)?;
    }
    Ok(())
}

/// A list of objects, or objects one after the other.
pub(super) fn read(text: &str, sink: &mut Sink<'_>) -> Result<(), DataError> {
    let mut cursor = Cursor { text, at: 0, line: 1 };
    cursor.skip_space();
    let in_list = cursor.take('[');
    loop {
        cursor.skip_space();
        let ended = if in_list { cursor.take(']') } else { cursor.rest().is_empty() };
        if ended {
            break;
        }
        let line = cursor.line;
        let (value, bytes) = cursor.value().map_err(|source| DataError::RowJson {
            path: sink.path.to_owned(),
            line: line + source.line().saturating_sub(1),
            source,
        })?;
        sink.check(line, bytes)?;
        sink.push_value(line, value)?;
        cursor.skip_space();
        if in_list && !cursor.take(',') && !cursor.rest().starts_with(']') {
            return Err(broken(text, sink, cursor.line));
        }
    }
    cursor.skip_space();
    if cursor.rest().is_empty() { Ok(()) } else { Err(broken(text, sink, cursor.line)) }
}

/// The parser's own word on a text whose brackets or commas are wrong.
fn broken(text: &str, sink: &Sink<'_>, line: usize) -> DataError {
    let path = sink.path.to_owned();
    if let Err(source) = serde_json::from_str::<IgnoredAny>(text) {
        return DataError::RowJson { path, line: source.line(), source };
    }
    let source = serde_json::Error::custom("expected a list of objects");
    DataError::RowJson { path, line, source }
}

/// A place in a text, with its line.
struct Cursor<'t> {
    text: &'t str,
    at: usize,
    line: usize,
}

impl Cursor<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        let space = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.advance(space);
    }

    fn take(&mut self, ch: char) -> bool {
        let found = self.rest().starts_with(ch);
        if found {
            self.advance(ch.len_utf8());
        }
        found
    }

    /// The next value and its length.
    fn value(&mut self) -> Result<(Value, usize), serde_json::Error> {
        let mut stream = Deserializer::from_str(self.rest()).into_iter::<Value>();
        let next = stream.next();
        let bytes = stream.byte_offset();
        let ended = || serde_json::Error::custom("the file ends in the middle of a list");
        let value = next.ok_or_else(ended)??;
        self.advance(bytes);
        Ok((value, bytes))
    }
}
