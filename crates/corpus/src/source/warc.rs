//! Web archives: the pages of response records, and the texts of conversion records.

use super::document::Markup;
use super::encoding::{Codec, HEAD_BYTES};
use super::raw::{RawRow, RawRows};
use super::reason::BadReason;
use super::window::{Stream, Window, read_whole};
use encoding_rs::Encoding;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use memchr::memmem;
use serde_json::{Map, Value};
use std::io::{self, Cursor};

/// Bytes of a record's own header.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// The pages and texts of a web archive. Records of other kinds, answers without a page, and what
/// is not text are passed over: they are no documents. HTML is handed on as it is.
pub(super) fn warc(stream: Stream, limit: usize) -> RawRows {
    let mut records = Records { window: Window::new(stream), limit, number: 0, ended: false };
    Box::new(std::iter::from_fn(move || records.next_row()))
}

struct Records {
    window: Window,
    limit: usize,
    number: u64,
    ended: bool,
}

impl Records {
    fn next_row(&mut self) -> Option<io::Result<RawRow>> {
        while !self.ended {
            match self.record() {
                Ok(Some(row)) => return Some(Ok(row)),
                Ok(None) => {}
                Err(error) => {
                    self.ended = true;
                    return Some(RawRow::broken(self.number + 1, error));
                }
            }
        }
        None
    }

    /// Reads one record; none if it holds no document, or at the end.
    fn record(&mut self) -> io::Result<Option<RawRow>> {
        loop {
            let bytes = self.window.want(1)?;
            match bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) {
                Some(at) => break self.window.consume(at),
                None if bytes.is_empty() => {
                    self.ended = true;
                    return Ok(None);
                }
                None => {
                    let all = bytes.len();
                    self.window.consume(all);
                }
            }
        }
        self.number += 1;
        let Some(header) = self.header()? else {
            self.ended = true;
            let message = "a record without a header".to_owned();
            let reason = BadReason::Damaged { format: "WARC", message };
            return Ok(Some(RawRow::bad(self.number, reason, self.window.bytes())));
        };
        let length = header.field("content-length").and_then(|value| value.parse::<u64>().ok());
        let length = length.unwrap_or(0);
        let kind = header.field("warc-type").unwrap_or("");
        let wanted = matches!(kind, "response" | "conversion" | "resource");
        if !wanted || length > self.limit as u64 {
            self.pass(length)?;
            let limit = self.limit as u64;
            let reason = BadReason::TooLong { bytes: length, limit };
            return Ok(wanted.then(|| RawRow::bad(self.number, reason, header.text.as_bytes())));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if self.window.want(length)?.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let row = page(&header, kind, &self.window.bytes()[..length], self.number, self.limit);
        self.window.consume(length);
        Ok(row)
    }

    /// The header of a record, which ends with a blank line.
    fn header(&mut self) -> io::Result<Option<Header>> {
        loop {
            let bytes = self.window.bytes();
            if let Some((end, length)) = end_of_header(bytes) {
                let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
                let valid = text.starts_with("WARC/");
                self.window.consume(length);
                return Ok(valid.then_some(Header { text }));
            }
            if bytes.len() > MAX_HEADER_BYTES || !self.window.fill()? {
                return Ok(None);
            }
        }
    }

    fn pass(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let held = self.window.want(1)?.len();
            if held == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = usize::try_from(bytes).unwrap_or(usize::MAX).min(held);
            self.window.consume(step);
            bytes -= step as u64;
        }
        Ok(())
    }
}

/// Where a header ends, and where what follows it begins.
fn end_of_header(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
    let with_returns = memmem::find(head, b"\r\n\r\n").map(|at| (at, at + 4));
    let plain = memmem::find(head, b"\n\n").map(|at| (at, at + 2));
    [with_returns, plain].into_iter().flatten().min()
}

/// Named fields, one a line, below a first line.
struct Header {
    text: String,
}

