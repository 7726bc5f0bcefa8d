//! Writing: documents to JSON Lines, text, CSV, TSV, Parquet and Arrow, in files of a bounded size,
//! and Dolma's attributes beside them.
//!
//! A [`DocumentWriter`] fills one file after the other. Each is written beside its place, brought
//! to the disk unless nobody wants to wait for that, and then renamed, so that a file under its own
//! name is always whole. Its bytes are digested as they are written. The same documents and options
//! give the same bytes. Lines may be made apart, by other threads, as a [`LineBlock`].
//!
//! Tables have the columns `id`, `text`, `source`, those that the caller names, and `metadata`, a
//! JSON object of the rest: so their schema never depends on what some row happens to hold, and
//! nothing is lost where a value changes its type between rows. Rows of turns want columns of their
//! own, which a look at all of them tells ([`ColumnTypes`]).

mod block;
mod builder;
mod columns;
mod digest;
mod file;
mod kinds;
mod lines;
mod options;
mod row;
mod writer;

pub use block::LineBlock;
pub use kinds::{Column, ColumnKind, ColumnTypes};
pub use options::{Layout, SinkFormat, WriteOptions};
pub use row::{DocumentRow, Metadata};
pub use writer::{DocumentWriter, WrittenFile};

#[cfg(test)]
mod tests;
