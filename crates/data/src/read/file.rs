//! One file of documents.

use super::folder::list_files;
use crate::error::DataError;
use crate::files::{from_json_lines, io};
use camino::Utf8Path;
use catena_protocol::Document;
use flate2::read::MultiGzDecoder;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;

/// The endings that are read, as errors name them.
const KNOWN: &str = ".json, .jsonl, .md, .markdown, .txt, each also with .gz";

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
    /// An array of `{id, title, content}`.
    Json,
    /// One `{id, title, content}` a line.
    JsonLines,
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
/// in `.gz` are decompressed.
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
        let format = format_of(file)?;
        let text = read_text(file, limits.max_file_bytes)?;
        total_bytes += text.len() as u64;
        if total_bytes > limits.max_total_bytes {
            let (what, limit) = ("bytes of all files", limits.max_total_bytes);
            return Err(DataError::TooLarge { path: path.to_owned(), what, limit });
        }
        documents.extend(parse(file, root, format, text)?);
        if documents.len() > limits.max_documents {
            let (what, limit) = ("number of documents", limits.max_documents as u64);
            return Err(DataError::TooLarge { path: path.to_owned(), what, limit });
        }
    }
    check_documents(path, documents)
}

/// Reads a file, decompressed if its name ends in `.gz`, as UTF-8 text without byte-order mark.
pub(crate) fn read_text(path: &Utf8Path, max_bytes: u64) -> Result<String, DataError> {
    let file = File::open(path).map_err(io("read", path))?;
    let mut bytes = Vec::new();
    let limit = max_bytes.saturating_add(1);
    if path.extension() == Some("gz") {
        let read = MultiGzDecoder::new(file).take(limit).read_to_end(&mut bytes);
        read.map_err(|source| DataError::Gzip { path: path.to_owned(), source })?;
    } else {
        file.take(limit).read_to_end(&mut bytes).map_err(io("read", path))?;
    }
    if bytes.len() as u64 > max_bytes {
        let what = "bytes of one file after decompression";
        return Err(DataError::TooLarge { path: path.to_owned(), what, limit: max_bytes });
    }
    let is_text = |byte: u8| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0B | 0x0C);
    if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
        return Err(DataError::Binary { path: path.to_owned(), offset, value: 0 });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let offset = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            // Control bytes beside a broken encoding are a picture or an archive, not a letter.
            match bytes.iter().position(|&byte| !is_text(byte)) {
                Some(offset) => {
                    let value = bytes[offset];
                    Err(DataError::Binary { path: path.to_owned(), offset, value })
                }
                None => Err(DataError::NotUtf8 { path: path.to_owned(), offset }),
            }
        }
    }
}

fn format_of(path: &Utf8Path) -> Result<Format, DataError> {
    let name = path.file_name().unwrap_or("").to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => Ok(Format::Json),
        Some("jsonl") => Ok(Format::JsonLines),
        Some("md" | "markdown") => Ok(Format::Markdown),
        Some("txt") => Ok(Format::Text),
        _ => {
            // A picture is better called binary than unknown.
            let mut start = [0u8; 4096];
            let read = File::open(path).and_then(|mut file| file.read(&mut start));
            let len = read.map_err(io("read", path))?;
            match start[..len].iter().position(|&byte| byte == 0) {
                Some(offset) => Err(DataError::Binary { path: path.to_owned(), offset, value: 0 }),
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

fn parse(
    path: &Utf8Path,
    root: &Utf8Path,
    format: Format,
    text: String,
) -> Result<Vec<Document>, DataError> {
    let json: Vec<JsonDocument> = match format {
        Format::Json => serde_json::from_str(&text).map_err(|source| DataError::Json {
            path: path.to_owned(),
            line: source.line(),
            source,
        })?,
        Format::JsonLines => from_json_lines(path, &text)?,
        Format::Markdown | Format::Text => return Ok(vec![whole_file(path, root, format, text)]),
    };
    Ok(json.into_iter().map(Document::from).collect())
}

fn whole_file(path: &Utf8Path, root: &Utf8Path, format: Format, content: String) -> Document {
    let heading = |line: &str| line.strip_prefix("# ").map(|title| title.trim().to_owned());
    let stem = || path.file_stem().unwrap_or("").replace(['_', '-'], " ");
    let title = match format {
        Format::Markdown => content.lines().find_map(heading),
        Format::Json | Format::JsonLines | Format::Text => None,
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
