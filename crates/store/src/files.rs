//! Atomic writes and folder listings.

use crate::error::{StoreError, io_error};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};
use std::io::Write;

/// Most files one folder listing may hold.
const MAX_FILES: usize = 100_000;

/// A file below a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Path relative to the folder, with `/` between its parts.
    pub path: Utf8PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Writes `bytes` to `path` so that a reader sees the old file or the whole new one, also after a
/// power cut: written beside, synced, renamed, folder synced. Parent folders are made.
pub fn write_atomic(path: &Utf8Path, bytes: &[u8]) -> Result<(), StoreError> {
    let parent = path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    fs::create_dir_all(parent).map_err(|e| io_error(e, "create", parent))?;
    let mut file = tempfile::Builder::new()
        .prefix(".write-")
        .suffix(".part")
        .tempfile_in(parent)
        .map_err(|e| io_error(e, "write", path))?;
    file.write_all(bytes).map_err(|e| io_error(e, "write", path))?;
    file.as_file().sync_all().map_err(|e| io_error(e, "write", path))?;
    file.persist(path).map_err(|e| io_error(e.error, "rename to", path))?;
    sync_dir(parent)
}

/// Makes the names in a folder durable.
pub fn sync_dir(dir: &Utf8Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|handle| handle.sync_all()).map_err(|e| io_error(e, "sync", dir))
}

/// Every file below `dir`, sorted by path.
///
/// # Errors
/// [`StoreError::UnsupportedFileType`] on a link, socket or device,
/// [`StoreError::TooManyFiles`] above 100,000 files.
pub fn list_files(dir: &Utf8Path) -> Result<Vec<FileEntry>, StoreError> {
    let mut entries = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).map_err(|e| io_error(e, "read", &folder))? {
            let entry = entry.map_err(|e| io_error(e, "read", &folder))?;
            let path = Utf8PathBuf::from_path_buf(entry.path())
                .map_err(|path| StoreError::PathNotUtf8 { path })?;
            let meta = entry.metadata().map_err(|e| io_error(e, "read", &path))?;
            if meta.is_dir() {
                open.push(path);
            } else if meta.is_file() {
                let relative = path.strip_prefix(dir).expect("walked from this folder").to_owned();
                entries.push(FileEntry { path: relative, bytes: meta.len() });
            } else {
                return Err(StoreError::UnsupportedFileType { path });
            }
            if entries.len() > MAX_FILES {
                return Err(StoreError::TooManyFiles { path: dir.to_owned(), limit: MAX_FILES });
            }
        }
    }
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}
