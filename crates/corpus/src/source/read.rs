//! From a shard to rows.

use super::attributes::Sidecars;
use super::columns::{self, Pieces};
use super::decompress::{self, Fault};
use super::document::{BadRow, FieldRow, Markup, Place, Row, SourceDocument};
use super::encoding::{Codec, HEAD_BYTES, open_text};
use super::format::{Compression, Format};
use super::json::{json, json_lines};
use super::lines::Lines;
use super::office::office;
use super::opener::PathKind;
use super::options::{ReadOptions, TextBy};
use super::pdf::pdf;
use super::raw::{RawRow, RawRows, bad_file};
use super::reason::BadReason;
use super::shape::document;
use super::shard::{Part, Shard};
use super::table::table;
use super::text;
use super::warc::warc;
use super::window::{Peeked, Stream, read_whole};
use crate::error::CorpusError;
use camino::Utf8Path;
use encoding_rs::Encoding;
use std::io;
use std::sync::Arc;

/// The rows of a shard as named values; made by [`Shard::open_fields`].
pub struct FieldReader {
    rows: RawRows,
    path: Arc<str>,
    name: Arc<str>,
    start: u64,
    strict: bool,
    ended: bool,
}

/// The rows of a shard as documents; made by [`Shard::open`].
pub struct ShardReader {
    rows: FieldReader,
    sidecars: Option<Sidecars>,
    options: ReadOptions,
    /// The markup of every text in a file of its kind.
    markup: Option<Markup>,
    /// Whether the file is one document.
    is_one: bool,
    ended: bool,
}

impl Shard {
    /// Opens the shard to read its rows as documents.
    ///
    /// # Errors
    /// The file, or a sidecar of attributes, cannot be opened.
    pub fn open(&self, options: &ReadOptions) -> Result<ShardReader, CorpusError> {
        let rows = FieldReader { strict: false, ..self.open_fields(options)? };
        let sidecars = match options.attributes.as_slice() {
            [] => None,
            _ => Some(Sidecars::open(&self.path, options)?),
        };
        let markup = [(Format::Markdown, Markup::Markdown), (Format::Html, Markup::Html)];
        let markup = markup.iter().find(|one| one.0 == self.format).map(|one| one.1);
        let by_parts = options.text_by != TextBy::File
            && matches!(self.format, Format::Text | Format::Markdown);
        let is_one = self.format.is_one_text() && !by_parts;
        let mut options = options.clone();
        if self.format.is_one_text() || self.format == Format::Warc {
            // What holds texts alone has no columns of which one could be named.
            options.text_column = None;
        }
        Ok(ShardReader { rows, sidecars, options, markup, is_one, ended: false })
    }

    /// Opens the shard to read its rows as named values.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open_fields(&self, options: &ReadOptions) -> Result<FieldReader, CorpusError> {
        let label = encoding_of(options)?;
        let rows = rows(self, options, label).map_err(CorpusError::io("read", &*self.path))?;
        let start = match self.part {
            Part::Lines { start, .. } => start,
            Part::Whole | Part::RowGroup { .. } => 0,
        };
        let (path, name) = (Arc::clone(&self.path), Arc::clone(&self.name));
        Ok(FieldReader { rows, path, name, start, strict: options.strict, ended: false })
    }
}

impl Iterator for FieldReader {
    type Item = Result<Result<FieldRow, BadRow>, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let raw = self.rows.next()?;
        let place = |row| Place { file: Arc::clone(&self.name), start: self.start, row };
        let row = match raw {
            Ok(RawRow::Fields { row, bytes, fields, markup }) => {
                Ok(FieldRow { place: place(row), bytes, fields, markup })
            }
            Ok(RawRow::Bad { row, reason, sample }) => {
                Err(BadRow { place: place(row), reason, sample })
            }
            Err(source) => {
                self.ended = true;
                return Some(Err(CorpusError::io("read", &*self.path)(source)));
            }
        };
        Some(match row {
            Err(bad) if self.strict => {
                self.ended = true;
                Err(CorpusError::BadRow { place: bad.place, reason: bad.reason })
            }
            row => Ok(row),
        })
    }
}

