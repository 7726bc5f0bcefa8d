//! The files of a stage's result.

use crate::error::PipelineError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_store::{list_files, sync_dir};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};

/// A file of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OutputFile {
    /// Path inside the result's folder.
    pub(crate) path: Utf8PathBuf,
    pub(crate) bytes: u64,
}

/// Puts everything below `dir` on the disk and lists it.
pub(crate) fn sync_files(dir: &Utf8Path) -> Result<Vec<OutputFile>, PipelineError> {
    let mut folders = BTreeSet::from([dir.to_owned()]);
    let mut files = Vec::new();
    for entry in list_files(dir)? {
        let path = dir.join(&entry.path);
        let io = |source| PipelineError::Io { path: path.clone(), source };
        File::open(&path).and_then(|file| file.sync_all()).map_err(io)?;
        folders.extend(path.ancestors().skip(1).take_while(|p| *p != dir).map(Utf8Path::to_owned));
        files.push(OutputFile { path: entry.path, bytes: entry.bytes });
    }
    folders.iter().try_for_each(|folder| sync_dir(folder))?;
    Ok(files)
}

/// Whether every file is there with its size. A changed byte is not noticed.
pub(crate) fn is_whole(dir: &Utf8Path, files: &[OutputFile]) -> bool {
    let is_there = |file: &OutputFile| {
        fs::metadata(dir.join(&file.path)).is_ok_and(|meta| meta.len() == file.bytes)
    };
    dir.is_dir() && files.iter().all(is_there)
}

/// Removes a folder, renaming it first: a kill half-way leaves no name that looks like a result
/// or like something to resume from.
pub(crate) fn remove_folder(dir: &Utf8Path) -> Result<(), PipelineError> {
    let doomed = match dir.extension() {
        Some(DOOMED) => dir.to_owned(),
        _ => Utf8PathBuf::from(format!("{dir}.{DOOMED}")),
    };
    let io = |source| PipelineError::Io { path: dir.to_owned(), source };
    if doomed != dir {
        if doomed.exists() {
            fs::remove_dir_all(&doomed).map_err(io)?;
        }
        fs::rename(dir, &doomed).map_err(io)?;
    }
    fs::remove_dir_all(&doomed).map_err(io)
}

/// Ending of a folder that is being removed.
const DOOMED: &str = "removed";
