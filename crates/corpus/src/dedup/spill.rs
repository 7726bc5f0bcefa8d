//! Intermediate results on disk.

use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;

/// Where a run keeps its intermediate results, and with how much it works.
///
/// The files have no name: nothing is left of them, however the run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scratch {
    /// The folder of intermediate files; it must be there.
    pub folder: Utf8PathBuf,
    /// Bytes of memory for sorting. What is kept for each document comes on top, as the functions
    /// say. The result does not depend on it.
    pub memory_bytes: usize,
    /// Threads that work. The result does not depend on it.
    pub threads: usize,
}

impl Scratch {
    /// The same folder and threads with a share of the memory.
    pub(super) fn memory_share(&self, parts: usize, of: usize) -> usize {
        self.memory_bytes / of * parts
    }

    /// The threads.
    pub(super) fn pool(&self) -> Result<rayon::ThreadPool, CorpusError> {
        let count = self.threads.max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        pool.map_err(|source| CorpusError::Threads { count, source })
    }
}

/// A file without a name that grows at its end and is read anywhere.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    folder: Utf8PathBuf,
    len: u64,
}

impl SpillFile {
    pub(crate) fn create(folder: &Utf8Path) -> Result<Self, CorpusError> {
        let file =
            tempfile::tempfile_in(folder).map_err(|source| failure("write to", folder, source))?;
        Ok(Self { file, folder: folder.to_owned(), len: 0 })
    }

    #[cfg(test)]
    pub(super) fn over(file: File, folder: &Utf8Path) -> Self {
        Self { file, folder: folder.to_owned(), len: 0 }
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), CorpusError> {
        let written = self.file.write_all_at(bytes, self.len);
        written.map_err(|source| failure("write to", &self.folder, source))?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), CorpusError> {
        let read = self.file.read_exact_at(bytes, offset);
        read.map_err(|source| failure("read from", &self.folder, source))
    }
}

fn failure(action: &'static str, folder: &Utf8Path, source: Error) -> CorpusError {
    let path = folder.to_owned();
    if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        CorpusError::SpillFull { path, source }
    } else {
        CorpusError::Io { action, path, source }
    }
}
