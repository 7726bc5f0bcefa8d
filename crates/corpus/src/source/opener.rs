//! Where files come from: the disk here, object stores in the crate above.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Deepest nesting of folders.
const MAX_DEPTH: usize = 64;

/// A file that was listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedFile {
    /// Its path, as [`Opener::open`] takes it.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its [`Opener::version`].
    pub version: Option<String>,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A file of so many bytes.
    File(u64),
    /// A folder, or a prefix that names several objects.
    Folder,
    /// Nothing.
    Missing,
}

/// Opens and lists files. Paths are text with `/` between folders, or URLs.
pub trait Opener: Debug + Send + Sync {
    /// The bytes of the file at `path` from `offset` on.
    ///
    /// # Errors
    /// The system's or the network's.
    fn open(&self, path: &str, offset: u64) -> io::Result<Box<dyn Read + Send>>;

    /// What stands at `path`.
    ///
    /// # Errors
    /// The system's or the network's, except that nothing is there.
    fn kind(&self, path: &str) -> io::Result<PathKind>;

    /// Every file below the folder `path`, hidden ones and linked folders left out, in the order
    /// of their paths; an error as soon as there are more than `limit`.
    ///
    /// # Errors
    /// The system's or the network's, and [`io::ErrorKind::QuotaExceeded`] beyond `limit`.
    fn list(&self, path: &str, limit: usize) -> io::Result<Vec<ListedFile>>;

    /// What changes with the contents of the file at `path`: the time of its last change here,
    /// the entity tag of an object. None where nothing of the kind is known.
    ///
    /// # Errors
    /// The system's or the network's.
    fn version(&self, path: &str) -> io::Result<Option<String>> {
        let _ = path;
        Ok(None)
    }
}

/// The files of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalFiles;

impl Opener for LocalFiles {
    fn open(&self, path: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        refuse_url(path)?;
        let mut file = File::open(path)?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        Ok(Box::new(file))
    }

    fn kind(&self, path: &str) -> io::Result<PathKind> {
        refuse_url(path)?;
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(PathKind::Folder),
            Ok(meta) => Ok(PathKind::File(meta.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(PathKind::Missing),
            Err(error) => Err(error),
        }
    }

    fn list(&self, path: &str, limit: usize) -> io::Result<Vec<ListedFile>> {
        refuse_url(path)?;
        let mut files = Vec::new();
        walk(Path::new(path), 0, limit, &mut files)?;
        files.sort();
        Ok(files)
    }

    /// The time of the last change: seconds since 1970, with nanoseconds.
    fn version(&self, path: &str) -> io::Result<Option<String>> {
        refuse_url(path)?;
        Ok(changed(&fs::metadata(path)?))
    }
}

/// When a file was changed last, where the system keeps that.
fn changed(meta: &fs::Metadata) -> Option<String> {
    let since = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09}", since.as_secs(), since.subsec_nanos()))
}

/// A URL here means that the caller has no opener for it: better said than "no such file".
fn refuse_url(path: &str) -> io::Result<()> {
    let scheme = path.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "only local files are read here"));
    }
    Ok(())
}

fn walk(folder: &Path, depth: usize, limit: usize, files: &mut Vec<ListedFile>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "folders nest too deep"));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = path_text(entry.path())?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(Path::new(&path), depth + 1, limit, files)?;
        } else if let Ok(meta) = fs::metadata(&path)
            && meta.is_file()
        {
            let version = changed(&meta);
            files.push(ListedFile { path, bytes: meta.len(), version });
        }
        if files.len() > limit {
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, "too many files"));
        }
    }
    Ok(())
}

fn path_text(path: PathBuf) -> io::Result<String> {
    path.into_os_string().into_string().map_err(|path| {
        let what = format!("a name that is not UTF-8: {}", path.display());
        io::Error::new(io::ErrorKind::InvalidFilename, what)
    })
}
