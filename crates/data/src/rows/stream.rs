//! The rows of one file, as they come.

use crate::error::DataError;
use camino::Utf8Path;
use catena_corpus::{
    BadReason, BadRow, CorpusError, FieldRow, Format, ReadOptions, Shard, SourceLimits, TextBy,
};

/// What of one file may be read.
#[derive(Clone, Copy)]
pub(crate) struct FileLimits {
    /// Bytes after decompression.
    pub(crate) max_file_bytes: u64,
    /// Bytes of one row.
    pub(crate) max_row_bytes: usize,
}

/// Hands every row of a file to `take`; the first row that is bad is an error.
pub(crate) fn each_row(
    path: &Utf8Path,
    shard: &Shard,
    text_by: TextBy,
    limits: FileLimits,
    take: &mut dyn FnMut(FieldRow) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let options = ReadOptions {
        text_by,
        // Rows are trained on: a guess at their encoding would go unnoticed.
        encoding: Some("utf-8".to_owned()),
        limits: SourceLimits {
            max_file_bytes: limits.max_file_bytes,
            max_row_bytes: limits.max_row_bytes,
            ..SourceLimits::default()
        },
        ..ReadOptions::default()
    };
    let mut bytes = 0u64;
    for row in shard.open_fields(&options).map_err(system_error)? {
        let row = row.map_err(system_error)?.map_err(|bad| row_error(path, shard, bad))?;
        bytes = bytes.saturating_add(row.bytes);
        if bytes > limits.max_file_bytes {
            let (what, limit) = (FILE_BYTES, limits.max_file_bytes);
            return Err(DataError::TooLarge { path: path.to_owned(), what, limit });
        }
        take(row)?;
    }
    Ok(())
}

/// What a file may not have too much of.
pub(crate) const FILE_BYTES: &str = "bytes of one file after decompression";

/// An error of reading, where it is no matter of a row.
pub(crate) fn system_error(error: CorpusError) -> DataError {
    if let CorpusError::Io { action, path, source } = error {
        DataError::Io { action, path, source }
    } else {
        error.into()
    }
}

fn row_error(path: &Utf8Path, shard: &Shard, bad: BadRow) -> DataError {
    let whole = matches!(shard.format, Format::Text | Format::Markdown) && bad.place.row == 1;
    let is_of_line = matches!(bad.reason, BadReason::TooLong { .. } | BadReason::Encoding { .. });
    if is_of_line && !whole {
        line_error(path, bad)
    } else {
        file_error(path, bad.place.row, bad.reason)
    }
}

fn line_error(path: &Utf8Path, bad: BadRow) -> DataError {
    let line = usize::try_from(bad.place.row).unwrap_or(usize::MAX);
    DataError::BadRow { path: path.to_owned(), line, reason: bad.reason }
}

/// What is wrong with a file, where that is a matter of the file and not of the row `line`.
pub(crate) fn file_error(path: &Utf8Path, line: u64, reason: BadReason) -> DataError {
    let path = path.to_owned();
    match reason {
        BadReason::Binary { offset, value } => DataError::Binary { path, offset, value },
        BadReason::Encoding { offset, .. } => DataError::NotUtf8 { path, offset },
        BadReason::TooLong { limit, .. } => DataError::TooLarge { path, what: FILE_BYTES, limit },
        reason
        @ (BadReason::Truncated | BadReason::Compression { .. } | BadReason::Bomb { .. }) => {
            DataError::Compressed { path, reason }
        }
        reason @ (BadReason::Damaged { .. } | BadReason::Encrypted) => {
            DataError::Damaged { path, reason }
        }
        reason @ (BadReason::NotJson { .. }
        | BadReason::NotAnObject { .. }
        | BadReason::Fields { .. }
        | BadReason::NoText { .. }
        | BadReason::TextType { .. }
        | BadReason::Empty
        | BadReason::UnknownFormat
        | BadReason::Attributes { .. }) => {
            let line = usize::try_from(line).unwrap_or(usize::MAX);
            DataError::BadRow { path, line, reason }
        }
    }
}
