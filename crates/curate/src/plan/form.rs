//! The form of the documents that are written.

use super::settings::WriteSettings;
use crate::error::CurateError;
use camino::Utf8Path;
use catena_corpus::{
    ColumnTypes, Compression, CorpusError, DocumentWriter, Layout, SinkFormat, WriteOptions,
};

/// A form of documents.
struct Form {
    name: &'static str,
    format: SinkFormat,
    compression: Compression,
    layout: Layout,
    /// The ending of its files.
    ending: &'static str,
}

const fn form(
    name: &'static str,
    format: SinkFormat,
    (compression, layout): (Compression, Layout),
    ending: &'static str,
) -> Form {
    Form { name, format, compression, layout, ending }
}

const PLAIN: (Compression, Layout) = (Compression::None, Layout::Flat);

/// All forms.
const FORMS: [Form; 10] = [
    form("jsonl", SinkFormat::JsonLines, PLAIN, "jsonl"),
    form("jsonl.gz", SinkFormat::JsonLines, (Compression::Gzip, Layout::Flat), "jsonl.gz"),
    form("jsonl.zst", SinkFormat::JsonLines, (Compression::Zstd, Layout::Flat), "jsonl.zst"),
    form("parquet", SinkFormat::Parquet, PLAIN, "parquet"),
    form("arrow", SinkFormat::Arrow, PLAIN, "arrow"),
    form("csv", SinkFormat::Csv, PLAIN, "csv"),
    form("tsv", SinkFormat::Tsv, PLAIN, "tsv"),
    form("text", SinkFormat::Text, PLAIN, "txt"),
    form("dolma", SinkFormat::JsonLines, (Compression::Gzip, Layout::Dolma), "jsonl.gz"),
    form("datatrove", SinkFormat::JsonLines, (Compression::Gzip, Layout::Nested), "jsonl.gz"),
];

/// The name of the sidecar of Dolma's attributes.
const SIDECAR: &str = "catena";

/// The form called `name`.
fn find(name: &str) -> Result<&'static Form, CurateError> {
    FORMS.iter().find(|form| form.name == name).ok_or_else(|| {
        CorpusError::unknown("form of documents", name, FORMS.iter().map(|form| form.name)).into()
    })
}

/// How documents are written.
#[derive(Clone, Debug)]
pub(crate) struct WriteForm(WriteOptions);

impl WriteForm {
    /// The form that the plan names.
    ///
    /// # Errors
    /// [`CorpusError::UnknownName`].
    pub(crate) fn new(settings: &WriteSettings) -> Result<Self, CurateError> {
        let &Form { format, compression, layout, .. } = find(&settings.format)?;
        Ok(Self(WriteOptions { format, compression, layout, ..WriteOptions::default() }))
    }

    /// The same for a run: `sync` says whether files are on the disk before they have their names.
    pub(crate) fn in_run(self, sync: bool, threads: usize) -> Self {
        Self(WriteOptions { sync, digest_apart: threads > 1, ..self.0 })
    }

    /// The same with the columns that documents of these types need in tables.
    pub(crate) fn with_types(self, types: &ColumnTypes) -> Self {
        Self(self.0.with_types(types))
    }

    /// How documents become lines; the split is left open.
    pub(crate) fn options(&self) -> &WriteOptions {
        &self.0
    }

    /// A writer for the documents of `split` in the curated set `folder`.
    pub(crate) fn writer(&self, folder: &Utf8Path, split: &str) -> DocumentWriter {
        let mut options = WriteOptions { split: split.to_owned(), ..self.0.clone() };
        let data = folder.join("data");
        match (self.0.format, self.0.layout) {
            // Tables bear the split in their names.
            (SinkFormat::Parquet | SinkFormat::Arrow, _) => DocumentWriter::new(folder, options),
            (_, Layout::Dolma) => {
                options.sidecar = Some(data.join("attributes").join(SIDECAR).join(split));
                DocumentWriter::new(&data.join("documents").join(split), options)
            }
            (_, Layout::Flat | Layout::Nested) => DocumentWriter::new(&data.join(split), options),
        }
    }
}

impl WriteSettings {
    /// The files of `split`, as the card of a Hugging Face data set names them.
    pub(crate) fn pattern(&self, split: &str) -> String {
        let Ok(form) = find(&self.format) else { return "data/**".to_owned() };
        match (form.format, form.layout) {
            (SinkFormat::Parquet | SinkFormat::Arrow, _) => {
                format!("data/{split}-*.{}", form.ending)
            }
            (_, Layout::Dolma) => format!("data/documents/{split}/*.{}", form.ending),
            (_, Layout::Flat | Layout::Nested) => format!("data/{split}/*.{}", form.ending),
        }
    }
}

/// The files of the split `train` in the form called `format`, as the card of a data set names
/// them.
pub fn document_pattern(format: &str) -> String {
    WriteSettings { format: format.to_owned(), ..WriteSettings::default() }.pattern("train")
}

/// A writer of documents in the form called `format`, into the curated set `folder`; `types` are
/// those of the documents.
///
/// # Errors
/// [`CorpusError::UnknownName`].
pub fn document_writer(
    format: &str,
    folder: &Utf8Path,
    split: &str,
    types: &ColumnTypes,
) -> Result<DocumentWriter, CurateError> {
    let settings = WriteSettings { format: format.to_owned(), ..WriteSettings::default() };
    Ok(WriteForm::new(&settings)?.with_types(types).writer(folder, split))
}
