//! Files and folders stored under the digest of their content.

use crate::digest::{Digest, Hasher, digest_file};
use crate::error::{StoreError, io_error};
use crate::files::{list_files, sync_dir};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::{self, File};

/// A folder of artefacts: `objects/<first two hex digits>/<the other 62>`, each a file or a
/// folder, never changed after it appears.
#[derive(Clone, Debug)]
pub struct Artefacts {
    root: Utf8PathBuf,
}

impl Artefacts {
    /// The artefact folder at `root`, made if need be.
    pub fn open(root: &Utf8Path) -> Result<Self, StoreError> {
        let staging = root.join("staging.partial");
        fs::create_dir_all(&staging).map_err(|e| io_error(e, "create", &staging))?;
        Ok(Self { root: root.to_owned() })
    }

    /// Stores a copy of the file and returns the digest of its bytes. Storing the same bytes
    /// again changes nothing.
    pub fn put_file(&self, file: &Utf8Path) -> Result<Digest, StoreError> {
        let digest = digest_file(file)?;
        self.put(digest, |staged| copy_synced(file, staged))
    }

    /// Stores a copy of the folder and returns [`Artefacts::digest_dir`] of it.
    pub fn put_dir(&self, dir: &Utf8Path) -> Result<Digest, StoreError> {
        let digest = Self::digest_dir(dir)?;
        self.put(digest, |staged| {
            fs::create_dir(staged).map_err(|e| io_error(e, "create", staged))?;
            for entry in list_files(dir)? {
                let target = staged.join(&entry.path);
                let parent = target.parent().expect("a file below the staged folder");
                fs::create_dir_all(parent).map_err(|e| io_error(e, "create", parent))?;
                copy_synced(&dir.join(&entry.path), &target)?;
            }
            Ok(())
        })
    }

    /// The digest of a folder: SHA-256 over one line `<file digest>  <path>\n` per file, sorted
    /// by path, as `sha256sum` prints them. Empty folders, times and modes do not count.
    pub fn digest_dir(dir: &Utf8Path) -> Result<Digest, StoreError> {
        let mut hasher = Hasher::new();
        for entry in list_files(dir)? {
            let file = digest_file(&dir.join(&entry.path))?;
            hasher.update(format!("{file}  {}\n", entry.path).as_bytes());
        }
        Ok(hasher.finish())
    }

    /// Where the artefact stands.
    pub fn path(&self, digest: &Digest) -> Result<Utf8PathBuf, StoreError> {
        let path = self.object_path(digest);
        if path.exists() {
            return Ok(path);
        }
        Err(StoreError::MissingArtefact { digest: *digest, root: self.root.clone() })
    }

    /// Reads the artefact again and compares it with its digest.
    pub fn verify(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest)?;
        let found = if path.is_dir() { Self::digest_dir(&path)? } else { digest_file(&path)? };
        if found == *digest {
            return Ok(());
        }
        Err(StoreError::ChecksumMismatch { path, found, expected: *digest })
    }

    fn put(
        &self,
        digest: Digest,
        copy: impl FnOnce(&Utf8Path) -> Result<(), StoreError>,
    ) -> Result<Digest, StoreError> {
        let target = self.object_path(&digest);
        if target.exists() {
            return Ok(digest);
        }
        let staging = self.root.join("staging.partial");
        let room = tempfile::tempdir_in(&staging).map_err(|e| io_error(e, "create", &staging))?;
        let staged = Utf8PathBuf::from_path_buf(room.path().join("object"))
            .map_err(|path| StoreError::PathNotUtf8 { path })?;
        copy(&staged)?;
        let parent = target.parent().expect("objects have a folder");
        fs::create_dir_all(parent).map_err(|e| io_error(e, "create", parent))?;
        match fs::rename(&staged, &target) {
            Ok(()) => sync_dir(parent)?,
            // Another process stored the same content first.
            Err(_) if target.exists() => {}
            Err(e) => return Err(io_error(e, "rename to", &target)),
        }
        Ok(digest)
    }

    fn object_path(&self, digest: &Digest) -> Utf8PathBuf {
        let hex = digest.to_hex();
        self.root.join("objects").join(&hex[..2]).join(&hex[2..])
    }
}

fn copy_synced(from: &Utf8Path, to: &Utf8Path) -> Result<(), StoreError> {
    fs::copy(from, to).map_err(|e| io_error(e, "write", to))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|e| io_error(e, "sync", to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_is_found_under_its_digest_and_a_changed_byte_is_seen() {
        let (_guard, root) = folder();
        let artefacts = Artefacts::open(&root.join("artefacts")).unwrap();
        fs::write(root.join("a.txt"), "abc").unwrap();
        let digest = artefacts.put_file(&root.join("a.txt")).unwrap();
        assert_eq!(digest, Digest::of(b"abc"));
        assert_eq!(artefacts.put_file(&root.join("a.txt")).unwrap(), digest);
        let path = artefacts.path(&digest).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        artefacts.verify(&digest).unwrap();
        fs::write(&path, "abd").unwrap();
        let error = artefacts.verify(&digest).unwrap_err();
        assert!(matches!(error, StoreError::ChecksumMismatch { .. }), "{error}");
    }

    #[test]
    fn a_folder_is_one_artefact_whatever_its_name() {
        let (_guard, root) = folder();
        let artefacts = Artefacts::open(&root.join("artefacts")).unwrap();
        for name in ["one", "two"] {
            fs::create_dir_all(root.join(name).join("sub")).unwrap();
            fs::write(root.join(name).join("sub/b.txt"), "b").unwrap();
            fs::write(root.join(name).join("a.txt"), "a").unwrap();
        }
        let digest = artefacts.put_dir(&root.join("one")).unwrap();
        assert_eq!(artefacts.put_dir(&root.join("two")).unwrap(), digest);
        let stored = artefacts.path(&digest).unwrap();
        assert_eq!(list_files(&stored).unwrap(), list_files(&root.join("one")).unwrap());
        artefacts.verify(&digest).unwrap();
    }

    #[test]
    fn a_link_is_refused_and_a_missing_artefact_is_named() {
        let (_guard, root) = folder();
        let artefacts = Artefacts::open(&root.join("artefacts")).unwrap();
        fs::create_dir(root.join("links")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", root.join("links/host")).unwrap();
        let error = artefacts.put_dir(&root.join("links")).unwrap_err();
        assert!(matches!(error, StoreError::UnsupportedFileType { .. }), "{error}");
        let error = artefacts.path(&Digest::of(b"nothing")).unwrap_err();
        assert!(matches!(error, StoreError::MissingArtefact { .. }), "{error}");
    }
}
