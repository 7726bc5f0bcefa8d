//! A file that is beside its place until it is whole.

use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

/// Bytes gathered before the system is called.
const WRITE_BYTES: usize = 256 << 10;

/// A file that is being written.
pub(super) struct PartFile {
    part: Utf8PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

/// A file that is written and waits for its name.
pub(super) struct ClosedFile {
    part: Utf8PathBuf,
    /// Its length.
    pub(super) bytes: u64,
    renamed: bool,
}

impl PartFile {
    /// Creates the file that will be named `name` in `folder`.
    pub(super) fn create(folder: &Utf8Path, name: &str) -> Result<Self, CorpusError> {
        fs::create_dir_all(folder).map_err(CorpusError::io("create", folder))?;
        let part = folder.join(format!(".{name}.part"));
        let file = File::create(&part).map_err(CorpusError::io("create", &part))?;
        Ok(Self { part, file: BufWriter::with_capacity(WRITE_BYTES, file), bytes: 0 })
    }

    /// Its path so far.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.part
    }

    /// Brings the file to the disk.
    pub(super) fn close(mut self) -> Result<ClosedFile, CorpusError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(CorpusError::io("write", &self.part))?;
        Ok(ClosedFile { part: self.part, bytes: self.bytes, renamed: false })
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl ClosedFile {
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
