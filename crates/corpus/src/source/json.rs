//! JSON Lines, lists of JSON objects, and objects one after the other.

use super::chunks::{Chunk, Chunks};
use super::encoding::{Codec, open_text};
use super::flat::FlatRow;
use super::lines::{Line, Lines};
use super::options::ReadOptions;
use super::raw::{RawRow, RawRows, kind_of};
use super::reason::BadReason;
use super::window::Stream;
use encoding_rs::Encoding;
use memchr::memchr;
use serde_json::{Map, Value};
use std::io;

/// Rows of one object a line; blank lines are passed over.
pub(super) struct JsonLines {
    lines: Lines,
    codec: Codec,
    ended: bool,
}

/// One object a line.
pub(super) fn json_lines(lines: Lines, codec: Codec) -> JsonLines {
    JsonLines { lines, codec, ended: false }
}

/// What stands in a line.
pub(super) enum LineRow {
    /// The document that was read into the buffers.
    Flat { row: u64 },
    /// Any other row.
    Raw(RawRow),
}

impl JsonLines {
    /// The next row, read into `flat` if it is one for that.
    pub(super) fn next_flat(
        &mut self,
        flat: &mut FlatRow,
        options: &ReadOptions,
    ) -> Option<io::Result<LineRow>> {
        let row = self.next_with(|line, row, codec| {
            if let Line::Whole(bytes) = line
                && let Ok(text) = codec.decode(bytes)
                && flat.read(&text, options)
            {
                return LineRow::Flat { row };
            }
            LineRow::Raw(row_of(line, row, codec))
        });
        Some(match row? {
            Ok(row) => Ok(row),
            Err((row, error)) => RawRow::broken(row, error).map(LineRow::Raw),
        })
    }

    /// What `read` makes of the next line that is not blank; an error with its line.
    fn next_with<T>(
        &mut self,
        mut read: impl FnMut(&Line<'_>, u64, Codec) -> T,
    ) -> Option<Result<T, (u64, io::Error)>> {
        while !self.ended {
            let row = self.lines.number() + 1;
            match self.lines.next_line() {
                Ok(Some(line)) if is_blank(&line) => {}
                Ok(Some(line)) => return Some(Ok(read(&line, row, self.codec))),
                Ok(None) => self.ended = true,
                Err(error) => {
                    self.ended = true;
                    return Some(Err((row, error)));
                }
            }
        }
        None
    }
}

impl Iterator for JsonLines {
    type Item = io::Result<RawRow>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.next_with(row_of)?;
        Some(row.or_else(|(row, error)| RawRow::broken(row, error)))
    }
}

fn is_blank(line: &Line<'_>) -> bool {
    matches!(line, Line::Whole(bytes) if bytes.trim_ascii().is_empty())
}

fn row_of(line: &Line<'_>, row: u64, codec: Codec) -> RawRow {
    let bytes = match line {
        Line::Whole(bytes) => *bytes,
        Line::TooLong { bytes, limit, sample } => {
            let reason = BadReason::TooLong { bytes: *bytes, limit: *limit };
            return RawRow::Bad { row, reason, sample: sample.clone() };
        }
    };
    parsed(bytes, row, 0, codec)
}

/// The row that `bytes` hold; a bad one stands `lines` lines further where it spans several.
fn parsed(bytes: &[u8], row: u64, lines: u64, codec: Codec) -> RawRow {
    let fault = match codec.decode(bytes).map(|text| parse(&text)) {
        Ok(Ok(fields)) => {
            return RawRow::Fields { row, bytes: bytes.len() as u64, fields, markup: None };
        }
        Ok(Err((reason, line))) => (reason, line.min(lines)),
        Err(reason) => (reason, 0),
    };
    // A zero byte is better called binary data than a fault of the JSON.
    match memchr(0, bytes) {
        Some(offset) => {
            let reason = BadReason::Binary { offset: offset as u64, value: 0 };
            RawRow::bad(row, reason, bytes)
        }
        None => RawRow::bad(row + fault.1, fault.0, bytes),
    }
}

/// The object that `text` holds; else why there is none, and on which of its lines, from 0.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, (BadReason, u64)> {
    let error = match serde_json::from_str(text) {
        Ok(fields) => return Ok(fields),
        Err(error) => error,
    };
    if error.is_data()
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return Err((BadReason::NotAnObject { found: kind_of(&value) }, 0));
    }
    let line = error.line().saturating_sub(1) as u64;
    Err((BadReason::NotJson { message: error.to_string() }, line))
}

/// A list of objects, or objects one after the other.
pub(super) fn json(stream: Stream, label: Option<&'static Encoding>, limit: usize) -> RawRows {
    let (stream, codec) = open_text(stream, label, true);
    Box::new(JsonValues { chunks: Chunks::new(stream, limit), codec, ended: false })
}

struct JsonValues {
    chunks: Chunks,
    codec: Codec,
    ended: bool,
}

impl Iterator for JsonValues {
    type Item = io::Result<RawRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let codec = self.codec;
        let chunk = match self.chunks.next_chunk() {
            Ok(chunk) => chunk,
            Err(error) => {
                self.ended = true;
                return Some(RawRow::broken(self.chunks.line(), error));
            }
        };
        let (row, chunk) = chunk?;
        Some(Ok(match chunk {
            Chunk::Whole(bytes) => parsed(bytes, row, u64::MAX, codec),
            Chunk::TooLong { bytes, limit, sample } => {
                RawRow::Bad { row, reason: BadReason::TooLong { bytes, limit }, sample }
            }
            Chunk::Broken(message) => {
                RawRow::bad(row, BadReason::NotJson { message: message.to_owned() }, b"")
            }
        }))
    }
}
