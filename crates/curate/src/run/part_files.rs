//! What one part leaves on disk: the attributes of all its documents, the text of those that
//! stay, and the rows that were none.

use crate::documents::schema::{
    AUDIT, GROUP, ID, KEY, LABEL, METADATA, PLACE, SHAPE, SOURCE, TEXT, TURNS, VERDICT,
};
use crate::error::CurateError;
use crate::functions::empty_audit;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{BadRow, PiiAudit};
use datafusion::error::DataFusionError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;

/// Bytes that a writer gathers before it writes them out.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Where the files of a part lie.
#[derive(Clone, Debug)]
pub(crate) struct PartFiles {
    /// One row per document read; its name is there only when the part is done.
    pub(crate) attributes: Utf8PathBuf,
    /// The documents that stay, until duplicates are known.
    pub(crate) documents: Utf8PathBuf,
    /// The same with repeated passages cut out, if they are looked for.
    pub(crate) cut: Utf8PathBuf,
    /// The rows that were no documents; absent if there are none.
    pub(crate) rejected: Utf8PathBuf,
    /// What was masked, for review; absent if nothing is looked for.
    pub(crate) audit: Utf8PathBuf,
}

impl PartFiles {
    /// The files of the part called `name` in the output `folder`.
    pub(crate) fn new(folder: &Utf8Path, name: &str) -> Self {
        Self {
            attributes: folder.join("attributes").join(format!("{name}.parquet")),
            documents: folder.join(".work").join(format!("{name}.parquet")),
            cut: folder.join(".work").join(format!("{name}.cut.parquet")),
            rejected: folder.join("rejected").join(format!("{name}.jsonl")),
            audit: folder.join(".work").join(format!("{name}.pii.json")),
        }
    }

    /// Whether the part was read to its end.
    pub(crate) fn are_done(&self) -> bool {
        self.attributes.exists() && self.documents.exists()
    }
}

/// Columns of the documents that stay.
const KEPT_COLUMNS: [&str; 10] =
    [ID, SOURCE, PLACE, TURNS, GROUP, LABEL, KEY, SHAPE, METADATA, TEXT];
/// Columns that only the documents that stay have.
const NOT_ATTRIBUTES: [&str; 7] = [METADATA, TEXT, TURNS, GROUP, LABEL, SHAPE, AUDIT];

/// Writes the batches of one part.
pub(crate) struct PartWriter {
    files: PartFiles,
    attributes: Option<Table>,
    documents: Option<Table>,
    audit: Option<PiiAudit>,
}

impl PartWriter {
    pub(crate) fn new(files: PartFiles) -> Self {
        Self { files, attributes: None, documents: None, audit: None }
    }

    /// Takes a batch with the columns of a judged plan; `verdict` is null where a document stays.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), CurateError> {
        let schema = batch.schema();
        let without = |names: &[&str]| -> Vec<usize> {
            let keep = |at: &usize| !names.contains(&schema.field(*at).name().as_str());
            (0..schema.fields().len()).filter(keep).collect()
        };
        add_audits(&mut self.audit, batch);
        let attributes = batch.project(&without(&NOT_ATTRIBUTES))?;
        table(&mut self.attributes, &self.files.attributes, &attributes.schema())?
            .write(&attributes)?;
        let kept: Vec<usize> =
            KEPT_COLUMNS.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?;
        let verdict = batch.column_by_name(VERDICT).expect("a judged plan has a verdict");
        let stays: BooleanArray =
            (0..batch.num_rows()).map(|row| Some(verdict.is_null(row))).collect();
        let documents = batch.project(&kept)?;
        let documents = filter_record_batch(&documents, &stays)?;
        table(&mut self.documents, &self.files.documents, &documents.schema())?.write(&documents)
    }

    /// Completes the files; the attributes get their name last.
    pub(crate) fn finish(self, schema: &SchemaRef, bad: &[BadRow]) -> Result<(), CurateError> {
        let Self { files, mut attributes, mut documents, audit } = self;
        if attributes.is_none() {
            // A part without documents has tables all the same, so that it counts as done.
            let mut empty = Self::new(files.clone());
            empty.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
            (attributes, documents) = (empty.attributes, empty.documents);
        }
        if !bad.is_empty() {
            let mut lines = Vec::new();
            for row in bad {
                serde_json::to_writer(&mut lines, row).expect("a bad row is plain data");
                lines.push(b'\n');
            }
            write_atomically(&files.rejected, &lines)?;
        }
        if let Some(audit) = audit {
            let json = serde_json::to_vec(&audit).expect("an audit is plain data");
            write_atomically(&files.audit, &json)?;
        }
        for table in [documents, attributes].into_iter().flatten() {
            table.finish()?;
        }
        Ok(())
    }
}

/// Adds what was masked in the documents that stay.
fn add_audits(audit: &mut Option<PiiAudit>, batch: &RecordBatch) {
    let Some(found) = batch.column_by_name(AUDIT) else { return };
    let verdict = batch.column_by_name(VERDICT).expect("a judged plan has a verdict");
    let audit = audit.get_or_insert_with(empty_audit);
    for (row, found) in found.as_string::<i32>().iter().enumerate() {
        match found.and_then(|found| serde_json::from_str(found).ok()) {
            Some(found) => audit.merge(found),
            None => audit.texts += u64::from(verdict.is_null(row)),
        }
    }
}

