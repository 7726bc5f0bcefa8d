//! A lock file that tells who holds it.

use crate::error::{StoreError, io_error};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::Cancel;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

/// How often a waiting process looks again.
const POLL: Duration = Duration::from_millis(100);

/// An advisory lock on a file, released when dropped and by the kernel when the process dies.
#[derive(Debug)]
pub struct FileLock {
    file: File,
    path: Utf8PathBuf,
}

impl FileLock {
    /// Takes the lock now.
    ///
    /// # Errors
    /// [`StoreError::Locked`] with the holder's process id if another process has it.
    pub fn try_acquire(path: &Utf8Path) -> Result<Self, StoreError> {
        let mut file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = read_holder(&mut file);
                return Err(StoreError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(e)) => return Err(io_error(e, "lock", path)),
        }
        file.set_len(0).map_err(|e| io_error(e, "write", path))?;
        file.seek(SeekFrom::Start(0)).map_err(|e| io_error(e, "write", path))?;
        write!(file, "{}", std::process::id()).map_err(|e| io_error(e, "write", path))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Waits for the lock until `cancel` is set. `waiting` is called once with the holder if
    /// there is something to wait for.
    pub fn acquire(
        path: &Utf8Path,
        cancel: &Cancel,
        waiting: impl FnOnce(Option<&str>),
    ) -> Result<Self, StoreError> {
        let mut waiting = Some(waiting);
        loop {
            match Self::try_acquire(path) {
                Err(StoreError::Locked { holder, .. }) => {
                    if let Some(report) = waiting.take() {
                        report(holder.as_deref());
                    }
                }
                done => return done,
            }
            if cancel.is_cancelled() {
                return Err(StoreError::Interrupted);
            }
            std::thread::sleep(POLL);
        }
    }

    /// The lock file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // The holder's id is of no use any more; failing to clear it loses nothing.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn open(path: &Utf8Path) -> Result<File, StoreError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| io_error(e, "create", parent))?;
    }
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| io_error(e, "open", path))
}

fn read_holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}
