//! Reading: documents from files of any format, as a stream in bounded memory.
//!
//! ```text
//! inputs --plan_shards--> Shards --open--> ShardReader --> Row::Document | Row::Bad
//! ```
//!
//! * [`plan_shards`] turns files, folders, globs, Hugging Face data sets and Dolma data sets into
//!   a list of [`Shard`]s that depends on the input alone: a file, a part of an uncompressed JSON
//!   Lines file, or a row group of Parquet. A shard has a stable id, so that work can be spread
//!   over threads and machines and resumed.
//! * A [`ShardReader`] yields documents. A row that is none is a [`BadRow`] with its reason, and
//!   reading goes on; the system's errors (a file that cannot be opened) are errors.
//! * Bytes come through an [`Opener`], so that object stores are a matter of the crates above.
//! * [`FieldReader`] yields rows as named values, for those who want no documents.
//!
//! A row passes these steps: bytes, decompression with a guard against bombs (`decompress`),
//! encoding (`encoding`), the format's reader (`json`, `table`, `columns`, `arrow`, `text`, `warc`, `pdf`,
//! `office`), and the choice of text, id and source among its columns (`shape`, `turns`).
//!
//! **Invariant:** foreign bytes never panic and never make us hold more than a limit says.

mod arrow;
mod attributes;
mod card;
mod cells;
mod chunks;
mod columns;
mod decompress;
mod document;
mod encoding;
mod file_splits;
mod flat;
mod format;
mod json;
mod lines;
mod office;
mod opener;
mod options;
mod pdf;
mod pdf_page;
mod plan;
mod raw;
mod read;
mod reason;
mod sample;
mod scan;
mod shape;
mod shard;
mod splits;
mod table;
mod text;
mod turns;
mod warc;
mod web_text;
mod window;

pub use card::SetCard;
pub use document::{BadRow, FieldRow, LentDocument, Markup, Place, Row, SourceDocument, Step};
pub use format::{Compression, Format};
pub use opener::{ListedFile, LocalFiles, Opener, PathKind};
pub use options::{ReadOptions, SourceLimits, TextBy};
pub use plan::{plan_shards, set_card};
pub use read::{FieldReader, ShardReader, read_text};
pub use reason::BadReason;
pub use sample::Sample;
pub(crate) use shape::own_id;
pub use shard::{Part, Shard};
pub use turns::{change_texts, change_turns, join_turns};
pub(crate) use turns::{is_turn_column, is_turn_part};

#[cfg(test)]
mod tests;
