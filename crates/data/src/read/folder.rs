//! The files of a folder.

use super::file::{ReadLimits, is_file};
use crate::error::DataError;
use crate::files::io;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

/// Deepest nesting of folders.
const MAX_DEPTH: usize = 32;

/// Every file under `folder` in the order of its path; hidden entries and linked folders are left
/// out.
pub(crate) fn list_files(
    folder: &Utf8Path,
    limits: &ReadLimits,
) -> Result<Vec<Utf8PathBuf>, DataError> {
    let mut files = Vec::new();
    walk(folder, 0, limits, &mut files)?;
    files.sort();
    Ok(files)
}

fn walk(
    folder: &Utf8Path,
    depth: usize,
    limits: &ReadLimits,
    files: &mut Vec<Utf8PathBuf>,
) -> Result<(), DataError> {
    if depth > MAX_DEPTH {
        let (what, limit) = ("depth of folders", MAX_DEPTH as u64);
        return Err(DataError::TooLarge { path: folder.to_owned(), what, limit });
    }
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let entry = entry.map_err(io("read", folder))?;
        let path = Utf8PathBuf::from_path_buf(entry.path())
            .map_err(|_| DataError::PathNotUtf8 { folder: folder.to_owned() })?;
        if path.file_name().is_some_and(|name| name.starts_with('.')) {
            continue;
        }
        let kind = entry.file_type().map_err(io("read", &path))?;
        if kind.is_dir() {
            walk(&path, depth + 1, limits, files)?;
        } else if is_file(&path) {
            files.push(path);
        }
        if files.len() > limits.max_files {
            let (what, limit) = ("number of files", limits.max_files as u64);
            return Err(DataError::TooLarge { path: folder.to_owned(), what, limit });
        }
    }
    Ok(())
}
