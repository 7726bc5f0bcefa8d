//! Which files hold rows, by their endings.

use super::text::TextBy;
use super::{csv, json, text};
use crate::error::DataError;
use camino::Utf8Path;

use super::sink::Sink;

/// The endings that are read, as errors name them.
const KNOWN: &str = ".json, .jsonl, .csv, .tsv, .txt, .md, each also with .gz, and .parquet";

/// How a file holds rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    JsonLines,
    Csv,
    Tsv,
    Text,
    Parquet,
}

/// One line for each ending.
const KINDS: [(&str, Kind); 9] = [
    ("json", Kind::Json),
    ("jsonl", Kind::JsonLines),
    ("ndjson", Kind::JsonLines),
    ("csv", Kind::Csv),
    ("tsv", Kind::Tsv),
    ("txt", Kind::Text),
    ("md", Kind::Text),
    ("markdown", Kind::Text),
    ("parquet", Kind::Parquet),
];

impl Kind {
    /// The kind of the file `path`.
    pub(super) fn of(path: &Utf8Path) -> Result<Self, DataError> {
        let name = path.file_name().unwrap_or("").to_ascii_lowercase();
        let plain = name.strip_suffix(".gz");
        let ending = plain.unwrap_or(&name).rsplit_once('.').map(|(_, ending)| ending);
        let kind = KINDS.iter().find(|(known, _)| Some(*known) == ending).map(|(_, kind)| *kind);
        match kind {
            Some(kind) if kind != Self::Parquet || plain.is_none() => Ok(kind),
            _ => Err(DataError::UnknownDataFile { path: path.to_owned(), known: KNOWN }),
        }
    }

    /// Reads the rows of a file of text.
    pub(super) fn read(self, text: &str, by: TextBy, sink: &mut Sink<'_>) -> Result<(), DataError> {
        match self {
            Self::Json => json::read(text, sink),
            Self::JsonLines => json::read_lines(text, sink),
            Self::Csv => csv::read_commas(text, sink),
            Self::Tsv => csv::read_tabs(text, sink),
            Self::Text => text::read(text, by, sink),
            Self::Parquet => super::parquet::read(sink),
        }
    }
}
