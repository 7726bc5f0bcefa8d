//! Text files.

use super::sink::Sink;
use crate::error::DataError;
use serde_json::{Map, Value};

/// What of a text file is one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextBy {
    /// The whole file: a book, an article.
    #[default]
    File,
    /// Each line that is not blank, as LLaMA-Factory reads text files.
    Line,
}

/// Rows with the one column `text`.
pub(super) fn read(text: &str, by: TextBy, sink: &mut Sink<'_>) -> Result<(), DataError> {
    let lines = match by {
        TextBy::File => vec![(1, text)],
        TextBy::Line => text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect(),
    };
    for (line, text) in lines {
        if text.trim().is_empty() {
            continue;
        }
        if by == TextBy::Line {
            sink.check(line, text.len())?;
        }
        sink.push(line, Map::from_iter([("text".to_owned(), Value::String(text.to_owned()))]));
    }
    Ok(())
}