impl ShardReader {
    fn read(&mut self) -> Option<Result<Row, CorpusError>> {
        let row = match self.rows.next()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        let attributes = match self.sidecars.as_mut().map(Sidecars::next_row).transpose() {
            Ok(attributes) => attributes,
            Err(error) => return Some(Err(error)),
        };
        let bad = match row {
            Err(bad) => bad,
            Ok(row) => {
                let (place, markup) = (row.place.clone(), row.markup.or(self.markup));
                let document = document(&self.options, row.place, row.fields);
                let document = document.and_then(|document| match attributes {
                    Some(attributes) => attributes.join(document),
                    None => Ok(document),
                });
                match document {
                    Ok(document) => return Some(Ok(Row::Document(self.told_of(document, markup)))),
                    Err(reason) => BadRow { place, reason, sample: String::new() },
                }
            }
        };
        if self.options.strict {
            return Some(Err(CorpusError::BadRow { place: bad.place, reason: bad.reason }));
        }
        Some(Ok(Row::Bad(bad)))
    }

    /// The document with what its file tells of it.
    fn told_of(&self, mut document: SourceDocument, markup: Option<Markup>) -> SourceDocument {
        document.markup = markup;
        if self.is_one && document.id == document.place.to_string() {
            document.id = document.place.file.to_string();
        }
        document
    }
}

impl Iterator for ShardReader {
    type Item = Result<Row, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let row = self.read();
        self.ended = !matches!(row, Some(Ok(_)));
        row
    }
}

/// The encoding that the options name.
pub(super) fn encoding_of(options: &ReadOptions) -> Result<Option<&'static Encoding>, CorpusError> {
    let Some(label) = &options.encoding else { return Ok(None) };
    let found = Encoding::for_label(label.as_bytes());
    found.map(Some).ok_or_else(|| CorpusError::UnknownEncoding { label: label.clone() })
}

/// Reads the whole text of the local file `path`, decompressed by its ending, as UTF-8.
///
/// # Errors
/// [`CorpusError::Io`], and [`CorpusError::BadRow`] for what is damaged, is no text, or has more
/// than `max_bytes`.
pub fn read_text(path: &Utf8Path, max_bytes: u64) -> Result<String, CorpusError> {
    let shard = Shard::of_file(path.as_str());
    let options = ReadOptions::default();
    let io = || CorpusError::io("read", path);
    let raw = options.opener.open(path.as_str(), 0).map_err(io())?;
    let ratio = options.limits.max_ratio;
    let stream = decompress::open(raw, shard.compression, ratio).map_err(io())?;
    let text = text::read_text(stream, Some(encoding_rs::UTF_8), max_bytes);
    let text = text.or_else(|error| match Fault::from(error) {
        Fault::System(error) => Err(io()(error)),
        Fault::Bad(reason) => Ok(Err(reason)),
    })?;
    let place = Place { file: path.as_str().into(), start: 0, row: 1 };
    text.map_err(|reason| CorpusError::BadRow { place, reason })
}

