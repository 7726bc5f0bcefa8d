//! All rows of a file or folder.

use super::kinds::shard_of;
use super::limits::RowLimits;
use super::place::{Row, RowPlace};
use super::stream::{FileLimits, each_row};
use crate::error::DataError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{FieldRow, LocalFiles, Opener, TextBy};
use std::io::ErrorKind;

/// What was read.
#[derive(Clone, Debug)]
pub(crate) struct RowSet {
    /// The files, in the order in which they were read.
    pub(crate) files: Vec<Utf8PathBuf>,
    /// Their rows.
    pub(crate) rows: Vec<Row>,
}

/// Reads every row of the file or folder `path`. The files of a folder are read in the order of
/// their names and must all be of one kind, as LLaMA-Factory wants it.
pub(crate) fn read_rows(
    path: &Utf8Path,
    limits: &RowLimits,
    text_by: TextBy,
) -> Result<RowSet, DataError> {
    let files = data_files(path, limits)?;
    check_kinds(&files)?;
    let file_limits =
        FileLimits { max_file_bytes: limits.max_file_bytes, max_row_bytes: limits.max_row_bytes };
    let (mut rows, mut total) = (Vec::new(), 0u64);
    for (file, path) in files.iter().enumerate() {
        let mut take = |row: FieldRow| {
            total = total.saturating_add(row.bytes);
            let too_large = |what, limit| DataError::TooLarge { path: path.clone(), what, limit };
            if total > limits.max_total_bytes {
                return Err(too_large("bytes of all rows", limits.max_total_bytes));
            }
            if rows.len() >= limits.max_rows {
                return Err(too_large("number of rows", limits.max_rows as u64));
            }
            let line = usize::try_from(row.place.row).unwrap_or(usize::MAX);
            rows.push(Row { place: RowPlace { file, line }, fields: row.fields });
            Ok(())
        };
        each_row(path, &shard_of(path)?, text_by, file_limits, &mut take)?;
    }
    if rows.is_empty() {
        return Err(DataError::NoRows { path: path.to_owned() });
    }
    Ok(RowSet { files, rows })
}

/// The file `path`, or the files of the folder `path` in the order of their names.
///
/// # Errors
/// Nothing is there, or a folder cannot be read or holds too many files.
pub fn data_files(path: &Utf8Path, limits: &RowLimits) -> Result<Vec<Utf8PathBuf>, DataError> {
    if !path.exists() {
        return Err(DataError::NotFound { path: path.to_owned() });
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let listed = LocalFiles.list(path.as_str(), limits.max_files);
    let files = listed.map_err(|source| {
        let (path, kind) = (path.to_owned(), source.kind());
        if kind == ErrorKind::QuotaExceeded {
            let (what, limit) = ("number of files", limits.max_files as u64);
            DataError::TooLarge { path, what, limit }
        } else if kind == ErrorKind::InvalidFilename {
            DataError::PathNotUtf8 { folder: path }
        } else {
            DataError::Io { action: "read", path, source }
        }
    })?;
    Ok(files.into_iter().map(|file| file.path.into()).collect())
}

fn check_kinds(files: &[Utf8PathBuf]) -> Result<(), DataError> {
    let Some(first) = files.first() else { return Ok(()) };
    let format = shard_of(first)?.format;
    for other in files {
        if shard_of(other)?.format != format {
            let (first, other) = (first.clone(), other.clone());
            return Err(DataError::MixedDataFiles { first, other });
        }
    }
    Ok(())
}
