//! One file of documents.

use super::folder::list_files;
use crate::error::DataError;
use crate::files::io;
use crate::rows::{FileLimits, each_row, file_error, system_error};
use camino::Utf8Path;
use catena_corpus::{CorpusError, FieldRow, Shard, TextBy};
use catena_protocol::Document;
use serde_json::Value;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;

/// The endings that are read, as errors name them.
const KNOWN: &str = ".json, .jsonl, .md, .markdown, .txt, each also with .gz or .zst";

/// Sizes beyond which reading stops with an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes of one file after decompression; also what a gzip bomb can make us hold.
    pub max_file_bytes: u64,
    /// Bytes of all files after decompression.
    pub max_total_bytes: u64,
    /// Files in a folder.
    pub max_files: usize,
    /// Documents in all.
    pub max_documents: usize,
}

impl Default for ReadLimits {
    /// 256 MiB a file, 1 GiB in all, 100,000 files, one million documents.
    fn default() -> Self {
        Self {
            max_file_bytes: 256 << 20,
            max_total_bytes: 1 << 30,
            max_files: 100_000,
            max_documents: 1_000_000,
        }
    }
}

/// How a file holds documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Objects `{id, title, content}`, in an array or one a line.
    Json,
    /// The whole file is one document; its first heading is the title.
    Markdown,
    /// The whole file is one document.
    Text,
}

/// Reads every document of the file or folder `path`.
///
/// A folder is walked in the order of its names, hidden entries left out; a Markdown or text file
/// becomes one document whose id is its path in the folder. JSON holds an array of objects with
/// `id`, `title` (may be absent) and `content`; JSON Lines one such object a line. Files ending
/// in `.gz` or `.zst` are decompressed.
///
/// # Errors
/// Every file must be readable: a binary file, bad UTF-8, an unknown ending, damaged JSON or
/// gzip, a size beyond `limits`, a repeated id and an empty set are errors that name the file.
pub fn read_documents(path: &Utf8Path, limits: &ReadLimits) -> Result<Vec<Document>, DataError> {
    if !path.exists() {
        return Err(DataError::NotFound { path: path.to_owned() });
    }
    let root = if path.is_dir() { path } else { path.parent().unwrap_or(Utf8Path::new("")) };
    let files = if path.is_dir() { list_files(path, limits)? } else { vec![path.to_owned()] };
    let (mut documents, mut total_bytes) = (Vec::new(), 0);
    for file in &files {
        let mut take = |document: Document, bytes: u64| {
            total_bytes += bytes;
            documents.push(document);
            let too_large =
                |what, limit| DataError::TooLarge { path: path.to_owned(), what, limit };
            if total_bytes > limits.max_total_bytes {
                return Err(too_large("bytes of all files", limits.max_total_bytes));
            }
            if documents.len() > limits.max_documents {
                return Err(too_large("number of documents", limits.max_documents as u64));
            }
            Ok(())
        };
        match format_of(file)? {
            Format::Json => json_documents(file, limits, &mut take)?,
            format @ (Format::Markdown | Format::Text) => {
                let text = read_text(file, limits.max_file_bytes)?;
                let bytes = text.len() as u64;
                take(whole_file(file, root, format, text), bytes)?;
            }
        }
    }
    check_documents(path, documents)
}

/// Reads a file, decompressed by its ending, as UTF-8 text without byte-order mark.
pub(crate) fn read_text(path: &Utf8Path, max_bytes: u64) -> Result<String, DataError> {
    catena_corpus::read_text(path, max_bytes).map_err(|error| {
        if let CorpusError::BadRow { reason, .. } = error {
            file_error(path, 1, reason)
        } else {
            system_error(error)
        }
    })
}

/// The documents of a JSON file.
fn json_documents(
    path: &Utf8Path,
    limits: &ReadLimits,
    take: &mut dyn FnMut(Document, u64) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let max_file_bytes = limits.max_file_bytes;
    let max_row_bytes = usize::try_from(max_file_bytes).unwrap_or(usize::MAX);
    let mut take = |row: FieldRow| {
        let document: JsonDocument =
            serde_json::from_value(Value::Object(row.fields)).map_err(|source| {
                let line = usize::try_from(row.place.row).unwrap_or(usize::MAX);
                DataError::Json { path: path.to_owned(), line, source }
            })?;
        take(document.into(), row.bytes)
    };
    let limits = FileLimits { max_file_bytes, max_row_bytes };
    each_row(path, &Shard::of_file(path.as_str()), TextBy::File, limits, &mut take)
}

fn format_of(path: &Utf8Path) -> Result<Format, DataError> {
    let name = path.file_name().unwrap_or("").to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst"));
    let name = plain.unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json" | "jsonl") => Ok(Format::Json),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("txt") => Ok(Format::Text),
        _ => {
            // A picture is better called binary than unknown.
            let mut start = [0u8; 4096];
            let read = File::open(path).and_then(|mut file| file.read(&mut start));
            let len = read.map_err(io("read", path))?;
            match start[..len].iter().position(|&byte| byte == 0) {
                Some(offset) => {
                    let offset = offset as u64;
                    Err(DataError::Binary { path: path.to_owned(), offset, value: 0 })
                }
                None => Err(DataError::UnknownFormat { path: path.to_owned(), known: KNOWN }),
            }
        }
    }
}

/// A document as JSON files hold it.
#[derive(serde::Deserialize)]
struct JsonDocument {
    id: String,
    #[serde(default)]
    title: String,
    content: String,
}

impl From<JsonDocument> for Document {
    fn from(json: JsonDocument) -> Self {
        Self { id: json.id, title: json.title, content: json.content }
    }
}

fn whole_file(path: &Utf8Path, root: &Utf8Path, format: Format, content: String) -> Document {
    let heading = |line: &str| line.strip_prefix("# ").map(|title| title.trim().to_owned());
    let stem = || path.file_stem().unwrap_or("").replace(['_', '-'], " ");
    let title = match format {
        Format::Markdown => content.lines().find_map(heading),
        Format::Json | Format::Text => None,
    };
    let id = path.strip_prefix(root).unwrap_or(path).as_str().replace('\\', "/");
    Document { id, title: title.unwrap_or_else(stem), content }
}

/// Refuses an empty set and repeated ids.
fn check_documents(path: &Utf8Path, documents: Vec<Document>) -> Result<Vec<Document>, DataError> {
    if documents.is_empty() {
        return Err(DataError::NoDocuments { path: path.to_owned() });
    }
    let mut seen = HashSet::new();
    match documents.iter().find(|document| !seen.insert(document.id.as_str())) {
        Some(twice) => Err(DataError::DuplicateId { id: twice.id.clone() }),
        None => Ok(documents),
    }
}

/// Whether `path` is a regular file, following links.
pub(super) fn is_file(path: &Utf8Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file())
}
