//! A file that is beside its place until it is whole.

use super::digest::Digest;
use super::options::WriteOptions;
use super::writer::WrittenFile;
use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::{self, Write};

/// Bytes gathered before the system is called.
const CHUNK_BYTES: usize = 256 << 10;

/// A file that is being written.
pub(super) struct PartFile {
    part: Utf8PathBuf,
    file: File,
    chunk: Vec<u8>,
    bytes: u64,
    digest: Digest,
    sync: bool,
}

/// A file that is written and waits for its name.
pub(super) struct ClosedFile {
    part: Utf8PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    /// The SHA-256 of its bytes.
    pub(super) sha256: String,
    renamed: bool,
}

impl PartFile {
    /// Creates the file that will be named `name` in `folder`.
    pub(super) fn create(
        folder: &Utf8Path,
        name: &str,
        options: &WriteOptions,
    ) -> Result<Self, CorpusError> {
        fs::create_dir_all(folder).map_err(CorpusError::io("create", folder))?;
        let part = folder.join(format!(".{name}.part"));
        let file = File::create(&part).map_err(CorpusError::io("create", &part))?;
        let digest = Digest::new(options.digest_apart);
        Ok(Self { part, file, chunk: Vec::new(), bytes: 0, digest, sync: options.sync })
    }

    /// Its path so far.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.part
    }

    /// Ends the file, and brings it to the disk if that is asked for.
    pub(super) fn close(mut self) -> Result<ClosedFile, CorpusError> {
        let written = self.write_chunk();
        let written = written.and_then(|()| if self.sync { self.file.sync_all() } else { Ok(()) });
        written.map_err(CorpusError::io("write", &self.part))?;
        let sha256 = self.digest.finish();
        Ok(ClosedFile { part: self.part, bytes: self.bytes, sha256, renamed: false })
    }

    fn write_chunk(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.file.write_all(&self.chunk)?;
        self.chunk = self.digest.update(std::mem::take(&mut self.chunk));
        Ok(())
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.chunk.reserve(CHUNK_BYTES.saturating_sub(self.chunk.len()));
        let taken = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        self.bytes += taken as u64;
        if self.chunk.len() == CHUNK_BYTES {
            self.write_chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_chunk()
    }
}

impl ClosedFile {
    /// What is told of it under its name.
    pub(super) fn written(&self, path: Utf8PathBuf, documents: u64) -> WrittenFile {
        WrittenFile { path, documents, bytes: self.bytes, sha256: self.sha256.clone() }
    }

    /// Gives the file its name.
    pub(super) fn rename(&mut self, name: &str) -> Result<Utf8PathBuf, CorpusError> {
        let path = self.part.with_file_name(name);
        fs::rename(&self.part, &path).map_err(CorpusError::io("rename", &self.part))?;
        self.renamed = true;
        Ok(path)
    }
}

impl Drop for ClosedFile {
    /// A file that never got its name is of no use.
    fn drop(&mut self) {
        if !self.renamed {
            let _ = fs::remove_file(&self.part);
        }
    }
}
