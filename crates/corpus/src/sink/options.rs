//! How documents are written.

use super::kinds::{Column, ColumnTypes};
use crate::source::Compression;
use camino::Utf8PathBuf;

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinkFormat {
    /// `00000.jsonl`, with `.gz` or `.zst` if compressed.
    JsonLines,
    /// `00000.txt`: the texts alone, parted by blank lines.
    Text,
    /// `00000.csv`: a table separated by commas, with the columns `id`, `text`, `source` and
    /// `metadata`, a JSON object.
    Csv,
    /// `00000.tsv`: the same separated by tabs.
    Tsv,
    /// `data/train-00000-of-00001.parquet`, compressed with Zstandard whatever `compression` says.
    Parquet,
    /// `data/train-00000-of-00001.arrow`: Arrow IPC files, never compressed.
    Arrow,
}

/// Where a line of JSON has the metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Beside `id`, `text` and `source`. A row whose text was joined from turns is written as it
    /// was read.
    #[default]
    Flat,
    /// In a `metadata` object, as DataTrove wants it; its `added`, `created` and `media` stand
    /// beside it.
    Nested,
    /// The same as Dolma wants it: an object `attributes` goes to [`WriteOptions::sidecar`].
    Dolma,
}

/// How documents are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteOptions {
    /// The format.
    pub format: SinkFormat,
    /// The compression of what is not Parquet or Arrow.
    pub compression: Compression,
    /// Where a line of JSON has the metadata.
    pub layout: Layout,
    /// The folder of files that have one line of attributes for each line of the documents, under
    /// the same names; only with [`Layout::Dolma`].
    pub sidecar: Option<Utf8PathBuf>,
    /// The columns of tables besides `id`, `text`, `source` and `metadata`. A row whose text joins
    /// turns has these turns in place of its text, where there are columns for all of them.
    pub columns: Vec<Column>,
    /// Whether tables have the column `text`: without it all rows are of turns, and their columns
    /// hold them.
    pub has_texts: bool,
    /// The split in the names of tables.
    pub split: String,
    /// Bytes of documents in one file, before compression; the document that reaches it is the
    /// file's last.
    pub shard_bytes: u64,
    /// Whether a file is on the disk before it gets its name; else the system brings it there in
    /// its own time.
    pub sync: bool,
    /// Whether files are digested in a thread of its own.
    pub digest_apart: bool,
}

impl WriteOptions {
    /// The same with the columns that documents of these types need in tables.
    #[must_use]
    pub fn with_types(self, types: &ColumnTypes) -> Self {
        Self { columns: types.columns(), has_texts: types.has_texts(), ..self }
    }

    /// Whether the files are tables, and not lines.
    pub fn is_table(&self) -> bool {
        matches!(self.format, SinkFormat::Parquet | SinkFormat::Arrow)
    }
}

impl Default for WriteOptions {
    /// Plain JSON Lines, flat, split `train`, 512 MiB a file, on the disk, in one thread.
    fn default() -> Self {
        Self {
            format: SinkFormat::JsonLines,
            compression: Compression::None,
            layout: Layout::Flat,
            sidecar: None,
            columns: Vec::new(),
            has_texts: true,
            split: "train".to_owned(),
            shard_bytes: 512 << 20,
            sync: true,
            digest_apart: false,
        }
    }
}
