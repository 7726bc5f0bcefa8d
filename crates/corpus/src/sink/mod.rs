//! Writing: documents to JSON Lines, text, CSV, TSV, Parquet and Arrow, in files of a bounded size,
//! and Dolma's attributes beside them.
//!
//! A [`DocumentWriter`] fills one file after the other. Each is written beside its place, brought
//! to the disk and then renamed, so that a file under its own name is always whole. The same
//! documents and options give the same bytes.
//!
//! Tables have the columns `id`, `text`, `source`, those that the caller names, and `metadata`, a
//! JSON object of the rest: so their schema never depends on what some row happens to hold, and
//! nothing is lost where a value changes its type between rows.

mod columns;
mod file;
mod lines;
mod options;
mod row;
mod writer;

pub use options::{Column, ColumnKind, Layout, SinkFormat, WriteOptions};
pub use row::{infer_columns, row_of};
pub use writer::{DocumentWriter, WrittenFile};

#[cfg(test)]
mod tests;
