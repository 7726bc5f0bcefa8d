//! How input is read.

use super::opener::{LocalFiles, Opener};
use std::sync::Arc;

/// What of a text file is one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextBy {
    /// The whole file: a book, an article.
    #[default]
    File,
    /// Each line that is not blank.
    Line,
    /// Each run of lines that are not blank.
    Paragraph,
}

/// Sizes beyond which input is refused, row by row or file by file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceLimits {
    /// Bytes of one row; a longer one is skipped without being held in memory.
    pub max_row_bytes: usize,
    /// Bytes, after decompression, of a file that can only be read whole: PDF, Office, EPUB, HTML,
    /// and text files that are one row. Also what the parts of a zip container may add up to.
    pub max_file_bytes: u64,
    /// How many times its size compressed data may grow to, once it is past 64 MiB. Text seldom
    /// passes 50; what a bomb is made of reaches 1000 and more.
    pub max_ratio: u64,
    /// Bytes of one part of an uncompressed JSON Lines file.
    pub shard_bytes: u64,
    /// Files in all.
    pub max_files: usize,
}

impl Default for SourceLimits {
    /// 16 MiB a row, 256 MiB a file read whole, 200 times, 64 MiB a shard, one million files.
    fn default() -> Self {
        Self {
            max_row_bytes: 16 << 20,
            max_file_bytes: 256 << 20,
            max_ratio: 200,
            shard_bytes: 64 << 20,
            max_files: 1_000_000,
        }
    }
}

/// How input is read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The column of the text; else the first there is of `text`, `content`, `body` and others.
    pub text_column: Option<String>,
    /// The column of the id; else `id` and others.
    pub id_column: Option<String>,
    /// What of a text or Markdown file is one row.
    pub text_by: TextBy,
    /// The encoding by its WHATWG label, such as `gb18030`; else detected for each file.
    pub encoding: Option<String>,
    /// Whether the first bad row ends the reading with an error.
    pub strict: bool,
    /// Whether files that stand beside the data of a set, such as README and LICENSE, are read
    /// where a folder is: in a folder of documentation they are documents like the others.
    pub every_file: bool,
    /// Whether the names of files below a folder begin with that of the folder where several inputs
    /// are read, so that they tell which one they are of.
    pub name_inputs: bool,
    /// The configuration of a Hugging Face data set; else the one marked `default`, or the first.
    pub config: Option<String>,
    /// The split of a Hugging Face data set; else all.
    pub split: Option<String>,
    /// Attribute sidecars of a Dolma data set to read beside its documents.
    pub attributes: Vec<String>,
    /// Sizes allowed.
    pub limits: SourceLimits,
    /// Where files come from.
    pub opener: Arc<dyn Opener>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            text_column: None,
            id_column: None,
            text_by: TextBy::default(),
            encoding: None,
            strict: false,
            every_file: false,
            name_inputs: false,
            config: None,
            split: None,
            attributes: Vec::new(),
            limits: SourceLimits::default(),
            opener: Arc::new(LocalFiles),
        }
    }
}