/// One Parquet file on its way to disk.
pub(crate) struct Table {
    path: Utf8PathBuf,
    beside: Utf8PathBuf,
    writer: ArrowWriter<File>,
}

fn table<'t>(
    slot: &'t mut Option<Table>,
    path: &Utf8Path,
    schema: &SchemaRef,
) -> Result<&'t mut Table, CurateError> {
    if slot.is_none() {
        *slot = Some(Table::create(path, schema)?);
    }
    Ok(slot.as_mut().expect("it was just filled"))
}

impl Table {
    pub(crate) fn create(path: &Utf8Path, schema: &SchemaRef) -> Result<Self, CurateError> {
        let folder = path.parent().expect("a file in the output folder");
        fs::create_dir_all(folder).map_err(CurateError::io("create", folder))?;
        let beside = path.with_extension("part");
        let file = File::create(&beside).map_err(CurateError::io("create", &beside))?;
        // Values that are nearly all different fill a dictionary for nothing. Texts lie here only
        // until the run ends, and packing them would cost more than reading them.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_compression(TEXT.into(), Compression::UNCOMPRESSED)
            .set_dictionary_enabled(false)
            .set_column_dictionary_enabled(SOURCE.into(), true)
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties));
        let writer = writer.map_err(|error| parquet(&beside, "write", error))?;
        Ok(Self { path: path.to_owned(), beside, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), CurateError> {
        let fail = |error| parquet(&self.beside, "write", error);
        self.writer.write(batch).map_err(fail)?;
        if self.writer.in_progress_size() >= ROW_GROUP_BYTES {
            self.writer.flush().map_err(fail)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(), CurateError> {
        let fail = |error| parquet(&self.beside, "write", error);
        let file = self.writer.into_inner().map_err(fail)?;
        file.sync_all().map_err(CurateError::io("write", &self.beside))?;
        fs::rename(&self.beside, &self.path).map_err(CurateError::io("rename", &self.beside))
    }
}

/// Reads the batches of a Parquet file of ours.
pub(crate) fn read_table(path: &Utf8Path) -> Result<ParquetRecordBatchReader, CurateError> {
    let fail = |error| parquet(path, "read", error);
    open_table(path)?.with_batch_size(1024).build().map_err(fail)
}

/// The same of some columns alone.
pub(crate) fn read_columns(
    path: &Utf8Path,
    names: &[&str],
) -> Result<ParquetRecordBatchReader, CurateError> {
    let fail = |error| parquet(path, "read", error);
    let builder = open_table(path)?;
    let columns = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    builder.with_projection(columns).with_batch_size(8192).build().map_err(fail)
}

fn open_table(path: &Utf8Path) -> Result<ParquetRecordBatchReaderBuilder<File>, CurateError> {
    let file = File::open(path).map_err(CurateError::io("read", path))?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| parquet(path, "read", error))
}

/// A column of texts in a file of ours.
pub(crate) fn column<'b>(batch: &'b RecordBatch, name: &str) -> &'b StringArray {
    let column = batch.column_by_name(name).expect("a file of ours has its columns");
    column.as_string::<i32>()
}

/// Which rows of a file of ours have turns.
pub(crate) fn have_turns(batch: &RecordBatch) -> &BooleanArray {
    batch.column_by_name(TURNS).expect("a file of ours has its columns").as_boolean()
}

/// Rows that were refused, by reason.
pub(crate) fn num_bad_rows(path: &Utf8Path) -> Result<BTreeMap<String, u64>, CurateError> {
    let mut counts = BTreeMap::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(counts),
        Err(error) => return Err(CurateError::io("read", path)(error)),
    };
    for line in BufReader::new(file).lines() {
        let line = line.map_err(CurateError::io("read", path))?;
        let row: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let reason = row["reason"]["reason"].as_str().unwrap_or("other");
        *counts.entry(reason.to_owned()).or_insert(0) += 1;
    }
    Ok(counts)
}

/// Writes a whole Parquet file.
pub(crate) fn write_table(path: &Utf8Path, batch: &RecordBatch) -> Result<(), CurateError> {
    let mut table = Table::create(path, &batch.schema())?;
    table.write(batch)?;
    table.finish()
}

/// Writes a whole file beside `path`, waits until it is on disk, and renames it over `path`.
pub(crate) fn write_atomically(path: &Utf8Path, bytes: &[u8]) -> Result<(), CurateError> {
    let folder = path.parent().expect("a file in the output folder");
    fs::create_dir_all(folder).map_err(CurateError::io("create", folder))?;
    let beside = path.with_file_name(format!("{}.part", path.file_name().unwrap_or("file")));
    let mut file = File::create(&beside).map_err(CurateError::io("create", &beside))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(CurateError::io("write", &beside))?;
    fs::rename(&beside, path).map_err(CurateError::io("rename", &beside))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn parquet(path: &Utf8Path, action: &'static str, error: ParquetError) -> CurateError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(source) => CurateError::Io { action, path: path.to_owned(), source: *source },
            Err(inner) => CurateError::Engine(Box::new(DataFusionError::External(inner))),
        },
        other => {
            let source = std::io::Error::other(other);
            CurateError::Io { action, path: path.to_owned(), source }
        }
    }
}
