//! Documents between two steps of a run, as files of Arrow: written and read by copying alone, and
//! gone when the run ends.

use super::table::name_whole;
use crate::error::CurateError;
use arrow_array::RecordBatch;
use arrow_ipc::reader::FileReader;
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, SchemaRef};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::{self, BufWriter};

/// A file that is being written.
pub(crate) struct Spool {
    path: Utf8PathBuf,
    beside: Utf8PathBuf,
    writer: FileWriter<BufWriter<File>>,
}

impl Spool {
    pub(crate) fn create(path: &Utf8Path, schema: &SchemaRef) -> Result<Self, CurateError> {
        let folder = path.parent().expect("a file in the output folder");
        fs::create_dir_all(folder).map_err(CurateError::io("create", folder))?;
        let beside = path.with_extension("part");
        let file = File::create(&beside).map_err(CurateError::io("create", &beside))?;
        let writer = FileWriter::try_new_buffered(file, schema);
        let writer = writer.map_err(|error| failed(&beside, "write", error))?;
        Ok(Self { path: path.to_owned(), beside, writer })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), CurateError> {
        self.writer.write(batch).map_err(|error| failed(&self.beside, "write", error))
    }

    /// Ends the file and gives it its name, with `sync` when it is on the disk.
    pub(crate) fn finish(mut self, sync: bool) -> Result<(), CurateError> {
        let fail = |error| failed(&self.beside, "write", error);
        self.writer.finish().map_err(fail)?;
        let file = self.writer.into_inner().map_err(fail)?.into_inner();
        let io = CurateError::io("write", &self.beside);
        let file = file.map_err(|error| io(error.into_error()))?;
        name_whole(&file, &self.beside, &self.path, sync)
    }
}

/// The batches of a file.
pub(crate) struct SpoolReader {
    path: Utf8PathBuf,
    reader: FileReader<File>,
}

/// Reads the batches of a file.
pub(crate) fn read_spool(path: &Utf8Path) -> Result<SpoolReader, CurateError> {
    let file = File::open(path).map_err(CurateError::io("read", path))?;
    let reader = FileReader::try_new(file, None);
    let reader = reader.map_err(|error| failed(path, "read", error))?;
    Ok(SpoolReader { path: path.to_owned(), reader })
}

impl Iterator for SpoolReader {
    type Item = Result<RecordBatch, CurateError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.map_err(|error| failed(&self.path, "read", error)))
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "errors of other libraries are many")]
fn failed(path: &Utf8Path, action: &'static str, error: ArrowError) -> CurateError {
    let source = match error {
        ArrowError::IoError(_, source) => source,
        other => io::Error::other(other),
    };
    CurateError::Io { action, path: path.to_owned(), source }
}
