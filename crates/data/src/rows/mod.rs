//! Rows of data files: JSON, JSON Lines, CSV, TSV, Parquet and text, alone or in a folder.
//!
//! A row is a set of named values, whatever file it comes from; what its names mean is the
//! business of `formats`.

mod csv;
mod json;
mod kinds;
mod limits;
mod parquet;
mod place;
mod read;
mod sink;
mod text;

pub use limits::RowLimits;
pub use place::RowPlace;
pub use read::data_files;
pub use text::TextBy;

pub(crate) use place::Row;
pub(crate) use read::{RowSet, read_rows};

#[cfg(test)]
mod tests;
