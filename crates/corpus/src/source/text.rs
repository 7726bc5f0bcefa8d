//! Text, Markdown and HTML files.

use super::encoding::{Codec, open_text};
use super::lines::{Line, Lines};
use super::options::TextBy;
use super::raw::{RawRow, RawRows, only};
use super::reason::BadReason;
use super::window::{Stream, read_whole};
use encoding_rs::Encoding;
use serde_json::Map;
use std::io;

/// The whole file as one row.
pub(super) fn whole(stream: Stream, label: Option<&'static Encoding>, max_bytes: u64) -> RawRows {
    only(read_text(stream, label, max_bytes).map_or_else(
        |error| RawRow::broken(1, error),
        |text| {
            Ok(match text {
                Ok(text) if text.trim().is_empty() => RawRow::bad(1, BadReason::Empty, b""),
                Ok(text) => RawRow::text(1, text, Map::new()),
                Err(reason) => RawRow::bad(1, reason, b""),
            })
        },
    ))
}

/// The text of a whole file.
pub(super) fn read_text(
    stream: Stream,
    label: Option<&'static Encoding>,
    max_bytes: u64,
) -> io::Result<Result<String, BadReason>> {
    let (stream, codec) = open_text(stream, label, false);
    let (bytes, whole) = read_whole(stream, max_bytes)?;
    if !whole {
        let bytes = bytes.len() as u64;
        return Ok(Err(BadReason::TooLong { bytes, limit: max_bytes }));
    }
    if codec.is_utf8() {
        return Ok(own_text(bytes));
    }
    Ok(decode_text(&bytes, codec).map(std::borrow::Cow::into_owned))
}

fn own_text(bytes: Vec<u8>) -> Result<String, BadReason> {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => return Ok(text),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    decode_text(&bytes, Codec::utf8()).map(std::borrow::Cow::into_owned)
}

/// The text of some bytes, none of which may be zero; control bytes beside a broken encoding are
/// a picture or an archive, not a letter.
pub(super) fn decode_text(
    bytes: &[u8],
    codec: Codec,
) -> Result<std::borrow::Cow<'_, str>, BadReason> {
    let binary = |offset: usize| BadReason::Binary { offset: offset as u64, value: bytes[offset] };
    if let Some(offset) = memchr::memchr(0, bytes) {
        return Err(binary(offset));
    }
    let is_text = |byte: u8| byte >= b' ' || matches!(byte, 9..=13);
    codec.decode(bytes).map_err(|reason| {
        let control = bytes.iter().position(|&byte| !is_text(byte));
        control.map_or(reason, binary)
    })
}

/// Lines or paragraphs as rows.
pub(super) fn parts(
    stream: Stream,
    label: Option<&'static Encoding>,
    by: TextBy,
    limit: usize,
) -> RawRows {
    let (stream, codec) = open_text(stream, label, false);
    let lines = Lines::new(stream, limit);
    let mut parts = Parts { lines, codec, by, limit, ended: false, held: Held::default() };
    Box::new(std::iter::from_fn(move || parts.next_part()))
}

struct Parts {
    lines: Lines,
    codec: Codec,
    by: TextBy,
    limit: usize,
    ended: bool,
    held: Held,
}

/// The lines of a paragraph so far.
#[derive(Default)]
struct Held {
    row: u64,
    text: String,
    bytes: u64,
    fault: Option<(BadReason, String)>,
}

impl Parts {
    fn next_part(&mut self) -> Option<io::Result<RawRow>> {
        while !self.ended {
            match self.step() {
                Ok(Some(row)) => return Some(Ok(row)),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(RawRow::broken(self.lines.number() + 1, error));
                }
            }
        }
        None
    }

    /// Takes one line; a row if one is complete.
    fn step(&mut self) -> io::Result<Option<RawRow>> {
        let row = self.lines.number() + 1;
        let codec = self.codec;
        let (bytes, text) = match self.lines.next_line()? {
            None => {
                self.ended = true;
                return Ok(self.finish());
            }
            Some(Line::TooLong { bytes, limit, sample }) => {
                (bytes, Err((BadReason::TooLong { bytes, limit }, sample)))
            }
            Some(Line::Whole(bytes)) => {
                let bad = |reason| (reason, super::raw::sample(bytes));
                (bytes.len() as u64, decode_text(bytes, codec).map_err(bad))
            }
        };
        if matches!(&text, Ok(text) if text.trim().is_empty()) {
            return Ok(self.finish());
        }
        let held = &mut self.held;
        if held.bytes == 0 {
            held.row = row;
        }
        held.bytes += bytes + 1;
        match text {
            _ if held.fault.is_some() => {}
            Err(fault) => held.fault = Some(fault),
            Ok(_) if held.bytes > self.limit as u64 + 1 => {
                let sample = super::raw::sample(held.text.as_bytes());
                held.fault =
                    Some((BadReason::TooLong { bytes: 0, limit: self.limit as u64 }, sample));
                held.text = String::new();
            }
            Ok(text) => {
                if !held.text.is_empty() {
                    held.text.push('\n');
                }
                held.text.push_str(&text);
            }
        }
        Ok(if self.by == TextBy::Paragraph { None } else { self.finish() })
    }

    fn finish(&mut self) -> Option<RawRow> {
        let held = std::mem::take(&mut self.held);
        if held.bytes == 0 {
            return None;
        }
        Some(match held.fault {
            Some((BadReason::TooLong { limit, .. }, sample)) => {
                let reason = BadReason::TooLong { bytes: held.bytes - 1, limit };
                RawRow::Bad { row: held.row, reason, sample }
            }
            Some((reason, sample)) => RawRow::Bad { row: held.row, reason, sample },
            None => RawRow::text(held.row, held.text, Map::new()),
        })
    }
}
