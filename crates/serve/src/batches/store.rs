//! Batches on disk.

use super::object::is_over;
use crate::error::ApiError;
use crate::files::is_id;
use camino::{Utf8Path, Utf8PathBuf};
use catena_store::{StoreError, write_atomic};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// Most batches, whatever came of them.
const MAX_BATCHES: usize = 10_000;

/// The batches below one folder.
pub(crate) struct BatchStore {
    folder: Utf8PathBuf,
    /// By identity.
    batches: Mutex<BTreeMap<String, Value>>,
    /// Tells the runner of those that wait.
    waiting: UnboundedSender<String>,
}

impl BatchStore {
    /// The batches below `folder`, which is made. Those that are not over are told to `waiting`,
    /// oldest first.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    pub(crate) fn open(
        folder: &Utf8Path,
        waiting: UnboundedSender<String>,
    ) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Io { action: "open", path: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut batches = BTreeMap::new();
        for entry in folder.read_dir_utf8().map_err(failed)? {
            let path = entry.map_err(failed)?.into_path();
            let Some(id) = path.file_stem().filter(|id| is_id(id)) else { continue };
            if path.extension() == Some("json") {
                let text = fs::read(&path).map_err(failed)?;
                // A record that is none was not written by us.
                if let Ok(batch) = serde_json::from_slice::<Value>(&text) {
                    batches.insert(id.to_owned(), batch);
                }
            }
        }
        let store = Self { folder: folder.to_owned(), batches: Mutex::default(), waiting };
        for (id, batch) in &batches {
            if is_over(batch) {
                // The server may have ended before it could.
                store.clear(id)?;
            }
        }
        let mut unfinished: Vec<&Value> =
            batches.values().filter(|batch| !is_over(batch)).collect();
        unfinished.sort_by_key(|batch| batch["created_at"].as_u64());
        for batch in unfinished {
            let id = batch["id"].as_str().unwrap_or_default().to_owned();
            // The runner listens from before the store is opened.
            let _ = store.waiting.send(id);
        }
        *store.lock() = batches;
        Ok(store)
    }

    /// All batches, oldest first.
    pub(crate) fn list(&self) -> Vec<Value> {
        let mut batches: Vec<Value> = self.lock().values().cloned().collect();
        batches.sort_by_key(|batch| batch["created_at"].as_u64());
        batches
    }

    /// One of them.
    ///
    /// # Errors
    /// [`ApiError::NotFound`].
    pub(crate) fn get(&self, id: &str) -> Result<Value, ApiError> {
        self.lock().get(id).cloned().ok_or_else(|| unknown(id))
    }

    /// Adds a batch, on disk when this returns, and tells the runner.
    ///
    /// # Errors
    /// [`ApiError::StorageFull`], [`ApiError::Storage`].
    pub(crate) fn add(&self, batch: &Value) -> Result<(), ApiError> {
        self.make_room(MAX_BATCHES)?;
        self.save(batch)?;
        // Without a runner the server is ending; the next one runs it.
        let _ = self.waiting.send(id_of(batch).to_owned());
        Ok(())
    }

    /// Forgets the oldest batches that are over, so that there are fewer than `most`: nobody can delete one.
    /// Their results are files of their own, and stay.
    ///
    /// # Errors
    /// [`ApiError::StorageFull`] if none is over, [`ApiError::Storage`].
    fn make_room(&self, most: usize) -> Result<(), ApiError> {
        let mut batches = self.lock();
        while batches.len() >= most {
            let over = batches.iter().filter(|(_, batch)| is_over(batch));
            let oldest = over.min_by_key(|(_, batch)| batch["created_at"].as_u64());
            let Some(id) = oldest.map(|(id, _)| id.clone()) else {
                return Err(ApiError::StorageFull { files: batches.len(), bytes: 0 });
            };
            remove(&self.folder.join(format!("{id}.json")))?;
            batches.remove(&id);
        }
        Ok(())
    }

    /// Changes a batch, on disk when this returns; gives it afterwards.
    ///
    /// # Errors
    /// [`ApiError::NotFound`], [`ApiError::Storage`].
    pub(crate) fn change(
        &self,
        id: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<Value, ApiError> {
        let mut batches = self.lock();
        let batch = batches.get_mut(id).ok_or_else(|| unknown(id))?;
        change(batch);
        let changed = batch.clone();
        // Under the lock: an older state never comes to disk after a newer one.
        self.write(&changed)?;
        Ok(changed)
    }

    /// Notes counts that are not worth a write: they are counted again from the answers.
    pub(crate) fn count(&self, id: &str, counts: Value) {
        if let Some(batch) = self.lock().get_mut(id) {
            batch["request_counts"] = counts;
        }
    }

    /// Where the answers of a batch come together until it is over.
    pub(super) fn part(&self, id: &str, which: &str) -> Utf8PathBuf {
        self.folder.join(format!("{id}.{which}"))
    }

    fn save(&self, batch: &Value) -> Result<(), ApiError> {
        let mut batches = self.lock();
        self.write(batch)?;
        batches.insert(id_of(batch).to_owned(), batch.clone());
        Ok(())
    }

    fn write(&self, batch: &Value) -> Result<(), ApiError> {
        let path = self.folder.join(format!("{}.json", id_of(batch)));
        Ok(write_atomic(&path, batch.to_string().as_bytes())?)
    }

    /// Removes what a batch that is over needs no more.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn clear(&self, id: &str) -> Result<(), StoreError> {
        super::progress::PARTS.iter().try_for_each(|which| remove(&self.part(id, which)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a file that may be gone.
fn remove(path: &Utf8Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { action: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn id_of(batch: &Value) -> &str {
    batch["id"].as_str().unwrap_or_default()
}

pub(super) fn unknown(id: &str) -> ApiError {
    ApiError::NotFound { what: "batch", id: id.chars().take(80).collect() }
}

#[cfg(test)]
mod tests {
    use super::BatchStore;
    use crate::error::ApiError;
    use camino::Utf8Path;
    use serde_json::json;

    #[test]
    fn the_oldest_batch_that_is_over_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        let (waiting, _inbox) = tokio::sync::mpsc::unbounded_channel();
        let store = BatchStore::open(folder, waiting.clone()).unwrap();
        let states = ["in_progress", "completed", "failed"];
        for (idx, status) in states.iter().enumerate() {
            let id = format!("batch_{idx}");
            store.add(&json!({"id": id, "status": status, "created_at": idx})).unwrap();
        }
        let ids = |store: &BatchStore| -> Vec<String> {
            let id = |batch: &serde_json::Value| batch["id"].as_str().unwrap().to_owned();
            store.list().iter().map(id).collect()
        };
        store.make_room(4).unwrap();
        assert_eq!(ids(&store), ["batch_0", "batch_1", "batch_2"]);
        store.make_room(3).unwrap();
        assert_eq!(ids(&store), ["batch_0", "batch_2"]);
        let again = BatchStore::open(folder, waiting).unwrap();
        assert_eq!(ids(&again), ["batch_0", "batch_2"], "it is gone from the disk too");
        store.make_room(2).unwrap();
        let full = store.make_room(1);
        assert!(matches!(full, Err(ApiError::StorageFull { files: 1, .. })), "{full:?}");
    }
}
