//! CSV and TSV with a header line.

use super::sink::Sink;
use crate::error::DataError;
use csv::{ReaderBuilder, StringRecord};
use serde_json::Value;

/// Columns separated by commas.
pub(super) fn read_commas(text: &str, sink: &mut Sink<'_>) -> Result<(), DataError> {
    read(text, b',', sink)
}

/// Columns separated by tabs.
pub(super) fn read_tabs(text: &str, sink: &mut Sink<'_>) -> Result<(), DataError> {
    read(text, b'\t', sink)
}

/// Every value is a text; an empty one is none, as pandas reads it.
fn read(text: &str, delimiter: u8, sink: &mut Sink<'_>) -> Result<(), DataError> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let path = sink.path.to_owned();
    let fail = |source: csv::Error| {
        let line = source.position().map_or(1, csv::Position::line);
        DataError::Csv { path: path.clone(), line: usize::try_from(line).unwrap_or(0), source }
    };
    let header = reader.headers().map_err(&fail)?.clone();
    let mut record = StringRecord::new();
    let (mut at, mut line) = (0, 1);
    while reader.read_record(&mut record).map_err(&fail)? {
        // The library's own lines are one short in files with `\r\n`, and do not see blank lines.
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(0).clamp(at, text.len());
        let rest = text.get(start..).unwrap_or_default();
        let blank = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
        line += text.get(at..start + blank).unwrap_or_default().matches('\n').count();
        at = start + blank;
        sink.check(line, record.as_slice().len())?;
        let value = |text: &str| match text {
            "" => Value::Null,
            text => Value::String(text.to_owned()),
        };
        let fields = header.iter().zip(&record);
        sink.push(line, fields.map(|(key, text)| (key.to_owned(), value(text))).collect());
    }
    Ok(())
}
