//! Files on disk.

use crate::error::ApiError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_store::{StoreError, sync_dir, write_atomic};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Largest file.
pub(crate) const MAX_FILE_BYTES: usize = 100 << 20;
/// Most files.
const MAX_FILES: usize = 10_000;
/// Most bytes of all files.
const MAX_TOTAL_BYTES: u64 = 4 << 30;
/// End of the name of a file's bytes while they come.
const PART: &str = "part";
/// End of the name of a file's bytes.
const DATA: &str = "data";
/// End of the name of a file's record.
const RECORD: &str = "json";

/// The files below one folder.
pub(crate) struct FileStore {
    folder: Utf8PathBuf,
    /// By identity.
    records: Mutex<BTreeMap<String, Value>>,
}

/// A file that is being written; without [`FileStore::finish`] what came is removed.
pub(crate) struct Upload {
    id: String,
    path: Utf8PathBuf,
    file: File,
    bytes: usize,
    is_kept: bool,
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether `text` can be an identity: only then it may be part of a path.
pub(crate) fn is_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=80).contains(&text.len()) && text.bytes().all(is_plain)
}

impl FileStore {
    /// The files below `folder`, which is made; what was half written is removed.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub(crate) fn open(folder: &Utf8Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { action: "open", path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut records = BTreeMap::new();
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let path = entry.map_err(failed)?.into_path();
            match (path.extension(), path.file_stem()) {
                (Some(PART), _) => fs::remove_file(&path).map_err(failed)?,
                (Some(RECORD), Some(id)) if is_id(id) => {
                    let text = fs::read(&path).map_err(failed)?;
                    // A record that is none was not written by us and is nobody's file.
                    if let Ok(record) = serde_json::from_slice::<Value>(&text) {
                        records.insert(id.to_owned(), record);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { folder: folder.to_owned(), records: Mutex::new(records) })
    }

    /// All records, oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        let mut records: Vec<Value> = self.lock().values().cloned().collect();
        records.sort_by_key(|record| record["created_at"].as_u64());
        records
    }

    /// The record of a file.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(crate) fn record(&self, id: &str) -> Result<Value, ApiError> {
        self.lock().get(id).cloned().ok_or_else(|| unknown(id))
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::Storage`].
    pub(crate) fn open_data(&self, id: &str) -> Result<File, ApiError> {
        self.record(id)?;
        let path = self.path(id, DATA);
        File::open(&path).map_err(|error| storage("read", &path, error))
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`ApiError::StorageFull`], [`ApiError::Storage`].
    pub(crate) fn begin(&self, id: String) -> Result<Upload, ApiError> {
        let records = self.lock();
        let bytes: u64 = records.values().filter_map(|record| record["bytes"].as_u64()).sum();
        if records.len() >= MAX_FILES || bytes >= MAX_TOTAL_BYTES {
            return Err(ApiError::StorageFull { files: records.len(), bytes });
        }
        let path = self.path(&id, PART);
        let file = File::create(&path).map_err(|error| storage("write", &path, error))?;
        Ok(Upload { id, path, file, bytes: 0, is_kept: false })
    }

    /// Makes a file of what came.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(crate) fn finish(
        &self,
        mut upload: Upload,
        filename: &str,
        purpose: &str,
        now: u64,
    ) -> Result<Value, ApiError> {
        let (id, bytes) = (upload.id.clone(), upload.bytes);
        let data = self.path(&id, DATA);
        let kept = upload.file.sync_all().and_then(|()| fs::rename(&upload.path, &data));
        kept.map_err(|error| storage("write", &data, error))?;
        upload.is_kept = true;
        let record = json!({
            "id": id,
            "object": "file",
            "bytes": bytes,
            "created_at": now,
            "expires_at": null,
            "filename": filename,
            "purpose": purpose,
            "status": "processed",
            "status_details": null,
        });
        write_atomic(&self.path(&id, RECORD), record.to_string().as_bytes())?;
        self.lock().insert(id, record.clone());
        Ok(record)
    }

    /// Removes a file: its bytes are gone when this returns.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::Storage`].
    pub(crate) fn delete(&self, id: &str) -> Result<(), ApiError> {
        self.record(id)?;
        // The record first: what is listed is whole.
        for end in [RECORD, DATA] {
            let path = self.path(id, end);
            fs::remove_file(&path).map_err(|error| storage("remove", &path, error))?;
        }
        sync_dir(&self.folder)?;
        self.lock().remove(id);
        Ok(())
    }

    fn path(&self, id: &str, end: &str) -> Utf8PathBuf {
        self.folder.join(format!("{id}.{end}"))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Upload {
    /// Adds bytes that a client sent.
    ///
    /// # Errors
    /// [`ApiError::BodyTooLarge`], [`ApiError::Storage`].
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        if self.bytes + bytes.len() > MAX_FILE_BYTES {
            return Err(ApiError::BodyTooLarge { limit: MAX_FILE_BYTES });
        }
        self.write_unbounded(bytes)
    }

    /// Adds bytes of ours.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(crate) fn write_unbounded(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.bytes += bytes.len();
        self.file.write_all(bytes).map_err(|error| storage("write", &self.path, error))
    }
}

pub(super) fn unknown(id: &str) -> ApiError {
    ApiError::NotFound { what: "file", id: id.chars().take(80).collect() }
}

/// A failure of the disk, which the log tells with its path and the client without.
pub(crate) fn storage(action: &'static str, path: &Utf8Path, source: io::Error) -> ApiError {
    StoreError::Io { action, path: path.to_owned(), source }.into()
}
