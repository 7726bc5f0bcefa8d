//! The form of the documents that are written.

use super::settings::WriteSettings;
use crate::error::CurateError;
use camino::Utf8Path;
use catena_corpus::{Compression, CorpusError, DocumentWriter, SinkFormat, WriteOptions};

/// Names of the forms.
const FORMS: [(&str, SinkFormat, Compression); 5] = [
    ("jsonl", SinkFormat::JsonLines, Compression::None),
    ("jsonl.gz", SinkFormat::JsonLines, Compression::Gzip),
    ("jsonl.zst", SinkFormat::JsonLines, Compression::Zstd),
    ("parquet", SinkFormat::Parquet, Compression::None),
    ("arrow", SinkFormat::Arrow, Compression::None),
];

/// How documents are written.
#[derive(Clone, Debug)]
pub(crate) struct WriteForm(WriteOptions);

impl WriteForm {
    /// The form that the plan names.
    ///
    /// # Errors
    /// [`CorpusError::UnknownName`].
    pub(crate) fn new(settings: &WriteSettings) -> Result<Self, CurateError> {
        let found = FORMS.iter().find(|(name, _, _)| *name == settings.format);
        let (_, format, compression) = found.ok_or_else(|| {
            let names = FORMS.iter().map(|(name, _, _)| *name);
            CorpusError::unknown("form of documents", &settings.format, names)
        })?;
        let (format, compression) = (*format, *compression);
        Ok(Self(WriteOptions { format, compression, ..WriteOptions::default() }))
    }

    /// A writer for the documents of `split` in the curated set `folder`.
    pub(crate) fn writer(&self, folder: &Utf8Path, split: &str) -> DocumentWriter {
        let options = WriteOptions { split: split.to_owned(), ..self.0.clone() };
        match self.0.format {
            // Tables bear the split in their names.
            SinkFormat::Parquet | SinkFormat::Arrow => DocumentWriter::new(folder, options),
            SinkFormat::JsonLines | SinkFormat::Text => {
                DocumentWriter::new(&folder.join("data").join(split), options)
            }
        }
    }
}

impl WriteSettings {
    /// The files of `split`, as the card of a Hugging Face data set names them.
    pub(crate) fn pattern(&self, split: &str) -> String {
        match self.format.as_str() {
            "parquet" | "arrow" => format!("data/{split}-*.{}", self.format),
            ending => format!("data/{split}/*.{ending}"),
        }
    }
}

/// The files of the split `train` in the form called `format`, as the card of a data set names
/// them.
pub fn document_pattern(format: &str) -> String {
    WriteSettings { format: format.to_owned(), ..WriteSettings::default() }.pattern("train")
}

/// A writer of documents in the form called `format`, into the curated set `folder`.
///
/// # Errors
/// [`CorpusError::UnknownName`].
pub fn document_writer(
    format: &str,
    folder: &Utf8Path,
    split: &str,
) -> Result<DocumentWriter, CurateError> {
    let settings = WriteSettings { format: format.to_owned(), ..WriteSettings::default() };
    Ok(WriteForm::new(&settings)?.writer(folder, split))
}
