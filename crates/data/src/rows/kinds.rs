//! Which files hold rows, by their endings.

use crate::error::DataError;
use camino::Utf8Path;
use catena_corpus::{Compression, Format, Shard};

/// The endings that are read, as errors name them.
const KNOWN: &str = ".json, .jsonl, .csv, .tsv, .txt, .md, .arrow, .parquet, each also with .gz \
    or .zst";

/// The file `path` as a unit of reading, if it holds rows.
pub(super) fn shard_of(path: &Utf8Path) -> Result<Shard, DataError> {
    let shard = Shard::of_file(path.as_str());
    let is_read = match shard.format {
        Format::Json
        | Format::JsonLines
        | Format::Csv
        | Format::Tsv
        | Format::Text
        | Format::Markdown
        | Format::Arrow => true,
        Format::Parquet => shard.compression == Compression::None,
        Format::Html
        | Format::Pdf
        | Format::Docx
        | Format::Xlsx
        | Format::Pptx
        | Format::Epub
        | Format::Warc
        | Format::Unknown => false,
    };
    if is_read {
        Ok(shard)
    } else {
        Err(DataError::UnknownDataFile { path: path.to_owned(), known: KNOWN })
    }
}
