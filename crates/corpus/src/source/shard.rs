//! A unit of work.

use super::format::{Compression, Format};
use std::sync::Arc;

/// Which part of a file a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    Whole,
    /// The lines that begin from `start` up to before `end`, in bytes.
    Lines {
        /// The first byte.
        start: u64,
        /// The byte after the last.
        end: u64,
    },
    /// One row group of a Parquet file.
    RowGroup {
        /// Its number, from 0.
        index: usize,
        /// The number of its first row in the file, from 1.
        first_row: u64,
    },
}

/// A unit of work: a file or a part of one. The list of shards depends on the input and the
/// options alone, not on threads or machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    /// Unique in its plan, and the same whenever the same input is planned again.
    pub id: String,
    /// The file, as the opener knows it.
    pub path: Arc<str>,
    /// The file's name below the input.
    pub name: Arc<str>,
    /// Its format.
    pub format: Format,
    /// Its compression.
    pub compression: Compression,
    /// Which part of it.
    pub part: Part,
    /// The split of a Hugging Face data set.
    pub split: Option<String>,
    /// Its length in the file, compressed or not: what work can be weighed by.
    pub bytes: u64,
    /// What changes with the contents of the file and of the sidecars read with it, as
    /// [`Opener::version`](super::Opener::version) tells it.
    pub version: Option<Arc<str>>,
}

impl Shard {
    /// The whole file at `path`, its format told by its ending.
    pub fn of_file(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (format, compression) = Format::of_name(name);
        Self {
            id: name.to_owned(),
            path: path.into(),
            name: name.into(),
            format,
            compression,
            part: Part::Whole,
            split: None,
            bytes: 0,
            version: None,
        }
    }

    /// The same file, but one part of it.
    pub(super) fn part(&self, part: Part, bytes: u64) -> Self {
        let id = match part {
            Part::Whole => self.name.to_string(),
            Part::Lines { start, .. } => format!("{}@{start}", self.name),
            Part::RowGroup { index, .. } => format!("{}#{index}", self.name),
        };
        Self { id, part, bytes, ..self.clone() }
    }
}
