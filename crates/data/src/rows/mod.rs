//! Rows of data files: JSON, JSON Lines, CSV, TSV, Parquet, Arrow and text, alone or in a folder.
//!
//! A row is a set of named values, whatever file it comes from; what its names mean is the
//! business of `formats`. How the formats are read is the business of `corpus`.

mod kinds;
mod limits;
mod place;
mod read;
mod stream;

pub use limits::RowLimits;
pub use place::RowPlace;
pub use read::data_files;

pub(crate) use place::Row;
pub(crate) use read::{RowSet, read_rows};
pub(crate) use stream::{file_error, system_error};

#[cfg(test)]
mod tests;
