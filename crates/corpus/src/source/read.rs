//! From a shard to rows.

use super::attributes::Sidecars;
use super::columns::{self, Pieces};
use super::decompress::{self, Fault};
use super::document::{BadRow, FieldRow, LentDocument, Markup, Place, Row, SourceDocument, Step};
use super::encoding::{Codec, HEAD_BYTES, open_text};
use super::flat::FlatRow;
use super::format::{Compression, Format};
use super::json::{LineRow, json, json_lines};
use super::lines::Lines;
use super::office::office;
use super::opener::PathKind;
use super::options::{ReadOptions, TextBy};
use super::pdf::pdf;
use super::raw::{RawRow, RawRows, Rows, bad_file, only};
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
use std::fmt::Write;
use std::io;
use std::sync::Arc;

/// The rows of a shard as named values; made by [`Shard::open_fields`].
pub struct FieldReader {
    rows: Rows,
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
    last: Last,
}

/// The document that a reader came to last, in buffers that are used again.
#[derive(Default)]
struct Last {
    flat: FlatRow,
    /// The document, unless it is in the flat row.
    whole: Option<Box<SourceDocument>>,
    place: String,
    metadata: String,
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
        let last = Last::default();
        Ok(ShardReader { rows, sidecars, options, markup, is_one, ended: false, last })
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

impl FieldReader {
    fn place(&self, row: u64) -> Place {
        Place { file: Arc::clone(&self.name), start: self.start, row }
    }

    /// A row of the file with its place.
    fn placed(&mut self, raw: io::Result<RawRow>) -> Result<Result<FieldRow, BadRow>, CorpusError> {
        let row = match raw {
            Ok(RawRow::Fields { row, bytes, fields, markup }) => {
                Ok(FieldRow { place: self.place(row), bytes, fields, markup })
            }
            Ok(RawRow::Bad { row, reason, sample }) => {
                Err(BadRow { place: self.place(row), reason, sample })
            }
            Err(source) => {
                self.ended = true;
                let path = self.path.as_ref().into();
                return Err(CorpusError::Io { action: "read", path, source });
            }
        };
        match row {
            Err(bad) if self.strict => {
                self.ended = true;
                Err(CorpusError::BadRow { place: bad.place, reason: bad.reason })
            }
            row => Ok(row),
        }
    }
}

impl Iterator for FieldReader {
    type Item = Result<Result<FieldRow, BadRow>, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let raw = self.rows.next()?;
        Some(self.placed(raw))
    }
}

impl ShardReader {
    /// Goes on to the next row. A document is lent by [`Self::document`], which costs less than to
    /// have it of one's own, as the iterator gives it.
    pub fn advance(&mut self) -> Option<Result<Step, CorpusError>> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Some(Ok(_)));
        step
    }

    /// The document that [`Self::advance`] came to.
    ///
    /// # Panics
    /// If it came to none: a caller's bug.
    pub fn document(&self) -> LentDocument<'_> {
        let Last { flat, whole, place, metadata } = &self.last;
        assert!(!place.is_empty(), "no document was read");
        let Some(document) = whole else { return flat.document(&self.rows.name, place) };
        let SourceDocument { id, text, markup, source, turns, .. } = &**document;
        LentDocument { id, text, markup: *markup, source, place, metadata, turns: *turns }
    }

    fn step(&mut self) -> Option<Result<Step, CorpusError>> {
        self.last.place.clear();
        let mut flat = None;
        if let (Rows::Lines(lines), None) = (&mut self.rows.rows, &self.sidecars) {
            flat = Some(lines.next_flat(&mut self.last.flat, &self.options)?);
        }
        let raw = match flat {
            Some(Ok(LineRow::Flat { row })) => {
                self.last.whole = None;
                let place = self.rows.place(row);
                write!(self.last.place, "{place}").expect("writing to a text cannot fail");
                return Some(Ok(Step::Document));
            }
            Some(Ok(LineRow::Raw(raw))) => Ok(raw),
            Some(Err(error)) => Err(error),
            None => self.rows.rows.next()?,
        };
        Some(self.made(raw).map(|row| match row {
            Row::Bad(bad) => Step::Bad(bad),
            Row::Document(document) => {
                self.last.place = document.place.to_string();
                let metadata = serde_json::to_string(&document.metadata);
                self.last.metadata = metadata.expect("JSON values become JSON");
                self.last.whole = Some(Box::new(document));
                Step::Document
            }
        }))
    }

    /// What a row of the file is.
    fn made(&mut self, raw: io::Result<RawRow>) -> Result<Row, CorpusError> {
        let row = self.rows.placed(raw)?;
        let attributes = self.sidecars.as_mut().map(Sidecars::next_row).transpose()?;
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
                    Ok(document) => return Ok(Row::Document(self.told_of(document, markup))),
                    Err(reason) => BadRow { place, reason, sample: String::new() },
                }
            }
        };
        if self.options.strict {
            return Err(CorpusError::BadRow { place: bad.place, reason: bad.reason });
        }
        Ok(Row::Bad(bad))
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
        let row = self.rows.rows.next().map(|raw| self.made(raw));
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
) -> io::Result<Rows> {
    let limits = &options.limits;
    let row_bytes = limits.max_row_bytes;
    let plain = || {
        let raw = options.opener.open(&shard.path, 0)?;
        decompress::open(raw, shard.compression, limits.max_ratio)
    };
    Ok(Rows::Other(match shard.format {
        Format::JsonLines => {
            return match shard.part {
                Part::Lines { start, end } => part_of_lines(shard, options, label, start, end),
                Part::Whole | Part::RowGroup { .. } => {
                    let (stream, codec) = open_text(plain()?, label, false);
                    Ok(lines_of(Lines::new(stream, row_bytes), codec))
                }
            };
        }
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
    }))
}

fn lines_of(lines: Lines, codec: Codec) -> Rows {
    Rows::Lines(Box::new(json_lines(lines, codec)))
}

/// The lines of a part of a file.
fn part_of_lines(
    shard: &Shard,
    options: &ReadOptions,
    label: Option<&'static Encoding>,
    start: u64,
    end: u64,
) -> io::Result<Rows> {
    let open = |at| {
        let raw = options.opener.open(&shard.path, at)?;
        decompress::open(raw, Compression::None, options.limits.max_ratio)
    };
    let limit = options.limits.max_row_bytes;
    if start > 0 {
        let codec = Codec::of(Peeked::new(open(0)?, HEAD_BYTES).head(), label);
        // One byte before, so that the line is told that begins with the part.
        return match Lines::part(open(start - 1)?, limit, end.saturating_sub(start)) {
            Ok(lines) => Ok(lines_of(lines, codec)),
            Err(error) => Ok(Rows::Other(only(RawRow::broken(1, error)))),
        };
    }
    let (stream, codec) = open_text(open(0)?, label, false);
    let lines = Lines::new(stream, limit).end_at(end.saturating_sub(codec.mark_bytes as u64));
    Ok(lines_of(lines, codec))
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