impl Header {
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let found = fields.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

/// The document of a record, if it holds one.
fn page(record: &Header, kind: &str, block: &[u8], row: u64, limit: usize) -> Option<RawRow> {
    let mut about = Map::new();
    let mut say = |key: &str, value: &str| {
        about.insert(key.to_owned(), Value::String(value.to_owned()));
    };
    for (field, key) in
        [("warc-record-id", "id"), ("warc-target-uri", "url"), ("warc-date", "date")]
    {
        if let Some(value) = record.field(field) {
            say(key, value.trim_start_matches('<').trim_end_matches('>'));
        }
    }
    let mut content_type = record.field("content-type").unwrap_or("").to_owned();
    let mut body = Ok(block.to_vec());
    if kind == "response" {
        let (end, length) = end_of_header(block)?;
        let answer = Header { text: String::from_utf8_lossy(&block[..end]).into_owned() };
        let status = answer.text.split_whitespace().nth(1)?;
        if !answer.text.starts_with("HTTP/") || !status.starts_with('2') {
            return None;
        }
        say("status", status);
        answer.field("content-type").unwrap_or("").clone_into(&mut content_type);
        body = decoded_body(&answer, &block[length..], limit);
    }
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let html = matches!(kind.as_str(), "text/html" | "application/xhtml+xml" | "");
    if !html && kind != "text/plain" && kind != "text/markdown" {
        return None;
    }
    say("content_type", &kind);
    let body = match body {
        Ok(body) if body.trim_ascii().is_empty() => return None,
        Ok(body) => body,
        Err(reason) => return Some(RawRow::bad(row, reason, block)),
    };
    let text = page_text(&body, &content_type, html);
    Some(RawRow::text(row, text, about).with_markup(html.then_some(Markup::Html)))
}

/// The text of a page, as browsers decode it: by the byte-order mark, the header, the page's own
/// word, or a guess, with U+FFFD for what is malformed, since one stray byte is common.
fn page_text(body: &[u8], content_type: &str, html: bool) -> String {
    let label = charset(content_type.as_bytes());
    let label = label.or_else(|| charset(&body[..body.len().min(1024)]).filter(|_| html));
    let codec = Codec::of(&body[..body.len().min(HEAD_BYTES)], label);
    codec.decode_lossy(&body[codec.mark_bytes..])
}

/// The encoding that follows `charset=`.
fn charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let lower = bytes.to_ascii_lowercase();
    let at = memmem::find(&lower, b"charset=")? + b"charset=".len();
    let rest = lower[at..].trim_ascii_start();
    let rest = rest.strip_prefix(b"\"").or_else(|| rest.strip_prefix(b"'")).unwrap_or(rest);
    let is_label = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let length = rest.iter().take_while(|byte| is_label(byte)).count();
    Encoding::for_label(&rest[..length])
}

/// The body of an answer, its transfer and content encodings undone. Archives that state an
/// encoding they have already undone are common, so what does not look encoded stays as it is.
fn decoded_body(answer: &Header, body: &[u8], limit: usize) -> Result<Vec<u8>, BadReason> {
    let states = |name: &str, what: &str| {
        answer.field(name).is_some_and(|value| value.to_ascii_lowercase().contains(what))
    };
    let chunked = states("transfer-encoding", "chunked").then(|| unchunked(body)).flatten();
    let body = chunked.unwrap_or_else(|| body.to_vec());
    let decoder: Stream = match body.as_slice() {
        [0x1F, 0x8B, ..] => Box::new(MultiGzDecoder::new(Cursor::new(body))),
        [0x78, ..] if states("content-encoding", "deflate") => {
            Box::new(ZlibDecoder::new(Cursor::new(body)))
        }
        _ if states("content-encoding", "br") && std::str::from_utf8(&body).is_err() => {
            let message = "Brotli is not read".to_owned();
            return Err(BadReason::Compression { message });
        }
        _ => return Ok(body),
    };
    let message = |error: io::Error| BadReason::Compression { message: error.to_string() };
    let (bytes, whole) = read_whole(decoder, limit as u64).map_err(message)?;
    if whole {
        return Ok(bytes);
    }
    Err(BadReason::TooLong { bytes: bytes.len() as u64, limit: limit as u64 })
}

/// The body without its chunk sizes; none if it has no such sizes.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(body.len());
    loop {
        let end = memmem::find(body, b"\r\n")?;
        let size = std::str::from_utf8(&body[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(bytes);
        }
        let start = end + 2;
        let end = start.checked_add(size)?;
        bytes.extend_from_slice(body.get(start..end)?);
        body = body.get(end..)?.strip_prefix(b"\r\n")?;
    }
}