/// The rows of a shard.
fn rows(
    shard: &Shard,
    options: &ReadOptions,
    label: Option<&'static Encoding>,
) -> io::Result<RawRows> {
    let limits = &options.limits;
    let row_bytes = limits.max_row_bytes;
    let plain = || {
        let raw = options.opener.open(&shard.path, 0)?;
        decompress::open(raw, shard.compression, limits.max_ratio)
    };
    Ok(match shard.format {
        Format::JsonLines => match shard.part {
            Part::Lines { start, end } => part_of_lines(shard, options, label, start, end)?,
            Part::Whole | Part::RowGroup { .. } => {
                let (stream, codec) = open_text(plain()?, label, false);
                Box::new(json_lines(Lines::new(stream, row_bytes), codec))
            }
        },
        Format::Json => json(plain()?, label, row_bytes),
        Format::Csv => table(plain()?, label, row_bytes, true),
        Format::Tsv => table(plain()?, label, row_bytes, false),
        Format::Parquet => parquet(shard, options)?,
        Format::Arrow => super::arrow::arrow(plain()?, limits.max_file_bytes, row_bytes),
        Format::Text | Format::Markdown if options.text_by != TextBy::File => {
            text::parts(plain()?, label, options.text_by, row_bytes)
        }
        Format::Text | Format::Markdown | Format::Html => {
            text::whole(plain()?, label, limits.max_file_bytes)
        }
        Format::Warc => warc(plain()?, row_bytes),
        Format::Pdf => match held(plain()?, limits.max_file_bytes)? {
            Ok(bytes) => pdf(&bytes, limits.max_file_bytes),
            Err(reason) => bad_file(reason),
        },
        format @ (Format::Docx | Format::Xlsx | Format::Pptx | Format::Epub) => {
            match held(plain()?, limits.max_file_bytes)? {
                Ok(bytes) => office(format, bytes, limits.max_file_bytes),
                Err(reason) => bad_file(reason),
            }
        }
        Format::Unknown => bad_file(BadReason::UnknownFormat),
    })
}

/// The lines of a part of a file.
fn part_of_lines(
    shard: &Shard,
    options: &ReadOptions,
    label: Option<&'static Encoding>,
    start: u64,
    end: u64,
) -> io::Result<RawRows> {
    let open = |at| {
        let raw = options.opener.open(&shard.path, at)?;
        decompress::open(raw, Compression::None, options.limits.max_ratio)
    };
    let limit = options.limits.max_row_bytes;
    if start > 0 {
        let codec = Codec::of(Peeked::new(open(0)?, HEAD_BYTES).head(), label);
        // One byte before, so that the line is told that begins with the part.
        return match Lines::part(open(start - 1)?, limit, end.saturating_sub(start)) {
            Ok(lines) => Ok(Box::new(json_lines(lines, codec))),
            Err(error) => Ok(super::raw::only(RawRow::broken(1, error))),
        };
    }
    let (stream, codec) = open_text(open(0)?, label, false);
    let lines = Lines::new(stream, limit).end_at(end.saturating_sub(codec.mark_bytes as u64));
    Ok(Box::new(json_lines(lines, codec)))
}

fn parquet(shard: &Shard, options: &ReadOptions) -> io::Result<RawRows> {
    let limits = &options.limits;
    let (group, first) = match shard.part {
        Part::RowGroup { index, first_row } => (Some(index), first_row),
        Part::Whole | Part::Lines { .. } => (None, 1),
    };
    if shard.compression != Compression::None {
        let raw = options.opener.open(&shard.path, 0)?;
        let plain = decompress::open(raw, shard.compression, limits.max_ratio)?;
        return Ok(match held(plain, limits.max_file_bytes)? {
            Ok(bytes) => columns::parquet_held(bytes, limits.max_row_bytes),
            Err(reason) => bad_file(reason),
        });
    }
    let (opener, path) = (Arc::clone(&options.opener), Arc::clone(&shard.path));
    let bytes = match opener.kind(&path)? {
        PathKind::File(bytes) => bytes,
        PathKind::Folder | PathKind::Missing => return Err(io::ErrorKind::NotFound.into()),
    };
    let pieces = Pieces::new(opener, path, bytes);
    columns::parquet(pieces, group, first, limits.max_row_bytes)
}

/// A whole file, if it is not too large.
fn held(stream: Stream, limit: u64) -> io::Result<Result<Vec<u8>, BadReason>> {
    match read_whole(stream, limit) {
        Ok((bytes, true)) => Ok(Ok(bytes)),
        Ok((bytes, false)) => Ok(Err(BadReason::TooLong { bytes: bytes.len() as u64, limit })),
        Err(error) => match Fault::from(error) {
            Fault::System(error) => Err(error),
            Fault::Bad(reason) => Ok(Err(reason)),
        },
    }
}
