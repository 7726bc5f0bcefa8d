//! Rows that were no documents, kept aside while the others are read.

use camino::Utf8PathBuf;
use catena_corpus::{BadRow, CorpusError};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

/// A file of such rows, which is there only if there are any.
pub(super) struct Rejected {
    path: Utf8PathBuf,
    beside: Utf8PathBuf,
    file: Option<BufWriter<File>>,
    counts: BTreeMap<String, u64>,
}

impl Rejected {
    /// Rows for the file at `path`.
    pub(super) fn new(path: Utf8PathBuf) -> Self {
        let beside = Utf8PathBuf::from(format!("{path}.part"));
        Self { path, beside, file: None, counts: BTreeMap::new() }
    }

    /// Keeps one row.
    pub(super) fn add(&mut self, row: &BadRow) -> Result<(), CorpusError> {
        let line = serde_json::to_value(row).expect("a bad row is plain data");
        let reason = line["reason"]["reason"].as_str().unwrap_or("other");
        *self.counts.entry(reason.to_owned()).or_insert(0) += 1;
        let file = match self.file.take() {
            Some(file) => Ok(file),
            None => self.create(),
        };
        let written = file.and_then(|mut file| {
            writeln!(file, "{line}")?;
            self.file = Some(file);
            Ok(())
        });
        written.map_err(|error| self.fail(error))
    }

    fn create(&self) -> io::Result<BufWriter<File>> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(BufWriter::new(File::create(&self.beside)?))
    }

    fn fail(&self, source: io::Error) -> CorpusError {
        CorpusError::Io { action: "write", path: self.beside.clone(), source }
    }

    /// Puts the file in its place, and counts by reason; one that an earlier run left goes.
    pub(super) fn finish(&mut self) -> Result<BTreeMap<String, u64>, CorpusError> {
        let done = match self.file.take() {
            Some(file) => file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all())
                .and_then(|()| fs::rename(&self.beside, &self.path)),
            None if self.path.is_file() => fs::remove_file(&self.path),
            None => Ok(()),
        };
        done.map_err(|error| self.fail(error))?;
        Ok(std::mem::take(&mut self.counts))
    }
}
