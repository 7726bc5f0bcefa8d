//! A row and where it stands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Where a row stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowPlace {
    /// The file, by its position in the list of files read.
    pub file: usize,
    /// The line where the row begins, from 1; in a Parquet file the row, from 1.
    pub line: usize,
}

/// One row of a data file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Where it stands.
    pub(crate) place: RowPlace,
    /// Its values by name.
    pub(crate) fields: Map<String, Value>,
}
