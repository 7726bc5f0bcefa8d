//! Files that are whole or not there.

use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// A file that stands beside its place until it is whole. Dropped before, it leaves nothing.
#[derive(Debug)]
pub(super) struct AtomicFile {
    path: Utf8PathBuf,
    beside: Utf8PathBuf,
    out: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Begins the file that will stand at `path`.
    pub(super) fn create(path: &Utf8Path) -> Result<Self, CorpusError> {
        let beside = Utf8PathBuf::from(format!("{path}.part-{}", std::process::id()));
        let file = File::create(&beside).map_err(CorpusError::io("create", &beside))?;
        let out = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self { path: path.to_owned(), beside, out })
    }

    /// Adds bytes at the end.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), CorpusError> {
        let out = self.out.as_mut().expect("a file is written before it is finished");
        out.write_all(bytes).map_err(CorpusError::io("write", &self.beside))
    }

    /// Replaces the first bytes.
    pub(super) fn write_start(&mut self, bytes: &[u8]) -> Result<(), CorpusError> {
        let out = self.out.as_mut().expect("a file is written before it is finished");
        let written = out.seek(SeekFrom::Start(0)).and_then(|_| out.write_all(bytes));
        written.map_err(CorpusError::io("write", &self.beside))
    }

    /// Waits until all is on disk and puts the file in its place.
    pub(super) fn finish(mut self) -> Result<(), CorpusError> {
        let out = self.out.take().expect("a file is finished once");
        let synced = out.into_inner().map_err(std::io::IntoInnerError::into_error);
        let done = synced
            .and_then(|file| file.sync_all())
            .map_err(CorpusError::io("write", &self.beside))
            .and_then(|()| {
                fs::rename(&self.beside, &self.path).map_err(CorpusError::io("write", &self.path))
            });
        if done.is_err() {
            // The first error is the one to report; a left-over part is harmless.
            let _ = fs::remove_file(&self.beside);
        }
        done
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // Nobody is left to hear of it.
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Writes a whole small file.
pub(super) fn write_whole(path: &Utf8Path, bytes: &[u8]) -> Result<(), CorpusError> {
    let mut file = AtomicFile::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// `path` with something added to its name.
pub(super) fn with_suffix(path: &Utf8Path, suffix: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}{suffix}"))
}
