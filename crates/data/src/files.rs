//! Reading and writing whole files, with the path in every error.

use crate::error::DataError;
use crate::rows::{file_error, system_error};
use camino::Utf8Path;
use catena_corpus::CorpusError;
use std::fs::{self, File};
use std::io::Write;

/// Names `action` on `path` in an error.
pub(crate) fn io(
    action: &'static str,
    path: &Utf8Path,
) -> impl FnOnce(std::io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Io { action, path, source }
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

/// Writes a whole file beside `path`, waits until it is on disk, and renames it over `path`.
pub(crate) fn write_atomically(path: &Utf8Path, bytes: &[u8]) -> Result<(), DataError> {
    let beside = path.with_file_name(format!("{}.new", path.file_name().unwrap_or("file")));
    let mut file = File::create(&beside).map_err(io("create", &beside))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io("write", &beside))?;
    fs::rename(&beside, path).map_err(io("rename", &beside))
}

/// One JSON value a line.
pub(crate) fn to_json_lines<T: serde::Serialize>(values: &[T]) -> Vec<u8> {
    let mut lines = Vec::new();
    for value in values {
        serde_json::to_writer(&mut lines, value).expect("plain data becomes JSON");
        lines.push(b'\n');
    }
    lines
}

/// Reads one JSON value a line; blank lines are skipped.
pub(crate) fn from_json_lines<T: serde::de::DeserializeOwned>(
    path: &Utf8Path,
    text: &str,
) -> Result<Vec<T>, DataError> {
    let mut values = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        values.push(serde_json::from_str(line).map_err(|source| DataError::Json {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?);
    }
    Ok(values)
}
