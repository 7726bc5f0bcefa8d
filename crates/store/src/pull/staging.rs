//! The folder in which an item's files gather, each checked on arrival.

use super::registry::{KnownFile, KnownItem};
use crate::digest::{Digest, Hasher, digest_file};
use crate::error::{StoreError, io_error};
use crate::files::sync_dir;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Progress};
use std::fs::{self, File};
use std::io::{Read, Write};

/// Bytes copied between two looks at the cancel flag.
const CHUNK_BYTES: usize = 1 << 18;

/// What every source is given.
pub(super) struct Staging<'a> {
    pub(super) item: &'a KnownItem,
    pub(super) dir: Utf8PathBuf,
    pub(super) progress: &'a dyn Progress,
    pub(super) cancel: &'a Cancel,
}

impl Staging<'_> {
    /// Files that are not there yet; those of the wrong size count as missing.
    pub(super) fn missing(&self) -> Vec<&KnownFile> {
        self.item.files.iter().filter(|file| !has_size(&self.dir, file)).collect()
    }

    /// Bytes of the files that are there.
    pub(super) fn present_bytes(&self) -> u64 {
        let missing: u64 = self.missing().iter().map(|file| file.bytes).sum();
        self.item.bytes() - missing
    }

    /// Where `file` grows before it is checked.
    pub(super) fn part_path(&self, file: &KnownFile) -> Utf8PathBuf {
        self.dir.join(format!("{}.part", file.path))
    }

    /// Copies `reader`, which must hold exactly the file, reporting bytes on top of `done`.
    pub(super) fn receive(
        &self,
        file: &KnownFile,
        reader: &mut dyn Read,
        origin: &Utf8Path,
        done: u64,
    ) -> Result<(), StoreError> {
        let part = self.part_path(file);
        make_parent(&part)?;
        let mut output = File::create(&part).map_err(|e| io_error(e, "create", &part))?;
        let mut hasher = Hasher::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut received = 0;
        loop {
            self.check_cancelled()?;
            let count = reader.read(&mut chunk).map_err(|e| io_error(e, "read", origin))?;
            if count == 0 {
                break;
            }
            received += count as u64;
            if received > file.bytes {
                break;
            }
            hasher.update(&chunk[..count]);
            output.write_all(&chunk[..count]).map_err(|e| io_error(e, "write", &part))?;
            self.progress.update(done + received);
        }
        drop(output);
        if received != file.bytes {
            let path = origin.to_owned();
            return Err(StoreError::SizeMismatch { path, found: received, expected: file.bytes });
        }
        self.accept(file, hasher.finish(), origin)
    }

    /// Checks a part file that some source completed, and gives it its name.
    pub(super) fn accept_part(&self, file: &KnownFile, origin: &str) -> Result<(), StoreError> {
        let found = digest_file(&self.part_path(file))?;
        self.accept(file, found, Utf8Path::new(origin))
    }

    fn accept(&self, file: &KnownFile, found: Digest, origin: &Utf8Path) -> Result<(), StoreError> {
        let part = self.part_path(file);
        let expected = expected_digest(file);
        if found != expected {
            fs::remove_file(&part).map_err(|e| io_error(e, "remove", &part))?;
            return Err(StoreError::ChecksumMismatch { path: origin.to_owned(), found, expected });
        }
        let target = self.dir.join(file.path);
        File::open(&part).and_then(|f| f.sync_all()).map_err(|e| io_error(e, "sync", &part))?;
        fs::rename(&part, &target).map_err(|e| io_error(e, "rename to", &target))?;
        sync_dir(target.parent().expect("a file in the staging folder"))
    }

    pub(super) fn check_cancelled(&self) -> Result<(), StoreError> {
        if self.cancel.is_cancelled() { Err(StoreError::Interrupted) } else { Ok(()) }
    }
}

/// Whether `dir` has the file with the right size.
pub(super) fn has_size(dir: &Utf8Path, file: &KnownFile) -> bool {
    fs::metadata(dir.join(file.path)).is_ok_and(|m| m.is_file() && m.len() == file.bytes)
}

/// The published digest of a file of the registry.
pub(super) fn expected_digest(file: &KnownFile) -> Digest {
    file.sha256.parse().expect("digests in the registry are written correctly")
}

pub(super) fn make_parent(path: &Utf8Path) -> Result<(), StoreError> {
    let parent = path.parent().expect("a file in a folder");
    fs::create_dir_all(parent).map_err(|e| io_error(e, "create", parent))
}
