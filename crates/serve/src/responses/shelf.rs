//! Responses on disk: one file each.

use super::store::Response;
use crate::files::is_id;
use camino::{Utf8Path, Utf8PathBuf};
use catena_store::{StoreError, sync_dir, write_atomic};
use serde_json::json;
use std::fs;
use std::io::ErrorKind;

/// The folder.
pub(super) struct Shelf {
    folder: Utf8PathBuf,
}

impl Shelf {
    /// Opens `folder`, which is made, and reads the responses in it, oldest first, each with the bytes of
    /// its file. What was half written is removed.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub(super) fn open(folder: &Utf8Path) -> Result<(Self, Vec<(Response, usize)>), StoreError> {
        let failed = |source| StoreError::Io { action: "open", path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut kept = Vec::new();
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let path = entry.map_err(failed)?.into_path();
            match (path.extension(), path.file_stem()) {
                (Some("part"), _) => fs::remove_file(&path).map_err(failed)?,
                (Some("json"), Some(id)) if is_id(id) => {
                    let text = fs::read(&path).map_err(failed)?;
                    // A file that is none was not written by us.
                    let read = serde_json::from_slice::<Response>(&text).ok();
                    if let Some(response) = read.filter(|response| response.id() == id) {
                        kept.push((response, text.len()));
                    }
                }
                _ => {}
            }
        }
        kept.sort_by_key(|(response, _)| {
            (response.object["created_at"].as_u64(), response.id().to_owned())
        });
        Ok((Self { folder: folder.to_owned() }, kept))
    }

    /// Writes a response, on disk when this returns; gives its bytes.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn write(&self, response: &Response) -> Result<usize, StoreError> {
        let text = json!(response).to_string();
        write_atomic(&self.path(response.id()), text.as_bytes())?;
        Ok(text.len())
    }

    /// Removes responses: they are gone when this returns.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn remove(&self, ids: &[String]) -> Result<(), StoreError> {
        for id in ids {
            let path = self.path(id);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::Io { action: "remove", path, source: error });
                }
                _ => {}
            }
        }
        if ids.is_empty() { Ok(()) } else { sync_dir(&self.folder) }
    }

    fn path(&self, id: &str) -> Utf8PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}
