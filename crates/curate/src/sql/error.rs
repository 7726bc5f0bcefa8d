//! What the engine says of a query, for its author.

use crate::error::CurateError;
use arrow_schema::ArrowError;
use camino::Utf8Path;
use datafusion::error::DataFusionError;

/// The error of a query. `rows` are the files, as they were named, whose own columns it asks for.
pub(super) fn failed(error: DataFusionError, rows: Option<&str>) -> CurateError {
    let error = CurateError::from(error);
    let CurateError::Engine(error) = error else { return error };
    match rows {
        Some(input) if is_of_lines(error.find_root()) => {
            CurateError::Rows { input: input.to_owned() }
        }
        Some(input) if is_of_files(error.find_root()) => {
            CurateError::io("read", Utf8Path::new(input))(std::io::Error::other(*error))
        }
        _ => CurateError::Query { message: plain(*error) },
    }
}

/// Whether a line has other columns than those that were found, or none.
#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn is_of_lines(error: &DataFusionError) -> bool {
    let DataFusionError::ArrowError(error, _) = error else { return false };
    match error.as_ref() {
        ArrowError::JsonError(_) | ArrowError::CsvError(_) => true,
        // The reader of CSV has the same kind of error for a value as a cast in the query has.
        ArrowError::ParseError(message) => message.starts_with("Error while parsing value"),
        _ => false,
    }
}

/// Whether a file cannot be read, or is damaged.
fn is_of_files(error: &DataFusionError) -> bool {
    matches!(
        error,
        DataFusionError::ParquetError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::IoError(_)
    )
}

/// The engine's word without the names of its parts.
#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn plain(error: DataFusionError) -> String {
    match error {
        DataFusionError::SQL(error, _) => error.to_string(),
        DataFusionError::ArrowError(error, _) => error.to_string(),
        DataFusionError::Plan(message) => message,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => plain(*inner),
        other => other.strip_backtrace(),
    }
}
