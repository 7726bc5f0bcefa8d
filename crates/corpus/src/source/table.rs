//! Tables separated by commas or tabs, with a header line.

use super::encoding::{Codec, open_text};
use super::raw::{RawRow, RawRows, sample};
use super::reason::BadReason;
use super::window::{Stream, Window};
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use encoding_rs::Encoding;
use memchr::memchr_iter;
use serde_json::{Map, Value};
use std::io;

/// Most columns of a table.
const MAX_COLUMNS: usize = 16_384;

/// The rows of a table; every value is a text, and an empty one is none, as pandas reads it.
/// `commas` tells whether the separator is a comma, or what stands in the header in its place: a
/// semicolon where commas are decimal points, or a tab.
pub(super) fn table(
    stream: Stream,
    label: Option<&'static Encoding>,
    limit: usize,
    commas: bool,
) -> RawRows {
    let (stream, codec) = open_text(stream, label, false);
    let mut table = Table {
        window: Window::new(stream),
        codec,
        reader: Reader::new(),
        header: Vec::new(),
        limit,
        line: 1,
        text: vec![0; 64 << 10],
        ends: vec![0; 256],
        state: State::Header { commas },
    };
    Box::new(std::iter::from_fn(move || table.next_row()))
}

struct Table {
    window: Window,
    codec: Codec,
    reader: Reader,
    header: Vec<String>,
    limit: usize,
    line: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Header { commas: bool },
    Rows,
    Ended,
}

/// One record: its length, and its fields in `text` and `ends` unless it is too long.
struct Record {
    bytes: u64,
    fields: usize,
    too_long: bool,
}

impl Table {
    fn next_row(&mut self) -> Option<io::Result<RawRow>> {
        if matches!(self.state, State::Ended) {
            return None;
        }
        let row = match self.read_row() {
            Ok(Some(row)) => return Some(Ok(row)),
            Ok(None) => None,
            Err(error) => Some(RawRow::broken(self.line, error)),
        };
        self.state = State::Ended;
        row
    }

    fn read_row(&mut self) -> io::Result<Option<RawRow>> {
        if let State::Header { commas } = self.state {
            self.state = State::Rows;
            let head = self.window.want(4096)?;
            let separator = if commas { separator_of(head) } else { b'\t' };
            self.reader = ReaderBuilder::new().delimiter(separator).build();
            let Some((line, record)) = self.record()? else { return Ok(None) };
            match self.fields(&record) {
                Ok(header) => self.header = header,
                Err(reason) => {
                    self.state = State::Ended;
                    return Ok(Some(RawRow::bad(line, reason, b"")));
                }
            }
        }
        let Some((line, record)) = self.record()? else { return Ok(None) };
        Ok(Some(self.row(line, &record)))
    }

    fn row(&self, row: u64, record: &Record) -> RawRow {
        let end = record.fields.checked_sub(1).map_or(0, |last| self.ends[last]);
        let text = &self.text[..end.min(self.text.len())];
        let bad = |reason| RawRow::Bad { row, reason, sample: sample(text) };
        let (found, expected) = (record.fields as u64, self.header.len() as u64);
        let values = match self.fields(record) {
            Err(reason) => return bad(reason),
            Ok(_) if found != expected => return bad(BadReason::Fields { found, expected }),
            Ok(values) => values,
        };
        let value = |text: String| if text.is_empty() { Value::Null } else { text.into() };
        let fields = self.header.iter().cloned().zip(values.into_iter().map(value));
        let fields = fields.collect::<Map<_, _>>();
        RawRow::Fields { row, bytes: record.bytes, fields, markup: None }
    }

    fn fields(&self, record: &Record) -> Result<Vec<String>, BadReason> {
        if record.too_long {
            let limit = self.limit as u64;
            return Err(BadReason::TooLong { bytes: record.bytes, limit });
        }
        let mut start = 0;
        let field = |&end: &usize| {
            let bytes = &self.text[std::mem::replace(&mut start, end)..end];
            self.codec.decode(bytes).map(std::borrow::Cow::into_owned)
        };
        self.ends[..record.fields].iter().map(field).collect()
    }

    /// Reads one record and tells the line where it begins; blank lines are passed over.
    fn record(&mut self) -> io::Result<Option<(u64, Record)>> {
        if !self.skip_line_ends()? {
            return Ok(None);
        }
        let line = self.line;
        let mut record = Record { bytes: 0, fields: 0, too_long: false };
        let mut written = 0;
        loop {
            if self.window.bytes().is_empty() {
                self.window.fill()?;
            }
            let input = self.window.bytes();
            let (text, ends) = (&mut self.text[written..], &mut self.ends[record.fields..]);
            let (result, read, wrote, ended) = self.reader.read_record(input, text, ends);
            self.line += memchr_iter(b'\n', &input[..read]).count() as u64;
            self.window.consume(read);
            record.bytes += read as u64;
            (written, record.fields) = (written + wrote, record.fields + ended);
            record.too_long |= record.bytes > self.limit as u64 + 2;
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => {
                    return Ok(Some((line, record)));
                }
                ReadRecordResult::InputEmpty => {}
                // What is too long is read over itself, so that it is not held.
                ReadRecordResult::OutputFull if record.too_long => written = 0,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() < MAX_COLUMNS => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    record.too_long = true;
                    record.fields = 0;
                }
            }
        }
    }

    fn skip_line_ends(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.window.bytes();
            let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let more = ends < bytes.len();
            self.line += memchr_iter(b'\n', &bytes[..ends]).count() as u64;
            self.window.consume(ends);
            if more {
                return Ok(true);
            }
            if !self.window.fill()? {
                return Ok(false);
            }
        }
    }
}

/// The separator of a table that begins with `head`: a comma, unless the header line has none.
fn separator_of(head: &[u8]) -> u8 {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let has = |byte: &u8| line.contains(byte);
    [b',', b';', b'\t'].into_iter().find(has).unwrap_or(b',')
}
