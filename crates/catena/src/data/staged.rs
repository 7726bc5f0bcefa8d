//! Files that appear together, when all of them are whole.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use std::fs;
use std::io::{self, ErrorKind};

/// The list of the files that are being put in their places, beside them.
const LIST: &str = ".places.json";

/// A folder in which files are written before they go to their places in the folder above it.
///
/// A run that ends early leaves nothing in those places. One that is killed while its files go
/// there has left a list of them, by which the next run removes what it finds.
#[derive(Debug)]
pub(super) struct Staged {
    /// The folder above.
    above: Utf8PathBuf,
    folder: Utf8PathBuf,
    /// Whether files are on their way.
    moving: bool,
    /// The folders that were not there, the innermost first: of what is refused none stays.
    new: Vec<Utf8PathBuf>,
}

impl Staged {
    /// Begins anew in the folder `name` below `above`.
    pub(super) fn begin(above: &Utf8Path, name: &str) -> io::Result<Self> {
        let folder = above.join(name);
        if let Some(list) = if_there(fs::read(folder.join(LIST)))? {
            let files: Vec<Utf8PathBuf> = serde_json::from_slice(&list).unwrap_or_default();
            for file in files.iter().filter(|file| is_below(file)) {
                if_there(fs::remove_file(above.join(file)))?;
            }
        }
        if_there(fs::remove_dir_all(&folder))?;
        let is_new = |path: &&Utf8Path| !path.as_str().is_empty() && !path.exists();
        let new = above.ancestors().take_while(is_new).map(Utf8Path::to_owned).collect();
        Ok(Self { above: above.to_owned(), folder, moving: false, new })
    }

    /// Where files are written, below this as they are to lie below the folder above.
    pub(super) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// Puts every file in its place. Until [`Self::end`] they count as none.
    pub(super) fn put(&mut self) -> io::Result<()> {
        let mut files = Vec::new();
        if self.folder.exists() {
            find(&self.folder, Utf8Path::new(""), &mut files)?;
        }
        if files.is_empty() {
            return Ok(());
        }
        let list = serde_json::to_vec(&files).expect("paths are plain data");
        catena_store::write_atomic(&self.folder.join(LIST), &list).map_err(io::Error::other)?;
        self.moving = true;
        for file in &files {
            let place = self.above.join(file);
            if let Some(parent) = place.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::rename(self.folder.join(file), place)?;
        }
        Ok(())
    }

    /// All is where it belongs.
    pub(super) fn end(self) -> io::Result<()> {
        if_there(fs::remove_dir_all(&self.folder)).map(|_| ())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.moving {
            // Nobody is left to hear of it, and the next run tries again. Only empty folders go.
            let _ = fs::remove_dir_all(&self.folder);
            let _ = self.new.iter().try_for_each(fs::remove_dir);
        }
    }
}

/// The files below `folder` in the order of their names, each by its path below it.
fn find(folder: &Utf8Path, below: &Utf8Path, files: &mut Vec<Utf8PathBuf>) -> io::Result<()> {
    let entries: io::Result<Vec<_>> = folder.join(below).read_dir_utf8()?.collect();
    let mut names: Vec<String> = entries?.iter().map(|one| one.file_name().to_owned()).collect();
    names.sort();
    for name in names {
        let path = below.join(name);
        if folder.join(&path).is_dir() {
            find(folder, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a path leads nowhere but down.
fn is_below(path: &Utf8Path) -> bool {
    path.components().all(|part| matches!(part, Utf8Component::Normal(_)))
}

/// None of what is not there.
fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = ".out.part";

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    /// Writes files as a run does.
    fn write(staged: &Staged, names: &[&str]) {
        for name in names {
            let path = staged.folder().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, *name).unwrap();
        }
    }

    fn found(folder: &Utf8Path) -> Vec<String> {
        let mut files = Vec::new();
        find(folder, Utf8Path::new(""), &mut files).unwrap();
        files.into_iter().map(Utf8PathBuf::into_string).collect()
    }

    #[test]
    fn files_appear_together() {
        let (_guard, dir) = folder();
        let mut staged = Staged::begin(&dir, NAME).unwrap();
        write(&staged, &["data/b", "a"]);
        assert_eq!(found(&dir), [".out.part/a", ".out.part/data/b"]);
        staged.put().unwrap();
        staged.end().unwrap();
        assert_eq!(found(&dir), ["a", "data/b"]);
    }

    #[test]
    fn of_what_fails_no_folder_stays_that_was_not_there() {
        let (_guard, dir) = folder();
        let above = dir.join("new/out");
        write(&Staged::begin(&above, NAME).unwrap(), &["a"]);
        assert!(!dir.join("new").exists());
        fs::create_dir_all(&above).unwrap();
        write(&Staged::begin(&above, NAME).unwrap(), &["a"]);
        assert!(above.exists());
        let staged = Staged::begin(&above.join("deeper"), NAME).unwrap();
        write(&staged, &["a"]);
        fs::write(above.join("deeper/rejected"), "what could not be read").unwrap();
        drop(staged);
        assert_eq!(found(&above), ["deeper/rejected"]);
    }

    #[test]
    fn a_run_that_fails_or_is_killed_leaves_nothing_to_the_next() {
        let (_guard, dir) = folder();
        fs::write(dir.join("own"), "a file of the user").unwrap();
        let failed = Staged::begin(&dir, NAME).unwrap();
        write(&failed, &["a"]);
        drop(failed);
        assert_eq!(found(&dir), ["own"]);
        let killed = Staged::begin(&dir, NAME).unwrap();
        write(&killed, &["data/0", "data/1"]);
        std::mem::forget(killed);
        let mut killed_later = Staged::begin(&dir, NAME).unwrap();
        write(&killed_later, &["data/0", "data/1", "data/2"]);
        killed_later.put().unwrap();
        std::mem::forget(killed_later);
        assert!(dir.join("data/2").exists());
        let mut last = Staged::begin(&dir, NAME).unwrap();
        write(&last, &["data/0"]);
        last.put().unwrap();
        last.end().unwrap();
        assert_eq!(found(&dir), ["data/0", "own"]);
    }
}
