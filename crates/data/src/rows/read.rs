//! All rows of a file or folder.

use super::kinds::Kind;
use super::limits::RowLimits;
use super::place::Row;
use super::sink::Sink;
use super::text::TextBy;
use crate::error::DataError;
use crate::read::{ReadLimits, list_files, read_text};
use camino::{Utf8Path, Utf8PathBuf};

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
    let (mut rows, mut total) = (Vec::new(), 0u64);
    for (file, path) in files.iter().enumerate() {
        let kind = Kind::of(path)?;
        let is_text = kind != Kind::Parquet;
        let text = if is_text { read_text(path, limits.max_file_bytes)? } else { String::new() };
        total = total.saturating_add(text.len() as u64);
        if total > limits.max_total_bytes {
            let (what, limit) = ("bytes of all files", limits.max_total_bytes);
            return Err(DataError::TooLarge { path: path.clone(), what, limit });
        }
        kind.read(&text, text_by, &mut Sink { path, file, limits, rows: &mut rows })?;
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
    let limits = ReadLimits { max_files: limits.max_files, ..ReadLimits::default() };
    list_files(path, &limits)
}

fn check_kinds(files: &[Utf8PathBuf]) -> Result<(), DataError> {
    let Some(first) = files.first() else { return Ok(()) };
    let kind = Kind::of(first)?;
    for other in files {
        if Kind::of(other)? != kind {
            let (first, other) = (first.clone(), other.clone());
            return Err(DataError::MixedDataFiles { first, other });
        }
    }
    Ok(())
}
