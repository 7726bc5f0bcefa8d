//! Tables of a run as Parquet files: what accounts for its documents.

use crate::documents::schema::{KEY, SOURCE, TURNS};
use crate::error::CurateError;
use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch, StringArray};
use arrow_schema::SchemaRef;
use camino::{Utf8Path, Utf8PathBuf};
use datafusion::error::DataFusionError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fs::{self, File};
use std::sync::Arc;

/// Bytes that a writer gathers before it writes them out.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// One Parquet file on its way to disk.
pub(crate) struct Table {
    path: Utf8PathBuf,
    beside: Utf8PathBuf,
    writer: ArrowWriter<File>,
}

impl Table {
    pub(crate) fn create(path: &Utf8Path, schema: &SchemaRef) -> Result<Self, CurateError> {
        let folder = path.parent().expect("a file in the output folder");
        fs::create_dir_all(folder).map_err(CurateError::io("create", folder))?;
        let beside = path.with_extension("part");
        let file = File::create(&beside).map_err(CurateError::io("create", &beside))?;
        // Values that are nearly all different fill a dictionary for nothing, and digits of hashes
        // cannot be packed.
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_column_compression(KEY.into(), Compression::UNCOMPRESSED)
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

    /// Ends the file and gives it its name, with `sync` when it is on the disk.
    pub(crate) fn finish(self, sync: bool) -> Result<(), CurateError> {
        let fail = |error| parquet(&self.beside, "write", error);
        let file = self.writer.into_inner().map_err(fail)?;
        name_whole(&file, &self.beside, &self.path, sync)
    }
}

/// Gives the whole `file`, written at `beside`, its name, with `sync` when it is on the disk.
pub(super) fn name_whole(
    file: &File,
    beside: &Utf8Path,
    path: &Utf8Path,
    sync: bool,
) -> Result<(), CurateError> {
    if sync {
        file.sync_all().map_err(CurateError::io("write", beside))?;
    }
    fs::rename(beside, path).map_err(CurateError::io("rename", beside))
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

/// Whether there is a whole Parquet file.
pub(super) fn is_table(path: &Utf8Path) -> bool {
    open_table(path).is_ok()
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

/// Writes a whole Parquet file.
pub(crate) fn write_table(
    path: &Utf8Path,
    batch: &RecordBatch,
    sync: bool,
) -> Result<(), CurateError> {
    let mut table = Table::create(path, &batch.schema())?;
    table.write(batch)?;
    table.finish(sync)
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
