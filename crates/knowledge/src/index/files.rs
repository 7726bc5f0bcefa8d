//! Reading and writing whole files, with the path in every error.

use crate::error::KnowledgeError;
use camino::Utf8Path;
use std::fs::{self, File};
use std::io::Write;

/// Names `action` on `path` in an error.
pub(super) fn io(
    action: &'static str,
    path: &Utf8Path,
) -> impl FnOnce(std::io::Error) -> KnowledgeError {
    let path = path.to_owned();
    move |source| KnowledgeError::Io { action, path, source }
}

/// Reads a whole file.
pub(super) fn read(path: &Utf8Path) -> Result<Vec<u8>, KnowledgeError> {
    fs::read(path).map_err(io("read", path))
}

/// Writes a whole file and waits until it is on disk.
pub(super) fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), KnowledgeError> {
    let mut file = File::create(path).map_err(io("create", path))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(io("write", path))
}

/// Makes the entries of a folder durable.
pub(super) fn sync_folder(path: &Utf8Path) -> Result<(), KnowledgeError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(io("write", path))
}
