//! The files of a clean set.

use crate::clean::CleanOutput;
use crate::error::DataError;
use crate::files::{from_json_lines, io, to_json_lines, write_atomically};
use crate::profile::DocumentProfile;
use crate::read::{ReadLimits, read_text};
use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, UInt64Array};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::PiiRule;
use catena_protocol::Document;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::fs;
use std::sync::Arc;

/// Where a clean set lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanFiles {
    /// The kept documents, one a line.
    pub documents: Utf8PathBuf,
    /// One [`DocumentProfile`] a line.
    pub profile_jsonl: Utf8PathBuf,
    /// The same as a table; one `masked_…` column per rule.
    pub profile_parquet: Utf8PathBuf,
    /// The [`Profile`](crate::Profile).
    pub summary: Utf8PathBuf,
}

impl CleanFiles {
    /// The files of the set in `folder`.
    pub fn new(folder: &Utf8Path) -> Self {
        Self {
            documents: folder.join("documents.jsonl"),
            profile_jsonl: folder.join("profile.jsonl"),
            profile_parquet: folder.join("profile.parquet"),
            summary: folder.join("profile.json"),
        }
    }
}

/// Writes the clean documents and their profile into `folder`, made if it is missing. The same
/// output gives the same bytes.
///
/// # Errors
/// [`DataError::Io`] and [`DataError::Parquet`].
pub fn write_clean(folder: &Utf8Path, output: &CleanOutput) -> Result<CleanFiles, DataError> {
    fs::create_dir_all(folder).map_err(io("create", folder))?;
    let files = CleanFiles::new(folder);
    let profiles = &output.document_profiles;
    write_atomically(&files.profile_jsonl, &to_json_lines(profiles))?;
    let table = parquet_table(profiles)
        .map_err(|source| DataError::Parquet { path: files.profile_parquet.clone(), source })?;
    write_atomically(&files.profile_parquet, &table)?;
    let summary = serde_json::to_vec_pretty(&output.profile).expect("a profile is plain data");
    write_atomically(&files.summary, &summary)?;
    write_atomically(&files.documents, &to_json_lines(&output.documents))?;
    Ok(files)
}

/// Reads the documents that [`write_clean`] wrote.
///
/// # Errors
/// File, encoding and JSON errors that name the file and line.
pub fn read_clean_documents(folder: &Utf8Path) -> Result<Vec<Document>, DataError> {
    let path = CleanFiles::new(folder).documents;
    from_json_lines(&path, &read_text(&path, ReadLimits::default().max_total_bytes)?)
}

/// The profiles as a Parquet file in memory.
fn parquet_table(profiles: &[DocumentProfile]) -> Result<Vec<u8>, ParquetError> {
    let strings = |value: &dyn Fn(&DocumentProfile) -> Option<String>| -> ArrayRef {
        Arc::new(profiles.iter().map(value).collect::<StringArray>())
    };
    let flags = |value: &dyn Fn(&DocumentProfile) -> bool| -> ArrayRef {
        Arc::new(profiles.iter().map(|one| Some(value(one))).collect::<BooleanArray>())
    };
    let counts = |value: &dyn Fn(&DocumentProfile) -> usize| -> ArrayRef {
        Arc::new(profiles.iter().map(|one| value(one) as u64).collect::<UInt64Array>())
    };
    let similarity = profiles.iter().map(|one| one.similarity).collect::<Float64Array>();
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("id".to_owned(), strings(&|one| Some(one.id.clone()))),
        ("title".to_owned(), strings(&|one| Some(one.title.clone()))),
        ("kept".to_owned(), flags(&|one| one.dropped_by.is_none())),
        ("dropped_by".to_owned(), strings(&|one| Some(one.dropped_by?.name().to_owned()))),
        ("duplicate_of".to_owned(), strings(&|one| one.duplicate_of.clone())),
        ("similarity".to_owned(), Arc::new(similarity)),
        ("normalized".to_owned(), flags(&|one| one.normalized)),
        ("chars".to_owned(), counts(&|one| one.chars)),
        ("tokens".to_owned(), counts(&|one| one.tokens)),
    ];
    for rule in PiiRule::ALL {
        let masked = counts(&|one| one.masked.get(&rule).copied().unwrap_or(0));
        columns.push((format!("masked_{}", rule.name()), masked));
    }
    let batch = RecordBatch::try_from_iter(columns).map_err(ParquetError::from)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}
